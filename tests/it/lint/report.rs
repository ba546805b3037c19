//! The text of reports, and allowances.

use sqlitmus::check::{self, Level};

use super::{all, database};

const SCHEMA: &str = "CREATE TABLE p(id INTEGER PRIMARY KEY) STRICT;
    CREATE TABLE c(id INTEGER PRIMARY KEY, p_id INTEGER NOT NULL REFERENCES p) STRICT;
    CREATE TABLE d(id INTEGER PRIMARY KEY, p_id INTEGER NOT NULL REFERENCES p) STRICT;";

#[test]
fn findings_read_well() {
    let report =
        check::lint(&database(SCHEMA)).allow("fk-unindexed", "d", "small").try_assert_ok().unwrap_err().to_string();
    assert_eq!(
        report,
        "fk-unindexed: deleting a row of p reads all of c: no index starts with p_id\n\
         \n  fk-unindexed (c.p_id):\
         \n    deleting a row of p reads all of c: no index starts with p_id\
         \n    with foreign_keys on, SQLite looks for children whenever a parent is deleted or its key changes; \
         without an index, each time in every row\n\
         \n  plan:\
         \n    DELETE FROM p WHERE rowid = ?\
         \n    SEARCH p USING INTEGER PRIMARY KEY (rowid=?)\
         \n    SCAN d\
         \n  > SCAN c\n\
         \n  help: CREATE INDEX c_p_id ON c(p_id);\
         \n  help: if it is meant, say so: .allow(\"fk-unindexed\", \"c.p_id\", \"why\")",
        "{report}"
    );
}

#[test]
fn findings_of_one_code_are_one_paragraph() {
    let schema = format!("{SCHEMA} CREATE TABLE s(id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT);");
    let report = check::lint(&database(&schema)).try_assert_ok().unwrap_err().to_string();
    assert_eq!(
        report,
        "2 findings, the first: fk-unindexed: deleting a row of p reads all of c: no index starts with p_id\n\
         \n  fk-unindexed (2 findings):\
         \n    c.p_id: deleting a row of p reads all of c: no index starts with p_id\
         \n    d.p_id: deleting a row of p reads all of d: no index starts with p_id\
         \n    with foreign_keys on, SQLite looks for children whenever a parent is deleted or its key changes; \
         without an index, each time in every row\n\
         \n  plan (c.p_id):\
         \n    DELETE FROM p WHERE rowid = ?\
         \n    SEARCH p USING INTEGER PRIMARY KEY (rowid=?)\
         \n    SCAN d\
         \n  > SCAN c\n\
         \n  help: CREATE INDEX c_p_id ON c(p_id);\
         \n  help: CREATE INDEX d_p_id ON d(p_id);\
         \n  help: if it is meant, say so: .allow(\"fk-unindexed\", \"c.p_id\", \"why\")\
         \nnote: 2 findings of style did not fail: .fail_at(Level::Style) lists them",
        "{report}"
    );
}

#[test]
fn a_report_of_many_findings_shows_one_rebuild() {
    let report = |tables: usize| {
        let schema: String =
            (0..tables).map(|at| format!("CREATE TABLE t{at}(id INTEGER PRIMARY KEY, x TEXT);")).collect();
        let findings = check::lint(&database(&schema));
        findings.assert_ok();
        findings.fail_at(Level::Style).try_assert_ok().unwrap_err().to_string()
    };
    let many = report(60);
    assert_eq!(many.matches("RENAME TO t").count(), 1, "{many}");
    assert_eq!(many.matches("is not STRICT").count(), 61, "{many}");
    assert!(many.contains("help: remedies of 59 more are left out here: Finding::help has each"), "{many}");
    assert!(report(1).contains("ALTER TABLE new_t0 RENAME TO t0;") && !report(1).contains("left out here"));
}

#[test]
fn a_column_a_table_or_everything_is_allowed() {
    let lint = || check::lint(&database(SCHEMA));
    assert_eq!(all(&lint()), ["fk-unindexed c.p_id", "fk-unindexed d.p_id"]);
    assert_eq!(all(&lint().allow("fk-unindexed", "c.p_id", "small")), ["fk-unindexed d.p_id"]);
    assert_eq!(all(&lint().allow("fk-unindexed", "C", "small")), ["fk-unindexed d.p_id"]);
    assert_eq!(all(&lint().allow("fk-unindexed", "*", "small")), [""; 0]);
}

#[test]
fn an_unknown_code_is_a_finding() {
    let findings = check::lint(&database("")).allow("fk-unindxed", "c", "small");
    assert_eq!(all(&findings), ["unknown-code c"]);
    assert_eq!(findings.iter().next().unwrap().what(), "there is no code fk-unindxed; is it fk-unindexed?");
    let findings = check::lint(&database("")).allow("speed", "c", "small");
    assert_eq!(findings.iter().next().unwrap().what(), "there is no code speed");
    assert!(findings.iter().next().unwrap().why().starts_with("the codes are: fk-parent-missing, "));
}

#[test]
fn every_code_is_documented_in_order() {
    let page = include_str!("../../../src/check/lint/lints.md");
    let documented: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("## `")).map(|line| line.trim_end_matches('`')).collect();
    assert_eq!(documented, check::LINT_CODES);
}
