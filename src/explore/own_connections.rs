//! Code that opens its connections itself, such as an app with a pool, with a result now or later.

use std::fmt::{Debug, Display};
use std::future::Future;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use rusqlite::Connection;

use super::action::Action;
use super::cancellation::Cancellation;
use crate::db::{BlockOn, MAIN, TestDb, url_of};
use crate::sim::{self, Disk};

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
        result.ok_or("cancelled")?.map_err(|error| error.to_string())
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
        let disk = Disk::of(connection.path().unwrap_or_default());
        let cancellation = Arc::clone(&cancellation);
        let run = || code(copy).finish(block_on, cancellation).map(|value| format!("{value:?}"));
        let result = std::thread::scope(|scope| match scope.spawn(run).join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        let closed = disk.map_or(Ok(()), |disk| await_closed(&disk));
        // The app's own error comes first: it may be why a connection is still open.
        result.and_then(|value| closed.map(|()| value))
    })
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
