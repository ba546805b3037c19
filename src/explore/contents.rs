//! The contents that a disk is known to have had, and which of them some files hold.
//!
//! SQLite folds journals and the WAL into the database files. Two contents with equal files are equal, which for shared
//! blocks is a comparison of addresses. Only files that differ byte for byte (free pages keep their old bytes) are compared
//! row by row.

use once_cell::unsync::OnceCell;

use super::files::{Files, fold, same_files};
use super::opened::OpenedFiles;
use crate::db::Functions;

/// The known contents, each with a number.
pub(crate) struct KnownContents {
    functions: Option<Functions>,
    known: Vec<Known>,
    /// Files that hold a known content in other bytes, with its number.
    others: Vec<(Files, usize)>,
}

struct Known {
    files: Files,
    opened: OnceCell<OpenedFiles>,
}

/// The number of other forms that are kept. Any further one is compared again each time.
const MAX_OTHERS: usize = 64;

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
        KnownContents { functions, known: Vec::new(), others: Vec::new() }
    }

    /// Returns the number of what these files hold, a new one if it is not known yet, or what SQLite says of files that
    /// it cannot read.
    pub(crate) fn learn(&mut self, files: &Files) -> Result<usize, String> {
        let folded = fold(files)?;
        if let Some(number) = self.in_these_bytes(&folded) {
            return Ok(number);
        }
        let opened = OpenedFiles::of(&folded, self.functions)?;
        // No integrity check: whatever the app has committed is the content.
        if let Some(number) = self.among_known(|known| opened.holds_the_same(known)) {
            self.remember(folded, number);
            return Ok(number);
        }
        self.known.push(Known { files: folded, opened: OnceCell::from(opened) });
        Ok(self.known.len() - 1)
    }

    /// Returns what these files hold after SQLite has recovered them.
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
        // A complaint about both is not new.
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

    /// Returns the last known content that matches: the latest is the likeliest.
    fn among_known(&self, same: impl Fn(&OpenedFiles) -> bool) -> Option<usize> {
        self.known.iter().rposition(|known| known.opened(self.functions).is_some_and(&same))
    }

    fn remember(&mut self, folded: Files, number: usize) {
        if self.others.len() < MAX_OTHERS {
            self.others.push((folded, number));
        }
    }

    /// Returns the files of a known content.
    pub(crate) fn files(&self, number: usize) -> Option<Files> {
        self.known.get(number).map(|known| known.files.clone())
    }

    /// Returns the databases of a known content, unless SQLite cannot read them.
    pub(crate) fn opened(&self, number: usize) -> Option<&OpenedFiles> {
        self.known[number].opened(self.functions)
    }

    /// Opens these files as SQLite recovers them.
    pub(crate) fn open(&self, files: &Files) -> Result<OpenedFiles, String> {
        OpenedFiles::of(&fold(files)?, self.functions)
    }
}

impl Known {
    fn opened(&self, functions: Option<Functions>) -> Option<&OpenedFiles> {
        self.opened.get_or_try_init(|| OpenedFiles::of(&self.files, functions)).ok()
    }
}

/// Returns the first complaint, without the line that names the database.
fn first_line(complaint: &str) -> String {
    complaint.lines().find(|line| !line.starts_with("***")).unwrap_or(complaint).to_owned()
}
