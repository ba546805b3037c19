//! An app on sqlx.

pub mod axum_app;
pub mod sea_orm_app;

use sqlx::{Row, SqliteConnection};

/// Writes a note.
pub async fn add(connection: &mut SqliteConnection, body: &str) -> sqlx::Result<i64> {
    let sql = "INSERT INTO notes(body) VALUES (?1) RETURNING id";
    sqlx::query(sql).bind(body).fetch_one(connection).await?.try_get(0)
}

/// Returns the number of notes.
pub async fn count(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query("SELECT count(*) FROM notes").fetch_one(connection).await?.try_get(0)
}

#[cfg(test)]
mod anomalies;

#[cfg(doctest)]
#[doc = include_str!("../../../../src/guide/sqlx.md")]
struct Guide;

#[cfg(doctest)]
#[doc = include_str!("../../../../src/guide/sea_orm.md")]
struct SeaOrmGuide;

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::pin::Pin;
    use std::str::FromStr;

    use sqlitmus::suite::Suite;
    use sqlitmus::{BoxError, DbCopy, Profile, Template, TestDb, crash, faults, interleave};
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
    use sqlx::{ConnectOptions, Connection, Row, SqliteConnection, SqlitePool};

    const MIGRATIONS: &str = "../../../fixtures/formats/sqlx";

    /// sqlitmus applies sqlx's folder.
    static READ: Template = Template::new(MIGRATIONS).profile(Profile::PRODUCTION).block_on(run);

    /// sqlx applies it.
    static RUN: Template = Template::migrate_path(migrate);

    fn run(future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
    }

    fn migrate(path: &Path) -> Result<(), BoxError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(async {
            let mut connection = SqliteConnectOptions::new().filename(path).connect().await?;
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(MIGRATIONS);
            sqlx::migrate::Migrator::new(folder).await?.run(&mut connection).await?;
            Ok(())
        })
    }

    /// sqlx's own runner, which stops at a version.
    static STEPS: Template = Template::migrate_path_to(20_241_121_101_500, |path, to| {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(async {
            let mut connection = SqliteConnectOptions::new().filename(path).connect().await?;
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(MIGRATIONS);
            sqlx::migrate::Migrator::new(folder).await?.run_to(to, &mut connection).await?;
            Ok(connection.close().await?)
        })
    })
    .versions(&[20_240_110_090_000, 20_240_305_143_000, 20_241_121_101_500]);

    #[test]
    fn the_suite_finds_by_sqlx_what_it_finds_by_the_files() {
        let tests = |template| {
            let report = Suite::new(template)
                .skip("down_undoes_up", "by files only")
                .skip("shipped_migrations_are_frozen", "not shipped")
                .report();
            let tests: Vec<&str> = report.failures().map(|(test, _)| test).collect();
            (tests, report.to_string())
        };
        let (by_files, by_sqlx) = (tests(&READ), tests(&STEPS));
        assert_eq!(by_files.0, by_sqlx.0, "{}\n{}", by_files.1, by_sqlx.1);
        let pinned = "SELECT count(*) FROM pragma_table_info('notes') WHERE name = 'pinned'";
        let has_pinned = |version| STEPS.at(version).query_row(pinned, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!([has_pinned(20_240_110_090_000), has_pinned(20_240_305_143_000)], [0, 1]);
    }

    async fn open(db: &TestDb) -> SqliteConnection {
        SqliteConnectOptions::from_str(&db.url()).unwrap().connect().await.unwrap()
    }

    /// Statements run on threads of sqlx, whose stacks have no line of the app.
    #[tokio::test]
    async fn no_line_of_the_app_is_promised() {
        let db = READ.in_memory();
        let mut connection = open(&db).await;
        let recorder = db.recorder();
        sqlx::query("SELECT id FROM notes WHERE body = 'tea'").fetch_all(&mut connection).await.unwrap();
        let error = recorder.stop().try_assert_no_scan().map(drop).unwrap_err().to_string();
        assert!(error.contains("CREATE INDEX") && !error.contains("RUST_BACKTRACE"), "{error}");
    }

    #[tokio::test]
    async fn sqlx_and_the_test_share_one_database() {
        for db in [READ.in_memory(), READ.on_disk()] {
            let mut connection = open(&db).await;
            assert_eq!(super::add(&mut connection, "from sqlx").await.unwrap(), 1);
            db.execute("INSERT INTO notes(body) VALUES ('from the test')", []).unwrap();
            assert_eq!(super::count(&mut connection).await.unwrap(), 2);
            assert_eq!(super::count(&mut open(&db).await).await.unwrap(), 2);
        }
    }

    /// sqlx runs its statements on a separate thread.
    #[tokio::test]
    async fn what_sqlx_runs_is_recorded() {
        for db in [READ.in_memory(), READ.on_disk()] {
            let mut before = open(&db).await;
            let run = async {
                super::add(&mut before, "one").await.unwrap();
                super::add(&mut open(&db).await, "two").await.unwrap();
                super::count(&mut before).await.unwrap()
            };
            let queries = db.record_async(run).await;
            assert_eq!(queries.value, 2);
            let inserts: Vec<_> = queries.iter().filter(|query| query.sql().starts_with("INSERT")).collect();
            assert_eq!(inserts.iter().map(|query| query.values()).collect::<Vec<_>>(), [["'one'"], ["'two'"]]);
            assert_eq!(queries.iter().filter(|query| query.sql() == "SELECT count(*) FROM notes").count(), 1);
            queries.assert_only_writes(&["notes"]).assert_no_repeats();
        }
    }

    /// How many connections a pool opens is a matter of time. The app's own PRAGMAs and `SELECT 1` count.
    #[tokio::test]
    async fn what_sqlx_does_to_open_connections_is_not_counted() {
        let db = READ.in_memory();
        let run = async {
            let pool = pool(&db.url()).await.unwrap();
            let mut both = [pool.acquire().await.unwrap(), pool.acquire().await.unwrap()];
            for connection in &mut both {
                super::count(connection).await.unwrap();
            }
            for sql in ["PRAGMA foreign_keys", "SELECT 1"] {
                sqlx::query(sql).execute(&mut *both[0]).await.unwrap();
            }
        };
        let queries = db.record_async(run).await;
        assert!(queries.by_drivers().all(|query| query.sql() == "PRAGMA foreign_keys = ON"), "{queries:?}");
        assert_eq!(queries.by_drivers().len(), 2);
        queries.assert_count(4);
    }

    /// Runs within a runtime, where blocking is not allowed.
    #[tokio::test]
    async fn a_template_can_be_migrated_by_sqlx() {
        let tables = |db: &TestDb| -> i64 {
            db.query_row("SELECT count(*) FROM sqlite_schema WHERE tbl_name = 'notes'", [], |row| row.get(0)).unwrap()
        };
        assert_eq!(tables(&RUN.in_memory()), tables(&READ.in_memory()));
        let db = RUN.in_memory();
        let applied: i64 = db.query_row("SELECT count(*) FROM _sqlx_migrations", [], |row| row.get(0)).unwrap();
        assert_eq!(applied, 3);
    }

    /// The app with a pool, as it would be written for production.
    async fn pool(url: &str) -> sqlx::Result<SqlitePool> {
        SqlitePoolOptions::new().max_connections(2).connect(url).await
    }

    async fn add_one(copy: DbCopy) -> sqlx::Result<()> {
        let pool = pool(&copy.url()).await?;
        let mut transaction = pool.begin().await?;
        super::add(&mut transaction, "from sqlx").await?;
        transaction.commit().await?;
        pool.close().await;
        Ok(())
    }

    #[tokio::test]
    async fn what_if_takes_code_on_sqlx() {
        let db = READ.in_memory();
        crash::test_with(&db, add_one).run();
        faults::sweep_with(&db, add_one).run();
    }

    /// The settings of a pool are those by which its commits and its checkpoints are synced.
    #[tokio::test]
    async fn settings_of_the_connections_of_a_pool() {
        let db = READ.in_memory();
        let by_pool = |synchronous| {
            let add = move |copy: DbCopy| async move {
                let options = SqliteConnectOptions::from_str(&copy.url())?.synchronous(synchronous);
                let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await?;
                let mut transaction = pool.begin().await?;
                // More than a page.
                super::add(&mut transaction, &"from sqlx ".repeat(3000)).await?;
                transaction.commit().await?;
                pool.close().await;
                Ok::<_, sqlx::Error>(())
            };
            crash::test_with(&db, add).try_run()
        };
        let error = by_pool(SqliteSynchronous::Off).unwrap_err().to_string();
        assert!(error.contains("+ OFF does not protect a transaction: PRAGMA synchronous = "), "{error}");
        for (synchronous, word) in [(SqliteSynchronous::Normal, "+ NORMAL: "), (SqliteSynchronous::Full, "+ FULL: ")] {
            let promise = by_pool(synchronous).unwrap().promise();
            assert!(promise.contains(word), "{promise}");
        }
    }

    /// After an error, only the pool can tell that its connection is left in a transaction.
    #[tokio::test]
    async fn a_transaction_that_an_error_leaves_on_a_pooled_connection() {
        async fn by_hand(pool: &SqlitePool) -> sqlx::Result<()> {
            let mut connection = pool.acquire().await?;
            sqlx::query("BEGIN").execute(&mut *connection).await?;
            let notes = super::count(&mut connection).await?;
            super::add(&mut connection, &format!("from sqlx, after {notes} others")).await?;
            sqlx::query("COMMIT").execute(&mut *connection).await.map(drop)
        }
        let action = |copy: DbCopy| async move {
            let pool = SqlitePoolOptions::new().max_connections(1).connect(&copy.url()).await?;
            let result = by_hand(&pool).await;
            let begun = sqlx::query("BEGIN; ROLLBACK").execute(&pool).await.map_err(|error| error.to_string());
            assert!(!begun.is_err_and(|error| error.contains("within a transaction")), "left in a transaction");
            pool.close().await;
            result
        };
        let error =
            faults::sweep_with(&READ.in_memory(), action).only(faults::Kind::BusyTimeout).try_run().unwrap_err();
        assert!(error.to_string().contains("left in a transaction"), "{error}");
    }

    /// A connection goes back to the pool as the app has left it, but for sqlx's own transactions, which are rolled back.
    #[tokio::test]
    async fn what_is_left_on_a_pooled_connection_is_found() {
        let db = READ.in_memory();
        let pool = SqlitePoolOptions::new().max_connections(1).connect(&db.url()).await.unwrap();
        for (statements, says) in [
            (["BEGIN", "INSERT INTO notes(body) VALUES ('lost')"], Some("within a transaction: BEGIN")),
            (["ROLLBACK", "SELECT 2"], None),
            (
                ["PRAGMA foreign_keys = OFF", "DELETE FROM notes"],
                Some("with another setting: PRAGMA foreign_keys = OFF"),
            ),
            (["PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys = ON"], None),
        ] {
            let run = async {
                let mut connection = pool.acquire().await.unwrap();
                for sql in statements {
                    sqlx::query(sql).execute(&mut *connection).await.unwrap();
                }
            };
            let left = db.record_async(run).await;
            let error = left.try_assert_connections_left_clean().err();
            let headline = error.as_ref().map(|error| error.headline());
            assert_eq!(headline, says.map(|says| format!("a connection is left {says}")).as_deref());
        }
        let dropped = async {
            let mut transaction = pool.begin().await.unwrap();
            super::add(&mut transaction, "from sqlx").await.unwrap();
        };
        db.record_async(dropped).await.assert_connections_left_clean();
    }

    async fn edit(pool: &SqlitePool, what: &str) -> sqlx::Result<()> {
        let body: String = sqlx::query("SELECT body FROM notes WHERE id = 1").fetch_one(pool).await?.try_get(0)?;
        let sql = "UPDATE notes SET body = ?1 WHERE id = 1";
        sqlx::query(sql).bind(format!("{body} {what}")).execute(pool).await?;
        Ok(())
    }

    /// Two statements of a pool, each on the connection that is free.
    #[tokio::test]
    async fn a_lost_update_is_found() {
        let db = READ.in_memory();
        db.execute("INSERT INTO notes(id, body) VALUES (1, 'note:')", []).unwrap();
        let task = |what: &'static str| {
            move |copy: DbCopy| async move {
                let pool = pool(&copy.url()).await?;
                edit(&pool, what).await?;
                pool.close().await;
                Ok::<_, sqlx::Error>(())
            }
        };
        let error = interleave::explore(&db).task_with("alice", task("a")).task_with("bob", task("b")).try_run();
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("lost update: the state is as if"), "{error}");
    }

    /// The mended code, and two statements of one task at once.
    #[tokio::test]
    async fn a_mended_update_passes() {
        let db = READ.in_memory();
        db.execute("INSERT INTO notes(id, body) VALUES (1, 'note:'), (2, 'other')", []).unwrap();
        let task = |copy: DbCopy| async move {
            let pool = pool(&copy.url()).await?;
            let update = |id: i64| {
                let sql = "UPDATE notes SET body = body || 'x' WHERE id = ?1";
                sqlx::query(sql).bind(id).execute(&pool)
            };
            let (one, two) = tokio::join!(update(1), update(2));
            let changed = one?.rows_affected() + two?.rows_affected();
            pool.close().await;
            Ok::<_, sqlx::Error>(changed)
        };
        interleave::explore(&db).task_with("alice", task).task_with("bob", task).limit(20).run();
    }
}
