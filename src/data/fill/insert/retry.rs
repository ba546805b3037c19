//! Selects the columns that are made again after SQLite has refused a row.

use crate::data::constraints::condition::{Condition, ConditionKind};
use crate::data::constraints::conditions::name_in_sqlite_errors;
use crate::data::fill::plan::table_plan::TablePlan;
use crate::error::Refusal;

/// SQLite's primary code for every constraint.
pub(super) const CONSTRAINT: i32 = 19;

/// SQLite's code if a trigger raises an error.
pub(super) const RAISED: i32 = 1811;

const CHECK: i32 = 275;
const FOREIGN_KEY: i32 = 787;
const DATATYPE: i32 = 3091;

/// SQLite's codes if a PRIMARY KEY, a UNIQUE or a rowid exists already.
const UNIQUE: [i32; 3] = [1555, 2067, 2579];

/// Returns true if SQLite refused a value that exists already.
pub(super) fn is_duplicate(code: Option<i32>) -> bool {
    code.is_some_and(|code| UNIQUE.contains(&code))
}

/// Marks the columns that are made again after a refusal. Returns true if the row needs another number.
pub(super) fn mark(plan: &TablePlan, refusal: &Refusal, attempts: &mut [u32]) -> bool {
    let subject = refusal.message.split_once("failed: ").map_or("", |(_, subject)| subject);
    let is_unique = UNIQUE.contains(&refusal.code);
    let mut columns = match refusal.code {
        _ if is_unique => of_keys(plan, subject),
        CHECK => of_checks(plan, subject),
        FOREIGN_KEY => Some(plan.references.iter().flat_map(|reference| &reference.columns).copied().collect()),
        DATATYPE => plan.column(column_name(subject)).map(|column| vec![column]),
        // A trigger can depend on any column.
        _ => None,
    };
    let Some(columns) = &mut columns else {
        attempts.iter_mut().for_each(|attempts| *attempts += 1);
        return is_unique || refusal.code == CHECK || is_moved(plan, attempts);
    };
    columns.iter().for_each(|column| attempts[*column] += 1);
    is_unique || is_moved(plan, attempts)
}

fn column_name(subject: &str) -> &str {
    subject.rsplit_once('.').map_or(subject, |(_, column)| column)
}

/// Returns the columns of the keys that SQLite names. `None` if there is no such key.
fn of_keys(plan: &TablePlan, subject: &str) -> Option<Vec<usize>> {
    let index = subject.strip_prefix("index '").and_then(|rest| rest.strip_suffix('\''));
    let named: Vec<usize> = subject.split(", ").filter_map(|part| plan.column(column_name(part))).collect();
    let mut keys = plan.keys.iter().filter(|key| match index {
        Some(index) => key.index.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(index)),
        None => key.columns.len() == named.len() && key.columns.iter().all(|column| named.contains(column)),
    });
    let first = keys.next()?;
    let columns = std::iter::once(first).chain(keys).flat_map(|key| key.columns.iter().chain(&key.under));
    Some(columns.copied().collect())
}

/// Returns the columns of the CHECKs that SQLite names, and those made with them. `None` if there is no such CHECK.
fn of_checks(plan: &TablePlan, subject: &str) -> Option<Vec<usize>> {
    let is_named = |check: &&Condition| match &check.name {
        Some(name) => name.eq_ignore_ascii_case(subject),
        None => name_in_sqlite_errors(&check.shown) == subject.trim(),
    };
    // SQLite calls two CHECKs that start with one name the same: the columns of both are made again.
    let mut columns = Vec::new();
    for check in plan.conditions.iter().filter(|condition| condition.kind == ConditionKind::Check).filter(is_named) {
        let is_of_check = |column: &usize| check.columns.contains(column);
        let group = plan.groups.iter().find(|group| group.columns.iter().any(is_of_check));
        columns.extend(group.map_or(&check.columns, |group| &group.columns));
    }
    columns.sort_unstable();
    columns.dedup();
    if columns.is_empty() { None } else { Some(columns) }
}

/// Returns true if a column is made again that takes its values from the row's number: it changes only with the number.
fn is_moved(plan: &TablePlan, attempts: &[u32]) -> bool {
    let has_place = |column: usize| {
        plan.columns[column].place.is_some()
            || plan.references.iter().any(|of| of.place.is_some() && of.columns.contains(&column))
    };
    (0..plan.columns.len()).any(|column| attempts[column] > 0 && has_place(column))
}
