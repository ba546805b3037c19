//! What recording costs: a prepared statement with the hook on its connection and without, recorded and not.
//!
//! `cargo bench --bench record` measures the release build. All cases run in turn, round by round, and what is told is
//! the difference to the first, so that it holds when the machine's speed drifts.

#![expect(clippy::print_stdout, reason = "a bench reports to whoever runs it")]

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
    statements(rounds, "SELECT body FROM t WHERE id = ?1", |statement| {
        let _: String = statement.query_row([7], |row| row.get(0)).unwrap();
    });
    statements(rounds, "UPDATE t SET body = 'x' WHERE id = ?1", |statement| {
        statement.execute([7]).unwrap();
    });
    opening(rounds);
}

fn statements(rounds: usize, sql: &str, run: fn(&mut Statement<'_>)) {
    println!("\na prepared statement: {sql}");
    let (bare, hooked, recorded, sited) = (DB.in_memory(), DB.in_memory(), DB.in_memory(), DB.in_memory());
    without_hook(&bare);
    let mut times: [Vec<Duration>; 4] = Default::default();
    let once = |db: &TestDb, times: &mut Vec<Duration>| {
        let transaction = db.unchecked_transaction().unwrap();
        let mut statement = db.prepare(sql).unwrap();
        let start = Instant::now();
        for _ in 0..RUNS {
            run(&mut statement);
        }
        times.push(start.elapsed() / RUNS);
        drop(statement);
        drop(transaction);
    };
    for _ in 0..rounds {
        once(&bare, &mut times[0]);
        once(&hooked, &mut times[1]);
        let recorder = recorded.recorder();
        once(&recorded, &mut times[2]);
        assert!(recorder.stop().len() > 1000);
        let recorder = sited.recorder().with_call_sites();
        once(&sited, &mut times[3]);
        drop(recorder);
    }
    let medians = times.each_mut().map(|times| median(times));
    println!("{:>10}  without the hook", shown(medians[0]));
    for (name, time) in ["hook, nothing recorded", "recorded", "recorded with call sites"].iter().zip(&medians[1..]) {
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

/// SQLite has one trace hook per connection: setting none takes ours away.
#[expect(unsafe_code, reason = "rusqlite has no call for it in all versions")]
fn without_hook(connection: &Connection) {
    // SAFETY: the connection is open, and borrowed from the thread that owns it.
    unsafe { ffi::sqlite3_trace_v2(connection.handle(), 0, None, std::ptr::null_mut()) };
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn shown(time: Duration) -> String {
    format!("{:.2} us", time.as_secs_f64() * 1e6)
}
