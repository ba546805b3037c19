//! The texts of failures, reports, and errors about actions that cannot be explored.

use std::cell::Cell;

use sqlitmus::faults::Kind;
use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::{ErrorKind, Profile, faults, sim};

use super::{SHOP, db};

const ORDER: &str = "INSERT INTO orders(id, customer, total) VALUES (3, 'ada', 250)";
const ITEMS: &str = "INSERT INTO items(order_id, product, price) VALUES (3, 'tea', 150)";

#[track_caller]
fn says(result: sqlitmus::Result<faults::Report>, expected: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fault);
    assert_eq!(error.to_string(), expected);
}

/// Replaces numbers that differ between versions of SQLite by `N`.
fn unnumbered(text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for line in &mut lines {
        if line.contains(" at read ") || line.contains("SQLITMUS_REPLAY") {
            let mut in_number = false;
            *line = line.chars().fold(String::new(), |mut text, c| {
                if !c.is_ascii_digit() {
                    text.push(c);
                } else if !in_number {
                    text.push('N');
                }
                in_number = c.is_ascii_digit();
                text
            });
        }
    }
    lines.join("\n")
}

#[test]
fn a_part_stays() {
    let db = db(Profile::PRODUCTION, SHOP);
    let result = faults::sweep(&db, |db| db.execute(ORDER, []).and_then(|_| db.execute(ITEMS, []))).try_run();
    assert_eq!(
        // With one test thread, the name of the test is unknown.
        unnumbered(&result.unwrap_err().to_string()).trim_end_matches(" faults::messages::a_part_stays"),
        "\
the action fails on an I/O error and is half applied: orders without items

  sql:
    INSERT INTO items(order_id, product, price) VALUES (3, 'tea', 150)

  the fault:
    an I/O error at read main.db-wal at N, N bytes (code N)

  the action returned:
    disk I/O error

  changes made:
    orders: 1 inserted
      + id=3, customer='ada', total=250

  changes missing:
    items: 1 inserted
      + id=1, order_id=3, product='tea', price=150

  help: put all of its statements into one transaction and roll it back on an error
  help: if it goes on where it stopped when it is called again, say so: .each_transaction()
  help: if its transactions are independent of each other, say so: .independent_transactions()
note: SQLITMUS_REPLAY=fault:io:N cargo test"
    );
}

#[test]
fn the_report_of_a_passing_sweep() {
    let action = |db: &mut Connection| {
        let transaction = db.transaction()?;
        transaction.execute(ORDER, [])?;
        transaction.execute(ITEMS, [])?;
        transaction.commit()
    };
    let shop = db(Profile::PRODUCTION, SHOP);
    let report = faults::sweep(&shop, action).run();
    let kinds: Vec<Kind> = report.kinds.iter().map(|tried| tried.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::Io,
            Kind::IoFromThenOn,
            Kind::Full,
            Kind::FullFromThenOn,
            Kind::Busy,
            Kind::BusyTimeout,
            Kind::BusyFromThenOn,
            Kind::Interrupt
        ]
    );
    // A busy timeout survives a short lock, but not one that is never released.
    assert_eq!(report.of(Kind::Busy).unwrap().errors, 0, "{report}");
    assert!(report.of(Kind::BusyFromThenOn).unwrap().errors > 0, "{report}");
    let full = report.of(Kind::Full).unwrap();
    assert_eq!(full.errors, full.runs);
    let text = report.to_string();
    assert!(
        text.starts_with(&format!("{} runs with a fault: all or nothing each time\n  an I/O error: ", report.runs()))
    );
    assert!(text.contains(&format!("\n  a full disk: {} runs, {} errors\n", full.runs, full.errors)), "{text}");
    assert_eq!(faults::sweep(&shop, action).run(), report);
    let count: i64 = shop.query_row("SELECT count(*) FROM orders", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 0, "the database of the test stays as it is");
}

#[test]
fn an_action_that_ignores_errors_on_purpose() {
    fn note_visit(db: &mut Connection) -> Result<()> {
        let _ = db.execute("UPDATE stock SET count = count + 1", []);
        Ok(())
    }
    let shop = db(Profile::PRODUCTION, SHOP);
    let error = faults::sweep(&shop, note_visit).try_run().unwrap_err();
    assert_eq!(error.headline(), "the action returns Ok after an I/O error but has changed nothing");
    assert!(error.to_string().contains("say so: .may_ignore_errors()"), "{error}");
    faults::sweep(&shop, note_visit).may_ignore_errors().run();
}

#[test]
fn an_action_that_does_something_else_each_time() {
    let runs = Cell::new(0);
    let result = faults::sweep(&db(Profile::PRODUCTION, SHOP), |db| {
        runs.set(runs.get() + 1);
        (0..runs.get()).try_for_each(|_| db.execute("INSERT INTO orders(customer) VALUES ('ada')", []).map(drop))
    })
    .try_run();
    says(
        result,
        "the action makes other changes each time, so its runs cannot be compared

  from the first run to the second:
    orders: 1 inserted
      + id=2, customer='ada', total=0

  help: pass random values and times as arguments, or take them from SQLite, whose clock stands still here",
    );
    // Values that the app makes anew are left out, and the report says so.
    let report = faults::sweep(&db(Profile::PRODUCTION, SHOP), |db| {
        runs.set(runs.get() + 1);
        db.execute("INSERT INTO orders(id, customer) VALUES (?1, 'ada')", [runs.get()])
    })
    .run();
    assert_eq!(report.masked, ["orders.id"]);
    assert!(report.to_string().ends_with("not compared: new values of orders.id, because they differ from run to run"));
    // SQLite's time and random values are the same in each run, also when the action is run again.
    faults::sweep(&db(Profile::PRODUCTION, SHOP), |db| {
        db.execute("INSERT INTO orders(customer) VALUES (strftime('%f', 'now'))", [])
    })
    .run();
    faults::sweep(&db(Profile::PRODUCTION, SHOP), |db| {
        db.execute("INSERT INTO orders(id, customer) VALUES (random(), hex(randomblob(16)))", [])
    })
    .run();
}

#[test]
fn an_action_that_does_not_work_by_itself() {
    let test = |action: fn(&mut Connection) -> Result<(), String>| {
        let db = db(Profile::PRODUCTION, SHOP);
        let result = faults::sweep(&db, action).try_run();
        result.unwrap_err().headline().to_owned()
    };
    assert_eq!(test(|_| Err("no tea".into())), "the action fails without any fault");
    assert_eq!(test(|_| panic!("no tea")), "the action panics without any fault");
    assert_eq!(test(|_| Ok(())), "the action does not use the database, so nothing can fail");
    assert_eq!(
        test(|db| db.execute_batch("BEGIN IMMEDIATE").map_err(|error| error.to_string())),
        "the action leaves a transaction open: what it wrote is rolled back"
    );
    let db = db(Profile::PRODUCTION, SHOP);
    let path = db.path().to_owned();
    let result = faults::sweep(&db, |_| Connection::open(&path)?.execute(ORDER, [])).try_run();
    let says = "the action uses the test's own database instead of the copy that it is given";
    assert_eq!(result.unwrap_err().headline(), says);
    // An action that does not use its copy would always pass.
    let beside = faults::sweep(&db, |_| db.execute("UPDATE stock SET count = 9", [])).try_run();
    assert_eq!(beside.unwrap_err().headline(), says);
}

/// A read-only action has nothing to undo, but it has to return its errors.
#[test]
fn an_action_that_only_reads() {
    let shop = db(Profile::PRODUCTION, SHOP);
    let count = |db: &mut Connection| db.query_row("SELECT count(*) FROM stock", [], |row| row.get::<_, i64>(0));
    let report = faults::sweep(&shop, count).run();
    assert!(report.of(Kind::Io).unwrap().errors > 0, "{report}");
}

#[test]
fn many_places_are_sampled_by_default() {
    let shop = db(Profile::PRODUCTION, SHOP);
    let action = |db: &mut Connection| {
        db.execute(
            "WITH RECURSIVE n(i) AS (VALUES (10) UNION ALL SELECT i + 1 FROM n WHERE i < 90)
            INSERT INTO orders(id, customer) SELECT i, 'ada' FROM n",
            [],
        )
    };
    let report = faults::sweep(&shop, action).run();
    let interrupts = report.of(Kind::Interrupt).unwrap();
    assert!(interrupts.places > 1000 && interrupts.runs == 4 && interrupts.missed == 0, "{report}");
    assert!(report.to_string().contains(&format!("4 runs of {} places", interrupts.places)), "{report}");
}

/// Memory fails only if both the sweep and the feature ask for it.
#[cfg(not(feature = "out-of-memory"))]
#[test]
fn memory_needs_a_feature() {
    let shop = db(Profile::PRODUCTION, SHOP);
    let expected = "\
SQLite cannot be made to run out of memory

  help: cargo add --dev sqlitmus --features out-of-memory";
    let action = |db: &mut Connection| db.execute(ORDER, []);
    says(faults::sweep(&shop, action).out_of_memory().try_run(), expected);
    says(faults::sweep(&shop, action).only(Kind::OutOfMemoryFromThenOn).try_run(), expected);
}

/// The connection has the copy's clock: a timeout takes no time, and each run writes the same.
#[test]
fn a_second_connection_to_the_same_copy() {
    let db = db(Profile::PRODUCTION, "CREATE TABLE log(line TEXT, at TEXT DEFAULT CURRENT_TIMESTAMP)");
    let report = faults::sweep(&db, |copy| {
        let second = Connection::open(sim::uri(copy).unwrap())?;
        assert_eq!(sim::uri(&second), sim::uri(copy));
        second.busy_timeout(std::time::Duration::from_secs(30))?;
        second.execute("INSERT INTO log(line) VALUES ('hello')", [])
    })
    .run();
    assert!(report.kinds.iter().any(|tried| tried.kind == Kind::BusyFromThenOn), "{report}");
    assert_eq!(sim::uri(&db).as_deref(), Some(&*db.uri()));
    assert_eq!(sim::uri(&Connection::open_in_memory().unwrap()), None);
}

#[test]
fn statements_on_another_connection_are_not_interrupted() {
    fn elsewhere(db: &mut Connection) -> Result<usize> {
        Connection::open(sim::uri(db).unwrap())?.execute("INSERT INTO orders(customer) VALUES ('ada')", [])
    }
    let db = db(Profile::PRODUCTION, SHOP);
    let report = faults::sweep(&db, elsewhere).run();
    let line = "\n  an interrupt: 0 runs, 0 errors: only statements on the connection that the action is given are interrupted";
    assert!(report.to_string().ends_with(line), "{report}");
    let error = faults::sweep(&db, elsewhere).only(Kind::Interrupt).try_run().unwrap_err();
    assert_eq!(error.headline(), "no such fault can happen to the action: an interrupt");
    let read = |db: &mut Connection| db.query_row("SELECT count(*) FROM orders", [], |row| row.get::<_, i64>(0));
    let error = faults::sweep(&db, read).only(Kind::Full).try_run().unwrap_err();
    assert_eq!(error.headline(), "no such fault can happen to the action: a full disk");
}

const NOTE: &str = "note: the action writes and changes nothing, because it is rolled back; commit the transaction, \
                    transaction.commit()?: one that is dropped is rolled back";

#[test]
fn an_action_that_forgets_its_commit() {
    for profile in [Profile::PRODUCTION, Profile::SQLITE_DEFAULTS] {
        let db = db(profile, SHOP);
        let forgets = faults::sweep(&db, |db| db.transaction()?.execute(ORDER, [])).run().to_string();
        assert_eq!(forgets.lines().last(), Some(NOTE), "{forgets}");
        let reads = faults::sweep(&db, |db| {
            db.transaction()?.query_row("SELECT count(*) FROM orders", [], |row| row.get::<_, i64>(0))
        });
        assert!(!reads.run().to_string().contains("rolled back"));
        // It has done something before it rolls back.
        let then = faults::sweep(&db, |db| {
            let transaction = db.transaction()?;
            transaction.execute(ORDER, [])?;
            transaction.commit()?;
            db.transaction()?.execute(ITEMS, [])
        });
        assert!(!then.may_fail_after_commit().run().to_string().contains("rolled back"));
    }
}
