//! Finds the obstacles to the use of an index in its declaration, in hints and in the order of rows.

use std::ops::Range;

use super::question::{Change, Question, Removal};
use super::reason::{Obstacle, Remedy};
use super::statement::{Occurrence, Reference, Role, Statement};
use super::trial::{Edit, expression};
use crate::schema::{IndexedColumn, IndexedExpr, Table};
use crate::sql::{Token, TokenKind, plain_name, quote_identifier, same_name, tokens};

impl Question<'_> {
    /// `NOT INDEXED`, `INDEXED BY x`.
    pub(super) fn of_hints(&self) -> Vec<Removal> {
        let tokens = &self.statement.tokens;
        let mut found = Vec::new();
        for (at, pair) in tokens.windows(2).enumerate() {
            if pair[0].is("not") && pair[1].is("indexed") {
                found.push(self.rewrite(Obstacle::NotIndexed, &(at..at + 2), String::new()));
            }
            let other = tokens.get(at + 2).and_then(Token::name);
            if let Some(other) = other.filter(|_| pair[0].is("indexed") && pair[1].is("by"))
                && !same_name(&other, self.index)
            {
                found.push(self.rewrite(Obstacle::IndexedBy(other), &(at..at + 3), String::new()));
            }
        }
        found
    }

    /// The WHERE of a partial index does not follow from the statement.
    pub(super) fn of_predicate(&self) -> Vec<Removal> {
        let Some(predicate) = self.shape.partial.clone() else { return Vec::new() };
        let mut found = Vec::new();
        let own = Statement::read(&predicate, self.schema);
        for (at, literal) in own.tokens.iter().enumerate() {
            let is_literal = matches!(literal.kind, TokenKind::Text | TokenKind::Number | TokenKind::Blob);
            let column = at.checked_sub(2).and_then(|column| own.tokens[column].name());
            let Some(column) = column.filter(|_| is_literal && at >= 2 && own.tokens[at - 1].text.starts_with('='))
            else {
                continue;
            };
            for occurrence in self.statement.occurrences(self.table, &column) {
                let Role::Compared(comparison) = &occurrence.role else { continue };
                let other = &self.statement.tokens[comparison.other.clone()];
                let is_parameter = matches!(other, [one] if one.kind == TokenKind::Variable);
                if is_parameter && matches!(comparison.word.as_str(), "=" | "==" | "IS") {
                    let condition = self.text(&occurrence.condition());
                    let obstacle = Obstacle::PartialParameter { predicate: predicate.clone(), condition };
                    found.push(self.rewrite(obstacle, &comparison.other, literal.text.to_owned()));
                }
            }
        }
        for reference in self.statement.references_to(&self.table.name) {
            let condition = qualified(&predicate, self.table, &reference.name);
            let edits = self.with_condition(reference, &condition);
            let remedy = Some(Remedy::Condition(condition));
            let obstacle = Obstacle::Partial { predicate: predicate.clone() };
            found.push(Removal { remedy, ..Removal::of_index(obstacle, Change::Text(edits)) });
        }
        found.push(Removal::of_index(Obstacle::Partial { predicate }, Change::NoWhere));
        found
    }

    /// Adds a condition to the WHERE of the SELECT, UPDATE or DELETE that reads a table.
    fn with_condition(&self, reference: &Reference, condition: &str) -> Vec<Edit> {
        let (place, has_where) = self.statement.place_of_where(reference);
        let Range { start, end } = self.edit(&place, "").at;
        match has_where {
            true => vec![
                Edit { at: start..start, text: format!("({condition}) AND (") },
                Edit { at: end..end, text: ")".to_owned() },
            ],
            false => vec![Edit { at: start..start, text: format!(" WHERE {condition} ") }],
        }
    }

    /// Returns the obstacle that the statement says nothing about the index, with a condition on its first column.
    pub(super) fn not_compared(&self) -> Vec<Removal> {
        let first = self.shape.terms.first().filter(|first| self.occurrences(first).is_empty());
        let Some(first) = first.filter(|_| self.of_using().is_empty()) else { return Vec::new() };
        let column = expression(first);
        let mut found = Vec::new();
        for reference in self.statement.references_to(&self.table.name) {
            let compared = qualified(&format!("{column} = 1"), self.table, &reference.name);
            let partial = self
                .shape
                .partial
                .as_ref()
                .map(|predicate| format!("{compared} AND ({})", qualified(predicate, self.table, &reference.name)));
            for condition in std::iter::once(compared).chain(partial) {
                let edits = self.with_condition(reference, &condition);
                let obstacle = Obstacle::FirstColumn { column: column.clone(), compared: None };
                found.push(Removal::of_index(obstacle, Change::Text(edits)));
            }
        }
        found
    }

    /// Returns the obstacle that SQLite prefers a line, with INDEXED BY for each place of the table.
    pub(super) fn preferred(&self, line: &str) -> Vec<Removal> {
        let removal = |reference: &Reference| {
            let edit = self.edit(&(reference.end - 1..reference.end), "");
            let text = format!(" INDEXED BY {}", quote_identifier(self.index));
            let edits = vec![Edit { at: edit.at.end..edit.at.end, text }];
            Removal::of_index(Obstacle::Preferred(line.to_owned()), Change::Text(edits))
        };
        self.statement.references_to(&self.table.name).map(removal).collect()
    }

    /// The statement says nothing about the first columns.
    pub(super) fn of_first_column(&self, occurrences: &[Vec<Occurrence>]) -> Option<Removal> {
        let missing = occurrences.iter().take_while(|found| found.is_empty()).count();
        let column = expression(self.shape.terms.first()?);
        let compared = self.shape.terms.get(missing).filter(|_| missing > 0)?;
        let obstacle = Obstacle::FirstColumn { column, compared: Some(expression(compared)) };
        let named = self.shape.terms.iter().zip(occurrences).filter(|(_, found)| !found.is_empty());
        Some(Removal::of_index(obstacle, Change::Terms(named.map(|(term, _)| term.clone()).collect())))
    }

    /// An ORDER BY with the columns of the index in another order or direction.
    pub(super) fn of_order(&self) -> Vec<Removal> {
        let mut found = Vec::new();
        for list in self.statement.orders() {
            let all = &self.statement.tokens;
            let mut sorted: Vec<IndexedColumn> = Vec::new();
            for part in &list {
                let tokens = &all[part.clone()];
                let name = |term: &&IndexedColumn| {
                    let IndexedExpr::Column(name) = &term.what else { return false };
                    tokens.iter().filter_map(Token::name).any(|found| same_name(&found, name))
                };
                if let Some(term) =
                    self.shape.terms.iter().find(name).filter(|term| !sorted.iter().any(|s| s.what == term.what))
                {
                    let descending = tokens.iter().any(|token| token.is("desc"));
                    sorted.push(IndexedColumn { descending, ..term.clone() });
                }
            }
            if sorted.iter().all(|term| term.descending) {
                sorted.iter_mut().for_each(|term| term.descending = false);
            }
            let before = self.shape.terms.iter().filter(|term| !sorted.iter().any(|one| one.what == term.what));
            let terms: Vec<IndexedColumn> = before.cloned().chain(sorted.iter().cloned()).collect();
            if sorted.is_empty() || terms == self.shape.terms {
                continue;
            }
            let statement = match (list.first(), list.last()) {
                (Some(first), Some(last)) => self.text(&(first.start..last.end)),
                _ => continue,
            };
            let obstacle = Obstacle::Order { statement, index: self.shape.order() };
            found.push(Removal::of_index(obstacle, Change::Terms(terms)));
        }
        found
    }
}

/// Returns a condition with the name of its table in front of the columns.
fn qualified(condition: &str, table: &Table, name: &str) -> String {
    let mut text = String::new();
    let mut copied = 0;
    for token in tokens(condition) {
        let is_column = matches!(token.kind, TokenKind::Word | TokenKind::Quoted)
            && token.name().is_some_and(|name| table.column(&name).is_some());
        if is_column && !same_name(name, &table.name) {
            text.push_str(&condition[copied..token.start]);
            text.push_str(&format!("{}.", plain_name(name)));
            copied = token.start;
        }
    }
    text.push_str(&condition[copied..]);
    text
}
