//! [`Explore`]: an exploration of the schedules of some tasks.

use std::fmt::{self, Debug, Display};
use std::sync::Arc;

use rusqlite::Connection;

use super::classify::Invariant;
use super::diagnosis::Diagnosis;
use super::explorer::{Explorer, Options, require_same_again};
use super::problem::{Blocked, Problem};
use super::report::Report;
use super::serial_runs::SerialRuns;
use super::task::{Remedy, Task, TaskAction, TriedRemedy};
use super::threads::TaskThreads;
use super::{failure, scheduler, statement_list, token};
use crate::db::{Address, TestDb};
use crate::env::{self, Shard};
use crate::error::{Error, ErrorKind, Result, or_panic};
use crate::explore::{self, Failure, OriginalGuard, or_keep_and_panic};

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

    fn with(mut self, name: String, action: TaskAction) -> Self {
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
        or_keep_and_panic(self.explored(|_| true), db, "-after-the-schedule")
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

    /// Returns the report, or the worst of the problems that fail the exploration.
    fn explored(self, fails: impl Fn(&Problem) -> bool) -> Result<Report, Box<Failure>> {
        let settings = env::settings()?;
        self.require_distinct_tasks()?;
        let replay = explore::replay(token::WORD, token::parse, "schedule:a2b3a1")?;
        let base = self.db.memory_copy()?;
        let guard = OriginalGuard::against(self.db, |_| scheduler::task_of_this_thread());
        let names: Vec<&str> = self.tasks.iter().map(|task| task.name.as_str()).collect();
        let works_on_copies = || guard.check(ErrorKind::Schedule, &names);
        let threads = TaskThreads::new(&self.tasks)?;
        let options = Options {
            limit: self.limit,
            seed: settings.seed.unwrap_or(self.seed),
            shard: settings.shard,
            replay,
            may_fail: self.may_fail,
            invariant: self.invariant.as_ref(),
            works_on_copies: &works_on_copies,
        };
        let mut serial_runs = SerialRuns::new(&threads, &base, self.tasks.len(), Remedy::None);
        let (report, found) = Explorer::new(&mut serial_runs, &self.tasks, &options).run()?;
        let failing = found.into_iter().filter(|found| fails(&found.problem));
        let Some(worst) = failing.min_by(|one, other| one.problem.cmp(&other.problem)) else { return Ok(report) };
        if worst.problem == Problem::NoSerialOrder {
            let orders = serial_runs.orders();
            require_same_again(&mut serial_runs, &self.tasks, &orders)?;
        }
        let tried = self.remedy(&base, options, &worst.problem)?;
        let diagnosis = Diagnosis::of(&mut serial_runs, &worst, tried)?;
        let left = worst.run.schedule.stuck.is_none().then(|| Arc::clone(worst.run.database.disk()));
        Err(Box::new(Failure { error: failure::render(&self.tasks, &diagnosis, &report), left }))
    }

    /// Returns the first remedy for this problem with which all schedules are fine.
    fn remedy(&self, base: &Address, options: Options<'_>, problem: &Problem) -> Result<Option<TriedRemedy>> {
        // All schedules, not only the one that was repeated or those of a shard; few enough to keep a failure fast.
        let options = Options { replay: None, shard: Shard::ALL, limit: options.limit.min(300), ..options };
        for remedy in remedies(problem) {
            // On threads of their own: a remedy for one problem may get a task stuck.
            let threads = TaskThreads::new(&self.tasks)?;
            let mut serial_runs = SerialRuns::new(&threads, base, self.tasks.len(), *remedy);
            // An error only means that the remedy does not fit these tasks.
            if let Ok((report, found)) = Explorer::new(&mut serial_runs, &self.tasks, &options).run()
                && found.is_empty()
            {
                return Ok(Some(TriedRemedy { remedy: *remedy, schedules: report.schedules() }));
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

/// The remedies to try for a problem, in order.
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
