//! Tasks that promise no more than their transactions do: correct code that passes with one word, and bugs that do not.

use sqlitmus::BoxError;
use sqlitmus::interleave::{Explore, explore};
use sqlitmus::rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::{count, wal};

type Code = fn(&mut Connection) -> Result<String, BoxError>;

fn twice(code: Code) -> impl Fn(&sqlitmus::TestDb) -> Explore<'_> {
    move |db| explore(db).task("alice", code).task("bob", code)
}

/// Fails as whole tasks, and passes by transaction.
#[track_caller]
fn weaker(code: Code) {
    let db = wal();
    db.execute_batch("INSERT INTO names(name) VALUES ('to do'), ('to do'), ('to do')").unwrap();
    assert!(twice(code)(&db).try_run().is_err());
    let report = twice(code)(&db).each_transaction().run();
    assert!(report.is_exhaustive(), "{report}");
}

#[track_caller]
fn still_found(code: Code, headline: &str) {
    let error = twice(code)(&wal()).each_transaction().try_run().unwrap_err();
    assert!(error.headline().contains(headline), "{error}");
}

const NEXT: &str = "SELECT id FROM names WHERE name = 'to do' LIMIT 1";

#[test]
fn workers_that_compare_and_set() {
    weaker(|db| {
        let mut done = Vec::new();
        while let Some(id) = db.query_row(NEXT, [], |row| row.get::<_, i64>(0)).optional()? {
            if db.execute("UPDATE names SET name = 'done' WHERE id = ?1 AND name = 'to do'", [id])? == 1 {
                done.push(id);
            }
        }
        Ok(format!("{done:?}"))
    });
}

#[test]
fn workers_with_a_transaction_for_each_job() {
    weaker(|db| {
        let mut done = Vec::new();
        loop {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let Some(id) = transaction.query_row(NEXT, [], |row| row.get::<_, i64>(0)).optional()? else { break };
            transaction.execute("UPDATE names SET name = 'done' WHERE id = ?1", [id])?;
            transaction.commit()?;
            done.push(id);
        }
        Ok(format!("{done:?}"))
    });
}

#[test]
fn ids_that_the_order_decides() {
    weaker(|db| {
        for _ in 0..2 {
            db.execute("INSERT INTO names(name) VALUES ('tea')", [])?;
        }
        Ok(db.last_insert_rowid().to_string())
    });
}

#[test]
fn pages_against_a_writer() {
    let pages = |db: &mut Connection| -> Result<Vec<i64>, BoxError> {
        let (mut after, mut items) = (0, Vec::new());
        let next = "SELECT item FROM stock WHERE item > ?1 ORDER BY item LIMIT 1";
        while let Some(item) = db.query_row(next, [after], |row| row.get(0)).optional()? {
            items.push(item);
            after = item;
        }
        Ok(items)
    };
    let write =
        ["INSERT INTO stock VALUES (0, 1)", "INSERT INTO stock VALUES (3, 1)", "DELETE FROM stock WHERE item = 1"];
    let db = wal();
    let explore = || explore(&db).task("list", pages).steps("writer", write);
    assert!(explore().try_run().is_err());
    assert!(explore().each_transaction().run().is_exhaustive());
}

#[test]
fn a_version_that_is_compared_is_a_transaction_too() {
    let code: Code = |db| {
        loop {
            let version = count(db, 1)?;
            let save = "UPDATE stock SET count = count + 1 WHERE item = 1 AND count = ?1";
            if db.execute(save, [version])? == 1 {
                db.execute("INSERT INTO names(name) VALUES ('saved')", [])?;
                return Ok(String::new());
            }
        }
    };
    twice(code)(&wal()).run();
    twice(code)(&wal()).each_transaction().run();
}

#[test]
fn a_refusal_that_is_ignored_is_found() {
    still_found(
        |db| {
            let transaction = db.transaction()?;
            count(&transaction, 1)?;
            let _ = transaction.execute("UPDATE stock SET count = count - 1 WHERE item = 1", []);
            transaction.commit()?;
            Ok(String::new())
        },
        "lost update",
    );
}

#[test]
fn a_refusal_is_found() {
    still_found(
        |db| {
            let transaction = db.transaction()?;
            let left = count(&transaction, 1)?;
            transaction.execute("UPDATE stock SET count = ?1 WHERE item = 1", [left - 1])?;
            transaction.commit()?;
            Ok(String::new())
        },
        "no busy_timeout helps",
    );
}
