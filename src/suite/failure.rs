//! A migration that fails half-way leaves the version before it, or all of itself.
//!
//! Its statements are made to fail, and it is interrupted at SQLite's steps. What is not written at one point is not written
//! at any point before it, for up to there both runs are the same; so the last point at which the files are untouched
//! stands for all before it, and those behind it are tried.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::{AuthContext, Authorization};

use super::Suite;
use super::nested;
use super::versioned_databases::{UpgradeStep, VersionedDatabases};
use crate::check::{Digest, Finding, Findings, try_digest};
use crate::db::{Image, Scratch};
use crate::error::{Error, Result};
use crate::migrations::{Ledger, Migrations};
use crate::schema::Schema;

/// Of more points than these, so many are tried, and between two that end differently the place of the change is searched.
const MOST: u64 = 200;

pub(super) fn test(_: &Suite, databases: &VersionedDatabases) -> Result<()> {
    // A ledger is written by the runner, in a transaction of its own where the migration has none.
    let history = databases.history.clone().ledger(Ledger::None);
    let mut found = Findings::default();
    for step in &databases.upgrade_run()?.steps {
        if step.after.is_some()
            && let Some(finding) = half_applied(databases, &history, step)?
        {
            found.push(finding);
        }
    }
    found.try_assert_ok()
}

fn half_applied(databases: &VersionedDatabases, history: &Migrations, step: &UpgradeStep) -> Result<Option<Finding>> {
    let mut whole = databases.open(&step.before.image)?;
    let counted = run(databases, history, step, &mut whole, None)?.1;
    let mut sweep = Sweep { databases, history, step, whole: whole.image()?, known: None };
    let (writes, tried) = sweep.first_that_writes(counted.steps)?;
    let statements = counted.statements.partition_point(|steps| *steps < writes) as u64 + 1;
    // What is said of a statement that fails is plainer than what is said of an interrupt.
    let refusals = (Kind::Refusal, statements, counted.statements.len() as u64, Tried::new());
    for (kind, first, last, tried) in [refusals, (Kind::Interrupt, writes, counted.steps, tried)] {
        if let Some((at, half, error)) = sweep.all(kind, first, last, tried)? {
            return sweep.finding(kind, (at, last), &half, error).map(Some);
        }
    }
    Ok(None)
}

/// How a migration is made to fail.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// SQLite refuses to prepare a statement: one of the migration, of its runner, or of a virtual table.
    Refusal,
    /// As by `sqlite3_interrupt`.
    Interrupt,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Refusal => "when a statement fails",
            Kind::Interrupt => "when it is interrupted",
        })
    }
}

/// At how many points it can be.
struct Counted {
    /// How many steps were done before each statement.
    statements: Vec<u64>,
    steps: u64,
}

/// What a restarted app finds.
#[derive(Clone)]
enum Left {
    Before,
    After,
    Half(State),
}

#[derive(Clone, PartialEq)]
struct State {
    schema: Schema,
    digest: Digest,
    user_version: i64,
}

impl State {
    fn of(connection: &Connection) -> Result<State> {
        let user_version = connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(|error| Error::sqlite("to read user_version", error))?;
        Ok(State { schema: Schema::read(connection)?, digest: try_digest(connection)?, user_version })
    }

    /// Whether it differs from `whole` only where another whole run does too, and there not in the number of rows.
    fn is_but_for_chance(&self, whole: &State, twin: &State) -> bool {
        self.schema == whole.schema
            && self.user_version == whole.user_version
            && self.digest.tables().iter().all(|table| {
                let of_whole = whole.digest.table(&table.name);
                let is_random = of_whole != twin.digest.table(&table.name);
                of_whole.is_some_and(|whole| whole == table || (is_random && whole.rows == table.rows))
            })
    }

    /// What is different, in words.
    fn changes(&self, before: &State) -> String {
        let diff = before.schema.diff(&self.schema);
        let mut text = diff.to_string();
        if before.user_version != self.user_version {
            text.push_str(&format!("\nuser_version: {} became {}", before.user_version, self.user_version));
        }
        for table in self.digest.tables() {
            let is_told = diff.iter().any(|difference| {
                difference.object().strip_prefix(&table.name).is_some_and(|rest| rest.starts_with('.'))
            });
            if !is_told && before.digest.table(&table.name).is_some_and(|old| old != table) {
                text.push_str(&format!("\n{}: other rows", table.name));
            }
        }
        text.trim_start().to_owned()
    }
}

/// The states that others are compared with, read when they are needed.
struct Known {
    before: State,
    after: State,
    /// Of a second run, which tells what is drawn at random.
    twin: Option<State>,
}

/// All failures of one migration.
struct Sweep<'s> {
    databases: &'s VersionedDatabases,
    history: &'s Migrations,
    step: &'s UpgradeStep,
    whole: Image,
    known: Option<Known>,
}

type Half = (u64, State, Option<Error>);

/// What was left by a failure at a point.
type Tried = BTreeMap<u64, (Left, Option<Error>)>;

impl Sweep<'_> {
    /// Makes it fail at the points from `first` to `last`, but where that was tried. Gives the first one that leaves a half.
    fn all(&mut self, kind: Kind, first: u64, last: u64, mut tried: Tried) -> Result<Option<Half>> {
        let count = (last + 1).saturating_sub(first);
        let most = MOST.min(count);
        // Evenly, with the first and the last; a point's neighbours come before those behind it.
        let mut waiting: Vec<u64> = (0..most).rev().map(|nth| first + nth * (count - 1) / (most - 1).max(1)).collect();
        let mut known = (first - 1, false);
        while let Some(at) = waiting.pop() {
            let (left, error) = match tried.remove(&at) {
                Some(left) => left,
                None => {
                    let failed = self.failed(kind, at)?;
                    self.looked_at(failed)?
                }
            };
            let is_after = match left {
                Left::Half(state) => return Ok(Some((at, state, error))),
                Left::After => true,
                Left::Before => false,
            };
            if is_after != known.1 && at - known.0 > 1 {
                tried.insert(at, (left, error));
                waiting.extend([at, known.0 + (at - known.0) / 2]);
            } else {
                known = (at, is_after);
            }
        }
        Ok(None)
    }

    /// The first step at which an interrupt leaves something written, and what those that were tried left; behind the last
    /// step if there is none.
    fn first_that_writes(&mut self, steps: u64) -> Result<(u64, Tried)> {
        let mut tried = Tried::new();
        let (mut untouched, mut touched, mut back) = (0, steps + 1, 1);
        while touched - untouched > 1 {
            // The COMMIT of most is at their end.
            let at = match untouched {
                0 => (steps + 1).saturating_sub(back).max(1),
                _ => untouched + (touched - untouched) / 2,
            };
            let failed = self.failed(Kind::Interrupt, at)?;
            if failed.0.is_untouched(&self.step.before.image) {
                untouched = at;
            } else {
                tried.insert(at, self.looked_at(failed)?);
                touched = at;
            }
            back *= 2;
        }
        Ok((touched, tried))
    }

    fn failed(&self, kind: Kind, at: u64) -> Result<(Scratch, Option<Error>)> {
        let mut database = self.databases.open(&self.step.before.image)?;
        let error = run(self.databases, self.history, self.step, &mut database, Some((kind, at)))?.0;
        Ok((database, error))
    }

    /// What is there after a restart.
    fn looked_at(&mut self, (database, error): (Scratch, Option<Error>)) -> Result<(Left, Option<Error>)> {
        if database.is_untouched(&self.step.before.image) {
            return Ok((Left::Before, error));
        }
        let image = database.image_after_restart()?;
        if image.has_the_bytes_of(&self.whole) {
            return Ok((Left::After, error));
        }
        let state = self.state(&image)?;
        let mut known = match self.known.take() {
            Some(known) => known,
            None => Known { before: self.state(&self.step.before.image)?, after: self.state(&self.whole)?, twin: None },
        };
        let left = if state == known.before {
            Left::Before
        } else if state == known.after {
            Left::After
        } else {
            let twin = match known.twin.take() {
                Some(twin) => twin,
                None => {
                    let mut whole = self.databases.open(&self.step.before.image)?;
                    run(self.databases, self.history, self.step, &mut whole, None)?;
                    State::of(&whole)?
                }
            };
            let is_whole = state.is_but_for_chance(&known.after, &twin);
            known.twin = Some(twin);
            if is_whole { Left::After } else { Left::Half(state) }
        };
        self.known = Some(known);
        Ok((left, error))
    }

    fn state(&self, image: &Image) -> Result<State> {
        State::of(&*self.databases.open(image)?)
    }

    fn finding(&self, kind: Kind, (at, points): (u64, u64), half: &State, error: Option<Error>) -> Result<Finding> {
        let migration = self.databases.migration(self.step.index);
        let before = self.state(&self.step.before.image)?;
        let nested = nested::of(self.databases, self.step.index, &self.databases.open(&self.step.before.image)?)?;
        let is_nested = nested.is_some();
        let mut finding = nested.unwrap_or_else(|| {
            let (version, file) = (migration.version(), migration.name());
            let what = format!("migration {version} leaves half of its work {kind}: {file}");
            Finding::new("half-applied", file, what)
                .cost("the next start runs it again, on a schema that no version has")
        });
        finding = finding.evidence("what is left of it", half.changes(&before));
        if let Some(error) = error {
            let label = match kind {
                Kind::Refusal => String::from("a statement that was made to fail"),
                Kind::Interrupt => format!("interrupted at step {at} of {points}"),
            };
            finding = finding.evidence(label, error.to_string());
        }
        let one = "put everything into one transaction: BEGIN at the start, COMMIT at the end, nothing behind it";
        Ok(if is_nested { finding } else { finding.fix(one) })
    }
}

/// Runs the migration and counts the points at which it can be made to fail; makes it fail at one of them.
fn run(
    databases: &VersionedDatabases,
    history: &Migrations,
    step: &UpgradeStep,
    connection: &mut Connection,
    fault: Option<(Kind, u64)>,
) -> Result<(Option<Error>, Counted)> {
    let point = |kind: Kind| fault.filter(|fault| fault.0 == kind).map(|fault| fault.1);
    let (steps, statements) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
    let ran = Arc::new(AtomicBool::new(true));
    let (seen, has_run, interrupt) = (Arc::clone(&steps), Arc::clone(&ran), point(Kind::Interrupt));
    let _ = connection.progress_handler(
        1,
        Some(move || {
            has_run.store(true, Ordering::Relaxed);
            interrupt == Some(seen.fetch_add(1, Ordering::Relaxed) + 1)
        }),
    );
    let (seen, now, refusal) = (Arc::clone(&statements), Arc::clone(&steps), point(Kind::Refusal));
    // SQLite asks several times while it prepares a statement, and the one before has run since the last time.
    let _ = connection.authorizer(Some(move |_: AuthContext<'_>| {
        if !ran.swap(false, Ordering::Relaxed) {
            return Authorization::Allow;
        }
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(now.load(Ordering::Relaxed));
        if refusal == Some(seen.len() as u64) { Authorization::Deny } else { Authorization::Allow }
    }));
    let done = history.up_from(connection, databases.version(step.index), databases.version(step.index + 1));
    let _ = connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>);
    let _ = connection.progress_handler(0, None::<fn() -> bool>);
    let error = match done {
        Ok(_) => None,
        Err(error) if fault.is_some() => Some(error),
        Err(error) => return Err(error),
    };
    let statements = std::mem::take(&mut *statements.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((error, Counted { statements, steps: steps.load(Ordering::Relaxed) }))
}
