//! Several statements on one copy of the schema: their plans and their work with indexes that do not exist.
//!
//! Plans are made on an empty copy, and decide first. A statement is run on rows only if its plan has changed.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::candidate::Candidate;
use super::children::children_apart;
use super::measure::SampledRows;
use super::trial::{ExpensiveSteps, Goal, TrialCopy, trial_name};
use super::upkeep::Upkeep;
use crate::error::Result;
use crate::order::{Order as _, SortedSet};
use crate::plan::catalog::Catalog;
use crate::plan::query_plan::Plan;
use crate::plan::sample::{self, Reach, Work};
use crate::sql::{Name, tokens};

/// Statements, and the indexes that may be created for them. An index is known by its number in `pool`.
pub(super) struct Statements {
    pub(super) plans: Vec<Plan>,
    pub(super) trial: Rc<TrialCopy>,
    pub(super) rows: Rc<SampledRows>,
    pub(super) pool: Vec<Candidate>,
    /// The tables that each statement reads or writes.
    tables: Vec<Vec<Name>>,
    /// The plans by statement and the candidates on its tables. `None` if SQLite refuses one of these.
    planned: HashMap<(usize, Vec<usize>), Option<Rc<PlannedStatement>>>,
    /// Those of the plans that were made, by statement, with the first 128 candidates as bits: all of them, and those it uses.
    made: HashMap<usize, Vec<(u128, u128, Rc<PlannedStatement>)>>,
    worked: HashMap<(usize, String), Option<Work>>,
    /// Statements and plans, by their keys, that a search has found to take fewer steps.
    cheaper: HashSet<(usize, String)>,
    budget: usize,
}

/// The plan of a statement with some indexes.
#[derive(Debug)]
pub(super) struct PlannedStatement {
    /// The numbers of the candidates that it uses.
    pub(super) uses: Vec<usize>,
    pub(super) expensive: ExpensiveSteps,
    /// The plan as SQLite prints it and what it does not print, with the candidates by their numbers.
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
        let read: SortedSet<Name> = of_all.map(Name::from).collect();
        // The lookups of such children cost the same whatever other indexes there are, and their rows cost more than all else.
        let apart: SortedSet<Name> = plans.iter().flat_map(children_apart).collect();
        let around = |is_copied: &dyn Fn(&Name) -> bool| {
            plans.first().map_or_else(Catalog::default, |plan| plan.catalog.around(&all, is_copied))
        };
        let trial = TrialCopy::of(around(&|child| read.contains(child)), texts.iter().copied())?;
        let near = match apart.is_empty() {
            true => trial.catalog.clone(),
            false => around(&|child| read.contains(child) && !apart.contains(child)),
        };
        let rows = SampledRows::of(&near, &plans.iter().collect::<Vec<_>>())?;
        let reached =
            |sql: &&str| Reach::of(&trial.schema, sql).tables.iter().map(|table| table.name.clone()).collect();
        let tables = texts.iter().map(reached).collect();
        let (trial, rows) = (Rc::new(trial), Rc::new(rows));
        let (planned, made, worked, cheaper) = (HashMap::new(), HashMap::new(), HashMap::new(), HashSet::new());
        Ok(Statements { plans, trial, rows, pool: Vec::new(), tables, planned, made, worked, cheaper, budget })
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
        near.order();
        near
    }

    /// Returns the plan of a statement with these candidates. `None` if SQLite refuses one of them.
    ///
    /// An index that SQLite does not choose does not change its choice: the plan is that of more candidates if it uses none of
    /// those that are missing.
    pub(super) fn planned(&mut self, at: usize, set: &[usize]) -> Option<Rc<PlannedStatement>> {
        let key = (at, self.near(at, set));
        if let Some(known) = self.planned.get(&key) {
            return known.clone();
        }
        let near = bits(&key.1);
        let same = self.made.get(&at).zip(near).and_then(|(made, near)| {
            let is_same = |(all, uses, _): &&(u128, u128, _)| near & !all == 0 && uses & !near == 0;
            made.iter().find(is_same).map(|(_, _, planned)| Rc::clone(planned))
        });
        let planned = same.or_else(|| {
            let planned = self.plan(at, &key.1)?;
            if let Some((near, uses)) = near.zip(bits(&planned.uses)) {
                self.made.entry(at).or_default().push((near, uses, Rc::clone(&planned)));
            }
            Some(planned)
        });
        self.planned.insert(key, planned.clone());
        planned
    }

    fn plan(&mut self, at: usize, near: &[usize]) -> Option<Rc<PlannedStatement>> {
        self.spend(1 + near.len() / INDEXES_OF_A_PLAN);
        let plan = self.trial.plan(&self.plans[at], near.iter().map(|&number| &self.pool[number]))?;
        let is_used = |place: &usize| plan.uses_index(&trial_name(*place));
        let uses = (0..near.len()).filter(is_used).map(|place| near[place]).collect();
        let text = (0..near.len())
            .rev()
            .fold(lines(&plan), |text, place| text.replace(&trial_name(place), &format!("candidate {}", near[place])));
        Some(Rc::new(PlannedStatement { uses, expensive: ExpensiveSteps::of(&plan), text }))
    }

    /// Forgets all plans, so that those of a report are made with its indexes and no others.
    pub(super) fn forget_plans(&mut self) {
        self.planned.clear();
        self.made.clear();
    }

    /// Notes that a statement takes fewer steps with these candidates, so that it need not be run again to know it.
    pub(super) fn set_cheaper(&mut self, at: usize, set: &[usize]) {
        if let Some(planned) = self.planned(at, set) {
            self.cheaper.insert((at, planned.text.clone()));
        }
    }

    /// Returns true if a statement takes more steps with these candidates than without them. False if that is not known.
    pub(super) fn is_dearer(&mut self, at: usize, set: &[usize]) -> bool {
        let (Some(before), Some(after)) = (self.planned(at, &[]), self.planned(at, set)) else { return false };
        if before.text == after.text || self.cheaper.contains(&(at, after.text.clone())) {
            return false;
        }
        let work = self.work_of(at, &before).zip(self.work_of(at, &after));
        work.is_some_and(|(before, now)| now.is_dearer_than(&before, after.uses.len()))
    }

    /// Returns true if a statement takes far fewer steps with some candidates than with others, so that these do not replace
    /// them. False if that is not known.
    pub(super) fn is_far_cheaper(&mut self, at: usize, set: &[usize], others: &[usize]) -> bool {
        let (Some(one), Some(other)) = (self.planned(at, set), self.planned(at, others)) else { return false };
        if one.text == other.text {
            return false;
        }
        let work = self.work_of(at, &one).zip(self.work_of(at, &other));
        work.is_some_and(|(one, other)| other.steps > FAR * one.steps && sample::is_dearer(other.steps, one.steps))
    }

    /// Returns the work of a statement by its plan. Candidates that the plan does not use only add entries to write, and are
    /// not created.
    fn work_of(&mut self, at: usize, planned: &PlannedStatement) -> Option<Work> {
        self.work(at, planned.text.clone(), &planned.uses)
    }

    /// Returns what the statements that write pay for the entries of these candidates. `None` if none takes more steps for them.
    pub(super) fn upkeep(&mut self, set: &[usize]) -> Option<Upkeep> {
        let mut found: Vec<(String, u64, u64)> = Vec::new();
        for at in (0..self.plans.len()).filter(|&at| !is_reading(&self.plans[at])).collect::<Vec<_>>() {
            let near = self.near(at, set);
            let (Some(before), Some(after)) = (self.planned(at, &[]), self.planned(at, &near)) else { continue };
            let before = self.work_of(at, &before).filter(|before| before.rows_written > 0 && !near.is_empty());
            let now = before.and_then(|_| self.work(at, format!("{}\n{near:?}", after.text), &near));
            if let Some((before, now)) = before.zip(now).filter(|(before, now)| now.steps > before.steps) {
                found.push((self.plans[at].written().to_owned(), before.steps, now.steps));
            }
        }
        let statements = found.len();
        let (sql, before, after) = found.into_iter().max_by_key(|(_, before, after)| after - before)?;
        Some(Upkeep { statements, sql, before, after })
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

/// Returns candidates as bits. `None` if their numbers are too large.
fn bits(set: &[usize]) -> Option<u128> {
    set.iter().try_fold(0, |bits, &number| (number < 128).then(|| bits | 1 << number))
}

/// An index that takes this many times the steps of another takes far more.
const FAR: u64 = 2;

/// Returns the lines of a plan, and those of its triggers and foreign keys.
fn lines(plan: &Plan) -> String {
    let effects = plan.effects.iter().map(|effect| format!("\n{}", effect.node.text));
    std::iter::once(plan.to_string()).chain(effects).collect()
}

/// Returns true for a statement that writes nothing.
pub(super) fn is_reading(plan: &Plan) -> bool {
    let words = ["delete", "update", "replace", "insert"];
    !tokens(&plan.sql).iter().any(|token| words.iter().any(|word| token.is(word)))
}
