//! [`Explore`]: an exploration of the schedules of some tasks.

use std::fmt::{self, Debug, Display};
use std::marker::PhantomData;
use std::sync::Arc;

use rusqlite::Connection;

use super::choices::bit;
use super::diagnosis::Diagnosis;
use super::explorer::{Explorer, Options, require_same_again};
use super::final_state::Hidden;
use super::problem::{Blocked, Invariant, MayFail, Problem};
use super::remedy::{Remedy, TriedRemedy};
use super::report::Report;
use super::run::{self, Setup, Shared, Task, TaskAction};
use super::serial_runs::SerialRuns;
use super::threads::TaskThreads;
use super::{choices, failure, scheduler};
use crate::db::{Address, BlockOn, TestDb};
use crate::env::{self, Shard};
use crate::error::{Error, ErrorKind, Result, or_panic};
use crate::explore::{self, Cancellation, DbCopy, Failure, Finish, OriginalGuard, or_keep_and_panic};

/// Explores the schedules of tasks that begin with the state of `db`; see the [module](super).
pub fn explore(db: &TestDb) -> Explore<'_> {
    Explore {
        db,
        tasks: Vec::new(),
        setup: None,
        shared: PhantomData,
        may_fail: MayFail::Never,
        each_transaction: false,
        invariant: None,
        limit: None,
        seed: 0,
    }
}

/// An exploration of the schedules of some tasks; see [`explore`].
#[must_use = "nothing is explored before `run`"]
pub struct Explore<'a, S = ()> {
    db: &'a TestDb,
    tasks: Vec<Task>,
    setup: Option<Setup>,
    shared: PhantomData<fn() -> S>,
    may_fail: MayFail,
    each_transaction: bool,
    invariant: Option<Invariant<'a>>,
    limit: Option<u64>,
    seed: u64,
}

impl<'a> Explore<'a> {
    /// Adds a task: code of the app, with its own connection. It runs many times, on a thread that may outlive the test if
    /// the task gets stuck.
    pub fn task<T: Debug, E: Display>(
        self,
        name: impl Into<String>,
        action: impl Fn(&mut Connection) -> Result<T, E> + Send + Sync + 'static,
    ) -> Self {
        self.with(name.into(), Arc::new(move |connection, _, _| in_text(action(connection))))
    }

    /// Adds a task that opens its connections itself, by the path or URL of the copy that it is given: an app with a pool. Its
    /// statements are scheduled on whatever thread they run. It may be async; the template says on which runtime it runs
    /// ([`Template::block_on`](crate::Template::block_on)). What it opens has to be closed when it returns.
    ///
    /// ```
    /// use sqlitmus::rusqlite::{Connection, Result};
    /// use sqlitmus::{DbCopy, Profile, Template, interleave};
    ///
    /// static APP: Template = Template::embedded(&[
    ///     ("1.sql", "CREATE TABLE n(n); INSERT INTO n VALUES (0);"),
    /// ])
    /// .profile(Profile::PRODUCTION);
    ///
    /// fn count(copy: DbCopy) -> Result<()> {
    ///     let of_the_app = Connection::open(copy.path())?;
    ///     let n: i64 =
    ///         of_the_app.query_row("SELECT n FROM n", [], |row| row.get(0))?;
    ///     of_the_app.execute("UPDATE n SET n = ?1", [n + 1]).map(drop)
    /// }
    ///
    /// let db = APP.in_memory();
    /// let error = interleave::explore(&db)
    ///     .task_with("alice", count)
    ///     .task_with("bob", count)
    ///     .try_run()
    ///     .unwrap_err();
    /// assert!(error.headline().starts_with("lost update"));
    /// ```
    pub fn task_with<K, R: Finish<K>>(
        self,
        name: impl Into<String>,
        action: impl Fn(DbCopy) -> R + Send + Sync + 'static,
    ) -> Self {
        let block_on = self.db.block_on();
        self.owning(name.into(), Arc::new(move |copy, _, _| finished(action(DbCopy::of(copy)), block_on)))
    }

    /// Makes a value for each schedule that the tasks share, such as an app with its cache: a new one, so that no schedule sees
    /// what an earlier one has left in memory. Then all orders of the statements are told apart, since those that SQLite could
    /// exchange may matter to the value, and a task also stops after each statement that is in no transaction: another one may
    /// change the value before the result is put there.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicI64, Ordering};
    ///
    /// use sqlitmus::rusqlite::{Connection, Result};
    /// use sqlitmus::{Profile, Template, interleave};
    ///
    /// let db = Template::empty().profile(Profile::PRODUCTION).in_memory();
    /// let schema = "CREATE TABLE orders(number INTEGER)";
    /// db.execute_batch(schema).unwrap();
    ///
    /// fn order(db: &Connection, next: &AtomicI64) -> Result<()> {
    ///     let number = next.fetch_add(1, Ordering::Relaxed);
    ///     db.execute("INSERT INTO orders VALUES (?1)", [number]).map(drop)
    /// }
    ///
    /// interleave::explore(&db)
    ///     .setup(|| AtomicI64::new(1))
    ///     .task("alice", |db, next| order(db, next))
    ///     .task("bob", |db, next| order(db, next))
    ///     .run();
    /// ```
    pub fn setup<S: Send + Sync + 'static>(self, setup: impl Fn() -> S + 'static) -> Explore<'a, Arc<S>> {
        Explore {
            db: self.db,
            tasks: self.tasks,
            setup: Some(Setup { make: Arc::new(move || Arc::new(setup())), has_values: size_of::<S>() > 0 }),
            shared: PhantomData,
            may_fail: self.may_fail,
            each_transaction: self.each_transaction,
            invariant: self.invariant,
            limit: self.limit,
            seed: self.seed,
        }
    }
}

impl<'a, S: Send + Sync + 'static> Explore<'a, Arc<S>> {
    /// Adds a task: code of the app, with its own connection and what [`setup`](Explore::setup) has made for this schedule.
    pub fn task<T: Debug, E: Display>(
        self,
        name: impl Into<String>,
        action: impl Fn(&mut Connection, &S) -> Result<T, E> + Send + Sync + 'static,
    ) -> Self {
        let action = move |connection: &mut Connection, _, shared: &Shared| {
            in_text(action(connection, shared.downcast_ref().expect("it was made by `setup`")))
        };
        self.with(name.into(), Arc::new(action))
    }

    /// Adds a task that opens its connections itself, with what [`setup`](Explore::setup) has made for this schedule; see
    /// [`task_with`](Explore::task_with).
    pub fn task_with<K, R: Finish<K>>(
        self,
        name: impl Into<String>,
        action: impl Fn(DbCopy, Arc<S>) -> R + Send + Sync + 'static,
    ) -> Self {
        let block_on = self.db.block_on();
        let action = move |copy: &mut Connection, _, shared: &Shared| {
            let shared = Arc::clone(shared).downcast().expect("it was made by `setup`");
            finished(action(DbCopy::of(copy), shared), block_on)
        };
        self.owning(name.into(), Arc::new(action))
    }
}

impl<'a, S> Explore<'a, S> {
    /// Adds a task that is a list of statements. The rows that they read are its result. It stops at the first statement that
    /// SQLite refuses, and rolls back.
    ///
    /// ```
    /// use sqlitmus::{Profile, Template, interleave};
    ///
    /// let db = Template::empty().profile(Profile::PRODUCTION).in_memory();
    /// let schema = "CREATE TABLE counter(n); INSERT INTO counter VALUES (0)";
    /// db.execute_batch(schema).unwrap();
    ///
    /// const READ: &str = "SELECT n FROM counter";
    /// const WRITE: &str = "UPDATE counter SET n = n + 1";
    /// let explore = |begin| {
    ///     let steps = [begin, READ, WRITE, "COMMIT"];
    ///     interleave::explore(&db).steps("one", steps).steps("two", steps)
    /// };
    ///
    /// let error = explore("BEGIN").try_run().unwrap_err();
    /// assert!(error.headline().contains("no busy_timeout helps"));
    /// assert!(explore("BEGIN IMMEDIATE").run().is_exhaustive());
    /// ```
    pub fn steps<Q: AsRef<str>>(self, name: impl Into<String>, steps: impl IntoIterator<Item = Q>) -> Self {
        self.with(name.into(), run::statements(steps))
    }

    fn owning(self, name: String, action: TaskAction) -> Self {
        let mut explore = self.with(name, action);
        if let Some(task) = explore.tasks.last_mut() {
            task.owns_connections = true;
        }
        explore
    }

    fn with(mut self, name: String, action: TaskAction) -> Self {
        // Escaped if it would be invisible or break the lines of a report.
        let is_plain = !name.trim().is_empty() && !name.contains(char::is_control);
        let name = if is_plain { name } else { format!("{name:?}") };
        self.tasks.push(Task { name, action, owns_connections: false });
        self
    }

    /// Allows tasks to return an error because of the others (a lock, an outdated version) if they leave nothing behind: for
    /// code whose callers handle these errors.
    pub fn may_fail(mut self) -> Self {
        self.may_fail = MayFail::Always;
        self
    }

    /// Allows tasks to return an error because of a lock if they leave nothing behind.
    pub(crate) fn may_be_locked_out(mut self) -> Self {
        self.may_fail = MayFail::Locks;
        self
    }

    /// Compares with the transactions of the tasks in any order, not with whole tasks one after another: for tasks that promise
    /// no more than each of their transactions does, such as workers that take one job after another, or a list that is read
    /// page by page. A statement outside of a transaction is one of its own, so that a value that is read in one transaction
    /// and written in another may be out of date.
    ///
    /// ```
    /// use sqlitmus::{Profile, Template, interleave};
    ///
    /// let db = Template::empty().profile(Profile::PRODUCTION).in_memory();
    /// db.execute_batch(
    ///     "CREATE TABLE jobs(id INTEGER PRIMARY KEY, by TEXT);
    ///      INSERT INTO jobs(id) VALUES (1), (2), (3), (4);",
    /// )
    /// .unwrap();
    ///
    /// let next = "(SELECT min(id) FROM jobs WHERE by IS NULL)";
    /// let take =
    ///     |by| vec![format!("UPDATE jobs SET by = '{by}' WHERE id = {next}"); 2];
    /// let explore =
    ///     || interleave::explore(&db).steps("a", take("a")).steps("b", take("b"));
    ///
    /// // One after another, each takes two jobs in a row.
    /// assert!(explore().try_run().is_err());
    /// explore().each_transaction().run();
    /// ```
    pub fn each_transaction(mut self) -> Self {
        self.each_transaction = true;
        self
    }

    /// Adds a condition on the state at the end of every schedule, which also has to be that of a serial order.
    pub fn invariant<E: Display>(mut self, holds: impl Fn(&Connection) -> Result<(), E> + 'a) -> Self {
        self.invariant = Some(Box::new(move |connection| holds(connection).map_err(|error| error.to_string())));
        self
    }

    /// Sets the largest number of schedules. Default 1000, and fewer where the tasks run more than about ten statements or the
    /// database is larger than 2 MB: about ten seconds' worth of them. If there are more, this many are drawn.
    pub fn limit(mut self, schedules: u64) -> Self {
        self.limit = Some(schedules.max(1));
        self
    }

    /// Sets the seed with which schedules are drawn. `SQLITMUS_SEED` overrides it.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Runs the schedules. Keeps the database of a failure as it was before and as the shortest such schedule left it.
    ///
    /// # Panics
    /// If a schedule has a result that no serial order has, or fails in another way that the [module](super) lists.
    #[track_caller]
    pub fn run(self) -> Report {
        let db = self.db;
        or_keep_and_panic(self.explored(|_| true), db, "-after-the-schedule")
    }

    /// Runs the schedules and counts their outcomes, including failures, for a table or for your own assertions.
    ///
    /// # Panics
    /// If a task panics, gets stuck or cannot be explored.
    #[track_caller]
    pub fn survey(self) -> Report {
        or_panic(self.try_survey())
    }

    /// Returns the report, or the error of the worst problem. Fails if the tasks cannot be explored.
    pub(crate) fn examined(self) -> Result<std::result::Result<Report, Error>> {
        Ok(self.report_or_worst(|_| true)?.map_err(|failure| failure.error))
    }

    /// Returns the report, or the worst of the problems that fail the exploration.
    fn explored(self, fails: impl Fn(&Problem) -> bool) -> Result<Report, Box<Failure>> {
        self.report_or_worst(fails)?
    }

    fn report_or_worst(self, fails: impl Fn(&Problem) -> bool) -> Result<Result<Report, Box<Failure>>> {
        let settings = env::settings()?;
        self.require_distinct_tasks()?;
        let replay = explore::replay(choices::WORD, choices::parse, "schedule:a2b3a1")?;
        let base = self.db.memory_copy()?;
        let guard = OriginalGuard::against(self.db, |_| scheduler::task_of_this_thread());
        let names: Vec<&str> = self.tasks.iter().map(|task| task.name.as_str()).collect();
        let works_on_copies = || guard.check(ErrorKind::Schedule, &names);
        let threads = TaskThreads::new(&self.tasks, self.setup.clone())?;
        let options = Options {
            limit: self.limit,
            most: u64::MAX,
            seed: settings.seed.unwrap_or(self.seed),
            shard: settings.shard,
            replay,
            may_fail: self.may_fail,
            invariant: self.invariant.as_ref(),
            works_on_copies: &works_on_copies,
        };
        let mut serial_runs = SerialRuns::new(&threads, &base, self.tasks.len(), Remedy::None);
        serial_runs.each_transaction = self.each_transaction;
        let (mut report, mut found) = Explorer::new(&mut serial_runs, &self.tasks, &options).run()?;
        // The thread of a task that is stuck runs nothing any more.
        let is_stuck = found.iter().any(|found| found.run.schedule.stuck.is_some());
        if !is_stuck && found.iter().any(|found| found.problem == Problem::NoSerialOrder) {
            // A time in seconds differs only later, and another task may overwrite it.
            let mut hides_more = false;
            for order in serial_runs.orders() {
                hides_more |= serial_runs.hide_what_differs(&order)?;
            }
            if hides_more {
                (report, found) = Explorer::new(&mut serial_runs, &self.tasks, &options).run()?;
            }
        }
        if found.is_empty() && report.is_replayed() {
            explore::only_repeated();
        }
        let failing = found.into_iter().filter(|found| fails(&found.problem));
        let Some(worst) = failing.min_by(|one, other| one.problem.cmp(&other.problem)) else { return Ok(Ok(report)) };
        if worst.problem == Problem::NoSerialOrder {
            let orders = serial_runs.orders();
            require_same_again(&mut serial_runs, &self.tasks, &orders)?;
        }
        let remedies = remedies(&worst.problem, serial_runs.readers(&worst.run));
        let tried = self.remedy(&base, options, (&worst.problem, &remedies), &serial_runs.hidden)?;
        let diagnosis = Diagnosis::of(&mut serial_runs, &worst, tried)?;
        let left = worst.run.schedule.stuck.is_none().then(|| Arc::clone(worst.run.database.disk()));
        Ok(Err(Box::new(Failure { error: failure::render(&self.tasks, &diagnosis, &report), left })))
    }

    /// Returns the first remedy for this problem with which all schedules are fine.
    fn remedy(
        &self,
        base: &Address,
        options: Options<'_>,
        (problem, remedies): (&Problem, &[Remedy]),
        hidden: &Arc<Hidden>,
    ) -> Result<Option<TriedRemedy>> {
        // All schedules, not only the one that was repeated or those of a shard; few enough to keep a failure fast.
        let options = Options { replay: None, shard: Shard::ALL, most: 300, ..options };
        let own = (0..).zip(&self.tasks).filter(|(_, task)| task.owns_connections);
        let own = own.fold(0, |mask, (number, _)| mask | bit(number));
        for remedy in remedies.iter().filter(|remedy| remedy.fits(own)) {
            // With the app's own settings of locks first, unless they are the problem.
            let mut with_timeout = is_without_timeout(problem);
            loop {
                // On threads of their own: a remedy for one problem may get a task stuck.
                let threads = TaskThreads::new(&self.tasks, self.setup.clone())?;
                let mut serial_runs = SerialRuns::new(&threads, base, self.tasks.len(), *remedy);
                serial_runs.with_timeout = with_timeout;
                serial_runs.each_transaction = self.each_transaction;
                serial_runs.hidden = Arc::clone(hidden);
                // An error only means that the remedy does not fit these tasks.
                let Ok((report, found)) = Explorer::new(&mut serial_runs, &self.tasks, &options).run() else { break };
                if found.is_empty() {
                    let schedules = report.schedules();
                    return Ok(Some(TriedRemedy { remedy: *remedy, with_timeout, schedules }));
                }
                let may_wait = !with_timeout && remedy.may_need_timeout();
                if !may_wait || !found.iter().any(|found| is_without_timeout(&found.problem)) {
                    break;
                }
                with_timeout = true;
            }
        }
        Ok(None)
    }

    fn require_distinct_tasks(&self) -> Result<()> {
        let count = self.tasks.len();
        if !(2..=4).contains(&count) {
            let tasks = crate::report::count(count, "task");
            return Err(Error::new(ErrorKind::Schedule, format!("{tasks} to interleave: two to four are needed"))
                .help(".task(\"alice\", |db| ..) and .steps(\"bob\", [..]) add one each"));
        }
        let twice =
            self.tasks.iter().enumerate().find(|(at, task)| self.tasks[..*at].iter().any(|t| t.name == task.name));
        match twice {
            None => Ok(()),
            Some((_, task)) => Err(Error::new(ErrorKind::Schedule, format!("two tasks are called {}", task.name))
                .help("a failure names the task of each statement: each needs its own name")),
        }
    }
}

/// The same without panics: each returns its failure as an [`Error`](crate::Error).
impl<'a, S> Explore<'a, S> {
    /// Like [`run`](Explore::run), without the panic. Does not keep the state that the schedule left.
    ///
    /// # Errors
    /// If a schedule has a result that no serial order has, or fails in another way that the [module](super) lists.
    pub fn try_run(self) -> Result<Report> {
        self.explored(|_| true).map_err(|failed| failed.error)
    }

    /// Like [`survey`](Explore::survey), without the panic.
    ///
    /// # Errors
    /// If a task panics, gets stuck or cannot be explored.
    pub fn try_survey(self) -> Result<Report> {
        self.explored(Problem::stops_exploration).map_err(|failed| failed.error)
    }
}

/// Returns the remedies to try for a problem, in order. `readers` are the tasks that write nothing, a bit each.
fn remedies(problem: &Problem, readers: u8) -> Vec<Remedy> {
    let reads = [Remedy::ReadTransaction(readers), Remedy::WiderReadTransaction(readers)];
    let all = [Remedy::Immediate, Remedy::OneTransaction(readers), Remedy::WiderTransaction(readers)];
    match problem {
        Problem::Busy(_, Blocked::NoTimeout) => [&[Remedy::None], &all[..]].concat(),
        Problem::NoSerialOrder if readers != 0 => [&reads[..], &all].concat(),
        Problem::Fails(task, _) if readers & bit(*task) != 0 => [&reads[..], &all].concat(),
        Problem::Busy(..) | Problem::Fails(..) | Problem::NoSerialOrder | Problem::Invariant(_) => all.to_vec(),
        _ => Vec::new(),
    }
}

/// Returns true if a connection does not wait for locks.
fn is_without_timeout(problem: &Problem) -> bool {
    matches!(problem, Problem::Busy(_, Blocked::NoTimeout))
}

/// Returns what a task returns, as text.
fn in_text<T: Debug, E: Display>(result: Result<T, E>) -> Result<String, String> {
    result.map(|value| format!("{value:?}")).map_err(|error| error.to_string())
}

/// Returns what a task that may be a future returns, as text.
fn finished<K, R: Finish<K>>(result: R, block_on: Option<BlockOn>) -> Result<String, String> {
    result.finish(block_on, Cancellation::new(R::IS_FUTURE)).map(|value| format!("{value:?}"))
}

impl<S> Debug for Explore<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks: Vec<&str> = self.tasks.iter().map(|task| task.name.as_str()).collect();
        f.debug_struct("Explore").field("db", &self.db).field("tasks", &tasks).finish_non_exhaustive()
    }
}
