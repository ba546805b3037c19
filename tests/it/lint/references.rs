use super::{check, check_words, silent};

const PARENT: &str = "CREATE TABLE p(id INTEGER PRIMARY KEY, code TEXT NOT NULL, UNIQUE(code)) STRICT;";

fn with_parent(child: &str) -> String {
    format!("{PARENT} {child}")
}

#[test]
fn a_foreign_key_without_an_index() {
    let child = with_parent("CREATE TABLE c(id INTEGER PRIMARY KEY, p_id INTEGER REFERENCES p) STRICT;");
    let finding = check("fk-unindexed", &child, "c.p_id", "CREATE INDEX c_p_id ON c(p_id);");
    assert_eq!(finding.what(), "deleting a row of p reads all of c: no index starts with p_id");
    silent("fk-unindexed", &format!("{child} CREATE INDEX any ON c(p_id, id)"));
}

#[test]
fn each_of_several_foreign_keys_to_one_parent_is_checked_alone() {
    let child = "CREATE TABLE c(id INTEGER PRIMARY KEY, a INTEGER REFERENCES p, b INTEGER REFERENCES p) STRICT; CREATE INDEX c_a ON c(a);";
    check("fk-unindexed", &with_parent(child), "c.b", "CREATE INDEX c_b ON c(b);");
    silent("fk-unindexed", &with_parent(&format!("{child} CREATE INDEX c_b ON c(b);")));
}

#[test]
fn the_name_of_the_new_index_is_free() {
    let child = "CREATE TABLE c(id INTEGER PRIMARY KEY, p_id INTEGER REFERENCES p) STRICT; CREATE TABLE c_p_id(x INTEGER PRIMARY KEY) STRICT;";
    check("fk-unindexed", &with_parent(child), "c.p_id", "CREATE INDEX c_p_id_2 ON c(p_id);");
}

#[test]
fn the_key_of_a_table_without_rowid_is_an_index() {
    let second = "CREATE TABLE c(x INTEGER, p_id INTEGER REFERENCES p, PRIMARY KEY(x, p_id)) STRICT, WITHOUT ROWID;";
    check("fk-unindexed", &with_parent(second), "c.p_id", "CREATE INDEX c_p_id ON c(p_id);");
    let first = "CREATE TABLE c(x INTEGER, p_id INTEGER REFERENCES p, PRIMARY KEY(p_id, x)) STRICT, WITHOUT ROWID;";
    silent("fk-unindexed", &with_parent(first));
}

#[test]
fn a_partial_index_serves_if_it_holds_every_child() {
    let child = "CREATE TABLE c(id INTEGER PRIMARY KEY, p_id INTEGER REFERENCES p, x INTEGER) STRICT;";
    check(
        "fk-unindexed",
        &with_parent(&format!("{child} CREATE INDEX some ON c(p_id) WHERE x = 1;")),
        "c.p_id",
        "CREATE INDEX c_p_id",
    );
    silent(
        "fk-unindexed",
        &with_parent(&format!("{child} CREATE INDEX all_of_them ON c(p_id) WHERE p_id IS NOT NULL;")),
    );
}

#[test]
fn an_index_that_is_defeated_by_a_type_is_named() {
    let child = |declared: &str| {
        with_parent(&format!(
            "CREATE TABLE c(id INTEGER PRIMARY KEY, p_id {declared} REFERENCES p); CREATE INDEX i ON c(p_id);"
        ))
    };
    let finding = check("fk-unindexed", &child("TEXT"), "c.p_id", "p_id INTEGER REFERENCES p");
    assert_eq!(
        finding.what(),
        "deleting a row of p reads all of c: i has c.p_id, but p_id is TEXT and p.id is INTEGER"
    );
    silent("fk-unindexed", &child("BIGINT"));
}

#[test]
fn an_index_that_is_defeated_by_a_collation_is_named() {
    let child = |collation: &str| {
        with_parent(&format!(
            "CREATE TABLE c(id INTEGER PRIMARY KEY, code TEXT COLLATE {collation} REFERENCES p(code)) STRICT; CREATE INDEX i ON c(code);"
        ))
    };
    let finding = check("fk-unindexed", &child("NOCASE"), "c.code", "CREATE INDEX c_code ON c(code COLLATE BINARY);");
    assert!(
        finding.what().ends_with("i has c.code, but it is COLLATE NOCASE and p.code is COLLATE BINARY"),
        "{finding}"
    );
    silent("fk-unindexed", &child("BINARY"));
}

#[test]
fn without_a_common_type_the_type_comes_first() {
    check_words(
        "fk-unindexed",
        &with_parent("CREATE TABLE c(id INTEGER PRIMARY KEY, p_id REFERENCES p);"),
        "c.p_id",
        "declare c.p_id as the column to which it refers (fk-type-mismatch), then CREATE INDEX c_p_id ON c(p_id);",
    );
}

#[test]
fn a_parent_that_is_not_there() {
    let misspelt = "CREATE TABLE customers(id INTEGER PRIMARY KEY) STRICT; CREATE TABLE o(id INTEGER PRIMARY KEY, c_id INTEGER REFERENCES costumers) STRICT;";
    check("fk-parent-missing", misspelt, "o.c_id", "c_id INTEGER REFERENCES customers)");
    silent("fk-parent-missing", &misspelt.replace("costumers", "CUSTOMERS"));
    check_words(
        "fk-parent-missing",
        "CREATE TABLE o(id INTEGER PRIMARY KEY, c_id INTEGER REFERENCES gone) STRICT;",
        "o.c_id",
        "create the table gone, or rebuild o without the reference",
    );
}

#[test]
fn a_parent_that_is_not_unique() {
    let schema = |unique: &str| {
        format!(
            "CREATE TABLE p(id INTEGER PRIMARY KEY, code TEXT {unique}) STRICT; CREATE TABLE c(id INTEGER PRIMARY KEY, code TEXT REFERENCES p(code)) STRICT;"
        )
    };
    check("fk-parent-not-unique", &schema(""), "c.code", "CREATE UNIQUE INDEX p_code ON p(code);");
    silent("fk-parent-not-unique", &schema("UNIQUE"));
    let partial = "CREATE UNIQUE INDEX some ON p(code) WHERE id > 0;";
    check("fk-parent-not-unique", &format!("{}{partial}", schema("")), "c.code", "CREATE UNIQUE INDEX p_code");
    check_words(
        "fk-parent-not-unique",
        &schema("").replace("p(code)", "p(gone)"),
        "c.code",
        "rebuild c with a reference to a key of p",
    );
}

#[test]
fn a_reference_of_another_type_or_collation() {
    let schema =
        |child: &str| format!("{PARENT} CREATE TABLE c(id INTEGER PRIMARY KEY, x {child}); CREATE INDEX c_x ON c(x);");
    check("fk-type-mismatch", &schema("VARCHAR(20) REFERENCES p(id)"), "c.x", "x INTEGER REFERENCES p(id)");
    check("fk-type-mismatch", &schema("REFERENCES p(id)"), "c.x", "x INTEGER REFERENCES p(id)");
    check(
        "fk-type-mismatch",
        &schema("TEXT COLLATE NOCASE REFERENCES p(code)"),
        "c.x",
        "x TEXT COLLATE BINARY REFERENCES",
    );
    silent("fk-type-mismatch", &schema("UNSIGNED BIG INT REFERENCES p(id)"));
    silent("fk-type-mismatch", &schema("VARCHAR(20) REFERENCES p(code)"));
}

#[test]
fn a_reference_by_several_columns_of_which_one_may_be_null() {
    let parent = "CREATE TABLE t(id INTEGER PRIMARY KEY) STRICT; CREATE TABLE p(a INTEGER, b INTEGER, PRIMARY KEY(a, b)) STRICT, WITHOUT ROWID;";
    let child = |columns: &str| {
        format!("{parent} CREATE TABLE c(id INTEGER PRIMARY KEY, {columns}, FOREIGN KEY (a, b) REFERENCES p) STRICT;")
    };
    check("fk-composite-nullable", &child("a INTEGER, b INTEGER"), "c.a,b", "CHECK ((a IS NULL) = (b IS NULL))");
    check("fk-composite-nullable", &child("a INTEGER NOT NULL, b INTEGER"), "c.a,b", "b INTEGER NOT NULL");
    silent("fk-composite-nullable", &child("a INTEGER NOT NULL, b INTEGER NOT NULL"));
    silent("fk-composite-nullable", &child("a INTEGER, b INTEGER, CHECK ((a IS NULL) = (b IS NULL))"));
    // A foreign key of its own checks the tenant of a row.
    silent("fk-composite-nullable", &child("a INTEGER NOT NULL REFERENCES t, b INTEGER"));
}
