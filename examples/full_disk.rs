//! Fills up the disk under an import that handles it and one that does not: `cargo run --example full_disk`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use rusqlite::{Connection, Result};
use sqlitmus::faults::{self, Kind};
use sqlitmus::{Profile, Template, crash};

static DB: Template = Template::embedded(&[(
    "1.sql",
    "CREATE TABLE readings(id INTEGER PRIMARY KEY, sensor TEXT NOT NULL, value REAL NOT NULL);
     CREATE TABLE imports(file TEXT PRIMARY KEY, rows INT NOT NULL);",
)])
.profile(Profile::PRODUCTION);

const ROWS: i64 = 400;

fn insert(db: &Connection) -> Result<()> {
    let mut insert = db.prepare("INSERT INTO readings(sensor, value) VALUES ('cellar', ?1)")?;
    for row in 0..ROWS {
        insert.execute([row])?;
    }
    Ok(())
}

/// Logs the error, and still records the file as imported.
fn lenient(db: &mut Connection) -> Result<()> {
    let transaction = db.transaction()?;
    let done = insert(&transaction).and_then(|()| transaction.commit());
    if let Err(error) = done {
        // For a log that nobody reads.
        let _ = format!("not everything was imported: {error}");
    }
    db.execute("INSERT INTO imports VALUES ('2026-03-01.csv', ?1)", [ROWS])?;
    Ok(())
}

fn strict(db: &mut Connection) -> Result<()> {
    let transaction = db.transaction()?;
    insert(&transaction)?;
    transaction.execute("INSERT INTO imports VALUES ('2026-03-01.csv', ?1)", [ROWS])?;
    transaction.commit()
}

fn main() {
    println!("an import that continues after an error:");
    let error = faults::sweep(&DB.in_memory(), lenient).only(Kind::Full).try_run().unwrap_err();
    println!("\n{error}\n");

    println!("an import that is all or nothing:");
    let db = DB.in_memory();
    let report = faults::sweep(&db, strict).only(Kind::Full).only(Kind::FullFromThenOn).run();
    for kind in [Kind::Full, Kind::FullFromThenOn] {
        let tried = report.of(kind).expect("this kind was requested");
        println!("    {kind}, at each of {} writes: {} errors, always all or nothing", tried.places, tried.errors);
    }
    println!("\n{}", crash::test(&db, strict).run());
}
