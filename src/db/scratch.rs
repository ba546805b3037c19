//! Databases that are created, read and thrown away by the hundred. They belong to no test, so they are neither
//! recorded nor kept.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::image::{self, Functions, Image, MAIN};
use super::profile::Profile;
use super::testdb::TestDb;
use crate::error::{Error, Result};
use crate::sim::Disk;

/// The time on all their clocks, 2026-03-01T12:00:00Z, so that `CURRENT_TIMESTAMP` is the same in all of them.
const NOON: std::time::Duration = std::time::Duration::from_secs(1_772_366_400);

/// The setup of connections to scratch databases.
#[derive(Clone, Copy)]
pub(crate) struct Workshop {
    pub(super) profile: Profile,
    pub(super) functions: Option<Functions>,
}

/// A database and its connection, to which it dereferences.
pub(crate) struct Scratch {
    connection: Connection,
    disk: Arc<Disk>,
    workshop: Workshop,
}

impl Workshop {
    /// Creates a database without tables.
    pub(crate) fn empty(self) -> Result<Scratch> {
        self.over(Image::build(&self.profile, self.functions, |_| Ok(()))?)
    }

    /// Creates a database from an image.
    pub(crate) fn over(self, image: Image) -> Result<Scratch> {
        self.on(Disk::holding(MAIN, image.blocks))
    }

    /// Creates a database from a file and the WAL or journal beside it, as an app would find them.
    pub(crate) fn read(self, path: &Path) -> Result<Scratch> {
        let mut files = vec![(MAIN.to_owned(), Image::read(path)?.blocks)];
        for suffix in ["-wal", "-journal"] {
            let beside = image::with_suffix(path, suffix);
            if beside.exists() {
                files.push((format!("{MAIN}{suffix}"), Image::read(&beside)?.blocks));
            }
        }
        self.on(Disk::with_files(files))
    }

    /// Creates a test's database from an image, for explorers.
    pub(crate) fn test_db(self, image: &Image) -> Result<TestDb> {
        let db = TestDb::in_memory(image, self.profile, self.functions)?.unchecked();
        db.clock().stop_at(NOON);
        Ok(db)
    }

    fn on(self, disk: Arc<Disk>) -> Result<Scratch> {
        disk.clock().stop_at(NOON);
        let mut connection = image::open(&disk, Path::new(&disk.path_of(MAIN)), self.functions)?;
        self.profile.apply_again(&mut connection)?;
        Ok(Scratch { connection, disk, workshop: self })
    }
}

impl Scratch {
    /// Returns what is committed.
    pub(crate) fn image(self) -> Result<Image> {
        Image::of(self.connection, &self.disk)
    }

    /// Returns what is committed. The connection stays open.
    pub(crate) fn current_image(&self) -> Result<Image> {
        image::checkpoint(&self.connection)?;
        Ok(Image { blocks: self.disk.read(MAIN).unwrap_or_default() })
    }

    /// Copies what is committed.
    pub(crate) fn copy(&self) -> Result<Scratch> {
        self.workshop.on(self.disk.fork())
    }

    /// Returns true if nothing was written since the database was made from this image. This is cheaper than comparing
    /// contents.
    pub(crate) fn is_untouched(&self, since: &Image) -> bool {
        let is_empty = |suffix: &str| self.disk.read(&format!("{MAIN}{suffix}")).is_none_or(|bytes| bytes.len() == 0);
        let same = self.disk.read(MAIN).is_some_and(|bytes| bytes.are_shared_with(&since.blocks));
        same && is_empty("-wal") && is_empty("-journal")
    }

    /// Returns the number of pages in the WAL.
    pub(crate) fn pages_in_wal(&self) -> u64 {
        let page: u32 = self.connection.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap_or(4096);
        // Behind the header of the WAL, each page has a header: https://www.sqlite.org/fileformat2.html#walformat
        let bytes = self.disk.read(&format!("{MAIN}-wal")).map_or(0, |bytes| bytes.len().saturating_sub(32) as u64);
        bytes / (u64::from(page) + 24)
    }

    /// Returns what an app finds when it restarts.
    pub(crate) fn image_after_restart(self) -> Result<Image> {
        let has_journal = self.disk.read(&format!("{MAIN}-journal")).is_some_and(|bytes| bytes.len() > 0);
        if self.connection.is_autocommit() && !has_journal {
            // A new connection would find nothing to roll back.
            return self.image();
        }
        self.connection.close().map_err(|(_, error)| Error::sqlite("close a database", error))?;
        self.workshop.on(self.disk)?.image()
    }
}

impl Deref for Scratch {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}
