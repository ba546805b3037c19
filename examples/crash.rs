//! Shows what a power cut and a full disk do to an order service, with bugs and without:
//! `cargo run --example crash`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use rusqlite::{Connection, Result};
use sqlitmus::{Profile, Template, TestDb, crash, faults};

const SCHEMA: &[(&str, &str)] = &[(
    "1.sql",
    "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer TEXT NOT NULL, total INT NOT NULL);
     CREATE TABLE items(order_id INT NOT NULL REFERENCES orders(id), product TEXT NOT NULL, price INT NOT NULL);
     CREATE TABLE stock(product TEXT PRIMARY KEY, count INT NOT NULL CHECK(count >= 0));
     INSERT INTO stock VALUES ('tea', 10), ('cup', 3);",
)];

static SHOP: Template = Template::embedded(SCHEMA).profile(Profile::PRODUCTION);

/// The services. All place the same order; only the last one has no bug.
mod service {
    use rusqlite::{Connection, Result};
    use sqlitmus::crash;

    fn write_order(db: &Connection) -> Result<()> {
        db.execute("INSERT INTO orders VALUES (3, 'ada', 250)", [])?;
        db.execute("INSERT INTO items VALUES (3, 'tea', 150), (3, 'cup', 100)", [])?;
        db.execute("UPDATE stock SET count = count - 1", [])?;
        Ok(())
    }

    /// Each statement is a transaction.
    pub(crate) fn without_transaction(db: &mut Connection) -> Result<()> {
        write_order(db)
    }

    /// Sends the mail while the order can still be lost.
    pub(crate) fn mail_too_early(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        write_order(&transaction)?;
        crash::acknowledge();
        transaction.commit()
    }

    /// Ignores one error. SQLite has rolled back by then and continues without a transaction.
    pub(crate) fn ignored_error(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        let _ = transaction.execute("INSERT INTO orders VALUES (3, 'ada', 250)", []);
        transaction.execute("UPDATE stock SET count = count - 1", [])?;
        transaction.commit()
    }

    /// Leaves the transaction open if a statement fails. The next order becomes a part of it and is never committed.
    pub(crate) fn forgotten_rollback(db: &mut Connection) -> Result<()> {
        db.execute_batch("BEGIN")?;
        write_order(db)?;
        db.execute_batch("COMMIT")
    }

    pub(crate) fn correct(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        write_order(&transaction)?;
        transaction.commit()?;
        crash::acknowledge();
        Ok(())
    }
}

type Service = fn(&mut Connection) -> Result<()>;

fn main() {
    println!("the power is cut\n");
    cut("no transaction", service::without_transaction);
    cut("a mail before the commit", service::mail_too_early);
    cut("correct", service::correct);

    println!("\nan operation fails: I/O errors, a full disk, locks, interrupts\n");
    fail("no transaction", service::without_transaction);
    fail("an ignored error", service::ignored_error);
    fail("a forgotten ROLLBACK", service::forgotten_rollback);
    fail("correct", service::correct);

    println!("\nten orders, and how many a power cut may lose\n");
    println!("  {:<10} {:<12} {:>7}  outcome", "journal", "synchronous", "images");
    for journal in ["WAL", "DELETE", "TRUNCATE", "PERSIST", "MEMORY", "OFF"] {
        for synchronous in ["EXTRA", "FULL", "NORMAL", "OFF"] {
            row(journal, synchronous);
        }
    }

    println!(
        "\none of the failures in full:\n\n{}",
        crash::test(&shop(), service::without_transaction).try_run().unwrap_err()
    );
}

fn shop() -> TestDb {
    SHOP.in_memory()
}

fn cut(what: &str, service: Service) {
    match crash::test(&shop(), service).try_run() {
        Ok(report) => println!("  {what:<30} holds: {}", report.promise()),
        Err(error) => println!("  {what:<30} {}", error.headline()),
    }
}

fn fail(what: &str, service: Service) {
    match faults::sweep(&shop(), service).try_run() {
        Ok(report) => println!("  {what:<30} holds: {} runs, all or nothing each time", report.runs()),
        Err(error) => println!("  {what:<30} {}", error.headline()),
    }
}

/// Places ten orders, each in a transaction.
fn orders(db: &mut Connection) -> Result<()> {
    for number in 0..10 {
        let transaction = db.transaction()?;
        transaction.execute("INSERT INTO orders VALUES (?1, 'ada', 100)", [number])?;
        transaction.execute("INSERT INTO items VALUES (?1, 'tea', 100)", [number])?;
        transaction.execute("UPDATE stock SET count = 10 - ?1 WHERE product = 'tea'", [number])?;
        transaction.commit()?;
    }
    Ok(())
}

fn row(journal: &'static str, synchronous: &'static str) {
    let profile = Profile::SQLITE_DEFAULTS.pragma("journal_mode", journal).pragma("synchronous", synchronous);
    let db = Template::embedded(SCHEMA).profile(profile).in_memory();
    let (images, outcome) = match crash::test(&db, orders).independent_transactions().try_run() {
        Ok(report) if report.most_lost == 0 => (report.distinct.to_string(), String::from("nothing is lost")),
        Ok(report) => (report.distinct.to_string(), format!("{} of 10 orders may be lost", report.most_lost)),
        Err(error) if error.headline().contains("corrupt") => (String::from("-"), String::from("CORRUPT")),
        Err(_) => (String::from("-"), String::from("HALF AN ORDER")),
    };
    println!("  {journal:<10} {synchronous:<12} {images:>7}  {outcome}");
}
