//! An index that is asked about, and what may be taken away so that SQLite uses it.

use std::ops::Range;

use super::reason::{Obstacle, Remedy};
use super::statement::{Occurrence, Statement};
use super::trial::{Edit, IndexShape};
use crate::schema::{IndexedColumn, IndexedExpr, Schema, Table};
use crate::sql::{Name, Token, tokens};

/// An obstacle, and the change that takes it away.
#[derive(Clone, Debug)]
pub(super) struct Removal {
    pub(super) obstacle: Obstacle,
    pub(super) change: Change,
    /// Another text of the statement that means the same.
    pub(super) remedy: Option<Remedy>,
    /// An index that would serve the statement unchanged.
    pub(super) alternative: Option<IndexShape>,
}

impl Removal {
    pub(super) fn of_index(obstacle: Obstacle, change: Change) -> Removal {
        Removal { obstacle, change, remedy: None, alternative: None }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Another text of the statement.
    Text(Vec<Edit>),
    /// Another collation of the term with this number.
    Collation(usize, String),
    /// No WHERE.
    NoWhere,
    /// These terms in place of its own.
    Terms(Vec<IndexedColumn>),
}

impl Change {
    pub(super) fn apply(&self, shape: &mut IndexShape) {
        match self {
            Change::Text(_) => {}
            Change::Collation(term, collation) => {
                if let Some(term) = shape.terms.get_mut(*term) {
                    term.collation.clone_from(collation);
                }
            }
            Change::NoWhere => shape.partial = None,
            Change::Terms(terms) => shape.terms.clone_from(terms),
        }
    }
}

/// The index that is asked about, and the statement.
pub(super) struct Question<'a> {
    pub(super) statement: &'a Statement<'a>,
    pub(super) schema: &'a Schema,
    pub(super) table: &'a Table,
    pub(super) index: &'a str,
    pub(super) shape: IndexShape,
}

impl Question<'_> {
    /// Returns the places where the statement has the columns of a term.
    pub(super) fn occurrences(&self, term: &IndexedColumn) -> Vec<Occurrence> {
        let columns = columns_of(self.table, term);
        columns.iter().flat_map(|column| self.statement.occurrences(self.table, column)).collect()
    }

    /// Returns true if the statement compares or sorts by any term of the index.
    pub(super) fn is_about_index(&self) -> bool {
        // A column alone is compared for its own sake, not for that of an expression of it.
        let is_alone = |one: &Occurrence| self.statement.without_parentheses(&one.operand) == one.column;
        let is_named = |term: &IndexedColumn| {
            let is_column = matches!(term.what, IndexedExpr::Column(_));
            self.occurrences(term).iter().any(|one| is_column || !is_alone(one))
        };
        self.shape.terms.iter().any(is_named) || !self.of_using().is_empty()
    }

    pub(super) fn edit(&self, tokens: &Range<usize>, text: impl Into<String>) -> Edit {
        let all = &self.statement.tokens;
        let start = all.get(tokens.start).map_or(self.statement.sql.len(), |token| token.start);
        let end = tokens.end.checked_sub(1).and_then(|last| all.get(last)).map_or(start, Token::end);
        Edit { at: start..end.max(start), text: text.into() }
    }

    pub(super) fn text(&self, range: &Range<usize>) -> String {
        self.statement.text(range).to_owned()
    }

    pub(super) fn rewrite(&self, obstacle: Obstacle, old: &Range<usize>, new: String) -> Removal {
        let remedy = Remedy::Write { old: self.text(old), new: new.clone() };
        Removal { remedy: Some(remedy), ..self.replace(obstacle, old, new) }
    }

    /// Like `rewrite`, for a text that would mean something else and is no remedy.
    pub(super) fn replace(&self, obstacle: Obstacle, old: &Range<usize>, new: impl Into<String>) -> Removal {
        Removal::of_index(obstacle, Change::Text(vec![self.edit(old, new)]))
    }
}

/// Returns the columns of a term: itself, or those in an expression.
pub(super) fn columns_of(table: &Table, term: &IndexedColumn) -> Vec<Name> {
    match &term.what {
        IndexedExpr::Column(name) => vec![name.clone()],
        IndexedExpr::Expression(sql) => {
            let names = tokens(sql).iter().filter_map(Token::name).collect::<Vec<_>>();
            let mut found: Vec<Name> =
                names.iter().filter_map(|name| table.column(name)).map(|column| column.name.clone()).collect();
            found.dedup();
            found
        }
        _ => Vec::new(),
    }
}
