//! Sessions, synchronization, caches, migrations at start, search, settings, lists, archives.

use std::time::SystemTime;

use sqlitmus::rusqlite::TransactionBehavior::Immediate;
use sqlitmus::rusqlite::{Connection, DropBehavior, OptionalExtension, Result, params};
use sqlitmus::sim;

use super::app::Finds::{Crash, Faults, Interleave};
use super::app::{App, Word};

pub(super) fn sessions() -> App {
    let mut app = App::new(
        "sessions",
        "CREATE TABLE sessions(token TEXT PRIMARY KEY, user TEXT NOT NULL, expires INT NOT NULL);
         CREATE TABLE users(name TEXT PRIMARY KEY, last_login INT);
         INSERT INTO users VALUES ('ada', 0); INSERT INTO sessions VALUES ('t1', 'ada', 50), ('t2', 'bob', 500);",
    );
    app.bug("ends the old session before the new one is there", Crash("half done"), |db, _| {
        db.execute("DELETE FROM sessions WHERE user = 'ada'", [])?;
        db.execute("INSERT INTO sessions VALUES ('t3', 'ada', 900)", [])
    });
    app.fine("replaces a session in one commit", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("DELETE FROM sessions WHERE user = 'ada'", [])?;
        tx.execute("INSERT INTO sessions VALUES (?1, 'ada', 900)", [me])?;
        tx.execute("UPDATE users SET last_login = 700 WHERE name = 'ada'", [])?;
        tx.commit()
    });
    app.bug("gives a user two sessions", Interleave("write skew"), |db, me| {
        if !db.prepare("SELECT 1 FROM sessions WHERE user = 'cy'")?.exists([])? {
            db.execute("INSERT INTO sessions VALUES (?1, 'cy', 900)", [me])?;
        }
        Ok(())
    });
    app.bug("ends a session that was prolonged", Interleave("lost update"), |db, _| {
        let tokens: Vec<String> = db
            .prepare("SELECT token FROM sessions WHERE expires < 100")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_>>()?;
        for token in &tokens {
            db.execute("DELETE FROM sessions WHERE token = ?1", [token])?;
        }
        Ok(tokens.len())
    })
    .against(|db, _| Ok(db.execute("UPDATE sessions SET expires = 800 WHERE token = 't1'", [])? == 1));
    app.fine("ends sessions that have expired", |db, _| db.execute("DELETE FROM sessions WHERE expires < 100", []))
        .against(|db, _| Ok(db.execute("UPDATE sessions SET expires = 800 WHERE token = 't1'", [])? == 1));
    app.bug("logs out whoever it cannot read", Faults("returns Ok"), |db, _| {
        let expires: i64 =
            db.query_row("SELECT expires FROM sessions WHERE token = 't2'", [], |row| row.get(0)).unwrap_or(0);
        if expires < 100 {
            db.execute("DELETE FROM sessions WHERE token = 't2'", [])?;
        } else {
            db.execute("UPDATE sessions SET expires = 900 WHERE token = 't2'", [])?;
        }
        Ok(())
    });
    app.fix("with `?`", |db, _| {
        let sql = "UPDATE sessions SET expires = 900 WHERE token = 't2' AND expires >= 100";
        if db.execute(sql, [])? == 0 {
            db.execute("DELETE FROM sessions WHERE token = 't2'", [])?;
        }
        Ok(())
    });
    app.fine("makes a session with a time and a token of its own", |db, me| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as i64;
        db.execute("INSERT INTO sessions VALUES (?1, 'ada', ?2)", params![format!("{me}-{now:x}"), now])
    });
    app
}

pub(super) fn sync() -> App {
    let mut app = App::new(
        "sync",
        "CREATE TABLE items(id INTEGER PRIMARY KEY, rev INT NOT NULL, body TEXT, edited INT NOT NULL DEFAULT 0);
         CREATE TABLE cursor(pos INT NOT NULL); INSERT INTO cursor VALUES (0);
         CREATE TABLE parts(item INT REFERENCES items(id), text TEXT);
         INSERT INTO items(id, rev, body) VALUES (1, 1, 'one'), (2, 1, 'two');",
    );
    app.bug("applies a page and remembers it apart", Crash("half done"), |db, _| {
        db.execute("UPDATE items SET rev = rev + 1, body = body || '!'", [])?;
        db.execute("UPDATE cursor SET pos = 7", [])
    });
    app.bug("remembers a page and applies it apart", Crash("half done"), |db, _| {
        db.execute("UPDATE cursor SET pos = 7", [])?;
        db.execute("UPDATE items SET rev = rev + 1, body = body || '!'", [])
    });
    app.fine("applies a page and remembers it at once", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let pos: i64 = tx.query_row("SELECT pos FROM cursor", [], |row| row.get(0))?;
        if pos < 7 {
            tx.execute("UPDATE items SET rev = rev + 1, body = body || '!'", [])?;
            tx.execute("UPDATE cursor SET pos = 7", [])?;
        }
        tx.commit()
    });
    app.bug("overwrites an edit that was made meanwhile", Interleave("lost update"), |db, _| {
        let edited: bool = db.query_row("SELECT edited FROM items WHERE id = 1", [], |row| row.get(0))?;
        if !edited {
            db.execute("UPDATE items SET body = 'remote', rev = 2 WHERE id = 1", [])?;
        }
        Ok(())
    })
    .against(|db, _| db.execute("UPDATE items SET body = 'local', edited = 1 WHERE id = 1", []));
    app.fine("keeps an edit", |db, _| {
        db.execute("UPDATE items SET body = 'remote', rev = 2 WHERE id = 1 AND NOT edited", [])
    })
    .against(|db, _| db.execute("UPDATE items SET body = 'local', edited = 1 WHERE id = 1", []));
    app.bug("leaves foreign keys off after an error", Faults("leaves the connection changed"), |db, _| {
        db.pragma_update(None, "foreign_keys", false)?;
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO parts VALUES (9, 'early')", [])?;
        tx.execute("INSERT INTO items(id, rev, body) VALUES (9, 1, 'nine')", [])?;
        tx.commit()?;
        db.pragma_update(None, "foreign_keys", true)
    });
    app.fix("on the way of every error", |db, _| {
        let insert = |db: &mut Connection| {
            let tx = db.transaction_with_behavior(Immediate)?;
            tx.execute("INSERT INTO parts SELECT 9, 'early' WHERE NOT EXISTS (SELECT 1 FROM parts)", [])?;
            tx.execute("INSERT OR IGNORE INTO items(id, rev, body) VALUES (9, 1, 'nine')", [])?;
            tx.commit()
        };
        db.pragma_update(None, "foreign_keys", false)?;
        let done = insert(db);
        db.pragma_update(None, "foreign_keys", true).and(done)
    })
    .word(Word::MayFailAfterCommit);
    app.fine("defers foreign keys", |db, me| {
        let id = if me == "a" { 9 } else { 10 };
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.pragma_update(None, "defer_foreign_keys", true)?;
        tx.execute("INSERT INTO parts VALUES (?1, 'early')", [id])?;
        tx.execute("INSERT INTO items(id, rev, body) VALUES (?1, 1, 'nine')", [id])?;
        tx.commit()
    });
    app.bug("leaves a temporary table after an error", Faults("leaves the connection changed"), |db, _| {
        db.execute_batch("CREATE TEMP TABLE incoming(id INT, body TEXT)")?;
        db.execute("INSERT INTO incoming VALUES (1, 'new')", [])?;
        db.execute("UPDATE items SET body = (SELECT body FROM incoming) WHERE id = 1", [])?;
        db.execute_batch("DROP TABLE incoming")
    });
    app.fix("on the way of every error", |db, _| {
        let merge = |db: &Connection| {
            db.execute_batch("CREATE TEMP TABLE incoming(id INT, body TEXT); INSERT INTO incoming VALUES (1, 'new')")?;
            db.execute("UPDATE items SET body = (SELECT body FROM incoming) WHERE id = 1", [])
        };
        let done = merge(db);
        db.execute_batch("DROP TABLE IF EXISTS temp.incoming").and(done)
    })
    .word(Word::MayFailAfterCommit);
    app.fine("writes what it has merged with a version", |db, _| {
        loop {
            let (rev, body): (i64, String) =
                db.query_row("SELECT rev, body FROM items WHERE id = 2", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let sql = "UPDATE items SET rev = rev + 1, body = ?2 WHERE id = 2 AND rev = ?1";
            if db.execute(sql, params![rev, format!("{body}+")])? == 1 {
                return Ok(());
            }
        }
    });
    app.bug("writes what it has merged without a version", Interleave("lost update"), |db, _| {
        let body: String = db.query_row("SELECT body FROM items WHERE id = 2", [], |row| row.get(0))?;
        db.execute("UPDATE items SET rev = rev + 1, body = ?1 WHERE id = 2", [format!("{body}+")])
    });
    app
}

pub(super) fn cache() -> App {
    let mut app = App::new(
        "cache",
        "CREATE TABLE products(id INTEGER PRIMARY KEY, price INT NOT NULL); INSERT INTO products VALUES (1, 10);
         CREATE TABLE cache(key TEXT PRIMARY KEY, value INT NOT NULL);",
    );
    app.bug("caches what has changed since", Interleave("write skew"), |db, _| {
        let price: i64 = db.query_row("SELECT price FROM products WHERE id = 1", [], |row| row.get(0))?;
        db.execute("INSERT OR REPLACE INTO cache VALUES ('p1', ?1)", [price])?;
        Ok(price)
    })
    .against(|db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE products SET price = 12 WHERE id = 1", [])?;
        tx.execute("DELETE FROM cache WHERE key = 'p1'", [])?;
        tx.commit()
    });
    app.fine("caches in one statement", |db, _| {
        db.execute("INSERT OR REPLACE INTO cache SELECT 'p1', price FROM products WHERE id = 1", [])
    })
    .against(|db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE products SET price = 12 WHERE id = 1", [])?;
        tx.execute("DELETE FROM cache WHERE key = 'p1'", [])?;
        tx.commit()
    });
    app.bug("changes a price and leaves the cache", Crash("half done"), |db, _| {
        db.execute("UPDATE products SET price = 12 WHERE id = 1", [])?;
        db.execute("INSERT OR REPLACE INTO cache VALUES ('p1', 12)", [])
    });
    app.bug("forgets that it could not clear the cache", Faults("some of its changes"), |db, _| {
        db.execute("UPDATE products SET price = 13 WHERE id = 1", [])?;
        db.execute("INSERT OR REPLACE INTO cache VALUES ('p1', 13)", []).ok();
        Ok(())
    });
    app.fix("with `?`", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE products SET price = 13 WHERE id = 1", [])?;
        tx.execute("INSERT OR REPLACE INTO cache VALUES ('p1', 13)", [])?;
        tx.commit()
    });
    app.fine("returns a price although it cannot cache it", |db, _| {
        let price: i64 = db.query_row("SELECT price FROM products WHERE id = 1", [], |row| row.get(0))?;
        let _ = db.execute("INSERT OR REPLACE INTO cache VALUES ('p1', ?1)", [price]);
        Ok(price)
    })
    .word(Word::MayIgnoreErrors);
    app
}

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
