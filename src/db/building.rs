//! Finds templates that wait for each other: code that builds one may make databases of another.
//!
//! A template is built once, and other threads wait for it. Without a look at who waits for whom, a template whose code needs
//! itself, or two that need each other, would wait for ever.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use once_cell::sync::OnceCell;

use crate::error::{Error, ErrorKind, Result};

/// A template by the address of what it builds, and the version if it builds one of several.
type Which = (usize, Option<i64>);

struct Threads {
    building: Vec<(Which, ThreadId)>,
    waiting: Vec<(ThreadId, Which)>,
}

static THREADS: Mutex<Threads> = Mutex::new(Threads { building: Vec::new(), waiting: Vec::new() });

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
    let turn = Turn::wait_for((std::ptr::from_ref(cell).addr(), None))?;
    cell.get_or_try_init(|| {
        turn.builds();
        build()
    })
}

/// Builds a version of a template, for which no other thread waits.
///
/// # Errors
/// If `build` fails, or if it needs this version itself.
pub(super) fn version<T, V>(template: &T, version: i64, build: impl FnOnce() -> Result<V>) -> Result<V> {
    let (which, thread) = ((std::ptr::from_ref(template).addr(), Some(version)), this_thread());
    if threads().building.contains(&(which, thread)) {
        return Err(needs_itself(true));
    }
    let turn = Turn { which, thread };
    turn.builds();
    build()
}

/// Lasts while a thread waits for a template or builds it.
struct Turn {
    which: Which,
    thread: ThreadId,
}

impl Turn {
    /// Called before a thread waits for a template that is not built yet.
    ///
    /// # Errors
    /// If that template waits for this thread.
    fn wait_for(which: Which) -> Result<Turn> {
        let thread = this_thread();
        let mut threads = threads();
        let mut next = which;
        while let Some((_, builder)) = threads.building.iter().find(|(of, _)| *of == next) {
            if *builder == thread {
                return Err(needs_itself(next == which));
            }
            match threads.waiting.iter().find(|(waits, _)| waits == builder) {
                Some((_, for_that)) => next = *for_that,
                None => break,
            }
        }
        threads.waiting.push((thread, which));
        Ok(Turn { which, thread })
    }

    /// Called when it is this thread that builds the template.
    fn builds(&self) {
        let mut threads = threads();
        threads.stop_waiting(self);
        threads.building.push((self.which, self.thread));
    }
}

impl Threads {
    fn stop_waiting(&mut self, turn: &Turn) {
        if let Some(place) = self.waiting.iter().rposition(|one| *one == (turn.thread, turn.which)) {
            self.waiting.remove(place);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut threads = threads();
        threads.stop_waiting(self);
        threads.building.retain(|one| *one != (self.which, self.thread));
    }
}

fn needs_itself(directly: bool) -> Error {
    let what = if directly { "itself" } else { "another one that needs it" };
    Error::new(ErrorKind::Template, format!("the template needs {what} while it is built"))
        .help("its migrations, functions or seed must not make databases of it: use another template there")
}
