//! Columns that the statements of a history pass to a JSON function. They get JSON although no constraint asks for it: other
//! values, which no app writes, would cause false alarms.

use std::sync::Arc;

use super::keys::unique_keys;
use crate::schema::Table;
use crate::sql::{Name, Token, TokenKind, tokens};

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
