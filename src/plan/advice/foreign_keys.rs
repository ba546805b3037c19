//! Scans of children that no index can end, because the child's column is declared otherwise than its parent's.

use super::search::Goal;
use super::trial::{Faults, less};
use crate::plan::catalog::Object;
use crate::plan::{Plan, explain_again};
use crate::schema::declaration::Declaration;
use crate::schema::references::{Pair, class, typed};
use crate::schema::{Column, Schema};
use crate::sql::{listed, plain_name};

/// What to declare otherwise, for each foreign key that it would help: tried, with an index on its columns.
pub(super) fn defeated(plan: &Plan, goal: &Goal) -> Vec<String> {
    let Goal::Scans(scanned) = goal else { return Vec::new() };
    let Ok(bench) = plan.catalog.bench() else { return Vec::new() };
    let Ok(schema) = Schema::read(&bench.connection) else { return Vec::new() };
    let mut words = Vec::new();
    for child in schema.tables.iter().filter(|table| scanned.iter().any(|name| name.eq_ignore_ascii_case(&table.name)))
    {
        for key in &child.foreign_keys {
            let Some(pair) = schema.table(&key.parent).and_then(|parent| Pair::of(child, key, parent)) else {
                continue;
            };
            let differs = |pair: &&(&Column, &Column)| class(pair.0) != class(pair.1);
            let Some((mine, theirs)) = pair.columns.iter().find(differs) else { continue };
            if helps(plan, &pair) {
                let (child, parent) = (&child.name, &pair.parent.name);
                words.push(format!(
                    "declare {child}.{} as {parent}.{}, to which it refers: it is {}, that is {}, and so no index finds the children\n\
                     tried: with the same type and an index on {child}({}) the scan is gone",
                    mine.name,
                    theirs.name,
                    typed(mine),
                    typed(theirs),
                    listed(&key.columns)
                ));
            }
        }
    }
    words
}

/// Whether the scan is gone with the parent's types and an index.
fn helps(plan: &Plan, pair: &Pair<'_>) -> bool {
    let mut catalog = plan.catalog.clone();
    let child = &pair.child.name;
    let changed = pair.columns.iter().try_fold(Declaration::parse(&pair.child.sql), |sql, (mine, theirs)| {
        Some(sql?.retype(&mine.name, &theirs.declared_type)).filter(Option::is_some)
    });
    let Some(Some(changed)) = changed else { return false };
    let Some(table) = catalog.objects.iter_mut().find(|o| o.database == 0 && o.kind == "table" && o.name == *child)
    else {
        return false;
    };
    table.sql = Some(changed.named(child));
    let columns: Vec<String> = pair.columns.iter().map(|(mine, _)| plain_name(&mine.name)).collect();
    let name = "sqlitmus_trial".to_owned();
    let sql = format!("CREATE INDEX {name} ON {}({})", plain_name(child), columns.join(", "));
    catalog.objects.push(Object {
        database: 0,
        kind: "index".to_owned(),
        name,
        table: child.to_string(),
        root: 0,
        sql: Some(sql),
        partial: false,
    });
    let Ok(bench) = catalog.bench() else { return false };
    if bench.prepare(&plan.sql).is_err() {
        return false;
    }
    let Ok(again) = explain_again(&bench.connection, &plan.sql, &plan.values) else { return false };
    let (before, after) = (Faults::of(plan), Faults::of(&again));
    let gone = less(&before.scans, &after.scans);
    after.reads_no_more_than(&before) && gone.iter().any(|table| table.eq_ignore_ascii_case(child))
}
