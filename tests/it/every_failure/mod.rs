//! The page of the guide with every kind of failure: each is made here, and the page has to say what it says.
//!
//! `ACCEPT=failures cargo test --test it every_failure` writes the page.

mod checks;
mod data;
mod migrations;
mod plans;
mod templates;
mod what_if;

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use sqlitmus::{Profile, Result, Template, TestDb, check, rusqlite, suite};

const ABOUT: &str = "\
Each text below is that of a failure which a test of this crate makes; where one goes on for long, the page has its beginning. [How to
read a failure](crate::guide::failures) explains their parts. Search this page for the first line of yours.

";

/// The app that most of the failures are about.
static SHOP: Template = Template::embedded(&[(
    "1_shop.sql",
    "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT);
     CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users, status TEXT NOT NULL, total INTEGER NOT NULL);
     CREATE INDEX orders_user_id ON orders(user_id);
     CREATE TABLE stock(item INTEGER PRIMARY KEY, count INTEGER NOT NULL);
     INSERT INTO users(email, name) VALUES ('ada@example.com', 'Ada'), ('bob@example.com', 'Bob'), ('eve@example.com', 'Eve');
     INSERT INTO orders(user_id, status, total) VALUES (1, 'open', 10), (1, 'paid', 20), (2, 'open', 30);
     INSERT INTO stock VALUES (1, 10);",
)])
.profile(Profile::PRODUCTION);

fn shop() -> TestDb {
    SHOP.in_memory()
}

/// Returns a folder for files, whose name is the same each time. It is in the target folder.
fn scratch() -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("every_failure");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Returns a template that lives as long as the process.
fn leaked(template: Template) -> &'static Template {
    Box::leak(Box::new(template))
}

fn embedded(files: &[(&'static str, &'static str)]) -> &'static Template {
    leaked(Template::embedded(Box::leak(files.to_vec().into_boxed_slice())).profile(Profile::PRODUCTION))
}

/// The text of the page, area by area.
#[derive(Default)]
struct Page {
    text: String,
    kinds: Vec<sqlitmus::ErrorKind>,
}

impl Page {
    fn area(&mut self, title: &str) {
        writeln!(self.text, "# {title}\n").unwrap();
    }

    /// Adds a failure. `what` is what a test did.
    #[track_caller]
    fn failure<T>(&mut self, what: &str, result: Result<T>) {
        let Err(error) = result else { panic!("it does not fail: {what}") };
        self.kinds.push(error.kind());
        let text = begins(&stable(&error.to_string()));
        writeln!(self.text, "{what}\n\n```text\n{text}\n```\n").unwrap();
    }
}

/// Returns the first 45 lines.
fn begins(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    match lines.len() {
        ..=50 => text.trim_end().to_owned(),
        all => format!("{}\n.. {} more lines", lines[..45].join("\n").trim_end(), all - 45),
    }
}

/// Replaces what depends on the machine.
fn stable(text: &str) -> String {
    let package = format!("{}/", Path::new(env!("CARGO_MANIFEST_DIR")).display());
    let temporary = format!("{}/", env::temp_dir().display());
    let text = text.replace(&package, "").replace(&temporary, "/tmp/");
    // The target folder, wherever it is.
    let before = |part: &str| part.trim_end_matches(|c: char| !c.is_whitespace() && !"\"'(`".contains(c)).to_owned();
    let mut parts: Vec<String> = text.split("tmp/every_failure").map(str::to_owned).collect();
    let last = parts.pop().unwrap_or_default();
    let text: String = parts.iter().map(|part| before(part) + "target/tmp/every_failure").chain([last]).collect();
    // The numbers of simulated disks and of folders for files.
    let text = ["/sqlitmus/", "/sqlitmus-db-"].iter().fold(text, |text, word| numbers_masked(&text, word, '/'));
    let text = numbers_masked(&text, "?vfs=sqlitmus-", '\n');
    let mut lines: Vec<String> = Vec::new();
    let mut is_left_out = false;
    for line in text.lines() {
        // The first is there with RUST_BACKTRACE only, the second where other tests run beside this one.
        is_left_out = match line {
            "  run at:" | "  other databases that this process opened last:" => true,
            _ => is_left_out && line.starts_with("    "),
        };
        if is_left_out || line.contains("RUST_BACKTRACE=1") {
            continue;
        }
        match line.split_once("cargo test") {
            Some((before, _)) if line.trim_start().starts_with("note: SQLITMUS_") => {
                lines.push(format!("{before}cargo test name_of_the_test"));
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines.dedup_by(|line, before| line.is_empty() && before.is_empty());
    lines.join("\n")
}

/// Replaces what stands between a word and the next `end`.
fn numbers_masked(text: &str, word: &str, end: char) -> String {
    let mut parts = text.split(word);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| match part.split_once(end) {
        Some((_, rest)) => format!("{text}{word}N{end}{rest}"),
        None => format!("{text}{word}{part}"),
    })
}

fn page() -> Page {
    let mut page = Page::default();
    page.text.push_str(ABOUT);
    templates::all(&mut page);
    plans::all(&mut page);
    data::all(&mut page);
    checks::all(&mut page);
    migrations::all(&mut page);
    what_if::all(&mut page);
    let version = rusqlite::version();
    writeln!(page.text, "The failures above are those of SQLite {version}.").unwrap();
    page
}

#[test]
fn the_page_says_what_they_say() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/every_failure.md");
    let page = page();
    assert_complete(&page);
    if env::var_os("ACCEPT").is_some_and(|what| what == "failures") {
        fs::write(&file, &page.text).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap();
    let of = |text: &str| text.lines().last().unwrap_or_default().to_owned();
    // Another SQLite has other plans and operations; that it fails at all was seen.
    if of(&kept) == of(&page.text) {
        let differs = kept.lines().zip(page.text.lines()).find(|(kept, now)| kept != now);
        assert!(
            kept == page.text,
            "the page of failures is out of date: review what ACCEPT=failures cargo test --test it every_failure writes, \
             the first line that differs: {differs:#?}"
        );
    }
}

/// Asserts that no kind of failure is left out.
fn assert_complete(page: &Page) {
    let kinds: std::collections::HashSet<_> = page.kinds.iter().collect();
    // Without a file system that fails, and without the environment of another process, two kinds are left.
    assert_eq!(kinds.len(), 14, "{kinds:?}");
    for code in check::LINT_CODES.iter().chain(suite::MIGRATION_CODES) {
        let is_there = [": ", " ("].iter().any(|after| page.text.contains(&format!("{code}{after}")));
        // What was not tried is for review: no test fails for it.
        assert!(is_there || *code == "not-tried", "{code}");
    }
}
