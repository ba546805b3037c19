//! What a database holds besides rows: a population of tasks that lose `user_version`, `application_id` or an object of the
//! schema, and one of tasks that do not.

use std::sync::atomic::{AtomicI64, Ordering};

use sqlitmus::interleave::{Explore, explore};
use sqlitmus::rusqlite::{Connection, Result, TransactionBehavior};
use sqlitmus::{DbCopy, TestDb};

use super::{ROLLBACK, failure, wal};

type Code = fn(&mut Connection) -> Result<()>;

const OBJECTS: &str = "CREATE INDEX names_name ON names(name);
    CREATE VIEW known AS SELECT 'tea' AS name;
    CREATE TRIGGER kept AFTER DELETE ON names BEGIN SELECT 'tea'; END;
    CREATE TABLE kinds(kind TEXT CHECK (kind IN ('tea')));";

fn with_objects(db: TestDb) -> TestDb {
    db.execute_batch(OBJECTS).unwrap();
    db
}

fn both<'a>(db: &'a TestDb, one: Code, other: Code) -> Explore<'a> {
    explore(db).task("one", one).task("other", other)
}

/// The failure has to show this line of what differs.
#[track_caller]
fn found(name: &str, explore: Explore<'_>, line: &str) {
    match explore.try_run() {
        Ok(report) => panic!("{name}: {report}"),
        Err(error) => assert!(error.to_string().contains(line), "{name}: {error}"),
    }
}

#[track_caller]
fn passes(name: &str, explore: Explore<'_>) {
    if let Err(error) = explore.try_run() {
        panic!("{name}: {error}");
    }
}

fn number(db: &Connection, pragma: &str) -> Result<i64> {
    db.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))
}

/// A runner of migrations whose steps may be taken twice.
fn migrate(db: &Connection, to: i64) -> Result<()> {
    let from = number(db, "user_version")?;
    if from < 1 && to >= 1 {
        db.execute_batch("CREATE TABLE IF NOT EXISTS users(name)")?;
    }
    if from < 2 && to >= 2 {
        db.execute_batch("CREATE INDEX IF NOT EXISTS users_name ON users(name)")?;
    }
    if from < to {
        db.pragma_update(None, "user_version", to)?;
    }
    Ok(())
}

fn counts(db: &Connection) -> Result<()> {
    db.pragma_update(None, "user_version", number(db, "user_version")? + 1)
}

fn sets_flag(db: &Connection, flag: i64) -> Result<()> {
    db.pragma_update(None, "application_id", number(db, "application_id")? | flag)
}

/// Reads how an object is declared, replaces a part of that, and declares it anew.
fn redeclares(db: &Connection, kind: &str, name: &str, (part, by): (&str, &str)) -> Result<()> {
    let sql: String = db.query_row("SELECT sql FROM sqlite_schema WHERE name = ?1", [name], |row| row.get(0))?;
    let sql = sql.replacen(part, by, 1);
    db.execute_batch(&format!("BEGIN IMMEDIATE; DROP {kind} {name}; {sql}; COMMIT"))
}

fn creates_unless_there(db: &Connection, kind: &str, sql: &str) -> Result<()> {
    let there = "SELECT count(*) FROM sqlite_schema WHERE type = ?1 AND name LIKE 'only%'";
    match db.query_row(there, [kind], |row| row.get(0))? {
        0 => db.execute_batch(sql),
        1.. => Ok(()),
        other => unreachable!("{other} objects"),
    }
}

fn immediate(db: &mut Connection, code: impl Fn(&Connection) -> Result<()>) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    code(&transaction)?;
    transaction.commit()
}

fn counts_on_a_copy(copy: DbCopy) -> Result<()> {
    counts(&Connection::open(copy.path())?)
}

#[test]
fn numbers_of_the_header_that_are_lost() {
    let bad: [(&str, Code, Code, &str); 6] = [
        ("runners", |db| migrate(db, 2), |db| migrate(db, 1), "PRAGMA user_version: 2 -> 1"),
        ("a counter", |db| counts(db), |db| counts(db), "PRAGMA user_version: 2 -> 1"),
        ("flags", |db| sets_flag(db, 1), |db| sets_flag(db, 2), "PRAGMA application_id: 3 -> "),
        (
            "a counter that is read as a table",
            |db| {
                let sql = "SELECT user_version FROM pragma_user_version";
                let now: i64 = db.query_row(sql, [], |row| row.get(0))?;
                db.execute_batch(&format!("PRAGMA user_version({})", now + 1))
            },
            |db| counts(db),
            "PRAGMA user_version: 2 -> 1",
        ),
        (
            "a counter besides rows",
            |db| counts(db).and(db.execute("INSERT INTO names(name) VALUES ('tea')", []).map(drop)),
            |db| counts(db).and(db.execute("INSERT INTO names(name) VALUES ('milk')", []).map(drop)),
            "PRAGMA user_version: 2 -> 1",
        ),
        (
            "a version by the rows",
            |db| {
                let version = number(db, "user_version")?;
                db.execute("INSERT INTO names(name) VALUES (?1)", [version + 1]).map(drop)
            },
            |db| {
                let rows: i64 = db.query_row("SELECT count(*) FROM names", [], |row| row.get(0))?;
                db.pragma_update(None, "user_version", rows + 1)
            },
            "PRAGMA user_version: 2 -> 1",
        ),
    ];
    for db in [wal(), ROLLBACK.in_memory(), ROLLBACK.on_disk()] {
        for (name, one, other, line) in bad {
            found(name, both(&db, one, other), line);
        }
    }
    let (db, line) = (wal(), "PRAGMA user_version: 2 -> 1");
    let own = explore(&db).task_with("one", counts_on_a_copy).task_with("other", counts_on_a_copy);
    found("connections of its own", own, line);
    let in_transactions = |db: &mut Connection| counts(db).and_then(|()| immediate(db, counts));
    let each = explore(&db).task("one", in_transactions).task("other", in_transactions).each_transaction();
    passes("by transaction", each);
}

/// A task that fails and leaves the version behind has not been rolled back.
#[test]
fn a_version_that_a_failure_leaves() {
    fn takes(db: &Connection, name: &str, version: i64) -> Result<()> {
        if db.query_row("SELECT count(*) FROM names", [], |row| row.get::<_, i64>(0))? > 0 {
            return Ok(());
        }
        db.pragma_update(None, "user_version", version)?;
        db.execute("INSERT INTO names(id, name) VALUES (1, ?1)", [name]).map(drop)
    }
    let db = wal();
    let bad = both(&db, |db| takes(db, "tea", 1), |db| takes(db, "milk", 2)).may_fail();
    found("a version before the rows", bad, "PRAGMA user_version: ");
    let good = both(&db, |db| immediate(db, |db| takes(db, "tea", 1)), |db| immediate(db, |db| takes(db, "milk", 2)));
    passes("a version with the rows", good);
}

#[test]
fn objects_of_the_schema_that_are_lost() {
    const VIEW: &str = "SELECT 'tea'";
    const INDEX: &str = "names(";
    const TRIGGER: &str = "SELECT 'tea';";
    let bad: [(&str, Code, Code, &str); 7] = [
        (
            "a view",
            |db| redeclares(db, "VIEW", "known", (VIEW, "SELECT 'milk' UNION SELECT 'tea'")),
            |db| redeclares(db, "VIEW", "known", (VIEW, "SELECT 'jam' UNION SELECT 'tea'")),
            "view known: query ",
        ),
        (
            "an index",
            |db| redeclares(db, "INDEX", "names_name", (INDEX, "names(id, ")),
            |db| redeclares(db, "INDEX", "names_name", (INDEX, "names(lower(name), ")),
            "index names_name: terms ",
        ),
        (
            "a trigger",
            |db| redeclares(db, "TRIGGER", "kept", (TRIGGER, "SELECT 'milk'; SELECT 'tea';")),
            |db| redeclares(db, "TRIGGER", "kept", (TRIGGER, "SELECT 'jam'; SELECT 'tea';")),
            "trigger kept: statement ",
        ),
        (
            "a CHECK",
            |db| redeclares(db, "TABLE", "kinds", ("'tea'", "'milk', 'tea'")),
            |db| redeclares(db, "TABLE", "kinds", ("'tea'", "'jam', 'tea'")),
            "table kinds: CHECK ",
        ),
        (
            "one index of two",
            |db| creates_unless_there(db, "index", "CREATE INDEX only_id ON names(id)"),
            |db| creates_unless_there(db, "index", "CREATE INDEX only_count ON stock(count)"),
            "index only_",
        ),
        (
            "one view of two",
            |db| creates_unless_there(db, "view", "CREATE VIEW only_one AS SELECT 1"),
            |db| creates_unless_there(db, "view", "CREATE VIEW only_two AS SELECT 2"),
            "view only_",
        ),
        (
            "a trigger that has to know of a view",
            |db| creates_unless_there(db, "view", "CREATE TRIGGER t AFTER DELETE ON names BEGIN SELECT 1; END"),
            |db| match db.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 't'", [], |row| row.get(0))? {
                0_i64 => db.execute_batch("CREATE VIEW only_one AS SELECT 1"),
                _ => Ok(()),
            },
            "view only_one: new",
        ),
    ];
    for db in [with_objects(wal()), with_objects(ROLLBACK.in_memory())] {
        for (name, one, other, line) in bad {
            found(name, both(&db, one, other), line);
        }
    }
    // Of more than 500 KB, a state that was read before is found by its bytes.
    let large = with_objects(wal());
    large.execute_batch("CREATE TABLE large(x); INSERT INTO large VALUES (zeroblob(600000))").unwrap();
    for (name, one, other, line) in bad {
        found(name, both(&large, one, other), line);
    }
    found("a counter", both(&large, |db| counts(db), |db| counts(db)), "PRAGMA user_version: 2 -> 1");
}

#[test]
fn numbers_of_the_header_that_are_kept() {
    let good: [(&str, Code, Code); 6] = [
        ("runners", |db| immediate(db, |db| migrate(db, 2)), |db| immediate(db, |db| migrate(db, 1))),
        ("two of a runner", |db| migrate(db, 2), |db| migrate(db, 2)),
        ("a counter", |db| immediate(db, counts), |db| immediate(db, counts)),
        ("flags", |db| immediate(db, |db| sets_flag(db, 1)), |db| immediate(db, |db| sets_flag(db, 2))),
        (
            "an id that both set",
            |db| db.pragma_update(None, "application_id", 7),
            |db| db.pragma_update(None, "application_id", 7),
        ),
        (
            "a version that both set",
            |db| db.pragma_update(None, "user_version", 1),
            |db| db.pragma_update(None, "user_version", 2),
        ),
    ];
    for db in [wal(), ROLLBACK.in_memory()] {
        for (name, one, other) in good {
            passes(name, both(&db, one, other));
        }
    }
}

#[test]
fn schemas_that_are_the_same() {
    let good: [(&str, Code, Code); 15] = [
        (
            "tables that both create, in two spellings",
            |db| db.execute_batch("CREATE TABLE IF NOT EXISTS a(x, y); CREATE TABLE IF NOT EXISTS b(x UNIQUE)"),
            |db| db.execute_batch("create table if not exists a (x,\n y); create table if not exists b(x, unique (x))"),
        ),
        (
            "other objects that both create, in two spellings",
            |db| {
                db.execute_batch(
                    "CREATE INDEX IF NOT EXISTS i ON names(name, id); CREATE VIEW IF NOT EXISTS v AS SELECT id FROM names;
                     CREATE TRIGGER IF NOT EXISTS t AFTER INSERT ON names BEGIN SELECT 1; END",
                )
            },
            |db| {
                db.execute_batch(
                    "create index if not exists i on names (name,id); create view if not exists v as select id from names;
                     create trigger if not exists t after insert on names begin select 1; end",
                )
            },
        ),
        (
            "statistics",
            |db| db.execute_batch("ANALYZE; INSERT INTO names(name) VALUES ('tea')"),
            |db| db.execute_batch("INSERT INTO names(name) VALUES ('milk'); ANALYZE names"),
        ),
        (
            "statistics if they are out of date",
            |db| db.execute_batch("PRAGMA optimize(0x10002)"),
            |db| db.execute_batch("INSERT INTO names(name) VALUES ('milk'); ANALYZE"),
        ),
        (
            "AUTOINCREMENT",
            |db| {
                db.execute_batch(
                    "CREATE TABLE IF NOT EXISTS a(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO a DEFAULT VALUES",
                )
            },
            |db| {
                db.execute_batch(
                    "CREATE TABLE IF NOT EXISTS a(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO a DEFAULT VALUES",
                )
            },
        ),
        (
            "temporary objects",
            |db| {
                db.execute_batch("CREATE TEMP TABLE a AS SELECT * FROM names; CREATE TEMP VIEW v AS SELECT 1; PRAGMA temp.user_version = 3")
            },
            |db| db.execute_batch("CREATE TEMP TABLE b AS SELECT * FROM names; INSERT INTO names(name) VALUES ('tea')"),
        ),
        (
            "a column that is added",
            |db| db.execute_batch("ALTER TABLE names ADD COLUMN note TEXT"),
            |db| db.execute_batch("INSERT INTO names(name) VALUES ('tea'); UPDATE names SET name = 'milk'"),
        ),
        (
            "columns that both add",
            |db| db.execute_batch("ALTER TABLE names ADD COLUMN a; ALTER TABLE names ADD COLUMN b"),
            |db| db.execute_batch("ALTER TABLE names ADD COLUMN c; ALTER TABLE names ADD COLUMN d"),
        ),
        (
            "a column with an index that is renamed",
            |db| db.execute_batch("ALTER TABLE names RENAME COLUMN name TO title"),
            |db| db.execute_batch("CREATE INDEX IF NOT EXISTS stock_count ON stock(count); DROP INDEX IF EXISTS gone"),
        ),
        (
            "objects that each creates",
            |db| db.execute_batch("CREATE TABLE a(x); CREATE INDEX i ON a(x)"),
            |db| db.execute_batch("CREATE TABLE b(x); CREATE VIEW w AS SELECT x FROM b"),
        ),
        (
            "a full-text table that both create",
            |db| {
                db.execute_batch(
                    "CREATE VIRTUAL TABLE IF NOT EXISTS f USING fts5(x); INSERT INTO f(f) VALUES ('rebuild')",
                )
            },
            |db| {
                db.execute_batch(
                    "create virtual table if not exists f using fts5(x); INSERT INTO f(f) VALUES ('optimize')",
                )
            },
        ),
        (
            "files that are made anew",
            |db| db.execute_batch("VACUUM; REINDEX"),
            |db| db.execute_batch("INSERT INTO names(name) VALUES ('tea')"),
        ),
        (
            "ledgers of two runners",
            |db| db.execute_batch("CREATE TABLE IF NOT EXISTS schema_migrations(version INTEGER)"),
            |db| db.execute_batch("create table if not exists schema_migrations (version INTEGER)"),
        ),
        (
            "a view that is read within the transaction",
            |db| {
                immediate(db, |db| {
                    let sql: String =
                        db.query_row("SELECT sql FROM sqlite_schema WHERE name = 'known'", [], |row| row.get(0))?;
                    db.execute_batch(&format!("DROP VIEW known; {sql} UNION SELECT 'milk'"))
                })
            },
            |db| {
                immediate(db, |db| {
                    let sql: String =
                        db.query_row("SELECT sql FROM sqlite_schema WHERE name = 'known'", [], |row| row.get(0))?;
                    db.execute_batch(&format!("DROP VIEW known; {sql} UNION SELECT 'jam'"))
                })
            },
        ),
        (
            "a table that is made anew",
            |db| {
                db.execute_batch(
                    "BEGIN IMMEDIATE; CREATE TABLE n(kind TEXT); INSERT INTO n SELECT * FROM kinds; DROP TABLE kinds;
                     ALTER TABLE n RENAME TO kinds; COMMIT",
                )
            },
            |db| db.execute_batch("INSERT INTO kinds VALUES ('tea')"),
        ),
    ];
    for db in [with_objects(wal()), with_objects(ROLLBACK.in_memory())] {
        for (name, one, other) in good {
            passes(name, both(&db, one, other).may_fail());
        }
    }
}

/// Numbers and names that the app makes anew in each run are not compared, and the report says so.
#[test]
fn what_differs_in_each_run() {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    let next = || NEXT.fetch_add(1, Ordering::Relaxed);
    let db = wal();
    let version = move |db: &mut Connection| db.pragma_update(None, "user_version", next());
    let report = explore(&db).task("one", version).task("other", version).run();
    assert!(report.to_string().contains("not compared: new values of PRAGMA user_version,"), "{report}");
    let view = move |db: &mut Connection| db.execute_batch(&format!("CREATE VIEW v{} AS SELECT 1", next()));
    let report = explore(&db).task("one", view).task("other", view).run();
    assert!(report.to_string().contains("not compared: the schema,"), "{report}");
}

#[test]
fn a_failure_names_what_is_lost() {
    let expected = "\
lost update: the state is as if other had not run

  schedule (shortest of 4 that fail like this, 6 were run):
    other  PRAGMA user_version
    one    PRAGMA user_version
    one    PRAGMA user_version=1
    other  PRAGMA user_version=1

  state (- one, then other, + this schedule, ~ both):
    PRAGMA user_version: 2 -> 1

  6 schedules of one, other: every order of their statements:
    4  no serial order of one, other gives this
    2  one, then other

  help: read and write within one transaction that begins with BEGIN IMMEDIATE   tried: all 2 schedules are fine";
    assert_eq!(failure(both(&wal(), |db| counts(db), |db| counts(db))), expected);
}

/// The rows are those of an order, so that none of them is said to be lost.
#[test]
fn no_row_is_named_for_a_lost_number() {
    fn sets(db: &Connection, left: i64) -> Result<()> {
        counts(db)?;
        db.execute("INSERT INTO names(name) VALUES ('tea')", [])?;
        db.execute("UPDATE stock SET count = ?1 WHERE item = 1", [left]).map(drop)
    }
    let error = both(&wal(), |db| sets(db, 7), |db| sets(db, 8)).try_run().unwrap_err();
    let headline = "stale read: other writes after one has changed what other had read";
    assert_eq!(error.headline(), headline, "{error}");
}
