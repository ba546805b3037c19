//! Makes the values of a row: each column by itself, then those that are tied together, then keys of parents, then closures,
//! then derived columns.

use rusqlite::Statement;

use crate::data::constraints::group::{ColumnGroup, ColumnSource, Solution, satisfy};
use crate::data::constraints::trial::shown_row;
use crate::data::fill::context::FillContext;
use crate::data::fill::lookup::Lookup;
use crate::data::fill::options::{Given, Row};
use crate::data::fill::parent_choice::ParentChoice;
use crate::data::fill::plan::table_plan::{How, TablePlan};
use crate::data::fill::row_values::{Draft, RowNumbers, Tables, draws, make_value, number_of};
use crate::data::values::domain::Nullability;
use crate::draw::{Draw, key, named};

/// Makes columns that conditions tie together, by one of the solutions.
fn make_group(plan: &TablePlan, group: &ColumnGroup, number: u64, draft: &mut Draft) {
    let attempts = draft.attempts_of(&group.columns);
    let (solution, mut draw) = solution_of(group, number, attempts);
    match solution {
        Solution::Listed(rows) => {
            let place = group.columns.iter().find_map(|column| plan.columns[*column].place.as_ref());
            let at = match place.map(|place| place.of(number)) {
                Some(Some(digit)) => digit % rows.len() as u64,
                _ => draw.below(rows.len() as u64),
            };
            for (column, value) in group.columns.iter().zip(&rows[at as usize]) {
                if matches!(plan.columns[*column].how, How::Group) {
                    draft.values[*column].clone_from(value);
                }
            }
        }
        Solution::Generated { sources, relations } => {
            for ColumnSource { column: index, source, nullability } in sources {
                let column = &plan.columns[*index];
                draft.nulls[*index] = *nullability;
                let (How::Group, Some(source)) = (&column.how, source) else { continue };
                let mut draw = draws(column.key, number, attempts);
                let out = &mut draft.values[*index];
                if *nullability == Nullability::Allowed && column.nulls > 0 && draw.percent(column.nulls) {
                    out.set_null();
                    continue;
                }
                match column.place.as_ref().map(|place| place.of(number)) {
                    None => source.make(&mut draw, None, out),
                    Some(Some(digit)) => source.make(&mut draw, Some(digit % source.capacity().max(1)), out),
                    Some(None) => out.set_null(),
                }
            }
            satisfy(relations, &mut draft.values, &|column| matches!(plan.columns[column].how, How::Group));
        }
    }
}

/// Draws the solution of a group for a row. Returns the draw as well, for what follows.
fn solution_of(group: &ColumnGroup, number: u64, attempts: u32) -> (&Solution, Draw) {
    let mut draw = draws(group.key, number, attempts);
    (&group.solutions[draw.below(group.solutions.len() as u64) as usize], draw)
}

/// Changes the columns of a group once more, to satisfy relations with the keys of parents.
fn follow_parents(plan: &TablePlan, group: &ColumnGroup, number: u64, draft: &mut Draft) {
    if let (Solution::Generated { relations, .. }, _) = solution_of(group, number, draft.attempts_of(&group.columns)) {
        satisfy(relations, &mut draft.values, &|column| matches!(plan.columns[column].how, How::Group));
    }
}

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

    pub(crate) fn make(&mut self, tables: &Tables<'_>, numbers: RowNumbers) {
        let (plan, draft) = (self.plan, &mut self.draft);
        for index in 0..plan.columns.len() {
            let (number, attempts) = match plan.awaited.contains(&index) {
                true => (number_of(plan, numbers.row, 0), 0),
                false => (numbers.number, draft.attempts[index]),
            };
            make_value(plan, index, number, attempts, &mut draft.values[index]);
        }
        if !plan.groups.is_empty() {
            draft.nulls.fill(Nullability::Allowed);
            // Those of the row before do not count.
            for column in plan.references.iter().flat_map(|reference| &reference.columns) {
                if matches!(plan.columns[*column].how, How::Reference) {
                    draft.values[*column].set_null();
                }
            }
            for group in &plan.groups {
                make_group(plan, group, numbers.number, draft);
            }
        }
        for (reference, lookup) in plan.references.iter().zip(&mut self.lookups) {
            let skew = self.context.options.skew;
            ParentChoice { tables, plan, at: self.at, reference, numbers, skew }.make(draft, lookup.as_mut());
        }
        if !draft.joined.is_empty() {
            draft.take_joined(plan);
        }
        plan.groups.iter().for_each(|group| follow_parents(plan, group, numbers.number, draft));
        for (column, value) in plan.labels.get(numbers.row as usize).into_iter().flat_map(|label| &label.values) {
            draft.values[*column].set(value.into());
        }
        for index in 0..plan.columns.len() {
            let is_set = || plan.labels.get(numbers.row as usize).is_some_and(|label| label.sets(index));
            if let How::With(given) = plan.columns[index].how
                && !is_set()
            {
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
        let label = self.plan.labels.get(row as usize).map(|label| label.name.as_str());
        match closure(&Row { number: row, key, label, names: &self.names, made: &self.draft.values }) {
            Ok(value) => self.draft.values[index].set((&value).into()),
            Err(error) => self.draft.broken = Some(error),
        }
    }

    pub(crate) fn shown(&self) -> String {
        shown_row(&self.names, &self.draft.values)
    }
}
