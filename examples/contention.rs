//! Runs two writers on one database, in every order of their statements: `cargo run --example contention`.
//!
//! The usual advice for production is WAL, a busy timeout, and BEGIN IMMEDIATE for transactions that write, because
//! SQLite has one writer at a time. This shows what each part of it does, on the same order service.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use rusqlite::{Connection, Result, TransactionBehavior};
use sqlitmus::interleave::{Explore, explore};
use sqlitmus::{Profile, Template, TestDb};

static WAL: Template = Template::embedded(SCHEMA).profile(Profile::PRODUCTION);
static ROLLBACK_JOURNAL: Template =
    Template::embedded(SCHEMA).profile(Profile::PRODUCTION.pragma("journal_mode", "DELETE"));

const SCHEMA: &[(&str, &str)] = &[(
    "1_shop.sql",
    "CREATE TABLE stock(item INTEGER PRIMARY KEY, count INTEGER NOT NULL CHECK (count >= 0));
     CREATE TABLE orders(id INTEGER PRIMARY KEY, item INTEGER NOT NULL REFERENCES stock(item));
     INSERT INTO stock VALUES (1, 10);",
)];

/// Sells one item: reads the count, writes the new count and the order.
fn sell(db: &Connection, item: i64) -> Result<i64> {
    let count: i64 = db.query_row("SELECT count FROM stock WHERE item = ?1", [item], |row| row.get(0))?;
    db.execute("UPDATE stock SET count = ?2 WHERE item = ?1", [item, count - 1])?;
    db.query_row("INSERT INTO orders(item) VALUES (?1) RETURNING id", [item], |row| row.get(0))
}

/// Sells one item in one transaction.
fn sell_in(db: &mut Connection, behavior: TransactionBehavior) -> Result<i64> {
    let transaction = db.transaction_with_behavior(behavior)?;
    let order = sell(&transaction, 1)?;
    transaction.commit()?;
    Ok(order)
}

type Sell = fn(&mut Connection) -> Result<i64>;

fn without_a_transaction(db: &mut Connection) -> Result<i64> {
    sell(db, 1)
}

fn deferred(db: &mut Connection) -> Result<i64> {
    sell_in(db, TransactionBehavior::Deferred)
}

fn immediate(db: &mut Connection) -> Result<i64> {
    sell_in(db, TransactionBehavior::Immediate)
}

fn immediate_without_timeout(db: &mut Connection) -> Result<i64> {
    db.busy_timeout(Duration::ZERO)?;
    immediate(db)
}

fn two(db: &TestDb, sell: Sell) -> Explore<'_> {
    explore(db).task("alice", sell).task("bob", sell)
}

fn main() {
    println!("two customers buy one item each, in every order of their statements, SQLite {}\n", rusqlite::version());
    println!("{:<34}{:<18}{:>9}{:>6}{:>6}{:>6}", "", "journal", "schedules", "fine", "BUSY", "lost");
    let services: [(&str, Sell); 4] = [
        ("no transaction", without_a_transaction),
        ("BEGIN (DEFERRED)", deferred),
        ("BEGIN IMMEDIATE, busy_timeout 0", immediate_without_timeout),
        ("BEGIN IMMEDIATE, busy_timeout 5 s", immediate),
    ];
    for (what, sell) in services {
        for (journal, template) in [("WAL", &WAL), ("rollback journal", &ROLLBACK_JOURNAL)] {
            let db = template.in_memory();
            let (all, fine, busy) = outcomes(two(&db, sell));
            println!("{what:<34}{journal:<18}{all:>9}{fine:>6}{busy:>6}{:>6}", all - fine - busy);
        }
    }

    println!("\nA test of the first fails with:\n");
    let db = WAL.in_memory();
    println!("{}", two(&db, without_a_transaction).try_run().unwrap_err());
    println!("\nand a test of the second with:\n");
    println!("{}", two(&db, deferred).try_run().unwrap_err());
    println!("\nThe last one passes:\n\n{}", two(&db, immediate).run());
}

/// Returns the number of schedules, of those that were fine, and of those in which a customer got an error.
fn outcomes(explore: Explore<'_>) -> (u64, u64, u64) {
    let report = explore.survey();
    let count = |is: fn(&str) -> bool| {
        report.outcomes().filter(|(outcome, _)| is(outcome)).map(|(_, count)| count).sum::<u64>()
    };
    let busy = count(|outcome| outcome.contains("SQLITE_BUSY"));
    let lost = count(|outcome| outcome.starts_with("no serial order"));
    (report.schedules(), report.schedules() - busy - lost, busy)
}
