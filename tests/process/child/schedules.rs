//! Concurrent tasks.

use std::io::Write;
use std::sync::Mutex;

use sqlitmus::interleave::{Explore, explore};
use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::{Profile, Template};

use super::{folder, live_disks};

static COUNTER: Template =
    Template::embedded(&[("1_t.sql", "CREATE TABLE t(x); INSERT INTO t VALUES (1);")]).profile(Profile::PRODUCTION);

fn count(db: &mut Connection) -> Result<()> {
    let x: i64 = db.query_row("SELECT x FROM t", [], |row| row.get(0))?;
    db.execute("UPDATE t SET x = ?1", [x + 1]).map(drop)
}

const IMMEDIATE: [&str; 4] = ["BEGIN IMMEDIATE", "SELECT x FROM t", "UPDATE t SET x = x + 1", "COMMIT"];
const DEFERRED: [&str; 4] = ["BEGIN", "SELECT x FROM t", "UPDATE t SET x = x + 1", "COMMIT"];

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "report: {line}");
}

fn shown(explore: Explore<'_>) {
    for line in explore.run().to_string().lines() {
        say(line);
    }
}

#[test]
fn an_update_is_lost() {
    if folder().is_some() {
        explore(&COUNTER.in_memory()).task("alice", count).task("bob", count).run();
    }
}

#[test]
fn one_of_two_is_lost() {
    if folder().is_some() {
        let db = COUNTER.in_memory();
        explore(&db).steps("alice", IMMEDIATE).steps("bob", IMMEDIATE).run();
        explore(&db).task("alice", count).task("bob", count).run();
    }
}

#[test]
fn every_schedule() {
    if folder().is_some() {
        let db = COUNTER.in_memory();
        shown(explore(&db).steps("alice", DEFERRED).steps("bob", DEFERRED).steps("carol", DEFERRED).may_fail());
        drop(db);
        assert_eq!(live_disks(), 0, "no schedule leaves its database behind");
    }
}

/// A task whose write fails reads again, so some schedules have more statements than others.
#[test]
fn schedules_of_what_tries_again() {
    if folder().is_none() {
        return;
    }
    let twice = |db: &mut Connection| -> Result<()> {
        for _ in 0..2 {
            loop {
                let seen: i64 = db.query_row("SELECT x FROM t", [], |row| row.get(0))?;
                if db.execute("UPDATE t SET x = ?1 + 1 WHERE x = ?1", [seen])? == 1 {
                    break;
                }
            }
        }
        Ok(())
    };
    let db = COUNTER.in_memory();
    for limit in [75, 300] {
        shown(explore(&db).task("alice", twice).task("bob", twice).limit(limit));
    }
}

#[test]
fn drawn_schedules() {
    if folder().is_some() {
        let db = COUNTER.in_memory();
        let three = explore(&db).steps("alice", IMMEDIATE).steps("bob", DEFERRED).steps("carol", IMMEDIATE);
        shown(three.may_fail().limit(12));
    }
}

#[test]
fn a_task_waits_for_nobody() {
    if folder().is_some() {
        let parks = |db: &mut Connection| -> Result<()> {
            count(db)?;
            std::thread::park();
            count(db)
        };
        explore(&COUNTER.in_memory()).task("alice", count).task("bob", parks).run();
    }
}

/// In a snapshot that is out of date, it tries to write for ever.
#[test]
fn a_task_tries_for_ever() {
    if folder().is_some() {
        let tries = |db: &mut Connection| -> Result<()> {
            let transaction = db.transaction()?;
            let x: i64 = transaction.query_row("SELECT x FROM t", [], |row| row.get(0))?;
            while transaction.execute("UPDATE t SET x = ?1", [x + 1]).is_err() {}
            transaction.commit()
        };
        explore(&COUNTER.in_memory()).task("alice", count).task("bob", tries).run();
    }
}

/// The thread of a stuck task still exists when the process ends.
#[test]
fn a_task_is_stuck_for_good() {
    if folder().is_none() {
        return;
    }
    static HELD: Mutex<()> = Mutex::new(());
    let db = COUNTER.in_memory();
    let parks = |db: &mut Connection| -> Result<()> {
        count(db)?;
        let _held = HELD.lock().unwrap();
        loop {
            std::thread::park();
        }
    };
    let error = explore(&db).task("alice", count).task("bob", parks).try_run().unwrap_err();
    say(error.headline());
    // Other explorations still work.
    explore(&db).steps("alice", IMMEDIATE).steps("bob", IMMEDIATE).run();
}
