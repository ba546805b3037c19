//! Comparing databases, compared with what a test would do by hand: dump both as text and compare the texts.
//!
//! `cargo bench --bench state` measures the release build; with `--profile dev`, the build in which tests run is measured.
//! The cases of a table alternate, round by round, so that the ratios hold when the machine's speed drifts. The absolute
//! times are only for this machine.

#![expect(clippy::print_stdout, reason = "a bench reports to whoever runs it")]

use std::fmt::Write;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use sqlitmus::check::{assert_same_data, changes_between, digest};
use sqlitmus::{Template, TestDb};

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    println!(
        "SQLite {}, {} build",
        rusqlite::version(),
        if cfg!(debug_assertions) { "unoptimised" } else { "release" }
    );
    let rounds = if quick { 1 } else { 7 };
    let many = if quick { 1_000 } else { 100_000 };
    for (name, key) in [
        ("INTEGER PRIMARY KEY", "id INTEGER PRIMARY KEY"),
        ("TEXT PRIMARY KEY", "id TEXT PRIMARY KEY"),
        ("no key", "id INTEGER"),
    ] {
        against_dumps(name, key, many, rounds);
    }
    growth(if quick { &[1_000, 10_000] } else { &[10_000, 100_000, 300_000] }, rounds);
}

/// Returns the orders of a shop, and the same with one row in a thousand changed.
fn shop(key: &str, rows: usize) -> (TestDb, TestDb) {
    let db = Template::empty().in_memory();
    db.execute_batch(&format!(
        "CREATE TABLE orders({key}, user_id INTEGER NOT NULL, status TEXT NOT NULL, total REAL, note TEXT, created_at TEXT);
         WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO orders SELECT i * 7919 % 1000003, i % 1000, CASE i % 3 WHEN 0 THEN 'open' ELSE 'paid' END, i / 4.0,
             CASE i % 5 WHEN 0 THEN NULL ELSE 'a note on order ' || i END, datetime(1700000000 + i, 'unixepoch') FROM n;
         PRAGMA wal_checkpoint(TRUNCATE)"
    ))
    .unwrap();
    let changed = db.fork();
    changed
        .execute_batch(
            "UPDATE orders SET status = 'lost' WHERE rowid % 1000 = 1; DELETE FROM orders WHERE rowid % 5000 = 2",
        )
        .unwrap();
    (db, changed)
}

/// Dumps every row as a line in a fixed order, as a test without this crate would.
fn dump(connection: &Connection) -> String {
    let mut text = String::new();
    let mut statement = connection.prepare("SELECT * FROM orders ORDER BY id").unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        for at in 0..columns {
            match row.get_ref(at).unwrap() {
                ValueRef::Null => text.push_str("NULL"),
                ValueRef::Integer(number) => write!(text, "{number}").unwrap(),
                ValueRef::Real(number) => write!(text, "{number:?}").unwrap(),
                ValueRef::Text(bytes) => write!(text, "'{}'", std::str::from_utf8(bytes).unwrap()).unwrap(),
                ValueRef::Blob(bytes) => write!(text, "{bytes:02x?}").unwrap(),
            }
            text.push('|');
        }
        text.push('\n');
    }
    text
}

/// Returns the lines that differ, by a merge of sorted lines, which is the cheapest diff of texts.
fn differing_lines(one: &str, other: &str) -> usize {
    let (mut one, mut other) = (one.lines().peekable(), other.lines().peekable());
    let id = |line: &&str| line.split('|').next().map(|id| id.trim_matches('\'').parse::<i64>().unwrap_or(0));
    let mut count = 0;
    loop {
        let order = match (one.peek(), other.peek()) {
            (None, None) => return count,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(one), Some(other)) => id(one).cmp(&id(other)),
        };
        let pair = (if order.is_le() { one.next() } else { None }, if order.is_ge() { other.next() } else { None });
        count += usize::from(pair.0 != pair.1);
    }
}

fn against_dumps(name: &str, key: &str, rows: usize, rounds: usize) {
    let (db, changed) = shop(key, rows);
    let fork = db.fork();
    println!("\n{rows} rows, {name}: the same");
    table(
        rounds,
        &mut [
            ("assert_same_data", &mut || assert_same_data(&db, &fork)),
            ("two digests", &mut || assert_eq!(digest(&db), digest(&fork))),
            ("two dumps, compared", &mut || assert_eq!(dump(&db), dump(&fork))),
        ],
    );
    println!("\n{rows} rows, {name}: 1 in 1000 changed");
    table(
        rounds,
        &mut [
            ("changes_between", &mut || assert!(!changes_between(&db, &changed).unwrap().is_empty())),
            ("two dumps, compared line by line", &mut || assert!(differing_lines(&dump(&db), &dump(&changed)) > 0)),
        ],
    );
    println!("\n{rows} rows, {name}: what one UPDATE did");
    let sql = "UPDATE orders SET status = status || '!' WHERE rowid = (SELECT max(rowid) FROM orders)";
    table(
        rounds,
        &mut [
            ("TestDb::row_changes", &mut || assert!(!db.row_changes(|db| db.execute(sql, []).unwrap()).is_empty())),
            ("dump before, dump after, compared line by line", &mut || {
                let before = dump(&db);
                db.execute(sql, []).unwrap();
                assert_eq!(differing_lines(&before, &dump(&db)), 1);
            }),
        ],
    );
}

fn growth(sizes: &[usize], rounds: usize) {
    println!(
        "\ngrowth, INTEGER PRIMARY KEY: ns per row of assert_same_data, of changes_between with 1 in 1000 changed"
    );
    for &rows in sizes {
        let (db, changed) = shop("id INTEGER PRIMARY KEY", rows);
        let fork = db.fork();
        let per_row = |case: &mut dyn FnMut()| {
            let mut times: Vec<Duration> = (0..rounds).map(|_| time(case)).collect();
            median(&mut times).as_nanos() / rows as u128
        };
        let same = per_row(&mut || assert_same_data(&db, &fork));
        let changes = per_row(&mut || assert!(!changes_between(&db, &changed).unwrap().is_empty()));
        println!("{rows:>10} rows  {same:>6} ns  {changes:>6} ns");
    }
}

type Case<'a> = (&'a str, &'a mut dyn FnMut());

/// Prints the times, and their ratios to the first case.
fn table(rounds: usize, cases: &mut [Case<'_>]) {
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); cases.len()];
    for _ in 0..rounds {
        for ((_, case), times) in cases.iter_mut().zip(&mut times) {
            times.push(time(*case));
        }
    }
    let medians: Vec<Duration> = times.iter_mut().map(|times| median(times)).collect();
    for ((name, _), time) in cases.iter().zip(&medians) {
        let ratio = time.as_secs_f64() / medians[0].as_secs_f64();
        println!("{:>12}  {ratio:>7.2} x  {name}", format!("{:.1} ms", time.as_secs_f64() * 1e3));
    }
}

fn time(case: &mut dyn FnMut()) -> Duration {
    let start = Instant::now();
    case();
    start.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}
