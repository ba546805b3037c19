//! Tests of whole processes: their environment, the files that they leave, and the files that they share.
//!
//! Each test starts this binary again in another environment, to run one of the tests in `child`.

mod child;
#[cfg(unix)]
mod ends;
mod extensions;
mod frozen;
mod ledger;
#[cfg(feature = "out-of-memory")]
mod out_of_memory;
mod replay;
mod schedules;
#[path = "../it/readme/shown.rs"]
mod shown;
mod templates;
#[cfg(unix)]
mod users;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rusqlite::Connection;
use tempfile::TempDir;

/// A process that runs one test of `child` in its own folders.
struct Process {
    command: Command,
    folder: TempDir,
}

/// Takes the variables away that a process would inherit from the test that runs it.
fn forget_this_run(command: &mut Command) {
    for name in std::env::vars_os().map(|(name, _)| name) {
        if name.to_str().is_some_and(|name| name.starts_with("NEXTEST") || name.starts_with("SQLITMUS_")) {
            command.env_remove(name);
        }
    }
}

impl Process {
    fn new(test: &str) -> Process {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &format!("child::{test}"), "--nocapture"]);
        forget_this_run(&mut command);
        let temporary = folder.path().join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        command.env(child::ROLE, folder.path());
        command.env("TMPDIR", temporary);
        command.env("SQLITMUS_DIR", folder.path().join("out"));
        Process { command, folder }
    }

    fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Process {
        self.command.env(name, value);
        self
    }

    /// Creates a process that uses the folders of another one.
    fn beside(test: &str, other: &Process) -> Process {
        let process = Process::new(test);
        let folder = other.folder.path().to_owned();
        process.env(child::ROLE, &folder).env("SQLITMUS_DIR", folder.join("out"))
    }

    fn run(&mut self) -> Output {
        self.command.output().unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the files below the folder.
    fn files(&self, below: &str) -> Vec<String> {
        let root = self.path(below);
        let mut files = Vec::new();
        collect(&root, &mut files);
        let mut names: Vec<String> =
            files.iter().map(|file| file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, into) } else { into.push(path) }
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn rows(file: &Path) -> Vec<i64> {
    // Read-only and through the default VFS, as other tools do: a kept database needs no recovery.
    let connection = Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut statement = connection.prepare("SELECT x FROM t ORDER BY x").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// The output of a test that passes is captured, so a line on the terminal says that there is something to read.
#[test]
fn a_test_that_passes_with_findings_for_review_says_so() {
    let captured = |test: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        forget_this_run(&mut command);
        text(&command.args(["--exact", test]).output().unwrap())
    };
    let test = "child::reviewed::every_row_survives";
    let output = captured(test);
    let note = format!(
        "note: every_row_survives passed with 1 finding for review, shown by: cargo test {test} -- --show-output\n"
    );
    assert!(output.contains(&note) && !output.contains("review: "), "{output}");
    let output = captured("child::reviewed::integrity_holds");
    assert!(output.contains("1 passed") && !output.contains("for review"), "{output}");
}

#[test]
fn a_test_that_panics_leaves_its_databases_and_says_where() {
    let mut process = Process::new("fails_with_three_databases");
    let output = process.run();
    assert!(!output.status.success());
    let kept = ["fails_with_three_databases-2.db", "fails_with_three_databases-3.db", "fails_with_three_databases.db"];
    let files = process.files("out/kept/sqlitmus/process/child");
    assert_eq!(files, kept, "{}", text(&output));
    for (file, expected) in [(kept[2], vec![1]), (kept[0], vec![1, 2]), (kept[1], vec![1, 3])] {
        let path = process.path("out/kept/sqlitmus/process/child").join(file);
        assert_eq!(rows(&path), expected, "{file}");
        let line = format!("note: database kept at {}\n", path.display());
        assert_eq!(text(&output).matches(&line).count(), 1, "{}", text(&output));
    }
    assert_eq!(process.files("tmp"), Vec::<String>::new());
}

/// Where there is no such tool, nothing can be seen of it.
#[test]
fn the_sqlite3_tool_opens_what_a_test_has_left() {
    let mut process = Process::new("fails_with_three_databases");
    let output = text(&process.run());
    let paths: Vec<&str> = output.lines().filter_map(|line| line.strip_prefix("note: database kept at ")).collect();
    assert_eq!(paths.len(), 3, "{output}");
    let rows = "SELECT group_concat(x) FROM (SELECT x FROM t ORDER BY x)";
    for (path, expected) in paths.iter().zip(["1,3\n", "1,2\n", "1\n"]) {
        let Ok(asked) = Command::new("sqlite3").args([path, rows]).output() else { return };
        assert_eq!(text(&asked), expected, "{path}");
    }
}

/// A SQLite of its own opens a database on disk while a test uses it. What it runs is not seen.
#[test]
fn the_sqlite3_tool_shares_a_database_on_disk() {
    let db = sqlitmus::Template::empty().profile(sqlitmus::Profile::PRODUCTION).on_disk();
    db.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (1)").unwrap();
    let recorder = db.recorder();
    let sql = "INSERT INTO t VALUES (2); SELECT group_concat(x) FROM t";
    let Ok(asked) = Command::new("sqlite3").arg(db.path()).arg(sql).output() else { return };
    let queries = recorder.stop();
    assert_eq!((text(&asked).as_str(), queries.len()), ("1,2\n", 0));
    assert_eq!(rows(db.path()), [1, 2]);
    assert_eq!(db.query_row("SELECT count(*) FROM t", [], |row| row.get(0)), Ok(2));
}

#[test]
fn a_test_that_passes_leaves_nothing() {
    let mut process = Process::new("passes");
    let output = process.run();
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(process.files("out/kept"), Vec::<String>::new());
    assert_eq!(process.files("tmp"), Vec::<String>::new());
}

#[test]
fn without_a_variable_the_folder_is_in_the_target_folder() {
    let mut process = Process::new("uses_memory").env("SQLITMUS_KEEP", "always").env("NEXTEST_TEST_NAME", "in_target");
    process.command.env_remove("SQLITMUS_DIR");
    let output = text(&process.run());
    let kept = output.lines().find_map(|line| line.strip_prefix("note: database kept at ")).expect(&output);
    // It is shown as seen from the current folder.
    let kept = std::path::absolute(kept).unwrap();
    assert!(kept.ends_with("sqlitmus/kept/sqlitmus/process/in_target.db"), "{}", kept.display());
    let target = kept.ancestors().nth(5).unwrap();
    let executable = std::env::current_exe().unwrap();
    assert!(executable.ancestors().skip(3).any(|folder| folder == target), "{}", kept.display());
    assert_eq!(rows(&kept), [1, 2]);
    // Reading it has made the other two.
    let files = ["", "-shm", "-wal"].map(|suffix| format!("{}{suffix}", kept.display()));
    files.iter().for_each(|file| drop(std::fs::remove_file(file)));
}

#[test]
fn keeping_can_be_forced_and_forbidden() {
    let mut always = Process::new("passes").env("SQLITMUS_KEEP", "always");
    assert!(always.run().status.success());
    assert_eq!(always.files("out/kept/sqlitmus/process/child"), ["passes-2.db", "passes-3.db", "passes.db"]);

    let mut never = Process::new("fails_with_three_databases").env("SQLITMUS_KEEP", "never");
    let output = never.run();
    assert!(!output.status.success());
    assert!(!text(&output).contains("kept"), "{}", text(&output));
    assert_eq!(never.files("out/kept"), Vec::<String>::new());
}

#[test]
fn the_last_of_many_failing_databases_is_kept() {
    let mut process = Process::new("fails_again_and_again");
    assert!(process.run().status.success());
    assert_eq!(process.files("out/kept"), ["sqlitmus/process/child/fails_again_and_again.db"]);
    assert_eq!(rows(&process.path("out/kept/sqlitmus/process/child/fails_again_and_again.db")), [9]);
}

#[test]
fn nextest_names_the_test() {
    let mut process = Process::new("fails_with_three_databases").env("NEXTEST_TEST_NAME", "orders::it's #1?");
    process.run();
    assert_eq!(
        process.files("out/kept"),
        [
            "sqlitmus/process/orders/it_s _1_-2.db",
            "sqlitmus/process/orders/it_s _1_-3.db",
            "sqlitmus/process/orders/it_s _1_.db"
        ]
        .map(|name| name.replace(' ', "_"))
    );
}

#[test]
fn a_broken_database_is_kept_unchanged() {
    let mut process = Process::new("fails_with_a_broken_database");
    let output = process.run();
    let files = process.files("out/kept/sqlitmus/process/child");
    assert_eq!(files, ["fails_with_a_broken_database.db"], "{}", text(&output));
    let bytes = std::fs::read(process.path("out/kept/sqlitmus/process/child/fails_with_a_broken_database.db")).unwrap();
    assert!(bytes.starts_with(b"this is no database"));
}

#[test]
fn a_database_that_cannot_be_kept_is_reported() {
    let mut process = Process::new("fails_with_three_databases").env("SQLITMUS_DIR", "/dev/null/out");
    let output = process.run();
    for line in
        ["note: database not kept: cannot create the folder: ", "  help: set SQLITMUS_DIR to a writable folder\n"]
    {
        assert_eq!(text(&output).matches(line).count(), 3, "{}", text(&output));
    }
}

#[test]
fn sixteen_processes_at_once_build_one_template() {
    let first = Process::new("uses_a_seeded_template");
    let mut children: Vec<_> = (0..16)
        .map(|_| {
            let mut process = Process::beside("uses_a_seeded_template", &first);
            let child = process.command.stdout(std::process::Stdio::null()).spawn().unwrap();
            (process, child)
        })
        .collect();
    for (_, child) in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(std::fs::read_to_string(first.path("seeded")).unwrap(), "once\n");
    let entries = first.files("out/cache");
    assert_eq!(entries.iter().filter(|name| name.ends_with(".db")).count(), 1, "{entries:?}");
    assert!(!entries.iter().any(|name| name.ends_with(".new")), "{entries:?}");
}

#[test]
fn a_damaged_entry_of_the_cache_is_built_again() {
    let mut process = Process::new("uses_a_seeded_template");
    assert!(process.run().status.success());
    let entry = process.files("out/cache").into_iter().find(|name| name.ends_with(".db")).unwrap();
    let entry = process.path("out/cache").join(entry);
    let good = std::fs::read(&entry).unwrap();
    for damage in [good.len() / 2, good.len() - 1, 9] {
        let mut bad = good.clone();
        bad[damage] ^= 1;
        std::fs::write(&entry, &bad).unwrap();
        assert!(process.run().status.success());
        assert!(std::fs::read(&entry).unwrap() == good, "it is as it was");
    }
    assert_eq!(std::fs::read_to_string(process.path("seeded")).unwrap().lines().count(), 4);
}

#[test]
fn without_a_cache_every_process_builds() {
    let nowhere = ["/dev/null/out", "/proc/none"];
    for (name, value) in [("SQLITMUS_CACHE", "off"), ("SQLITMUS_DIR", nowhere[0]), ("SQLITMUS_DIR", nowhere[1])] {
        let mut process = Process::new("uses_a_seeded_template").env(name, value);
        for _ in 0..2 {
            let output = process.run();
            assert!(output.status.success(), "{}", text(&output));
        }
        assert_eq!(std::fs::read_to_string(process.path("seeded")).unwrap().lines().count(), 2, "{name}={value}");
        assert_eq!(process.files("out"), Vec::<String>::new());
    }
}

#[test]
fn code_without_a_key_is_not_cached_but_the_migrations_before_it_are() {
    let mut process = Process::new("uses_a_template_without_a_key");
    for _ in 0..2 {
        assert!(process.run().status.success());
    }
    assert_eq!(std::fs::read_to_string(process.path("seeded")).unwrap().lines().count(), 2);
    assert_eq!(process.files("out/cache").iter().filter(|name| name.ends_with(".db")).count(), 1);
}

#[test]
fn templates_with_the_same_key_are_entries_of_their_own() {
    let mut process = Process::new("uses_two_templates_with_one_key");
    for _ in 0..2 {
        let output = process.run();
        assert!(output.status.success(), "{}", text(&output));
    }
    assert_eq!(process.files("out/cache").len(), 4);
}

#[test]
fn another_file_of_statistics_is_another_entry_of_the_cache() {
    let mut process = Process::new("uses_statistics_that_change");
    let output = process.run();
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(process.files("out/cache").iter().filter(|name| name.ends_with(".db")).count(), 2);
}

#[test]
fn an_unknown_variable_or_value_fails_the_test_that_opens_a_database() {
    let output = Process::new("passes").env("SQLITMUS_KEEP", "sometimes").run();
    assert!(!output.status.success());
    assert!(text(&output).contains("unknown value of SQLITMUS_KEEP: \"sometimes\""), "{}", text(&output));
    assert!(text(&output).contains("the known ones are failure, always, never"), "{}", text(&output));
    let output = Process::new("passes").env("SQLITMUS_KEPT", "always").run();
    assert!(text(&output).contains("unknown environment variable SQLITMUS_KEPT"), "{}", text(&output));
}

#[test]
fn the_readme_names_every_variable_and_the_values_of_one() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let section = readme.split("\n## Environment\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let known = |name: &str, value: &str| {
        let output = text(&Process::new("passes").env(name, value).run());
        let list = output.lines().find_map(|line| line.trim().strip_prefix("help: the known ones are "));
        list.unwrap_or_else(|| panic!("{output}")).split(", ").map(str::to_owned).collect::<Vec<_>>()
    };
    let word = |text: &str| text.split(['`', '=']).next().unwrap().to_owned();
    let mut named: Vec<String> =
        section.split("`SQLITMUS_").skip(1).map(|rest| word(&format!("SQLITMUS_{rest}"))).collect();
    named.sort();
    assert_eq!(named, known("SQLITMUS_KEPT", "always"));
    let values = known("SQLITMUS_KEEP", "sometimes").iter().map(|value| format!("`{value}`")).collect::<Vec<_>>();
    assert!(section.contains(&format!("`SQLITMUS_KEEP` ({})", values.join(", "))), "{values:?}");
}

#[test]
fn a_temporary_folder_that_cannot_be_written_is_named() {
    let output = Process::new("uses_the_disk").env("TMPDIR", "/dev/null/tmp").run();
    assert!(!output.status.success());
    assert!(text(&output).contains("cannot create a temporary folder: /dev/null/tmp"), "{}", text(&output));
    assert!(text(&output).contains("Template::in_memory() needs none"), "{}", text(&output));
    assert!(Process::new("uses_memory").env("TMPDIR", "/dev/null/tmp").run().status.success());
}

#[test]
fn folders_may_have_any_name() {
    for name in ["with space", "quote'\"`", "question?mark=1&x", "hash#", "per%20cent", "ümläut-数据库", "semi;colon"]
    {
        let process = Process::new("uses_the_disk");
        let folder = process.path(name);
        std::fs::create_dir(&folder).unwrap();
        let mut process =
            Process::env(process, "TMPDIR", &folder).env("SQLITMUS_DIR", &folder).env("SQLITMUS_KEEP", "always");
        let output = process.run();
        assert!(output.status.success(), "{name}: {}", text(&output));
        let kept = format!("{name}/kept/sqlitmus/process/child/uses_the_disk.db");
        assert_eq!(rows(&process.path(&kept)), [1, 2], "{name}: {}", text(&output));
    }
}

#[test]
fn a_test_that_leaves_a_broken_database_fails_with_the_report() {
    let mut process = Process::new("leaves_a_broken_reference");
    let output = process.run();
    assert!(!output.status.success(), "{}", text(&output));
    let report = "fk-violated: 1 row of c refers to nothing: y -> t(x)\n\
                  \n  fk-violated (c.y):\
                  \n    1 row of c refers to nothing: y -> t(x)\
                  \n    joins lose such rows; with foreign_keys ON they could not have been committed\n\
                  \n  rows of c:\n    rowid = 1: y = 42\
                  \nnote: created at tests/process/child/mod.rs:LINE, checked when its test ended (Template::checked())\n";
    let (before, behind) = report.split_once("LINE").unwrap();
    assert!(text(&output).contains(before), "{}", text(&output));
    assert!(text(&output).contains(behind), "{}", text(&output));
    // The panic keeps the other database of the test too, because both may be needed to find the cause.
    let kept = ["leaves_a_broken_reference-2.db", "leaves_a_broken_reference.db"];
    assert_eq!(process.files("out/kept/sqlitmus/process/child"), kept);
    assert_eq!(text(&output).matches("panicked at").count(), 1, "{}", text(&output));
}

#[test]
fn databases_on_disk_and_forks_are_checked_too() {
    let output = Process::new("leaves_a_broken_reference_on_disk_and_in_a_fork").run();
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn a_check_at_the_end_adds_nothing_to_a_panic() {
    for (test, panics) in [
        ("leaves_two_broken_databases_and_fails_by_itself", "as a test does"),
        ("leaves_two_broken_databases", "fk-violated"),
    ] {
        let mut process = Process::new(test);
        let output = process.run();
        // A failed test exits with 101. A second panic would end the process by a signal.
        assert_eq!(output.status.code(), Some(101), "{}", text(&output));
        assert_eq!(text(&output).matches("panicked at").count(), 1, "{}", text(&output));
        assert!(text(&output).contains(panics), "{}", text(&output));
        assert_eq!(process.files("out/kept/sqlitmus/process/child").len(), 2);
        assert_eq!(process.files("tmp"), Vec::<String>::new());
    }
}

#[test]
fn uncommitted_rows_and_unchecked_databases_are_not_checked() {
    for value in ["off", "1"] {
        let mut process =
            Process::new("leaves_a_transaction_open_and_one_database_unchecked").env("SQLITMUS_CHECK", value);
        let output = process.run();
        assert!(output.status.success(), "{}", text(&output));
        assert_eq!(process.files("out/kept"), Vec::<String>::new());
    }
}

#[test]
fn a_whole_run_can_be_checked() {
    let test = "leaves_a_broken_reference_in_a_plain_template";
    for value in ["", "0", "off"] {
        assert!(Process::new(test).env("SQLITMUS_CHECK", value).run().status.success(), "{value}");
    }
    assert!(Process::new(test).run().status.success());
    for value in ["1", "on"] {
        let mut process = Process::new(test).env("SQLITMUS_CHECK", value);
        let output = process.run();
        assert!(!output.status.success(), "{value}");
        assert!(text(&output).contains("checked when its test ended (SQLITMUS_CHECK)"), "{}", text(&output));
        assert_eq!(process.files("out/kept/sqlitmus/process/child").len(), 1);
    }
    let mut never = Process::new(test).env("SQLITMUS_CHECK", "1").env("SQLITMUS_KEEP", "never");
    assert!(!never.run().status.success());
    assert_eq!(never.files("out/kept"), Vec::<String>::new());
    let output = Process::new(test).env("SQLITMUS_CHECK", "yes").run();
    assert!(text(&output).contains("unknown value of SQLITMUS_CHECK: \"yes\""), "{}", text(&output));
    assert!(text(&output).contains("the known ones are off, on, 0, 1"), "{}", text(&output));
    assert!(Process::new("passes").env("SQLITMUS_CHECK", "1").run().status.success());
}

#[test]
fn the_disks_of_a_process_can_be_counted() {
    let output = Process::new("live_disks_are_counted").run();
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn sixty_four_threads_leave_no_disk_and_no_file() {
    let mut process = Process::new("sixty_four_threads_with_200_databases_each");
    let output = process.run();
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("live disks at the end: 0"), "{}", text(&output));
    assert_eq!(process.files("tmp"), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(process.path("tmp")).unwrap().count(), 0);
}

#[test]
fn the_seed_that_a_failure_prints_brings_back_its_rows() {
    let names = |process: &Process| -> Vec<String> {
        let text = std::fs::read_to_string(process.path("names")).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    let mut plain = Process::new("fills_with_seed_7");
    let output = plain.run();
    assert!(text(&output).contains("note: SQLITMUS_SEED=0x0 cargo test child::fills_with_seed_7"), "{}", text(&output));
    let mut seeded = Process::new("fills_with_seed_7").env("SQLITMUS_SEED", "0x8");
    let output = seeded.run();
    assert!(text(&output).contains("note: SQLITMUS_SEED=0x8 cargo test child::fills_with_seed_7"), "{}", text(&output));
    let (plain, seeded) = (names(&plain), names(&seeded));
    assert_ne!(plain[0], plain[1]);
    assert_eq!(seeded, [plain[1].clone(), plain[1].clone()]);
}
