//! One pass over a history with rows: each migration with the database before it and after it.

use std::sync::Arc;

use super::databases::VersionedDatabases;
use super::state::VersionState;
use crate::db::{Image, Scratch};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::schema::Schema;

/// The steps of one pass.
pub(crate) struct UpgradeRun {
    pub(crate) steps: Vec<UpgradeStep>,
    pub(crate) unfilled: Vec<Unfilled>,
}

/// A migration, and what it makes of rows.
pub(crate) struct UpgradeStep {
    /// Its place in the history.
    pub(crate) index: usize,
    pub(crate) before: VersionState,
    /// None if it refuses the rows.
    pub(crate) after: Option<VersionState>,
}

/// A table that could not be filled.
pub(crate) struct Unfilled {
    pub(crate) version: i64,
    pub(crate) table: String,
    pub(crate) error: Error,
}

impl UpgradeRun {
    pub(crate) fn of(databases: &VersionedDatabases) -> Result<UpgradeRun> {
        let applicable = databases.applicable();
        let mut run = UpgradeRun { steps: Vec::new(), unfilled: Vec::new() };
        let mut upgraded: Option<VersionState> = None;
        let mut known: Option<Arc<Schema>> = None;
        let mut progress = Progress::of("migrating data, version by version", u64::try_from(applicable).ok());
        for index in databases.first..=applicable {
            progress.at(index as u64);
            let start = match upgraded.take() {
                Some(state) => state,
                None => {
                    known = None;
                    VersionState::of(databases.empty(index)?)?
                }
            };
            let filled = databases.open(&start.image)?;
            for (table, error) in databases.plan.fill(&filled, &start.schema, known.as_deref()) {
                // Once is enough: it stays empty at the later versions.
                if !run.unfilled.iter().any(|known| known.table == table) {
                    run.unfilled.push(Unfilled { version: databases.version(index), table, error });
                }
            }
            // No migration follows the last version, but it has to take rows too.
            if index < applicable {
                known = Some(Arc::clone(&start.schema));
                let step = UpgradeStep::over(databases, index, VersionState { image: filled.image()?, ..start })?;
                let is_refused = step.after.is_none();
                upgraded.clone_from(&step.after);
                run.steps.push(step);
                if is_refused && let Some(step) = UpgradeStep::over_plain_rows(databases, index)? {
                    upgraded.clone_from(&step.after);
                    run.steps.push(step);
                }
            }
        }
        Ok(run)
    }
}

impl UpgradeStep {
    pub(crate) fn over(databases: &VersionedDatabases, index: usize, before: VersionState) -> Result<UpgradeStep> {
        let after = databases.migrated(&before, index)?;
        Ok(UpgradeStep { index, before, after })
    }

    /// Runs the same step on a database of the same schema with other rows.
    pub(crate) fn with_rows(&self, databases: &VersionedDatabases, image: Image) -> Result<UpgradeStep> {
        UpgradeStep::over(databases, self.index, VersionState { image, ..self.before.clone() })
    }

    /// Runs a step that refused some rows with plain rows, so that its other effects are seen too.
    fn over_plain_rows(databases: &VersionedDatabases, index: usize) -> Result<Option<UpgradeStep>> {
        let mut start = VersionState::of(databases.empty(index)?)?;
        let filled = databases.open(&start.image)?;
        databases.plan.fill_plain(&filled, &start.schema);
        start.image = filled.image()?;
        let step = UpgradeStep::over(databases, index, start)?;
        Ok(step.after.is_some().then_some(step))
    }

    /// Runs the steps of a database from the field, up to the one that refuses it. None if its schema matches no version.
    pub(crate) fn all_of(databases: &VersionedDatabases, database: Scratch) -> Result<Option<Vec<UpgradeStep>>> {
        let mut before = VersionState::of(database)?;
        let Some(first) = databases.applied_to(&before.schema)? else { return Ok(None) };
        let mut steps = Vec::new();
        for index in first..databases.applicable() {
            let step = UpgradeStep::over(databases, index, before)?;
            let after = step.after.clone();
            steps.push(step);
            match after {
                Some(state) => before = state,
                None => break,
            }
        }
        Ok(Some(steps))
    }
}
