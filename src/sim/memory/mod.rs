//! SQLite's file interface over files in memory. It follows the unix VFS.

mod handle;
mod methods;
mod open;

pub(super) use handle::OpenFile;
pub(crate) use methods::busy_handler;
pub(super) use open::{access, delete, full_pathname, open};
