//! Work that is handed out and done: queues, leases, outboxes, batches, retries.

use sqlitmus::crash;
use sqlitmus::rusqlite::TransactionBehavior::Immediate;
use sqlitmus::rusqlite::{Connection, ErrorCode, OptionalExtension, Result, params};

use super::app::Finds::{Crash, Faults, Interleave};
use super::app::{App, Word};

fn next_job(db: &Connection) -> Result<Option<i64>> {
    db.query_row("SELECT id FROM jobs WHERE state = 'ready' ORDER BY id LIMIT 1", [], |row| row.get(0)).optional()
}

pub(super) fn queue() -> App {
    let mut app = App::new(
        "queue",
        "CREATE TABLE jobs(id INTEGER PRIMARY KEY, state TEXT NOT NULL DEFAULT 'ready', worker TEXT, tries INT DEFAULT 0);
         CREATE TABLE results(job INT PRIMARY KEY, text TEXT);
         INSERT INTO jobs(id) VALUES (1), (2), (3);",
    );
    app.bug("claims a job that is claimed already", Interleave("lost update"), |db, me| {
        let Some(id) = next_job(db)? else { return Ok(None) };
        db.execute("UPDATE jobs SET state = 'running', worker = ?2 WHERE id = ?1", params![id, me])?;
        Ok(Some(id))
    });
    app.bug("claims in a transaction that begins with a read", Interleave("SQLITE_BUSY"), |db, me| {
        let tx = db.transaction()?;
        let Some(id) = next_job(&tx)? else { return Ok(None) };
        tx.execute("UPDATE jobs SET state = 'running', worker = ?2 WHERE id = ?1", params![id, me])?;
        tx.commit()?;
        Ok(Some(id))
    });
    app.fine("claims in a write transaction", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let Some(id) = next_job(&tx)? else { return Ok(None) };
        tx.execute("UPDATE jobs SET state = 'running', worker = ?2 WHERE id = ?1", params![id, me])?;
        tx.commit()?;
        Ok(Some(id))
    });
    app.fine("claims by comparing and setting", |db, me| {
        while let Some(id) = next_job(db)? {
            let sql = "UPDATE jobs SET state = 'running', worker = ?2 WHERE id = ?1 AND state = 'ready'";
            if db.execute(sql, params![id, me])? == 1 {
                return Ok(Some(id));
            }
        }
        Ok(None)
    });
    app.bug("says that there is no job if it cannot look", Faults("returns"), |db, me| {
        let id = next_job(db).unwrap_or(None);
        if let Some(id) = id {
            db.execute("UPDATE jobs SET worker = ?2 WHERE id = ?1", params![id, me])?;
        }
        Ok(id)
    });
    app.fix("with `?`", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let Some(id) = next_job(&tx)? else { return Ok(None) };
        tx.execute("UPDATE jobs SET state = 'taken', worker = ?2 WHERE id = ?1", params![id, me])?;
        tx.commit()?;
        Ok(Some(id))
    });
    app.bug("finishes a job in two commits", Crash("half done"), |db, me| {
        let id = i64::from(me == "b") + 1;
        db.execute("UPDATE jobs SET state = 'done' WHERE id = ?1", [id])?;
        db.execute("INSERT INTO results VALUES (?1, 'fine')", [id])
    });
    app.fine("finishes a job in one commit", |db, me| {
        let id = i64::from(me == "b") + 1;
        let tx = db.transaction()?;
        tx.execute("UPDATE jobs SET state = 'done' WHERE id = ?1", [id])?;
        tx.execute("INSERT INTO results VALUES (?1, 'fine')", [id])?;
        tx.commit()
    });
    app.bug("counts tries that it has read", Interleave("lost update"), |db, _| {
        let tries: i64 = db.query_row("SELECT tries FROM jobs WHERE id = 2", [], |row| row.get(0))?;
        db.execute("UPDATE jobs SET tries = ?1 WHERE id = 2", [tries + 1])
    });
    app.fine("counts tries in SQL", |db, _| db.execute("UPDATE jobs SET tries = tries + 1 WHERE id = 2", []));
    app.fine("works until no job is left", |db, me| {
        let mut done = 0;
        loop {
            let tx = db.transaction_with_behavior(Immediate)?;
            let Some(id) = next_job(&tx)? else { return Ok(()) };
            tx.execute("UPDATE jobs SET state = 'done', worker = ?2 WHERE id = ?1", params![id, me])?;
            tx.commit()?;
            done += 1;
            assert!(done < 10);
        }
    })
    .word(Word::Resumes)
    .word(Word::EachTransaction);
    app.bug("works until no job is left, and marks them afterwards", Crash("run again"), |db, me| {
        while let Some(id) = next_job(db)? {
            db.execute("INSERT INTO results VALUES (?1, ?2)", params![id, me])?;
            db.execute("UPDATE jobs SET state = 'done' WHERE id = ?1", [id])?;
        }
        Ok(())
    })
    .word(Word::Resumes)
    .fixed_by("in the transaction that does it", "works until no job is left");
    app
}

pub(super) fn lease() -> App {
    let mut app = App::new(
        "lease",
        "CREATE TABLE leases(name TEXT PRIMARY KEY, holder TEXT, until INT NOT NULL);
         INSERT INTO leases VALUES ('mailer', NULL, 0), ('cleaner', 'a', 50);",
    );
    app.bug("takes a lease that it has seen free", Interleave("lost update"), |db, me| {
        let until: i64 = db.query_row("SELECT until FROM leases WHERE name = 'mailer'", [], |row| row.get(0))?;
        if until > 100 {
            return Ok(false);
        }
        db.execute("UPDATE leases SET holder = ?1, until = 160 WHERE name = 'mailer'", [me])?;
        Ok(true)
    });
    app.fine("takes a lease if it is free", |db, me| {
        let sql = "UPDATE leases SET holder = ?1, until = 160 WHERE name = 'mailer' AND until <= 100";
        Ok(db.execute(sql, [me])? == 1)
    });
    app.bug("renews a lease that another has taken since", Interleave("lost update"), |db, _| {
        let holder: String = db.query_row("SELECT holder FROM leases WHERE name = 'cleaner'", [], |row| row.get(0))?;
        if holder != "a" {
            return Ok(false);
        }
        db.execute("UPDATE leases SET until = 200, holder = 'a' WHERE name = 'cleaner'", [])?;
        Ok(true)
    })
    .against(|db, _| {
        let sql = "UPDATE leases SET until = 220, holder = 'b' WHERE name = 'cleaner' AND until < 100";
        Ok(db.execute(sql, [])? == 1)
    });
    app.fine("renews a lease that it still holds", |db, _| {
        Ok(db.execute("UPDATE leases SET until = 200 WHERE name = 'cleaner' AND holder = 'a'", [])? == 1)
    })
    .against(|db, _| {
        let sql = "UPDATE leases SET until = 220, holder = 'b' WHERE name = 'cleaner' AND until < 100";
        Ok(db.execute(sql, [])? == 1)
    });
    app.bug("returns the lease of another", Interleave("lost update"), |db, _| {
        let holder: Option<String> =
            db.query_row("SELECT holder FROM leases WHERE name = 'cleaner'", [], |row| row.get(0))?;
        if holder.as_deref() == Some("a") {
            db.execute("UPDATE leases SET holder = NULL, until = 0 WHERE name = 'cleaner'", [])?;
        }
        Ok(())
    })
    .against(|db, _| db.execute("UPDATE leases SET holder = 'b', until = 300 WHERE name = 'cleaner'", []));
    app.bug("takes a lease and frees the old one apart", Crash("half done"), |db, me| {
        db.execute("UPDATE leases SET holder = ?1, until = 160 WHERE name = 'mailer'", [me])?;
        db.execute("UPDATE leases SET holder = NULL, until = 0 WHERE name = 'cleaner'", [])
    });
    app
}

pub(super) fn outbox() -> App {
    let mut app = App::new(
        "outbox",
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, product TEXT NOT NULL);
         CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL, sent INT NOT NULL DEFAULT 0);
         INSERT INTO outbox(text) VALUES ('welcome'), ('bill');",
    );
    app.bug("orders in one commit and tells in another", Crash("half done"), |db, _| {
        db.execute("INSERT INTO orders(product) VALUES ('tea')", [])?;
        db.execute("INSERT INTO outbox(text) VALUES ('tea is ordered')", [])
    });
    app.fine("orders and tells in one commit", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO orders(product) VALUES ('tea')", [])?;
        tx.execute("INSERT INTO outbox(text) VALUES ('tea is ordered')", [])?;
        tx.commit()
    });
    app.bug("marks a mail as sent and then sends it", Crash("never made up for"), |db, _| {
        let id: Option<i64> =
            db.query_row("SELECT id FROM outbox WHERE NOT sent LIMIT 1", [], |row| row.get(0)).optional()?;
        if let Some(id) = id {
            db.execute("UPDATE outbox SET sent = 1 WHERE id = ?1", [id])?;
            crash::acknowledge();
        }
        Ok(())
    })
    .fixed_by("after it was sent", "sends the mails and then marks them");
    app.fine("sends the mails and then marks them", |db, _| {
        let ids: Vec<i64> = db
            .prepare("SELECT id FROM outbox WHERE NOT sent")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_>>()?;
        crash::acknowledge();
        let tx = db.transaction_with_behavior(Immediate)?;
        for id in ids {
            tx.execute("UPDATE outbox SET sent = 1 WHERE id = ?1", [id])?;
        }
        tx.commit()
    });
    app.bug("two relays send the same mail", Interleave("lost update"), |db, _| {
        let id: Option<i64> =
            db.query_row("SELECT min(id) FROM outbox WHERE NOT sent", [], |row| row.get(0)).optional()?;
        db.execute("UPDATE outbox SET sent = 1 WHERE id = ?1", [id])?;
        Ok(id)
    });
    app.fine("each relay takes its own mail", |db, _| {
        let sql = "UPDATE outbox SET sent = 1 WHERE id = (SELECT min(id) FROM outbox WHERE NOT sent) RETURNING id";
        let tx = db.transaction_with_behavior(Immediate)?;
        let id: Option<i64> = tx.query_row(sql, [], |row| row.get(0)).optional()?;
        tx.commit()?;
        Ok(id)
    });
    app.bug("empties the outbox of what it has not sent", Interleave("lost update"), |db, _| {
        let texts: Vec<String> =
            db.prepare("SELECT text FROM outbox")?.query_map([], |row| row.get(0))?.collect::<Result<_>>()?;
        db.execute("DELETE FROM outbox", [])?;
        Ok(texts)
    })
    .against(|db, _| db.execute("INSERT INTO outbox(text) VALUES ('reminder')", []));
    app.fine("deletes what it has sent", |db, _| {
        let mails: Vec<(i64, String)> = db
            .prepare("SELECT id, text FROM outbox")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_>>()?;
        let last = mails.iter().map(|(id, _)| *id).max();
        db.execute("DELETE FROM outbox WHERE id <= ?1", [last])?;
        Ok(mails)
    })
    .against(|db, _| db.execute("INSERT INTO outbox(text) VALUES ('reminder')", []));
    app
}

pub(super) fn batch() -> App {
    let mut app = App::new(
        "batch",
        "CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT NOT NULL, points INT NOT NULL DEFAULT 0, mail TEXT);
         CREATE TABLE progress(job TEXT PRIMARY KEY, last INT NOT NULL);
         INSERT INTO people(name) VALUES ('Ada'), ('Bob'), ('Cy'), ('Dee');
         INSERT INTO progress VALUES ('points', 0);",
    );
    app.bug("gives points page by page and remembers apart", Crash("run again"), |db, _| {
        loop {
            let last: i64 = db.query_row("SELECT last FROM progress WHERE job = 'points'", [], |row| row.get(0))?;
            let sql = "UPDATE people SET points = points + 5 WHERE id > ?1 AND id <= ?1 + 2";
            if db.execute(sql, [last])? == 0 {
                return Ok(());
            }
            db.execute("UPDATE progress SET last = last + 2 WHERE job = 'points'", [])?;
        }
    })
    .word(Word::Resumes)
    .fixed_by("in the transaction that does it", "gives points page by page and remembers at once");
    app.bug("remembers a page before it gives the points", Crash("run again"), |db, _| {
        for last in [0, 2] {
            let done: i64 = db.query_row("SELECT last FROM progress", [], |row| row.get(0))?;
            if done > last {
                continue;
            }
            db.execute("UPDATE progress SET last = ?1 + 2", [last])?;
            db.execute("UPDATE people SET points = points + 5 WHERE id > ?1 AND id <= ?1 + 2", [last])?;
        }
        Ok(())
    })
    .word(Word::Resumes)
    .fixed_by("in the transaction that does it", "gives points page by page and remembers at once");
    app.fine("gives points page by page and remembers at once", |db, _| {
        loop {
            let tx = db.transaction_with_behavior(Immediate)?;
            let last: i64 = tx.query_row("SELECT last FROM progress WHERE job = 'points'", [], |row| row.get(0))?;
            let sql = "UPDATE people SET points = points + 5 WHERE id > ?1 AND id <= ?1 + 2";
            if tx.execute(sql, [last])? == 0 {
                return Ok(());
            }
            tx.execute("UPDATE progress SET last = last + 2 WHERE job = 'points'", [])?;
            tx.commit()?;
        }
    })
    .word(Word::Resumes);
    app.fine("lowers mails that are not lower yet", |db, _| {
        while db.execute(
            "UPDATE people SET mail = lower(name) || '@example.org'
             WHERE id IN (SELECT id FROM people WHERE mail IS NULL LIMIT 2)",
            [],
        )? > 0
        {}
        Ok(())
    })
    .word(Word::Resumes);
    app.bug("exports the rows that it can read", Faults("returns"), |db, _| {
        let mut people = db.prepare("SELECT name FROM people")?;
        let names: Vec<String> = people.query_map([], |row| row.get(0))?.filter_map(Result::ok).collect();
        Ok(names)
    })
    .fixed_by("with `?`", "exports all rows")
    .only_reads();
    app.fine("exports all rows", |db, _| {
        let mut people = db.prepare("SELECT name FROM people")?;
        people.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>>>()
    })
    .only_reads();
    app.bug("reports a total of another time", Interleave("read skew"), |db, _| {
        let count: i64 = db.query_row("SELECT count(*) FROM people WHERE points = 0", [], |row| row.get(0))?;
        let rest: i64 = db.query_row("SELECT count(*) FROM people WHERE points > 0", [], |row| row.get(0))?;
        Ok((count, rest))
    })
    .against(|db, _| db.execute("UPDATE people SET points = 1 WHERE id = 1", []))
    .only_reads();
    app.fine("reports a total of one time", |db, _| {
        let tx = db.transaction()?;
        let count: i64 = tx.query_row("SELECT count(*) FROM people WHERE points = 0", [], |row| row.get(0))?;
        let rest: i64 = tx.query_row("SELECT count(*) FROM people WHERE points > 0", [], |row| row.get(0))?;
        tx.commit()?;
        Ok((count, rest))
    })
    .against(|db, _| db.execute("UPDATE people SET points = 1 WHERE id = 1", []))
    .only_reads();
    app.bug("imports lines and counts those that went well", Faults("returns Ok"), |db, _| {
        let mut count = 0;
        for name in ["Eve", "Flo"] {
            if db.execute("INSERT INTO people(name) VALUES (?1)", [name]).is_ok() {
                count += 1;
            }
        }
        Ok(count)
    })
    .fixed_by("with `?`", "imports all lines or none");
    app.fine("imports all lines or none", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        for name in ["Eve", "Flo"] {
            tx.execute("INSERT INTO people(name) VALUES (?1)", [name])?;
        }
        tx.commit()
    });
    app
}

fn post(db: &Connection) -> Result<()> {
    db.execute("UPDATE totals SET amount = amount + 10", [])?;
    db.execute("INSERT INTO posts(amount) VALUES (10)", []).map(drop)
}

fn is_busy(error: &sqlitmus::rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

pub(super) fn retries() -> App {
    let mut app = App::new(
        "retries",
        "CREATE TABLE totals(amount INT NOT NULL); INSERT INTO totals VALUES (0);
         CREATE TABLE posts(id INTEGER PRIMARY KEY, amount INT NOT NULL);",
    );
    app.bug("posts again when the commit is refused", Faults("goes on after"), |db, _| {
        db.execute_batch("BEGIN")?;
        post(db)?;
        if db.execute_batch("COMMIT").is_err() {
            post(db)?;
            db.execute_batch("COMMIT")?;
        }
        Ok(())
    })
    .fixed_by("with `?`", "catches a refused commit and rolls back");
    app.bug("begins again without a rollback", Faults("leaves a transaction open"), |db, _| {
        let all = |db: &Connection| {
            db.execute_batch("BEGIN IMMEDIATE")?;
            post(db)?;
            db.execute_batch("COMMIT")
        };
        match all(db) {
            Err(error) if is_busy(&error) => all(db),
            result => result,
        }
    })
    .fixed_by("ROLLBACK", "catches a refused commit and rolls back");
    app.fine("runs the whole transaction again", |db, _| {
        let mut tries = 0;
        loop {
            let all = |db: &mut Connection| {
                let tx = db.transaction_with_behavior(Immediate)?;
                post(&tx)?;
                tx.commit()
            };
            tries += 1;
            match all(db) {
                Err(error) if is_busy(&error) && tries < 5 => {}
                result => return result,
            }
        }
    });
    app.bug("repeats both inserts when the second is refused", Faults("returns Ok"), |db, _| {
        let both = |db: &Connection| post(db);
        both(db).or_else(|_| both(db))
    })
    .fixed_by("with `?`", "runs the whole transaction again");
    app.bug("gives up without a word", Faults("changed nothing"), |db, _| {
        for _ in 0..3 {
            let tx = db.transaction_with_behavior(Immediate);
            let Ok(tx) = tx else { continue };
            if post(&tx).is_ok() && tx.commit().is_ok() {
                break;
            }
        }
        Ok(())
    })
    .fixed_by("with `?`", "tells the last error");
    app.fine("tells the last error", |db, _| {
        let mut last = Ok(());
        for _ in 0..3 {
            let tx = db.transaction_with_behavior(Immediate)?;
            last = post(&tx).and_then(|()| tx.commit());
            if last.is_ok() {
                break;
            }
        }
        last
    });
    app.fine("waits for ever for a lock that clears", |db, _| {
        loop {
            match db.transaction_with_behavior(Immediate) {
                Err(error) if is_busy(&error) => {}
                Err(error) => return Err(error),
                Ok(tx) => {
                    post(&tx)?;
                    return tx.commit();
                }
            }
        }
    });
    app.fine("catches a refused commit and rolls back", |db, _| {
        db.execute_batch("BEGIN IMMEDIATE")?;
        let done = post(db).and_then(|()| db.execute_batch("COMMIT"));
        if done.is_err() && !db.is_autocommit() {
            db.execute_batch("ROLLBACK")?;
        }
        done
    });
    app
}
