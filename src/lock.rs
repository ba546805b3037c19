//! Lock files, with which processes wait for one another.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Waits until nobody else holds the lock of this file, and holds it until the result is dropped. Creates the file and
/// its folder if they are missing. The file is never deleted: a process that waits for a deleted file would not wait
/// for later ones.
pub(crate) fn exclusive(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let file = File::options().create(true).append(true).open(path)?;
    file.lock()?;
    Ok(file)
}
