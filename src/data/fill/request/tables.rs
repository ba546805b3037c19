//! Which tables are filled, and how many rows each of them gets.

use rusqlite::types::Value;

use crate::data::fill::context::FillContext;
use crate::data::fill::existing;
use crate::data::fill::options::Given;
use crate::data::fill::request::failure;
use crate::data::fill::request::fill_request::{FillRequest, PerParent, RowsForEach, TableRequest};
use crate::data::fill::request::needed_parents::needed_parents;
use crate::data::relations::Relation;
use crate::error::Result;
use crate::schema::{IndexedColumn, IndexedExpr, Schema, TableKind, is_ledger};

/// For each table of the schema what is asked of it. `None` if it is not filled.
pub(crate) type TableRequests = Vec<Option<TableRequest>>;

/// Resolves a request: checks its names and adds the parents that the rows need.
pub(crate) fn tables(context: &FillContext<'_>, request: &FillRequest) -> Result<TableRequests> {
    let mut tables = named_tables(context.schema, &context.relations, request)?;
    check_columns(context)?;
    add_parents(context, &mut tables)?;
    Ok(tables)
}

fn named_tables(schema: &Schema, relations: &[Vec<Relation>], request: &FillRequest) -> Result<TableRequests> {
    let mut tables: TableRequests = vec![None; schema.tables.len()];
    if request.rows.is_empty() && request.every.is_none() && request.each.is_empty() && request.labels.is_empty() {
        return Err(failure::nothing_asked());
    }
    if let Some(rows) = request.every {
        for (at, table) in schema.tables.iter().enumerate() {
            if table.kind == TableKind::Ordinary && !is_ledger(&table.name) {
                tables[at] = Some(TableRequest { rows, is_given: true, ..TableRequest::default() });
            }
        }
        if rows == 0 {
            return Err(failure::no_rows("every table"));
        }
        if tables.iter().all(Option::is_none) {
            return Err(failure::no_tables());
        }
    }
    for (name, rows) in &request.rows {
        let at = find(schema, name)?;
        if *rows == 0 {
            return Err(failure::no_rows(name));
        }
        let is_exact = !request.may_be_fewer;
        tables[at] = Some(TableRequest { rows: *rows, is_exact, is_given: true, ..TableRequest::default() });
    }
    for each in &request.each {
        let (child, per_parent) = per_parent(schema, relations, each)?;
        let table = tables[child].get_or_insert_default();
        if table.per_parent.is_some() {
            return Err(failure::each_twice(&schema.tables[child].name));
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
    let at = found.ok_or_else(|| failure::no_table(schema, name))?;
    if schema.tables[at].kind == TableKind::Ordinary { Ok(at) } else { Err(failure::not_ordinary(&schema.tables[at])) }
}

/// Returns the child and how many rows of it there are for each parent.
fn per_parent(schema: &Schema, relations: &[Vec<Relation>], each: &RowsForEach) -> Result<(usize, PerParent)> {
    let (parent, child) = (find(schema, &each.parent)?, find(schema, &each.child)?);
    let is_related = relations[child].iter().any(|key| key.parent == Some(parent));
    if !is_related || parent == child {
        return Err(failure::not_related(&schema.tables[parent].name, &schema.tables[child].name));
    }
    if each.low > each.high {
        return Err(failure::empty_range(&schema.tables[child].name, each.low, each.high));
    }
    Ok((child, PerParent { parent, low: each.low, high: each.high }))
}

/// Checks the columns to which values are given.
fn check_columns(context: &FillContext<'_>) -> Result<()> {
    for (name, column, given) in &context.options.given {
        let table = context.schema.table(name).ok_or_else(|| failure::no_table(context.schema, name))?;
        let Some(found) = table.column(column) else { return Err(failure::no_column(table, column)) };
        if found.generated.is_some() {
            return Err(failure::generated(table, column));
        }
        // A rowid that is NULL is the next one.
        let is_rowid = table.primary_key.as_ref().is_some_and(|key| key.is_rowid && names_it(&key.terms, column));
        match given {
            Given::Value(Value::Null) if found.not_null && !is_rowid => return Err(failure::not_null(table, column)),
            Given::Broken(why) => return Err(failure::broken_value(table, column, why)),
            Given::Value(_) | Given::With(_) => {}
        }
    }
    Ok(())
}

fn names_it(terms: &[IndexedColumn], column: &str) -> bool {
    terms.iter().any(|term| matches!(&term.what, IndexedExpr::Column(name) if name == column))
}

/// Adds the parents that the rows need, and theirs.
fn add_parents(context: &FillContext<'_>, tables: &mut TableRequests) -> Result<()> {
    let schema = context.schema;
    let has_rows =
        |table: usize| -> Result<bool> { Ok(existing::first_number(context.connection, &schema.tables[table])? > 0) };
    let mut waiting: Vec<usize> = (0..schema.tables.len()).filter(|table| tables[*table].is_some()).collect();
    let mut at = 0;
    while let Some(&table) = waiting.get(at) {
        at += 1;
        let Some(child) = tables[table].clone() else { continue };
        for (parent, rows) in needed_parents(&schema.tables[table], table, &context.relations[table], child.rows) {
            let is_per_parent = child.per_parent.is_some_and(|per_parent| per_parent.parent == parent);
            if is_per_parent && tables[parent].is_none() {
                if !has_rows(parent)? {
                    return Err(failure::no_parents(&schema.tables[parent].name, &schema.tables[table].name));
                }
                continue;
            }
            if context.options.reuse && tables[parent].is_none() && has_rows(parent)? {
                continue;
            }
            let known = tables[parent].get_or_insert_default();
            if !known.is_given && known.per_parent.is_none() && known.rows < rows {
                known.rows = rows;
                waiting.push(parent);
            }
        }
    }
    Ok(())
}
