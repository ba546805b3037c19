//! Lock files, with which processes wait for one another.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::real_file;

/// The time that a process waits for another.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The time that a process waits for one that is stopped.
const PATIENCE_WITH_STOPPED: Duration = Duration::from_secs(1);

/// Waits until nobody else holds the lock of this file, and holds it until the result is dropped. Creates the file and
/// its folder if they are missing. If it is held for longer than `patience`, the error names the process that holds it.
///
/// The file is never deleted: a process that waits for a deleted file would not wait for later ones.
pub(crate) fn exclusive(path: &Path, patience: Duration) -> io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut file = real_file::open_or_create(path)?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => wait(path, start.elapsed(), patience)?,
        }
    }
    // For others, who may have to say whom they wait for.
    file.set_len(0)?;
    write!(file, "{}", std::process::id())?;
    Ok(file)
}

/// Waits a little.
///
/// # Errors
/// If that was enough.
fn wait(path: &Path, waited: Duration, patience: Duration) -> io::Result<()> {
    let pause = match waited > PATIENCE_WITH_STOPPED {
        true => Duration::from_millis(50),
        false => Duration::from_millis(2),
    };
    let holder = || fs::read_to_string(path).unwrap_or_default();
    let is_stopped = waited > PATIENCE_WITH_STOPPED && is_stopped(&holder());
    if waited <= patience && !is_stopped {
        std::thread::sleep(pause);
        return Ok(());
    }
    let who = match holder() {
        holder if holder.is_empty() => String::from("another process"),
        holder => format!("process {holder}{}", if is_stopped { ", which is stopped," } else { "" }),
    };
    let text = format!("{who} has held {} for {} seconds", path.display(), waited.as_secs());
    Err(io::Error::new(ErrorKind::TimedOut, text))
}

/// Returns true if a process was stopped by a signal or a debugger.
fn is_stopped(process: &str) -> bool {
    let state = || -> Option<char> {
        let number: u32 = process.parse().ok()?;
        let text = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
        // The name of the command is in parentheses, and may have parentheses itself.
        text.rsplit_once(')')?.1.trim_start().chars().next()
    };
    matches!(state(), Some('T' | 't'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_ever_and_the_error_names_the_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let held = exclusive(&path, PATIENCE).unwrap();
        let error = exclusive(&path, Duration::from_millis(20)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(error.to_string().starts_with(&format!("process {} has held ", std::process::id())), "{error}");
        drop(held);
        exclusive(&path, Duration::ZERO).unwrap();
    }
}
