//! Findings about migrations that refuse rows.

use super::rebuild::safe_rebuild;
use crate::check::Finding;
use crate::suite::diagnosis::MigrationRefusal;

pub(crate) fn refusal_finding(refusal: &MigrationRefusal<'_>) -> Finding {
    let MigrationRefusal { migration, version_before: before, object, .. } = refusal;
    let version = migration.version();
    let what = format!("migration {version} fails on rows that version {before} accepts: {}", migration.name());
    let (cost, fix) = match &refusal.rebuild {
        Some(rebuild) => (
            format!("DROP TABLE {} deletes its rows first, and {} refers to them", rebuild.dropped, rebuild.child),
            safe_rebuild(rebuild),
        ),
        None => (
            String::from("the upgrade fails wherever there are such rows, at every start of the app"),
            format!(
                "change such rows or set them aside first, in the same migration\n\
                 if the app has never written such rows, say so: .allow_refusal({version}, {object:?}, \"why\")"
            ),
        ),
    };
    Finding::new("fails-on-data", *object, what)
        .cost(cost)
        .evidence("the migration", refusal.error.to_string())
        .evidence(format!("smallest data that shows it, at version {before}"), refusal.smallest_data.as_str())
        .fix(fix)
}
