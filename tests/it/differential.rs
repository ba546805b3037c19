//! Compares the simulated disk with SQLite's own VFS: three connections run the same schedule on both, and every step
//! must return the same rows or the same extended result code.
//!
//! A failure prints the seed of its schedule; a test that calls `schedule(SEED)` repeats it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use sqlitmus::{Profile, Template, TestDb};

static EMPTY: Template = Template::empty().profile(Profile::SQLITE_DEFAULTS);

const CONNECTIONS: usize = 3;
const STEPS: u64 = 400;

// 260 schedules of 400 steps are 104,000 steps, in parts that run in parallel.

#[test]
fn schedules_0_to_64_give_the_same_on_both() {
    (0..65).for_each(schedule);
}

#[test]
fn schedules_65_to_129_give_the_same_on_both() {
    (65..130).for_each(schedule);
}

#[test]
fn schedules_130_to_194_give_the_same_on_both() {
    (130..195).for_each(schedule);
}

#[test]
fn schedules_195_to_259_give_the_same_on_both() {
    (195..260).for_each(schedule);
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
    Reopen { connection: usize },
    Sql { connection: usize, sql: String },
}

impl Step {
    fn draw(random: &mut Random, mapped: bool) -> Step {
        let connection = random.below(CONNECTIONS);
        let key = random.below(60);
        let table = random.pick(&["t", "t", "t", "u", "other.v"]);
        let size = random.pick(&["10", "200", "3000", "12000"]);
        let filler = format!("substr(hex(zeroblob({size})) || '{key}', 1, {size})");
        let sql = match random.below(100) {
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
            _ => return Step::Reopen { connection },
        };
        Step::Sql { connection, sql }
    }
}

/// Three connections to a database in one place.
struct Side {
    connections: [Option<Connection>; CONNECTIONS],
    place: Place,
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
        Side { connections: [const { None }; CONNECTIONS], place }
    }

    /// Starts with an empty database.
    fn start(&mut self) {
        self.connections = [const { None }; CONNECTIONS];
        match &mut self.place {
            Place::Simulated(db) => **db = EMPTY.in_memory(),
            Place::Files { folder: old, .. } => *old = folder(),
        }
        let sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, body); CREATE TABLE other.v(id INTEGER PRIMARY KEY, body)";
        self.open(0).execute_batch(sql).unwrap();
    }

    fn open(&mut self, number: usize) -> &Connection {
        let place = &self.place;
        self.connections[number].get_or_insert_with(|| {
            let connection = match place {
                Place::Simulated(db) => Connection::open(db.uri()).unwrap(),
                Place::Files { folder, vfs } => open_file(&folder.path().join("main.db"), *vfs),
            };
            connection.busy_timeout(Duration::ZERO).unwrap();
            if shares_one_cache() {
                connection.execute_batch("PRAGMA cache_spill = OFF").unwrap();
            }
            let other = match place {
                Place::Simulated(_) => PathBuf::from("other.db"),
                Place::Files { folder, .. } => folder.path().join("other.db"),
            };
            // Fails on all sides alike if another connection holds a lock. Then the steps that need it fail alike too.
            let _ = connection.execute("ATTACH ?1 AS other", [other.to_str().unwrap()]);
            connection
        })
    }

    fn close(&mut self, number: usize) {
        self.connections[number] = None;
    }

    fn run(&mut self, step: &Step) -> String {
        match step {
            Step::Reopen { connection } => {
                self.close(*connection);
                String::from("closed")
            }
            Step::Sql { connection, sql } => answer(self.open(*connection), sql),
        }
    }
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

fn open_file(path: &Path, vfs: Option<&str>) -> Connection {
    match vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, OpenFlags::default(), vfs).unwrap(),
        None => Connection::open(path).unwrap(),
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
    rows().unwrap_or_else(|error| {
        let code = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<rusqlite::ffi::Error>());
        code.map_or_else(|| format!("{error:?}"), |code| format!("code {}", code.extended_code))
    })
}

/// SplitMix64, which returns the same numbers for the same seed on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % end
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}
