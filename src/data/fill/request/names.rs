//! The names in a request: its tables, and the columns to which it gives values.

use rusqlite::types::Value;

use crate::data::fill::context::FillContext;
use crate::data::fill::options::Given;
use crate::data::fill::request::fill_request::{FillRequest, PerParent, RowsForEach, TableRequest, TableRequests};
use crate::data::relations::Relation;
use crate::error::{Error, ErrorKind, Result};
use crate::report::nearest;
use crate::schema::{IndexedColumn, IndexedExpr, Schema, Table, TableKind, is_ledger};

/// Finds the tables that a request names, and their numbers of rows.
pub(super) fn named_tables(context: &FillContext<'_>, request: &FillRequest) -> Result<TableRequests> {
    let schema = context.schema;
    let mut tables: TableRequests = vec![None; schema.tables.len()];
    if request.rows.is_empty() && request.every.is_none() && request.each.is_empty() && request.labels.is_empty() {
        return Err(nothing_asked());
    }
    if let Some(rows) = request.every {
        for (at, table) in schema.tables.iter().enumerate() {
            if table.kind == TableKind::Ordinary && !is_ledger(&table.name) {
                tables[at] = Some(TableRequest { rows, is_given: true, ..TableRequest::default() });
            }
        }
        if rows == 0 {
            return Err(no_rows("every table"));
        }
        if tables.iter().all(Option::is_none) {
            return Err(no_tables());
        }
    }
    for (name, rows) in &request.rows {
        let at = find(schema, name)?;
        if *rows == 0 {
            return Err(no_rows(name));
        }
        let is_exact = !request.may_be_fewer;
        tables[at] = Some(TableRequest { rows: *rows, is_exact, is_given: true, ..TableRequest::default() });
    }
    for each in &request.each {
        let (child, per_parent) = per_parent(schema, &context.relations, each)?;
        let table = tables[child].get_or_insert_default();
        if table.per_parent.is_some() {
            return Err(each_twice(&schema.tables[child].name));
        }
        table.per_parent = Some(per_parent);
        table.is_exact = true;
    }
    for (name, label) in &request.labels {
        let table = tables[find(schema, name)?].get_or_insert_default();
        table.labels.push(label.clone());
        table.rows += 1;
        table.is_exact = true;
    }
    Ok(tables)
}

/// Returns the place of an ordinary table.
pub(crate) fn find(schema: &Schema, name: &str) -> Result<usize> {
    let found = schema.tables.iter().position(|table| table.name == *name);
    let at = found.ok_or_else(|| no_table(schema, name))?;
    if schema.tables[at].kind == TableKind::Ordinary { Ok(at) } else { Err(not_ordinary(&schema.tables[at])) }
}

/// Returns the child and the number of its rows for each parent.
fn per_parent(schema: &Schema, relations: &[Vec<Relation>], each: &RowsForEach) -> Result<(usize, PerParent)> {
    let (parent, child) = (find(schema, &each.parent)?, find(schema, &each.child)?);
    let is_related = relations[child].iter().any(|key| key.parent == Some(parent));
    if !is_related || parent == child {
        return Err(not_related(&schema.tables[parent].name, &schema.tables[child].name));
    }
    if each.low > each.high {
        return Err(empty_range(&schema.tables[child].name, each.low, each.high));
    }
    Ok((child, PerParent { parent, low: each.low, high: each.high }))
}

/// Checks the columns to which values are given.
pub(super) fn check_columns(context: &FillContext<'_>) -> Result<()> {
    for (name, column, given) in &context.options.given {
        let table = context.schema.table(name).ok_or_else(|| no_table(context.schema, name))?;
        let Some(found) = table.column(column) else { return Err(no_column(table, column)) };
        if found.generated.is_some() {
            return Err(generated(table, column));
        }
        // A rowid that is NULL is the next one.
        let is_rowid = table.primary_key.as_ref().is_some_and(|key| key.is_rowid && names_it(&key.terms, column));
        match given {
            Given::Value(Value::Null) if found.not_null && !is_rowid => return Err(not_null(table, column)),
            Given::Broken(why) => return Err(broken_value(table, column, why)),
            Given::Value(_) | Given::With(_) => {}
        }
    }
    Ok(())
}

fn names_it(terms: &[IndexedColumn], column: &str) -> bool {
    terms.iter().any(|term| matches!(&term.what, IndexedExpr::Column(name) if name == column))
}

fn failure(headline: String) -> Error {
    Error::new(ErrorKind::Data, headline)
}

fn no_table(schema: &Schema, name: &str) -> Error {
    if schema.views.iter().any(|view| view.name.eq_ignore_ascii_case(name)) {
        return failure(format!("cannot fill {name}: it is a view")).help("fill the tables that it reads");
    }
    let error = failure(format!("no table to fill: {name}"));
    let tables = schema.tables.iter().filter(|table| table.kind == TableKind::Ordinary);
    match nearest(name, tables.clone().map(|table| table.name.as_str())) {
        Some(near) => error.help(format!("did you mean {near}?")),
        None => {
            let names: Vec<&str> = tables.map(|table| table.name.as_str()).collect();
            if names.is_empty() { error } else { error.evidence("tables", names.join(", ")) }
        }
    }
}

fn not_ordinary(table: &Table) -> Error {
    match &table.kind {
        TableKind::Virtual { module, .. } => {
            let name = &table.name;
            failure(format!("cannot fill {name}: it is a virtual table of {module}, which has rules of its own"))
        }
        _ => failure(format!("cannot fill {}: a virtual table keeps its own data in it", table.name)),
    }
}

fn no_rows(table: &str) -> Error {
    failure(format!("cannot fill {table} with 0 rows")).help("leave it out, or ask for 1 or more")
}

fn nothing_asked() -> Error {
    failure("nothing to fill: no table is named".to_owned()).help("name one: .rows(\"users\", 50), or .every_table(20)")
}

pub(crate) fn no_tables() -> Error {
    failure("nothing to fill: the database has no tables".to_owned())
}

fn not_related(parent: &str, child: &str) -> Error {
    failure(format!("no foreign key of {child} refers to {parent}"))
        .help(format!("each({parent:?}, {child:?}, ..) makes rows of the second for each row of the first"))
}

fn each_twice(child: &str) -> Error {
    failure(format!("cannot fill {child}: each(.., \"{child}\", ..) is called twice"))
        .help("rows are made for each row of one parent; other parents are drawn")
}

fn empty_range(child: &str, low: u64, high: u64) -> Error {
    failure(format!("each(.., {child:?}, {low}..={high}) is an empty range"))
        .help(format!("the smaller number comes first: {high}..={low}"))
}

fn no_column(table: &Table, name: &str) -> Error {
    let error = failure(format!("no column to set: {}.{name}", table.name));
    match nearest(name, table.columns.iter().map(|column| column.name.as_str())) {
        Some(near) => error.help(format!("did you mean {near}?")),
        None => {
            let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
            error.evidence("columns", names.join(", "))
        }
    }
}

fn generated(table: &Table, name: &str) -> Error {
    failure(format!("cannot set {}.{name}: SQLite generates it", table.name))
}

fn not_null(table: &Table, name: &str) -> Error {
    failure(format!("cannot set {}.{name} to NULL: it is NOT NULL", table.name))
}

fn broken_value(table: &Table, name: &str, why: &str) -> Error {
    failure(format!("cannot set {}.{name}: the value cannot be bound", table.name)).evidence("it says", why)
}
