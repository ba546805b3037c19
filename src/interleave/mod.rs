//! What if two writers meet? Every schedule of two to four tasks, one statement at a time.
//!
//! ```
//! use sqlitmus::{Profile, Template, interleave, rusqlite::{Connection, Result, TransactionBehavior}};
//!
//! static APP: Template = Template::embedded(&[(
//!     "1.sql",
//!     "CREATE TABLE stock(item INTEGER PRIMARY KEY, count INTEGER NOT NULL); INSERT INTO stock VALUES (1, 10);",
//! )])
//! .profile(Profile::PRODUCTION);
//!
//! fn buy(db: &mut Connection, item: i64) -> Result<()> {
//!     let count: i64 = db.query_row("SELECT count FROM stock WHERE item = ?1", [item], |row| row.get(0))?;
//!     db.execute("UPDATE stock SET count = ?2 WHERE item = ?1", [item, count - 1])?;
//!     Ok(())
//! }
//!
//! let db = APP.in_memory();
//! let explored = interleave::explore(&db).task("alice", |db| buy(db, 1)).task("bob", |db| buy(db, 1)).try_run();
//! assert_eq!(explored.unwrap_err().headline(), "lost update: the state is as if bob had not run");
//!
//! fn buy_in_a_transaction(db: &mut Connection, item: i64) -> Result<()> {
//!     let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
//!     let count: i64 = transaction.query_row("SELECT count FROM stock WHERE item = ?1", [item], |row| row.get(0))?;
//!     transaction.execute("UPDATE stock SET count = ?2 WHERE item = ?1", [item, count - 1])?;
//!     transaction.commit()
//! }
//!
//! interleave::explore(&db)
//!     .task("alice", |db| buy_in_a_transaction(db, 1))
//!     .task("bob", |db| buy_in_a_transaction(db, 1))
//!     .run();
//! ```
//!
//! # What is looked for
//!
//! The state at the end, and what each task returned, have to be those of the tasks run one after another, in some order. A
//! task that returns an error has to have done nothing, and has to return that error, whatever the numbers in it, in some
//! order of the tasks one after another as well: two that look for a name and then insert it meet in its UNIQUE. A task that
//! only reads returns what it has read, so that it is compared. And no task may fail because of a lock: with the busy timeout
//! of the profile, that is
//!
//! - `SQLITE_BUSY` or `SQLITE_BUSY_SNAPSHOT` in a transaction that reads first and writes then, which no timeout cures;
//! - tasks that wait for each other;
//! - a connection without a timeout.
//!
//! [`Explore::may_fail`] is for code whose caller handles these errors. A panic, a transaction that is left open, a retry
//! without an end, and a task that waits for another one outside of SQLite are failures too.
//!
//! # How
//!
//! Each schedule runs on a [fork](TestDb::fork) in memory, also of a database on disk: the database itself stays as it is.
//! Each task has a thread and a connection of its own, set up as [`TestDb::connect`] does, and they run one at a time: a
//! task stops before each statement, and where SQLite would wait. The clock stands still, so that a busy timeout costs
//! nothing.
//!
//! Code that does not take a rusqlite connection opens the fork by [`sim::uri`](crate::sim::uri). Its statements have to run
//! on the task's thread, as diesel's do; sqlx has a thread of its own for each connection, and cannot be explored.
//!
//! Where there are more than [a thousand](Explore::limit) orders of the statements, those that touch no lock are not told
//! apart, as no other connection can see when they run. Where that is still too many, schedules are drawn by
//! `SQLITMUS_SEED`. The [`Report`] says which. `SQLITMUS_SHARD=2/4` runs the second quarter of them, and
//! `SQLITMUS_REPLAY=schedule:a2b3` the one that a failure has printed.
//!
//! Tasks have to do the same whenever they are run. Ids and times that SQLite makes are fine, also those of `random()` and
//! `randomblob()`, which give a task the same values in each schedule; those that the app makes have to be arguments.

mod classify;
mod explorer;
mod failure;
mod locks;
mod report;
mod scheduler;
mod schedules;
mod serial_runs;
mod stall;
mod statement_list;
mod threads;

use std::fmt::{self, Debug, Display};
use std::sync::Arc;

use rusqlite::Connection;

use self::classify::{Blocked, Invariant, Problem};
use self::explorer::{Explorer, Plan};
pub use self::report::Report;
use self::serial_runs::SerialRuns;
use self::threads::{Action, Remedy, Task, TaskThreads};
use crate::db::{Address, TestDb};
use crate::env::{self, Shard};
use crate::error::{Error, ErrorKind, Result, or_panic};
use crate::explore::{self, Failure, OriginalGuard};

/// All schedules of tasks that begin with the state of `db`. See the [module](self).
pub fn explore(db: &TestDb) -> Explore<'_> {
    Explore { db, tasks: Vec::new(), may_fail: false, invariant: None, limit: 1000, seed: 0 }
}

/// The tasks whose schedules are to be run.
#[must_use = "nothing is explored before `run`"]
pub struct Explore<'a> {
    db: &'a TestDb,
    tasks: Vec<Task>,
    may_fail: bool,
    invariant: Option<Invariant<'a>>,
    limit: u64,
    seed: u64,
}

impl<'a> Explore<'a> {
    /// A task: code of the app, on a connection of its own. It is run many times, on a thread that may outlive the test
    /// if the task gets stuck.
    pub fn task<T: Debug, E: Display>(
        self,
        name: impl Into<String>,
        action: impl Fn(&mut Connection) -> Result<T, E> + Send + Sync + 'static,
    ) -> Self {
        let action = move |connection: &mut Connection, _| match action(connection) {
            Ok(value) => Ok(format!("{value:?}")),
            Err(error) => Err(error.to_string()),
        };
        self.with(name.into(), Arc::new(action))
    }

    /// A task that is a list of statements. What they read has to be what they read in some serial order. It stops at the
    /// first statement that SQLite refuses, and rolls back.
    ///
    /// ```
    /// use sqlitmus::interleave;
    ///
    /// let db = sqlitmus::Template::empty().profile(sqlitmus::Profile::PRODUCTION).in_memory();
    /// db.execute_batch("CREATE TABLE counter(n); INSERT INTO counter VALUES (0)").unwrap();
    /// let steps = ["BEGIN", "SELECT n FROM counter", "UPDATE counter SET n = n + 1", "COMMIT"];
    /// let error = interleave::explore(&db).steps("one", steps).steps("two", steps).try_run().unwrap_err();
    /// assert!(error.headline().contains("no busy_timeout helps"));
    ///
    /// let steps = ["BEGIN IMMEDIATE", "SELECT n FROM counter", "UPDATE counter SET n = n + 1", "COMMIT"];
    /// let report = interleave::explore(&db).steps("one", steps).steps("two", steps).run();
    /// assert!(report.is_exhaustive());
    /// ```
    pub fn steps<S: AsRef<str>>(self, name: impl Into<String>, steps: impl IntoIterator<Item = S>) -> Self {
        self.with(name.into(), statement_list::action(steps))
    }

    fn with(mut self, name: String, action: Action) -> Self {
        // As Rust writes it, where it would not be seen or would break the lines of a report.
        let is_plain = !name.trim().is_empty() && !name.contains(char::is_control);
        self.tasks.push(Task { name: if is_plain { name } else { format!("{name:?}") }, action });
        self
    }

    /// Tasks may return an error because of the others, of a lock or of a version that is no longer the newest, as long as
    /// they leave nothing behind: whoever calls them handles it.
    pub fn may_fail(mut self) -> Self {
        self.may_fail = true;
        self
    }

    /// What has to hold at the end of every schedule, besides being the state of a serial order.
    pub fn invariant<E: Display>(mut self, holds: impl Fn(&Connection) -> Result<(), E> + 'a) -> Self {
        self.invariant = Some(Box::new(move |connection| holds(connection).map_err(|error| error.to_string())));
        self
    }

    /// How many schedules at most, 1000 unless something else is said: up to there every one is run, else so many are drawn.
    pub fn limit(mut self, schedules: u64) -> Self {
        self.limit = schedules.max(1);
        self
    }

    /// The seed by which schedules are drawn, where there are too many. `SQLITMUS_SEED` goes before it.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Runs the schedules.
    ///
    /// # Panics
    /// When any of them gives what no serial order gives, or fails as the [module](self) says. The database is kept as it
    /// was before and as the shortest such schedule left it.
    #[track_caller]
    pub fn run(self) -> Report {
        let db = self.db;
        match self.explored(|_| true) {
            Ok(report) => report,
            Err(failed) => failed.panic(db, "-after-the-schedule"),
        }
    }

    /// Like [`run`](Explore::run), without the panic, and without keeping the state that the schedule left.
    ///
    /// # Errors
    /// When any schedule gives what no serial order gives, or fails as the [module](self) says.
    pub fn try_run(self) -> Result<Report> {
        self.explored(|_| true).map_err(|failed| failed.error)
    }

    /// Runs the schedules and counts what they come to, good or bad, for a table or an assertion of one's own.
    ///
    /// # Panics
    /// When a task panics, gets stuck or cannot be explored.
    #[track_caller]
    pub fn survey(self) -> Report {
        or_panic(self.try_survey())
    }

    /// Like [`survey`](Explore::survey), without the panic.
    ///
    /// # Errors
    /// When a task panics, gets stuck or cannot be explored.
    pub fn try_survey(self) -> Result<Report> {
        self.explored(Problem::stops_exploration).map_err(|failed| failed.error)
    }

    /// The report, or the worst problem if it `fails` the exploration.
    fn explored(self, fails: impl Fn(&Problem) -> bool) -> Result<Report, Box<Failure>> {
        let settings = env::settings()?;
        self.refuse_bad_casts()?;
        let replay = explore::replay(schedules::WORD, schedules::parse, "schedule:a2b3a1")?;
        let base = self.db.memory_copy()?;
        let guard = OriginalGuard::against(self.db, |_| scheduler::task_of_this_thread());
        let names: Vec<&str> = self.tasks.iter().map(|task| task.name.as_str()).collect();
        let works_on_copies = || guard.check(ErrorKind::Schedule, &names);
        let threads = TaskThreads::new(&self.tasks)?;
        let plan = Plan {
            limit: self.limit,
            seed: settings.seed.unwrap_or(self.seed),
            shard: settings.shard,
            replay,
            may_fail: self.may_fail,
            invariant: self.invariant.as_ref(),
            works_on_copies: &works_on_copies,
        };
        let mut serial_runs = SerialRuns::new(&threads, &base, self.tasks.len(), Remedy::None);
        let mut explorer = Explorer::new(&mut serial_runs, &self.tasks, &plan);
        let report = explorer.go()?;
        let found = std::mem::take(&mut explorer.found).into_iter().filter(|found| fails(&found.problem));
        let Some(worst) = found.min_by(|one, other| one.problem.cmp(&other.problem)) else { return Ok(report) };
        if worst.problem == Problem::NoSerialOrder {
            explorer.comes_to_the_same(&explorer.serial_runs.orders())?;
        }
        let tried = self.remedy(&base, plan, &worst.problem)?;
        let error = failure::render(&mut serial_runs, &self.tasks, &worst, &report, tried.as_ref())?;
        Err(Box::new(Failure {
            error,
            left: worst.run.schedule.stuck.is_none().then(|| Arc::clone(worst.run.database.disk())),
        }))
    }

    /// The first of the remedies for this problem with which all schedules are fine.
    fn remedy(&self, base: &Address, plan: Plan<'_>, problem: &Problem) -> Result<Option<failure::Tried>> {
        // All schedules, not the one that was repeated nor the part of a shard; as many as do not make a failure slow.
        let plan = Plan { replay: None, shard: Shard::ALL, limit: plan.limit.min(300), ..plan };
        for remedy in remedies(problem) {
            // On threads of their own: what helps in one way may get stuck in another.
            let threads = TaskThreads::new(&self.tasks)?;
            let mut serial_runs = SerialRuns::new(&threads, base, self.tasks.len(), *remedy);
            let mut explorer = Explorer::new(&mut serial_runs, &self.tasks, &plan);
            // That it cannot be tried on these tasks is no news.
            if let Ok(report) = explorer.go()
                && explorer.found.is_empty()
            {
                return Ok(Some(failure::Tried { remedy: *remedy, schedules: report.schedules() }));
            }
        }
        Ok(None)
    }

    fn refuse_bad_casts(&self) -> Result<()> {
        let count = self.tasks.len();
        if !(2..=4).contains(&count) {
            let tasks = crate::report::count(count, "task");
            return Err(Error::new(ErrorKind::Schedule, format!("{tasks} to interleave: it takes two to four"))
                .help(".task(\"alice\", |db| ..) and .steps(\"bob\", [..]) add one each"));
        }
        let twice =
            self.tasks.iter().enumerate().find(|(at, task)| self.tasks[..*at].iter().any(|t| t.name == task.name));
        match twice {
            None => Ok(()),
            Some((_, task)) => Err(Error::new(ErrorKind::Schedule, format!("two tasks are called {}", task.name))
                .help("a failure tells who ran which statement: each needs a name of its own")),
        }
    }
}

/// What may help, in the order in which it is tried.
fn remedies(problem: &Problem) -> &'static [Remedy] {
    match problem {
        Problem::Busy(_, Blocked::NoTimeout) => &[Remedy::Timeout],
        Problem::Busy(..) | Problem::Fails(..) | Problem::NoSerialOrder | Problem::Invariant(_) => {
            &[Remedy::Immediate, Remedy::OneTransaction]
        }
        _ => &[],
    }
}

impl Debug for Explore<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks: Vec<&str> = self.tasks.iter().map(|task| task.name.as_str()).collect();
        f.debug_struct("Explore").field("db", &self.db).field("tasks", &tasks).finish_non_exhaustive()
    }
}
