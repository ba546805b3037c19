//! One schema for each feature that makes a table hard to fill.

use super::{all_fill, count, database, distinct, fills, fills_by, one, rows, whole};
use sqlitmus::data::Fill;
use sqlitmus::rusqlite::Connection;
use sqlitmus::rusqlite::functions::FunctionFlags;

#[test]
fn types_and_affinities() {
    let connection = fills(
        "CREATE TABLE t(
             a INTEGER, b INT8, c TEXT, d VARCHAR(5), e BLOB, f REAL, g DOUBLE PRECISION, h NUMERIC, i DECIMAL(10, 2),
             j BOOLEAN, k DATE, l DATETIME, m STRING, n, o FLOATING POINT, p CHARINT, q \"odd type\" NOT NULL
         )",
        "t",
        100,
    );
    for column in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "k", "l", "m", "n", "o", "p", "q"] {
        assert!(distinct(&connection, column) > 20, "{column}");
    }
    assert_eq!(one(&connection, "SELECT max(length(d)) <= 5 FROM t"), 1);
    assert_eq!(one(&connection, "SELECT count(*) FROM t WHERE typeof(a) NOT IN ('integer', 'null')"), 0);
    assert_eq!(one(&connection, "SELECT count(*) FROM t WHERE j NOT IN (0, 1)"), 0);
    assert_eq!(one(&connection, "SELECT count(*) FROM t WHERE k <> date(k)"), 0);
}

#[test]
fn strict_tables() {
    let connection = fills(
        "CREATE TABLE t(a INTEGER NOT NULL, b INT, c TEXT NOT NULL, d BLOB NOT NULL, e REAL NOT NULL, f ANY NOT NULL,
             created_at INTEGER NOT NULL, data BLOB CHECK (length(data) = 32), email TEXT UNIQUE) STRICT",
        "t",
        100,
    );
    for column in ["a", "b", "c", "d", "e", "f", "created_at", "data", "email"] {
        assert!(distinct(&connection, column) > 20, "{column}");
    }
}

#[test]
fn keys_of_every_kind() {
    for declaration in [
        "id INTEGER PRIMARY KEY, x",
        "id INTEGER PRIMARY KEY AUTOINCREMENT, x",
        "id TEXT PRIMARY KEY, x",
        "id INT PRIMARY KEY, x",
        "id BLOB PRIMARY KEY NOT NULL",
        "a TEXT, b INTEGER, PRIMARY KEY (a, b)",
        "a CHAR(2) PRIMARY KEY",
        "id INTEGER PRIMARY KEY CHECK (id > 0)",
        "id INTEGER PRIMARY KEY CHECK (id >= 65536)",
        "id INTEGER PRIMARY KEY DESC",
        "id REAL PRIMARY KEY",
        "id DATE PRIMARY KEY",
        "id BOOLEAN, kind TEXT CHECK (kind IN ('a', 'b', 'c')), n TEXT CHECK (length(n) = 2), PRIMARY KEY (id, kind, n)",
    ] {
        fills(&format!("CREATE TABLE t({declaration})"), "t", 100);
    }
    for declaration in ["id INTEGER PRIMARY KEY, x", "id TEXT PRIMARY KEY", "a TEXT, b, PRIMARY KEY (b, a)"] {
        fills(&format!("CREATE TABLE t({declaration}) WITHOUT ROWID"), "t", 100);
    }
}

#[test]
fn checks_that_begin_with_a_quoted_name_are_identified_in_messages() {
    // Some rows draw a 5. If the CHECK that refuses it were not identified, the row would get another number.
    for name in ["\"n\"", "[n]", "`n`", "n"] {
        let declared = format!("{name} INTEGER NOT NULL CHECK ({name} BETWEEN 1 AND 10 AND {name} <> 5)");
        let connection = fills(&format!("CREATE TABLE t(id INTEGER PRIMARY KEY, {declared})"), "t", 100);
        assert_eq!(one(&connection, "SELECT max(id) FROM t"), 100, "{name}");
    }
}

#[test]
fn a_key_uses_unrealistic_values_if_it_has_to() {
    let connection = fills("CREATE TABLE t(country CHAR(2) NOT NULL UNIQUE)", "t", 300);
    assert_eq!(one(&connection, "SELECT max(length(country)) FROM t"), 2);
    // With enough parents to tell rows apart, the values fit the column's name.
    let connection = fills(
        "CREATE TABLE p(id INTEGER PRIMARY KEY);
         CREATE TABLE t(p INTEGER NOT NULL REFERENCES p, country CHAR(2) NOT NULL, UNIQUE (p, country))",
        "t",
        300,
    );
    assert_eq!(one(&connection, "SELECT count(*) FROM t WHERE country <> upper(country)"), 0);
}

#[test]
fn numbers_in_a_key_count_up() {
    let connection = fills(
        "CREATE TABLE t(doc TEXT NOT NULL, version INTEGER NOT NULL CHECK (version > 0), PRIMARY KEY (doc, version))",
        "t",
        20,
    );
    assert_eq!(one(&connection, "SELECT max(version) FROM t"), 20);
    Fill::seed(1).rows("t", 20).insert(&connection);
    assert_eq!(one(&connection, "SELECT max(version) FROM t"), 40);
}

#[test]
fn small_domains_of_a_key_are_combined() {
    let connection = fills(
        "CREATE TABLE t(
             day TEXT NOT NULL CHECK (day IN ('mon', 'tue', 'wed', 'thu', 'fri')),
             slot INTEGER NOT NULL CHECK (slot BETWEEN 1 AND 4),
             room TEXT NOT NULL CHECK (room IN ('a', 'b')),
             PRIMARY KEY (day, slot, room)
         )",
        "t",
        40,
    );
    assert_eq!(count(&connection, "t"), 5 * 4 * 2);
}

#[test]
fn unique_columns_and_indexes() {
    fills(
        "CREATE TABLE t(a TEXT UNIQUE, b INTEGER UNIQUE NOT NULL, c REAL UNIQUE, d BLOB UNIQUE, e DATE UNIQUE)",
        "t",
        500,
    );
    fills("CREATE TABLE t(a TEXT NOT NULL COLLATE NOCASE UNIQUE, b TEXT COLLATE RTRIM UNIQUE)", "t", 500);
    fills(
        "CREATE TABLE t(a TEXT NOT NULL, b TEXT); CREATE UNIQUE INDEX i ON t(lower(a)); CREATE UNIQUE INDEX j ON t(coalesce(b, ''))",
        "t",
        500,
    );
    fills("CREATE TABLE t(a INTEGER, b BOOLEAN NOT NULL); CREATE UNIQUE INDEX i ON t(a) WHERE b = 1", "t", 200);
    fills(
        "CREATE TABLE u(id INTEGER PRIMARY KEY);
         CREATE TABLE t(user_id INTEGER NOT NULL REFERENCES u, deleted_at TEXT, is_default BOOLEAN NOT NULL);
         CREATE UNIQUE INDEX i ON t(user_id) WHERE is_default AND deleted_at IS NULL",
        "t",
        200,
    );
    // More rows than values: the other rows are NULL, which UNIQUE allows any number of times.
    fills("CREATE TABLE t(a TEXT UNIQUE CHECK (a IN ('x', 'y', 'z')))", "t", 50);
    fills(
        "CREATE TABLE t(a TEXT NOT NULL, b INTEGER NOT NULL CHECK (b IN (1, 2)), UNIQUE (a, b), UNIQUE (b, a))",
        "t",
        100,
    );
}

#[test]
fn partial_unique_indexes() {
    let connection = fills(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, status TEXT NOT NULL CHECK (status IN ('active', 'old')));
         CREATE UNIQUE INDEX one_active ON t(status) WHERE status = 'active'",
        "t",
        50,
    );
    assert!(one(&connection, "SELECT count(*) FROM t WHERE status = 'active'") <= 1);
}

#[test]
fn checks_on_one_column() {
    let checks = [
        ("x IN ('open', 'paid')", "x TEXT NOT NULL"),
        ("x > 10 AND x < 13", "x INTEGER NOT NULL"),
        ("x > 0.5 AND x < 0.75", "x REAL NOT NULL"),
        ("x BETWEEN -5 AND -3", "x INTEGER NOT NULL"),
        ("NOT (x <= 10)", "x INTEGER NOT NULL"),
        ("x % 5 = 3 AND x > 100", "x INTEGER NOT NULL"),
        ("length(x) = 26", "x TEXT NOT NULL"),
        ("length(x) > 3 AND length(x) < 5", "x TEXT NOT NULL"),
        ("length(trim(x)) > 0", "x TEXT NOT NULL"),
        ("length(hex(x)) = 64", "x BLOB NOT NULL"),
        ("octet_length(x) = 16", "x BLOB NOT NULL"),
        ("length(x) = 4", "x INTEGER NOT NULL"),
        ("x LIKE '%_@_%._%'", "x TEXT NOT NULL"),
        ("x LIKE 'https://%' AND length(x) > 20", "x TEXT NOT NULL"),
        ("x LIKE '#______'", "x TEXT NOT NULL"),
        ("x GLOB '[A-Z][A-Z][A-Z]'", "x TEXT NOT NULL"),
        ("x GLOB '[0-9]*' AND length(x) >= 7", "x TEXT NOT NULL"),
        ("x NOT GLOB '*[^0-9a-f]*' AND length(x) = 40", "x TEXT NOT NULL"),
        ("x NOT LIKE '% %'", "x TEXT NOT NULL"),
        ("x = lower(x)", "x TEXT NOT NULL"),
        ("x = upper(x) AND length(x) = 2", "x TEXT NOT NULL"),
        ("x = trim(x) AND x <> ''", "x TEXT NOT NULL"),
        ("instr(x, '@') > 1", "x TEXT NOT NULL"),
        ("substr(x, 1, 4) = 'usr_'", "x TEXT NOT NULL"),
        ("json_valid(x)", "x TEXT NOT NULL"),
        ("json_type(x) = 'array'", "x TEXT NOT NULL"),
        ("json_valid(x) AND json_type(x) = 'object'", "x TEXT NOT NULL"),
        ("json_array_length(x) >= 0", "x TEXT NOT NULL"),
        ("json_extract(x, '$.kind') IS NOT NULL", "x TEXT NOT NULL"),
        ("typeof(x) = 'integer'", "x NOT NULL"),
        ("typeof(x) IN ('text', 'null')", "x"),
        ("typeof(x) = 'blob' AND length(x) = 8", "x NOT NULL"),
        ("typeof(x) = 'real'", "x NUMERIC NOT NULL"),
        ("date(x) = x", "x TEXT NOT NULL"),
        ("datetime(x) IS NOT NULL", "x TEXT NOT NULL"),
        ("x IS strftime('%Y-%m-%dT%H:%M:%SZ', x)", "x TEXT NOT NULL"),
        ("julianday(x) IS NOT NULL", "x TEXT NOT NULL"),
        ("x >= '2020-01-01' AND x < '2030-01-01'", "x TEXT NOT NULL"),
        ("time(x) IS NOT NULL AND length(x) = 5", "x TEXT NOT NULL"),
        ("abs(x) <= 90", "x REAL NOT NULL"),
        ("x = round(x, 2)", "x REAL NOT NULL"),
        ("x = CAST(x AS INTEGER)", "x NUMERIC NOT NULL"),
        ("x IS NULL OR x IN (1, 2)", "x INTEGER"),
        ("coalesce(x, 0) > 5", "x INTEGER"),
        ("CASE WHEN x > 10 THEN x < 20 ELSE x = 5 END", "x INTEGER NOT NULL"),
        ("iif(x > 3, x = 7, x = 2)", "x INTEGER NOT NULL"),
        ("(x & 7) = 5", "x INTEGER NOT NULL"),
        ("x * 2 = 84", "x INTEGER NOT NULL"),
        ("x || 'b' = 'ab'", "x TEXT NOT NULL"),
        ("replace(x, '-', '') = 'ab' AND x <> 'ab'", "x TEXT NOT NULL"),
        ("x", "x BOOLEAN NOT NULL"),
        ("NOT x", "x INTEGER NOT NULL"),
        ("x = TRUE", "x INTEGER NOT NULL"),
        ("x <> 1 AND x <> 2 AND x BETWEEN 1 AND 3", "x INTEGER NOT NULL"),
        ("x IN (1, 2, 3) AND x NOT IN (1, 2)", "x INTEGER NOT NULL"),
        ("lower(x) IN ('red', 'green')", "x TEXT NOT NULL"),
        ("x = 'a' COLLATE NOCASE OR x > 'b'", "x TEXT NOT NULL"),
        ("x = x'00FF'", "x BLOB NOT NULL"),
        ("unicode(x) = 65", "x TEXT NOT NULL"),
    ];
    let schema = |(check, column)| format!("CREATE TABLE t(id INTEGER PRIMARY KEY, {column} CHECK ({check}))");
    let filled = all_fill(checks.map(schema), 30);
    let is_constant = |((check, _), connection)| (distinct(connection, "x") < 2).then_some(check);
    let constant: Vec<&str> = checks.into_iter().zip(&filled).filter_map(is_constant).collect();
    let expected = [
        "x * 2 = 84",
        "x || 'b' = 'ab'",
        "x",
        "NOT x",
        "x = TRUE",
        "x <> 1 AND x <> 2 AND x BETWEEN 1 AND 3",
        "x IN (1, 2, 3) AND x NOT IN (1, 2)",
        "x = x'00FF'",
        "unicode(x) = 65",
    ];
    assert_eq!(constant, expected);
}

#[test]
fn checks_on_a_column_that_is_unique_too() {
    let checks = [
        "length(x) = 10",
        "x GLOB '[A-Z][A-Z][0-9][0-9][0-9]'",
        "x LIKE '%@%'",
        "x NOT GLOB '*[^0-9a-f]*' AND length(x) = 32",
        "x = lower(x) AND length(x) BETWEEN 3 AND 20",
        "date(x) = x",
        "json_valid(x)",
        "length(x) <= 4",
    ];
    all_fill(checks.map(|check| format!("CREATE TABLE t(x TEXT NOT NULL UNIQUE CHECK ({check}))")), 300);
}

#[test]
fn checks_across_columns() {
    let checks = [
        ("a INTEGER NOT NULL, b INTEGER NOT NULL", "a < b"),
        ("a INTEGER NOT NULL CHECK (a >= 5), b INTEGER NOT NULL CHECK (b <= 8)", "a <= b"),
        ("a TEXT NOT NULL, b TEXT NOT NULL", "a <= b"),
        ("starts_at TEXT NOT NULL, ends_at TEXT NOT NULL", "starts_at < ends_at"),
        ("a INTEGER, b INTEGER, c INTEGER", "a < b AND b < c"),
        ("a INTEGER NOT NULL, b INTEGER NOT NULL", "b BETWEEN a AND a + 10"),
        ("a TEXT, b TEXT", "a IS NOT NULL OR b IS NOT NULL"),
        ("a TEXT, b TEXT", "(a IS NULL) <> (b IS NULL)"),
        ("a TEXT, b TEXT, c TEXT", "(a IS NOT NULL) + (b IS NOT NULL) + (c IS NOT NULL) = 1"),
        ("a TEXT, b TEXT", "(a IS NULL) = (b IS NULL)"),
        ("status TEXT NOT NULL, paid_at TEXT", "(status = 'paid') = (paid_at IS NOT NULL)"),
        (
            "kind TEXT NOT NULL CHECK (kind IN ('card', 'cash')), number TEXT",
            "(kind = 'card' AND length(number) = 16) OR (kind = 'cash' AND number IS NULL)",
        ),
        ("kind TEXT NOT NULL, x INTEGER", "CASE kind WHEN 'a' THEN x > 0 WHEN 'b' THEN x < 0 ELSE x IS NULL END"),
        ("price INTEGER NOT NULL, amount INTEGER NOT NULL, total INTEGER NOT NULL", "total = price * amount"),
        ("first TEXT NOT NULL, last TEXT NOT NULL, whole TEXT NOT NULL", "whole = first || ' ' || last"),
        ("name TEXT NOT NULL, slug TEXT NOT NULL UNIQUE", "slug = lower(name)"),
        ("a INTEGER NOT NULL, b INTEGER NOT NULL", "a <> b"),
        ("a INTEGER NOT NULL CHECK (a IN (1, 2)), b INTEGER NOT NULL CHECK (b IN (1, 2))", "a <> b"),
        ("a INTEGER NOT NULL, b INTEGER NOT NULL", "a + b = 100"),
        ("a INTEGER NOT NULL, b INTEGER NOT NULL", "a + b <= 20 AND a >= 0 AND b >= 0"),
        ("a TEXT NOT NULL, b INTEGER NOT NULL", "length(a) = b"),
        ("a TEXT NOT NULL, b TEXT NOT NULL", "length(a) = length(b)"),
        ("body TEXT NOT NULL, kind TEXT NOT NULL", "json_extract(body, '$.kind') = kind"),
    ];
    let schema = |(columns, check)| format!("CREATE TABLE t(id INTEGER PRIMARY KEY, {columns}, CHECK ({check}))");
    all_fill(checks.map(schema), 40);
}

#[test]
fn functions_and_collations_of_the_app() {
    let connection = Connection::open_in_memory().unwrap();
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    let valid = |text: String| text.len() == 7 && text.starts_with("C-");
    connection.create_scalar_function("valid_code", 1, flags, move |context| Ok(valid(context.get(0)?))).unwrap();
    let by_length = |one: &str, two: &str| one.len().cmp(&two.len()).then(one.cmp(two));
    connection.create_collation("by_length", by_length).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE coupons(code TEXT NOT NULL CHECK (valid_code(code) AND code LIKE 'C-_____'));
             CREATE TABLE names(name TEXT NOT NULL COLLATE by_length UNIQUE);",
        )
        .unwrap();
    Fill::seed(1).every_table(50).insert(&connection);
    assert_eq!((count(&connection, "coupons"), count(&connection, "names")), (50, 50));
}

#[test]
fn generated_columns_and_indexes_on_expressions() {
    fills(
        "CREATE TABLE t(
             id INTEGER PRIMARY KEY, body TEXT NOT NULL, kind TEXT AS (json_extract(body, '$.kind')) STORED,
             size INTEGER AS (length(body)) CHECK (size < 100), mail TEXT NOT NULL, low TEXT AS (lower(mail)) UNIQUE
         );
         CREATE INDEX i ON t(body ->> '$.x')",
        "t",
        50,
    );
}

#[test]
fn triggers_that_raise_errors() {
    for trigger in [
        "BEFORE INSERT ON t WHEN NEW.x < 4711 BEGIN SELECT RAISE(ABORT, 'too little'); END",
        "BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'no') WHERE NEW.x % 2 = 1; END",
        "BEFORE INSERT ON t BEGIN SELECT CASE WHEN NEW.x NOT BETWEEN 5 AND 7 THEN RAISE(FAIL, 'no') END; END",
        "BEFORE INSERT ON t WHEN NEW.y IS NOT NULL BEGIN SELECT RAISE(IGNORE) WHERE NEW.x > 3; END",
        "AFTER INSERT ON t BEGIN SELECT RAISE(ABORT, 'no') FROM t WHERE x = NEW.x AND id <> NEW.id; END",
        "AFTER INSERT ON t WHEN (SELECT count(*) FROM t WHERE y = NEW.y) > 1 BEGIN SELECT RAISE(ABORT, 'twice'); END",
    ] {
        fills(
            &format!("CREATE TABLE t(id INTEGER PRIMARY KEY, x INTEGER NOT NULL, y TEXT); CREATE TRIGGER r {trigger}"),
            "t",
            30,
        );
    }
}

#[test]
fn a_subquery_of_a_trigger_does_not_restrict_columns() {
    let connection = fills(
        "CREATE TABLE accounts(id INTEGER PRIMARY KEY, open INTEGER NOT NULL);
         CREATE TABLE t(id INTEGER PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts);
         CREATE TRIGGER r BEFORE INSERT ON t WHEN (SELECT id FROM accounts WHERE id = NEW.account AND open < 0) IS NOT NULL
         BEGIN SELECT RAISE(ABORT, 'closed'); END",
        "t",
        20,
    );
    assert_eq!(one(&connection, "SELECT max(id) FROM t"), 20);
}

#[test]
fn triggers_that_dictate_a_value() {
    for trigger in [
        "WHEN NEW.version <> 1 + coalesce((SELECT max(version) FROM t WHERE stream = NEW.stream), 0)
         BEGIN SELECT RAISE(ABORT, 'gap'); END",
        "BEGIN SELECT RAISE(ABORT, 'gap')
               WHERE (SELECT count(*) + 1 FROM t WHERE stream = NEW.stream) IS NOT NEW.version; END",
        "BEGIN SELECT CASE WHEN NEW.version != NEW.stream * 10 THEN RAISE(ABORT, 'no') END; END",
    ] {
        let key = if trigger.contains("* 10") { "" } else { ", UNIQUE (stream, version)" };
        fills(
            &format!(
                "CREATE TABLE streams(id INTEGER PRIMARY KEY);
                 CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL REFERENCES streams,
                     version INTEGER NOT NULL CHECK (version > 0){key});
                 CREATE TRIGGER r BEFORE INSERT ON t {trigger}"
            ),
            "t",
            60,
        );
    }
    // One parent in five is closed, which must not be the only parent.
    for seed in 0..20 {
        fills_by(
            "CREATE TABLE accounts(id INTEGER PRIMARY KEY, closed_at TEXT);
             CREATE TABLE t(account INTEGER NOT NULL REFERENCES accounts);
             CREATE TRIGGER r BEFORE INSERT ON t
             WHEN (SELECT closed_at FROM accounts WHERE id = NEW.account) IS NOT NULL
             BEGIN SELECT RAISE(ABORT, 'closed'); END",
            &Fill::seed(seed).null_rate(50).rows("t", 1),
            "t",
            1,
        );
    }
}

#[test]
fn rows_that_triggers_insert() {
    let connection = database(
        "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE settings(user_id INTEGER PRIMARY KEY REFERENCES users, theme TEXT NOT NULL DEFAULT 'light');
         CREATE TABLE log(what TEXT NOT NULL);
         CREATE TRIGGER s AFTER INSERT ON users BEGIN
             INSERT INTO settings(user_id) VALUES (NEW.id);
             INSERT INTO log VALUES ('user ' || NEW.id);
         END;",
    );
    let filled = Fill::seed(1).every_table(20).insert(&connection);
    assert_eq!((filled.rows("users"), filled.rows("settings"), count(&connection, "settings")), (20, 20, 20));
    Fill::seed(2).rows("settings", 20).insert(&connection);
    assert_eq!((count(&connection, "users"), count(&connection, "settings")), (40, 40));
    whole(&connection);
}

#[test]
fn full_text_indexes_stay_consistent() {
    let table = "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT NOT NULL);
                 CREATE VIRTUAL TABLE notes_fts USING fts5(body, content='notes', content_rowid='id');";
    let triggers = "CREATE TRIGGER n AFTER INSERT ON notes BEGIN INSERT INTO notes_fts(rowid, body) VALUES (NEW.id, NEW.body); END;";
    for schema in [table.to_owned(), format!("{table}{triggers}")] {
        let connection = fills_by(&schema, &Fill::seed(1).every_table(30), "notes", 30);
        let found = rows(
            &connection,
            "SELECT count(*) > 0 FROM notes_fts WHERE notes_fts MATCH (SELECT substr(body, 1, instr(body || ' ', ' ') - 1) FROM notes WHERE id = 3)",
        );
        assert_eq!(found, ["Integer(1)"]);
    }
}

#[test]
fn only_ordinary_tables_are_filled() {
    let connection = database(
        "CREATE TABLE t(x); CREATE VIEW v AS SELECT x FROM t; CREATE VIRTUAL TABLE r USING rtree(id, a, b);
         CREATE TABLE _sqlx_migrations(version BIGINT PRIMARY KEY); CREATE TABLE \"a \"\"b\"(\"c d\" TEXT NOT NULL, [e] INTEGER, \"select\")",
    );
    let filled = Fill::seed(1).every_table(5).insert(&connection);
    assert_eq!(filled.tables().collect::<Vec<_>>(), [("a \"b", 5), ("t", 5)]);
    assert_eq!(count(&connection, "_sqlx_migrations"), 0);
    whole(&connection);
}

#[test]
fn conflict_clauses_and_defaults_do_not_swallow_rows() {
    fills(
        "CREATE TABLE t(a TEXT NOT NULL UNIQUE ON CONFLICT REPLACE, b INTEGER NOT NULL ON CONFLICT IGNORE DEFAULT 5)",
        "t",
        50,
    );
    let connection = database(
        "CREATE TABLE t(a INTEGER NOT NULL UNIQUE ON CONFLICT IGNORE CHECK (a BETWEEN 1 AND 20)); INSERT INTO t VALUES (3), (7), (20)",
    );
    Fill::seed(1).rows("t", 17).insert(&connection);
    assert_eq!(count(&connection, "t"), 20);
}

#[test]
fn new_rows_are_numbered_after_existing_ones() {
    let connection = database(
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, n INTEGER UNIQUE NOT NULL);
         CREATE TABLE u(t INTEGER NOT NULL REFERENCES t, kind TEXT NOT NULL CHECK (kind IN ('a', 'b')), UNIQUE (t, kind));",
    );
    for seed in 0..5 {
        Fill::seed(seed).rows("u", 40).insert(&connection);
        connection.execute_batch("DELETE FROM u WHERE rowid % 3 = 0").unwrap();
    }
    assert_eq!(one(&connection, "SELECT min(id) = 1 AND count(*) = max(id) FROM t"), 1);
    whole(&connection);
}

#[test]
fn a_key_takes_values_from_all_branches_of_a_check() {
    fills("CREATE TABLE t(path TEXT PRIMARY KEY CHECK (path LIKE 'root.%' OR path = '')) WITHOUT ROWID", "t", 500);
    fills(
        "CREATE TABLE t(state TEXT NOT NULL UNIQUE, at TEXT,
             CHECK ((state = 'open' AND at IS NULL) OR (state = 'closed' AND at IS NOT NULL)))",
        "t",
        2,
    );
}

#[test]
fn searched_values_for_json_functions_are_json() {
    let table = "CREATE TABLE t(state TEXT NOT NULL CHECK (json_array_length(state, '$.items') > 0))";
    let connection = fills(table, "t", 300);
    assert_eq!(one(&connection, "SELECT count(*) FROM t WHERE json_type(state) <> 'object'"), 0);
}

#[test]
fn patterns_keep_their_length_and_letters() {
    for check in [
        "length(x) = 13 AND x GLOB '97[89]*' AND CAST(x AS INTEGER) > 9780000000000",
        "length(x) = 26 AND x LIKE 'usr_%'",
        "x GLOB 'k*' AND NOT x GLOB '*[^a-z0-9]*' AND length(x) BETWEEN 4 AND 9",
        "x GLOB '*-*' AND length(x) <= 6",
        "substr(x, 1, 2) = x'CAFE' AND length(x) = 32",
    ] {
        let declared = if check.contains("x'") { "BLOB" } else { "TEXT" };
        let unique = if declared == "TEXT" { "UNIQUE" } else { "" };
        let connection = fills(&format!("CREATE TABLE t(x {declared} NOT NULL {unique} CHECK ({check}))"), "t", 40);
        assert!(one(&connection, "SELECT count(DISTINCT x) FROM t") > 20, "{check}");
    }
}

#[test]
fn arrays_have_the_required_length() {
    for (check, items) in [("= 3", 3), ("BETWEEN 1 AND 5", 2), (">= 4", 4), ("= 0", 0), ("< 2", 1)] {
        let check = format!("json_array_length(x) {check}");
        let connection = fills(&format!("CREATE TABLE t(x TEXT NOT NULL CHECK ({check}))"), "t", 20);
        let others = format!("SELECT count(*) FROM t WHERE json_array_length(x) <> {items}");
        assert_eq!(one(&connection, &others), 0, "{check}");
    }
}

#[test]
fn searched_values_have_the_declared_type() {
    let connection = fills(
        "CREATE TABLE t(day REAL NOT NULL CHECK (day > julianday('2000-01-01')), low INTEGER NOT NULL, high INTEGER NOT NULL,
             CHECK (low BETWEEN 1 AND high), CHECK (high - low <= 366))",
        "t",
        50,
    );
    let found =
        rows(&connection, "SELECT DISTINCT typeof(day) || typeof(low) || typeof(high) = 'realintegerinteger' FROM t");
    assert_eq!(found, ["Integer(1)"]);
}
