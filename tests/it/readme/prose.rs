//! Code that the README names in its prose: each call is made here, or by an app in tests/drivers.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use sqlitmus::data::{self, Fill, rows};
use sqlitmus::plan::explain;
use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::workload::growth_of;
use sqlitmus::{Profile, Template, assert_plan_snapshot, assert_rows_snapshot, assert_schema_snapshot, check, crash};

static APP: Template = Template::embedded(&[(
    "1_shop.sql",
    "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE);
     CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users, total INTEGER CHECK (total > 0));
     CREATE INDEX orders_user ON orders(user_id);",
)])
.profile(Profile::PRODUCTION);

mod app {
    use sqlitmus::rusqlite::{Connection, Result, TransactionBehavior};

    pub(super) fn dashboard(db: &Connection, user: i64) -> Result<(String, i64)> {
        let email = db.query_row("SELECT email FROM users WHERE id = ?1", [user], |row| row.get(0))?;
        let total = "SELECT total(total) FROM orders WHERE user_id = ?1";
        Ok((email, db.query_row(total, [user], |row| row.get::<_, f64>(0))? as i64))
    }

    pub(super) const LATEST: i64 = 2;

    /// Each step is one transaction, in which the version is read.
    pub(super) fn migrate_to(db: &mut Connection, to: i64) -> Result<()> {
        for (version, sql) in [(1, "CREATE TABLE notes(body TEXT)"), (2, "ALTER TABLE notes ADD COLUMN at TEXT")] {
            let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let at: i64 = step.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            if at < version && version <= to {
                step.execute_batch(sql)?;
                step.pragma_update(None, "user_version", version)?;
            }
            step.commit()?;
        }
        Ok(())
    }
}

fn count(db: &Connection, from: &str) -> i64 {
    db.query_row(&format!("SELECT count(*) FROM {from}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn databases() {
    // What it replaces has one connection and no WAL.
    let before = Connection::open_in_memory().unwrap();
    let mode = |db: &Connection| db.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(mode(&before), "memory");
    for db in [APP.in_memory(), APP.on_disk()] {
        assert_eq!(mode(&db), "wal");
        let others = [Connection::open(db.path()).unwrap(), Connection::open(db.uri()).unwrap(), db.connect()];
        let transaction = others[0].unchecked_transaction().unwrap();
        transaction.execute("INSERT INTO users(email) VALUES ('ada@example.com')", []).unwrap();
        assert_eq!(count(&others[1], "users"), 0);
        transaction.commit().unwrap();
        assert_eq!([count(&others[1], "users"), count(&others[2], "users")], [1, 1]);
        let orphan = db.execute("INSERT INTO orders(user_id) VALUES (7)", []).unwrap_err();
        assert_eq!(orphan.to_string(), "FOREIGN KEY constraint failed");
    }
    assert!(!APP.in_memory().path().exists() && APP.on_disk().path().exists());
}

#[test]
fn rows_that_the_schema_accepts() {
    let filled = || {
        let db = APP.in_memory();
        db.fill("orders", 10_000);
        db.check();
        assert_eq!(count(&db, "orders"), 10_000);
        check::digest(&db)
    };
    assert_eq!(filled(), filled());

    let db = APP.in_memory();
    let filled = Fill::seed(7).rows("users", 50).label("users", "ada").each("users", "orders", 0..=5).insert(&db);
    assert_eq!(count(&db, "users"), 50);
    let sizes = "(SELECT count(o.id) AS n FROM users AS u LEFT JOIN orders AS o ON o.user_id = u.id GROUP BY u.id)";
    assert_eq!(
        (count(&db, &format!("{sizes} WHERE n > 5")), count(&db, &format!("{sizes} WHERE n = 0")) > 0),
        (0, true)
    );
    db.query_row("SELECT email FROM users WHERE id = ?1", [filled.id::<i64>("ada")], |row| row.get::<_, String>(0))
        .unwrap();
    data::violations(&APP).assert_refused();
}

#[test]
fn queries() {
    let db = APP.in_memory();
    let sql = "SELECT id FROM orders WHERE user_id = ?1";
    explain(&db, sql).assert_no_scan();
    // It is printed as a SEARCH.
    let error = explain(&db, "SELECT min(total) FROM orders").try_assert_no_scan().unwrap_err().to_string();
    assert!(error.contains("\n  > SEARCH orders\n"), "{error}");

    db.execute("INSERT INTO users(id, email) VALUES (7, 'ada@example.com')", []).unwrap();
    let queries = db.record(|db| app::dashboard(db, 7));
    assert_eq!(queries.value, Ok(("ada@example.com".to_owned(), 0)));
    queries.assert_at_most(3).assert_no_scan().assert_no_repeats();
    let twice = db.record(|db| app::dashboard(db, 7).and_then(|_| app::dashboard(db, 7)));
    assert!(twice.try_assert_at_most(3).is_err() && twice.try_assert_no_repeats().is_err());

    let fill = |db: &mut Connection, n| Fill::new().rows("orders", n).try_insert(db);
    let report = growth_of(&APP, [10, 100, 1_000], fill, |db| app::dashboard(db, 1));
    assert_eq!((report.sizes(), report.steps().len()), (&[10, 100, 1_000][..], 3));
}

#[test]
fn a_history_in_the_apps_own_runner() {
    use app::LATEST;
    static OWN: Template = Template::migrate_to(LATEST, |db, to| Ok(app::migrate_to(db, to)?));
    assert_eq!(count(&OWN.at(1), "pragma_table_info('notes')"), 1);
    assert_eq!(count(&OWN.in_memory(), "pragma_table_info('notes')"), 2);
    sqlitmus::suite::Suite::new(&OWN).skip("shipped_migrations_are_frozen", "not shipped").run();
}

#[test]
fn a_property_over_rows() {
    use proptest::test_runner::{Config, TestRunner};
    use std::cell::Cell;
    // The macro writes this.
    let most = Cell::new(0);
    let mut runner = TestRunner::new(Config { failure_persistence: None, cases: 40, ..Config::default() });
    let result = runner.run(&rows(&APP, "users", 0..50), |users| {
        most.set(most.get().max(users.len()));
        Ok(())
    });
    assert!(result.is_ok() && (10..50).contains(&most.get()), "{most:?}");
    proptest::proptest! {
        fn p(users in rows(&APP, "users", 0..50)) {
            let db = APP.in_memory();
            users.insert(&db);
            assert_eq!(count(&db, "users"), i64::try_from(users.len()).unwrap());
        }
    }
    p();
}

#[test]
fn checks_and_snapshots() {
    let db = APP.in_memory();
    let codes: Vec<String> = check::lint(&db).iter().map(|finding| finding.code().to_owned()).collect();
    assert!(codes.iter().any(|code| code == "not-strict"), "{codes:?}");
    let connection = Connection::open(db.path()).unwrap();
    assert_eq!(check::production(&connection).points().len(), 15);
    db.check();
    db.execute("INSERT INTO users(email) VALUES ('ada@example.com')", []).unwrap();
    assert_rows_snapshot!(db, "SELECT * FROM users", @r"
    id | email
    ---+------------------
    1  | 'ada@example.com'
    ");
    assert_plan_snapshot!(db, "SELECT * FROM users WHERE id = 1", @"SEARCH users USING INTEGER PRIMARY KEY (rowid=?)");
    let notes = Template::embedded(&[("1.sql", "create table [notes] (body text)")]);
    assert_schema_snapshot!(notes.in_memory(), @r"
    CREATE TABLE notes (
        body TEXT
    );
    ");
}

#[test]
fn a_page_that_is_corrupt_and_a_reference_that_is_broken() {
    let db = APP.on_disk();
    db.fill("orders", 500);
    db.check();
    db.execute_batch("PRAGMA foreign_keys = OFF; UPDATE orders SET user_id = -1 WHERE id = 7").unwrap();
    assert!(db.try_check().unwrap_err().headline().starts_with("fk-violated: 1 row of orders refers to nothing"));
    let number = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() as u64;
    assert_eq!(number("PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    let (page, size) = (number("SELECT rootpage FROM sqlite_schema WHERE name = 'orders'"), number("PRAGMA page_size"));
    let mut file = fs::File::options().write(true).open(db.path()).unwrap();
    file.seek(SeekFrom::Start((page - 1) * size)).unwrap();
    file.write_all(&[0xff; 8]).unwrap();
    db.execute_batch("PRAGMA shrink_memory").unwrap();
    let error = db.try_check().unwrap_err().to_string();
    assert!(error.contains("corrupt"), "{error}");
}

/// A copy that the app opens by itself, by its path.
#[test]
fn an_app_that_opens_its_connections() {
    let open = |copy: sqlitmus::DbCopy| -> Result<usize> {
        Connection::open(copy.path())?.execute("INSERT INTO users(email) VALUES ('ada@example.com')", [])
    };
    crash::test_with(&APP.in_memory(), open).run();
}

sqlitmus::migration_suite!(APP, |suite| suite
    .skip("schema_is_as_reviewed", "not here")
    .skip("shipped_migrations_are_frozen", "not shipped"));

/// Returns a source without its comments and without white space.
fn code(file: &Path) -> String {
    let source = fs::read_to_string(file).unwrap();
    let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(str::chars).filter(|letter| !letter.is_whitespace()).collect()
}

#[test]
fn each_call_that_is_named_is_made() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut made = code(&root.join("tests/it/readme/prose.rs"));
    for app in fs::read_dir(root.join("tests/drivers")).unwrap() {
        for file in fs::read_dir(app.unwrap().path().join("src")).unwrap() {
            made.push_str(&code(&file.unwrap().path()));
        }
    }
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let prose: String = readme.split("```").step_by(2).collect();
    let is_call =
        |code: &&str| code.contains(['(', '!', ':']) && !["#[sqlx::test]", "min(x)", ":memory:"].contains(code);
    let named: Vec<&str> = prose.split('`').skip(1).step_by(2).filter(is_call).collect();
    assert!(named.len() > 30, "{named:?}");
    let is_made = |code: &str| {
        let code: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
        // What is tested is up to the reader. The suite is given options here.
        let code = code.trim_start_matches("proptest!{").trim_end_matches("{..}}");
        made.contains(code.strip_suffix("!(APP)").unwrap_or(code))
    };
    let missing: Vec<&&str> = named.iter().filter(|code| !is_made(code)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
