//! An app on the system's SQLite.

use rusqlite::{Connection, Result};

/// Moves an amount from one account to another.
pub fn transfer(db: &mut Connection, amount: i64) -> Result<()> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute("UPDATE accounts SET balance = balance - ?1 WHERE id = 1", [amount])?;
    transaction.execute("UPDATE accounts SET balance = balance + ?1 WHERE id = 2", [amount])?;
    transaction.commit()
}

/// The same without a transaction.
pub fn transfer_apart(db: &mut Connection, amount: i64) -> Result<()> {
    db.execute("UPDATE accounts SET balance = balance - ?1 WHERE id = 1", [amount])?;
    db.execute("UPDATE accounts SET balance = balance + ?1 WHERE id = 2", [amount]).map(drop)
}

/// Adds to a balance that it has read.
pub fn deposit(db: &mut Connection, amount: i64) -> Result<()> {
    let balance: i64 = db.query_row("SELECT balance FROM accounts WHERE id = 1", [], |row| row.get(0))?;
    db.execute("UPDATE accounts SET balance = ?1 WHERE id = 1", [balance + amount]).map(drop)
}

#[cfg(test)]
mod tests {
    use sqlitmus::suite::Suite;
    use sqlitmus::{Profile, Template, TestDb, crash, faults, interleave, plan};

    use super::{deposit, transfer, transfer_apart};

    static APP: Template = Template::embedded(&[
        (
            "1_accounts.sql",
            "CREATE TABLE accounts(id INTEGER PRIMARY KEY, name TEXT NOT NULL, balance INTEGER NOT NULL)",
        ),
        ("2_by_name.sql", "CREATE INDEX accounts_by_name ON accounts(name)"),
    ])
    .profile(Profile::PRODUCTION)
    .seed(|db| Ok(db.execute_batch("INSERT INTO accounts VALUES (1, 'ada', 100), (2, 'bob', 100)")?));

    #[test]
    fn plans_and_recordings() {
        let db = APP.in_memory();
        println!("SQLite {}", rusqlite::version());
        plan::explain(&db, "SELECT id FROM accounts WHERE name = ?1").assert_no_scan();
        let error = plan::explain(&db, "SELECT id FROM accounts WHERE balance = ?1").try_assert_no_scan().unwrap_err();
        assert!(error.to_string().contains("CREATE INDEX accounts_balance ON accounts(balance)"), "{error}");
        db.record(|db| transfer(db, 10).unwrap()).assert_only_writes(&["accounts"]).assert_no_scan();
    }

    /// Of the two, only the system's is a file of its own in a process.
    #[cfg(target_os = "linux")]
    #[test]
    fn sqlitmus_brings_no_sqlite() {
        drop(APP.in_memory());
        let mapped = std::fs::read_to_string("/proc/self/maps").unwrap();
        let library = mapped.lines().find(|line| line.contains("/libsqlite3.so"));
        assert!(library.is_some(), "another SQLite than the system's is linked:\n{mapped}");
    }

    fn filled() -> TestDb {
        let db = APP.on_disk();
        db.fill("accounts", 20);
        db
    }

    #[test]
    fn rows_forks_and_files() {
        let db = filled();
        let count = |db: &TestDb| db.query_row("SELECT count(*) FROM accounts", [], |row| row.get::<_, i64>(0));
        let fork = db.fork();
        fork.execute("DELETE FROM accounts WHERE id > 2", []).unwrap();
        assert_eq!((count(&db), count(&fork)), (Ok(22), Ok(2)));
    }

    #[test]
    fn what_if() {
        let db = APP.in_memory();
        assert!(crash::test(&db, |db| transfer_apart(db, 10)).try_run().is_err());
        crash::test(&db, |db| transfer(db, 10)).run();
        assert!(faults::sweep(&db, |db| transfer_apart(db, 10)).try_run().is_err());
        faults::sweep(&db, |db| transfer(db, 10)).run();
        let error = interleave::explore(&db).task("a", |db| deposit(db, 1)).task("b", |db| deposit(db, 2)).try_run();
        assert!(error.unwrap_err().to_string().starts_with("lost update"));
    }

    #[test]
    fn the_suite() {
        let report = Suite::new(&APP).skip("shipped_migrations_are_frozen", "not shipped").report();
        assert_eq!(report.failures().count(), 0, "{report}");
    }
}
