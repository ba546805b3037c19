//! What is in the databases of a disk, by itself and against what was in them at other times.
//!
//! SQLite folds journals and the WAL into the database files; then two contents are the same when their files are, which
//! for blocks that are shared is a look at their addresses. Only what is the same in no byte-for-byte way (free pages keep
//! what they held) is compared row by row.

use std::sync::Arc;

use once_cell::unsync::OnceCell;
use rusqlite::Connection;

use crate::check;
use crate::db::{Functions, MAIN, open_as_it_is};
use crate::error::{Refusal, Result};
use crate::schema::Schema;
use crate::sim::{Blocks, Disk};

/// The files of a disk by their names, in order.
pub(crate) type Files = Vec<(String, Blocks)>;

/// KnownContents that are known, each with a number.
pub(crate) struct KnownContents {
    functions: Option<Functions>,
    known: Vec<Known>,
    /// Files that hold the same as a known content, in other bytes.
    others: Vec<(Files, usize)>,
}

struct Known {
    files: Files,
    opened: OnceCell<OpenedFiles>,
}

/// How many other forms of a content are kept: beyond, each is compared again.
const MOST_OTHERS: usize = 64;

/// What some files are found to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ContentMatch {
    /// The content of this number.
    Known(usize),
    /// SQLite reads it, and it is none of the known ones.
    Unknown,
    /// SQLite says that it is damaged.
    Corrupt(String),
}

impl KnownContents {
    pub(crate) fn new(functions: Option<Functions>) -> KnownContents {
        KnownContents { functions, known: Vec::new(), others: Vec::new() }
    }

    /// The number of what these files hold, a new one where it is not known yet; `Err` with what SQLite says of files
    /// that it cannot read.
    pub(crate) fn learn(&mut self, files: &Files) -> Result<usize, String> {
        let folded = fold(files)?;
        if let Some(number) = self.in_these_bytes(&folded) {
            return Ok(number);
        }
        let opened = OpenedFiles::of(&folded, self.functions)?;
        // Whether it is whole is not asked: what the app has committed is what there is.
        if let Some(number) = self.among_known(|known| opened.holds_the_same(known)) {
            self.remember(folded, number);
            return Ok(number);
        }
        self.known.push(Known { files: folded, opened: OnceCell::from(opened) });
        Ok(self.known.len() - 1)
    }

    /// What these files hold after SQLite has recovered them.
    pub(crate) fn find(&mut self, files: &Files) -> ContentMatch {
        let folded = match fold(files) {
            Ok(folded) => folded,
            Err(says) => return ContentMatch::Corrupt(says),
        };
        if let Some(number) = self.in_these_bytes(&folded) {
            return ContentMatch::Known(number);
        }
        let opened = match OpenedFiles::of(&folded, self.functions) {
            Ok(opened) => opened,
            Err(says) => return ContentMatch::Corrupt(says),
        };
        let complaints = opened.complaints();
        // What SQLite complains of in both was so before.
        let same = |known: &OpenedFiles| {
            opened.holds_the_same(known) && (complaints.is_empty() || complaints == known.complaints())
        };
        if let Some(number) = self.among_known(same) {
            self.remember(folded, number);
            return ContentMatch::Known(number);
        }
        match complaints.first() {
            Some(first) if self.among_known(|known| complaints == known.complaints()).is_none() => {
                ContentMatch::Corrupt(first_line(first))
            }
            _ => ContentMatch::Unknown,
        }
    }

    fn in_these_bytes(&self, folded: &Files) -> Option<usize> {
        let known = self.known.iter().rposition(|known| same_files(&known.files, folded));
        known.or_else(|| self.others.iter().find(|(files, _)| same_files(files, folded)).map(|(_, number)| *number))
    }

    /// What was learnt last is the likeliest.
    fn among_known(&self, same: impl Fn(&OpenedFiles) -> bool) -> Option<usize> {
        self.known.iter().rposition(|known| known.opened(self.functions).is_some_and(&same))
    }

    fn remember(&mut self, folded: Files, number: usize) {
        if self.others.len() < MOST_OTHERS {
            self.others.push((folded, number));
        }
    }

    /// The files of a known content.
    pub(crate) fn files(&self, number: usize) -> Option<Files> {
        self.known.get(number).map(|known| known.files.clone())
    }

    /// What changes from one known content to another.
    pub(crate) fn difference(&self, from: usize, to: usize) -> String {
        self.known[to].opened(self.functions).map_or_else(String::new, |to| self.changes_to(from, to))
    }

    /// Lets `look` see the main database of a known content.
    pub(crate) fn look_at<R>(&self, number: usize, look: impl FnOnce(&Connection) -> R) -> Option<R> {
        let opened = self.known[number].opened(self.functions)?;
        Some(look(opened.main()))
    }

    /// Opens these files as SQLite recovers them.
    pub(crate) fn open(&self, files: &Files) -> Result<OpenedFiles, String> {
        OpenedFiles::of(&fold(files)?, self.functions)
    }

    /// What changed from a known content to the databases of `to`, table by table; empty where nothing did.
    pub(crate) fn changes_to(&self, from: usize, to: &OpenedFiles) -> String {
        self.known[from].opened(self.functions).map_or_else(String::new, |from| changes(from, to))
    }

    /// The tables that changed from a known content to the databases of `to`.
    pub(crate) fn tables_to(&self, from: usize, to: &OpenedFiles) -> Vec<String> {
        self.known[from].opened(self.functions).map_or_else(Vec::new, |from| tables(from, to))
    }

    /// Like [`tables_to`](KnownContents::tables_to), from the databases of `from` to a known content.
    pub(crate) fn tables_from(&self, from: &OpenedFiles, to: usize) -> Vec<String> {
        self.known[to].opened(self.functions).map_or_else(Vec::new, |to| tables(from, to))
    }

    /// What changes from the databases of `from` to a known content.
    pub(crate) fn changes_from(&self, from: &OpenedFiles, to: usize) -> String {
        self.known[to].opened(self.functions).map_or_else(String::new, |to| changes(from, to))
    }
}

impl Known {
    fn opened(&self, functions: Option<Functions>) -> Option<&OpenedFiles> {
        self.opened.get_or_try_init(|| OpenedFiles::of(&self.files, functions)).ok()
    }
}

fn same_files(one: &Files, other: &Files) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.0 == other.0 && one.1.same(&other.1))
}

/// Whether a file is a database: not the journal, WAL or super-journal of one, see
/// <https://www.sqlite.org/tempfiles.html>.
fn is_database(name: &str) -> bool {
    let super_journal =
        name.rsplit_once("-mj").is_some_and(|(_, number)| number.bytes().all(|b| b.is_ascii_hexdigit()));
    !(name.ends_with("-wal") || name.ends_with("-journal") || name.ends_with("-shm") || super_journal)
}

/// The databases of a disk, each recovered by SQLite and folded into one file. `Err` with what SQLite says.
fn fold(files: &Files) -> Result<Files, String> {
    let disk = Disk::with_files(files.iter().cloned());
    fold_disk(&disk)
}

/// Like [`fold`], of a disk that nobody else has open.
pub(crate) fn fold_disk(disk: &Arc<Disk>) -> Result<Files, String> {
    for (name, _) in disk.files().iter().filter(|(name, _)| is_database(name)) {
        let connection = open_as_it_is(disk, name, None).map_err(|error| error.to_string())?;
        // Reads the header, which rolls a hot journal back or reads the WAL, and needs no schema. To close the last
        // connection moves the WAL into the file.
        let read = connection.query_row("PRAGMA user_version", [], |_| Ok(()));
        read.map_err(|error| says(&error))?;
        connection.close().map_err(|(_, error)| says(&error))?;
        if disk.read(&format!("{name}-wal")).is_some_and(|wal| wal.len() > 0) {
            return Err(format!("SQLite cannot move {name}-wal into {name}"));
        }
    }
    // An attached database without a page is as good as none.
    let there = |(name, bytes): &(String, Blocks)| is_database(name) && (bytes.len() > 0 || name == MAIN);
    Ok(disk.files().into_iter().filter(there).collect())
}

/// What SQLite says first, without the line that names the database.
fn first_line(complaint: &str) -> String {
    complaint.lines().find(|line| !line.starts_with("***")).unwrap_or(complaint).to_owned()
}

fn says(error: &rusqlite::Error) -> String {
    Refusal::of(error).map_or_else(|| error.to_string(), |refusal| refusal.message_or_code())
}

/// The databases of a content, open.
pub(crate) struct OpenedFiles {
    connections: Vec<(String, Connection)>,
    digests: OnceCell<Option<Vec<(String, u64)>>>,
    _disk: Arc<Disk>,
}

impl OpenedFiles {
    fn of(folded: &Files, functions: Option<Functions>) -> Result<OpenedFiles, String> {
        let disk = Disk::with_files(folded.iter().cloned());
        let mut connections = Vec::new();
        for (name, _) in folded {
            let connection = open_as_it_is(&disk, name, functions).map_err(|error| error.to_string())?;
            let read = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
            read.map_err(|error| says(&error))?;
            connections.push((name.clone(), connection));
        }
        // The test's own database is always there, and the others are told apart by their names.
        connections.sort_by_key(|(name, _)| name != MAIN);
        Ok(OpenedFiles { connections, digests: OnceCell::new(), _disk: disk })
    }

    pub(crate) fn main(&self) -> &Connection {
        &self.connections[0].1
    }

    fn complaints(&self) -> Vec<String> {
        self.connections.iter().flat_map(|(_, connection)| check::integrity_lines(connection)).collect()
    }

    /// Whether the rows, the objects and the numbers of the headers are the same. What cannot be read is the same as
    /// nothing.
    fn holds_the_same(&self, other: &OpenedFiles) -> bool {
        self.digests().is_some_and(|digests| other.digests() == Some(digests))
    }

    /// The names of the databases, and what is in each as a number.
    fn digests(&self) -> Option<&[(String, u64)]> {
        let read =
            |(name, connection): &(String, Connection)| Some((name.clone(), check::content_digest(connection).ok()?));
        self.digests.get_or_init(|| self.connections.iter().map(read).collect()).as_deref()
    }
}

/// The tables that changed; of another database than the test's own with its name, and by that alone where all of it is new
/// or gone.
fn tables(from: &OpenedFiles, to: &OpenedFiles) -> Vec<String> {
    let mut found = Vec::new();
    for (name, theirs) in &to.connections {
        let Some((_, ours)) = from.connections.iter().find(|(other, _)| other == name) else {
            found.push(name.clone());
            continue;
        };
        let Ok(changes) = check::changes_between(ours, theirs) else { continue };
        found.extend(changes.iter().map(|table| match name.as_str() {
            MAIN => table.name().to_owned(),
            _ => format!("{} of {name}", table.name()),
        }));
    }
    let gone = from.connections.iter().filter(|(name, _)| !to.connections.iter().any(|(other, _)| other == name));
    found.extend(gone.map(|(name, _)| name.clone()));
    found
}

/// How many lines of changes a failure shows of each database.
const SHOWN: usize = 12;

/// What changed, in words and rows.
fn changes(from: &OpenedFiles, to: &OpenedFiles) -> String {
    let mut lines = Vec::new();
    for (name, theirs) in &to.connections {
        let Some((_, ours)) = from.connections.iter().find(|(other, _)| other == name) else {
            lines.push(format!("{name}: created"));
            continue;
        };
        let mut found = Vec::new();
        if let (Ok(before), Ok(after)) = (Schema::read(ours), Schema::read(theirs)) {
            found.extend(before.diff(&after).to_string().lines().map(str::to_owned));
        }
        match check::changes_between(ours, theirs) {
            Ok(changes) if changes.is_empty() => {}
            Ok(changes) => found.extend(changes.to_string().lines().map(str::to_owned)),
            Err(error) => found.push(error.headline().to_owned()),
        }
        let version = |of: &Connection| of.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).ok();
        if let (Some(before), Some(after)) = (version(ours), version(theirs))
            && before != after
        {
            found.push(format!("PRAGMA user_version: {before} -> {after}"));
        }
        if found.len() > SHOWN {
            let more = found.len() - SHOWN;
            found.truncate(SHOWN);
            found.push(format!("... and {more} more lines"));
        }
        if name != MAIN {
            found.iter_mut().for_each(|line| line.insert_str(0, &format!("{name}: ")));
        }
        lines.extend(found);
    }
    for (name, _) in &from.connections {
        if !to.connections.iter().any(|(other, _)| other == name) {
            lines.push(format!("{name}: gone"));
        }
    }
    lines.join("\n")
}
