use super::{Marker, Problem, Sections, dbmate, goose, marker, run_in_transaction};
use crate::migrations::Format;

/// Text, first line and transaction of each section.
fn parts<'a>(sql: &'a str, sections: &Sections) -> Vec<(&'a str, usize, bool)> {
    std::iter::once(&sections.up)
        .chain(&sections.down)
        .map(|section| (&sql[section.range.clone()], section.line, section.transaction))
        .collect()
}

#[track_caller]
fn check(cut: fn(&str) -> Result<Sections, Problem>, sql: &str, expected: &[(&str, usize, bool)]) {
    assert_eq!(parts(sql, &cut(sql).unwrap()), expected);
}

#[track_caller]
fn check_problem(cut: fn(&str) -> Result<Sections, Problem>, sql: &str, what: &str, line: Option<usize>) {
    let problem = cut(sql).unwrap_err();
    assert_eq!((problem.what, problem.line), (what, line));
}

#[test]
fn goose_files_are_cut() {
    check(goose, "-- +goose Up\nA;\n-- +goose Down\nB;\n", &[("A;\n", 2, true), ("B;\n", 4, true)]);
    check(goose, "\n-- why\n--+goose Up  \r\nA;\r\n", &[("A;\r\n", 4, true)]);
    check(
        goose,
        "-- +goose up\n-- +goose no transaction\nA;\n-- +goose DOWN",
        &[("-- +goose no transaction\nA;\n", 2, false), ("", 5, false)],
    );
    check(goose, "-- +goose NO TRANSACTION\n-- +goose Up\nA;\n-- +goose Down", &[("A;\n", 3, false), ("", 5, false)]);
}

#[test]
fn goose_files_without_an_up_section_are_refused() {
    let what = "goose file without an Up section";
    check_problem(goose, "-- +goose Down\nA;\n", what, None);
    check_problem(goose, "-- +goose\nUp\n", "unknown goose annotation", Some(1));
    check_problem(goose, "A;\n", what, None);
    check_problem(goose, "A;\n-- +goose Up\nB;\n", "SQL before `-- +goose Up`", Some(1));
}

#[test]
fn goose_sections_come_once() {
    let what = "duplicate goose section";
    check_problem(goose, "-- +goose Up\nA;\n-- +goose Up\nB;\n", what, Some(3));
    check_problem(goose, "-- +goose Up\nA;\n-- +goose Down\n-- +goose Down\n", what, Some(4));
}

#[test]
fn goose_cuts_at_each_line_that_ends_with_a_semicolon() {
    let what = "statement that goose cuts in two";
    let trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  SELECT 1; -- one\n  SELECT 2;\nEND;\n";
    check_problem(goose, &format!("-- +goose Up\n{trigger}"), what, Some(3));
    check_problem(goose, &format!("-- +goose Up\nA;\n-- +goose Down\n{trigger}"), what, Some(5));
    check_problem(goose, "-- +goose Up\nINSERT INTO a VALUES ('x;\ny');\n", what, Some(2));

    let text = "INSERT INTO a VALUES ('x;y\nz; ');\n";
    check(goose, &format!("-- +goose Up\n{text}"), &[(text, 2, true)]);
    let block = format!("-- +goose StatementBegin\n{trigger}-- +goose StatementEnd\n");
    check(goose, &format!("-- +goose Up\n{block}B;\n"), &[(&format!("{block}B;\n"), 2, true)]);
    let one_line = trigger.replace("; ", ";").replace("-- one\n", "").replace(";\n  ", "; ");
    let one_line = one_line.replace('\n', " ") + "\n";
    check(goose, &format!("-- +goose Up\n{one_line}"), &[(&one_line, 2, true)]);
}

#[test]
fn goose_wants_every_statement_to_end() {
    check_problem(goose, "-- +goose Up\nSELECT\n1\n", "statement whose end goose does not find", Some(2));
    check_problem(goose, "-- +goose Up\nA\n-- +goose Down\nB;\n", "statement whose end goose does not find", Some(2));
    check_problem(goose, "-- +goose Up\n-- +goose StatementBegin\nA;\n", "goose block without an end", Some(2));
    check(goose, "-- +goose Up\nA; -- that was it\n-- and that\n", &[("A; -- that was it\n-- and that\n", 2, true)]);
}

#[test]
fn goose_does_not_substitute_variables_here() {
    let sql = "-- +goose Up\n-- +goose ENVSUB ON\nSELECT '${HOME}';\n";
    check_problem(goose, sql, "goose file with environment variables", Some(2));
}

#[test]
fn dbmate_files_are_cut() {
    check(dbmate, "-- migrate:up\nA;\n-- migrate:down\nB;\n", &[("A;\n", 2, true), ("B;\n", 4, true)]);
    check(dbmate, "-- why\n--migrate:up\nA;", &[("A;", 3, true)]);
    check(dbmate, "-- migrate:up transaction:false\nA;\n\n-- migrate:down\n", &[("A;\n\n", 2, false), ("", 5, true)]);
    check(dbmate, "-- migrate:up\nA;\n-- migrate:downwards\n", &[("A;\n-- migrate:downwards\n", 2, true)]);
}

#[test]
fn dbmate_options_are_pairs() {
    let is_wrapped = |options: &str| dbmate(&format!("-- migrate:up {options}\nA;")).unwrap();
    for (options, transaction, is_ignored) in [
        ("transaction:false", false, false),
        ("foo:bar  transaction:false", false, false),
        ("transaction:false transaction:true", true, false),
        ("transaction: false", true, true),
        ("transaction:false:", true, true),
        ("transaction:FALSE", true, true),
        ("notransaction", true, true),
        ("foo", true, false),
    ] {
        let sections = is_wrapped(options);
        assert_eq!((sections.up.transaction, sections.ignored.is_some()), (transaction, is_ignored), "{options}");
    }
}

#[test]
fn dbmate_reads_the_first_of_each_directive() {
    let sql = "-- migrate:up\nA;\n-- migrate:up\nB;\n-- migrate:down\nC;\n-- migrate:up\nD;\n";
    check(dbmate, sql, &[("A;\n-- migrate:up\nB;\n", 2, true), ("C;\n-- migrate:up\nD;\n", 6, true)]);
}

#[test]
fn files_that_dbmate_refuses_are_refused() {
    check_problem(dbmate, "-- migrate:down\nA;\n", "dbmate file without an Up section", None);
    check_problem(
        dbmate,
        "-- migrate:down\nA;\n-- migrate:up\nB;\n",
        "dbmate file with its Down section first",
        Some(1),
    );
    check_problem(dbmate, "-- why\nA;\n-- migrate:up\nB;\n", "SQL before `-- migrate:up`", Some(2));
    check_problem(dbmate, "/* why */\n-- migrate:up\nB;\n", "SQL before `-- migrate:up`", Some(1));
}

#[test]
fn a_marker_is_a_comment_of_its_own() {
    let known = |format| Some(Marker::Known(format));
    for (sql, expected) in [
        ("-- +goose Up\nA;", known(Format::Goose)),
        ("-- why\n--+goose Down", known(Format::Goose)),
        ("A;\n-- migrate:down\nB;", known(Format::Dbmate)),
        ("-- migrate:up transaction:false\nA;", known(Format::Dbmate)),
        ("-- +migrate Up\nA;", Some(Marker::Unknown("sql-migrate"))),
        ("A;\n---- create above / drop below ----\nB;", Some(Marker::Unknown("tern"))),
        ("SELECT 1 + 2; -- a: b", None),
        ("-- as in goose: +goose Up", None),
        ("  -- +goose Up", None),
        ("-- migrate:upwards", None),
        ("-- migrate: the users", None),
        ("SELECT '+goose Up', 'migrate:up';", None),
        ("-- größe + +goose", None),
        ("", None),
    ] {
        assert_eq!(marker(sql), expected, "{sql}");
    }
}

#[test]
fn diesel_reads_one_key() {
    assert_eq!(run_in_transaction("run_in_transaction = true"), (true, None));
    assert_eq!(run_in_transaction("# VACUUM\nrun_in_transaction=false # it\r\n"), (false, None));
    assert_eq!(run_in_transaction("\"run_in_transaction\" = true\n"), (true, None));
    assert_eq!(run_in_transaction(""), (false, None));
    assert_eq!(run_in_transaction("name = 'run_in_transaction = true'"), (false, None));
    assert_eq!(run_in_transaction("[table]\nrun_in_transaction = true"), (false, None));
    let (transaction, problem) = run_in_transaction("\nrun_in_transaction = yes");
    let problem = problem.unwrap();
    assert!(transaction, "diesel ignores the file");
    assert_eq!((problem.what, problem.line), ("run_in_transaction is neither true nor false", Some(2)));
}
