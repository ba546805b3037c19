//! The cost of recording: a prepared statement with and without the hook on its connection, recorded and not.
//!
//! `cargo bench --bench record` measures the release build, and `cargo bench --profile dev --bench record` the unoptimized
//! one, in which most tests run: a recorded statement costs less than ten microseconds there. The cases alternate, round by
//! round, and the difference to the first case is printed, so that it holds when the machine's speed drifts. The cost of a
//! ledger is measured in a separate process, because an environment variable turns the ledger on.

#![expect(clippy::print_stdout, reason = "a bench reports to whoever runs it")]

use std::process::Command;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Statement, ffi};
use sqlitmus::{Profile, Template, TestDb};

static DB: Template = Template::embedded(&[(
    "1.sql",
    "CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT);
     INSERT INTO t(body) SELECT 'row ' || value FROM json_each('[1,2,3,4,5,6,7,8,9,10]');",
)])
.profile(Profile::PRODUCTION);

const RUNS: u32 = 1000;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = if quick { 3 } else { 300 };
    println!(
        "SQLite {}, {} build",
        rusqlite::version(),
        if cfg!(debug_assertions) { "unoptimised" } else { "release" }
    );
    if std::env::var_os("SQLITMUS_LEDGER").is_some() {
        for (sql, run) in STATEMENTS {
            gathered(rounds, sql, run);
        }
        databases(rounds);
        return;
    }
    for (sql, run) in STATEMENTS {
        statements(rounds, sql, run);
    }
    opening(rounds);
    databases(rounds);
    println!("\nthe same with a ledger");
    let folder = tempfile::tempdir().unwrap();
    let mut with_ledger = Command::new(std::env::current_exe().unwrap());
    with_ledger.args(std::env::args_os().skip(1)).env("SQLITMUS_LEDGER", folder.path().join("ledger.txt"));
    assert!(with_ledger.status().unwrap().success());
}

type Run = fn(&mut Statement<'_>);

const STATEMENTS: [(&str, Run); 2] = [
    ("SELECT body FROM t WHERE id = ?1", |statement| {
        let _: String = statement.query_row([7], |row| row.get(0)).unwrap();
    }),
    ("UPDATE t SET body = 'x' WHERE id = ?1", |statement| {
        statement.execute([7]).unwrap();
    }),
];

/// Measures a run of a prepared statement.
fn once(db: &TestDb, sql: &str, run: Run) -> Duration {
    let transaction = db.unchecked_transaction().unwrap();
    let mut statement = db.prepare(sql).unwrap();
    let start = Instant::now();
    for _ in 0..RUNS {
        run(&mut statement);
    }
    let time = start.elapsed() / RUNS;
    drop(statement);
    drop(transaction);
    time
}

fn gathered(rounds: usize, sql: &str, run: Run) {
    println!("\na prepared statement: {sql}");
    let (bare, hooked) = (DB.in_memory(), DB.in_memory());
    without_hook(&bare);
    let mut times: [Vec<Duration>; 2] = Default::default();
    for _ in 0..rounds {
        times[0].push(once(&bare, sql, run));
        times[1].push(once(&hooked, sql, run));
    }
    tell(&mut times, &["gathered for the ledger"]);
}

/// Measures a test with ten statements that other tests have run before.
fn databases(rounds: usize) {
    println!("\na test's database: made, ten statements, gone");
    let mut times = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        let db = DB.in_memory();
        for column in 0..10 {
            let body = vec!["body"; column + 1].join(" || ");
            db.execute(&format!("UPDATE t SET body = {body} WHERE id = 77"), []).unwrap();
        }
        drop(db);
        times.push(start.elapsed());
    }
    println!("{:>10}", shown(median(&mut times)));
}

fn statements(rounds: usize, sql: &str, run: Run) {
    println!("\na prepared statement: {sql}");
    let (bare, hooked, recorded, sited) = (DB.in_memory(), DB.in_memory(), DB.in_memory(), DB.in_memory());
    without_hook(&bare);
    let mut times: [Vec<Duration>; 4] = Default::default();
    for _ in 0..rounds {
        times[0].push(once(&bare, sql, run));
        times[1].push(once(&hooked, sql, run));
        let recorder = recorded.recorder();
        times[2].push(once(&recorded, sql, run));
        assert!(recorder.stop().len() > 1000);
        let recorder = sited.recorder().with_call_sites();
        times[3].push(once(&sited, sql, run));
        drop(recorder);
    }
    tell(&mut times, &["hook, nothing recorded", "recorded", "recorded with call sites"]);
}

/// Prints the first time, and by how much the others exceed it.
fn tell(times: &mut [Vec<Duration>], names: &[&str]) {
    let medians: Vec<Duration> = times.iter_mut().map(|times| median(times)).collect();
    println!("{:>10}  without the hook", shown(medians[0]));
    for (name, time) in names.iter().zip(&medians[1..]) {
        let more = time.as_secs_f64() - medians[0].as_secs_f64();
        println!("{:>+7.0} ns  {name}", more * 1e9);
    }
}

fn opening(rounds: usize) {
    println!("\nanother connection of the app's, no statement");
    let (db, memory) = (DB.in_memory(), "file:bench?mode=memory&cache=shared");
    let mut times: [Vec<Duration>; 2] = Default::default();
    for _ in 0..rounds {
        for (times, path) in times.iter_mut().zip([memory, db.path().to_str().unwrap()]) {
            let start = Instant::now();
            let connection = Connection::open(path).unwrap();
            times.push(start.elapsed());
            drop(connection);
        }
    }
    for (times, name) in times.iter_mut().zip(["in memory, not of a test", "of a test"]) {
        println!("{:>10}  {name}", shown(median(times)));
    }
}

/// Removes our trace hook. SQLite has one per connection, so setting none removes it.
#[expect(unsafe_code, reason = "rusqlite has no call for it in all versions")]
fn without_hook(connection: &Connection) {
    // SAFETY: the connection is open and borrowed from the thread that owns it.
    unsafe { ffi::sqlite3_trace_v2(connection.handle(), 0, None, std::ptr::null_mut()) };
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn shown(time: Duration) -> String {
    format!("{:.2} us", time.as_secs_f64() * 1e6)
}
