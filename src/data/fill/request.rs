//! From what a test asks for to the tables that are filled, and how many rows each of them gets.

use rusqlite::types::Value;

use crate::data::fill::context::{FillContext, first_number};
use crate::data::fill::options::{Given, Parents};
use crate::data::relations::{Relation, is_shared, missing_parent, without_parent};
use crate::error::{Error, ErrorKind, Result};
use crate::report::nearest;
use crate::schema::references::column_names;
use crate::schema::{Key, Schema, Table, TableKind, is_ledger};
use crate::sql::{same_name, tokens};

/// Resolves a request: checks its names and adds the parents that the rows need.
pub(crate) fn tables(context: &FillContext<'_>, request: &FillRequest) -> Result<TableRequests> {
    let mut tables = named_tables(context, request)?;
    check_columns(context, request)?;
    let exact =
        tables.iter().zip(&context.schema.tables).filter(|(request, _)| request.as_ref().is_some_and(|of| of.is_exact));
    for (_, table) in exact {
        if let Some(missing) = missing_parent(context.connection, context.schema, table) {
            return Err(without_parent(table, missing));
        }
    }
    add_parents(context, &mut tables)?;
    pair(context, &mut tables);
    if request.needs_all_given {
        check_given(context, &tables)?;
    }
    Ok(tables)
}

/// Fails if the test sets a column of a table that gets no rows.
fn check_given(context: &FillContext<'_>, tables: &TableRequests) -> Result<()> {
    let is_filled = |name: &str| find(context.schema, name).is_ok_and(|at| tables[at].is_some());
    match context.options.given.iter().find(|(table, ..)| !is_filled(table)) {
        None => Ok(()),
        Some((table, column, _)) => Err(failure(format!("{table}.{column} is set, and {table} gets no rows"))
            .help(format!("make some: .rows({table:?}, 50)"))),
    }
}

/// Gives two tables that must refer to each other the same number of rows.
fn pair(context: &FillContext<'_>, tables: &mut TableRequests) {
    let refers =
        |from: usize, to: usize| context.relations[from].iter().any(|key| key.parent == Some(to) && !key.is_nullable());
    for one in 0..tables.len() {
        for other in one + 1..tables.len() {
            let (Some(first), Some(second)) = (&tables[one], &tables[other]) else { continue };
            if refers(one, other) && refers(other, one) {
                let rows = first.rows.max(second.rows);
                for table in [one, other] {
                    tables[table]
                        .iter_mut()
                        .filter(|request| !request.is_given)
                        .for_each(|request| request.rows = rows);
                }
            }
        }
    }
}

/// The tables and the numbers of rows that a test requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct FillRequest {
    pub(crate) rows: Vec<(String, u64)>,
    pub(crate) every: Option<u64>,
    pub(crate) each: Vec<RowsForEach>,
    /// True if fewer rows are fine for a table that has no room for more.
    pub(crate) may_be_fewer: bool,
    /// True if it is an error to set a column of a table that is not filled.
    pub(crate) needs_all_given: bool,
    /// Tables and labels of rows.
    pub(crate) labels: Vec<(String, String)>,
}

/// Rows of a table for each row of a parent.
#[derive(Clone, Debug)]
pub(crate) struct RowsForEach {
    pub(crate) parent: String,
    pub(crate) child: String,
    pub(crate) low: u64,
    pub(crate) high: u64,
}

/// The request for one table.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableRequest {
    pub(crate) rows: u64,
    /// True if fewer rows are an error.
    pub(crate) is_exact: bool,
    /// True if the test gave the number, false if it follows from what the children need.
    pub(crate) is_given: bool,
    pub(crate) labels: Vec<String>,
    pub(crate) per_parent: Option<PerParent>,
}

/// The request for each table of the schema. `None` if it is not filled.
pub(crate) type TableRequests = Vec<Option<TableRequest>>;

/// Rows for each row of a parent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PerParent {
    /// The place of the parent in the schema.
    pub(crate) parent: usize,
    pub(crate) low: u64,
    pub(crate) high: u64,
}

/// Finds the tables that a request names, and their numbers of rows.
fn named_tables(context: &FillContext<'_>, request: &FillRequest) -> Result<TableRequests> {
    let schema = context.schema;
    let mut tables: TableRequests = vec![None; schema.tables.len()];
    if request.rows.is_empty() && request.every.is_none() && request.each.is_empty() && request.labels.is_empty() {
        return Err(failure("nothing to fill: no table is named".to_owned())
            .help("name one: .rows(\"users\", 50), or .every_table(20)"));
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
            let child = &schema.tables[child].name;
            return Err(failure(format!("cannot fill {child}: each(.., \"{child}\", ..) is called twice"))
                .help("rows are made for each row of one parent; other parents are drawn"));
        }
        table.per_parent = Some(per_parent);
        table.is_exact = true;
    }
    for (name, label) in &request.labels {
        let table = tables[find(schema, name)?].get_or_insert_default();
        table.labels.push(label.clone());
        table.is_exact = true;
    }
    for table in tables.iter_mut().flatten() {
        table.rows = table.rows.max(table.labels.len() as u64);
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
    let (parent_name, child_name) = (schema.tables[parent].name.as_str(), schema.tables[child].name.as_str());
    let RowsForEach { low, high, .. } = *each;
    let is_related = relations[child].iter().any(|key| key.parent == Some(parent));
    if !is_related || parent == child {
        return Err(failure(format!("no foreign key of {child_name} refers to {parent_name}")).help(format!(
            "each({parent_name:?}, {child_name:?}, ..) makes rows of the second for each row of the first"
        )));
    }
    if low > high {
        return Err(failure(format!("each(.., {child_name:?}, {low}..={high}) is an empty range"))
            .help(format!("the smaller number comes first: {high}..={low}")));
    }
    Ok((child, PerParent { parent, low, high }))
}

fn check_columns(context: &FillContext<'_>, request: &FillRequest) -> Result<()> {
    let table_of = |label: &str| request.labels.iter().find(|(_, known)| known == label).map(|(table, _)| table);
    let labels = request.labels.iter().map(|(_, label)| label.as_str());
    let mut given: Vec<(&str, &str, &Given)> = Vec::new();
    for (label, column, value) in &context.options.on_labels {
        let known: Vec<&str> = labels.clone().collect();
        let table =
            table_of(label).ok_or_else(|| unknown(format!("no row has the label {label}"), label, "labels", &known))?;
        given.push((table, column, value));
    }
    given.extend(context.options.given.iter().map(|(table, column, given)| (table.as_str(), column.as_str(), given)));
    for (name, column, given) in given {
        let table = context.schema.table(name).ok_or_else(|| no_table(context.schema, name))?;
        let Some(found) = table.column(column) else { return Err(no_column(table, column)) };
        let refused = |why: &str| failure(format!("cannot set {}.{column}{why}", table.name));
        if found.generated.is_some() {
            return Err(refused(": SQLite generates it"));
        }
        // A rowid that is NULL is the next one.
        let names_it = |key: &Key| column_names(&key.terms).iter().any(|name| same_name(name, column));
        let is_rowid = table.primary_key.as_ref().is_some_and(|key| key.is_rowid && names_it(key));
        match given {
            Given::Value(Value::Null) if found.not_null && !is_rowid => {
                return Err(refused(" to NULL: it is NOT NULL"));
            }
            Given::Broken(why) => return Err(refused(": the value cannot be bound").evidence("it says", why)),
            Given::Value(_) | Given::With(_) => {}
        }
    }
    Ok(())
}

fn failure(headline: String) -> Error {
    Error::new(ErrorKind::Data, headline)
}

fn no_table(schema: &Schema, name: &str) -> Error {
    if schema.views.iter().any(|view| view.name == name) {
        return failure(format!("cannot fill {name}: it is a view")).help("fill the tables that it reads");
    }
    let tables = schema.tables.iter().filter(|table| table.kind == TableKind::Ordinary);
    let names: Vec<&str> = tables.map(|table| table.name.as_str()).collect();
    unknown(format!("no table to fill: {name}"), name, "tables", &names)
}

/// Returns the error for an unknown name, with the nearest of the known names or all of them.
fn unknown(headline: String, name: &str, what: &str, known: &[&str]) -> Error {
    let error = failure(headline);
    match nearest(name, known.iter().copied()) {
        Some(near) => error.help(format!("did you mean {near}?")),
        None if known.is_empty() => error,
        None => error.evidence(what, known.join(", ")),
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

pub(crate) fn no_tables() -> Error {
    failure("nothing to fill: the database has no tables".to_owned())
}

fn no_column(table: &Table, name: &str) -> Error {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    unknown(format!("no column to set: {}.{name}", table.name), name, "columns", &names)
}

/// Adds the parents that the rows need, and theirs.
fn add_parents(context: &FillContext<'_>, tables: &mut TableRequests) -> Result<()> {
    let schema = context.schema;
    let has_rows = |table: usize| -> Result<bool> { Ok(first_number(context.connection, &schema.tables[table])? > 0) };
    let mut waiting: Vec<usize> = (0..schema.tables.len()).filter(|table| tables[*table].is_some()).collect();
    let mut at = 0;
    while let Some(&table) = waiting.get(at) {
        at += 1;
        let Some(child) = tables[table].clone() else { continue };
        for (parent, rows) in needed_parents(&schema.tables[table], table, &context.relations[table], child.rows) {
            let is_per_parent = child.per_parent.is_some_and(|per_parent| per_parent.parent == parent);
            if is_per_parent && tables[parent].is_none() {
                if !has_rows(parent)? {
                    let (parent, child) = (schema.tables[parent].name.as_str(), &schema.tables[table].name);
                    let what = format!("cannot fill {child} for each row of {parent}: it has no rows");
                    let help = format!("make some: .rows({parent:?}, 50)");
                    return Err(failure(what).help(help));
                }
                continue;
            }
            if context.options.parents != Parents::New && tables[parent].is_none() && has_rows(parent)? {
                context.options.took_existing.set(true);
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

/// Returns the parents, by their places in the schema, and the number of rows that `rows` rows of a table need of each.
/// `at` is the place of the table.
fn needed_parents(table: &Table, at: usize, relations: &[Relation], rows: u64) -> Vec<(usize, u64)> {
    let refuses = table.triggers.iter().any(|trigger| tokens(&trigger.sql).iter().any(|token| token.is("RAISE")));
    // Each gets a few children. A trigger may refuse some parents, such as a closed account.
    let least = if refuses { 5 } else { rows.min(5) };
    let usual = (rows / 4).clamp(least, 1_000.max(rows / 100));
    let uniques = uniques(table);
    let mut found = Vec::new();
    for key in relations {
        let Some(parent) = key.parent.filter(|parent| *parent != at) else { continue };
        let by_keys = uniques.iter().filter_map(|unique| to_differ(relations, key, unique, rows));
        let needed = by_keys.fold(usual, u64::max);
        found.push((parent, needed.max(1)));
    }
    found
}

/// Returns the number of parents that are needed if rows differ by their parents alone.
fn to_differ(relations: &[Relation], key: &Relation, unique: &[&str], rows: u64) -> Option<u64> {
    let is_ours = unique.iter().any(|column| key.has_column(column));
    let is_in_keys = |column: &&str| relations.iter().any(|key| key.has_column(column));
    if !is_ours || !unique.iter().all(is_in_keys) {
        return None;
    }
    let power = relations.iter().filter(|key| unique.iter().any(|column| key.has_column(column))).count() as u32;
    // One more, for pairs of parents that must differ.
    let needed = root(rows, power) + u64::from(power > 1);
    // Parents are combined only within their tenant. The number of tenants is the root of the number of parents.
    let is_by_tenant = power > 1 && key.columns.len() > 1 && key.columns.iter().any(|name| is_shared(relations, name));
    let by_tenant = if is_by_tenant { 2 * root(rows.saturating_mul(rows), power + 1) } else { 0 };
    Some(needed.max(by_tenant))
}

/// Returns the least number whose power is at least `number`.
fn root(number: u64, power: u32) -> u64 {
    if power <= 1 {
        return number;
    }
    let mut root = (number as f64).powf(1.0 / f64::from(power)) as u64;
    while root.saturating_pow(power) < number {
        root += 1;
    }
    root.max(1)
}

/// The columns of each key of a table.
fn uniques(table: &Table) -> Vec<Vec<&str>> {
    let indexes = table.indexes.iter().filter(|index| index.unique && index.partial.is_none());
    let keys = table.primary_key.iter().chain(&table.unique).map(|key| &key.terms);
    keys.chain(indexes.map(|index| &index.terms)).map(|terms| column_names(terms)).collect()
}
