//! Why a request cannot be filled.

use crate::error::{Error, ErrorKind};
use crate::report::nearest;
use crate::schema::{Schema, Table, TableKind};
use crate::sql::quote_text;

fn failure(headline: String) -> Error {
    Error::new(ErrorKind::Data, headline)
}

pub(crate) fn no_table(schema: &Schema, name: &str) -> Error {
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

pub(crate) fn not_ordinary(table: &Table) -> Error {
    match &table.kind {
        TableKind::Virtual { module, .. } => {
            let name = &table.name;
            failure(format!("cannot fill {name}: it is a virtual table of {module}, which has rules of its own"))
        }
        _ => failure(format!("cannot fill {}: a virtual table keeps its own data in it", table.name)),
    }
}

pub(crate) fn no_column(table: &Table, name: &str) -> Error {
    let error = failure(format!("no column to set: {}.{name}", table.name));
    match nearest(name, table.columns.iter().map(|column| column.name.as_str())) {
        Some(near) => error.help(format!("did you mean {near}?")),
        None => {
            let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
            error.evidence("columns", names.join(", "))
        }
    }
}

pub(crate) fn generated(table: &Table, name: &str) -> Error {
    failure(format!("cannot set {}.{name}: SQLite generates it", table.name))
}

pub(crate) fn not_null(table: &Table, name: &str) -> Error {
    failure(format!("cannot set {}.{name} to NULL: it is NOT NULL", table.name))
}

pub(crate) fn broken_value(table: &Table, name: &str, why: &str) -> Error {
    failure(format!("cannot set {}.{name}: the value cannot be bound", table.name)).evidence("it says", why)
}

pub(crate) fn no_rows(table: &str) -> Error {
    failure(format!("cannot fill {table} with 0 rows")).help("leave it out, or ask for 1 or more")
}

pub(crate) fn nothing_asked() -> Error {
    failure("nothing to fill: no table is named".to_owned()).help("name one: .rows(\"users\", 50), or .every_table(20)")
}

pub(crate) fn no_tables() -> Error {
    failure("nothing to fill: the database has no tables".to_owned())
}

pub(crate) fn not_related(parent: &str, child: &str) -> Error {
    failure(format!("no foreign key of {child} refers to {parent}")).help(format!(
        "each({}, {}, ..) makes rows of the second for each row of the first",
        show(parent),
        show(child)
    ))
}

pub(crate) fn each_twice(child: &str) -> Error {
    failure(format!("cannot fill {child}: each(.., \"{child}\", ..) is called twice"))
        .help("rows are made for each row of one parent; other parents are drawn")
}

pub(crate) fn empty_range(child: &str, low: u64, high: u64) -> Error {
    failure(format!("each(.., {}, {low}..={high}) is an empty range", show(child)))
        .help(format!("the smaller number comes first: {high}..={low}"))
}

pub(crate) fn no_parents(parent: &str, child: &str) -> Error {
    failure(format!("cannot fill {child} for each row of {parent}: it has no rows"))
        .help(format!("make some: .rows({}, 50)", show(parent)))
}

fn show(name: &str) -> String {
    format!("\"{}\"", quote_text(name).trim_matches('\''))
}
