//! An app on older drivers, as far as they differ: sqlx 0.8, sea-orm 1.1 and diesel 2.2.

use diesel::prelude::*;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sqlx::{Row, SqlitePool};

diesel::table! {
    notes (id) {
        id -> Integer,
        body -> Text,
    }
}

/// Adds a word to a note that it has read, by diesel.
pub fn edit_by_diesel(connection: &mut SqliteConnection, word: &str) -> QueryResult<()> {
    let body: String = notes::table.find(1).select(notes::body).first(connection)?;
    let update = diesel::update(notes::table.find(1)).set(notes::body.eq(format!("{body} {word}")));
    update.execute(connection).map(drop)
}

/// The same, by sqlx.
pub async fn edit_by_sqlx(pool: &SqlitePool, word: &str) -> sqlx::Result<()> {
    let body: String = sqlx::query("SELECT body FROM notes WHERE id = 1").fetch_one(pool).await?.try_get(0)?;
    let update = sqlx::query("UPDATE notes SET body = ?1 WHERE id = 1").bind(format!("{body} {word}"));
    update.execute(pool).await.map(drop)
}

/// The same in one statement, by sea-orm.
pub async fn edit_by_sea_orm(db: &DatabaseConnection, word: &str) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let sql = "UPDATE notes SET body = body || ' ' || ?1 WHERE id = 1";
    let update = sea_orm::Statement::from_sql_and_values(backend, sql, [word.into()]);
    db.execute(update).await.map(drop)
}

#[cfg(doctest)]
#[doc = include_str!("../../../../src/guide/coming_from.md")]
struct Guide;

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use diesel::{Connection, RunQueryDsl, SqliteConnection};
    use sea_orm::Database;
    use sqlitmus::{BoxError, DbCopy, Profile, Template, TestDb, crash, faults, interleave};
    use sqlx::SqlitePool;

    use super::{edit_by_diesel, edit_by_sea_orm, edit_by_sqlx};

    static APP: Template = Template::new("../../../fixtures/formats/sqlx").profile(Profile::PRODUCTION).block_on(run);

    fn run(future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
    }

    fn with_a_note() -> TestDb {
        let db = APP.in_memory();
        db.execute("INSERT INTO notes(id, body) VALUES (1, 'ada')", []).unwrap();
        db
    }

    async fn by_sqlx(copy: DbCopy) -> sqlx::Result<()> {
        let pool = SqlitePool::connect(&copy.url()).await?;
        edit_by_sqlx(&pool, "more").await?;
        pool.close().await;
        Ok(())
    }

    async fn by_sea_orm(copy: DbCopy) -> Result<(), BoxError> {
        let db = Database::connect(copy.url()).await?;
        edit_by_sea_orm(&db, "more").await?;
        Ok(db.close().await?)
    }

    fn by_diesel(copy: DbCopy) -> Result<(), BoxError> {
        let mut connection = SqliteConnection::establish(copy.uri())?;
        diesel::sql_query("PRAGMA busy_timeout = 5000").execute(&mut connection)?;
        Ok(edit_by_diesel(&mut connection, "more")?)
    }

    #[tokio::test]
    async fn each_is_recorded_and_planned() {
        let db = with_a_note();
        let pool = SqlitePool::connect(&db.url()).await.unwrap();
        db.record_async(edit_by_sqlx(&pool, "one")).await.assert_no_scan().assert_count(2);
        let sea = Database::connect(db.url()).await.unwrap();
        db.record_async(edit_by_sea_orm(&sea, "two")).await.assert_no_scan().assert_only_writes(&["notes"]);
        let mut connection = SqliteConnection::establish(&db.uri()).unwrap();
        db.record(|_| edit_by_diesel(&mut connection, "three").unwrap()).assert_no_scan().assert_count(2);
        assert_eq!(db.query_row("SELECT body FROM notes", [], |row| row.get(0)), Ok("ada one two three".to_owned()));
    }

    #[test]
    fn what_if_takes_each() {
        let db = with_a_note();
        crash::test_with(&db, by_sqlx).run();
        crash::test_with(&db, by_diesel).run();
        faults::sweep_with(&db, by_sea_orm).run();
        let lost = |result: sqlitmus::Result<interleave::Report>| {
            let error = result.unwrap_err().to_string();
            assert!(error.starts_with("lost update: the state is as if"), "{error}");
        };
        lost(interleave::explore(&db).task_with("a", by_sqlx).task_with("b", by_sqlx).try_run());
        lost(interleave::explore(&db).task_with("a", by_diesel).task_with("b", by_diesel).try_run());
        interleave::explore(&db).task_with("a", by_sea_orm).task_with("b", by_sea_orm).run();
    }
}
