//! The list of all cases.

use super::applying::{
    applies_to_an_empty_database, rerun_changes_nothing, stepwise_equals_at_once, upgraded_equals_fresh,
};
use super::concurrent::concurrent_upgrades;
use super::files::{history_is_linear, shipped_migrations_are_frozen};
use super::integrity::integrity_holds;
use super::lints::lints_clean;
use super::newer::newer_database_is_refused;
use super::reverting::{down_undoes_up, failure_leaves_the_previous_version, survives_power_loss};
use super::rows::{every_row_survives, every_version_upgrades_with_data};
use crate::check::Findings;
use crate::error::{Error, ErrorKind, Result};
use crate::report::nearest;
use crate::suite::subject::Subject;
use crate::suite::versions::VersionedDatabases;

/// A case, by its name.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) check: Check,
}

/// A check of a history. Returns the reason if there is nothing to check.
type HistoryCheck = fn(&Subject, &VersionedDatabases) -> Result<Option<String>>;

/// The check of a case, by what it needs.
#[derive(Clone, Copy)]
pub(crate) enum Check {
    /// The files of a history, none of which is run.
    Files(HistoryCheck),
    /// The versions of a history.
    History(HistoryCheck),
    /// The same, with what it could not check for review.
    Losses(fn(&Subject, &VersionedDatabases, &mut Findings) -> Result<Option<String>>),
    /// Something that runs the migrations: a history, or the app's own code on a connection.
    Runner(fn(&Subject) -> Result<()>),
    /// A template, in whatever way it is migrated.
    Template(fn(&Subject) -> Result<()>),
    /// The same, with what it finds for review. Returns the reason if there is nothing to check.
    Reviewed(fn(&Subject, &mut Findings) -> Result<Option<String>>),
    /// The file of the test that calls the macro.
    Snapshot,
}

/// The case that fails if the history cannot be read.
pub(crate) const FIRST: &str = "history_is_linear";

/// The case that fails if a migration fails without any data.
pub(crate) const APPLIES: &str = "applies_to_an_empty_database";

/// All cases, in the order in which their failures explain one another. `migration_suite!` has the same names, because
/// `#[test]` needs them as words.
pub(crate) const ALL: [Case; 16] = [
    Case { name: FIRST, check: Check::Files(history_is_linear) },
    Case { name: APPLIES, check: Check::Template(applies_to_an_empty_database) },
    Case { name: "stepwise_equals_at_once", check: Check::History(stepwise_equals_at_once) },
    Case { name: "rerun_changes_nothing", check: Check::Runner(rerun_changes_nothing) },
    Case { name: "every_version_upgrades_with_data", check: Check::History(every_version_upgrades_with_data) },
    Case { name: "every_row_survives", check: Check::Losses(every_row_survives) },
    Case { name: "upgraded_equals_fresh", check: Check::History(upgraded_equals_fresh) },
    Case { name: "shipped_migrations_are_frozen", check: Check::Files(shipped_migrations_are_frozen) },
    Case { name: "down_undoes_up", check: Check::History(down_undoes_up) },
    Case { name: "failure_leaves_the_previous_version", check: Check::Losses(failure_leaves_the_previous_version) },
    Case { name: "survives_power_loss", check: Check::History(survives_power_loss) },
    Case { name: "concurrent_upgrades", check: Check::Losses(concurrent_upgrades) },
    Case { name: "newer_database_is_refused", check: Check::Reviewed(newer_database_is_refused) },
    Case { name: "integrity_holds", check: Check::Template(integrity_holds) },
    Case { name: "schema_is_as_reviewed", check: Check::Snapshot },
    Case { name: "lints_clean", check: Check::Reviewed(lints_clean) },
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

pub(crate) fn unknown(name: &str) -> Error {
    let headline = match nearest(name, TESTS.iter().copied()) {
        Some(near) => format!("there is no test {name}; is it {near}?"),
        None => format!("there is no test {name}"),
    };
    Error::new(ErrorKind::Suite, headline).evidence("the tests are", TESTS.join("\n"))
}
