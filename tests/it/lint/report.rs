//! The text of reports, and allowances.

use sqlitmus::check;

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
fn a_report_of_many_findings_shows_some_remedies() {
    let report = |tables: usize| {
        let schema: String =
            (0..tables).map(|at| format!("CREATE TABLE t{at}(id INTEGER PRIMARY KEY, x TEXT);")).collect();
        check::lint(&database(&schema)).try_assert_ok().unwrap_err().to_string()
    };
    let rebuilds = |report: &str| report.matches("RENAME TO t").count();
    assert_eq!(rebuilds(&report(3)), 3);
    let many = report(60);
    assert!((3..30).contains(&rebuilds(&many)), "{many}");
    assert_eq!(many.matches("not-strict (t").count(), 60);
    let left = 60 - rebuilds(&many);
    assert!(
        many.contains(&format!("help: remedies of {left} more are left out here: Finding::help has each")),
        "{many}"
    );
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
