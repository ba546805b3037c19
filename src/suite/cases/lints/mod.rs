//! Lints of migrations, for silent side effects, and of the resulting schema.

mod answers;
mod lints_clean;
mod lost_constraints;
mod lost_keys;
mod lost_triggers;
mod old_statements;
mod statement_lints;
mod step_lints;

pub use lints_clean::MIGRATION_CODES;
pub(crate) use lints_clean::lints_clean;
