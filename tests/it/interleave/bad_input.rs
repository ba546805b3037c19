//! The errors for tasks that cannot be explored.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sqlitmus::BoxError;
use sqlitmus::interleave::{Explore, explore};
use sqlitmus::rusqlite::{Connection, Result};

use super::{IMMEDIATE, WAL, count, failure, wal};

#[track_caller]
fn refused(explore: Explore<'_>, text: &str) {
    assert_eq!(failure(explore), text);
}

fn read(db: &mut Connection) -> Result<i64> {
    count(db, 1)
}

#[test]
fn one_task_or_five() {
    let db = wal();
    refused(
        explore(&db).task("alice", read),
        "1 task to interleave: two to four are needed

  help: .task(\"alice\", |db| ..) and .steps(\"bob\", [..]) add one each",
    );
    let five = ["a", "b", "c", "d", "e"].into_iter().fold(explore(&db), |explore, name| explore.task(name, read));
    assert!(failure(five).starts_with("5 tasks to interleave: two to four are needed"));
}

#[test]
fn two_tasks_of_one_name() {
    refused(
        explore(&wal()).task("alice", read).task("alice", read),
        "two tasks are called alice

  help: a failure names the task of each statement: each needs its own name",
    );
}

#[test]
fn a_task_that_does_nothing() {
    refused(
        explore(&wal()).task("alice", read).task("bob", |_| Ok::<_, BoxError>(())),
        "bob runs no statement

  help: it has to use the connection that is given as an argument: nothing else is explored",
    );
}

#[test]
fn a_task_that_always_fails() {
    fn closed(db: &mut Connection) -> Result<(), BoxError> {
        count(db, 1)?;
        Err("the shop is closed".into())
    }
    refused(
        explore(&wal()).task("alice", read).task("bob", closed),
        "bob fails in every serial order of the tasks

  it says:
    the shop is closed

  help: prepare the database so that it succeeds, then explore",
    );
}

#[test]
fn a_task_that_panics() {
    fn panics(db: &mut Connection) -> Result<()> {
        assert!(count(db, 1)? < 10, "out of range");
        Ok(())
    }
    refused(
        explore(&wal()).task("alice", read).task("bob", panics),
        "bob panics

  schedule:
    alice  SELECT count FROM stock WHERE item = 1
    bob    SELECT count FROM stock WHERE item = 1

  results of this schedule:
    alice  Ok(10)
    bob    panics: out of range",
    );
}

#[test]
fn a_task_that_uses_the_database_itself() {
    for db in [WAL.in_memory(), WAL.on_disk()] {
        let path = db.path().to_owned();
        let by_path = move |_: &mut Connection| -> Result<()> {
            Connection::open(&path)?.execute_batch("UPDATE stock SET count = count - 1 WHERE item = 1")
        };
        let text = failure(explore(&db).task("alice", read).task("bob", by_path));
        let who = if db.path().exists() { "a task" } else { "bob" };
        assert_eq!(
            text,
            format!(
                "{who} uses the test's own database instead of the copy that it is given

  help: use the connection that is given as an argument; a second one, of any driver, has to open sqlitmus::sim::uri(connection)"
            )
        );
    }
}

#[test]
fn tasks_that_are_not_deterministic() {
    let number = Arc::new(AtomicI64::new(1));
    let task = move |db: &mut Connection| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        (0..number).try_for_each(|_| db.execute("INSERT INTO names(name) VALUES ('tea')", []).map(drop))
    };
    let text = failure(explore(&wal()).task("alice", task).task("bob", read));
    assert_eq!(
        text,
        "alice, bob give different results when they run again, one after another

  state (- first, + again, ~ both):
    names: 1 inserted
      + id=5, name='tea'

  help: schedules can only be compared if nothing but the order matters: pass ids and times as arguments, or take them \
        from SQLite"
    );
}

/// In the first order, the other task overwrites the difference.
#[test]
fn ids_that_the_app_makes_are_not_compared() {
    let number = Arc::new(AtomicI64::new(1));
    let task = move |db: &mut Connection| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        db.execute("UPDATE stock SET count = ?1 WHERE item = 1", [number])
    };
    let other = |db: &mut Connection| db.execute("UPDATE stock SET count = 0 WHERE item = 1", []);
    let report = explore(&wal()).task("alice", task).task("bob", other).run();
    let says = "not compared: new values of stock.count, because they differ from run to run";
    assert!(report.to_string().contains(says), "{report}");
}

#[test]
fn an_invariant_that_never_holds() {
    let db = wal();
    let explore = explore(&db).steps("alice", IMMEDIATE).steps("bob", IMMEDIATE);
    refused(
        explore.invariant(|db| match count(db, 1) {
            Ok(10) => Ok(()),
            other => Err(format!("{other:?} of item 1")),
        }),
        "the invariant does not hold after alice, then bob, without any interleaving

  it says:
    Ok(8) of item 1

  help: mend a task or the invariant: it has to hold when the tasks run one after another",
    );
}
