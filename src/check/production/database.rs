//! The points about the schema and the data.

use rusqlite::Connection;

use super::point::Point;
use crate::check::health::Health;
use crate::check::integrity::integrity;
use crate::check::lint::try_lint;
use crate::error::Result;
use crate::report::count;
use crate::schema::{Schema, Table};

/// The number of tables that a line names.
const NAMED: usize = 5;

pub(super) fn points(connection: &Connection, health: &Health) -> Result<Vec<Point>> {
    let schema = Schema::read(connection)?;
    let tables: Vec<&Table> = schema.tables.iter().filter(|table| table.is_of_app()).collect();
    Ok(vec![
        strict(&tables),
        key_reuse(&tables),
        indexes(connection, &tables)?,
        whole(connection, &tables, health),
        Point::unseen(
            "backup",
            "a connection does not tell whether there is a backup",
            "sqlitmus::check::backup(&connection, copy), with a copy that the app has made",
        ),
    ])
}

/// Returns `a, b, c and 9 more`.
fn list(tables: &[&Table]) -> String {
    let names: Vec<&str> = tables.iter().take(NAMED).map(|table| table.name.as_str()).collect();
    match tables.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

const STRICT: &[(&str, &str)] = &[
    ("guides", "STRICT, because any column takes a value of any type otherwise"),
    ("sqlite.org/flextypegood.html", "flexible typing is a feature; STRICT is there for those who prefer rigid types"),
];

fn strict(tables: &[&Table]) -> Point {
    let lax: Vec<&Table> = tables.iter().copied().filter(|table| !table.strict).collect();
    let point = match (lax.len(), tables.len()) {
        (0, 0) => Point::ok("strict", "there are no tables"),
        (0, 1) => Point::ok("strict", "the table is STRICT"),
        (0, all) => Point::ok("strict", format!("all {all} tables are STRICT")),
        (lacking, all) => {
            let seen = format!("{} of {} are STRICT, not {}", all - lacking, count(all, "table"), list(&lax));
            Point::not("strict", seen, "check::lint(&connection).fail_at(Level::Style): not-strict has the SQL")
        }
    };
    Point { opinions: STRICT, ..point }
}

const KEYS: &[(&str, &str)] = &[
    (
        "guides",
        "AUTOINCREMENT, or keys that the app makes, because a key that is known elsewhere must not come to name another row",
    ),
    (
        "sqlite.org/autoinc.html",
        "AUTOINCREMENT imposes extra CPU, memory, disk space and disk I/O, and should be avoided if not strictly needed; it is \
         usually not needed",
    ),
];

/// A rowid is given out again if it was the largest when its row was deleted.
fn key_reuse(tables: &[&Table]) -> Point {
    let by_rowid = |table: &&&Table| table.primary_key.as_ref().is_some_and(|key| key.is_rowid);
    let numbered: Vec<&Table> = tables.iter().filter(by_rowid).copied().collect();
    let reused: Vec<&Table> = numbered.iter().copied().filter(|table| !table.autoincrement).collect();
    let point = match (reused.len(), numbered.len()) {
        (0, 0) => Point::ok("key-reuse", format!("SQLite chooses no key of {}", count(tables.len(), "table"))),
        (0, all) => Point::ok("key-reuse", format!("{} chosen by SQLite, all AUTOINCREMENT", count(all, "key"))),
        (some, _) => {
            let seen = format!(
                "{} of {} may reuse the key of the last row once it is deleted: {}",
                some,
                count(tables.len(), "table"),
                list(&reused)
            );
            Point::not("key-reuse", seen, "AUTOINCREMENT where a key is known outside of the database")
        }
    };
    Point { opinions: KEYS, ..point }
}

fn indexes(connection: &Connection, tables: &[&Table]) -> Result<Point> {
    let keys: usize = tables.iter().map(|table| table.foreign_keys.len()).sum();
    let found = try_lint(connection)?;
    let lacking: Vec<&str> = found
        .iter()
        .filter(|finding| ["fk-unindexed", "fk-partly-indexed"].contains(&finding.code()))
        .map(|finding| finding.object())
        .collect();
    let shown = lacking.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = if lacking.len() > NAMED { ", .." } else { "" };
    Ok(match lacking.len() {
        0 => Point::unseen(
            "indexes",
            format!("{} with an index each; which columns queries search by is not seen", count(keys, "foreign key")),
            "sqlitmus::workload::production(&connection, &queries), with a recording of the app's queries",
        ),
        some => Point::not(
            "indexes",
            format!("{some} of {} without an index on all its columns: {shown}{more}", count(keys, "foreign key")),
            "check::lint(&connection) has the SQL",
        ),
    })
}

fn whole(connection: &Connection, tables: &[&Table], health: &Health) -> Point {
    let what = format!(
        "{} in {}, as the migrations have left them (user_version {})",
        count(tables.len(), "table"),
        count(health.page_count, "page"),
        health.user_version
    );
    let found = integrity(connection);
    match found.iter().next() {
        None => Point::ok("integrity", format!("integrity_check and foreign_key_check find nothing in {what}")),
        Some(first) => {
            let seen = format!("{} in {what}, the first: {}", count(found.len(), "finding"), first.what());
            Point::not("integrity", seen, "check::integrity(&connection) has all of them")
        }
    }
}
