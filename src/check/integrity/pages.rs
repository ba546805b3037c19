//! `PRAGMA integrity_check` and its lines, see <https://www.sqlite.org/pragma.html#pragma_integrity_check>.
//!
//! The lines are written for people, and change from version to version. An unknown line is a finding too, in SQLite's words.
//! For a known one, the finding also names the table or index.

use rusqlite::Connection;

use super::shared::{Names, in_database};
use crate::check::finding::Finding;

/// Returns the complaints of `PRAGMA integrity_check` in SQLite's words; none if all is well.
pub(crate) fn integrity_lines(connection: &Connection) -> Vec<String> {
    let (mut lines, failed) = check(connection);
    lines.retain(|line| line != "ok");
    lines.extend(failed.map(|error| error.to_string()));
    lines
}

/// Returns the lines of `PRAGMA integrity_check`, and the error that ended them.
///
/// CHECKs are included. SQLite skips them on a connection that ignores them, but a row that breaks one is a finding however
/// it was written.
pub(super) fn check(connection: &Connection) -> (Vec<String>, Option<rusqlite::Error>) {
    let ignored = connection.query_row("PRAGMA ignore_check_constraints", [], |row| row.get(0)).unwrap_or(false);
    let ignore = |switch: &str| {
        if ignored {
            let _ = connection.execute_batch(&format!("PRAGMA ignore_check_constraints = {switch}"));
        }
    };
    ignore("OFF");
    let rows = rows_of(connection, "PRAGMA integrity_check");
    ignore("ON");
    rows
}

/// Returns the first column of every row as text, and the error that ended them.
fn rows_of(connection: &Connection, sql: &str) -> (Vec<String>, Option<rusqlite::Error>) {
    let mut found = Vec::new();
    let mut read = || -> rusqlite::Result<()> {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            // A name in a damaged schema need not be UTF-8.
            found.push(String::from_utf8_lossy(row.get_ref(0)?.as_bytes()?).into_owned());
        }
        Ok(())
    };
    let failed = read().err();
    (found, failed)
}

/// Returns a finding for each line except `ok`. Identical lines are one finding, because SQLite does not say which row it
/// means.
pub(super) fn findings(rows: &[String], names: &Names, file: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for row in rows.iter().filter(|row| *row != "ok") {
        // Pages of one database are reported in one row, below a heading; so are the nodes of an R-tree.
        let mut database = "main";
        let mut rtree = None;
        for line in row.lines().filter(|line| !line.is_empty()) {
            if let Some(name) = between(line, "*** in database ", " ***") {
                database = name;
            } else if let Some(table) = between(line, "In RTree ", ":") {
                rtree = Some(without_main(table));
            } else if let Some(table) = rtree {
                found.push(Finding::new(RTREE, table, format!("{table}: {line}")).cost(RTREE_COST));
            } else {
                found.push(finding(line, database, names, file));
            }
        }
    }
    let mut counted: Vec<(Finding, usize)> = Vec::new();
    for finding in found {
        match counted.iter_mut().find(|(known, _)| *known == finding) {
            Some((_, times)) => *times += 1,
            None => counted.push((finding, 1)),
        }
    }
    let with_times = |(finding, times): (Finding, usize)| match times {
        1 => finding,
        times => finding.append(&format!(", {times} times")),
    };
    counted.into_iter().map(with_times).collect()
}

pub(super) const RTREE: &str = "rtree-mismatch";
pub(super) const RTREE_COST: &str = "searches by coordinates miss rows, or find wrong ones";
pub(super) const FTS: &str = "fts-mismatch";
pub(super) const FTS_COST: &str = "searches miss rows, or find rows that do not have the words";

fn finding(line: &str, database: &str, names: &Names, file: &str) -> Finding {
    if let Some(index) = index_of(line) {
        let table = names.table_of_index(index).map(|table| format!(" (table {table})")).unwrap_or_default();
        let cost = if line.starts_with("non-unique") {
            "rows that should be unique are not: one of them has to go before the index can be built again"
        } else {
            "queries by this index miss rows, or find rows that are gone"
        };
        return Finding::new("index-mismatch", index, format!("{line}{table}")).cost(cost);
    }
    if let Some(object) = value_of(line) {
        let cost = "the row was written before the constraint existed, or while it was not checked; the next update of it fails";
        return Finding::new("value-not-allowed", object, line).cost(cost);
    }
    if let Some(table) = full_text_table_of(line) {
        return Finding::new(FTS, table, line).cost(FTS_COST);
    }
    let (object, what) = match tree_of(line).and_then(|root| names.at_root(database, root)) {
        Some(name) => (name.to_owned(), format!("{line} (in {name})")),
        None => match line.strip_prefix("row not in PRIMARY KEY order for ") {
            Some(table) => (in_database(database, table), line.to_owned()),
            None => (file.to_owned(), line.to_owned()),
        },
    };
    Finding::new("corrupt", object, what).cost("pages contradict each other: rows may be missing or wrong")
}

fn index_of(line: &str) -> Option<&str> {
    let after = |mark: &str| line.split_once(mark).map(|(_, index)| index);
    if line.starts_with("row ") {
        return after(" missing from index ").or_else(|| after(" values differ from index "));
    }
    if line.starts_with("rowid not at end-of-record for row ") {
        return after(" of index ");
    }
    line.strip_prefix("wrong # of entries in index ")
        .or_else(|| line.strip_prefix("non-unique entry in index "))
        .or_else(|| between(line, "index ", " stores an imprecise floating-point value for row "))
}

/// Returns `table.column` of a value, or the table of a CHECK.
fn value_of(line: &str) -> Option<&str> {
    if let Some(table) = line.strip_prefix("CHECK constraint failed in ") {
        return Some(table);
    }
    let (kind, object) = line.split_once(" value in ")?;
    let is_type = kind.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    (is_type && !kind.is_empty()).then_some(object)
}

fn full_text_table_of(line: &str) -> Option<&str> {
    // From 3.50 on, FTS5 has messages of its own.
    if let Some(rest) = line.strip_prefix("fts5: ") {
        let quoted = rest.split_once("table \"").and_then(|(_, table)| table.strip_suffix('"'));
        return quoted.or_else(|| rest.split_once(" from content table ").map(|(_, table)| table));
    }
    let rest = line
        .strip_prefix("malformed inverted index for FTS")
        .or_else(|| line.strip_prefix("unable to validate the inverted index for FTS"))?;
    let (_, table) = rest.split_once(" table ")?;
    Some(without_main(table.rsplit_once(": ").map_or(table, |(table, _)| table)))
}

/// Returns the root page of a tree, by which SQLite names a table while it checks pages.
fn tree_of(line: &str) -> Option<u32> {
    let rest = line.strip_prefix("Tree ").or_else(|| line.strip_prefix("On tree page "))?;
    rest.split([' ', ':']).next()?.parse().ok()
}

fn without_main(table: &str) -> &str {
    table.strip_prefix("main.").unwrap_or(table)
}

fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.split_once(behind).map(|(found, _)| found)
}

#[cfg(test)]
mod tests {
    use super::{Names, findings};

    #[track_caller]
    fn check(row: &str, expected: &[(&str, &str)]) {
        let found = findings(&[row.to_owned()], &Names::default(), "app.db");
        let found: Vec<(&str, &str)> = found.iter().map(|finding| (finding.code(), finding.object())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn lines_of_all_versions_name_what_they_are_about() {
        check("ok", &[]);
        check("row 3 missing from index orders_status", &[("index-mismatch", "orders_status")]);
        check("row 3 values differ from index orders status", &[("index-mismatch", "orders status")]);
        check("wrong # of entries in index a of index b", &[("index-mismatch", "a of index b")]);
        check("non-unique entry in index u", &[("index-mismatch", "u")]);
        check("rowid not at end-of-record for row 9 of index i", &[("index-mismatch", "i")]);
        check("index i stores an imprecise floating-point value for row 9", &[("index-mismatch", "i")]);
        check("NULL value in orders.total", &[("value-not-allowed", "orders.total")]);
        check("non-INTEGER value in orders.total", &[("value-not-allowed", "orders.total")]);
        check("TEXT value in orders.total", &[("value-not-allowed", "orders.total")]);
        check("CHECK constraint failed in orders", &[("value-not-allowed", "orders")]);
        check("row not in PRIMARY KEY order for t", &[("corrupt", "t")]);
        check("malformed inverted index for FTS5 table main.search", &[("fts-mismatch", "search")]);
        check(
            "unable to validate the inverted index for FTS4 table other.search: database disk image is malformed",
            &[("fts-mismatch", "other.search")],
        );
        check("fts5: checksum mismatch for table \"my search\"", &[("fts-mismatch", "my search")]);
        check("fts5: missing row 7 from content table posts", &[("fts-mismatch", "posts")]);
        check(
            "In RTree main.places:\nNode 1 missing from database\nWrong number of entries in %_rowid table",
            &[("rtree-mismatch", "places"), ("rtree-mismatch", "places")],
        );
        check(
            "*** in database main ***\nTree 2 page 2 cell 0: Rowid 5 out of order\nPage 7: never used",
            &[("corrupt", "app.db"), ("corrupt", "app.db")],
        );
        check("something that nobody has seen yet", &[("corrupt", "app.db")]);
    }
}
