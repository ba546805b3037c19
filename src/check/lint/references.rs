//! Foreign keys: mistakes in their declaration.

use super::checks::{self, Verdict};
use super::finding::{LintFinding, LintInput, object, row_with_null};
use super::unindexed::{ForeignKeyIndexes, aligned};
use crate::schema::references::{Pair, class, is_textual, parent_columns, typed};
use crate::schema::{Affinity, Column, ForeignKey, Table, TableKind};
use crate::sql::{Name, plain_name, plain_names, same_name};

pub(super) fn lint(input: &LintInput, found: &mut Vec<LintFinding>) {
    let mut indexes = ForeignKeyIndexes::new(input);
    for table in input.tables() {
        for key in &table.foreign_keys {
            composite_nullable(input, table, key, found);
            let Some(parent) = input.schema.table(&key.parent) else {
                missing(input, table, key, found);
                continue;
            };
            let Some(pair) = Pair::of(table, key, parent) else {
                not_unique(input, table, key, parent, found);
                continue;
            };
            if !pair.is_unique() {
                not_unique(input, table, key, parent, found);
                continue;
            }
            type_mismatch(&pair, found);
            found.extend(indexes.lint(&pair));
        }
    }
}

fn missing(input: &LintInput, table: &Table, key: &ForeignKey, found: &mut Vec<LintFinding>) {
    let object = object(table, key.columns.iter().map(Name::as_str));
    let is_view = input.schema.views.iter().any(|view| view.name == key.parent);
    let what = match is_view {
        true => format!("{object} refers to {}, which is a view", key.parent),
        false => format!("{object} refers to {}, and there is no such table", key.parent),
    };
    let cost = "with foreign_keys on, every insert that sets the column fails with \"no such table\"; with it off, nothing is checked";
    let finding = LintFinding::new("fk-parent-missing", object, what, cost);
    let tables = input.schema.tables.iter().filter(|table| table.kind == TableKind::Ordinary);
    let near = crate::report::nearest(&key.parent, tables.map(|table| table.name.as_str()));
    found.push(match near {
        Some(near) => finding.rebuild(table, |sql| sql.refer(&key.parent, near)),
        None => {
            finding.text(format!("create the table {}, or rebuild {} without the reference", key.parent, table.name))
        }
    });
}

fn not_unique(input: &LintInput, table: &Table, key: &ForeignKey, parent: &Table, found: &mut Vec<LintFinding>) {
    if input.copy.is_missing(&table.name) || input.copy.is_missing(&parent.name) {
        return;
    }
    // SQLite reports it when it prepares a statement that looks up the parent.
    let insert = format!("INSERT INTO {} DEFAULT VALUES", plain_name(&table.name));
    let delete = format!("DELETE FROM {}", plain_name(&parent.name));
    let refusal = input.with_foreign_keys(|copy| {
        copy.prepare(&insert).err().or_else(|| copy.prepare(&delete).err()).unwrap_or_default()
    });
    if !refusal.contains("foreign key mismatch") {
        return;
    }
    let columns = parent_columns(key, parent);
    let object = object(table, key.columns.iter().map(Name::as_str));
    let gone = columns.iter().find(|column| parent.column(column).is_none());
    let what = match gone {
        Some(gone) => format!("{object} refers to {}.{gone}, and there is no such column", parent.name),
        None if columns.len() != key.columns.len() => {
            format!("{object} refers to the PRIMARY KEY of {}, which has {} columns", parent.name, columns.len())
        }
        None => format!("{object} refers to {}({}), which is not unique", parent.name, columns.join(", ")),
    };
    let cost = "every insert into the child, and every delete from the parent, fails with \"foreign key mismatch\" while foreign_keys is on";
    let finding =
        LintFinding::new("fk-parent-not-unique", object, what, cost).on(parent).evidence("SQLite says", refusal);
    found.push(if gone.is_none() && columns.len() == key.columns.len() {
        let index = input.schema.free_name(&parent.name, &columns, &[]);
        finding.sql(format!(
            "CREATE UNIQUE INDEX {} ON {}({});",
            plain_name(&index),
            plain_name(&parent.name),
            plain_names(columns)
        ))
    } else {
        finding.text(format!("rebuild {} with a reference to a key of {}", table.name, parent.name))
    });
}

fn type_mismatch(pair: &Pair<'_>, found: &mut Vec<LintFinding>) {
    for (child, parent) in &pair.columns {
        let types =
            class(child) != class(parent) && child.affinity != Affinity::Any && parent.affinity != Affinity::Any;
        let collations = is_textual(child) && is_textual(parent) && !same_name(&child.collation, &parent.collation);
        if !types && !collations {
            continue;
        }
        let here = object(pair.child, [child.name.as_str()]);
        let there = object(pair.parent, [parent.name.as_str()]);
        let what = match types {
            true => format!("{here} is {}, and {there}, to which it refers, is {}", typed(child), typed(parent)),
            false => format!(
                "{here} is COLLATE {}, and {there}, to which it refers, is COLLATE {}",
                child.collation, parent.collation
            ),
        };
        let cost = "the foreign key compares as the parent does, a join as its left side does: the two may disagree about which rows are related, and no index helps";
        let finding = LintFinding::new("fk-type-mismatch", here, what, cost);
        found.push(finding.rebuild(pair.child, |sql| aligned(sql, child, parent)));
    }
}

/// Finds composite keys with nullable columns: if one of them is NULL, the others are not checked.
fn composite_nullable(input: &LintInput, table: &Table, key: &ForeignKey, found: &mut Vec<LintFinding>) {
    let columns: Vec<&Column> = key.columns.iter().filter_map(|name| table.column(name)).collect();
    let (nullable, fixed): (Vec<&Column>, Vec<&Column>) =
        columns.iter().partition(|column| checks::accepts_null(input, table, column));
    if columns.len() < 2 || nullable.is_empty() {
        return;
    }
    // (tenant_id NOT NULL, user_id): if tenant_id has a foreign key of its own, NULL in user_id leaves nothing unchecked.
    let on_its_own = |column: &&Column| {
        table.foreign_keys.iter().any(|other| other.columns.len() == 1 && other.columns[0] == column.name)
    };
    if nullable.len() == 1 && fixed.iter().all(on_its_own) {
        return;
    }
    if nullable.iter().all(|column| half_is_refused(input, table, &nullable, column)) {
        return;
    }
    let object = object(table, key.columns.iter().map(Name::as_str));
    let names: Vec<&str> = nullable.iter().map(|column| column.name.as_str()).collect();
    let what = format!("{object} refers to {}, and is not checked where {} is NULL", key.parent, names.join(" or "));
    let cost = "a foreign key of several columns is not enforced for a row in which any of them is NULL: the others may name a row that does not exist";
    let finding = LintFinding::new("fk-composite-nullable", object, what, cost);
    found.push(match fixed.is_empty() {
        true => {
            let sums: Vec<String> = names.iter().map(|column| format!("({} IS NULL)", plain_name(column))).collect();
            let all = sums.windows(2).map(|two| two.join(" = ")).collect::<Vec<_>>().join(" AND ");
            finding.rebuild(table, |sql| sql.add(&format!("CHECK ({all})")))
        }
        false => finding.rebuild(table, |mut sql| {
            for column in &names {
                sql = sql.constrain(column, "NOT NULL")?;
            }
            Some(sql)
        }),
    });
}

/// Returns true if a CHECK refuses a row in which only this column of the key is NULL.
fn half_is_refused(input: &LintInput, table: &Table, nullable: &[&Column], column: &Column) -> bool {
    if nullable.len() < 2 {
        return false;
    }
    let row = row_with_null(table, column);
    table.checks.iter().any(|check| checks::evaluate(&input.copy, &check.expression, &row) == Verdict::False)
}

/// Returns true if a foreign key of the table has this column.
pub(super) fn is_reference(table: &Table, column: &str) -> bool {
    table.foreign_keys.iter().any(|key| key.columns.iter().any(|name| name == column))
}
