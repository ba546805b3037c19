//! The report of a plan that depends on statistics.

use super::chosen::ChosenPlan;
use crate::error::{Error, ErrorKind};
use crate::plan::tree;

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
