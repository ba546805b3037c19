//! Futures that wait for a thread, as those of a pool do: for ever, or for as long as it works.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use sqlitmus::faults::{Kind, sweep_with};
use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::{DbCopy, Profile, crash};

use super::{SHOP, db};

const TAKE: &str = "UPDATE stock SET count = count - 1 WHERE product = 'tea'";

/// Runs `work` on a thread of its own.
async fn on_a_thread(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    let shared = Arc::new(Mutex::new((None, None::<Waker>)));
    let of_the_thread = Arc::clone(&shared);
    std::thread::spawn(move || {
        let done = work();
        let mut shared = of_the_thread.lock().unwrap();
        shared.0 = Some(done);
        shared.1.take().into_iter().for_each(Waker::wake);
    });
    poll_fn(move |context| {
        let mut shared = shared.lock().unwrap();
        shared.1 = Some(context.waker().clone());
        shared.0.take().map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

#[test]
fn a_future_that_waits_in_vain_is_dropped() {
    let app = |copy: DbCopy| async move {
        let tried = Connection::open(copy.path())?.execute(TAKE, []).map(drop);
        if tried.is_err() {
            on_a_thread(|| {
                std::thread::sleep(Duration::from_secs(8));
                Ok(())
            })
            .await?;
        }
        tried
    };
    let error = sweep_with(&db(Profile::PRODUCTION, SHOP), app).only(Kind::Full).try_run().unwrap_err();
    assert_eq!(error.headline(), "the action waits in vain after a full disk", "{error}");
}

#[test]
fn a_future_that_waits_while_statements_run_is_not() {
    let app = |copy: DbCopy| {
        on_a_thread(move || {
            let db = Connection::open(copy.path())?;
            let start = Instant::now();
            while start.elapsed() < Duration::from_secs(6) {
                db.query_row("SELECT sum(count) FROM stock", [], |_| Ok(()))?;
                std::thread::sleep(Duration::from_millis(200));
            }
            db.execute(TAKE, []).map(drop)
        })
    };
    crash::test_with(&db(Profile::PRODUCTION, SHOP), app).run();
}
