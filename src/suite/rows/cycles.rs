//! Rows of trees and graphs without cycles. An app that writes trees writes no cycles, and a recursive query over one may never
//! end: a migration that is right for every database in the field would not end on such rows.
//!
//! A row links two values: its key and the one that it refers to. Rows are looked at one after the other, and the link of each
//! that closes a cycle is changed: it becomes NULL, or whatever the schema accepts. Only where each row has to refer to one of its
//! table, a row refers to itself.

use rusqlite::types::Value;
use rusqlite::{Connection, Result, params_from_iter};

use super::contents::{key_of_rows, literal, primary_key_columns, unique_keys};
use crate::order::SortedSet;
use crate::schema::references::{column_names, parent_columns};
use crate::schema::{Column, ForeignKey, Schema, Table, TableKind};
use crate::sql::{Name, Token, quote_identifier, tokens};

/// The columns that a recursive query compares, by pairs of names. They may be those of its common table expression.
#[derive(Clone, Debug)]
pub(crate) struct RecursiveQuery {
    compared: Vec<(Name, Name)>,
    /// All names in the statement.
    names: SortedSet<Name>,
}

impl RecursiveQuery {
    /// Reads a statement. None if nothing in it is recursive.
    pub(crate) fn read(statement: &str) -> Option<RecursiveQuery> {
        let tokens = tokens(statement);
        if !tokens.iter().any(|token| token.is("RECURSIVE")) {
            return None;
        }
        let names = tokens.iter().filter_map(Token::name).map(Name::from).collect();
        let is_equal = |token: &Token<'_>| token.is_symbol("=") || token.is_symbol("==") || token.is("IS");
        let right = |at: usize| match tokens.get(at + 2).is_some_and(|dot| dot.is_symbol(".")) {
            true => tokens.get(at + 3),
            false => tokens.get(at + 1),
        };
        let compared = (1..tokens.len()).filter(|&at| is_equal(&tokens[at])).filter_map(|at| {
            let (left, right) = (tokens[at - 1].name()?, right(at)?.name()?);
            Some((Name::from(left), Name::from(right)))
        });
        Some(RecursiveQuery { compared: compared.collect(), names })
    }

    /// Returns the columns of a table by which it goes from row to row.
    fn links<'t>(&self, table: &'t Table) -> Vec<Link<'t>> {
        if !self.names.contains(&table.name) {
            return Vec::new();
        }
        let mut links = Vec::new();
        for (one, other) in &self.compared {
            match (table.column(one), table.column(other)) {
                (Some(one), Some(other)) if is_key(table, other) => links.push(Link { key: other, to: one }),
                (Some(one), Some(other)) => links.push(Link { key: one, to: other }),
                (None, None) => {}
                (Some(column), None) | (None, Some(column)) => {
                    let may_be_other = |other: &&Column| {
                        self.names.contains(&other.name)
                            && other.declared_type.eq_ignore_ascii_case(&column.declared_type)
                            && referred(table, column).eq_ignore_ascii_case(referred(table, other))
                    };
                    let others = table.columns.iter().filter(may_be_other);
                    links.extend(others.map(|other| match is_key(table, other) {
                        true => Link { key: other, to: column },
                        false => Link { key: column, to: other },
                    }));
                }
            }
        }
        links
    }
}

/// The columns of a table that hold a row's own key, and the key of a row that it refers to.
#[derive(Clone, Copy)]
struct Link<'t> {
    key: &'t Column,
    to: &'t Column,
}

impl Link<'_> {
    fn is_like(&self, other: &Link<'_>) -> bool {
        (&self.key.name, &self.to.name) == (&other.key.name, &other.to.name)
    }
}

/// Changes the rows that close a cycle. `is_given` is true for a column whose value is not to be changed.
pub(crate) fn break_cycles(
    connection: &Connection,
    schema: &Schema,
    queries: &[RecursiveQuery],
    is_given: impl Fn(&Table, &str) -> bool,
) {
    for table in schema.tables.iter().filter(|table| table.kind == TableKind::Ordinary) {
        for link in links(table, queries) {
            let is_stored = [link.key, link.to].iter().all(|it| it.generated.is_none() && !it.hidden);
            if is_stored && !is_given(table, &link.to.name) {
                // A table that cannot be read has no rows that could be changed.
                let _ = Links { connection, schema, table, link }.break_cycles();
            }
        }
    }
}

/// Returns the pairs of columns by which rows of a table refer to one another: by foreign keys, in recursive queries, or as a
/// name says.
fn links<'t>(table: &'t Table, queries: &[RecursiveQuery]) -> Vec<Link<'t>> {
    let mut links: Vec<Link<'t>> = Vec::new();
    for key in own_keys(table) {
        let parents = parent_columns(key, table);
        let pairs = key.columns.iter().zip(parents).filter(|(column, parent)| *column != *parent);
        links.extend(pairs.filter_map(|(to, key)| Some(Link { key: table.column(key)?, to: table.column(to)? })));
    }
    links.extend(queries.iter().flat_map(|query| query.links(table)));
    if let [key] = primary_key_columns(table).as_slice()
        && let Some(key) = table.column(key)
    {
        let is_named = |column: &&Column| column.name.as_str().to_ascii_lowercase().starts_with("parent");
        let named = table.columns.iter().filter(is_named).filter(|column| referred(table, column).is_empty());
        links.extend(named.map(|to| Link { key, to }));
    }
    let mut all: Vec<Link<'t>> = Vec::new();
    for link in links {
        if link.key.name != link.to.name && !all.iter().any(|known| known.is_like(&link)) {
            all.push(link);
        }
    }
    all
}

fn own_keys(table: &Table) -> impl Iterator<Item = &ForeignKey> {
    table.foreign_keys.iter().filter(|key| key.parent == table.name)
}

/// Returns the other table of which a column has the keys; nothing for a column that refers to no other table.
fn referred<'t>(table: &'t Table, column: &Column) -> &'t str {
    let others = table.foreign_keys.iter().filter(|key| key.parent != table.name);
    let mut keys = others.filter(|key| key.columns.contains(&column.name));
    keys.next().map_or("", |key| &key.parent)
}

/// Returns true if a column tells the rows of a table apart.
fn is_key(table: &Table, column: &Column) -> bool {
    primary_key_columns(table) == [column.name.as_str()]
        || unique_keys(table).any(|terms| terms.len() == 1 && column_names(terms) == [column.name.as_str()])
}

struct Links<'a> {
    connection: &'a Connection,
    schema: &'a Schema,
    table: &'a Table,
    link: Link<'a>,
}

/// A row that refers to another one.
struct LinkedRow {
    /// The values by which it is found in its table.
    place: Vec<Value>,
    /// Literals.
    key: String,
    to: String,
}

impl Links<'_> {
    fn break_cycles(&self) -> Result<()> {
        let rows = self.rows()?;
        let values: SortedSet<&str> = rows.iter().flat_map(|row| [row.key.as_str(), row.to.as_str()]).collect();
        let values: Vec<&str> = values.into_iter().collect();
        let at = |value: &str| values.binary_search(&value).unwrap_or(0);
        let mut graph = Graph { next: vec![Vec::new(); values.len()] };
        for row in &rows {
            let (key, to) = (at(&row.key), at(&row.to));
            if graph.reaches(to, key) {
                self.change(row, values.contains(&nothing_like(row)));
            } else {
                graph.next[key].push(to);
            }
        }
        Ok(())
    }

    fn rows(&self) -> Result<Vec<LinkedRow>> {
        let [name, key, to] = self.names();
        let place = key_of_rows(self.table);
        let sql = format!(
            "SELECT {}, {}, {place} FROM {name} WHERE {key} IS NOT NULL AND {to} IS NOT NULL",
            literal(&key),
            literal(&to)
        );
        let mut statement = self.connection.prepare(&sql)?;
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let place = (2..columns).map(|at| row.get(at)).collect::<Result<_>>()?;
            Ok(LinkedRow { key: row.get(0)?, to: row.get(1)?, place })
        })?;
        rows.collect()
    }

    fn names(&self) -> [String; 3] {
        [&self.table.name, &self.link.key.name, &self.link.to.name].map(|name| quote_identifier(name))
    }

    /// Changes a row in the first way that the schema accepts. `has_nothing` is true if a row has the value of no row.
    fn change(&self, row: &LinkedRow, has_nothing: bool) {
        let [name, key, to] = self.names();
        let is_reference = self.table.foreign_keys.iter().any(|key| key.columns.contains(&self.link.to.name));
        let refers_to_it = |other: &Table| other.foreign_keys.iter().any(|key| key.parent == self.table.name);
        let is_edge = !is_key(self.table, self.link.key);
        let is_loop = row.key == row.to;
        let set = |is_way: bool, value: String| is_way.then(|| format!("UPDATE {name} SET {value}"));
        let ways = [
            set(!self.link.to.not_null, format!("{to} = NULL")),
            set(!is_reference && !has_nothing && !is_edge, format!("{to} = {}", nothing_like(row))),
            set(is_edge && !is_loop, format!("{key} = {to}, {to} = {key}")),
            (is_edge && !self.schema.tables.iter().any(refers_to_it)).then(|| format!("DELETE FROM {name}")),
            set(!is_edge && !is_loop, format!("{to} = {key}")),
        ];
        let place = vec!["?"; row.place.len()].join(", ");
        let filter = format!("({}) = ({place})", key_of_rows(self.table));
        for way in ways.into_iter().flatten() {
            let changed = self.connection.execute(&format!("{way} WHERE {filter}"), params_from_iter(&row.place));
            if changed.is_ok_and(|changed| changed == 1) {
                break;
            }
        }
    }
}

/// Returns the literal that stands for no row where no NULL can.
fn nothing_like(row: &LinkedRow) -> &'static str {
    if row.to.starts_with('\'') { "''" } else { "0" }
}

/// The values that rows lead to from each value.
struct Graph {
    next: Vec<Vec<usize>>,
}

impl Graph {
    fn reaches(&self, from: usize, to: usize) -> bool {
        let mut is_reached = vec![false; self.next.len()];
        let mut waiting = vec![from];
        while let Some(value) = waiting.pop() {
            if value == to {
                return true;
            }
            for &next in &self.next[value] {
                if !std::mem::replace(&mut is_reached[next], true) {
                    waiting.push(next);
                }
            }
        }
        false
    }
}
