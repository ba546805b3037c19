//! The SQL of a migration, read: the effects of its statements, and the renames among them.
//!
//! The text decides what is declared and which line is to blame, never whether something was lost: the rows decide that.

pub(crate) mod effects;
pub(crate) mod renames;
