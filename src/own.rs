//! Tells the statements of this crate from those of the app and its tests, which may run on the same connection.

use std::cell::Cell;
use std::marker::PhantomData;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// While it lives, what this thread runs is the crate's own. No code of the app's may run meanwhile.
#[derive(Debug)]
pub(crate) struct Own {
    /// It belongs to its thread.
    _thread: PhantomData<*const ()>,
}

/// Says that the statements from here on are the crate's own.
#[must_use = "it ends when it is dropped"]
pub(crate) fn statements() -> Own {
    let _ = DEPTH.try_with(|depth| depth.set(depth.get() + 1));
    Own { _thread: PhantomData }
}

/// Whether what this thread runs is the crate's own.
pub(crate) fn are_running() -> bool {
    DEPTH.try_with(Cell::get).unwrap_or(0) > 0
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get().saturating_sub(1)));
    }
}
