//! An online backup with progress, and VACUUM INTO, while somebody writes: `cargo run --example backup`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use sqlitmus::{BoxError, Profile, Template, check};

static NOTES: Template =
    Template::embedded(&[("1.sql", "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT NOT NULL)")])
        .profile(Profile::PRODUCTION);

fn main() -> Result<(), BoxError> {
    let folder = tempfile::tempdir()?;
    let db = NOTES.on_disk();
    db.fill("notes", 20_000);
    let writer = db.connect();

    // The backup takes some pages at a time, and lets others write in between.
    let file = folder.path().join("backup.db");
    let mut target = Connection::open(&file)?;
    {
        let backup = Backup::new(&db, &mut target)?;
        let mut steps = 0;
        while backup.step(50)? != StepResult::Done {
            let progress = backup.progress();
            if steps % 4 == 0 {
                println!("backup       {:4} of {} pages left", progress.remaining, progress.pagecount);
            }
            if steps == 2 {
                // The connection that is copied would carry the change over. Another one makes the backup begin again.
                writer.execute("INSERT INTO notes(body) VALUES ('while it runs')", [])?;
                println!("a write      the backup starts over, and has the new row");
            }
            steps += 1;
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let has_it = |db: &Connection| {
        db.query_row("SELECT count(*) FROM notes WHERE body = 'while it runs'", [], |row| row.get::<_, i64>(0))
    };
    println!("the copy     {} row of the write", has_it(&target)?);

    // VACUUM INTO reads one snapshot, whatever is written meanwhile, and leaves no free pages.
    writer.execute("DELETE FROM notes WHERE id % 2", [])?;
    writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let compact = folder.path().join("compact.db");
    db.execute("VACUUM INTO ?1", [compact.to_str()])?;
    let size = |path: &std::path::Path| std::fs::metadata(path).map(|file| file.len() / 1024);
    println!("VACUUM INTO  {} KiB, the database has {} KiB", size(compact.as_path())?, size(db.path())?);

    // A backup that nobody has restored is none.
    let findings = check::backup(&db, &compact);
    println!("restored     {} findings", findings.len());
    Ok(())
}
