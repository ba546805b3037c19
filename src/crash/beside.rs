//! Files beside the database, which the app writes itself.
//!
//! Nobody sees them being written, or synced. They are read before each operation of the database that changes something, and
//! everything that was in them then counts as being on the disk.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, ErrorKind as Kind, Result};
use crate::order::SortedMap;
use crate::real_file;
use crate::report::visible;
use crate::sim::{Op, OpLog, Refused, Watch};

/// The files and folders that a test names.
#[derive(Clone, Default)]
pub(super) struct FilesBeside {
    paths: Vec<PathBuf>,
}

/// The files at one moment, with what is in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileStates {
    files: SortedMap<PathBuf, Arc<[u8]>>,
}

/// The files while an action ran: each state, and the number of operations before it was first seen.
pub(super) type FileHistory = Vec<(usize, FileStates)>;

impl FilesBeside {
    pub(super) fn add(&mut self, path: PathBuf) {
        self.paths.push(path);
    }

    /// Returns the files as they are, which they will be again when the result is dropped.
    pub(super) fn put_back_at_end(&self) -> Result<PutBackAtEnd<'_>> {
        Ok(PutBackAtEnd { beside: self, first: self.read().map_err(cannot_use)? })
    }

    /// Makes the files what they were.
    pub(super) fn put_back(&self, states: &FileStates) -> Result<()> {
        self.write(states).map_err(cannot_use)
    }

    fn read(&self) -> io::Result<FileStates> {
        let mut states = FileStates::default();
        self.paths.iter().try_for_each(|path| read_into(path, &mut states))?;
        Ok(states)
    }

    fn write(&self, states: &FileStates) -> io::Result<()> {
        let now = self.read()?;
        for path in now.files.keys().filter(|path| !states.files.contains_key(*path)) {
            fs::remove_file(path)?;
        }
        for (path, bytes) in &states.files {
            if now.files.get(path) != Some(bytes) {
                path.parent().map_or(Ok(()), fs::create_dir_all)?;
                fs::write(path, bytes)?;
            }
        }
        Ok(())
    }
}

fn cannot_use(error: io::Error) -> Error {
    Error::new(Kind::Crash, format!("the files beside the database cannot be read or put back: {error}"))
}

/// The files before a test. They are put back when it ends, too.
pub(super) struct PutBackAtEnd<'a> {
    pub(super) beside: &'a FilesBeside,
    first: FileStates,
}

impl PutBackAtEnd<'_> {
    pub(super) fn put_back(&self) -> Result<()> {
        self.beside.put_back(&self.first)
    }
}

impl Drop for PutBackAtEnd<'_> {
    fn drop(&mut self) {
        let _ = self.put_back();
    }
}

fn read_into(path: &Path, states: &mut FileStates) -> io::Result<()> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(data) if data.is_dir() => fs::read_dir(path)?.try_for_each(|entry| read_into(&entry?.path(), states)),
        Ok(_) => {
            states.files.insert(path.to_owned(), real_file::read(path)?.into());
            Ok(())
        }
    }
}

impl FileStates {
    /// Returns the names of the files with their sizes, for a report.
    pub(super) fn names(&self) -> String {
        if self.files.is_empty() {
            return String::from("no file");
        }
        let name = |(path, bytes): (&PathBuf, &Arc<[u8]>)| {
            format!("{} ({} bytes)", visible(&path.file_name().unwrap_or_default().to_string_lossy()), bytes.len())
        };
        self.files.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}

/// Fills a log, and reads the files before each operation that the log notes.
pub(super) struct FileWatch {
    log: Arc<OpLog>,
    beside: FilesBeside,
    seen: Mutex<FileHistory>,
}

impl FileWatch {
    pub(super) fn new(log: Arc<OpLog>, beside: &FilesBeside) -> Arc<FileWatch> {
        Arc::new(FileWatch { log, beside: beside.clone(), seen: Mutex::default() })
    }

    /// Notes the files as they are after so many operations.
    pub(super) fn look(&self, operations: usize) {
        // What cannot be read is in the next state again, or the test ends with an error.
        let Ok(now) = self.beside.read() else { return };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.last().is_none_or(|(_, last)| *last != now) {
            seen.push((operations, now));
        }
    }

    pub(super) fn take(&self) -> FileHistory {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Watch for FileWatch {
    fn before(&self, op: Op<'_>) -> std::result::Result<(), Refused> {
        if self.beside.paths.is_empty() {
            return self.log.before(op);
        }
        let before = self.log.len();
        self.log.before(op)?;
        if self.log.len() > before {
            self.look(before);
        }
        Ok(())
    }
}

/// Returns the states that a power cut after so many operations may leave: what was there before the last of them, and what the
/// app had written since.
pub(super) fn states_at(history: &FileHistory, point: usize) -> Vec<usize> {
    let at = |operation: usize| history.iter().rposition(|(first, _)| *first <= operation).unwrap_or(0);
    let mut states = vec![at(point.saturating_sub(1)), at(point)];
    states.dedup();
    states
}
