//! The codes of the suite's findings.

#[cfg(doc)]
use crate::check;
#[cfg(doc)]
use crate::suite::builder::Suite;

/// What `lints_clean` takes from [`check::lint`]: what is broken, not what could be better. A history that has shipped cannot
/// be made better without rebuilding its tables.
pub(crate) const BROKEN: [&str; 5] =
    ["fk-parent-missing", "fk-parent-not-unique", "dangling-view", "dangling-trigger", "double-quoted-string"];

/// Everything that `lints_clean` finds.
pub(crate) const FOUND: [&str; 11] = [
    "rebuild-loses-objects",
    "fk-dropped",
    "pragma-noop-in-transaction",
    "rename-breaks-old-code",
    "backfill-with-ddl",
    "needs-sqlite",
    BROKEN[0],
    BROKEN[1],
    BROKEN[2],
    BROKEN[3],
    BROKEN[4],
];

/// The codes of a migration's findings, by the test that finds them.
///
/// | code | test | what |
/// | --- | --- | --- |
/// | `gap` | `history_is_linear` | a number is missing |
/// | `not-filled` | `every_version_upgrades_with_data` | a table stays empty |
/// | `fails-on-data` | `every_version_upgrades_with_data` | rows that the version before accepts make the migration fail |
/// | `rebuild-fires-fk-actions` | `every_row_survives` | DROP TABLE of a parent deletes or empties what refers to it |
/// | `undeclared-loss` | `every_row_survives` | rows or values are gone or others |
/// | `values-moved` | `every_row_survives` | values of one column are in another |
/// | `destructive` | `every_row_survives` | a table, a column or rows are dropped |
/// | `irreversible-down` | `down_undoes_up` | a down script fails, or leaves another schema |
/// | `nested-transaction` | `applies_to_an_empty_database` | BEGIN or COMMIT in a migration that its runner has begun a transaction for |
/// | `nested-transaction` | `failure_leaves_the_previous_version` | a COMMIT in the middle, so that a failure leaves what stands before it |
/// | `half-applied` | `failure_leaves_the_previous_version` | a failure leaves a part of the migration |
/// | `rebuild-loses-objects` | `lints_clean`, `every_row_survives` | an index, trigger, key or constraint, the DEFAULT of a column, or the AUTOINCREMENT of a table is gone after a rebuild |
/// | `fk-dropped` | `lints_clean` | a foreign key, or what it does on DELETE or UPDATE, is gone after a rebuild |
/// | `pragma-noop-in-transaction` | `lints_clean` | `PRAGMA foreign_keys` where SQLite ignores it |
/// | `dangling-view` | `lints_clean` | a view names what is gone |
/// | `rename-breaks-old-code` | `lints_clean`, with [`Suite::old_code_runs`] | a table or column that the running app knows by another name |
/// | `backfill-with-ddl` | `lints_clean`, with [`Suite::old_code_runs`] | all rows are written while the schema is locked |
/// | `needs-sqlite` | `lints_clean`, with [`Suite::lowest_sqlite`] | SQL that the oldest SQLite does not know |
///
/// Of the findings of [`check::lint`], `lints_clean` takes those that something is broken by: `fk-parent-missing`,
/// `fk-parent-not-unique`, `dangling-view`, `dangling-trigger`, `double-quoted-string`.
pub const CODES: &[&str] = &[
    "gap",
    "not-filled",
    "fails-on-data",
    "rebuild-fires-fk-actions",
    "undeclared-loss",
    "values-moved",
    "destructive",
    "irreversible-down",
    "nested-transaction",
    "half-applied",
    "rebuild-loses-objects",
    "fk-dropped",
    "pragma-noop-in-transaction",
    "dangling-view",
    "rename-breaks-old-code",
    "backfill-with-ddl",
    "needs-sqlite",
];
