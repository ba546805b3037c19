//! Finds templates that wait for each other: code that builds one may make databases of another.
//!
//! A template is built once, and other threads wait for it. Without a look at who waits for whom, a template whose code needs
//! itself, or two that need each other, would wait for ever.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use once_cell::sync::OnceCell;

use crate::error::{Error, ErrorKind, Result};

/// A template by the address of what it builds, and the version if it builds one of several.
type Which = (usize, Option<i64>);

struct Threads {
    building: Vec<(Which, ThreadId)>,
    waiting: Vec<(ThreadId, Which)>,
}

static THREADS: Mutex<Threads> = Mutex::new(Threads { building: Vec::new(), waiting: Vec::new() });

/// Notified when a thread has built a template.
static BUILT: Condvar = Condvar::new();

thread_local! {
    /// The thread that waits for this one, if it was started to run a template's code.
    static STARTED_BY: Cell<Option<ThreadId>> = const { Cell::new(None) };
}

fn threads() -> MutexGuard<'static, Threads> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the thread for which this one works.
pub(super) fn this_thread() -> ThreadId {
    STARTED_BY.get().unwrap_or_else(|| std::thread::current().id())
}

/// Makes the current thread work for another, which waits for it.
pub(super) fn work_for(thread: ThreadId) {
    STARTED_BY.set(Some(thread));
}

/// Returns what is in the cell, and builds it first if it is not there. Other threads wait meanwhile.
///
/// # Errors
/// If `build` fails, or if it needs the cell itself.
pub(super) fn once<T>(cell: &OnceCell<T>, build: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(built) = cell.get() {
        return Ok(built);
    }
    let _turn = Turn::wait_for((std::ptr::from_ref(cell).addr(), None))?;
    cell.get_or_try_init(build)
}

/// Builds a version of a template, for which no other thread waits.
///
/// # Errors
/// If `build` fails, or if it needs this version itself.
pub(super) fn version<T, V>(template: &T, version: i64, build: impl FnOnce() -> Result<V>) -> Result<V> {
    let (which, thread) = ((std::ptr::from_ref(template).addr(), Some(version)), this_thread());
    let _turn = {
        let mut threads = threads();
        if threads.building.contains(&(which, thread)) {
            return Err(needs_itself(true));
        }
        threads.building.push((which, thread));
        Turn { which, thread }
    };
    build()
}

/// Lasts while a thread builds a template.
struct Turn {
    which: Which,
    thread: ThreadId,
}

impl Turn {
    /// Waits until no other thread builds this template.
    ///
    /// # Errors
    /// If that would never end.
    fn wait_for(which: Which) -> Result<Turn> {
        let thread = this_thread();
        let mut idle = IdleTime::new();
        let mut threads = threads();
        while threads.builder(which).is_some() {
            threads.require_no_circle(which, thread)?;
            threads.waiting.push((thread, which));
            threads = BUILT.wait_timeout(threads, Duration::from_secs(1)).unwrap_or_else(PoisonError::into_inner).0;
            if let Some(place) = threads.waiting.iter().rposition(|one| *one == (thread, which)) {
                threads.waiting.remove(place);
            }
            if idle.now() > PATIENCE {
                return Err(is_stuck());
            }
        }
        threads.building.push((which, thread));
        Ok(Turn { which, thread })
    }
}

impl Threads {
    fn builder(&self, which: Which) -> Option<ThreadId> {
        self.building.iter().find(|(of, _)| *of == which).map(|(_, builder)| *builder)
    }

    /// Returns an error if a template waits for this thread.
    fn require_no_circle(&self, which: Which, thread: ThreadId) -> Result<()> {
        let mut next = which;
        while let Some(builder) = self.builder(next) {
            if builder == thread {
                return Err(needs_itself(next == which));
            }
            match self.waiting.iter().find(|(waits, _)| *waits == builder) {
                Some((_, for_that)) => next = *for_that,
                None => break,
            }
        }
        Ok(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut threads = threads();
        if let Some(place) = threads.building.iter().rposition(|one| *one == (self.which, self.thread)) {
            threads.building.remove(place);
        }
        drop(threads);
        BUILT.notify_all();
    }
}

/// The time that a thread waits for a template while nothing runs in the process: its code may have started a thread that waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// For how long nothing has run in this process.
struct IdleTime {
    since: Instant,
    ticks: Option<u64>,
}

impl IdleTime {
    fn new() -> IdleTime {
        IdleTime { since: Instant::now(), ticks: None }
    }

    /// Returns zero where the system does not tell.
    fn now(&mut self) -> Duration {
        let ticks = ticks();
        // Many threads that look at this take a few themselves.
        let is_idle = ticks.zip(self.ticks).is_some_and(|(now, before)| now < before + 10);
        if !is_idle {
            *self = IdleTime { since: Instant::now(), ticks };
        }
        self.since.elapsed()
    }
}

/// Returns the hundredths of seconds that this process has run.
fn ticks() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

fn needs_itself(directly: bool) -> Error {
    let what = if directly { "itself" } else { "another one that needs it" };
    Error::new(ErrorKind::Template, format!("the template needs {what} while it is built"))
        .help("its migrations, functions or seed must not make databases of it: use another template there")
}

fn is_stuck() -> Error {
    let seconds = PATIENCE.as_secs();
    Error::new(ErrorKind::Template, format!("the template was not built while nothing ran for {seconds} seconds"))
        .help("if its migrations, functions or seed wait for another thread, that one must not make databases of it")
}
