//! Code that opens its connections itself, such as an app with a pool, with a result now or later.

use std::fmt::{Debug, Display};
use std::future::Future;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::action::Action;
use super::app_thread::AppThread;
use super::cancellation::Cancellation;
use crate::db::{BlockOn, MAIN, TestDb, url_of};
use crate::sim::{self, Disk};
use crate::trace::{self, Activity};

/// A copy of a test's database, for code that opens its connections itself. What it opens has to be closed when it returns.
///
/// ```
/// use sqlitmus::rusqlite::{Connection, Result};
/// use sqlitmus::{Profile, Template, crash};
///
/// static APP: Template = Template::embedded(&[
///     ("1.sql", "CREATE TABLE log(line TEXT NOT NULL);"),
/// ])
/// .profile(Profile::PRODUCTION);
///
/// let db = APP.in_memory();
/// crash::test_with(&db, |copy| -> Result<usize> {
///     let of_the_app = Connection::open(copy.path())?;
///     of_the_app.execute("INSERT INTO log VALUES ('hello')", [])
/// })
/// .run();
/// ```
#[derive(Clone, Debug)]
pub struct DbCopy {
    uri: String,
}

impl DbCopy {
    /// Returns the copy that a connection of an explorer is on.
    pub(crate) fn of(connection: &Connection) -> DbCopy {
        DbCopy { uri: sim::uri(connection).unwrap_or_default() }
    }

    /// Returns what code that takes a path opens the copy by: `Connection::open(copy.path())`.
    pub fn path(&self) -> &Path {
        Path::new(&self.uri)
    }

    /// Returns the URI of the copy: `SqliteConnection::establish(copy.uri())`.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Returns the URL of the copy for sqlx and sea-orm: `SqlitePool::connect(&copy.url())`.
    pub fn url(&self) -> String {
        url_of(&self.uri)
    }
}

/// A result of the app's code for an explorer: a `Result`, or a future of one. `Kind` tells the two apart.
pub trait Finish<Kind> {
    /// The value of an `Ok`.
    type Value: Debug;

    /// True for a future, which may be dropped before its end.
    #[doc(hidden)]
    const IS_FUTURE: bool;

    /// Returns the result, whose error becomes text. A future is run to its end, or until it is cancelled.
    #[doc(hidden)]
    fn finish(self, block_on: Option<BlockOn>, cancellation: Arc<Cancellation>) -> Result<Self::Value, String>;
}

/// The error of a future that was dropped.
const CANCELLED: &str = "cancelled";

/// Marks a `Result`.
#[derive(Debug)]
pub enum Now {}

/// Marks a future of a `Result`.
#[derive(Debug)]
pub enum Later {}

impl<T: Debug, E: Display> Finish<Now> for Result<T, E> {
    type Value = T;

    const IS_FUTURE: bool = false;

    fn finish(self, _: Option<BlockOn>, _: Arc<Cancellation>) -> Result<T, String> {
        self.map_err(|error| error.to_string())
    }
}

impl<F: Future<Output = Result<T, E>>, T: Debug, E: Display> Finish<Later> for F {
    type Value = T;

    const IS_FUTURE: bool = true;

    fn finish(self, block_on: Option<BlockOn>, cancellation: Arc<Cancellation>) -> Result<T, String> {
        let mut result = None;
        let done = Box::pin(async { result = Some(cancellation.run(self).await) });
        match block_on {
            Some(block_on) => block_on(done),
            None => poll_here(done),
        }
        let result = result.ok_or("the template's `block_on` returned before the future was done")?;
        result.ok_or(CANCELLED)?.map_err(|error| error.to_string())
    }
}

/// Polls a future on this thread until it is done. It must need no runtime.
fn poll_here(future: Pin<Box<dyn Future<Output = ()> + '_>>) {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    while future.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Pending {
        std::thread::park();
    }
}

/// Returns the app's code as an action. It runs on a thread of its own, which belongs to no runtime, and until all that it
/// has opened is closed.
pub(crate) fn action_on_copies<'a, K, R: Finish<K>>(
    db: &TestDb,
    cancellation: Arc<Cancellation>,
    mut code: impl FnMut(DbCopy) -> R + Send + 'a,
) -> Action<'a, String> {
    let block_on = db.block_on();
    Box::new(move |connection| {
        let copy = DbCopy::of(connection);
        let activity = trace::activity_on(connection.path().unwrap_or_default());
        let disk = Disk::of(connection.path().unwrap_or_default());
        cancellation.begin();
        let (sender, thread) = channel();
        let run = || {
            // The sender is dropped at the end, also of a panic.
            let _sender = sender.send(AppThread::here()).map(|()| sender);
            code(copy).finish(block_on, Arc::clone(&cancellation)).map(|value| format!("{value:?}"))
        };
        let result = std::thread::scope(|scope| {
            let running = scope.spawn(run);
            if let Ok(here) = thread.recv() {
                give_up_in_vain(&thread, &here, activity.as_deref(), &cancellation);
            }
            running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        let result = result.map_err(|error| if cancellation.is_given_up() { in_vain(&error) } else { error });
        let closed = disk.map_or(Ok(()), |disk| await_closed(&disk));
        // The app's own error comes first: it may be why a connection is still open.
        result.and_then(|value| closed.map(|()| value))
    })
}

/// The time without a statement after which code that waits is given up.
const IN_VAIN: Duration = Duration::from_secs(5);

/// Waits until the code has ended, and gives it up if it waits without running a statement.
fn give_up_in_vain(
    ended: &Receiver<AppThread>,
    thread: &AppThread,
    activity: Option<&Activity>,
    cancellation: &Cancellation,
) {
    let mut since = Instant::now();
    let mut last = None;
    while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(Duration::from_millis(50)) {
        let at_rest = activity.and_then(Activity::at_rest);
        if at_rest.is_none() || at_rest != last || thread.waits() == Some(false) {
            (since, last) = (Instant::now(), at_rest);
        } else if since.elapsed() > IN_VAIN {
            return cancellation.give_up();
        }
    }
}

fn in_vain(error: &str) -> String {
    let says = "it has waited for more than five seconds, and no statement ran: a pool that has no connection left or cannot open \
                one lets its users wait; code that holds a connection and wants another one waits for ever where the pool has no more";
    if error == CANCELLED { says.to_owned() } else { format!("{error}\n{says}") }
}

/// Waits until only the explorer's own connection is open. A pool closes its connections in threads of its own.
fn await_closed(disk: &Disk) -> Result<(), String> {
    for _ in 0..1_000 {
        if disk.openers(MAIN) < 2 {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let open = crate::report::count(disk.openers(MAIN) - 1, "connection");
    Err(format!("the app has {open} open a second after it has returned: close its pool first (pool.close().await)"))
}
