//! What the queries of a statement are made of.

use super::conditions::Tokens;
use crate::sql::Name;

/// A SELECT, UPDATE or DELETE, or a query within one.
#[derive(Default)]
pub(super) struct Scope<'a> {
    /// The query around this one, whose columns it can read.
    pub(super) outer: Option<usize>,
    pub(super) sources: Vec<Source>,
    /// The conditions of WHERE and ON, which all have to be true.
    pub(super) conditions: Vec<Tokens<'a>>,
    /// The conditions of HAVING.
    pub(super) having: Vec<Tokens<'a>>,
    /// The conditions of CASE.
    pub(super) arms: Vec<Tokens<'a>>,
    /// The results of a SELECT.
    pub(super) results: Vec<Tokens<'a>>,
    /// The table of an UPDATE or DELETE.
    pub(super) changes: Option<Name>,
    /// The columns that an UPDATE sets, with their expressions.
    pub(super) assignments: Vec<(Name, Tokens<'a>)>,
    /// The rows of VALUES.
    pub(super) rows: Vec<Vec<Tokens<'a>>>,
    /// The expressions of GROUP BY and PARTITION BY: of rows that are alike in them, one may be left.
    pub(super) alike: Vec<Vec<Tokens<'a>>>,
    /// True if of rows with the same results one is left, by DISTINCT or UNION.
    pub(super) is_distinct: bool,
    /// The expressions whose JSON `json_each` and `json_tree` read.
    pub(super) documents: Vec<Tokens<'a>>,
    /// The names that WITH gives the results. Empty if it gives none.
    pub(super) names: Vec<Name>,
    /// True if a query of WITH RECURSIVE reads itself here.
    pub(super) is_recursive: bool,
    /// Columns of USING, each with the place of the source on its right.
    pub(super) shared: Vec<(usize, Name)>,
    /// `columns IN (SELECT ..)`, with the query.
    pub(super) contained: Vec<(Vec<Tokens<'a>>, usize)>,
    /// An expression that is compared with the result of a query.
    pub(super) compared: Vec<(Vec<Tokens<'a>>, usize)>,
    pub(super) limit: Option<u64>,
    /// The table that an INSERT or CREATE TABLE .. AS writes to.
    pub(super) target: Option<Target>,
    /// True if a row that violates a key is left out, or replaces another one.
    pub(super) has_conflict_clause: bool,
    /// The columns and expressions of a unique index.
    pub(super) unique: Vec<Tokens<'a>>,
}

/// The table that a query is copied into.
pub(super) struct Target {
    pub(super) table: Name,
    /// Empty if the statement lists no columns.
    pub(super) columns: Vec<Name>,
}

/// A table or query in FROM, or the table of an UPDATE or DELETE.
pub(super) struct Source {
    pub(super) from: From,
    /// The names by which its columns can be qualified.
    pub(super) names: Vec<Name>,
    /// True if a row without a partner in it is kept, as by a LEFT JOIN.
    pub(super) is_optional: bool,
    /// True if NATURAL joins it with those before it.
    pub(super) is_natural: bool,
}

impl Source {
    /// Returns the name of the table.
    pub(super) fn table(&self) -> Option<Name> {
        match &self.from {
            From::Table(name) => Some(name.clone()),
            From::Query(_) => None,
        }
    }
}

pub(super) enum From {
    Table(Name),
    /// A query, by its place.
    Query(usize),
}

/// A view, and the query behind it.
pub(super) struct View<'a> {
    pub(super) name: Name,
    pub(super) query: Tokens<'a>,
}
