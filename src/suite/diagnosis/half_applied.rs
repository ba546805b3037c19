//! A migration that leaves a part of its changes when it fails, perhaps because of a BEGIN or COMMIT inside its runner's
//! transaction.
//!
//! A migration that commits one transaction leaves nothing or all of it. The statements of any other are made to fail, and it
//! is interrupted at SQLite's steps. Up to a point both runs are the same, so what is not written at one point is not written
//! at any point before it. The last point at which the files are untouched stands for all before it, and those after it are
//! tried: each, up to 200, and beyond that the places between two that differ. Files that are those of a complete run to the
//! byte are not read.

use super::fault::{Fault, FaultKind, FaultyUpgrade};
use crate::db::{Image, Scratch};
use crate::error::{Error, Result};
use crate::migrations::Migrations;
use crate::order::SortedMap;
use crate::suite::versions::{Summary, UpgradeStep, VersionedDatabases};

/// A failure, and what it left.
pub(crate) struct HalfApplied {
    pub(crate) kind: FaultKind,
    /// The point of the failure, and how many there are.
    pub(crate) at: u64,
    pub(crate) points: u64,
    pub(crate) before: Summary,
    pub(crate) left: Summary,
    /// The error of the migration.
    pub(crate) error: Option<Error>,
    /// The statement that was refused, if the history is code: its error names none.
    pub(crate) refused: Option<String>,
    /// The statement that causes it, if it ends the transaction of the runner.
    pub(crate) nested: Option<NestedTransaction>,
}

/// The most points that are tried. If there are more, the place of a change between two of them is searched.
const MOST: u64 = 200;

/// Finds a failure that leaves a part of the migration's changes.
pub(crate) fn half_applied(
    databases: &VersionedDatabases,
    history: &Migrations,
    step: &UpgradeStep,
) -> Result<Option<HalfApplied>> {
    if step.commits < 2 {
        return Ok(None);
    }
    let versions = (databases.version(step.index), databases.version(step.index + 1));
    let migration = FaultyUpgrade { history, versions };
    let mut whole = databases.open(&step.before.image)?;
    let points = migration.run(&mut whole)?;
    let mut sweep = Sweep { databases, migration, before: &step.before.image, whole: whole.image()?, known: None };
    let (writes, tried) = sweep.first_that_writes(points.steps)?;
    let statements = points.statements.partition_point(|steps| *steps < writes) as u64 + 1;
    // The report of a statement that fails is plainer than that of an interrupt.
    let refusals = Range { kind: FaultKind::Refusal, first: statements, last: points.statements.len() as u64 };
    let interrupts = Range { kind: FaultKind::Interrupt, first: writes, last: points.steps };
    for (range, tried) in [(refusals, Tried::new()), (interrupts, tried)] {
        if let Some((at, left, error)) = sweep.all(range, tried)? {
            let empty = databases.open(&step.before.image)?;
            let refused = match range.kind {
                FaultKind::Refusal if history.code().is_some() => {
                    sweep.migration.statement(&mut *databases.open(&step.before.image)?, at)
                }
                _ => None,
            };
            return Ok(Some(HalfApplied {
                kind: range.kind,
                at,
                points: range.last,
                before: sweep.summary(&step.before.image)?,
                left,
                error,
                refused,
                nested: nested_transaction(databases, step.index, &empty)?,
            }));
        }
    }
    Ok(None)
}

/// The points of one kind that are tried, the last one included.
#[derive(Clone, Copy)]
struct Range {
    kind: FaultKind,
    first: u64,
    last: u64,
}

/// The state that a restarted app finds.
#[derive(Clone)]
enum Leftover {
    Before,
    After,
    Half(Summary),
}

/// The states after failures at some points, and their errors.
type Tried = SortedMap<u64, (Leftover, Option<Error>)>;

/// States that others are compared with, read when they are needed.
struct Known {
    before: Summary,
    after: Summary,
    /// The state after a second complete run: where it differs, values are drawn at random.
    twin: Option<Summary>,
}

struct Sweep<'a> {
    databases: &'a VersionedDatabases,
    migration: FaultyUpgrade<'a>,
    before: &'a Image,
    whole: Image,
    known: Option<Known>,
}

impl Sweep<'_> {
    /// Makes the migration fail at all points of a range that were not tried yet. Returns the first one that leaves a part of
    /// the changes.
    fn all(&mut self, range: Range, mut tried: Tried) -> Result<Option<(u64, Summary, Option<Error>)>> {
        let Range { kind, first, last } = range;
        let count = (last + 1).saturating_sub(first);
        let most = MOST.min(count);
        // Spread evenly, the first and the last included. The neighbors of a point are tried before the later points.
        let mut waiting: Vec<u64> = (0..most).rev().map(|nth| first + nth * (count - 1) / (most - 1).max(1)).collect();
        let mut known = (first - 1, false);
        while let Some(at) = waiting.pop() {
            let (left, error) = match tried.remove(&at) {
                Some(left) => left,
                None => {
                    let failed = self.failed(Fault { kind, at })?;
                    self.leftover(failed)?
                }
            };
            let is_after = match left {
                Leftover::Half(state) => return Ok(Some((at, state, error))),
                Leftover::After => true,
                Leftover::Before => false,
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

    /// Returns the first step at which an interrupt leaves something written, or the number after the last step, and the
    /// states after the steps that were tried.
    fn first_that_writes(&mut self, steps: u64) -> Result<(u64, Tried)> {
        let mut tried = Tried::new();
        let (mut untouched, mut touched, mut back) = (0, steps + 1, 1);
        while touched - untouched > 1 {
            // Most migrations have their COMMIT at the end.
            let at = match untouched {
                0 => (steps + 1).saturating_sub(back).max(1),
                _ => untouched + (touched - untouched) / 2,
            };
            let failed = self.failed(Fault { kind: FaultKind::Interrupt, at })?;
            if failed.0.is_untouched(self.before) {
                untouched = at;
            } else {
                tried.insert(at, self.leftover(failed)?);
                touched = at;
            }
            back *= 2;
        }
        Ok((touched, tried))
    }

    fn failed(&self, fault: Fault) -> Result<(Scratch, Option<Error>)> {
        let mut database = self.databases.open(self.before)?;
        let error = self.migration.fail(&mut database, fault);
        Ok((database, error))
    }

    /// Returns the state that a restarted app finds.
    fn leftover(&mut self, (database, error): (Scratch, Option<Error>)) -> Result<(Leftover, Option<Error>)> {
        if database.is_untouched(self.before) {
            return Ok((Leftover::Before, error));
        }
        let image = database.image_after_restart()?;
        if image.has_the_bytes_of(&self.whole) {
            return Ok((Leftover::After, error));
        }
        let state = self.summary(&image)?;
        let mut known = match self.known.take() {
            Some(known) => known,
            None => Known { before: self.summary(self.before)?, after: self.summary(&self.whole)?, twin: None },
        };
        let left = if state == known.before {
            Leftover::Before
        } else if self.migration.history.code().is_some() {
            self.left_by_code(&image, state, &known.after)?
        } else if state == known.after {
            Leftover::After
        } else {
            let twin = match known.twin.take() {
                Some(twin) => twin,
                None => self.second_run()?,
            };
            let is_whole = state.is_equal_but_for_chance(&known.after, &twin);
            known.twin = Some(twin);
            if is_whole { Leftover::After } else { Leftover::Half(state) }
        };
        self.known = Some(known);
        Ok((left, error))
    }

    /// Returns what the next start of the app makes of a state that is not the one before. The runner may note what it has
    /// done where no summary looks; or it repeats what it has not noted, and that does no harm.
    fn left_by_code(&self, image: &Image, state: Summary, after: &Summary) -> Result<Leftover> {
        let mut database = self.databases.open(image)?;
        let ends_well = match self.migration.run(&mut database) {
            Ok(_) => {
                let end = Summary::of(&database)?;
                end == *after || end.is_equal_but_for_chance(after, &self.second_run()?)
            }
            Err(_) => false,
        };
        Ok(match ends_well {
            true if state == *after => Leftover::After,
            true => Leftover::Before,
            false => Leftover::Half(state),
        })
    }

    fn second_run(&self) -> Result<Summary> {
        let mut database = self.databases.open(self.before)?;
        self.migration.run(&mut database)?;
        Summary::of(&database)
    }

    fn summary(&self, image: &Image) -> Result<Summary> {
        Summary::of(&*self.databases.open(image)?)
    }
}

/// A statement that interferes with the transaction of the runner. It is reported, with its own code, by the case that shows
/// the damage: `applies_to_an_empty_database` where nothing applies, else `failure_leaves_the_previous_version`.
pub(crate) struct NestedTransaction {
    pub(crate) statement: usize,
    /// True for a BEGIN, which SQLite refuses; false for a COMMIT or ROLLBACK.
    pub(crate) is_begin: bool,
}

/// Finds what a migration does to the transaction that it runs in, by running it statement by statement.
pub(crate) fn nested_transaction(
    databases: &VersionedDatabases,
    step: usize,
    database: &Scratch,
) -> Result<Option<NestedTransaction>> {
    if !databases.is_wrapped(step) {
        return Ok(None);
    }
    databases.prepare(database, step)?;
    for (index, statement) in databases.migration(step).statements().iter().enumerate() {
        let is_begin = match database.execute_batch(statement.text) {
            Err(_) if statement.starts_with("BEGIN") && !database.is_autocommit() => true,
            Err(_) => return Ok(None),
            Ok(()) if database.is_autocommit() => false,
            Ok(()) => continue,
        };
        return Ok(Some(NestedTransaction { statement: index, is_begin }));
    }
    Ok(None)
}
