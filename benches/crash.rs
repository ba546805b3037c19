//! The cost of power cuts and faults: images per second, by the size of the database.
//!
//! `cargo bench --bench crash` measures the release build; with `--profile dev`, the build in which tests run is
//! measured.

#![expect(clippy::print_stdout, reason = "a bench reports to whoever runs it")]

use std::time::Instant;

use rusqlite::{Connection, Result};
use sqlitmus::{Profile, Template, TestDb, crash, faults};

static APP: Template = Template::embedded(&[(
    "1.sql",
    "CREATE TABLE customers(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE);
     CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INT REFERENCES customers(id), status TEXT, total INT);
     INSERT INTO customers(email) VALUES ('ada@example.com'), ('bob@example.com');
     INSERT INTO orders(customer_id, status, total) VALUES (1, 'open', 100), (1, 'paid', 200), (2, 'open', 300);",
)])
.profile(Profile::PRODUCTION);

/// Six statements of a typical migration.
fn migrate(db: &mut Connection) -> Result<()> {
    let transaction = db.transaction()?;
    transaction.execute_batch(
        "CREATE TABLE items(id INTEGER PRIMARY KEY, order_id INT NOT NULL REFERENCES orders(id), product TEXT);
         INSERT INTO items(order_id, product) SELECT id, 'unknown' FROM orders;
         ALTER TABLE orders ADD COLUMN note TEXT;
         UPDATE orders SET note = status WHERE status <> 'open';
         CREATE INDEX items_order ON items(order_id);
         PRAGMA user_version = 2;",
    )?;
    transaction.commit()
}

/// Returns a database of about this many bytes.
fn of_size(bytes: u64) -> TestDb {
    let db = APP.in_memory();
    let rows = i64::try_from(bytes / 400).unwrap();
    db.execute_batch("CREATE TABLE bodies(id INTEGER PRIMARY KEY, body TEXT)").unwrap();
    let fill = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                INSERT INTO bodies SELECT i, hex(randomblob(180)) FROM n";
    db.execute(fill, [rows]).unwrap();
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    db
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = if quick { 1 } else { 9 };
    let build = if cfg!(debug_assertions) { "unoptimised" } else { "release" };
    println!("SQLite {}, {build} build", rusqlite::version());

    let db = APP.in_memory();
    println!("\na migration of 6 statements, WAL and NORMAL");
    cuts(rounds, "syncs, deletes, commits", || crash::test(&db, migrate).run());
    cuts(rounds, "every operation", || crash::test(&db, migrate).every_operation().run());
    cuts(rounds, "every operation, twice", || crash::test(&db, migrate).every_operation().twice().run());
    let (seconds, report) = median(rounds, || faults::sweep(&db, migrate).run());
    let (runs, rate) = (report.runs(), report.runs() as f64 / seconds);
    println!("{:>9.1} ms  all faults: {runs} runs, {rate:.0} a second", seconds * 1e3);

    println!("\none UPDATE of a row, every operation, by the size of the database");
    for size in [40_000, 400_000, 4_000_000, 10_000_000] {
        let db = of_size(size);
        let update = |db: &mut Connection| db.execute("UPDATE bodies SET body = 'x' WHERE id = 7", []);
        cuts(rounds.min(5), &format!("{} KB", size / 1000), || crash::test(&db, update).every_operation().run());
    }
}

fn cuts(rounds: usize, what: &str, run: impl FnMut() -> crash::Report) {
    let (seconds, report) = median(rounds, run);
    println!(
        "{:>9.1} ms  {what}: {} moments, {} images, {} different, {:.0} images a second, {:.0} different ones",
        seconds * 1e3,
        report.points,
        report.images,
        report.distinct,
        report.images as f64 / seconds,
        report.distinct as f64 / seconds,
    );
}

/// Returns the median time of several rounds in seconds, and the result of the last one.
fn median<R>(rounds: usize, mut run: impl FnMut() -> R) -> (f64, R) {
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..rounds {
        let start = Instant::now();
        last = Some(run());
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], last.expect("at least one round"))
}
