//! Parents of a row that has some columns of its key already: those of its tenant.

use rusqlite::{Connection, Statement};

use crate::data::fill::context::row_values;
use crate::data::fill::plan::table_plan::Reference;
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
