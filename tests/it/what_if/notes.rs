//! Search, settings, archives.

use std::time::SystemTime;

use sqlitmus::rusqlite::TransactionBehavior::Immediate;
use sqlitmus::rusqlite::{Connection, OptionalExtension, Result, params};
use sqlitmus::sim;

use super::app::Finds::{Crash, Faults, Interleave};
use super::app::{App, Word};

pub(super) fn search() -> App {
    let mut app = App::new(
        "search",
        "CREATE TABLE notes(id INTEGER PRIMARY KEY, text TEXT NOT NULL, pos INT);
         CREATE TABLE words(word TEXT NOT NULL, note INT NOT NULL);
         INSERT INTO notes VALUES (1, 'tea cup', 1), (2, 'pot', 2); INSERT INTO words VALUES ('tea', 1), ('cup', 1), ('pot', 2);",
    );
    app.bug("saves a note and its words apart", Crash("half done"), |db, _| {
        db.execute("UPDATE notes SET text = 'jar' WHERE id = 2", [])?;
        db.execute("UPDATE words SET word = 'jar' WHERE note = 2", [])
    });
    app.bug("takes away the words that it has read", Interleave("stale read"), |db, me| {
        let old: String = db.query_row("SELECT text FROM notes WHERE id = 2", [], |row| row.get(0))?;
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("DELETE FROM words WHERE note = 2 AND word = ?1", [old])?;
        tx.execute("UPDATE notes SET text = ?1 WHERE id = 2", [me])?;
        tx.execute("INSERT INTO words VALUES (?1, 2)", [me])?;
        tx.commit()
    });
    app.fine("takes away the words that are there", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("DELETE FROM words WHERE note = 2", [])?;
        tx.execute("UPDATE notes SET text = ?1 WHERE id = 2", [me])?;
        tx.execute("INSERT INTO words VALUES (?1, 2)", [me])?;
        tx.commit()
    });
    app.bug("keeps words if they cannot be deleted", Faults("some of its changes"), |db, _| {
        db.execute("DELETE FROM notes WHERE id = 2", [])?;
        let _ = db.execute("DELETE FROM words WHERE note = 2", []);
        Ok(())
    });
    app.fix("with `?`", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("DELETE FROM notes WHERE id = 2", [])?;
        tx.execute("DELETE FROM words WHERE note = 2", [])?;
        tx.commit()
    });
    app.bug("finds nothing if it cannot search", Faults("returns"), |db, _| {
        let find = |db: &Connection| -> Result<Vec<i64>> {
            db.prepare("SELECT note FROM words WHERE word = 'tea'")?.query_map([], |row| row.get(0))?.collect()
        };
        Ok(find(db).unwrap_or_default())
    })
    .only_reads();
    app.fix("with `?`", |db, _| {
        let mut found = db.prepare("SELECT note FROM words WHERE word = 'tea'")?;
        found.query_map([], |row| row.get(0))?.collect::<Result<Vec<i64>>>()
    });
    app.bug("swaps two notes in two commits", Crash("half done"), |db, _| {
        db.execute("UPDATE notes SET pos = 2 WHERE id = 1", [])?;
        db.execute("UPDATE notes SET pos = 1 WHERE id = 2", [])
    });
    app.bug("appends notes at the same place", Interleave("write skew"), |db, me| {
        let last: i64 = db.query_row("SELECT max(pos) FROM notes", [], |row| row.get(0))?;
        db.execute("INSERT INTO notes(text, pos) VALUES (?1, ?2)", params![me, last + 1])
    });
    app.fine("appends notes one after another", |db, me| {
        db.execute("INSERT INTO notes(text, pos) SELECT ?1, max(pos) + 1 FROM notes", [me])
    });
    app.bug("reads a note and words of another time", Interleave("read skew"), |db, _| {
        let text: String = db.query_row("SELECT text FROM notes WHERE id = 2", [], |row| row.get(0))?;
        let word: String = db.query_row("SELECT word FROM words WHERE note = 2", [], |row| row.get(0))?;
        Ok((text, word))
    })
    .against(|db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE notes SET text = 'jar' WHERE id = 2", [])?;
        tx.execute("UPDATE words SET word = 'jar' WHERE note = 2", [])?;
        tx.commit()
    })
    .only_reads();
    app
}

pub(super) fn settings() -> App {
    let mut app = App::new(
        "settings",
        "CREATE TABLE settings(user TEXT PRIMARY KEY, data TEXT NOT NULL); INSERT INTO settings VALUES ('ada', '{\"n\":1}');
         CREATE TABLE tags(id INTEGER PRIMARY KEY, name TEXT UNIQUE); CREATE TABLE audit(id INTEGER PRIMARY KEY, text TEXT);
         CREATE TABLE events(id INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT, at INT);",
    );
    app.bug("writes back all settings", Interleave("lost update"), |db, me| {
        let data: String = db.query_row("SELECT data FROM settings WHERE user = 'ada'", [], |row| row.get(0))?;
        let data = data.replacen('{', &format!("{{\"{me}\":1,"), 1);
        db.execute("UPDATE settings SET data = ?1 WHERE user = 'ada'", [data])
    });
    app.fine("sets one of the settings", |db, me| {
        let sql = "UPDATE settings SET data = json_set(data, '$.n', json_extract(data, '$.n') + ?1) WHERE user = 'ada'";
        db.execute(sql, [me.len() as i64])
    });
    app.bug("makes a tag twice", Interleave("UNIQUE"), |db, _| {
        let id = db.query_row("SELECT id FROM tags WHERE name = 'red'", [], |row| row.get(0)).optional()?;
        if let Some(id) = id {
            return Ok(id);
        }
        db.execute("INSERT INTO tags(name) VALUES ('red')", [])?;
        Ok(db.last_insert_rowid())
    });
    app.fine("makes a tag unless it is there", |db, _| {
        db.execute("INSERT OR IGNORE INTO tags(name) VALUES ('red')", [])?;
        db.query_row("SELECT id FROM tags WHERE name = 'red'", [], |row| row.get::<_, i64>(0))
    })
    .word(Word::MayFailAfterCommit);
    app.fine("notes an event", |db, me| db.execute("INSERT INTO events(user, at) VALUES (?1, 5)", [me]));
    app.fine("notes two events", |db, me| {
        db.execute("INSERT INTO events(user, at) VALUES (?1, 5)", [me])?;
        db.execute("INSERT INTO audit(text) VALUES (?1)", [me])
    })
    .word(Word::Independent);
    app.fine("notes two events of a kind in a transaction", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        for at in [1, 2] {
            tx.execute("INSERT INTO events(user, at) VALUES (?1, ?2)", params![me, at])?;
        }
        tx.commit()
    });
    app.fine("notes an event with the time of the app", |db, me| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros() as i64;
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO events(user, at) VALUES (?1, ?2)", params![me, now])?;
        tx.execute("INSERT INTO audit(text) VALUES (?1)", [me])?;
        tx.commit()
    });
    app.bug("notes an event with the time of the app in two commits", Crash("half done"), |db, me| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros() as i64;
        db.execute("INSERT INTO events(user, at) VALUES (?1, ?2)", params![me, now])?;
        db.execute("INSERT INTO audit(text) VALUES (?1)", [me])
    });
    app
}

pub(super) fn archive() -> App {
    let mut app = App::new(
        "archive",
        "CREATE TABLE mails(id INTEGER PRIMARY KEY, text TEXT, old INT NOT NULL DEFAULT 0);
         CREATE TABLE archive(id INTEGER PRIMARY KEY, text TEXT);
         INSERT INTO mails(text, old) VALUES ('one', 1), ('two', 0);",
    );
    app.bug("copies and deletes apart", Crash("half done"), |db, _| {
        db.execute("INSERT INTO archive SELECT id, text FROM mails WHERE old", [])?;
        db.execute("DELETE FROM mails WHERE old", [])
    });
    app.bug("deletes what it has not copied", Interleave("lost update"), |db, _| {
        let mails: Vec<(i64, String)> = db
            .prepare("SELECT id, text FROM mails WHERE old")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_>>()?;
        let tx = db.transaction_with_behavior(Immediate)?;
        for (id, text) in &mails {
            tx.execute("INSERT INTO archive VALUES (?1, ?2)", params![id, text])?;
        }
        tx.execute("DELETE FROM mails WHERE old", [])?;
        tx.commit()
    })
    .against(|db, _| db.execute("UPDATE mails SET old = 1 WHERE id = 2", []));
    app.fine("moves in one transaction", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO archive SELECT id, text FROM mails WHERE old", [])?;
        tx.execute("DELETE FROM mails WHERE old", [])?;
        tx.commit()
    })
    .against(|db, _| db.execute("UPDATE mails SET old = 1 WHERE id = 2", []));
    app.bug("leaves the archive attached after an error", Faults("leaves the connection changed"), |db, _| {
        db.execute_batch("ATTACH ':memory:' AS old")?;
        db.execute_batch("CREATE TABLE old.mails(text)")?;
        db.execute_batch("DELETE FROM mails WHERE old")?;
        db.execute_batch("DETACH old")
    });
    app.fix("on the way of every error", |db, _| {
        db.execute_batch("ATTACH ':memory:' AS old")?;
        let done = db.execute_batch("CREATE TABLE old.mails(text); DELETE FROM main.mails WHERE old");
        db.execute_batch("DETACH old").and(done)
    })
    .word(Word::MayFailAfterCommit);
    app.bug("writes by a second connection of a pool", Crash("half done"), |db, _| {
        let other = Connection::open(sim::uri(db).unwrap())?;
        db.execute("INSERT INTO archive SELECT id, text FROM mails WHERE old", [])?;
        other.execute("DELETE FROM mails WHERE old", []).map(drop)
    })
    .fixed_by("one transaction", "moves in one transaction");
    app.fine("reads pages while another writes", |db, _| {
        let mut all = Vec::new();
        let mut last = 0;
        loop {
            let sql = "SELECT id, text FROM mails WHERE id > ?1 ORDER BY id LIMIT 1";
            let next =
                db.query_row(sql, [last], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))).optional()?;
            let Some((id, text)) = next else { return Ok(all) };
            all.push(text);
            last = id;
        }
    })
    .against(|db, _| {
        db.execute("UPDATE mails SET text = 'changed' WHERE id = 1", [])?;
        db.execute("UPDATE mails SET text = 'changed' WHERE id = 2", [])
    })
    .word(Word::EachTransaction)
    .only_reads();
    app.fine("adds mails with ids that the order decides", |db, me| {
        db.execute("INSERT INTO mails(text) VALUES (?1)", [me])?;
        db.execute("INSERT INTO mails(text) VALUES (?1)", [format!("{me} again")])
    })
    .word(Word::Independent);
    app
}
