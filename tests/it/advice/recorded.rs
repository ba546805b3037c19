//! Advice for one query of a recording: no other recorded query takes more steps with it.

use sqlitmus::plan::explain;
use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::{Template, TestDb, workload};

const ORDERS: &str = "
    CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id INT NOT NULL REFERENCES users(id), at INT, total INT, note TEXT,
                        status TEXT CHECK (status IN ('new', 'paid', 'sent', 'gone')));
    CREATE INDEX orders_user ON orders(user_id);
    CREATE TABLE lines(id INTEGER PRIMARY KEY, order_id INT REFERENCES orders(id), sku TEXT, n INT);";

fn shop() -> TestDb {
    let db = Template::empty().in_memory();
    db.execute_batch(ORDERS).unwrap();
    db
}

/// Runs these queries, and returns the report of the scans among them.
fn report(queries: &[&str]) -> String {
    let run = |db: &mut Connection| -> Result<()> {
        for sql in queries {
            let mut statement = db.prepare(sql)?;
            let values: Vec<i64> = (1..).take(statement.parameter_count()).collect();
            let mut rows = statement.query(sqlitmus::rusqlite::params_from_iter(values))?;
            while rows.next()?.is_some() {}
        }
        Ok(())
    };
    let db = shop();
    let recorded = db.record(run);
    recorded.value.as_ref().unwrap();
    recorded.try_assert_no_scan().map(drop).unwrap_err().to_string()
}

const BY_STATUS: &str = "SELECT id FROM orders WHERE status = ?1 ORDER BY at";
/// Each order of a user is found by the user; SQLite would find a fifth of all by the status.
const BY_BOTH: &str = "SELECT * FROM orders WHERE user_id = ?1 AND status = ?2";
/// The same, of which every SQLite takes the index that has two of the columns. Some take it for `BY_BOTH` too.
const BY_ALL: &str = "SELECT * FROM orders WHERE user_id = ?1 AND status = ?2 AND at > ?3";

/// Returns true if a query is run by the index for `BY_STATUS`, once that is there.
fn takes_the_index(query: &str) -> bool {
    let connection = shop();
    connection.execute_batch("CREATE INDEX orders_status_at ON orders(status, at)").unwrap();
    explain(&connection, query).try_assert_uses_index("orders_status_at").is_ok()
}

#[test]
fn an_index_that_makes_another_query_dearer_is_not_offered() {
    let alone = report(&[BY_STATUS]);
    assert!(alone.contains("help: CREATE INDEX orders_status_at ON orders(status, at);"), "{alone}");
    for (other, is_dearer) in [(BY_BOTH, takes_the_index(BY_BOTH)), (BY_ALL, true)] {
        let both = report(&[BY_STATUS, other]);
        assert_eq!(both.contains("help: CREATE INDEX"), !is_dearer, "{both}");
        let refused = "not offered, because another recorded query then takes more steps: \
                       CREATE INDEX orders_status_at ON orders(status, at);";
        assert_eq!(both.contains(refused), is_dearer, "{both}");
        assert_eq!(both.contains(other), is_dearer, "{both}");
    }
}

/// Two queries that scan get their indexes together, and the third counts too.
#[test]
fn the_other_queries_count_beside_several_scans() {
    let by_sku = "SELECT id FROM lines WHERE sku = ?1";
    for (other, is_dearer) in [(BY_BOTH, takes_the_index(BY_BOTH)), (BY_ALL, true)] {
        let all = report(&[BY_STATUS, by_sku, other]);
        assert!(all.contains("CREATE INDEX lines_sku ON lines(sku);"), "{all}");
        assert_eq!(all.contains("CREATE INDEX orders_status_at"), !is_dearer, "{all}");
    }
    assert!(report(&[BY_STATUS, by_sku]).contains("CREATE INDEX orders_status_at"));
}

/// What it takes to keep an index is the price of every index.
#[test]
fn writes_are_no_reason_against_an_index() {
    let index = "help: CREATE INDEX lines_sku ON lines(sku);";
    for write in [
        "INSERT INTO lines(order_id, sku, n) VALUES (NULL, ?1, ?2)",
        "INSERT INTO lines(sku, n) VALUES (1, 1), (2, 2), (3, 3), (?1, ?2)",
        "UPDATE lines SET sku = ?1 WHERE id = ?2",
        "UPDATE lines SET sku = ?1, n = ?2 WHERE id BETWEEN 3 AND 500",
        "UPDATE lines SET n = ?1 WHERE id = ?2",
        "DELETE FROM lines WHERE id = ?1",
        "DELETE FROM lines WHERE id < ?1",
        "INSERT INTO lines(id, sku) VALUES (?1, ?2) ON CONFLICT(id) DO UPDATE SET sku = excluded.sku",
        "REPLACE INTO lines(id, sku) VALUES (?1, ?2)",
    ] {
        let report = report(&["SELECT id FROM lines WHERE sku = ?1", write]);
        assert!(report.contains(index), "{write}\n{report}");
    }
}

/// The price is said in one line: how many writes pay it, and the largest rise in steps.
#[test]
fn the_price_of_an_index_for_writes_is_said() {
    let line = |queries: &[&str]| {
        let report = report(queries);
        let found = report.lines().find(|line| line.contains("to keep the new index entries"));
        found.map(|line| line.trim().to_owned()).unwrap_or_default()
    };
    let by_sku = "SELECT id FROM lines WHERE sku = ?1";
    let many = "DELETE FROM lines WHERE id < 500";
    let one = line(&[by_sku, many]);
    let steps = one.strip_prefix("1 write takes more steps to keep the new index entries, from ").unwrap_or(&one);
    let (before, rest) = steps.split_once(" to ").unwrap_or_default();
    let (after, sql) = rest.split_once(": ").unwrap_or_default();
    assert!(sql == many && before.parse::<u64>().unwrap() + 400 < after.parse().unwrap(), "{one}");
    let two = line(&["INSERT INTO lines(sku, n) VALUES (?1, 1)", by_sku, many]);
    assert_eq!(two, one.replace("1 write takes", "2 writes take").replace(", from", "; the largest rise is from"));
    // Beside several scans it is a note on all indexes.
    let all = line(&[by_sku, "SELECT id FROM users WHERE name = ?1", many]);
    assert_eq!(all, format!("note: {one}"));
    for other in [
        "SELECT n FROM lines WHERE id = ?1",
        "UPDATE lines SET n = ?1 WHERE id = ?2",
        "INSERT INTO users(name) VALUES (?1)",
        "DELETE FROM users WHERE id = ?1",
        "PRAGMA user_version",
        "SELECT replace(sku, 'a', 'b') FROM lines WHERE id = ?1",
    ] {
        assert_eq!(line(&[by_sku, other]), "", "{other}");
    }
}

/// Each statement needs the same index on each child, so nothing has to be tried.
#[test]
fn the_children_of_several_statements_are_indexed_once() {
    let db = Template::empty().in_memory();
    let children: String =
        (0..40).map(|n| format!("CREATE TABLE c{n}(id INTEGER PRIMARY KEY, p_id INT REFERENCES p(id));")).collect();
    db.execute_batch(&format!("CREATE TABLE p(id INTEGER PRIMARY KEY, kind INT, name TEXT); {children}")).unwrap();
    let queries = db.record(|db| {
        db.execute("DELETE FROM p WHERE id = ?1", [3])?;
        db.execute("UPDATE p SET id = 4 WHERE id = ?1", [3])?;
        db.execute("DELETE FROM p WHERE name = ?1", [3])
    });
    let advice = workload::advise_all(&queries).unwrap();
    assert_eq!((advice.indexes.len(), advice.least, advice.is_cut_short), (41, 1, false), "{advice}");
    for index in &advice.indexes {
        let of_children = index.index.table != "p";
        assert_eq!(index.statements.len(), if of_children { 3 } else { 1 }, "{index:?}");
        db.execute_batch(&index.sql).unwrap();
    }
    db.record(|db| db.execute("DELETE FROM p WHERE name = ?1", [3])).assert_no_scan();
}

/// A write that is stopped takes back what is not committed: the indexes that are tried.
#[test]
fn a_write_that_is_too_long_to_be_measured() {
    let db = Template::empty().in_memory();
    let children: String =
        (0..8).map(|n| format!("CREATE TABLE c{n}(id INTEGER PRIMARY KEY, p_id INT REFERENCES p(id));")).collect();
    db.execute_batch(&format!("CREATE TABLE p(id INTEGER PRIMARY KEY, kind INT, name TEXT); {children}")).unwrap();
    let queries = db.record(|db| {
        db.execute("DELETE FROM p WHERE kind <> ?1", [3])?;
        db.query_row("SELECT count(*) FROM p WHERE name = ?1", ["x"], |row| row.get::<_, i64>(0))
    });
    let advice = workload::advise_all(&queries).unwrap();
    let sql: Vec<&str> = advice.indexes.iter().map(|index| index.sql.as_str()).collect();
    assert_eq!(sql.len(), 9, "{advice}");
    assert!(sql.contains(&"CREATE INDEX p_name ON p(name);"), "{advice}");
    let unused = workload::unused_indexes(&queries);
    assert_eq!(unused.to_string(), "");
    for one in sql {
        db.execute_batch(one).unwrap();
    }
    db.execute_batch("CREATE INDEX p_kind ON p(kind)").unwrap();
    let again = db.record(|db| db.execute("DELETE FROM p WHERE kind <> ?1", [3]));
    let unused = workload::unused_indexes(&again).to_string();
    assert!(unused.contains("DROP INDEX p_kind;") && !unused.contains("c0"), "{unused}");
}
