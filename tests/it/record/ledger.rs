//! Ledgers as values: parsing, merging, and the differences between two. Several processes write one file, so
//! tests/process tests the writing.

use std::fs;

use sqlitmus::record::{LedgerPlan, LedgerStatement, StatementLedger, compare_ledgers};

fn ledger(paragraphs: &str) -> StatementLedger {
    StatementLedger::parse(&format!("# sqlitmus ledger 1: of a test\n\n{paragraphs}")).unwrap()
}

fn sql<'a>(statements: impl Iterator<Item = &'a LedgerStatement>) -> Vec<&'a str> {
    statements.map(|statement| statement.sql()).collect()
}

const REVIEWED: &str = "\
SELECT a FROM t WHERE b = ?
  SEARCH t USING INDEX t_b (b=?)

INSERT INTO t(a) VALUES (?)

SELECT a FROM t WHERE c LIKE ?
> SCAN t

SELECT a FROM t WHERE c LIKE ?
  SEARCH t USING INDEX t_c (c>? AND c<?)

SELECT x FROM mine
! not explained: no such table: mine
";

#[test]
fn statements_and_plans_are_read_in_any_order_and_written_in_one() {
    let ledger = ledger(REVIEWED);
    assert_eq!((ledger.len(), ledger.is_empty()), (4, false));
    assert_eq!(
        sql(ledger.iter()),
        [
            "INSERT INTO t(a) VALUES (?)",
            "SELECT a FROM t WHERE b = ?",
            "SELECT a FROM t WHERE c LIKE ?",
            "SELECT x FROM mine"
        ]
    );
    assert_eq!(sql(ledger.scans()), ["SELECT a FROM t WHERE c LIKE ?"]);
    let like = ledger.get("SELECT a FROM t WHERE c LIKE ?").unwrap();
    assert_eq!(like.plans().map(LedgerPlan::scans).collect::<Vec<_>>(), [false, true]);
    let mine = ledger.get("SELECT x FROM mine").unwrap().plans().next().unwrap();
    assert_eq!((mine.is_known(), mine.to_string().as_str()), (false, "! not explained: no such table: mine"));
    assert_eq!(
        ledger.to_string(),
        "\
# sqlitmus ledger 1: every statement of a test run, and its plans

INSERT INTO t(a) VALUES (?)

SELECT a FROM t WHERE b = ?
  SEARCH t USING INDEX t_b (b=?)

SELECT a FROM t WHERE c LIKE ?
  SEARCH t USING INDEX t_c (c>? AND c<?)

SELECT a FROM t WHERE c LIKE ?
> SCAN t

SELECT x FROM mine
! not explained: no such table: mine
"
    );
}

#[test]
fn merging_makes_one_of_several_whatever_their_order() {
    let (mut one, mut other) = (ledger(REVIEWED), ledger("SELECT x FROM mine\n  SCAN CONSTANT ROW\n\nSELECT ?\n"));
    let (first, second) = (one.clone(), other.clone());
    one.merge(&second);
    other.merge(&first);
    assert_eq!(one, other);
    assert_eq!(one.len(), 5);
    // A statement that the other ledger could explain is no longer marked.
    assert_eq!(one.get("SELECT x FROM mine").unwrap().to_string(), "SELECT x FROM mine\n  SCAN CONSTANT ROW\n");
    let before = one.clone();
    one.merge(&first);
    assert_eq!(one, before);
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    assert_eq!(StatementLedger::parse(text).unwrap_err().to_string(), expected);
}

#[test]
fn a_file_that_is_not_a_ledger_is_refused_with_its_line() {
    let begins = "a ledger begins with:\n    # sqlitmus ledger 1: every statement of a test run, and its plans";
    refused("", &format!("this is not a ledger of statements: text\n\n  line 1:\n  > \n\n  {begins}"));
    refused("{\n}", &format!("this is not a ledger of statements: text\n\n  line 1:\n  > {{\n\n  {begins}"));
    refused(
        "# sqlitmus ledger 2: everything\n",
        "this ledger was written by another version of sqlitmus: text\n\n  line 1:\n  > # sqlitmus ledger 2: everything\n\n  \
         help: delete the file; the tests write a new one",
    );
    let damaged = |line: &str, number: usize| {
        let text = format!("# sqlitmus ledger 1: of a test\n\nSELECT ?\n  SCAN CONSTANT ROW\n{line}\n");
        refused(
            &text,
            &format!(
                "line {number} of the ledger cannot be read: text\n\n  line {number}:\n  > {line}\n\n  \
                 help: delete the file; the tests write a new one"
            ),
        );
    };
    for line in
        ["<<<<<<< HEAD", "=======", "CREATE TABLE t(x)", "SELECT \\x", ">SCAN t", " SCAN t", "# note", "selected"]
    {
        damaged(line, 5);
    }
    refused(
        "# sqlitmus ledger 1: of a test\n\n  SCAN t\n",
        "line 3 of the ledger cannot be read: text\n\n  line 3:\n  >   SCAN t\n\n  \
         help: delete the file; the tests write a new one",
    );
}

#[test]
fn a_checkout_with_other_line_ends_is_the_same_ledger() {
    let text = ledger(REVIEWED).to_string();
    assert_eq!(StatementLedger::parse(&text.replace('\n', "\r\n")).unwrap(), ledger(REVIEWED));
}

const LATER: &str = "\
SELECT a FROM t WHERE b = ?
> SCAN t
  USE TEMP B-TREE FOR ORDER BY

SELECT a FROM t WHERE c LIKE ?
  SEARCH t USING INDEX t_c (c>? AND c<?)

SELECT x FROM mine
! not explained: no such table: mine

SELECT a FROM t WHERE id = ?
  SEARCH t USING INTEGER PRIMARY KEY (rowid=?)

SELECT z FROM t WHERE d = ?
> SCAN t

SELECT z FROM t WHERE d = ?
  SEARCH t USING INDEX t_d (d=?)
";

#[test]
fn differences_are_reported_with_new_scans_first() {
    let diff = ledger(REVIEWED).diff(&ledger(LATER));
    assert!(!diff.is_empty());
    assert_eq!(sql(diff.new_statements()), ["SELECT z FROM t WHERE d = ?", "SELECT a FROM t WHERE id = ?"]);
    assert_eq!(sql(diff.gone_statements()), ["INSERT INTO t(a) VALUES (?)"]);
    let changed: Vec<_> = diff.changed_statements().map(|changed| (changed.new.sql(), changed.gains_scan())).collect();
    assert_eq!(changed, [("SELECT a FROM t WHERE b = ?", true), ("SELECT a FROM t WHERE c LIKE ?", false)]);
    assert_eq!(
        diff.try_assert_same().unwrap_err().to_string(),
        "\
5 statements differ from the earlier ledger, 2 of them with new scans

  changed:
  > SELECT a FROM t WHERE b = ?
    -   SEARCH t USING INDEX t_b (b=?)
    + > SCAN t
    +   USE TEMP B-TREE FOR ORDER BY

    SELECT a FROM t WHERE c LIKE ?
    - > SCAN t

  new:
  > SELECT z FROM t WHERE d = ?
        SEARCH t USING INDEX t_d (d=?)
      or
      > SCAN t

    SELECT a FROM t WHERE id = ?
        SEARCH t USING INTEGER PRIMARY KEY (rowid=?)

  gone:
    INSERT INTO t(a) VALUES (?)"
    );
    assert_eq!(diff.to_string(), diff.try_assert_same().unwrap_err().to_string());
}

#[test]
fn the_same_ledger_differs_in_nothing() {
    let diff = ledger(REVIEWED).diff(&ledger(REVIEWED));
    assert!(diff.is_empty());
    diff.assert_same();
    assert_eq!(diff.to_string(), "nothing differs");
}

#[test]
fn a_scan_of_another_table_is_a_new_one_and_a_deeper_one_is_not() {
    let scans = |plan: &str| ledger(&format!("SELECT ?\n{plan}\n"));
    let gains = |old: &str, new: &str| {
        scans(old).diff(&scans(new)).changed_statements().next().is_some_and(|changed| changed.gains_scan())
    };
    assert!(gains("> SCAN t", "> SCAN u"));
    assert!(gains("> SCAN t", "> SCAN t\n> SCAN u"));
    assert!(gains("  SEARCH t", "> SCAN u   in trigger x"));
    assert!(!gains("> SCAN t", "  LIST SUBQUERY 1\n>   SCAN t"));
    assert!(!gains("> SCAN t\n> SCAN u", "> SCAN t"));
    assert!(!gains("> SCAN t", "  SEARCH t"));
}

#[test]
fn a_long_report_is_cut() {
    let many = |count: usize| ledger(&(0..count).map(|number| format!("SELECT c{number:03}\n\n")).collect::<String>());
    let report = many(0).diff(&many(25)).to_string();
    assert!(
        report.starts_with("25 statements differ from the earlier ledger\n\n  new:\n    SELECT c000\n"),
        "{report}"
    );
    assert!(report.ends_with("    SELECT c019\n\n    … and 5 more"), "{report}");
    let report = many(25).diff(&many(0)).to_string();
    assert!(report.ends_with("\n    SELECT c019\n    … and 5 more"), "{report}");
}

#[test]
fn two_files_are_compared_and_the_report_says_how_to_accept() {
    let folder = tempfile::tempdir().unwrap();
    let (committed, fresh) = (folder.path().join("ledger.txt"), folder.path().join("fresh.txt"));
    let compare = || compare_ledgers(&committed, &fresh);
    let accept = format!("cp {} {}", fresh.display(), committed.display());

    let missing = compare().unwrap_err();
    assert_eq!(missing.headline(), format!("cannot read the ledger: {}", fresh.display()));
    assert!(
        missing.to_string().ends_with(&format!("help: create one: SQLITMUS_LEDGER={} cargo test", fresh.display()))
    );
    fs::write(&fresh, ledger("SELECT ?\n").to_string()).unwrap();
    assert_eq!(
        compare().unwrap_err().to_string(),
        format!(
            "there is no reviewed ledger yet: {}\n\n  help: review the new one, then: {accept}",
            committed.display()
        )
    );
    fs::copy(&fresh, &committed).unwrap();
    compare().unwrap().assert_same();
    fs::write(&fresh, ledger("").to_string()).unwrap();
    assert_eq!(
        compare().unwrap().try_assert_same().unwrap_err().to_string(),
        format!(
            "1 statement differs from {}\n\n  gone:\n    SELECT ?\n\n  help: if all of this is intended: {accept}",
            committed.display()
        )
    );
    fs::write(&committed, "# sqlitmus ledger 1: of a test\n\nSELECT ?\n<<<<<<<\n").unwrap();
    let damaged = compare().unwrap_err();
    assert_eq!(damaged.headline(), format!("line 4 of the ledger cannot be read: {}", committed.display()));
    assert_eq!(damaged.file(), Some(committed.as_path()));
}
