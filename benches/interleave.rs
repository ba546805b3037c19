//! The cost of schedules: every schedule of two tasks of four statements, as lists of statements and as code.
//!
//! `cargo bench --bench interleave` measures the release build; with `--profile dev`, the build in which tests run is
//! measured. The ratio compares with the minimum that a schedule needs: a fork of the database and a connection for each
//! task.

#![expect(clippy::print_stdout, reason = "a bench reports to whoever runs it")]

use std::time::{Duration, Instant};

use rusqlite::{Connection, Result, TransactionBehavior};
use sqlitmus::interleave::{Explore, explore};
use sqlitmus::{Profile, Template, TestDb};

static SMALL: Template = Template::embedded(&[(
    "1.sql",
    "CREATE TABLE stock(item INTEGER PRIMARY KEY, count INTEGER NOT NULL); INSERT INTO stock VALUES (1, 10);",
)])
.profile(Profile::PRODUCTION);
static SHOP: Template = Template::new("fixtures/shop/migrations").profile(Profile::PRODUCTION);

const SELL: [&str; 4] =
    ["BEGIN", "SELECT count FROM stock WHERE item = 1", "UPDATE stock SET count = count - 1 WHERE item = 1", "COMMIT"];
const CATEGORY: [&str; 4] = [
    "BEGIN",
    "SELECT count(*) FROM categories",
    "INSERT INTO categories(slug, name) SELECT 'c' || count(*), 'C' FROM categories",
    "COMMIT",
];

fn sell(db: &mut Connection) -> Result<i64> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let left: i64 = transaction.query_row("SELECT count FROM stock WHERE item = 1", [], |row| row.get(0))?;
    transaction.execute("UPDATE stock SET count = ?1 WHERE item = 1", [left - 1])?;
    transaction.commit()?;
    Ok(left)
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = if quick { 1 } else { 20 };
    println!(
        "SQLite {}, {} build",
        rusqlite::version(),
        if cfg!(debug_assertions) { "unoptimised" } else { "release" }
    );
    let (small, shop) = (SMALL.in_memory(), SHOP.in_memory());
    run("two lists of four statements", rounds, &small, |db| explore(db).steps("a", SELL).steps("b", SELL));
    run("two closures of four statements", rounds, &small, |db| explore(db).task("a", sell).task("b", sell));
    run("three lists of four statements", rounds.min(5), &small, |db| {
        explore(db).steps("a", SELL).steps("b", SELL).steps("c", SELL)
    });
    run("two lists, a schema of 19 tables", rounds.min(5), &shop, |db| {
        explore(db).steps("a", CATEGORY).steps("b", CATEGORY)
    });
}

fn run(what: &str, rounds: usize, db: &TestDb, tasks: fn(&TestDb) -> Explore<'_>) {
    let (mut times, mut floors) = (Vec::new(), Vec::new());
    let mut schedules = 0;
    for _ in 0..rounds {
        let start = Instant::now();
        schedules = tasks(db).may_fail().run().schedules();
        times.push(start.elapsed());
        let start = Instant::now();
        for _ in 0..schedules {
            drop((db.fork().connect(), db));
        }
        floors.push(start.elapsed());
    }
    let (time, floor) = (median(&mut times), median(&mut floors));
    println!(
        "{:>9.1} ms  {what}: {schedules} schedules, {:.0} a second, {:.1} x the forks and connections",
        time.as_secs_f64() * 1e3,
        schedules as f64 / time.as_secs_f64(),
        time.as_secs_f64() / floor.as_secs_f64(),
    );
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}
