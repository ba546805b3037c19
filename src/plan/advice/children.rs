//! Indexes for the lookups of children by foreign keys.
//!
//! SQLite plans the lookup of a child by itself, whatever else the statement does: a search by the columns of the key. So its
//! index is known without a search. Those of all children are created at once, and one plan shows that they are used. The rest of
//! the statement is then planned without these tables: a table more makes each plan dearer.

use std::rc::Rc;

use super::candidate::{Candidate, Term};
use super::search::Set;
use super::terms::starts_an_index;
use super::trial::{ExpensiveSteps, Goal, TrialCopy, Trials};
use crate::order::SortedSet;
use crate::plan::catalog::Catalog;
use crate::plan::explain::explain_again;
use crate::plan::query_plan::Plan;
use crate::plan::tree::{Node, Origin};
use crate::schema::Table;
use crate::sql::Name;

/// The indexes for the lookups of children, and the statement without these children.
pub(super) struct Lookups {
    /// The indexes of each child, with the number of scans that they end: together, if several lookups are one line of the plan.
    pub(super) found: Vec<(Set, usize)>,
    /// The copy on which they were tried.
    pub(super) copy: Rc<TrialCopy>,
    /// The statement on the other tables. `None` if nothing is left to improve there.
    pub(super) rest: Option<Plan>,
}

impl Lookups {
    /// Returns `None` if the plan scans no child that only its foreign keys look at.
    pub(super) fn of(plan: &Plan) -> Option<Lookups> {
        let mut apart = children_apart(plan);
        if apart.is_empty() {
            return None;
        }
        // What a trigger writes to stays.
        let others = plan.surroundings_without(&apart);
        apart.retain(|child| !others.objects.iter().any(|object| object.name == *child));
        let mut trials = Trials::of(plan)?;
        let tables = trials.copy.schema.tables.iter().filter(|table| apart.contains(&table.name));
        let candidates: Set = tables.flat_map(by_keys).collect();
        let outcome = trials.with(&candidates)?;
        let used = (0..candidates.len()).filter(|&at| outcome.uses(at).next().is_some());
        let mut found: Vec<(Set, usize)> = Vec::new();
        for at in used {
            match found.iter_mut().find(|(set, _)| set[0].table == candidates[at].table) {
                Some((set, _)) => set.push(candidates[at].clone()),
                None => found.push((vec![candidates[at].clone()], 0)),
            }
        }
        let count = |steps: &ExpensiveSteps, table: &Name| steps.scans.iter().filter(|scan| *scan == table).count();
        found.iter_mut().for_each(|(set, scans)| *scans = count(&trials.base.steps, &set[0].table));
        found.retain(|(set, _)| count(&outcome.steps, &set[0].table) == 0);
        let is_found = |name: &Name| found.iter().any(|(set, _)| set[0].table == *name);
        apart.retain(is_found);
        if apart.is_empty() {
            return None;
        }
        let rest = match Goal::All.left(&outcome.steps) {
            0 => None,
            _ => Some(replanned(plan, &plan.surroundings_without(&apart))?),
        };
        Some(Lookups { found: found.into_iter().flat_map(separated).collect(), copy: Rc::clone(&trials.copy), rest })
    }
}

/// Returns the children that are scanned for a foreign key, and that the plan reads for nothing else.
pub(super) fn children_apart(plan: &Plan) -> SortedSet<Name> {
    let lines = plan.lines().map(|node| (node, node.checks_foreign_key));
    let effects = plan.effects().iter().map(|effect| (&effect.node, effect.origin == Origin::ForeignKeyAction));
    let (lookups, others): (Vec<_>, Vec<_>) = lines.chain(effects).partition(|(_, is_lookup)| *is_lookup);
    let table = |(node, _): &(&Node, bool)| node.table.as_deref().map(Name::from);
    let is_apart = |name: &Name| !others.iter().any(|other| table(other).is_some_and(|other| other == *name));
    let scanned = lookups.iter().filter(|(node, _)| node.is_scan()).filter_map(table);
    scanned.filter(is_apart).filter(|name| plan.catalog.few_rows(name).is_none()).collect()
}

/// Returns an index on the columns of each foreign key of a table that none starts with.
fn by_keys(table: &Table) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for key in &table.foreign_keys {
        let columns = key.columns.iter().filter_map(|name| table.column(name));
        let candidate = Candidate::new(&table.name, columns.map(Term::column).collect());
        let is_new = candidate.terms.first().is_some_and(|first| !starts_an_index(table, first));
        if is_new && !found.contains(&candidate) {
            found.push(candidate);
        }
    }
    found
}

/// Returns each index by itself, if each ends a scan of its own.
fn separated((set, scans): (Set, usize)) -> Vec<(Set, usize)> {
    match set.len() == scans {
        true => set.into_iter().map(|one| (vec![one], 1)).collect(),
        false => vec![(set, scans)],
    }
}

/// Plans a statement again, on a copy of other tables.
fn replanned(plan: &Plan, catalog: &Catalog) -> Option<Plan> {
    let copy = catalog.empty_copy().ok()?;
    copy.prepare(&plan.sql).ok()?;
    let again = explain_again(&copy.connection, plan).ok()?;
    Some(again.written_as(plan.written()))
}
