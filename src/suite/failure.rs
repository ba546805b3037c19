//! A migration that fails half-way leaves the version before it, or all of itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::Connection;

use super::Suite;
use super::stairs::{Stairs, Step};
use crate::check::{Digest, Finding, Findings, try_digest};
use crate::error::{Error, Result};
use crate::migrations::{Ledger, Migrations};
use crate::schema::Schema;

/// At how many points a migration is interrupted. Between two points with different states, the place of the change is searched.
const POINTS: i64 = 10;

/// What a restarted app finds.
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
}

impl State {
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
}

pub(super) fn test(_: &Suite, stairs: &Stairs) -> Result<()> {
    // A ledger is written by the runner, in a transaction of its own where the migration has none.
    let history = stairs.history.clone().ledger(Ledger::None);
    let mut found = Findings::default();
    for step in &stairs.climb()?.steps {
        if step.after.is_some()
            && let Some(finding) = interrupted(stairs, &history, step)?
        {
            found.push(finding);
        }
    }
    found.try_assert_ok()
}

fn interrupted(stairs: &Stairs, history: &Migrations, step: &Step) -> Result<Option<Finding>> {
    let migration = stairs.migration(step.index);
    let run = |connection: &mut Connection| {
        history.up_from(connection, stairs.version(step.index), stairs.version(step.index + 1))
    };
    let mut whole = stairs.over(&step.before.image)?;
    let steps = counting(&mut whole, None, run)?.1;
    if history.is_wrapped(migration) && untouched(stairs, step, steps, &run)? {
        return Ok(None);
    }
    let (before, after) = (State::of(&*stairs.over(&step.before.image)?)?, State::of(&whole)?);
    let points = POINTS.min(steps);
    // From the first to the last, evenly; a point's neighbours come before those behind it.
    let mut waiting: Vec<(i64, Option<State>)> =
        (0..points).rev().map(|point| (1 + point * (steps - 1).max(0) / (points - 1).max(1), None)).collect();
    let mut last = (0, before.clone());
    let mut twin = None;
    while let Some((at, known)) = waiting.pop() {
        let (state, error) = match known {
            Some(state) => (state, None),
            None => {
                let mut database = stairs.over(&step.before.image)?;
                let (error, _) = counting(&mut database, Some(at), run)?;
                let database = database.reopened()?;
                let state =
                    if database.is_untouched(&step.before.image) { before.clone() } else { State::of(&database)? };
                (state, error)
            }
        };
        if state == before || state == after {
            if state != last.1 && at - last.0 > 1 {
                waiting.push((at, Some(state)));
                waiting.push((last.0 + (at - last.0) / 2, None));
            } else {
                last = (at, state);
            }
            continue;
        }
        // A second run that is not interrupted tells what is drawn at random.
        let twin = match &twin {
            Some(twin) => twin,
            None => {
                let mut whole = stairs.over(&step.before.image)?;
                run(&mut whole)?;
                twin.insert(State::of(&whole)?)
            }
        };
        if state.is_but_for_chance(&after, twin) {
            last = (at, after.clone());
            continue;
        }
        let version = migration.version();
        let what = format!("migration {version} leaves half of its work when it is interrupted: {}", migration.name());
        let diff = before.schema.diff(&state.schema);
        let mut left = diff.to_string();
        if before.user_version != state.user_version {
            left.push_str(&format!("\nuser_version: {} became {}", before.user_version, state.user_version));
        }
        for table in state.digest.tables() {
            let is_told = diff.iter().any(|difference| {
                difference.object().strip_prefix(&table.name).is_some_and(|rest| rest.starts_with('.'))
            });
            if !is_told && before.digest.table(&table.name).is_some_and(|old| old != table) {
                left.push_str(&format!("\n{}: other rows", table.name));
            }
        }
        let mut finding = Finding::new("half-applied", migration.name(), what)
            .cost("the next start runs it again, on a schema that no version has")
            .evidence("what is left of it", left.trim_start());
        if let Some(error) = error {
            finding = finding.evidence(format!("interrupted at step {at} of {steps}"), error.to_string());
        }
        return Ok(Some(
            finding
                .fix("put everything into one transaction: BEGIN at the start, COMMIT at the end, nothing behind it"),
        ));
    }
    Ok(None)
}

/// Whether a migration that is interrupted near its end has written nothing.
fn untouched(
    stairs: &Stairs,
    step: &Step,
    steps: i64,
    run: &impl Fn(&mut Connection) -> Result<crate::migrations::Applied>,
) -> Result<bool> {
    for at in [steps / 2, steps - 1].into_iter().filter(|at| *at > 0) {
        let mut database = stairs.over(&step.before.image)?;
        counting(&mut database, Some(at), run)?;
        if !database.reopened()?.is_untouched(&step.before.image) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Runs something, and counts SQLite's steps; interrupts it at one of them.
fn counting<T>(
    connection: &mut Connection,
    interrupt_at: Option<i64>,
    run: impl FnOnce(&mut Connection) -> Result<T>,
) -> Result<(Option<Error>, i64)> {
    let steps = Arc::new(AtomicI64::new(0));
    let seen = Arc::clone(&steps);
    let _ = connection.progress_handler(
        1,
        Some(move || {
            let now = seen.fetch_add(1, Ordering::Relaxed) + 1;
            interrupt_at == Some(now)
        }),
    );
    let done = run(connection);
    let _ = connection.progress_handler(0, None::<fn() -> bool>);
    let error = match done {
        Ok(_) => None,
        Err(error) if interrupt_at.is_some() => Some(error),
        Err(error) => return Err(error),
    };
    Ok((error, steps.load(Ordering::Relaxed)))
}
