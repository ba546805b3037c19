//! Closes cycles of foreign keys: points keys of earlier tables at rows of later ones.

use crate::data::fill::plan::table_plan::{Parent, Reference, TablePlan};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::Name;

/// Points foreign keys to a later table at its rows. Their keys are known before the rows are made if they follow from
/// the rows' numbers, or if they come from a third table.
pub(super) fn close_cycles(plans: &mut [TablePlan]) -> Result<()> {
    for at in 0..plans.len() {
        let mut index = 0;
        while index < plans[at].references.len() {
            let reference = &plans[at].references[index];
            let Parent::Later { table } = reference.parent else {
                index += 1;
                continue;
            };
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
    let (Parent::Made { plan, columns: theirs }, Parent::Made { columns: of_pair, .. }) = (&third.parent, &pair.parent)
    else {
        return false;
    };
    // What both parents of the later row have in common, such as a tenant, is known before.
    let mut known = Vec::new();
    let own = third.columns.iter().map(|column| {
        let led = columns.iter().position(|other| other == column).map(|place| leading.columns[place]);
        let shared = pair.columns.iter().position(|other| other == column).map(|place| of_pair[place]);
        known.extend(shared);
        led.or(shared)
    });
    let Some(own) = own.collect::<Option<Vec<usize>>>() else { return false };
    let plan = *plan;
    let is_formula = |column: &usize| plans[plan].is_formula(*column);
    if plan >= at && !(known.is_empty() && theirs.iter().all(is_formula)) {
        return false;
    }
    let both = |first: &[usize], second: &[usize]| first.iter().chain(second).copied().collect::<Vec<usize>>();
    let follower = Reference {
        columns: both(&pair.columns, &columns),
        parent: Parent::Made { plan: at, columns: both(of_pair, &leading.columns) },
        known: Vec::new(),
        overrules: true,
        ..pair.clone()
    };
    let kept: Vec<usize> = leading.columns.iter().copied().filter(|column| !plans[at].kept.contains(column)).collect();
    let leading = Reference {
        columns: own,
        parent_name: third.parent_name.clone(),
        parent_columns: third.parent_columns.clone(),
        parent: third.parent.clone(),
        loose: leading.columns.clone(),
        known,
        leads: true,
        ..leading.clone()
    };
    if plan >= at {
        let theirs = theirs.clone();
        plans[plan].awaited.extend(theirs);
    }
    plans[later].references.push(follower);
    plans[at].kept.extend(kept);
    // Behind the others, which make what is known.
    plans[at].references.remove(index);
    plans[at].references.push(leading);
    true
}
