//! The simulated disk, which holds every test's database.
//!
//! SQLite reaches the world through a VFS: files, locks, shared memory, time. This module registers two. In the first,
//! files are blocks in memory that forks share until they write. So opening a migrated database takes as long as SQLite
//! needs to parse its schema. WAL is real: the `-wal` and the WAL-index exist, and several connections and threads
//! share one database. The second VFS passes every call on to real files, without waiting for the hardware.
//!
//! ```text
//! SQLite -> vfs (which disk?) -> memory (files in memory)  -> gate -> locks, shm, blocks
//!                             -> files  (real files)       -> gate -> the default VFS
//! ```
//!
//! SQLite's interface is C, so this module contains unsafe code.
#![allow(
    unsafe_code,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "SQLite's interface is C, with sizes and offsets as signed numbers that are never negative"
)]

pub(crate) mod allocator;
pub(crate) mod begins;
mod blocks;
mod callback;
mod clock;
mod disk;
mod files;
mod gate;
mod locks;
mod memory;
mod oplog;
mod real;
mod shm;
#[cfg(test)]
mod tests;
mod vfs;

pub(crate) use blocks::{Blocks, Piece};
pub(crate) use callback::on_connect;
pub use clock::Clock;
pub(crate) use disk::Disk;
pub use disk::uri;
pub(crate) use gate::{Op, Refused, Watch};
pub(crate) use memory::busy_handler;
pub(crate) use oplog::{Entry, Event, OpLog, WriteLocks};
