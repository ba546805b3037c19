//! The keys to which other tables refer.

use crate::data::fill::plan::table_plan::{Parent, TablePlan};
use crate::data::relations::Relation;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::Name;

/// Marks the columns to which children refer and that cannot be made again.
pub(super) fn keep_keys<'r>(plan: &mut TablePlan, relations: impl Iterator<Item = &'r Relation>) {
    for name in relations.flat_map(|key| key.parent_columns.iter().flatten()) {
        if let Some(column) = plan.column(name)
            && !plan.is_formula(column)
            && !plan.kept.contains(&column)
        {
            plan.kept.push(column);
        }
    }
}

/// Points foreign keys to a later table at its rows. Their keys are known before the rows are made if they follow from
/// the rows' numbers.
pub(super) fn close_cycles(plans: &mut [TablePlan]) -> Result<()> {
    for at in 0..plans.len() {
        for index in 0..plans[at].references.len() {
            let reference = &plans[at].references[index];
            let Parent::Later { table } = reference.parent else { continue };
            let later = plans.iter().position(|plan| plan.table == table && plan.count > 0);
            let columns = later.and_then(|later| {
                let place = |name: &Name| plans[later].column(name).filter(|column| plans[later].is_formula(*column));
                reference.parent_columns.iter().map(place).collect::<Option<Vec<usize>>>()
            });
            let is_nullable = reference.columns.iter().any(|column| plans[at].columns[*column].may_be_null);
            plans[at].references[index].parent = match (later, columns) {
                (Some(plan), Some(columns)) => Parent::Made { plan, columns },
                _ if is_nullable => Parent::Missing,
                _ => return Err(cycle(&plans[at].name, &reference.shown)),
            };
        }
    }
    Ok(())
}

/// Returns the error for a key that may not be NULL and refers to later rows, whose keys are not known yet.
fn cycle(table: &str, key: &str) -> Error {
    Error::new(ErrorKind::Data, format!("cannot fill {table}: its foreign keys form a cycle")).evidence("NOT NULL", key)
}
