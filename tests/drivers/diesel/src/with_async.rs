//! The same app on diesel-async.

use diesel::prelude::{ExpressionMethods, QueryDsl, SqliteConnection, TextExpressionMethods};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::notes;

/// Adds a word to a note that it has read, as async code does.
pub async fn edit(uri: &str, word: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut connection = SyncConnectionWrapper::<SqliteConnection>::establish(uri).await?;
    diesel::sql_query("PRAGMA busy_timeout = 5000").execute(&mut connection).await?;
    let body: String = notes::table.find(1).select(notes::body).first(&mut connection).await?;
    let update = diesel::update(notes::table.find(1)).set(notes::body.eq(format!("{body} {word}")));
    update.execute(&mut connection).await?;
    Ok(())
}

/// The same in one statement.
pub async fn edit_at_once(uri: &str, word: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut connection = SyncConnectionWrapper::<SqliteConnection>::establish(uri).await?;
    diesel::sql_query("PRAGMA busy_timeout = 5000").execute(&mut connection).await?;
    let body = notes::body.concat(format!(" {word}"));
    diesel::update(notes::table.find(1)).set(notes::body.eq(body)).execute(&mut connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use sqlitmus::{DbCopy, Profile, Template, crash, faults, interleave};

    use super::{edit, edit_at_once};

    static APP: Template = Template::new("../../../fixtures/formats/diesel").profile(Profile::PRODUCTION).block_on(run);

    /// A connection that is dropped while it runs a statement blocks its thread, and panics on a runtime of one thread.
    fn run(future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future);
    }

    #[test]
    fn what_if_takes_diesel_async() {
        let db = APP.in_memory();
        db.execute("INSERT INTO notes(id, body) VALUES (1, 'ada')", []).unwrap();
        let bug = |word: &'static str| move |copy: DbCopy| async move { edit(&copy.uri(), word).await };
        let fix = |word: &'static str| move |copy: DbCopy| async move { edit_at_once(&copy.uri(), word).await };
        crash::test_with(&db, fix("more")).run();
        faults::sweep_with(&db, fix("more")).run();
        let error = interleave::explore(&db).task_with("alice", bug("a")).task_with("bob", bug("b")).try_run();
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("lost update: the state is as if"), "{error}");
        interleave::explore(&db).task_with("alice", fix("a")).task_with("bob", fix("b")).run();
    }
}
