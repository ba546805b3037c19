//! The ledger of a run: one file written by many processes and threads.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use sqlitmus::record::StatementLedger;

use super::child::ledger::PART;
use super::shown::assert_shown;
use super::{Process, text};

fn process(test: &str) -> Process {
    let process = Process::new(&format!("ledger::{test}"));
    let path = process.path("ledger.txt");
    process.env("SQLITMUS_LEDGER", path)
}

/// Returns the ledger without its first line.
fn ledger(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let ledger = StatementLedger::parse(&text).unwrap();
    assert_eq!(ledger.to_string(), text, "what is read is what was written");
    let (header, rest) = text.split_once("\n\n").unwrap();
    assert_eq!(header, "# sqlitmus ledger 1: every statement of a test run, and its plans");
    rest.to_owned()
}

#[test]
fn everything_that_has_a_plan_is_in_it_once() {
    let mut process = process("runs_an_app");
    let output = process.run();
    assert!(output.status.success(), "{}", text(&output));
    let path = process.path("ledger.txt");
    assert_eq!(
        ledger(&path),
        "\
DELETE FROM users WHERE id = ?
  SEARCH users USING INTEGER PRIMARY KEY (rowid=?)
> SCAN orders
> SCAN orders   in foreign-key action

INSERT INTO mine VALUES (?)

INSERT INTO orders(user_id, status) VALUES (?, ?)
> SCAN users   in trigger logged

INSERT INTO theirs VALUES (?)
! not explained: no such table: theirs

SELECT count(*) FROM orders
> SCAN orders

SELECT count(*) FROM users
> SCAN users

SELECT min(id) FROM orders WHERE status = ? AND user_id = ?
  SEARCH orders USING COVERING INDEX orders_open (user_id=?)

SELECT min(id) FROM orders WHERE status = ? and user_id = ?
> SEARCH orders

SELECT name FROM users WHERE name LIKE ?
  SEARCH users USING COVERING INDEX users_name (name>? AND name<?)
"
    );
    let before = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(process.run().status.success());
    assert_eq!(fs::read(&path).unwrap(), before, "another run gives the same bytes");
}

#[test]
fn statements_of_this_crate_are_not_in_it() {
    let mut process = process("looks_at_everything");
    let output = process.run();
    assert!(output.status.success(), "{}", text(&output));
    let found = fs::read_to_string(process.path("ledger.txt")).unwrap_or_default();
    assert_eq!(found, "");
}

#[test]
fn a_test_that_panics_is_in_it() {
    let mut process = process("panics_with_a_query");
    assert!(!process.run().status.success());
    assert_eq!(ledger(&process.path("ledger.txt")), "SELECT count(*) FROM log\n> SCAN log\n");
}

#[test]
fn threads_and_processes_make_the_same_file() {
    let mut threads = process("runs_many_on_threads");
    assert!(threads.run().status.success());
    let expected = fs::read_to_string(threads.path("ledger.txt")).unwrap();
    assert_eq!(StatementLedger::parse(&expected).unwrap().len(), 65);
    for _ in 0..2 {
        let first = process("runs_a_part");
        let mut children: Vec<_> = (0..12)
            .rev()
            .map(|part| {
                let beside = Process::beside("ledger::runs_a_part", &first);
                let mut process = beside.env(PART, part.to_string()).env("SQLITMUS_LEDGER", first.path("ledger.txt"));
                let child = process.command.stdout(Stdio::null()).spawn().unwrap();
                (process, child)
            })
            .collect();
        for (_, child) in &mut children {
            assert!(child.wait().unwrap().success());
        }
        assert_eq!(fs::read_to_string(first.path("ledger.txt")).unwrap(), expected);
        assert!(!first.path("ledger.txt.new").exists());
    }
}

#[test]
fn a_process_with_nothing_new_writes_nothing() {
    let mut process = process("runs_once");
    assert!(process.run().status.success());
    let path = process.path("ledger.txt");
    let before = ledger(&path);
    let long_ago = SystemTime::now() - Duration::from_secs(7200);
    File::options().append(true).open(&path).unwrap().set_modified(long_ago).unwrap();
    let written = || fs::metadata(&path).unwrap().modified().unwrap();
    let set = written();
    assert!(process.run().status.success());
    assert_eq!((&ledger(&path), written()), (&before, set));
    // Entries of another run stay.
    fs::write(&path, "# sqlitmus ledger 1: of another run\n\nSELECT ?\n  SCAN CONSTANT ROW\n").unwrap();
    assert!(process.run().status.success());
    assert_eq!(ledger(&path), format!("SELECT ?\n  SCAN CONSTANT ROW\n\n{before}"));
}

#[test]
fn plans_that_differ_are_all_in_it() {
    let mut process = process("runs_one_statement_on_several_schemas");
    let output = process.run();
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(
        ledger(&process.path("ledger.txt")),
        "\
SELECT count(*) FROM log
! not explained: no such table: log

SELECT id FROM users WHERE name = ?
  SEARCH users USING COVERING INDEX users_name (name=?)

SELECT id FROM users WHERE name = ?
> SCAN users
"
    );
}

#[test]
fn a_plan_with_an_uncommitted_index_is_not_reused() {
    let mut process = process("runs_one_statement_with_an_index_that_is_committed_or_not");
    assert!(process.run().status.success());
    let sql = "SELECT count(*) FROM log WHERE line = ?";
    assert_eq!(
        ledger(&process.path("ledger.txt")),
        format!("{sql}\n  SEARCH log USING COVERING INDEX log_line (line=?)\n\n{sql}\n> SCAN log\n")
    );
}

#[test]
fn no_statement_breaks_the_file() {
    let mut process = process("runs_hostile_statements");
    let output = process.run();
    assert!(output.status.success(), "{}", text(&output));
    let path = process.path("ledger.txt");
    let text = ledger(&path);
    let long = format!("SELECT ? WHERE ?{}", " OR ? = ?".repeat(500));
    assert!(text.starts_with("SELECT \"größe \\u{202e}\" FROM \"a\\n> SCAN b\\\\\" WHERE ? = ?\n"), "{text}");
    assert!(text.contains(&format!("\n\n{long}\n")), "{text}");
    let ledger = StatementLedger::read(&path).unwrap();
    let sql: Vec<&str> = ledger.iter().map(|statement| statement.sql()).collect();
    assert_eq!(sql, ["SELECT \"größe \u{202e}\" FROM \"a\n> SCAN b\\\" WHERE ? = ?", &long]);
}

#[test]
fn a_relative_path_is_in_the_folder_of_the_package() {
    let process = Process::new("ledger::runs_once");
    let folder = process.folder.path().to_owned();
    let mut process = process.env("CARGO_MANIFEST_DIR", &folder).env("SQLITMUS_LEDGER", "new/ledger.txt");
    assert!(process.run().status.success());
    assert_eq!(ledger(&process.path("new/ledger.txt")), "SELECT count(*) FROM log\n> SCAN log\n");
}

/// An index is gone, and a query is new.
#[test]
fn two_runs_differ_as_the_readme_shows() {
    let first = Process::new("ledger::runs_with_an_index_or_without");
    let folder = first.folder.path().to_owned();
    let run = |test: &str, part: &str, ledger: &str| {
        let process = Process::beside(&format!("ledger::{test}"), &first).env("CARGO_MANIFEST_DIR", &folder);
        let output = process.env(PART, part).env("SQLITMUS_LEDGER", ledger).run();
        assert!(output.status.success(), "{}", text(&output));
        text(&output)
    };
    run("runs_with_an_index_or_without", "with", "tests/ledger.txt");
    run("runs_with_an_index_or_without", "without", "target/ledger.txt");
    let output = run("compares_two_ledgers", "", "");
    let report = output.split("<report>\n").nth(1).unwrap_or_else(|| panic!("{output}"));
    assert_shown("README.md", report.split("\n</report>").next().unwrap());
}

#[test]
fn a_file_that_is_no_ledger_is_not_written_over() {
    for (test, panics) in
        [("runs_once", "this is not a ledger of statements"), ("panics_with_a_query", "as a test does")]
    {
        let mut process = process(test);
        let path = process.path("ledger.txt");
        fs::write(&path, "notes of my own\n").unwrap();
        let output = process.run();
        assert_eq!(output.status.code(), Some(101), "{}", text(&output));
        assert!(text(&output).contains(&format!("this is not a ledger of statements: {}", path.display())));
        assert_eq!(text(&output).matches("panicked at").count(), 1, "{}", text(&output));
        assert!(text(&output).contains(panics), "{}", text(&output));
        assert_eq!(fs::read_to_string(&path).unwrap(), "notes of my own\n");
    }
    let mut process = process("runs_once").env("SQLITMUS_LEDGER", "/dev/null/ledger.txt");
    let output = process.run();
    assert_eq!(output.status.code(), Some(101));
    assert!(text(&output).contains("the ledger: /dev/null/ledger.txt"), "{}", text(&output));
}

#[cfg(unix)]
#[test]
fn what_is_no_ordinary_file_is_not_replaced() {
    use std::os::unix::fs::FileTypeExt;
    let output = process("runs_once").env("SQLITMUS_LEDGER", "/dev/null").run();
    assert_eq!(output.status.code(), Some(101));
    assert!(text(&output).contains("cannot write the ledger: /dev/null"), "{}", text(&output));
    assert!(text(&output).contains("it is a device"), "{}", text(&output));
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    assert!(!fs::exists("/dev/null.lock").unwrap());
}

/// Reading a named pipe would wait for somebody who writes into it.
#[cfg(unix)]
#[test]
fn a_named_pipe_is_not_waited_for() {
    let mut process = process("runs_once");
    let path = process.path("ledger.txt");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let output = process.run();
    assert_eq!(output.status.code(), Some(101));
    assert!(text(&output).contains("it is a named pipe"), "{}", text(&output));
}
