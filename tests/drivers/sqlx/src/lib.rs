//! An app on sqlx.

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
mod tests {
    use std::path::Path;
    use std::str::FromStr;

    use sqlitmus::{BoxError, Template, TestDb, crash, faults, sim};
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions, Connection, SqliteConnection};

    const MIGRATIONS: &str = "../../../fixtures/formats/sqlx";

    /// sqlitmus applies sqlx's folder.
    static READ: Template = Template::new(MIGRATIONS);

    /// sqlx applies it.
    static RUN: Template = Template::migrate_path(migrate);

    fn migrate(path: &Path) -> Result<(), BoxError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(async {
            let mut connection = SqliteConnectOptions::new().filename(path).connect().await?;
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(MIGRATIONS);
            sqlx::migrate::Migrator::new(folder).await?.run(&mut connection).await?;
            Ok(())
        })
    }

    async fn open(db: &TestDb) -> SqliteConnection {
        let url = db.uri().replacen("file:", "sqlite:", 1);
        SqliteConnectOptions::from_str(&url).unwrap().connect().await.unwrap()
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
            let recorder = db.recorder();
            super::add(&mut before, "one").await.unwrap();
            super::add(&mut open(&db).await, "two").await.unwrap();
            super::count(&mut before).await.unwrap();
            let queries = recorder.stop();
            let inserts: Vec<_> = queries.iter().filter(|query| query.sql().starts_with("INSERT")).collect();
            assert_eq!(inserts.iter().map(|query| query.values()).collect::<Vec<_>>(), [["'one'"], ["'two'"]]);
            assert_eq!(queries.iter().filter(|query| query.sql() == "SELECT count(*) FROM notes").count(), 1);
            queries.assert_only_writes(&["notes"]).assert_no_repeats();
        }
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

    /// Each opens the copy that it is run on. Schedules need code that runs its statements on its own thread.
    #[test]
    fn what_if_takes_code_on_sqlx() {
        fn add_one(copy: &mut sqlitmus::rusqlite::Connection) -> Result<(), BoxError> {
            let url = sim::uri(copy).ok_or("no copy")?.replacen("file:", "sqlite:", 1);
            tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
                let mut connection = SqliteConnectOptions::from_str(&url)?.connect().await?;
                let added = async {
                    // Without a transaction, an INSERT with RETURNING is `Ok` although its commit fails: sqlx stops at
                    // the first row.
                    let mut transaction = connection.begin().await?;
                    super::add(&mut transaction, "from sqlx").await?;
                    transaction.commit().await
                };
                let added = added.await;
                // Its thread would continue after the action has returned.
                connection.close().await?;
                added?;
                Ok(())
            })
        }
        let db = READ.in_memory();
        crash::test(&db, add_one).run();
        faults::sweep(&db, add_one).run();
    }
}
