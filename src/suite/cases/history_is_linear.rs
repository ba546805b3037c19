//! The numbers of the migrations have no gap.

use crate::check::{Finding, Findings};
use crate::error::Result;
use crate::suite::subject::Subject;
use crate::suite::versions::VersionedDatabases;

/// Finds numbers that are left out where versions are counted up by one. Timestamps and tens are not counted.
pub(crate) fn check(_: &Subject, databases: &VersionedDatabases) -> Result<Option<String>> {
    let migrations: Vec<_> = databases.history.iter().collect();
    let steps: Vec<i64> = migrations.windows(2).map(|pair| pair[1].version() - pair[0].version()).collect();
    let is_counted = steps.iter().filter(|step| **step == 1).count() * 2 > steps.len();
    let mut found = Findings::default();
    for pair in migrations.windows(2).filter(|pair| is_counted && pair[1].version() - pair[0].version() > 1) {
        let (before, after) = (pair[0], pair[1]);
        let missing = match after.version() - before.version() {
            2 => format!("{} is missing", before.version() + 1),
            _ => format!("{} to {} are missing", before.version() + 1, after.version() - 1),
        };
        found.push(
            Finding::new("gap", after.name(), format!("{missing} between {} and {}", before.name(), after.name()))
                .cost("a migration was deleted or is not merged yet: databases in the field may have it")
                .fix(
                    "restore the file, or renumber the later ones before they are shipped\n\
                     if they are shipped, say so: .skip(\"history_is_linear\", \"why\")",
                ),
        );
    }
    found.try_assert_ok().map(|()| None)
}
