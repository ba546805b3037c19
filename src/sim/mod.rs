//! The simulated disk: where every test's database lies.
//!
//! SQLite reaches the world through a VFS: files, locks, shared memory, time. Here are two, and everything above stands on
//! them. In the first, files are blocks in memory that forks share until they write, so that a migrated database costs
//! what SQLite needs to parse its schema, and WAL is real: the `-wal` and the WAL-index exist, several connections and
//! threads share one database. The second passes through to real files without waiting for the hardware.
//!
//! ```text
//! SQLite -> vfs (which disk?) -> memory (files in memory)  -> gate -> locks, shm, blocks
//!                             -> files  (real files)       -> gate -> the default VFS
//! ```
//!
//! This module and its children are the only place with unsafe code: it speaks C with SQLite.
#![allow(
    unsafe_code,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "SQLite's interface is C, with sizes and offsets as signed numbers that are never negative"
)]

pub(crate) mod allocator;
mod blocks;
mod clock;
mod disk;
mod files;
mod gate;
mod locks;
mod memory;
mod oplog;
mod shm;
#[cfg(test)]
mod tests;
mod vfs;

pub(crate) use blocks::Blocks;
pub use clock::Clock;
pub(crate) use disk::Disk;
pub use disk::{live_disks, uri};
pub(crate) use gate::{Op, Refused, Watch};
pub(crate) use oplog::{Entry, Event, OpLog, WriteLocks};
