//! The same app behind axum: a router with a pool in its state. Its queries are checked by sqlx when they are compiled.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use sqlx::SqlitePool;

/// The app's routes.
pub fn router(pool: SqlitePool) -> Router {
    Router::new()
        .route("/notes/{id}/pin", post(pin))
        .route("/notes/{id}/pin_at_once", post(pin_at_once))
        .with_state(pool)
}

fn refused(_: sqlx::Error) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

/// Adds one to a value that it has read.
async fn pin(State(pool): State<SqlitePool>, Path(id): Path<i64>) -> Result<(), StatusCode> {
    let note = sqlx::query!("SELECT pinned FROM notes WHERE id = ?1", id).fetch_one(&pool).await.map_err(refused)?;
    let pinned = note.pinned + 1;
    let update = sqlx::query!("UPDATE notes SET pinned = ?2 WHERE id = ?1", id, pinned);
    update.execute(&pool).await.map(drop).map_err(refused)
}

/// The same in one statement.
async fn pin_at_once(State(pool): State<SqlitePool>, Path(id): Path<i64>) -> Result<(), StatusCode> {
    let update = sqlx::query!("UPDATE notes SET pinned = pinned + 1 WHERE id = ?1", id);
    update.execute(&pool).await.map(drop).map_err(refused)
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use sqlitmus::{BoxError, DbCopy, Profile, Template, TestDb, crash, faults, interleave};
    use sqlx::SqlitePool;
    use tower::ServiceExt;

    use super::router;

    static APP: Template = Template::new("../../../fixtures/formats/sqlx").profile(Profile::PRODUCTION).block_on(run);

    fn run(future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
    }

    fn with_a_note() -> TestDb {
        let db = APP.in_memory();
        db.execute("INSERT INTO notes(id, body) VALUES (1, 'ada')", []).unwrap();
        db
    }

    async fn status(pool: SqlitePool, route: &str) -> StatusCode {
        let request = Request::post(route).body(Body::empty()).unwrap();
        router(pool).oneshot(request).await.unwrap().status()
    }

    /// A request to the whole app, which has an error where the response has one.
    fn request(route: &'static str) -> impl Fn(DbCopy) -> Pin<Box<dyn Future<Output = Result<(), BoxError>>>> + Copy {
        move |copy| {
            Box::pin(async move {
                let pool = SqlitePool::connect(&copy.url()).await?;
                let status = status(pool.clone(), route).await;
                pool.close().await;
                if status.is_success() { Ok(()) } else { Err(status.to_string().into()) }
            })
        }
    }

    #[tokio::test]
    async fn a_request_is_recorded_and_planned() {
        let db = with_a_note();
        let pool = SqlitePool::connect(&db.url()).await.unwrap();
        let recorder = db.recorder();
        assert_eq!(status(pool, "/notes/1/pin").await, StatusCode::OK);
        recorder.stop().assert_no_scan().assert_count(2).assert_only_writes(&["notes"]);
    }

    #[test]
    fn requests_survive_power_cuts_and_faults() {
        let db = with_a_note();
        for route in ["/notes/1/pin", "/notes/1/pin_at_once"] {
            crash::test_with(&db, request(route)).run();
            faults::sweep_with(&db, request(route)).run();
        }
    }

    #[test]
    fn two_requests_at_once() {
        let db = with_a_note();
        let explore = |route| {
            let (alice, bob) = (request(route), request(route));
            interleave::explore(&db).task_with("alice", alice).task_with("bob", bob).try_run()
        };
        let error = explore("/notes/1/pin").unwrap_err().to_string();
        assert!(error.starts_with("lost update: the state is as if"), "{error}");
        explore("/notes/1/pin_at_once").unwrap();
    }
}
