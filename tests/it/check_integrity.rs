use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use sqlitmus::check::{self, Findings};
use sqlitmus::rusqlite::{Connection, OpenFlags};
use sqlitmus::{Template, TestDb};

static EMPTY: Template = Template::empty();
static SHOP: Template = Template::new("fixtures/shop/migrations");

fn database(sql: &str) -> TestDb {
    let db = EMPTY.in_memory().unchecked();
    db.execute_batch(sql).unwrap();
    db
}

/// Replaces the declaration of a table or index and leaves its rows as they were written.
fn declare(connection: &Connection, name: &str, sql: &str) {
    connection.execute_batch("PRAGMA writable_schema = ON").unwrap();
    let changed = connection.execute("UPDATE sqlite_schema SET sql = ?2 WHERE name = ?1", [name, sql]).unwrap();
    assert_eq!(changed, 1);
    connection.execute_batch("PRAGMA writable_schema = RESET").unwrap();
}

fn found(findings: &Findings) -> Vec<(&str, &str)> {
    findings.iter().map(|finding| (finding.code(), finding.object())).collect()
}

fn report(findings: &Findings) -> String {
    findings.try_assert_ok().unwrap_err().to_string()
}

const ORDERS: &str = "
    CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id), status TEXT);
    CREATE INDEX orders_status ON orders(status);
    INSERT INTO customers VALUES (1, 'Ada');
    INSERT INTO orders VALUES (1, 1, 'open'), (2, 1, 'paid');
";

#[test]
fn an_intact_database_has_no_findings() {
    assert_eq!(found(&check::integrity(&database(ORDERS))), []);
    database(ORDERS).check();
    SHOP.in_memory().check();
    SHOP.on_disk().check();
}

#[test]
fn rows_that_refer_to_nothing_are_shown() {
    let db = database(ORDERS);
    db.execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO orders VALUES (7, 42, 'open'), (8, NULL, 'open')")
        .unwrap();
    assert_eq!(
        db.try_check().unwrap_err().to_string(),
        "fk-violated: 1 row of orders refers to nothing: customer_id -> customers(id)\n\
         \n  fk-violated (orders.customer_id):\
         \n    1 row of orders refers to nothing: customer_id -> customers(id)\
         \n    joins lose such rows; with foreign_keys ON they could not have been committed\n\
         \n  rows of orders:\n    id = 7: customer_id = 42"
    );
    let message = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| db.check())).unwrap_err();
    assert!(message.downcast_ref::<String>().unwrap().starts_with("fk-violated: 1 row of orders"));
}

#[test]
fn keys_of_every_kind_are_shown() {
    let db = database(
        "PRAGMA foreign_keys = OFF;
         CREATE TABLE p(a, b, PRIMARY KEY(a, b)) WITHOUT ROWID;
         CREATE TABLE plain(rowid, x, FOREIGN KEY(rowid, x) REFERENCES p);
         CREATE TABLE keyed(x TEXT, n, a, b, PRIMARY KEY(x, n), FOREIGN KEY(a, b) REFERENCES p(a, b)) WITHOUT ROWID;
         CREATE TABLE lost(x REFERENCES gone(y));
         INSERT INTO p VALUES (1, 2);
         INSERT INTO plain VALUES (1, 2), (1, 3), (NULL, 3);
         INSERT INTO keyed VALUES ('one', 1, 1, 2), ('it''s', 1.5, 2, x'00ff');
         INSERT INTO lost WITH n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 13) SELECT i FROM n;",
    );
    let findings = check::integrity(&db);
    let whats: Vec<&str> = findings.iter().map(|finding| finding.what()).collect();
    assert_eq!(
        whats,
        [
            "1 row of keyed refers to nothing: a, b -> p(a, b)",
            "13 rows of lost refer to nothing: x -> gone(y)",
            "1 row of plain refers to nothing: rowid, x -> p(a, b)",
        ]
    );
    let report = report(&findings);
    assert!(report.contains("  rows of keyed:\n    x = 'it''s', n = 1.5: a = 2, b = x'00ff'\n"), "{report}");
    assert!(report.contains("  rows of plain:\n    rowid = 2: rowid = 1, x = 3"), "{report}");
    assert!(report.contains("    rowid = 10: x = 10\n    and 3 more\n"), "{report}");
}

#[test]
fn a_key_that_its_parent_does_not_have() {
    let db = database("CREATE TABLE p(x UNIQUE); CREATE TABLE c(x REFERENCES p(x))");
    assert_eq!(found(&check::integrity(&db)), []);
    let db = database("CREATE TABLE p(x); CREATE TABLE c(x REFERENCES p(x))");
    let findings = check::integrity(&db);
    assert_eq!(found(&findings), [("fk-mismatch", "c")]);
    assert_eq!(findings.iter().next().unwrap().what(), "foreign key mismatch - \"c\" referencing \"p\"");
}

#[test]
fn attached_databases_are_checked_and_named() {
    let db = database("ATTACH ':memory:' AS other; PRAGMA foreign_keys = OFF");
    db.execute_batch(
        "CREATE TABLE other.t(x UNIQUE REFERENCES t(x)); CREATE TEMP TABLE u(x PRIMARY KEY, y REFERENCES u(x))",
    )
    .unwrap();
    assert_eq!(found(&check::integrity(&db)), []);
    db.execute_batch("INSERT INTO u VALUES (1, 2), (2, 1), (3, 4); DROP TABLE other.t").unwrap();
    db.execute_batch("CREATE TABLE other.t(x UNIQUE, y REFERENCES t(x)); INSERT INTO other.t VALUES (1, 1), (2, 3)")
        .unwrap();
    let mut expected = [("fk-violated", "other.t.y"), ("fk-violated", "temp.u.y")];
    expected.sort_unstable();
    let findings = check::integrity(&db);
    let mut found = found(&findings);
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn an_index_that_does_not_match_its_table() {
    let db = database(ORDERS);
    declare(&db, "orders_status", "CREATE INDEX orders_status ON orders(customer_id)");
    let findings = check::integrity(&db);
    assert_eq!(
        report(&findings),
        "2 findings, the first: index-mismatch: row 1 missing from index orders_status (table orders)\n\
         \n  index-mismatch (orders_status):\
         \n    row 1 missing from index orders_status (table orders)\
         \n    queries by this index miss rows, or find rows that are gone\n\
         \n  index-mismatch (orders_status):\
         \n    row 2 missing from index orders_status (table orders)\
         \n    queries by this index miss rows, or find rows that are gone\n\
         \n  help: REINDEX \"orders_status\";   tried on a copy: it helps"
    );
    db.execute_batch("REINDEX \"orders_status\"").unwrap();
    db.check();
}

#[test]
fn an_index_that_cannot_be_unique_has_no_remedy() {
    let db = database("CREATE TABLE t(x); INSERT INTO t VALUES (1), (1); CREATE INDEX i ON t(x)");
    declare(&db, "i", "CREATE UNIQUE INDEX i ON t(x)");
    let findings = check::integrity(&db);
    assert_eq!(found(&findings), [("index-mismatch", "i")]);
    let finding = findings.iter().next().unwrap();
    assert_eq!((finding.what(), finding.help()), ("non-unique entry in index i (table t)", None));
}

#[test]
fn values_that_the_schema_forbids() {
    for (sql, object) in [
        ("CREATE TABLE t(x NOT NULL, y)", "t.x"),
        ("CREATE TABLE t(x, y CHECK (y < 2))", "t"),
        ("CREATE TABLE t(x ANY, y TEXT) STRICT", "t.y"),
    ] {
        let db = database("CREATE TABLE t(x, y); INSERT INTO t VALUES (NULL, 2)");
        assert_eq!(found(&check::integrity(&db)), []);
        declare(&db, "t", sql);
        assert_eq!(found(&check::integrity(&db)), [("value-not-allowed", object)], "{sql}");
    }
    // SQLite does not report the rows.
    let db = database("CREATE TABLE t(x, y); INSERT INTO t VALUES (NULL, 2), (NULL, 3), (1, NULL)");
    declare(&db, "t", "CREATE TABLE t(x NOT NULL, y)");
    let findings = check::integrity(&db);
    assert_eq!(findings.iter().map(|finding| finding.what()).collect::<Vec<_>>(), ["NULL value in t.x, 2 times"]);
}

const SEARCH: &str = "
    CREATE TABLE posts(id INTEGER PRIMARY KEY, body TEXT);
    CREATE VIRTUAL TABLE search USING fts5(body, content='posts', content_rowid='id');
    CREATE VIRTUAL TABLE own USING fts5(body);
    CREATE VIRTUAL TABLE less USING fts5(body, content='');
    CREATE VIRTUAL TABLE four USING fts4(body);
    CREATE VIRTUAL TABLE places USING rtree(id, low, high);
    INSERT INTO posts VALUES (1, 'the first'), (2, 'the second');
    INSERT INTO search(search) VALUES ('rebuild');
    INSERT INTO own VALUES ('the first'), ('the second');
    INSERT INTO less(rowid, body) VALUES (1, 'the first');
    INSERT INTO four VALUES ('the first'), ('the second');
    INSERT INTO places VALUES (1, 2, 3), (2, 3, 4);
";

#[test]
fn an_index_over_the_content_of_another_table_is_compared_with_it() {
    let db = database(SEARCH);
    assert_eq!(found(&check::integrity(&db)), []);
    // An app without a trigger for the index updates the table.
    db.execute_batch("UPDATE posts SET body = 'the third' WHERE id = 2").unwrap();
    let findings = check::integrity(&db);
    assert_eq!(found(&findings), [("fts-mismatch", "search")]);
    let finding = findings.iter().next().unwrap();
    assert_eq!(finding.what(), "the full-text index search differs from its content");
    assert_eq!(
        finding.help(),
        Some("INSERT INTO \"search\"(\"search\") VALUES('rebuild');   tried on a copy: it helps")
    );
    db.execute_batch("INSERT INTO \"search\"(\"search\") VALUES('rebuild')").unwrap();
    db.check();
}

#[test]
fn a_remedy_that_does_not_help_is_not_offered() {
    // The content differs each time it is read.
    let db = database(
        "CREATE VIEW posts AS SELECT 1 AS id, hex(randomblob(8)) AS body;
         CREATE VIRTUAL TABLE search USING fts5(body, content='posts', content_rowid='id');
         INSERT INTO search(search) VALUES ('rebuild');",
    );
    let findings = check::integrity(&db);
    assert_eq!(found(&findings), [("fts-mismatch", "search")]);
    assert_eq!(findings.iter().next().unwrap().help(), None);
}

#[test]
fn full_text_tables_and_rtrees_are_checked() {
    for (damage, finding) in [
        ("UPDATE own_content SET c0 = 'the third' WHERE id = 2", ("fts-mismatch", "own")),
        ("UPDATE four_content SET c0body = 'the third' WHERE docid = 2", ("fts-mismatch", "four")),
        ("DELETE FROM places_rowid WHERE rowid = 2", ("rtree-mismatch", "places")),
    ] {
        let db = database(SEARCH);
        db.execute_batch(damage).unwrap();
        let findings = check::integrity(&db);
        assert!(!findings.is_empty(), "{damage}");
        assert!(found(&findings).iter().all(|one| *one == finding), "{damage}: {findings:?}");
    }
}

#[test]
fn connections_that_may_not_write_check_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let app = Connection::open(&path).unwrap();
    app.execute_batch(SEARCH).unwrap();
    let read_only = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let query_only = Connection::open(&path).unwrap();
    query_only.execute_batch("PRAGMA query_only = ON").unwrap();
    for connection in [&read_only, &query_only] {
        assert_eq!(found(&check::integrity(connection)), []);
    }
    app.execute_batch("DELETE FROM posts WHERE id = 2").unwrap();
    for connection in [&read_only, &query_only] {
        assert_eq!(found(&check::integrity(connection)), [("fts-mismatch", "search")]);
    }
}

#[test]
fn the_connection_is_not_changed() {
    let db = database(SEARCH);
    let state = |connection: &Connection| {
        let sql = "SELECT changes(), total_changes(), last_insert_rowid()";
        let state: (i64, i64, i64) =
            connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        (state, connection.is_autocommit())
    };
    db.execute_batch("INSERT INTO posts VALUES (77, 'x'); UPDATE posts SET body = 'y' WHERE id > 2").unwrap();
    let before = state(&db);
    assert_eq!(found(&check::integrity(&db)), [("fts-mismatch", "search")]);
    assert_eq!(state(&db), before);
    db.execute_batch("BEGIN; INSERT INTO posts VALUES (78, 'x')").unwrap();
    let before = state(&db);
    assert!(!check::integrity(&db).is_empty());
    assert_eq!(state(&db), before);
    db.execute_batch("ROLLBACK").unwrap();
}

#[test]
fn an_open_transaction_is_checked_and_skipped_checks_are_reported() {
    let db = database(ORDERS);
    db.execute_batch("PRAGMA foreign_keys = OFF; BEGIN; INSERT INTO orders VALUES (7, 42, 'open')").unwrap();
    assert_eq!(found(&check::integrity(&db)), [("fk-violated", "orders.customer_id")]);
    assert_eq!(found(&check::integrity(&db.connect())), []);

    let db = database(SEARCH);
    db.execute_batch("BEGIN; SELECT * FROM posts").unwrap();
    assert_eq!(found(&check::integrity(&db)), []);
    // Writes to the index reach its tables only when the transaction ends.
    db.execute_batch("INSERT INTO own VALUES ('more'); INSERT INTO four VALUES ('more')").unwrap();
    db.execute_batch("INSERT INTO posts VALUES (3, 'more'); INSERT INTO search(rowid, body) VALUES (3, 'more')")
        .unwrap();
    assert_eq!(
        report(&check::integrity(&db)),
        "not-checked: the index of search was not compared with its content\n\
         \n  not-checked (search):\
         \n    the index of search was not compared with its content\
         \n    a transaction that has written is open, and SQLite makes no copy of a database inside one\n\
         \n  help: check before it begins, or after COMMIT"
    );
    db.execute_batch("COMMIT").unwrap();
    db.check();
}

#[test]
fn the_copy_has_the_functions_of_the_app() {
    fn functions(connection: &Connection) -> Result<(), sqlitmus::BoxError> {
        let flags =
            rusqlite::functions::FunctionFlags::SQLITE_UTF8 | rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC;
        Ok(connection.create_scalar_function("twice", 1, flags, |context| Ok(context.get::<i64>(0)? * 2))?)
    }
    static APP: Template = Template::embedded(&[(
        "1.sql",
        "CREATE TABLE t(x, y CHECK (y = twice(x))); CREATE INDEX i ON t(twice(x)); INSERT INTO t VALUES (1, 2)",
    )])
    .functions(functions);
    let db = APP.in_memory().unchecked();
    db.check();
    declare(&db, "i", "CREATE INDEX i ON t(twice(y))");
    let error = db.try_check().unwrap_err().to_string();
    assert!(error.contains("help: REINDEX \"i\";   tried on a copy: it helps"), "{error}");

    // Without the function SQLite cannot check the file, which is not a fault of the file.
    let bare = Connection::open(db.path()).unwrap();
    let findings = check::integrity(&bare);
    assert_eq!(findings.iter().next().unwrap().code(), "not-checked");
    assert!(report(&findings).contains("twice"), "{}", report(&findings));
}

#[test]
fn a_file_that_is_not_a_database_is_unreadable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    std::fs::write(&path, "this is no database, whatever its name says".repeat(99)).unwrap();
    let connection = Connection::open(&path).unwrap();
    let shown = path.display();
    assert_eq!(
        report(&check::integrity(&connection)),
        format!(
            "unreadable: SQLite cannot read {shown}\n\
             \n  SQLite says:\n    file is not a database (code 26: {})",
            rusqlite::ffi::code_to_str(26)
        )
    );
}

fn all_of(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::fs::File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// Writes the shop with a few hundred rows as one file with small pages.
fn filled_shop(path: &Path) {
    // VACUUM INTO writes through the connection's VFS: in memory, the copy would be in memory too.
    let db = SHOP.on_disk();
    db.execute_batch(
        "CREATE TEMP TABLE n AS WITH n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 120) SELECT i FROM n;
         INSERT INTO customers(id, email, name, password_hash) SELECT i, 'c' || i || '@example.com', 'Customer ' || i, '' FROM n;
         INSERT INTO categories(id, slug, name) SELECT i, 'slug-' || i, 'Category ' || i FROM n;
         INSERT INTO orders(id, number, customer_id) SELECT i, '2026-' || i, 121 - i FROM n;",
    )
    .unwrap();
    db.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA page_size = 1024").unwrap();
    db.execute("VACUUM INTO ?1", [path.to_str()]).unwrap();
}

/// Runs `PRAGMA integrity_check`. Returns its messages as the error.
fn plain(path: &Path) -> Result<(), String> {
    let connection = Connection::open(path).map_err(|error| error.to_string())?;
    let mut statement = connection.prepare("PRAGMA integrity_check").map_err(|error| error.to_string())?;
    let mut rows = statement.query([]).map_err(|error| error.to_string())?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next().map_err(|error| error.to_string())? {
        lines.push(String::from_utf8_lossy(row.get_ref(0).unwrap().as_bytes().unwrap()).into_owned());
    }
    if lines == ["ok"] { Ok(()) } else { Err(lines.join("\n")) }
}

/// Asserts that the check has findings where SQLite has, and names the file if it cannot be read. Returns true if there
/// are findings.
#[track_caller]
fn agree(path: &Path, what: &str) -> bool {
    let plain = plain(path);
    let Ok(connection) = Connection::open(path) else { return true };
    let findings = check::integrity(&connection);
    if let Err(says) = &plain {
        assert!(!findings.is_empty(), "{what}: {says}");
    }
    for finding in &findings {
        assert!(!finding.what().is_empty());
        if finding.code() == "unreadable" {
            assert!(finding.what().contains(path.to_str().unwrap()), "{what}: {finding}");
            assert!(plain.is_err() || !connection.path().unwrap().is_empty(), "{what}: {finding}");
        }
    }
    if !findings.is_empty() {
        assert!(!report(&findings).is_empty());
    }
    !findings.is_empty()
}

#[test]
fn four_hundred_flipped_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    filled_shop(&path);
    assert!(!agree(&path, "as it was"), "{:?}", check::integrity(&Connection::open(&path).unwrap()));
    let good = all_of(&path);
    let mut file = std::fs::File::options().write(true).open(&path).unwrap();
    let mut objections = 0;
    let mut seed = 0x5eed_u64;
    for _ in 0..400 {
        // Knuth's generator: the same bytes every time.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (place, bit) = ((seed >> 20) as usize % good.len(), 1_u8 << ((seed >> 60) & 7));
        let mut put = |byte: u8| {
            file.seek(SeekFrom::Start(place as u64)).unwrap();
            file.write_all(&[byte]).unwrap();
        };
        put(good[place] ^ bit);
        objections += usize::from(agree(&path, &format!("bit {bit} of byte {place}")));
        // SQLite leaves these files if the flipped bit makes it take the file to be in WAL mode.
        for suffix in ["-wal", "-shm", "-journal"] {
            let _ = std::fs::remove_file(folder.path().join(format!("app.db{suffix}")));
        }
        put(good[place]);
    }
    assert!(all_of(&path) == good, "a check writes nothing");
    assert!(objections > 40, "{objections}");
}

#[test]
fn truncated_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    filled_shop(&path);
    let good = all_of(&path);
    for len in [1, 99, 100, 512, 1023, 1024, 1025, good.len() / 2, good.len() - 1024, good.len() - 1] {
        std::fs::write(&path, &good[..len]).unwrap();
        let objects = agree(&path, &format!("{len} bytes"));
        // To SQLite, a file of one byte is an empty database, and a page that is cut off ends in zeroes. Only a
        // comparison with the source shows the damage, as in check::backup.
        assert!(objects || len == 1 || len == good.len() - 1, "{len} bytes");
    }
}

#[test]
fn a_damaged_page_is_reported_with_its_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    filled_shop(&path);
    let connection = Connection::open(&path).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'orders'";
    let root: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    drop(connection);
    let mut file = std::fs::File::options().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start((root as u64 - 1) * 1024)).unwrap();
    file.write_all(&[0xff]).unwrap();
    let findings = check::integrity(&Connection::open(&path).unwrap());
    let first = findings.iter().find(|finding| finding.object() == "orders").unwrap();
    assert_eq!(first.code(), "corrupt");
    assert!(first.what().ends_with("(in orders)"), "{first}");
}

#[test]
fn check_constraints_are_checked_even_if_the_connection_ignores_them() {
    let db = database(
        "CREATE TABLE t(x CHECK (x > 0));
         PRAGMA ignore_check_constraints = ON;
         INSERT INTO t VALUES (-1);",
    );
    assert_eq!(found(&check::integrity(&db)), [("value-not-allowed", "t")]);
    let ignores: bool = db.query_row("PRAGMA ignore_check_constraints", [], |row| row.get(0)).unwrap();
    assert!(ignores, "the connection is as it was");
}
