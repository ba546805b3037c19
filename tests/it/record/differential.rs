//! Recording does not change a workload: with and without it, the rows, errors and counts are the same.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlitmus::rusqlite::types::Value;
use sqlitmus::rusqlite::{Connection, Statement, StatementStatus, ffi, functions::FunctionFlags};
use sqlitmus::{Template, TestDb};

use crate::random::Random;

static DB: Template = Template::embedded(&[(
    "1.sql",
    "CREATE TABLE a(id INTEGER PRIMARY KEY, n INTEGER UNIQUE, t TEXT);
     CREATE TABLE b(id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a(id) ON DELETE CASCADE, n INTEGER CHECK(n < 90));
     CREATE TABLE log(what TEXT);
     CREATE TRIGGER a_added AFTER INSERT ON a BEGIN
       INSERT INTO b(a_id, n) VALUES (new.id, new.n); INSERT INTO log VALUES ('added ' || new.id);
     END;
     CREATE TRIGGER b_changed AFTER UPDATE ON b WHEN new.n = 13 BEGIN SELECT RAISE(ABORT, 'thirteen'); END;",
)]);

#[test]
fn recording_changes_no_result() {
    for seed in 0..150 {
        let [plain, recorded, forked] = [DB.in_memory(), DB.in_memory(), DB.on_disk()];
        let expected = run(&plain, seed);
        let recorder = recorded.recorder();
        let seen = run(&recorded, seed);
        let queries = recorder.stop();
        assert!(queries.is_complete() && queries.len() > 20);
        assert_eq!(seen, expected, "seed {seed}, recorded");
        let recorder = forked.recorder().with_call_sites();
        if seed % 50 == 0 {
            assert_eq!(run(&forked, seed), expected, "seed {seed}, recorded on disk with call sites");
        }
        drop(recorder);
    }
}

/// Runs a random workload and returns everything that an app sees of it, as text.
fn run(db: &TestDb, seed: u64) -> String {
    let mut random = Random(seed);
    let mut seen = String::new();
    let connections = [&**db, &db.connect()];
    for connection in connections {
        connection.busy_timeout(std::time::Duration::ZERO).unwrap();
    }
    // This function interrupts its own statement after some calls, the same number in each run.
    let left = Arc::new(AtomicU32::new(u32::MAX));
    for connection in connections {
        let (left, handle) = (Arc::clone(&left), connection.get_interrupt_handle());
        let tick = move || {
            if left.fetch_sub(1, Ordering::Relaxed) == 0 {
                handle.interrupt();
            }
        };
        connection
            .create_scalar_function("tick", 0, FunctionFlags::SQLITE_UTF8, move |_| {
                tick();
                Ok(1)
            })
            .unwrap();
    }
    let mut kept =
        connections.map(|connection| connection.prepare("SELECT id, n, t FROM a WHERE n > ?1 LIMIT 3").unwrap());
    for number in 0..60 {
        let which = random.below(5) / 4;
        let connection = connections[which];
        let (x, y) = (random.below(100), random.below(30));
        let sql = match random.below(16) {
            0 => "BEGIN".to_owned(),
            1 => "BEGIN IMMEDIATE".to_owned(),
            2 | 3 => "COMMIT".to_owned(),
            4 => "ROLLBACK".to_owned(),
            5 => format!("UPDATE a SET n = {x}, t = t || 'x' WHERE id = {y}"),
            6 => format!("UPDATE b SET n = n + {} WHERE a_id < {y}", x % 7),
            7 => format!("DELETE FROM a WHERE id % 7 = {}", y % 7),
            8 => format!("INSERT OR REPLACE INTO a VALUES ({y}, {x}, 'r') RETURNING id, n"),
            9 => format!("INSERT INTO a(n, t) SELECT value, 'j' FROM json_each('[{x}, {y}, 41]') RETURNING n"),
            10 => "SELECT count(*), sum(n), max(t) FROM a".to_owned(),
            11 => {
                left.store(u32::try_from(y).unwrap_or(0), Ordering::Relaxed);
                "UPDATE b SET n = n + tick() WHERE tick() = 1".to_owned()
            }
            12 => format!("SELECT a.id, b.n FROM a JOIN b ON b.a_id = a.id ORDER BY b.n LIMIT {}", y % 4),
            13 if number % 20 == 13 => "ALTER TABLE log ADD COLUMN c".to_owned() + &number.to_string(),
            14 => {
                let steps = kept[which].get_status(StatementStatus::VmStep);
                let _ = write!(
                    seen,
                    "kept {steps} steps {:?} ",
                    rows(&mut kept[which], Some(i64::try_from(x).unwrap()), 10)
                );
                format!("SELECT {x}")
            }
            _ => format!("INSERT INTO a(n, t) VALUES ({x}, 't{y}')"),
        };
        let most = if x % 3 == 0 { 1 } else { 100 };
        let answer = connection.prepare(&sql).map(|mut statement| rows(&mut statement, None, most));
        left.store(u32::MAX, Ordering::Relaxed);
        let _ = writeln!(
            seen,
            "{number} {which} {sql}: {answer:?} changes {} {} rowid {} autocommit {} errcode {}",
            connection.changes(),
            total_changes(connection),
            connection.last_insert_rowid(),
            connection.is_autocommit(),
            error_code(connection),
        );
    }
    drop(kept);
    for table in ["a", "b", "log"] {
        let mut statement = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let _ = writeln!(seen, "{table}: {:?}", rows(&mut statement, None, 10_000));
    }
    seen
}

/// Returns at most `most` rows, and the error if there is one. The statement is not stepped past them.
fn rows(statement: &mut Statement<'_>, value: Option<i64>, most: usize) -> (Vec<Vec<Value>>, Option<String>) {
    let columns = statement.column_count();
    let mut found = Vec::new();
    let rows = match value {
        Some(value) => statement.query([value]),
        None => statement.query([]),
    };
    let mut rows = match rows {
        Ok(rows) => rows,
        Err(error) => return (found, Some(error.to_string())),
    };
    while found.len() < most {
        match rows.next() {
            Ok(Some(row)) => found.push((0..columns).map(|column| row.get(column).unwrap()).collect()),
            Ok(None) => break,
            Err(error) => return (found, Some(error.to_string())),
        }
    }
    (found, None)
}

#[expect(unsafe_code, reason = "rusqlite does not have these two in all versions")]
fn total_changes(connection: &Connection) -> i32 {
    // SAFETY: the connection is open, and borrowed from the thread that owns it.
    unsafe { ffi::sqlite3_total_changes(connection.handle()) }
}

#[expect(unsafe_code, reason = "rusqlite does not have these two in all versions")]
fn error_code(connection: &Connection) -> i32 {
    // SAFETY: as above.
    unsafe { ffi::sqlite3_extended_errcode(connection.handle()) }
}
