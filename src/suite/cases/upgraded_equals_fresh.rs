//! The schema after a migration does not depend on the rows.

use crate::error::{Error, ErrorKind, Result};
use crate::schema::Schema;
use crate::suite::subject::Subject;
use crate::suite::versions::VersionedDatabases;

pub(crate) fn check(subject: &Subject, databases: &VersionedDatabases) -> Result<Option<String>> {
    for (step, _) in subject.steps(databases)? {
        let Some(after) = &step.after else { continue };
        if databases.has_text_of_empty(step.index + 1, after)? {
            continue;
        }
        let fresh = Schema::read(&*databases.empty(step.index + 1)?)?;
        let diff = fresh.diff(&after.schema);
        if !diff.is_empty() {
            let migration = databases.migration(step.index);
            let (version, file) = (migration.version(), migration.name());
            let headline = format!("migration {version} produces a different schema where there are rows: {file}");
            return Err(Error::new(ErrorKind::Suite, headline)
                .evidence("from a fresh database to an upgraded one", diff.to_string())
                .migration(file));
        }
    }
    Ok(None)
}
