use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use sqlitmus::check::{self, Findings};
use sqlitmus::rusqlite::Connection;
use sqlitmus::rusqlite::backup::{Backup, StepResult};
use sqlitmus::{Template, TestDb};
use tempfile::TempDir;

static APP: Template = Template::embedded(&[(
    "1.sql",
    "CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT);
     CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id), note TEXT);
     CREATE INDEX orders_customer ON orders(customer_id);
     CREATE INDEX customers_name ON customers(name);
     CREATE TABLE log(line TEXT);
     INSERT INTO customers VALUES (1, 'Ada'), (2, 'Grace');
     INSERT INTO log VALUES ('same'), ('same'), (NULL);",
)]);

fn order(connection: &Connection, note: &str) {
    connection.execute("INSERT INTO orders(customer_id, note) VALUES (1, ?1)", [note]).unwrap();
}

struct Copies {
    db: TestDb,
    folder: TempDir,
}

impl Copies {
    /// Creates a database on disk whose last rows are only in the WAL.
    fn new() -> Copies {
        let db = APP.on_disk().unchecked();
        for number in 0..50 {
            order(&db, &format!("order {number} {}", "x".repeat(500)));
        }
        db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        order(&db, "the last but two");
        order(&db, "the last but one");
        order(&db, "the last");
        Copies { db, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Copies the files with these suffixes.
    fn cold(&self, suffixes: &[&str]) -> PathBuf {
        let copy = self.path("cold.db");
        for suffix in suffixes {
            let with = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
            std::fs::copy(with(self.db.path()), with(&copy)).unwrap();
        }
        copy
    }

    fn vacuumed(&self) -> PathBuf {
        let copy = self.path("vacuumed.db");
        self.db.execute("VACUUM INTO ?1", [copy.to_str()]).unwrap();
        copy
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn found(findings: &Findings) -> Vec<(&str, &str)> {
    findings.iter().map(|finding| (finding.code(), finding.object())).collect()
}

#[test]
fn vacuum_into_is_a_backup() {
    let copies = Copies::new();
    let copy = copies.vacuumed();
    check::backup(&copies.db, &copy).assert_ok();
    assert_eq!(copies.files(), ["vacuumed.db"], "nothing is left beside it");
    assert!(copies.db.is_autocommit());
    // The source may be on the simulated disk.
    let db = APP.in_memory();
    let copy = copies.path("from_memory.db");
    db.execute("VACUUM INTO ?1", [copy.to_str()]).unwrap();
    check::backup(&db, &copy).assert_ok();
    order(&db, "later");
    // The copy is older than the source, but not because its WAL is missing.
    let expected: &[(&str, &str)] = &[("rows-differ", "orders")];
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    order(&db, "in the WAL");
    assert_eq!(found(&check::backup(&db, &copy)), expected);
}

#[test]
fn rowids_that_no_column_names_may_differ() {
    let copies = Copies::new();
    copies.db.execute_batch("DELETE FROM log WHERE rowid = 1; INSERT INTO log VALUES ('more')").unwrap();
    check::backup(&copies.db, copies.vacuumed()).assert_ok();
}

#[test]
fn a_cold_copy_with_its_wal_is_a_backup() {
    let copies = Copies::new();
    check::backup(&copies.db, copies.cold(&["", "-wal", "-shm"])).assert_ok();
    assert_eq!(copies.files(), ["cold.db", "cold.db-shm", "cold.db-wal"]);
    check::backup(&copies.db, copies.cold(&["", "-wal"])).assert_ok();
}

#[test]
fn a_cold_copy_without_its_wal_is_not() {
    let copies = Copies::new();
    let copy = copies.cold(&[""]);
    let wal = check::health(&copies.db).wal_bytes.unwrap();
    assert_eq!(
        check::backup(&copies.db, &copy).try_assert_ok().unwrap_err().to_string(),
        "wal-not-copied: the copy lacks what was still in the WAL: 3 rows of orders\n\
         \n  wal-not-copied (COPY):\
         \n    the copy lacks what was still in the WAL: 3 rows of orders\
         \n    there is no -wal beside COPY, and the source's has BYTES bytes: a database file without its -wal is as it was at the last checkpoint\n\
         \n  compared with the source:\
         \n    the copy lacks 3 rows of orders\n\
         \n  help: copy with VACUUM INTO or SQLite's online backup, which read the WAL too"
            .replace("COPY", copy.to_str().unwrap())
            .replace("BYTES", &wal.to_string())
    );
    // After a complete checkpoint, the database file alone is a backup.
    copies.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    check::backup(&copies.db, copies.cold(&[""])).assert_ok();
}

#[test]
fn a_table_that_was_only_in_the_wal() {
    let copies = Copies::new();
    copies
        .db
        .execute_batch("CREATE TABLE later(x); INSERT INTO later VALUES (1); DELETE FROM log WHERE line IS NULL")
        .unwrap();
    let findings = check::backup(&copies.db, copies.cold(&[""]));
    let whats: Vec<&str> = findings.iter().map(|finding| finding.what()).collect();
    assert_eq!(
        whats,
        ["the copy lacks what was still in the WAL: later, the deletion of 1 row of log, 3 rows of orders"]
    );
}

#[test]
fn changes_since_the_backup_are_shown() {
    let copies = Copies::new();
    let copy = copies.vacuumed();
    let changed = Connection::open(&copy).unwrap();
    changed
        .execute_batch(
            "UPDATE customers SET name = 'Bea' WHERE id = 2;
             DELETE FROM orders WHERE id = 7;
             INSERT INTO log VALUES ('same');
             DROP INDEX customers_name; CREATE INDEX customers_name ON customers(name DESC);
             DROP INDEX orders_customer; CREATE TABLE other(x); CREATE INDEX other_x ON other(x);
             PRAGMA user_version = 3;",
        )
        .unwrap();
    drop(changed);
    let findings = check::backup(&copies.db, &copy);
    let all: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        all,
        [
            "schema-differs (customers_name): the index customers_name is declared differently in the copy",
            "schema-differs (orders_customer): the copy lacks the index orders_customer",
            "schema-differs (other): the copy has a table that the source lacks: other",
            "schema-differs (user_version): PRAGMA user_version is 3 in the copy and 0 in the source",
            "rows-differ (customers): the copy lacks 1 row of customers, and has another",
            "rows-differ (log): the copy has 1 row of log that the source lacks",
            "rows-differ (orders): the copy lacks 1 row of orders",
        ]
    );
    let report = findings.try_assert_ok().unwrap_err().to_string();
    assert!(report.contains("  the first such row of customers:\n    id = 2, name = 'Grace'\n"), "{report}");
    assert!(report.contains("  the first such row of log:\n    line = 'same'\n"), "{report}");
}

#[test]
fn a_truncated_copy() {
    let copies = Copies::new();
    let copy = copies.vacuumed();
    let good = std::fs::read(&copy).unwrap();
    for len in [0, 50, 4096, good.len() / 2, good.len() - 8192, good.len() - 1] {
        std::fs::write(&copy, &good[..len]).unwrap();
        let findings = check::backup(&copies.db, &copy);
        assert!(!findings.is_empty(), "{len} bytes");
    }
    std::fs::write(&copy, &good).unwrap();
    check::backup(&copies.db, &copy).assert_ok();
}

#[test]
fn a_flipped_byte_in_a_row_that_sqlite_does_not_see() {
    let copies = Copies::new();
    let copy = copies.vacuumed();
    let mut bytes = std::fs::read(&copy).unwrap();
    let place = bytes.windows(8).position(|window| window == b"the last").unwrap();
    bytes[place] ^= 0x20;
    std::fs::write(&copy, &bytes).unwrap();
    check::integrity(&Connection::open(&copy).unwrap()).assert_ok();
    assert_eq!(found(&check::backup(&copies.db, &copy)), [("rows-differ", "orders")]);
    // SQLite notices a flipped byte in a page's header. The findings name the file by its own path.
    bytes[place] ^= 0x20;
    bytes[8192] ^= 0xff;
    std::fs::write(&copy, &bytes).unwrap();
    let findings = check::backup(&copies.db, &copy);
    let all: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(!findings.is_empty());
    assert!(!all.join("\n").contains("restored.db"), "{all:?}");
}

#[test]
fn a_missing_file_and_one_that_is_not_a_database() {
    let copies = Copies::new();
    let nowhere = copies.path("nowhere.db");
    let findings = check::backup(&copies.db, &nowhere);
    assert_eq!(found(&findings), [("unreadable", nowhere.to_str().unwrap())]);
    assert!(!nowhere.exists());
    let text = copies.path("text.db");
    std::fs::write(&text, "this is no database, whatever its name says".repeat(99)).unwrap();
    assert_eq!(found(&check::backup(&copies.db, &text)), [("unreadable", text.to_str().unwrap())]);
    let itself = copies.db.path();
    assert_eq!(found(&check::backup(&copies.db, itself)), [("same-file", itself.to_str().unwrap())]);
}

/// Reading a named pipe would wait for somebody who writes into it.
#[cfg(unix)]
#[test]
fn a_copy_that_is_no_file() {
    let copies = Copies::new();
    let pipe = copies.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, is) in [(pipe.as_path(), "it is a named pipe"), (Path::new("/dev/zero"), "it is a device")] {
        let findings = check::backup(&copies.db, path);
        assert_eq!(found(&findings), [("unreadable", path.to_str().unwrap())]);
        let error = findings.try_assert_ok().unwrap_err().to_string();
        assert!(error.contains(is), "{error}");
    }
}

#[test]
fn a_copy_with_a_hot_journal_is_rolled_back_first() {
    let template = Template::empty().profile(sqlitmus::Profile::SQLITE_DEFAULTS);
    let db = template.on_disk();
    db.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (1)").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("cold.db");
    let with = |path: &Path, suffix: &str| PathBuf::from(format!("{}{suffix}", path.display()));
    let writer = db.connect();
    writer
        .execute_batch(
            "PRAGMA cache_size = 1; BEGIN; UPDATE t SET x = 2; CREATE TABLE u AS SELECT zeroblob(100000) AS x",
        )
        .unwrap();
    for suffix in ["", "-journal"] {
        std::fs::copy(with(db.path(), suffix), with(&copy, suffix)).unwrap();
    }
    writer.execute_batch("ROLLBACK").unwrap();
    check::backup(&db, &copy).assert_ok();
    std::fs::remove_file(with(&copy, "-journal")).unwrap();
    assert!(!check::backup(&db, &copy).is_empty());
}

#[test]
fn an_online_backup_during_writes_copies_the_snapshot_of_its_transaction() {
    let copies = Copies::new();
    let stop = AtomicBool::new(false);
    /// Stops the writer, also when an assertion fails.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        let writer = copies.db.connect();
        scope.spawn(|| {
            let writer = writer;
            while !stop.load(Ordering::Relaxed) {
                order(&writer, "while the backup runs");
            }
        });
        let copy = copies.path("online.db");
        let source = copies.db.connect();
        source.execute_batch("BEGIN; SELECT count(*) FROM orders").unwrap();
        let mut target = Connection::open(&copy).unwrap();
        {
            let backup = Backup::new(&source, &mut target).unwrap();
            while backup.step(2).unwrap() == StepResult::More {
                std::thread::yield_now();
            }
        }
        drop(target);
        check::backup(&source, &copy).assert_ok();
        // Other connections see the rows that were added since.
        let orders = |connection: &Connection| -> i64 {
            connection.query_row("SELECT count(*) FROM orders", [], |row| row.get(0)).unwrap()
        };
        while orders(&copies.db) == orders(&source) {
            std::thread::yield_now();
        }
        assert_eq!(found(&check::backup(&copies.db, &copy)), [("rows-differ", "orders")]);
        source.execute_batch("COMMIT").unwrap();
    });
}
