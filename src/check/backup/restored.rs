//! A copy of a database, restored to a folder of its own.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::check::findings::Finding;
use crate::sim::Disk;

/// The files of a copy in a folder where SQLite may write: it has to, to recover a WAL or to roll a journal back.
pub(super) struct Restored {
    pub(super) path: PathBuf,
    /// True if there is no `-wal`, though the database is in WAL mode or had its first page only in the WAL.
    pub(super) lacks_wal: bool,
    _folder: TempDir,
}

impl Restored {
    pub(super) fn new(source: &Connection, copy: &Path) -> Result<Restored, Box<Finding>> {
        let shown = copy.display();
        let unreadable = |what: String, error: std::io::Error| {
            let finding = Finding::new("unreadable", shown.to_string(), what);
            Box::new(finding.evidence("the system says", error.to_string()))
        };
        let folder = tempfile::Builder::new().prefix("sqlitmus-").tempdir();
        let folder = folder.map_err(|error| unreadable(format!("there is no place to restore {shown} to"), error))?;
        let path = folder.path().join("restored.db");
        let mut lacks_wal = false;
        for suffix in ["", "-wal", "-journal"] {
            let mut from = copy.as_os_str().to_owned();
            from.push(suffix);
            match read(source, Path::new(&from)) {
                Ok(bytes) => {
                    match suffix {
                        "" => lacks_wal = is_in_wal_mode(&bytes),
                        "-wal" if !bytes.is_empty() => lacks_wal = false,
                        _ => {}
                    }
                    let mut to = path.as_os_str().to_owned();
                    to.push(suffix);
                    let written = std::fs::write(to, bytes);
                    written.map_err(|error| unreadable(format!("{shown} cannot be restored"), error))?;
                }
                Err(error) if suffix.is_empty() => return Err(unreadable(format!("{shown} cannot be read"), error)),
                Err(_) => {}
            }
        }
        Ok(Restored { path, lacks_wal, _folder: folder })
    }
}

/// Reads a file of the copy, from the simulated disk of the source if it is there.
fn read(source: &Connection, path: &Path) -> std::io::Result<Vec<u8>> {
    let disk = source.path().and_then(Disk::of);
    let file = disk.zip(path.to_str()).and_then(|(disk, path)| disk.read(Disk::name_of(path)));
    match file {
        Some(blocks) => Ok(blocks.chunks().flatten().copied().collect()),
        None => std::fs::read(path),
    }
}

/// Reads the file format versions in the header, see <https://www.sqlite.org/fileformat2.html>.
fn is_in_wal_mode(bytes: &[u8]) -> bool {
    bytes.is_empty() || bytes.get(18..20) == Some(&[2, 2])
}
