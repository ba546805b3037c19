//! Invoices and limits.

use sqlitmus::rusqlite::Result;
use sqlitmus::rusqlite::TransactionBehavior::Immediate;

use super::app::Finds::{Crash, Faults, Interleave};
use super::app::{App, Word};

pub(super) fn invoices() -> App {
    let mut app = App::new(
        "invoices",
        "CREATE TABLE numbers(year INTEGER PRIMARY KEY, last INT NOT NULL); INSERT INTO numbers VALUES (2026, 7);
         CREATE TABLE invoices(number INTEGER PRIMARY KEY, total INT NOT NULL, state TEXT NOT NULL DEFAULT 'open');
         CREATE TABLE lines(invoice INT NOT NULL, amount INT NOT NULL); CREATE TABLE sums(year INT PRIMARY KEY, total INT);
         INSERT INTO invoices(number, total) VALUES (7, 30); INSERT INTO lines VALUES (7, 30); INSERT INTO sums VALUES (2026, 30);",
    );
    app.bug("takes a number and writes the invoice apart", Crash("half done"), |db, _| {
        let sql = "UPDATE numbers SET last = last + 1 WHERE year = 2026 RETURNING last";
        let number: i64 = db.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<Vec<i64>>>()?[0];
        db.execute("INSERT INTO invoices(number, total) VALUES (?1, 50)", [number])
    });
    app.fix("one transaction", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let sql = "UPDATE numbers SET last = last + 1 WHERE year = 2026 RETURNING last";
        let number: i64 = tx.query_row(sql, [], |row| row.get(0))?;
        tx.execute("INSERT INTO invoices(number, total) VALUES (?1, 50)", [number])?;
        tx.commit()
    });
    app.bug("returns a number whose commit failed", Faults("Ok"), |db, _| {
        let sql = "UPDATE numbers SET last = last + 1 WHERE year = 2026 RETURNING last";
        db.query_row(sql, [], |row| row.get::<_, i64>(0))
    });
    app.fix("to its last row, or run it in a transaction", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let sql = "UPDATE numbers SET last = last + 1 WHERE year = 2026 RETURNING last";
        let number = tx.query_row(sql, [], |row| row.get::<_, i64>(0))?;
        tx.commit()?;
        Ok(number)
    });
    app.bug("adds a line to an invoice that is closed since", Interleave("write skew"), |db, _| {
        let state: String = db.query_row("SELECT state FROM invoices WHERE number = 7", [], |row| row.get(0))?;
        if state != "open" {
            return Ok(false);
        }
        db.execute("INSERT INTO lines VALUES (7, 12)", [])?;
        Ok(true)
    })
    .against(|db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let total: i64 = tx.query_row("SELECT sum(amount) FROM lines WHERE invoice = 7", [], |row| row.get(0))?;
        tx.execute("UPDATE invoices SET state = 'closed', total = ?1 WHERE number = 7", [total])?;
        tx.commit()
    });
    app.fix("BEGIN IMMEDIATE", |db, _| {
        let sql = "INSERT INTO lines SELECT number, 12 FROM invoices WHERE number = 7 AND state = 'open'";
        Ok(db.execute(sql, [])? == 1)
    });
    app.bug("keeps the balance in two tables by reading one", Interleave("lost update"), |db, _| {
        let total: i64 = db.query_row("SELECT total FROM sums WHERE year = 2026", [], |row| row.get(0))?;
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO lines VALUES (7, 5)", [])?;
        tx.execute("UPDATE sums SET total = ?1 WHERE year = 2026", [total + 5])?;
        tx.commit()
    });
    app.fix("BEGIN IMMEDIATE", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO lines VALUES (7, 5)", [])?;
        tx.execute("UPDATE sums SET total = total + 5 WHERE year = 2026", [])?;
        tx.commit()
    });
    app.bug("reads first in a transaction that writes then", Interleave("SQLITE_BUSY"), |db, _| {
        let tx = db.transaction()?;
        let total: i64 = tx.query_row("SELECT total FROM sums WHERE year = 2026", [], |row| row.get(0))?;
        tx.execute("UPDATE sums SET total = ?1 WHERE year = 2026", [total + 5])?;
        tx.commit()
    });
    app.bug("books each line and fails in the middle", Faults("half applied"), |db, _| {
        for amount in [1, 2] {
            db.execute("INSERT INTO lines VALUES (7, ?1)", [amount])?;
        }
        db.execute("UPDATE sums SET total = total + 3 WHERE year = 2026", [])
    });
    app.fix("one transaction", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        for amount in [1, 2] {
            tx.execute("INSERT INTO lines VALUES (7, ?1)", [amount])?;
        }
        tx.execute("UPDATE sums SET total = total + 3 WHERE year = 2026", [])?;
        tx.commit()
    });
    app
}

pub(super) fn limits() -> App {
    let mut app = App::new(
        "limits",
        "CREATE TABLE buckets(user TEXT PRIMARY KEY, tokens INT NOT NULL); INSERT INTO buckets VALUES ('ada', 1);
         CREATE TABLE calls(id INTEGER PRIMARY KEY, user TEXT NOT NULL); INSERT INTO calls(user) VALUES ('ada'), ('ada');
         CREATE TABLE usage(user TEXT PRIMARY KEY, bytes INT NOT NULL); INSERT INTO usage VALUES ('ada', 80);
         CREATE TABLE uploads(id INTEGER PRIMARY KEY, user TEXT NOT NULL, bytes INT NOT NULL);",
    );
    app.bug("takes the last token twice", Interleave("lost update"), |db, _| {
        let tokens: i64 = db.query_row("SELECT tokens FROM buckets WHERE user = 'ada'", [], |row| row.get(0))?;
        if tokens == 0 {
            return Ok(false);
        }
        db.execute("UPDATE buckets SET tokens = ?1 WHERE user = 'ada'", [tokens - 1])?;
        Ok(true)
    });
    app.fix("BEGIN IMMEDIATE", |db, _| {
        Ok(db.execute("UPDATE buckets SET tokens = tokens - 1 WHERE user = 'ada' AND tokens > 0", [])? == 1)
    });
    app.bug("lets a fourth call through", Interleave("write skew"), |db, _| {
        let calls: i64 = db.query_row("SELECT count(*) FROM calls WHERE user = 'ada'", [], |row| row.get(0))?;
        if calls >= 3 {
            return Ok(false);
        }
        db.execute("INSERT INTO calls(user) VALUES ('ada')", [])?;
        Ok(true)
    });
    app.fix("BEGIN IMMEDIATE", |db, _| {
        let sql = "INSERT INTO calls(user) SELECT 'ada' WHERE (SELECT count(*) FROM calls WHERE user = 'ada') < 3";
        Ok(db.execute(sql, [])? == 1)
    });
    app.bug("takes a token and notes the call apart", Crash("half done"), |db, _| {
        if db.execute("UPDATE buckets SET tokens = tokens - 1 WHERE user = 'ada' AND tokens > 0", [])? == 1 {
            db.execute("INSERT INTO calls(user) VALUES ('ada')", [])?;
        }
        Ok(())
    });
    app.bug("takes an error for a token", Faults("Ok"), |db, _| {
        let sql = "UPDATE buckets SET tokens = tokens - 1 WHERE user = 'ada' AND tokens > 0";
        Ok(db.execute(sql, []).map_or(true, |changed| changed == 1))
    });
    app.fix("with `?`", |db, _| {
        let sql = "UPDATE buckets SET tokens = tokens - 1 WHERE user = 'ada' AND tokens > 0";
        db.execute(sql, []).map(|changed| changed == 1)
    });
    app.bug("checks the quota before it stores", Interleave("stale read"), |db, _| {
        let bytes: i64 = db.query_row("SELECT bytes FROM usage WHERE user = 'ada'", [], |row| row.get(0))?;
        if bytes + 15 > 100 {
            return Ok(false);
        }
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO uploads(user, bytes) VALUES ('ada', 15)", [])?;
        tx.execute("UPDATE usage SET bytes = bytes + 15 WHERE user = 'ada'", [])?;
        tx.commit()?;
        Ok(true)
    });
    app.fix("BEGIN IMMEDIATE", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let bytes: i64 = tx.query_row("SELECT bytes FROM usage WHERE user = 'ada'", [], |row| row.get(0))?;
        if bytes + 15 > 100 {
            return Ok(false);
        }
        tx.execute("INSERT INTO uploads(user, bytes) VALUES ('ada', 15)", [])?;
        tx.execute("UPDATE usage SET bytes = bytes + 15 WHERE user = 'ada'", [])?;
        tx.commit()?;
        Ok(true)
    });
    app.fine("counts calls, and may miss one", |db, _| {
        let _ = db.execute("INSERT INTO calls(user) VALUES ('ada')", []);
        Ok(())
    })
    .word(Word::MayIgnoreErrors);
    app
}
