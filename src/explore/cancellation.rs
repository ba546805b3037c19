//! Futures that are dropped before their end, as an async runtime does with those that are cancelled.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::trace::{Listener, Start, Started};

/// Drops a future while one of its statements runs: what it waits for happens, and it never gets to know.
#[derive(Debug)]
pub struct Cancellation {
    /// False for code that is no future, and cannot be dropped.
    is_of_a_future: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the statement, from 1.
    at: Option<u64>,
    statements: u64,
    cancelled_at: Option<String>,
    /// True if it has waited for so long that it is given up.
    is_given_up: bool,
    waker: Option<Waker>,
}

impl Cancellation {
    pub(crate) fn new(is_of_a_future: bool) -> Arc<Cancellation> {
        Arc::new(Cancellation { is_of_a_future, state: Mutex::default() })
    }

    /// Returns true for code that is a future.
    pub(crate) fn is_of_a_future(&self) -> bool {
        self.is_of_a_future
    }

    /// Notes that the code is run.
    pub(super) fn begin(&self) {
        self.lock().is_given_up = false;
    }

    /// Gives up code that waits in vain: a future is dropped, and other code is waited for.
    pub(super) fn give_up(&self) {
        let mut state = self.lock();
        state.is_given_up = true;
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Returns true if the code was given up.
    pub(crate) fn is_given_up(&self) -> bool {
        self.lock().is_given_up
    }

    /// Starts again, and drops the next future at this statement, or at none.
    pub(crate) fn set(&self, at: Option<u64>) {
        *self.lock() = State { at, ..State::default() };
    }

    /// Returns the number of statements that have started.
    pub(crate) fn statements(&self) -> u64 {
        self.lock().statements
    }

    /// Returns the statement at which a future was dropped.
    pub(crate) fn cancelled_at(&self) -> Option<String> {
        self.lock().cancelled_at.clone()
    }

    /// Runs a future. `None` if it is cancelled.
    pub(super) async fn run<F: Future>(self: Arc<Cancellation>, future: F) -> Option<F::Output> {
        let mut future = Some(Box::pin(future));
        poll_fn(move |context| self.poll(&mut future, context)).await
    }

    fn poll<F: Future>(&self, future: &mut Option<Pin<Box<F>>>, context: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let mut state = self.lock();
        state.waker = Some(context.waker().clone());
        let is_cancelled = state.cancelled_at.is_some() || state.is_given_up;
        drop(state);
        match future {
            Some(running) if !is_cancelled => running.as_mut().poll(context).map(Some),
            _ => {
                // On the runtime, as there.
                *future = None;
                Poll::Ready(None)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Cancellation {
    fn starts(&self, statement: &Started<'_>) -> Start {
        let mut state = self.lock();
        state.statements += 1;
        if state.at == Some(state.statements) {
            state.cancelled_at = Some((statement.text)());
            let waker = state.waker.take();
            drop(state);
            waker.into_iter().for_each(Waker::wake);
        }
        Start::Runs
    }
}
