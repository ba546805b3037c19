//! What a column keeps as it is given: its type as far as it decides about values.

use crate::schema::{Affinity, Column};

/// What kinds of values a column keeps unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredType {
    /// Texts; a number would become one.
    Text,
    /// Integers; a text that reads as a number would become one.
    Integer,
    /// Reals; an integer would become one.
    Real,
    /// Integers and reals that are no whole numbers; a text only if it does not read as a number.
    Numeric,
    /// Blobs. (Without STRICT the column would keep anything, but that is not what it was declared for.)
    Blob,
    /// Anything: no type, or `ANY` of a STRICT table.
    Any,
}

impl StoredType {
    /// What the column keeps.
    pub(crate) fn of(column: &Column, strict: bool) -> StoredType {
        match column.affinity {
            Affinity::Text => StoredType::Text,
            Affinity::Integer => StoredType::Integer,
            Affinity::Real => StoredType::Real,
            Affinity::Numeric => StoredType::Numeric,
            Affinity::Any => StoredType::Any,
            Affinity::Blob if column.declared_type.is_empty() && !strict => StoredType::Any,
            Affinity::Blob => StoredType::Blob,
        }
    }
}

/// The first word of the declared type, in capitals: `VARCHAR` of `varchar(20)`.
pub(crate) fn type_word(column: &Column) -> String {
    let word = column.declared_type.trim_start();
    let end = word.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(word.len());
    word[..end].to_ascii_uppercase()
}

/// The `n` of `VARCHAR(n)`. SQLite does not enforce it; other readers of the data may rely on it.
pub(crate) fn declared_length(column: &Column) -> Option<usize> {
    if column.affinity != Affinity::Text {
        return None;
    }
    let (_, rest) = column.declared_type.split_once('(')?;
    let (number, _) = rest.split_once([')', ','])?;
    number.trim().parse().ok()
}
