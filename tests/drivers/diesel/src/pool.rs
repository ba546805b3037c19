//! The same app with a pool of connections.

use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Error, Pool};

use super::notes;

/// The app's pool.
pub type SqlitePool = Pool<ConnectionManager<SqliteConnection>>;

/// Waits for other writers.
#[derive(Debug)]
struct BusyTimeout;

impl CustomizeConnection<SqliteConnection, Error> for BusyTimeout {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), Error> {
        use diesel::connection::SimpleConnection;
        connection.batch_execute("PRAGMA busy_timeout = 5000").map_err(Error::QueryError)
    }
}

/// Opens the pool.
pub fn pool(uri: &str) -> Result<SqlitePool, Box<dyn std::error::Error + Send + Sync>> {
    let builder = Pool::builder().max_size(2).connection_customizer(Box::new(BusyTimeout));
    Ok(builder.build(ConnectionManager::new(uri))?)
}

/// Adds a word to a note that it has read.
pub fn edit(pool: &SqlitePool, word: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let body: String = notes::table.find(1).select(notes::body).first(&mut pool.get()?)?;
    let update = diesel::update(notes::table.find(1)).set(notes::body.eq(format!("{body} {word}")));
    update.execute(&mut pool.get()?)?;
    Ok(())
}

/// The same in one transaction.
pub fn edit_at_once(pool: &SqlitePool, word: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut connection = pool.get()?;
    connection.immediate_transaction(|connection| {
        let body: String = notes::table.find(1).select(notes::body).first(connection)?;
        let update = diesel::update(notes::table.find(1)).set(notes::body.eq(format!("{body} {word}")));
        update.execute(connection)?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;
    use sqlitmus::{BoxError, DbCopy, Profile, Template, TestDb, crash, interleave};

    use super::{edit, edit_at_once, pool};
    use crate::notes;

    static APP: Template = Template::new("../../../fixtures/formats/diesel").profile(Profile::PRODUCTION);

    fn with_a_note() -> TestDb {
        let db = APP.in_memory();
        db.execute("INSERT INTO notes(id, body) VALUES (1, 'ada')", []).unwrap();
        db
    }

    #[test]
    fn a_pool_is_recorded_and_planned() {
        let db = with_a_note();
        let pool = pool(&db.uri()).unwrap();
        let queries = db.record(|_| edit(&pool, "more").unwrap());
        queries.assert_no_scan().assert_only_writes(&["notes"]);
    }

    /// diesel's connections do not wait for locks unless they are told to.
    #[test]
    fn a_remedy_on_connections_without_a_timeout() {
        const TIMEOUT: &str = "PRAGMA busy_timeout = 5000";
        fn edit(connection: &mut SqliteConnection, word: &str) -> QueryResult<()> {
            let body: String = notes::table.find(1).select(notes::body).first(connection)?;
            let update = diesel::update(notes::table.find(1)).set(notes::body.eq(format!("{body} {word}")));
            update.execute(connection).map(drop)
        }
        let db = with_a_note();
        let explore = |begin: fn(&mut SqliteConnection, &str) -> QueryResult<()>, setup: &'static str| {
            let task = move |word: &'static str| {
                move |copy: DbCopy| -> Result<(), BoxError> {
                    let mut connection = SqliteConnection::establish(copy.uri())?;
                    connection.batch_execute(setup)?;
                    Ok(begin(&mut connection, word)?)
                }
            };
            interleave::explore(&db).task_with("alice", task("a")).task_with("bob", task("b")).try_run()
        };
        let deferred = |connection: &mut SqliteConnection, word: &str| connection.transaction(|c| edit(c, word));
        let immediate =
            |connection: &mut SqliteConnection, word: &str| connection.immediate_transaction(|c| edit(c, word));
        let names = "(rusqlite: TransactionBehavior::Immediate, diesel: immediate_transaction)";
        let wait = format!("let each connection wait for locks: {TIMEOUT}   tried: all 2 schedules are fine");
        let error = explore(deferred, "").unwrap_err().to_string();
        assert!(error.contains(&format!("BEGIN IMMEDIATE {names}, and {wait}")), "{error}");
        let error = explore(deferred, TIMEOUT).unwrap_err().to_string();
        assert!(error.contains(&format!("BEGIN IMMEDIATE {names}   tried: all 2 schedules are fine")), "{error}");
        let error = explore(immediate, "").unwrap_err().to_string();
        assert!(error.contains(&format!("help: {wait}")), "{error}");
        explore(immediate, TIMEOUT).unwrap();
    }

    #[test]
    fn what_if_takes_a_pool() {
        let db = with_a_note();
        let bug = |word: &'static str| move |copy: DbCopy| edit(&pool(&copy.uri())?, word);
        let fix = |word: &'static str| move |copy: DbCopy| edit_at_once(&pool(&copy.uri())?, word);
        crash::test_with(&db, fix("more")).run();
        let error = interleave::explore(&db).task_with("alice", bug("a")).task_with("bob", bug("b")).try_run();
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("lost update: the state is as if"), "{error}");
        interleave::explore(&db).task_with("alice", fix("a")).task_with("bob", fix("b")).run();
    }
}
