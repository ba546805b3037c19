use super::{check, silent};

fn with(indexes: &str) -> String {
    format!(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT NOT NULL, u TEXT NOT NULL UNIQUE, \
         two INTEGER NOT NULL CHECK (two IN (0, 1)), three TEXT NOT NULL CHECK (three IN ('x', 'y', 'z')), \
         UNIQUE (b, a)) STRICT; {indexes}"
    )
}

#[test]
fn two_indexes_that_are_the_same() {
    let finding =
        check("index-duplicate", &with("CREATE INDEX i ON t(a); CREATE INDEX j ON t(A);"), "j", "DROP INDEX j;");
    assert_eq!(finding.what(), "j on t is the same as i");
    check("index-duplicate", &with("CREATE INDEX i ON t(a); CREATE UNIQUE INDEX j ON t(a);"), "i", "DROP INDEX i;");
    check(
        "index-duplicate",
        &with("CREATE INDEX i ON t(a, b DESC); CREATE INDEX j ON t(a DESC, b);"),
        "j",
        "DROP INDEX j;",
    );
    check(
        "index-duplicate",
        &with("CREATE INDEX i ON t(lower(a)); CREATE INDEX j ON t(lower(a));"),
        "j",
        "DROP INDEX j;",
    );
    for quiet in [
        "CREATE INDEX i ON t(a, b); CREATE INDEX j ON t(a, b DESC);",
        "CREATE INDEX i ON t(a); CREATE INDEX j ON t(a COLLATE NOCASE);",
        "CREATE INDEX i ON t(a); CREATE INDEX j ON t(a) WHERE two = 1;",
        "CREATE INDEX i ON t(a) WHERE two = 0; CREATE INDEX j ON t(a) WHERE two = 1;",
    ] {
        silent("index-duplicate", &with(quiet));
    }
}

#[test]
fn an_index_that_is_a_prefix_of_another() {
    let finding = check(
        "index-prefix-redundant",
        &with("CREATE INDEX i ON t(a); CREATE INDEX j ON t(a, two);"),
        "i",
        "DROP INDEX i;",
    );
    assert_eq!(finding.what(), "i on t is a prefix of j");
    check("index-prefix-redundant", &with("CREATE INDEX i ON t(b);"), "i", "DROP INDEX i;");
    for quiet in [
        "CREATE INDEX i ON t(two, a); CREATE INDEX j ON t(a, two);",
        "CREATE UNIQUE INDEX i ON t(a); CREATE INDEX j ON t(a, two);",
        "CREATE INDEX i ON t(a) WHERE two = 1; CREATE INDEX j ON t(a, two);",
        "CREATE INDEX i ON t(a); CREATE INDEX j ON t(a, two) WHERE two = 1;",
        "CREATE INDEX i ON t(a COLLATE NOCASE); CREATE INDEX j ON t(a, two);",
    ] {
        silent("index-prefix-redundant", &with(quiet));
    }
}

#[test]
fn an_index_on_the_columns_of_a_constraint() {
    let finding = check("index-shadows-unique", &with("CREATE INDEX i ON t(u);"), "i", "DROP INDEX i;");
    assert_eq!(finding.what(), "i on t indexes what UNIQUE (u) has an index for");
    check("index-shadows-unique", &with("CREATE UNIQUE INDEX i ON t(b, a);"), "i", "DROP INDEX i;");
    check("index-shadows-unique", &with("CREATE INDEX i ON t(id);"), "i", "DROP INDEX i;");
    silent("index-shadows-unique", &with("CREATE INDEX i ON t(a, b);"));
    silent("index-shadows-unique", &with("CREATE INDEX i ON t(u COLLATE NOCASE);"));
    silent("index-shadows-unique", &with("CREATE INDEX i ON t(u) WHERE two = 1;"));
}

#[test]
fn an_index_on_two_values() {
    let finding = check("index-low-value", &with("CREATE INDEX i ON t(two);"), "i", "DROP INDEX i;");
    assert_eq!(finding.what(), "i indexes t.two, which has two values");
    check(
        "index-low-value",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, x BOOLEAN); CREATE INDEX i ON t(x);",
        "i",
        "DROP INDEX i;",
    );
    for quiet in [
        "CREATE INDEX i ON t(three);",
        "CREATE INDEX i ON t(two, a);",
        "CREATE INDEX i ON t(two) WHERE two = 1;",
        "CREATE INDEX i ON t(a);",
    ] {
        silent("index-low-value", &with(quiet));
    }
    let weight =
        "CREATE TABLE t(id INTEGER PRIMARY KEY, x INTEGER CHECK (x BETWEEN 0 AND 2)) STRICT; CREATE INDEX i ON t(x);";
    silent("index-low-value", weight);
}

#[test]
fn an_index_in_another_collation() {
    let finding = check(
        "index-collation-unusable",
        &with("CREATE INDEX i ON t(a COLLATE NOCASE);"),
        "i",
        "CREATE INDEX i ON t(a);",
    );
    assert_eq!(finding.what(), "i is COLLATE NOCASE, and t.a is COLLATE BINARY: a = ? cannot use it");
    silent("index-collation-unusable", &with("CREATE INDEX i ON t(a COLLATE NOCASE); CREATE INDEX j ON t(a);"));
    silent(
        "index-collation-unusable",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE) STRICT; CREATE INDEX i ON t(a);",
    );
}
