//! Keys that a statement writes as constants, and that a user may have: `INSERT INTO settings(key, value) VALUES ('theme', 'dark')`
//! fails where that setting is there, and `UPDATE labels SET name = 'Work' WHERE name = 'Job'` where both are.
//!
//! A table in which earlier migrations have put rows is taken for one that only migrations fill: roles, currencies.

use rusqlite::types::Value;

use super::conditions::Tokens;
use super::demands::{Reading, columns_written};
use super::resolve::without_alias;
use super::rows::{RowMaker, RowRequest};
use crate::schema::Table;
use crate::schema::references::column_names;
use crate::sql::{Name, Token, TokenKind, quote_identifier, unquoted};
use crate::suite::rows::{full_unique_keys, primary_key_columns};

impl Reading<'_, '_, '_> {
    /// Makes rows that have the keys which a statement inserts, or which it gives other rows.
    pub(super) fn make_for_fixed_keys(&self, maker: &mut RowMaker<'_>) {
        for scope in 0..self.scopes.len() {
            self.inserted_keys(scope, maker);
            self.assigned_keys(scope, maker);
        }
    }

    fn inserted_keys(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let it = &self.scopes[scope];
        // With a conflict clause, `collisions` makes such rows in any table.
        let Some(target) = it.target.as_ref().filter(|_| !it.has_conflict_clause) else { return };
        let Some(table) = self.known.table(&target.table) else { return };
        let selected: Vec<Tokens<'_>> = it.results.iter().map(|result| without_alias(result).to_vec()).collect();
        let is_constant = it.sources.is_empty() && it.conditions.is_empty() && !selected.is_empty();
        let columns = columns_written(target, table);
        for key in names_of_keys(table) {
            let request = |row: &Vec<Tokens<'_>>| {
                let value = |name: &Name| row.get(columns.iter().position(|column| column == name)?);
                let values: Option<Vec<&Tokens<'_>>> = key.iter().map(value).collect();
                let values = values.filter(|values| values.iter().all(|value| is_literal(value)))?;
                let is_chosen = values.iter().any(|value| chosen_text(value).is_some());
                let is_it = |(name, value): (&Name, &&Tokens<'_>)| {
                    let value: Vec<&str> = value.iter().map(|token| token.text).collect();
                    format!("{} = {}", quote_identifier(name), value.join(" "))
                };
                is_chosen.then(|| RowRequest::of(&key.iter().zip(&values).map(is_it).collect::<Vec<_>>()))
            };
            let rows = it.rows.iter().chain(Some(&selected).filter(|_| is_constant));
            let mut requests = rows.filter_map(request).peekable();
            // One is enough to fail.
            if requests.peek().is_some() && !maker.is_filled_by_migrations(table) {
                requests.take(3).any(|request| maker.ensure(table, &request, 1));
            }
        }
    }

    fn assigned_keys(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let it = &self.scopes[scope];
        for (name, value) in &it.assignments {
            let Some(text) = chosen_text(value) else { continue };
            let Some(column) = self.known.in_source(self.scopes, (scope, 0), name) else { continue };
            let matching = self.matching(column.source);
            if matching.conditions.is_empty() || maker.is_filled_by_migrations(column.table) {
                continue;
            }
            // A text as primary key is one that the app chooses, and under the new name it has written nothing yet. Where the
            // statement replaces what is there, its author expects some.
            let primary = primary_key_columns(column.table);
            let is_of_app = |key: &Vec<Name>| !it.has_conflict_clause && key.iter().eq(primary.iter());
            let keys = names_of_keys(column.table).into_iter();
            for key in keys.filter(|key| key.contains(&column.column) && !is_of_app(key)) {
                let others: Vec<Name> = key.into_iter().filter(|name| *name != column.column).collect();
                if !maker.ensure(column.table, &matching, 1) {
                    continue;
                }
                let values = match others.is_empty() {
                    true => Some(Vec::new()),
                    false => maker.values(column.table, &matching, &others),
                };
                let Some(values) = values else { continue };
                let taken = RowRequest::default().with(&column.column, Value::Text(text.clone()));
                let taken = others.iter().zip(values).fold(taken, |taken, (name, value)| taken.with(name, value));
                maker.ensure(column.table, &taken, 1);
            }
        }
    }
}

/// Returns the columns of the keys by which all rows differ, without keys of expressions.
fn names_of_keys(table: &Table) -> Vec<Vec<Name>> {
    let keys = full_unique_keys(table).filter(|terms| column_names(terms).len() == terms.len());
    keys.map(|terms| column_names(terms).into_iter().map(Name::from).collect()).collect()
}

fn is_literal(value: &[Token<'_>]) -> bool {
    let is_part = |token: &Token<'_>| {
        matches!(token.kind, TokenKind::Text | TokenKind::Number) || token.is_symbol("-") || token.is_symbol("+")
    };
    !value.is_empty() && value.iter().all(is_part)
}

/// Returns a text that a user may have chosen too. No two people make the same id of 16 digits or more.
fn chosen_text(value: &[Token<'_>]) -> Option<String> {
    let [token] = value else { return None };
    let text = unquoted(token.text);
    let is_id = text.len() >= 16 && text.chars().all(|letter| letter.is_ascii_hexdigit() || letter == '-');
    (token.kind == TokenKind::Text && !is_id).then_some(text)
}
