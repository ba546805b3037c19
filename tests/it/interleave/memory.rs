//! Memory that tasks share: a value made for each schedule, and what an earlier run has left.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use sqlitmus::interleave::explore;
use sqlitmus::rusqlite::{Connection, Result};

use super::{DEFERRED, ROLLBACK, count, failure, wal};

/// Takes a number from memory with a statement in between that no other task can see.
fn take_number(db: &mut Connection, next: &AtomicI64) -> Result<()> {
    let number = next.load(Ordering::Relaxed);
    db.query_row("SELECT 1", [], |_| Ok(()))?;
    next.store(number + 1, Ordering::Relaxed);
    db.execute("INSERT INTO names(name) VALUES (?1)", [number]).map(drop)
}

fn take_at_once(db: &mut Connection, next: &AtomicI64) -> Result<()> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    db.query_row("SELECT 1", [], |_| Ok(()))?;
    db.execute("INSERT INTO names(id, name) VALUES (?1, 'tea')", [number]).map(drop)
}

#[test]
fn a_lost_update_in_memory() {
    let db = wal();
    let error = explore(&db)
        .setup(|| AtomicI64::new(1))
        .task("alice", take_number)
        .task("bob", take_number)
        .try_run()
        .unwrap_err();
    assert_eq!(error.headline(), "no serial order of alice, bob gives this state", "{error}");
    explore(&db).setup(|| AtomicI64::new(1)).task("alice", take_at_once).task("bob", take_at_once).run();
}

/// A count that is kept in memory until somebody changes it.
#[test]
fn a_cache_that_is_filled_after_one_statement() {
    type Cache = Mutex<(Option<i64>, u64)>;
    fn shown(db: &mut Connection, cache: &Cache, is_checked: bool) -> Result<i64> {
        let version = match *cache.lock().unwrap() {
            (Some(count), _) => return Ok(count),
            (None, version) => version,
        };
        let count = count(db, 1)?;
        let mut cache = cache.lock().unwrap();
        if !is_checked || cache.1 == version {
            cache.0 = Some(count);
        }
        Ok(count)
    }
    fn change(db: &mut Connection, cache: &Cache) -> Result<()> {
        db.execute("UPDATE stock SET count = count - 1 WHERE item = 1", [])?;
        let mut cache = cache.lock().unwrap();
        *cache = (None, cache.1 + 1);
        Ok(())
    }
    // Without a WAL, the reader's lock would keep the writer out until the statement is reset.
    let db = wal();
    let explored = |is_checked| {
        explore(&db)
            .setup(Cache::default)
            .task("reader", move |db, cache: &Cache| shown(db, cache, is_checked))
            .task("writer", move |db, cache: &Cache| {
                change(db, cache)?;
                db.query_row("SELECT 1", [], |_| Ok(()))?;
                shown(db, cache, is_checked)
            })
            .try_run()
    };
    let says = "no serial order of reader, writer returns these results, though one gives this state";
    assert_eq!(explored(false).unwrap_err().headline(), says);
    explored(true).unwrap();
}

/// The reduction leaves out no outcome.
#[test]
fn all_orders_have_the_outcomes_of_the_reduced_search() {
    for db in [wal(), ROLLBACK.in_memory()] {
        let reduced = explore(&db).steps("one", DEFERRED).steps("two", DEFERRED).survey();
        let all = explore(&db).setup(|| ()).steps("one", DEFERRED).steps("two", DEFERRED).survey();
        let kinds = |report: &sqlitmus::interleave::Report| -> Vec<String> {
            report.outcomes().map(|(outcome, _)| outcome.to_owned()).collect()
        };
        assert_eq!(kinds(&reduced), kinds(&all));
        // Each task has a step before its first statement.
        assert_eq!((all.schedules(), all.is_exhaustive()), (252, true), "{all}");
    }
}

#[test]
fn what_an_earlier_run_has_left_is_shown() {
    let cache = Arc::new(Mutex::new(None));
    let cached = move |db: &mut Connection| -> Result<i64> {
        let mut cache = cache.lock().unwrap();
        match *cache {
            Some(left) => Ok(left),
            None => Ok(*cache.insert(count(db, 1)?)),
        }
    };
    let other = |db: &mut Connection| count(db, 2);
    assert_eq!(
        failure(explore(&wal()).task("alice", cached).task("bob", other)),
        "alice, bob give different results when they run again, one after another

  the first statement that is another one:
    first  alice  SELECT count FROM stock WHERE item = 1
    again  bob  SELECT count FROM stock WHERE item = 2

  help: schedules can only be compared if nothing but the order matters: pass ids and times as arguments, or take them \
        from SQLite
  help: what tasks share in memory is made anew for each schedule by .setup(|| ..)"
    );
}
