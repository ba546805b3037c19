//! Files by which processes wait for one another.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Waits until nobody else holds the lock of this file, and holds it until the result is dropped. The file and its folder
/// are made where they are missing. It is not deleted: who waits for a deleted file waits for nobody who comes later.
pub(crate) fn exclusive(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let file = File::options().create(true).append(true).open(path)?;
    file.lock()?;
    Ok(file)
}
