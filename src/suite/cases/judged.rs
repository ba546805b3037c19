//! Compares the steps of a migration that refuses rows: what one of them loses by chance, and what none of them can tell.

use crate::check::{Cell, Finding, Level};
use crate::error::Result;
use crate::order::SortedSet;
use crate::suite::losses::{Loss, LossKind};
use crate::suite::subject::RowOrigin;
use crate::suite::versions::{UpgradeStep, VersionedDatabases};

/// A step, the source of its rows, and what it loses of them.
pub(super) struct JudgedStep<'a> {
    pub(super) step: &'a UpgradeStep,
    pub(super) origin: RowOrigin<'a>,
    pub(super) losses: Vec<Loss>,
}

impl JudgedStep<'_> {
    /// Returns true if the step has different values of this column: one alone may be there by chance, or be gone by chance.
    fn tells(&self, databases: &VersionedDatabases, loss: &Loss) -> Result<bool> {
        let rows = databases.rows(&self.step.before)?;
        let Some((table, column)) = rows.table(&loss.table).zip(loss.column.as_ref()) else { return Ok(false) };
        let Some(place) = table.place_of(column) else { return Ok(false) };
        let mut values = table.rows.iter().map(|row| &row.cells[place]).filter(|cell| **cell != Cell::Null);
        let first = values.next();
        Ok(values.any(|value| Some(value) != first))
    }

    fn finds(&self, loss: &Loss) -> bool {
        self.losses.iter().any(|known| known.column == loss.column && known.table == loss.table)
    }
}

/// Takes back that a column is dropped where hardly a row was left to see its values under another name, and other rows of the
/// same migration show that they are there.
pub(super) fn without_refuted(databases: &VersionedDatabases, steps: &mut [JudgedStep<'_>]) -> Result<()> {
    for at in 0..steps.len() {
        let mut kept = Vec::new();
        for loss in &steps[at].losses {
            let others = || steps.iter().filter(|other| other.step.index == steps[at].step.index);
            let is_by_chance = loss.kind == LossKind::Column && !steps[at].tells(databases, loss)?;
            let mut is_refuted = false;
            for other in others().filter(|other| is_by_chance && !other.finds(loss)) {
                is_refuted |= other.tells(databases, loss)?;
            }
            if !is_refuted {
                kept.push(loss.clone());
            }
        }
        steps[at].losses = kept;
    }
    Ok(())
}

/// Says which tables had rows before a migration that refuses some, and none where it was judged.
pub(super) fn untested(
    databases: &VersionedDatabases,
    steps: &[(&UpgradeStep, RowOrigin<'_>)],
) -> Result<Vec<Finding>> {
    let generated = || steps.iter().filter(|(_, origin)| !matches!(origin, RowOrigin::Release(_)));
    let refused: SortedSet<usize> =
        generated().filter(|(step, _)| step.after.is_none()).map(|(step, _)| step.index).collect();
    let mut found = Vec::new();
    for index in refused {
        let (mut all, mut tested) = (SortedSet::new(), SortedSet::new());
        for (step, _) in generated().filter(|(step, _)| step.index == index) {
            let rows = databases.rows(&step.before)?;
            let filled = rows.tables.iter().filter(|table| !table.rows.is_empty()).map(|table| table.name.clone());
            match step.after {
                Some(_) => tested.extend(filled),
                None => all.extend(filled),
            }
        }
        let version = databases.version(index + 1);
        for table in all.iter().filter(|table| !tested.contains(*table)) {
            let what = format!("no row of {table} was left to test migration {version}, which refuses rows");
            found.push(Finding::new("not-tried", table.to_string(), what).level_of(Level::Review));
        }
    }
    Ok(found)
}
