//! Actions that are run again on what a power cut left, and acknowledgments that get lost.

use sqlitmus::rusqlite::{Connection, Error, ErrorCode, OptionalExtension, Result};
use sqlitmus::{Profile, crash};

use super::db;

const BANK: &str = "
    CREATE TABLE accounts(id INTEGER PRIMARY KEY, cents INT NOT NULL, interest_for TEXT);
    CREATE TABLE jobs(id INTEGER PRIMARY KEY, state TEXT NOT NULL DEFAULT 'new');
    CREATE TABLE seen(event TEXT PRIMARY KEY);
    CREATE TABLE log(line TEXT);
    INSERT INTO accounts(id, cents) VALUES (1, 100), (2, 200), (3, 300);
    INSERT INTO jobs(id) VALUES (1), (2), (3);";

type App = fn(&mut Connection) -> Result<()>;

fn test(app: App) -> sqlitmus::Result<crash::Report> {
    crash::test(&db(Profile::DURABLE, BANK), app).each_transaction().try_run()
}

#[track_caller]
fn found(app: App, says: &str) -> String {
    let error = test(app).unwrap_err();
    let headline: String = error.headline().chars().filter(|c| !c.is_ascii_digit()).collect();
    assert_eq!(headline, says, "{error}");
    error.to_string()
}

#[track_caller]
fn passes(app: App) -> crash::Report {
    test(app).unwrap()
}

const OTHER_DATA: &str = "the action ends with other data when it is run again: killing the process after  of  commits";
const FAILS: &str = "the action fails when it is run again: killing the process after  of  commits";

#[test]
fn interest_account_by_account() {
    fn bug(db: &mut Connection) -> Result<()> {
        for id in 1..=3 {
            db.execute("UPDATE accounts SET cents = cents * 2 WHERE id = ?1", [id])?;
        }
        Ok(())
    }
    fn fix(db: &mut Connection) -> Result<()> {
        for id in 1..=3 {
            db.execute(
                "UPDATE accounts SET cents = cents * 2, interest_for = '2026'
                  WHERE id = ?1 AND interest_for IS NOT '2026'",
                [id],
            )?;
        }
        Ok(())
    }
    let text = found(bug, OTHER_DATA);
    assert!(text.contains("~ id=1 cents: 200 -> 400"), "{text}");
    assert!(text.contains(".independent_transactions()"), "{text}");
    let report = passes(fix);
    assert_eq!(report.resumed, 2, "{report}");
    assert!(report.to_string().contains("run again from 2 states between its transactions"), "{report}");
    crash::test(&db(Profile::DURABLE, BANK), bug).independent_transactions().run();
}

#[test]
fn a_migration_and_its_row_in_two_transactions() {
    fn bug(db: &mut Connection) -> Result<()> {
        let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version < 1 {
            db.execute_batch("ALTER TABLE jobs ADD COLUMN owner TEXT")?;
            db.execute_batch("PRAGMA user_version = 1")?;
        }
        Ok(())
    }
    fn fix(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version < 1 {
            transaction.execute_batch("ALTER TABLE jobs ADD COLUMN owner TEXT; PRAGMA user_version = 1")?;
        }
        transaction.commit()
    }
    let text = found(bug, FAILS);
    assert!(text.contains("duplicate column name: owner"), "{text}");
    passes(fix);
}

#[test]
fn jobs_one_by_one() {
    fn fix(db: &mut Connection) -> Result<()> {
        loop {
            let transaction = db.transaction()?;
            let next: Option<i64> =
                transaction.query_row("SELECT min(id) FROM jobs WHERE state = 'new'", [], |row| row.get(0))?;
            let Some(id) = next else { return Ok(()) };
            transaction.execute("INSERT INTO log VALUES ('did ' || ?1)", [id])?;
            transaction.execute("UPDATE jobs SET state = 'done' WHERE id = ?1", [id])?;
            transaction.commit()?;
        }
    }
    /// Claims a job in one transaction and finishes it in another; nobody takes over what was claimed.
    fn bug(db: &mut Connection) -> Result<()> {
        while let Some(id) = db
            .query_row("UPDATE jobs SET state = 'taken' WHERE id = (SELECT min(id) FROM jobs WHERE state = 'new') RETURNING id", [], |row| row.get::<_, i64>(0))
            .optional()?
        {
            db.execute("INSERT INTO log VALUES ('did ' || ?1)", [id])?;
            db.execute("UPDATE jobs SET state = 'done' WHERE id = ?1", [id])?;
        }
        Ok(())
    }
    found(bug, OTHER_DATA);
    assert_eq!(passes(fix).commits, 3);
}

#[test]
fn a_start_that_is_noted_each_time() {
    fn bug(db: &mut Connection) -> Result<()> {
        db.execute("INSERT INTO log VALUES ('start')", [])?;
        db.execute("UPDATE jobs SET state = 'done'", [])?;
        Ok(())
    }
    found(bug, OTHER_DATA);
}

#[test]
fn half_of_the_work_is_acknowledged() {
    fn bug(db: &mut Connection) -> Result<()> {
        db.execute("INSERT INTO seen VALUES ('payment 7')", [])?;
        crash::acknowledge();
        db.execute("UPDATE accounts SET cents = cents + 7 WHERE id = 1", [])?;
        Ok(())
    }
    fn skips(db: &mut Connection) -> Result<()> {
        if db.execute("INSERT OR IGNORE INTO seen VALUES ('payment 7')", [])? == 0 {
            return Ok(());
        }
        crash::acknowledge();
        db.execute("UPDATE accounts SET cents = cents + 7 WHERE id = 1", [])?;
        Ok(())
    }
    fn fix(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        if transaction.execute("INSERT OR IGNORE INTO seen VALUES ('payment 7')", [])? > 0 {
            transaction.execute("UPDATE accounts SET cents = cents + 7 WHERE id = 1", [])?;
        }
        transaction.commit()?;
        crash::acknowledge();
        Ok(())
    }
    let whole = |app: App| crash::test(&db(Profile::DURABLE, BANK), app).try_run();
    for bug in [bug as App, skips] {
        let error = whole(bug).unwrap_err();
        assert!(error.headline().ends_with("leaves the action half done: seen without accounts"), "{error}");
    }
    found(bug, FAILS);
    found(skips, OTHER_DATA);
    whole(fix).unwrap();
    passes(fix);
}

#[test]
fn marked_as_sent_before_it_is_sent() {
    fn bug(db: &mut Connection) -> Result<()> {
        if db.execute("UPDATE jobs SET state = 'sent' WHERE id = 1 AND state = 'new'", [])? == 1 {
            crash::acknowledge();
        }
        Ok(())
    }
    fn fix(db: &mut Connection) -> Result<()> {
        let state: String = db.query_row("SELECT state FROM jobs WHERE id = 1", [], |row| row.get(0))?;
        if state == "new" {
            // Twice is better than never.
            crash::acknowledge();
            db.execute("UPDATE jobs SET state = 'sent' WHERE id = 1", [])?;
        }
        Ok(())
    }
    let text = found(
        bug,
        "killing the process after operation  is never made up for: nothing is acknowledged when it is run again",
    );
    assert!(text.contains("mark as done after it was sent"), "{text}");
    passes(fix);
}

#[test]
fn an_order_that_tells_its_caller_each_time() {
    fn by_its_key(db: &mut Connection) -> Result<()> {
        db.execute("INSERT OR IGNORE INTO seen VALUES ('order 3')", [])?;
        crash::acknowledge();
        Ok(())
    }
    fn refuses_a_second(db: &mut Connection) -> Result<()> {
        match db.execute("INSERT INTO seen VALUES ('order 3')", []) {
            Err(Error::SqliteFailure(error, _)) if error.code == ErrorCode::ConstraintViolation => {
                Err(Error::InvalidQuery)
            }
            Err(error) => Err(error),
            Ok(_) => {
                crash::acknowledge();
                Ok(())
            }
        }
    }
    passes(by_its_key);
    passes(refuses_a_second);
}

#[test]
fn what_was_acknowledged_may_be_lost_as_the_profile_allows() {
    fn pay(db: &mut Connection) -> Result<()> {
        db.execute("UPDATE accounts SET cents = 0 WHERE id = 1", [])?;
        crash::acknowledge();
        Ok(())
    }
    let normal = crash::test(&db(Profile::PRODUCTION, BANK), pay).run();
    assert!(normal.may_lose_acknowledged, "{normal}");
    let line = "\n  what was acknowledged may be lost: .durable() does not accept that";
    assert!(normal.to_string().contains(line), "{normal}");
    let durable = crash::test(&db(Profile::DURABLE, BANK), pay).run();
    assert!(!durable.may_lose_acknowledged, "{durable}");
}
