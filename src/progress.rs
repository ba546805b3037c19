//! A line that shows the progress of long work, only on a terminal and after a second.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Work that is done within this time shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
const BETWEEN: Duration = Duration::from_millis(100);

/// A progress line. Dropping it erases the line.
#[derive(Debug)]
pub(crate) struct Progress {
    what: String,
    /// The number of steps, if it is known.
    total: Option<u64>,
    next: Option<Instant>,
    shown: bool,
}

impl Progress {
    pub(crate) fn of(what: impl Into<String>, total: Option<u64>) -> Progress {
        // Captured output, CI logs and pipes are not terminals.
        let next = std::io::stderr().is_terminal().then(|| Instant::now() + PATIENCE);
        Progress { what: what.into(), total, next, shown: false }
    }

    /// Reports that `done` steps are done. Cheap enough for every hundredth row, not for every row.
    pub(crate) fn at(&mut self, done: u64) {
        let now = Instant::now();
        if self.next.is_some_and(|next| now >= next) {
            self.next = Some(now + BETWEEN);
            self.shown = true;
            write(&format!("\r\x1b[K{}", self.line(done)));
        }
    }

    fn line(&self, done: u64) -> String {
        match self.total {
            // With more steps than expected, a percentage makes no sense.
            Some(total) if total > 0 && done <= total => {
                format!("{}: {done} of {total} ({} %)", self.what, done * 100 / total)
            }
            _ => format!("{}: {done}", self.what),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            write("\r\x1b[K");
        }
    }
}

/// Writes to the terminal. Errors are ignored: a terminal that is gone is no reason to fail.
fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

#[cfg(test)]
mod tests {
    use super::Progress;

    #[test]
    fn the_line_says_how_much_is_left() {
        assert_eq!(Progress::of("filling orders", Some(400)).line(100), "filling orders: 100 of 400 (25 %)");
        assert_eq!(Progress::of("filling orders", None).line(100), "filling orders: 100");
        assert_eq!(Progress::of("filling orders", Some(400)).line(401), "filling orders: 401");
    }
}
