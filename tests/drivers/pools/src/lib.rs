//! An app on rusqlite behind a pool (r2d2, deadpool), or on a thread of its own (tokio-rusqlite).

use rusqlite::{Connection, Result};

/// Takes one from the stock. Reads and writes in two transactions, so that another sale may come between.
pub fn sell(db: &Connection) -> Result<i64> {
    let left: i64 = db.query_row("SELECT count FROM stock WHERE item = 1", [], |row| row.get(0))?;
    db.execute("UPDATE stock SET count = ?1 WHERE item = 1", [left - 1])?;
    Ok(left - 1)
}

/// Takes one from the stock, in one statement. It commits when all its rows are read.
pub fn sell_at_once(db: &Connection) -> Result<i64> {
    let sql = "UPDATE stock SET count = count - 1 WHERE item = 1 RETURNING count";
    let left: Vec<i64> = db.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_>>()?;
    left.into_iter().next().ok_or(rusqlite::Error::QueryReturnedNoRows)
}

#[cfg(doctest)]
#[doc = include_str!("../../../../src/guide/pools.md")]
struct Guide;

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::pin::Pin;
    use std::time::Duration;

    use deadpool_sqlite::{Config, Runtime};
    use r2d2_sqlite::SqliteConnectionManager;
    use rusqlite::Connection;
    use sqlitmus::{BoxError, DbCopy, Finish, Profile, Template, TestDb, crash, faults, interleave};

    static STOCK: Template = Template::embedded(&[(
        "1.sql",
        "CREATE TABLE stock(item INTEGER PRIMARY KEY, count INTEGER NOT NULL); INSERT INTO stock VALUES (1, 10);",
    )])
    .profile(Profile::PRODUCTION)
    .block_on(run);

    type Sale = fn(&Connection) -> rusqlite::Result<i64>;

    fn run(future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future);
    }

    fn by_r2d2(copy: DbCopy, sale: Sale) -> Result<i64, BoxError> {
        let pool = r2d2::Pool::builder().max_size(2).build(SqliteConnectionManager::file(copy.path()))?;
        Ok(sale(&*pool.get()?)?)
    }

    async fn by_deadpool(copy: DbCopy, sale: Sale) -> Result<i64, BoxError> {
        let pool = Config::new(copy.path()).create_pool(Runtime::Tokio1)?;
        let sold = pool.get().await?.interact(move |db| sale(db)).await.map_err(|error| error.to_string())?;
        pool.close();
        Ok(sold?)
    }

    async fn by_tokio_rusqlite(copy: DbCopy, sale: Sale) -> Result<i64, BoxError> {
        let db = tokio_rusqlite::Connection::open(copy.path()).await?;
        let sold = db.call(move |db| sale(db)).await?;
        db.close().await?;
        Ok(sold)
    }

    /// Two sales by the driver: the update that is lost is found, and the mended sale passes all that there is.
    fn tried<K: 'static, R: Finish<K> + 'static>(by: fn(DbCopy, Sale) -> R)
    where
        R::Value: Debug,
    {
        let db: TestDb = STOCK.in_memory();
        let sales = |sale: Sale| {
            let task = move |copy| by(copy, sale);
            interleave::explore(&db).task_with("alice", task).task_with("bob", task)
        };
        let error = sales(super::sell).try_run().unwrap_err();
        assert!(error.headline().starts_with("lost update"), "{error}");
        let report = sales(super::sell_at_once).run();
        assert!(report.is_exhaustive(), "{report}");
    }

    #[test]
    fn r2d2() {
        tried(by_r2d2);
    }

    #[tokio::test]
    async fn deadpool() {
        tried(by_deadpool);
    }

    #[tokio::test]
    async fn tokio_rusqlite() {
        tried(by_tokio_rusqlite);
        let db = STOCK.in_memory();
        crash::test_with(&db, |copy| by_tokio_rusqlite(copy, super::sell_at_once)).run();
        faults::sweep_with(&db, |copy| by_tokio_rusqlite(copy, super::sell_at_once)).run();
    }

    /// Each opens the database of a test, and what it runs is seen.
    #[tokio::test]
    async fn the_database_of_a_test_is_opened_and_recorded() {
        let db = STOCK.in_memory();
        let pool = r2d2::Pool::builder().max_size(1).build(SqliteConnectionManager::file(db.path())).unwrap();
        let queries = db.record(|_| super::sell(&pool.get().unwrap()).unwrap());
        assert_eq!((queries.value, queries.len()), (9, 2));
        queries.assert_no_scan().assert_only_writes(&["stock"]);

        let pool = Config::new(db.path()).create_pool(Runtime::Tokio1).unwrap();
        let by_deadpool = async { pool.get().await.unwrap().interact(|db| super::sell(db)).await.unwrap().unwrap() };
        let queries = db.record_async(by_deadpool).await;
        assert_eq!((queries.value, queries.len()), (8, 2));
        queries.assert_no_scan().assert_only_writes(&["stock"]);

        let connection = tokio_rusqlite::Connection::open(db.path()).await.unwrap();
        let queries = db.record_async(connection.call(|db| super::sell(db))).await;
        assert_eq!((queries.value.as_ref().unwrap(), queries.len()), (&7, 2));
        queries.assert_no_scan().assert_only_writes(&["stock"]);
    }

    /// A pool that outlives the test's database, and connections that write at the same time.
    #[test]
    fn life_with_a_pool() {
        let db = STOCK.in_memory();
        let pool = r2d2::Pool::builder().max_size(5).build(SqliteConnectionManager::file(db.path())).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..5 {
                scope.spawn(|| {
                    let connection = pool.get().unwrap();
                    connection.busy_timeout(Duration::from_secs(5)).unwrap();
                    super::sell_at_once(&connection).unwrap()
                });
            }
        });
        let left: i64 = db.query_row("SELECT count FROM stock", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 5);
        drop(db);
        assert_eq!(super::sell_at_once(&pool.get().unwrap()).unwrap(), 4);
    }

    /// A sale in a transaction that is begun by hand. Its connection goes back to the pool before or after COMMIT.
    fn sold_by_hand(copy: &DbCopy, is_committed: bool) -> Result<(), BoxError> {
        let pool = r2d2::Pool::builder().max_size(2).build(SqliteConnectionManager::file(copy.path()))?;
        let db = pool.get()?;
        db.execute_batch("BEGIN IMMEDIATE")?;
        super::sell(&db)?;
        if is_committed {
            db.execute_batch("COMMIT")?;
        }
        Ok(())
    }

    #[test]
    fn a_transaction_on_a_connection_that_goes_back_to_the_pool() {
        let db = STOCK.in_memory();
        let open = |copy: DbCopy| sold_by_hand(&copy, false);
        let says = "the action leaves a transaction open: what it wrote is rolled back";
        assert_eq!(crash::test_with(&db, open).try_run().unwrap_err().headline(), says);
        assert_eq!(faults::sweep_with(&db, open).try_run().unwrap_err().headline(), says);
        let sale = |copy| by_r2d2(copy, super::sell_at_once);
        let error = interleave::explore(&db).task_with("alice", open).task_with("bob", sale).try_run().unwrap_err();
        assert_eq!(error.headline(), "alice leaves its transaction open", "{error}");

        let committed = |copy: DbCopy| sold_by_hand(&copy, true);
        crash::test_with(&db, committed).run();
        faults::sweep_with(&db, committed).only(faults::Kind::Full).run();
        interleave::explore(&db).task_with("alice", committed).task_with("bob", sale).run();
    }

    /// Without a pool, a connection that is closed within its transaction is right. With one, only the pool can tell.
    #[test]
    fn a_transaction_that_an_error_leaves_on_a_pooled_connection() {
        fn by_hand(db: &Connection) -> rusqlite::Result<()> {
            db.execute_batch("BEGIN")?;
            super::sell(db)?;
            db.execute_batch("COMMIT")
        }
        fn mended(db: &Connection) -> rusqlite::Result<()> {
            let transaction = db.unchecked_transaction()?;
            super::sell(&transaction)?;
            transaction.commit()
        }
        let db = STOCK.in_memory();
        let error = faults::sweep(&db, |db| by_hand(db)).only(faults::Kind::BusyTimeout).try_run().unwrap_err();
        assert_eq!(
            error.headline(),
            "the action leaves a transaction open after a busy timeout that runs out",
            "{error}"
        );
        let by_pool = |sale: fn(&Connection) -> rusqlite::Result<()>| {
            let sold = move |copy: DbCopy| -> Result<(), BoxError> {
                let pool = r2d2::Pool::builder().max_size(1).connection_timeout(Duration::from_millis(50));
                let pool = pool.build(SqliteConnectionManager::file(copy.path()))?;
                let result = sale(&*pool.get()?);
                assert!(pool.try_get().is_none_or(|db| db.is_autocommit()), "a connection is left in a transaction");
                Ok(result?)
            };
            faults::sweep_with(&db, sold).only(faults::Kind::BusyTimeout).try_run()
        };
        let error = by_pool(by_hand).unwrap_err();
        assert!(error.to_string().contains("a connection is left in a transaction"), "{error}");
        by_pool(mended).unwrap();
        let alone = |copy: DbCopy| by_hand(&Connection::open(copy.path())?);
        faults::sweep_with(&db, alone).run();
    }

    /// The settings of a pool are those by which its commits and its checkpoints are synced.
    #[test]
    fn settings_of_the_connections_of_a_pool() {
        let db = STOCK.in_memory();
        let by_pool = |synchronous: &'static str| {
            let sold = move |copy: DbCopy| -> Result<usize, BoxError> {
                let manager = SqliteConnectionManager::file(copy.path())
                    .with_init(move |db| db.execute_batch(&format!("PRAGMA synchronous = {synchronous}")));
                let pool = r2d2::Pool::builder().max_size(3).build(manager)?;
                let many = "WITH RECURSIVE item(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM item WHERE n < 2000)
                            INSERT INTO stock SELECT n, 1 FROM item";
                Ok(pool.get()?.execute(many, [])?)
            };
            crash::test_with(&db, sold).try_run()
        };
        let error = by_pool("OFF").unwrap_err().to_string();
        assert!(error.contains("WAL + OFF does not protect a transaction: PRAGMA synchronous = NORMAL"), "{error}");
        for (synchronous, promise) in [
            ("NORMAL", "WAL + NORMAL: the last commit may be lost; none half-applied"),
            ("FULL", "WAL + FULL: no commit is lost, none half-applied"),
        ] {
            assert_eq!(by_pool(synchronous).unwrap().promise(), promise);
        }
    }

    /// Two halves of a sale in two calls, and in one.
    async fn moved(copy: DbCopy, in_one_call: bool) -> Result<(), BoxError> {
        const HALVES: [&str; 2] =
            ["UPDATE stock SET count = count - 1 WHERE item = 1", "INSERT INTO stock VALUES (2, 1)"];
        let db = tokio_rusqlite::Connection::open(copy.path()).await?;
        if in_one_call {
            let both = |db: &mut Connection| {
                let transaction = db.transaction()?;
                HALVES.iter().try_for_each(|half| transaction.execute(half, []).map(drop))?;
                transaction.commit()
            };
            db.call(both).await?;
        } else {
            for half in HALVES {
                db.call(move |db| db.execute(half, [])).await?;
            }
        }
        Ok(db.close().await?)
    }

    /// The thread of tokio-rusqlite ends the call that runs, and gets no other one.
    #[test]
    fn a_future_that_is_dropped_between_two_calls() {
        let db = STOCK.in_memory();
        let cancelled = |in_one_call| {
            faults::sweep_with(&db, move |copy| moved(copy, in_one_call)).only(faults::Kind::Cancel).try_run()
        };
        let error = cancelled(false).unwrap_err();
        assert_eq!(error.headline(), "the action fails on a cancelled future and is half applied: stock", "{error}");
        cancelled(true).unwrap();
    }

    /// A sale that holds a connection of the pool and wants another one.
    async fn sold_on_two(copy: DbCopy, connections: usize) -> Result<(), BoxError> {
        let mut config = Config::new(copy.path());
        config.pool = Some(deadpool_sqlite::PoolConfig::new(connections));
        let pool = config.create_pool(Runtime::Tokio1)?;
        let first = pool.get().await?;
        first.interact(|db| db.execute_batch("BEGIN IMMEDIATE")).await.map_err(|error| error.to_string())??;
        let second = pool.get().await?;
        let read = "SELECT count FROM stock WHERE item = 1";
        let read = move |db: &mut Connection| db.query_row(read, [], |row| row.get(0));
        let left: i64 = second.interact(read).await.map_err(|error| error.to_string())??;
        let write = move |db: &mut Connection| {
            db.execute("UPDATE stock SET count = ?1 WHERE item = 1", [left - 1])?;
            db.execute_batch("COMMIT")
        };
        first.interact(write).await.map_err(|error| error.to_string())??;
        pool.close();
        Ok(())
    }

    #[test]
    fn a_pool_that_is_too_small() {
        let db = STOCK.in_memory();
        let too_small = |copy| sold_on_two(copy, 1);
        let cause = "code that holds a connection and wants another one waits for ever where the pool has no more";
        let error = crash::test_with(&db, too_small).try_run().unwrap_err();
        assert!(error.to_string().contains(cause), "{error}");
        let explore = interleave::explore(&db).task_with("alice", too_small).task_with("bob", too_small);
        let error = explore.try_run().unwrap_err();
        assert_eq!(error.headline(), "alice waits for something outside of SQLite");
        assert!(error.to_string().contains(cause), "{error}");
        let enough = |copy| sold_on_two(copy, 2);
        crash::test_with(&db, enough).run();
        faults::sweep_with(&db, enough).only(faults::Kind::Cancel).run();
        interleave::explore(&db).task_with("alice", enough).task_with("bob", enough).run();
    }

    /// r2d2 tries to open a connection for 30 seconds, unless it is told otherwise.
    #[test]
    fn a_pool_that_cannot_open_its_connections() {
        let db = STOCK.in_memory();
        let sweep = |timeout| {
            let sold = move |copy: DbCopy| -> Result<i64, BoxError> {
                let pool = r2d2::Pool::builder().max_size(1).connection_timeout(timeout);
                let pool = pool.build(SqliteConnectionManager::file(copy.path()))?;
                Ok(super::sell_at_once(&*pool.get()?)?)
            };
            faults::sweep_with(&db, sold).only(faults::Kind::IoFromThenOn).try_run()
        };
        let error = sweep(Duration::from_secs(7)).unwrap_err();
        assert_eq!(error.headline(), "the action waits in vain after a disk that fails from then on", "{error}");
        assert!(error.to_string().contains("connection_timeout"), "{error}");
        sweep(Duration::from_millis(50)).unwrap();
    }
}
