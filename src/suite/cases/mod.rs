//! The tests, each a function from the databases to what is wrong.

mod data;
mod down;
mod history;
mod power;
mod survives;

use super::versioned_databases::VersionedDatabases;
use super::{Suite, failure, frozen, lints};
use crate::error::{Error, ErrorKind, Result};
use crate::report::nearest;

/// A test by its name.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) needs: Needs,
}

/// What it needs.
#[derive(Clone, Copy)]
pub(super) enum Needs {
    /// The files of a history, none of which runs; gives the reason where there is nothing to test.
    Files(fn(&Suite, &VersionedDatabases) -> Result<Option<String>>),
    /// The versions of a history.
    History(fn(&Suite, &VersionedDatabases) -> Result<()>),
    /// The versions of a history; gives the reason where there is nothing to test.
    PartOfHistory(fn(&Suite, &VersionedDatabases) -> Result<Option<String>>),
    /// Something that runs the migrations: a history, or the app's own code on a connection.
    Runner(fn(&Suite) -> Result<()>),
    /// A template, whatever migrates it.
    Template(fn(&Suite) -> Result<()>),
    /// The file of the test that calls the macro.
    Snapshot,
}

/// The one that says so when there is no history at all.
pub(super) const FIRST: &str = "history_is_linear";

/// The one that says so when a migration fails without any data.
pub(super) const APPLIES: &str = "applies_to_an_empty_database";

/// All tests, in the order in which their failures explain one another. `migration_suite!` has the same names.
pub(super) const ALL: [Case; 14] = [
    Case { name: FIRST, needs: Needs::Files(history::is_linear) },
    Case { name: APPLIES, needs: Needs::Template(history::applies) },
    Case { name: "stepwise_equals_at_once", needs: Needs::History(history::stepwise) },
    Case { name: "rerun_changes_nothing", needs: Needs::Runner(history::rerun) },
    Case { name: "every_version_upgrades_with_data", needs: Needs::History(data::upgrades) },
    Case { name: "every_row_survives", needs: Needs::History(survives::every_row) },
    Case { name: "upgraded_equals_fresh", needs: Needs::History(data::equals_fresh) },
    Case { name: "shipped_migrations_are_frozen", needs: Needs::Files(frozen::test) },
    Case { name: "down_undoes_up", needs: Needs::PartOfHistory(down::undoes_up) },
    Case { name: "failure_leaves_the_previous_version", needs: Needs::History(failure::test) },
    Case { name: "survives_power_loss", needs: Needs::History(power::survives_loss) },
    Case { name: "integrity_holds", needs: Needs::Template(data::integrity_holds) },
    Case { name: "schema_is_as_reviewed", needs: Needs::Snapshot },
    Case { name: "lints_clean", needs: Needs::Template(lints::test) },
];

/// The names of the tests.
pub const TESTS: &[&str] = &{
    let mut names = [""; ALL.len()];
    let mut at = 0;
    while at < ALL.len() {
        names[at] = ALL[at].name;
        at += 1;
    }
    names
};

pub(super) fn unknown(name: &str) -> Error {
    let headline = match nearest(name, TESTS.iter().copied()) {
        Some(near) => format!("there is no test {name}; is it {near}?"),
        None => format!("there is no test {name}"),
    };
    Error::new(ErrorKind::Suite, headline).evidence("the tests are", TESTS.join("\n"))
}
