//! Counts the rows that running statements have returned, without a lock: by thread, for a thread runs its statements.

use std::cell::RefCell;

thread_local! {
    /// Statements by their addresses, with their rows. The one that returned a row last is the last.
    static RETURNED: RefCell<Vec<(usize, u64)>> = const { RefCell::new(Vec::new()) };
}

/// Counts a row of a statement.
pub(super) fn add(statement: usize) {
    let _ = RETURNED.try_with(|returned| {
        let Ok(mut returned) = returned.try_borrow_mut() else { return };
        match returned.last_mut() {
            Some((last, rows)) if *last == statement => *rows += 1,
            _ => {
                let place = returned.iter().position(|(known, _)| *known == statement);
                let rows = place.map_or(0, |place| returned.remove(place).1);
                returned.push((statement, rows + 1));
            }
        }
    });
}

/// Returns the number of rows of a statement, and forgets it.
pub(super) fn take(statement: usize) -> u64 {
    let taken = RETURNED.try_with(|returned| {
        let mut returned = returned.try_borrow_mut().ok()?;
        if returned.is_empty() {
            return None;
        }
        let place = returned.iter().rposition(|(known, _)| *known == statement)?;
        Some(returned.remove(place).1)
    });
    taken.ok().flatten().unwrap_or(0)
}
