//! Closes cycles of foreign keys: points keys of earlier tables at rows of later ones.

use crate::data::fill::plan::table_plan::{Parent, Reference, TablePlan};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::Name;

/// Points foreign keys to a later table at its rows. Their keys are known before the rows are made if they follow from
/// the rows' numbers, or if they come from a third table.
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
            let is_pair = |later: usize| plans[later].references.iter().any(|other| other.is_pair_of(at));
            let later = later.filter(|later| reference.pairs == 0 || is_pair(*later));
            if let (Some(plan), Some(columns)) = (later, columns) {
                plans[plan].awaited.extend(&columns);
                plans[at].references[index].parent = Parent::Made { plan, columns };
            } else if later.is_some_and(|later| lead(plans, (at, index), later)) {
                continue;
            } else if plans[at].references[index].may_be_null {
                plans[at].references[index].parent = Parent::Missing;
            } else {
                // The keys of the later rows are not known yet.
                let headline = format!("cannot fill {}: its foreign keys form a cycle", plans[at].name);
                let shown = &plans[at].references[index].shown;
                return Err(Error::new(ErrorKind::Data, headline).evidence("NOT NULL", shown));
            }
        }
    }
    Ok(())
}

/// Lets the rows of a table take from a third table what they would take from their rows in a later one, and those rows take
/// it from them: a team chooses an employee to lead it, and its first member is that employee. Returns false if the later
/// rows do not belong to the earlier ones in pairs, or do not take these columns from one parent.
fn lead(plans: &mut [TablePlan], (at, index): (usize, usize), later: usize) -> bool {
    let leading = &plans[at].references[index];
    let Some(pair) = plans[later].references.iter().find(|reference| reference.is_pair_of(at)) else { return false };
    let columns: Option<Vec<usize>> = leading.parent_columns.iter().map(|name| plans[later].column(name)).collect();
    let Some(columns) = columns.filter(|_| leading.pairs > 0) else { return false };
    let makes_all = |reference: &&Reference| columns.iter().all(|column| reference.makes(*column));
    let Some(third) = plans[later].references.iter().find(makes_all) else { return false };
    let Parent::Made { plan, columns: theirs } = &third.parent else { return false };
    let places = columns.iter().filter_map(|column| third.columns.iter().position(|own| own == column));
    let (theirs, names): (Vec<usize>, Vec<Name>) =
        places.map(|place| (theirs[place], third.parent_columns[place].clone())).unzip();
    let plan = *plan;
    let is_known = |column: &usize| plans[plan].is_formula(*column);
    if theirs.len() < columns.len() || plan >= at && !theirs.iter().all(is_known) {
        return false;
    }
    let both = |first: &[usize], second: &[usize]| first.iter().chain(second).copied().collect::<Vec<usize>>();
    let Parent::Made { columns: of_pair, .. } = &pair.parent else { return false };
    let follower = Reference {
        columns: both(&pair.columns, &columns),
        parent: Parent::Made { plan: at, columns: both(of_pair, &leading.columns) },
        known: Vec::new(),
        overrules: true,
        ..pair.clone()
    };
    let parent_name = third.parent_name.clone();
    plans[later].references.push(follower);
    let leading = &mut plans[at].references[index];
    (leading.parent_name, leading.parent_columns, leading.pairs) = (parent_name, names, 0);
    leading.parent = Parent::Made { plan, columns: theirs.clone() };
    let mut kept = leading.columns.clone();
    kept.retain(|column| !plans[at].kept.contains(column));
    plans[at].kept.extend(kept);
    if plan >= at {
        plans[plan].awaited.extend(theirs);
    }
    true
}
