//! Finds parents of a row that has some columns of its key already: those of its tenant.

use rusqlite::{Connection, Error, Statement, ffi};

use crate::data::fill::context::row_values;
use crate::data::fill::plan::table_plan::{Parent, Reference, TablePlan};
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::draw::Draw;
use crate::schema::Name;
use crate::sql::{plain_name, plain_names};

/// Finds the parents of a foreign key of which some columns are known.
pub(super) struct Lookup<'c>(Statement<'c>);

impl<'c> Lookup<'c> {
    /// `None` if no column is known, or if there is no such parent.
    pub(super) fn of(connection: &'c Connection, reference: &Reference) -> Option<Lookup<'c>> {
        if reference.known.is_empty() || reference.overrules {
            return None;
        }
        let pairs = reference.columns.iter().zip(&reference.parent_columns);
        let known: Vec<String> = pairs
            .filter(|(column, _)| reference.known.contains(column))
            .map(|(_, name)| format!("{} = ?", plain_name(name)))
            .collect();
        let list = plain_names(reference.parent_columns.iter().map(Name::as_str));
        let parent = plain_name(&reference.parent_name);
        let sql = format!("SELECT {list} FROM main.{parent} WHERE {} LIMIT 16", known.join(" AND "));
        connection.prepare(&sql).ok().map(Lookup)
    }

    /// Copies the key of one of the parents. Returns false if there is none.
    pub(super) fn take_one(&mut self, reference: &Reference, draw: &mut Draw, values: &mut [ValueBuf]) -> bool {
        let parents = self.parents(reference, values).unwrap_or_default();
        if parents.is_empty() {
            return false;
        }
        let parent = &parents[draw.below(parents.len() as u64) as usize];
        for (column, value) in reference.columns.iter().zip(parent) {
            if value.kind() != ValueKind::Null {
                values[*column].clone_from(value);
            }
        }
        true
    }

    fn parents(&mut self, reference: &Reference, values: &[ValueBuf]) -> rusqlite::Result<Vec<Vec<ValueBuf>>> {
        let known = reference.columns.iter().filter(|column| reference.known.contains(column));
        for (index, column) in known.enumerate() {
            self.0.raw_bind_parameter(index + 1, &values[*column])?;
        }
        self.0.raw_query().mapped(|row| row_values(row, reference.columns.len())).collect()
    }
}

/// Checks the keys that share columns with others while SQLite defers foreign keys: it would refuse their rows too late.
#[derive(Default)]
pub(super) struct KnownParents<'c>(Vec<(Vec<usize>, Statement<'c>)>);

impl<'c> KnownParents<'c> {
    /// Looks up the keys of a plan that refer to existing rows. `at` is its place.
    pub(super) fn of(connection: &'c Connection, plan: &TablePlan, at: usize) -> KnownParents<'c> {
        let is_there = |parent: &Parent| match parent {
            Parent::Made { plan, .. } => *plan < at,
            Parent::Existing { .. } => true,
            Parent::Missing | Parent::Own { .. } | Parent::Later { .. } => false,
        };
        let shares = |reference: &&Reference| {
            !reference.known.is_empty()
                && reference.columns.len() == reference.parent_columns.len()
                && is_there(&reference.parent)
        };
        let check = |reference: &Reference| {
            let equal: Vec<String> =
                reference.parent_columns.iter().map(|name| format!("{} = ?", plain_name(name))).collect();
            let (parent, equal) = (plain_name(&reference.parent_name), equal.join(" AND "));
            let statement = connection.prepare(&format!("SELECT 1 FROM main.{parent} WHERE {equal}")).ok()?;
            Some((reference.columns.clone(), statement))
        };
        KnownParents(plan.references.iter().filter(shares).filter_map(check).collect())
    }

    /// Fails as SQLite does if a parent is missing.
    pub(super) fn check(&mut self, values: &[ValueBuf]) -> rusqlite::Result<()> {
        for (columns, statement) in &mut self.0 {
            if columns.iter().any(|column| values[*column].kind() == ValueKind::Null) {
                continue;
            }
            for (index, column) in columns.iter().enumerate() {
                statement.raw_bind_parameter(index + 1, &values[*column])?;
            }
            if statement.raw_query().next()?.is_none() {
                let code = ffi::Error::new(ffi::SQLITE_CONSTRAINT_FOREIGNKEY);
                return Err(Error::SqliteFailure(code, Some("FOREIGN KEY constraint failed".to_owned())));
            }
        }
        Ok(())
    }
}
