use sqlitmus::check::Level;

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

const ACCOUNTS: &str = "CREATE TABLE t(id INTEGER PRIMARY KEY, email TEXT NOT NULL, gone_at TEXT";

#[test]
fn unique_columns_of_which_one_says_when_a_row_ended() {
    let finding = check(
        "unique-with-nullable",
        &format!("{ACCOUNTS}, UNIQUE (email, gone_at)) STRICT"),
        "t.email,gone_at",
        "CREATE UNIQUE INDEX t_email ON t(email) WHERE gone_at IS NULL; \
         -- forbids two rows with the same email where gone_at is NULL",
    );
    assert_eq!(finding.level(), Level::Warning);
    check(
        "unique-with-nullable",
        &format!("{ACCOUNTS}) STRICT; CREATE UNIQUE INDEX i ON t(gone_at, email)"),
        "i",
        "CREATE UNIQUE INDEX t_email ON t(email) WHERE gone_at IS NULL;",
    );
    for column in ["deleted_at", "is_deleted", "revoked_on", "valid_to", "archived"] {
        let schema = format!("{}, UNIQUE (email, {column})) STRICT", ACCOUNTS.replace("gone_at", column));
        let fix = format!("ON t(email) WHERE {column} IS NULL;");
        check("unique-with-nullable", &schema, &format!("t.email,{column}"), &fix);
    }
}

#[test]
fn unique_names_below_a_parent_that_may_be_missing() {
    for schema in [
        "CREATE TABLE t(id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES t, name TEXT NOT NULL, UNIQUE (parent_id, name)) STRICT",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t(id), name TEXT NOT NULL, UNIQUE (parent, name)) STRICT",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, folder_id INTEGER, name TEXT NOT NULL, UNIQUE (folder_id, name)) STRICT",
    ] {
        let found = super::found(&super::database(schema), "unique-with-nullable");
        assert_eq!(found[0].level(), Level::Review);
        assert!(found[0].help().unwrap().starts_with("CREATE UNIQUE INDEX t_name ON t(name) WHERE "), "{found:#?}");
    }
}

#[test]
fn a_remedy_that_would_leave_one_row_to_a_tenant_is_not_offered() {
    for (columns, harm) in [
        ("tenant TEXT NOT NULL, optional_id INTEGER", "a second row without one for the same tenant"),
        ("tenant_id INTEGER NOT NULL, optional_id INTEGER", "a second row without one for the same tenant_id"),
        ("tenant_id INTEGER NOT NULL, number TEXT", "a second row without one for the same tenant_id"),
        ("user_id INTEGER NOT NULL, sent_at TEXT", "a second row without one for the same user_id"),
        ("kind TEXT NOT NULL, external_id TEXT", "a second row without one for the same kind"),
        ("a TEXT, b TEXT", "a second row without one for the same b"),
    ] {
        let names: Vec<&str> = columns.split(", ").map(|column| column.split(' ').next().unwrap()).collect();
        let unique = names.join(", ");
        let schema = format!("CREATE TABLE t(id INTEGER PRIMARY KEY, {columns}, UNIQUE ({unique})) STRICT");
        let found = super::found(&super::database(&schema), "unique-with-nullable");
        let help = found[0].help().unwrap();
        assert!(help.contains(harm) && !help.contains("CREATE"), "{help}");
        assert_eq!(found[0].level(), Level::Review);
    }
}

#[test]
fn unique_columns_that_are_never_null() {
    silent(
        "unique-with-nullable",
        &format!("{}, UNIQUE (email, gone_at)) STRICT", ACCOUNTS.replace("gone_at TEXT", "gone_at TEXT NOT NULL")),
    );
    // A shorter key keeps the rest from repeating.
    for key in ["email TEXT NOT NULL UNIQUE", "email TEXT NOT NULL", "email TEXT PRIMARY KEY NOT NULL"] {
        for index in
            ["CREATE UNIQUE INDEX own ON a(email);", "CREATE UNIQUE INDEX own ON a(email) WHERE gone_at IS NULL;", ""]
        {
            let schema = format!(
                "CREATE TABLE a(rank INTEGER, {key}, gone_at TEXT) STRICT; {index} CREATE UNIQUE INDEX i ON a(email, gone_at)"
            );
            if key.contains("UNIQUE") || key.contains("KEY") || !index.is_empty() {
                silent("unique-with-nullable", &schema);
            } else {
                assert_eq!(super::found(&super::database(&schema), "unique-with-nullable").len(), 1, "{schema}");
            }
        }
    }
    // A nullable column alone has to be unique only where it is not NULL.
    silent("unique-with-nullable", &format!("{ACCOUNTS} UNIQUE) STRICT"));
    silent(
        "unique-with-nullable",
        &format!("{ACCOUNTS}) STRICT; CREATE UNIQUE INDEX i ON t(email, gone_at) WHERE gone_at IS NOT NULL"),
    );
    let table = |check: &str| {
        format!(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, c TEXT NOT NULL, n INTEGER, kind TEXT, x INTEGER, UNIQUE (c, n), CHECK ({check})) STRICT"
        )
    };
    for quiet in [
        "n IS NOT NULL",
        "n NOT NULL",
        "n IS NOT NULL AND n > 0",
        "NOT n IS NULL",
        "coalesce(n, -1) >= 0",
        "typeof(n) = 'integer'",
        "n IS NOT NULL AND kind IN ('a', 'b')",
        "n IS NOT NULL AND (kind = 'a' OR x = 3)",
    ] {
        silent("unique-with-nullable", &table(quiet));
    }
    for accepts in [
        "n > 0",
        "n IS NULL OR n > 0",
        "kind = 'a' OR n IS NOT NULL",
        "(kind = 'special') = (n IS NULL)",
        "(n IS NULL) <> (x IS NULL)",
        "x = 4711 OR n IS NOT NULL",
        "kind IS NOT NULL",
    ] {
        let found = super::found(&super::database(&table(accepts)), "unique-with-nullable");
        assert_eq!(found.len(), 1, "{accepts}");
    }
}

#[test]
fn a_check_keeps_null_out_of_other_keys_too() {
    silent("pk-nullable", "CREATE TABLE t(x TEXT PRIMARY KEY CHECK (x IS NOT NULL))");
    silent("no-primary-key", "CREATE TABLE t(x TEXT UNIQUE CHECK (x IS NOT NULL)) STRICT");
    check("pk-nullable", "CREATE TABLE t(x TEXT PRIMARY KEY CHECK (x <> ''))", "t.x", "NOT NULL");
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
