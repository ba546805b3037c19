//! The processes whose statements are gathered.

use rusqlite::{Connection, params};
use sqlitmus::data::Fill;
use sqlitmus::migrations::Migrations;
use sqlitmus::record::compare_ledgers;
use sqlitmus::{Profile, Template, TestDb, check, plan, schema, workload};

use super::folder;

const FILES: &[(&str, &str)] = &[(
    "1_shop.sql",
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE);
     CREATE INDEX users_name ON users(name);
     CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users(id) ON DELETE CASCADE, status TEXT);
     CREATE INDEX orders_open ON orders(user_id) WHERE status = 'open';
     CREATE TABLE log(line TEXT);
     CREATE TRIGGER logged AFTER INSERT ON orders BEGIN INSERT INTO log SELECT count(*) FROM users; END;
     INSERT INTO users(name) VALUES ('ada'), ('grace');",
)];

static SHOP: Template = Template::embedded(FILES);

fn names(connection: &Connection, like: &str) -> Vec<String> {
    let mut statement = connection.prepare("SELECT name FROM users WHERE name LIKE ?1").unwrap();
    statement.query_map([like], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn count(connection: &Connection, table: &str) -> i64 {
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn runs_an_app() {
    if folder().is_none() {
        return;
    }
    for db in [SHOP.in_memory(), SHOP.on_disk()] {
        db.execute_batch("BEGIN; PRAGMA user_version = 7; CREATE TABLE extra(x); COMMIT").unwrap();
        // Connections of several kinds.
        names(&db.connect(), "a%");
        names(&Connection::open(db.path()).unwrap(), "gr%");
        std::thread::scope(|scope| {
            let pooled = Connection::open(db.uri()).unwrap();
            scope.spawn(move || count(&pooled, "orders"));
        });
        // These run a trigger and a cascade.
        for status in ["open", "paid"] {
            db.execute("INSERT INTO orders(user_id, status) VALUES (?1, ?2)", params![1, status]).unwrap();
        }
        db.execute("DELETE FROM users WHERE id = 1", []).unwrap();
        // Temporary tables are visible only to their connection.
        db.execute_batch("CREATE TEMP TABLE mine(x); INSERT INTO mine VALUES (1)").unwrap();
        let other = db.connect();
        other.execute_batch("CREATE TEMP TABLE theirs(x); INSERT INTO theirs VALUES ('-- a''s\n')").unwrap();
        // The same statement in two spellings, with and without a bound value.
        db.query_row("SELECT min(id) FROM orders WHERE status = :status AND user_id = 7", ["open"], |_| Ok(()))
            .unwrap();
        db.query_row("SELECT min(id)\nFROM orders -- the first\nWHERE status='paid' and user_id=8", [], |_| Ok(()))
            .unwrap();
        db.record(|db| count(db, "users")).assert_count(1);
        // The database stays open, but its statements are no longer gathered.
        count(&db.into_connection(), "sqlite_schema");
    }
}

#[test]
fn looks_at_everything() {
    if folder().is_none() {
        return;
    }
    let migrations = Migrations::embedded(FILES).unwrap();
    for db in [SHOP.in_memory(), SHOP.on_disk()] {
        let (mut another, fork) = (Template::empty().in_memory(), db.fork());
        migrations.clone().ledger(sqlitmus::migrations::Ledger::Table("done")).up_to(&mut another, 0).unwrap();
        let _ = (db.try_check(), db.fork().try_check(), check::integrity(&db), check::health(&db));
        let _ = (check::profile(&db, &Profile::PRODUCTION), check::lint(&db), schema::Schema::read(&db).unwrap());
        let _ = check::compile_option(&db, "ENABLE_FTS5");
        let _ = (check::digest(&db), check::query_rows(&db, "SELECT * FROM users").unwrap());
        check::assert_same_data(&db, &fork);
        check::assert_same_schema(&db, &fork);
        assert!(db.row_changes(|_| ()).is_empty() && check::changes_between(&db, &fork).unwrap().is_empty());
        let copy = folder().unwrap().join("copy.db");
        let _ = std::fs::remove_file(&copy);
        let _ = check::backup(&db, &copy);
        plan::explain(&db, "SELECT * FROM users").try_assert_no_scan().unwrap_err();
        let queries = db.record(|db| db.execute_batch("PRAGMA user_version").unwrap());
        queries.assert_no_scan().assert_only_reads(&[]).assert_only_writes(&[]);
        let _ = workload::unused_indexes(&queries);
        let _ = plan::advise(&db, "SELECT * FROM users ORDER BY name").unwrap();
        plan::assert_plan_stable(&db, "SELECT * FROM users WHERE id = 1");
        fork.fill("users", 3);
        let analyzed = db.fork();
        analyzed.execute_batch("ANALYZE").unwrap();
        plan::write_statistics(&analyzed, folder().unwrap().join("statistics.sql")).unwrap();
        let _ = Fill::new().every_table(2).to_sql(&db).unwrap();
        let _ = sqlitmus::data::try_violations(&SHOP).unwrap();
        db.clock().set("2026-03-01T00:00:00Z");
        drop(db.connect());
    }
    // A PRAGMA has no plan, so any statement in the ledger would be one of this crate.
    let fill = |db: &mut Connection, n: u64| Fill::new().rows("users", n).try_insert(db);
    let _ = workload::growth_of(&SHOP, [1, 2, 4], fill, |db| db.execute_batch("PRAGMA user_version"));
}

#[test]
fn panics_with_a_query() {
    if folder().is_none() {
        return;
    }
    let db = SHOP.in_memory();
    count(&db, "log");
    panic!("as a test does");
}

#[test]
fn runs_once() {
    if folder().is_none() {
        return;
    }
    count(&SHOP.in_memory(), "log");
}

/// Runs ten statements, half of which other parts run as well.
fn run_part(db: &TestDb, part: usize) {
    for number in 0..10 {
        db.query_row(&format!("SELECT {part} AS c{}", part * 5 + number), [], |_| Ok(())).unwrap();
    }
}

#[test]
fn runs_many_on_threads() {
    if folder().is_none() {
        return;
    }
    std::thread::scope(|scope| {
        for part in 0..12 {
            scope.spawn(move || run_part(&SHOP.in_memory(), part));
        }
    });
}

/// The environment variable with the part that a process runs.
pub(crate) const PART: &str = "PROCESS_TEST_PART";

#[test]
fn runs_a_part() {
    if folder().is_none() {
        return;
    }
    run_part(&SHOP.in_memory(), std::env::var(PART).unwrap().parse().unwrap());
}

#[test]
fn runs_with_an_index_or_without() {
    if folder().is_none() {
        return;
    }
    static ORDERS: Template =
        Template::embedded(&[("1.sql", "CREATE TABLE orders(id INTEGER PRIMARY KEY, status TEXT NOT NULL)")]);
    let db = ORDERS.in_memory();
    let by_status = "SELECT id FROM orders WHERE status = ?1";
    let asks = |sql: &str| assert!(db.query_row(sql, ["open"], |_| Ok(())).is_err());
    if std::env::var(PART).unwrap() == "with" {
        db.execute_batch("CREATE INDEX orders_status ON orders(status)").unwrap();
        asks(by_status);
    } else {
        asks(by_status);
        asks("SELECT status FROM orders WHERE id = ?1");
    }
}

/// Prints in which statements the runs of a test differ.
#[test]
#[expect(clippy::print_stdout, reason = "the other process reads it")]
fn compares_two_ledgers() {
    if folder().is_none() {
        return;
    }
    let diff = compare_ledgers("tests/ledger.txt", "target/ledger.txt").unwrap();
    println!("<report>\n{}\n</report>", diff.try_assert_same().unwrap_err());
}

#[test]
fn runs_one_statement_on_several_schemas() {
    if folder().is_none() {
        return;
    }
    static PLAIN: Template = Template::embedded(&[("1.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT)")]);
    let by_name = |db: &TestDb| {
        let sql = "SELECT id FROM users WHERE name = ?1";
        assert!(db.query_row(sql, ["nobody"], |_| Ok(())).is_err());
    };
    by_name(&SHOP.in_memory());
    by_name(&PLAIN.in_memory());
    // The table is dropped before its database, but the statement was explained in another database.
    let db = SHOP.in_memory();
    by_name(&db);
    db.execute_batch("PRAGMA foreign_keys = OFF; DROP TABLE orders; DROP TABLE users").unwrap();
    drop(db);
    // This one was not explained in any database.
    let db = SHOP.in_memory();
    count(&db, "log");
    db.execute_batch("DROP TRIGGER logged; DROP TABLE log").unwrap();
}

#[test]
fn runs_one_statement_with_an_index_that_is_committed_or_not() {
    if folder().is_none() {
        return;
    }
    for end in ["", "COMMIT"] {
        let db = SHOP.in_memory();
        db.execute_batch("BEGIN; CREATE INDEX log_line ON log(line)").unwrap();
        db.query_row("SELECT count(*) FROM log WHERE line = ?1", ["x"], |_| Ok(())).unwrap();
        db.execute_batch(end).unwrap();
    }
}

#[test]
fn runs_hostile_statements() {
    if folder().is_none() {
        return;
    }
    let db = SHOP.in_memory();
    db.execute_batch("CREATE TABLE \"a\n> SCAN b\\\"(\"größe \u{202e}\")").unwrap();
    db.execute_batch("SELECT \"größe \u{202e}\" FROM \"a\n> SCAN b\\\" WHERE 1 = '\n-- ;\n\n# sqlitmus ledger 2'")
        .unwrap();
    db.execute_batch(&format!("SELECT 1 WHERE 0{}", " OR 7 = 8".repeat(500))).unwrap();
}
