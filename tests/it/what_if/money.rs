//! What must add up: accounts, stock, credits, counters, votes, bookings, codes.

use sqlitmus::crash;
use sqlitmus::rusqlite::TransactionBehavior::Immediate;
use sqlitmus::rusqlite::{Connection, OptionalExtension, Result, params};

use super::app::Finds::{Crash, Faults, Interleave};
use super::app::{App, Word};

fn balance(db: &Connection, account: i64) -> Result<i64> {
    db.query_row("SELECT balance FROM accounts WHERE id = ?1", [account], |row| row.get(0))
}

fn add(db: &Connection, account: i64, amount: i64) -> Result<()> {
    db.execute("UPDATE accounts SET balance = balance + ?2 WHERE id = ?1", [account, amount]).map(drop)
}

pub(super) fn ledger() -> App {
    let mut app = App::new(
        "ledger",
        "CREATE TABLE accounts(id INTEGER PRIMARY KEY, balance INT NOT NULL, interest INT NOT NULL DEFAULT 0);
         CREATE TABLE entries(id INTEGER PRIMARY KEY, account INT REFERENCES accounts(id), amount INT NOT NULL);
         INSERT INTO accounts(id, balance) VALUES (1, 100), (2, 100), (3, 100);",
    );
    app.bug("moves money in two commits", Crash("half done"), |db, _| {
        add(db, 1, -10)?;
        add(db, 2, 10)
    });
    app.fine("moves money in one commit", |db, _| {
        let tx = db.transaction()?;
        add(&tx, 1, -10)?;
        add(&tx, 2, 10)?;
        tx.commit()
    });
    app.bug("checks a balance before the transaction", Interleave("stale read"), |db, _| {
        if balance(db, 1)? < 80 {
            return Ok(false);
        }
        let tx = db.transaction()?;
        add(&tx, 1, -80)?;
        tx.execute("INSERT INTO entries(account, amount) VALUES (1, -80)", [])?;
        tx.commit()?;
        Ok(true)
    });
    app.fine("checks a balance in the transaction", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        if balance(&tx, 1)? < 80 {
            return Ok(false);
        }
        add(&tx, 1, -80)?;
        tx.execute("INSERT INTO entries(account, amount) VALUES (1, -80)", [])?;
        tx.commit()?;
        Ok(true)
    });
    app.fine("checks a balance in the update", |db, _| {
        let sql = "UPDATE accounts SET balance = balance - 80 WHERE id = 1 AND balance >= 80";
        Ok(db.execute(sql, [])? == 1)
    });
    app.bug("withdraws if two accounts together have enough", Interleave("write skew"), |db, me| {
        if balance(db, 1)? + balance(db, 2)? < 150 {
            return Ok(false);
        }
        add(db, if me == "a" { 1 } else { 2 }, -150)?;
        Ok(true)
    });
    app.fine("withdraws under a lock if two accounts together have enough", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        if balance(&tx, 1)? + balance(&tx, 2)? < 150 {
            return Ok(false);
        }
        add(&tx, if me == "a" { 1 } else { 2 }, -150)?;
        tx.commit()?;
        Ok(true)
    });
    app.bug("adds up accounts while money moves", Interleave("read skew"), |db, _| {
        Ok(balance(db, 1)? + balance(db, 2)?)
    })
    .against(|db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        add(&tx, 1, -10)?;
        add(&tx, 2, 10)?;
        tx.commit()
    })
    .only_reads();
    app.fine("adds up accounts in a read transaction", |db, _| {
        let tx = db.transaction()?;
        Ok(balance(&tx, 1)? + balance(&tx, 2)?)
    })
    .against(|db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        add(&tx, 1, -10)?;
        add(&tx, 2, 10)?;
        tx.commit()
    })
    .only_reads();
    app.bug("ignores that the first account was not changed", Faults("half applied"), |db, _| {
        let tx = db.transaction()?;
        let _ = add(&tx, 1, -10);
        add(&tx, 2, 10)?;
        tx.commit()
    })
    .fixed_by("with `?`", "moves money in one commit");
    app.bug("ignores that the commit failed", Faults("changed nothing"), |db, _| {
        let tx = db.transaction()?;
        add(&tx, 1, -10)?;
        add(&tx, 2, 10)?;
        let _ = tx.commit();
        Ok(())
    })
    .fixed_by("with `?`", "moves money in one commit");
    app.bug("pays interest account by account without a mark", Crash("run again"), |db, _| {
        for account in 1..=3 {
            db.execute("UPDATE accounts SET balance = balance * 11 / 10 WHERE id = ?1", [account])?;
        }
        Ok(())
    })
    .word(Word::Resumes)
    .fixed_by("in the transaction that does it", "pays interest account by account with a mark");
    app.fine("pays interest account by account with a mark", |db, _| {
        for account in 1..=3 {
            let sql =
                "UPDATE accounts SET balance = balance * 11 / 10, interest = 2026 WHERE id = ?1 AND interest < 2026";
            db.execute(sql, [account])?;
        }
        Ok(())
    })
    .word(Word::Resumes);
    app.bug("closes an account that money has come to since", Interleave("lost update"), |db, _| {
        if balance(db, 3)? > 100 {
            return Ok(false);
        }
        db.execute("DELETE FROM accounts WHERE id = 3", [])?;
        Ok(true)
    })
    .against(|db, _| db.execute("UPDATE accounts SET balance = balance + 50 WHERE id = 3", []));
    app.bug("adds up entries page by page and writes the sum", Interleave("lost update"), |db, _| {
        let sum: i64 = db.query_row("SELECT coalesce(sum(amount), 0) FROM entries", [], |row| row.get(0))?;
        db.execute("UPDATE accounts SET balance = ?1 WHERE id = 1", [sum])
    })
    .against(|db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO entries(account, amount) VALUES (1, 7)", [])?;
        add(&tx, 1, 7)?;
        tx.commit()
    });
    app
}

fn left(db: &Connection) -> Result<i64> {
    db.query_row("SELECT count FROM stock WHERE item = 'tea'", [], |row| row.get(0))
}

pub(super) fn inventory() -> App {
    let mut app = App::new(
        "inventory",
        "CREATE TABLE stock(item TEXT PRIMARY KEY, count INT NOT NULL);
         CREATE TABLE reserved(id INTEGER PRIMARY KEY, item TEXT NOT NULL, who TEXT NOT NULL);
         INSERT INTO stock VALUES ('tea', 1), ('cup', 5);",
    );
    app.bug("sells the last one twice", Interleave("stale read"), |db, me| {
        if left(db)? == 0 {
            return Ok("sold out");
        }
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE stock SET count = count - 1 WHERE item = 'tea'", [])?;
        tx.execute("INSERT INTO reserved(item, who) VALUES ('tea', ?1)", [me])?;
        tx.commit()?;
        Ok("yours")
    });
    app.fine("sells the last one once", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        if tx.execute("UPDATE stock SET count = count - 1 WHERE item = 'tea' AND count > 0", [])? == 0 {
            return Ok("sold out");
        }
        tx.execute("INSERT INTO reserved(item, who) VALUES ('tea', ?1)", [me])?;
        tx.commit()?;
        Ok("yours")
    });
    app.bug("replaces a count that it has read", Interleave("lost update"), |db, _| {
        let count: Option<i64> =
            db.query_row("SELECT count FROM stock WHERE item = 'pot'", [], |row| row.get(0)).optional()?;
        db.execute("INSERT OR REPLACE INTO stock VALUES ('pot', ?1)", [count.unwrap_or(0) + 4])
    });
    app.fine("adds to a count in one statement", |db, _| {
        let sql = "INSERT INTO stock VALUES ('pot', 4) ON CONFLICT DO UPDATE SET count = count + excluded.count";
        db.execute(sql, [])
    });
    app.bug("restocks item by item", Crash("half done"), |db, _| {
        for item in ["tea", "cup"] {
            db.execute("UPDATE stock SET count = count + 10 WHERE item = ?1", [item])?;
        }
        Ok(())
    });
    app.bug("takes an item that it cannot read for a new one", Faults("returns Ok"), |db, _| {
        let is_known = db.query_row("SELECT 1 FROM stock WHERE item = 'cup'", [], |row| row.get::<_, i64>(0)).is_ok();
        let sql = if is_known {
            "UPDATE stock SET count = count + 1 WHERE item = 'cup'"
        } else {
            "INSERT OR REPLACE INTO stock VALUES ('cup', 1)"
        };
        db.execute(sql, [])
    })
    .fixed_by("with `?`", "asks whether an item is there");
    app.fine("asks whether an item is there", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let is_known = tx.prepare("SELECT 1 FROM stock WHERE item = 'cup'")?.exists([])?;
        let sql = if is_known {
            "UPDATE stock SET count = count + 1 WHERE item = 'cup'"
        } else {
            "INSERT INTO stock VALUES ('cup', 1)"
        };
        tx.execute(sql, [])?;
        tx.commit()
    });
    app.bug("updates, and inserts if there was nothing to update", Interleave("UNIQUE"), |db, _| {
        if db.execute("UPDATE stock SET count = count + 1 WHERE item = 'jar'", [])? == 0 {
            db.execute("INSERT INTO stock VALUES ('jar', 1)", [])?;
        }
        Ok(())
    });
    app.bug("releases a reservation that it has counted before", Interleave("lost update"), |db, _| {
        let count = left(db)?;
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("DELETE FROM reserved WHERE item = 'tea'", [])?;
        tx.execute("UPDATE stock SET count = ?1 WHERE item = 'tea'", [count + 1])?;
        tx.commit()
    });
    app
}

pub(super) fn webhook() -> App {
    let mut app = App::new(
        "webhook",
        "CREATE TABLE seen(event TEXT NOT NULL);
         CREATE TABLE known(event TEXT PRIMARY KEY);
         CREATE TABLE credits(user TEXT PRIMARY KEY, count INT NOT NULL);
         INSERT INTO credits VALUES ('ada', 0);",
    );
    app.bug("remembers an event before it gives the credit", Crash("half done"), |db, _| {
        if db.execute("INSERT OR IGNORE INTO known VALUES ('e1')", [])? == 1 {
            db.execute("UPDATE credits SET count = count + 5 WHERE user = 'ada'", [])?;
        }
        Ok(())
    });
    app.bug("remembers, acknowledges, and then gives the credit", Crash("half done"), |db, _| {
        db.execute("INSERT OR IGNORE INTO known VALUES ('e1')", [])?;
        crash::acknowledge();
        db.execute("UPDATE credits SET count = count + 5 WHERE user = 'ada'", [])
    })
    .fixed_by("one transaction", "handles an event once");
    app.bug("handles two deliveries of an event", Interleave("stale read"), |db, _| {
        if db.prepare("SELECT 1 FROM seen WHERE event = 'e1'")?.exists([])? {
            return Ok(());
        }
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO seen VALUES ('e1')", [])?;
        tx.execute("UPDATE credits SET count = count + 5 WHERE user = 'ada'", [])?;
        tx.commit()
    });
    app.fine("handles an event once", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        if tx.execute("INSERT OR IGNORE INTO known VALUES ('e1')", [])? == 1 {
            tx.execute("UPDATE credits SET count = count + 5 WHERE user = 'ada'", [])?;
        }
        tx.commit()?;
        crash::acknowledge();
        Ok(())
    });
    app.bug("answers before it has committed", Crash("acknowledged"), |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        if tx.execute("INSERT OR IGNORE INTO known VALUES ('e1')", [])? == 1 {
            tx.execute("UPDATE credits SET count = count + 5 WHERE user = 'ada'", [])?;
        }
        crash::acknowledge();
        tx.commit()
    })
    .fixed_by("after the commit", "handles an event once");
    app
}

pub(super) fn counters() -> App {
    let mut app = App::new(
        "counters",
        "CREATE TABLE counters(name TEXT PRIMARY KEY, n INT NOT NULL); INSERT INTO counters VALUES ('views', 10), ('all', 10);
         CREATE TABLE bills(id INTEGER PRIMARY KEY, number INT UNIQUE, text TEXT);
         INSERT INTO bills(number, text) VALUES (1, 'first');",
    );
    app.bug("counts in the app", Interleave("lost update"), |db, _| {
        let n: i64 = db.query_row("SELECT n FROM counters WHERE name = 'views'", [], |row| row.get(0))?;
        db.execute("UPDATE counters SET n = ?1 WHERE name = 'views'", [n + 1])
    });
    app.fine("counts in SQL", |db, _| db.execute("UPDATE counters SET n = n + 1 WHERE name = 'views'", []));
    app.bug("counts in a deferred transaction", Interleave("SQLITE_BUSY"), |db, _| {
        let tx = db.transaction()?;
        let n: i64 = tx.query_row("SELECT n FROM counters WHERE name = 'views'", [], |row| row.get(0))?;
        tx.execute("UPDATE counters SET n = ?1 WHERE name = 'views'", [n + 1])?;
        tx.commit()
    });
    app.fine("counts in a deferred transaction, and the caller tries again", |db, _| {
        let tx = db.transaction()?;
        let n: i64 = tx.query_row("SELECT n FROM counters WHERE name = 'views'", [], |row| row.get(0))?;
        tx.execute("UPDATE counters SET n = ?1 WHERE name = 'views'", [n + 1])?;
        tx.commit()
    })
    .word(Word::MayFail);
    app.bug("numbers bills without a lock", Interleave("UNIQUE"), |db, me| {
        let last: i64 = db.query_row("SELECT max(number) FROM bills", [], |row| row.get(0))?;
        db.execute("INSERT INTO bills(number, text) VALUES (?1, ?2)", params![last + 1, me])
    });
    app.fine("numbers bills in one statement", |db, me| {
        db.execute("INSERT INTO bills(number, text) SELECT max(number) + 1, ?1 FROM bills", [me])
    });
    app.bug("begins at nothing if the counter cannot be read", Faults("returns Ok"), |db, _| {
        let n: i64 = db.query_row("SELECT n FROM counters WHERE name = 'views'", [], |row| row.get(0)).unwrap_or(0);
        db.execute("INSERT OR REPLACE INTO counters VALUES ('views', ?1)", [n + 1])
    })
    .fixed_by("with `?`", "begins at nothing if there is no counter");
    app.fine("begins at nothing if there is no counter", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let sql = "SELECT n FROM counters WHERE name = 'clicks'";
        let n: Option<i64> = tx.query_row(sql, [], |row| row.get(0)).optional()?;
        tx.execute("INSERT OR REPLACE INTO counters VALUES ('clicks', ?1)", [n.unwrap_or(0) + 1])?;
        tx.commit()
    });
    app.bug("counts a view and the total apart", Crash("half done"), |db, _| {
        db.execute("UPDATE counters SET n = n + 1 WHERE name = 'views'", [])?;
        db.execute("UPDATE counters SET n = n + 1 WHERE name = 'all'", [])
    });
    app.fine("counts a view if that is possible", |db, _| {
        let _ = db.execute("UPDATE counters SET n = n + 1 WHERE name = 'views'", []);
        Ok(())
    })
    .word(Word::MayIgnoreErrors);
    app.bug("returns its number from a statement that has not committed", Faults("changed nothing"), |db, me| {
        let sql = "INSERT INTO bills(number, text) SELECT max(number) + 1, ?1 FROM bills RETURNING number";
        db.query_row(sql, [me], |row| row.get::<_, i64>(0))
    });
    app.fix("run it in a transaction", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let sql = "INSERT INTO bills(number, text) SELECT max(number) + 1, ?1 FROM bills RETURNING number";
        let number = tx.query_row(sql, [me], |row| row.get::<_, i64>(0))?;
        tx.commit()?;
        Ok(number)
    });
    app
}

pub(super) fn votes() -> App {
    let mut app = App::new(
        "votes",
        "CREATE TABLE posts(id INTEGER PRIMARY KEY, likes INT NOT NULL DEFAULT 0); INSERT INTO posts(id) VALUES (1);
         CREATE TABLE likes(post INT NOT NULL, user TEXT NOT NULL, UNIQUE(post, user));",
    );
    app.bug("writes the number of likes that it has counted", Interleave("lost update"), |db, me| {
        db.execute("INSERT OR IGNORE INTO likes VALUES (1, ?1)", [me])?;
        let count: i64 = db.query_row("SELECT count(*) FROM likes WHERE post = 1", [], |row| row.get(0))?;
        db.execute("UPDATE posts SET likes = ?1 WHERE id = 1", [count])
    });
    app.fine("counts likes in one transaction", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT OR IGNORE INTO likes VALUES (1, ?1)", [me])?;
        tx.execute("UPDATE posts SET likes = (SELECT count(*) FROM likes WHERE post = 1) WHERE id = 1", [])?;
        tx.commit()
    });
    app.bug("unlikes in two commits", Crash("half done"), |db, _| {
        db.execute("INSERT INTO likes VALUES (1, 'zoe')", [])?;
        db.execute("UPDATE posts SET likes = likes + 1 WHERE id = 1", [])
    });
    app.fine("likes with a trigger", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        if tx.execute("INSERT OR IGNORE INTO likes VALUES (1, ?1)", [me])? == 1 {
            tx.execute("UPDATE posts SET likes = likes + 1 WHERE id = 1", [])?;
        }
        tx.commit()
    });
    app
}

pub(super) fn booking() -> App {
    let mut app = App::new(
        "booking",
        "CREATE TABLE bookings(id INTEGER PRIMARY KEY, room INT NOT NULL, first INT NOT NULL, last INT NOT NULL, who TEXT);
         CREATE TABLE shifts(doctor TEXT PRIMARY KEY, on_call INT NOT NULL);
         INSERT INTO shifts VALUES ('a', 1), ('b', 1);
         INSERT INTO bookings(room, first, last, who) VALUES (1, 1, 4, 'x');",
    );
    app.bug("books a room that is booked since", Interleave("write skew"), |db, me| {
        let sql = "SELECT 1 FROM bookings WHERE room = 1 AND first < 9 AND last > 6";
        if db.prepare(sql)?.exists([])? {
            return Ok(false);
        }
        db.execute("INSERT INTO bookings(room, first, last, who) VALUES (1, 6, 9, ?1)", [me])?;
        Ok(true)
    });
    app.fine("books a room if it is free", |db, me| {
        let sql = "INSERT INTO bookings(room, first, last, who) SELECT 1, 6, 9, ?1
                   WHERE NOT EXISTS (SELECT 1 FROM bookings WHERE room = 1 AND first < 9 AND last > 6)";
        Ok(db.execute(sql, [me])? == 1)
    });
    app.bug("lets nobody be on call", Interleave("write skew"), |db, me| {
        let count: i64 = db.query_row("SELECT count(*) FROM shifts WHERE on_call", [], |row| row.get(0))?;
        if count > 1 {
            db.execute("UPDATE shifts SET on_call = 0 WHERE doctor = ?1", [me])?;
        }
        Ok(())
    });
    app.fine("lets somebody be on call", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let count: i64 = tx.query_row("SELECT count(*) FROM shifts WHERE on_call", [], |row| row.get(0))?;
        if count > 1 {
            tx.execute("UPDATE shifts SET on_call = 0 WHERE doctor = ?1", [me])?;
        }
        tx.commit()
    });
    app.bug("lets a guest book more than three rooms", Interleave("write skew"), |db, _| {
        let count: i64 = db.query_row("SELECT count(*) FROM bookings WHERE who = 'x'", [], |row| row.get(0))?;
        if count >= 2 {
            return Ok(false);
        }
        let sql = "INSERT INTO bookings(room, first, last, who) VALUES (?1, 1, 2, 'x')";
        db.execute(sql, [count + 7])?;
        Ok(true)
    });
    app.bug("moves a booking by a delete and an insert", Crash("half done"), |db, _| {
        db.execute("DELETE FROM bookings WHERE who = 'x'", [])?;
        db.execute("INSERT INTO bookings(room, first, last, who) VALUES (2, 1, 4, 'x')", [])
    });
    app
}

pub(super) fn codes() -> App {
    let mut app = App::new(
        "codes",
        "CREATE TABLE codes(code TEXT PRIMARY KEY, user TEXT, used INT NOT NULL DEFAULT 0);
         CREATE TABLE logins(id INTEGER PRIMARY KEY, user TEXT, device TEXT); INSERT INTO codes VALUES ('123', 'ada', 0);
         CREATE TABLE hits(ip TEXT, at INT); INSERT INTO hits VALUES ('::2', 1);",
    );
    app.bug("lets a code be used twice", Interleave("stale read"), |db, me| {
        let sql = "SELECT user FROM codes WHERE code = '123' AND NOT used";
        let Some(user) = db.query_row(sql, [], |row| row.get::<_, String>(0)).optional()? else { return Ok(false) };
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE codes SET used = 1 WHERE code = '123'", [])?;
        tx.execute("INSERT INTO logins(user, device) VALUES (?1, ?2)", [&user, me])?;
        tx.commit()?;
        Ok(true)
    });
    app.fine("lets a code be used once", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let sql = "UPDATE codes SET used = 1 WHERE code = '123' AND NOT used RETURNING user";
        let Some(user) = tx.query_row(sql, [], |row| row.get::<_, String>(0)).optional()? else { return Ok(false) };
        tx.execute("INSERT INTO logins(user, device) VALUES (?1, ?2)", [&user, me])?;
        tx.commit()?;
        Ok(true)
    });
    app.bug("uses a code and logs in apart", Crash("half done"), |db, me| {
        if db.execute("UPDATE codes SET used = 1 WHERE code = '123' AND NOT used", [])? == 1 {
            db.execute("INSERT INTO logins(user, device) VALUES ('ada', ?1)", [me])?;
        }
        Ok(())
    });
    app.bug("lets more hits through than the limit", Interleave("write skew"), |db, _| {
        let count: i64 = db.query_row("SELECT count(*) FROM hits WHERE ip = '::1'", [], |row| row.get(0))?;
        if count >= 1 {
            return Ok(false);
        }
        db.execute("INSERT INTO hits VALUES ('::1', 5)", [])?;
        Ok(true)
    });
    app.bug("lets everybody in if it cannot count", Faults("another value"), |db, _| {
        let sql = "SELECT count(*) FROM hits WHERE ip = '::2'";
        let count = db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap_or_default();
        Ok(count < 1)
    })
    .only_reads();
    app.fix("with `?`", |db, _| {
        let sql = "SELECT count(*) FROM hits WHERE ip = '::2'";
        db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|count| count < 1)
    });
    app
}
