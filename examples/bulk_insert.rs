//! What a transaction saves, in each journal mode: `cargo run --release --example bulk_insert`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Instant;

use rusqlite::Connection;
use sqlitmus::{BoxError, Profile, Template, crash};

const ROWS: i64 = 300;

const fn template(journal_mode: &'static str, synchronous: &'static str) -> Template {
    let profile = Profile::SQLITE_DEFAULTS.pragma("journal_mode", journal_mode).pragma("synchronous", synchronous);
    // `fsync` makes SQLite wait for the disk, as in production; tests do without it.
    Template::embedded(&[("1.sql", "CREATE TABLE points(at INTEGER PRIMARY KEY, value REAL NOT NULL)")])
        .profile(profile)
        .fsync()
}

static MODES: [(&str, &str, Template); 4] = [
    ("DELETE", "FULL", template("DELETE", "FULL")),
    ("WAL", "FULL", template("WAL", "FULL")),
    ("WAL", "NORMAL", template("WAL", "NORMAL")),
    ("WAL", "OFF", template("WAL", "OFF")),
];

fn one_by_one(db: &mut Connection) -> rusqlite::Result<()> {
    let mut insert = db.prepare("INSERT INTO points VALUES (?1, 1.5)")?;
    (0..ROWS).try_for_each(|at| insert.execute([at]).map(drop))
}

fn at_once(db: &mut Connection) -> rusqlite::Result<()> {
    let all = db.transaction()?;
    {
        let mut insert = all.prepare("INSERT INTO points VALUES (?1, 1.5)")?;
        (0..ROWS).try_for_each(|at| insert.execute([at]).map(drop))?;
    }
    all.commit()
}

fn main() -> Result<(), BoxError> {
    println!("{ROWS} rows      one by one   in one transaction   what a power cut may take");
    for (journal, synchronous, template) in &MODES {
        let took = |insert: fn(&mut Connection) -> rusqlite::Result<()>| -> rusqlite::Result<f64> {
            let mut db = template.on_disk();
            let start = Instant::now();
            insert(&mut db)?;
            Ok(start.elapsed().as_secs_f64() * 1e3)
        };
        let (each, all) = (took(one_by_one)?, took(at_once)?);
        let promise = crash::test(&template.in_memory(), at_once).try_run();
        let promise = promise.map_or_else(|error| error.headline().to_owned(), |report| report.promise());
        println!("{journal:6} {synchronous:6} {each:8.1} ms   {all:15.1} ms   {promise}");
    }
    Ok(())
}
