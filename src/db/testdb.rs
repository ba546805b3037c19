//! The database of one test.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

use super::image::{self, Functions, Image, MAIN};
use super::keep::Place;
use super::profile::Profile;
use crate::error::{Error, Result, or_panic};
use crate::sim::{Blocks, Clock, Disk};
use crate::trace::TracedDatabase;

/// A database that belongs to one test, and its first connection, to which it dereferences.
///
/// It is gone when it is dropped. When it is dropped by a panic, it is kept as a file, and a line says where. A test that
/// fails by returning an error does not panic: with `SQLITMUS_KEEP=always` its database is kept too.
pub struct TestDb {
    connection: Connection,
    /// Lets recordings see every connection to this database.
    traced: TracedDatabase,
    profile: Profile,
    functions: Option<Functions>,
    path: PathBuf,
    place: Place,
    disk: Arc<Disk>,
    /// The folder of a database on disk, deleted after the connection above is closed.
    folder: Option<TempDir>,
    fsync: bool,
    /// Whether it is checked when it is dropped; the environment decides where nothing is said.
    checked: Option<bool>,
}

impl TestDb {
    #[track_caller]
    pub(super) fn in_memory(image: &Image, profile: Profile, functions: Option<Functions>) -> Result<TestDb> {
        let disk = Disk::holding(MAIN, image.blocks.clone());
        TestDb::over_memory(disk, profile, functions, Location::caller())
    }

    fn over_memory(
        disk: Arc<Disk>,
        profile: Profile,
        functions: Option<Functions>,
        caller: &'static Location<'static>,
    ) -> Result<TestDb> {
        let place = Place::take(caller)?;
        let path = PathBuf::from(format!("file:{}?vfs={}", disk.path_of(MAIN), disk.vfs_name()));
        let connection = connect(&disk, Path::new(&disk.path_of(MAIN)), &profile, functions)?;
        let traced = TracedDatabase::new(&connection);
        Ok(TestDb {
            connection,
            traced,
            profile,
            functions,
            path,
            place,
            disk,
            folder: None,
            fsync: false,
            checked: None,
        })
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
        let disk = Disk::over_files(fsync);
        let connection = connect(&disk, &path, &profile, functions)?;
        let traced = TracedDatabase::new(&connection);
        Ok(TestDb {
            connection,
            traced,
            profile,
            functions,
            path,
            place,
            disk,
            folder: Some(folder),
            fsync,
            checked: None,
        })
    }

    /// Another connection to this database, set up like the first.
    ///
    /// # Panics
    /// When SQLite refuses.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        or_panic(self.try_connect())
    }

    /// Like [`connect`](TestDb::connect), without the panic.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn try_connect(&self) -> Result<Connection> {
        connect(&self.disk, &self.file(), &self.profile, self.functions)
    }

    /// A copy of this database as it is now. What is written to either side does not show on the other. A transaction that
    /// is open here is not in the copy.
    ///
    /// In memory all pages are shared, so that the copy costs next to nothing; on disk it is a copy of the file. (With
    /// journal_mode MEMORY or OFF a transaction that is open may be half in a copy in memory, as after a crash.)
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
    /// When SQLite refuses.
    #[track_caller]
    pub fn fork(&self) -> TestDb {
        or_panic(self.try_fork())
    }

    /// Like [`fork`](TestDb::fork), without the panic.
    ///
    /// # Errors
    /// When SQLite refuses, or a file cannot be written.
    #[track_caller]
    pub fn try_fork(&self) -> Result<TestDb> {
        let caller = Location::caller();
        if self.folder.is_none() {
            let fork = TestDb::over_memory(self.disk.fork(), self.profile, self.functions, caller)?;
            return Ok(fork.checked(self.checked));
        }
        let fork = TestDb::over_files(self.profile, self.functions, self.fsync, caller, |path| self.back_up(path))?;
        fork.clock().show(self.clock());
        Ok(fork.checked(self.checked))
    }

    /// The database as it is committed now, to be looked at. Not a [`TestDb`]: what is only looked at must not be kept
    /// beside the database of a test that fails.
    pub(crate) fn committed(&self) -> Result<Committed> {
        let disk = if self.folder.is_none() { self.disk.fork() } else { Disk::in_memory() };
        let mut connection = image::open(&disk, Path::new(&disk.path_of(MAIN)), self.functions)?;
        if self.folder.is_some() {
            self.back_up_to(&mut connection)?;
        }
        Ok(Committed { connection, _disk: disk })
    }

    /// A consistent copy of the file. It is read through a connection of its own, to which open transactions do not show.
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
            let patience: u32 = self.connection.query_row("PRAGMA busy_timeout", [], |row| row.get(0))?;
            source.busy_timeout(Duration::from_millis(patience.into()))?;
            image::back_up(&source, target)
        };
        copy().map_err(|error| Error::sqlite("copy the database", error).path(&self.path))
    }

    /// What to open this database by, for code that takes a path. On disk it is the path of the file. In memory it is the
    /// [`uri`](TestDb::uri), which SQLite takes in place of a path.
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

    /// The URI by which every driver that is linked to the same SQLite opens this database. sqlx wants `sqlite:` in place
    /// of `file:`.
    ///
    /// ```
    /// let db = sqlitmus::Template::empty().in_memory();
    /// let url = db.uri().replacen("file:", "sqlite:", 1); // for SqlitePool::connect(&url)
    /// # assert!(url.starts_with("sqlite:/sqlitmus/"));
    /// ```
    pub fn uri(&self) -> String {
        match &self.folder {
            Some(_) => format!("file:{}?vfs={}", percent_encoded(&self.path), self.disk.vfs_name()),
            None => self.path.to_string_lossy().into_owned(),
        }
    }

    /// The time that this database sees, on all connections that were opened through here or by the [`uri`](TestDb::uri).
    pub fn clock(&self) -> &Clock {
        self.disk.clock()
    }

    /// Says that this database may be left in any state: it is not checked when it is dropped, whatever
    /// [`Template::checked`](crate::Template::checked) and `SQLITMUS_CHECK` say. Its forks are not, either.
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

    pub(crate) fn functions(&self) -> Option<Functions> {
        self.functions
    }

    /// Whether it is checked when it is dropped; `None` leaves the decision to the environment.
    pub(crate) fn is_checked(&self) -> Option<bool> {
        self.checked
    }

    /// The line of the test that asked for the database.
    pub(crate) fn caller(&self) -> &'static Location<'static> {
        self.place.caller()
    }

    /// Writes the database as a file and says where, if that is wanted; `failed` when something was found wrong with it.
    pub(crate) fn keep_if_wanted(&self, failed: bool) {
        if self.place.is_wanted(failed) {
            self.place.keep("", self.snapshot());
        }
    }

    pub(crate) fn profile(&self) -> &Profile {
        &self.profile
    }

    pub(crate) fn traced(&self) -> &TracedDatabase {
        &self.traced
    }

    pub(crate) fn address(&self) -> Address {
        Address { disk: Arc::clone(&self.disk), file: self.file(), profile: self.profile, functions: self.functions }
    }

    /// A copy of this database in memory, for running code on it again and again: with the same profile and functions, and
    /// a clock that stands at the time that it is here.
    pub(crate) fn memory_copy(&self) -> Result<Address> {
        let disk = self.snapshot().map_err(|error| Error::io("cannot read the database", &self.path, error))?;
        disk.clock().show(self.clock());
        disk.clock().stop();
        let file = PathBuf::from(disk.path_of(MAIN));
        Ok(Address { disk, file, profile: self.profile, functions: self.functions })
    }

    pub(crate) fn disk(&self) -> &Arc<Disk> {
        &self.disk
    }

    /// Writes a database beside the one that is kept of this test, with `what` in its name, and says where; unless nothing
    /// is to be kept.
    pub(crate) fn keep_beside(&self, what: &str, disk: &Arc<Disk>) {
        if self.place.is_wanted(true) {
            self.place.keep(what, Ok(Arc::clone(disk)));
        }
    }

    /// The path by which SQLite knows the file.
    fn file(&self) -> PathBuf {
        match &self.folder {
            Some(_) => self.path.clone(),
            None => PathBuf::from(self.disk.path_of(MAIN)),
        }
    }

    /// The files of the database on a disk in memory, whatever state they are in.
    fn snapshot(&self) -> std::io::Result<Arc<Disk>> {
        if self.folder.is_none() {
            return Ok(self.disk.fork());
        }
        let mut files = Vec::new();
        for suffix in ["", "-wal", "-journal"] {
            let mut path = self.path.clone().into_os_string();
            path.push(suffix);
            match std::fs::read(path) {
                Ok(bytes) => files.push((format!("{MAIN}{suffix}"), Blocks::from_bytes(&bytes))),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Disk::with_files(files))
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

impl Deref for TestDb {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for TestDb {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl fmt::Debug for TestDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestDb").field("path", &self.path).field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// Where a database is and how it is opened, for whoever looks into it later. In memory, it keeps the database alive.
#[derive(Clone)]
pub(crate) struct Address {
    disk: Arc<Disk>,
    file: PathBuf,
    profile: Profile,
    functions: Option<Functions>,
}

impl Address {
    /// A connection like those of [`TestDb::connect`].
    pub(crate) fn connect(&self) -> Result<Connection> {
        connect(&self.disk, &self.file, &self.profile, self.functions)
    }

    /// A copy in memory of a database in memory.
    pub(crate) fn fork(&self) -> Address {
        let disk = self.disk.fork();
        let file = PathBuf::from(disk.path_of(MAIN));
        Address { disk, file, ..*self }
    }

    pub(crate) fn disk(&self) -> &Arc<Disk> {
        &self.disk
    }

    pub(crate) fn functions(&self) -> Option<Functions> {
        self.functions
    }

    /// A connection without the profile, to look at what is there.
    pub(crate) fn look(&self) -> Result<Connection> {
        image::open(&self.disk, &self.file, self.functions)
    }
}

/// A connection to a database file on a disk in memory, with nothing but the app's functions on it.
pub(crate) fn open_as_it_is(disk: &Disk, name: &str, functions: Option<Functions>) -> Result<Connection> {
    image::open(disk, Path::new(&disk.path_of(name)), functions)
}

fn connect(disk: &Disk, path: &Path, profile: &Profile, functions: Option<Functions>) -> Result<Connection> {
    let mut connection = image::open(disk, path, functions)?;
    profile.apply_to_copy(&mut connection)?;
    Ok(connection)
}

pub(super) fn temporary_folder() -> Result<TempDir> {
    tempfile::Builder::new().prefix("sqlitmus-").tempdir().map_err(|error| {
        Error::io("cannot make a temporary folder", &std::env::temp_dir(), error)
            .help("TMPDIR names the folder for temporary files; Template::in_memory() needs none")
    })
}

/// A path as SQLite reads it in a URI, see <https://www.sqlite.org/uri.html>.
pub(crate) fn percent_encoded(path: &Path) -> String {
    let mut text = String::new();
    let bytes = path.as_os_str().as_encoded_bytes();
    if !bytes.starts_with(b"/") {
        // A drive letter of Windows.
        text.push('/');
    }
    for &byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'~' | b':' => {
                text.push(char::from(byte));
            }
            b'\\' if cfg!(windows) => text.push('/'),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::percent_encoded;

    #[test]
    fn what_means_something_in_a_uri_is_encoded() {
        assert_eq!(percent_encoded(Path::new("/a b/c?d#e%f'g\"/ü.db")), "/a%20b/c%3Fd%23e%25f%27g%22/%C3%BC.db");
        assert_eq!(percent_encoded(Path::new("/tmp/x-1_2.~/main.db")), "/tmp/x-1_2.~/main.db");
    }
}
