//! The migration suite on the sample shop, compared with applying the same migrations to an empty database.
//!
//! `cargo bench --bench suite --profile dev` measures the build that tests use; without `--profile dev`, the release build is
//! measured. The two alternate, round by round, so that the ratio holds when the machine's speed drifts. The absolute times
//! are only for this machine.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::time::{Duration, Instant};

use sqlitmus::Template;
use sqlitmus::migrations::Migrations;
use sqlitmus::rusqlite::Connection;
use sqlitmus::suite::Suite;

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
