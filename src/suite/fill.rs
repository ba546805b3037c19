//! Rows for the tables of a version.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::shrink::row_at;
use crate::data::Fill;
use crate::error::Error;
use crate::schema::{IndexedColumn, IndexedExpr, Schema, Table, TableKind, is_ledger};
use crate::sql::{Name, Token, TokenKind, quote_identifier, tokens};

/// How many rows have values at the ends of what their types hold.
const EDGES: u64 = 2;

/// Which rows.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) rows: u64,
    pub(super) seed: u64,
    /// What the user says: table, column, value.
    pub(super) given: Vec<(String, String, Value)>,
    /// Columns that the history reads as JSON.
    pub(super) json: Vec<Json>,
}

/// A column that a statement hands to a function of JSON.
#[derive(Clone, Debug)]
pub(super) struct Json {
    column: String,
    /// All names in the statement: the table's is one of them.
    names: Arc<[String]>,
}

impl Json {
    /// What this statement says.
    pub(super) fn read(statement: &str) -> Vec<Json> {
        /// Functions that make JSON of what is none.
        const MAKERS: [&str; 5] = ["array", "object", "quote", "group_array", "group_object"];
        let tokens = tokens(statement);
        let reads = |token: &Token<'_>| {
            let name = token.text.to_ascii_lowercase();
            let rest = name.strip_prefix("json").map(|rest| rest.strip_prefix('b').unwrap_or(rest));
            rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix('_').is_some_and(|of| !MAKERS.contains(&of)))
        };
        let columns: Vec<String> = (0..tokens.len())
            .filter(|&at| reads(&tokens[at]) && tokens.get(at + 1).is_some_and(|next| next.is_symbol("(")))
            .filter_map(|at| {
                // `json(column`, `json(table.column`
                let start = at + if tokens.get(at + 3).is_some_and(|dot| dot.is_symbol(".")) { 4 } else { 2 };
                let ends = tokens.get(start + 1).is_some_and(|end| end.is_symbol(",") || end.is_symbol(")"));
                tokens.get(start).filter(|token| ends && token.kind != TokenKind::Text)?.name()
            })
            .collect();
        if columns.is_empty() {
            return Vec::new();
        }
        let names: Arc<[String]> = tokens.iter().filter_map(Token::name).collect();
        columns.into_iter().map(|column| Json { column, names: Arc::clone(&names) }).collect()
    }

    /// Whether this column of the table is meant, and holds whatever it is given.
    fn is_of<'t>(&self, table: &'t Table) -> Option<&'t str> {
        let is_named = |name: &str| name.eq_ignore_ascii_case(&table.name);
        let column = table.column(&self.column).filter(|_| self.names.iter().any(|name| is_named(name)))?;
        let name = |term: &IndexedColumn| matches!(&term.what, IndexedExpr::Column(name) if *name == column.name);
        let keys = table.unique.iter().chain(&table.primary_key).map(|key| &key.terms);
        let unique = table.indexes.iter().filter(|index| index.unique).map(|index| &index.terms);
        let is_key = keys.chain(unique).any(|terms| terms.iter().any(name));
        // What a CHECK says is known without this.
        let is_checked = table.checks.iter().any(|check| {
            tokens(&check.expression).iter().filter_map(Token::name).any(|name| name.eq_ignore_ascii_case(&column.name))
        });
        let takes_text =
            !table.strict || ["TEXT", "ANY"].iter().any(|of| column.declared_type.eq_ignore_ascii_case(of));
        (!is_key && !is_checked && takes_text && column.generated.is_none()).then_some(&*column.name)
    }
}

impl Default for Plan {
    fn default() -> Plan {
        Plan { rows: 5, seed: 7, given: Vec::new(), json: Vec::new() }
    }
}

impl Plan {
    /// Puts rows into every table that is not as it was at the version before: NULL and not, ordinary values and edge
    /// cases, the same value twice. Gives the tables that stay empty.
    pub(super) fn rows(
        &self,
        connection: &Connection,
        schema: &Schema,
        known: Option<&Schema>,
        ledger: Option<&str>,
    ) -> Vec<(String, Error)> {
        let is_new = |table: &&Table| known.is_none_or(|known| known.table(&table.name) != Some(*table));
        let new: Vec<&Table> = schema.tables.iter().filter(|table| is_filled(table, ledger)).filter(is_new).collect();
        let plain = || self.given(Fill::seed(self.seed).null_rate(30), schema);
        let mut failed = Vec::new();
        if known.is_some() || plain().every_table(self.rows).insert_into(connection, schema).is_err() {
            for table in &new {
                // A table that holds fewer rows, or shares its keys with a parent that is full, gets what it takes.
                let filled = plain().reuse().rows(&table.name, self.rows).insert_into(connection, schema);
                let filled = filled.or_else(|_| plain().rows(&table.name, self.rows).insert_into(connection, schema));
                let filled = filled.or_else(|_| plain().rows(&table.name, 1).insert_into(connection, schema));
                if let Err(error) = filled
                    && count(connection, table) == Some(0)
                {
                    failed.push((table.name.to_string(), error));
                }
            }
        }
        for table in &new {
            // Where no constraint leaves room for them, there are none.
            let edges = self.given(Fill::seed(self.seed ^ 1).reuse().edge_cases(), schema);
            let _ = edges.rows(&table.name, EDGES).insert_into(connection, schema);
        }
        gaps(connection, schema, known);
        for table in &new {
            self.nulls(connection, table);
            repeats(connection, table);
            refers_to_itself(connection, table);
        }
        failed
    }

    /// Takes the value of one row away in each column that can be without one, if all rows have one.
    fn nulls(&self, connection: &Connection, table: &Table) {
        let name = quote_identifier(&table.name);
        let is_key = |column: &str| {
            let mut terms = table.primary_key.iter().flat_map(|key| &key.terms);
            terms.any(|term| matches!(&term.what, IndexedExpr::Column(name) if name == column))
        };
        let columns = table.columns.iter().filter(|column| !column.not_null && column.generated.is_none());
        let free = columns.filter(|column| !is_key(&column.name) && !self.is_given(table, &column.name));
        for (nth, column) in free.enumerate() {
            let column = quote_identifier(&column.name);
            let none = format!("SELECT count(*) > 1 AND count({column}) = count(*) FROM {name}");
            if !connection.query_row(&none, [], |row| row.get(0)).unwrap_or(false) {
                continue;
            }
            let rows = usize::try_from(count(connection, table).unwrap_or(1)).unwrap_or(1).max(1);
            if let Some(row) = row_at(connection, table, nth % rows) {
                // What a constraint or a trigger refuses leaves nothing.
                let _ = connection.execute(&format!("UPDATE {name} SET {column} = NULL WHERE {row}"), []);
            }
        }
    }

    /// Puts rows into every table that nothing should refuse: no NULL where there can be a value, nothing twice.
    pub(super) fn plain_rows(&self, connection: &Connection, schema: &Schema, ledger: Option<&str>) {
        for table in schema.tables.iter().filter(|table| is_filled(table, ledger)) {
            let fill = self.given(Fill::seed(self.seed).null_rate(0).reuse(), schema);
            let filled = fill.clone().rows(&table.name, self.rows).insert_into(connection, schema);
            // What stays empty has been reported where rows of every kind were tried.
            let _ = filled.or_else(|_| fill.rows(&table.name, 1).insert_into(connection, schema));
        }
    }

    /// Whether the user says what this column holds, or the history reads it as JSON.
    pub(super) fn is_given(&self, table: &Table, column: &str) -> bool {
        self.says(table, column) || self.json.iter().any(|json| json.is_of(table) == Some(column))
    }

    fn says(&self, table: &Table, column: &str) -> bool {
        self.given
            .iter()
            .any(|(given, of, _)| given.eq_ignore_ascii_case(&table.name) && of.eq_ignore_ascii_case(column))
    }

    /// With what the user says of the tables and columns that are there.
    fn given(&self, fill: Fill, schema: &Schema) -> Fill {
        let there = |table: &str, column: &str| schema.table(table).is_some_and(|table| table.column(column).is_some());
        let given = self.given.iter().filter(|(table, column, _)| there(table, column));
        let mut fill = fill;
        for table in &schema.tables {
            let columns: BTreeSet<&str> = self.json.iter().filter_map(|json| json.is_of(table)).collect();
            for column in columns {
                if table.kind == TableKind::Ordinary && !self.says(table, column) {
                    fill = fill.set(&table.name, column, "{}");
                }
            }
        }
        given.fold(fill, |fill, (table, column, value)| fill.set(table, column, value.clone()))
    }
}

/// Whether it is a table of the app's.
fn is_filled(table: &Table, ledger: Option<&str>) -> bool {
    let is_of_runner = is_ledger(&table.name) || ledger.is_some_and(|ledger| ledger.eq_ignore_ascii_case(&table.name));
    table.kind == TableKind::Ordinary && !is_of_runner
}

/// Takes a row away here and there, so that keys have gaps and AUTOINCREMENT is ahead of them, as in the field.
fn gaps(connection: &Connection, schema: &Schema, known: Option<&Schema>) {
    let counts = || -> Vec<Option<i64>> { schema.tables.iter().map(|table| count(connection, table)).collect() };
    for table in schema.tables.iter().filter(|table| known.is_none_or(|known| known.table(&table.name) != Some(*table)))
    {
        let by_rowid = table.primary_key.as_ref().is_some_and(|key| key.is_rowid);
        if table.kind != TableKind::Ordinary || !by_rowid || count(connection, table).is_none_or(|rows| rows < 3) {
            continue;
        }
        let name = quote_identifier(&table.name);
        let places: &[&str] = if table.autoincrement {
            &["rowid LIMIT 1 OFFSET 1", "rowid DESC LIMIT 1"]
        } else {
            &["rowid LIMIT 1 OFFSET 1"]
        };
        for place in places {
            let before = counts();
            if connection.execute_batch("SAVEPOINT gap").is_err() {
                return;
            }
            let sql = format!("DELETE FROM {name} WHERE rowid = (SELECT rowid FROM {name} ORDER BY {place})");
            let gone = connection.execute_batch(&sql).is_ok();
            let emptied = counts().iter().zip(&before).any(|(now, was)| *now == Some(0) && *was != Some(0));
            if !gone || emptied || connection.execute_batch("RELEASE gap").is_err() {
                let _ = connection.execute_batch("ROLLBACK TO gap; RELEASE gap");
            }
        }
    }
}

/// Lets two rows have the same value, column by column, wherever no constraint speaks against it: an app that looks for
/// no duplicate has some. Another pair of rows for each column, so that hardly any two rows are the same.
fn repeats(connection: &Connection, table: &Table) {
    let key: Vec<String> = match &table.primary_key {
        Some(key) if table.without_rowid => {
            let columns = key.terms.iter().filter_map(|term| match &term.what {
                IndexedExpr::Column(column) => Some(quote_identifier(column)),
                _ => None,
            });
            columns.collect()
        }
        _ => vec![String::from("rowid")],
    };
    let key = key.join(", ");
    let name = quote_identifier(&table.name);
    let terms = table.unique.iter().chain(&table.primary_key).map(|key| &key.terms);
    let alone: Vec<&IndexedColumn> = terms
        .chain(table.indexes.iter().filter(|index| index.unique).map(|index| &index.terms))
        .filter_map(|terms| terms.first().filter(|_| terms.len() == 1))
        .collect();
    let is_unique =
        |column: &str| alone.iter().any(|term| matches!(&term.what, IndexedExpr::Column(name) if name == column));
    let refers = |column: &str| table.foreign_keys.iter().any(|key| key.columns.iter().any(|name| name == column));
    let columns = table.columns.iter().filter(|column| column.generated.is_none() && !column.hidden);
    for (nth, column) in columns.filter(|column| !is_unique(&column.name) && !refers(&column.name)).enumerate() {
        let column = quote_identifier(&column.name);
        let all_differ =
            format!("SELECT count({column}) > 2 AND count({column}) = count(DISTINCT {column}) FROM {name}");
        if !connection.query_row(&all_differ, [], |row| row.get(0)).unwrap_or(false) {
            continue;
        }
        let row = |place: usize| {
            format!(
                "(SELECT {key} FROM {name} WHERE {column} IS NOT NULL ORDER BY {key} LIMIT 1 OFFSET \
                 {place} % (SELECT count({column}) FROM {name}))"
            )
        };
        let (one, other) = (row(nth), row(nth + 1));
        let sql = format!(
            "UPDATE {name} SET {column} = (SELECT {column} FROM {name} WHERE ({key}) = {one}) WHERE ({key}) = {other}"
        );
        // One statement: what a constraint or a trigger refuses leaves nothing.
        let _ = connection.execute(&sql, []);
    }
}

/// Lets a row refer to another one of its table, if none does.
fn refers_to_itself(connection: &Connection, table: &Table) {
    let name = quote_identifier(&table.name);
    for key in table.foreign_keys.iter().filter(|key| key.parent.eq_ignore_ascii_case(&table.name)) {
        let of_key = || match table.primary_key.as_ref().map(|key| key.terms.as_slice()) {
            Some([IndexedColumn { what: IndexedExpr::Column(column), .. }]) => Some(column.as_str()),
            _ => None,
        };
        let parent = key.parent_columns.as_deref().map_or_else(of_key, |columns| columns.first().map(Name::as_str));
        let (Some(parent), [column]) = (parent, key.columns.as_slice()) else { continue };
        let (column, parent) = (quote_identifier(column), quote_identifier(parent));
        let sql = format!(
            "UPDATE {name} SET {column} = (SELECT min({parent}) FROM {name}) \
             WHERE {parent} = (SELECT max({parent}) FROM {name}) AND {parent} <> (SELECT min({parent}) FROM {name}) \
             AND NOT EXISTS (SELECT 1 FROM {name} WHERE {column} <> {parent})"
        );
        // One statement: what a constraint or a trigger refuses leaves nothing.
        let _ = connection.execute(&sql, []);
    }
}

fn count(connection: &Connection, table: &Table) -> Option<i64> {
    let sql = format!("SELECT count(*) FROM {}", quote_identifier(&table.name));
    connection.query_row(&sql, [], |row| row.get(0)).ok()
}
