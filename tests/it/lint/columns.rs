use super::{check, silent};

fn table(column: &str) -> String {
    format!("CREATE TABLE t(id INTEGER PRIMARY KEY, {column})")
}

#[test]
fn a_type_with_an_unexpected_affinity() {
    for (declared, better) in [
        ("STRING", "TEXT"),
        ("UUID", "TEXT"),
        ("DATETIME", "TEXT"),
        ("TIMESTAMP DEFAULT (unixepoch())", "INTEGER"),
        ("BOOLEAN", "INTEGER"),
        ("FLOATING POINT", "REAL"),
        ("CHARINT", "TEXT"),
        ("VARBINARY(16)", "BLOB"),
        ("JSON", "TEXT"),
    ] {
        check("affinity-surprise", &table(&format!("x {declared}")), "t.x", &format!("x {better}"));
    }
    for quiet in
        ["VARCHAR(10)", "UNSIGNED BIG INT", "INT8", "DOUBLE PRECISION", "DECIMAL(10, 2)", "LONGBLOB", "", "CITEXT"]
    {
        silent("affinity-surprise", &table(&format!("x {quiet}")));
    }
    silent("affinity-surprise", "CREATE TABLE t(id INTEGER PRIMARY KEY, datetime TEXT, x ANY) STRICT");
}

#[test]
fn a_table_is_rebuilt_once_for_all_its_types() {
    let connection = super::database(&table("a STRING, b DATETIME"));
    let found = super::found(&connection, "affinity-surprise");
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].help(), found[1].help());
    assert!(found[0].help().unwrap().contains("a TEXT, b TEXT"));
}

#[test]
fn a_table_that_is_not_strict() {
    let columns = "a VARCHAR(9) NOT NULL, b BIGINT, c, d DECIMAL(4,1), e DOUBLE, f BLOB, g DATETIME";
    check(
        "not-strict",
        &table(columns),
        "t",
        "a TEXT NOT NULL, b INTEGER, c ANY, d ANY, e REAL, f BLOB, g TEXT) STRICT;",
    );
    check("not-strict", "CREATE TABLE t(id INTEGER PRIMARY KEY) WITHOUT ROWID", "t", "WITHOUT ROWID, STRICT;");
    silent("not-strict", &format!("{} STRICT", table("a TEXT")));
}

#[test]
fn a_fix_that_would_fail_is_not_shown() {
    let connection =
        super::database("CREATE TABLE t(id INTEGER PRIMARY KEY); CREATE TABLE new_t(id INTEGER PRIMARY KEY);");
    let found = super::found(&connection, "not-strict");
    let shown: Vec<_> = found.iter().map(|finding| (finding.object(), finding.help().is_some())).collect();
    assert_eq!(shown, [("new_t", true), ("t", false)]);
}

#[test]
fn a_fix_that_leaves_the_finding_is_not_shown() {
    let checks = "day TEXT CHECK (nullif(day, 'x') >= '') CHECK (nullif(day, '{}') >= '')";
    let found = super::found(&super::database(&table(checks)), "check-passes-null");
    let shown: Vec<_> = found.iter().map(|finding| (finding.object(), finding.help())).collect();
    assert_eq!(shown, [("t.day", None), ("t.day", None)]);
}

#[test]
fn a_fix_that_causes_a_new_finding_is_not_shown() {
    let connection = super::database(
        "CREATE TABLE p(id INTEGER PRIMARY KEY) STRICT;
         CREATE TABLE c(id INTEGER PRIMARY KEY, p_id INTEGER REFERENCES p CHECK (p_id IN (1, 2))) STRICT;
         CREATE INDEX i ON c(p_id);",
    );
    let found = super::found(&connection, "index-low-value");
    let shown: Vec<_> = found.iter().map(|finding| (finding.object(), finding.help())).collect();
    assert_eq!(shown, [("i", None)], "without it, deleting a row of p reads all of c");
}

#[test]
fn a_rebuild_keeps_rows_indexes_triggers_and_references() {
    let connection = super::database(
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, n INT, double AS (n * 2));
         CREATE INDEX t_n ON t(n);
         CREATE TABLE log(id INTEGER PRIMARY KEY, n INTEGER) STRICT;
         CREATE TRIGGER noted AFTER INSERT ON t BEGIN INSERT INTO log(n) VALUES (NEW.n); END;
         CREATE VIEW v AS SELECT n FROM t;
         CREATE TABLE c(id INTEGER PRIMARY KEY, t_id INTEGER NOT NULL REFERENCES t ON DELETE CASCADE) STRICT;
         INSERT INTO t(n) VALUES (1), (2);
         INSERT INTO c(t_id) VALUES (1);
         PRAGMA foreign_keys = ON;",
    );
    let found = super::found(&connection, "not-strict");
    connection.execute_batch(found[0].help().unwrap()).unwrap();
    connection.execute_batch("INSERT INTO t(n) VALUES (3)").unwrap();
    let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(one("SELECT count(*) FROM log"), 3);
    assert_eq!(one("SELECT count(*) FROM c JOIN t ON t.id = t_id"), 1);
    assert_eq!(one("SELECT sum(n) FROM v"), 6);
    assert_eq!(one("SELECT count(*) FROM sqlite_master WHERE name = 't_n'"), 1);
    assert_eq!(one("SELECT count(*) FROM pragma_foreign_key_check"), 0);
    assert_eq!(one("PRAGMA foreign_keys"), 1);
}

#[test]
fn one_name_with_two_types() {
    let schema = |odd: &str| {
        format!(
            "CREATE TABLE a(id INTEGER PRIMARY KEY, customer_id INTEGER) STRICT;
             CREATE TABLE b(id INTEGER PRIMARY KEY, customer_id {odd}) STRICT;
             CREATE TABLE c(id INTEGER PRIMARY KEY, customer_id INTEGER) STRICT;"
        )
    };
    let finding = check("same-name-different-type", &schema("TEXT"), "b.customer_id", "customer_id INTEGER");
    assert_eq!(finding.what(), "b.customer_id is TEXT, and a.customer_id is INTEGER");
    silent("same-name-different-type", &schema("INT"));
    silent(
        "same-name-different-type",
        &schema("TEXT").replace("customer_id", "created_at").replace("TEXT) STRICT", "DATETIME)"),
    );
    silent("same-name-different-type", &schema("TEXT").replace("customer_id", "value"));
}

#[test]
fn a_long_value_before_many_short_ones() {
    let schema = |first: &str, last: &str| {
        format!(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, {first}a TEXT, b TEXT, c TEXT, d TEXT, e TEXT, f TEXT, g TEXT, h TEXT{last}) STRICT"
        )
    };
    let finding = check("blob-in-hot-table", &schema("photo BLOB, ", ""), "t.photo", "h TEXT, photo BLOB)");
    assert_eq!(finding.what(), "t.photo is a BLOB of any length before 8 smaller columns");
    silent("blob-in-hot-table", &schema("", ", photo BLOB"));
    silent("blob-in-hot-table", &schema("photo BLOB CHECK (length(photo) < 100), ", ""));
    silent("blob-in-hot-table", &schema("photo_hash_of_sha256 TEXT, ", ""));
}
