//! A constraint, the row that breaks it, and SQLite's response to that row.

use rusqlite::Connection;

use super::constraint::{Constraint, ConstraintKind};
use super::scratch_table::Outcome;
use super::search::{BreakingRow, SearchInput};
use crate::check::Finding;
use crate::data::script::Target;
use crate::error::Error;
use crate::schema::Table;
use crate::sql::plain_name;

/// SQLite's primary result code for every constraint.
const CONSTRAINT: i32 = 19;

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
        }
    }

    /// Records the row that breaks it, and SQLite's response.
    pub(super) fn note(&mut self, input: &SearchInput<'_>, at: usize, found: &BreakingRow, outcome: Outcome) {
        let (target, constraints) = (input.target, input.constraints);
        let rows = found.before.iter().chain([&found.values]);
        self.rows = rows.map(|values| target.insert_of(values)).collect();
        self.also = found.also.iter().map(|other| constraints[*other].shown.clone()).collect();
        self.is_own = outcome.is_by(&constraints[at]);
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

    /// Returns true if SQLite refused the row, with the code of this constraint or of another one that the row breaks.
    pub fn is_refused(&self) -> bool {
        // An error without a constraint refuses the statement, not the row.
        self.is_own || matches!(self.outcome, Some(Outcome::Refused(code, _)) if code & 0xff == CONSTRAINT)
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
                    format!("{table}: {shown} is never the constraint that refuses a row"),
                )
                .cost("every row that was found to break it also breaks a constraint that SQLite checks earlier")
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
    let rows: Vec<String> = found.before.iter().chain([&found.values]).map(|row| target.insert_of(row)).collect();
    let cost = match constraint.kind {
        ConstraintKind::Key { .. } => {
            "UNIQUE treats every NULL as a different value, so a row with NULL is never a duplicate"
        }
        _ => "a CHECK refuses a row only if it is false; if it is NULL, the row passes",
    };
    let object = format!("{name}.{column}");
    Finding::new("passes-null", object, what)
        .cost(cost)
        .evidence("accepted", rows.join(";\n"))
        .fix(format!("declare {} NOT NULL, or allow it", plain_name(column)))
}
