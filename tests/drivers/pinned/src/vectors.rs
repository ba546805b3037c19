//! An app with an extension: vectors, and the nearest of them.

use std::os::raw::{c_char, c_int};

use rusqlite::{Connection, Result, ffi, params};

type Init = unsafe extern "C" fn(*mut ffi::sqlite3, *mut *mut c_char, *const ffi::sqlite3_api_routines) -> c_int;

/// Loads the extension on a connection.
pub fn load(db: &Connection) -> Result<()> {
    // SAFETY: that is the type of an extension's entry point, which the crate declares without its arguments. It is linked
    // with SQLite, so it needs no table of routines.
    let init: Init = unsafe { std::mem::transmute(sqlite_vec::sqlite3_vec_init as *const ()) };
    // SAFETY: the connection is open, and no other thread uses it.
    match unsafe { init(db.handle(), std::ptr::null_mut(), std::ptr::null()) } {
        ffi::SQLITE_OK => Ok(()),
        code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)),
    }
}

/// Writes a note with its vector.
pub fn add(db: &mut Connection, body: &str, vector: &str) -> Result<()> {
    let transaction = db.transaction()?;
    transaction.execute("INSERT INTO notes(body) VALUES (?1)", [body])?;
    let id = transaction.last_insert_rowid();
    transaction.execute("INSERT INTO vectors(rowid, vector) VALUES (?1, ?2)", params![id, vector])?;
    transaction.commit()
}

/// The same with two commits.
pub fn add_apart(db: &mut Connection, body: &str, vector: &str) -> Result<()> {
    db.execute("INSERT INTO notes(body) VALUES (?1)", [body])?;
    db.execute("INSERT INTO vectors(rowid, vector) VALUES (?1, ?2)", params![db.last_insert_rowid(), vector]).map(drop)
}

/// Returns the note that is nearest to a vector.
pub fn nearest(db: &Connection, vector: &str) -> Result<String> {
    let sql = "SELECT body FROM vectors JOIN notes ON notes.id = vectors.rowid WHERE vector MATCH ?1 AND k = 1";
    db.query_row(sql, [vector], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use sqlitmus::{Profile, Template, crash, faults, interleave};

    use super::{add, add_apart, load, nearest};

    const MIGRATIONS: &[(&str, &str)] = &[
        ("1_notes.sql", "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT NOT NULL)"),
        ("2_vectors.sql", "CREATE VIRTUAL TABLE vectors USING vec0(vector float[2])"),
    ];

    static APP: Template = Template::embedded(MIGRATIONS).profile(Profile::PRODUCTION).functions(|db| Ok(load(db)?));

    #[test]
    fn each_copy_has_the_extension() {
        for mut db in [APP.in_memory(), APP.on_disk()] {
            add(&mut db, "near", "[1, 1]").unwrap();
            add(&mut db, "far", "[9, 9]").unwrap();
            assert_eq!(nearest(&db, "[2, 2]").unwrap(), "near");
            assert_eq!(nearest(&db.fork(), "[8, 8]").unwrap(), "far");
        }
    }

    #[test]
    fn its_queries_are_recorded_and_planned() {
        let mut db = APP.in_memory();
        add(&mut db, "near", "[1, 1]").unwrap();
        let queries = db.record(|db| nearest(db, "[2, 2]").unwrap());
        queries.assert_no_scan().assert_count(1);
    }

    #[test]
    fn what_if_takes_the_extension() {
        let db = APP.in_memory();
        let error = crash::test(&db, |db| add_apart(db, "near", "[1, 1]")).try_run().unwrap_err().to_string();
        assert!(error.contains("half done"), "{error}");
        crash::test(&db, |db| add(db, "near", "[1, 1]")).run();
        faults::sweep(&db, |db| add(db, "near", "[1, 1]")).run();
        let task = |body: &'static str| move |db: &mut rusqlite::Connection| add(db, body, "[1, 1]");
        interleave::explore(&db).task("alice", task("a")).task("bob", task("b")).run();
    }

    #[test]
    fn the_suite_runs() {
        let report = sqlitmus::suite::Suite::new(&APP).skip("shipped_migrations_are_frozen", "not shipped").report();
        assert_eq!(report.failures().count(), 0, "{report}");
    }
}
