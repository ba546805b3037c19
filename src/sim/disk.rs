//! A disk: the files of one test's database, its clock, and the gate that every operation passes.
//!
//! In memory, a disk is a handful of named files whose blocks are shared with the disks that it was forked from. Over real
//! files it is only the gate and the clock; the files are the file system's.

use std::ffi::CStr;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use rusqlite::Connection;

use super::blocks::Blocks;
use super::clock::Clock;
use super::gate::Gate;
use super::locks::Locks;
use super::shm::Shm;
use super::vfs::Mount;

/// Every path of a simulated disk starts with this. No real database lies there.
const ROOT: &str = "/sqlitmus/";

static LIVE: AtomicUsize = AtomicUsize::new(0);
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// How many disks exist in this process: databases of tests, simulated or over real files, that were neither dropped nor
/// are still open somewhere.
pub fn live_disks() -> usize {
    LIVE.load(Ordering::SeqCst)
}

/// The URI by which another connection opens the database that this one has open on a simulated disk, with the same clock.
/// `None` if it lies elsewhere.
///
/// That is how code under [`crash`](crate::crash) or [`faults`](crate::faults) that does not take a rusqlite connection gets
/// to the copy that it is run on; for a test's own database, [`TestDb::uri`](crate::TestDb::uri) says the same.
///
/// ```
/// use sqlitmus::{Template, faults, rusqlite::Connection, sim};
///
/// static APP: Template = Template::embedded(&[("1.sql", "CREATE TABLE log(line TEXT, at TEXT DEFAULT CURRENT_TIMESTAMP);")]);
///
/// faults::sweep(&APP.in_memory(), |copy| {
///     let of_the_app = Connection::open(sim::uri(copy).unwrap())?; // sqlx: with `sqlite:` in place of `file:`
///     of_the_app.execute("INSERT INTO log(line) VALUES ('hello')", [])
/// })
/// .run();
/// ```
pub fn uri(connection: &Connection) -> Option<String> {
    let path = connection.path()?;
    // As `home` is made.
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
    files: Mutex<Vec<Arc<File>>>,
}

/// Where the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    Memory,
    /// Real files. Unless `sync` is set, nobody waits for the hardware: no test is about what is left of its database
    /// after the machine lost power.
    Files {
        sync: bool,
    },
}

/// One file in memory, shared by all who have it open. It outlives its name, as on unix.
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

/// Takes a mutex whatever happened to who held it before: behind each of them, every value is consistent between two
/// statements.
pub(super) fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Disk {
    /// An empty disk in memory.
    pub(crate) fn in_memory() -> Arc<Disk> {
        Disk::new(Medium::Memory, Clock::new(), Vec::new())
    }

    /// A disk in memory with one file.
    pub(crate) fn holding(name: &str, bytes: Blocks) -> Arc<Disk> {
        Disk::new(Medium::Memory, Clock::new(), vec![File::new(name, bytes, Shm::default())])
    }

    /// A disk in memory with these files.
    pub(crate) fn with_files(files: impl IntoIterator<Item = (String, Blocks)>) -> Arc<Disk> {
        let files = files.into_iter().map(|(name, bytes)| File::new(&name, bytes, Shm::default()));
        Disk::new(Medium::Memory, Clock::new(), files.collect())
    }

    /// A gate and a clock over real files.
    pub(crate) fn over_files(sync: bool) -> Arc<Disk> {
        Disk::new(Medium::Files { sync }, Clock::new(), Vec::new())
    }

    fn new(medium: Medium, clock: Clock, files: Vec<Arc<File>>) -> Arc<Disk> {
        let mount = Mount::take(medium);
        let home = format!("{ROOT}{}-{}/", mount.number(), NEXT_ID.fetch_add(1, Ordering::Relaxed));
        let disk = Arc::new(Disk { gate: Gate::default(), clock, medium, mount, home, files: Mutex::new(files) });
        mount.lead_to(&disk);
        LIVE.fetch_add(1, Ordering::SeqCst);
        disk
    }

    /// The disk behind a VFS that every part of the process may name. It lives as long as the process and does not count.
    pub(super) fn permanent(medium: Medium, mount: &'static Mount) -> Arc<Disk> {
        let home = format!("{ROOT}0/");
        Arc::new(Disk { gate: Gate::default(), clock: Clock::new(), medium, mount, home, files: Mutex::default() })
    }

    /// A disk in memory with the same contents, each going its own way from here. What is in the files counts, as after a
    /// crash of the process: a transaction that is open on this disk is not on the fork.
    pub(crate) fn fork(&self) -> Arc<Disk> {
        let files = hold(&self.files);
        // All files are held at once, in one order, so that the fork shows one instant. Nobody who holds one of them waits
        // for another.
        let shms: Vec<_> = files.iter().map(|file| hold(&file.shm)).collect();
        let bytes: Vec<_> =
            files.iter().map(|file| file.bytes.read().unwrap_or_else(PoisonError::into_inner)).collect();
        let copies = files
            .iter()
            .zip(shms.iter().zip(&bytes))
            .map(|(file, (shm, bytes))| File::new(&file.name, Blocks::clone(bytes), shm.fork().unwrap_or_default()))
            .collect();
        Disk::new(Medium::Memory, self.clock.fork(), copies)
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

    /// The name of the VFS that leads to this disk.
    pub(crate) fn vfs_name(&self) -> &'static str {
        self.mount.name()
    }

    pub(super) fn vfs_c_name(&self) -> &'static CStr {
        self.mount.c_name()
    }

    /// The full path of `name` on this disk.
    pub(crate) fn path_of(&self, name: &str) -> String {
        format!("{}{name}", self.home)
    }

    /// The contents of a file of the disk.
    pub(crate) fn read(&self, name: &str) -> Option<Blocks> {
        let file = self.find(name)?;
        let bytes = file.bytes.read().unwrap_or_else(PoisonError::into_inner);
        Some(bytes.clone())
    }

    /// All files of the disk that have a name, in the order of their names.
    pub(crate) fn files(&self) -> Vec<(String, Blocks)> {
        let files = hold(&self.files);
        let read =
            |file: &Arc<File>| (file.name.clone(), file.bytes.read().unwrap_or_else(PoisonError::into_inner).clone());
        let mut contents: Vec<_> = files.iter().map(read).collect();
        contents.sort_by(|one, other| one.0.cmp(&other.0));
        contents
    }

    /// Whether a path, as SQLite knows it, lies on a disk in memory.
    pub(crate) fn is_simulated(path: &str) -> bool {
        path.starts_with(ROOT)
    }

    /// The live disk in memory on which a database lies, by its path as SQLite knows it.
    pub(crate) fn of(path: &str) -> Option<Arc<Disk>> {
        let disk = Mount::numbered(Disk::mount_number(path)?)?.disk()?;
        disk.is_at_home(path).then_some(disk)
    }

    /// The name of a path below the home of a disk. Of any disk: a journal that was forked names its super-journal by the
    /// path that it had.
    pub(crate) fn name_of(path: &str) -> &str {
        match path.strip_prefix(ROOT).and_then(|rest| rest.split_once('/')) {
            Some((_home, name)) => name,
            None => path,
        }
    }

    /// Whether a path may be opened here. A path below the home of another disk means a database that is gone, or a VFS
    /// that has been handed on.
    pub(super) fn is_at_home(&self, path: &str) -> bool {
        !path.starts_with(ROOT) || path.starts_with(&self.home)
    }

    /// The mount whose number stands in a path, for who names the disk by its path alone.
    pub(super) fn mount_number(path: &str) -> Option<usize> {
        path.strip_prefix(ROOT)?.split_once('-')?.0.parse().ok()
    }

    pub(super) fn home(&self) -> &str {
        &self.home
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<File>> {
        hold(&self.files).iter().find(|file| file.name == name).cloned()
    }

    /// The file of that name, made if it is not there; and whether it was there.
    pub(super) fn find_or_create(&self, name: &str) -> (Arc<File>, bool) {
        let mut files = hold(&self.files);
        if let Some(file) = files.iter().find(|file| file.name == name) {
            return (Arc::clone(file), true);
        }
        let file = File::new(name, Blocks::default(), Shm::default());
        files.push(Arc::clone(&file));
        (file, false)
    }

    /// Takes the name away; whether there was one. Who has the file open keeps it.
    pub(super) fn delete(&self, name: &str) -> bool {
        let mut files = hold(&self.files);
        let place = files.iter().position(|file| file.name == name);
        place.map(|index| files.swap_remove(index)).is_some()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.mount.give_back();
        LIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("home", &self.home).field("vfs", &self.mount.name()).finish_non_exhaustive()
    }
}
