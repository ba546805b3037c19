//! The order of the transactions of a run: one after another in this order, they have to give the same.
//!
//! A transaction that writes counts where it gives up the write lock, and one that only reads where it takes its snapshot. One
//! that was refused the write lock has done nothing.

use super::run::{Event, ScheduleRecord};
use crate::order::Order as _;

#[derive(Clone, Copy)]
struct Transaction {
    task: usize,
    place: usize,
    /// True if it has taken its snapshot.
    reads: bool,
    writes: bool,
    is_refused: bool,
}

/// Returns the task of each transaction, in order.
pub(super) fn in_order(record: &ScheduleRecord) -> Vec<u8> {
    let mut found: Vec<Transaction> = Vec::new();
    let mut last_lines = vec![None; record.statements.len()];
    for (place, event) in record.events.iter().enumerate() {
        let Some(line) = event.line.filter(|_| !event.waits_for_nothing_done()) else { continue };
        let starts = last_lines[event.task].replace(line) != Some(line);
        if starts && !record.lines[line].in_transaction {
            let task = event.task;
            found.push(Transaction { task, place, reads: false, writes: false, is_refused: false });
        }
        if let Some(transaction) = found.iter_mut().rev().find(|transaction| transaction.task == event.task) {
            transaction.take_in(place, event);
            transaction.is_refused |= record.lines[line].refusal.is_some();
        }
    }
    found.retain(|transaction| transaction.writes || !transaction.is_refused);
    found.order_by_key(|transaction| transaction.place);
    found.iter().map(|transaction| transaction.task as u8).collect()
}

impl Transaction {
    fn take_in(&mut self, place: usize, event: &Event) {
        self.writes |= event.took_write_lock;
        if self.writes || event.touches && !self.reads {
            self.place = place;
        }
        self.reads |= event.touches;
    }
}
