//! The contents that a disk is known to have had, and which of them some files hold.
//!
//! SQLite folds journals and the WAL into the database files. Two contents with equal files are equal, which for shared
//! blocks is a comparison of addresses. Only files that differ byte for byte (free pages keep their old bytes) are compared
//! row by row.

use std::sync::Arc;

use once_cell::unsync::OnceCell;
use rusqlite::Connection;

use crate::check::{self, Mask};
use crate::db::{Functions, MAIN, open_as_it_is};
use crate::error::Refusal;
use crate::order::{Order as _, SortedMap};
use crate::sim::{Blocks, Disk};

/// The known contents, each with a number.
pub(crate) struct KnownContents {
    functions: Option<Functions>,
    known: Vec<Known>,
    /// Files that hold a known content in other bytes, with its number.
    others: Vec<(Files, usize)>,
    /// The columns that differ in each run, by database.
    masks: SortedMap<String, Mask>,
    /// The size of the contents that were compared row by row when they were learned, in KB.
    compared: u64,
}

/// A content. It is opened where it is looked at, and never kept open: an action may commit thousands of times.
struct Known {
    files: Files,
    /// Another key means other bytes.
    key: u64,
    /// `None` if SQLite cannot read it.
    summary: OnceCell<Option<Summary>>,
}

/// The part of a content that is compared.
struct Summary {
    digests: Digests,
    complaints: OnceCell<Vec<String>>,
}

/// The name of each database and a digest of its content.
type Digests = Vec<(String, u64)>;

/// The largest number of known contents that are compared one by one, without a key.
const FEW: usize = 8;

/// The number of other forms that are kept. Any further one is compared again each time.
const MAX_OTHERS: usize = 64;

/// The size of contents, in KB, after which other bytes count as another content until [`KnownContents::are_same`] compares
/// them. Hardly any commit leaves the same rows in other bytes, and to read all rows after each of many commits takes long.
const MOST_COMPARED: u64 = 400_000;

/// The content of some files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ContentMatch {
    /// The content with this number.
    Known(usize),
    /// SQLite reads the files, and they hold none of the known contents.
    Unknown,
    /// The files are damaged, with what SQLite says.
    Corrupt(String),
}

impl KnownContents {
    pub(crate) fn new(functions: Option<Functions>) -> KnownContents {
        KnownContents { functions, known: Vec::new(), others: Vec::new(), masks: SortedMap::new(), compared: 0 }
    }

    /// Returns the number of what these files hold, a new one if it is not known yet, or what SQLite says of files that
    /// it cannot read.
    pub(crate) fn learn(&mut self, files: &Files) -> Result<usize, String> {
        self.learn_folded(fold(files)?)
    }

    /// Like `learn`, for the databases alone.
    pub(crate) fn learn_folded(&mut self, folded: Files) -> Result<usize, String> {
        if let Some(number) = self.in_these_bytes(&folded) {
            return Ok(number);
        }
        let opened = OpenedFiles::of(&folded, self.functions)?;
        self.compared += folded.iter().map(|(_, bytes)| bytes.len() as u64 / 1024).sum::<u64>();
        if self.compared > MOST_COMPARED {
            return Ok(self.add(folded, OnceCell::new()));
        }
        // No integrity check: whatever the app has committed is the content.
        let digests = opened.digests(&self.masks);
        if let Some(number) = digests.as_ref().and_then(|digests| self.among_known(|known| known.digests == *digests)) {
            self.remember(folded, number);
            return Ok(number);
        }
        let summary = digests.map(|digests| Summary { digests, complaints: OnceCell::new() });
        Ok(self.add(folded, OnceCell::from(summary)))
    }

    fn add(&mut self, files: Files, summary: OnceCell<Option<Summary>>) -> usize {
        let key = self.key(&files);
        self.known.push(Known { files, key, summary });
        self.known.len() - 1
    }

    /// Returns a key of what differs from the first known content.
    fn key(&self, files: &Files) -> u64 {
        let first = self.known.first();
        let base = |name: &str| first.and_then(|known| known.files.iter().find(|(other, _)| other == name));
        let of = |(name, bytes): &(String, Blocks)| base(name).map_or(0, |(_, base)| bytes.key_beside(base));
        files.iter().map(of).fold(0, u64::wrapping_add)
    }

    /// Returns what these files hold after SQLite has recovered them.
    pub(crate) fn find(&mut self, files: &Files) -> ContentMatch {
        self.recover(files).unwrap_or_else(ContentMatch::Corrupt)
    }

    fn recover(&mut self, files: &Files) -> Result<ContentMatch, String> {
        let folded = fold(files)?;
        if let Some(number) = self.in_these_bytes(&folded) {
            return Ok(ContentMatch::Known(number));
        }
        let opened = OpenedFiles::of(&folded, self.functions)?;
        let complaints = opened.complaints();
        // A complaint about both is not new.
        if let Some(digests) = opened.digests(&self.masks)
            && let Some(number) = self.among_known(|known| known.digests == digests)
            && (complaints.is_empty() || *self.complaints(number) == complaints)
        {
            self.remember(folded, number);
            return Ok(ContentMatch::Known(number));
        }
        match complaints.first() {
            Some(first) if !(0..self.known.len()).any(|number| *self.complaints(number) == complaints) => {
                Err(first_line(first))
            }
            _ => Ok(ContentMatch::Unknown),
        }
    }

    /// Takes two contents for one, both left by the same code that began with `before`: masks the columns in which they
    /// differ. Returns false if they differ in more than that. `again` is the content that was learned last.
    pub(crate) fn unify(&mut self, before: usize, first: usize, again: usize) -> bool {
        let opened = (self.opened(before), self.opened(first), self.opened(again));
        let (Some(from), Some(one), Some(other)) = opened else { return false };
        let masks = self.masks.clone();
        for (name, from) in &from.connections {
            let (Some(one), Some(other)) = (one.named(name), other.named(name)) else { continue };
            match Mask::between(from, one, other) {
                Ok(mask) if !mask.is_empty() => {
                    let known = self.masks.remove(name).unwrap_or_default();
                    self.masks.insert(name.clone(), known.and(mask));
                }
                _ => {}
            }
        }
        self.known.iter_mut().for_each(|known| known.summary = OnceCell::new());
        let are_one = self.are_same(first, again);
        match are_one {
            true if again + 1 == self.known.len() => self.known.truncate(again),
            true => {}
            false => {
                self.masks = masks;
                self.known.iter_mut().for_each(|known| known.summary = OnceCell::new());
            }
        }
        are_one
    }

    /// Returns true if two contents are equal, row by row.
    pub(crate) fn are_same(&self, one: usize, other: usize) -> bool {
        let digests = |number: usize| self.summary(number).map(|summary| &summary.digests);
        one == other || (digests(one).is_some() && digests(one) == digests(other))
    }

    /// Returns the columns that are not compared, because they differ in each run.
    pub(crate) fn masked(&self) -> Vec<String> {
        self.masks.values().flat_map(Mask::names).collect()
    }

    fn in_these_bytes(&self, folded: &Files) -> Option<usize> {
        // A key reads all that differs from the first content, as comparing does with each.
        let key = (self.known.len() > FEW).then(|| self.key(folded));
        // The first one has no other to be compared with.
        let may_be = |place: usize, known: &Known| place == 0 || key.is_none_or(|key| known.key == key);
        let mut known = (0..self.known.len()).rev().map(|place| (place, &self.known[place]));
        let known = known.find(|(place, known)| may_be(*place, known) && same_files(&known.files, folded));
        let known = known.map(|(place, _)| place);
        known.or_else(|| self.others.iter().find(|(files, _)| same_files(files, folded)).map(|(_, number)| *number))
    }

    /// Returns the last known content that matches: the latest is the likeliest.
    fn among_known(&self, same: impl Fn(&Summary) -> bool) -> Option<usize> {
        (0..self.known.len()).rev().find(|number| self.summary(*number).is_some_and(&same))
    }

    fn summary(&self, number: usize) -> Option<&Summary> {
        let read = || {
            let digests = self.opened(number)?.digests(&self.masks)?;
            Some(Summary { digests, complaints: OnceCell::new() })
        };
        self.known[number].summary.get_or_init(read).as_ref()
    }

    /// Returns what SQLite complains about in a known content.
    fn complaints(&self, number: usize) -> &[String] {
        let read = || self.opened(number).map(|opened| opened.complaints()).unwrap_or_default();
        self.summary(number).map_or(&[], |summary| summary.complaints.get_or_init(read))
    }

    fn remember(&mut self, folded: Files, number: usize) {
        if self.others.len() < MAX_OTHERS {
            self.others.push((folded, number));
        }
    }

    /// Returns the name of each database of a known content and a digest of it, unless SQLite cannot read one.
    pub(crate) fn digests(&self, number: usize) -> Option<&[(String, u64)]> {
        self.summary(number).map(|summary| summary.digests.as_slice())
    }

    /// Returns the files of a known content.
    pub(crate) fn files(&self, number: usize) -> Option<Files> {
        self.known.get(number).map(|known| known.files.clone())
    }

    /// Opens the databases of a known content, unless SQLite cannot read them.
    pub(crate) fn opened(&self, number: usize) -> Option<OpenedFiles> {
        OpenedFiles::of(&self.known.get(number)?.files, self.functions).ok()
    }

    /// Opens these files as SQLite recovers them.
    pub(crate) fn open(&self, files: &Files) -> Result<OpenedFiles, String> {
        OpenedFiles::of(&fold(files)?, self.functions)
    }
}

/// Returns the first complaint, without the line that names the database.
fn first_line(complaint: &str) -> String {
    complaint.lines().find(|line| !line.starts_with("***")).unwrap_or(complaint).to_owned()
}

/// The files of a disk by their names, in order.
pub(crate) type Files = Vec<(String, Blocks)>;

/// Returns true if both have the same files with the same bytes.
pub(crate) fn same_files(one: &Files, other: &Files) -> bool {
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
pub(crate) fn fold(files: &Files) -> Result<Files, String> {
    fold_disk(&Disk::with_files(files.iter().cloned()))
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

/// The open databases of a content.
pub(crate) struct OpenedFiles {
    pub(super) connections: Vec<(String, Connection)>,
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
        connections.order_by_key(|(name, _)| name != MAIN);
        Ok(OpenedFiles { connections, _disk: disk })
    }

    pub(crate) fn main(&self) -> &Connection {
        &self.connections[0].1
    }

    pub(super) fn named(&self, name: &str) -> Option<&Connection> {
        self.connections.iter().find(|(other, _)| other == name).map(|(_, connection)| connection)
    }

    fn complaints(&self) -> Vec<String> {
        self.connections.iter().flat_map(|(_, connection)| check::integrity_lines(connection)).collect()
    }

    /// Returns a digest of the rows, objects and numbers of the headers, for each database. A content that cannot be read has none.
    fn digests(&self, masks: &SortedMap<String, Mask>) -> Option<Digests> {
        let none = Mask::default();
        let read = |(name, connection): &(String, Connection)| {
            let digest = check::content_digest(connection, masks.get(name).unwrap_or(&none));
            Some((name.clone(), digest.ok()?))
        };
        self.connections.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Template;

    /// The same rows in other bytes are found to be the same, before the limit when they are learned, beyond it when asked.
    #[test]
    fn contents_beyond_the_limit_are_compared_when_asked() {
        let files = |script: &str| {
            let db = Template::empty().in_memory();
            db.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES ('a'), ('b')").unwrap();
            db.execute_batch(script).unwrap();
            db.memory_copy().unwrap().fork().disk().files()
        };
        let scripts = ["", "CREATE TABLE gone(x); DROP TABLE gone", "DELETE FROM t WHERE x = 'a'"];
        let learned = |compared: u64| {
            let mut contents = KnownContents::new(None);
            contents.compared = compared;
            let numbers = scripts.map(|script| contents.learn(&files(script)).unwrap());
            (contents, numbers)
        };
        let (_, [first, same, other]) = learned(0);
        assert!(first == same && same != other, "{first} {same} {other}");
        let (contents, [first, same, other]) = learned(MOST_COMPARED);
        assert!(first != same && same != other, "{first} {same} {other}");
        assert!(contents.are_same(first, same) && !contents.are_same(first, other));
    }
}
