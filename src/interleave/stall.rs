//! Detects a task that is stuck. The only place where the system's clock decides.

use std::path::PathBuf;
use std::time::Duration;

/// Tells a task that is stuck from a slow machine.
#[derive(Default)]
pub(super) struct StallDetector {
    pulse: u64,
    checks: u32,
    idle_checks: u32,
}

impl StallDetector {
    pub(super) const INTERVAL: Duration = Duration::from_millis(250);

    /// Returns true if the task is stuck. To be called at each interval.
    ///
    /// A thread that computes has a minute. One that sleeps for a second, as the system says, waits for something; where
    /// the system does not say, it has ten seconds.
    pub(super) fn is_stalled(&mut self, pulse: u64, thread: Option<PathBuf>) -> bool {
        if pulse != self.pulse {
            *self = StallDetector { pulse, ..StallDetector::default() };
            return false;
        }
        self.checks += 1;
        match thread.and_then(|thread| sleeps(&thread)) {
            Some(true) => self.idle_checks += 1,
            Some(false) => self.idle_checks = 0,
            None => return self.checks >= 40,
        }
        self.idle_checks >= 4 || self.checks >= 240
    }
}

/// Returns the file in which Linux describes this thread.
pub(super) fn this_thread() -> Option<PathBuf> {
    let link = std::fs::read_link("/proc/thread-self").ok()?;
    Some(PathBuf::from("/proc").join(link).join("stat"))
}

/// Returns true if the thread sleeps, or `None` if the system does not say.
fn sleeps(stat: &PathBuf) -> Option<bool> {
    let text = std::fs::read_to_string(stat).ok()?;
    // The name of the thread is in parentheses, and may contain some.
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.trim_start().starts_with('S'))
}
