//! A file in memory, shared by all connections that have it open.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::blocks::Blocks;
use super::locks::Locks;
use super::shm::Shm;

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
