//! Lock files, with which processes wait for one another.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::real_file;

/// Waits until nobody else holds the lock of this file, and holds it until the result is dropped. Creates the file and
/// its folder if they are missing. If it is held too long, the error names the process that holds it.
///
/// The file is never deleted: a process that waits for a deleted file would not wait for later ones.
pub(crate) fn exclusive(path: &Path) -> io::Result<File> {
    exclusive_within(PATIENCE, path)
}

fn exclusive_within(patience: Duration, path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    real_file::require_replaceable(path)?;
    let mut file = File::options().create(true).append(true).read(true).open(path)?;
    let end = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() > end => return Err(held(patience, path)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
    // For others, who may have to say whom they wait for.
    file.set_len(0)?;
    write!(file, "{}", std::process::id())?;
    Ok(file)
}

/// The time that a process waits for another.
const PATIENCE: Duration = Duration::from_secs(20);

fn held(patience: Duration, path: &Path) -> io::Error {
    let holder = fs::read_to_string(path).unwrap_or_default();
    let who = if holder.is_empty() { String::from("another process") } else { format!("process {holder}") };
    io::Error::new(ErrorKind::TimedOut, format!("{who} has held {} for {} seconds", path.display(), patience.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_ever_and_the_error_names_the_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let held = exclusive(&path).unwrap();
        let error = exclusive_within(Duration::from_millis(20), &path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(error.to_string().starts_with(&format!("process {} has held ", std::process::id())), "{error}");
        drop(held);
        exclusive_within(Duration::ZERO, &path).unwrap();
    }
}
