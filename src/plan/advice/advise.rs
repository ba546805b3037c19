//! Finds indexes that improve a plan.

use rusqlite::Connection;

use super::advised::{Advice, Removed};
use super::expensive::{ExpensiveSteps, surplus};
use super::foreign_keys::{self, Retype};
use super::goal::Goal;
use super::naming;
use super::search::Search;
use super::trial::Trials;
use crate::error::Result;
use crate::plan::explain::try_explain;
use crate::plan::query_plan::Plan;
use crate::sql::Name;

/// Returns indexes that would remove scans of whole tables and sorts from the plan of a statement.
///
/// ```
/// # let db = sqlitmus::Template::empty().in_memory();
/// # db.execute_batch("CREATE TABLE orders(id INTEGER PRIMARY KEY, status TEXT, at TEXT)").unwrap();
/// let by_status = "SELECT id FROM orders WHERE status = ?1 ORDER BY at DESC";
/// let advice = sqlitmus::plan::advise(&db, by_status).unwrap();
/// let expected = "CREATE INDEX orders_status_at ON orders(status, at);";
/// assert_eq!(advice[0].sql, expected);
/// ```
///
/// Returns none if none helps: for `count(*)`, for `LIKE '%x'`, for a table that has few rows in the statistics, and for
/// temporary or attached tables. The database is not changed.
///
/// # Errors
/// If SQLite refuses the statement, or if `sql` is not one statement that has a plan.
pub fn advise(connection: &Connection, sql: &str) -> Result<Vec<Advice>> {
    Ok(try_explain(connection, sql)?.advice())
}

impl Plan {
    /// Returns indexes that would remove scans of whole tables and sorts. See [`advise`].
    pub fn advice(&self) -> Vec<Advice> {
        indexes(self, &Goal::All).0
    }
}

/// Everything that would reach a goal.
#[derive(Debug)]
pub(in crate::plan) struct Remedies {
    pub(super) goal: Goal,
    pub(super) advice: Vec<Advice>,
    pub(super) retypes: Vec<Retype>,
    /// The number of scans in the plan.
    pub(super) scans: usize,
    /// True if the search ended before all candidates were tried.
    pub(super) is_cut_short: bool,
}

pub(in crate::plan) fn remedies(plan: &Plan, goal: &Goal) -> Remedies {
    let (advice, is_cut_short) = indexes(plan, goal);
    let retypes = match advice.is_empty() && !is_cut_short {
        true => foreign_keys::retypes(plan, goal),
        false => Vec::new(),
    };
    Remedies { goal: goal.clone(), advice, retypes, scans: ExpensiveSteps::of(plan).scans.len(), is_cut_short }
}

/// Returns the advice, and true if the search for it was cut short.
fn indexes(plan: &Plan, goal: &Goal) -> (Vec<Advice>, bool) {
    let Some(trials) = Trials::of(plan) else { return (Vec::new(), false) };
    let mut search = Search::new(trials, goal.clone());
    let sets = search.run();
    let trials = search.into_trials();
    let mut names: Vec<String> = Vec::new();
    let advice = sets.iter().map(|(set, left)| {
        let removes = removed(&trials.base.steps, left);
        naming::advice(set, removes, &trials.schema, &mut names)
    });
    (advice.collect(), trials.is_cut_short)
}

fn removed(before: &ExpensiveSteps, after: &ExpensiveSteps) -> Vec<Removed> {
    let tables = |before: &[Name], after: &[Name]| surplus(before, after).into_iter().map(String::from);
    let mut removed: Vec<Removed> = tables(&before.scans, &after.scans).map(Removed::Scan).collect();
    removed.extend(tables(&before.automatic, &after.automatic).map(Removed::AutomaticIndex));
    if after.sorts.len() < before.sorts.len() {
        removed.extend(surplus(&before.sorts, &after.sorts).into_iter().map(Removed::Sort));
    }
    removed
}
