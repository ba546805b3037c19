//! [`CrashTest`]: a test of one action.

use std::fmt::{self, Display};
use std::path::PathBuf;

use rusqlite::Connection;

use super::disk_model::Drive;
use super::exploration;
use super::options::{MostWork, Options};
use super::recording::RunOfThread;
use super::report::Report;
use crate::db::TestDb;
use crate::error::Result;
use crate::explore::{self, Action, Cancellation, DbCopy, Failure, Finish, or_keep_and_panic};

/// A test of one action under power cuts; see [`test()`].
#[must_use = "nothing happens before `run`"]
pub struct CrashTest<'a> {
    db: &'a TestDb,
    action: Action<'a>,
    options: Options<'a>,
}

/// Tests `action`, code of the app, with power cuts while it writes to a copy of `db`; see the [module](super).
pub fn test<'a, T, E: Display>(
    db: &'a TestDb,
    action: impl FnMut(&mut Connection) -> Result<T, E> + 'a,
) -> CrashTest<'a> {
    CrashTest { db, action: explore::action(action), options: Options::default() }
}

/// Like [`test()`], for code that opens its connections itself, by the path or URL of the copy that it is given: an app with
/// a pool. The code may be async; the template says on which runtime it runs ([`Template::block_on`]).
///
/// [`Template::block_on`]: crate::Template::block_on
pub fn test_with<'a, K, R: Finish<K> + 'a>(
    db: &'a TestDb,
    action: impl FnMut(DbCopy) -> R + Send + 'a,
) -> CrashTest<'a> {
    let run = RunOfThread::default();
    let (of_app, mut code) = (run.clone(), action);
    let on_its_thread = move |copy| {
        of_app.set_here();
        code(copy)
    };
    let mut action = explore::action_on_copies(db, Cancellation::new(R::IS_FUTURE), on_its_thread);
    let action = move |connection: &mut Connection| {
        run.take_from_here();
        action(connection).map(drop)
    };
    CrashTest { db, action: Box::new(action), options: Options::default() }
}

impl<'a> CrashTest<'a> {
    /// Allows a power cut between two transactions of the action, for a job that resumes where it stopped: run again on what
    /// the power cut left, it has to end as without one.
    pub fn each_transaction(mut self) -> Self {
        self.options.each_transaction = true;
        self.options.resumes = true;
        self
    }

    /// Allows a power cut between two transactions of the action that have nothing to do with each other. It is not run again.
    pub fn independent_transactions(mut self) -> Self {
        self.options.each_transaction = true;
        self.options.resumes = false;
        self
    }

    /// Requires every commit to survive a power cut, whatever the profile promises: for changes that others rely on and
    /// that cannot be undone, such as a payment.
    pub fn durable(mut self) -> Self {
        self.options.durable = true;
        self
    }

    /// Also cuts the power before each write, not only where SQLite syncs, deletes or has committed, and at every such moment
    /// instead of a sample of 150.
    pub fn every_operation(mut self) -> Self {
        self.options.every_operation = true;
        self
    }

    /// Looks at every image, however long that takes. By default about ten seconds' worth of them are looked at.
    pub fn exhaustive(mut self) -> Self {
        self.options.most_work = MostWork(u64::MAX);
        self
    }

    /// Kills the process before each operation instead of cutting the power. Every write survives, so that nothing may be
    /// lost, even with synchronous=OFF.
    pub fn process_kill(mut self) -> Self {
        self.options.process_kill = true;
        self
    }

    /// Cuts the power of a drive that keeps what it is given in a cache and writes it in any order, unless it is asked for a full
    /// sync. So it is on macOS: `fsync` reaches the drive, and only `PRAGMA fullfsync` and `PRAGMA checkpoint_fullfsync`, which are
    /// off in most builds of SQLite, make it write.
    ///
    /// ```
    /// use sqlitmus::{Profile, Template, crash, rusqlite::Connection};
    ///
    /// let add = |db: &mut Connection| db.execute("INSERT INTO t VALUES (1)", []);
    /// let wal = Profile::PRODUCTION;
    /// for profile in [wal.pragma("checkpoint_fullfsync", "1"), wal.pragma("fullfsync", "1")] {
    ///     let db = Template::empty().profile(profile).in_memory();
    ///     db.execute_batch("CREATE TABLE t(x)").unwrap();
    ///     crash::test(&db, add).drive_with_cache().run();
    /// }
    /// ```
    pub fn drive_with_cache(mut self) -> Self {
        self.options.drive = Drive::Caches;
        self
    }

    /// Also lets a sync fail before the power is cut: each once, and at most ten of them. What was written before it may then be
    /// lost although later syncs succeed, as on Linux. The action may return the error, but what it has committed must survive.
    ///
    /// In WAL mode with synchronous=NORMAL, a database does not survive that: a commit is synced only before a checkpoint, and
    /// where the sync fails, the next one writes nothing.
    ///
    /// ```
    /// use sqlitmus::{Profile, Template, crash, rusqlite::Connection};
    ///
    /// let db = Template::empty().profile(Profile::DURABLE).in_memory();
    /// db.execute_batch("CREATE TABLE t(x)").unwrap();
    /// let add = |db: &mut Connection| db.execute("INSERT INTO t VALUES (1)", []);
    /// let report = crash::test(&db, add).failed_sync().run();
    /// assert!(report.failed_syncs > 0);
    /// ```
    pub fn failed_sync(mut self) -> Self {
        self.options.failed_sync = true;
        self
    }

    /// Cuts the power a second time, while SQLite recovers. This takes about ten times as long.
    pub fn twice(mut self) -> Self {
        self.options.twice = true;
        self
    }

    /// Adds a file beside the database, or a folder of files, that the app writes and an invariant reads. It is put back before
    /// each run of the action, and after the test. Invariants find it as it was when the power was cut.
    ///
    /// The files are looked at wherever SQLite changes something. What was written by then counts as being on the disk: whether
    /// an app syncs its own files cannot be seen.
    ///
    /// ```
    /// use sqlitmus::{Template, crash, rusqlite::Connection};
    /// use std::{fs, path::Path};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let photo = folder.path().join("1.jpg");
    /// let db = Template::empty().in_memory();
    /// db.execute_batch("CREATE TABLE photos(path TEXT)").unwrap();
    ///
    /// // The row comes first: a power cut leaves it without its file.
    /// let add = |db: &mut Connection| -> Result<(), sqlitmus::BoxError> {
    ///     db.execute("INSERT INTO photos VALUES (?1)", [photo.to_str()])?;
    ///     Ok(fs::write(&photo, "pixels")?)
    /// };
    /// let error = crash::test(&db, add)
    ///     .file(folder.path())
    ///     .invariant(|db: &Connection| -> sqlitmus::rusqlite::Result<()> {
    ///         let mut photos = db.prepare("SELECT path FROM photos")?;
    ///         let mut rows = photos.query([])?;
    ///         while let Some(row) = rows.next()? {
    ///             if !Path::new(&row.get::<_, String>(0)?).exists() {
    ///                 return Err(sqlitmus::rusqlite::Error::InvalidQuery);
    ///             }
    ///         }
    ///         Ok(())
    ///     })
    ///     .try_run()
    ///     .unwrap_err();
    /// assert!(error.headline().ends_with("breaks an invariant"), "{error}");
    /// ```
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.beside.add(path.into());
        self
    }

    /// Adds a condition that every state of the database has to meet, including those before and after the action.
    pub fn invariant<E: Display>(mut self, f: impl FnMut(&Connection) -> Result<(), E> + 'a) -> Self {
        self.options.invariants.push(f);
        self
    }

    /// Accepts an action that changes nothing, such as a migration that only runs VACUUM.
    pub(crate) fn may_change_nothing(mut self) -> Self {
        self.options.may_change_nothing = true;
        self
    }

    /// Runs the test. Keeps the database of a failure as it was before and as the power cut left it.
    ///
    /// # Panics
    /// If an image breaks a promise; if the action fails, changes nothing, or uses the test's own database.
    #[track_caller]
    pub fn run(self) -> Report {
        let db = self.db;
        or_keep_and_panic(self.explore(), db, "-after-the-cut")
    }

    fn explore(mut self) -> Result<Report, Box<Failure>> {
        exploration::explore(self.db, &mut self.action, &mut self.options)
    }
}

/// The same without panics: each returns its failure as an [`Error`](crate::Error).
impl<'a> CrashTest<'a> {
    /// Like [`run`](CrashTest::run), without the panic. Keeps no database.
    ///
    /// # Errors
    /// If an image breaks a promise; if the action fails, changes nothing, or uses the test's own database.
    pub fn try_run(self) -> Result<Report> {
        self.explore().map_err(|failed| failed.error)
    }
}

impl fmt::Debug for CrashTest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrashTest").field("db", self.db).finish_non_exhaustive()
    }
}
