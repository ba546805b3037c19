use sqlitmus::check::{assert_same_data, changes_between, digest, try_assert_same_data, try_digest};
use sqlitmus::rusqlite::{Connection, params};
use sqlitmus::{ErrorKind, Template};

use super::db;

/// Asserts that both scripts create the same data, according to the diff and to the digest.
#[track_caller]
fn same(one: &str, other: &str) {
    let (one, other) = (db(one), db(other));
    assert_same_data(&one, &other);
    assert_same_data(&other, &one);
    assert_eq!(digest(&one), digest(&other));
}

/// Asserts that the data of two scripts differs: the diff has this report, and the digests differ.
#[track_caller]
fn differ(one: &str, other: &str, report: &str) {
    let (one, other) = (db(one), db(other));
    let error = try_assert_same_data(&one, &other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Check);
    assert_eq!(error.to_string(), report);
    assert_ne!(digest(&one), digest(&other));
    assert!(try_assert_same_data(&other, &one).is_err());
}

#[test]
fn the_first_table_heads_the_report_and_every_row_is_named_by_its_key() {
    let schema =
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, status, total); CREATE TABLE users(name); CREATE TABLE z(x);";
    differ(
        &format!(
            "{schema} INSERT INTO orders VALUES (3,'a',1), (7,'open',2), (8,'x',NULL), (9,'same',0); INSERT INTO users VALUES ('ada')"
        ),
        &format!(
            "{schema} INSERT INTO orders VALUES (7,'paid',2), (8,'y',0.5), (9,'same',0), (10,'new',x'00ff'); INSERT INTO users VALUES ('bob')"
        ),
        "data differs: orders: 1 row missing, 1 extra, 2 changed; and 1 more table\n\
         \n  orders (- in the first only, + in the second only, ~ in both):\
         \n    - id=3, status='a', total=1\
         \n    ~ id=7 status: 'open' -> 'paid'\
         \n    ~ id=8 status: 'x' -> 'y', total: NULL -> 0.5\
         \n    + id=10, status='new', total=x'00ff'\n\
         \n  users: 1 row missing, 1 extra:\
         \n    - name='ada'\
         \n    + name='bob'",
    );
}

#[test]
fn only_the_first_of_many_rows_are_shown() {
    let schema = "CREATE TABLE t(id INTEGER PRIMARY KEY);";
    let rows =
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 107) INSERT INTO t SELECT i FROM n";
    differ(
        &format!("{schema} {rows}"),
        schema,
        "data differs: t: 107 rows missing\n\
         \n  t (- in the first only, + in the second only, ~ in both):\
         \n    - id=1\n    - id=2\n    - id=3\n    - id=4\n    - id=5\n    - id=6\n    - id=7\n    - id=8\n    - id=9\n    - id=10\
         \n    ... and 97 more",
    );
}

#[test]
fn tables_and_columns_that_are_on_one_side_only() {
    differ(
        "CREATE TABLE t(x); INSERT INTO t VALUES (1)",
        "",
        "data differs: t: the table is missing, with 1 row\n\
         \n  t (- in the first only, + in the second only, ~ in both):\
         \n    - the table\
         \n    - x=1",
    );
    differ(
        "CREATE TABLE t(x)",
        "CREATE TABLE t(x); CREATE TABLE \"Ü\n\"\"\"(y)",
        "data differs: \"Ü\\n\"\"\": the table is extra, with 0 rows\n\
         \n  \"Ü\\n\"\"\" (- in the first only, + in the second only, ~ in both):\
         \n    + the table",
    );
    differ(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, old, x); INSERT INTO t VALUES (1, 2, 3)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, x, new); INSERT INTO t VALUES (1, 4, 3)",
        "data differs: t: column old missing, column new extra, 1 row changed\n\
         \n  t (- in the first only, + in the second only, ~ in both):\
         \n    - column old\
         \n    + column new\
         \n    ~ id=1 x: 3 -> 4",
    );
    differ(
        "CREATE TABLE t(a)",
        "CREATE TABLE t(b)",
        "data differs: t: column a missing, column b extra\n\
         \n  t (- in the first only, + in the second only, ~ in both):\
         \n    - column a\
         \n    + column b",
    );
    same("", "");
    same("CREATE TABLE t(x)", "CREATE TABLE T(X)");
}

/// Compares all pairs of values that differ in type or in one bit: in a column beside a key, as a key, and without a
/// key.
#[test]
fn different_values_are_told_apart() {
    let values = [
        "NULL",
        "''",
        "0",
        "'0'",
        "x'30'",
        "x''",
        "0.5",
        "1",
        "1.0",
        "'1'",
        "x'31'",
        "'1.0'",
        "'a'",
        "'A'",
        "'a '",
        "'a' || char(0)",
        "9223372036854775807",
        "9223372036854775806",
        "-9223372036854775808",
        "9223372036854775807.0",
        "9e999",
        "-9e999",
        "CAST(x'ff' AS TEXT)",
        "x'ff'",
        "'ä'",
        "'a\u{308}'",
        "hex(zeroblob(50000))",
        "hex(zeroblob(50000)) || '1'",
        "zeroblob(100)",
        "zeroblob(101)",
        "9007199254740993",
        "9007199254740992.0",
    ];
    for schema in [
        "k INTEGER PRIMARY KEY, v",
        "k, v PRIMARY KEY",
        "k, v",
        "k, v NOT NULL UNIQUE",
        "k, v PRIMARY KEY COLLATE NOCASE",
    ] {
        let databases: Vec<_> = values
            .iter()
            .filter(|value| !schema.contains("NOT NULL") || **value != "NULL")
            .map(|value| db(&format!("CREATE TABLE t({schema}); INSERT INTO t VALUES (1, {value})")))
            .collect();
        let digests: Vec<_> = databases.iter().map(|db| digest(db)).collect();
        for (at, one) in databases.iter().enumerate() {
            for (other_at, other) in databases.iter().enumerate() {
                let outcome = try_assert_same_data(one, other);
                assert_eq!(outcome.is_ok(), at == other_at, "{schema}: {} {}", values[at], values[other_at]);
                let is_same = digests[at] == digests[other_at];
                assert_eq!(is_same, at == other_at, "{schema}: {} {}", values[at], values[other_at]);
            }
        }
    }
}

#[test]
fn the_signs_of_zero_are_told_apart_where_sqlite_keeps_them() {
    let database = |zero: f64| {
        let db = db("CREATE TABLE t(v, w)");
        db.execute("INSERT INTO t VALUES (?1, 0.0), (0.0, ?1)", [zero]).unwrap();
        db
    };
    let kept = database(-0.0).query_row("SELECT v FROM t", [], |row| row.get::<_, f64>(0)).unwrap().is_sign_negative();
    assert_eq!(try_assert_same_data(&database(0.0), &database(-0.0)).is_err(), kept);
    // NaN is stored as NULL.
    let (nan, null) = (database(f64::NAN), db("CREATE TABLE t(v, w); INSERT INTO t VALUES (NULL, 0.0), (0.0, NULL)"));
    assert_same_data(&nan, &null);
}

#[test]
fn rows_that_sqlite_compares_as_equal_match_in_any_order() {
    let schema = "CREATE TABLE t(a, b);";
    same(
        &format!("{schema} INSERT INTO t VALUES (1, 'x'), (1.0, 'x'), (1, 'x'), (NULL, NULL), (2, 'y')"),
        &format!("{schema} INSERT INTO t VALUES (2, 'y'), (NULL, NULL), (1.0, 'x'), (1, 'x'), (1, 'x')"),
    );
    differ(
        &format!("{schema} INSERT INTO t VALUES (1, 'x'), (1.0, 'x'), (1, 'x')"),
        &format!("{schema} INSERT INTO t VALUES (1.0, 'x'), (1.0, 'x'), (1, 'x')"),
        "data differs: t: 1 row missing, 1 extra\n\
         \n  t (- in the first only, + in the second only, ~ in both):\
         \n    - a=1, b='x'\
         \n    + a=1.0, b='x'",
    );
    // A primary key of a rowid table may be NULL in any number of rows.
    let schema = "CREATE TABLE t(k TEXT PRIMARY KEY, v);";
    differ(
        &format!("{schema} INSERT INTO t VALUES (NULL, 1), (NULL, 2), (NULL, 3), ('a', 1)"),
        &format!("{schema} INSERT INTO t VALUES (NULL, 3), (NULL, 1), ('a', 1), (NULL, 4), (NULL, 5)"),
        "data differs: t: 1 row missing, 2 extra\n\
         \n  t (- in the first only, + in the second only, ~ in both):\
         \n    - k=NULL, v=2\
         \n    + k=NULL, v=4\
         \n    + k=NULL, v=5",
    );
}

#[test]
fn duplicates_without_a_key_are_counted() {
    differ(
        "CREATE TABLE t(x); INSERT INTO t VALUES (1), (1), (1), (2)",
        "CREATE TABLE t(x); INSERT INTO t VALUES (2), (1), (1), (2)",
        "data differs: t: 1 row missing, 1 extra\n\
         \n  t (- in the first only, + in the second only, ~ in both):\
         \n    - x=1\
         \n    + x=2",
    );
    same(
        "CREATE TABLE t(x); INSERT INTO t VALUES (1), (1), (2)",
        "CREATE TABLE t(x); INSERT INTO t VALUES (1), (2), (1)",
    );
}

#[test]
fn keys_are_sorted_by_bytes_whatever_their_collation() {
    let schema = "CREATE TABLE t(name TEXT PRIMARY KEY COLLATE NOCASE, v);";
    same(
        &format!("{schema} INSERT INTO t VALUES ('b', 1), ('A', 2), ('_', 3), ('C', 4)"),
        &format!("{schema} INSERT INTO t VALUES ('C', 4), ('_', 3), ('A', 2), ('b', 1)"),
    );
    differ(
        &format!("{schema} INSERT INTO t VALUES ('b', 1), ('A', 2), ('_', 3)"),
        &format!("{schema} INSERT INTO t VALUES ('B', 1), ('A', 5), ('_', 3)"),
        "data differs: t: 1 row missing, 1 extra, 1 changed\n\
         \n  t (- in the first only, + in the second only, ~ in both):\
         \n    ~ name='A' v: 2 -> 5\
         \n    + name='B', v=1\
         \n    - name='b', v=1",
    );
    for options in ["", "WITHOUT ROWID"] {
        let schema = format!("CREATE TABLE t(k TEXT COLLATE NOCASE, n INT, v, PRIMARY KEY (k, n DESC)) {options};");
        differ(
            &format!("{schema} INSERT INTO t VALUES ('b', 1, 1), ('A', 1, 1), ('A', 2, 2), ('c ', 0, 0)"),
            &format!("{schema} INSERT INTO t VALUES ('c ', 0, 0), ('A', 2, 3), ('b', 1, 1), ('A', 1, 1)"),
            "data differs: t: 1 row changed\n\
             \n  t (- in the first only, + in the second only, ~ in both):\
             \n    ~ k='A', n=2 v: 2 -> 3",
        );
    }
}

#[test]
fn a_collation_of_the_app_need_not_be_registered() {
    let make = |rows: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.db");
        let app = Connection::open(&path).unwrap();
        app.create_collation("by_length", |one, other| one.len().cmp(&other.len())).unwrap();
        app.execute_batch(&format!(
            "CREATE TABLE t(k TEXT PRIMARY KEY COLLATE by_length, v); INSERT INTO t VALUES {rows}"
        ))
        .unwrap();
        (Connection::open(path).unwrap(), folder)
    };
    let (one, _one) = make("('bb', 1), ('a', 2)");
    let (same, _same) = make("('a', 2), ('bb', 1)");
    let (other, _other) = make("('a', 3), ('bb', 1)");
    assert_same_data(&one, &same);
    assert!(try_assert_same_data(&one, &other).unwrap_err().to_string().ends_with("~ k='a' v: 2 -> 3"));
}

#[test]
fn databases_of_different_encodings_hold_the_same_texts() {
    // In UTF-16LE, U+0100 sorts before `b`; in UTF-16, U+10000 sorts before U+FFFD.
    let rows = "CREATE TABLE t(k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('b', 1), ('\u{100}', 2), ('\u{10000}', 3), ('\u{fffd}', 4), ('', 5)";
    let encodings = ["UTF-8", "UTF-16le", "UTF-16be"];
    for one in encodings {
        for other in encodings {
            let (one, other) =
                (format!("PRAGMA encoding = '{one}';{rows}"), format!("PRAGMA encoding = '{other}';{rows}"));
            let plain = |script: &str| {
                let connection = Connection::open_in_memory().unwrap();
                connection.execute_batch(script).unwrap();
                connection
            };
            let (one, other) = (plain(&one), plain(&other));
            assert_same_data(&one, &other);
            assert_eq!(digest(&one), digest(&other));
            other.execute_batch("UPDATE t SET v = 0 WHERE k = '\u{100}'; INSERT INTO t VALUES ('c', 6)").unwrap();
            assert_eq!(
                try_assert_same_data(&one, &other).unwrap_err().to_string(),
                "data differs: t: 1 row extra, 1 changed\n\
                 \n  t (- in the first only, + in the second only, ~ in both):\
                 \n    + k='c', v=6\
                 \n    ~ k='\u{100}' v: 2 -> 0"
            );
        }
    }
}

#[test]
fn without_a_primary_key_a_unique_key_identifies_rows() {
    let schema = "CREATE TABLE t(v, a TEXT NOT NULL, b INT NOT NULL, c UNIQUE, UNIQUE (b, a)); CREATE UNIQUE INDEX p ON t(v) WHERE v > 0;
        CREATE UNIQUE INDEX e ON t(abs(v));";
    differ(
        &format!("{schema} INSERT INTO t VALUES (1, 'x', 1, NULL), (2, 'y', 1, NULL)"),
        &format!("{schema} INSERT INTO t VALUES (2, 'y', 1, NULL), (3, 'x', 1, NULL)"),
        "data differs: t: 1 row changed\n\
         \n  t (- in the first only, + in the second only, ~ in both):\
         \n    ~ b=1, a='x' v: 1 -> 3",
    );
}

#[test]
fn rowids_column_order_and_history_do_not_count() {
    same(
        "CREATE TABLE t(a, b); INSERT INTO t(rowid, a, b) VALUES (1, 'x', 'y'), (2, 'u', 'v')",
        "CREATE TABLE t(b, a); INSERT INTO t(rowid, a, b) VALUES (7, 'u', 'v'), (9, 'x', 'y')",
    );
    same(
        "CREATE TABLE t(k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO t VALUES ('a', 1)",
        "CREATE TABLE t(v INT, k TEXT PRIMARY KEY); CREATE INDEX i ON t(v); INSERT INTO t VALUES (1, 'a')",
    );
    // The ids that AUTOINCREMENT has used do not count, nor does the ledger of a migration runner.
    same(
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (9); DELETE FROM t; CREATE TABLE _migrations(x)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE TABLE _sqlx_migrations(y); INSERT INTO _sqlx_migrations VALUES (1)",
    );
}

#[test]
fn values_in_the_wrong_columns_are_found() {
    differ(
        "CREATE TABLE users(id INTEGER PRIMARY KEY, email, name); INSERT INTO users VALUES (1, 'a@b.c', 'Ada')",
        "CREATE TABLE users(id INTEGER PRIMARY KEY, name, email); INSERT INTO users VALUES (1, 'a@b.c', 'Ada')",
        "data differs: users: 1 row changed\n\
         \n  users (- in the first only, + in the second only, ~ in both):\
         \n    ~ id=1 email: 'a@b.c' -> 'Ada', name: 'Ada' -> 'a@b.c'",
    );
}

#[test]
fn tables_whose_key_changed_are_compared() {
    differ(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, code TEXT); INSERT INTO t VALUES (1, 'B'), (2, 'a'), (3, 'c')",
        "CREATE TABLE t(id INT, code TEXT COLLATE NOCASE PRIMARY KEY); INSERT INTO t VALUES (2, 'a'), (1, 'B'), (1, 'x'), (3, 'd')",
        "data differs: t: 1 row extra, 1 changed\n\
         \n  t (- in the first only, + in the second only, ~ in both):\
         \n    + id=1, code='x'\
         \n    ~ id=3 code: 'c' -> 'd'",
    );
    differ(
        "CREATE TABLE t(code TEXT COLLATE NOCASE PRIMARY KEY, id INT); INSERT INTO t VALUES ('B', 1), ('a', 2)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, code TEXT COLLATE NOCASE); INSERT INTO t VALUES (2, 'a'), (3, 'B')",
        "data differs: t: 1 row changed\n\
         \n  t (- in the first only, + in the second only, ~ in both):\
         \n    ~ code='B' id: 1 -> 3",
    );
    // `INTEGER PRIMARY KEY DESC` is not the rowid, and may be NULL.
    same(
        "CREATE TABLE t(id INTEGER PRIMARY KEY DESC, v); INSERT INTO t VALUES (2, 2), (NULL, 3), (NULL, 1), (1, 1)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY DESC, v); INSERT INTO t VALUES (1, 1), (2, 2), (NULL, 1), (NULL, 3)",
    );
}

#[test]
fn names_that_need_quotes_and_names_that_mean_something_else() {
    differ(
        "CREATE TABLE \"it's; DROP\"(\"a\"\"b\" PRIMARY KEY, rowid, [select], \"x y\"); INSERT INTO \"it's; DROP\" VALUES (1, 2, 3, 4)",
        "CREATE TABLE \"it's; DROP\"(\"a\"\"b\" PRIMARY KEY, rowid, [select], \"x y\"); INSERT INTO \"it's; DROP\" VALUES (1, 'rowid', 3, 5)",
        "data differs: \"it's; DROP\": 1 row changed\n\
         \n  \"it's; DROP\" (- in the first only, + in the second only, ~ in both):\
         \n    ~ \"a\"\"b\"=1 rowid: 2 -> 'rowid', \"x y\": 4 -> 5",
    );
    // A temporary table hides the table of the same name that is compared.
    same(
        "CREATE TABLE t(x); INSERT INTO t VALUES (1); CREATE TEMP TABLE t(y)",
        "CREATE TABLE t(x); INSERT INTO t VALUES (1)",
    );
}

#[test]
fn generated_columns_are_compared_by_value() {
    let schema = |factor: i32| {
        format!(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, x, v AS (x * {factor}), s AS (x + 1) STORED); INSERT INTO t(id, x) VALUES (1, 2);"
        )
    };
    same(&schema(2), &schema(2));
    differ(
        &schema(2),
        &schema(3),
        "data differs: t: 1 row changed\n\
         \n  t (- in the first only, + in the second only, ~ in both):\
         \n    ~ id=1 v: 4 -> 6",
    );
}

#[test]
fn full_text_tables_are_compared_by_content_and_not_by_index() {
    let own = "CREATE VIRTUAL TABLE notes USING fts5(title, body);";
    same(
        &format!("{own} INSERT INTO notes VALUES ('a', 'b'); INSERT INTO notes VALUES ('c', 'd')"),
        &format!("{own} INSERT INTO notes VALUES ('a', 'b'), ('c', 'd'); INSERT INTO notes(notes) VALUES ('optimize')"),
    );
    differ(
        &format!("{own} INSERT INTO notes VALUES ('a', 'b')"),
        &format!("{own} INSERT INTO notes VALUES ('a', 'B')"),
        "data differs: notes: 1 row changed\n\
         \n  notes (- in the first only, + in the second only, ~ in both):\
         \n    ~ rowid=1 body: 'b' -> 'B'",
    );
    // This one shows the content of another table, which is compared itself.
    let external = "CREATE TABLE docs(id INTEGER PRIMARY KEY, body); INSERT INTO docs VALUES (1, 'x');
        CREATE VIRTUAL TABLE docs_fts USING fts5(body, content='docs', content_rowid='id');";
    same(external, &format!("{external} INSERT INTO docs_fts(docs_fts) VALUES ('rebuild')"));
    differ(
        external,
        &format!("{external} UPDATE docs SET body = 'y'"),
        "data differs: docs: 1 row changed\n\
         \n  docs (- in the first only, + in the second only, ~ in both):\
         \n    ~ id=1 body: 'x' -> 'y'",
    );
    let tree = "CREATE VIRTUAL TABLE places USING rtree(id, x1, x2);";
    differ(
        &format!("{tree} INSERT INTO places VALUES (1, 2, 3)"),
        &format!("{tree} INSERT INTO places VALUES (1, 2, 4)"),
        "data differs: places: 1 row changed\n\
         \n  places (- in the first only, + in the second only, ~ in both):\
         \n    ~ id=1 x2: 3.0 -> 4.0",
    );
}

#[test]
fn long_values_are_cut_where_they_differ() {
    let text = |middle: &str| {
        format!(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, x); INSERT INTO t VALUES (1, '{}{middle}{}')",
            "a".repeat(1000),
            "b".repeat(1000)
        )
    };
    differ(
        &text("one"),
        &text("two"),
        "data differs: t: 1 row changed\n\
         \n  t (- in the first only, + in the second only, ~ in both):\
         \n    ~ id=1 x: '…aaaaaaaaaaaaaaaonebbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…' (2003 characters, digest ae26ce03250228da) -> \
         '…aaaaaaaaaaaaaaatwobbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…' (2003 characters, digest e14057a051b35b23)",
    );
}

#[test]
fn a_database_and_its_fork_two_files_and_one_connection_twice() {
    static APP: Template = Template::embedded(&[("1.sql", "CREATE TABLE t(x); INSERT INTO t VALUES (1);")]);
    for (one, other) in [(APP.in_memory(), APP.on_disk()), (APP.on_disk(), APP.in_memory())] {
        let fork = one.fork();
        assert_same_data(&one, &fork);
        assert_same_data(&one, &other);
        assert_same_data(&one, &one);
        let of_the_app = Connection::open(other.path()).unwrap();
        of_the_app.execute("INSERT INTO t VALUES (2)", []).unwrap();
        assert!(try_assert_same_data(&fork, &of_the_app).is_err());
        assert_same_data(&of_the_app, &other);
        assert!(one.is_autocommit() && of_the_app.is_autocommit(), "no transaction is left behind");
    }
}

#[test]
fn the_comparison_includes_uncommitted_changes_of_the_connection() {
    let one = db("CREATE TABLE t(x)");
    let second = one.connect();
    one.execute_batch("BEGIN; INSERT INTO t VALUES (1)").unwrap();
    assert!(try_assert_same_data(&one, &second).is_err());
    assert!(!one.is_autocommit());
    one.execute_batch("COMMIT").unwrap();
    assert_same_data(&one, &second);
}

#[test]
fn a_file_that_is_no_database_is_an_error_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.db");
    std::fs::write(&path, "no database, and long enough to be read as one".repeat(50)).unwrap();
    let (broken, fine) = (Connection::open(&path).unwrap(), db(""));
    for error in [
        try_assert_same_data(&broken, &fine).unwrap_err(),
        try_assert_same_data(&fine, &broken).unwrap_err(),
        try_digest(&broken).unwrap_err(),
        changes_between(&fine, &broken).map(|_| ()).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Sqlite);
        assert_eq!(error.file(), Some(path.as_path()));
        assert_eq!(
            error.to_string(),
            format!(
                "cannot read the database\n\n  database:\n    {}\n\
                 \n  SQLite says:\n    file is not a database (code 26: {})",
                path.display(),
                // The text differs between versions of rusqlite.
                rusqlite::ffi::code_to_str(26)
            )
        );
    }
}

#[test]
fn a_page_that_is_damaged_is_an_error_and_not_a_difference() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE t(id INTEGER PRIMARY KEY, x)").unwrap();
    for _ in 0..100 {
        connection.execute("INSERT INTO t(x) VALUES (?1)", params!["x".repeat(1000)]).unwrap();
    }
    drop(connection);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8192..].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    let damaged = Connection::open(&path).unwrap();
    let error = try_digest(&damaged).unwrap_err();
    assert_eq!((error.sqlite_code().map(|code| code & 0xff), error.file()), (Some(11), Some(path.as_path())));
    assert_eq!(error.headline(), "cannot read the table t");
    let fine = db("CREATE TABLE t(id INTEGER PRIMARY KEY, x)");
    assert_eq!(try_assert_same_data(&damaged, &fine).unwrap_err().headline(), "cannot read the table t");
}

#[test]
fn the_panic_has_the_report_and_is_at_the_callers_line() {
    let (one, other) = (db("CREATE TABLE t(x)"), db(""));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| assert_same_data(&one, &other))).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.starts_with("data differs: t: the table is missing, with 0 rows\n"), "{text}");
}

/// A few differences are sorted in memory. Many of them, and any if the rowid cannot be read, are sorted by SQLite. The
/// result must be the same.
#[test]
fn all_ways_to_compare_find_the_same_differences() {
    let values = ["NULL", "0", "1", "1.0", "'1'", "'a'", "'A'", "'b'", "x'31'", "''"];
    let mut seed = 7_u32;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % below
    };
    for key in ["", ", PRIMARY KEY (k)", ", PRIMARY KEY (k, v)", ", UNIQUE (v)"] {
        for round in 0..60 {
            let mut script = || {
                let rows = (0..random(12)).map(|_| {
                    format!("INSERT OR IGNORE INTO t(k, v) VALUES ({}, {});", values[random(10)], values[random(10)])
                });
                rows.collect::<String>()
            };
            let (one, other) = (script(), script());
            // If columns have all names of the rowid, it cannot be read.
            let found = ["x1, x2, x3", "rowid, _rowid_, oid"].map(|columns| {
                let schema = format!("CREATE TABLE t(k TEXT COLLATE NOCASE, v, {columns}{key});");
                let (one, other) = (db(&format!("{schema}{one}")), db(&format!("{schema}{other}")));
                let changes = changes_between(&one, &other).unwrap();
                assert_eq!(changes.is_empty(), digest(&one) == digest(&other), "{key} {round}: {changes}");
                assert_eq!(changes.is_empty(), try_assert_same_data(&one, &other).is_ok());
                let count = |db: &Connection| {
                    db.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap() as usize
                };
                let (gone, new) = changes.table("t").map_or((0, 0), |t| (t.deleted().len(), t.inserted().len()));
                assert_eq!(count(&one) + new, count(&other) + gone);
                changes.to_string().replace("x1", "rowid").replace("x2", "_rowid_").replace("x3", "oid")
            });
            assert_eq!(found[0], found[1], "{key} {round}");
        }
    }
}

#[test]
fn large_tables_in_another_order_differ_only_in_changed_rows() {
    let numbers = |order: &str| {
        format!(
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 6000) INSERT INTO t SELECT 'k' || i, i % 7 FROM n ORDER BY i {order};"
        )
    };
    for (schema, report) in [
        (
            "k TEXT PRIMARY KEY COLLATE NOCASE, v",
            "\n    ~ k='k1000' v: 6 -> 'x'\n    ~ k='k3000' v: 4 -> 4.0\n    + k='new', v=NULL",
        ),
        (
            "k TEXT NOT NULL UNIQUE, v",
            "\n    ~ k='k1000' v: 6 -> 'x'\n    ~ k='k3000' v: 4 -> 4.0\n    + k='new', v=NULL",
        ),
        (
            "k TEXT, v",
            "\n    - k='k1000', v=6\n    + k='k1000', v='x'\n    - k='k3000', v=4\n    + k='k3000', v=4.0\n    + k='new', v=NULL",
        ),
    ] {
        let one = db(&format!("CREATE TABLE t({schema}); {}", numbers("")));
        let other = db(&format!("CREATE TABLE t({schema}); {}", numbers("DESC")));
        assert_same_data(&one, &other);
        other
            .execute_batch("UPDATE t SET v = 'x' WHERE k = 'k1000'; UPDATE t SET v = 4.0 WHERE k = 'k3000'; INSERT INTO t VALUES ('new', NULL)")
            .unwrap();
        let error = try_assert_same_data(&one, &other).unwrap_err().to_string();
        assert!(error.ends_with(&format!(":{report}")), "{schema}: {error}");
    }
}
