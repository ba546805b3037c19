//! The app's own runner as a history: each of its steps is run once on an empty database of the version before, to see which
//! statements it runs and whether it stops where it is asked to.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use crate::check::{Digest, Mask, content_digest, try_digest};
use crate::db::{Image, Scratch, Workshop, recorded};
use crate::error::{Error, ErrorKind, Result};
use crate::migrations::{Code, Migration, Migrations, RecordedStep};
use crate::schema::{Schema, is_ledger};
use crate::sql::{Name, Token, tokens};
use crate::suite::rows::RowPlan;
use crate::trace::Query;

/// Returns the history with what its runner runs. One of files is returned as it is.
///
/// # Errors
/// If the runner does not stop at the version that it is asked for. A step that fails is no error here.
pub(crate) fn with_recorded_steps(history: Migrations, workshop: Workshop, plan: &RowPlan) -> Result<Migrations> {
    if history.code().is_none() {
        return Ok(history);
    }
    let mut run =
        RecordedRun { history: &history, versions: vec![Version::of(&workshop.empty()?)?], steps: Vec::new() };
    while run.steps.len() < history.len() && run.step(workshop)? {}
    let ledgers = run.ledgers(workshop)?;
    run.check(&ledgers)?;
    let plan = RowPlan { ledgers: ledgers.clone(), hard_values: true, ..plan.clone() };
    let steps = (0..run.steps.len()).map(|index| run.with_rows(workshop, &plan, index)).collect::<Result<Vec<_>>>()?;
    Ok(history.clone().with_recorded(steps, ledgers))
}

/// Runs a step of the app's runner on a database. Returns its migration, with the statements that it ran.
///
/// # Errors
/// If a trace hook of the app hides statements.
pub(crate) fn recorded_on(
    history: &Migrations,
    migration: &Migration,
    database: &mut Connection,
    from: i64,
) -> Result<(Result<()>, Migration)> {
    let (result, ran) = recorded(database, |database| history.up_from(database, from, migration.version()));
    match ran.missed {
        None => Ok((result.map(drop), migration.recorded(step_of(ran.queries)))),
        Some(sql) => Err(Error::new(ErrorKind::History, "a trace hook of the app hides what the app's runner runs")
            .migration(migration.name())
            .evidence("a statement that was not reported", sql)
            .help(
                "SQLite has one trace hook per connection: set none (Connection::trace, trace_v2) where tests migrate",
            )),
    }
}

pub(super) fn step_of(queries: Vec<Query>) -> RecordedStep {
    let text = |query: &Query| query.expanded().unwrap_or(query.sql()).to_owned();
    RecordedStep {
        statements: queries.iter().map(text).collect(),
        prepared: queries.iter().map(|query| query.sql().to_owned()).collect(),
        on_empty: None,
        sites: Some(Box::new(sites(queries))),
    }
}

/// Returns what looks up the line that ran a statement, which takes its time.
fn sites(queries: Vec<Query>) -> impl Fn(usize) -> Option<String> + Send + Sync {
    let queries = Mutex::new(queries);
    move |number| queries.lock().unwrap_or_else(PoisonError::into_inner).get(number).and_then(Query::call_site)
}

/// The steps of a runner that were run so far.
struct RecordedRun<'a> {
    history: &'a Migrations,
    /// The empty databases of all versions so far; the first one is before the first version.
    versions: Vec<Version>,
    steps: Vec<Migration>,
}

/// An empty database at a version, and what tells it from others.
struct Version {
    image: Image,
    schema: Arc<Schema>,
    user_version: i64,
    digest: Digest,
    /// The digest of all that it has, the tables of runners too.
    content: u64,
}

impl Version {
    fn of(database: &Scratch) -> Result<Version> {
        let user_version = database
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(|error| Error::sqlite("read user_version", error))?;
        Ok(Version {
            image: database.current_image()?,
            schema: Arc::new(Schema::read(database)?),
            user_version,
            digest: try_digest(database)?,
            content: content_digest(database, &Mask::default())?,
        })
    }
}

impl RecordedRun<'_> {
    /// Returns the version before a step.
    fn version(&self, step: usize) -> i64 {
        let before = step.checked_sub(1).and_then(|before| self.history.iter().nth(before));
        before.map_or(self.history.base(), Migration::version)
    }

    /// Runs the next step. Returns false if it fails.
    fn step(&mut self, workshop: Workshop) -> Result<bool> {
        let index = self.steps.len();
        let Some(migration) = self.history.iter().nth(index) else { return Ok(false) };
        let before = &self.versions[index];
        let mut database = workshop.over(before.image.clone())?;
        let keys = foreign_keys(&database)?;
        let (ran, recorded) = recorded_on(self.history, migration, &mut database, self.version(index))?;
        if ran.is_err() {
            return Ok(false);
        }
        if foreign_keys(&database)? != keys {
            return Err(leaves_foreign_keys(migration, keys));
        }
        self.versions.push(Version::of(&database)?);
        self.steps.push(recorded);
        Ok(true)
    }

    /// Returns the tables by which the runner knows what it has applied: those that it reads when nothing is left to do, and
    /// that have rows though no app has run.
    fn ledgers(&self, workshop: Workshop) -> Result<Vec<Name>> {
        let Some((last, migration)) = self.versions.last().zip(self.steps.last()) else { return Ok(Vec::new()) };
        let mut database = workshop.over(last.image.clone())?;
        let (_, ran) = recorded(&mut database, |database| self.history.up_to(database, migration.version()));
        let mut ledgers: Vec<Name> = Vec::new();
        for query in ran.queries.iter().filter(|query| query.keyword() == "SELECT") {
            for name in tokens(query.sql()).iter().filter_map(Token::name).map(Name::from) {
                let has_rows = || last.digest.table(&name).is_some_and(|table| table.rows > 0);
                let is_it = last.schema.table(&name).is_some() && (is_ledger(&name) || has_rows());
                if is_it && !ledgers.contains(&name) {
                    ledgers.push(name);
                }
            }
        }
        Ok(ledgers)
    }

    /// Checks that each step ended at its version, as far as the database says which one it has.
    fn check(&self, ledgers: &[Name]) -> Result<()> {
        if let Some((last, migration)) = self.versions.last().zip(self.steps.last())
            && last.content == self.versions[0].content
        {
            return Err(Code::leaves_empty(migration.version()));
        }
        for (index, migration) in self.steps.iter().enumerate() {
            let user_version = |step: usize| Ok(self.versions[step + 1].user_version);
            let last = self.steps.len() - 1;
            self.history.check_user_version(migration.version(), user_version(index)?, |version| {
                user_version(if version == self.steps[0].version() { 0 } else { last })
            })?;
        }
        let is_noted = !ledgers.is_empty() || self.versions.last().is_some_and(|last| last.user_version != 0);
        let pairs = self.versions.windows(2).zip(&self.steps).enumerate();
        for (index, (pair, migration)) in pairs.filter(|_| is_noted) {
            if pair[0].content == pair[1].content {
                return Err(changes_nothing(self.version(index), migration, index == 0));
            }
        }
        Ok(())
    }

    /// Returns a step with the statements that it runs where there are rows, if it reads rows. A step that computes in code
    /// runs few statements without them.
    fn with_rows(&self, workshop: Workshop, plan: &RowPlan, index: usize) -> Result<Migration> {
        let (recorded, before) = (&self.steps[index], &self.versions[index]);
        if !self.reads_rows(recorded, before, &plan.ledgers) {
            return Ok(recorded.clone());
        }
        let mut database = workshop.over(before.image.clone())?;
        plan.fill(&database, &before.schema, None, |_| true);
        let (ran, with_rows) = recorded_on(self.history, recorded, &mut database, self.version(index))?;
        Ok(if ran.is_ok() { with_rows.without_repeats(recorded) } else { recorded.clone() })
    }

    /// Returns true if a step reads tables of the app.
    fn reads_rows(&self, recorded: &Migration, before: &Version, ledgers: &[Name]) -> bool {
        recorded.statements().iter().filter(|statement| statement.starts_with("SELECT")).any(|statement| {
            let names = tokens(statement.text);
            let mut names = names.iter().filter_map(Token::name).map(Name::from);
            names.any(|name| before.schema.table(&name).is_some() && !is_ledger(&name) && !ledgers.contains(&name))
        })
    }
}

fn foreign_keys(connection: &Connection) -> Result<bool> {
    let on = connection.query_row("PRAGMA foreign_keys", [], |row| row.get(0));
    on.map_err(|error| Error::sqlite("read foreign_keys", error))
}

fn changes_nothing(from: i64, migration: &Migration, is_first: bool) -> Error {
    let to = migration.version();
    let why = match is_first {
        true => format!("it does not reach {to} when it is asked for {to}"),
        false => format!("it goes beyond {from} when it is asked for {from}, or does not reach {to}"),
    };
    Error::new(ErrorKind::History, format!("the app's runner changes nothing on the way from {from} to {to}"))
        .migration(migration.name())
        .evidence("why", why)
        .help("each version has to be where the runner stops, and the latest one where it ends")
}

fn leaves_foreign_keys(migration: &Migration, were: bool) -> Error {
    let [was, is] = if were { ["on", "off"] } else { ["off", "on"] };
    let headline = format!("the app's runner leaves foreign keys {is} on the way to {}", migration.version());
    Error::new(ErrorKind::History, headline)
        .migration(migration.name())
        .evidence("why", format!("they were {was} before it: the app goes on without what they enforce"))
        .help(format!("PRAGMA foreign_keys = {} after the last migration, when it fails too", was.to_uppercase()))
}
