//! Tells a task that is stuck from a slow machine.

use std::time::Duration;

/// Tells a task that is stuck from a slow machine.
#[derive(Default)]
pub(super) struct StallDetector {
    pulse: u64,
    checks: u32,
    /// The checks at which its threads waited. On a busy machine, one counts less.
    idle_checks: f64,
}

impl StallDetector {
    pub(super) const INTERVAL: Duration = Duration::from_millis(10);

    /// Returns true if the task is stuck. To be called at each interval, with true if all its threads wait for others.
    ///
    /// A thread that computes or sleeps for a time has a minute. A task that waits for others for a second, as the system
    /// says, is stuck; where the system does not say, it has ten seconds.
    pub(super) fn is_stalled(&mut self, pulse: u64, waits: Option<bool>) -> bool {
        if pulse != self.pulse {
            *self = StallDetector { pulse, ..StallDetector::default() };
            return false;
        }
        self.checks += 1;
        match waits {
            Some(true) => self.idle_checks += 1.0 / crowd(),
            Some(false) => self.idle_checks = 0.0,
            None => return self.checks >= 1_000,
        }
        self.idle_checks >= 100.0 || self.checks >= 6_000
    }

    /// Returns true if the task waits for another one, such as for a mutex.
    pub(super) fn waits_for_others(&self) -> bool {
        self.idle_checks >= 3.0
    }
}

/// Returns how many threads of the system want to run for each processor, at least 1.
///
/// A thread may wait for one that holds a mutex of SQLite or of another test, and that has no processor.
fn crowd() -> f64 {
    let running = || {
        let load = std::fs::read_to_string("/proc/loadavg").ok()?;
        load.split_whitespace().nth(3)?.split('/').next()?.parse::<f64>().ok()
    };
    let processors = std::thread::available_parallelism().map_or(1.0, |number| number.get() as f64);
    (running().unwrap_or(1.0) / processors).max(1.0)
}
