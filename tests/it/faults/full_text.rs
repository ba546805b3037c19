//! FTS5 keeps counts in its connection, which a failed read leaves wrong.

use std::cell::Cell;

use sqlitmus::rusqlite::functions::FunctionFlags;
use sqlitmus::rusqlite::{Connection, Result, version_number};
use sqlitmus::{Profile, Template, TestDb, faults};

static OF_ITS_OWN: Template =
    Template::embedded(&[("1.sql", "CREATE VIRTUAL TABLE search USING fts5(body)")]).profile(Profile::PRODUCTION);

static BESIDE: Template = Template::embedded(&[(
    "1.sql",
    "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT NOT NULL);
     CREATE VIRTUAL TABLE search USING fts5(body, content = 'notes', content_rowid = 'id');
     CREATE TRIGGER notes_new AFTER INSERT ON notes BEGIN INSERT INTO search(rowid, body) VALUES (new.id, new.body); END;
     CREATE TRIGGER notes_gone AFTER DELETE ON notes BEGIN
         INSERT INTO search(search, rowid, body) VALUES ('delete', old.id, old.body);
     END;
     CREATE TRIGGER notes_changed AFTER UPDATE ON notes BEGIN
         INSERT INTO search(search, rowid, body) VALUES ('delete', old.id, old.body);
         INSERT INTO search(rowid, body) VALUES (new.id, new.body);
     END;",
)])
.profile(Profile::PRODUCTION);

/// Returns true for a SQLite that was seen to keep wrong counts after a failed read. 3.46 does not.
fn keeps_wrong_counts() -> bool {
    version_number() >= 3_053_000
}

fn of_its_own() -> TestDb {
    let db = OF_ITS_OWN.in_memory();
    db.execute_batch("INSERT INTO search(rowid, body) VALUES (1, 'green tea'), (2, 'black tea'), (3, 'sea')").unwrap();
    db
}

fn with_notes(db: TestDb) -> TestDb {
    db.execute_batch("INSERT INTO notes VALUES (1, 'green tea'), (2, 'black tea'), (3, 'sea')").unwrap();
    db
}

fn beside() -> TestDb {
    with_notes(BESIDE.in_memory())
}

#[test]
fn code_that_writes_to_an_index_of_words_passes() {
    let insert = |db: &mut Connection| db.execute("INSERT INTO search(body) VALUES ('tea again')", []);
    let report = faults::sweep(&of_its_own(), insert).run();
    assert_eq!(report.virtual_tables, ["search"]);
    let reopened: u64 = report.kinds.iter().map(|tried| tried.reopened).sum();
    assert_eq!(reopened > 0, keeps_wrong_counts(), "{report}");
    let note = format!(
        "{reopened} runs tried again on a new connection, because the fault left wrong what the old one keeps of search"
    );
    assert_eq!(report.to_string().contains(&note), keeps_wrong_counts(), "{report}");

    let statements = [
        "INSERT INTO notes(body) VALUES ('tea again')",
        "UPDATE notes SET body = body || ' of today' WHERE id = 1",
        "DELETE FROM notes WHERE id = 1",
        "INSERT INTO notes(id, body) VALUES (1, 'tea') ON CONFLICT(id) DO UPDATE SET body = excluded.body",
    ];
    for sql in statements {
        faults::sweep(&beside(), |db| db.execute(sql, [])).run();
        faults::sweep(&with_notes(BESIDE.on_disk()), |db| db.execute(sql, [])).run();
    }
    faults::sweep(&beside(), |db| {
        let all = db.transaction()?;
        all.execute("INSERT INTO notes(body) VALUES ('tea again')", [])?;
        all.execute("DELETE FROM notes WHERE id = 2", [])?;
        all.commit()
    })
    .run();
}

#[test]
fn code_that_tries_again_itself_is_told_what_fts5_does() {
    let insert = |db: &Connection| db.execute("INSERT INTO notes(body) VALUES ('tea again')", []);
    let swept = faults::sweep(&beside(), |db| insert(db).or_else(|_| insert(db))).try_run();
    assert_eq!(swept.is_err(), keeps_wrong_counts());
    let Err(error) = swept else { return };
    let error = error.to_string();
    assert!(
        error.contains("help: after an I/O error FTS5 may write wrong counts of its rows on the same connection"),
        "{error}"
    );
}

#[test]
fn what_the_app_keeps_itself_is_found_beside_an_index_of_words() {
    let number = Cell::new(10);
    let next = |db: &mut Connection| -> Result<usize> {
        number.set(number.get() + 1);
        let added = db.execute("INSERT INTO notes VALUES (?1, 'tea')", [number.get()])?;
        number.set(10);
        Ok(added)
    };
    let error = faults::sweep(&beside(), next).try_run().unwrap_err();
    assert!(error.headline().starts_with("the action makes other changes when it is run again after"), "{error}");

    // A function that counts is gone with its connection.
    let counted = |db: &mut Connection| -> Result<usize> {
        if db.prepare("SELECT number()").is_err() {
            let numbers = std::sync::atomic::AtomicI64::new(10);
            db.create_scalar_function("number", 0, FunctionFlags::SQLITE_UTF8, move |_| {
                Ok(numbers.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
            })?;
        }
        db.execute("INSERT INTO notes VALUES (number(), 'tea')", [])
    };
    let error = faults::sweep(&beside(), counted).try_run().unwrap_err();
    assert!(error.headline().starts_with("the action makes other changes when it is run again after"), "{error}");

    let half = |db: &mut Connection| {
        db.execute("INSERT INTO notes(body) VALUES ('one')", [])?;
        db.execute("INSERT INTO notes(body) VALUES ('two')", [])
    };
    let error = faults::sweep(&beside(), half).try_run().unwrap_err();
    assert!(error.headline().contains("is half applied"), "{error}");
}
