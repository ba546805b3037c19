//! The plans that SQLite chooses under different statistics.

use super::cases::StatisticsCase;
use crate::error::{Error, Result};
use crate::plan::catalog::Catalog;
use crate::plan::explain::try_explain;
use crate::plan::query_plan::Plan;
use crate::plan::tree::{Access, AccessPath};

/// A plan with the names of the cases in which SQLite chooses it.
pub(super) struct ChosenPlan {
    pub(super) plan: Plan,
    pub(super) under: Vec<String>,
    /// The plan without the names of indexes that are searched.
    searches: String,
}

/// Returns the distinct plans, in the order in which they are found.
pub(super) fn plans(catalog: &Catalog, sql: &str, cases: &[StatisticsCase]) -> Result<Vec<ChosenPlan>> {
    let copy = catalog.empty_copy_for(sql)?;
    let mut plans: Vec<ChosenPlan> = Vec::new();
    for case in cases {
        // SQLite keeps the old size of a table without new statistics, so the case without statistics comes first
        // and loads nothing.
        if !case.rows.is_empty() {
            case.rows.load(&copy.connection).map_err(|error| Error::sqlite("load the statistics", error))?;
        }
        let plan = try_explain(&copy.connection, sql)?;
        let searches = searches(&plan);
        match plans.iter_mut().find(|chosen| chosen.searches == searches) {
            Some(chosen) => chosen.under.push(case.name.clone()),
            None => plans.push(ChosenPlan { plan, searches, under: vec![case.name.clone()] }),
        }
    }
    Ok(plans)
}

/// Returns a plan without the names of indexes that are searched. Two indexes that are searched by the same columns find the
/// same rows, and SQLite chooses between them by their width.
fn searches(plan: &Plan) -> String {
    let mut text = plan.normalized();
    for access in plan.lines().filter_map(|node| node.access()) {
        if let Access { path: AccessPath::Index { name, .. }, constraint: Some(_), .. } = access {
            text = text.replace(&format!(" INDEX {name} ("), " INDEX (");
        }
    }
    text
}

/// Returns true if a rewritten statement has one plan in all cases, which scans no more than any of the known plans.
pub(super) fn is_one_plan(catalog: &Catalog, rewritten: &str, cases: &[StatisticsCase], known: &[ChosenPlan]) -> bool {
    let scans = |plan: &Plan| plan.lines().filter(|node| node.scan.is_some()).count();
    match plans(catalog, rewritten, cases).as_deref() {
        Ok([one]) => known.iter().all(|chosen| scans(&one.plan) <= scans(&chosen.plan)),
        _ => false,
    }
}
