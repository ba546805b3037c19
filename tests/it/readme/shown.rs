//! Texts of a page that are printed by a run.

use std::fs;
use std::path::Path;

/// Asserts that a page shows this report: one of its blocks begins with the report's first line, and each further line of the
/// block comes later in the report.
#[track_caller]
pub(crate) fn assert_shown(page: &str, report: &str) {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let begins = report.lines().next().unwrap();
    let blocks = text.split("```text\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let found: Vec<&str> = blocks.filter(|block| block.lines().next() == Some(begins)).collect();
    let [block] = found[..] else { panic!("{page} shows {} times what this says:\n{report}", found.len()) };
    assert!(block.lines().count() > 4, "{block}");
    let mut rest = report.lines().map(without_version);
    for line in block.lines() {
        assert!(
            rest.any(|printed| printed == without_version(line)),
            "{page} shows: {line}\nwhat is printed:\n{report}"
        );
    }
}

/// The version is that of the SQLite which is linked.
fn without_version(line: &str) -> String {
    match line.split_once("plan (SQLite ") {
        Some((before, rest)) => format!("{before}plan (SQLite {}", rest.split_once(')').unwrap().1),
        None => line.to_owned(),
    }
}
