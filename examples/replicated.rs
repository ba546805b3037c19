//! A database whose WAL a replicator ships: it alone may checkpoint. `cargo run --example replicated`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use rusqlite::Connection;
use sqlitmus::{BoxError, Profile, Template, check};

// Litestream reads the WAL. A checkpoint by the app would start the WAL again before it has been read.
static APP: Template = Template::embedded(&[("1.sql", "CREATE TABLE events(id INTEGER PRIMARY KEY, body TEXT)")])
    .profile(Profile::LITESTREAM);

fn wal_pages(db: &Connection) -> rusqlite::Result<i64> {
    // Passive: it moves what it can, and waits for nobody.
    db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1))
}

fn main() -> Result<(), BoxError> {
    let db = APP.on_disk();
    let wal = db.path().with_extension("db-wal");
    let size = || std::fs::metadata(&wal).map_or(0, |file| file.len() / 1024);
    for round in 1..=3 {
        db.fill("events", 2000);
        println!("round {round}    the WAL has {:5} KiB: the app never checkpoints", size());
    }
    let findings = check::health(&db);
    println!("health     {findings}");

    // A reader that never ends holds a snapshot, and the WAL cannot be emptied behind it.
    let reader = db.connect();
    reader.execute_batch("BEGIN; SELECT count(*) FROM events;")?;
    db.execute("INSERT INTO events(body) VALUES ('new')", [])?;
    let (busy, pages, moved): (i64, i64, i64) = db
        .query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .or_else(|_| Ok::<_, rusqlite::Error>((1, 0, 0)))?;
    println!("reader     checkpoint refused: {}, {moved} of {pages} pages moved", busy == 1);
    reader.execute_batch("COMMIT")?;
    println!("replicator {} pages in the WAL, which it ships and then checkpoints", wal_pages(&db)?);
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    println!("after it   the WAL has {} KiB", size());
    Ok(())
}
