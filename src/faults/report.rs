//! The result of a sweep that passes.

use std::fmt;

use super::fault::Kind;
use crate::explore::COMMIT_IT;
use crate::report::{Raw, count, not_compared, printable};

/// The faults that a [`Sweep`](super::Sweep) has tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The kinds of faults, in the order in which they were tried.
    pub kinds: Vec<Tried>,
    /// True if the action returned something else each time, so that its value was not compared.
    pub ignores_value: bool,
    /// The columns in which two runs differed, such as times that the app makes. New values in them were not compared.
    pub masked: Vec<String>,
    /// The virtual tables. Their modules keep state in the connection that a fault may leave wrong.
    pub virtual_tables: Vec<String>,
    pub(super) is_rolled_back: bool,
}

/// The runs with one kind of fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tried {
    /// The kind.
    pub kind: Kind,
    /// The number of places at which it can happen.
    pub places: u64,
    /// The number of places that were chosen.
    pub chosen: u64,
    /// The number of runs.
    pub runs: u64,
    /// The number of runs in which the action returned an error.
    pub errors: u64,
    /// The number of runs without the fault, because the action behaved differently from its first run.
    pub missed: u64,
    /// The number of runs after which the same call was right only on a new connection, because of a virtual table.
    pub reopened: u64,
}

impl Report {
    /// Returns the number of runs.
    pub fn runs(&self) -> u64 {
        self.kinds.iter().map(|tried| tried.runs).sum()
    }

    /// Returns the runs with a kind of fault.
    pub fn of(&self, kind: Kind) -> Option<&Tried> {
        self.kinds.iter().find(|tried| tried.kind == kind)
    }
}

impl Tried {
    pub(super) fn new(kind: Kind, places: u64, chosen: u64) -> Tried {
        Tried { kind, places, chosen, runs: 0, errors: 0, missed: 0, reopened: 0 }
    }
}

printable!(Report);

impl Raw for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with a fault: all or nothing each time", count(self.runs(), "run"))?;
        for tried in &self.kinds {
            write!(f, "\n  {}: {}", tried.kind, count(tried.runs, "run"))?;
            if tried.runs < tried.places {
                write!(f, " of {} places", tried.places)?;
            }
            write!(f, ", {}", count(tried.errors, "error"))?;
            if tried.kind == Kind::Interrupt && tried.places == 0 {
                f.write_str(": only statements on the connection that the action is given are interrupted")?;
            }
            if tried.missed > 0 {
                write!(f, ", {} without the fault", tried.missed)?;
            }
        }
        let reopened: u64 = self.kinds.iter().map(|tried| tried.reopened).sum();
        if reopened > 0 {
            let tables = self.virtual_tables.join(", ");
            write!(f, "\n  {} tried again on a new connection, ", count(reopened, "run"))?;
            write!(f, "because the fault left wrong what the old one keeps of {tables}")?;
        }
        if self.ignores_value {
            f.write_str("\n  not compared: what the action returns, because it differs from run to run")?;
        }
        if let Some(masked) = not_compared(&self.masked) {
            write!(f, "\n  {masked}")?;
        }
        if self.is_rolled_back {
            write!(f, "\nnote: the action writes and changes nothing, because it is rolled back; {COMMIT_IT}")?;
        }
        Ok(())
    }
}
