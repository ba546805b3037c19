//! Remedies for damaged indexes, each tried on a copy before it is offered.

use rusqlite::Connection;

use super::shared::{Names, copy_of};
use super::{pages, virtual_tables};
use crate::check::finding::Finding;
use crate::check::findings::Findings;
use crate::db::Functions;
use crate::sql;

/// Adds the remedy to findings about an index, if it helped on a copy.
pub(super) fn add(connection: &Connection, functions: Option<Functions>, findings: Findings) -> Findings {
    let mut copy = None;
    let mut tried: Vec<String> = Vec::new();
    let add_to = |finding: Finding| {
        let name = sql::quote_identifier(finding.object());
        let remedy = match finding.code() {
            "index-mismatch" => format!("REINDEX {name}"),
            pages::FTS => format!("INSERT INTO {name}({name}) VALUES('rebuild')"),
            _ => return finding,
        };
        // One remedy for all findings about an index.
        if tried.iter().any(|object| object == finding.object()) {
            return finding;
        }
        tried.push(finding.object().to_owned());
        let copy = copy.get_or_insert_with(|| copy_of(connection, functions).ok());
        match copy {
            Some(copy) if copy.execute_batch(&remedy).is_ok() && is_mended(copy, finding.what()) => {
                finding.fix(format!("{remedy};   tried on a copy: it helps"))
            }
            _ => finding,
        }
    };
    findings.into_iter().map(add_to).collect()
}

/// Returns true if a copy no longer has this finding.
fn is_mended(copy: &Connection, what: &str) -> bool {
    let names = Names::read(copy);
    let (lines, failed) = pages::check(copy);
    let mut findings = pages::findings(&lines, &names, "");
    findings.extend(virtual_tables::check_here(copy));
    failed.is_none() && !findings.iter().any(|finding| finding.what() == what)
}
