//! A migration that fails halfway leaves the version before it, or all of itself.
//!
//! Its statements are made to fail, and it is interrupted at SQLite's steps. Up to a point both runs are the same, so what is
//! not written at one point is not written at any point before it. The last point at which the files are untouched stands for
//! all before it, and those after it are tried: each, up to 200, and beyond that the places between two that differ. So a
//! migration in one transaction costs three runs, and every step and statement of it is proven. Files that are those of a
//! complete run to the byte are not read.
//!
//! A statement fails by SQLite's authorizer, which sees the runner's COMMIT and a virtual table's own statements too.

mod fault;
mod sweep;

use crate::check::Findings;
use crate::error::Result;
use crate::migrations::Ledger;
use crate::suite::findings::half_applied_finding;
use crate::suite::subject::Subject;
use crate::suite::versions::VersionedDatabases;

pub(crate) fn check(subject: &Subject, databases: &VersionedDatabases) -> Result<Option<String>> {
    // A ledger is written by the runner, in a transaction of its own where the migration has none.
    let history = databases.history.clone().ledger(Ledger::None);
    let mut found = Findings::default();
    for step in subject.upgrade_run(databases)?.steps.iter().filter(|step| step.after.is_some()) {
        if let Some(half) = sweep::half_applied(databases, &history, step)? {
            let migration = databases.migration(step.index);
            found.push(half_applied_finding(&half, migration, databases.history.format()));
        }
    }
    found.try_assert_ok().map(|()| None)
}
