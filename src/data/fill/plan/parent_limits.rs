//! Limits the rows of a table that lack parents.

use crate::data::fill::plan::distinct_parents::distinct_parents;
use crate::data::fill::plan::shape::TableShape;
use crate::data::fill::plan::table_plan::{Limit, Parent, TablePlan};

/// Permits no rows if they must refer to a table without rows, or to two different rows of a table with one.
pub(super) fn limit_by_parents(shape: &TableShape<'_>, plan: &mut TablePlan) {
    let pairs = distinct_parents(plan);
    for index in 0..plan.references.len() {
        let reference = &plan.references[index];
        let is_required = |column: &usize| plan.columns[*column].nulls == 0 && !plan.columns[*column].may_be_null;
        if matches!(reference.parent, Parent::Missing) && reference.columns.iter().all(is_required) {
            let because = format!("{} (it has no rows)", reference.shown);
            plan.narrow(Limit { rows: 0, because, is_guess: false, parents: Vec::new() });
        }
    }
    for pair in pairs.iter().filter(|pair| shape.plans[pair.parent].count < 2) {
        let parents = vec![shape.plans[pair.parent].table];
        let because = format!("{}: there is only one parent", pair.because);
        plan.narrow(Limit { rows: 0, because, is_guess: false, parents });
    }
}
