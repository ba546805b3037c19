//! The rows that each table gets, and the values that are given for its columns.
//!
//! Columns that the statements of a history pass to a JSON function get JSON although no constraint asks for it: other values,
//! which no app writes, would cause false alarms.

use std::sync::Arc;

use rusqlite::types::Value;

use super::contents::unique_keys;
use super::cycles::RecursiveQuery;
use super::full_text::Refill;
use crate::data::Fill;
use crate::order::SortedSet;
use crate::schema::{Schema, Table, TableKind, is_ledger};
use crate::sql::{Name, Token, TokenKind, tokens};

/// The rows that each table gets.
#[derive(Clone, Debug)]
pub(crate) struct RowPlan {
    pub(crate) rows: u64,
    pub(crate) seed: u64,
    /// Set by the user, `Suite::set`.
    pub(crate) given: Vec<GivenValue>,
    /// Columns that the history reads as JSON.
    pub(crate) json: Vec<JsonColumn>,
    /// Full-text tables that the history fills from other tables.
    pub(crate) refilled: Vec<Refill>,
    /// What the history's recursive queries compare.
    pub(crate) recursive: Vec<RecursiveQuery>,
    /// The tables of the migrations' runner, which get no rows.
    pub(crate) ledgers: Vec<Name>,
    /// True if code migrates, which shows nothing of what it does to a value.
    pub(crate) hard_values: bool,
}

/// One value for a column in all rows.
#[derive(Clone, Debug)]
pub(crate) struct GivenValue {
    pub(crate) table: Name,
    pub(crate) column: Name,
    pub(crate) value: Value,
}

impl Default for RowPlan {
    fn default() -> RowPlan {
        RowPlan {
            rows: 5,
            seed: 7,
            given: Vec::new(),
            json: Vec::new(),
            refilled: Vec::new(),
            recursive: Vec::new(),
            ledgers: Vec::new(),
            hard_values: false,
        }
    }
}

impl RowPlan {
    /// Returns true if the user sets this column, or the history reads it as JSON.
    pub(crate) fn is_given(&self, table: &Table, column: &str) -> bool {
        self.is_set(table, column) || self.json.iter().any(|json| json.column_in(table) == Some(column))
    }

    pub(super) fn is_set(&self, table: &Table, column: &str) -> bool {
        self.given.iter().any(|given| given.table == table.name && given.column == column)
    }

    /// Adds the given values of the columns that this schema has, but of JSON only where the column gets no other value.
    pub(crate) fn with_given(&self, mut fill: Fill, schema: &Schema, is_other: impl Fn(&Table, &str) -> bool) -> Fill {
        for table in &schema.tables {
            let columns: SortedSet<&str> = self.json.iter().filter_map(|json| json.column_in(table)).collect();
            for column in columns {
                if table.kind == TableKind::Ordinary && !self.is_set(table, column) && !is_other(table, column) {
                    fill = fill.set(&table.name, column, "{}");
                }
            }
        }
        for given in &self.given {
            if schema.table(&given.table).is_some_and(|table| table.column(&given.column).is_some()) {
                fill = fill.set(&given.table, &given.column, given.value.clone());
            }
        }
        fill
    }

    /// Returns true if it is a table of the app.
    pub(crate) fn is_filled(&self, table: &Table) -> bool {
        let is_ledger = is_ledger(&table.name) || self.ledgers.contains(&table.name);
        table.kind == TableKind::Ordinary && !is_ledger
    }
}

/// A column that a statement passes to a JSON function.
#[derive(Clone, Debug)]
pub(crate) struct JsonColumn {
    column: Name,
    /// All names in the statement. The table is one of them.
    names: Arc<[Name]>,
}

impl JsonColumn {
    /// Returns the columns that this statement reads as JSON.
    pub(crate) fn read(statement: &str) -> Vec<JsonColumn> {
        /// Functions that turn any value into JSON.
        const MAKERS: [&str; 5] = ["array", "object", "quote", "group_array", "group_object"];
        let tokens = tokens(statement);
        let reads = |token: &Token<'_>| {
            let name = token.text.to_ascii_lowercase();
            let rest = name.strip_prefix("json").map(|rest| rest.strip_prefix('b').unwrap_or(rest));
            rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix('_').is_some_and(|of| !MAKERS.contains(&of)))
        };
        let columns: Vec<Name> = (0..tokens.len())
            .filter(|&at| reads(&tokens[at]) && tokens.get(at + 1).is_some_and(|next| next.is_symbol("(")))
            .filter_map(|at| {
                // `json(column`, `json(table.column`
                let start = at + if tokens.get(at + 3).is_some_and(|dot| dot.is_symbol(".")) { 4 } else { 2 };
                let ends = tokens.get(start + 1).is_some_and(|end| end.is_symbol(",") || end.is_symbol(")"));
                tokens.get(start).filter(|token| ends && token.kind != TokenKind::Text)?.name().map(Name::from)
            })
            .collect();
        if columns.is_empty() {
            return Vec::new();
        }
        let names: Arc<[Name]> = tokens.iter().filter_map(Token::name).map(Name::from).collect();
        columns.into_iter().map(|column| JsonColumn { column, names: Arc::clone(&names) }).collect()
    }

    /// Returns the column of this table that is read as JSON, if it is free to hold any JSON.
    pub(crate) fn column_in<'t>(&self, table: &'t Table) -> Option<&'t str> {
        let column = table.column(&self.column).filter(|_| self.names.contains(&table.name))?;
        let is_key = unique_keys(table).any(|terms| terms.iter().any(|term| term.what.is_column(&column.name)));
        // The fill satisfies a CHECK without this.
        let is_checked = table
            .checks
            .iter()
            .any(|check| tokens(&check.expression).iter().filter_map(Token::name).any(|name| column.name == name));
        let takes_text =
            !table.strict || ["TEXT", "ANY"].iter().any(|of| column.declared_type.eq_ignore_ascii_case(of));
        (!is_key && !is_checked && takes_text && column.generated.is_none()).then_some(&*column.name)
    }
}
