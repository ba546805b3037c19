//! Measures the time from nothing to the first INSERT after the shop's 30 migrations, for this crate and its
//! alternatives.
//!
//! README.md explains how to run it, and what is measured and what is not.

mod peers;

use std::env;
use std::time::{Duration, Instant};

const FIRST_INSERT: &str = "INSERT INTO categories(slug, name) VALUES ('bench', 'Bench')";

/// Inserts one row if the schema is the one that `fixtures/README.md` describes. Most runners add a table of their own.
const PROOF: &str = "INSERT INTO categories(slug, name) SELECT 'bench', 'Bench' WHERE 59 = (
    SELECT count(*) FROM sqlite_schema
    WHERE tbl_name NOT IN ('refinery_schema_history', '__diesel_schema_migrations', '_sqlx_migrations'))";

/// A case: its crate, what it does, and the test.
type Case = (&'static str, &'static str, fn(&'static str) -> usize);

const CASES: &[Case] = &[
    ("sqlitmus", "Template::in_memory()", peers::template_in_memory),
    ("rusqlite_migration", "in memory", peers::rusqlite_migration_in_memory),
    ("refinery", "in memory", peers::refinery_in_memory),
    ("diesel_migrations", "in memory", peers::diesel_in_memory),
    ("sqlx", "in memory, a pool of one", peers::sqlx_in_memory),
    ("sqlitmus", "Template::on_disk()", peers::template_on_disk),
    ("rusqlite_migration", "file, WAL, NORMAL", peers::rusqlite_migration_on_disk),
    ("refinery", "file, WAL, NORMAL", peers::refinery_on_disk),
    ("diesel_migrations", "file, WAL, NORMAL", peers::diesel_on_disk),
    ("sqlx", "file, WAL, NORMAL, a pool of one", peers::sqlx_on_disk),
    ("sqlx", "#[sqlx::test]: file, its defaults", peers::sqlx_test),
];

fn main() {
    let (options, words): (Vec<String>, Vec<String>) =
        env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let rounds = match options.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => 100,
        ["--quick"] => 3,
        _ => panic!("unknown option among {options:?}: there is only --quick; words select rows"),
    };
    let cases: Vec<Case> = CASES
        .iter()
        .filter(|(peer, what, _)| words.is_empty() || words.iter().any(|word| format!("{peer} {what}").contains(word)))
        .copied()
        .collect();
    let build = if cfg!(debug_assertions) { "unoptimised" } else { "release" };
    println!("SQLite {}, {build} build, median of {rounds} rounds", rusqlite::version());

    // #[sqlx::test] keeps its files under the current folder: move to where those of all others are.
    let folder = tempfile::tempdir().unwrap();
    let before = env::current_dir().unwrap();
    env::set_current_dir(folder.path()).unwrap();
    let times = measure(&cases, rounds);
    env::set_current_dir(before).unwrap();

    print_table(&cases, times);
}

/// Runs all cases in turn, round by round, so that the ratios hold if the machine's speed drifts.
fn measure(cases: &[Case], rounds: usize) -> Vec<Vec<Duration>> {
    for (peer, what, test) in cases {
        // Builds the template too.
        assert_eq!(test(PROOF), 1, "{peer}, {what}: not the schema that the 30 migrations make");
    }
    let mut times = vec![Vec::new(); cases.len()];
    for _ in 0..rounds {
        for ((peer, what, test), times) in cases.iter().zip(&mut times) {
            let start = Instant::now();
            let inserted = test(FIRST_INSERT);
            times.push(start.elapsed());
            assert_eq!(inserted, 1, "{peer}, {what}");
        }
    }
    times
}

fn print_table(cases: &[Case], times: Vec<Vec<Duration>>) {
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    for ((peer, what, _), time) in cases.iter().zip(&medians) {
        let peer = format!("{peer} {}", version(peer));
        println!("{time:>10.1} us  {:>8.2} x  {peer:<26}  {what}", time / medians[0]);
    }
}

/// Returns a time in microseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e6
}

/// Returns the version of a crate in this build.
fn version(package: &str) -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let (_, after) = lock.split_once(&format!("name = \"{package}\"\nversion = \"")).unwrap();
    after.split('"').next().unwrap()
}
