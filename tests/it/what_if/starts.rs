//! Migrations at start, and savepoints.

use sqlitmus::rusqlite::TransactionBehavior::Immediate;
use sqlitmus::rusqlite::{Connection, DropBehavior, Result};

use super::app::Finds::{Crash, Faults, Interleave};
use super::app::{App, Word};

fn version(db: &Connection) -> Result<i64> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

pub(super) fn start() -> App {
    let mut app = App::new(
        "start",
        "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO users(name) VALUES ('Ada B'), ('Cy D');
         CREATE TABLE steps(n INTEGER PRIMARY KEY); CREATE TABLE roles(name TEXT);",
    );
    app.bug("migrates and sets the version apart", Crash("half done"), |db, _| {
        if version(db)? < 1 {
            db.execute_batch("ALTER TABLE users ADD COLUMN mail TEXT")?;
            db.pragma_update(None, "user_version", 1)?;
        }
        Ok(())
    });
    app.fine("migrates in one transaction", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        if version(&tx)? < 1 {
            tx.execute_batch("ALTER TABLE users ADD COLUMN mail TEXT")?;
            tx.pragma_update(None, "user_version", 1)?;
        }
        tx.commit()
    });
    app.bug("two processes migrate at once", Interleave("duplicate column"), |db, _| {
        if version(db)? < 1 {
            let tx = db.transaction_with_behavior(Immediate)?;
            tx.execute_batch("ALTER TABLE users ADD COLUMN mail TEXT")?;
            tx.pragma_update(None, "user_version", 1)?;
            tx.commit()?;
        }
        Ok(())
    });
    app.bug("commits a step and its mark apart", Crash("run again"), |db, _| {
        let done: i64 = db.query_row("SELECT count(*) FROM steps", [], |row| row.get(0))?;
        for step in done..2 {
            db.execute("UPDATE users SET name = name || '.'", [])?;
            db.execute("INSERT INTO steps VALUES (?1)", [step])?;
        }
        Ok(())
    })
    .word(Word::Resumes)
    .fixed_by("in the transaction that does it", "commits each step with its mark");
    app.fine("commits each step with its mark", |db, _| {
        for step in 0..2 {
            let tx = db.transaction_with_behavior(Immediate)?;
            if !tx.prepare("SELECT 1 FROM steps WHERE n = ?1")?.exists([step])? {
                tx.execute("UPDATE users SET name = name || '.'", [])?;
                tx.execute("INSERT INTO steps VALUES (?1)", [step])?;
            }
            tx.commit()?;
        }
        Ok(())
    })
    .word(Word::Resumes);
    app.bug("leaves the transaction of a script open", Faults("transaction"), |db, _| {
        db.execute_batch("BEGIN; ALTER TABLE users ADD COLUMN born TEXT; UPDATE users SET born = '1990'; COMMIT")
    })
    .fixed_by("ROLLBACK", "rolls a script back");
    app.fine("rolls a script back", |db, me| {
        let sql = format!("CREATE TABLE IF NOT EXISTS of_{me}(n); INSERT INTO of_{me} VALUES (1);");
        let done = db.execute_batch(&format!("BEGIN IMMEDIATE; {sql} COMMIT"));
        if done.is_err() && !db.is_autocommit() {
            db.execute_batch("ROLLBACK")?;
        }
        done
    });
    app.bug("fills in roles twice", Interleave("write skew"), |db, _| {
        let count: i64 = db.query_row("SELECT count(*) FROM roles", [], |row| row.get(0))?;
        if count == 0 {
            db.execute("INSERT INTO roles VALUES ('admin'), ('guest')", [])?;
        }
        Ok(())
    });
    app.fine("fills in roles once", |db, _| {
        let sql = "INSERT INTO roles SELECT name FROM (SELECT 'admin' AS name UNION ALL SELECT 'guest')
                   WHERE NOT EXISTS (SELECT 1 FROM roles)";
        db.execute(sql, [])
    });
    app
}

pub(super) fn savepoints() -> App {
    let mut app = App::new(
        "savepoints",
        "CREATE TABLE lines(id INTEGER PRIMARY KEY, text TEXT NOT NULL); CREATE TABLE failed(text TEXT);
         CREATE TABLE total(n INT); INSERT INTO total VALUES (0);",
    );
    app.bug("leaves a savepoint open after an error", Faults("transaction"), |db, _| {
        db.execute_batch("SAVEPOINT import")?;
        let done = db.execute("INSERT INTO lines(text) VALUES ('one')", []);
        if done.is_err() {
            db.execute_batch("ROLLBACK TO import")?;
            return done;
        }
        db.execute_batch("RELEASE import")?;
        Ok(1)
    })
    .fixed_by("Transaction", "imports lines with a savepoint each");
    app.fine("releases a savepoint after an error", |db, me| {
        let savepoint = db.savepoint()?;
        savepoint.execute("INSERT INTO lines(text) VALUES (?1)", [me])?;
        savepoint.execute("UPDATE total SET n = n + 1", [])?;
        savepoint.commit()
    });
    app.bug("commits when it is dropped, without an error", Faults("returns Ok"), |db, _| {
        let mut tx = db.transaction_with_behavior(Immediate)?;
        tx.set_drop_behavior(DropBehavior::Commit);
        tx.execute("INSERT INTO lines(text) VALUES ('one')", [])?;
        tx.execute("UPDATE total SET n = n + 1", [])?;
        Ok(())
    });
    app.fix("with `?`", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO lines(text) VALUES ('one')", [])?;
        tx.execute("UPDATE total SET n = n + 1", [])?;
        tx.commit()
    });
    app.bug("skips a line on any error", Faults("half applied"), |db, _| {
        let mut tx = db.transaction_with_behavior(Immediate)?;
        for text in ["one", "two"] {
            let savepoint = tx.savepoint()?;
            if savepoint.execute("INSERT INTO lines(text) VALUES (?1)", [text]).is_ok() {
                savepoint.commit()?;
            }
        }
        tx.commit()
    })
    .fixed_by("with `?`", "imports lines with a savepoint each");
    app.fine("imports lines with a savepoint each", |db, me| {
        let mut tx = db.transaction_with_behavior(Immediate)?;
        for text in [Some(me), None, Some("end")] {
            let savepoint = tx.savepoint()?;
            match savepoint.execute("INSERT INTO lines(text) VALUES (?1)", [text]) {
                Ok(_) => savepoint.commit()?,
                Err(error) if error.to_string().contains("NOT NULL") => {}
                Err(error) => return Err(error),
            }
        }
        tx.commit()
    });
    app.bug("rolls back only the savepoint and goes on", Faults("some of its changes"), |db, _| {
        db.execute_batch("BEGIN IMMEDIATE")?;
        db.execute_batch("SAVEPOINT a")?;
        if db.execute("INSERT INTO lines(text) VALUES ('one')", []).is_err() {
            let _ = db.execute_batch("ROLLBACK TO a");
        }
        let done = db.execute("UPDATE total SET n = n + 1", []);
        let _ = db.execute_batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" });
        done
    });
    app.fix("with `?`", |db, _| {
        let mut tx = db.transaction_with_behavior(Immediate)?;
        let savepoint = tx.savepoint()?;
        savepoint.execute("INSERT INTO lines(text) VALUES ('one')", [])?;
        savepoint.commit()?;
        tx.execute("UPDATE total SET n = n + 1", [])?;
        tx.commit()
    });
    app
}
