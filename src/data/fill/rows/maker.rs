//! Makes the values of a row: each column by itself, then those that are tied together, then keys of parents, then closures,
//! then derived columns.

use rusqlite::Statement;

use crate::data::fill::context::FillContext;
use crate::data::fill::options::{Given, Row};
use crate::data::fill::plan::table_plan::{How, TablePlan};
use crate::data::fill::rows::draft::{Draft, RowNumbers};
use crate::data::fill::rows::lookup::Lookup;
use crate::data::fill::rows::parents::ParentChoice;
use crate::data::fill::rows::tables::Tables;
use crate::data::fill::rows::values::{make_group, make_value};
use crate::data::values::domain::Nullability;
use crate::draw::{key, named};

/// Makes the rows of one table, one after the other.
pub(crate) struct RowMaker<'a> {
    context: &'a FillContext<'a>,
    plan: &'a TablePlan,
    /// The place of the plan.
    at: usize,
    names: Vec<String>,
    /// For each foreign key, if some of its columns are known before.
    lookups: Vec<Option<Lookup<'a>>>,
    derived: Vec<Option<Statement<'a>>>,
    pub(crate) draft: Draft,
}

impl<'a> RowMaker<'a> {
    pub(crate) fn new(context: &'a FillContext<'a>, plan: &'a TablePlan, at: usize) -> RowMaker<'a> {
        let lookup = |reference| Lookup::of(context.connection, reference);
        RowMaker {
            context,
            plan,
            at,
            names: plan.columns.iter().map(|column| column.name.to_string()).collect(),
            lookups: plan.references.iter().map(lookup).collect(),
            derived: plan.derived.iter().map(|derived| derived.prepare(context.connection)).collect(),
            draft: Draft::new(plan.columns.len()),
        }
    }

    /// Makes all values of a row.
    pub(crate) fn make(&mut self, tables: &Tables<'_>, numbers: RowNumbers) {
        let (plan, draft) = (self.plan, &mut self.draft);
        for index in 0..plan.columns.len() {
            make_value(plan, index, numbers.number, draft.attempts[index], &mut draft.values[index]);
        }
        if !plan.groups.is_empty() {
            draft.nulls.fill(Nullability::Allowed);
            for group in &plan.groups {
                make_group(plan, group, numbers.number, draft);
            }
        }
        for (reference, lookup) in plan.references.iter().zip(&mut self.lookups) {
            let skew = self.context.options.skew;
            ParentChoice { tables, at: self.at, reference, numbers, skew }.make(draft, lookup.as_mut());
        }
        for index in 0..plan.columns.len() {
            if let How::With(given) = plan.columns[index].how {
                self.run_closure(index, given, numbers);
            }
        }
        for (derived, statement) in plan.derived.iter().zip(&mut self.derived) {
            if let Some(statement) = statement {
                derived.make(statement, &mut self.draft.values);
            }
        }
    }

    fn run_closure(&mut self, index: usize, given: usize, RowNumbers { row, number, .. }: RowNumbers) {
        let Given::With(closure) = &self.context.options.given[given].2 else { return };
        let of_row = key(named(self.context.options.seed, &self.plan.name), number);
        let key = key(of_row, self.draft.attempts[index].into());
        let label = self.plan.labels.get(row as usize).map(String::as_str);
        match closure(&Row { number: row, key, label, names: &self.names, made: &self.draft.values }) {
            Ok(value) => self.draft.values[index].set((&value).into()),
            Err(error) => self.draft.broken = Some(error),
        }
    }

    /// Returns the row as messages show it.
    pub(crate) fn shown(&self) -> String {
        let pair = |(name, value): (&String, &crate::data::values::value_buf::ValueBuf)| {
            format!("{name} = {}", value.short_sql_literal())
        };
        self.names.iter().zip(&self.draft.values).map(pair).collect::<Vec<_>>().join(", ")
    }
}
