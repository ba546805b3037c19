//! The texts of failures, reports, and errors about actions that cannot be explored.

use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::{ErrorKind, Profile, crash};

use super::{SHOP, db};

const ORDER: &str = "INSERT INTO orders(id, customer, total) VALUES (3, 'ada', 250)";
const ITEMS: &str = "INSERT INTO items(order_id, product, price) VALUES (3, 'tea', 150)";

const SMALL: Profile =
    Profile::SQLITE_DEFAULTS.pragma("page_size", "4096").pragma("journal_mode", "DELETE").pragma("synchronous", "FULL");

#[track_caller]
fn says(result: sqlitmus::Result<crash::Report>, expected: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Crash);
    assert_eq!(error.to_string(), expected);
}

#[test]
fn half_done() {
    let db = db(SMALL, SHOP);
    let result = crash::test(&db, |db| db.execute(ORDER, []).and_then(|_| db.execute(ITEMS, []))).try_run();
    let expected = "\
killing the process after operation 10 leaves the action half done: orders without items

  sql:
    INSERT INTO items(order_id, product, price) VALUES (3, 'tea', 150)

  changes that survived:
    orders: 1 inserted
      + id=3, customer='ada', total=250

  changes missing:
    items: 1 inserted
      + id=1, order_id=3, product='tea', price=150

  the disk (+ survived, - lost, ~ torn):
      … 2 before
    + 3 write main.db-journal at 516, 4096 bytes
    + 4 write main.db-journal at 4612, 4 bytes
    + 5 write main.db-journal at 4616, 4 bytes
    + 6 write main.db-journal at 4620, 4096 bytes
";
    let text = result.unwrap_err().to_string();
    // The operations of SQLite's journal differ between versions.
    let (before_disk, disk) = text.split_once("\n  the disk").unwrap();
    assert_eq!(unnumbered(before_disk), unnumbered(expected.split_once("\n  the disk").unwrap().0));
    assert!(disk.contains("\n  > the process is killed\n"), "{text}");
    let (_, end) = disk.split_once("\n\n").unwrap();
    assert_eq!(
        // With one test thread, the name of the test is unknown.
        unnumbered(end).trim_end_matches(" crash::messages::half_done"),
        "  help: put all of its statements into one transaction
  help: if it goes on where it stopped when it is run again, say so: .each_transaction()
  help: if its transactions are independent of each other, say so: .independent_transactions()
note: SQLITMUS_REPLAY=crash:N:all cargo test"
    );
}

/// Replaces the number of an operation by `N`.
fn unnumbered(text: &str) -> String {
    let mut text = text.to_owned();
    for word in ["operation ", "crash:"] {
        if let Some((before, after)) = text.split_once(word) {
            text = format!("{before}{word}N{}", after.trim_start_matches(|c: char| c.is_ascii_digit()));
        }
    }
    text
}

#[test]
fn the_report_of_a_passing_test() {
    let action = |db: &mut Connection| db.execute(ORDER, []);
    let small = db(SMALL, SHOP);
    let report = crash::test(&small, action).every_operation().run();
    let lines: Vec<String> = report.to_string().lines().map(str::to_owned).collect();
    assert!(lines[0].starts_with("power cut at ") && lines[0].ends_with(" different"), "{report}");
    assert_eq!(
        lines[1..3],
        [
            "  DELETE + FULL: the last commit may be lost; none half-applied",
            "  DELETE + FULL promises: the last commit may be lost"
        ]
    );
    assert!(lines[3].starts_with("  0 of 1 commit survived: "), "{report}");
    assert!(lines[4].starts_with("  1 of 1 commit survived: "), "{report}");
    assert_eq!(lines.len(), 5);
    assert_eq!(report.outcomes.iter().sum::<u64>(), report.images);
    // The same seed gives the same points, images and results.
    assert_eq!(crash::test(&small, action).every_operation().run(), report);
    let fewer = crash::test(&small, action).run();
    assert!(fewer.points < report.points && fewer.images < report.images, "{fewer}\n{report}");
    assert_eq!(fewer.most_lost, 1);
}

#[test]
fn the_database_of_the_test_stays_as_it_is() {
    let db = db(Profile::PRODUCTION, SHOP);
    crash::test(&db, |db| db.execute(ORDER, [])).run();
    let count: i64 = db.query_row("SELECT count(*) FROM orders", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 0);
    db.execute(ORDER, []).unwrap();
}

#[test]
fn a_database_on_disk_is_copied() {
    let db = sqlitmus::Template::empty().profile(Profile::PRODUCTION).on_disk();
    db.execute_batch(SHOP).unwrap();
    let report = crash::test(&db, |db| db.execute(ORDER, [])).run();
    assert_eq!((report.commits, report.most_lost), (1, 1));
    let error = crash::test(&db, |db| db.execute(ORDER, []).and_then(|_| db.execute(ITEMS, []))).try_run().unwrap_err();
    assert!(error.headline().ends_with("half done: orders without items"), "{error}");
}

#[test]
fn an_action_that_does_nothing() {
    let nothing = crash::test(&db(SMALL, SHOP), |db| db.query_row("SELECT 1", [], |_| Ok(()))).try_run();
    says(
        nothing,
        "the action changes nothing, so there is nothing to lose

  help: prepare the database so that it has something to do",
    );
    // Nothing is rolled back that writes nothing.
    let small = db(SMALL, SHOP);
    let reads = crash::test(&small, |db| {
        let transaction = db.transaction()?;
        transaction.query_row("SELECT count(*) FROM orders", [], |row| row.get::<_, i64>(0))
    });
    assert_eq!(reads.try_run().unwrap_err().headline(), "the action changes nothing, so there is nothing to lose");
}

#[test]
fn an_action_that_forgets_its_commit() {
    for profile in [SMALL, Profile::PRODUCTION] {
        let forgets = crash::test(&db(profile, SHOP), |db| {
            let transaction = db.transaction()?;
            transaction.execute(ORDER, [])?;
            transaction.execute(ITEMS, [])
        })
        .try_run();
        says(
            forgets,
            "the action changes nothing: it writes, and its transaction is rolled back

  sql:
    INSERT INTO orders(id, customer, total) VALUES (3, 'ada', 250)

  help: commit the transaction, transaction.commit()?: one that is dropped is rolled back
  help: if it rolls back on purpose, prepare the database so that it does not",
        );
    }
    let shop = db(Profile::PRODUCTION, SHOP);
    let with_own_connection = crash::test_with(&shop, |copy| {
        let mut own = Connection::open(copy.path())?;
        own.transaction()?.execute(ORDER, [])
    });
    let headline = "the action changes nothing: it writes, and its transaction is rolled back";
    assert_eq!(with_own_connection.try_run().unwrap_err().headline(), headline);
}

/// Part of a transaction goes to the pool by mistake.
#[test]
fn an_action_that_waits_for_itself() {
    let db = db(Profile::PRODUCTION, SHOP);
    let on_two = |begin: &'static str, wait: bool| {
        crash::test_with(&db, move |copy| {
            let (one, other) = (Connection::open(copy.path())?, Connection::open(copy.path())?);
            other.busy_timeout(std::time::Duration::ZERO)?;
            one.execute_batch(begin)?;
            one.execute(ORDER, [])?;
            if wait {
                one.execute_batch("COMMIT")?;
            }
            other.execute(ITEMS, [])?;
            if wait { Ok(()) } else { one.execute_batch("COMMIT") }
        })
    };
    for begin in ["BEGIN", "BEGIN IMMEDIATE"] {
        let holds = if begin == "BEGIN" { ORDER } else { begin };
        let expected = format!(
            "the action fails without any power cut

  it says:
    database is locked

  the statement that waits for the lock:
    {ITEMS}

  another connection of the action has the lock:
    {holds}

  help: run all statements of a transaction on its connection (sqlx: &mut *transaction, and not the pool): another one \
             waits for its end in vain"
        );
        says(on_two(begin, false).try_run(), &expected);
    }
    // One after the other, the two connections are no problem, and an error of the app's own is none of a lock.
    on_two("BEGIN", true).independent_transactions().run();
    let own = crash::test_with(&db, |copy| {
        let open = || Connection::open(copy.path()).map_err(|error| error.to_string());
        let (one, other) = (open()?, open()?);
        one.execute_batch(&format!("BEGIN; {ORDER}; COMMIT")).map_err(|error| error.to_string())?;
        other.execute(ITEMS, []).map_err(|error| error.to_string())?;
        Err::<(), _>(String::from("database is locked"))
    });
    assert!(own.try_run().unwrap_err().to_string().contains("help: prepare the database so that it succeeds"));
}

#[test]
fn an_action_that_fails() {
    says(
        crash::test(&db(SMALL, SHOP), |_| Err::<(), _>("no tea")).try_run(),
        "the action fails without any power cut

  it says:
    no tea

  help: prepare the database so that it succeeds, then explore",
    );
}

#[test]
fn an_action_that_panics() {
    let result = crash::test(&db(SMALL, SHOP), |_| -> Result<()> { panic!("no {}", "tea") }).try_run();
    says(
        result,
        "the action panics without any power cut

  it says:
    no tea",
    );
}

/// The app's own panics may speak of a runtime too, and of one that is of the wrong kind.
#[test]
fn an_action_that_runs_outside_of_its_runtime() {
    let panics = |says: &'static str| {
        let result = crash::test(&db(SMALL, SHOP), move |_| -> Result<()> { panic!("{says}") }).try_run();
        result.unwrap_err().to_string().contains("help: name the app's runtime: Template::block_on")
    };
    assert!(panics("there is no reactor running, must be called from the context of a Tokio 1.x runtime"));
    assert!(panics("this functionality requires a Tokio context"));
    assert!(!panics("can call blocking only when running on the multi-threaded runtime"));
    assert!(!panics("the runtime of the job is over"));
}

#[test]
fn an_action_that_leaves_its_transaction_open() {
    let result = crash::test(&db(SMALL, SHOP), |db| db.execute_batch(&format!("BEGIN; {ORDER}"))).try_run();
    says(
        result,
        "the action leaves a transaction open: what it wrote is rolled back

  help: commit it: transaction.commit()?",
    );
}

#[test]
fn an_action_that_opens_the_database_by_itself() {
    let db = db(SMALL, SHOP);
    let path = db.path().to_owned();
    let result = crash::test(&db, |_| Connection::open(&path)?.execute(ORDER, [])).try_run();
    says(
        result,
        "the action uses the test's own database instead of the copy that it is given

  help: use the connection that is given as an argument; a second one, of any driver, has to open sqlitmus::sim::uri(connection)",
    );
}

#[test]
fn a_second_connection_to_the_same_copy() {
    let report = crash::test(&db(SMALL, SHOP), |db| {
        let second = Connection::open(format!("file:{}?vfs=sqlitmus", db.path().unwrap()))?;
        second.execute(ORDER, [])?;
        drop(second);
        db.execute(ITEMS, [])
    })
    .independent_transactions()
    .run();
    assert_eq!(report.commits, 2, "{report}");
}

#[test]
fn an_action_that_does_something_else_each_time() {
    let mut runs = 0;
    let report = crash::test(&db(SMALL, SHOP), |db| {
        runs += 1;
        db.execute("INSERT INTO orders(customer) SELECT printf('%*c', ?1, 'x')", [runs * 5000])
    })
    .run();
    assert!(!report.deterministic);
    assert!(report.to_string().ends_with("\n  the action made other disk operations when it was run again"));
    // SQLite's random values are the same each time.
    let report = crash::test(&db(SMALL, SHOP), |db| {
        db.execute("INSERT INTO orders(customer) VALUES (zeroblob(random() & 0xffff))", [])
    })
    .run();
    assert!(report.deterministic, "{report}");
}

/// Busy timeouts take no time, and the test's clock does not move.
#[test]
fn an_action_that_waits() {
    let db = db(SMALL.pragma("busy_timeout", "30000"), SHOP);
    db.clock().set("2026-03-01T00:00:00Z");
    let report = crash::test(&db, |db| {
        let second = Connection::open(format!("file:{}?vfs=sqlitmus", db.path().unwrap()))?;
        second.execute_batch("BEGIN IMMEDIATE")?;
        assert!(db.execute(ORDER, []).is_err());
        second.execute_batch("ROLLBACK")?;
        let time: String = db.query_row("SELECT time('now')", [], |row| row.get(0))?;
        assert!(time.starts_with("00:00:3"), "{time}");
        // A connection that the app has opened by the path does so too.
        db.execute_batch("BEGIN IMMEDIATE")?;
        second.busy_timeout(std::time::Duration::from_secs(60))?;
        assert!(second.execute(ORDER, []).is_err());
        db.execute_batch("ROLLBACK")?;
        let time: String = db.query_row("SELECT time('now')", [], |row| row.get(0))?;
        assert!(time.starts_with("00:01:3"), "{time}");
        db.execute(ORDER, [])
    })
    .run();
    assert_eq!(report.commits, 1);
    let time: String = db.query_row("SELECT time('now')", [], |row| row.get(0)).unwrap();
    assert_eq!(time, "00:00:00");
}

#[test]
fn an_invariant_that_never_holds() {
    let small = db(SMALL, SHOP);
    let test = crash::test(&small, |db| db.execute(ORDER, [])).invariant(|_| Err("never"));
    says(
        test.try_run(),
        "the invariant does not hold before the action, without any power cut

  it says:
    never",
    );
}
