//! The folder that an app's own runner reads, as a part of what a cached template is made of.

use std::path::{Path, PathBuf};

use super::cache::KeyBuilder;
use crate::env;
use crate::error::{Error, Result};
use crate::order::Order as _;
use crate::real_file;

/// Adds the names and contents of all files in a folder and those below it to a key. The path is relative to the package.
pub(super) fn add_files(key: &mut KeyBuilder, folder: &str) -> Result<()> {
    let folder = env::package_dir().join(folder);
    let mut files = Vec::new();
    list(&folder, &mut files).map_err(|error| {
        Error::io("read what the template watches", &folder, error).help("it is relative to the package")
    })?;
    files.order();
    for file in files {
        let bytes =
            real_file::read(&file).map_err(|error| Error::io("read what the template watches", &file, error))?;
        key.bytes(file.strip_prefix(&folder).unwrap_or(&file).as_os_str().as_encoded_bytes());
        key.bytes(&bytes);
    }
    Ok(())
}

/// Lists the ordinary files in a folder and those below it. Links are left out.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            list(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}
