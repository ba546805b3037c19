//! A migration that interferes with the transaction of its runner.

use super::statement::at_statement;
use crate::check::Finding;
use crate::migrations::{Format, Migration};
use crate::suite::diagnosis::nested_transaction::NestedTransaction;

pub(crate) fn finding(nested: &NestedTransaction, migration: &Migration, format: Format) -> Finding {
    let (version, file) = (migration.version(), migration.name());
    let (does, effect) = match nested.is_begin {
        true => ("begins a transaction within that of its runner", "SQLite refuses that, and the migration fails"),
        false => ("ends the transaction of its runner", "what was done before stays, whatever becomes of the rest"),
    };
    let fix = format!("leave out BEGIN and COMMIT: {format} puts a transaction around each migration");
    let finding = Finding::new("nested-transaction", file, format!("migration {version} {does}: {file}")).cost(effect);
    at_statement(finding, migration, nested.statement).fix(match format.without_transaction() {
        Some(how) => format!("{fix}\n{how}"),
        None => fix,
    })
}
