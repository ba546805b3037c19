//! An index that could be created, and the advice to create it.

use std::fmt;

use super::upkeep::Upkeep;
use crate::schema::{Column, IndexedColumn, IndexedExpr, Schema, Table};
use crate::sql::{Name, TokenKind, plain_name, same_name, tokens};

/// SQL that improves a plan. [`advise`](super::super::advise) and [`Plan::advice`](super::super::Plan::advice) return it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advice {
    /// A `CREATE INDEX`, or several, one to a line, if only all of them together help.
    pub sql: String,
    /// The indexes that it creates.
    pub indexes: Vec<AdvisedIndex>,
    /// The steps that are gone from the plan with them.
    pub removes: Vec<Removed>,
    /// True if the rows that they find are then sorted, which takes fewer steps than reading all rows in order.
    pub adds_sort: bool,
    /// Lookups that would take more steps, because SQLite would search by a new index where an existing one is better:
    /// `SELECT * FROM orders WHERE customer_id = ? AND status = ?`.
    pub dearer: Vec<String>,
    /// The price of the indexes for the recorded statements that write. `None` if no others are known.
    pub upkeep: Option<Upkeep>,
}

/// The SQL.
impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sql)
    }
}

/// An index that does not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdvisedIndex {
    /// Its name, which nothing in the schema has.
    pub name: String,
    /// Its table.
    pub table: String,
    /// Its columns and expressions in order, as SQL: `status`, `name COLLATE NOCASE`, `lower(email)`, `created_at DESC`.
    pub columns: Vec<String>,
    /// An index that can be dropped, because this one starts with all of its columns.
    pub replaces: Option<String>,
    /// The expression of its WHERE, if it is to hold only some of the rows.
    pub partial: Option<String>,
    /// Those of its columns that may hold long values, which the index stores a second time.
    pub long: Vec<String>,
}

/// A step that an index removes from a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Removed {
    /// The scan of this table.
    Scan(String),
    /// A temporary b-tree, by its purpose: `ORDER BY`, `GROUP BY`, `DISTINCT`.
    Sort(String),
    /// The automatic index of this table, built for one run of the statement.
    AutomaticIndex(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) table: Name,
    pub(super) terms: Vec<Term>,
    /// The expression of its WHERE.
    pub(super) partial: Option<String>,
}

/// A column or expression of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// Its SQL, with the collation and without the direction.
    pub(super) sql: String,
    /// The column, if it is one.
    pub(super) column: Option<Name>,
    pub(super) descending: bool,
}

impl Candidate {
    pub(super) fn new(table: &Name, terms: Vec<Term>) -> Candidate {
        Candidate { table: table.clone(), terms, partial: None }
    }

    pub(super) fn create(&self, name: &str) -> String {
        let terms: Vec<String> = self.terms.iter().map(Term::to_sql).collect();
        let partial = self.partial.as_ref().map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
        format!("CREATE INDEX {} ON {}({}){partial};", plain_name(name), plain_name(&self.table), terms.join(", "))
    }

    pub(super) fn with(&self, term: &Term) -> Candidate {
        let mut longer = self.clone();
        longer.terms.push(term.clone());
        longer
    }

    /// Returns the index in ascending order, if all of it is descending.
    pub(super) fn ascending(&self) -> Candidate {
        let mut ascending = self.clone();
        if self.terms.iter().all(|term| term.descending) {
            ascending.terms.iter_mut().for_each(|term| term.descending = false);
        }
        ascending
    }

    /// Returns true if it has the term already. A column in another collation is of no use behind itself.
    pub(super) fn has(&self, term: &Term) -> bool {
        self.terms.iter().any(|own| own.is(term) || (own.column.is_some() && own.column == term.column))
    }
}

impl Term {
    pub(super) fn column(column: &Column) -> Term {
        Term { sql: plain_name(&column.name), column: Some(column.name.clone()), descending: false }
    }

    pub(super) fn collated(column: &Column, collation: &str) -> Term {
        Term { sql: format!("{} COLLATE {}", plain_name(&column.name), plain_name(collation)), ..Term::column(column) }
    }

    /// Returns true if both are of the same column or expression, in either direction.
    pub(super) fn is(&self, other: &Term) -> bool {
        self.sql.eq_ignore_ascii_case(&other.sql)
    }

    pub(super) fn to_sql(&self) -> String {
        format!("{}{}", self.sql, if self.descending { " DESC" } else { "" })
    }
}

/// Returns the advice to create these indexes, under names that nothing has yet. `names` are those of earlier advice.
pub(super) fn advice(set: &[Candidate], removes: Vec<Removed>, schema: &Schema, names: &mut Vec<String>) -> Advice {
    let indexes: Vec<AdvisedIndex> = set.iter().map(|one| advised_index(one, schema, names)).collect();
    let sql: Vec<String> = set.iter().zip(&indexes).map(|(one, index)| one.create(&index.name)).collect();
    Advice { sql: sql.join("\n"), indexes, removes, adds_sort: false, dearer: Vec::new(), upkeep: None }
}

fn advised_index(one: &Candidate, schema: &Schema, names: &mut Vec<String>) -> AdvisedIndex {
    let columns: Vec<String> = one.terms.iter().map(words).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let name = schema.free_name(&one.table, &columns, names);
    names.push(name.clone());
    let table = schema.table(&one.table);
    let long = table.map_or_else(Vec::new, |table| {
        let of = one.terms.iter().filter_map(|term| table.column(term.column.as_deref()?));
        of.filter(|column| is_long(table, column)).map(|column| column.name.to_string()).collect()
    });
    let columns = one.terms.iter().map(Term::to_sql).collect();
    let replaces = table.and_then(|table| replaced_index(table, one));
    AdvisedIndex { name, table: one.table.to_string(), columns, replaces, partial: one.partial.clone(), long }
}

/// Returns the part of an index name for a term: `lower_email` for `lower(email)`.
fn words(term: &Term) -> String {
    if let Some(column) = &term.column {
        return column.to_string();
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let tokens = tokens(&term.sql);
    let parts = tokens.iter().filter(|token| token.kind != TokenKind::Symbol);
    let words = parts.flat_map(|token| token.text.split(|c| !is_word(c)).filter(|word| !word.is_empty()));
    words.collect::<Vec<_>>().join("_")
}

/// Returns an index that starts as this one does and has fewer columns.
pub(super) fn replaced_index(table: &Table, one: &Candidate) -> Option<String> {
    let found = table.indexes.iter().find(|index| {
        let same = |(term, new): (&IndexedColumn, &Term)| match (&term.what, &new.column) {
            (IndexedExpr::Column(name), Some(column)) => {
                let collation = table.column(name).map_or("", |column| &column.collation);
                let plain = same_name(&term.collation, collation);
                let collated = || format!("{} COLLATE {}", plain_name(name), plain_name(&term.collation));
                name == column
                    && term.descending == new.descending
                    && new.sql.eq_ignore_ascii_case(&if plain { plain_name(name) } else { collated() })
            }
            _ => false,
        };
        let shorter = index.terms.len() < one.terms.len();
        let all_rows = one.partial.is_none() && index.partial.is_none();
        !index.unique && all_rows && shorter && index.terms.iter().zip(&one.terms).all(same)
    })?;
    Some(found.name.to_string())
}

/// Returns true if the declaration of a column allows long values.
fn is_long(table: &Table, column: &Column) -> bool {
    let declared = column.declared_type.to_ascii_uppercase();
    let long_type = ["BLOB", "CLOB", "JSON", "LONGTEXT", "MEDIUMTEXT"].iter().any(|word| declared.contains(word));
    let number = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0_u32);
    let long_limit = table.checks.iter().any(|check| {
        let tokens = tokens(&check.expression);
        tokens.windows(4).any(|four| {
            let length = ["length", "octet_length"].iter().any(|word| four[0].is(word)) && four[1].is_symbol("(");
            length && four[2].name().is_some_and(|name| column.name == name) && {
                let behind = tokens.iter().filter(|token| token.start > four[3].start);
                behind.filter(|token| token.kind == TokenKind::Number).any(|token| number(token.text) >= LONG)
            }
        })
    });
    long_type || (declared.contains("CHAR") && number(&declared) >= LONG) || long_limit
}

/// The length from which on a column makes an index wide.
const LONG: u32 = 500;
