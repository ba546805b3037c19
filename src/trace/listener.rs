//! Listeners: code that is called on the thread of a statement while the statement starts and ends.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;

use super::registry;

/// Is called for the statements that its own thread runs, while they run. It may block that thread.
pub(crate) trait Listener {
    /// A statement of the app starts. `text` returns its SQL with the bound values.
    fn starts(&self, text: &dyn Fn() -> String);
    /// A statement has run to its end, or is about to be reset.
    fn ends(&self);
}

thread_local! {
    static LISTENER: RefCell<Option<Arc<dyn Listener>>> = const { RefCell::new(None) };
}

/// Calls `listener` for this thread's statements on every connection that carries the hook, until the guard is dropped.
pub(crate) fn listen(listener: Arc<dyn Listener>) -> ListenerGuard {
    LISTENER.set(Some(listener));
    ListenerGuard { _wanted: registry::Wanted::new(), _of_this_thread: PhantomData }
}

/// Removes the listener of this thread when it is dropped.
pub(crate) struct ListenerGuard {
    _wanted: registry::Wanted,
    _of_this_thread: PhantomData<*const ()>,
}

impl Drop for ListenerGuard {
    fn drop(&mut self) {
        let _ = LISTENER.try_with(RefCell::take);
    }
}

/// Returns the listener of this thread.
pub(super) fn of_this_thread() -> Option<Arc<dyn Listener>> {
    LISTENER.try_with(|listener| listener.borrow().clone()).ok().flatten()
}
