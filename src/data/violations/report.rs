//! The constraints of a schema, and the findings about them.

use super::violation::Violation;
use crate::check::{Finding, Findings};
use crate::error::{Result, or_panic};

/// The codes of the findings about constraints.
const CODES: &[&str] = &["not-refused", "passes-null", "never-broken", "implied", "not-tried"];

/// The declared constraints, each with a row that it refuses, tried on a database of the template.
#[derive(Clone, Debug)]
#[must_use = "violations say nothing unless they are looked at: .assert_refused()"]
pub struct Violations {
    pub(super) tried: Vec<Violation>,
    pub(super) findings: Vec<Finding>,
}

impl Violations {
    /// Iterates over the constraints, each with the row that breaks it.
    pub fn iter(&self) -> std::slice::Iter<'_, Violation> {
        self.tried.iter()
    }

    /// Returns the number of constraints.
    pub fn len(&self) -> usize {
        self.tried.len()
    }

    /// Returns true if the schema declares no constraint.
    pub fn is_empty(&self) -> bool {
        self.tried.is_empty()
    }

    /// Returns the findings about the constraints:
    ///
    /// - `not-refused`: SQLite accepted a row that breaks the constraint. Foreign keys are off, or an ON CONFLICT clause
    ///   deletes another row to make room.
    /// - `passes-null`: SQLite accepted a row because of a NULL. A CHECK of NULL is neither true nor false, and UNIQUE treats
    ///   every NULL as a different value.
    /// - `never-broken`: no row was found that breaks the constraint. It is always true.
    /// - `implied`: every row that breaks the constraint is refused by another one, which requires the same or more.
    /// - `not-tried`: no row could be made for the table.
    pub fn findings(&self) -> Findings {
        self.findings.iter().cloned().collect::<Findings>().with_codes(CODES)
    }

    /// Asserts that each row is refused, with the code of its constraint. `passes-null` and `implied` do not fail it;
    /// [`findings`](Violations::findings) returns those too.
    ///
    /// # Panics
    /// If SQLite accepted a row, or if no row was found for a constraint.
    #[track_caller]
    pub fn assert_refused(&self) -> &Violations {
        or_panic(self.try_assert_refused())
    }

    /// Like [`assert_refused`](Violations::assert_refused), without the panic.
    ///
    /// # Errors
    /// If SQLite accepted a row, or if no row was found for a constraint.
    pub fn try_assert_refused(&self) -> Result<&Violations> {
        let hard = self.findings.iter().filter(|finding| !matches!(finding.code(), "passes-null" | "implied"));
        hard.cloned().collect::<Findings>().try_assert_ok().map(|()| self)
    }
}

impl<'a> IntoIterator for &'a Violations {
    type Item = &'a Violation;
    type IntoIter = std::slice::Iter<'a, Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
