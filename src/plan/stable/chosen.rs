//! The plans that SQLite chooses under different statistics, and their report.

use super::cases::StatisticsCase;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::catalog::Catalog;
use crate::plan::explain::try_explain;
use crate::plan::query_plan::Plan;
use crate::plan::tree::{self, Access, AccessPath};
use crate::sql::tokens;

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

/// Returns the statement's own part of a plan, without the names of indexes that are searched. Two indexes that are searched
/// by the same columns find the same rows, and SQLite chooses between them by their width.
fn searches(plan: &Plan) -> String {
    let mut own = plan.clone();
    own.nodes.retain(|node| !node.checks_foreign_key);
    let mut text = own.normalized();
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

/// Renders the plans. `rewritten` is the statement with CROSS JOIN, if that has one plan in all cases.
pub(super) fn render(sql: &str, cases: usize, plans: &[ChosenPlan], rewritten: Option<&str>) -> Error {
    let headline = format!("the plan depends on statistics: {} plans in {cases} cases", plans.len());
    let mut error = Error::new(ErrorKind::Plan, headline).sql(sql);
    let first: Vec<&str> = plans[0].plan.lines().map(|node| node.text.as_str()).collect();
    for (number, chosen) in (1..).zip(plans) {
        let lines = tree::walk(chosen.plan.nodes()).into_iter().map(|(depth, node)| {
            let mark = if first.contains(&node.text.as_str()) { "" } else { "> " };
            format!("{mark}{}", tree::line(depth, &node.text))
        });
        let mut lines: Vec<String> = lines.collect();
        lines.push(String::new());
        lines.extend(chosen.under.iter().map(|name| format!("- {name}")));
        error = error.evidence(format!("plan {number}"), lines.join("\n"));
    }
    if let Some(rewritten) = rewritten {
        error = error.help(format!(
            "CROSS JOIN keeps the tables in the order in which they are written; tried: one plan in all {cases} cases\n{rewritten}"
        ));
    }
    error.note("production's own statistics decide which of them it runs: Template::stats plans with those in tests")
}

/// Returns the statement with CROSS JOIN for each inner join that is written with JOIN. `None` if there is none.
pub(super) fn rewritten(sql: &str) -> Option<String> {
    const KINDS: [&str; 6] = ["LEFT", "RIGHT", "FULL", "OUTER", "CROSS", "NATURAL"];
    let tokens = tokens(sql);
    let mut text = String::new();
    let mut copied = 0;
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.is("JOIN")) {
        let before = at.checked_sub(1).map(|at| &tokens[at]);
        if before.is_some_and(|before| KINDS.iter().any(|kind| before.is(kind))) {
            continue;
        }
        let start = before.filter(|before| before.is("INNER")).map_or(token.start, |inner| inner.start);
        text.push_str(&sql[copied..start]);
        text.push_str("CROSS JOIN");
        copied = token.end();
    }
    text.push_str(&sql[copied..]);
    (copied > 0).then_some(text)
}
