//! The ledgers of migration runners, which are no part of an app's schema.

use crate::sql::same_name;

/// The usual names of the tables in which migration runners record what they have applied.
const OF_RUNNERS: [&str; 7] = [
    "_migrations",
    "schema_migrations",
    "_sqlx_migrations",
    "__diesel_schema_migrations",
    "refinery_schema_history",
    "goose_db_version",
    "seaql_migrations",
];

/// Returns true if a table is a runner's ledger, and so no part of the app's schema and data.
pub(crate) fn is_ledger(table: &str) -> bool {
    OF_RUNNERS.iter().any(|ledger| same_name(ledger, table))
}
