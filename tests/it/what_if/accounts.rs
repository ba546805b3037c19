//! Accounts and what they may do: subscriptions, coupons, refunds, keys with quotas, seats that are held.

use sqlitmus::crash;
use sqlitmus::rusqlite::TransactionBehavior::Immediate;
use sqlitmus::rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use super::app::App;
use super::app::Finds::{Crash, Faults, Interleave};

pub(super) fn subscriptions() -> App {
    let mut app = App::new(
        "subscriptions",
        "CREATE TABLE subs(id INTEGER PRIMARY KEY, plan TEXT, until INT NOT NULL, renewals INT NOT NULL DEFAULT 0);
         CREATE TABLE charges(id INTEGER PRIMARY KEY, sub INT NOT NULL, period INT NOT NULL);
         INSERT INTO subs(id, plan, until) VALUES (1, 'gold', 10), (2, 'tin', 10);",
    );
    app.bug("extends what it has read", Interleave("lost update"), |db, _| {
        let until: i64 = db.query_row("SELECT until FROM subs WHERE id = 1", [], |row| row.get(0))?;
        db.execute("UPDATE subs SET until = ?1 WHERE id = 1", [until + 30])
    });
    app.fine("extends in SQL", |db, _| db.execute("UPDATE subs SET until = until + 30 WHERE id = 1", []));
    app.bug("charges and extends apart", Crash("half done"), |db, me| {
        let id = i64::from(me == "b") + 1;
        db.execute("INSERT INTO charges(sub, period) SELECT id, until FROM subs WHERE id = ?1", [id])?;
        db.execute("UPDATE subs SET until = until + 30 WHERE id = ?1", [id])
    });
    app.bug("charges a period twice", Interleave("write skew"), |db, _| {
        let sql = "SELECT count(*) FROM charges WHERE sub = 1 AND period = 10";
        if db.query_row(sql, [], |row| row.get::<_, i64>(0))? == 0 {
            db.execute("INSERT INTO charges(sub, period) VALUES (1, 10)", [])?;
        }
        Ok(())
    });
    app.fine("charges a period once", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let there = tx.query_row("SELECT 1 FROM charges WHERE sub = 1 AND period = 10", [], |_| Ok(())).optional()?;
        if there.is_none() {
            tx.execute("INSERT INTO charges(sub, period) VALUES (1, 10)", [])?;
            tx.execute("UPDATE subs SET until = 40 WHERE id = 1", [])?;
        }
        tx.commit()
    });
    app.bug("says that a plan is over if it cannot be read", Faults("another value"), |db, _| {
        let until = db.query_row("SELECT until FROM subs WHERE id = 2", [], |row| row.get::<_, i64>(0));
        Ok(until.is_ok_and(|until| until > 5))
    })
    .only_reads();
    app.fix("with `?`", |db, _| {
        Ok(db.query_row("SELECT until FROM subs WHERE id = 2", [], |row| row.get::<_, i64>(0))? > 5)
    });
    app
}

pub(super) fn coupons() -> App {
    let mut app = App::new(
        "coupons",
        "CREATE TABLE coupons(code TEXT PRIMARY KEY, uses_left INT NOT NULL CHECK(uses_left >= 0));
         CREATE TABLE redeemed(code TEXT, who TEXT, PRIMARY KEY(code, who));
         INSERT INTO coupons VALUES ('HALF', 1), ('FREE', 5);",
    );
    app.bug("redeems the last use twice", Interleave("fails only because"), |db, me| {
        let left: i64 = db.query_row("SELECT uses_left FROM coupons WHERE code = 'HALF'", [], |row| row.get(0))?;
        if left == 0 {
            return Ok(false);
        }
        db.execute("UPDATE coupons SET uses_left = uses_left - 1 WHERE code = 'HALF'", [])?;
        let _ = me;
        Ok(true)
    });
    app.fine("redeems by comparing and setting", |db, _| {
        let sql = "UPDATE coupons SET uses_left = uses_left - 1 WHERE code = 'HALF' AND uses_left > 0";
        Ok(db.execute(sql, [])? == 1)
    });
    app.bug("puts back what it has read after its commit", Interleave("lost update"), |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE coupons SET uses_left = uses_left - 1 WHERE code = 'FREE' AND uses_left > 0", [])?;
        tx.execute("INSERT INTO redeemed VALUES ('FREE', ?1)", [me])?;
        tx.commit()?;
        let left: i64 = db.query_row("SELECT uses_left FROM coupons WHERE code = 'FREE'", [], |row| row.get(0))?;
        db.execute("UPDATE coupons SET uses_left = max(?1, 1) WHERE code = 'FREE'", [left])
    });
    app.fine("takes a use and notes who has it", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let taken =
            tx.execute("UPDATE coupons SET uses_left = uses_left - 1 WHERE code = 'FREE' AND uses_left > 0", [])?;
        if taken == 1 {
            tx.execute("INSERT INTO redeemed VALUES ('FREE', ?1)", [me])?;
        }
        tx.commit()?;
        Ok(taken == 1)
    });
    app.bug("goes on when it is redeemed already", Faults("returns Ok"), |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        if tx.execute("INSERT INTO redeemed VALUES ('FREE', ?1)", [me]).is_ok() {
            tx.execute("UPDATE coupons SET uses_left = uses_left - 1 WHERE code = 'FREE'", [])?;
        }
        tx.commit()
    })
    .fixed_by("return the error of every statement", "tells a second redemption from an error");
    app.fine("tells a second redemption from an error", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        match tx.execute("INSERT INTO redeemed VALUES ('FREE', ?1)", [me]) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => return Ok(false),
            done => done?,
        };
        tx.execute("UPDATE coupons SET uses_left = uses_left - 1 WHERE code = 'FREE'", [])?;
        tx.commit()?;
        Ok(true)
    });
    app
}

pub(super) fn refunds() -> App {
    let mut app = App::new(
        "refunds",
        "CREATE TABLE payments(id INTEGER PRIMARY KEY, cents INT NOT NULL, refunded INT NOT NULL DEFAULT 0);
         CREATE TABLE outgoing(id INTEGER PRIMARY KEY, payment INT NOT NULL, cents INT NOT NULL, sent INT DEFAULT 0);
         INSERT INTO payments(id, cents) VALUES (1, 500), (2, 900);
         INSERT INTO outgoing(payment, cents) VALUES (2, 100);",
    );
    app.bug("tells the customer before it is noted", Crash("acknowledged"), |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE payments SET refunded = 200 WHERE id = 1", [])?;
        tx.execute("INSERT INTO outgoing(payment, cents) VALUES (1, 200)", [])?;
        crash::acknowledge();
        tx.commit()
    });
    app.fix("after the commit has returned", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE payments SET refunded = 200 WHERE id = 1", [])?;
        tx.execute("INSERT INTO outgoing(payment, cents) VALUES (1, 200)", [])?;
        tx.commit()?;
        crash::acknowledge();
        Ok(())
    });
    app.bug("marks as sent and sends then", Crash("never made up for"), |db, _| {
        if db.execute("UPDATE outgoing SET sent = 1 WHERE sent = 0", [])? > 0 {
            crash::acknowledge();
        }
        Ok(())
    });
    app.fix("mark as done after", |db, _| {
        if db.query_row("SELECT count(*) FROM outgoing WHERE sent = 0", [], |row| row.get::<_, i64>(0))? > 0 {
            crash::acknowledge();
            db.execute("UPDATE outgoing SET sent = 1 WHERE sent = 0", [])?;
        }
        Ok(())
    });
    app.bug("leaves its transaction when there is nothing to refund", Faults("transaction open"), |db, _| {
        db.execute_batch("BEGIN IMMEDIATE")?;
        let left: i64 = db.query_row("SELECT cents - refunded FROM payments WHERE id = 1", [], |row| row.get(0))?;
        db.execute("UPDATE payments SET refunded = refunded + ?1 WHERE id = 1", [left])?;
        db.execute_batch("COMMIT")
    });
    app.fix("every error needs its ROLLBACK", |db, _| {
        db.execute_batch("BEGIN IMMEDIATE")?;
        let done = db
            .query_row("SELECT cents - refunded FROM payments WHERE id = 1", [], |row| row.get::<_, i64>(0))
            .and_then(|left| db.execute("UPDATE payments SET refunded = refunded + ?1 WHERE id = 1", [left]))
            .and_then(|_| db.execute_batch("COMMIT"));
        if done.is_err() && !db.is_autocommit() {
            db.execute_batch("ROLLBACK")?;
        }
        done
    });
    app.bug("checks what is left outside of the transaction", Interleave("write skew"), |db, me| {
        let sql = "SELECT cents - (SELECT total(cents) FROM outgoing WHERE payment = 1) FROM payments WHERE id = 1";
        let left: f64 = db.query_row(sql, [], |row| row.get(0))?;
        if left >= 300.0 {
            db.execute("INSERT INTO outgoing(payment, cents, sent) VALUES (1, 300, ?1)", [me])?;
        }
        Ok(())
    });
    app
}

pub(super) fn quotas() -> App {
    let mut app = App::new(
        "quotas",
        "CREATE TABLE keys(name TEXT PRIMARY KEY, calls INT NOT NULL DEFAULT 0, most INT NOT NULL);
         CREATE TABLE calls(id INTEGER PRIMARY KEY, key TEXT, path TEXT);
         INSERT INTO keys(name, most) VALUES ('k', 1), ('l', 9);",
    );
    app.bug("counts the calls and notes one more", Interleave("write skew"), |db, me| {
        let made: i64 = db.query_row("SELECT count(*) FROM calls WHERE key = 'k'", [], |row| row.get(0))?;
        if made < 1 {
            db.execute("INSERT INTO calls(key, path) VALUES ('k', ?1)", [me])?;
        }
        Ok(())
    });
    app.fine("notes a call if there is room", |db, me| {
        let sql = "INSERT INTO calls(key, path) SELECT 'k', ?1 WHERE (SELECT count(*) FROM calls WHERE key = 'k') < 1";
        Ok(db.execute(sql, [me])? == 1)
    });
    app.bug("tries to begin again without a rollback", Faults("does not end"), |db, me| {
        while db.execute_batch("BEGIN IMMEDIATE; UPDATE keys SET calls = calls + 1 WHERE name = 'l'; COMMIT").is_err() {
        }
        let _ = me;
        Ok(())
    })
    .fixed_by("then return the error", "counts a call once");
    app.fine("counts a call once", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE keys SET calls = calls + 1 WHERE name = 'l'", [])?;
        tx.commit()
    });
    app.bug("counts in a table that it makes for itself", Faults("connection changed"), |db, _| {
        db.execute_batch("CREATE TEMP TABLE seen AS SELECT name FROM keys")?;
        db.execute("UPDATE keys SET calls = calls + 1 WHERE name IN (SELECT name FROM temp.seen)", [])?;
        db.execute_batch("DROP TABLE temp.seen")
    })
    .fixed_by("set it back on the way of every error", "drops its table in any case");
    app.fine("drops its table in any case", |db, _| {
        db.execute_batch("DROP TABLE IF EXISTS temp.seen; CREATE TEMP TABLE seen AS SELECT name FROM keys")?;
        let sql = "UPDATE keys SET calls = calls + 1 WHERE name IN (SELECT name FROM temp.seen)";
        let done = db.execute(sql, []);
        let dropped = db.execute_batch("DROP TABLE temp.seen").or_else(|_| db.execute_batch("DROP TABLE temp.seen"));
        done.and_then(|done| dropped.map(|()| done))
    });
    app
}

pub(super) fn holds() -> App {
    let mut app = App::new(
        "holds",
        "CREATE TABLE seats(id INTEGER PRIMARY KEY, held_by TEXT, until INT NOT NULL DEFAULT 0, sold_to TEXT);
         CREATE TABLE log(line TEXT);
         INSERT INTO seats(id) VALUES (1), (2);",
    );
    app.bug("holds a seat that was free a moment ago", Interleave("lost update"), |db, me| {
        let free = db.query_row("SELECT id FROM seats WHERE held_by IS NULL", [], |row| row.get::<_, i64>(0));
        let Some(id) = free.optional()? else { return Ok(0) };
        db.execute("UPDATE seats SET held_by = ?2, until = 5 WHERE id = ?1", params![id, me])?;
        Ok(id)
    });
    app.fine("holds a free seat in one statement", |db, me| {
        let sql = "UPDATE seats SET held_by = ?1, until = 5
                    WHERE id = (SELECT min(id) FROM seats WHERE held_by IS NULL) AND held_by IS NULL";
        db.execute(sql, [me])
    });
    app.bug("turns over a hold that it has read before", Interleave("stale read"), |db, me| {
        let held: Option<String> = db.query_row("SELECT held_by FROM seats WHERE id = 1", [], |row| row.get(0))?;
        match held {
            Some(_) => db.execute("UPDATE seats SET held_by = NULL WHERE id = 1", [])?,
            None => db.execute("UPDATE seats SET held_by = ?1 WHERE id = 1", [me])?,
        };
        db.execute("INSERT INTO log SELECT ?1 || ' ' || ifnull(held_by, '-') FROM seats WHERE id = 1", [me])
    });
    app.bug("writes the log first and apart", Crash("half done"), |db, me| {
        db.execute("INSERT INTO log VALUES ('sold to ' || ?1)", [me])?;
        let id = i64::from(me == "b") + 1;
        db.execute("UPDATE seats SET sold_to = ?2 WHERE id = ?1 AND sold_to IS NULL", params![id, me])
    });
    app.fine("sells and writes the log at once", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let id = i64::from(me == "b") + 1;
        tx.execute("UPDATE seats SET sold_to = ?2 WHERE id = ?1 AND sold_to IS NULL", params![id, me])?;
        tx.execute("INSERT INTO log VALUES ('sold to ' || ?1)", [me])?;
        tx.commit()
    });
    app.bug("tries twice and logs each time", Faults("made other changes"), |db, me| {
        let sell = |db: &mut Connection| {
            db.execute("INSERT INTO log VALUES ('try by ' || ?1)", [me])?;
            db.execute("UPDATE seats SET sold_to = ?1 WHERE id = 1", [me])
        };
        sell(db).or_else(|_| sell(db))
    })
    .fixed_by("return the error of every statement", "sells and writes the log at once");
    app
}
