//! The result of an exploration.

use std::fmt;

use crate::env::Shard;
use crate::report::count;

/// The way in which schedules were chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    OneAfterAnother,
    EveryStatement,
    EveryLock,
    Sampled(u64),
    Replayed,
}

/// The schedules that were run, and their outcomes. `Display` shows everything.
#[derive(Clone, Debug)]
pub struct Report {
    pub(super) tasks: String,
    pub(super) schedules: u64,
    /// The number of orders of all statements, if it is known.
    pub(super) statement_orders: Option<u128>,
    pub(super) selection: Selection,
    pub(super) shard: Shard,
    pub(super) outcomes: Vec<(String, u64)>,
    pub(super) notes: Vec<(String, u64)>,
}

impl Report {
    /// Returns the number of schedules that were run.
    pub fn schedules(&self) -> u64 {
        self.schedules
    }

    /// Returns true if every schedule that makes a difference was run: every order of the statements, or every order of those
    /// that touch a lock.
    pub fn is_exhaustive(&self) -> bool {
        matches!(self.selection, Selection::EveryStatement | Selection::EveryLock) && self.shard.of == 1
    }

    /// Returns the outcomes, each with its number of schedules.
    pub fn outcomes(&self) -> impl Iterator<Item = (&str, u64)> {
        self.outcomes.iter().map(|(outcome, count)| (outcome.as_str(), *count))
    }

    /// Returns observations that are no failures, each with its number of schedules.
    pub fn notes(&self) -> impl Iterator<Item = (&str, u64)> {
        self.notes.iter().map(|(note, count)| (note.as_str(), *count))
    }

    /// Returns how many schedules were run and which, in one line.
    pub(super) fn extent(&self) -> String {
        let schedules = count(self.schedules, "schedule");
        let of = match self.statement_orders {
            Some(u128::MAX) => String::from("more than can be counted"),
            Some(orders) => orders.to_string(),
            None => String::from("all"),
        };
        let how = match self.selection {
            Selection::OneAfterAnother => String::from("one after another"),
            Selection::EveryStatement => String::from("every order of their statements"),
            Selection::EveryLock => {
                format!("every order of the statements that touch a lock; of all statements there would be {of}")
            }
            Selection::Sampled(seed) => {
                format!("drawn with seed {seed:#x}; there are {of} orders of their statements")
            }
            Selection::Replayed => String::from("that of SQLITMUS_REPLAY"),
        };
        let shard = match self.shard {
            Shard { of: 1, .. } => String::new(),
            Shard { number, of } => format!(", part {number} of {of}"),
        };
        format!("{schedules} of {}: {how}{shard}", self.tasks)
    }

    /// Returns the outcomes, one line each.
    pub(super) fn lines(&self) -> String {
        let width = self.outcomes.iter().map(|(_, count)| count.to_string().len()).max().unwrap_or(0);
        let lines: Vec<String> =
            self.outcomes.iter().map(|(outcome, count)| format!("{count:>width$}  {outcome}")).collect();
        lines.join("\n")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.extent())?;
        for line in self.lines().lines() {
            write!(f, "\n  {line}")?;
        }
        for (note, count) in &self.notes {
            write!(f, "\nnote: in {count} of them, {note}")?;
        }
        Ok(())
    }
}
