//! SQLite's file interface over files in memory. It follows the unix VFS.

mod handle;
mod mapped;
mod methods;
mod open;
mod shared;

pub(super) use handle::OpenFile;
pub(super) use open::{access, delete, full_pathname, open};
