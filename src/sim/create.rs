//! Creating and forking disks. Each one gets a VFS of its own.

use std::sync::{Arc, PoisonError};

use super::blocks::Blocks;
use super::clock::Clock;
use super::disk::{Disk, File, Medium, hold};
use super::shm::Shm;
use super::vfs;

impl Disk {
    /// Creates an empty disk in memory.
    pub(crate) fn in_memory() -> Arc<Disk> {
        new(Medium::Memory, Clock::new(), Vec::new())
    }

    /// Creates a disk in memory with one file.
    pub(crate) fn holding(name: &str, bytes: Blocks) -> Arc<Disk> {
        new(Medium::Memory, Clock::new(), vec![File::new(name, bytes, Shm::default())])
    }

    /// Creates a disk in memory with these files.
    pub(crate) fn with_files(files: impl IntoIterator<Item = (String, Blocks)>) -> Arc<Disk> {
        let files = files.into_iter().map(|(name, bytes)| File::new(&name, bytes, Shm::default()));
        new(Medium::Memory, Clock::new(), files.collect())
    }

    /// Creates a gate and a clock over real files.
    pub(crate) fn over_files(sync: bool) -> Arc<Disk> {
        new(Medium::Files { sync }, Clock::new(), Vec::new())
    }

    /// Creates a disk in memory with the same contents. What is in the files counts, as after a crash of the process: a
    /// transaction that is open on this disk is not on the fork.
    pub(crate) fn fork(&self) -> Arc<Disk> {
        let files = hold(&self.files);
        // All files are held at once, in one order, so that the fork shows one instant. Nobody who holds one of them
        // waits for another.
        let shms: Vec<_> = files.iter().map(|file| hold(&file.shm)).collect();
        let bytes: Vec<_> =
            files.iter().map(|file| file.bytes.read().unwrap_or_else(PoisonError::into_inner)).collect();
        let copies = files
            .iter()
            .zip(shms.iter().zip(&bytes))
            .map(|(file, (shm, bytes))| File::new(&file.name, Blocks::clone(bytes), shm.fork().unwrap_or_default()))
            .collect();
        new(Medium::Memory, self.clock().fork(), copies)
    }
}

fn new(medium: Medium, clock: Clock, files: Vec<Arc<File>>) -> Arc<Disk> {
    Disk::on(vfs::take_mount(medium), medium, clock, files)
}
