//! Tries fixes before they are shown, on a copy of the schema that is then linted again.

use rusqlite::Connection;

use super::detect::detect;
use super::finding::{Fix, LintFinding, new_name};
use crate::error::Result;
use crate::schema::entries::SchemaEntry;
use crate::schema::schema_copy::{SchemaCopy, Triggers, declared};
use crate::schema::{Schema, Table};
use crate::sql::{plain_name, plain_names, same_name};

/// Runs every fix that is SQL, and keeps those that remove their finding and cause no other.
///
/// Fixes share a copy, unless one of them rebuilds the table of another.
pub(super) fn try_fixes(source: &Connection, mut found: Vec<LintFinding>) -> Result<Vec<LintFinding>> {
    let (schema, declared) = (Schema::read(source)?, declared(source)?);
    let mut waiting: Vec<usize> =
        (0..found.len()).filter(|at| matches!(found[*at].fix, Fix::Sql(_) | Fix::Rebuild { .. })).collect();
    while !waiting.is_empty() {
        let (mut round, mut later): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
        for at in waiting {
            if round.iter().any(|other| clash(&found[*other], &found[at])) { later.push(at) } else { round.push(at) }
        }
        let mut works = attempt(&declared, &schema, &found, &round)?;
        if round.len() > 1 {
            // For example two that create an index with the same name.
            for at in round.iter().filter(|at| !works.contains(at)).copied().collect::<Vec<_>>() {
                works.extend(attempt(&declared, &schema, &found, &[at])?);
            }
        }
        for at in round {
            let fix = std::mem::replace(&mut found[at].fix, Fix::Nothing);
            if works.contains(&at) {
                found[at].fix = Fix::Text(script(&schema, &fix));
            }
        }
        waiting = later;
    }
    Ok(found)
}

/// Returns those of the fixes that work.
fn attempt(declared: &[SchemaEntry], schema: &Schema, found: &[LintFinding], round: &[usize]) -> Result<Vec<usize>> {
    let mut changed = declared.to_vec();
    let mut ran: Vec<usize> = Vec::new();
    // Several findings may have one remedy.
    let has_run = |ran: &[usize], at: &usize| ran.iter().any(|other| found[*other].fix == found[*at].fix);
    for at in round {
        let Fix::Rebuild { table, .. } = &found[*at].fix else { continue };
        if has_run(&ran, at) || rebuild_alone(&mut changed, table, &body(schema, &found[*at].fix))? {
            ran.push(*at);
        }
    }
    let copy = SchemaCopy::of(&changed, Triggers::Copied)?;
    for at in round {
        let Fix::Sql(sql) = &found[*at].fix else { continue };
        if has_run(&ran, at) {
            ran.push(*at);
            continue;
        }
        let _ = copy.run("SAVEPOINT fix");
        match copy.run(sql) {
            Ok(()) => ran.push(*at),
            Err(_) => drop(copy.run("ROLLBACK TO fix")),
        }
        let _ = copy.run("RELEASE fix");
    }
    let left = detect(&copy.connection)?;
    let is_new = |one: &&LintFinding| {
        // This lint compares tables, which differ until all of them are fixed.
        one.finding.code() != "same-name-different-type"
            && !found.iter().any(|known| known.is_same(one))
            // A foreign key is linted further only once it has a parent.
            && !round.iter().map(|at| &found[*at].finding).any(|fixed| {
                fixed.code().starts_with("fk-parent-") && fixed.object() == one.finding.object()
            })
    };
    if !left.iter().any(|one| is_new(&one)) {
        ran.retain(|at| !left.iter().any(|one| one.is_same(&found[*at])));
        return Ok(ran);
    }
    // Some fix causes a new finding. Halving the list tells which one.
    if round.len() == 1 {
        return Ok(Vec::new());
    }
    let (one, two) = round.split_at(round.len() / 2);
    let mut works = attempt(declared, schema, found, one)?;
    works.extend(attempt(declared, schema, found, two)?);
    Ok(works)
}

/// Rebuilds a table on a copy that has nothing else, and puts the result in `changed`. Returns true if that worked.
///
/// In the whole schema, the renaming would make SQLite parse everything once for each table. With legacy_alter_table it looks
/// at nothing else, so the result is the same.
fn rebuild_alone(changed: &mut Vec<SchemaEntry>, table: &str, sql: &str) -> Result<bool> {
    let is_its = |one: &SchemaEntry| same_name(&one.table, table);
    let new = new_name(table);
    if changed.iter().any(|one| same_name(&one.name, &new)) {
        return Ok(false);
    }
    let own: Vec<SchemaEntry> = changed.iter().filter(|one| is_its(one)).cloned().collect();
    let copy = SchemaCopy::of(&own, Triggers::Copied)?;
    if copy.run(sql).is_err() {
        return Ok(false);
    }
    let rebuilt = declared(&copy.connection)?;
    changed.retain(|one| !is_its(one));
    changed.extend(rebuilt);
    Ok(true)
}

/// Returns true if two fixes cannot be tried together. A rebuild recreates the indexes of its table as they were.
fn clash(one: &LintFinding, two: &LintFinding) -> bool {
    let is_rebuild = |found: &LintFinding| matches!(found.fix, Fix::Rebuild { .. });
    one.fix != two.fix && one.table == two.table && (is_rebuild(one) || is_rebuild(two))
}

/// Returns a fix as it is shown.
fn script(schema: &Schema, fix: &Fix) -> String {
    match fix {
        // The PRAGMA is outside the transaction, because inside it does nothing, and then DROP TABLE deletes the rows that
        // refer to the table, see https://www.sqlite.org/lang_altertable.html#otheralter.
        Fix::Rebuild { .. } => format!(
            "PRAGMA foreign_keys = OFF;\nBEGIN;\n{}\nPRAGMA foreign_key_check;\nCOMMIT;\nPRAGMA foreign_keys = ON;",
            body(schema, fix)
        ),
        _ => body(schema, fix),
    }
}

/// Returns the part of a fix that runs in a transaction.
fn body(schema: &Schema, fix: &Fix) -> String {
    match fix {
        Fix::Sql(sql) | Fix::Text(sql) => sql.clone(),
        Fix::Nothing => String::new(),
        Fix::Rebuild { table, declaration } => match schema.table(table) {
            Some(table) => rebuild(table, declaration),
            None => String::new(),
        },
    }
}

fn rebuild(table: &Table, declaration: &str) -> String {
    let (old, new) = (plain_name(&table.name), plain_name(&new_name(&table.name)));
    let columns = plain_names(
        table.columns.iter().filter(|column| column.generated.is_none()).map(|column| column.name.as_str()),
    );
    // Without legacy_alter_table the renaming would fail on views that name the dropped table.
    let mut sql = format!(
        "{declaration};\nINSERT INTO {new}({columns}) SELECT {columns} FROM {old};\nDROP TABLE {old};\n\
         PRAGMA legacy_alter_table = ON;\nALTER TABLE {new} RENAME TO {old};\nPRAGMA legacy_alter_table = OFF;"
    );
    let behind = table.indexes.iter().map(|index| &index.sql).chain(table.triggers.iter().map(|trigger| &trigger.sql));
    for statement in behind {
        sql.push('\n');
        sql.push_str(statement);
        sql.push(';');
    }
    sql
}
