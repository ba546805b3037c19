//! Scheduled jobs, undo logs, idempotency keys, statistics by the hour.

use sqlitmus::crash;
use sqlitmus::rusqlite::TransactionBehavior::Immediate;
use sqlitmus::rusqlite::{Connection, OptionalExtension, Result, params};

use super::app::Finds::{Crash, Faults, Interleave};
use super::app::{App, Word};

pub(super) fn schedule() -> App {
    let mut app = App::new(
        "schedule",
        "CREATE TABLE tasks(name TEXT PRIMARY KEY, due INT NOT NULL, every INT NOT NULL, enabled INT NOT NULL DEFAULT 1);
         CREATE TABLE runs(id INTEGER PRIMARY KEY, task TEXT NOT NULL, due INT NOT NULL);
         INSERT INTO tasks VALUES ('backup', 10, 5, 1), ('report', 40, 10, 1);",
    );
    app.bug("starts a task and moves its time apart", Crash("half done"), |db, _| {
        db.execute("INSERT INTO runs(task, due) SELECT name, due FROM tasks WHERE due <= 10", [])?;
        db.execute("UPDATE tasks SET due = due + every WHERE due <= 10", [])
    });
    app.fix("one transaction", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO runs(task, due) SELECT name, due FROM tasks WHERE due <= 10", [])?;
        tx.execute("UPDATE tasks SET due = due + every WHERE due <= 10", [])?;
        tx.commit()
    });
    app.bug("two schedulers start the same task", Interleave("stale read"), |db, _| {
        let due: Option<i64> = db
            .query_row("SELECT due FROM tasks WHERE name = 'backup' AND due <= 10", [], |row| row.get(0))
            .optional()?;
        let Some(due) = due else { return Ok(()) };
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO runs(task, due) VALUES ('backup', ?1)", [due])?;
        tx.execute("UPDATE tasks SET due = due + every WHERE name = 'backup'", [])?;
        tx.commit()
    });
    app.fix("BEGIN IMMEDIATE", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let sql = "UPDATE tasks SET due = due + every WHERE name = 'backup' AND due <= 10";
        if tx.execute(sql, [])? == 1 {
            tx.execute("INSERT INTO runs(task, due) VALUES ('backup', 10)", [])?;
        }
        tx.commit()
    });
    app.bug("starts a task that was disabled since", Interleave("write skew"), |db, _| {
        let names: Vec<String> = db
            .prepare("SELECT name FROM tasks WHERE enabled AND due <= 50")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_>>()?;
        let tx = db.transaction_with_behavior(Immediate)?;
        for name in names {
            tx.execute("INSERT INTO runs(task, due) VALUES (?1, 50)", [name])?;
        }
        tx.commit()
    })
    .against(|db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let runs: i64 = tx.query_row("SELECT count(*) FROM runs WHERE task = 'report'", [], |row| row.get(0))?;
        tx.execute("UPDATE tasks SET enabled = 0 WHERE name = 'report'", [])?;
        tx.commit()?;
        Ok(runs)
    });
    app.fix("BEGIN IMMEDIATE", |db, _| {
        db.execute("INSERT INTO runs(task, due) SELECT name, 50 FROM tasks WHERE enabled AND due <= 50", [])
    });
    app.bug("catches up run by run and moves the time at the end", Crash("run again"), |db, _| {
        let due: i64 = db.query_row("SELECT due FROM tasks WHERE name = 'backup'", [], |row| row.get(0))?;
        for due in (due..=25).step_by(5) {
            db.execute("INSERT INTO runs(task, due) VALUES ('backup', ?1)", [due])?;
        }
        db.execute("UPDATE tasks SET due = 30 WHERE name = 'backup'", [])
    })
    .word(Word::Resumes);
    app.fix("in the transaction that does it", |db, _| {
        loop {
            let tx = db.transaction_with_behavior(Immediate)?;
            let due: i64 = tx.query_row("SELECT due FROM tasks WHERE name = 'backup'", [], |row| row.get(0))?;
            if due > 25 {
                return Ok(());
            }
            tx.execute("INSERT INTO runs(task, due) VALUES ('backup', ?1)", [due])?;
            tx.execute("UPDATE tasks SET due = due + every WHERE name = 'backup'", [])?;
            tx.commit()?;
        }
    });
    app.bug("runs a task whose time it cannot read", Faults("Ok"), |db, _| {
        let due: i64 =
            db.query_row("SELECT due FROM tasks WHERE name = 'report'", [], |row| row.get(0)).unwrap_or_default();
        if due <= 10 {
            db.execute("INSERT INTO runs(task, due) VALUES ('report', ?1)", [due])?;
        }
        Ok(())
    });
    app.fix("with `?`", |db, _| {
        db.execute("INSERT INTO runs(task, due) SELECT name, due FROM tasks WHERE name = 'report' AND due <= 10", [])?;
        Ok(())
    })
    .only_reads();
    app.bug("unwraps what it reads", Faults("panics"), |db, _| {
        let due: i64 = db.query_row("SELECT due FROM tasks WHERE name = 'report'", [], |row| row.get(0)).unwrap();
        db.execute("UPDATE tasks SET due = ?1 WHERE name = 'report' AND due = ?2", [due + 10, due])?;
        Ok(())
    });
    app.fix("with `?`", |db, _| db.execute("UPDATE tasks SET due = due + 10 WHERE name = 'report'", []));
    app
}

fn set(db: &Connection, id: i64, text: &str) -> Result<()> {
    db.execute("UPDATE notes SET text = ?2 WHERE id = ?1", params![id, text]).map(drop)
}

fn last_entry(db: &Connection) -> Result<Option<(i64, i64, String)>> {
    let sql = "SELECT id, note, old FROM undo ORDER BY id DESC LIMIT 1";
    db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
}

pub(super) fn undo() -> App {
    let mut app = App::new(
        "undo",
        "CREATE TABLE notes(id INTEGER PRIMARY KEY, text TEXT NOT NULL); INSERT INTO notes VALUES (1, 'one'), (2, 'two');
         CREATE TABLE undo(id INTEGER PRIMARY KEY AUTOINCREMENT, note INT NOT NULL, old TEXT NOT NULL);
         INSERT INTO undo(note, old) VALUES (1, 'eins'), (2, 'zwei');",
    );
    app.bug("changes a note and writes the undo log apart", Crash("half done"), |db, _| {
        let old: String = db.query_row("SELECT text FROM notes WHERE id = 1", [], |row| row.get(0))?;
        set(db, 1, "uno")?;
        db.execute("INSERT INTO undo(note, old) VALUES (1, ?1)", [old])
    });
    app.bug("writes the undo log and forgets the change", Faults("Ok"), |db, _| {
        db.execute("INSERT INTO undo(note, old) SELECT id, text FROM notes WHERE id = 1", [])?;
        let _ = set(db, 1, "uno");
        Ok(())
    });
    app.fix("with `?`", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO undo(note, old) SELECT id, text FROM notes WHERE id = 1", [])?;
        set(&tx, 1, "uno")?;
        tx.commit()
    });
    app.bug("writes down an old text that is older", Interleave("stale read"), |db, me| {
        let old: String = db.query_row("SELECT text FROM notes WHERE id = 1", [], |row| row.get(0))?;
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO undo(note, old) VALUES (1, ?1)", [old])?;
        set(&tx, 1, me)?;
        tx.commit()
    });
    app.fix("BEGIN IMMEDIATE", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO undo(note, old) SELECT id, text FROM notes WHERE id = 1", [])?;
        set(&tx, 1, me)?;
        tx.commit()
    });
    app.bug("undoes one change twice", Interleave("lost update"), |db, _| {
        let Some((id, note, old)) = last_entry(db)? else { return Ok(()) };
        let tx = db.transaction_with_behavior(Immediate)?;
        set(&tx, note, &old)?;
        tx.execute("DELETE FROM undo WHERE id = ?1", [id])?;
        tx.commit()
    });
    app.fix("BEGIN IMMEDIATE", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        if let Some((id, note, old)) = last_entry(&tx)? {
            set(&tx, note, &old)?;
            tx.execute("DELETE FROM undo WHERE id = ?1", [id])?;
        }
        tx.commit()
    });
    app.bug("undoes everything entry by entry", Crash("half done"), |db, _| {
        while let Some((id, note, old)) = last_entry(db)? {
            let tx = db.transaction_with_behavior(Immediate)?;
            set(&tx, note, &old)?;
            tx.execute("DELETE FROM undo WHERE id = ?1", [id])?;
            tx.commit()?;
        }
        Ok(())
    });
    app.fix("one transaction", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        while let Some((id, note, old)) = last_entry(&tx)? {
            set(&tx, note, &old)?;
            tx.execute("DELETE FROM undo WHERE id = ?1", [id])?;
        }
        tx.commit()
    });
    app.fine("undoes entry by entry, as often as it is asked", |db, _| {
        while let Some((id, note, old)) = last_entry(db)? {
            let tx = db.transaction_with_behavior(Immediate)?;
            if tx.execute("DELETE FROM undo WHERE id = ?1", [id])? == 1 {
                set(&tx, note, &old)?;
            }
            tx.commit()?;
        }
        Ok(())
    })
    .word(Word::Resumes)
    .word(Word::EachTransaction);
    app
}

pub(super) fn idempotency() -> App {
    let mut app = App::new(
        "idempotency",
        "CREATE TABLE requests(key TEXT PRIMARY KEY, response INT);
         CREATE TABLE charges(id INTEGER PRIMARY KEY, account INT NOT NULL, amount INT NOT NULL);
         CREATE TABLE accounts(id INTEGER PRIMARY KEY, balance INT NOT NULL); INSERT INTO accounts VALUES (1, 100);",
    );
    app.bug("charges and then stores the key", Crash("half done"), |db, _| {
        if db.prepare("SELECT 1 FROM requests WHERE key = 'k'")?.exists([])? {
            return Ok(());
        }
        db.execute("INSERT INTO charges(account, amount) VALUES (1, 30)", [])?;
        db.execute("INSERT INTO requests VALUES ('k', 30)", []).map(drop)
    });
    app.bug("looks for the key before it charges", Interleave("UNIQUE"), |db, _| {
        if db.prepare("SELECT 1 FROM requests WHERE key = 'k'")?.exists([])? {
            return Ok(());
        }
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO charges(account, amount) VALUES (1, 30)", [])?;
        tx.execute("INSERT INTO requests VALUES ('k', 30)", [])?;
        tx.commit()
    });
    app.fix("BEGIN IMMEDIATE", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        if !tx.prepare("SELECT 1 FROM requests WHERE key = 'k'")?.exists([])? {
            tx.execute("INSERT INTO charges(account, amount) VALUES (1, 30)", [])?;
            tx.execute("INSERT INTO requests VALUES ('k', 30)", [])?;
        }
        tx.commit()
    });
    app.bug("takes any error for a key that is there", Faults("Ok"), |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        if tx.execute("INSERT INTO requests VALUES ('k', 30)", []).is_err() {
            return Ok(false);
        }
        tx.execute("UPDATE accounts SET balance = balance - 30 WHERE id = 1", [])?;
        tx.commit()?;
        Ok(true)
    });
    app.fix("with `?`", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        if tx.execute("INSERT OR IGNORE INTO requests VALUES ('k', 30)", [])? == 0 {
            return Ok(false);
        }
        tx.execute("UPDATE accounts SET balance = balance - 30 WHERE id = 1", [])?;
        tx.commit()?;
        Ok(true)
    });
    app.bug("stores the key and never charges", Crash("half done"), |db, _| {
        if db.execute("INSERT OR IGNORE INTO requests VALUES ('k', NULL)", [])? == 0 {
            return db.query_row("SELECT response FROM requests WHERE key = 'k'", [], |row| row.get(0));
        }
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE accounts SET balance = balance - 30 WHERE id = 1", [])?;
        tx.execute("UPDATE requests SET response = 70 WHERE key = 'k'", [])?;
        tx.commit()?;
        Ok(Some(70))
    });
    app.fix("one transaction", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        if tx.execute("INSERT OR IGNORE INTO requests VALUES ('k', 70)", [])? == 1 {
            tx.execute("UPDATE accounts SET balance = balance - 30 WHERE id = 1", [])?;
        }
        let response = tx.query_row("SELECT response FROM requests WHERE key = 'k'", [], |row| row.get(0))?;
        tx.commit()?;
        Ok::<Option<i64>, _>(response)
    });
    app.bug("answers with a response that is not there yet", Interleave("read skew"), |db, _| {
        if db.execute("INSERT OR IGNORE INTO requests VALUES ('k', NULL)", [])? == 1 {
            db.execute("UPDATE requests SET response = 70 WHERE key = 'k'", [])?;
        }
        db.query_row("SELECT response FROM requests WHERE key = 'k'", [], |row| row.get::<_, Option<i64>>(0))
    });
    app.fix("BEGIN IMMEDIATE", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        if tx.execute("INSERT OR IGNORE INTO requests VALUES ('k', NULL)", [])? == 1 {
            tx.execute("UPDATE requests SET response = 70 WHERE key = 'k'", [])?;
        }
        let response = tx.query_row("SELECT response FROM requests WHERE key = 'k'", [], |row| row.get(0))?;
        tx.commit()?;
        Ok::<Option<i64>, _>(response)
    });
    app.bug("tells its provider and stores the key then", Crash("acknowledged"), |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE accounts SET balance = balance - 30 WHERE id = 1", [])?;
        tx.execute("INSERT OR IGNORE INTO requests VALUES ('k', 30)", [])?;
        crash::acknowledge();
        tx.commit()
    });
    app.fix("after the commit", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        if tx.execute("INSERT OR IGNORE INTO requests VALUES ('k', 30)", [])? == 1 {
            tx.execute("UPDATE accounts SET balance = balance - 30 WHERE id = 1", [])?;
        }
        tx.commit()?;
        crash::acknowledge();
        Ok(())
    });
    app
}

pub(super) fn rollup() -> App {
    let mut app = App::new(
        "rollup",
        "CREATE TABLE hits(id INTEGER PRIMARY KEY, hour INT NOT NULL); INSERT INTO hits(hour) VALUES (1), (1), (2);
         CREATE TABLE hours(hour INTEGER PRIMARY KEY, count INT NOT NULL);",
    );
    app.bug("adds up an hour and deletes its hits apart", Crash("half done"), |db, _| {
        db.execute("INSERT INTO hours SELECT hour, count(*) FROM hits GROUP BY hour", [])?;
        db.execute("DELETE FROM hits", [])
    });
    app.bug("adds up hour by hour and deletes apart", Crash("run again"), |db, _| {
        for hour in [1, 2] {
            let sql = "INSERT INTO hours SELECT ?1, count(*) FROM hits WHERE hour = ?1
                       ON CONFLICT DO UPDATE SET count = count + excluded.count";
            db.execute(sql, [hour])?;
            db.execute("DELETE FROM hits WHERE hour = ?1", [hour])?;
        }
        Ok(())
    })
    .word(Word::Resumes);
    app.fix("in the transaction that does it", |db, _| {
        for hour in [1, 2] {
            let tx = db.transaction_with_behavior(Immediate)?;
            let sql = "INSERT INTO hours SELECT ?1, count(*) FROM hits WHERE hour = ?1
                       ON CONFLICT DO UPDATE SET count = count + excluded.count";
            tx.execute(sql, [hour])?;
            tx.execute("DELETE FROM hits WHERE hour = ?1", [hour])?;
            tx.commit()?;
        }
        Ok(())
    })
    .word(Word::EachTransaction);
    app.bug("deletes hits that came after the sum", Interleave("lost update"), |db, _| {
        let count: i64 = db.query_row("SELECT count(*) FROM hits", [], |row| row.get(0))?;
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT OR REPLACE INTO hours VALUES (0, ?1)", [count])?;
        tx.execute("DELETE FROM hits", [])?;
        tx.commit()
    })
    .against(|db, _| db.execute("INSERT INTO hits(hour) VALUES (3)", []));
    app.fix("BEGIN IMMEDIATE", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let count: i64 = tx.query_row("SELECT count(*) FROM hits", [], |row| row.get(0))?;
        tx.execute("INSERT OR REPLACE INTO hours VALUES (0, ?1)", [count])?;
        tx.execute("DELETE FROM hits", [])?;
        tx.commit()
    });
    app.bug("leaves out hours that it cannot read", Faults("Ok"), |db, _| {
        let mut all = db.prepare("SELECT hour, count(*) FROM hits GROUP BY hour")?;
        let all = all.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        Ok(all.flatten().map(|(_, count)| count).sum::<i64>())
    })
    .only_reads();
    app.fix("with `?`", |db, _| db.query_row("SELECT count(*) FROM hits", [], |row| row.get::<_, i64>(0)));
    app.bug("fails and has replaced the sums", Faults("half applied"), |db, _| {
        db.execute("DELETE FROM hours", [])?;
        db.execute("INSERT INTO hours SELECT 9, 9", [])?;
        db.execute("INSERT INTO hours SELECT hour, count(*) FROM hits GROUP BY hour", [])
    });
    app.fix("one transaction", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("DELETE FROM hours", [])?;
        tx.execute("INSERT INTO hours SELECT 9, 9", [])?;
        tx.execute("INSERT INTO hours SELECT hour, count(*) FROM hits GROUP BY hour", [])?;
        tx.commit()
    });
    app
}
