//! Plans with indexes that do not exist, on an empty copy of the schema.

use std::rc::Rc;

use super::terms::Candidate;
use crate::plan::assertions::{is_automatic, is_scan, sort_purpose};
use crate::plan::tree::{AccessPath, Node, Step};
use crate::plan::{Plan, PlanSource, explain_again};
use crate::schema::Schema;
use crate::schema::schema_copy::SchemaCopy;

/// How many plans one search may make. Most need about ten.
pub(super) const MOST: usize = 200;

/// What is wrong with a plan. Names are in lower case, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    /// The tables that are read as a whole, each as often as it is.
    pub(super) scans: Vec<String>,
    /// What temporary b-trees are for.
    pub(super) sorts: Vec<String>,
    /// The tables of which SQLite makes an index for the one run.
    pub(super) automatic: Vec<String>,
    /// Those of `scans` that are read again and again: for each row of another table, or of the query around a subquery.
    again: Vec<String>,
}

impl Faults {
    pub(super) fn of(plan: &Plan) -> Faults {
        let table = |node: &Node| node.table.as_deref().unwrap_or(&node.text).to_ascii_lowercase();
        let tables = |is: fn(&Node) -> bool| {
            let mut tables: Vec<String> = plan.all().filter(|node| is(node)).map(table).collect();
            tables.sort_unstable();
            tables
        };
        let mut sorts: Vec<String> = plan.all().filter_map(sort_purpose).collect();
        sorts.sort_unstable();
        let mut again = Vec::new();
        scans_again(&plan.nodes, false, &mut |node| again.push(table(node)));
        again.sort_unstable();
        Faults { scans: tables(is_scan), sorts, automatic: tables(is_automatic), again }
    }

    /// Whether nothing is read as a whole that was not before, nor more often. A table that was read once, for an automatic
    /// index, costs less than one that is read for each row of another.
    pub(super) fn reads_no_more_than(&self, before: &Faults) -> bool {
        less(&self.scans, &before.scans).is_empty()
            && less(&self.automatic, &before.automatic).is_empty()
            && less(&self.again, &before.again).is_empty()
    }
}

/// Shows the scans that are within a loop over other rows. An automatic index is made once all the same.
fn scans_again(nodes: &[Node], within: bool, show: &mut impl FnMut(&Node)) {
    let mut within = within;
    for node in nodes {
        match &node.step {
            Step::Scan(_) | Step::Search(_) => {
                if within && is_scan(node) && !is_automatic(node) {
                    show(node);
                }
                within = true;
            }
            Step::ConstantRows(_) | Step::MultiIndexOr => within = true,
            Step::Subquery { correlated: false, .. } | Step::CoRoutine(_) | Step::Materialize(_) => {
                scans_again(&node.children, false, show);
            }
            _ => scans_again(&node.children, within, show),
        }
    }
}

/// Returns true if a plan scans or sorts more than one of the same statement, searches by fewer columns, or reads a table
/// where the other has a covering index.
pub(crate) fn is_worse(after: &Plan, before: &Plan) -> bool {
    let (now, then) = (Faults::of(after), Faults::of(before));
    let width = |plan: &Plan| -> usize {
        let constraints = plan.all().filter_map(|node| node.access()?.constraint.as_deref());
        constraints.map(|constraint| parts(constraint).len()).sum()
    };
    let covered = |plan: &Plan| {
        let covers = |node: &&Node| {
            node.access().is_some_and(|access| {
                access.constraint.is_some() && matches!(access.path, AccessPath::Index { covering: true, .. })
            })
        };
        plan.all().filter(covers).count()
    };
    // A partial index that is read as a whole is no scan, and what is read instead is.
    !less(&now.scans, &then.scans).is_empty()
        || now.sorts.len() > then.sorts.len()
        || width(after) < width(before)
        || covered(after) < covered(before)
}

/// What `all` has more of than `some`.
pub(super) fn less(all: &[String], some: &[String]) -> Vec<String> {
    let mut some = some.to_vec();
    let mut left = all.to_vec();
    left.retain(|one| match some.iter().position(|other| other == one) {
        Some(at) => {
            some.swap_remove(at);
            false
        }
        None => true,
    });
    left
}

/// A plan with some candidates.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) faults: Faults,
    pub(super) plan: Plan,
}

impl Outcome {
    /// The lines that use the candidate of this number, with what they search it by.
    pub(super) fn uses(&self, number: usize) -> impl Iterator<Item = Vec<&str>> {
        let name = trial_name(number);
        self.plan.all().filter_map(move |node| match node.access() {
            Some(access) if matches!(&access.path, AccessPath::Index { name: used, .. } if *used == name) => {
                Some(access.constraint.as_deref().map_or_else(Vec::new, parts))
            }
            _ => None,
        })
    }

    /// How many columns the tables of the plan are searched by, all in all.
    pub(super) fn width(&self) -> usize {
        let constraints = self.plan.all().filter_map(|node| node.access()?.constraint.as_deref());
        constraints.map(|constraint| parts(constraint).len() + constraint.matches(",?").count()).sum()
    }
}

/// `a=? AND b>?` by its parts.
pub(super) fn parts(constraint: &str) -> Vec<&str> {
    constraint.split(" AND ").filter(|part| !part.starts_with("ANY(")).collect()
}

fn trial_name(number: usize) -> String {
    format!("sqlitmus_trial_{number}")
}

/// The copy, and what was found on it so far.
pub(super) struct Trials<'a> {
    pub(super) plan: &'a Plan,
    pub(super) schema: Schema,
    pub(super) base: Rc<Outcome>,
    bench: SchemaCopy,
    known: Vec<(Vec<Candidate>, Option<Rc<Outcome>>)>,
    pub(super) cut_short: bool,
}

impl<'a> Trials<'a> {
    /// Nothing where the copy does not plan the statement as it was planned: what is tried there would say nothing.
    pub(super) fn of(plan: &'a Plan) -> Option<Trials<'a>> {
        let catalog = &plan.catalog;
        let elsewhere = |node: &Node| {
            let object = node.table.as_deref().and_then(|table| catalog.table(table));
            object.is_some_and(|object| object.database != 0)
        };
        if plan.source != PlanSource::Bytecode || plan.all().any(elsewhere) {
            return None;
        }
        let bench = catalog.bench().ok()?;
        bench.prepare(&plan.sql).ok()?;
        let again = explain_again(&bench.connection, &plan.sql, &plan.values).ok()?;
        let base = Rc::new(Outcome { faults: Faults::of(&again), plan: again });
        if base.faults != Faults::of(plan) {
            return None;
        }
        let schema = Schema::read(&bench.connection).ok()?;
        Some(Trials { plan, schema, base, bench, known: Vec::new(), cut_short: false })
    }

    /// The plan that SQLite makes when these indexes exist. None if SQLite refuses one of them.
    pub(super) fn with(&mut self, candidates: &[Candidate]) -> Option<Rc<Outcome>> {
        if let Some((_, outcome)) = self.known.iter().find(|(known, _)| known == candidates) {
            return outcome.clone();
        }
        if self.known.len() >= MOST {
            self.cut_short = true;
            return None;
        }
        let connection = &self.bench.connection;
        let created = candidates
            .iter()
            .enumerate()
            .all(|(number, candidate)| connection.execute_batch(&candidate.create(&trial_name(number))).is_ok());
        let plan = created.then(|| explain_again(connection, &self.plan.sql, &self.plan.values).ok()).flatten();
        let drop = (0..candidates.len()).map(|number| format!("DROP INDEX IF EXISTS {};", trial_name(number)));
        let dropped = connection.execute_batch(&drop.collect::<String>());
        let outcome = plan.filter(|_| dropped.is_ok()).map(|plan| Rc::new(Outcome { faults: Faults::of(&plan), plan }));
        self.known.push((candidates.to_vec(), outcome.clone()));
        outcome
    }

    /// Whether SQLite takes such an index: an expression may be one that it does not index.
    pub(super) fn takes(&self, candidate: &Candidate) -> bool {
        let name = trial_name(0);
        let connection = &self.bench.connection;
        connection.execute_batch(&candidate.create(&name)).is_ok()
            && connection.execute_batch(&format!("DROP INDEX {name}")).is_ok()
    }

    pub(super) fn is_stub(&self, function: &str) -> bool {
        self.bench.is_stub(function)
    }
}
