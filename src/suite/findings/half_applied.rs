//! Findings about migrations that leave a part of their changes when they fail.

use super::nested_transaction::nested_transaction_finding;
use crate::check::Finding;
use crate::migrations::{Format, Migration};
use crate::suite::diagnosis::{FaultKind, HalfApplied};
use crate::suite::versions::Summary;

pub(crate) fn half_applied_finding(half: &HalfApplied, migration: &Migration, format: Format) -> Finding {
    let mut finding = match &half.nested {
        Some(nested) => nested_transaction_finding(nested, migration, format),
        None => {
            let (version, file) = (migration.version(), migration.name());
            let when = match half.kind {
                FaultKind::Refusal => "when a statement fails",
                FaultKind::Interrupt => "when it is interrupted",
            };
            let what = format!("migration {version} is half applied {when}: {file}");
            Finding::new("half-applied", file, what)
                .cost("the next start runs it again, on a schema that no version has")
                .fix("put everything into one transaction: BEGIN at the start, COMMIT at the end, nothing after it")
        }
    };
    finding = finding.evidence("changes that remain", changes(&half.before, &half.left));
    if let Some(error) = &half.error {
        let label = match half.kind {
            FaultKind::Refusal => String::from("the statement that was made to fail"),
            FaultKind::Interrupt => format!("interrupted at step {} of {}", half.at, half.points),
        };
        finding = finding.evidence(label, error.to_string());
    }
    finding
}

/// Returns the differences in words.
fn changes(before: &Summary, left: &Summary) -> String {
    let diff = before.schema.diff(&left.schema);
    let mut text = diff.to_string();
    if before.user_version != left.user_version {
        text.push_str(&format!("\nuser_version: {} became {}", before.user_version, left.user_version));
    }
    for table in left.digest.tables() {
        let is_in_diff = diff
            .iter()
            .any(|difference| difference.object().strip_prefix(&*table.name).is_some_and(|rest| rest.starts_with('.')));
        if !is_in_diff && before.digest.table(&table.name).is_some_and(|old| old != table) {
            text.push_str(&format!("\n{}: rows differ", table.name));
        }
    }
    text.trim_start().to_owned()
}
