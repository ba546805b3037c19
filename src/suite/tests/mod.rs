//! The tests, each a function from the databases to what is wrong.

mod data;
mod down;
mod history;
mod power;
mod survives;

use super::stairs::Stairs;
use super::{Suite, failure, frozen, lints};
use crate::error::{Error, ErrorKind, Result};
use crate::report::nearest;

/// A test by its name.
pub(super) struct Test {
    pub(super) name: &'static str,
    pub(super) over: Over,
}

/// What it needs.
#[derive(Clone, Copy)]
pub(super) enum Over {
    /// The files of a history, none of which runs; gives the reason where there is nothing to test.
    Files(fn(&Suite, &Stairs) -> Result<Option<String>>),
    /// The versions of a history.
    History(fn(&Suite, &Stairs) -> Result<()>),
    /// The versions of a history; gives the reason where there is nothing to test.
    PartOfHistory(fn(&Suite, &Stairs) -> Result<Option<String>>),
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
pub(super) const ALL: [Test; 14] = [
    Test { name: FIRST, over: Over::Files(history::is_linear) },
    Test { name: APPLIES, over: Over::Template(history::applies) },
    Test { name: "stepwise_equals_at_once", over: Over::History(history::stepwise) },
    Test { name: "rerun_changes_nothing", over: Over::Runner(history::rerun) },
    Test { name: "every_version_upgrades_with_data", over: Over::History(data::upgrades) },
    Test { name: "every_row_survives", over: Over::History(survives::every_row) },
    Test { name: "upgraded_equals_fresh", over: Over::History(data::equals_fresh) },
    Test { name: "shipped_migrations_are_frozen", over: Over::Files(frozen::test) },
    Test { name: "down_undoes_up", over: Over::PartOfHistory(down::undoes_up) },
    Test { name: "failure_leaves_the_previous_version", over: Over::History(failure::test) },
    Test { name: "survives_power_loss", over: Over::History(power::survives_loss) },
    Test { name: "integrity_holds", over: Over::Template(data::integrity_holds) },
    Test { name: "schema_is_as_reviewed", over: Over::Snapshot },
    Test { name: "lints_clean", over: Over::Template(lints::test) },
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
