//! The last phase of planning a table, when its keys are arranged.

use crate::data::fill::plan::shape::TableShape;
use crate::data::fill::plan::table_plan::{How, Limit, Parent, TablePlan};
use crate::error::Refusal;

/// Decides which keys overrule others, and the number of rows to make.
pub(super) fn finish(shape: &TableShape<'_>, plan: &mut TablePlan) {
    for index in 0..plan.references.len() {
        plan.references[index].overrules = may_overrule(plan, index);
    }
    limit_to_what_can_be_prepared(plan, shape);
    if let Some(limit) = &plan.limit {
        plan.count = plan.count.min(limit.rows);
    }
}

/// Returns true if a row can copy all columns of a key from an earlier row of its table: the earlier row has satisfied
/// the other keys on those columns, and rows need not differ by them.
fn may_overrule(plan: &TablePlan, index: usize) -> bool {
    let reference = &plan.references[index];
    let is_free = |column: &usize| {
        let of = &plan.columns[*column];
        let others = plan.references.iter().enumerate().filter(|(other, _)| *other != index);
        of.place.is_none()
            && matches!(of.how, How::Source(_) | How::Reference)
            && others.map(|(_, other)| other).filter(|other| other.columns.contains(column)).all(|other| {
                other.place.is_none() && other.columns.iter().all(|column| reference.known.contains(column))
            })
    };
    matches!(reference.parent, Parent::Own { .. })
        && reference.place.is_none()
        && !reference.known.is_empty()
        && reference.known.iter().all(is_free)
}

/// Permits no rows if a foreign key refers to no table or to no key of it. SQLite refuses even NULL then.
fn limit_to_what_can_be_prepared(plan: &mut TablePlan, shape: &TableShape<'_>) {
    if let Err(error) = shape.context.connection.prepare(&plan.target().insert()) {
        let refusal = Refusal::of(&error).filter(|refusal| refusal.code == 1);
        let because = refusal.map_or_else(|| error.to_string(), |refusal| refusal.message);
        plan.limit = Some(Limit { rows: 0, because, is_guess: false, parents: Vec::new() });
    }
}
