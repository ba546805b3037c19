//! Invoices, limits, migrations and imports, pools, synchronization by watermarks, messages.

use sqlitmus::crash;
use sqlitmus::rusqlite::TransactionBehavior::Immediate;
use sqlitmus::rusqlite::{Connection, ErrorCode, OptionalExtension, Result, params};
use sqlitmus::sim;

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
    app.fix("BEGIN IMMEDIATE", |db, _| {
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
