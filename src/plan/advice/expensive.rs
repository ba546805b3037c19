//! The expensive steps of a plan, and the comparison of two plans by them.

use crate::plan::query_plan::Plan;
use crate::plan::tree::{Node, Step};
use crate::sql::Name;

/// The steps of a plan that an index could save. Each list is sorted, and has a table as often as the plan does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ExpensiveSteps {
    /// The tables that are read as a whole.
    pub(super) scans: Vec<Name>,
    /// The purposes of temporary b-trees.
    pub(super) sorts: Vec<String>,
    /// The tables with an automatic index.
    pub(super) automatic: Vec<Name>,
    /// Those of `scans` that run again for each row of another table, or of the query around a subquery.
    repeated: Vec<Name>,
}

impl ExpensiveSteps {
    pub(super) fn of(plan: &Plan) -> ExpensiveSteps {
        let table = |node: &Node| Name::from(node.table.as_deref().unwrap_or(&node.text));
        let tables = |is: fn(&Node) -> bool| {
            let mut tables: Vec<Name> = plan.all().filter(|node| is(node)).map(table).collect();
            tables.sort_unstable();
            tables
        };
        let mut sorts: Vec<String> = plan.all().filter_map(Node::sort_purpose).map(str::to_owned).collect();
        sorts.sort_unstable();
        let mut repeated = Vec::new();
        visit_repeated_scans(plan.nodes(), false, &mut |node| repeated.push(table(node)));
        repeated.sort_unstable();
        let automatic = tables(Node::uses_automatic_index);
        ExpensiveSteps { scans: tables(Node::is_scan), sorts, automatic, repeated }
    }

    /// Returns true if nothing is read as a whole that was not before, nor more often. A table that is read once, for an
    /// automatic index, costs less than one that is read for each row of another.
    pub(super) fn reads_no_more_than(&self, before: &ExpensiveSteps) -> bool {
        surplus(&self.scans, &before.scans).is_empty()
            && surplus(&self.automatic, &before.automatic).is_empty()
            && surplus(&self.repeated, &before.repeated).is_empty()
    }
}

/// Visits the scans within a loop over other rows, except those for an automatic index, which is built once.
fn visit_repeated_scans(nodes: &[Node], is_within: bool, visit: &mut impl FnMut(&Node)) {
    let mut is_within = is_within;
    for node in nodes {
        match &node.step {
            Step::Scan(_) | Step::Search(_) => {
                if is_within && node.is_scan() && !node.uses_automatic_index() {
                    visit(node);
                }
                is_within = true;
            }
            Step::ConstantRows(_) | Step::MultiIndexOr => is_within = true,
            Step::Subquery { correlated: false, .. } | Step::CoRoutine(_) | Step::Materialize(_) => {
                visit_repeated_scans(&node.children, false, visit);
            }
            _ => visit_repeated_scans(&node.children, is_within, visit),
        }
    }
}

/// Returns the elements that `all` has more often than `others`, as often as it does.
pub(super) fn surplus<T: Clone + PartialEq>(all: &[T], others: &[T]) -> Vec<T> {
    let mut others = others.to_vec();
    let mut left = all.to_vec();
    left.retain(|one| match others.iter().position(|other| other == one) {
        Some(at) => {
            others.swap_remove(at);
            false
        }
        None => true,
    });
    left
}

/// Splits `a=? AND b>?` into its comparisons.
pub(super) fn comparisons(constraint: &str) -> Vec<&str> {
    constraint.split(" AND ").filter(|part| !part.starts_with("ANY(")).collect()
}

/// Returns true if a plan scans or sorts more than one of the same statement, searches by fewer columns, or reads a table
/// where the other has a covering index.
pub(crate) fn is_worse(after: &Plan, before: &Plan) -> bool {
    let (now, then) = (ExpensiveSteps::of(after), ExpensiveSteps::of(before));
    let width = |plan: &Plan| -> usize {
        let constraints = plan.all().filter_map(|node| node.access()?.constraint.as_deref());
        constraints.map(|constraint| comparisons(constraint).len()).sum()
    };
    let covered = |plan: &Plan| {
        let is_covered_search =
            |node: &&Node| node.is_covered() && node.access().is_some_and(|access| access.constraint.is_some());
        plan.all().filter(is_covered_search).count()
    };
    // Reading all of a partial index is no scan, but what is read in its place is one.
    !surplus(&now.scans, &then.scans).is_empty()
        || now.sorts.len() > then.sorts.len()
        || width(after) < width(before)
        || covered(after) < covered(before)
}
