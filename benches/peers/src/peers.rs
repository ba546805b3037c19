//! One function for each way to a migrated database. Each opens it, sets the PRAGMAs, applies the history, runs the
//! first statement, deletes everything, and returns how many rows the statement inserted.

use std::path::Path;

use diesel::{Connection as _, RunQueryDsl, SqliteConnection, connection::SimpleConnection};
use diesel_migrations::MigrationHarness;
use rusqlite::Connection;
use rusqlite_migration::Migrations;
use sqlitmus::{Profile, Template};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::testing::{TestArgs, TestFn};

use crate::{FIRST_INSERT, PROOF};

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

const SHOP_MIGRATIONS: Migrations<'_> = Migrations::from_slice(STEPS);
static SHOP_MIGRATOR: Migrator = sqlx::migrate!("../../fixtures/shop/migrations");
static SHOP: Template = Template::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/shop/migrations"));

pub fn template_in_memory(statement: &'static str) -> usize {
    SHOP.in_memory().execute(statement, []).unwrap()
}

pub fn template_on_disk(statement: &'static str) -> usize {
    SHOP.on_disk().execute(statement, []).unwrap()
}

pub fn rusqlite_migration_in_memory(statement: &'static str) -> usize {
    rusqlite_migration(Connection::open_in_memory().unwrap(), statement)
}

pub fn rusqlite_migration_on_disk(statement: &'static str) -> usize {
    in_a_folder(|path| rusqlite_migration(Connection::open(path).unwrap(), statement))
}

pub fn refinery_in_memory(statement: &'static str) -> usize {
    refinery(Connection::open_in_memory().unwrap(), statement)
}

pub fn refinery_on_disk(statement: &'static str) -> usize {
    in_a_folder(|path| refinery(Connection::open(path).unwrap(), statement))
}

pub fn diesel_in_memory(statement: &'static str) -> usize {
    diesel(":memory:", statement)
}

pub fn diesel_on_disk(statement: &'static str) -> usize {
    in_a_folder(|path| diesel(path.to_str().unwrap(), statement))
}

pub fn sqlx_in_memory(statement: &'static str) -> usize {
    sqlx_pool(SqliteConnectOptions::new().in_memory(true), statement)
}

pub fn sqlx_on_disk(statement: &'static str) -> usize {
    in_a_folder(|path| sqlx_pool(SqliteConnectOptions::new().filename(path).create_if_missing(true), statement))
}

/// The expansion of `#[sqlx::test(migrations = "..")]`. It opens its file with sqlx's defaults and allows no PRAGMAs
/// before the migrations.
pub fn sqlx_test(statement: &'static str) -> usize {
    async fn first_insert(pool: SqlitePool) -> sqlx::Result<usize> {
        sqlx_insert(&pool, FIRST_INSERT).await
    }
    async fn proof(pool: SqlitePool) -> sqlx::Result<usize> {
        sqlx_insert(&pool, PROOF).await
    }
    let mut arguments = TestArgs::new(concat!(module_path!(), "::sqlx_test"));
    arguments.migrator(&SHOP_MIGRATOR);
    // A test of sqlx is a plain function, so the statement cannot be an argument.
    let inserted: sqlx::Result<usize> = if statement == PROOF {
        TestFn::run_test(proof as fn(SqlitePool) -> _, arguments)
    } else {
        TestFn::run_test(first_insert as fn(SqlitePool) -> _, arguments)
    };
    inserted.unwrap()
}

fn rusqlite_migration(mut connection: Connection, statement: &str) -> usize {
    connection.execute_batch(&pragmas()).unwrap();
    SHOP_MIGRATIONS.to_latest(&mut connection).unwrap();
    connection.execute(statement, []).unwrap()
}

fn refinery(mut connection: Connection, statement: &str) -> usize {
    connection.execute_batch(&pragmas()).unwrap();
    refinery_shop::migrations::runner().run(&mut connection).unwrap();
    connection.execute(statement, []).unwrap()
}

fn diesel(url: &str, statement: &str) -> usize {
    let mut connection = SqliteConnection::establish(url).unwrap();
    connection.batch_execute(&pragmas()).unwrap();
    connection.run_pending_migrations(DIESEL).unwrap();
    diesel::sql_query(statement).execute(&mut connection).unwrap()
}

fn sqlx_pool(mut options: SqliteConnectOptions, statement: &'static str) -> usize {
    for (name, value) in Profile::PRODUCTION.pragmas() {
        options = options.pragma(name, value);
    }
    sqlx::test_block_on(async {
        // Every further connection would open another database in memory.
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        SHOP_MIGRATOR.run(&pool).await.unwrap();
        let inserted = sqlx_insert(&pool, statement).await.unwrap();
        pool.close().await;
        inserted
    })
}

async fn sqlx_insert(pool: &SqlitePool, statement: &'static str) -> sqlx::Result<usize> {
    let done = sqlx::query(statement).execute(pool).await?;
    Ok(done.rows_affected() as usize)
}

/// The default profile of a template as a script. In memory, `journal_mode` stays `memory`.
fn pragmas() -> String {
    Profile::PRODUCTION.pragmas().map(|(name, value)| format!("PRAGMA {name} = {value};")).collect()
}

fn in_a_folder(test: impl FnOnce(&Path) -> usize) -> usize {
    let folder = tempfile::tempdir().unwrap();
    test(&folder.path().join("main.db"))
}
