//! Imports that go on where they stopped, and pools.

use sqlitmus::rusqlite::TransactionBehavior::Immediate;
use sqlitmus::rusqlite::{Connection, ErrorCode, Result};
use sqlitmus::sim;

use super::app::Finds::{Crash, Faults, Interleave};
use super::app::{App, Word};

pub(super) fn imports() -> App {
    let mut app = App::new(
        "imports",
        "CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT);
         INSERT INTO people(name, city) VALUES ('Ada', 'Bonn'), ('Bob', NULL); CREATE TABLE done(file TEXT PRIMARY KEY);
         CREATE TABLE meta(version INT NOT NULL); INSERT INTO meta VALUES (1);",
    );
    app.bug("rebuilds a table statement by statement", Crash("half done"), |db, _| {
        db.execute_batch("CREATE TABLE people_new(id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT DEFAULT '')")?;
        db.execute_batch("INSERT INTO people_new SELECT id, name, coalesce(city, '') FROM people")?;
        db.execute_batch("DROP TABLE people; ALTER TABLE people_new RENAME TO people")
    });
    app.bug("replaces all rows and loses them", Faults("half applied"), |db, _| {
        db.execute("DELETE FROM people", [])?;
        db.execute("INSERT INTO people(name) VALUES ('Cy'), ('Dee')", [])
    });
    app.fix("one transaction", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("DELETE FROM people", [])?;
        tx.execute("INSERT INTO people(name) VALUES ('Cy'), ('Dee')", [])?;
        tx.commit()
    });
    app.bug("imports a file twice at the same time", Interleave("UNIQUE"), |db, _| {
        if db.prepare("SELECT 1 FROM done WHERE file = 'a.csv'")?.exists([])? {
            return Ok(());
        }
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO people(name) VALUES ('Eve')", [])?;
        tx.execute("INSERT INTO done VALUES ('a.csv')", [])?;
        tx.commit()
    });
    app.bug("leaves checkpoints off after an error", Faults("leaves the connection changed"), |db, _| {
        db.execute_batch("PRAGMA wal_autocheckpoint = 0")?;
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO people(name) VALUES ('Eve')", [])?;
        tx.commit()?;
        db.execute_batch("PRAGMA wal_autocheckpoint = 1000")
    });
    app.fix("on the way of every error", |db, _| {
        db.execute_batch("PRAGMA wal_autocheckpoint = 0")?;
        let done = db.execute("INSERT INTO people(name) VALUES ('Eve')", []);
        db.execute_batch("PRAGMA wal_autocheckpoint = 1000").and(done)
    })
    .word(Word::MayFailAfterCommit);
    app.bug("leaves a trigger of the import", Faults("leaves the connection changed"), |db, _| {
        db.execute_batch(
            "CREATE TEMP TRIGGER trimmed AFTER INSERT ON people
             BEGIN UPDATE people SET name = trim(name) WHERE id = new.id; END",
        )?;
        db.execute("INSERT INTO people(name) VALUES (' Eve')", [])?;
        db.execute_batch("DROP TRIGGER trimmed")
    });
    app.fix("on the way of every error", |db, _| {
        let import = |db: &Connection| {
            db.execute_batch(
                "CREATE TEMP TRIGGER trimmed AFTER INSERT ON people
                 BEGIN UPDATE people SET name = trim(name) WHERE id = new.id; END",
            )?;
            db.execute("INSERT INTO people(name) VALUES (' Eve')", [])
        };
        let done = import(db);
        db.execute_batch("DROP TRIGGER IF EXISTS trimmed").and(done)
    })
    .word(Word::MayFailAfterCommit);
    app.bug("leaves checks off after an error", Faults("leaves the connection changed"), |db, _| {
        db.execute_batch("PRAGMA ignore_check_constraints = ON")?;
        db.execute("INSERT INTO people(name) VALUES ('Eve')", [])?;
        db.execute_batch("PRAGMA ignore_check_constraints = OFF")
    });
    app.fix("on the way of every error", |db, _| {
        db.execute_batch("PRAGMA ignore_check_constraints = ON")?;
        let done = db.execute("INSERT INTO people(name) VALUES ('Eve')", []);
        db.execute_batch("PRAGMA ignore_check_constraints = OFF").and(done)
    })
    .word(Word::MayFailAfterCommit);
    app.bug("migrates when it has looked at the version", Interleave("duplicate column"), |db, _| {
        let version: i64 = db.query_row("SELECT version FROM meta", [], |row| row.get(0))?;
        if version == 1 {
            let tx = db.transaction_with_behavior(Immediate)?;
            tx.execute_batch("ALTER TABLE people ADD COLUMN mail TEXT; UPDATE meta SET version = 2")?;
            tx.commit()?;
        }
        Ok(())
    });
    app.bug("goes on with the next step when one has failed", Faults("half applied"), |db, _| {
        let mut result = Ok(());
        for sql in ["ALTER TABLE people ADD COLUMN mail TEXT", "UPDATE meta SET version = 2"] {
            result = result.and(db.execute_batch(sql));
        }
        result
    });
    app.fix("one transaction", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        for sql in ["ALTER TABLE people ADD COLUMN mail TEXT", "UPDATE meta SET version = 2"] {
            if sql.starts_with("UPDATE") || tx.prepare("SELECT mail FROM people").is_err() {
                tx.execute_batch(sql)?;
            }
        }
        tx.commit()
    });
    app.bug("fills in cities one by one and marks the file at the end", Crash("run again"), |db, _| {
        for id in [1, 2] {
            db.execute("UPDATE people SET city = coalesce(city, '') || '?' WHERE id = ?1", [id])?;
        }
        db.execute("INSERT OR IGNORE INTO done VALUES ('cities')", [])
    })
    .word(Word::Resumes);
    app.fix("in the transaction that does it", |db, _| {
        for id in [1, 2] {
            let tx = db.transaction_with_behavior(Immediate)?;
            if tx.execute("INSERT OR IGNORE INTO done VALUES ('city ' || ?1)", [id])? == 1 {
                tx.execute("UPDATE people SET city = coalesce(city, '') || '?' WHERE id = ?1", [id])?;
            }
            tx.commit()?;
        }
        Ok(())
    });
    app
}

pub(super) fn pool() -> App {
    let mut app = App::new(
        "pool",
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, item TEXT NOT NULL); CREATE TABLE stock(item TEXT PRIMARY KEY, n INT);
         INSERT INTO stock VALUES ('tea', 5), ('cup', 5); CREATE TABLE audit(id INTEGER PRIMARY KEY, text TEXT);",
    );
    app.bug("orders by one connection and counts by another", Crash("half done"), |db, _| {
        let second = Connection::open(sim::uri(db).unwrap())?;
        db.execute("INSERT INTO orders(item) VALUES ('tea')", [])?;
        second.execute("UPDATE stock SET n = n - 1 WHERE item = 'tea'", [])
    });
    app.fix("one transaction", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO orders(item) VALUES ('tea')", [])?;
        tx.execute("UPDATE stock SET n = n - 1 WHERE item = 'tea'", [])?;
        tx.commit()
    });
    app.bug("returns a connection that only reads", Faults("leaves the connection changed"), |db, _| {
        db.execute_batch("PRAGMA query_only = ON")?;
        let n = db.query_row("SELECT n FROM stock WHERE item = 'tea'", [], |row| row.get::<_, i64>(0))?;
        db.execute_batch("PRAGMA query_only = OFF")?;
        Ok(n)
    })
    .only_reads();
    app.fix("on the way of every error", |db, _| {
        db.execute_batch("PRAGMA query_only = ON")?;
        let n = db.query_row("SELECT n FROM stock WHERE item = 'tea'", [], |row| row.get::<_, i64>(0));
        db.execute_batch("PRAGMA query_only = OFF").and(n)
    });
    app.bug("returns a connection within a transaction", Faults("transaction open"), |db, _| {
        let tx = db.unchecked_transaction()?;
        tx.execute("INSERT INTO orders(item) VALUES ('tea')", [])?;
        let done = tx.execute("UPDATE stock SET n = n - 1 WHERE item = 'tea'", []);
        match done {
            Ok(_) => tx.commit(),
            Err(error) => {
                std::mem::forget(tx);
                Err(error)
            }
        }
    });
    app.fix("rolls back", |db, _| {
        let tx = db.unchecked_transaction()?;
        tx.execute("INSERT INTO orders(item) VALUES ('tea')", [])?;
        tx.execute("UPDATE stock SET n = n - 1 WHERE item = 'tea'", [])?;
        tx.commit()
    });
    app.bug("waits a shorter time and leaves it so", Faults("leaves the connection changed"), |db, _| {
        db.execute_batch("PRAGMA busy_timeout = 50")?;
        db.execute("UPDATE stock SET n = n - 1 WHERE item = 'tea'", [])?;
        db.execute_batch("PRAGMA busy_timeout = 5000")
    });
    app.fix("on the way of every error", |db, _| {
        db.execute_batch("PRAGMA busy_timeout = 50")?;
        let done = db.execute("UPDATE stock SET n = n - 1 WHERE item = 'tea'", []);
        db.execute_batch("PRAGMA busy_timeout = 5000").and(done)
    })
    .word(Word::MayFailAfterCommit);
    app.bug("asks one connection and orders by another", Interleave("stale read"), |db, _| {
        let second = Connection::open(sim::uri(db).unwrap())?;
        second.execute_batch("PRAGMA busy_timeout = 5000")?;
        let n: i64 = db.query_row("SELECT n FROM stock WHERE item = 'tea'", [], |row| row.get(0))?;
        if n < 5 {
            return Ok(false);
        }
        second.execute_batch("BEGIN IMMEDIATE")?;
        second.execute("INSERT INTO orders(item) VALUES ('tea')", [])?;
        second.execute("UPDATE stock SET n = n - 1 WHERE item = 'tea'", [])?;
        second.execute_batch("COMMIT")?;
        Ok(true)
    });
    app.bug("writes an entry for what was rolled back", Faults("half applied"), |db, _| {
        let order = |db: &mut Connection| -> Result<()> {
            let tx = db.transaction_with_behavior(Immediate)?;
            tx.execute("INSERT INTO orders(item) VALUES ('tea')", [])?;
            tx.execute("UPDATE stock SET n = n - 1 WHERE item = 'tea'", [])?;
            tx.commit()
        };
        let done = order(db);
        db.execute("INSERT INTO audit(text) VALUES ('ordered')", [])?;
        done
    });
    app.fix("with `?`", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO orders(item) VALUES ('tea')", [])?;
        tx.execute("UPDATE stock SET n = n - 1 WHERE item = 'tea'", [])?;
        tx.execute("INSERT INTO audit(text) VALUES ('ordered')", [])?;
        tx.commit()
    });
    app.bug("tries the whole order again when only its end was refused", Faults("half applied"), |db, _| {
        let order = |db: &Connection| -> Result<()> {
            db.execute("INSERT INTO orders(item) VALUES ('tea')", [])?;
            db.execute("UPDATE stock SET n = n - 1 WHERE item = 'tea'", []).map(drop)
        };
        let is_busy = |error: &sqlitmus::rusqlite::Error| error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
        let mut tries = 0;
        loop {
            tries += 1;
            match order(db) {
                Err(error) if is_busy(&error) && tries < 4 => {}
                done => return done,
            }
        }
    });
    app.fix("one transaction", |db, _| {
        let mut tries = 0;
        loop {
            tries += 1;
            let order = |db: &mut Connection| -> Result<()> {
                let tx = db.transaction_with_behavior(Immediate)?;
                tx.execute("INSERT INTO orders(item) VALUES ('tea')", [])?;
                tx.execute("UPDATE stock SET n = n - 1 WHERE item = 'tea'", [])?;
                tx.commit()
            };
            match order(db) {
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && tries < 4 => {}
                done => return done,
            }
        }
    });
    app
}
