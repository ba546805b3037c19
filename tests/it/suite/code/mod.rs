//! Histories that are code: the app's own runner.

mod concurrent;
mod contract;
mod conversions;
mod newer;
mod population;
mod shapes;
mod steps;

use sqlitmus::rusqlite::Connection;
use sqlitmus::suite::{Outcome, Suite};
use sqlitmus::{BoxError, Profile, Template};

/// The runner of an app.
type Migrate = fn(&mut Connection, i64) -> Result<(), BoxError>;

/// Returns a template over a runner, leaked for the life of the process.
fn app(latest: i64, migrate: Migrate) -> &'static Template {
    Box::leak(Box::new(Template::migrate_to(latest, migrate).profile(Profile::MINIMAL)))
}

/// Returns the suite without the file of frozen migrations, which these do not have, and without a second process, for which few
/// of them are made.
fn suite(template: &'static Template) -> Suite {
    Suite::new(template)
        .skip("shipped_migrations_are_frozen", "not shipped")
        .skip("concurrent_upgrades", "the app runs once")
}

/// Returns the tests that fail, with their headlines.
fn failures(template: &'static Template) -> Vec<(&'static str, String)> {
    super::failures(&suite(template).report())
}

/// Checks that all tests run and pass, but for those that have nothing to test here.
#[track_caller]
fn passes(template: &'static Template) {
    let report = suite(template).report();
    for result in &report {
        match (&result.outcome, result.name) {
            (Outcome::Passed, _) => {}
            (Outcome::Skipped(_), "shipped_migrations_are_frozen" | "schema_is_as_reviewed" | "down_undoes_up") => {}
            (Outcome::Skipped(_), "concurrent_upgrades") => {}
            (other, name) => panic!("{name}: {other:?}"),
        }
    }
}

fn user_version(db: &Connection) -> sqlitmus::rusqlite::Result<i64> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}
