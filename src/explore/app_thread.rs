//! Tells a thread that runs from one that sleeps or waits for another one, as Linux says.

use std::path::PathBuf;
use std::thread::ThreadId;

/// A thread that runs the app's code.
#[derive(Clone, Debug)]
pub(crate) struct AppThread {
    id: ThreadId,
    /// The file in which Linux describes it.
    stat: Option<PathBuf>,
}

thread_local! {
    static HERE: AppThread = AppThread::look();
}

impl AppThread {
    /// Returns this thread.
    pub(crate) fn here() -> AppThread {
        HERE.try_with(Clone::clone).unwrap_or_else(|_| AppThread::look())
    }

    fn look() -> AppThread {
        let link = std::fs::read_link("/proc/thread-self").ok();
        let stat = link.map(|link| PathBuf::from("/proc").join(link).join("stat"));
        AppThread { id: std::thread::current().id(), stat }
    }

    pub(crate) fn is(&self, other: &AppThread) -> bool {
        self.id == other.id
    }

    /// Returns true if the thread waits, but not for a time to pass, or is over. `None` if the system does not say.
    pub(crate) fn waits(&self) -> Option<bool> {
        let stat = self.stat.as_ref()?;
        let Ok(text) = std::fs::read_to_string(stat) else { return Some(true) };
        // The name of the thread is in parentheses, and may contain some.
        let (_, rest) = text.rsplit_once(')')?;
        let call = std::fs::read_to_string(stat.with_file_name("syscall")).unwrap_or_default();
        let number = call.split_whitespace().next().and_then(|number| number.parse().ok());
        Some(rest.trim_start().starts_with('S') && !number.is_some_and(is_sleep))
    }
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
