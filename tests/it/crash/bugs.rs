//! Typical bugs of apps, each found by a power cut, and their fixes, which pass.

use std::sync::atomic::{AtomicI64, Ordering};

use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::{Profile, crash, faults};

use super::{SHOP, db};

const ORDER: &str = "INSERT INTO orders(id, customer, total) VALUES (3, 'ada', 250)";
const ITEMS: &str = "INSERT INTO items(order_id, product, price) VALUES (3, 'tea', 150), (3, 'cup', 100)";

type App = fn(&mut Connection) -> Result<()>;

#[track_caller]
fn found(profile: Profile, schema: &str, bug: App, says: &str) {
    let error = crash::test(&db(profile, schema), bug).try_run().unwrap_err();
    let headline: String = error.headline().chars().filter(|c| !c.is_ascii_digit()).collect();
    assert_eq!(headline, says, "{error}");
}

#[track_caller]
fn passes(profile: Profile, schema: &str, fix: App) -> crash::Report {
    crash::test(&db(profile, schema), fix).every_operation().run()
}

#[test]
fn two_autocommits() {
    fn bug(db: &mut Connection) -> Result<()> {
        db.execute(ORDER, [])?;
        db.execute(ITEMS, [])?;
        Ok(())
    }
    fn fix(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        transaction.execute(ORDER, [])?;
        transaction.execute(ITEMS, [])?;
        transaction.commit()
    }
    let says = "killing the process after operation  leaves the action half done: orders without items";
    found(Profile::PRODUCTION, SHOP, bug, says);
    passes(Profile::PRODUCTION, SHOP, fix);
}

#[test]
fn an_acknowledgement_before_the_commit() {
    fn bug(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        transaction.execute(ORDER, [])?;
        crash::acknowledge();
        transaction.commit()
    }
    fn fix(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        transaction.execute(ORDER, [])?;
        transaction.commit()?;
        crash::acknowledge();
        Ok(())
    }
    let says = "killing the process after operation  loses acknowledged changes";
    found(Profile::PRODUCTION, SHOP, bug, says);
    passes(Profile::PRODUCTION, SHOP, fix);
}

/// Such an acknowledgment may be about earlier data, as in a queue of mails. It is not a failure, but it does not test
/// the action either.
#[test]
fn an_acknowledgement_before_anything_is_done() {
    fn early(db: &mut Connection) -> Result<()> {
        crash::acknowledge();
        db.execute(ORDER, [])?;
        crash::acknowledge();
        Ok(())
    }
    let line = "\n  acknowledged 1 time before the first change: this says nothing about later changes";
    let report = crash::test(&db(Profile::PRODUCTION, SHOP), early).run().to_string();
    assert!(report.contains(line), "{report}");
}

/// The user was told of the order, and it is there.
#[test]
fn a_loss_of_what_nobody_was_told_of() {
    let profile = Profile::SQLITE_DEFAULTS.pragma("journal_mode", "DELETE").pragma("synchronous", "EXTRA");
    let bug = |db: &mut Connection| -> Result<()> {
        db.execute(ORDER, [])?;
        crash::acknowledge();
        // The end of the journal is not synced from here on.
        db.execute_batch("PRAGMA synchronous = FULL")?;
        db.execute(ITEMS, []).map(drop)
    };
    let error = crash::test(&db(profile, SHOP), bug).independent_transactions().try_run().unwrap_err();
    assert!(error.headline().ends_with("loses committed changes: items"), "{error}");
}

#[test]
fn an_acknowledgement_of_what_is_rolled_back() {
    fn bug(db: &mut Connection) -> Result<()> {
        db.execute(ORDER, [])?;
        let transaction = db.transaction()?;
        transaction.execute(ITEMS, [])?;
        crash::acknowledge();
        transaction.rollback()
    }
    found(Profile::PRODUCTION, SHOP, bug, "killing the process after operation  loses acknowledged changes");
}

#[test]
fn user_version_outside_of_the_transaction() {
    fn bug(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        transaction.execute_batch("ALTER TABLE orders ADD COLUMN note TEXT")?;
        transaction.commit()?;
        db.pragma_update(None, "user_version", 2)
    }
    fn fix(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        transaction.execute_batch("ALTER TABLE orders ADD COLUMN note TEXT; PRAGMA user_version = 2")?;
        transaction.commit()
    }
    found(Profile::DURABLE, SHOP, bug, "killing the process after operation  leaves the action half done: orders");
    passes(Profile::DURABLE, SHOP, fix);
}

#[test]
fn application_id_outside_of_the_transaction() {
    fn bug(db: &mut Connection) -> Result<()> {
        db.execute(ORDER, [])?;
        db.pragma_update(None, "application_id", 7)
    }
    let error = crash::test(&db(Profile::DURABLE, SHOP), bug).try_run().unwrap_err();
    assert!(error.to_string().contains("missing:\n    PRAGMA application_id: 0 -> 7\n"), "{error}");
}

/// A number that the app makes anew in each run is not compared.
#[test]
fn another_user_version_in_each_run() {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    fn stamps(db: &mut Connection) -> Result<()> {
        db.pragma_update(None, "user_version", NEXT.fetch_add(1, Ordering::Relaxed))
    }
    let report = crash::test(&db(Profile::DURABLE, SHOP), stamps).run();
    assert!(report.to_string().contains("PRAGMA user_version"), "{report}");
}

/// SQLite's defaults, but with the journal synced twice, so that nothing is lost.
const SAFE_JOURNAL: Profile = Profile::SQLITE_DEFAULTS.pragma("journal_mode", "DELETE").pragma("synchronous", "EXTRA");

#[test]
fn no_journal_for_speed() {
    fn bug(db: &mut Connection) -> Result<()> {
        db.execute_batch("PRAGMA journal_mode = OFF")?;
        fix(db)?;
        db.execute_batch("PRAGMA journal_mode = DELETE")
    }
    fn fix(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        transaction.execute(ORDER, [])?;
        transaction.execute(ITEMS, [])?;
        transaction.commit()
    }
    found(SAFE_JOURNAL, SHOP, bug, "a power cut after operation  leaves a transaction half-applied: orders");
    passes(SAFE_JOURNAL, SHOP, fix);
}

#[test]
fn synchronous_off_left_on() {
    fn bug(db: &mut Connection) -> Result<()> {
        // Left over from an import, where it may have been right.
        db.execute_batch("PRAGMA synchronous = OFF")?;
        fix(db)
    }
    fn fix(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        transaction.execute(ORDER, [])?;
        transaction.execute(ITEMS, [])?;
        transaction.commit()
    }
    let error = crash::test(&db(Profile::PRODUCTION, SHOP), bug).try_run().unwrap_err();
    assert!(error.headline().starts_with("a power cut after operation"), "{error}");
    assert!(error.to_string().contains("look for a PRAGMA journal_mode or synchronous in the action"), "{error}");
    passes(Profile::PRODUCTION, SHOP, fix);
}

/// A database that the action creates is one of its changes.
#[test]
fn a_backup_before_the_change() {
    let error = crash::test(&db(SAFE_JOURNAL, SHOP), |db| {
        db.execute_batch("VACUUM INTO 'backup.db'; UPDATE stock SET count = count - 1;")
    })
    .try_run()
    .unwrap_err();
    assert!(error.headline().ends_with("leaves the action half done: backup.db without stock"), "{error}");
}

/// The profile's PRAGMAs apply to one connection. Another one has SQLite's defaults: here it deletes its journal.
#[test]
fn a_connection_of_the_apps_own_without_its_pragmas() {
    let error = crash::test(&db(SAFE_JOURNAL, SHOP), |db| {
        let own = Connection::open(format!("file:{}?vfs=sqlitmus", db.path().unwrap()))?;
        own.execute("UPDATE stock SET count = count - 1", [])
    })
    .try_run()
    .unwrap_err();
    assert!(error.headline().ends_with("loses committed changes: stock"), "{error}");
    let help = "the profile has DELETE + EXTRA, but a connection that the action opens has DELETE + FULL";
    assert!(error.to_string().contains(help), "{error}");
}

#[test]
fn an_attached_database_in_wal() {
    // In WAL mode, a commit is atomic for each file, but not across both: https://www.sqlite.org/lang_attach.html
    fn archive(db: &mut Connection) -> Result<()> {
        db.execute_batch("ATTACH 'archive.db' AS archive")?;
        let transaction = db.transaction()?;
        transaction.execute_batch(
            "INSERT INTO archive.stock SELECT * FROM main.stock WHERE product = 'tea';
             DELETE FROM main.stock WHERE product = 'tea';",
        )?;
        transaction.commit()
    }
    let schema = |mode: &str| {
        format!(
            "{SHOP} ATTACH 'archive.db' AS archive; PRAGMA archive.journal_mode = {mode};
             CREATE TABLE archive.stock(product TEXT PRIMARY KEY, count INT); DETACH archive;"
        )
    };
    let error = crash::test(&db(Profile::DURABLE, &schema("WAL")), archive).try_run().unwrap_err();
    let says = "leaves a transaction in one file and not in another: stock without stock of archive.db";
    assert!(error.headline().ends_with(says), "{error}");
    assert!(
        error.to_string().contains("help: if one of several files is in WAL, MEMORY or OFF mode, SQLite commits"),
        "{error}"
    );
    let error = faults::sweep(&db(Profile::DURABLE, &schema("WAL")), archive).try_run().unwrap_err();
    assert!(error.headline().ends_with("is half applied: stock without stock of archive.db"), "{error}");
    assert!(error.to_string().contains("help: if one of several files is in WAL"), "{error}");
    // With rollback journals there is a super-journal.
    let report = passes(SAFE_JOURNAL, &schema("DELETE"), archive);
    assert_eq!(report.most_lost, 0, "{report}");
}

#[test]
fn a_payment_that_normal_may_lose() {
    fn pay(db: &mut Connection) -> Result<()> {
        db.execute("UPDATE orders SET total = 0 WHERE id = 7", [])?;
        crash::acknowledge();
        Ok(())
    }
    let schema = format!("{SHOP} INSERT INTO orders VALUES (7, 'ada', 250);");
    let test = |profile| crash::test(&db(profile, &schema), pay).durable().try_run();
    let error = test(Profile::PRODUCTION).unwrap_err();
    assert!(error.headline().ends_with("loses committed changes: orders"), "{error}");
    assert_eq!(test(Profile::DURABLE).unwrap().most_lost, 0);
    // Without `durable`, the profile's guarantee is enough.
    assert_eq!(passes(Profile::PRODUCTION, &schema, pay).most_lost, 1);
}

#[test]
fn a_transfer_between_two_transactions() {
    fn bug(db: &mut Connection) -> Result<()> {
        db.execute("UPDATE stock SET count = count - 1 WHERE product = 'tea'", [])?;
        db.execute("UPDATE stock SET count = count + 1 WHERE product = 'cup'", [])?;
        Ok(())
    }
    fn fix(db: &mut Connection) -> Result<()> {
        db.execute("UPDATE stock SET count = count + iif(product = 'tea', -1, 1)", [])?;
        Ok(())
    }
    fn thirteen(db: &Connection) -> Result<(), String> {
        let count: i64 = db.query_row("SELECT sum(count) FROM stock", [], |row| row.get(0)).unwrap();
        if count == 13 { Ok(()) } else { Err(format!("{count} things in stock")) }
    }
    let test =
        |app: App| crash::test(&db(Profile::PRODUCTION, SHOP), app).each_transaction().invariant(thirteen).try_run();
    let error = test(bug).unwrap_err();
    assert!(error.headline().ends_with("breaks an invariant"), "{error}");
    assert!(error.to_string().contains("12 things in stock"), "{error}");
    test(fix).unwrap();
}

#[test]
fn a_job_that_is_taken_before_it_is_done() {
    fn bug(db: &mut Connection) -> Result<()> {
        let product: String =
            db.query_row("DELETE FROM stock WHERE product = 'tea' RETURNING product", [], |row| row.get(0))?;
        db.execute("INSERT INTO orders(customer) VALUES (?1)", [product])?;
        Ok(())
    }
    fn fix(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        let product: String =
            transaction.query_row("DELETE FROM stock WHERE product = 'tea' RETURNING product", [], |row| row.get(0))?;
        transaction.execute("INSERT INTO orders(customer) VALUES (?1)", [product])?;
        transaction.commit()
    }
    let says = "killing the process after operation  leaves the action half done: stock without orders";
    found(Profile::WEB, SHOP, bug, says);
    passes(Profile::WEB, SHOP, fix);
}
