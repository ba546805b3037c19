//! Sessions, synchronization, caches.

use std::time::SystemTime;

use sqlitmus::rusqlite::TransactionBehavior::Immediate;
use sqlitmus::rusqlite::{Connection, Result, params};

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
