//! [`acknowledge`], and the run to whose log it writes.

use std::cell::RefCell;
use std::sync::Arc;

use crate::sim::OpLog;

thread_local! {
    /// The log of the run on this thread.
    static RUNNING: RefCell<Option<Arc<OpLog>>> = const { RefCell::new(None) };
}

/// Marks the moment at which the app tells its user what it has done, such as "your order is placed".
///
/// Call it from the code under test, or from the stub that stands in for mails and responses, on the thread on which the
/// action runs. From here on, everything that was done before has to survive a power cut as far as the profile promises,
/// and has to survive a killed process in any case. Outside of [`crash::test`](super::test()) it does nothing.
///
/// A call before the first write promises nothing, because it may be about data that was there already. The
/// [`Report`](super::Report) counts these calls.
///
/// ```
/// use sqlitmus::{Template, crash};
///
/// let db = Template::empty().in_memory();
/// db.execute_batch("CREATE TABLE orders(id INTEGER PRIMARY KEY)").unwrap();
/// let error = crash::test(&db, |db| {
///     let transaction = db.transaction()?;
///     transaction.execute("INSERT INTO orders VALUES (1)", [])?;
///     crash::acknowledge(); // too early
///     transaction.commit()
/// })
/// .try_run()
/// .unwrap_err();
/// assert!(error.headline().ends_with("loses acknowledged changes"), "{error}");
/// ```
pub fn acknowledge() {
    // A thread that ends has no run.
    let log = RUNNING.try_with(|running| running.borrow().clone()).ok().flatten();
    if let Some(log) = log {
        log.acknowledge();
    }
}

/// Lets [`acknowledge`] write to a log until this is dropped.
pub(super) struct AcknowledgingRun {
    before: Option<Arc<OpLog>>,
}

impl AcknowledgingRun {
    pub(super) fn begin(log: &Arc<OpLog>) -> AcknowledgingRun {
        AcknowledgingRun { before: RUNNING.with(|running| running.replace(Some(Arc::clone(log)))) }
    }
}

impl Drop for AcknowledgingRun {
    fn drop(&mut self) {
        RUNNING.with(|running| running.replace(self.before.take()));
    }
}
