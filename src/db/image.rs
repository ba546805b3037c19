//! A database that is ready to be copied: one file, with everything checkpointed into it.

use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::profile::Profile;
use crate::error::{BoxError, Error, Result};
use crate::real_file;
use crate::sim::{Blocks, Disk};

/// The name of every test's database on its disk.
pub(crate) const MAIN: &str = "main.db";

/// Code of the app that registers functions, collations and modules on each of its connections.
pub(crate) type Functions = fn(&Connection) -> Result<(), BoxError>;

/// The contents of a database file. Cloning shares the blocks.
#[derive(Clone)]
pub(crate) struct Image {
    pub(super) blocks: Blocks,
}

impl Image {
    /// Builds an image: runs `build` on an empty database.
    pub(super) fn build(
        profile: &Profile,
        functions: Option<Functions>,
        build: impl FnOnce(&mut Connection) -> Result<()>,
    ) -> Result<Image> {
        let disk = Disk::in_memory();
        let mut connection = open(&disk, Path::new(&disk.path_of(MAIN)), functions)?;
        profile.apply(&mut connection)?;
        // The file is empty until something is written, and page_size and its like would not be copied.
        connection
            .execute_batch("BEGIN IMMEDIATE; PRAGMA user_version = 0; COMMIT")
            .map_err(|error| Error::sqlite("create the database", error))?;
        build(&mut connection)?;
        Image::of(connection, &disk)
    }

    /// Builds an image: runs `change` on a copy of this one.
    pub(super) fn change(
        &self,
        profile: &Profile,
        functions: Option<Functions>,
        change: impl FnOnce(&mut Connection) -> Result<()>,
    ) -> Result<Image> {
        let disk = Disk::holding(MAIN, self.blocks.clone());
        let mut connection = open(&disk, Path::new(&disk.path_of(MAIN)), functions)?;
        profile.apply_to_copy(&mut connection)?;
        change(&mut connection)?;
        Image::of(connection, &disk)
    }

    /// Returns the image of a database on a disk in memory. `connection` must be the last one to it.
    pub(super) fn of(connection: Connection, disk: &Disk) -> Result<Image> {
        checkpoint(&connection)?;
        connection.close().map_err(|(_, error)| Error::sqlite("close a template", error))?;
        Ok(Image { blocks: disk.read(MAIN).unwrap_or_default() })
    }

    /// Returns true if both have the same bytes.
    pub(crate) fn has_the_bytes_of(&self, other: &Image) -> bool {
        self.blocks.len() == other.blocks.len() && self.blocks.chunks().eq(other.blocks.chunks())
    }

    pub(super) fn read(path: &Path) -> Result<Image> {
        let bytes = real_file::read(path).map_err(|error| Error::io("read the database", path, error))?;
        Ok(Image { blocks: Blocks::from_bytes(&bytes) })
    }

    /// Writes the database as a file, and overwrites what is there.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let write = || -> std::io::Result<()> {
            let mut file = real_file::create_private(path)?;
            for chunk in self.blocks.chunks() {
                std::io::Write::write_all(&mut file, chunk)?;
            }
            Ok(())
        };
        write().map_err(|error| Error::io("write the database", path, error))
    }
}

/// Returns the path of a file beside a database: `-wal`, `-journal`.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}

/// Opens the database at `path` of a disk and registers the app's functions.
pub(super) fn open(disk: &Disk, path: &Path, functions: Option<Functions>) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // It is no connection that the app opens.
    let own = crate::own::statements();
    let connection = Connection::open_with_flags_and_vfs(path, flags, disk.vfs_name())
        .map_err(|error| Error::sqlite(format_args!("open the database {}", path.display()), error))?;
    drop(own);
    if let Some(functions) = functions {
        functions(&connection).map_err(|error| {
            Error::new(crate::error::ErrorKind::Template, "the app's functions could not be registered")
                .because_app(error)
        })?;
    }
    Ok(connection)
}

/// Moves the content of the WAL, if there is one, into the database file.
pub(super) fn checkpoint(connection: &Connection) -> Result<()> {
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .and_then(|busy: i64| if busy == 0 { Ok(()) } else { Err(busy_error()) })
        .map_err(|error| Error::sqlite("checkpoint the database", error))
}

/// Copies a database as it is committed, in one step. SQLite's own loop would wait for a lock forever.
pub(crate) fn back_up(source: &Connection, target: &mut Connection) -> rusqlite::Result<()> {
    match Backup::new(source, target)?.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(busy_error()),
    }
}

fn busy_error() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None)
}
