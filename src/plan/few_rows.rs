//! Plans that depend on statistics of few rows, which are those of a test's fixture.

use super::query_plan::Plan;
use super::tree::Node;

/// Statistics of few rows that explain a line of a plan.
pub(super) struct FewRows<'a> {
    pub(super) table: &'a str,
    pub(super) rows: u64,
    /// The plan without the statistics.
    pub(super) without: WithoutStatistics<'a>,
}

pub(super) enum WithoutStatistics<'a> {
    /// The first line about the table, if the plan reads it.
    Planned(Option<&'a Node>),
    /// The statement could not be planned without statistics.
    Unknown,
}

/// Returns the tables of a plan whose statistics are of few rows, with the number of rows.
pub(super) fn tables(plan: &Plan) -> Vec<(&str, u64)> {
    let mut few: Vec<(&str, u64)> = Vec::new();
    for table in plan.all().filter_map(|node| node.table.as_deref()) {
        if let Some(rows) = plan.catalog.few_rows(table)
            && !few.iter().any(|(known, _)| *known == table)
        {
            few.push((table, rows));
        }
    }
    few
}

/// Returns the statistics of few rows to which a flagged line of a plan is due. `None` if there are none, or if a line on the
/// same table is flagged without them too.
pub(super) fn behind<'a>(plan: &'a Plan, node: &'a Node, is_flagged: impl Fn(&Node) -> bool) -> Option<FewRows<'a>> {
    let table = node.table.as_deref()?;
    let rows = plan.catalog.few_rows(table)?;
    let without = match &plan.without_statistics {
        Some(plan) => {
            let mut lines = plan.all().filter(|node| node.is_of(table));
            let first = lines.next();
            if first.into_iter().chain(lines).any(is_flagged) {
                return None;
            }
            WithoutStatistics::Planned(first)
        }
        None => WithoutStatistics::Unknown,
    };
    Some(FewRows { table, rows, without })
}
