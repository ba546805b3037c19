//! The constraints of a schema, the rows that break them, SQLite's responses to these rows, and the findings.

use rusqlite::Connection;

use super::constraint::{Constraint, ConstraintKind};
use super::scratch_table::Outcome;
use super::search::{BreakingRow, SearchInput};
use crate::check::{Finding, Findings};
use crate::data::script::Target;
use crate::error::{Error, Result, or_panic};
use crate::schema::Table;
use crate::sql::plain_name;

/// SQLite's primary result code for every constraint.
const CONSTRAINT: i32 = 19;

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
    /// - `implied`: every row found to break the constraint is refused by another one, which may require the same or more.
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
}

/// The same without panics: each returns its failure as an [`Error`](crate::Error).
impl Violations {
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

/// A constraint, and a row that breaks it.
#[derive(Clone, Debug)]
pub struct Violation {
    table: String,
    constraint: String,
    object: String,
    code: i32,
    rows: Vec<String>,
    also: Vec<String>,
    outcome: Option<Outcome>,
    /// True if this constraint refused the row.
    is_own: bool,
    /// False if SQLite cannot compute the generated columns of the row.
    is_computed: bool,
}

impl Violation {
    pub(super) fn of(table: &Table, constraint: &Constraint) -> Violation {
        Violation {
            table: table.name.to_string(),
            constraint: constraint.shown.clone(),
            object: constraint.object.clone(),
            code: constraint.code,
            rows: Vec::new(),
            also: Vec::new(),
            outcome: None,
            is_own: false,
            is_computed: true,
        }
    }

    /// Records the row that breaks it, and SQLite's response.
    pub(super) fn note(&mut self, input: &SearchInput<'_>, at: usize, found: &BreakingRow, outcome: Outcome) {
        self.rows = found.inserts(input.target);
        self.also = found.also.iter().map(|other| input.constraints[*other].shown.clone()).collect();
        self.is_own = outcome.is_by(&input.constraints[at]);
        self.is_computed = found.is_computed;
        self.outcome = Some(outcome);
    }

    /// Returns the table that declares it.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Returns the constraint: `CHECK (age >= 0)`.
    pub fn constraint(&self) -> &str {
        &self.constraint
    }

    /// Returns the row that breaks it, as an INSERT. If other rows have to be inserted before it, it is the last one. `None` if
    /// no row was found.
    pub fn sql(&self) -> Option<&str> {
        self.rows.last().map(String::as_str)
    }

    /// Returns the extended result code with which the constraint refuses a row. If each row that breaks it breaks others
    /// too, SQLite may check one of those first and refuse the row with its code: the finding `implied` says so.
    pub fn code(&self) -> i32 {
        self.code
    }

    /// Returns the other constraints that the row breaks, because none was found that breaks this one alone.
    pub fn breaks_also(&self) -> impl ExactSizeIterator<Item = &str> {
        self.also.iter().map(String::as_str)
    }

    /// Returns true if SQLite refused the row: with the code of this constraint or of another one that the row breaks, or because
    /// a generated column of it cannot be computed.
    pub fn is_refused(&self) -> bool {
        // An error without a constraint refuses the statement, not the row.
        let refuses = |code: i32| code & 0xff == CONSTRAINT || !self.is_computed;
        self.is_own || matches!(self.outcome, Some(Outcome::Refused(code, _)) if refuses(code))
    }

    /// Returns how another rule of the table refuses the row.
    fn way(&self) -> &'static str {
        match self.is_computed {
            true => "is refused by another constraint",
            false => "is refused because of a generated column that cannot be computed",
        }
    }

    /// Returns the finding about the constraint that the row shows.
    pub(super) fn finding(&self, db: &Connection, constraint: &Constraint) -> Option<Finding> {
        let (table, shown) = (&self.table, &self.constraint);
        let rows = || self.rows.join(";\n");
        match &self.outcome {
            Some(_) if self.is_own => None,
            Some(Outcome::Refused(code, message)) => Some(
                Finding::new(
                    "implied",
                    &self.object,
                    format!("{table}: every row found to break {shown} {}", self.way()),
                )
                .cost("it may ask nothing that the others do not ask too, or SQLite always checks one of them first")
                .evidence("this row breaks it", rows())
                .evidence("SQLite says", format!("{message} (code {code})")),
            ),
            Some(outcome) => {
                let left_out = *outcome == Outcome::LeftOut;
                let what = if left_out {
                    format!("{table}: a row that breaks {shown} is left out without an error")
                } else {
                    format!("{table}: {shown} does not refuse a row that breaks it")
                };
                let finding = Finding::new("not-refused", &self.object, what).evidence("this row breaks it", rows());
                Some(because(finding, db, &constraint.kind, left_out))
            }
            None => {
                let what = format!("{table}: no row was found that {shown} refuses");
                let finding = Finding::new("never-broken", &self.object, what);
                Some(finding.cost("every row that was tried satisfies it"))
            }
        }
    }
}

/// Adds the reason why a row that breaks a constraint is not refused.
fn because(finding: Finding, db: &Connection, kind: &ConstraintKind, left_out: bool) -> Finding {
    let is = |pragma: &str, value: bool| {
        db.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, bool>(0)) == Ok(value)
    };
    match kind {
        ConstraintKind::Foreign { .. } if is("foreign_keys", false) => finding
            .cost("foreign keys are off on the connections of this profile: a PRAGMA, not the schema, decides")
            .fix("PRAGMA foreign_keys = ON, on every connection"),
        ConstraintKind::Check(_) if is("ignore_check_constraints", true) => {
            finding.cost("PRAGMA ignore_check_constraints is on").fix("PRAGMA ignore_check_constraints = OFF")
        }
        _ if left_out => finding.cost("ON CONFLICT IGNORE, or a trigger that raises IGNORE, drops the row"),
        ConstraintKind::Key { .. } => finding.cost("ON CONFLICT REPLACE deletes the row that is there"),
        _ => finding.cost("ON CONFLICT REPLACE or a trigger changes the row"),
    }
}

pub(super) fn not_tried(table: &Table, error: &Error) -> Finding {
    let what = format!("{}: its constraints were not tried, because no row could be made", table.name);
    Finding::new("not-tried", &table.name, what).evidence("because", error.to_string())
}

pub(super) fn passes_null(
    table: &Table,
    target: &Target,
    constraint: &Constraint,
    column: usize,
    found: &BreakingRow,
) -> Finding {
    let (name, column) = (&table.name, &target.columns[column]);
    let what = format!("{name}: {} accepts a row whose {column} is NULL", constraint.shown);
    let cost = match constraint.kind {
        ConstraintKind::Key { .. } => {
            "UNIQUE treats every NULL as a different value, so a row with NULL is never a duplicate"
        }
        _ => "a CHECK refuses a row only if it is false; if it is NULL, the row passes",
    };
    let object = format!("{name}.{column}");
    Finding::new("passes-null", object, what)
        .cost(cost)
        .evidence("accepted", found.inserts(target).join(";\n"))
        .fix(format!("declare {} NOT NULL, or allow it", plain_name(column)))
}
