//! Finds indexes that improve a plan, and renders them in a report.

use std::sync::Arc;

use rusqlite::Connection;

use super::candidate::{self, Advice, Removed};
use super::children::Lookups;
use super::search::{Search, Set};
use super::together::{OthersCost, cost_for_others};
use super::trial::{ExpensiveSteps, Goal, MAX_PLANS, Trials, surplus};
use crate::error::{Error, Result};
use crate::plan::catalog::Object;
use crate::plan::explain::{explain_again, try_explain};
use crate::plan::query_plan::Plan;
use crate::plan::tree::distinct;
use crate::schema::declaration::Declaration;
use crate::schema::references::{Pair, class, typed};
use crate::schema::{Column, Schema};
use crate::sql::{Name, listed, on_one_line, plain_name};

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
/// An index is held against the lookups that the schema was made for, by its foreign keys, keys and indexes, and
/// [`Advice::dearer`] has those that would take more steps. Other statements of the app are not known here:
/// [`advise_all`](crate::workload::advise_all) and the assertions of a recording hold it against all that were recorded.
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
        indexes(self, &Goal::All).advice
    }
}

/// Everything that would reach a goal.
#[derive(Debug)]
pub(in crate::plan) struct Remedies {
    goal: Goal,
    advice: Vec<Advice>,
    retypes: Vec<Retype>,
    /// The number of scans in the plan.
    scans: usize,
    /// Indexes that would reach the goal and make another statement dearer, with that statement.
    refused: Vec<(Advice, String)>,
    /// True if the search ended before all candidates were tried.
    is_cut_short: bool,
}

impl Remedies {
    pub(in crate::plan) fn is_empty(&self) -> bool {
        self.advice.is_empty() && self.retypes.is_empty() && self.refused.is_empty()
    }
}

pub(in crate::plan) fn remedies(plan: &Plan, goal: &Goal) -> Remedies {
    let found = indexes(plan, goal);
    let retypes = match found.advice.is_empty() && found.refused.is_empty() && !found.is_cut_short {
        true => retypes(plan, goal),
        false => Vec::new(),
    };
    Remedies { goal: goal.clone(), retypes, scans: ExpensiveSteps::of(plan).scans.len(), ..found }
}

/// Returns the indexes that reach a goal.
fn indexes(plan: &Plan, goal: &Goal) -> Remedies {
    let mut names: Vec<String> = plan.catalog.objects.iter().map(|object| object.name.to_string()).collect();
    let mut found: Vec<(Set, Advice)> = Vec::new();
    let lookups = Lookups::of(plan);
    if let Some(lookups) = &lookups {
        for (set, scans) in lookups.found.iter().filter(|(set, _)| goal.is_about(&set[0].table)) {
            let removes = vec![Removed::Scan(set[0].table.to_string()); *scans];
            found.push((set.clone(), candidate::advice(set, removes, &lookups.copy.schema, &mut names)));
        }
    }
    let rest = lookups.as_ref().map_or(Some(plan), |lookups| lookups.rest.as_ref());
    let mut is_cut_short = false;
    if let Some(trials) = rest.and_then(Trials::of) {
        let mut search = Search::new(trials);
        let sets = match goal {
            Goal::Reads(table) => search.covering(table).into_iter().collect(),
            _ => search.run(goal),
        };
        for (set, left) in sets {
            let removes = removed(&search.trials.base.steps, &left);
            let advice = candidate::advice(&set, removes, &search.trials.copy.schema, &mut names);
            let dearer = search.measure().map_or_else(Vec::new, |rows| rows.dearer_lookups(&set));
            let adds_sort = left.sorts.len() > search.trials.base.steps.sorts.len();
            found.push((set, Advice { dearer, adds_sort, ..advice }));
        }
        is_cut_short = search.trials.is_cut_short;
    }
    let sets: Vec<Set> = found.iter().map(|(set, _)| set.clone()).collect();
    let costs = match plan.others.is_empty() || sets.is_empty() {
        true => Vec::new(),
        false => cost_for_others(plan, &sets).unwrap_or_default(),
    };
    let (mut advice, mut refused) = (Vec::new(), Vec::new());
    let costs = costs.into_iter().chain(std::iter::repeat_with(OthersCost::default));
    for ((_, one), cost) in found.into_iter().zip(costs) {
        match cost.dearer {
            Some(other) => refused.push((one, other)),
            None => advice.push(Advice { upkeep: cost.upkeep, ..one }),
        }
    }
    Remedies { goal: goal.clone(), advice, retypes: Vec::new(), scans: 0, refused, is_cut_short }
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

/// Adds the remedies to the report of a plan.
pub(in crate::plan) fn offer(mut error: Error, remedies: &Remedies) -> Error {
    for advice in &remedies.advice {
        error = error.help(help(advice, remedies));
    }
    for retype in &remedies.retypes {
        error = error.help(retype_help(retype));
    }
    for (advice, other) in &remedies.refused {
        let create = advice.sql.lines().collect::<Vec<_>>().join(" ");
        error = error.note(format!(
            "not offered, because another recorded query then takes more steps: {create}\n{}",
            on_one_line(other)
        ));
    }
    if remedies.is_cut_short {
        error = error.note(format!("the search for an index was cut short after {MAX_PLANS} plans"));
    }
    error
}

fn help(advice: &Advice, remedies: &Remedies) -> String {
    let mut text = format!("{}   tried: {}", advice.sql, removed_steps(advice, remedies));
    if advice.indexes.len() > 1 {
        text.push_str(if advice.indexes.len() == 2 { ", with both" } else { ", with all of them" });
    }
    if advice.adds_sort {
        text.push_str(", and the few rows that are left are sorted");
    }
    for index in &advice.indexes {
        if let Some(old) = &index.replaces {
            text.push_str(&format!("\nit can replace {old}, because it starts with the same columns"));
        }
        if !index.long.is_empty() {
            text.push_str(&format!("\nit stores {} a second time for each row", index.long.join(", ")));
        }
    }
    if let Some(upkeep) = &advice.upkeep {
        text.push_str(&format!("\n{upkeep}"));
    }
    for sql in &advice.dearer {
        text.push_str(&format!("\nbut then this takes more steps: {sql}"));
    }
    text
}

fn removed_steps(advice: &Advice, remedies: &Remedies) -> String {
    if let Goal::Reads(_) = remedies.goal {
        return "only the index is read".to_owned();
    }
    let is_for_automatic_indexes = remedies.goal == Goal::AutomaticIndexes;
    let parts = distinct(advice.removes.iter().filter_map(|removed| match removed {
        // An automatic index is a scan too, and is mentioned once.
        Removed::Scan(_) if is_for_automatic_indexes => None,
        Removed::AutomaticIndex(_) => is_for_automatic_indexes.then(|| "the automatic index".to_owned()),
        Removed::Scan(_) if remedies.scans == 1 => Some("the scan".to_owned()),
        Removed::Scan(table) => Some(format!("the scan of {table}")),
        Removed::Sort(purpose) if purpose.contains("ORDER BY") || purpose.is_empty() => Some("the sort".to_owned()),
        Removed::Sort(purpose) => Some(format!("the b-tree for {purpose}")),
    }));
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

/// A column of a foreign key that should have the type of the column to which it refers. Tried: with that type and an index
/// on the key's columns the scan is gone.
#[derive(Debug)]
struct Retype {
    child: Name,
    parent: Name,
    column: Column,
    parent_column: Column,
    /// All columns of the foreign key.
    columns: Vec<Name>,
}

/// Returns the columns to declare differently, for each foreign key whose scan that would end.
fn retypes(plan: &Plan, goal: &Goal) -> Vec<Retype> {
    let Goal::Scans(scanned) = goal else { return Vec::new() };
    let Ok(copy) = plan.surroundings().empty_copy() else { return Vec::new() };
    let Ok(schema) = Schema::read(&copy.connection) else { return Vec::new() };
    let children = schema.tables.iter().filter(|table| scanned.contains(&table.name));
    let keys = children.flat_map(|child| child.foreign_keys.iter().map(move |key| (child, key)));
    let retype = |(child, key)| {
        let pair = Pair::of(child, key, schema.table(&key.parent)?)?;
        let differs = |pair: &&(&Column, &Column)| class(pair.0) != class(pair.1);
        let (column, parent_column) = pair.columns.iter().find(differs)?;
        ends_the_scan(plan, &pair)?.then(|| Retype {
            child: child.name.clone(),
            parent: pair.parent.name.clone(),
            column: (*column).clone(),
            parent_column: (*parent_column).clone(),
            columns: key.columns.clone(),
        })
    };
    keys.filter_map(retype).collect()
}

/// Returns true if the scan is gone with the parent's types and an index. `None` if that cannot be tried.
fn ends_the_scan(plan: &Plan, pair: &Pair<'_>) -> Option<bool> {
    let mut catalog = plan.surroundings();
    let child = &pair.child.name;
    let retyped =
        pair.columns.iter().try_fold(Declaration::parse(&pair.child.sql)?, |sql, (column, parent_column)| {
            sql.retype(&column.name, &parent_column.declared_type)
        })?;
    let is_child = |object: &&mut Arc<Object>| object.database == 0 && object.kind == "table" && object.name == *child;
    let object = catalog.objects.iter_mut().find(is_child)?;
    *object = Arc::new(object.declared_as(retyped.named(child)));
    let columns: Vec<String> = pair.columns.iter().map(|(column, _)| plain_name(&column.name)).collect();
    let name = "sqlitmus_trial";
    let create = format!("CREATE INDEX {name} ON {}({})", plain_name(child), columns.join(", "));
    catalog.objects.push(Arc::new(Object::index(name, child, Some(create))));
    let copy = catalog.empty_copy().ok()?;
    copy.prepare(&plan.sql).ok()?;
    let again = explain_again(&copy.connection, plan).ok()?;
    let (before, after) = (ExpensiveSteps::of(plan), ExpensiveSteps::of(&again));
    Some(after.reads_no_more_than(&before) && surplus(&before.scans, &after.scans).contains(child))
}
