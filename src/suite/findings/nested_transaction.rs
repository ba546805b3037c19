//! Findings about migrations that interfere with their runner's transaction.

use super::evidence::at_statement;
use crate::check::Finding;
use crate::migrations::{Format, Migration};
use crate::suite::diagnosis::NestedTransaction;

pub(crate) fn nested_transaction_finding(nested: &NestedTransaction, migration: &Migration, format: Format) -> Finding {
    let (version, file) = (migration.version(), migration.name());
    let (does, effect) = match nested.is_begin {
        true => {
            ("begins a transaction inside its runner's transaction", "SQLite refuses this, and the migration fails")
        }
        false => ("ends its runner's transaction", "the changes before it are committed even if the rest fails"),
    };
    let fix = format!("remove BEGIN and COMMIT: {format} wraps each migration in a transaction");
    let finding = Finding::new("nested-transaction", file, format!("migration {version} {does}: {file}")).cost(effect);
    at_statement(finding, migration, nested.statement).fix(match format.without_transaction() {
        Some(how) => format!("{fix}\n{how}"),
        None => fix,
    })
}
