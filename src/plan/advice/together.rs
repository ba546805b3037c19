//! The smallest set of indexes for several statements.
//!
//! ```text
//! each statement -> what is advised for it alone, tried on the copies of all of them
//!   -> merge two that share columns, leave out what no statement misses, take back what makes a statement dearer
//!   -> a bound: statements of which no two can be served by one index
//! ```

use super::candidate::{self, Candidate};
use super::children::Lookups;
use super::search::{Search, Set};
use super::shared::{LeftOver, SharedAdvice, SharedIndex};
use super::statements::{Statements, is_reading};
use super::trial::{ExpensiveSteps, Goal, Trials};
use super::upkeep::Upkeep;
use crate::error::Result;
use crate::order::Order as _;
use crate::plan::query_plan::Plan;
use crate::plan::tree::distinct;
use crate::sql::Name;

/// The number of plans that the indexes for several statements may cost; as many again to find the fewest of them. Fourteen
/// statements need about 200.
const MAX_PLANS: usize = 1_500;

/// Returns the smallest set of indexes that removes what indexes can remove from the plans of these statements, and that makes
/// neither them nor the others dearer.
pub(crate) fn together(plans: Vec<Plan>, others: Vec<Plan>) -> Result<SharedAdvice> {
    within(plans, others, MAX_PLANS)
}

/// Like [`together`], for so many plans. Once they are made, no index is searched for the statements that are left.
pub(in crate::plan) fn within(plans: Vec<Plan>, others: Vec<Plan>, budget: usize) -> Result<SharedAdvice> {
    let mut advice = SharedAdvice::default();
    let Some(first) = plans.first() else { return Ok(advice) };
    let taken = first.catalog.objects.iter().map(|object| object.name.to_string()).collect();
    let served = plans.len();
    let tables: Vec<Name> = distinct(plans.iter().flat_map(tables_read));
    let near = others.into_iter().filter(|other| reaches(other, &tables));
    let statements = Statements::new(plans.into_iter().chain(near).collect(), budget)?;
    let mut choice = Choice { statements, served, found: Vec::new(), unsearched: Vec::new() };
    for at in 0..served {
        if Goal::All.left(&ExpensiveSteps::of(&choice.statements.plans[at])) == 0 {
            continue;
        }
        match choice.statements.is_cut_short() {
            true => choice.unsearched.push(at),
            false => choice.search(at),
        }
    }
    choice.statements.renew(budget);
    let chosen = choice.choose();
    choice.report(&chosen, taken, &mut advice);
    Ok(advice)
}

fn tables_read(plan: &Plan) -> Vec<Name> {
    plan.all().filter_map(|node| node.table.as_deref().map(Name::from)).collect()
}

/// Returns true if a statement may read or write one of these tables.
fn reaches(plan: &Plan, tables: &[Name]) -> bool {
    let is_read =
        || plan.all().filter_map(|node| node.table.as_deref()).any(|table| tables.iter().any(|one| one == table));
    // What is only written has no line in a plan.
    let is_named =
        || plan.catalog.around(&plan.sql, |_| true).objects.iter().any(|object| tables.contains(&object.name));
    is_read() || !is_reading(plan) && is_named()
}

/// The cost of new indexes for other statements.
#[derive(Debug, Default)]
pub(super) struct OthersCost {
    /// A statement that they make dearer.
    pub(super) dearer: Option<String>,
    pub(super) upkeep: Option<Upkeep>,
}

/// Returns for each set of indexes what it costs the other statements of a plan.
pub(super) fn cost_for_others(plan: &Plan, sets: &[Set]) -> Result<Vec<OthersCost>> {
    let pool = distinct(sets.iter().flatten().cloned());
    let tables: Vec<Name> = distinct(pool.iter().map(|one| one.table.clone()));
    let near: Vec<Plan> = plan.others.iter().filter(|other| reaches(other, &tables)).cloned().collect();
    if near.is_empty() {
        return Ok(Vec::new());
    }
    let mut statements = Statements::new(near, MAX_PLANS)?;
    statements.pool = pool;
    let cost = |set: &Set| {
        let numbers = set.iter().filter_map(|one| statements.pool.iter().position(|known| known == one));
        let numbers: Vec<usize> = numbers.collect();
        match (0..statements.plans.len()).find(|&at| statements.is_dearer(at, &numbers)) {
            Some(at) => OthersCost { dearer: Some(statements.plans[at].written().to_owned()), upkeep: None },
            None => OthersCost { dearer: None, upkeep: statements.upkeep(&numbers) },
        }
    };
    Ok(sets.iter().map(cost).collect())
}

/// A choice among the indexes that are advised for each statement.
struct Choice {
    statements: Statements,
    /// The number of the first statements, which the indexes are for. The others are only not to become dearer.
    served: usize,
    /// The statements that each candidate of the pool was found for.
    found: Vec<Origin>,
    /// The statements that no index was searched for.
    unsearched: Vec<usize>,
}

/// The statements that a candidate was found for.
#[derive(Debug, Default)]
struct Origin {
    /// The statements whose lookups of children it ends the scans of.
    lookups: Vec<usize>,
    /// True if a search found it too, so that it may serve other statements.
    is_searched: bool,
}

impl Choice {
    /// Adds what is advised for a statement to the pool.
    fn search(&mut self, at: usize) {
        let plan = &self.statements.plans[at];
        let lookups = Lookups::of(plan);
        let search = match &lookups {
            Some(lookups) => lookups.rest.as_ref().and_then(Trials::of).map(Search::new),
            None => Trials::on(self.statements.trial.clone(), plan)
                .map(|trials| Search::new(trials).measured_on(&self.statements.rows, at)),
        };
        let (mut sets, mut made, mut is_cheaper) = (Vec::new(), 1, false);
        if let Some(mut search) = search {
            sets = search.run(&Goal::All);
            is_cheaper = search.is_cheaper_with_all(&sets);
            made += search.trials.made();
        }
        self.statements.spend(made);
        for one in lookups.into_iter().flat_map(|lookups| lookups.found).flat_map(|(set, _)| set) {
            let number = self.add(one);
            self.found[number].lookups.push(at);
        }
        let numbers: Vec<usize> = sets.into_iter().flat_map(|(set, _)| set).map(|one| self.add_searched(one)).collect();
        if is_cheaper {
            self.statements.set_cheaper(at, &numbers);
        }
    }

    /// Adds a candidate to the pool, unless it is there, and returns its number.
    fn add(&mut self, candidate: Candidate) -> usize {
        let pool = &mut self.statements.pool;
        pool.iter().position(|known| *known == candidate).unwrap_or_else(|| {
            pool.push(candidate);
            self.found.push(Origin::default());
            pool.len() - 1
        })
    }

    fn add_searched(&mut self, candidate: Candidate) -> usize {
        let number = self.add(candidate);
        self.found[number].is_searched = true;
        number
    }

    /// Returns the steps that are left in all plans that can be made on the copy. `None` if SQLite refuses one of the candidates.
    fn left(&mut self, set: &[usize]) -> Option<usize> {
        let mut left = 0;
        for at in 0..self.served {
            if self.statements.planned(at, &[]).is_some() {
                left += self.statements.planned(at, set)?.left();
            }
        }
        Some(left)
    }

    /// Returns the number of statements that take more steps than without new indexes.
    fn dearer(&mut self, set: &[usize]) -> usize {
        (0..self.statements.plans.len()).filter(|&at| self.statements.is_dearer(at, set)).count()
    }

    /// Returns true if the plans are as good with a set as with another. Plans decide first, for they cost less than steps.
    fn is_as_good(&mut self, set: &[usize], other: &[usize]) -> bool {
        match (self.left(set), self.left(other)) {
            (Some(left), Some(of_other)) if left == of_other => self.dearer(set) <= self.dearer(other),
            (Some(left), Some(of_other)) => left < of_other,
            _ => false,
        }
    }

    fn choose(&mut self) -> Vec<usize> {
        let mut set: Vec<usize> = (0..self.statements.pool.len()).collect();
        self.leave_out(&mut set);
        self.merge(&mut set);
        self.leave_out(&mut set);
        let before = set.clone();
        self.take_back(&mut set);
        self.put_back(&mut set, &before);
        set
    }

    /// Leaves out the indexes without which the plans are as good. Of two that can replace each other the wider one stays, which
    /// finds fewer rows.
    fn leave_out(&mut self, set: &mut Vec<usize>) {
        let mut order = set.clone();
        order.order_by_key(|&number| self.statements.pool[number].terms.len());
        for number in order {
            if self.is_alone(number) || self.statements.is_cut_short() {
                continue;
            }
            let fewer: Vec<usize> = set.iter().copied().filter(|&other| other != number).collect();
            if self.can_replace(&fewer, set) {
                *set = fewer;
            }
        }
    }

    /// Returns true if the plans are as good with a set as with another, and no statement takes far more steps.
    fn can_replace(&mut self, set: &[usize], other: &[usize]) -> bool {
        self.is_as_good(set, other) && !(0..self.served).any(|at| self.statements.is_far_cheaper(at, other, set))
    }

    /// Returns true for an index for the lookups of children that is the only candidate on its table, so that nothing can
    /// replace it.
    fn is_alone(&self, number: usize) -> bool {
        let pool = &self.statements.pool;
        !self.found[number].lookups.is_empty() && pool.iter().filter(|one| one.table == pool[number].table).count() == 1
    }

    /// Replaces two indexes of a table by one that begins with the columns of the one and goes on with those of the other.
    fn merge(&mut self, set: &mut Vec<usize>) {
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for &one in set.iter() {
            let is_partner = |other: &&usize| {
                let (one, other) = (&self.statements.pool[one], &self.statements.pool[**other]);
                // The statements of the other are searched by the first column too, or it could not stand in front.
                let has_first = one.terms.first().is_some_and(|first| other.has(first));
                one.table == other.table && one.partial == other.partial && one != other && has_first
            };
            pairs.extend(set.iter().filter(is_partner).map(|&other| (one, other)));
        }
        for (one, other) in pairs {
            if !(set.contains(&one) && set.contains(&other)) || self.statements.is_cut_short() {
                continue;
            }
            let mut merged = self.statements.pool[one].clone();
            let more = self.statements.pool[other].terms.iter().filter(|term| !merged.has(term)).cloned();
            merged.terms.extend(more.collect::<Vec<_>>());
            let number = self.add_searched(merged);
            let mut fewer: Vec<usize> = set.iter().copied().filter(|&old| old != one && old != other).collect();
            fewer.push(number);
            if self.can_replace(&fewer, set) {
                *set = fewer;
            }
        }
    }

    /// Takes indexes back until no statement is dearer than without them.
    fn take_back(&mut self, set: &mut Vec<usize>) {
        while let Some(at) = (0..self.statements.plans.len()).find(|&at| self.statements.is_dearer(at, set)) {
            let uses = self.statements.planned(at, set).map_or_else(Vec::new, |planned| planned.uses.clone());
            let without = |number: usize| set.iter().copied().filter(|&other| other != number).collect::<Vec<_>>();
            let ends_it = |number: &&usize| !self.statements.is_dearer(at, &without(**number));
            let number = uses.iter().find(ends_it).or(uses.first()).copied();
            let Some(number) = number.or_else(|| self.statements.near(at, set).first().copied()) else { return };
            set.retain(|other| *other != number);
        }
    }

    /// Adds indexes for the statements that have lost theirs, if they make no statement dearer.
    fn put_back(&mut self, set: &mut Vec<usize>, before: &[usize]) {
        let everything: Vec<usize> = (0..self.statements.pool.len()).collect();
        for at in 0..self.served {
            for number in self.statements.near(at, &everything) {
                if self.statements.is_cut_short() || !self.has_less_left(at, before, set) {
                    break;
                }
                let more: Vec<usize> = set.iter().copied().chain([number]).collect();
                if !set.contains(&number) && self.has_less_left(at, &more, set) && self.dearer(&more) == 0 {
                    *set = more;
                }
            }
        }
    }

    /// Returns true if a statement has less left with these candidates than without.
    fn is_served(&mut self, at: usize, set: &[usize]) -> bool {
        self.has_less_left(at, set, &[])
    }

    /// Returns true if a statement has less left with some candidates than with others.
    fn has_less_left(&mut self, at: usize, set: &[usize], others: &[usize]) -> bool {
        let (with, other) = (self.statements.planned(at, set), self.statements.planned(at, others));
        with.zip(other).is_some_and(|(with, other)| with.left() < other.left())
    }

    /// Returns the largest number of statements that the search found of which no two are served by the same candidate.
    fn least(&mut self, set: &[usize]) -> usize {
        let mut serving: Vec<(usize, Vec<usize>)> = Vec::new();
        for at in (0..self.served).filter(|&at| !self.statements.near(at, set).is_empty()).collect::<Vec<_>>() {
            if !self.is_served(at, set) {
                continue;
            }
            let everything: Vec<usize> = (0..self.statements.pool.len()).collect();
            let mut by = self.statements.near(at, &everything);
            by.retain(|&number| {
                let Origin { lookups, is_searched } = &self.found[number];
                lookups.contains(&at) || *is_searched && self.is_served(at, &[number])
            });
            if !by.is_empty() {
                serving.push((at, by));
            }
        }
        serving.order_by_key(|(_, by)| by.len());
        let (mut taken, mut count): (Vec<usize>, usize) = (Vec::new(), 0);
        for (_, by) in serving {
            if !by.iter().any(|number| taken.contains(number)) {
                taken.extend(by);
                count += 1;
            }
        }
        count
    }

    fn report(&mut self, set: &[usize], mut taken: Vec<String>, advice: &mut SharedAdvice) {
        advice.tried = self.statements.pool.len();
        advice.is_cut_short = self.statements.is_cut_short();
        self.statements.forget_plans();
        advice.least = self.least(set);
        advice.upkeep = self.statements.upkeep(set);
        for &number in set {
            let pool = &self.statements.pool[number..=number];
            let index = candidate::advice(pool, Vec::new(), &self.statements.trial.schema, &mut taken);
            let served = self.served;
            let uses = |at: &usize| {
                let planned = self.statements.planned(*at, set);
                planned.is_some_and(|planned| planned.uses.contains(&number)) && self.is_served(*at, set)
            };
            let served: Vec<usize> = (0..served).filter(uses).collect();
            let statements = distinct(served.iter().map(|&at| self.statements.plans[at].written().to_owned()));
            advice.indexes.extend(index.indexes.into_iter().map(|one| SharedIndex {
                sql: index.sql.clone(),
                index: one,
                statements: statements.clone(),
            }));
        }
        for at in 0..self.served {
            match self.left_over(at, set) {
                Some(left) if self.unsearched.contains(&at) => advice.unsearched.push(left.sql),
                Some(left) if !advice.left.contains(&left) => advice.left.push(left),
                _ => {}
            }
        }
    }

    fn left_over(&mut self, at: usize, set: &[usize]) -> Option<LeftOver> {
        let planned = self.statements.planned(at, set).filter(|planned| planned.left() > 0)?;
        let everything: Vec<usize> = (0..self.statements.pool.len()).collect();
        let with_all = self.statements.planned(at, &everything);
        Some(LeftOver {
            sql: self.statements.plans[at].written().to_owned(),
            scans: planned.expensive.scans.iter().map(String::from).collect(),
            sorts: !planned.expensive.sorts.is_empty(),
            is_refused: with_all.is_some_and(|all| all.left() < planned.left()),
        })
    }
}
