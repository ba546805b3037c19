//! Down scripts.

use super::super::Suite;
use super::super::options::Needed;
use super::super::versioned_databases::VersionedDatabases;
use crate::check::{Finding, Findings};
use crate::error::Result;
use crate::schema::Schema;

/// Each down script runs on a database with rows, and leaves the schema that was there before its up, so that the up can
/// run again. A migration without one is not asked for it.
pub(super) fn undoes_up(suite: &Suite, databases: &VersionedDatabases) -> Result<Option<String>> {
    let has_downs = databases.history.iter().any(|migration| migration.down_sql().is_some());
    let mut needed = Needed::of(&suite.options.irreversible);
    let mut found = Findings::default();
    for step in &databases.upgrade_run()?.steps {
        let migration = databases.migration(step.index);
        // An optional script that is left out says of itself that there is no way back.
        if migration.down_sql().is_none() {
            continue;
        }
        let Some(after) = &step.after else { continue };
        let (version, before) = (migration.version(), databases.version(step.index));
        let mut database = databases.open(&after.image)?;
        let finding = match databases.history.down_from(&mut database, version, before) {
            Err(error) => Some(
                Finding::new(
                    "irreversible-down",
                    migration.name(),
                    format!("the down script of migration {version} fails"),
                )
                .cost("a release that has to be taken back cannot be")
                .evidence("it says", error.to_string()),
            ),
            Ok(_) => {
                let diff = Schema::read(&*databases.empty(step.index)?)?.diff(&Schema::read(&database)?);
                // A column that comes back comes last: ALTER TABLE knows no other place.
                let left: Vec<String> = diff
                    .iter()
                    .filter(|difference| !difference.what().starts_with("columns ("))
                    .map(ToString::to_string)
                    .collect();
                match left.is_empty() {
                    false => Some(
                        Finding::new(
                            "irreversible-down",
                            migration.name(),
                            format!("the down script of migration {version} does not undo its up"),
                        )
                        .cost("the app of the version before meets a schema that it has never seen")
                        .evidence(format!("from version {before} to what is left"), left.join("\n")),
                    ),
                    true => databases.step(&mut database, step.index).err().map(|error| {
                        let what = format!("migration {version} cannot be applied again after its down script");
                        Finding::new("irreversible-down", migration.name(), what).evidence("it says", error.to_string())
                    }),
                }
            }
        };
        if let Some(finding) = finding
            && !needed.allows(version, "*")
        {
            found.push(finding.fix(format!("if there is no way back, say so: .irreversible({version}, \"why\")")));
        }
    }
    found.try_assert_ok()?;
    needed.all_needed(".irreversible")?;
    Ok((!has_downs).then(|| String::from("there are no down scripts")))
}
