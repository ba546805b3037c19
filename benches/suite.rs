//! The migration suite on the sample shop, compared with applying the same migrations to an empty database; and on a history in
//! code, compared with what is usual elsewhere: each step up, down and up again, on an empty database.
//!
//! `cargo bench --bench suite --profile dev` measures the build that tests use; without `--profile dev`, the release build is
//! measured. The two alternate, round by round, so that the ratio holds when the machine's speed drifts. The absolute times
//! are only for this machine.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::time::{Duration, Instant};

use sqlitmus::Template;
use sqlitmus::migrations::Migrations;
use sqlitmus::rusqlite::{Connection, Error, Result, TransactionBehavior};
use sqlitmus::suite::Suite;

/// The versions of the history in code.
const LATEST: i64 = 30;

static CODE: Template = Template::migrate_to(LATEST, |db, to| Ok(up(db, to)?)).migrate_down(|db, to| Ok(down(db, to)?));

static SHOP: Template = Template::new("fixtures/shop/migrations");

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = if quick { 1 } else { 9 };
    let history = Migrations::load("fixtures/shop/migrations").unwrap();
    let versions = u32::try_from(history.len()).unwrap();

    let (mut applied, mut suite) = (Vec::new(), Vec::new());
    let mut tests: Vec<(&str, Vec<Duration>)> = Vec::new();
    for _ in 0..rounds {
        let mut connection = Connection::open_in_memory().unwrap();
        let start = Instant::now();
        history.apply(&mut connection).unwrap();
        applied.push(start.elapsed());

        let start = Instant::now();
        let report = shop_suite().report();
        suite.push(start.elapsed());
        let failed: Vec<&str> = report.failures().map(|(_, error)| error.headline()).collect();
        assert!(failed.is_empty(), "{failed:?}");
        tests.resize(report.iter().count(), ("", Vec::new()));
        for (slot, result) in tests.iter_mut().zip(&report) {
            slot.0 = result.name;
            slot.1.push(result.took);
        }
    }

    let build = if cfg!(debug_assertions) { "unoptimised" } else { "release" };
    println!("SQLite {}, {build} build, {versions} versions", sqlitmus::rusqlite::version());
    let (applied, suite) = (median(applied), median(suite));
    let ratio = |time: Duration| time.as_secs_f64() / applied.as_secs_f64();
    println!("  {:36} {:8.2?} a version", "apply to an empty database", applied / versions);
    println!("  {:36} {:8.2?} a version, {:.0} times as long", "all tests", suite / versions, ratio(suite));
    for (name, times) in tests {
        let time = median(times);
        println!("    {name:34} {:8.2?} a version, {:.1} times", time / versions, ratio(time));
    }
    history_in_code(rounds);
}

/// Compares the suite over a history in code with each step up, down and up again.
fn history_in_code(rounds: usize) {
    let (mut plain, mut suite, mut with_cuts) = (Vec::new(), Vec::new(), Vec::new());
    let of_code = || Suite::new(&CODE).skip("shipped_migrations_are_frozen", "not shipped");
    for _ in 0..rounds {
        let start = Instant::now();
        let mut connection = Connection::open_in_memory().unwrap();
        for version in 1..=LATEST {
            up(&mut connection, version).unwrap();
            down(&mut connection, version - 1).unwrap();
            up(&mut connection, version).unwrap();
        }
        plain.push(start.elapsed());
        let start = Instant::now();
        of_code().skip("survives_power_loss", "measured below").run();
        suite.push(start.elapsed());
        let start = Instant::now();
        of_code().run();
        with_cuts.push(start.elapsed());
    }
    let plain = median(plain);
    let shown = |name: &str, time: Duration| {
        let (time, ratio) = (time / u32::try_from(LATEST).unwrap(), time.as_secs_f64() / plain.as_secs_f64());
        println!("  {name:36} {time:8.2?} a version, {ratio:.1} times as long");
    };
    println!("a history in code, {LATEST} versions");
    shown("each step up, down and up again", plain);
    shown("the suite without power cuts", median(suite));
    shown("the suite", median(with_cuts));
}

/// Runs the migrations from where a database is to this version.
fn up(db: &mut Connection, to: i64) -> Result<()> {
    let all = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let from: i64 = all.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if from > LATEST {
        return Err(Error::InvalidQuery);
    }
    for version in from + 1..=to {
        let table = version / 3;
        all.execute_batch(&match version % 3 {
            0 => format!("CREATE TABLE t{table}(id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT"),
            _ if table == 0 => format!("CREATE TABLE first{version}(id INTEGER PRIMARY KEY) STRICT"),
            1 => format!("ALTER TABLE t{table} ADD COLUMN email TEXT"),
            _ => format!("CREATE INDEX t{table}_name ON t{table}(name)"),
        })?;
        all.pragma_update(None, "user_version", version)?;
    }
    all.commit()
}

/// Undoes migrations down to this version.
fn down(db: &mut Connection, to: i64) -> Result<()> {
    let all = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let from: i64 = all.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for version in (to + 1..=from).rev() {
        let table = version / 3;
        all.execute_batch(&match version % 3 {
            0 => format!("DROP TABLE t{table}"),
            _ if table == 0 => format!("DROP TABLE first{version}"),
            1 => format!("ALTER TABLE t{table} DROP COLUMN email"),
            _ => format!("DROP INDEX t{table}_name"),
        })?;
    }
    all.pragma_update(None, "user_version", to)?;
    all.commit()
}

fn shop_suite() -> Suite {
    Suite::new(&SHOP)
        .allow_loss(26, "products.price_cents", "since 16 it is in prices, and 26 copies what is missing there")
        .allow_loss(30, "sessions.ip_address", "required by law")
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
