//! The time to the first INSERT, compared with SQLite's own minimum and with applying the migrations.
//!
//! `cargo bench --bench ground` measures the release build; with `--profile dev`, the build in which tests run is measured. The
//! cases of a table alternate, round by round, so that the ratios hold when the machine's speed drifts. The absolute times
//! are only for this machine.

#![expect(clippy::print_stdout, reason = "a bench reports to whoever runs it")]

use std::time::{Duration, Instant};

use rusqlite::{Connection, MAIN_DB};
use sqlitmus::migrations::Migrations;
use sqlitmus::{Profile, Template};

static SHOP: Template = Template::new("fixtures/shop/migrations");

const INSERT: &str = "INSERT INTO categories(slug, name) VALUES ('bench', 'Bench')";

fn main() {
    // A cold process, started by the table of processes below.
    if let Ok(mode) = std::env::var("BENCH_COLD") {
        return cold(&mode);
    }
    let quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = if quick { 5 } else { 400 };
    println!(
        "SQLite {}, {} build",
        rusqlite::version(),
        if cfg!(debug_assertions) { "unoptimised" } else { "release" }
    );
    in_memory(rounds);
    on_disk(rounds / 10 + 1);
    fork(if quick { &[1] } else { &[1, 10, 100] });
    processes(rounds / 10 + 1);
}

/// Returns the shop's database as bytes that `sqlite3_deserialize` can open, so not in WAL mode.
fn image() -> Vec<u8> {
    let db = SHOP.on_disk();
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE").unwrap();
    std::fs::read(db.path()).unwrap()
}

fn set_profile(connection: &Connection) {
    for (name, value) in Profile::PRODUCTION.pragmas() {
        let mut statement = connection.prepare(&format!("PRAGMA {name} = {value}")).unwrap();
        let _ = statement.query([]).unwrap().next().unwrap();
    }
}

fn migrate(connection: &mut Connection) {
    Migrations::load("fixtures/shop/migrations").unwrap().apply(connection).unwrap();
}

/// Applies the migrations as a test would by hand: the files are read beforehand, with one transaction for each.
fn migrate_by_hand(connection: &Connection, scripts: &[String]) {
    for script in scripts {
        connection.execute_batch(script).unwrap();
    }
}

fn scripts() -> Vec<String> {
    let history = Migrations::load("fixtures/shop/migrations").unwrap();
    history.iter().map(|migration| format!("BEGIN;\n{}\n;COMMIT", migration.sql())).collect()
}

fn in_memory(rounds: usize) {
    let (image, scripts) = (image(), scripts());
    println!("\nin memory, {} KB, to the first INSERT", image.len() / 1024);
    table(
        rounds,
        &mut [
            ("Template::in_memory()", &mut || {
                let db = SHOP.in_memory();
                db.execute(INSERT, []).unwrap();
            }),
            ("open_in_memory + deserialize + the same PRAGMAs", &mut || {
                let mut connection = Connection::open_in_memory().unwrap();
                connection.deserialize_read_exact(MAIN_DB, &image[..], image.len(), false).unwrap();
                set_profile(&connection);
                connection.execute(INSERT, []).unwrap();
            }),
            ("open_in_memory + the 30 scripts, read before", &mut || {
                let connection = Connection::open_in_memory().unwrap();
                set_profile(&connection);
                migrate_by_hand(&connection, &scripts);
                connection.execute(INSERT, []).unwrap();
            }),
            ("open_in_memory + Migrations::load and apply", &mut || {
                let mut connection = Connection::open_in_memory().unwrap();
                set_profile(&connection);
                migrate(&mut connection);
                connection.execute(INSERT, []).unwrap();
            }),
        ],
    );
}

fn on_disk(rounds: usize) {
    let scripts = scripts();
    println!("\non disk ({}), to the first INSERT", std::env::temp_dir().display());
    table(
        rounds,
        &mut [
            ("Template::on_disk()", &mut || {
                let db = SHOP.on_disk();
                db.execute(INSERT, []).unwrap();
            }),
            ("tempdir + WAL, NORMAL + the 30 scripts", &mut || {
                let folder = tempfile::tempdir().unwrap();
                let connection = Connection::open(folder.path().join("main.db")).unwrap();
                set_profile(&connection);
                migrate_by_hand(&connection, &scripts);
                connection.execute(INSERT, []).unwrap();
            }),
        ],
    );
}

fn fork(megabytes: &[usize]) {
    println!("\nfork() of a live database, one row written since the last checkpoint");
    for size in megabytes {
        let db = Template::empty().in_memory();
        db.execute_batch("CREATE TABLE t(x)").unwrap();
        let mut insert = db.prepare("INSERT INTO t VALUES (zeroblob(100000))").unwrap();
        for _ in 0..size * 10 {
            insert.execute([]).unwrap();
        }
        drop(insert);
        db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t VALUES (1)").unwrap();
        let mut times: Vec<Duration> = (0..101).map(|_| time(&mut || drop(db.fork()))).collect();
        println!("{:>10}  {size} MB", shown(median(&mut times)));
    }
}

/// Starts a process for every test, as nextest does. The child prints the time from its first line to its first INSERT.
fn processes(rounds: usize) {
    println!("\na cold process, from main to the first INSERT");
    let run = |mode: &str| {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .env("BENCH_COLD", mode)
            .env("SQLITMUS_CACHE", "on")
            .output()
            .unwrap();
        let nanoseconds = String::from_utf8_lossy(&output.stdout).trim().parse();
        Duration::from_nanos(nanoseconds.unwrap_or_else(|_| panic!("{output:?}")))
    };
    let modes = ["warm cache", "Migrations::load and apply in memory", "tempdir + WAL, NORMAL + load and apply"];
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); modes.len()];
    run(modes[0]);
    for _ in 0..rounds {
        for (mode, times) in modes.iter().zip(&mut times) {
            times.push(run(mode));
        }
    }
    print_table(&modes, &mut times);
}

fn cold(mode: &str) {
    let start = Instant::now();
    match mode {
        "warm cache" => {
            let db = SHOP.in_memory();
            db.execute(INSERT, []).unwrap();
            report(start);
        }
        "Migrations::load and apply in memory" => {
            let mut connection = Connection::open_in_memory().unwrap();
            set_profile(&connection);
            migrate(&mut connection);
            connection.execute(INSERT, []).unwrap();
            report(start);
        }
        _ => {
            let folder = tempfile::tempdir().unwrap();
            let mut connection = Connection::open(folder.path().join("main.db")).unwrap();
            set_profile(&connection);
            migrate(&mut connection);
            connection.execute(INSERT, []).unwrap();
            report(start);
        }
    }
}

fn report(start: Instant) {
    println!("{}", start.elapsed().as_nanos());
}

type Case<'a> = (&'a str, &'a mut dyn FnMut());

fn table(rounds: usize, cases: &mut [Case<'_>]) {
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); cases.len()];
    for round in 0..=rounds {
        for ((_, case), times) in cases.iter_mut().zip(&mut times) {
            let taken = time(*case);
            // The first round builds the template.
            if round > 0 {
                times.push(taken);
            }
        }
    }
    let names: Vec<&str> = cases.iter().map(|(name, _)| *name).collect();
    print_table(&names, &mut times);
}

fn print_table(names: &[&str], times: &mut [Vec<Duration>]) {
    let medians: Vec<Duration> = times.iter_mut().map(|times| median(times)).collect();
    for (name, time) in names.iter().zip(&medians) {
        let ratio = time.as_secs_f64() / medians[0].as_secs_f64();
        println!("{:>10}  {ratio:>7.2} x  {name}", shown(*time));
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

fn shown(time: Duration) -> String {
    format!("{:.1} us", time.as_secs_f64() * 1e6)
}
