//! The databases of a disk, opened to read and check them.

use std::sync::Arc;

use once_cell::unsync::OnceCell;
use rusqlite::Connection;

use super::files::{Files, says};
use crate::check;
use crate::db::{Functions, MAIN, open_as_it_is};
use crate::sim::Disk;

/// The open databases of a content.
pub(crate) struct OpenedFiles {
    pub(super) connections: Vec<(String, Connection)>,
    digests: OnceCell<Option<Vec<(String, u64)>>>,
    _disk: Arc<Disk>,
}

impl OpenedFiles {
    pub(super) fn of(folded: &Files, functions: Option<Functions>) -> Result<OpenedFiles, String> {
        let disk = Disk::with_files(folded.iter().cloned());
        let mut connections = Vec::new();
        for (name, _) in folded {
            let connection = open_as_it_is(&disk, name, functions).map_err(|error| error.to_string())?;
            let read = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
            read.map_err(|error| says(&error))?;
            connections.push((name.clone(), connection));
        }
        // The test's own database always exists. The others are identified by their names.
        connections.sort_by_key(|(name, _)| name != MAIN);
        Ok(OpenedFiles { connections, digests: OnceCell::new(), _disk: disk })
    }

    pub(crate) fn main(&self) -> &Connection {
        &self.connections[0].1
    }

    pub(super) fn complaints(&self) -> Vec<String> {
        self.connections.iter().flat_map(|(_, connection)| check::integrity_lines(connection)).collect()
    }

    /// Returns true if rows, objects and the numbers of the headers are equal. A content that cannot be read equals no
    /// other.
    pub(super) fn holds_the_same(&self, other: &OpenedFiles) -> bool {
        self.digests().is_some_and(|digests| other.digests() == Some(digests))
    }

    /// Returns the name of each database and a digest of its content.
    fn digests(&self) -> Option<&[(String, u64)]> {
        let read =
            |(name, connection): &(String, Connection)| Some((name.clone(), check::content_digest(connection).ok()?));
        self.digests.get_or_init(|| self.connections.iter().map(read).collect()).as_deref()
    }
}
