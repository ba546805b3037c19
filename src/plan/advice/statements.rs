//! Several statements on one copy of the schema: their plans and their work with indexes that do not exist.
//!
//! Plans are made on an empty copy, and decide first. A statement is run on rows only if its plan has changed.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::candidate::Candidate;
use super::children::children_apart;
use super::measure::SampledRows;
use super::trial::{ExpensiveSteps, Goal, TrialCopy, trial_name};
use crate::error::Result;
use crate::plan::catalog::Catalog;
use crate::plan::query_plan::Plan;
use crate::plan::sample::{Reach, Work};
use crate::sql::{Name, tokens};

/// Statements, and the indexes that may be created for them. An index is known by its number in `pool`.
pub(super) struct Statements {
    pub(super) plans: Vec<Plan>,
    pub(super) trial: Rc<TrialCopy>,
    pub(super) rows: Rc<SampledRows>,
    pub(super) pool: Vec<Candidate>,
    /// The tables that each statement reads or writes.
    tables: Vec<Vec<Name>>,
    /// The plans by statement and the candidates on its tables.
    planned: HashMap<(usize, Vec<usize>), Option<Rc<PlannedStatement>>>,
    worked: HashMap<(usize, String), Option<Work>>,
    budget: usize,
}

/// The plan of a statement with some indexes.
#[derive(Debug)]
pub(super) struct PlannedStatement {
    /// The numbers of the candidates that it uses.
    pub(super) uses: Vec<usize>,
    pub(super) expensive: ExpensiveSteps,
    /// The plan as SQLite prints it, with the candidates by their numbers.
    text: String,
}

impl PlannedStatement {
    pub(super) fn left(&self) -> usize {
        Goal::All.left(&self.expensive)
    }
}

impl Statements {
    /// Copies what the statements need. `budget` is the number of plans that may be made; one with many indexes counts more.
    pub(super) fn new(plans: Vec<Plan>, budget: usize) -> Result<Statements> {
        let texts: Vec<&str> = plans.iter().map(|plan| plan.sql.as_str()).collect();
        let all = texts.join(";\n");
        let of_all = plans.iter().flat_map(|plan| plan.all().filter_map(|node| node.table.as_deref()));
        let read: BTreeSet<Name> = of_all.map(Name::from).collect();
        // The lookups of such children cost the same whatever other indexes there are, and their rows cost more than all else.
        let apart: BTreeSet<Name> = plans.iter().flat_map(children_apart).collect();
        let around = |is_copied: &dyn Fn(&Name) -> bool| {
            plans.first().map_or_else(Catalog::default, |plan| plan.catalog.around(&all, is_copied))
        };
        let trial = TrialCopy::of(around(&|child| read.contains(child)), texts.iter().copied())?;
        let near = around(&|child| read.contains(child) && !apart.contains(child));
        let rows = SampledRows::of(&near, &plans.iter().collect::<Vec<_>>())?;
        let reached =
            |sql: &&str| Reach::of(&trial.schema, sql).tables.iter().map(|table| table.name.clone()).collect();
        let tables = texts.iter().map(reached).collect();
        let (trial, rows) = (Rc::new(trial), Rc::new(rows));
        let (planned, worked) = (HashMap::new(), HashMap::new());
        Ok(Statements { plans, trial, rows, pool: Vec::new(), tables, planned, worked, budget })
    }

    /// Returns true if the budget is used up.
    pub(super) fn is_cut_short(&self) -> bool {
        self.budget == 0
    }

    /// Sets the number of plans that may still be made.
    pub(super) fn renew(&mut self, budget: usize) {
        self.budget = budget;
    }

    pub(super) fn spend(&mut self, plans: usize) {
        self.budget = self.budget.saturating_sub(plans);
    }

    /// Returns those of some candidates that are of a table that the statement reads or writes.
    pub(super) fn near(&self, at: usize, set: &[usize]) -> Vec<usize> {
        let is_near = |number: &usize| self.tables[at].contains(&self.pool[*number].table);
        let mut near: Vec<usize> = set.iter().copied().filter(is_near).collect();
        near.sort_unstable();
        near
    }

    /// Returns the plan of a statement with these candidates. `None` if SQLite refuses one of them.
    pub(super) fn planned(&mut self, at: usize, set: &[usize]) -> Option<Rc<PlannedStatement>> {
        let near = self.near(at, set);
        let key = (at, near);
        if let Some(known) = self.planned.get(&key) {
            return known.clone();
        }
        self.spend(1 + key.1.len() / INDEXES_OF_A_PLAN);
        let plan = self.trial.plan(&self.plans[at], key.1.iter().map(|&number| &self.pool[number]));
        let planned = plan.map(|plan| {
            let is_used = |place: &usize| plan.uses_index(&trial_name(*place));
            let uses = (0..key.1.len()).filter(is_used).map(|place| key.1[place]).collect();
            let text = (0..key.1.len()).rev().fold(plan.to_string(), |text, place| {
                text.replace(&trial_name(place), &format!("candidate {}", key.1[place]))
            });
            Rc::new(PlannedStatement { uses, expensive: ExpensiveSteps::of(&plan), text })
        });
        self.planned.insert(key, planned.clone());
        planned
    }

    /// Returns true if a statement takes more steps with these candidates than without them. False if that is not known.
    pub(super) fn is_dearer(&mut self, at: usize, set: &[usize]) -> bool {
        let near = self.near(at, set);
        let (Some(before), Some(after)) = (self.planned(at, &[]), self.planned(at, &near)) else { return false };
        let is_reading = self.plans[at].effects.is_empty() && is_reading(&self.plans[at]);
        if near.is_empty() || (is_reading && before.text == after.text) {
            return false;
        }
        // What triggers and foreign keys read is not in the text of a plan, and neither are the entries that a write changes.
        let key = |text: &str, set: &[usize]| if is_reading { text.to_owned() } else { format!("{text}\n{set:?}") };
        let before = self.work(at, key(&before.text, &[]), &[]);
        let now = self.work(at, key(&after.text, &near), &near);
        before.zip(now).is_some_and(|(before, now)| now.is_dearer_than(&before, near.len()))
    }

    fn work(&mut self, at: usize, key: String, set: &[usize]) -> Option<Work> {
        if let Some(known) = self.worked.get(&(at, key.clone())) {
            return *known;
        }
        let indexes = set.iter().map(|&number| &self.pool[number]);
        let indexes = indexes.filter(|one| self.rows.schema.table(&one.table).is_some());
        let work = self.rows.work(at, indexes);
        self.spend(work.map_or(1, |work| 1 + usize::try_from(work.steps).unwrap_or(0) / STEPS_OF_A_PLAN));
        self.worked.insert((at, key), work);
        work
    }
}

/// The indexes that make a plan as much dearer as another plan costs.
const INDEXES_OF_A_PLAN: usize = 4;

/// The steps that take as long as a plan.
const STEPS_OF_A_PLAN: usize = 20_000;

/// Returns true for a statement that writes nothing.
pub(super) fn is_reading(plan: &Plan) -> bool {
    let words = ["delete", "update", "replace", "insert"];
    !tokens(&plan.sql).iter().any(|token| words.iter().any(|word| token.is(word)))
}
