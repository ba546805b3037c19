//! Histories of migrations: loading, refusing, applying, undoing.

mod apply;
mod failures;
mod formats;
mod ledgers;
mod refused;
mod runners;

use std::fs;
use std::path::{Path, PathBuf};

use sqlitmus::migrations::Migrations;
use sqlitmus::rusqlite::Connection;
use sqlitmus::{Error, ErrorKind};
use tempfile::TempDir;

/// Creates a folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        write(folder.path(), name, content.as_bytes());
    }
    folder
}

fn write(folder: &Path, name: &str, content: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Returns a report without the parts that differ between runs and versions of rusqlite, such as the name of a code.
fn stable(error: &Error, folder: &Path) -> String {
    let report = error.to_string().replace(folder.to_str().unwrap(), "<dir>").replace('\\', "/");
    let mut parts = report.split(" (code ");
    let mut stable = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_once(')').unwrap();
        let code = code.split(": ").next().unwrap();
        stable.push_str(&format!(" (code {code}){rest}"));
    }
    stable
}

#[track_caller]
fn check_error(error: &Error, kind: ErrorKind, folder: &Path, expected: &str) {
    let report = stable(error, folder);
    assert_eq!(report, expected, "\n--- is:\n{report}\n--- should be:\n{expected}\n");
    assert_eq!(error.kind(), kind);
}

fn embedded(files: &[(&str, &str)]) -> Migrations {
    Migrations::embedded(files).unwrap()
}

fn memory() -> Connection {
    Connection::open_in_memory().unwrap()
}

/// Returns type and name of everything in the schema.
fn objects(conn: &Connection) -> Vec<String> {
    column(conn, "SELECT type || ' ' || name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY 1")
}

fn column(conn: &Connection, sql: &str) -> Vec<String> {
    let mut query = conn.prepare(sql).unwrap();
    let rows = query.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn number(conn: &Connection, sql: &str) -> i64 {
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn versions(history: &Migrations) -> Vec<i64> {
    history.iter().map(|migration| migration.version()).collect()
}

fn names(history: &Migrations) -> Vec<&str> {
    history.iter().map(|migration| migration.name()).collect()
}
