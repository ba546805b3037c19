//! Plans with indexes that do not exist, on an empty copy of the schema.

use std::rc::Rc;

use super::candidate::Candidate;
use super::expensive::{ExpensiveSteps, comparisons};
use crate::plan::explain::explain_again;
use crate::plan::query_plan::{Plan, PlanSource};
use crate::plan::tree::Node;
use crate::schema::Schema;
use crate::schema::schema_copy::SchemaCopy;

/// The number of plans that one search may make. Most need about ten.
pub(super) const MAX_PLANS: usize = 200;

/// The plan of the statement when some candidates exist.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) steps: ExpensiveSteps,
    pub(super) plan: Plan,
}

impl Outcome {
    fn of(plan: Plan) -> Outcome {
        Outcome { steps: ExpensiveSteps::of(&plan), plan }
    }

    /// Returns the comparisons of each line that uses the candidate of this number.
    pub(super) fn uses(&self, number: usize) -> impl Iterator<Item = Vec<&str>> {
        let name = trial_name(number);
        let uses = self.plan.all().filter(move |node| node.uses_index(&name)).filter_map(|node| node.access());
        uses.map(|access| access.constraint.as_deref().map_or_else(Vec::new, comparisons))
    }

    /// Returns the number of columns by which the tables of the plan are searched.
    pub(super) fn width(&self) -> usize {
        let constraints = self.plan.all().filter_map(|node| node.access()?.constraint.as_deref());
        constraints.map(|constraint| comparisons(constraint).len() + constraint.matches(",?").count()).sum()
    }
}

fn trial_name(number: usize) -> String {
    format!("sqlitmus_trial_{number}")
}

/// An empty copy of the schema, and the plans that were made on it so far.
pub(super) struct Trials<'a> {
    pub(super) plan: &'a Plan,
    pub(super) schema: Schema,
    pub(super) base: Rc<Outcome>,
    copy: SchemaCopy,
    known: Vec<(Vec<Candidate>, Option<Rc<Outcome>>)>,
    pub(super) is_cut_short: bool,
}

impl<'a> Trials<'a> {
    /// Returns `None` if the copy does not plan the statement as it was planned, so that trials there would show nothing.
    pub(super) fn of(plan: &'a Plan) -> Option<Trials<'a>> {
        let catalog = &plan.catalog;
        let is_elsewhere = |node: &Node| {
            let object = node.table.as_deref().and_then(|table| catalog.table(table));
            object.is_some_and(|object| object.database != 0)
        };
        if plan.source != PlanSource::Bytecode || plan.all().any(is_elsewhere) {
            return None;
        }
        let copy = catalog.empty_copy().ok()?;
        copy.prepare(&plan.sql).ok()?;
        let base = Rc::new(Outcome::of(explain_again(&copy.connection, plan).ok()?));
        if base.steps != ExpensiveSteps::of(plan) {
            return None;
        }
        let schema = Schema::read(&copy.connection).ok()?;
        Some(Trials { plan, schema, base, copy, known: Vec::new(), is_cut_short: false })
    }

    /// Returns the plan that SQLite makes when these indexes exist. `None` if SQLite refuses one of them.
    pub(super) fn with(&mut self, candidates: &[Candidate]) -> Option<Rc<Outcome>> {
        if let Some((_, outcome)) = self.known.iter().find(|(known, _)| known == candidates) {
            return outcome.clone();
        }
        if self.known.len() >= MAX_PLANS {
            self.is_cut_short = true;
            return None;
        }
        let connection = &self.copy.connection;
        let created = candidates
            .iter()
            .enumerate()
            .all(|(number, candidate)| connection.execute_batch(&candidate.create(&trial_name(number))).is_ok());
        let plan = created.then(|| explain_again(connection, self.plan).ok()).flatten();
        let drop = (0..candidates.len()).map(|number| format!("DROP INDEX IF EXISTS {};", trial_name(number)));
        let dropped = connection.execute_batch(&drop.collect::<String>());
        let outcome = plan.filter(|_| dropped.is_ok()).map(|plan| Rc::new(Outcome::of(plan)));
        self.known.push((candidates.to_vec(), outcome.clone()));
        outcome
    }

    /// Returns true if SQLite accepts such an index. There are expressions that it does not index.
    pub(super) fn accepts(&self, candidate: &Candidate) -> bool {
        let name = trial_name(0);
        let connection = &self.copy.connection;
        connection.execute_batch(&candidate.create(&name)).is_ok()
            && connection.execute_batch(&format!("DROP INDEX {name}")).is_ok()
    }

    /// Returns true if the function is one of the app's, which the copy does not have.
    pub(super) fn is_app_function(&self, function: &str) -> bool {
        self.copy.is_stub(function)
    }
}
