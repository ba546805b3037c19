//! Foreign keys of a row that must not refer to the same parent: the parents tell how many rows there can be.

use crate::data::constraints::branch::Relation;
use crate::data::constraints::condition::ConditionKind;
use crate::data::constraints::expression::Comparison;
use crate::data::fill::plan::{Parent, Plan, Reference};

/// Two foreign keys to one table that are never to meet: `CHECK (sender <> recipient)`.
pub(super) struct Pair {
    pub(super) columns: [usize; 2],
    /// The place of the parent's plan.
    pub(super) parent: usize,
    /// Whether one of them always comes first.
    pub(super) ordered: bool,
    pub(super) because: String,
}

pub(super) fn pairs(plan: &Plan) -> Vec<Pair> {
    let made = |reference: &Reference| match &reference.parent {
        Parent::Made { plan, .. } => Some(*plan),
        _ => None,
    };
    let mut found = Vec::new();
    for (at, first) in plan.references.iter().enumerate() {
        let Some(parent) = made(first) else { continue };
        for second in plan.references[at + 1..].iter().filter(|other| made(other) == Some(parent)) {
            // Those of one tenant are told apart by what they do not share.
            let mut apart = first.columns.iter().zip(&second.columns).filter(|(one, two)| one != two);
            let (Some((one, two)), None) = (apart.next(), apart.next()) else { continue };
            if plan.columns[*one].nulls > 0 || plan.columns[*two].nulls > 0 {
                continue;
            }
            for condition in &plan.conditions {
                // In each way to satisfy it they differ, or one is less.
                let told = condition.branches.iter().map(|branch| {
                    let about = |relation: &&Relation| {
                        (relation.left, relation.right) == (*one, *two)
                            || (relation.left, relation.right) == (*two, *one)
                    };
                    branch.relations.iter().filter(about).find_map(|relation| match relation.comparison {
                        Comparison::Unequal | Comparison::IsNot => Some(false),
                        Comparison::Less | Comparison::Greater => Some(true),
                        _ => None,
                    })
                });
                let Some(told) = told.collect::<Option<Vec<bool>>>().filter(|told| !told.is_empty()) else { continue };
                let because = match &condition.name {
                    Some(name) if condition.kind == ConditionKind::Trigger => format!("trigger {name}"),
                    _ => format!("CHECK ({})", condition.shown),
                };
                let ordered = told.iter().all(|ordered| *ordered);
                found.push(Pair { columns: [*one, *two], parent, ordered, because });
            }
        }
    }
    found
}
