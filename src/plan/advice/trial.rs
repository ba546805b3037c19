//! The expensive steps of a plan, the goal of a search, and plans with indexes that do not exist, made on an empty copy of
//! the schema.

use std::rc::Rc;
use std::sync::Arc;

use super::candidate::Candidate;
use crate::error::Result;
use crate::order::Order as _;
use crate::plan::catalog::Catalog;
use crate::plan::explain::Planner;
use crate::plan::query_plan::{Plan, PlanSource};
use crate::plan::tree::{Node, Step};
use crate::schema::Schema;
use crate::schema::schema_copy::SchemaCopy;
use crate::sql::Name;

/// The steps of a plan that an index could save. Each list is sorted, and has a table as often as the plan does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ExpensiveSteps {
    /// The tables that are read as a whole.
    pub(super) scans: Vec<Name>,
    /// The purposes of temporary b-trees.
    pub(super) sorts: Vec<String>,
    /// The tables with an automatic index.
    pub(super) automatic: Vec<Name>,
    /// Those of `scans` that run again for each row of another table, or of the query around a subquery.
    repeated: Vec<Name>,
}

impl ExpensiveSteps {
    pub(super) fn of(plan: &Plan) -> ExpensiveSteps {
        let table = |node: &Node| Name::from(node.table.as_deref().unwrap_or(&node.text));
        let tables = |is: fn(&Node) -> bool| {
            let mut tables: Vec<Name> = plan.all().filter(|node| is(node)).map(table).collect();
            tables.order();
            tables
        };
        let mut sorts: Vec<String> = plan.all().filter_map(Node::sort_purpose).map(str::to_owned).collect();
        sorts.order();
        let mut repeated = Vec::new();
        visit_repeated_scans(plan.nodes(), false, &mut |node| repeated.push(table(node)));
        repeated.order();
        let automatic = tables(Node::uses_automatic_index);
        ExpensiveSteps { scans: tables(Node::is_scan), sorts, automatic, repeated }
    }

    /// Returns true if nothing is read as a whole that was not before, nor more often. A table that is read once, for an
    /// automatic index, costs less than one that is read for each row of another.
    pub(super) fn reads_no_more_than(&self, before: &ExpensiveSteps) -> bool {
        surplus(&self.scans, &before.scans).is_empty()
            && surplus(&self.automatic, &before.automatic).is_empty()
            && surplus(&self.repeated, &before.repeated).is_empty()
    }
}

/// Visits the scans within a loop over other rows, except those for an automatic index, which is built once.
fn visit_repeated_scans(nodes: &[Node], is_within: bool, visit: &mut impl FnMut(&Node)) {
    let mut is_within = is_within;
    for node in nodes {
        match &node.step {
            Step::Scan(_) | Step::Search(_) => {
                if is_within && node.is_scan() && !node.uses_automatic_index() {
                    visit(node);
                }
                is_within = true;
            }
            Step::ConstantRows(_) | Step::MultiIndexOr => is_within = true,
            Step::Subquery { correlated: false, .. } | Step::CoRoutine(_) | Step::Materialize(_) => {
                visit_repeated_scans(&node.children, false, visit);
            }
            _ => visit_repeated_scans(&node.children, is_within, visit),
        }
    }
}

/// Returns the elements that `all` has more often than `others`, as often as it does.
pub(super) fn surplus<T: Clone + PartialEq>(all: &[T], others: &[T]) -> Vec<T> {
    let mut others = others.to_vec();
    let mut left = all.to_vec();
    left.retain(|one| match others.iter().position(|other| other == one) {
        Some(at) => {
            others.swap_remove(at);
            false
        }
        None => true,
    });
    left
}

/// Splits `a=? AND b>?` into its comparisons.
pub(super) fn comparisons(constraint: &str) -> Vec<&str> {
    constraint.split(" AND ").filter(|part| !part.starts_with("ANY(")).collect()
}

/// Returns true if a plan scans or sorts more than one of the same statement, searches by fewer columns, or reads a table
/// where the other has a covering index.
pub(crate) fn is_worse(after: &Plan, before: &Plan) -> bool {
    let (now, then) = (ExpensiveSteps::of(after), ExpensiveSteps::of(before));
    let width = |plan: &Plan| plan.all().filter_map(Node::constraint).flat_map(comparisons).count();
    let covered = |plan: &Plan| plan.all().filter(|node| node.is_covered() && node.constraint().is_some()).count();
    // Reading all of a partial index is no scan, but what is read in its place is one.
    !surplus(&now.scans, &then.scans).is_empty()
        || now.sorts.len() > then.sorts.len()
        || width(after) < width(before)
        || covered(after) < covered(before)
}

/// The steps that indexes have to remove from a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Goal {
    /// Scans of these tables.
    Scans(Vec<Name>),
    Sorts,
    AutomaticIndexes,
    /// Reads of this table's rows, beside those of its indexes.
    Reads(Name),
    /// Scans of all tables, and sorts.
    All,
}

/// The distance of a plan from a goal: first the steps that are left, then sorts that were not there before. A set of
/// indexes that brings a new sort may be improved by another column; if not, it is advised only if few rows are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Distance {
    pub(super) left: usize,
    pub(super) new_sorts: usize,
}

impl Goal {
    /// Returns true if the scan of a table has to go.
    pub(super) fn is_about(&self, table: &Name) -> bool {
        match self {
            Goal::Scans(tables) => tables.contains(table),
            Goal::Sorts | Goal::AutomaticIndexes | Goal::Reads(_) => false,
            Goal::All => true,
        }
    }

    /// Returns the number of steps that are left to remove.
    pub(super) fn left(&self, steps: &ExpensiveSteps) -> usize {
        match self {
            Goal::Scans(tables) => steps.scans.iter().filter(|scan| tables.contains(scan)).count(),
            Goal::Sorts => steps.sorts.len(),
            Goal::AutomaticIndexes => steps.automatic.len(),
            // They are not among the steps: an index of its own is searched for them.
            Goal::Reads(_) => 0,
            // Fewer rows are found than are read, so a sort is better than a scan.
            Goal::All => 100 * steps.scans.len() + steps.sorts.len(),
        }
    }
}

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
        let uses = self.plan.all().filter(move |node| node.uses_index(&name));
        uses.map(|node| node.constraint().map_or_else(Vec::new, comparisons))
    }

    /// Returns the number of columns by which the tables of the plan are searched.
    pub(super) fn width(&self) -> usize {
        let constraints = self.plan.all().filter_map(Node::constraint);
        constraints.map(|constraint| comparisons(constraint).len() + constraint.matches(",?").count()).sum()
    }
}

pub(super) fn trial_name(number: usize) -> String {
    format!("sqlitmus_trial_{number}")
}

/// An empty copy of a part of the schema, on which statements are planned with indexes that do not exist.
pub(super) struct TrialCopy {
    /// The part of the database that was copied.
    pub(super) catalog: Catalog,
    pub(super) schema: Schema,
    copy: SchemaCopy,
    /// The catalog of the copy.
    copied: Arc<Catalog>,
}

impl TrialCopy {
    pub(super) fn of<'s>(catalog: Catalog, statements: impl IntoIterator<Item = &'s str>) -> Result<TrialCopy> {
        let copy = catalog.empty_copy()?;
        // Registers stubs for functions and collations of the app.
        statements.into_iter().for_each(|sql| drop(copy.prepare(sql)));
        let copied = Planner::on(&copy.connection)?.catalog;
        let schema = Schema::read(&copy.connection)?;
        Ok(TrialCopy { catalog, schema, copy, copied })
    }

    /// Plans a statement again while these indexes exist. `None` if SQLite refuses one of them.
    pub(super) fn plan<'c>(&self, plan: &Plan, indexes: impl IntoIterator<Item = &'c Candidate>) -> Option<Plan> {
        let connection = &self.copy.connection;
        let mut catalog = Arc::clone(&self.copied);
        let mut count = 0;
        let create = |one: &Candidate| {
            let name = trial_name(count);
            connection.execute_batch(&one.create(&name)).ok()?;
            count += 1;
            let with = Catalog::clone(&catalog).with_index(connection, &name, one.partial.is_some()).ok()?;
            catalog = Arc::new(with);
            Some(())
        };
        let created = indexes.into_iter().try_for_each(create);
        let planner = Planner { connection, catalog, is_understood: plan.source == PlanSource::Bytecode };
        let again = created.and_then(|()| planner.explain_again(plan).ok());
        let drop: String = (0..count).map(|number| format!("DROP INDEX {};", trial_name(number))).collect();
        connection.execute_batch(&drop).ok().and(again)
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

/// The plans of a statement that were made so far.
pub(super) struct Trials<'a> {
    pub(super) plan: &'a Plan,
    pub(super) copy: Rc<TrialCopy>,
    pub(super) base: Rc<Outcome>,
    known: Vec<(Vec<Candidate>, Option<Rc<Outcome>>)>,
    pub(super) is_cut_short: bool,
}

impl<'a> Trials<'a> {
    /// Returns `None` if a copy does not plan the statement as it was planned, so that trials there would show nothing.
    pub(super) fn of(plan: &'a Plan) -> Option<Trials<'a>> {
        if !can_be_copied(plan) {
            return None;
        }
        Trials::on(Rc::new(TrialCopy::of(plan.surroundings(), [plan.sql.as_str()]).ok()?), plan)
    }

    /// Like [`of`](Trials::of), on a copy that is there.
    pub(super) fn on(copy: Rc<TrialCopy>, plan: &'a Plan) -> Option<Trials<'a>> {
        let again = if can_be_copied(plan) { copy.plan(plan, [])? } else { return None };
        let base = Rc::new(Outcome::of(again));
        let is_same = base.steps == ExpensiveSteps::of(plan);
        is_same.then(|| Trials { plan, copy, base, known: Vec::new(), is_cut_short: false })
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
        let outcome = self.copy.plan(self.plan, candidates).map(|plan| Rc::new(Outcome::of(plan)));
        self.known.push((candidates.to_vec(), outcome.clone()));
        outcome
    }

    /// Returns the number of plans that were made.
    pub(super) fn made(&self) -> usize {
        self.known.len()
    }
}

/// Returns false for a plan of temporary or attached tables, or one whose loops are known from its text alone.
fn can_be_copied(plan: &Plan) -> bool {
    let is_elsewhere = |node: &Node| {
        let object = node.table.as_deref().and_then(|table| plan.catalog.table(table));
        object.is_some_and(|object| object.database != 0)
    };
    plan.source == PlanSource::Bytecode && !plan.all().any(is_elsewhere)
}
