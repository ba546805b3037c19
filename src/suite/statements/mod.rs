//! The SQL of a migration, read: the effects of its statements, and the renames among them.
//!
//! The text decides what is declared and which line is to blame, never whether something was lost: the rows decide that.

mod effects;
mod renames;

pub(crate) use effects::{Assignment, Effect, StatementEffect, renamed_before_drop, statement_effects};
pub(crate) use renames::Renames;
