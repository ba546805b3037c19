//! Something that a migration lost.

use crate::check::{Cell, Level, shown};
use crate::sql::Name;
use crate::suite::rows::{Row, TableRows};

/// Something that a migration lost.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Loss {
    pub(crate) kind: LossKind,
    /// The name before the migration.
    pub(crate) table: Name,
    pub(crate) column: Option<Name>,
    /// True if the migration drops the table and creates it again.
    pub(crate) is_rebuilt: bool,
    /// A few of the rows or values, as text.
    pub(crate) examples: Vec<String>,
}

/// The kind of a loss.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LossKind {
    /// The table is gone.
    Table,
    /// The column is gone.
    Column,
    /// `gone` of the `of` rows are gone.
    Rows { gone: usize, of: usize },
    /// The rows are there, under other keys.
    Renumbered,
    /// Rows are there several times.
    Multiplied,
    /// `changed` of the `of` values have changed.
    Values { changed: usize, of: usize, to_null: bool },
    /// Each number is the same multiple of the old one, and the same sum; or each value is within the same text or object.
    Recomputed {
        /// An extreme integer that is beyond 64 bits now, and its new value.
        beyond: Option<String>,
    },
    /// The column has the values of this other column.
    Moved { from: Name },
    /// The rows are those of this other table, which has the ones of this table.
    Exchanged { with: Name },
    /// Different values that statements name are the same one now.
    Merged,
    /// Instants are kept to the second. `are_stored` is true if the column's DEFAULT stores fractions.
    Fractions { are_stored: bool },
    /// A key that SQLite handed out is gone. Nothing refers to it, and another key tells the rows apart.
    Key,
    /// AUTOINCREMENT hands out numbers again that were in use.
    Sequence { was: i64, is: i64 },
}

impl LossKind {
    /// Returns true if all rows are gone.
    pub(crate) fn is_all_rows(&self) -> bool {
        matches!(self, LossKind::Rows { gone, of } if gone == of)
    }

    /// Returns the level of such a loss: most apps mean what is for review, and nobody else can tell.
    pub(crate) fn level(&self) -> Level {
        match self {
            LossKind::Merged
            | LossKind::Key
            | LossKind::Recomputed { .. }
            | LossKind::Fractions { are_stored: false } => Level::Review,
            _ => Level::Error,
        }
    }
}

impl Loss {
    /// Returns what an allowance has to name.
    pub(crate) fn object(&self) -> String {
        match &self.column {
            Some(column) => format!("{}.{column}", self.table),
            None => self.table.to_string(),
        }
    }

    /// Returns true if the other loss is the same, whatever its examples.
    pub(crate) fn is_same(&self, other: &Loss) -> bool {
        self.kind == other.kind && self.table == other.table && self.column == other.column
    }

    /// Returns true if the other loss is of the same kind in the same table and column, whatever its rows.
    pub(crate) fn is_like(&self, other: &Loss) -> bool {
        std::mem::discriminant(&self.kind) == std::mem::discriminant(&other.kind)
            && self.table == other.table
            && self.column == other.column
    }

    /// Returns true if the other loss is a part of this one, or follows from it.
    pub(crate) fn covers(&self, other: &Loss) -> bool {
        let is_here = self.table == other.table && (self.column.is_none() || self.column == other.column);
        is_here
            && match (&self.kind, &other.kind) {
                (LossKind::Rows { gone, .. }, LossKind::Rows { gone: others, .. }) => others <= gone,
                (LossKind::Rows { .. } | LossKind::Multiplied, _) => self.is_like(other),
                _ => true,
            }
    }
}

/// Returns a value before and after, as text.
pub(super) fn change_text((before, after): (&Cell, &Cell)) -> String {
    format!("{} became {}", shown(before.value()), shown(after.value()))
}

/// Returns a row as text.
pub(super) fn row_text(table: &TableRows, row: &Row) -> String {
    let value = |(column, cell): (&Name, &Cell)| format!("{column}={}", shown(cell.value()));
    table.columns.iter().zip(&row.cells).map(value).collect::<Vec<_>>().join(", ")
}
