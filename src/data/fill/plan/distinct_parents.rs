//! Foreign keys of a row that must not refer to the same parent: the parents limit the number of rows.

use crate::data::constraints::branch::Relation;
use crate::data::constraints::condition::{Condition, ConditionKind};
use crate::data::constraints::expression::Comparison;
use crate::data::fill::plan::table_plan::{Parent, Reference, TablePlan};

/// Two foreign keys to one table that must never refer to the same row: `CHECK (sender <> recipient)`.
pub(super) struct DistinctParents {
    pub(super) columns: [usize; 2],
    /// The place of the parent's plan.
    pub(super) parent: usize,
    /// True if `<` or `>` always holds between them.
    pub(super) ordered: bool,
    pub(super) because: String,
}

/// Finds all such pairs in a plan.
pub(super) fn distinct_parents(plan: &TablePlan) -> Vec<DistinctParents> {
    let made = |reference: &Reference| match &reference.parent {
        Parent::Made { plan, .. } => Some(*plan),
        _ => None,
    };
    let mut found = Vec::new();
    for (at, first) in plan.references.iter().enumerate() {
        let Some(parent) = made(first) else { continue };
        for second in plan.references[at + 1..].iter().filter(|other| made(other) == Some(parent)) {
            // Keys of one tenant differ in the columns that they do not share.
            let mut apart = first.columns.iter().zip(&second.columns).filter(|(one, two)| one != two);
            let (Some((&one, &two)), None) = (apart.next(), apart.next()) else { continue };
            if plan.columns[one].nulls > 0 || plan.columns[two].nulls > 0 {
                continue;
            }
            found.extend(plan.conditions.iter().filter_map(|condition| {
                let ordered = keeps_apart(condition, one, two)?;
                Some(DistinctParents { columns: [one, two], parent, ordered, because: shown(condition) })
            }));
        }
    }
    found
}

/// Returns true if `<` or `>` always holds for two columns, false if they only differ, `None` if they may be equal.
fn keeps_apart(condition: &Condition, one: usize, two: usize) -> Option<bool> {
    let is_about = |relation: &&Relation| [(one, two), (two, one)].contains(&(relation.left, relation.right));
    let of_branches = condition.branches.iter().map(|branch| {
        branch.relations.iter().filter(is_about).find_map(|relation| match relation.comparison {
            Comparison::Unequal | Comparison::IsNot => Some(false),
            Comparison::Less | Comparison::Greater => Some(true),
            _ => None,
        })
    });
    let ordered = of_branches.collect::<Option<Vec<bool>>>().filter(|ordered| !ordered.is_empty())?;
    Some(ordered.iter().all(|ordered| *ordered))
}

fn shown(condition: &Condition) -> String {
    match &condition.name {
        Some(name) if condition.kind == ConditionKind::Trigger => format!("trigger {name}"),
        _ => format!("CHECK ({})", condition.shown),
    }
}
