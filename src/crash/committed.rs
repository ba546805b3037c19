//! Follows the main database from one commit of an action to the next.
//!
//! SQLite reads a WAL from its start, so that to let it recover the files after each of many commits takes the square of their
//! number. All writes are in the log, none is torn: the pages that a commit has appended are put over what was there before.
//! SQLite still recovers each image of a power cut, and the files at the end, which have to be the same.

use crate::db::MAIN;
use crate::explore::{Files, fold};
use crate::sim::Blocks;

/// The sizes of the header of a WAL and of a frame: <https://www.sqlite.org/fileformat2.html#walformat>
const WAL_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// The files after one commit, with the WAL in the database.
pub(super) struct Committed {
    folded: Files,
    wal: Option<Wal>,
}

/// The place in a WAL up to which the database has it.
struct Wal {
    page_size: usize,
    /// Another pair of random numbers means that the WAL began anew.
    salts: Vec<u8>,
    /// The end of the last commit.
    end: usize,
    /// The places and headers of its frames. Their checksums tell a transaction that was written over it, since its sync failed.
    frames: Vec<(usize, Vec<u8>)>,
}

impl Committed {
    /// Lets SQLite fold the files, or returns what it says.
    pub(super) fn of(files: &Files) -> Result<Committed, String> {
        let folded = fold(files)?;
        let wal = wal_of(files).and_then(|wal| {
            let mut known = Wal::of(wal)?;
            while known.next_commit(wal).is_some() {}
            Some(known)
        });
        Ok(Committed { folded, wal })
    }

    /// Returns the files after a later commit.
    pub(super) fn after(mut self, files: &Files) -> Result<Committed, String> {
        match self.advance(files) {
            Some(()) => Ok(self),
            None => Committed::of(files),
        }
    }

    pub(super) fn files(&self) -> &Files {
        &self.folded
    }

    /// Puts the pages of the commits since then over the database. `None` if the WAL is another one.
    fn advance(&mut self, files: &Files) -> Option<()> {
        let (known, wal) = (self.wal.as_mut()?, wal_of(files)?);
        if Wal::of(wal)?.salts != known.salts || !known.has_last_commit(wal) {
            return None;
        }
        let [(_, database)] = self.folded.as_mut_slice() else { return None };
        while let Some(commit) = known.next_commit(wal) {
            for (page, data) in &commit.pages {
                database.write((page - 1) * known.page_size, data);
            }
            database.truncate(commit.pages_after * known.page_size);
        }
        Some(())
    }
}

/// Returns the WAL of the main database, if nothing else is there.
fn wal_of(files: &Files) -> Option<&Blocks> {
    let wal = format!("{MAIN}-wal");
    let is_plain = files.iter().all(|(name, _)| *name == MAIN || *name == wal);
    files.iter().find(|(name, _)| is_plain && *name == wal).map(|(_, bytes)| bytes)
}

/// The pages that a transaction has changed, and the number of pages afterwards.
struct Commit {
    pages: Vec<(usize, Vec<u8>)>,
    pages_after: usize,
}

impl Wal {
    fn of(wal: &Blocks) -> Option<Wal> {
        let header = wal.copy(0, WAL_HEADER)?;
        let page_size = number(&header, 8)?;
        Some(Wal { page_size, salts: header[16..24].to_vec(), end: WAL_HEADER, frames: Vec::new() })
    }

    /// Returns true if the last known commit is there as it was.
    fn has_last_commit(&self, wal: &Blocks) -> bool {
        let is_there = |(at, header): &(usize, Vec<u8>)| wal.copy(*at, FRAME_HEADER).as_ref() == Some(header);
        wal.len() >= self.end && self.frames.iter().all(is_there)
    }

    /// Reads the next transaction, and goes to its end. `None` if it is not complete.
    fn next_commit(&mut self, wal: &Blocks) -> Option<Commit> {
        let (mut pages, mut frames) = (Vec::new(), Vec::new());
        let mut at = self.end;
        loop {
            let header = wal.copy(at, FRAME_HEADER)?;
            let (page, pages_after) = (number(&header, 0)?, number(&header, 4)?);
            if header[8..16] != self.salts || page == 0 {
                return None;
            }
            pages.push((page, wal.copy(at + FRAME_HEADER, self.page_size)?));
            frames.push((at, header));
            at += FRAME_HEADER + self.page_size;
            if pages_after > 0 {
                (self.end, self.frames) = (at, frames);
                return Some(Commit { pages, pages_after });
            }
        }
    }
}

/// Reads four bytes.
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(four)).ok()
}
