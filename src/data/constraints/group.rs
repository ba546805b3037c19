//! The columns of a table as the solver knows them, the groups that constraints tie together, and their values.

use crate::data::constraints::condition::Relation;
use crate::data::constraints::expression::Comparison;
use crate::data::values::domain::{Domain, Nullability};
use crate::data::values::source::Source;
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::schema::{Column, Table};

/// The columns of a table, in the order of their declaration. All lists have one item for each.
pub(crate) struct SolverInput<'t> {
    pub(crate) table: &'t Table,
    pub(crate) names: Vec<String>,
    pub(crate) columns: Vec<&'t Column>,
    /// The restrictions of the column alone: NOT NULL, a value that the test sets.
    pub(crate) domains: Vec<Domain>,
    /// True if the value comes from a parent or a closure.
    pub(crate) is_external: Vec<bool>,
    /// The source that the column has without any condition.
    pub(crate) default_sources: Vec<Option<Source>>,
    /// Returns the source that any column would have without conditions.
    pub(crate) default_source: &'t dyn Fn(&Column) -> Option<Source>,
    /// True if the column is part of a key.
    pub(crate) is_in_key: Vec<bool>,
    pub(crate) seed: u64,
}

/// Columns whose values are generated together.
#[derive(Clone, Debug)]
pub(crate) struct ColumnGroup {
    pub(crate) columns: Vec<usize>,
    /// The ways to generate the values. A row draws one of them.
    pub(crate) solutions: Vec<Solution>,
    /// The key from which a row draws its solution.
    pub(crate) key: u64,
}

/// One way to generate the values of a group.
#[derive(Clone, Debug)]
pub(crate) enum Solution {
    Generated {
        sources: Vec<ColumnSource>,
        relations: Vec<Relation>,
    },
    /// Rows of values that a search found, one of which is drawn.
    Listed(Vec<Vec<ValueBuf>>),
}

/// The source of one column of a group.
#[derive(Clone, Debug)]
pub(crate) struct ColumnSource {
    pub(crate) column: usize,
    /// `None` if the value comes from a parent: then only the nullability can be chosen.
    pub(crate) source: Option<Source>,
    pub(crate) nullability: Nullability,
}

/// Changes the values of a row so that they satisfy relations between two columns, as far as possible: one value replaces
/// the other, or the two are swapped, or a number is moved by one. `may_change` is true for the columns that may change.
pub(crate) fn satisfy(relations: &[Relation], row: &mut [ValueBuf], may_change: &dyn Fn(usize) -> bool) {
    for _ in 0..=relations.len() {
        let mut changed = false;
        for relation in relations {
            changed |= satisfy_one(*relation, row, may_change);
        }
        if !changed {
            return;
        }
    }
}

/// Returns true if it changed a value.
fn satisfy_one(relation: Relation, row: &mut [ValueBuf], may_change: &dyn Fn(usize) -> bool) -> bool {
    let Relation { mut left, mut comparison, mut right } = relation;
    if matches!(comparison, Comparison::Greater | Comparison::GreaterOrEqual) {
        (left, comparison, right) = (right, comparison.mirrored(), left);
    }
    let [left_is_null, right_is_null] = [left, right].map(|column| row[column].kind() == ValueKind::Null);
    let is_one_null = comparison == Comparison::Is && left_is_null != right_is_null;
    if left == right || (left_is_null || right_is_null) && !is_one_null {
        return false;
    }
    let order = row[left].compare(&row[right]);
    let (from, to, step) = match (may_change(left), may_change(right)) {
        (_, true) => (left, right, 1),
        (true, false) => (right, left, -1),
        (false, false) => return false,
    };
    match comparison {
        Comparison::Less | Comparison::LessOrEqual if order.is_gt() && may_change(left) && may_change(right) => {
            row.swap(left, right);
            true
        }
        Comparison::Equal | Comparison::Is if order.is_ne() => {
            row[to] = row[from].clone();
            true
        }
        Comparison::Less | Comparison::LessOrEqual if order.is_gt() => {
            row[to] = row[from].clone();
            true
        }
        Comparison::Unequal | Comparison::IsNot | Comparison::Less => order.is_eq() && row[to].add(step),
        _ => false,
    }
}
