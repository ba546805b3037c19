//! Renders advice in a report.

use super::advise::Remedies;
use super::advised::{Advice, Removed};
use super::foreign_keys::Retype;
use super::goal::Goal;
use super::trial::MAX_PLANS;
use crate::error::Error;
use crate::schema::references::typed;
use crate::sql::listed;

/// Adds the remedies to the report of a plan.
pub(in crate::plan) fn offer(mut error: Error, remedies: &Remedies) -> Error {
    for advice in &remedies.advice {
        error = error.help(help(advice, remedies));
    }
    for retype in &remedies.retypes {
        error = error.help(retype_help(retype));
    }
    if remedies.is_cut_short {
        error = error.note(format!("the search for an index was cut short after {MAX_PLANS} plans"));
    }
    error
}

fn help(advice: &Advice, remedies: &Remedies) -> String {
    let mut text = format!("{}   tried: {}", advice.sql, removed(advice, remedies));
    if advice.indexes.len() > 1 {
        text.push_str(if advice.indexes.len() == 2 { ", with both" } else { ", with all of them" });
    }
    for index in &advice.indexes {
        if let Some(old) = &index.replaces {
            text.push_str(&format!("\nit can replace {old}, because it starts with the same columns"));
        }
        if !index.long.is_empty() {
            text.push_str(&format!("\nit stores {} a second time for each row", index.long.join(", ")));
        }
    }
    text
}

fn removed(advice: &Advice, remedies: &Remedies) -> String {
    let is_for_automatic_indexes = remedies.goal == Goal::AutomaticIndexes;
    let mut parts: Vec<String> = Vec::new();
    let mut add = |part: String| {
        if !parts.contains(&part) {
            parts.push(part);
        }
    };
    for removed in &advice.removes {
        match removed {
            // An automatic index is a scan too, and is mentioned once.
            Removed::Scan(_) if is_for_automatic_indexes => {}
            Removed::AutomaticIndex(_) if !is_for_automatic_indexes => {}
            Removed::AutomaticIndex(_) => add("the automatic index".to_owned()),
            Removed::Scan(_) if remedies.scans == 1 => add("the scan".to_owned()),
            Removed::Scan(table) => add(format!("the scan of {table}")),
            Removed::Sort(purpose) if purpose.contains("ORDER BY") || purpose.is_empty() => add("the sort".to_owned()),
            Removed::Sort(purpose) => add(format!("the b-tree for {purpose}")),
        }
    }
    let verb = if parts.len() > 1 { "are" } else { "is" };
    match parts.split_last() {
        Some((last, [])) => format!("{last} {verb} gone"),
        Some((last, others)) => format!("{} and {last} {verb} gone", others.join(", ")),
        None => "the plan is better".to_owned(),
    }
}

fn retype_help(retype: &Retype) -> String {
    let Retype { child, parent, column, parent_column, columns } = retype;
    format!(
        "declare {child}.{} like {parent}.{}, to which it refers: it is {}, the other is {}, so no index can find the children\n\
         tried: with the same type and an index on {child}({}) the scan is gone",
        column.name,
        parent_column.name,
        typed(column),
        typed(parent_column),
        listed(columns)
    )
}
