//! An index that could be created.

use crate::schema::Column;
use crate::sql::{Name, plain_name};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) table: Name,
    pub(super) terms: Vec<Term>,
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
    pub(super) fn create(&self, name: &str) -> String {
        let terms: Vec<String> = self.terms.iter().map(Term::to_sql).collect();
        format!("CREATE INDEX {} ON {}({});", plain_name(name), plain_name(&self.table), terms.join(", "))
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
