//! Full text kept by code, soft deletion, blobs with counts of references, attachments in a second file.

use std::mem;

use sqlitmus::rusqlite::TransactionBehavior::Immediate;
use sqlitmus::rusqlite::{Connection, OptionalExtension, Result, params};

use super::app::Finds::{Crash, Faults, Interleave};
use super::app::{App, Word};

fn index(db: &Connection, id: i64, text: &str) -> Result<()> {
    db.execute("DELETE FROM found WHERE rowid = ?1", [id])?;
    db.execute("INSERT INTO found(rowid, text) VALUES (?1, ?2)", params![id, text]).map(drop)
}

fn text(db: &Connection, id: i64) -> Result<String> {
    db.query_row("SELECT text FROM docs WHERE id = ?1", [id], |row| row.get(0))
}

pub(super) fn full_text() -> App {
    let mut app = App::new(
        "full text",
        "CREATE TABLE docs(id INTEGER PRIMARY KEY, text TEXT NOT NULL); CREATE VIRTUAL TABLE found USING fts5(text);
         INSERT INTO docs VALUES (1, 'tea cup'), (2, 'pot'); INSERT INTO found(rowid, text) SELECT id, text FROM docs;",
    );
    app.bug("saves a document and indexes it apart", Crash("half done"), |db, _| {
        db.execute("UPDATE docs SET text = 'jar' WHERE id = 2", [])?;
        index(db, 2, "jar")
    });
    app.bug("indexes everything anew, statement by statement", Crash("half done"), |db, _| {
        db.execute("DELETE FROM found", [])?;
        db.execute("INSERT INTO found(rowid, text) SELECT id, upper(text) FROM docs", [])
    });
    app.bug("indexes a text that has changed since", Interleave("stale read"), |db, _| {
        let text = text(db, 1)?;
        let tx = db.transaction_with_behavior(Immediate)?;
        index(&tx, 1, &text)?;
        tx.commit()
    })
    .against(|db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE docs SET text = 'mug' WHERE id = 1", [])?;
        index(&tx, 1, "mug")?;
        tx.commit()
    });
    app.fix("BEGIN IMMEDIATE", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let text = text(&tx, 1)?;
        index(&tx, 1, &text)?;
        tx.commit()
    });
    app.bug("saves a document that cannot be indexed", Faults("Ok"), |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE docs SET text = 'jar' WHERE id = 2", [])?;
        if let Err(error) = index(&tx, 2, "jar") {
            mem::drop(error.to_string());
        }
        tx.commit()
    });
    app.fix("with `?`", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE docs SET text = 'jar' WHERE id = 2", [])?;
        index(&tx, 2, "jar")?;
        tx.commit()
    });
    app.bug("finds documents and reads those that are left", Interleave("read skew"), |db, _| {
        let ids: Vec<i64> = db
            .prepare("SELECT rowid FROM found WHERE found MATCH 'pot'")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_>>()?;
        ids.into_iter().map(|id| text(db, id).optional()).collect::<Result<Vec<Option<String>>>>()
    })
    .against(|db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("DELETE FROM docs WHERE id = 2", [])?;
        tx.execute("DELETE FROM found WHERE rowid = 2", [])?;
        tx.commit()
    })
    .only_reads();
    app.fix("BEGIN is enough", |db, _| {
        let tx = db.transaction()?;
        let ids: Vec<i64> = tx
            .prepare("SELECT rowid FROM found WHERE found MATCH 'pot'")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_>>()?;
        ids.into_iter().map(|id| text(&tx, id).optional()).collect::<Result<Vec<Option<String>>>>()
    });
    app
}

pub(super) fn trash() -> App {
    let mut app = App::new(
        "trash",
        "CREATE TABLE folders(id INTEGER PRIMARY KEY, name TEXT NOT NULL, deleted INT);
         CREATE TABLE files(id INTEGER PRIMARY KEY, folder INT NOT NULL REFERENCES folders(id), name TEXT, deleted INT);
         INSERT INTO folders VALUES (1, 'new', NULL), (2, 'old', 5);
         INSERT INTO files VALUES (1, 1, 'one', NULL), (2, 2, 'two', 5);",
    );
    app.bug("deletes a folder and its files apart", Crash("half done"), |db, _| {
        db.execute("UPDATE folders SET deleted = 9 WHERE id = 1", [])?;
        db.execute("UPDATE files SET deleted = 9 WHERE folder = 1", [])
    });
    app.bug("empties the trash of what was restored since", Interleave("lost update"), |db, _| {
        let ids: Vec<i64> = db
            .prepare("SELECT id FROM files WHERE deleted IS NOT NULL")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_>>()?;
        let tx = db.transaction_with_behavior(Immediate)?;
        for id in ids {
            tx.execute("DELETE FROM files WHERE id = ?1", [id])?;
        }
        tx.commit()
    })
    .against(|db, _| Ok(db.execute("UPDATE files SET deleted = NULL WHERE id = 2", [])? == 1));
    app.fix("BEGIN IMMEDIATE", |db, _| db.execute("DELETE FROM files WHERE deleted IS NOT NULL", []));
    app.bug("takes a name that is taken since", Interleave("write skew"), |db, _| {
        let sql = "SELECT 1 FROM folders WHERE name = 'photos' AND deleted IS NULL";
        if db.prepare(sql)?.exists([])? {
            return Ok(false);
        }
        db.execute("INSERT INTO folders(name) VALUES ('photos')", [])?;
        Ok(true)
    });
    app.fix("BEGIN IMMEDIATE", |db, _| {
        let sql = "INSERT INTO folders(name) SELECT 'photos' WHERE NOT EXISTS
                   (SELECT 1 FROM folders WHERE name = 'photos' AND deleted IS NULL)";
        Ok(db.execute(sql, [])? == 1)
    });
    app.bug("restores a file into a folder that is deleted since", Interleave("write skew"), |db, _| {
        let deleted: Option<i64> = db.query_row("SELECT deleted FROM folders WHERE id = 1", [], |row| row.get(0))?;
        if deleted.is_some() {
            return Ok(false);
        }
        db.execute("INSERT INTO files(folder, name) VALUES (1, 'back')", [])?;
        Ok(true)
    })
    .against(|db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE files SET deleted = 9 WHERE folder = 1", [])?;
        tx.execute("UPDATE folders SET deleted = 9 WHERE id = 1", [])?;
        tx.commit()
    });
    app.fix("BEGIN IMMEDIATE", |db, _| {
        let sql = "INSERT INTO files(folder, name) SELECT id, 'back' FROM folders WHERE id = 1 AND deleted IS NULL";
        Ok(db.execute(sql, [])? == 1)
    });
    app.bug("purges with foreign keys off", Faults("leaves the connection changed"), |db, _| {
        db.execute_batch("PRAGMA foreign_keys = OFF")?;
        db.execute("DELETE FROM folders WHERE deleted IS NOT NULL", [])?;
        db.execute_batch("PRAGMA foreign_keys = ON")
    });
    app.fix("on the way of every error", |db, _| {
        db.execute_batch("PRAGMA foreign_keys = OFF")?;
        let done = db.execute("DELETE FROM folders WHERE deleted IS NOT NULL", []);
        db.execute_batch("PRAGMA foreign_keys = ON").and(done)
    });
    app.bug("purges files and skips what fails", Faults("Ok"), |db, _| {
        let mut purged = 0;
        for table in ["files", "folders"] {
            purged += db.execute(&format!("DELETE FROM {table} WHERE deleted IS NOT NULL"), []).unwrap_or(0);
        }
        Ok(purged)
    });
    app.fix("with `?`", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let mut purged = 0;
        for table in ["files", "folders"] {
            purged += tx.execute(&format!("DELETE FROM {table} WHERE deleted IS NOT NULL"), [])?;
        }
        tx.commit()?;
        Ok(purged)
    });
    app
}

pub(super) fn blobs() -> App {
    let mut app = App::new(
        "blobs",
        "CREATE TABLE blobs(hash TEXT PRIMARY KEY, refs INT NOT NULL, bytes BLOB NOT NULL);
         CREATE TABLE pages(id INTEGER PRIMARY KEY, hash TEXT NOT NULL);
         INSERT INTO blobs VALUES ('h1', 1, x'01'), ('h2', 0, x'02'); INSERT INTO pages(hash) VALUES ('h1');",
    );
    app.bug("adds a page and counts its reference apart", Crash("half done"), |db, _| {
        db.execute("INSERT INTO pages(hash) VALUES ('h1')", [])?;
        db.execute("UPDATE blobs SET refs = refs + 1 WHERE hash = 'h1'", [])
    });
    app.bug("deletes a blob that got a reference since", Interleave("lost update"), |db, _| {
        let unused: Option<String> =
            db.query_row("SELECT hash FROM blobs WHERE refs = 0", [], |row| row.get(0)).optional()?;
        if let Some(hash) = unused {
            db.execute("DELETE FROM blobs WHERE hash = ?1", [hash])?;
        }
        Ok(())
    })
    .against(|db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let is_there = tx.execute("UPDATE blobs SET refs = refs + 1 WHERE hash = 'h2'", [])? == 1;
        if is_there {
            tx.execute("INSERT INTO pages(hash) VALUES ('h2')", [])?;
        }
        tx.commit()?;
        Ok(is_there)
    });
    app.fix("BEGIN IMMEDIATE", |db, _| db.execute("DELETE FROM blobs WHERE refs = 0", []).map(drop));
    app.bug("stores a blob unless it thinks that it is there", Faults("half applied"), |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let stored = tx.execute("INSERT INTO blobs VALUES ('h3', 1, x'03')", []);
        if stored.is_err() {
            tx.execute("UPDATE blobs SET refs = refs + 1 WHERE hash = 'h3'", [])?;
        }
        tx.execute("INSERT INTO pages(hash) VALUES ('h3')", [])?;
        tx.commit()
    });
    app.fix("with `?`", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO blobs VALUES ('h3', 1, x'03') ON CONFLICT DO UPDATE SET refs = refs + 1", [])?;
        tx.execute("INSERT INTO pages(hash) VALUES ('h3')", [])?;
        tx.commit()
    });
    app.bug("counts references and writes the number later", Interleave("lost update"), |db, me| {
        let refs: i64 = db.query_row("SELECT count(*) FROM pages WHERE hash = 'h1'", [], |row| row.get(0))?;
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO pages(hash) VALUES ('h1')", [])?;
        tx.execute("UPDATE blobs SET refs = ?1 WHERE hash = 'h1'", [refs + 1])?;
        tx.commit()?;
        Ok(me.len())
    });
    app.fix("BEGIN IMMEDIATE", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO pages(hash) VALUES ('h1')", [])?;
        tx.execute("UPDATE blobs SET refs = (SELECT count(*) FROM pages WHERE hash = 'h1') WHERE hash = 'h1'", [])?;
        tx.commit()?;
        Ok(me.len())
    });
    app.bug("keeps a statement that has not been read to its end", Faults("half applied"), |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let hash: String = tx
            .query_row("UPDATE blobs SET refs = refs + 1 WHERE hash = 'h1' RETURNING hash", [], |row| row.get(0))
            .unwrap_or_else(|_| String::from("h1"));
        tx.execute("INSERT INTO pages(hash) VALUES (?1)", [hash])?;
        tx.commit()
    });
    app.fix("with `?`", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE blobs SET refs = refs + 1 WHERE hash = 'h1'", [])?;
        tx.execute("INSERT INTO pages(hash) VALUES ('h1')", [])?;
        tx.commit()
    });
    app
}

pub(super) fn attachments() -> App {
    let mut app = App::new(
        "attachments",
        "CREATE TABLE mails(id INTEGER PRIMARY KEY, text TEXT NOT NULL, attached INT NOT NULL DEFAULT 0);
         INSERT INTO mails(text) VALUES ('one'), ('two'); ATTACH 'files.db' AS files; PRAGMA files.journal_mode = WAL;
         CREATE TABLE files.files(mail INT NOT NULL, name TEXT NOT NULL); INSERT INTO files.files VALUES (2, 'b.png');
         DETACH files;",
    );
    app.bug("writes two files in one transaction with a WAL", Crash("in one file and not in another"), |db, _| {
        db.execute_batch("ATTACH 'files.db' AS files")?;
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO files.files VALUES (1, 'a.png')", [])?;
        tx.execute("UPDATE mails SET attached = 1 WHERE id = 1", [])?;
        tx.commit()
    });
    app.fix("keep related tables in one file", |db, _| {
        db.execute("UPDATE mails SET attached = 1, text = text || ' a.png' WHERE id = 1", [])
    });
    app.bug("leaves the second file attached after an error", Faults("leaves the connection changed"), |db, _| {
        db.execute_batch("ATTACH 'files.db' AS files")?;
        db.execute("INSERT INTO files.files VALUES (1, 'a.png')", [])?;
        db.execute_batch("DETACH files")
    });
    app.fix("on the way of every error", |db, _| {
        db.execute_batch("ATTACH 'files.db' AS files")?;
        let done = db.execute("INSERT INTO files.files VALUES (1, 'a.png')", []);
        db.execute_batch("DETACH files").and(done)
    })
    .word(Word::MayFailAfterCommit);
    app.bug("finds no attachments if it cannot attach", Faults("another value"), |db, _| {
        if db.execute_batch("ATTACH 'files.db' AS files").is_err() {
            return Ok(0);
        }
        let count = db.query_row("SELECT count(*) FROM files.files", [], |row| row.get::<_, i64>(0));
        db.execute_batch("DETACH files")?;
        count
    })
    .only_reads();
    app.fix("with `?`", |db, _| {
        db.execute_batch("ATTACH 'files.db' AS files")?;
        let count = db.query_row("SELECT count(*) FROM files.files", [], |row| row.get::<_, i64>(0));
        db.execute_batch("DETACH files").and(count)
    });
    app
}
