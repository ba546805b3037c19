//! Scans of children that no index can end, because the types of the child's and the parent's columns compare differently.

use super::trial::{ExpensiveSteps, Goal, surplus};
use crate::plan::catalog::Object;
use crate::plan::explain::explain_again;
use crate::plan::query_plan::Plan;
use crate::schema::declaration::Declaration;
use crate::schema::references::{Pair, class};
use crate::schema::{Column, Schema};
use crate::sql::{Name, plain_name};

/// A column of a foreign key that should have the type of the column to which it refers. Tried: with that type and an index
/// on the key's columns the scan is gone.
#[derive(Debug)]
pub(super) struct Retype {
    pub(super) child: Name,
    pub(super) parent: Name,
    pub(super) column: Column,
    pub(super) parent_column: Column,
    /// All columns of the foreign key.
    pub(super) columns: Vec<Name>,
}

/// Returns the columns to declare differently, for each foreign key whose scan that would end.
pub(super) fn retypes(plan: &Plan, goal: &Goal) -> Vec<Retype> {
    let Goal::Scans(scanned) = goal else { return Vec::new() };
    let Ok(copy) = plan.catalog.empty_copy() else { return Vec::new() };
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
    let mut catalog = plan.catalog.clone();
    let child = &pair.child.name;
    let retyped =
        pair.columns.iter().try_fold(Declaration::parse(&pair.child.sql)?, |sql, (column, parent_column)| {
            sql.retype(&column.name, &parent_column.declared_type)
        })?;
    let is_child = |object: &&mut Object| object.database == 0 && object.kind == "table" && object.name == *child;
    catalog.objects.iter_mut().find(is_child)?.sql = Some(retyped.named(child));
    let columns: Vec<String> = pair.columns.iter().map(|(column, _)| plain_name(&column.name)).collect();
    let name = "sqlitmus_trial";
    catalog.objects.push(Object {
        database: 0,
        kind: "index".to_owned(),
        name: name.into(),
        table: child.clone(),
        root: 0,
        sql: Some(format!("CREATE INDEX {name} ON {}({})", plain_name(child), columns.join(", "))),
        partial: false,
    });
    let copy = catalog.empty_copy().ok()?;
    copy.prepare(&plan.sql).ok()?;
    let again = explain_again(&copy.connection, plan).ok()?;
    let (before, after) = (ExpensiveSteps::of(plan), ExpensiveSteps::of(&again));
    Some(after.reads_no_more_than(&before) && surplus(&before.scans, &after.scans).contains(child))
}
