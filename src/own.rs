//! Distinguishes the statements of this crate from those of the app and its tests, which may use the same connection.

use std::cell::Cell;
use std::marker::PhantomData;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// While this guard lives, the statements of this thread are the crate's own. No code of the app may run meanwhile.
#[derive(Debug)]
pub(crate) struct Own {
    /// Makes it `!Send`, because it belongs to its thread.
    _thread: PhantomData<*const ()>,
}

/// Marks the statements from here on as the crate's own.
#[must_use = "it ends when it is dropped"]
pub(crate) fn statements() -> Own {
    let _ = DEPTH.try_with(|depth| depth.set(depth.get() + 1));
    Own { _thread: PhantomData }
}

/// Returns true if the statements of this thread are the crate's own.
pub(crate) fn are_running() -> bool {
    DEPTH.try_with(Cell::get).unwrap_or(0) > 0
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get().saturating_sub(1)));
    }
}
