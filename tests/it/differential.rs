//! Compares the simulated disk with SQLite's own VFS: three connections run the same schedule on both, and every step
//! must return the same rows or the same extended result code.
//!
//! A failure prints the seed of its schedule; a test that calls `schedule(SEED)` repeats it. `DIFFERENTIAL_STEPS=2000000` runs as
//! many steps, and `DIFFERENTIAL_SEED=1000000` begins with that seed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, ffi};
use sqlitmus::{Profile, Template, TestDb};

use crate::random::Random;

static EMPTY: Template = Template::empty().profile(Profile::SQLITE_DEFAULTS);

const CONNECTIONS: usize = 3;
const STEPS: u64 = 400;

// 132 schedules of 400 steps are 52,800 steps, in parts that run in parallel.
const PARTS: u64 = 4;

fn part(number: u64) {
    let variable = |name, default| std::env::var(name).map_or(default, |text| text.parse::<u64>().unwrap());
    let schedules = variable("DIFFERENTIAL_STEPS", 52_800).div_ceil(STEPS * PARTS);
    let first = variable("DIFFERENTIAL_SEED", 0) + number * schedules;
    (first..first + schedules).for_each(schedule);
}

#[test]
fn schedules_of_the_first_quarter_give_the_same_on_both() {
    part(0);
}

#[test]
fn schedules_of_the_second_quarter_give_the_same_on_both() {
    part(1);
}

#[test]
fn schedules_of_the_third_quarter_give_the_same_on_both() {
    part(2);
}

#[test]
fn schedules_of_the_last_quarter_give_the_same_on_both() {
    part(3);
}

/// The comparison must see that one side has one more row.
#[test]
fn one_row_more_on_one_side_is_noticed() {
    let (mut one, mut two) = (Side::simulated(), Side::simulated());
    let mut noticed = 0;
    for seed in 0..20 {
        let mut random = Random(seed);
        one.start();
        two.start();
        for number in 0..100 {
            let step = Step::draw(&mut random, true);
            let answer = one.run(&step);
            if number == 20 {
                let sql = "INSERT INTO t(body) VALUES ('one row more')";
                // The connection with the write lock writes.
                (0..CONNECTIONS).find(|&connection| two.run(&Step::Sql { connection, sql: sql.to_owned() }).is_empty());
            }
            if two.run(&step) != answer {
                noticed += 1;
                break;
            }
        }
    }
    assert!(noticed >= 15, "only {noticed} of 20 were noticed");
}

fn schedule(seed: u64) {
    let mut random = Random(seed);
    let mut sides = [Side::real(), Side::simulated(), Side::passed_through()];
    sides.iter_mut().for_each(Side::start);
    let mut history = String::new();
    for number in 0..STEPS {
        let step = Step::draw(&mut random, seed.is_multiple_of(2));
        let answers: Vec<String> = sides.iter_mut().map(|side| side.run(&step)).collect();
        let _ = writeln!(history, "{number:>4} {step:?}: {}", answers[0]);
        let same = answers.iter().all(|answer| *answer == answers[0]);
        assert!(same, "seed {seed}, step {number}\n{}\n{answers:#?}", tail(&history));
    }
    for connection in 0..CONNECTIONS {
        sides.iter_mut().for_each(|side| side.close(connection));
    }
    let check = Step::Sql { connection: 0, sql: String::from("PRAGMA integrity_check") };
    let answers: Vec<String> = sides.iter_mut().map(|side| side.run(&check)).collect();
    // Journal modes MEMORY and OFF may leave a corrupt database, but on all sides alike.
    assert!(answers.iter().all(|answer| *answer == answers[0]), "seed {seed}: {answers:#?}");
}

fn tail(history: &str) -> String {
    let lines: Vec<&str> = history.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

#[derive(Debug)]
enum Step {
    Reopen {
        connection: usize,
        read_only: bool,
    },
    /// Begins a query and keeps it open while other statements run.
    Cursor {
        connection: usize,
        sql: String,
    },
    /// Reads more rows of the query that is open, or closes it.
    Continue {
        connection: usize,
        rows: usize,
    },
    Attach {
        connection: usize,
    },
    Sql {
        connection: usize,
        sql: String,
    },
}

impl Step {
    fn draw(random: &mut Random, mapped: bool) -> Step {
        let connection = random.below(CONNECTIONS);
        let key = random.below(60);
        let table = random.pick(&["t", "t", "t", "u", "other.v"]);
        let size = random.pick(&["10", "200", "3000", "12000"]);
        let filler = format!("substr(hex(zeroblob({size})) || '{key}', 1, {size})");
        let sql = match random.below(110) {
            100..=102 => {
                let order = random.pick(&["id", "body, id", "id DESC"]);
                let sql = format!("SELECT id, length(body), substr(body, -6) FROM {table} ORDER BY {order}");
                return Step::Cursor { connection, sql };
            }
            103 => {
                let sql = format!("INSERT INTO {table}(body) VALUES ({filler}), ('x'), ('y') RETURNING id");
                return Step::Cursor { connection, sql };
            }
            104..=109 => return Step::Continue { connection, rows: random.pick(&["0", "1", "3"]).parse().unwrap() },
            0..=13 => format!("INSERT OR REPLACE INTO {table}(id, body) VALUES ({key}, {filler})"),
            14..=18 => format!(
                "INSERT INTO {table}(body) WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 20) \
                 SELECT {filler} FROM n"
            ),
            19..=23 => format!("UPDATE {table} SET body = {filler} WHERE id % 7 = {}", key % 7),
            24..=27 => format!("DELETE FROM {table} WHERE id % 5 = {}", key % 5),
            28..=41 => format!("SELECT count(*), sum(id), sum(length(body)), max(id) FROM {table}"),
            42..=44 => format!("SELECT id, length(body) FROM {table} ORDER BY body, id LIMIT 3"),
            45..=47 => String::from("BEGIN"),
            48..=51 => String::from("BEGIN IMMEDIATE"),
            52 => String::from("BEGIN EXCLUSIVE"),
            53..=59 => String::from("COMMIT"),
            60..=61 => String::from("ROLLBACK"),
            62..=63 => String::from("SAVEPOINT s"),
            64 => String::from("ROLLBACK TO s"),
            65 => String::from("RELEASE s"),
            66..=70 => {
                let mode = random.pick(&["DELETE", "TRUNCATE", "PERSIST", "MEMORY", "WAL", "WAL", "WAL", "OFF"]);
                let schema = random.pick(&["", "main.", "other."]);
                format!("PRAGMA {schema}journal_mode = {mode}")
            }
            71..=72 => format!("PRAGMA synchronous = {}", random.pick(&["OFF", "NORMAL", "FULL", "EXTRA"])),
            73 => format!("PRAGMA locking_mode = {}", random.pick(&["NORMAL", "NORMAL", "EXCLUSIVE"])),
            74..=77 => {
                format!("PRAGMA wal_checkpoint({})", random.pick(&["PASSIVE", "FULL", "RESTART", "TRUNCATE"]))
            }
            78 => format!("PRAGMA wal_autocheckpoint = {}", random.pick(&["0", "2", "50", "1000"])),
            79 => String::from("VACUUM"),
            80 if mapped => format!("PRAGMA page_size = {}", random.pick(&["512", "1024", "4096", "8192"])),
            80 => format!("PRAGMA page_size = {}", random.pick(&["512", "4096", "16384", "65536"])),
            81 => format!("PRAGMA auto_vacuum = {}", random.pick(&["NONE", "FULL", "INCREMENTAL"])),
            82 => String::from("PRAGMA incremental_vacuum(3)"),
            83..=84 => format!("PRAGMA cache_size = {}", random.pick(&["1", "5", "100"])),
            // The simulated disk maps pages of up to 8 KB, and mapping decides when a transaction spills.
            85 if mapped => format!("PRAGMA mmap_size = {}", random.pick(&["0", "65536", "268435456"])),
            85 => String::from("PRAGMA freelist_count"),
            86 => format!("PRAGMA temp_store = {}", random.pick(&["DEFAULT", "FILE", "MEMORY"])),
            87 => String::from("PRAGMA integrity_check"),
            88 if key < 30 => format!("SELECT sum(length(body || id)), max(substr(body, 9000, 5)) FROM {table}"),
            88 => String::from("CREATE INDEX IF NOT EXISTS t_body ON t(body)"),
            89 => String::from("DROP INDEX IF EXISTS t_body"),
            90 => String::from("CREATE TABLE IF NOT EXISTS u(id INTEGER PRIMARY KEY, body)"),
            91 => String::from("DROP TABLE IF EXISTS u"),
            92 => format!("CREATE TEMP TABLE IF NOT EXISTS temporary AS SELECT * FROM {table}"),
            93 => format!("PRAGMA user_version = {key}"),
            94 => format!("PRAGMA journal_size_limit = {}", random.pick(&["0", "-1", "20000"])),
            95 => String::from(
                "SELECT page_count, freelist_count, journal_mode FROM pragma_page_count, pragma_freelist_count, pragma_journal_mode",
            ),
            96 => String::from("DETACH other"),
            97 => return Step::Attach { connection },
            _ => return Step::Reopen { connection, read_only: key < 15 },
        };
        Step::Sql { connection, sql }
    }
}

/// Three connections to a database in one place.
struct Side {
    // Before the connections, which close after them.
    cursors: [Option<Cursor>; CONNECTIONS],
    connections: [Option<Connection>; CONNECTIONS],
    place: Place,
}

/// A query that is open, past the borrow of its connection.
struct Cursor(*mut ffi::sqlite3_stmt);

#[expect(unsafe_code, reason = "a statement of rusqlite's cannot be kept beside its connection")]
impl Cursor {
    /// Prepares a query, or returns the extended result code.
    fn new(connection: &Connection, sql: &str) -> Result<Cursor, i32> {
        let text = std::ffi::CString::new(sql).unwrap();
        let mut statement = std::ptr::null_mut();
        // SAFETY: the connection is open and the text ends in NUL. A side drops its cursor before its connection.
        unsafe {
            let db = connection.handle();
            match ffi::sqlite3_prepare_v2(db, text.as_ptr(), -1, &raw mut statement, std::ptr::null_mut()) {
                ffi::SQLITE_OK => Ok(Cursor(statement)),
                _ => Err(ffi::sqlite3_extended_errcode(db)),
            }
        }
    }

    /// Reads the next rows into `text`, and a result code that ends them. Returns true if there may be more.
    fn read(&self, count: usize, text: &mut String) -> bool {
        for _ in 0..count {
            // SAFETY: the statement and its connection are open.
            let code = unsafe { ffi::sqlite3_step(self.0) };
            if code != ffi::SQLITE_ROW {
                // SAFETY: as above.
                let code = unsafe { ffi::sqlite3_extended_errcode(ffi::sqlite3_db_handle(self.0)) };
                let _ = write!(text, "code {code}");
                return false;
            }
            // SAFETY: as above; the statement is on a row, whose columns are numbers and texts.
            let columns = unsafe { ffi::sqlite3_column_count(self.0) };
            for column in 0..columns {
                // SAFETY: as above. The text of NULL is NULL.
                let value = unsafe { ffi::sqlite3_column_text(self.0, column) };
                // SAFETY: a text of SQLite's ends in NUL and is read at once.
                let bytes = (!value.is_null()).then(|| unsafe { std::ffi::CStr::from_ptr(value.cast()) }.to_bytes());
                let _ = write!(text, "{} ", String::from_utf8_lossy(bytes.unwrap_or(b"NULL")));
            }
        }
        true
    }
}

#[expect(unsafe_code, reason = "as above")]
impl Drop for Cursor {
    fn drop(&mut self) {
        // SAFETY: it is finalized once, while its connection is open.
        unsafe { ffi::sqlite3_finalize(self.0) };
    }
}

enum Place {
    Simulated(Box<TestDb>),
    Files { folder: tempfile::TempDir, vfs: Option<&'static str> },
}

impl Side {
    fn real() -> Side {
        Side::at(Place::Files { folder: folder(), vfs: None })
    }

    fn passed_through() -> Side {
        Side::at(Place::Files { folder: folder(), vfs: Some("sqlitmus-files") })
    }

    fn simulated() -> Side {
        Side::at(Place::Simulated(Box::new(EMPTY.in_memory())))
    }

    fn at(place: Place) -> Side {
        Side { cursors: [const { None }; CONNECTIONS], connections: [const { None }; CONNECTIONS], place }
    }

    /// Starts with an empty database.
    fn start(&mut self) {
        (0..CONNECTIONS).for_each(|number| self.close(number));
        match &mut self.place {
            Place::Simulated(db) => **db = EMPTY.in_memory(),
            Place::Files { folder: old, .. } => *old = folder(),
        }
        let sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, body); CREATE TABLE other.v(id INTEGER PRIMARY KEY, body)";
        self.open(0, false).execute_batch(sql).unwrap();
    }

    fn open(&mut self, number: usize, read_only: bool) -> &Connection {
        let place = &self.place;
        self.connections[number].get_or_insert_with(|| {
            let flags = match read_only {
                true => OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
                false => OpenFlags::default(),
            };
            let connection = match place {
                Place::Simulated(db) => Connection::open_with_flags(db.uri(), flags).unwrap(),
                Place::Files { folder, vfs } => open_file(&folder.path().join("main.db"), *vfs, flags),
            };
            connection.busy_timeout(Duration::ZERO).unwrap();
            if shares_one_cache() {
                connection.execute_batch("PRAGMA cache_spill = OFF").unwrap();
            }
            // Fails on all sides alike if another connection holds a lock. Then the steps that need it fail alike too.
            let _ = attach(place, &connection);
            connection
        })
    }

    fn close(&mut self, number: usize) {
        self.cursors[number] = None;
        self.connections[number] = None;
    }

    fn run(&mut self, step: &Step) -> String {
        match step {
            Step::Reopen { connection, read_only } => {
                self.close(*connection);
                self.open(*connection, *read_only);
                String::from("reopened")
            }
            Step::Sql { connection, sql } => answer(self.open(*connection, false), sql),
            Step::Cursor { connection, sql } => {
                self.cursors[*connection] = None;
                match Cursor::new(self.open(*connection, false), sql) {
                    Ok(cursor) => self.read(*connection, cursor, 1),
                    Err(code) => format!("code {code}"),
                }
            }
            Step::Continue { connection, rows } => match self.cursors[*connection].take() {
                Some(cursor) if *rows > 0 => self.read(*connection, cursor, *rows),
                _ => String::from("closed"),
            },
            Step::Attach { connection } => {
                self.open(*connection, false);
                let Some(connection) = &self.connections[*connection] else { unreachable!("it was just opened") };
                attach(&self.place, connection).map_or_else(|error| code_of(&error), |_| String::new())
            }
        }
    }
}

impl Side {
    /// Reads from a query and keeps it unless it has ended: SQLite crashes where such a one is started again after a DETACH.
    fn read(&mut self, connection: usize, cursor: Cursor, rows: usize) -> String {
        let mut text = String::new();
        if cursor.read(rows, &mut text) {
            self.cursors[connection] = Some(cursor);
        }
        text
    }
}

fn attach(place: &Place, connection: &Connection) -> rusqlite::Result<usize> {
    let other = match place {
        Place::Simulated(_) => PathBuf::from("other.db"),
        Place::Files { folder, .. } => folder.path().join("other.db"),
    };
    connection.execute("ATTACH ?1 AS other", [other.to_str().unwrap()])
}

/// Returns true if this build of SQLite counts the pages of all connections of the process together. When a transaction
/// spills then depends on the caches of the other sides, so the sides cannot be compared.
fn shares_one_cache() -> bool {
    let sqlite = Connection::open_in_memory().unwrap();
    let sql = "SELECT sqlite_compileoption_used('ENABLE_MEMORY_MANAGEMENT')";
    sqlite.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Returns a folder for real files, on a file system in memory if there is one: fsync is not tested here.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn open_file(path: &Path, vfs: Option<&str>, flags: OpenFlags) -> Connection {
    match vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs).unwrap(),
        None => Connection::open_with_flags(path, flags).unwrap(),
    }
}

/// Returns the rows, or the extended result code.
fn answer(connection: &Connection, sql: &str) -> String {
    let rows = || -> rusqlite::Result<String> {
        let mut statement = connection.prepare(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        let mut text = String::new();
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                let _ = match row.get_ref(column)? {
                    ValueRef::Null => write!(text, "NULL "),
                    ValueRef::Integer(number) => write!(text, "{number} "),
                    ValueRef::Real(number) => write!(text, "{number} "),
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                        write!(text, "{} ", String::from_utf8_lossy(bytes))
                    }
                };
            }
        }
        Ok(text)
    };
    rows().unwrap_or_else(|error| code_of(&error))
}

fn code_of(error: &rusqlite::Error) -> String {
    let code = std::error::Error::source(error).and_then(|source| source.downcast_ref::<ffi::Error>());
    code.map_or_else(|| format!("{error:?}"), |code| format!("code {}", code.extended_code))
}
