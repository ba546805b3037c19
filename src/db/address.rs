//! Where a database is and how it is opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use super::image::{self, Functions, MAIN};
use super::profile::Profile;
use crate::error::{Error, Result};
use crate::sim::{Blocks, Disk};

/// Where a database is and how it is opened. A database in memory lives as long as one of its addresses.
#[derive(Clone)]
pub(crate) struct Address {
    disk: Arc<Disk>,
    /// The path by which SQLite knows the file.
    file: PathBuf,
    profile: Profile,
    functions: Option<Functions>,
}

impl Address {
    /// The address of a database on a disk in memory.
    pub(super) fn in_memory(disk: Arc<Disk>, profile: Profile, functions: Option<Functions>) -> Address {
        let file = PathBuf::from(disk.path_of(MAIN));
        Address { disk, file, profile, functions }
    }

    /// The address of a real file.
    pub(super) fn on_disk(disk: Arc<Disk>, file: PathBuf, profile: Profile, functions: Option<Functions>) -> Address {
        Address { disk, file, profile, functions }
    }

    /// Opens a connection that is set up as the profile says.
    pub(crate) fn connect(&self) -> Result<Connection> {
        let mut connection = self.look()?;
        let _own = crate::own::statements();
        self.profile.apply_to_copy(&mut connection)?;
        Ok(connection)
    }

    /// Opens a connection without the profile, for reading what is there.
    pub(crate) fn look(&self) -> Result<Connection> {
        image::open(&self.disk, &self.file, self.functions)
    }

    /// Copies a database in memory.
    pub(crate) fn fork(&self) -> Address {
        Address::in_memory(self.disk.fork(), self.profile, self.functions)
    }

    /// Returns another address of this database in memory. What is opened by it passes a gate of its own.
    pub(crate) fn view(&self) -> Address {
        Address::in_memory(self.disk.view(), self.profile, self.functions)
    }

    /// Copies the database into memory as it is committed.
    pub(crate) fn committed(&self) -> Result<Address> {
        if self.file.to_str().is_some_and(Disk::is_simulated) {
            return Ok(self.fork());
        }
        let copy = Address::in_memory(Disk::in_memory(), self.profile, self.functions);
        image::back_up(&self.look()?, &mut copy.look()?).map_err(|error| Error::sqlite("copy the database", error))?;
        copy.disk.clock().show(self.disk.clock());
        Ok(copy)
    }

    /// Returns the address of these files, with the profile, functions and clock of this one.
    pub(crate) fn holding(&self, files: impl IntoIterator<Item = (String, Blocks)>) -> Address {
        let disk = Disk::with_files(files);
        disk.clock().show(self.disk.clock());
        Address::in_memory(disk, self.profile, self.functions)
    }

    pub(crate) fn disk(&self) -> &Arc<Disk> {
        &self.disk
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    pub(crate) fn profile(&self) -> &Profile {
        &self.profile
    }

    pub(crate) fn functions(&self) -> Option<Functions> {
        self.functions
    }
}

/// Opens a database file on a disk in memory, with only the app's functions registered.
pub(crate) fn open_as_it_is(disk: &Disk, name: &str, functions: Option<Functions>) -> Result<Connection> {
    image::open(disk, Path::new(&disk.path_of(name)), functions)
}

/// Returns the URL by which sqlx and sea-orm open the database of a URI.
pub(crate) fn url_of(uri: &str) -> String {
    uri.replacen("file:", "sqlite:", 1)
}

/// Returns a path as SQLite reads it in a URI, see <https://www.sqlite.org/uri.html>.
pub(crate) fn percent_encoded(path: &Path) -> String {
    let mut text = String::new();
    let bytes = path.as_os_str().as_encoded_bytes();
    if !bytes.starts_with(b"/") {
        // A drive letter of Windows.
        text.push('/');
    }
    for &byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'~' | b':' => {
                text.push(char::from(byte));
            }
            b'\\' if cfg!(windows) => text.push('/'),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::percent_encoded;

    #[test]
    fn what_means_something_in_a_uri_is_encoded() {
        assert_eq!(percent_encoded(Path::new("/a b/c?d#e%f'g\"/ü.db")), "/a%20b/c%3Fd%23e%25f%27g%22/%C3%BC.db");
        assert_eq!(percent_encoded(Path::new("/tmp/x-1_2.~/main.db")), "/tmp/x-1_2.~/main.db");
    }
}
