//! The cases of the suite: each checks a history and returns what is wrong with it.

pub(crate) mod all;
mod applies_to_an_empty_database;
mod down_undoes_up;
mod every_row_survives;
mod every_version_upgrades;
mod failure;
mod history_is_linear;
mod integrity_holds;
pub(crate) mod lints;
mod power_loss;
mod rerun_changes_nothing;
mod shipped_migrations;
mod stepwise_equals_at_once;
mod upgraded_equals_fresh;
