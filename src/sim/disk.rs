//! A disk: the files of one test's database, its clock, and the gate that every operation passes.
//!
//! In memory, a disk is a few named files whose blocks are shared with the disks that it was forked from. Over real
//! files it is only the gate and the clock; the files are the file system's.
//!
//! A disk and its mount refer to each other, so both are here: SQLite gets from a VFS to the disk through the mount,
//! and a disk gives its mount back when it is dropped.

use std::ffi::{CStr, CString};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};

use rusqlite::Connection;

use super::blocks::Blocks;
use super::clock::Clock;
use super::gate::Gate;
use super::locks::Locks;
use super::real::RealVfs;
use super::shm::Shm;
use crate::order::Order as _;
use crate::temp_folder::Folder;

/// Every path of a simulated disk starts with this. No real database lies there.
const ROOT: &str = "/sqlitmus/";

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Returns the URI of the database that a connection has open on a simulated disk. Another connection that opens it, of
/// any driver, sees the same database and the same clock. `None` if the database is not on a simulated disk.
///
/// Code under a crash or fault test that does not take a rusqlite connection reaches the copy that it is run on this
/// way. For a test's own database, use [`TestDb::uri`](crate::TestDb::uri).
///
/// ```
/// use sqlitmus::{Template, rusqlite::Connection, sim};
///
/// static APP: Template = Template::embedded(&[
///     ("1.sql", "CREATE TABLE log(line TEXT);"),
/// ]);
///
/// let db = APP.in_memory();
/// // For sqlx, replace `file:` by `sqlite:`.
/// let of_the_app = Connection::open(sim::uri(&db).unwrap())?;
/// of_the_app.execute("INSERT INTO log(line) VALUES ('hello')", [])?;
/// let lines: i64 =
///     db.query_row("SELECT count(*) FROM log", [], |row| row.get(0))?;
/// assert_eq!(lines, 1);
/// # Ok::<(), sqlitmus::BoxError>(())
/// ```
pub fn uri(connection: &Connection) -> Option<String> {
    let path = connection.path()?;
    // As `home` is built.
    let (mount, _) = path.strip_prefix(ROOT)?.split_once('-')?;
    Some(format!("file:{path}?vfs=sqlitmus-{mount}"))
}

pub(crate) struct Disk {
    pub(super) gate: Gate,
    clock: Clock,
    medium: Medium,
    /// The VFS that leads here, and nowhere else while this disk lives.
    mount: &'static Mount,
    /// The folder of the disk's files, unique in the process: `/sqlitmus/<mount>-<id>/`.
    home: String,
    /// Shared with the disk's views.
    pub(super) files: Files,
    /// Deleted with the disk.
    folder: OnceLock<Folder>,
}

/// The files of a disk in memory.
pub(super) type Files = Arc<Mutex<Vec<Arc<File>>>>;

/// The place of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    Memory,
    // Real files. Unless `sync` is set, nobody waits for the hardware: no test is about its own database after the
    // machine lost power.
    Files { sync: bool },
}

impl Disk {
    /// A disk that the mount is to lead to.
    pub(super) fn on(mount: &'static Mount, medium: Medium, clock: Clock, files: Files) -> Arc<Disk> {
        // The mounts of shared names have the number 0. Their disks live as long as the process.
        let home = match mount.number {
            0 => format!("{ROOT}0/"),
            number => format!("{ROOT}{number}-{}/", NEXT_ID.fetch_add(1, Ordering::Relaxed)),
        };
        let disk = Arc::new(Disk { gate: Gate::default(), clock, medium, mount, home, files, folder: OnceLock::new() });
        *hold(&mount.disk) = Arc::downgrade(&disk);
        disk
    }

    /// Deletes a folder when the disk is gone: when nothing refers to it and the last of its files is closed.
    pub(crate) fn delete_at_end(&self, folder: Folder) {
        let _ = self.folder.set(folder);
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    pub(super) fn medium(&self) -> Medium {
        self.medium
    }

    /// Returns the name of the VFS that leads to this disk.
    pub(crate) fn vfs_name(&self) -> &'static str {
        self.mount.name.to_str().expect("the names of mounts are ASCII")
    }

    pub(super) fn vfs_c_name(&self) -> &'static CStr {
        &self.mount.name
    }

    /// Returns the full path of `name` on this disk. A file outside of the disk's own folder has its full path for a name.
    pub(crate) fn path_of(&self, name: &str) -> String {
        if name.starts_with('/') { name.to_owned() } else { format!("{}{name}", self.home) }
    }

    /// Returns the number of connections of all views that have a file open.
    pub(crate) fn openers(&self, name: &str) -> usize {
        // One is the disk's own, and one that which is found here.
        self.find(name).map_or(0, |file| Arc::strong_count(&file).saturating_sub(2))
    }

    /// Returns the contents of a file. Sharing blocks, this copies nothing.
    pub(crate) fn read(&self, name: &str) -> Option<Blocks> {
        self.find(name).map(|file| file.bytes.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Returns the files of the disk that have a name, ordered by it.
    pub(crate) fn files(&self) -> Vec<(String, Blocks)> {
        let files = hold(&self.files);
        let read =
            |file: &Arc<File>| (file.name.clone(), file.bytes.read().unwrap_or_else(PoisonError::into_inner).clone());
        let mut contents: Vec<_> = files.iter().map(read).collect();
        contents.order_by(|one, other| one.0.cmp(&other.0));
        contents
    }

    /// Returns true if a path, as SQLite knows it, is on a disk in memory.
    pub(crate) fn is_simulated(path: &str) -> bool {
        path.starts_with(ROOT)
    }

    /// Returns the live disk in memory that holds a database, by its path as SQLite knows it.
    pub(crate) fn of(path: &str) -> Option<Arc<Disk>> {
        let disk = Mount::numbered(Disk::mount_number(path)?)?.disk()?;
        disk.is_at_home(path).then_some(disk)
    }

    /// Returns the name of a path below the home of any disk: a journal that was forked names its super-journal by the
    /// path that it had on the original.
    pub(crate) fn name_of(path: &str) -> &str {
        path.strip_prefix(ROOT).and_then(|rest| rest.split_once('/')).map_or(path, |(_home, name)| name)
    }

    /// Returns true if a path may be opened here. A path below the home of another disk means a database that is gone,
    /// or a VFS that has been passed on.
    pub(super) fn is_at_home(&self, path: &str) -> bool {
        !path.starts_with(ROOT) || path.starts_with(&self.home)
    }

    /// Returns the number of the mount in a path, for callers that know the disk by its path alone.
    pub(super) fn mount_number(path: &str) -> Option<usize> {
        path.strip_prefix(ROOT)?.split_once('-')?.0.parse().ok()
    }

    pub(super) fn home(&self) -> &str {
        &self.home
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<File>> {
        hold(&self.files).iter().find(|file| file.name == name).cloned()
    }

    /// Returns the file of that name, creating it if need be, and true if it existed.
    pub(super) fn find_or_create(&self, name: &str) -> (Arc<File>, bool) {
        let mut files = hold(&self.files);
        if let Some(file) = files.iter().find(|file| file.name == name) {
            return (Arc::clone(file), true);
        }
        let file = File::new(name, Blocks::default(), Shm::default());
        files.push(Arc::clone(&file));
        (file, false)
    }

    /// Removes the name; true if there was one. Connections that have the file open keep it.
    pub(super) fn delete(&self, name: &str) -> bool {
        let mut files = hold(&self.files);
        let place = files.iter().position(|file| file.name == name);
        place.map(|index| files.swap_remove(index)).is_some()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // For the next disk. Until then it leads to one that is gone.
        hold(&self.mount.pool.mounts).free.push(self.mount);
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("home", &self.home).field("vfs", &self.mount.name).finish_non_exhaustive()
    }
}

/// A registered VFS and the disk that it leads to.
pub(super) struct Mount {
    name: CString,
    /// Counted from 1 in its pool. 0 is a shared name.
    number: usize,
    pool: &'static Pool,
    /// The VFS that reaches the hardware. It stays the same: its files have the size that SQLite was told.
    real: RealVfs,
    disk: Mutex<Weak<Disk>>,
}

/// The mounts of one medium: those in use and those that are free.
pub(super) struct Pool {
    /// The shared name, and the prefix of all others.
    name: &'static str,
    mounts: Mutex<Mounts>,
}

struct Mounts {
    all: Vec<&'static Mount>,
    free: Vec<&'static Mount>,
}

static MEMORY: Pool = Pool::new("sqlitmus");
static FILES: Pool = Pool::new("sqlitmus-files");

impl Pool {
    const fn new(name: &'static str) -> Self {
        Pool { name, mounts: Mutex::new(Mounts { all: Vec::new(), free: Vec::new() }) }
    }

    pub(super) fn of(medium: Medium) -> &'static Pool {
        match medium {
            Medium::Memory => &MEMORY,
            Medium::Files { .. } => &FILES,
        }
    }

    /// Returns a mount that leads to no live disk: a free one, or a new one that `register` registers. An app may have made
    /// another VFS the default since a free one was registered.
    pub(super) fn take(&'static self, register: impl FnOnce(Mount) -> &'static Mount) -> &'static Mount {
        let mut mounts = hold(&self.mounts);
        let real = RealVfs::current();
        if let Some(place) = mounts.free.iter().rposition(|mount| mount.real == real) {
            return mounts.free.swap_remove(place);
        }
        let number = mounts.all.len() + 1;
        let mount = register(Mount::new(self, format!("{}-{number}", self.name), number));
        mounts.all.push(mount);
        mount
    }

    /// The mount that is found by the shared name.
    pub(super) fn shared(&'static self) -> Mount {
        Mount::new(self, self.name.to_owned(), 0)
    }
}

impl Mount {
    fn new(pool: &'static Pool, name: String, number: usize) -> Mount {
        let name = CString::new(name).expect("the names of mounts have no NUL");
        Mount { name, number, pool, real: RealVfs::current(), disk: Mutex::new(Weak::new()) }
    }

    pub(super) fn real(&self) -> RealVfs {
        self.real
    }

    pub(super) fn name(&self) -> &CStr {
        &self.name
    }

    /// Returns true for the shared name of the disks in memory, which opens any of them by its path.
    pub(super) fn is_shared_memory(&self) -> bool {
        self.number == 0 && std::ptr::eq(self.pool, &raw const MEMORY)
    }

    /// Returns the mount of a disk in memory, by its number; the shared names have none.
    fn numbered(number: usize) -> Option<&'static Mount> {
        number.checked_sub(1).and_then(|index| hold(&MEMORY.mounts).all.get(index).copied())
    }

    pub(super) fn disk(&self) -> Option<Arc<Disk>> {
        hold(&self.disk).upgrade()
    }

    /// Returns the disk for `path`: where the mount leads or, through a shared name, where the path itself says.
    pub(super) fn disk_for(&self, path: &str) -> Option<Arc<Disk>> {
        let own = self.disk()?;
        match Disk::mount_number(path) {
            Some(number) if self.number == 0 => Mount::numbered(number)?.disk(),
            _ => Some(own),
        }
    }
}

/// A file in memory. As on unix, it outlives its name while somebody has it open.
pub(super) struct File {
    /// Its path below the disk's home; empty for a temporary file.
    pub(super) name: String,
    pub(super) bytes: RwLock<Blocks>,
    pub(super) locks: Mutex<Locks>,
    pub(super) shm: Mutex<Shm>,
}

impl File {
    pub(super) fn new(name: &str, bytes: Blocks, shm: Shm) -> Arc<Self> {
        Arc::new(File {
            name: name.to_owned(),
            bytes: RwLock::new(bytes),
            locks: Mutex::new(Locks::default()),
            shm: Mutex::new(shm),
        })
    }
}

/// Locks a mutex, poisoned or not: what the mutexes of this module guard is consistent after every statement.
pub(super) fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
