//! The types of columns, by the values that they store unchanged.

use crate::schema::{Affinity, Column};

/// The values that a column stores unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredType {
    /// Texts. Numbers would be converted.
    Text,
    /// Integers. Texts that read as numbers would be converted.
    Integer,
    /// Reals. Integers would be converted.
    Real,
    /// Integers, reals with a fraction, and texts that do not read as numbers.
    Numeric,
    /// Blobs. (Without STRICT the column would store anything, but it is declared for blobs.)
    Blob,
    /// Anything: the column has no type, or is `ANY` in a STRICT table.
    Any,
}

impl StoredType {
    /// Returns the values that a column stores unchanged.
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

/// Returns the first word of the declared type in upper case: `VARCHAR` for `varchar(20)`.
pub(crate) fn type_word(column: &Column) -> String {
    let word = column.declared_type.trim_start();
    let end = word.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(word.len());
    word[..end].to_ascii_uppercase()
}

/// Returns the `n` of `VARCHAR(n)`. SQLite does not enforce it, but other readers of the data may rely on it.
pub(crate) fn declared_length(column: &Column) -> Option<usize> {
    if column.affinity != Affinity::Text {
        return None;
    }
    let (_, rest) = column.declared_type.split_once('(')?;
    let (number, _) = rest.split_once([')', ','])?;
    number.trim().parse().ok()
}

/// Returns the number of digits before the point of a `DECIMAL(10, 2)` that a float holds exactly.
pub(crate) fn declared_digits(column: &Column) -> Option<u32> {
    if column.affinity != Affinity::Numeric {
        return None;
    }
    let (_, rest) = column.declared_type.split_once('(')?;
    let mut numbers = rest.trim_end().trim_end_matches(')').split(',').map(|number| number.trim().parse::<u32>().ok());
    let (digits, scale) = (numbers.next()??, numbers.next().unwrap_or(Some(0))?);
    (digits <= 15).then(|| digits.checked_sub(scale)).flatten()
}
