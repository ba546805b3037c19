//! What goes wrong in code on sqlx with a pool of two, and its mended twin: each bug is found and named, each twin passes, on a
//! runtime of one thread and on one of several.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlitmus::interleave::{self, Explore};
use sqlitmus::rusqlite::Connection;
use sqlitmus::{DbCopy, Profile, Template, TestDb};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Result, SqliteConnection, SqlitePool};
use tokio::runtime::Builder;

const SCHEMA: &[(&str, &str)] = &[(
    "1.sql",
    "CREATE TABLE stock(item INTEGER PRIMARY KEY, count INTEGER NOT NULL);
     INSERT INTO stock VALUES (1, 10);
     CREATE TABLE doctors(name TEXT PRIMARY KEY, on_call INTEGER NOT NULL);
     INSERT INTO doctors VALUES ('alice', 1), ('bob', 1);
     CREATE TABLE accounts(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
     INSERT INTO accounts VALUES (1, 100), (2, 100);
     CREATE TABLE pages(id INTEGER PRIMARY KEY, title TEXT NOT NULL);
     INSERT INTO pages VALUES (1, 'old');
     CREATE TABLE renamed(page INTEGER NOT NULL);
     CREATE TABLE jobs(id INTEGER PRIMARY KEY, owner TEXT, result TEXT);
     INSERT INTO jobs(id) VALUES (1), (2);
     CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE);",
)];

static ON_ONE_THREAD: Template = Template::embedded(SCHEMA)
    .profile(Profile::PRODUCTION)
    .block_on(|future| Builder::new_current_thread().enable_all().build().unwrap().block_on(future));

static ON_SEVERAL: Template = Template::embedded(SCHEMA).profile(Profile::PRODUCTION).block_on(on_several);

fn on_several(future: Pin<Box<dyn Future<Output = ()> + '_>>) {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future);
}

async fn pool(copy: &DbCopy) -> Result<SqlitePool> {
    SqlitePoolOptions::new().max_connections(2).connect(&copy.url()).await
}

/// Explores two requests, each with the app's pool.
fn explore<'a, A, B>(db: &'a TestDb, alice: fn(SqlitePool) -> A, bob: fn(SqlitePool) -> B) -> Explore<'a>
where
    A: Future<Output: Outcome> + 'static,
    B: Future<Output: Outcome> + 'static,
{
    interleave::explore(db).task_with("alice", request(alice)).task_with("bob", request(bob))
}

/// What a request returns.
trait Outcome {
    fn shown(self) -> Result<String>;
}

impl<T: Debug> Outcome for Result<T> {
    fn shown(self) -> Result<String> {
        self.map(|value| format!("{value:?}"))
    }
}

type Served = Pin<Box<dyn Future<Output = Result<String>>>>;

fn request<F: Future<Output: Outcome> + 'static>(run: fn(SqlitePool) -> F) -> impl Fn(DbCopy) -> Served + Send + Sync {
    move |copy| {
        Box::pin(async move {
            let pool = pool(&copy).await?;
            let outcome = run(pool.clone()).await.shown();
            pool.close().await;
            outcome
        })
    }
}

#[track_caller]
fn is_found<S: Send + Sync + 'static>(explore: Explore<'_, S>, headline: &str) {
    let error = explore.try_run().unwrap_err();
    assert_eq!(error.headline(), headline, "{error}");
}

#[track_caller]
fn passes<S: Send + Sync + 'static>(explore: Explore<'_, S>) {
    let report = explore.run();
    assert!(report.is_exhaustive(), "{report}");
}

async fn number(connection: &mut SqliteConnection, sql: &'static str) -> Result<i64> {
    sqlx::query_scalar(sql).fetch_one(connection).await
}

async fn run(pool: &SqlitePool, sql: &'static str) -> Result<u64> {
    Ok(sqlx::query(sql).execute(pool).await?.rows_affected())
}

const READ: &str = "SELECT count FROM stock WHERE item = 1";
const WRITE: &str = "UPDATE stock SET count = ?1 WHERE item = 1";
async fn buy(pool: SqlitePool) -> Result<()> {
    let count: i64 = sqlx::query_scalar(READ).fetch_one(&pool).await?;
    sqlx::query(WRITE).bind(count - 1).execute(&pool).await.map(drop)
}
async fn buy_at_once(pool: SqlitePool) -> Result<()> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let count = number(&mut transaction, READ).await?;
    sqlx::query(WRITE).bind(count - 1).execute(&mut *transaction).await?;
    transaction.commit().await
}

/// A count that is read and written back, each on the connection of the pool that is free.
fn lost_update(app: &'static Template) {
    let db = app.in_memory();
    is_found(explore(&db, buy, buy), "lost update: the state is as if bob had not run");
    passes(explore(&db, buy_at_once, buy_at_once));
}

/// Each goes off call because the other one is on.
fn write_skew(app: &'static Template) {
    const ON_CALL: &str = "SELECT count(*) FROM doctors WHERE on_call";
    const LEAVE: &str = "UPDATE doctors SET on_call = 0 WHERE name = ?1";
    async fn leave(pool: SqlitePool, name: &str) -> Result<()> {
        let on_call: i64 = sqlx::query_scalar(ON_CALL).fetch_one(&pool).await?;
        if on_call > 1 {
            sqlx::query(LEAVE).bind(name).execute(&pool).await?;
        }
        Ok(())
    }
    async fn leave_at_once(pool: SqlitePool, name: &str) -> Result<()> {
        let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
        if number(&mut transaction, ON_CALL).await? > 1 {
            sqlx::query(LEAVE).bind(name).execute(&mut *transaction).await?;
        }
        transaction.commit().await
    }
    let db = app.in_memory();
    is_found(
        explore(&db, |pool| leave(pool, "alice"), |pool| leave(pool, "bob")),
        "write skew: alice, bob each change data that another one relied on",
    );
    passes(explore(&db, |pool| leave_at_once(pool, "alice"), |pool| leave_at_once(pool, "bob")));
}

/// Two balances that are read while money moves between them.
fn read_skew(app: &'static Template) {
    const BALANCES: [&str; 2] =
        ["SELECT balance FROM accounts WHERE id = 1", "SELECT balance FROM accounts WHERE id = 2"];
    async fn total(pool: SqlitePool) -> Result<i64> {
        let first: i64 = sqlx::query_scalar(BALANCES[0]).fetch_one(&pool).await?;
        let second: i64 = sqlx::query_scalar(BALANCES[1]).fetch_one(&pool).await?;
        Ok(first + second)
    }
    async fn total_at_once(pool: SqlitePool) -> Result<i64> {
        let mut transaction = pool.begin().await?;
        let total = number(&mut transaction, BALANCES[0]).await? + number(&mut transaction, BALANCES[1]).await?;
        transaction.commit().await?;
        Ok(total)
    }
    async fn pay(pool: SqlitePool) -> Result<()> {
        let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
        for sql in [
            "UPDATE accounts SET balance = balance - 10 WHERE id = 1",
            "UPDATE accounts SET balance = balance + 10 WHERE id = 2",
        ] {
            sqlx::query(sql).execute(&mut *transaction).await?;
        }
        transaction.commit().await
    }
    let db = app.in_memory();
    is_found(explore(&db, total, pay), "read skew: alice reads some data before and some after a change by bob");
    passes(explore(&db, total_at_once, pay));
}

/// The app's cache of a page, and the number of times that it was made invalid.
#[derive(Default)]
struct Cache(Mutex<(Option<String>, u64)>);

/// A reader that puts into the cache what a writer has just replaced.
fn dirty_cache(app: &'static Template) {
    async fn page(pool: &SqlitePool, cache: &Cache, is_checked: bool) -> Result<String> {
        let version = match &*cache.0.lock().unwrap() {
            (Some(page), _) => return Ok(page.clone()),
            (None, version) => *version,
        };
        let page: String = sqlx::query_scalar("SELECT title FROM pages WHERE id = 1").fetch_one(pool).await?;
        let mut cached = cache.0.lock().unwrap();
        if !is_checked || cached.1 == version {
            cached.0 = Some(page.clone());
        }
        Ok(page)
    }
    async fn rename(pool: &SqlitePool, cache: &Cache, is_checked: bool) -> Result<String> {
        run(pool, "UPDATE pages SET title = 'new' WHERE id = 1").await?;
        let version = cache.0.lock().unwrap().1;
        *cache.0.lock().unwrap() = (None, version + 1);
        run(pool, "INSERT INTO renamed VALUES (1)").await?;
        page(pool, cache, is_checked).await
    }
    let explore = |db, is_checked| {
        let explore = interleave::explore(db).setup(Cache::default);
        let explore = explore.task_with("alice", move |copy, cache: Arc<Cache>| async move {
            let pool = pool(&copy).await?;
            let page = page(&pool, &cache, is_checked).await;
            pool.close().await;
            page
        });
        explore.task_with("bob", move |copy, cache: Arc<Cache>| async move {
            let pool = pool(&copy).await?;
            let page = rename(&pool, &cache, is_checked).await;
            pool.close().await;
            page
        })
    };
    let db = app.in_memory();
    is_found(explore(&db, false), "no serial order of alice, bob returns these results, though one gives this state");
    passes(explore(&db, true));
}

/// Two workers that take the same job.
fn double_claim(app: &'static Template) {
    async fn claim(pool: SqlitePool, name: &str) -> Result<i64> {
        let sql = "SELECT id FROM jobs WHERE owner IS NULL ORDER BY id LIMIT 1";
        let id: i64 = sqlx::query_scalar(sql).fetch_one(&pool).await?;
        let sql = "UPDATE jobs SET owner = ?1 WHERE id = ?2";
        sqlx::query(sql).bind(name).bind(id).execute(&pool).await?;
        Ok(id)
    }
    async fn claim_at_once(pool: SqlitePool, name: &str) -> Result<i64> {
        let sql = "UPDATE jobs SET owner = ?1
             WHERE id = (SELECT id FROM jobs WHERE owner IS NULL ORDER BY id LIMIT 1) RETURNING id";
        sqlx::query_scalar(sql).bind(name).fetch_one(&pool).await
    }
    let db = app.in_memory();
    is_found(
        explore(&db, |pool| claim(pool, "alice"), |pool| claim(pool, "bob")),
        "lost update: the state is as if alice had not run",
    );
    passes(explore(&db, |pool| claim_at_once(pool, "alice"), |pool| claim_at_once(pool, "bob")));
}

/// Two that look for an address before they insert it.
fn unique_race(app: &'static Template) {
    async fn sign_up(pool: SqlitePool) -> Result<()> {
        let sql = "SELECT count(*) FROM users WHERE email = 'a@b.c'";
        let known: i64 = sqlx::query_scalar(sql).fetch_one(&pool).await?;
        if known == 0 {
            run(&pool, "INSERT INTO users(email) VALUES ('a@b.c')").await?;
        }
        Ok(())
    }
    async fn sign_up_at_once(pool: SqlitePool) -> Result<()> {
        run(&pool, "INSERT INTO users(email) VALUES ('a@b.c') ON CONFLICT DO NOTHING").await.map(drop)
    }
    let db = app.in_memory();
    is_found(
        explore(&db, sign_up, sign_up),
        "bob fails only because alice runs at the same time: error returned from database: (code: 2067) \
         UNIQUE constraint failed: users.email",
    );
    passes(explore(&db, sign_up_at_once, sign_up_at_once));
}

/// A transaction of `pool.begin()` that reads first and then writes.
fn upgrade_deadlock(app: &'static Template) {
    async fn buy(pool: SqlitePool, begin: &'static str) -> Result<()> {
        let mut transaction = pool.begin_with(begin).await?;
        if number(&mut transaction, "SELECT count FROM stock WHERE item = 1").await? > 0 {
            sqlx::query("UPDATE stock SET count = count - 1 WHERE item = 1").execute(&mut *transaction).await?;
        }
        transaction.commit().await
    }
    let db = app.in_memory();
    let explore = |task: fn(SqlitePool) -> _| explore(&db, task, task);
    is_found(
        explore(|pool| buy(pool, "BEGIN")),
        "alice fails with SQLITE_BUSY, and no busy_timeout helps: it has read, and another task is writing",
    );
    passes(explore(|pool| buy(pool, "BEGIN IMMEDIATE")));
}

/// Connections that do not wait for locks: the remedy takes two changes, and either one alone is not enough.
fn no_timeout(app: &'static Template) {
    const BEGIN: &str = r#"begin the transaction with BEGIN IMMEDIATE (sqlx: pool.begin_with("BEGIN IMMEDIATE"))"#;
    const WAIT: &str = "let each connection wait for locks: SqliteConnectOptions::busy_timeout(Duration::from_secs(5))";
    const TRIED: &str = "   tried: all 2 schedules are fine";
    fn request(begin: &'static str, timeout: u64) -> impl Fn(DbCopy) -> Served + Send + Sync {
        move |copy| {
            Box::pin(async move {
                let options: SqliteConnectOptions = copy.url().parse()?;
                let options = options.busy_timeout(Duration::from_secs(timeout));
                let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await?;
                let outcome = buy(&pool, begin).await.shown();
                pool.close().await;
                outcome
            })
        }
    }
    async fn buy(pool: &SqlitePool, begin: &'static str) -> Result<()> {
        let mut transaction = pool.begin_with(begin).await?;
        let count = number(&mut transaction, READ).await?;
        sqlx::query(WRITE).bind(count - 1).execute(&mut *transaction).await?;
        transaction.commit().await
    }
    let db = app.in_memory();
    let explore = |begin, timeout| {
        interleave::explore(&db).task_with("alice", request(begin, timeout)).task_with("bob", request(begin, timeout))
    };
    let help = |begin, timeout| {
        let error = explore(begin, timeout).try_run().unwrap_err().to_string();
        error.lines().find_map(|line| line.trim().strip_prefix("help: ")).expect(&error).to_owned()
    };
    assert_eq!(help("BEGIN", 5), format!("{BEGIN}{TRIED}"));
    assert_eq!(help("BEGIN", 0), format!("{BEGIN}, and {WAIT}{TRIED}"));
    assert_eq!(help("BEGIN IMMEDIATE", 0), format!("{WAIT}{TRIED}"));
    passes(explore("BEGIN IMMEDIATE", 5));
}

/// A worker that finishes a job after its lease, which is over at once, has gone to another one.
fn lost_lease(app: &'static Template) {
    async fn work(pool: SqlitePool, name: &str, finish: &'static str) -> Result<bool> {
        let sql = "UPDATE jobs SET owner = ?1 WHERE id = 1 AND result IS NULL";
        if sqlx::query(sql).bind(name).execute(&pool).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let finished = sqlx::query(finish).bind(name).execute(&pool).await?;
        Ok(finished.rows_affected() == 1)
    }
    const FINISH: &str = "UPDATE jobs SET result = 'by ' || ?1 WHERE id = 1";
    const FINISH_OWN: &str = "UPDATE jobs SET result = 'by ' || ?1 WHERE id = 1 AND owner = ?1";
    let db = app.in_memory();
    is_found(
        explore(&db, |pool| work(pool, "alice", FINISH), |pool| work(pool, "bob", FINISH)),
        "no serial order of alice, bob gives this state",
    );
    passes(explore(&db, |pool| work(pool, "alice", FINISH_OWN), |pool| work(pool, "bob", FINISH_OWN)));
}

/// What a report says of one schedule: its statements, the state that it leaves and the results.
fn of_the_schedule(report: &str) -> Vec<String> {
    let parts = report.split("\n\n").map(|part| part.trim().split_once('\n').unwrap_or_default());
    parts.filter(|(title, _)| !title.contains("schedules of")).map(|(_, lines)| lines.to_owned()).collect()
}

/// Runs itself with the token that the report prints.
fn a_schedule_replays_exactly(app: &'static Template) {
    const REPLAY: &str = "SQLITMUS_REPLAY";
    let db = app.in_memory();
    let report = explore(&db, buy, buy).try_run().unwrap_err().to_string();
    if std::env::var_os(REPLAY).is_some() {
        return println!("replayed:{report}\nend of the report");
    }
    let token = report.lines().find_map(|line| line.strip_prefix("note: SQLITMUS_REPLAY=")?.split(' ').next());
    let test = std::thread::current().name().unwrap().to_owned();
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    let again = again.args(["--exact", &test, "--nocapture"]).env(REPLAY, token.unwrap()).output().unwrap();
    let again = String::from_utf8(again.stdout).unwrap();
    let (_, again) = again.split_once("replayed:").unwrap();
    let (again, _) = again.split_once("\nend of the report").unwrap();
    assert!(report.contains("(shortest of") && !again.contains("(shortest of"), "{again}");
    assert_eq!(of_the_schedule(&report), of_the_schedule(again), "{report}\n{again}");
}

/// `ANOMALIES_AGAIN` says how many times more.
fn two_runs_give_the_same_verdict(app: &'static Template) {
    let times: u32 = std::env::var("ANOMALIES_AGAIN").map_or(3, |times| times.parse().unwrap());
    let db = app.in_memory();
    let report = || {
        let found = explore(&db, buy, buy).try_run().unwrap_err().to_string();
        format!("{found}\n{}", explore(&db, buy_at_once, buy_at_once).run())
    };
    let first = report();
    (0..times).for_each(|_| assert_eq!(report(), first));
}

/// What a pool does to open connections, and on which of them a statement runs, adds no schedules.
fn as_many_schedules_as_of_the_statements(app: &'static Template) {
    const STATEMENTS: [&str; 4] = [
        "SELECT count FROM stock WHERE item = 1",
        "UPDATE stock SET count = count - 1 WHERE item = 1",
        "SELECT balance FROM accounts WHERE id = 1",
        "UPDATE accounts SET balance = balance - 1 WHERE id = 1",
    ];
    async fn request(pool: SqlitePool) -> Result<()> {
        for sql in STATEMENTS {
            run(&pool, sql).await?;
        }
        Ok(())
    }
    let db = app.in_memory();
    let by_pools = explore(&db, request, request).run();
    let one_by_one = |db: &mut Connection| STATEMENTS.iter().try_for_each(|sql| db.execute_batch(sql));
    let by_connections = interleave::explore(&db).task("alice", one_by_one).task("bob", one_by_one).run();
    assert!(by_pools.is_exhaustive() && by_connections.is_exhaustive(), "{by_pools}\n{by_connections}");
    assert_eq!(by_pools.schedules(), by_connections.schedules());
}

macro_rules! on_both_runtimes {
    ($($anomaly:ident)*) => {
        mod current_thread {
            $(#[tokio::test] async fn $anomaly() { super::$anomaly(&super::ON_ONE_THREAD); })*
        }
        mod multi_thread {
            $(#[tokio::test(flavor = "multi_thread")] async fn $anomaly() { super::$anomaly(&super::ON_SEVERAL); })*
        }
    };
}

on_both_runtimes!(lost_update write_skew read_skew dirty_cache double_claim unique_race upgrade_deadlock no_timeout lost_lease
    a_schedule_replays_exactly two_runs_give_the_same_verdict as_many_schedules_as_of_the_statements);
