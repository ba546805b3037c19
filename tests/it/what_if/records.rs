//! Records that are written and read at once: measurements, documents, chats, boards, flags.

use sqlitmus::rusqlite::TransactionBehavior::Immediate;
use sqlitmus::rusqlite::{Connection, OptionalExtension, Result, params};

use super::app::Finds::{Crash, Faults, Interleave};
use super::app::{App, Word};

pub(super) fn measurements() -> App {
    let mut app = App::new(
        "measurements",
        "CREATE TABLE points(sensor INT NOT NULL, at INT NOT NULL, value REAL, PRIMARY KEY(sensor, at)) WITHOUT ROWID;
         CREATE TABLE latest(sensor INTEGER PRIMARY KEY, at INT NOT NULL, value REAL);
         INSERT INTO latest VALUES (1, 5, 0.5), (2, 5, 1.5);
         INSERT INTO points VALUES (1, 5, 0.5), (2, 5, 1.5);",
    );
    fn sensor(me: &str) -> i64 {
        i64::from(me == "b") + 1
    }
    app.bug("writes the point and the latest apart", Crash("half done"), |db, me| {
        db.execute("INSERT INTO points VALUES (?1, 6, 0.7)", [sensor(me)])?;
        db.execute("UPDATE latest SET at = 6, value = 0.7 WHERE sensor = ?1", [sensor(me)])
    });
    app.fine("writes the point and the latest at once", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO points VALUES (?1, 6, 0.7)", [sensor(me)])?;
        tx.execute("UPDATE latest SET at = 6, value = 0.7 WHERE sensor = ?1 AND at < 6", [sensor(me)])?;
        tx.commit()
    });
    app.bug("overwrites a later value", Interleave("lost update"), |db, me| {
        let at = sensor(me) + 6;
        let last: i64 = db.query_row("SELECT at FROM latest WHERE sensor = 1", [], |row| row.get(0))?;
        if last < at {
            db.execute("UPDATE latest SET at = ?1, value = ?1 / 2.0 WHERE sensor = 1", [at])?;
        }
        Ok(())
    });
    app.fine("keeps the later value", |db, me| {
        let at = sensor(me) + 6;
        let sql = "INSERT INTO latest VALUES (1, ?1, ?1 / 2.0)
                   ON CONFLICT DO UPDATE SET at = excluded.at, value = excluded.value WHERE excluded.at > at";
        db.execute(sql, [at]).map(drop)
    });
    app.bug("skips the points that do not fit", Faults("half applied"), |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let mut kept = 0;
        for at in 6..9 {
            kept += tx.execute("INSERT INTO points VALUES (?1, ?2, 1)", [sensor(me), at]).unwrap_or(0);
        }
        tx.commit()?;
        let _ = kept;
        Ok(())
    });
    app.fix("return the error of every statement", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        for at in 6..9 {
            tx.execute("INSERT OR IGNORE INTO points VALUES (?1, ?2, 1)", [sensor(me), at])?;
        }
        tx.commit()
    });
    app.fine("ingests batch by batch and skips what is there", |db, me| {
        for batch in [[6, 7], [8, 9]] {
            let tx = db.transaction_with_behavior(Immediate)?;
            for at in batch {
                tx.execute("INSERT OR IGNORE INTO points VALUES (?1, ?2, 1)", [sensor(me), at])?;
            }
            tx.commit()?;
        }
        Ok(())
    })
    .word(Word::Resumes);
    app.bug("waits for the batch that it could not write", Faults("does not end"), |db, _| {
        let _ = db.execute("INSERT OR IGNORE INTO points VALUES (1, 9, 1)", []);
        while db.query_row("SELECT count(*) FROM points WHERE at = 9", [], |row| row.get::<_, i64>(0))? == 0 {}
        Ok(())
    })
    .fixed_by("then return the error", "keeps the later value");
    app
}

pub(super) fn documents() -> App {
    let mut app = App::new(
        "documents",
        "CREATE TABLE docs(id INTEGER PRIMARY KEY, version INT NOT NULL, body TEXT, locked_by TEXT);
         CREATE TABLE history(doc INT, version INT, body TEXT, PRIMARY KEY(doc, version));
         INSERT INTO docs VALUES (1, 1, 'one', NULL), (2, 1, 'two', NULL);",
    );
    app.bug("does not look whether its version was still there", Interleave("lost update"), |db, me| {
        let version: i64 = db.query_row("SELECT version FROM docs WHERE id = 1", [], |row| row.get(0))?;
        let sql = "UPDATE docs SET body = body || ?2, version = version + 1 WHERE id = 1 AND version = ?1";
        db.execute(sql, params![version, me])?;
        Ok(())
    });
    app.fine("tries with the next version", |db, me| {
        loop {
            let version: i64 = db.query_row("SELECT version FROM docs WHERE id = 1", [], |row| row.get(0))?;
            let sql = "UPDATE docs SET body = body || ?2, version = version + 1 WHERE id = 1 AND version = ?1";
            if db.execute(sql, params![version, me])? == 1 {
                return Ok(());
            }
        }
    });
    app.bug("keeps the old text after it has overwritten it", Crash("half done"), |db, me| {
        let id = i64::from(me == "b") + 1;
        let old: String = db.query_row("SELECT body FROM docs WHERE id = ?1", [id], |row| row.get(0))?;
        db.execute("UPDATE docs SET body = 'new', version = 2 WHERE id = ?1", [id])?;
        db.execute("INSERT INTO history VALUES (?1, 1, ?2)", params![id, old])
    });
    app.fine("keeps the old text in the same transaction", |db, me| {
        let id = i64::from(me == "b") + 1;
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO history SELECT id, version, body FROM docs WHERE id = ?1", [id])?;
        tx.execute("UPDATE docs SET body = 'new', version = version + 1 WHERE id = ?1", [id])?;
        tx.commit()
    });
    app.bug("locks a document and forgets it on an error", Faults("half applied"), |db, me| {
        db.execute("UPDATE docs SET locked_by = ?1 WHERE id = 1", [me])?;
        db.execute("UPDATE docs SET body = 'new' WHERE id = 1", [])?;
        db.execute("UPDATE docs SET locked_by = NULL WHERE id = 1", [])
    });
    app.bug("shows a title and a body of two versions", Interleave("read skew"), |db, _| {
        let version: i64 = db.query_row("SELECT version FROM docs WHERE id = 2", [], |row| row.get(0))?;
        let body: String = db.query_row("SELECT body FROM docs WHERE id = 2", [], |row| row.get(0))?;
        Ok((version, body))
    })
    .against(|db, _| db.execute("UPDATE docs SET version = 2, body = 'two and more' WHERE id = 2", []))
    .only_reads();
    app.fine("shows a title and a body of one version", |db, _| {
        db.query_row("SELECT version, body FROM docs WHERE id = 2", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })
    })
    .against(|db, _| db.execute("UPDATE docs SET version = 2, body = 'two and more' WHERE id = 2", []))
    .only_reads();
    app
}

pub(super) fn chats() -> App {
    let mut app = App::new(
        "chats",
        "CREATE TABLE rooms(id INTEGER PRIMARY KEY, last INT, unread INT NOT NULL DEFAULT 0);
         CREATE TABLE lines(id INTEGER PRIMARY KEY, room INT NOT NULL, number INT NOT NULL, text TEXT,
                            UNIQUE(room, number));
         INSERT INTO rooms VALUES (1, 1, 0), (2, 0, 0); INSERT INTO lines VALUES (1, 1, 1, 'hello');",
    );
    app.bug("numbers its line itself", Interleave("fails only because"), |db, me| {
        let sql = "SELECT max(number) FROM lines WHERE room = 1";
        let last: i64 = db.query_row(sql, [], |row| row.get(0))?;
        db.execute("INSERT INTO lines(room, number, text) VALUES (1, ?1, ?2)", params![last + 1, me])
    });
    app.fine("numbers its line in the INSERT", |db, me| {
        let sql = "INSERT INTO lines(room, number, text) SELECT 1, max(number) + 1, ?1 FROM lines WHERE room = 1";
        db.execute(sql, [me])
    });
    app.bug("returns a line that was never committed", Faults("has changed nothing"), |db, me| {
        let sql = "INSERT INTO lines(room, number, text) VALUES (2, ?1, ?2) RETURNING id";
        db.query_row(sql, params![1 + i64::from(me == "b"), me], |row| row.get::<_, i64>(0))
    })
    .fixed_by("read it to its last row", "returns a line that is committed");
    app.fine("returns a line that is committed", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let sql = "INSERT INTO lines(room, number, text) VALUES (2, ?1, ?2) RETURNING id";
        let id = tx.query_row(sql, params![1 + i64::from(me == "b"), me], |row| row.get::<_, i64>(0))?;
        tx.commit()?;
        Ok(id)
    });
    app.bug("begins with a read and writes then", Interleave("SQLITE_BUSY"), |db, me| {
        let tx = db.transaction()?;
        let last: i64 = tx.query_row("SELECT last FROM rooms WHERE id = 1", [], |row| row.get(0))?;
        tx.execute("INSERT INTO lines(room, number, text) VALUES (1, ?1, ?2)", params![last + 1, me])?;
        tx.execute("UPDATE rooms SET last = last + 1, unread = unread + 1 WHERE id = 1", [])?;
        tx.commit()
    });
    app.fine("begins with a write", |db, me| {
        let tx = db.transaction()?;
        tx.execute("UPDATE rooms SET last = last + 1, unread = unread + 1 WHERE id = 1", [])?;
        let last: i64 = tx.query_row("SELECT last FROM rooms WHERE id = 1", [], |row| row.get(0))?;
        tx.execute("INSERT INTO lines(room, number, text) VALUES (1, ?1, ?2)", params![last, me])?;
        tx.commit()
    });
    app
}

pub(super) fn boards() -> App {
    let mut app = App::new(
        "boards",
        "CREATE TABLE cards(id INTEGER PRIMARY KEY, list TEXT NOT NULL, place INT NOT NULL);
         CREATE TABLE flags(name TEXT PRIMARY KEY, value TEXT NOT NULL);
         INSERT INTO cards VALUES (1, 'todo', 1), (2, 'todo', 2), (3, 'todo', 3);
         INSERT INTO flags VALUES ('beta', '{\"on\":[]}');",
    );
    app.bug("moves a card place by place", Crash("half done"), |db, _| {
        for id in [1, 2, 3] {
            db.execute("UPDATE cards SET place = place + 1 WHERE id = ?1", [id])?;
        }
        Ok(())
    });
    app.fine("moves all cards at once", |db, _| db.execute("UPDATE cards SET place = place + 1", []));
    app.bug("writes the whole JSON back", Interleave("lost update"), |db, me| {
        let json: String = db.query_row("SELECT value FROM flags WHERE name = 'beta'", [], |row| row.get(0))?;
        let json = json.replace("[", &format!("[\"{me}\","));
        db.execute("UPDATE flags SET value = ?1 WHERE name = 'beta'", [json])
    });
    app.fine("adds to the JSON in SQL", |db, me| {
        let sql = "UPDATE flags SET value = json_insert(value, '$.on[#]', ?1) WHERE name = 'beta'";
        db.execute(sql, [me])
    });
    app.bug("turns the foreign keys off and forgets them", Faults("connection changed"), |db, _| {
        db.execute_batch("PRAGMA foreign_keys = OFF")?;
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("DELETE FROM cards WHERE id = 3", [])?;
        tx.commit()?;
        db.execute_batch("PRAGMA foreign_keys = ON")
    })
    .fixed_by("set it back on the way of every error", "turns the foreign keys on again");
    app.fine("turns the foreign keys on again", |db, _| {
        db.execute_batch("PRAGMA foreign_keys = OFF")?;
        let remove = |db: &mut Connection| -> Result<()> {
            let tx = db.transaction_with_behavior(Immediate)?;
            tx.execute("DELETE FROM cards WHERE id = 3", [])?;
            tx.commit()
        };
        let done = remove(db);
        db.execute_batch("PRAGMA foreign_keys = ON")?;
        done
    });
    app.fine("finds the next card or none", |db, _| {
        let sql = "SELECT id FROM cards WHERE list = 'done' ORDER BY place LIMIT 1";
        db.query_row(sql, [], |row| row.get::<_, i64>(0)).optional()
    })
    .only_reads();
    app
}
