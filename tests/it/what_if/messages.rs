//! Synchronization by watermarks, and messages.

use sqlitmus::crash;
use sqlitmus::rusqlite::TransactionBehavior::Immediate;
use sqlitmus::rusqlite::{OptionalExtension, Result, params};

use super::app::Finds::{Crash, Faults, Interleave};
use super::app::{App, Word};

pub(super) fn watermarks() -> App {
    let mut app = App::new(
        "watermarks",
        "CREATE TABLE changes(seq INTEGER PRIMARY KEY, text TEXT NOT NULL); INSERT INTO changes VALUES (1, 'a'), (2, 'b'), (3, 'c');
         CREATE TABLE marks(peer TEXT PRIMARY KEY, seq INT NOT NULL); INSERT INTO marks VALUES ('phone', 0);
         CREATE TABLE sent(seq INT NOT NULL, text TEXT NOT NULL);",
    );
    app.bug("sends changes and moves the mark apart", Crash("run again"), |db, _| {
        loop {
            let mark: i64 = db.query_row("SELECT seq FROM marks WHERE peer = 'phone'", [], |row| row.get(0))?;
            let sql = "INSERT INTO sent SELECT seq, text FROM changes WHERE seq = ?1 + 1";
            if db.execute(sql, [mark])? == 0 {
                return Ok(());
            }
            db.execute("UPDATE marks SET seq = seq + 1 WHERE peer = 'phone'", [])?;
        }
    })
    .word(Word::Resumes);
    app.fix("in the transaction that does it", |db, _| {
        loop {
            let tx = db.transaction_with_behavior(Immediate)?;
            let mark: i64 = tx.query_row("SELECT seq FROM marks WHERE peer = 'phone'", [], |row| row.get(0))?;
            let sql = "INSERT INTO sent SELECT seq, text FROM changes WHERE seq = ?1 + 1";
            if tx.execute(sql, [mark])? == 0 {
                return Ok(());
            }
            tx.execute("UPDATE marks SET seq = seq + 1 WHERE peer = 'phone'", [])?;
            tx.commit()?;
        }
    });
    app.bug("moves the mark over changes that came since", Interleave("stale read"), |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO sent SELECT seq, text FROM changes", [])?;
        tx.commit()?;
        db.execute("UPDATE marks SET seq = (SELECT max(seq) FROM changes) WHERE peer = 'phone'", [])
    })
    .against(|db, _| db.execute("INSERT INTO changes(text) VALUES ('d')", []).map(drop));
    app.fix("BEGIN IMMEDIATE", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO sent SELECT seq, text FROM changes", [])?;
        tx.execute("UPDATE marks SET seq = (SELECT max(seq) FROM changes) WHERE peer = 'phone'", [])?;
        tx.commit()
    });
    app.bug("moves the mark and then sends", Crash("never made up for"), |db, _| {
        let mark: i64 = db.query_row("SELECT seq FROM marks WHERE peer = 'phone'", [], |row| row.get(0))?;
        if mark < 3 {
            db.execute("UPDATE marks SET seq = 3 WHERE peer = 'phone'", [])?;
            crash::acknowledge();
        }
        Ok(())
    });
    app.fix("after it was sent", |db, _| {
        let mark: i64 = db.query_row("SELECT seq FROM marks WHERE peer = 'phone'", [], |row| row.get(0))?;
        if mark < 3 {
            crash::acknowledge();
            db.execute("UPDATE marks SET seq = max(seq, 3) WHERE peer = 'phone'", [])?;
        }
        Ok(())
    });
    app.bug("moves a mark back", Interleave("lost update"), |db, me| {
        let seen = if me == "a" { 2 } else { 3 };
        let mark: i64 = db.query_row("SELECT seq FROM marks WHERE peer = 'phone'", [], |row| row.get(0))?;
        if seen > mark {
            db.execute("UPDATE marks SET seq = ?1 WHERE peer = 'phone'", [seen])?;
        }
        Ok(())
    });
    app.fix("BEGIN IMMEDIATE", |db, me| {
        let seen = if me == "a" { 2 } else { 3 };
        db.execute("UPDATE marks SET seq = max(seq, ?1) WHERE peer = 'phone'", [seen])
    });
    app.bug("skips changes that it cannot apply", Faults("Ok"), |db, _| {
        for seq in [1, 2, 3] {
            let text: Option<String> =
                db.query_row("SELECT text FROM changes WHERE seq = ?1", [seq], |row| row.get(0)).ok();
            if let Some(text) = text {
                db.execute("INSERT INTO sent VALUES (?1, ?2)", params![seq, text])?;
            }
        }
        Ok(())
    })
    .word(Word::Independent);
    app.fix("with `?`", |db, _| {
        for seq in [1, 2, 3] {
            let sql = "SELECT text FROM changes WHERE seq = ?1";
            let text: Option<String> = db.query_row(sql, [seq], |row| row.get(0)).optional()?;
            if let Some(text) = text {
                db.execute("INSERT INTO sent VALUES (?1, ?2)", params![seq, text])?;
            }
        }
        Ok(())
    })
    .word(Word::EachTransaction);
    app
}

pub(super) fn messages() -> App {
    let mut app = App::new(
        "messages",
        "CREATE TABLE messages(id INTEGER PRIMARY KEY, chat INT NOT NULL, text TEXT NOT NULL, read INT NOT NULL DEFAULT 0);
         CREATE TABLE chats(id INTEGER PRIMARY KEY, unread INT NOT NULL DEFAULT 0, last TEXT);
         INSERT INTO chats(id, unread) VALUES (1, 1); INSERT INTO messages(chat, text) VALUES (1, 'hello');
         INSERT INTO messages(chat, text, read) VALUES (2, 'old', 1), (2, 'older', 1);",
    );
    app.bug("adds a message and the counter apart", Crash("half done"), |db, me| {
        db.execute("INSERT INTO messages(chat, text) VALUES (1, ?1)", [me])?;
        db.execute("UPDATE chats SET unread = unread + 1, last = ?1 WHERE id = 1", [me])
    });
    app.bug("marks as read what came since", Interleave("stale read"), |db, _| {
        let unread: Vec<String> = db
            .prepare("SELECT text FROM messages WHERE chat = 1 AND NOT read")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_>>()?;
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE messages SET read = 1 WHERE chat = 1", [])?;
        tx.execute("UPDATE chats SET unread = 0 WHERE id = 1", [])?;
        tx.commit()?;
        Ok(unread)
    })
    .against(|db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO messages(chat, text) VALUES (1, ?1)", [me])?;
        tx.execute("UPDATE chats SET unread = unread + 1, last = ?1 WHERE id = 1", [me])?;
        tx.commit()?;
        Ok(Vec::<String>::new())
    });
    app.fix("BEGIN IMMEDIATE", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let sql = "UPDATE messages SET read = 1 WHERE chat = 1 AND NOT read RETURNING text";
        let texts = tx.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>>>()?;
        tx.execute("UPDATE chats SET unread = 0 WHERE id = 1", [])?;
        tx.commit()?;
        Ok(texts)
    });
    app.bug("counts the unread and writes the number", Interleave("stale read"), |db, _| {
        let sql = "SELECT count(*) FROM messages WHERE chat = 1 AND NOT read";
        let unread: i64 = db.query_row(sql, [], |row| row.get(0))?;
        db.execute("UPDATE chats SET unread = ?1 WHERE id = 1", [unread])
    })
    .against(|db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO messages(chat, text) VALUES (1, ?1)", [me])?;
        tx.execute("UPDATE chats SET unread = unread + 1, last = ?1 WHERE id = 1", [me])?;
        tx.commit()?;
        Ok(1)
    });
    app.fix("BEGIN IMMEDIATE", |db, _| {
        let sql = "UPDATE chats SET unread = (SELECT count(*) FROM messages WHERE chat = 1 AND NOT read) WHERE id = 1";
        db.execute(sql, [])
    })
    .only_reads();
    app.bug("shows a chat and messages of another time", Interleave("read skew"), |db, _| {
        let unread: i64 = db.query_row("SELECT unread FROM chats WHERE id = 1", [], |row| row.get(0))?;
        let count: i64 = db.query_row("SELECT count(*) FROM messages WHERE chat = 1", [], |row| row.get(0))?;
        Ok(vec![unread, count])
    })
    .against(|db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO messages(chat, text) VALUES (1, ?1)", [me])?;
        tx.execute("UPDATE chats SET unread = unread + 1, last = ?1 WHERE id = 1", [me])?;
        tx.commit()?;
        Ok(Vec::<i64>::new())
    })
    .only_reads();
    app.fix("BEGIN is enough", |db, _| {
        let tx = db.transaction()?;
        let unread: i64 = tx.query_row("SELECT unread FROM chats WHERE id = 1", [], |row| row.get(0))?;
        let count: i64 = tx.query_row("SELECT count(*) FROM messages WHERE chat = 1", [], |row| row.get(0))?;
        Ok(vec![unread, count])
    });
    app.bug("shows no messages if it cannot read the counter", Faults("value"), |db, _| {
        let unread: i64 = db.query_row("SELECT unread FROM chats WHERE id = 1", [], |row| row.get(0)).unwrap_or(0);
        if unread == 0 {
            return Ok(Vec::new());
        }
        let mut messages = db.prepare("SELECT text FROM messages WHERE NOT read")?;
        messages.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>>>()
    })
    .only_reads();
    app.fix("with `?`", |db, _| {
        let mut messages = db.prepare("SELECT text FROM messages WHERE NOT read")?;
        messages.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>>>()
    });
    app.fine("deletes old messages ten at a time", |db, _| {
        while db.execute("DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE read LIMIT 10)", [])? > 0 {}
        Ok(())
    })
    .word(Word::Resumes);
    app
}
