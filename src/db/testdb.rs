//! The database of one test.

use std::borrow::Borrow;
use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::address::{Address, percent_encoded, url_of};
use super::app_code::BlockOn;
use super::image::{self, Functions, Image, MAIN};
use super::keep::Place;
use super::profile::Profile;
use crate::error::{Error, Result, or_panic};
use crate::sim::{Blocks, Clock, Disk};
use crate::temp_folder::Folder;
use crate::trace::TracedDatabase;

/// A database that belongs to one test, and its first connection, to which it dereferences.
///
/// The database is gone when this is dropped. If it is dropped by a panic, it is kept as a file, and a line of the output
/// says where. A test that fails by returning an error does not panic: `SQLITMUS_KEEP=always` keeps its database too.
pub struct TestDb {
    /// The first connection, until it is [taken](TestDb::take_connection).
    connection: Option<Connection>,
    /// Lets recordings see every connection to this database.
    traced: TracedDatabase,
    address: Address,
    path: PathBuf,
    place: Place,
    /// The folder of a database on disk. Declared after the connection, so that it is deleted after that is closed.
    folder: Option<Folder>,
    fsync: bool,
    /// True if it is checked when it is dropped. `None` leaves the decision to the environment.
    checked: Option<bool>,
    /// The app's runtime.
    block_on: Option<BlockOn>,
}

impl TestDb {
    #[track_caller]
    pub(super) fn in_memory(image: &Image, profile: Profile, functions: Option<Functions>) -> Result<TestDb> {
        let disk = Disk::holding(MAIN, image.blocks.clone());
        TestDb::over_memory(Address::in_memory(disk, profile, functions), Location::caller())
    }

    fn over_memory(address: Address, caller: &'static Location<'static>) -> Result<TestDb> {
        let place = Place::take(caller)?;
        let uri = format!("file:{}?vfs={}", address.file().display(), address.disk().vfs_name());
        TestDb::open(address, PathBuf::from(uri), place, None, false)
    }

    #[track_caller]
    pub(super) fn on_disk(
        image: &Image,
        profile: Profile,
        functions: Option<Functions>,
        fsync: bool,
    ) -> Result<TestDb> {
        TestDb::over_files(profile, functions, fsync, Location::caller(), |path| image.write(path))
    }

    fn over_files(
        profile: Profile,
        functions: Option<Functions>,
        fsync: bool,
        caller: &'static Location<'static>,
        fill: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<TestDb> {
        let place = Place::take(caller)?;
        let folder = temporary_folder()?;
        let path = folder.path().join(MAIN);
        fill(&path)?;
        let address = Address::on_disk(Disk::over_files(fsync), path.clone(), profile, functions);
        TestDb::open(address, path, place, Some(folder), fsync)
    }

    fn open(address: Address, path: PathBuf, place: Place, folder: Option<Folder>, fsync: bool) -> Result<TestDb> {
        let connection = address.connect()?;
        let traced = TracedDatabase::beside_the_app(&connection);
        Ok(TestDb {
            connection: Some(connection),
            traced,
            address,
            path,
            place,
            folder,
            fsync,
            checked: None,
            block_on: None,
        })
    }

    /// Opens another connection to this database, set up like the first.
    ///
    /// # Panics
    /// If SQLite refuses.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        or_panic(self.try_connect())
    }

    /// Copies this database as it is now. Writes to one do not show in the other. A transaction that is open on the original
    /// is not in the copy.
    ///
    /// In memory both share all pages, so that the copy costs next to nothing; on disk the file is copied. With journal_mode
    /// MEMORY or OFF, half of an open transaction may be in a copy in memory, as after a crash.
    ///
    /// ```
    /// let db = sqlitmus::Template::empty().in_memory();
    /// db.execute_batch("CREATE TABLE t(x)").unwrap();
    /// let before = db.fork();
    /// db.execute_batch("DROP TABLE t").unwrap();
    /// assert!(before.prepare("SELECT x FROM t").is_ok());
    /// ```
    ///
    /// # Panics
    /// If SQLite refuses.
    #[track_caller]
    pub fn fork(&self) -> TestDb {
        or_panic(self.try_fork())
    }

    /// Copies the database as it is committed now, for reading. The copy is not a [`TestDb`], so that it is not kept beside
    /// the database of a test that fails.
    pub(crate) fn committed(&self) -> Result<Committed> {
        let disk = if self.folder.is_none() { self.disk().fork() } else { Disk::in_memory() };
        let mut connection = image::open(&disk, Path::new(&disk.path_of(MAIN)), self.functions())?;
        if self.folder.is_some() {
            self.back_up_to(&mut connection)?;
        }
        Ok(Committed { connection, _disk: disk })
    }

    /// Copies the file consistently. It is read through a connection of its own, which does not see open transactions.
    fn back_up(&self, path: &Path) -> Result<()> {
        let mut target = Connection::open(path)
            .and_then(|target| target.execute_batch("PRAGMA synchronous = OFF").map(|()| target))
            .map_err(|error| Error::sqlite("copy the database", error).path(path))?;
        self.back_up_to(&mut target)
    }

    fn back_up_to(&self, target: &mut Connection) -> Result<()> {
        let mut copy = || -> rusqlite::Result<()> {
            let source = Connection::open(&self.path)?;
            // As long as the database's own connections wait.
            let timeout: u32 = self.query_row("PRAGMA busy_timeout", [], |row| row.get(0))?;
            source.busy_timeout(Duration::from_millis(timeout.into()))?;
            image::back_up(&source, target)
        };
        copy().map_err(|error| Error::sqlite("copy the database", error).path(&self.path))
    }

    /// Returns what code that takes a path opens this database by. On disk it is the path of the file. In memory it is the
    /// [`uri`](TestDb::uri), which SQLite takes in place of a path.
    ///
    /// This hides [`Connection::path`], which returns the name that SQLite has for the file. In memory that is a path on the
    /// simulated disk, which opens nothing unless the VFS is named too. `(*db).path()` calls it.
    ///
    /// ```
    /// use sqlitmus::rusqlite::Connection;
    ///
    /// let db = sqlitmus::Template::empty().in_memory();
    /// let of_the_app = Connection::open(db.path()).unwrap();
    /// of_the_app.execute_batch("CREATE TABLE t(x)").unwrap();
    /// assert!(db.prepare("SELECT x FROM t").is_ok());
    /// ```
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the URI by which every driver that is linked to the same SQLite opens this database. Drivers that know
    /// databases by URLs, such as sqlx and sea-orm, take the [`url`](TestDb::url).
    ///
    /// ```
    /// use sqlitmus::rusqlite::Connection;
    ///
    /// let db = sqlitmus::Template::empty().in_memory();
    /// assert!(db.uri().starts_with("file:/sqlitmus/"));
    /// let of_the_app = Connection::open(db.uri()).unwrap();
    /// ```
    pub fn uri(&self) -> String {
        match &self.folder {
            Some(_) => format!("file:{}?vfs={}", percent_encoded(&self.path), self.disk().vfs_name()),
            None => self.path.to_string_lossy().into_owned(),
        }
    }

    /// Returns the URL of this database for sqlx and sea-orm: `SqlitePool::connect(&db.url())`.
    ///
    /// ```
    /// let db = sqlitmus::Template::empty().in_memory();
    /// assert!(db.url().starts_with("sqlite:/sqlitmus/"));
    /// ```
    pub fn url(&self) -> String {
        url_of(&self.uri())
    }

    /// Returns the clock of this database. All connections that were opened through this value or by the
    /// [`uri`](TestDb::uri) read it.
    pub fn clock(&self) -> &Clock {
        self.disk().clock()
    }

    /// Turns the check at the end of the test off, so that this database may be left in any state, whatever
    /// [`Template::checked`](crate::Template::checked) and `SQLITMUS_CHECK` say. Forks are not checked either.
    ///
    /// ```
    /// let db = sqlitmus::Template::empty().checked().in_memory().unchecked();
    /// db.execute_batch(
    ///     "CREATE TABLE t(x REFERENCES gone(x));
    ///      PRAGMA foreign_keys = OFF;
    ///      INSERT INTO t VALUES (1);",
    /// )
    /// .unwrap();
    /// ```
    #[must_use]
    pub fn unchecked(self) -> TestDb {
        self.checked(Some(false))
    }

    pub(super) fn checked(mut self, checked: Option<bool>) -> TestDb {
        self.checked = checked;
        self
    }

    pub(super) fn running_on(mut self, block_on: Option<BlockOn>) -> TestDb {
        self.block_on = block_on;
        self
    }

    pub(crate) fn block_on(&self) -> Option<BlockOn> {
        self.block_on
    }

    /// Takes the first connection, after which the database cannot be used through this value. The connection keeps the
    /// database alive: its open files keep the disk, and the disk the folder.
    pub(crate) fn take_connection(&mut self) -> Option<Connection> {
        if let Some(folder) = self.folder.take() {
            self.disk().delete_at_end(folder);
        }
        self.connection.take()
    }

    /// Returns true unless the first connection was taken.
    pub(crate) fn has_connection(&self) -> bool {
        self.connection.is_some()
    }

    /// Returns true if the database is checked when it is dropped. `None` leaves the decision to the environment.
    pub(crate) fn is_checked(&self) -> Option<bool> {
        self.checked
    }

    /// The line of the test that created the database.
    pub(crate) fn caller(&self) -> &'static Location<'static> {
        self.place.caller()
    }

    /// Writes the database as a file and prints where, unless nothing is to be kept. `failed` is true if something was found
    /// wrong with it.
    pub(crate) fn keep_if_wanted(&self, failed: bool) {
        if self.place.is_wanted(failed) {
            self.place.keep("", self.snapshot());
        }
    }

    /// Writes another database beside the one that is kept of this test, with `what` in its name, and prints where, unless
    /// nothing is to be kept.
    pub(crate) fn keep_beside(&self, what: &str, disk: &Arc<Disk>) {
        if self.place.is_wanted(true) {
            self.place.keep(what, Ok(Arc::clone(disk)));
        }
    }

    pub(crate) fn profile(&self) -> &Profile {
        self.address.profile()
    }

    pub(crate) fn functions(&self) -> Option<Functions> {
        self.address.functions()
    }

    pub(crate) fn disk(&self) -> &Arc<Disk> {
        self.address.disk()
    }

    pub(crate) fn traced(&self) -> &TracedDatabase {
        &self.traced
    }

    pub(crate) fn address(&self) -> Address {
        self.address.clone()
    }

    /// Copies this database into memory, for running code on the copy again and again. The copy has the same profile and
    /// functions, and a clock that is stopped at the time of this one.
    pub(crate) fn memory_copy(&self) -> Result<Address> {
        let disk = self.snapshot().map_err(|error| Error::io("read the database", &self.path, error))?;
        disk.clock().show(self.clock());
        disk.clock().stop();
        Ok(Address::in_memory(disk, *self.profile(), self.functions()))
    }

    /// Copies the files of the database to a disk in memory, whatever state they are in.
    fn snapshot(&self) -> io::Result<Arc<Disk>> {
        if self.folder.is_none() {
            return Ok(self.disk().fork());
        }
        let mut files = Vec::new();
        for suffix in ["", "-wal", "-journal"] {
            match std::fs::read(image::with_suffix(&self.path, suffix)) {
                Ok(bytes) => files.push((format!("{MAIN}{suffix}"), Blocks::from_bytes(&bytes))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Disk::with_files(files))
    }
}

/// The same without panics: each returns its failure as an [`Error`](crate::Error).
impl TestDb {
    /// Like [`connect`](TestDb::connect), but returns an error.
    ///
    /// # Errors
    /// If SQLite refuses.
    pub fn try_connect(&self) -> Result<Connection> {
        self.address.connect()
    }

    /// Like [`fork`](TestDb::fork), but returns an error.
    ///
    /// # Errors
    /// If SQLite refuses, or a file cannot be written.
    #[track_caller]
    pub fn try_fork(&self) -> Result<TestDb> {
        let caller = Location::caller();
        if self.folder.is_none() {
            return Ok(TestDb::over_memory(self.address.fork(), caller)?
                .checked(self.checked)
                .running_on(self.block_on));
        }
        let (profile, functions) = (*self.profile(), self.functions());
        let fork = TestDb::over_files(profile, functions, self.fsync, caller, |path| self.back_up(path))?;
        fork.clock().show(self.clock());
        Ok(fork.checked(self.checked).running_on(self.block_on))
    }
}

impl Deref for TestDb {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a connection is taken from a database that is consumed")
    }
}

impl DerefMut for TestDb {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("a connection is taken from a database that is consumed")
    }
}

impl AsRef<Connection> for TestDb {
    fn as_ref(&self) -> &Connection {
        self
    }
}

impl Borrow<Connection> for TestDb {
    fn borrow(&self) -> &Connection {
        self
    }
}

impl fmt::Debug for TestDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestDb").field("path", &self.path).field("profile", self.profile()).finish_non_exhaustive()
    }
}

/// A copy of a database in memory, and its only connection, to which it dereferences.
pub(crate) struct Committed {
    connection: Connection,
    _disk: Arc<Disk>,
}

impl Deref for Committed {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

pub(super) fn temporary_folder() -> Result<Folder> {
    Folder::create().map_err(|error| {
        Error::io("create a temporary folder", &std::env::temp_dir(), error)
            .help("TMPDIR names the folder for temporary files; Template::in_memory() needs none")
    })
}
