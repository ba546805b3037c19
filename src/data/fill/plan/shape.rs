//! The facts about a table that the phases of planning share.

use crate::data::fill::context::FillContext;
use crate::data::fill::existing;
use crate::data::fill::options::Given;
use crate::data::fill::plan::table_plan::{How, TablePlan};
use crate::data::fill::request::TableRequest;
use crate::data::relations::Relation;
use crate::data::values::value_buf::ValueBuf;
use crate::draw::named;
use crate::error::Result;
use crate::schema::{Column, IndexedExpr, Name, Table};

/// A table while it is planned, and the inputs of its plan.
pub(super) struct TableShape<'p> {
    pub(super) context: &'p FillContext<'p>,
    /// Its place in the schema.
    pub(super) at: usize,
    pub(super) table: &'p Table,
    pub(super) request: &'p TableRequest,
    /// The plans of the tables before it.
    pub(super) plans: &'p [TablePlan],
    /// The later tables, by their places in the schema.
    pub(super) later: &'p [usize],
    pub(super) seed: u64,
    /// The number of the first row.
    pub(super) start: u64,
    /// The columns that are inserted, in the order of their declaration.
    pub(super) columns: Vec<&'p Column>,
    pub(super) names: Vec<String>,
    /// For each column, true if SQLite accepts NULL.
    pub(super) may_be_null: Vec<bool>,
    /// The column that is the rowid.
    pub(super) rowid: Option<usize>,
    /// For each column the value or closure that the test gives. The last one counts.
    pub(super) fixed: Vec<Option<How>>,
}

impl<'p> TableShape<'p> {
    pub(super) fn new(
        context: &'p FillContext<'p>,
        at: usize,
        request: &'p TableRequest,
        plans: &'p [TablePlan],
        later: &'p [usize],
    ) -> Result<TableShape<'p>> {
        let table = &context.schema.tables[at];
        let is_inserted = |column: &&Column| column.generated.is_none() && !column.hidden;
        let columns: Vec<&Column> = table.columns.iter().filter(is_inserted).collect();
        let names: Vec<String> = columns.iter().map(|column| column.name.to_string()).collect();
        let rowid = table.primary_key.as_ref().filter(|key| key.is_rowid).and_then(|key| match &key.terms[..] {
            [term] => match &term.what {
                IndexedExpr::Column(name) => columns.iter().position(|column| column.name == *name),
                _ => None,
            },
            _ => None,
        });
        let mut shape = TableShape {
            context,
            at,
            table,
            request,
            plans,
            later,
            seed: named(context.options.seed, &table.name.to_ascii_lowercase()),
            start: existing::first_number(context.connection, table)?,
            may_be_null: names.iter().map(|name| table.may_be_null(name)).collect(),
            rowid,
            fixed: vec![None; names.len()],
            columns,
            names,
        };
        for (column, index, given) in shape.given() {
            shape.fixed[column] = Some(match given {
                Given::Value(value) => How::Fixed(ValueBuf::from(value)),
                Given::Broken(_) | Given::With(_) => How::With(index),
            });
        }
        Ok(shape)
    }

    /// Returns the columns for which the test gives a value or closure, and its place in the options.
    pub(super) fn given(&self) -> Vec<(usize, usize, &'p Given)> {
        let of_table =
            self.context.options.given.iter().enumerate().filter(|(_, (table, ..))| *table == self.table.name);
        of_table.filter_map(|(index, (_, column, given))| Some((self.column(column)?, index, given))).collect()
    }

    /// Returns the foreign keys of the table.
    pub(super) fn relations(&self) -> &'p [Relation] {
        &self.context.relations[self.at]
    }

    /// Returns the place of a column.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == *name)
    }

    /// Returns the places of columns. `None` if one of them is not inserted.
    pub(super) fn places(&self, names: &[Name]) -> Option<Vec<usize>> {
        names.iter().map(|name| self.column(name)).collect()
    }
}
