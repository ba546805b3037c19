//! The case `concurrent_upgrades`: two processes of the app that start after an update migrate the same database.

use std::sync::Arc;

use crate::check::{Finding, Findings, Level};
use crate::db::Image;
use crate::error::Result;
use crate::migrations::Code;
use crate::suite::findings::concurrent_finding;
use crate::suite::subject::{Subject, Together, Upgrade};
use crate::suite::versions::{UpgradeStep, VersionedDatabases};

/// The most orders of the statements of two upgrades. If there are more, this many are drawn.
const MOST: u64 = 24;

/// Runs two upgrades at the same time: the last step on rows, and the first one on an empty database. Each has to end well, or
/// to fail with nothing changed, which is shown for review: the app does not start then, but does so at the next try. A runner
/// that takes several steps does so in a loop, and what goes wrong in one step goes wrong in many, of which there are too many
/// orders.
pub(crate) fn concurrent_upgrades(
    subject: &Subject,
    databases: &VersionedDatabases,
    review: &mut Findings,
) -> Result<Option<String>> {
    let skipped = |reason: &str| Ok(Some(reason.to_owned()));
    let Some(what_if) = subject.what_if else { return skipped("this build has no schedules") };
    let Some(code) = databases.history.code() else {
        return skipped("sqlitmus runs the files, and not the app's own runner: Template::migrate_to names it");
    };
    let mut cannot = None;
    for (step, before) in first_and_last(subject, databases)? {
        let (from, to) = (databases.version(step), databases.version(step + 1));
        let what = format!("two upgrades from {from} to {to} at the same time");
        let db = databases.workshop.test_db(&before)?;
        match (what_if.run_together)(&db, &upgrade(databases, code, to), MOST) {
            Ok(Together::Wrong(problem)) => {
                let finding = concurrent_finding(&what, to, &problem);
                Findings::from_iter([finding]).try_assert_ok()?;
            }
            Ok(Together::Fails(problem)) => {
                review.push(concurrent_finding(&what, to, &problem).level_of(Level::Review));
            }
            Ok(Together::Fine { orders, failures, is_exhaustive }) => {
                let object = format!("version {to}");
                let mut note =
                    |code, what: String| review.push(Finding::new(code, &object, what).level_of(Level::Review));
                if failures > 0 {
                    note(
                        "concurrent-upgrade",
                        format!("of {what} one fails because of a lock, in {failures} of {orders} orders"),
                    );
                }
                if !is_exhaustive {
                    note("not-tried", format!("{what} are tried in {orders} orders of their statements, of more"));
                }
            }
            Err(error) => cannot = cannot.or(Some(format!("{what} cannot be explored: {}", error.headline()))),
        }
    }
    Ok(cannot)
}

/// Returns the steps that are taken, each with the database before it.
fn first_and_last(subject: &Subject, databases: &VersionedDatabases) -> Result<Vec<(usize, Image)>> {
    let Some(last) = databases.applicable().checked_sub(1) else { return Ok(Vec::new()) };
    let steps = &subject.upgrade_run(databases)?.steps;
    let is_last = |step: &&UpgradeStep| last > 0 && step.index == last && step.after.is_some();
    let with_rows = steps.iter().find(is_last).map(|step| (last, step.before.image.clone()));
    Ok(with_rows.into_iter().chain([(0, databases.empty_state(0)?.image)]).collect())
}

/// Returns the app's own runner, with its own errors and panics.
fn upgrade(databases: &VersionedDatabases, code: &Code, to: i64) -> Upgrade {
    if let Some(up) = code.on_a_path {
        return Upgrade::Path(Arc::new(move |path| up(path, to).map_err(|error| error.to_string())));
    }
    let (runner, up) = (databases.history.runner(), Arc::clone(&code.up));
    Upgrade::Connection(Arc::new(move |connection| {
        let ran = runner.run(connection, |connection| Ok(up(connection, to)));
        ran.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }))
}
