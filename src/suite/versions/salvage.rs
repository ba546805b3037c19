//! The rows that a migration takes where it refuses others: the refused ones are taken away, with what refers to them.

use super::databases::VersionedDatabases;
use super::state::VersionState;
use super::stop::Stop;
use crate::db::{Image, Scratch};
use crate::error::Result;
use crate::schema::Table;
use crate::sql::Statement;
use crate::suite::rows::{Dangling, RowRange, count, dangling, take_away};

/// The most attempts to put rows back, in one step.
const ATTEMPTS: usize = 80;
/// The most such attempts with a migration that does not end.
const ATTEMPTS_IF_ENDLESS: usize = 12;
/// The most reasons to refuse rows that are looked for in one step.
const REASONS: usize = 8;
/// Of a table of which so many rows are refused one by one, and none is taken, the others are tried together: the rows that a
/// table begins with may all have a number that another table has too.
const GIVEN_UP: usize = 12;

/// Rows before a migration, and what it makes of them.
pub(super) struct Trial {
    pub(super) before: Image,
    /// The result of the migration, or the place where it stopped.
    pub(super) after: Result<Applied, Stop>,
}

/// A database after a migration.
pub(super) struct Applied {
    pub(super) database: Scratch,
    /// The number of transactions that the migration committed.
    pub(super) commits: usize,
}

impl Trial {
    fn is_beyond(&self, stop: &Stop) -> bool {
        self.after.as_ref().map_or_else(|end| end.is_beyond(stop), |_| true)
    }

    fn is_as_far_as(&self, other: &Trial) -> bool {
        match (&self.after, &other.after) {
            (Ok(_), _) => true,
            (Err(_), Ok(_)) => false,
            (Err(stop), Err(other)) => stop.statement >= other.statement,
        }
    }
}

/// A migration that may refuse some of the rows before it.
pub(super) struct Salvage<'a> {
    databases: &'a VersionedDatabases,
    index: usize,
    before: &'a VersionState,
    statements: Vec<Statement<'a>>,
    attempts: usize,
}

impl<'a> Salvage<'a> {
    pub(super) fn of(databases: &'a VersionedDatabases, index: usize, before: &'a VersionState) -> Salvage<'a> {
        let statements = databases.migration(index).statements();
        Salvage { databases, index, before, statements, attempts: ATTEMPTS }
    }

    /// Runs the migration, and as long as it refuses rows, runs it again without them. Returns one trial for each reason
    /// for which it refuses some. The last one passes, unless no row is to blame.
    /// The first run is on `ready`, if there is such a connection.
    pub(super) fn run(mut self, ready: Option<Scratch>) -> Result<Vec<Trial>> {
        let mut trials = vec![self.over(self.before.image.clone(), ready)?];
        while trials.len() <= REASONS
            && let Some(Trial { before, after: Err(stop) }) = trials.last()
            && let Some(kept) = self.without_refused(before, stop)?
        {
            trials.push(kept);
        }
        Ok(trials)
    }

    fn over(&mut self, before: Image, ready: Option<Scratch>) -> Result<Trial> {
        let mut database = ready.map_or_else(|| self.databases.open(&before), Ok)?;
        let after = match self.databases.migrate(&mut database, self.index) {
            Ok(commits) => Ok(Applied { database, commits }),
            Err(error) => {
                // Each attempt takes as long as the limit lets it.
                let most = if error.is_endless() { ATTEMPTS_IF_ENDLESS } else { ATTEMPTS };
                self.attempts = self.attempts.min(most);
                Err(Stop::of(&error, &self.statements))
            }
        };
        Ok(Trial { before, after })
    }

    /// Returns a trial that gets further than `stop`, with as many of the rows as possible.
    fn without_refused(&mut self, image: &Image, stop: &Stop) -> Result<Option<Trial>> {
        let schema = &self.before.schema;
        let database = self.databases.open(image)?;
        let refused = Refused { image, stop, dangling: dangling(&database, schema) };
        for tables in stop.suspects(schema, &self.statements, self.databases.effects(self.index)) {
            // Parents are put back first, so that a row is given up before the one that it refers to.
            let tables = schema.parents_first(&tables).into_iter().map(|table| (table, &schema.tables[table]));
            let filled = tables.filter(|(_, table)| self.databases.plan.is_filled(table));
            let whole = filled.map(|(at, table)| RowRange { table: at, start: 0, end: row_count(&database, table) });
            let whole: Vec<RowRange> = whole.filter(|rows| rows.len() > 0).collect();
            if let Some(trial) = self.without(&refused, &whole)?.filter(|trial| trial.is_beyond(stop)) {
                return self.put_back(&refused, &whole, trial).map(Some);
            }
        }
        Ok(None)
    }

    /// Puts rows back as long as the migration gets as far as without all of them.
    fn put_back(&mut self, refused: &Refused<'_>, whole: &[RowRange], without_all: Trial) -> Result<Trial> {
        let mut best: Option<Trial> = None;
        let mut away: Vec<RowRange> = Vec::new();
        let mut is_back = vec![false; self.before.schema.tables.len()];
        let mut waiting: Vec<Vec<RowRange>> = halves(whole).into();
        while let Some(group) = waiting.pop() {
            let Some(first) = group.first() else { continue };
            let given_up = away.iter().filter(|rows| rows.table == first.table).count();
            let is_hopeless = group.len() == 1 && given_up >= GIVEN_UP && !is_back[first.table];
            if self.attempts == 0 {
                away.extend(group);
                continue;
            }
            self.attempts -= 1;
            let others: Vec<RowRange> = away.iter().chain(waiting.iter().flatten()).cloned().collect();
            let trial = self.without(refused, &others)?;
            match trial.filter(|trial| trial.is_beyond(refused.stop) && trial.is_as_far_as(&without_all)) {
                Some(trial) => {
                    group.iter().for_each(|rows| is_back[rows.table] = true);
                    best = Some(trial);
                }
                None if is_hopeless || (group.len() == 1 && first.len() == 1) => away.extend(group),
                None => waiting.extend(halves(&group)),
            }
        }
        Ok(best.unwrap_or(without_all))
    }

    /// Runs the migration without these rows and those that refer to them. None if they cannot be taken away.
    fn without(&mut self, refused: &Refused<'_>, rows: &[RowRange]) -> Result<Option<Trial>> {
        let database = self.databases.open(refused.image)?;
        if !take_away(&database, &self.before.schema, rows, &refused.dangling) {
            return Ok(None);
        }
        // Foreign keys are off on this connection.
        self.over(database.image()?, None).map(Some)
    }
}

/// Rows that a migration refuses.
struct Refused<'r> {
    image: &'r Image,
    stop: &'r Stop,
    dangling: Dangling,
}

fn row_count(database: &Scratch, table: &Table) -> usize {
    count(database, table).and_then(|rows| usize::try_from(rows).ok()).unwrap_or(0)
}

/// Returns the second and the first half of these rows.
fn halves(rows: &[RowRange]) -> [Vec<RowRange>; 2] {
    match rows {
        [RowRange { table, start, end }] => {
            let middle = start.midpoint(*end);
            let half = |start, end| vec![RowRange { table: *table, start, end }];
            [half(middle, *end), half(*start, middle)]
        }
        _ => {
            let (first, second) = rows.split_at(rows.len() / 2);
            [second.to_vec(), first.to_vec()]
        }
    }
}
