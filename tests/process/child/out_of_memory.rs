//! SQLite runs out of memory on one of several threads.

use std::sync::atomic::{AtomicBool, Ordering};

use sqlitmus::faults::{self, Kind};
use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::{Profile, Template};

use super::folder;

const SHOP: &[(&str, &str)] = &[(
    "1_shop.sql",
    "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer TEXT NOT NULL, total INT NOT NULL DEFAULT 0);
     CREATE TABLE items(id INTEGER PRIMARY KEY, order_id INT NOT NULL REFERENCES orders(id), product TEXT, note BLOB);
     CREATE INDEX items_product ON items(product);
     CREATE TABLE stock(product TEXT PRIMARY KEY, count INT NOT NULL CHECK(count >= 0));
     INSERT INTO stock VALUES ('tea', 10), ('cup', 3);",
)];

static WAL: Template = Template::embedded(SHOP).profile(Profile::PRODUCTION);

static JOURNAL: Template = Template::embedded(SHOP).profile(Profile::SQLITE_DEFAULTS.pragma("journal_mode", "DELETE"));

fn place_order(db: &mut Connection) -> Result<()> {
    let transaction = db.transaction()?;
    transaction.execute("INSERT INTO orders(id, customer) VALUES (?1, ?2)", (1, "ada"))?;
    transaction.execute("INSERT INTO items(order_id, product, note) VALUES (1, 'tea', zeroblob(100))", [])?;
    transaction.execute("UPDATE stock SET count = count - 1 WHERE product = 'tea'", [])?;
    let total: i64 = transaction.query_row("SELECT count(*) FROM items WHERE product = 'tea'", [], |row| row.get(0))?;
    transaction.execute("UPDATE orders SET total = ?1", [total])?;
    transaction.commit()
}

#[test]
fn correct_code_passes() {
    if folder().is_none() {
        return;
    }
    for template in [&WAL, &JOURNAL] {
        let db = template.in_memory();
        let report = faults::sweep(&db, place_order).out_of_memory().run();
        assert_eq!(report.kinds.len(), 10, "{report}");
        for kind in [Kind::OutOfMemory, Kind::OutOfMemoryFromThenOn] {
            let tried = report.of(kind).unwrap();
            assert!(tried.places > 100 && tried.runs == tried.places, "{report}");
            assert!(tried.errors > tried.runs / 2, "{report}");
            assert_eq!(tried.missed, 0, "{report}");
        }
        // Without `out_of_memory()`, allocations do not fail.
        assert_eq!(faults::sweep(&db, place_order).run().kinds.len(), 8);
    }
}

/// Ignores the error of one statement.
fn ignores_an_error(db: &mut Connection) -> Result<()> {
    let transaction = db.transaction()?;
    transaction.execute("INSERT INTO orders(id, customer) VALUES (1, 'ada')", [])?;
    let _ = transaction.execute("INSERT INTO items(order_id, product) VALUES (1, 'tea')", []);
    transaction.commit()
}

#[test]
fn an_ignored_error_is_found() {
    if folder().is_none() {
        return;
    }
    let db = WAL.in_memory();
    let text = faults::sweep(&db, ignores_an_error).only(Kind::OutOfMemory).try_run().unwrap_err().to_string();
    // The number of the allocation depends on SQLite.
    let text: String = text.chars().filter(|c| !c.is_ascii_digit()).collect();
    assert_eq!(
        text,
        "\
the action returns Ok after a failed allocation but has made only some of its changes: orders without items

  the fault:
    allocation  fails

  the action returned:
    Ok

  changes made:
    orders:  inserted
      + id=, customer='ada', total=

  changes missing:
    items:  inserted
      + id=, order_id=, product='tea', note=NULL

  help: return the error of every statement with `?`; after some errors SQLite has already rolled the transaction back
  help: if errors are ignored on purpose, say so: .may_ignore_errors()
note: SQLITMUS_REPLAY=fault:memory: cargo test child::out_of_memory::an_ignored_error_is_found"
    );
}

#[test]
fn a_transaction_that_is_left_open_is_found() {
    if folder().is_none() {
        return;
    }
    let action = |db: &mut Connection| {
        db.execute_batch("BEGIN")?;
        db.execute("INSERT INTO orders(id, customer) VALUES (1, 'ada')", [])?;
        db.execute_batch("COMMIT")
    };
    let db = WAL.in_memory();
    let error = faults::sweep(&db, action).only(Kind::OutOfMemory).try_run().unwrap_err();
    assert_eq!(error.headline(), "the action leaves a transaction open after a failed allocation");
    // If all further allocations fail, a ROLLBACK is impossible, so this is no failure.
    faults::sweep(&db, action).only(Kind::OutOfMemoryFromThenOn).run();
}

/// rusqlite panics if SQLite has no memory for a text that is read. A panic of the app itself is a failure.
#[test]
fn a_panic_of_the_driver_is_an_error() {
    if folder().is_none() {
        return;
    }
    fn read(db: &mut Connection) -> Result<String> {
        let transaction = db.transaction()?;
        let mut read = String::new();
        for expression in ["group_concat(product)", "upper(substr(product, 2))", "substr(product, 1, 2)"] {
            let sql = format!("SELECT {expression} FROM stock");
            read += &transaction.query_row(&sql, [], |row| row.get::<_, String>(0))?;
        }
        transaction.execute("UPDATE stock SET count = ?1", [i64::try_from(read.len()).unwrap()])?;
        transaction.commit()?;
        Ok(read)
    }
    let db = WAL.in_memory();
    let panics = std::cell::Cell::new(0);
    let counting = |db: &mut Connection| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(db))).unwrap_or_else(|payload| {
            panics.set(panics.get() + 1);
            std::panic::resume_unwind(payload)
        })
    };
    faults::sweep(&db, counting).only(Kind::OutOfMemory).run();
    assert!(panics.get() > 0);
    let error = faults::sweep(&db, |db| read(db).map(|_| ()).map_err(|error| panic!("the app: {error}")).or(Err("")))
        .only(Kind::OutOfMemory)
        .try_run()
        .unwrap_err();
    assert_eq!(error.headline(), "the action panics on a failed allocation");
}

/// Every further allocation fails, but not for ever: code that tries again until it succeeds ends, and is found.
#[test]
fn code_that_tries_without_an_end_is_found() {
    if folder().is_none() {
        return;
    }
    let action = |db: &mut Connection| -> Result<()> {
        while place_order(db).is_err() {}
        Ok(())
    };
    let db = WAL.in_memory();
    let error = faults::sweep(&db, action).only(Kind::OutOfMemoryFromThenOn).try_run().unwrap_err();
    assert_eq!(error.headline(), "the action does not end while there is a lack of memory", "{error}");
    assert!(error.to_string().contains("SQLITMUS_REPLAY=fault:memory-on:1 "), "{error}");
}

#[test]
fn other_threads_notice_nothing() {
    if folder().is_none() {
        return;
    }
    let db = WAL.in_memory();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let busy: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut times = 0;
                    while times < 20 || !done.load(Ordering::Relaxed) {
                        let mut own = WAL.in_memory();
                        place_order(&mut own).unwrap();
                        times += 1;
                    }
                })
            })
            .collect();
        let report = faults::sweep(&db, place_order).only(Kind::OutOfMemory).only(Kind::OutOfMemoryFromThenOn).run();
        done.store(true, Ordering::Relaxed);
        assert!(report.runs() > 200 && report.kinds.iter().all(|tried| tried.missed == 0), "{report}");
        busy.into_iter().for_each(|thread| thread.join().unwrap());
    });
    // After the sweep, this thread works as before.
    place_order(&mut WAL.in_memory()).unwrap();
}

#[test]
fn an_earlier_use_of_sqlite_is_reported() {
    if folder().is_none() {
        return;
    }
    Connection::open_in_memory().unwrap();
    let db = WAL.in_memory();
    let error = faults::sweep(&db, place_order).out_of_memory().try_run().unwrap_err();
    assert_eq!(
        error.to_string(),
        "\
SQLite cannot be made to run out of memory

  because:
    this process used SQLite before sqlitmus, and the allocator can only be set before that

  help: run each test in a process of its own: cargo nextest run
  help: or open the database of a template before any other connection"
    );
    // All other kinds are tried as usual.
    assert_eq!(faults::sweep(&db, place_order).run().kinds.len(), 8);
}
