//! The smallest set of indexes for several statements.
//!
//! ```text
//! each statement -> what is advised for it alone -> all of it together, on one copy with rows
//!   -> merge two that share columns, leave out what no statement misses, take back what makes a statement dearer
//!   -> a bound: statements of which no two can be served by one index
//! ```

use std::collections::HashMap;

use rusqlite::Connection;

use super::advise::sets_of;
use super::candidate::{self, Candidate};
use super::shared::{LeftOver, SharedAdvice, SharedIndex};
use super::trial::{ExpensiveSteps, Goal, trial_name};
use crate::error::{Error, Result};
use crate::plan::catalog::Catalog;
use crate::plan::explain::try_explain;
use crate::plan::query_plan::Plan;
use crate::plan::sample::{self, MeasuredStatement};
use crate::plan::tree::distinct;
use crate::schema::Schema;
use crate::schema::schema_copy::SchemaCopy;

/// A statement as it was planned, and as the app has written it: with parameters where the other has values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownStatement {
    pub(crate) planned: String,
    pub(crate) written: String,
}

/// Returns the smallest set of indexes that removes what indexes can remove from the plans of these statements.
pub(crate) fn together(connection: &Connection, statements: &[KnownStatement]) -> Result<SharedAdvice> {
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
    let mut bench = Workload::new(plans, distinct(pool))?;
    let chosen = bench.choose();
    bench.report(&chosen, taken, &mut advice);
    Ok(advice)
}

/// The plan of a statement with some indexes, and its steps.
#[derive(Clone, Debug)]
struct Run {
    /// The numbers of the candidates that it uses.
    uses: Vec<usize>,
    expensive: ExpensiveSteps,
    steps: Option<u64>,
}

impl Run {
    fn left(&self) -> usize {
        Goal::All.left(&self.expensive)
    }
}

/// The statements on one copy with rows, and the indexes that may be created there.
struct Workload {
    plans: Vec<Plan>,
    copy: SchemaCopy,
    schema: Schema,
    measured: Vec<MeasuredStatement>,
    pool: Vec<Candidate>,
    /// The candidates that exist on the copy.
    created: Vec<usize>,
    /// The runs without a new index.
    base: Vec<Run>,
    /// The runs by statement and plan.
    known: HashMap<(usize, String), Run>,
}

impl Workload {
    fn new(plans: Vec<Plan>, pool: Vec<Candidate>) -> Result<Workload> {
        let all: Vec<&str> = plans.iter().map(|plan| plan.sql.as_str()).collect();
        let catalog =
            plans.first().map_or_else(Catalog::default, |plan| plan.catalog.around(&all.join(";\n"), |_| true));
        let mut copy = catalog.empty_copy()?;
        all.iter().for_each(|sql| drop(copy.prepare(sql)));
        let schema = Schema::read(&copy.connection)?;
        let measured = sample::fill(&mut copy.connection, &schema, plans.iter().map(Plan::measured_sql))
            .map_err(|error| Error::sqlite("fill a copy of the schema", error))?;
        let (created, base, known) = (Vec::new(), Vec::new(), HashMap::new());
        let mut workload = Workload { plans, copy, schema, measured, pool, created, base, known };
        workload.base = workload.runs(&[]).unwrap_or_default();
        Ok(workload)
    }

    /// Returns the runs of all statements with these candidates. `None` if SQLite refuses one of them.
    fn runs(&mut self, set: &[usize]) -> Option<Vec<Run>> {
        let _own = crate::own::statements();
        self.copy.connection.execute_batch("SAVEPOINT sqlitmus_indexes").ok()?;
        let changed = self.copy.connection.execute_batch(&self.change_to(set));
        let runs = changed.ok().map(|()| (0..self.plans.len()).map(|at| self.run(at, set)).collect());
        self.copy.connection.execute_batch("ROLLBACK TO sqlitmus_indexes; RELEASE sqlitmus_indexes").ok()?;
        runs
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

    fn run(&mut self, at: usize, set: &[usize]) -> Run {
        let sql = &self.plans[at].sql;
        // What triggers and foreign keys read is not in the text of a plan.
        let lines = self.copy.plan(sql).unwrap_or_default().join("\n");
        let key = match self.plans[at].effects.is_empty() {
            true => (at, lines),
            false => (at, format!("{lines}\n{set:?}")),
        };
        if let Some(run) = self.known.get(&key) {
            return run.clone();
        }
        let plan = try_explain(&self.copy.connection, sql);
        let uses = |number: &usize| plan.as_ref().is_ok_and(|plan| plan.uses_index(&trial_name(*number)));
        let run = Run {
            uses: set.iter().copied().filter(uses).collect(),
            expensive: plan.as_ref().map(ExpensiveSteps::of).unwrap_or_default(),
            steps: self.measured[at].steps(&self.copy.connection),
        };
        self.known.insert(key, run.clone());
        run
    }

    /// Returns the steps of scans and sorts that are left in all plans, and the number of statements that take more steps than
    /// without new indexes.
    fn cost(&self, runs: &[Run]) -> (usize, usize) {
        let dearer = (0..runs.len()).filter(|&at| self.is_dearer(at, runs)).count();
        (runs.iter().map(Run::left).sum(), dearer)
    }

    fn is_dearer(&self, at: usize, runs: &[Run]) -> bool {
        let steps = self.base[at].steps.zip(runs[at].steps);
        steps.is_some_and(|(before, after)| after > before + before / 10)
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
                one.table == other.table && one.partial == other.partial && one != other
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
        let mut serving: Vec<Vec<usize>> = vec![Vec::new(); self.plans.len()];
        for number in 0..self.pool.len() {
            let Some(alone) = self.runs(&[number]) else { continue };
            for at in (0..alone.len()).filter(|&at| alone[at].left() < self.base[at].left()) {
                serving[at].push(number);
            }
        }
        let is_served = |at: &usize| runs[*at].left() < self.base[*at].left() && !serving[*at].is_empty();
        let mut served: Vec<usize> = (0..runs.len()).filter(is_served).collect();
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
            let served = (0..runs.len()).filter(is_served);
            let statements = distinct(served.map(|at| self.plans[at].written().to_owned()));
            advice.indexes.extend(index.indexes.into_iter().map(|one| SharedIndex {
                sql: index.sql.clone(),
                index: one,
                statements: statements.clone(),
            }));
        }
        let left = (0..runs.len()).filter(|&at| runs[at].left() > 0).map(|at| LeftOver {
            sql: self.plans[at].written().to_owned(),
            scans: runs[at].expensive.scans.iter().map(String::from).collect(),
            sorts: !runs[at].expensive.sorts.is_empty(),
            is_refused: with_all[at].left() < runs[at].left(),
        });
        advice.left = distinct(left);
    }
}
