//! What the suite finds in the steps of a runner: in statements, and in rows that are computed in Rust.

use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::suite::Suite;

use super::{app, failures, passes, user_version};

/// Runs the steps that are pending, each in a transaction.
fn run(db: &mut Connection, to: i64, step: impl Fn(&Connection, i64) -> Result<()>) -> Result<()> {
    for version in user_version(db)? + 1..=to {
        let transaction = db.transaction()?;
        step(&transaction, version)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

const NOTES: &str = "CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT, kind TEXT)";

/// Rewrites the titles in Rust.
fn titles(db: &Connection, change: impl Fn(&str) -> Option<String>) -> Result<()> {
    let mut notes = db.prepare("SELECT id, title FROM notes WHERE title IS NOT NULL")?;
    let rows: Vec<(i64, String)> = notes.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_>>()?;
    for (id, title) in rows {
        db.execute("UPDATE notes SET title = ?1 WHERE id = ?2", (change(&title), id))?;
    }
    Ok(())
}

#[test]
fn rows_that_are_computed_in_rust() {
    fn same(db: &Connection, version: i64) -> Result<()> {
        match version {
            1 => db.execute_batch(NOTES),
            _ => titles(db, |title| Some(title.to_owned())),
        }
    }
    passes(app(2, |db, to| Ok(run(db, to, same)?)));

    fn cut(db: &Connection, version: i64) -> Result<()> {
        match version {
            1 => db.execute_batch(NOTES),
            _ => titles(db, |title| title.char_indices().nth(3).map(|(end, _)| title[..end].to_owned())),
        }
    }
    let template = app(2, |db, to| Ok(run(db, to, cut)?));
    let found = failures(template);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "every_row_survives");
    let error = Suite::new(template).try_test("every_row_survives").unwrap_err().to_string();
    assert!(error.contains("> UPDATE notes SET title = "), "{error}");
    assert!(error.contains("of version 2"), "{error}");
}

#[test]
fn a_copy_that_rust_makes() {
    fn copy(db: &Connection, version: i64, limit: usize) -> Result<()> {
        if version == 1 {
            return db.execute_batch(NOTES);
        }
        db.execute_batch("CREATE TABLE copies(id INTEGER PRIMARY KEY, title TEXT, kind TEXT)")?;
        let mut notes = db.prepare("SELECT * FROM notes")?;
        let mut rows = notes.query([])?;
        let mut copied = 0;
        while let Some(row) = rows.next()? {
            let (id, title, kind): (i64, Option<String>, Option<String>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if copied < limit {
                db.execute("INSERT INTO copies VALUES (?1, ?2, ?3)", (id, title, kind))?;
            }
            copied += 1;
        }
        drop(rows);
        db.execute_batch("DROP TABLE notes; ALTER TABLE copies RENAME TO notes")
    }
    passes(app(2, |db, to| Ok(run(db, to, |db, version| copy(db, version, usize::MAX))?)));
    let found = failures(app(2, |db, to| Ok(run(db, to, |db, version| copy(db, version, 3))?)));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].1.contains("rows of notes: version 2"), "{found:?}");
}

/// A value that the statement binds is a value that rows are made for.
#[test]
fn rows_for_a_bound_value() {
    fn delete(db: &Connection, version: i64) -> Result<()> {
        match version {
            1 => db.execute_batch(NOTES),
            _ => db.execute("DELETE FROM notes WHERE kind = ?1", ["archived in 2019"]).map(drop),
        }
    }
    let found = failures(app(2, |db, to| Ok(run(db, to, delete)?)));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "every_row_survives");
}

#[test]
fn rows_that_a_step_refuses() {
    fn unique(db: &Connection, version: i64) -> Result<()> {
        match version {
            1 => db.execute_batch(NOTES),
            _ => db.execute_batch("CREATE UNIQUE INDEX notes_title ON notes(title)"),
        }
    }
    let template = app(2, |db, to| Ok(run(db, to, unique)?));
    let found = failures(template);
    let headline = "fails-on-data: migration 2 fails on rows that version 1 accepts: version 2";
    assert_eq!(found, [("every_version_upgrades_with_data", headline.to_owned())]);
    let error = Suite::new(template).try_test("every_version_upgrades_with_data").unwrap_err().to_string();
    assert!(error.contains("CREATE UNIQUE INDEX notes_title"), "{error}");
}

/// The rows of the suite are others with another seed, or with the next version of this crate.
#[test]
fn the_hash_of_a_step_does_not_depend_on_rows() {
    fn in_the_text(db: &Connection, version: i64) -> Result<()> {
        if version == 1 {
            return db.execute_batch(NOTES);
        }
        let mut notes = db.prepare("SELECT title FROM notes WHERE title IS NOT NULL")?;
        let titles: Vec<String> = notes.query_map([], |row| row.get(0))?.collect::<Result<_>>()?;
        let quoted = |title: &String| title.replace('\'', "''");
        titles.iter().map(quoted).try_for_each(|title| {
            db.execute_batch(&format!("UPDATE notes SET title = '{title}' WHERE title = '{title}'"))
        })
    }
    let template = app(2, |db, to| Ok(run(db, to, in_the_text)?));
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("migrations.lock");
    std::fs::write(&lock, "2 0000000000000000 version 2\n").unwrap();
    let says = |seed| {
        let suite = Suite::new(template).lock_file(&lock).seed(seed);
        suite.try_test("shipped_migrations_are_frozen").unwrap_err().to_string()
    };
    assert_eq!(says(1), says(2));
    let start = format!(
        "\
migration 2 was edited after it was shipped: version 2

  from {} to the app's runner:
    - 2 0000000000000000 version 2
    + 2 ",
        lock.display()
    );
    assert!(says(1).starts_with(&start), "{}", says(1));
    // There is no file to look at.
    assert!(!says(1).contains("git log"), "{}", says(1));
}
