//! Tells a thread of a task that runs from one that sleeps or waits for another one, as Linux says.

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
    pub(super) const INTERVAL: Duration = Duration::from_millis(10);

    /// Returns true if the task is stuck. To be called at each interval.
    ///
    /// A thread that computes or sleeps for a time has a minute. One that waits for another one for a second, as the system
    /// says, is stuck; where the system does not say, it has ten seconds.
    pub(super) fn is_stalled(&mut self, pulse: u64, thread: Option<PathBuf>) -> bool {
        if pulse != self.pulse {
            *self = StallDetector { pulse, ..StallDetector::default() };
            return false;
        }
        self.checks += 1;
        match thread.and_then(|thread| waits(&thread)) {
            Some(true) => self.idle_checks += 1,
            Some(false) => self.idle_checks = 0,
            None => return self.checks >= 1_000,
        }
        self.idle_checks >= 100 || self.checks >= 6_000
    }

    /// Returns true if the task waits for another one, such as for a mutex.
    pub(super) fn waits_for_others(&self) -> bool {
        self.idle_checks >= 3
    }
}

/// Returns the file in which Linux describes this thread.
pub(super) fn this_thread() -> Option<PathBuf> {
    let link = std::fs::read_link("/proc/thread-self").ok()?;
    Some(PathBuf::from("/proc").join(link).join("stat"))
}

/// Returns true for the system calls of `std::thread::sleep`.
fn is_sleep(call: u32) -> bool {
    let calls: &[u32] = match std::env::consts::ARCH {
        "x86_64" => &[35, 230],
        "aarch64" | "riscv64" => &[101, 115],
        _ => &[],
    };
    calls.contains(&call)
}

/// Returns true if the thread waits, but not for a time to pass, or `None` if the system does not say.
pub(super) fn waits(stat: &PathBuf) -> Option<bool> {
    let text = std::fs::read_to_string(stat).ok()?;
    // The name of the thread is in parentheses, and may contain some.
    let (_, rest) = text.rsplit_once(')')?;
    let call = std::fs::read_to_string(stat.with_file_name("syscall")).unwrap_or_default();
    let number = call.split_whitespace().next().and_then(|number| number.parse().ok());
    Some(rest.trim_start().starts_with('S') && !number.is_some_and(is_sleep))
}
