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

/// Lets what refers to a later table refer to its rows, whose keys are known before they are made if they follow from the
/// rows' numbers.
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

/// A key that may not be NULL refers to rows that come later, and theirs is not known yet.
fn cycle(table: &str, key: &str) -> Error {
    Error::new(ErrorKind::Data, format!("cannot fill {table}: its foreign keys form a cycle")).evidence("NOT NULL", key)
}
