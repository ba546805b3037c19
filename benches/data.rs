//! Filling tables, compared with the same inserts by a generator written by hand for this one table.
//!
//! `cargo bench --bench data` measures the release build; with `--profile dev`, the build in which tests run is measured. The
//! cases of a table alternate, round by round, so that the ratios hold when the machine's speed drifts. The absolute times
//! are only for this machine.

#![expect(clippy::print_stdout, reason = "a bench reports to whoever runs it")]

use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, params};
use sqlitmus::data::Fill;
use sqlitmus::{Profile, Template};

const SCHEMA: &str = "
    CREATE TABLE users(
        id INTEGER PRIMARY KEY,
        email TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        age INTEGER NOT NULL CHECK (age BETWEEN 18 AND 99),
        status TEXT NOT NULL CHECK (status IN ('active', 'invited', 'blocked')),
        balance REAL,
        created_at TEXT NOT NULL
    );
    CREATE INDEX users_name ON users(name);
    CREATE INDEX users_created ON users(created_at);";

static USERS: Template = Template::embedded(&[("1.sql", SCHEMA)]).profile(Profile::PRODUCTION);

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    println!(
        "SQLite {}, {} build",
        rusqlite::version(),
        if cfg!(debug_assertions) { "unoptimised" } else { "release" }
    );
    // `values` measures only the generator, for a profiler.
    if std::env::args().any(|argument| argument == "values") {
        return generator(50);
    }
    let (rows, rounds) = if quick { (2_000, 1) } else { (100_000, 7) };
    println!("\n{rows} rows of users: 7 columns, UNIQUE, 2 indexes, 2 CHECKs");
    compare(":memory:", rows, rounds, || {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        Box::new(connection)
    });
    let wal = tempfile_in_target();
    let mut number = 0;
    compare("WAL", rows, rounds, || {
        number += 1;
        let connection = Connection::open(wal.join(format!("{number}.db"))).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL").unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        Box::new(connection)
    });
    std::fs::remove_dir_all(&wal).unwrap();
    compare("TestDb", rows, rounds, || USERS.in_memory());
    generator(if quick { 1 } else { 200 });
    growth(if quick { &[1_000, 2_000] } else { &[10_000, 100_000, 1_000_000] });
}

fn tempfile_in_target() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("sqlitmus-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn compare<C: std::ops::Deref<Target = Connection>>(name: &str, rows: u64, rounds: usize, mut open: impl FnMut() -> C) {
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let connection = open();
        let start = Instant::now();
        hand_written(&connection, rows);
        by_hand.push(start.elapsed());
        drop(connection);
        let connection = open();
        let start = Instant::now();
        Fill::seed(1).rows("users", rows).insert(&connection);
        ours.push(start.elapsed());
    }
    let (ours, by_hand) = (median(ours), median(by_hand));
    println!(
        "{name:>10}: by hand {by_hand:>9.1?}, Fill {ours:>9.1?}: {:.2} times",
        ours.as_secs_f64() / by_hand.as_secs_f64()
    );
}

/// The code that a test would have if its author wants many users fast.
fn hand_written(connection: &Connection, rows: u64) {
    let mut state = 0x5f3a_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    const FIRST: [&str; 8] = ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Alan", "Tony", "Frances"];
    const LAST: [&str; 8] = ["Lovelace", "Hopper", "Dijkstra", "Liskov", "Knuth", "Turing", "Hoare", "Allen"];
    const STATUS: [&str; 3] = ["active", "invited", "blocked"];
    connection.execute_batch("BEGIN").unwrap();
    let mut statement = connection.prepare("INSERT INTO users VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)").unwrap();
    let (mut email, mut name, mut created) = (String::new(), String::new(), String::new());
    for row in 0..rows {
        use std::fmt::Write as _;
        let (first, last) = (FIRST[(next() % 8) as usize], LAST[(next() % 8) as usize]);
        email.clear();
        write!(email, "{first}.{last}.{row}@example.com").unwrap();
        name.clear();
        write!(name, "{first} {last}").unwrap();
        let number = next();
        created.clear();
        write!(
            created,
            "20{:02}-{:02}-{:02} {:02}:{:02}:{:02}",
            20 + number % 5,
            1 + number / 5 % 12,
            1 + number / 60 % 28,
            number / 1680 % 24,
            number / 40_320 % 60,
            number / 2_419_200 % 60
        )
        .unwrap();
        let balance = (next() % 5 != 0).then(|| (next() % 100_000) as f64 / 100.0);
        let (age, status) = ((18 + next() % 82) as i64, STATUS[(next() % 3) as usize]);
        statement.execute(params![(row + 1).cast_signed(), email, name, age, status, balance, created]).unwrap();
    }
    drop(statement);
    connection.execute_batch("COMMIT").unwrap();
}

/// Measures the cost of generating values: a fill minus the inserts of the same rows. To keep the noise of the machine
/// below the difference, few rows, which stay in its caches, are inserted many times into a table without the indexes that
/// can be left out, and the shortest time of all rounds counts. Planning the fill is included.
fn generator(rounds: usize) {
    let rows = 5_000;
    let schema = SCHEMA.split("CREATE INDEX").next().unwrap();
    let open = || {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(schema).unwrap();
        connection
    };
    let all: Vec<Vec<Value>> = {
        let connection = open();
        Fill::seed(1).rows("users", rows).insert(&connection);
        let mut statement = connection.prepare("SELECT * FROM users ORDER BY id").unwrap();
        let values = statement.query_map([], |row| (0..7).map(|column| row.get(column)).collect()).unwrap();
        values.map(Result::unwrap).collect()
    };
    let (mut ours, mut replayed) = (Duration::MAX, Duration::MAX);
    for _ in 0..rounds {
        let connection = open();
        let start = Instant::now();
        Fill::seed(1).rows("users", rows).insert(&connection);
        ours = ours.min(start.elapsed());
        let connection = open();
        let start = Instant::now();
        connection.execute_batch("BEGIN").unwrap();
        let mut statement = connection.prepare("INSERT INTO users VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)").unwrap();
        for row in &all {
            for (index, value) in row.iter().enumerate() {
                statement.raw_bind_parameter(index + 1, value).unwrap();
            }
            statement.raw_execute().unwrap();
        }
        drop(statement);
        connection.execute_batch("COMMIT").unwrap();
        replayed = replayed.min(start.elapsed());
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / rows as f64;
    println!(
        "\nthe values alone: {:.2} us a row of 7 columns, beside {:.2} us for its insert",
        each(ours.saturating_sub(replayed)),
        each(replayed)
    );
}

/// Measures how the time grows with the rows, and how SQLite's share grows: the same rows are inserted again in the same
/// order. Once an index outgrows the processor's caches, a row whose key has no order costs more, whatever inserts it.
fn growth(sizes: &[u64]) {
    println!("\nwith a parent for each tenth row");
    let schema = "CREATE TABLE a(id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE);
         CREATE TABLE b(id INTEGER PRIMARY KEY, a_id INTEGER NOT NULL REFERENCES a, a_code TEXT NOT NULL REFERENCES a(code));";
    for &rows in sizes {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(schema).unwrap();
        let before = resident();
        let start = Instant::now();
        Fill::seed(1).rows("a", rows / 10).rows("b", rows).insert(&connection);
        let (elapsed, after) = (start.elapsed(), resident());
        let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        let again = Connection::open_in_memory().unwrap();
        again.execute_batch(schema).unwrap();
        let copied = copy(&connection, &again, "a", 2) + copy(&connection, &again, "b", 3);
        println!(
            "{rows:>10} rows: {:.2} us a row, {:.2} times their inserts alone; {} KB more memory, {} KB of it the database",
            elapsed.as_secs_f64() * 1e6 / rows as f64,
            elapsed.as_secs_f64() / copied.as_secs_f64(),
            after.saturating_sub(before),
            pages * 4
        );
    }
}

/// Measures the time to insert the rows of a table into another database.
fn copy(from: &Connection, to: &Connection, table: &str, columns: usize) -> Duration {
    let mut select = from.prepare(&format!("SELECT * FROM {table} ORDER BY id")).unwrap();
    let values = select.query_map([], |row| (0..columns).map(|column| row.get(column)).collect()).unwrap();
    let rows: Vec<Vec<Value>> = values.map(Result::unwrap).collect();
    let start = Instant::now();
    to.execute_batch("BEGIN").unwrap();
    let places = vec!["?"; columns].join(", ");
    let mut insert = to.prepare(&format!("INSERT INTO {table} VALUES ({places})")).unwrap();
    for row in &rows {
        for (index, value) in row.iter().enumerate() {
            insert.raw_bind_parameter(index + 1, value).unwrap();
        }
        insert.raw_execute().unwrap();
    }
    drop(insert);
    to.execute_batch("COMMIT").unwrap();
    start.elapsed()
}

/// Returns the resident memory in KB, if the system reports it.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).map_or(0, |pages| pages * 4)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
