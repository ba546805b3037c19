//! Checks of a database: what is wrong with it, as findings.
//!
//! Each check returns [`Findings`]: look at them, allow what is intended, and assert that nothing is left.

mod backup;
mod finding;
mod findings;
mod health;
mod integrity;
mod lint;
mod production;
mod report;
mod same_schema;
mod settings;
mod state;

pub use backup::backup;
pub use finding::{Finding, Level};
pub use findings::Findings;
pub(crate) use findings::covers;
pub use health::{Health, health, try_health};
pub use integrity::integrity;
pub(crate) use integrity::{dangling_references, find_damage, integrity_lines};
pub use lint::{LINT_CODES, lint, try_lint};
pub use production::{Point, Production, Status, production, try_production};

pub use same_schema::{assert_same_schema, try_assert_same_schema};
pub use settings::{compile_option, profile, sqlite_at_least};
pub(crate) use state::{
    BesidesRows, Cell, HEADER_NUMBERS, Mask, Snapshot, Table, content_digest, header_numbers, is_invisible,
    masked_digest, sequence_table, shown,
};
pub use state::{
    ChangedRow, Changes, Digest, QueryRows, Redact, TableChanges, TableDigest, UpdatedRow, assert_same_data,
    changes_between, digest, query_rows, try_assert_same_data, try_digest,
};
