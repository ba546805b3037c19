//! Finds the files that sqlx would refuse, in the project of an app on sqlx. Their names alone do not tell sqlx from other runners.

use std::fs;
use std::path::Path;

use super::apply::manages_its_transaction;
use super::migration::{Format, Migration};
use super::oddity::{Oddity, OddityKind};

/// Returns the migrations that begin a transaction within that of sqlx.
pub(super) fn own_transactions(folder: Option<&Path>, format: Format, migrations: &[Migration]) -> Vec<Oddity> {
    // To read one manifest takes less than to split all files, and most apps stop here.
    if !folder.is_some_and(is_of_an_app_on_sqlx) {
        return Vec::new();
    }
    let begins =
        |migration: &&Migration| migration.up.transaction && manages_its_transaction(format, &migration.statements());
    let oddity = |migration: &Migration| Oddity {
        kind: OddityKind::OwnTransaction,
        file: migration.name().to_owned(),
        what: format!("migration {} begins a transaction itself: {}", migration.version(), migration.name()),
        evidence: String::from("sqlx is a dependency of the app, and runs each file in a transaction"),
        fix: String::from(
            "remove BEGIN and COMMIT\n\
             or make `-- no-transaction` the first line, and sqlx leaves transactions to the file\n\
             if another runner applies the files, say so: .skip(\"history_is_linear\", \"why\")",
        ),
    };
    migrations.iter().filter(begins).map(oddity).collect()
}

/// Returns true if the manifest next to the folder, or above it, names sqlx as a dependency.
fn is_of_an_app_on_sqlx(folder: &Path) -> bool {
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let manifest = folder.ancestors().map(|parent| parent.join("Cargo.toml")).find(|file| file.is_file());
    let text = manifest.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
    text.lines().map(str::trim).any(|line| {
        let is_key = line.strip_prefix("sqlx").is_some_and(|rest| rest.trim_start().starts_with(['=', '.']));
        is_key || line.starts_with('[') && line.ends_with("dependencies.sqlx]")
    })
}
