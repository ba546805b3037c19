//! Times, ids and tokens that an app makes in each run: the explorers do not compare them, and compare all others beside them.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sqlitmus::interleave::explore;
use sqlitmus::rusqlite::{Connection, Error, Result, TransactionBehavior};
use sqlitmus::{Profile, TestDb, crash, faults};

const SCHEMA: &str = "
    CREATE TABLE settings(k TEXT PRIMARY KEY, v);
    INSERT INTO settings VALUES ('last_run', 0), ('runs', 5);
    CREATE TABLE visits(id INTEGER PRIMARY KEY, token INTEGER);
    CREATE TABLE log(line);";

fn db() -> TestDb {
    crate::crash::db(Profile::DURABLE, SCHEMA)
}

/// A clock of the app that goes on at every `length`th look, as one of seconds does.
struct Clock {
    looks: AtomicI64,
    length: i64,
}

impl Clock {
    fn new(length: i64) -> Clock {
        Clock { looks: AtomicI64::new(0), length }
    }

    fn now(&self) -> i64 {
        1_700_000_000 + self.looks.fetch_add(1, Ordering::Relaxed) / self.length
    }
}

const LENGTHS: [i64; 6] = [1, 2, 3, 5, 7, 50];

fn runs(db: &Connection) -> Result<i64> {
    db.query_row("SELECT v FROM settings WHERE k = 'runs'", [], |row| row.get(0))
}

fn set(db: &Connection, key: &str, value: i64) -> Result<()> {
    db.execute("UPDATE settings SET v = ?2 WHERE k = ?1", (key, value)).map(drop)
}

#[test]
fn a_failed_read_counts_as_zero_beside_a_time() {
    for length in LENGTHS {
        let clock = Clock::new(length);
        let counted = |db: &mut Connection, runs: i64| {
            let transaction = db.transaction()?;
            set(&transaction, "last_run", clock.now())?;
            set(&transaction, "runs", runs + 1)?;
            transaction.commit()
        };
        let (db, zero) = (db(), |db: &mut Connection| {
            let known = runs(db).unwrap_or(0);
            counted(db, known)
        });
        let error = faults::sweep(&db, zero).try_run().expect_err(&length.to_string()).to_string();
        assert!(error.contains("k='runs' v: 5 -> 1"), "{length}: {error}");
        let report = faults::sweep(&db, |db| {
            let known = runs(db)?;
            counted(db, known)
        })
        .run();
        assert!(length > 2 || report.masked == ["settings.v"], "{length}: {report}");
    }
}

#[test]
fn a_counter_that_counts_twice_beside_a_time() {
    for length in LENGTHS {
        let clock = Clock::new(length);
        let db = db();
        let error = crash::test(&db, |db| {
            db.execute("UPDATE settings SET v = v + 1 WHERE k = 'runs'", [])?;
            set(db, "last_run", clock.now())
        });
        let error = error.each_transaction().try_run().expect_err(&length.to_string());
        assert!(error.headline().contains("ends with other data when it is run again"), "{length}: {error}");
        // One after the other, and each as often as it likes.
        crash::test(&db, |db| {
            set(db, "runs", 6)?;
            set(db, "last_run", clock.now())
        })
        .each_transaction()
        .run();
    }
}

#[test]
fn a_lost_update_beside_a_time() {
    for length in LENGTHS {
        for is_right in [false, true] {
            let clock = Arc::new(Clock::new(length));
            let task = |clock: Arc<Clock>| {
                move |db: &mut Connection| -> Result<()> {
                    // Read before the transaction, or within it.
                    let early = runs(db)?;
                    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
                    let known = if is_right { runs(&transaction)? } else { early };
                    set(&transaction, "last_run", clock.now())?;
                    set(&transaction, "runs", known + 1)?;
                    transaction.commit()
                }
            };
            let db = db();
            let both = explore(&db).task("alice", task(Arc::clone(&clock))).task("bob", task(clock));
            let found = both.try_run();
            if is_right {
                found.unwrap();
            } else {
                let error = found.expect_err(&length.to_string());
                assert!(error.headline().contains("lost update"), "{length}: {error}");
            }
        }
    }
}

/// Rows that are new in each run, whose values are the same by chance.
#[test]
fn values_that_are_equal_by_chance_are_no_difference() {
    for length in LENGTHS {
        let clock = Clock::new(length);
        let visit = |db: &mut Connection| -> Result<()> {
            let transaction = db.transaction()?;
            for _ in 0..3 {
                transaction.execute("INSERT INTO visits(token) VALUES (?1)", [clock.now()])?;
                transaction.execute("INSERT INTO log VALUES (?1)", [clock.now()])?;
            }
            set(&transaction, "last_run", clock.now())?;
            transaction.commit()
        };
        faults::sweep(&db(), visit).run();
        crash::test(&db(), visit).run();
    }
    let dice = Cell::new(7_u64);
    let throw = |sides: u64| {
        dice.set(dice.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
        ((dice.get() >> 33) % sides) as i64
    };
    for sides in [2, 3, 6, 1000] {
        let visit = |db: &mut Connection| -> Result<()> {
            let transaction = db.transaction()?;
            for _ in 0..4 {
                transaction.execute("INSERT INTO visits(token) VALUES (?1)", [throw(sides)])?;
            }
            transaction.commit()
        };
        faults::sweep(&db(), visit).run();
        crash::test(&db(), visit).run();
    }
}

/// A start of an app that notes in a table when it ran, as the runners of migrations do.
#[test]
fn a_table_that_notes_its_times_is_made_by_the_action() {
    for table in
        ["history", "_sqlx_migrations", "refinery_schema_history", "seaql_migrations", "__diesel_schema_migrations"]
    {
        for length in [1, 3] {
            let clock = Clock::new(length);
            let start = |db: &mut Connection, insert: &str| -> Result<()> {
                let transaction = db.transaction()?;
                transaction.execute_batch(&format!(
                    "CREATE TABLE IF NOT EXISTS {table}(version INTEGER PRIMARY KEY, applied_on TEXT)"
                ))?;
                transaction.execute(&format!("{insert} INTO {table} VALUES (1, ?1)"), [clock.now().to_string()])?;
                transaction.commit()
            };
            let started = db();
            started
                .execute_batch(&format!("CREATE TABLE {table}(version INTEGER PRIMARY KEY, applied_on TEXT)"))
                .unwrap();
            for db in [db(), started] {
                faults::sweep(&db, |db| start(db, "INSERT OR IGNORE")).run();
                crash::test(&db, |db| start(db, "INSERT OR IGNORE")).each_transaction().run();
                let error = faults::sweep(&db, |db| start(db, "INSERT OR IGNORE").or(Ok::<_, Error>(()))).try_run();
                assert!(error.unwrap_err().headline().contains("returns Ok after"), "{table}");
            }
        }
    }
}
