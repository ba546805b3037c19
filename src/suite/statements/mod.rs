//! The SQL of a migration, read: the effects of its statements, the renames among them, the values that they name.
//!
//! The text decides what is declared, which values are replaced on purpose and which line is to blame, never whether
//! something was lost: the rows decide that.

mod effects;
mod named_values;
mod renames;

pub(crate) use effects::{Assignment, Effect, StatementEffect, renamed_before_drop, statement_effects};
pub(crate) use renames::Renames;
