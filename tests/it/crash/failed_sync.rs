//! A sync fails, and what was written before it is lost although the next one succeeds.

use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::{Profile, crash};

use super::{SHOP, db};

fn order(db: &Connection, id: i64) -> Result<()> {
    let sql = "BEGIN IMMEDIATE; INSERT INTO orders(id, customer, total) VALUES (%, 'ada', 5);
               INSERT INTO items(order_id, product, price) VALUES (%, 'tea', 5); COMMIT";
    db.execute_batch(&sql.replace('%', &id.to_string())).inspect_err(|_| {
        if !db.is_autocommit() {
            let _ = db.execute_batch("ROLLBACK");
        }
    })
}

/// Tries each order once more.
fn orders(db: &mut Connection) -> Result<()> {
    (11..14).try_for_each(|id| order(db, id).or_else(|_| order(db, id)))
}

fn test(profile: Profile) -> sqlitmus::Result<crash::Report> {
    let db = db(profile, SHOP);
    crash::test(&db, orders).independent_transactions().failed_sync().try_run()
}

#[test]
fn commits_that_are_synced_survive() {
    let rollback =
        |mode, synchronous| Profile::SQLITE_DEFAULTS.pragma("journal_mode", mode).pragma("synchronous", synchronous);
    let durable = Profile::DURABLE.pragma("wal_autocheckpoint", "3");
    for profile in [durable, rollback("DELETE", "FULL"), rollback("TRUNCATE", "FULL"), rollback("PERSIST", "EXTRA")] {
        let report = test(profile).unwrap_or_else(|error| panic!("{profile:?}: {error}"));
        assert!(report.failed_syncs > 2, "{report}");
        assert!(report.to_string().contains("failed syncs: the same"), "{report}");
    }
}

/// What is tried again after the sync that fails succeeds.
#[test]
fn one_sync_fails_in_each_run() {
    let mut failed_orders = Vec::new();
    let action = |db: &mut Connection| -> Result<()> {
        let failed: Vec<i64> = (11..14).filter(|id| order(db, *id).is_err()).collect();
        failed_orders.push(failed.len());
        failed.into_iter().try_for_each(|id| order(db, id))
    };
    crash::test(&db(Profile::DURABLE, SHOP), action).independent_transactions().failed_sync().run();
    assert!(failed_orders.contains(&0) && failed_orders.contains(&1), "{failed_orders:?}");
    assert!(failed_orders.iter().all(|failed| *failed <= 1), "{failed_orders:?}");
}

/// SQLite ignores the error of its own checkpoint, and the next one has nothing to sync.
#[test]
fn commits_that_only_checkpoints_sync_do_not() {
    let error = test(Profile::PRODUCTION.pragma("wal_autocheckpoint", "3")).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("PRAGMA synchronous = FULL"), "{text}");
    let token = text.lines().find_map(|line| line.split("SQLITMUS_REPLAY=").nth(1)).unwrap();
    assert!(token.starts_with("crash:") && token.contains("!sync:"), "{text}");
}

#[test]
fn an_order_that_is_confirmed_although_its_commit_failed() {
    fn confirm(db: &mut Connection, is_bug: bool) -> Result<()> {
        let done = order(db, 11);
        if is_bug || done.is_ok() {
            crash::acknowledge();
        }
        done
    }
    let db = db(Profile::DURABLE, SHOP);
    let error = crash::test(&db, |db| confirm(db, true)).failed_sync().try_run().unwrap_err();
    assert!(error.headline().ends_with("loses acknowledged changes"), "{error}");
    assert!(error.to_string().contains("sync main.db-wal, which fails"), "{error}");
    crash::test(&db, |db| confirm(db, false)).failed_sync().run();
    crash::test(&db, |db| confirm(db, true)).run();
}
