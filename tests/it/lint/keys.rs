use super::{check, check_words, silent};

#[test]
fn a_table_without_a_key() {
    check(
        "no-primary-key",
        "CREATE TABLE t(x TEXT) STRICT; INSERT INTO t VALUES ('kept');",
        "t",
        "id INTEGER PRIMARY KEY, x TEXT",
    );
    check_words("no-primary-key", "CREATE TABLE t(id TEXT) STRICT", "t", "rebuild t with a PRIMARY KEY");
    silent("no-primary-key", "CREATE TABLE t(x TEXT PRIMARY KEY) STRICT");
    silent("no-primary-key", "CREATE TABLE t(x TEXT NOT NULL UNIQUE) STRICT");
}

#[test]
fn a_key_that_takes_null() {
    let finding = check("pk-nullable", "CREATE TABLE t(x TEXT PRIMARY KEY)", "t.x", "x TEXT PRIMARY KEY NOT NULL");
    assert_eq!(finding.what(), "t.x is in the PRIMARY KEY and accepts NULL, in any number of rows");
    check("pk-nullable", "CREATE TABLE t(a INT, b TEXT NOT NULL, c, PRIMARY KEY(a, b, c))", "t.a,c", "a INT NOT NULL");
    silent("pk-nullable", "CREATE TABLE t(x TEXT PRIMARY KEY) STRICT");
    silent("pk-nullable", "CREATE TABLE t(x TEXT PRIMARY KEY) WITHOUT ROWID");
    silent("pk-nullable", "CREATE TABLE t(x TEXT PRIMARY KEY NOT NULL)");
    silent("pk-nullable", "CREATE TABLE t(x INTEGER PRIMARY KEY)");
}

#[test]
fn an_integer_key_that_is_not_the_rowid() {
    for (declared, shown) in [
        ("INT PRIMARY KEY", "INT PRIMARY KEY"),
        ("BIGINT PRIMARY KEY", "BIGINT PRIMARY KEY"),
        ("INTEGER PRIMARY KEY DESC", "INTEGER PRIMARY KEY DESC"),
    ] {
        let finding =
            check("int-pk-not-rowid", &format!("CREATE TABLE t(id {declared})"), "t.id", "id INTEGER PRIMARY KEY)");
        assert_eq!(finding.what(), format!("t.id is {shown}, which is not the rowid: only INTEGER PRIMARY KEY is"));
    }
    check(
        "int-pk-not-rowid",
        "CREATE TABLE t(id INT, PRIMARY KEY (id)) STRICT",
        "t.id",
        "id INTEGER, PRIMARY KEY (id)",
    );
    silent("int-pk-not-rowid", "CREATE TABLE t(id INTEGER, PRIMARY KEY (id DESC))");
    silent("int-pk-not-rowid", "CREATE TABLE t(id INT PRIMARY KEY) WITHOUT ROWID");
    silent("int-pk-not-rowid", "CREATE TABLE t(id INT, x INT, PRIMARY KEY (id, x))");
}

#[test]
fn autoincrement() {
    check(
        "autoincrement-unneeded",
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT) STRICT",
        "t.id",
        "(id INTEGER PRIMARY KEY) STRICT",
    );
    silent("autoincrement-unneeded", "CREATE TABLE t(id INTEGER PRIMARY KEY, \"autoincrement\" TEXT) STRICT");
}

#[test]
fn unique_columns_of_which_one_may_be_null() {
    let table = "CREATE TABLE t(id INTEGER PRIMARY KEY, email TEXT NOT NULL, gone_at TEXT";
    check(
        "unique-with-nullable",
        &format!("{table}, UNIQUE (email, gone_at)) STRICT"),
        "t.email,gone_at",
        "CREATE UNIQUE INDEX t_email ON t(email) WHERE gone_at IS NULL;",
    );
    check(
        "unique-with-nullable",
        &format!("{table}) STRICT; CREATE UNIQUE INDEX i ON t(gone_at, email)"),
        "i",
        "CREATE UNIQUE INDEX t_email ON t(email) WHERE gone_at IS NULL;",
    );
    check(
        "unique-with-nullable",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b TEXT, UNIQUE (a, b)) STRICT",
        "t.a,b",
        "CREATE UNIQUE INDEX t_b ON t(b) WHERE a IS NULL;\nCREATE UNIQUE INDEX t_a ON t(a) WHERE b IS NULL;",
    );
    silent(
        "unique-with-nullable",
        &format!("{}, UNIQUE (email, gone_at)) STRICT", table.replace("gone_at TEXT", "gone_at TEXT NOT NULL")),
    );
    // A nullable column alone has to be unique only where it is not NULL.
    silent("unique-with-nullable", &format!("{table} UNIQUE) STRICT"));
    silent(
        "unique-with-nullable",
        &format!("{table}) STRICT; CREATE UNIQUE INDEX i ON t(email, gone_at) WHERE gone_at IS NOT NULL"),
    );
}

#[test]
fn a_check_that_null_passes() {
    let table = |column: &str| format!("CREATE TABLE t(id INTEGER PRIMARY KEY, {column}) STRICT");
    let finding = check(
        "check-passes-null",
        &table("day TEXT CHECK (day = date(day))"),
        "t.day",
        "CHECK (day IS NULL OR (day = date(day)) IS TRUE)",
    );
    assert_eq!(finding.what(), "CHECK (day = date(day)) accepts day = 'x', for which it is NULL, not true");
    check(
        "check-passes-null",
        &table("s TEXT NOT NULL CHECK (s IN ('a', NULL))"),
        "t.s",
        "CHECK ((s IN ('a', NULL)) IS TRUE)",
    );
    check(
        "check-passes-null",
        &table("b INTEGER DEFAULT 0 CHECK (b IN (0, 1))"),
        "t.b",
        "CHECK (b IN (0, 1)) NOT NULL",
    );
    for quiet in [
        "day TEXT CHECK (day IS date(day))",
        "s TEXT CHECK (s IN ('a', 'b'))",
        "weight INTEGER CHECK (weight > 0)",
        "name TEXT CHECK (length(name) > 0)",
        "b INTEGER NOT NULL DEFAULT 0 CHECK (b IN (0, 1))",
        "b INTEGER DEFAULT NULL CHECK (b IN (0, 1))",
        "b INTEGER DEFAULT 0 CHECK (b IS NULL OR b IN (0, 1))",
        "a TEXT, b TEXT, CHECK (a < b)",
        // Another CHECK restricts the kinds.
        "kind TEXT NOT NULL CHECK (kind IN ('p', 'q')), n INTEGER NOT NULL, CHECK (CASE kind WHEN 'p' THEN n < 9 WHEN 'q' THEN n > 9 END)",
        "x TEXT CHECK (json_valid(x))",
    ] {
        silent("check-passes-null", &table(quiet));
    }
}
