//! The rows of a database, read whole, because the databases of the suite are small; and SQL that names one row or value.

use std::sync::Arc;

use rusqlite::Connection;

use crate::check::{self, Cell, Snapshot, is_invisible};
use crate::error::Result;
use crate::order::SortedMap;
use crate::schema::references::{column_names, parent_columns};
use crate::schema::{IndexedColumn, Schema, Table};
use crate::sql::{Name, Token, between_commas, quote_identifier, tokens};

/// Everything that a migration has to keep.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    pub(crate) tables: Vec<Arc<TableRows>>,
    /// The largest number that AUTOINCREMENT has handed out, by table.
    pub(crate) sequence: SortedMap<Name, i64>,
}

/// The rows of a table, without its generated columns, but for those that a migration makes plain.
#[derive(Clone, Debug)]
pub(crate) struct TableRows {
    pub(crate) name: Name,
    pub(crate) columns: Vec<Name>,
    /// The places of the columns that identify a row. Empty if there are none.
    pub(crate) key: Vec<usize>,
    pub(crate) rows: Vec<Row>,
}

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) rowid: Option<i64>,
    pub(crate) cells: Vec<Cell>,
}

impl Contents {
    /// Returns all tables but those of the migrations' runner, and `sqlite_sequence`, if it is there.
    pub(crate) fn tables(schema: &Schema, ledgers: &[Name], has_sequence: bool) -> Vec<check::Table> {
        let is_app = |table: &&Table| !ledgers.contains(&table.name);
        let tables = schema.tables.iter().filter(is_app).filter_map(check::Table::written);
        tables.chain(has_sequence.then(check::sequence_table)).collect()
    }

    pub(crate) fn of(mut tables: Vec<Arc<TableRows>>) -> Contents {
        let sequence = tables.pop_if(|last| last.name == *"sqlite_sequence");
        let number = |row: &Row| match row.cells.as_slice() {
            [Cell::Text(name), Cell::Integer(number)] => Some((Name::from(&*String::from_utf8_lossy(name)), *number)),
            _ => None,
        };
        let sequence = sequence.iter().flat_map(|table| &table.rows).filter_map(number).collect();
        Contents { tables, sequence }
    }

    pub(crate) fn table(&self, name: &str) -> Option<&TableRows> {
        self.tables.iter().find(|table| table.name == name).map(|table| &**table)
    }
}

impl TableRows {
    /// Reads the rows of a table.
    pub(crate) fn read(snapshot: &Snapshot<'_>, table: &check::Table) -> Result<TableRows> {
        let refused = |error| table.refused(snapshot, error);
        let columns: Vec<&str> = table.columns.iter().map(|column| &**column).collect();
        let by_rowid = table.rowid.is_some();
        let select = if by_rowid { table.select_by_rowid(&columns) } else { table.select(snapshot, &columns, &[]) };
        let mut statement = snapshot.connection.prepare(&select).map_err(refused)?;
        let mut found = statement.query([]).map_err(refused)?;
        let mut rows = Vec::new();
        while let Some(row) = found.next().map_err(refused)? {
            let first = usize::from(by_rowid);
            let rowid = if by_rowid { Some(row.get(0).map_err(refused)?) } else { None };
            let mut cells = Vec::with_capacity(columns.len());
            for at in first..columns.len() + first {
                cells.push(Cell::of(row.get_ref(at).map_err(refused)?));
            }
            rows.push(Row { rowid, cells });
        }
        Ok(TableRows { rows, ..TableRows::none(table) })
    }

    /// Returns a table without rows.
    pub(crate) fn none(table: &check::Table) -> TableRows {
        let columns = table.columns.iter().map(|column| Name::from(column.as_str())).collect();
        TableRows { name: Name::from(table.name.as_str()), columns, key: table.key.clone(), rows: Vec::new() }
    }

    /// Returns true if these are the columns and the key of a table.
    pub(crate) fn is_of(&self, table: &check::Table) -> bool {
        self.name == *table.name && self.key == table.key && self.columns.iter().eq(&table.columns)
    }

    /// Returns the place of a column.
    pub(crate) fn place_of(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name == column)
    }
}

/// Returns the terms of the PRIMARY KEY and of each UNIQUE constraint and unique index, partial ones too.
pub(crate) fn unique_keys(table: &Table) -> impl Iterator<Item = &Vec<IndexedColumn>> {
    let of_indexes = table.indexes.iter().filter(|index| index.unique).map(|index| &index.terms);
    table.unique.iter().chain(&table.primary_key).map(|key| &key.terms).chain(of_indexes)
}

/// Returns the terms of each key by which all rows differ: those of partial indexes are no such keys.
pub(crate) fn full_unique_keys(table: &Table) -> impl Iterator<Item = &Vec<IndexedColumn>> {
    let of_indexes = table.indexes.iter().filter(|index| index.unique && index.partial.is_none());
    let of_indexes = of_indexes.map(|index| &index.terms);
    table.unique.iter().chain(&table.primary_key).map(|key| &key.terms).chain(of_indexes)
}

/// Returns the values that a CHECK lists for a column, as SQL: `kind IN ('a', 'b')`, `n BETWEEN 0 AND 3`.
pub(crate) fn listed_values(table: &Table, column: &Name) -> Option<Vec<String>> {
    table.checks.iter().find_map(|check| {
        let tokens = tokens(&check.expression);
        let is_column = |name: &Token<'_>| name.name().is_some_and(|name| *column == name);
        // NULL is no value.
        let tokens = match tokens.as_slice() {
            [rest @ .., or, name, is, null] if or.is("or") && is_column(name) && is.is("is") && null.is("null") => rest,
            [name, is, null, or, rest @ ..] if or.is("or") && is_column(name) && is.is("is") && null.is("null") => rest,
            all => all,
        };
        let text = |value: &[Token<'_>]| value.iter().map(|token| token.text).collect::<String>();
        match tokens {
            [name, word, open, list @ .., close]
                if is_column(name) && word.is("in") && open.is_symbol("(") && close.is_symbol(")") =>
            {
                let is_query = list.first().is_none_or(|first| first.is("select"));
                (!is_query).then(|| between_commas(list).into_iter().map(text).collect())
            }
            [name, word, first, and, last] if is_column(name) && word.is("between") && and.is("and") => {
                let (first, last): (i64, i64) = (first.text.parse().ok()?, last.text.parse().ok()?);
                (last - first < MOST_LISTED).then(|| (first..=last).map(|number| number.to_string()).collect())
            }
            _ => None,
        }
    })
}

/// A range of more integers is no list.
const MOST_LISTED: i64 = 8;

/// Returns the columns of the PRIMARY KEY.
pub(crate) fn primary_key_columns(table: &Table) -> Vec<&str> {
    table.primary_key.iter().flat_map(|key| column_names(&key.terms)).collect()
}

/// Returns the columns with which a table refers to itself, and the columns that they refer to.
pub(crate) fn self_references(table: &Table) -> Vec<(&str, &str)> {
    let own = table.foreign_keys.iter().filter(|key| key.parent == table.name);
    own.filter_map(|key| match key.columns.as_slice() {
        [column] => Some((column.as_str(), *parent_columns(key, table).first()?)),
        _ => None,
    })
    .collect()
}

/// Returns the columns by which SQLite finds a row, between commas.
pub(crate) fn key_of_rows(table: &Table) -> String {
    match table.without_rowid {
        true => primary_key_columns(table).into_iter().map(quote_identifier).collect::<Vec<_>>().join(", "),
        false => String::from("rowid"),
    }
}

/// Returns a condition that is true of the row at this place only.
pub(crate) fn row_at(connection: &Connection, table: &Table, place: usize) -> Option<String> {
    let name = quote_identifier(&table.name);
    let condition = if table.without_rowid {
        let terms: Vec<String> = primary_key_columns(table)
            .into_iter()
            .map(|column| {
                let column = quote_identifier(column);
                format!("'{} IS ' || {}", column.replace('\'', "''"), literal(&column))
            })
            .collect();
        terms.join(" || ' AND ' || ")
    } else {
        "'rowid = ' || rowid".to_owned()
    };
    let sql = format!("SELECT {condition} FROM {name} ORDER BY {} LIMIT 1 OFFSET {place}", key_of_rows(table));
    connection.query_row(&sql, [], |row| row.get(0)).ok()
}

/// Returns the number of rows of a table.
pub(crate) fn count(connection: &Connection, table: &Table) -> Option<i64> {
    connection.query_row(&select_count(table), [], |row| row.get(0)).ok()
}

pub(super) fn select_count(table: &Table) -> String {
    format!("SELECT count(*) FROM {}", quote_identifier(&table.name))
}

/// Returns an SQL expression that makes a literal of a column's value. `quote` alone ends at a NUL:
/// <https://www.sqlite.org/nulinstr.html>
pub(crate) fn literal(column: &str) -> String {
    format!(
        "CASE WHEN typeof({column}) = 'text' AND instr({column}, char(0)) > 0 \
         THEN 'CAST(X''' || hex({column}) || ''' AS TEXT)' ELSE quote({column}) END"
    )
}

/// Returns the same literal without characters that a terminal would hide or obey.
pub(crate) fn printable(literal: &[u8]) -> String {
    let within = 1..literal.len().saturating_sub(1).max(1);
    let Ok(text) = std::str::from_utf8(literal) else {
        let text: Vec<u8> = literal[within].to_vec();
        let mut digits = String::new();
        let mut quoted = false;
        for byte in text {
            quoted = byte == b'\'' && !quoted;
            if !quoted {
                digits.push_str(&format!("{byte:02X}"));
            }
        }
        return format!("CAST(X'{digits}' AS TEXT)");
    };
    if !text.contains(is_invisible) {
        return text.to_owned();
    }
    let mut parts: Vec<String> = Vec::new();
    let mut rest = &text[within];
    while let Some(first) = rest.chars().next() {
        let hidden = is_invisible(first);
        let end = rest.find(|letter| is_invisible(letter) != hidden).unwrap_or(rest.len());
        let (part, tail) = rest.split_at(end);
        rest = tail;
        let codes = || part.chars().map(|letter| u32::from(letter).to_string()).collect::<Vec<_>>().join(", ");
        parts.push(if hidden { format!("char({})", codes()) } else { format!("'{part}'") });
    }
    parts.join(" || ")
}
