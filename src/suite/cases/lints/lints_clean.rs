//! The case `lints_clean`, and the codes of the suite's findings.

use super::{answers, old_statements, statement_lints, step_lints};
use crate::check::{self, Finding, Findings, Level, try_lint};
use crate::error::Result;
use crate::suite::subject::Subject;

#[cfg(doc)]
use crate::suite::builder::Suite;

/// Checks that migrations have no silent side effects and leave nothing broken.
pub(crate) fn lints_clean(subject: &Subject, review: &mut Findings) -> Result<Option<String>> {
    let mut found: Vec<Finding> = Vec::new();
    let schema = match subject.databases()? {
        Some(databases) => {
            for step in &subject.upgrade_run(databases)?.steps {
                for finding in statement_lints::of_effects(&subject.options, databases, step)? {
                    // `OFF` and `ON` of a PRAGMA are one mistake.
                    if !found.iter().any(|known| known.what() == finding.what()) {
                        found.push(finding);
                    }
                }
                found.extend(statement_lints::of_foreign_keys_left_off(databases, step)?);
                found.extend(statement_lints::of_time_zone(databases, step));
                found.extend(statement_lints::of_syntax(&subject.options, databases, step)?);
                found.extend(step_lints::findings(databases, step)?);
            }
            if let Some(ledger) = &subject.options.released_statements {
                found.extend(old_statements::findings(databases, ledger)?);
            }
            if !subject.options.answers.is_empty() || subject.options.answers_of.is_some() {
                found.extend(answers::findings(subject, databases)?);
            }
            try_lint(&*databases.empty(databases.applicable())?)?
        }
        None => try_lint(&*subject.template.scratch()?)?,
    };
    for finding in schema {
        let is_known = |known: &Finding| known.code() == finding.code() && known.object() == finding.object();
        if BROKEN.contains(&finding.code()) && !found.iter().any(is_known) {
            found.push(finding);
        }
    }
    let mut findings: Findings = found.into_iter().collect();
    for (code, object, reason) in &subject.options.lints {
        let is_known = check::LINT_CODES.contains(&code.as_str()) || MIGRATION_CODES.contains(&code.as_str());
        // With the codes, `allow` says which one was meant.
        findings = if is_known { findings } else { findings.with_codes(&FOUND) };
        findings = findings.allow(code, object, reason);
    }
    review.extend(findings.iter().filter(|finding| finding.level() == Level::Review).cloned());
    findings.try_assert_ok().map(|()| None)
}

/// The findings of [`check::lint`] that `lints_clean` reports: broken objects, not schemas that could be better. A shipped
/// history cannot be improved without rebuilding its tables.
const BROKEN: [&str; 5] =
    ["fk-parent-missing", "fk-parent-not-unique", "dangling-view", "dangling-trigger", "double-quoted-string"];

/// Everything that `lints_clean` finds.
const FOUND: [&str; 16] = [
    "rebuild-loses-objects",
    "fk-dropped",
    "pragma-noop-in-transaction",
    "leaves-foreign-keys-off",
    "depends-on-time-zone",
    "rename-breaks-old-code",
    "backfill-with-ddl",
    "breaks-old-statement",
    "slows-old-statement",
    "changes-answer",
    "needs-sqlite",
    BROKEN[0],
    BROKEN[1],
    BROKEN[2],
    BROKEN[3],
    BROKEN[4],
];

/// The codes of the findings, and the tests that find them.
///
/// | code | test | what |
/// | --- | --- | --- |
/// | `gap` | `history_is_linear` | a number is missing |
/// | `out-of-order` | `history_is_linear` | the runner's order is not that of the numbers |
/// | `same-version` | `history_is_linear` | two migrations have the same number |
/// | `passed-over` | `history_is_linear` | the runner passes over a file |
/// | `ignored-option` | `history_is_linear` | the runner does not read an option of a file |
/// | `own-transaction` | `history_is_linear` | a file begins a transaction within that of sqlx, on which the app depends |
/// | `not-filled` | `every_version_upgrades_with_data` | a table could not be filled |
/// | `fails-on-data` | `every_version_upgrades_with_data` | the migration fails on rows that the version before it accepts |
/// | `rebuild-fires-fk-actions` | `every_row_survives` | DROP TABLE of a parent deletes the rows that refer to it, or sets their references to NULL |
/// | `not-tried` | `every_row_survives` | for review: no row could be made for a condition or a LIMIT of a migration, or a migration refuses all rows of a table |
/// | `not-tried` | `lints_clean`, with [`Suite::released_statements`] | for review: a statement of the last release fails at all versions |
/// | `not-tried` | `lints_clean`, with [`Suite::answers`] | for review: a query returns no rows before any migration |
/// | `not-tried` | `failure_leaves_the_previous_version`, `concurrent_upgrades` | for review: of many transactions or orders, some were tried |
/// | `undeclared-loss` | `every_row_survives` | rows or values are lost or changed |
/// | `values-moved` | `every_row_survives` | values of one column are in another, or the rows of two tables are exchanged |
/// | `destructive` | `every_row_survives` | a table, a column or all rows are dropped |
/// | `irreversible-down` | `down_undoes_up` | a down script (or `migrate_down`) fails, or does not restore the schema and the rows |
/// | `nested-transaction` | `applies_to_an_empty_database` | BEGIN or COMMIT in a migration that its runner wraps in a transaction |
/// | `nested-transaction` | `failure_leaves_the_previous_version` | a COMMIT in the middle, so that a failure leaves the changes before it |
/// | `half-applied` | `failure_leaves_the_previous_version` | a failure leaves some of the changes |
/// | `power-loss` | `survives_power_loss` | a power cut leaves a state between two versions |
/// | `concurrent-upgrade` | `concurrent_upgrades` | two upgrades at the same time do harm, or one fails for another reason than a lock; for review: one fails because of a lock |
/// | `newer-database` | `newer_database_is_refused` | a database of a newer version is written, or the runner panics; for review: it returns no error |
/// | `leaves-orphans` | `integrity_holds` | rows refer to nothing afterwards, because foreign keys were off |
/// | `rebuild-loses-objects` | `lints_clean`, `every_row_survives` | a rebuild loses an index, a trigger, a key, a constraint, a DEFAULT, or the AUTOINCREMENT of a table; a view that is made again loses its triggers |
/// | `fk-dropped` | `lints_clean` | a rebuild loses a foreign key, its ON DELETE or ON UPDATE action, or that it waits for COMMIT |
/// | `pragma-noop-in-transaction` | `lints_clean` | `PRAGMA foreign_keys = OFF` where SQLite ignores it, and the migration needs it |
/// | `leaves-foreign-keys-off` | `lints_clean` | `PRAGMA foreign_keys = OFF` outside of a transaction, and never `ON` again |
/// | `depends-on-time-zone` | `lints_clean` | rows are changed by `'localtime'` or `'utc'` |
/// | `dangling-view` | `lints_clean` | a view names a table or column that is gone |
/// | `rename-breaks-old-code` | `lints_clean`, with [`Suite::old_code_runs`] | a table or column is renamed under the running app |
/// | `backfill-with-ddl` | `lints_clean`, with [`Suite::old_code_runs`] | all rows are written in the transaction that changes the schema |
/// | `breaks-old-statement` | `lints_clean`, with [`Suite::released_statements`] | a statement of the last release fails on the new schema |
/// | `slows-old-statement` | `lints_clean`, with [`Suite::released_statements`] | a statement of the last release reads a whole table on the new schema, and did not before |
/// | `changes-answer` | `lints_clean`, with [`Suite::answers`] | a query returns something else from the same rows; for review: in another order |
/// | `needs-sqlite` | `lints_clean`, with [`Suite::lowest_sqlite`] | the SQL needs a newer SQLite |
///
/// Of the findings of [`check::lint`], `lints_clean` reports those of broken objects: `fk-parent-missing`,
/// `fk-parent-not-unique`, `dangling-view`, `dangling-trigger`, `double-quoted-string`.
pub const MIGRATION_CODES: &[&str] = &[
    "gap",
    "out-of-order",
    "same-version",
    "passed-over",
    "ignored-option",
    "own-transaction",
    "not-filled",
    "fails-on-data",
    "rebuild-fires-fk-actions",
    "not-tried",
    "undeclared-loss",
    "values-moved",
    "destructive",
    "irreversible-down",
    "nested-transaction",
    "half-applied",
    "power-loss",
    "concurrent-upgrade",
    "newer-database",
    "leaves-orphans",
    "rebuild-loses-objects",
    "fk-dropped",
    "pragma-noop-in-transaction",
    "leaves-foreign-keys-off",
    "depends-on-time-zone",
    "dangling-view",
    "rename-breaks-old-code",
    "backfill-with-ddl",
    "breaks-old-statement",
    "slows-old-statement",
    "changes-answer",
    "needs-sqlite",
];
