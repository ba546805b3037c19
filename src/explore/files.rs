//! The files of a disk, folded: SQLite puts journals and the WAL back into the database files.

use std::sync::Arc;

use crate::db::{MAIN, open_as_it_is};
use crate::error::Refusal;
use crate::sim::{Blocks, Disk};

/// The files of a disk by their names, in order.
pub(crate) type Files = Vec<(String, Blocks)>;

pub(super) fn same_files(one: &Files, other: &Files) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.0 == other.0 && one.1.same(&other.1))
}

/// Returns true for a database, and false for a journal, WAL or super-journal, see
/// <https://www.sqlite.org/tempfiles.html>.
fn is_database(name: &str) -> bool {
    let super_journal =
        name.rsplit_once("-mj").is_some_and(|(_, number)| number.bytes().all(|b| b.is_ascii_hexdigit()));
    !(name.ends_with("-wal") || name.ends_with("-journal") || name.ends_with("-shm") || super_journal)
}

/// Returns the databases of a disk, each recovered by SQLite and folded into one file, or what SQLite says.
pub(super) fn fold(files: &Files) -> Result<Files, String> {
    let disk = Disk::with_files(files.iter().cloned());
    fold_disk(&disk)
}

/// Like [`fold`], for a disk that nobody else has open.
pub(crate) fn fold_disk(disk: &Arc<Disk>) -> Result<Files, String> {
    for (name, _) in disk.files().iter().filter(|(name, _)| is_database(name)) {
        let connection = open_as_it_is(disk, name, None).map_err(|error| error.to_string())?;
        // Reading the header rolls a hot journal back or reads the WAL, and needs no schema. Closing the last connection
        // moves the WAL into the file.
        let read = connection.query_row("PRAGMA user_version", [], |_| Ok(()));
        read.map_err(|error| says(&error))?;
        connection.close().map_err(|(_, error)| says(&error))?;
        if disk.read(&format!("{name}-wal")).is_some_and(|wal| wal.len() > 0) {
            return Err(format!("SQLite cannot move {name}-wal into {name}"));
        }
    }
    // An attached database without a page counts as none.
    let there = |(name, bytes): &(String, Blocks)| is_database(name) && (bytes.len() > 0 || name == MAIN);
    Ok(disk.files().into_iter().filter(there).collect())
}

pub(super) fn says(error: &rusqlite::Error) -> String {
    Refusal::of(error).map_or_else(|| error.to_string(), |refusal| refusal.message_or_code())
}
