//! The tests that the processes run. Without a folder to work in, they do nothing.

#[cfg(unix)]
mod ends;
mod extensions;
pub(crate) mod ledger;
#[cfg(feature = "out-of-memory")]
mod out_of_memory;
mod schedules;

use std::io::Write;
use std::path::PathBuf;

use rusqlite::Connection;
use sqlitmus::{Template, TestDb};

/// The environment variable with the folder of a process.
pub(crate) const ROLE: &str = "PROCESS_TEST_FOLDER";

const FILES: &[(&str, &str)] = &[("1_t.sql", "CREATE TABLE t(x); INSERT INTO t VALUES (1);")];

/// A schema with a foreign key.
const KEYS: &[(&str, &str)] =
    &[("1_t.sql", "CREATE TABLE t(x); CREATE TABLE c(y REFERENCES t(x)); CREATE UNIQUE INDEX u ON t(x);")];

static KEYED: Template = Template::embedded(KEYS);

static CHECKED: Template = Template::embedded(KEYS).checked();

static PLAIN: Template = Template::embedded(FILES);

/// A mistake: each use of a `const` is another template.
#[allow(clippy::declare_interior_mutable_const, reason = "that is what is tested")]
const ANEW: Template = Template::embedded(KEYS);

#[allow(clippy::declare_interior_mutable_const, reason = "that is what is tested")]
const FOLDER: Template = Template::new("fixtures/shop/migrations");

#[allow(clippy::declare_interior_mutable_const, reason = "that is what is tested")]
const CODE: Template =
    Template::migrate_to(1, |db, _| Ok(db.execute_batch("CREATE TABLE t(x); PRAGMA user_version = 1")?));

#[test]
#[allow(clippy::borrow_interior_mutable_const, reason = "that is what is tested")]
fn a_template_in_a_const() {
    if folder().is_some() {
        (0..50).for_each(|_| drop((ANEW.in_memory(), FOLDER.in_memory(), CODE.in_memory())));
    }
}

#[test]
fn a_template_in_a_static() {
    if folder().is_some() {
        (0..50).for_each(|_| drop(KEYED.in_memory()));
    }
}

fn folder() -> Option<PathBuf> {
    std::env::var_os(ROLE).map(PathBuf::from)
}

/// Returns how many disks are alive. Must not be called again after the number has gone down.
///
/// A database gets the VFS of a disk that is gone, or else the next number. So as many databases at once as there ever
/// were get the numbers from 1 on, except those of disks that are alive.
pub(crate) fn live_disks() -> usize {
    const AT_ONCE: usize = 100;
    let skipped = |make: fn() -> TestDb| {
        let databases: Vec<TestDb> = (0..AT_ONCE).map(|_| make()).collect();
        let number = |db: &TestDb| db.uri().rsplit_once('-').unwrap().1.parse::<usize>().unwrap();
        databases.iter().map(number).max().unwrap() - AT_ONCE
    };
    skipped(|| PLAIN.in_memory()) + skipped(|| PLAIN.on_disk())
}

#[test]
fn live_disks_are_counted() {
    if folder().is_none() {
        return;
    }
    drop((PLAIN.in_memory(), PLAIN.on_disk(), PLAIN.on_disk().into_connection()));
    assert_eq!(live_disks(), 0);
    let _one = PLAIN.in_memory().into_connection();
    assert_eq!(live_disks(), 1);
    let _others = (PLAIN.on_disk(), PLAIN.in_memory());
    assert_eq!(live_disks(), 3);
}

fn insert(connection: &Connection, number: i64) {
    connection.execute("INSERT INTO t VALUES (?1)", [number]).unwrap();
}

/// Adds a line to a file, so that the tests can count the runs.
fn seed(_: &mut Connection) -> Result<(), sqlitmus::BoxError> {
    let path = folder().unwrap().join("seeded");
    std::fs::File::options().create(true).append(true).open(path)?.write_all(b"once\n")?;
    Ok(())
}

#[test]
fn fails_with_three_databases() {
    if folder().is_none() {
        return;
    }
    let _one = PLAIN.in_memory();
    let two = PLAIN.on_disk();
    insert(&two, 2);
    let three = PLAIN.in_memory();
    insert(&three, 3);
    three.execute_batch("BEGIN; INSERT INTO t VALUES (4)").unwrap();
    panic!("as a test does");
}

#[test]
fn passes() {
    if folder().is_none() {
        return;
    }
    insert(&PLAIN.in_memory(), 2);
    let (one, two) = (PLAIN.on_disk(), PLAIN.in_memory().fork());
    insert(&one, 2);
    insert(&two, 2);
}

#[test]
fn fails_again_and_again() {
    if folder().is_none() {
        return;
    }
    // proptest runs a property many times while it shrinks.
    for number in 0..10 {
        let result = std::panic::catch_unwind(|| {
            let db = Template::empty().in_memory();
            db.execute_batch("CREATE TABLE t(x)").unwrap();
            insert(&db, number);
            panic!("as a property does");
        });
        assert!(result.is_err());
    }
}

#[test]
fn fails_with_a_broken_database() {
    if folder().is_none() {
        return;
    }
    let db = Template::empty().on_disk();
    std::fs::write(db.path(), b"this is no database, whatever its name says".repeat(99)).unwrap();
    panic!("as a test does");
}

#[test]
fn uses_a_seeded_template() {
    if folder().is_none() {
        return;
    }
    static SEEDED: Template = Template::embedded(FILES).seed(seed).key("1");
    for _ in 0..3 {
        insert(&SEEDED.in_memory(), 2);
    }
}

/// Templates with the same migrations and the same key, but other code, have other databases.
#[test]
fn uses_two_templates_with_one_key() {
    if folder().is_none() {
        return;
    }
    static NONE: Template = Template::embedded(FILES).seed(|_| Ok(())).key("1");
    static ONE: Template =
        Template::embedded(FILES).seed(|to| Ok(to.execute_batch("INSERT INTO t VALUES (7)")?)).key("1");
    static MADE: Template = Template::migrate_with(|to| Ok(to.execute_batch("CREATE TABLE made(x)")?)).key("1");
    static MADE_TOO: Template = Template::migrate_with(|to| Ok(to.execute_batch("CREATE TABLE made_too(x)")?)).key("1");
    let rows = |db: &Connection| db.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!((rows(&NONE.in_memory()), rows(&ONE.in_memory())), (1, 2));
    assert!(MADE.in_memory().prepare("SELECT x FROM made").is_ok());
    assert!(MADE_TOO.in_memory().prepare("SELECT x FROM made_too").is_ok());
}

#[test]
fn uses_a_template_without_a_key() {
    if folder().is_none() {
        return;
    }
    static SEEDED: Template = Template::embedded(FILES).seed(seed);
    insert(&SEEDED.in_memory(), 2);
}

/// The file keeps its name, and its rows change.
#[test]
fn uses_statistics_that_change() {
    let Some(folder) = folder() else { return };
    let file: &'static str = folder.join("statistics.sql").to_str().unwrap().to_owned().leak();
    for rows in [700, 800, 700] {
        std::fs::write(file, format!("INSERT INTO sqlite_stat1 VALUES ('t', NULL, '{rows}');")).unwrap();
        let db = Template::embedded(FILES).stats(file).in_memory();
        let stat: String = db.query_row("SELECT stat FROM sqlite_stat1", [], |row| row.get(0)).unwrap();
        assert_eq!(stat, rows.to_string());
    }
}

#[test]
fn uses_the_disk() {
    if folder().is_none() {
        return;
    }
    let db = PLAIN.on_disk();
    insert(&Connection::open(db.uri()).unwrap(), 2);
    let rows: i64 = db.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 2);
}

#[test]
fn uses_memory() {
    if folder().is_none() {
        return;
    }
    insert(&PLAIN.in_memory(), 2);
}

/// Inserts a row that refers to nothing.
fn break_it(connection: &Connection) {
    connection.execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO c VALUES (42)").unwrap();
}

#[test]
fn leaves_a_broken_reference() {
    if folder().is_none() {
        return;
    }
    let _other = CHECKED.in_memory();
    let db = CHECKED.in_memory();
    break_it(&db);
}

#[test]
fn leaves_a_broken_reference_on_disk_and_in_a_fork() {
    if folder().is_none() {
        return;
    }
    for make in [|| CHECKED.on_disk(), || CHECKED.in_memory().fork(), || CHECKED.on_disk().fork()] {
        let result = std::panic::catch_unwind(|| break_it(&make()));
        let message = result.unwrap_err().downcast::<String>().unwrap();
        assert!(message.starts_with("fk-violated: 1 row of c refers to nothing"), "{message}");
        assert_eq!(live_disks(), 0, "what the database held is dropped all the same");
    }
}

#[test]
fn leaves_two_broken_databases_and_fails_by_itself() {
    if folder().is_none() {
        return;
    }
    let (one, two) = (CHECKED.in_memory(), CHECKED.in_memory());
    break_it(&one);
    break_it(&two);
    panic!("as a test does");
}

#[test]
fn leaves_two_broken_databases() {
    if folder().is_none() {
        return;
    }
    let (one, two) = (CHECKED.in_memory(), CHECKED.on_disk());
    break_it(&one);
    break_it(&two);
}

#[test]
fn leaves_a_transaction_open_and_one_database_unchecked() {
    if folder().is_none() {
        return;
    }
    break_it(&CHECKED.in_memory().unchecked());
    break_it(&CHECKED.in_memory().unchecked().fork());
    let db = CHECKED.in_memory();
    db.execute_batch("PRAGMA foreign_keys = OFF; BEGIN; INSERT INTO c VALUES (42)").unwrap();
    let on_disk = CHECKED.on_disk();
    let second = on_disk.connect();
    second.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)").unwrap();
    // The connection is still open when its database is dropped.
    drop(on_disk);
}

#[test]
fn leaves_a_broken_reference_in_a_plain_template() {
    if folder().is_none() {
        return;
    }
    break_it(&KEYED.in_memory());
}

#[test]
fn sixty_four_threads_with_200_databases_each() {
    if folder().is_none() {
        return;
    }
    let use_it = |db: TestDb, number: i64| {
        insert(&db, number);
        let rows: i64 = db.connect().query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 2);
    };
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for number in 0..100 {
                    use_it(PLAIN.in_memory(), number);
                    use_it(PLAIN.on_disk(), number);
                }
            });
        }
    });
    let live = live_disks();
    let _ = writeln!(std::io::stdout(), "live disks at the end: {live}");
    assert_eq!(live, 0);
}

#[test]
fn fills_with_seed_7() {
    if folder().is_none() {
        return;
    }
    static NAMES: Template = Template::embedded(&[(
        "1.sql",
        "CREATE TABLE t(name TEXT NOT NULL); CREATE TABLE never(x NOT NULL CHECK (x <> x))",
    )]);
    let of = |seed| {
        let db = NAMES.in_memory();
        sqlitmus::data::Fill::seed(seed).rows("t", 3).insert(&db);
        db.query_row("SELECT group_concat(name) FROM t", [], |row| row.get::<_, String>(0)).unwrap()
    };
    let mut file = std::fs::File::create(folder().unwrap().join("names")).unwrap();
    writeln!(file, "{}\n{}", of(7), of(8)).unwrap();
    NAMES.in_memory().fill("never", 1);
}

/// Runs two statements that belong together in separate transactions.
fn two_autocommits(db: &mut Connection) -> sqlitmus::rusqlite::Result<()> {
    let note = folder().unwrap().join("runs");
    std::fs::File::options().create(true).append(true).open(note).unwrap().write_all(b"once\n").unwrap();
    db.execute_batch("INSERT INTO t VALUES (2)").and_then(|()| db.execute_batch("INSERT INTO t VALUES (3)"))
}

#[test]
fn power_is_cut() {
    if folder().is_none() {
        return;
    }
    sqlitmus::crash::test(&PLAIN.in_memory(), two_autocommits).run();
}

#[test]
fn power_is_cut_in_parts() {
    if folder().is_none() {
        return;
    }
    let report =
        sqlitmus::crash::test(&PLAIN.in_memory(), two_autocommits).independent_transactions().every_operation().run();
    note(&format!("{} of {} moments", report.images, report.points));
}

#[test]
fn operations_fail() {
    if folder().is_none() {
        return;
    }
    sqlitmus::faults::sweep(&PLAIN.in_memory(), two_autocommits).run();
}

/// The row that it waits for could not be inserted, and no error ends the wait.
#[test]
fn a_fault_leaves_a_wait_without_an_end() {
    if folder().is_none() {
        return;
    }
    let wait = |db: &mut Connection| -> sqlitmus::rusqlite::Result<()> {
        let _ = db.execute("INSERT INTO t VALUES (2)", []);
        while db.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap_or(0) < 2 {}
        Ok(())
    };
    sqlitmus::faults::sweep(&PLAIN.in_memory(), wait).run();
}

#[test]
fn operations_fail_in_parts() {
    if folder().is_none() {
        return;
    }
    let report = sqlitmus::faults::sweep(&PLAIN.in_memory(), |db| db.execute("INSERT INTO t VALUES (2)", [])).run();
    note(&format!("{} runs", report.runs()));
}

/// A suite with a test that passes and finds something for review.
mod reviewed {
    static HISTORY: sqlitmus::Template = sqlitmus::Template::embedded(&[
        ("1_orders.sql", "CREATE TABLE orders(id INTEGER PRIMARY KEY, state TEXT NOT NULL);"),
        ("2_closed.sql", "UPDATE orders SET state = 'closed' WHERE state IN ('paid', 'sent');"),
    ]);

    sqlitmus::migration_suite!(HISTORY, |suite| suite.skip("schema_is_as_reviewed", "there is nothing to review"));
}

/// Prints a line for the process that started this one.
fn note(line: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{line}").unwrap();
}

/// Prints the result of the test of frozen migrations for the folder `migrations`.
#[test]
#[expect(clippy::print_stdout, reason = "the other process reads it")]
fn frozen() {
    let Some(folder) = folder() else { return };
    let migrations: &'static str = Box::leak(folder.join("migrations").to_str().unwrap().to_owned().into_boxed_str());
    let template: &'static Template = Box::leak(Box::new(Template::new(migrations)));
    match sqlitmus::suite::Suite::new(template).try_test("shipped_migrations_are_frozen") {
        Ok(None) => println!("verdict: passed"),
        Ok(Some(reason)) => println!("verdict: skipped, {reason}"),
        Err(error) => println!("verdict: {}", error.headline()),
    }
}
