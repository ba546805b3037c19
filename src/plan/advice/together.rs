//! The smallest set of indexes for several statements.
//!
//! ```text
//! each statement -> what is advised for it alone -> all of it together, on one copy with rows
//!   -> merge two that share columns, leave out what no statement misses, take back what makes a statement dearer
//!   -> a bound: statements of which no two can be served by one index
//! ```

use std::collections::HashMap;

use rusqlite::Connection;

use super::candidate::{self, Candidate};
use super::children::Lookups;
use super::search::{Search, Set};
use super::shared::{LeftOver, SharedAdvice, SharedIndex};
use super::trial::{ExpensiveSteps, Goal, Trials, trial_name};
use crate::error::{Error, Result};
use crate::plan::catalog::Catalog;
use crate::plan::explain::try_explain;
use crate::plan::query_plan::{KnownStatement, Plan};
use crate::plan::sample::{self, MeasuredStatement, Reach, Work};
use crate::plan::tree::distinct;
use crate::schema::schema_copy::SchemaCopy;
use crate::schema::{Schema, Table};
use crate::sql::{Name, tokens};

/// Returns the smallest set of indexes that removes what indexes can remove from the plans of these statements, and that makes
/// neither them nor the others dearer.
pub(crate) fn together(
    connection: &Connection,
    statements: &[KnownStatement],
    others: &[KnownStatement],
) -> Result<SharedAdvice> {
    let mut advice = SharedAdvice::default();
    let mut plans = Vec::new();
    for known in statements {
        match try_explain(connection, &known.planned) {
            Ok(plan) => plans.push(plan.written_as(&known.written)),
            Err(_) => advice.unplanned.push(known.written.clone()),
        }
    }
    let mut pool = Vec::new();
    for plan in plans.iter().filter(|plan| Goal::All.left(&ExpensiveSteps::of(plan)) > 0) {
        pool.extend(sets_of(plan).into_iter().flatten());
    }
    let Some(first) = plans.first() else { return Ok(advice) };
    let taken = first.catalog.objects.iter().map(|object| object.name.to_string()).collect();
    let served = plans.len();
    plans.extend(planned(connection, others));
    let mut workload = Workload::new(plans, served, distinct(pool))?;
    let chosen = workload.choose();
    workload.report(&chosen, taken, &mut advice);
    Ok(advice)
}

/// Returns for each set of indexes the statement among the others of a plan that it makes dearer, if there is one.
pub(super) fn made_dearer(plan: &Plan, sets: &[Set]) -> Result<Vec<Option<String>>> {
    let pool = distinct(sets.iter().flatten().cloned());
    let texts: Vec<&str> = plan.others.iter().map(|other| other.planned.as_str()).collect();
    let copy = plan.catalog.around(&texts.join(";\n"), |_| true).empty_copy()?;
    texts.iter().for_each(|sql| drop(copy.prepare(sql)));
    let schema = Schema::read(&copy.connection)?;
    let mut plans = planned(&copy.connection, &plan.others);
    let is_near = |table: &&Table| pool.iter().any(|one| one.table == table.name);
    plans.retain(|other| Reach::of(&schema, &other.sql).tables.iter().any(is_near));
    if plans.is_empty() {
        return Ok(vec![None; sets.len()]);
    }
    let number = |one: &Candidate| pool.iter().position(|known| known == one);
    let sets: Vec<Vec<usize>> = sets.iter().map(|set| set.iter().filter_map(number).collect()).collect();
    let mut workload = Workload::new(plans, 0, pool)?;
    let dearer = |set: Vec<usize>| {
        let runs = workload.runs(&set)?;
        let at = (0..runs.len()).find(|&at| workload.is_dearer(at, &runs))?;
        Some(workload.plans[at].written().to_owned())
    };
    Ok(sets.into_iter().map(dearer).collect())
}

/// Returns the sets of indexes that are advised for a plan.
fn sets_of(plan: &Plan) -> Vec<Set> {
    let lookups = Lookups::of(plan);
    let rest = lookups.as_ref().map_or(Some(plan), |lookups| lookups.rest.as_ref());
    let sets = rest.and_then(Trials::of).map(|trials| Search::new(trials).run(&Goal::All)).unwrap_or_default();
    let children = lookups.iter().flat_map(|lookups| &lookups.found).map(|(set, _)| set.clone());
    children.chain(sets.into_iter().map(|(set, _)| set)).collect()
}

fn planned(connection: &Connection, statements: &[KnownStatement]) -> Vec<Plan> {
    let plan = |known: &KnownStatement| Some(try_explain(connection, &known.planned).ok()?.written_as(&known.written));
    statements.iter().filter_map(plan).collect()
}

/// The plan of a statement with some indexes, and its work.
#[derive(Clone, Debug)]
struct Run {
    /// The numbers of the candidates that it uses.
    uses: Vec<usize>,
    expensive: ExpensiveSteps,
    work: Option<Work>,
    /// The number of new indexes on the tables that the statement reads or writes.
    new_indexes: usize,
}

impl Run {
    fn left(&self) -> usize {
        Goal::All.left(&self.expensive)
    }
}

/// The statements on one copy with rows, and the indexes that may be created there.
struct Workload {
    plans: Vec<Plan>,
    /// The number of the first plans, which the indexes are for. The others are only not to become dearer.
    served: usize,
    /// The tables that each statement reads or writes.
    tables: Vec<Vec<Name>>,
    copy: SchemaCopy,
    schema: Schema,
    measured: Vec<MeasuredStatement>,
    pool: Vec<Candidate>,
    /// The candidates that exist on the copy.
    created: Vec<usize>,
    /// The runs without a new index.
    base: Vec<Run>,
    /// The runs by statement and the candidates on its tables.
    known: HashMap<(usize, Vec<usize>), Run>,
    /// The runs by statement and plan.
    by_plan: HashMap<(usize, String), Run>,
}

impl Workload {
    fn new(plans: Vec<Plan>, served: usize, pool: Vec<Candidate>) -> Result<Workload> {
        let all: Vec<&str> = plans.iter().map(|plan| plan.sql.as_str()).collect();
        let catalog =
            plans.first().map_or_else(Catalog::default, |plan| plan.catalog.around(&all.join(";\n"), |_| true));
        let mut copy = catalog.empty_copy()?;
        all.iter().for_each(|sql| drop(copy.prepare(sql)));
        let schema = Schema::read(&copy.connection)?;
        let reached = |sql: &&str| Reach::of(&schema, sql).tables.iter().map(|table| table.name.clone()).collect();
        let tables = all.iter().map(reached).collect();
        let measured = sample::fill(&mut copy.connection, &schema, plans.iter().map(Plan::measured_sql))
            .map_err(|error| Error::sqlite("fill a copy of the schema", error))?;
        let (created, base) = (Vec::new(), Vec::new());
        let (known, by_plan) = (HashMap::new(), HashMap::new());
        let mut workload =
            Workload { plans, served, tables, copy, schema, measured, pool, created, base, known, by_plan };
        workload.base = workload.runs(&[]).unwrap_or_default();
        Ok(workload)
    }

    /// Returns the runs of all statements with these candidates. `None` if SQLite refuses one of them.
    fn runs(&mut self, set: &[usize]) -> Option<Vec<Run>> {
        let mut keys: Vec<(usize, Vec<usize>)> = Vec::new();
        for at in 0..self.plans.len() {
            let mut near: Vec<usize> = set.iter().copied().filter(|&number| self.is_near(at, number)).collect();
            near.sort_unstable();
            keys.push((at, near));
        }
        // What is stopped while it writes takes the candidates back, so they are created again for the rest.
        while keys.iter().any(|key| !self.known.contains_key(key)) {
            let missing: Vec<_> = keys.iter().filter(|key| !self.known.contains_key(*key)).cloned().collect();
            let (connection, change) = (&self.copy.connection, self.change_to(set));
            let (plans, measured, by_plan) = (&self.plans, &self.measured, &mut self.by_plan);
            let runs = sample::changed(connection, &change, || {
                let mut runs = Vec::new();
                for key in missing {
                    runs.push((key.clone(), run(&self.copy, &plans[key.0], &measured[key.0], &key, by_plan)));
                    if connection.is_autocommit() {
                        break;
                    }
                }
                Some(runs)
            });
            self.known.extend(runs?);
        }
        keys.iter().map(|key| self.known.get(key).cloned()).collect()
    }

    /// Returns true if a candidate is of a table that the statement reads or writes.
    fn is_near(&self, at: usize, number: usize) -> bool {
        self.tables[at].contains(&self.pool[number].table)
    }

    /// Returns the statements that create and drop candidates until these exist.
    fn change_to(&self, set: &[usize]) -> String {
        let gone = self.created.iter().filter(|number| !set.contains(number));
        let new = set.iter().filter(|number| !self.created.contains(number));
        let drop = gone.map(|&number| format!("DROP INDEX {};", trial_name(number)));
        drop.chain(new.map(|&number| self.pool[number].create(&trial_name(number)))).collect()
    }

    /// Keeps these candidates on the copy, so that the next sets, which differ little, cost little.
    fn keep(&mut self, set: &[usize]) {
        let _own = crate::own::statements();
        if self.copy.connection.execute_batch(&self.change_to(set)).is_ok() {
            self.created = set.to_vec();
        }
    }

    /// Returns the steps of scans and sorts that are left in all plans, and the number of statements that take more steps than
    /// without new indexes.
    fn cost(&self, runs: &[Run]) -> (usize, usize) {
        let dearer = (0..runs.len()).filter(|&at| self.is_dearer(at, runs)).count();
        (runs[..self.served].iter().map(Run::left).sum(), dearer)
    }

    fn is_dearer(&self, at: usize, runs: &[Run]) -> bool {
        let (before, after) = (self.base.get(at).and_then(|run| run.work), &runs[at]);
        let work = before.zip(after.work);
        work.is_some_and(|(before, now)| now.is_dearer_than(&before, after.new_indexes))
    }

    fn choose(&mut self) -> Vec<usize> {
        let mut set: Vec<usize> = (0..self.pool.len()).collect();
        self.leave_out(&mut set);
        self.merge(&mut set);
        self.leave_out(&mut set);
        self.take_back(&mut set);
        set
    }

    /// Leaves out the indexes without which the plans are as good. Of two that can replace each other the wider one stays, which
    /// finds fewer rows.
    fn leave_out(&mut self, set: &mut Vec<usize>) {
        self.keep(set);
        let Some(mut best) = self.runs(set).map(|runs| self.cost(&runs)) else { return };
        let mut order = set.clone();
        order.sort_by_key(|&number| self.pool[number].terms.len());
        for number in order {
            let fewer: Vec<usize> = set.iter().copied().filter(|&other| other != number).collect();
            let cost = self.runs(&fewer).map(|runs| self.cost(&runs));
            if let Some(cost) = cost.filter(|cost| *cost <= best) {
                (best, *set) = (cost, fewer);
                self.keep(set);
            }
        }
    }

    /// Replaces two indexes of a table by one that begins with the columns of the one and goes on with those of the other.
    fn merge(&mut self, set: &mut Vec<usize>) {
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for &one in set.iter() {
            let is_partner = |other: &&usize| {
                let (one, other) = (&self.pool[one], &self.pool[**other]);
                // The statements of the other are searched by the first column too, or it could not stand in front.
                let has_first = one.terms.first().is_some_and(|first| other.has(first));
                one.table == other.table && one.partial == other.partial && one != other && has_first
            };
            pairs.extend(set.iter().filter(is_partner).map(|&other| (one, other)));
        }
        for (one, other) in pairs {
            if !(set.contains(&one) && set.contains(&other)) {
                continue;
            }
            let Some(best) = self.runs(set).map(|runs| self.cost(&runs)) else { return };
            let mut merged = self.pool[one].clone();
            let more = self.pool[other].terms.iter().filter(|term| !merged.has(term)).cloned();
            merged.terms.extend(more.collect::<Vec<_>>());
            let number = self.pool.iter().position(|known| *known == merged).unwrap_or(self.pool.len());
            if number == self.pool.len() {
                self.pool.push(merged);
            }
            let mut fewer: Vec<usize> = set.iter().copied().filter(|&old| old != one && old != other).collect();
            fewer.push(number);
            if self.runs(&fewer).is_some_and(|runs| self.cost(&runs) <= best) {
                *set = fewer;
                self.keep(set);
            }
        }
    }

    /// Takes indexes back until no statement is dearer than without them.
    fn take_back(&mut self, set: &mut Vec<usize>) {
        while let Some(runs) = self.runs(set) {
            let dearer = (0..runs.len()).find(|&at| self.is_dearer(at, &runs));
            let Some(number) = dearer.and_then(|at| runs[at].uses.first().or(set.first()).copied()) else { return };
            set.retain(|other| *other != number);
        }
    }

    /// Returns the largest number of statements that the search found of which no two are served by the same candidate.
    fn least(&mut self, runs: &[Run]) -> usize {
        self.keep(&[]);
        let mut serving: Vec<Vec<usize>> = vec![Vec::new(); self.served];
        for number in 0..self.pool.len() {
            let Some(alone) = self.runs(&[number]) else { continue };
            for at in (0..self.served).filter(|&at| alone[at].left() < self.base[at].left()) {
                serving[at].push(number);
            }
        }
        let is_served = |at: &usize| runs[*at].left() < self.base[*at].left() && !serving[*at].is_empty();
        let mut served: Vec<usize> = (0..self.served).filter(is_served).collect();
        served.sort_by_key(|&at| serving[at].len());
        let (mut taken, mut count): (Vec<usize>, usize) = (Vec::new(), 0);
        for at in served {
            if !serving[at].iter().any(|number| taken.contains(number)) {
                taken.extend(&serving[at]);
                count += 1;
            }
        }
        count
    }

    fn report(&mut self, set: &[usize], mut taken: Vec<String>, advice: &mut SharedAdvice) {
        let Some(runs) = self.runs(set) else { return };
        let everything: Vec<usize> = (0..self.pool.len()).collect();
        let with_all = self.runs(&everything).unwrap_or_else(|| runs.clone());
        advice.tried = self.pool.len();
        advice.least = self.least(&runs);
        for &number in set {
            let index = candidate::advice(&self.pool[number..=number], Vec::new(), &self.schema, &mut taken);
            let is_served = |at: &usize| runs[*at].uses.contains(&number) && runs[*at].left() < self.base[*at].left();
            let served = (0..self.served).filter(is_served);
            let statements = distinct(served.map(|at| self.plans[at].written().to_owned()));
            advice.indexes.extend(index.indexes.into_iter().map(|one| SharedIndex {
                sql: index.sql.clone(),
                index: one,
                statements: statements.clone(),
            }));
        }
        let left = (0..self.served).filter(|&at| runs[at].left() > 0).map(|at| LeftOver {
            sql: self.plans[at].written().to_owned(),
            scans: runs[at].expensive.scans.iter().map(String::from).collect(),
            sorts: !runs[at].expensive.sorts.is_empty(),
            is_refused: with_all[at].left() < runs[at].left(),
        });
        advice.left = distinct(left);
    }
}

/// Runs a statement, or finds the same plan of it among the runs before.
fn run(
    copy: &SchemaCopy,
    plan: &Plan,
    measured: &MeasuredStatement,
    (at, set): &(usize, Vec<usize>),
    by_plan: &mut HashMap<(usize, String), Run>,
) -> Run {
    let lines = copy.plan(&plan.sql).unwrap_or_default().join("\n");
    // What triggers and foreign keys read is not in the text of a plan, and neither are the entries that a write changes.
    let key = match plan.effects.is_empty() && is_reading(plan) {
        true => (*at, lines),
        false => (*at, format!("{lines}\n{set:?}")),
    };
    if let Some(run) = by_plan.get(&key) {
        return run.clone();
    }
    let again = try_explain(&copy.connection, &plan.sql);
    let uses = |number: &usize| again.as_ref().is_ok_and(|plan| plan.uses_index(&trial_name(*number)));
    let run = Run {
        uses: set.iter().copied().filter(uses).collect(),
        expensive: again.as_ref().map(ExpensiveSteps::of).unwrap_or_default(),
        work: measured.work(&copy.connection),
        new_indexes: set.len(),
    };
    by_plan.insert(key, run.clone());
    run
}

/// Returns true for a statement that writes nothing.
fn is_reading(plan: &Plan) -> bool {
    let words = ["delete", "update", "replace", "insert"];
    !tokens(&plan.sql).iter().any(|token| words.iter().any(|word| token.is(word)))
}
