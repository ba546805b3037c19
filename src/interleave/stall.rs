//! Whether a task is stuck. The only place where a wall clock decides.

use std::path::PathBuf;
use std::time::Duration;

/// Whether a task that shows no sign of life is stuck, or the machine is merely slow.
#[derive(Default)]
pub(super) struct StallDetector {
    pulse: u64,
    looks: u32,
    idle_checks: u32,
}

impl StallDetector {
    pub(super) const LOOK: Duration = Duration::from_millis(250);

    /// A thread that computes is given a minute. One that sleeps for a second, as the system tells, waits for something;
    /// where the system does not tell, it is given ten.
    pub(super) fn is_stalled(&mut self, pulse: u64, thread: Option<PathBuf>) -> bool {
        if pulse != self.pulse {
            *self = StallDetector { pulse, ..StallDetector::default() };
            return false;
        }
        self.looks += 1;
        match thread.and_then(|thread| sleeps(&thread)) {
            Some(true) => self.idle_checks += 1,
            Some(false) => self.idle_checks = 0,
            None => return self.looks >= 40,
        }
        self.idle_checks >= 4 || self.looks >= 240
    }
}

/// Where the system tells about this thread, on Linux.
pub(super) fn this_thread() -> Option<PathBuf> {
    let link = std::fs::read_link("/proc/thread-self").ok()?;
    Some(PathBuf::from("/proc").join(link).join("stat"))
}

/// Whether the system says that a thread sleeps.
fn sleeps(stat: &PathBuf) -> Option<bool> {
    let text = std::fs::read_to_string(stat).ok()?;
    // The name of the thread stands in parentheses, and may have some itself.
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.trim_start().starts_with('S'))
}
