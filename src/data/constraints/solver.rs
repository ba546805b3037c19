//! Groups columns by the conditions that they share, and finds values for each group.

use crate::data::constraints::condition::{Branch, Condition, MAX_BRANCHES, product};
use crate::data::constraints::functions::storage_class;
use crate::data::constraints::group::{ColumnGroup, ColumnSource, Solution, SolverInput};
use crate::data::constraints::search::search;
use crate::data::constraints::trial::{Evaluator, SAMPLES, Trial, shown_row};
use crate::data::values::choose;
use crate::data::values::domain::{Domain, Member, Nullability, Shape};
use crate::data::values::source::{Document, Source};
use crate::data::values::value_buf::ValueBuf;
use crate::draw::named;
use crate::order::Order as _;
use crate::schema::{Affinity, Column};

/// A condition for which no values were found.
pub(crate) struct Unsolved {
    /// The index of the condition.
    pub(crate) condition: usize,
    /// Rows that were rejected, as text.
    pub(crate) tried: Vec<String>,
}

/// Groups the columns and finds solutions for each group.
pub(crate) fn solve(
    input: &SolverInput<'_>,
    conditions: &[Condition],
    evaluator: &Evaluator<'_>,
) -> Result<Vec<ColumnGroup>, Unsolved> {
    let mut groups: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
    for (index, condition) in conditions.iter().enumerate() {
        let (mut columns, mut members) = (condition.columns.clone(), vec![index]);
        groups.retain(|(others, indexes)| {
            let shares = others.iter().any(|column| columns.contains(column));
            if shares {
                columns.extend(others);
                members.extend(indexes);
            }
            !shares
        });
        columns.order();
        columns.dedup();
        members.order();
        groups.push((columns, members));
    }
    groups
        .into_iter()
        .filter(|(columns, _)| !columns.is_empty())
        .map(|(columns, members)| {
            let name = columns.iter().map(|column| input.names[*column].as_str()).min().unwrap_or_default();
            let key = named(named(input.seed, "way of"), name);
            GroupSolver { input, conditions, evaluator, columns, members, key }.solve()
        })
        .collect()
}

/// The columns of a group, and the conditions that tie them together.
struct GroupSolver<'a> {
    input: &'a SolverInput<'a>,
    conditions: &'a [Condition],
    evaluator: &'a Evaluator<'a>,
    columns: Vec<usize>,
    /// The indexes of the conditions.
    members: Vec<usize>,
    key: u64,
}

impl GroupSolver<'_> {
    fn solve(&self) -> Result<ColumnGroup, Unsolved> {
        if let Some(condition) = self.contradiction() {
            return Err(Unsolved { condition, tried: Vec::new() });
        }
        let branches = self.branches();
        // Values of parents and closures are not known yet, so conditions about them cannot be evaluated.
        let is_evaluated = |index: &&usize| {
            let condition = &self.conditions[**index];
            !condition.is_derived && !condition.columns.iter().any(|column| self.input.is_external[*column])
        };
        let evaluated = self.members.iter().filter(is_evaluated);
        let expressions: Vec<&str> = evaluated.map(|index| self.conditions[*index].sql.as_str()).collect();
        let mut trial = Trial::prepare(self.input, &self.columns, self.key, self.evaluator, &expressions);
        let solutions = match &mut trial {
            Some(trial) if !expressions.is_empty() => self.tried(&branches, trial),
            _ => branches.iter().filter_map(|branch| self.solution(branch, false)).collect(),
        };
        if solutions.is_empty() {
            let names: Vec<&str> = self.columns.iter().map(|column| self.input.names[*column].as_str()).collect();
            let rejected = trial.as_ref().map_or(&[][..], |trial| &trial.rejected);
            let condition = if trial.is_some() { self.unmet(&names, rejected) } else { self.members[0] };
            return Err(Unsolved { condition, tried: rejected.iter().map(|row| shown_row(&names, row)).collect() });
        }
        Ok(ColumnGroup { columns: self.columns.clone(), solutions, key: self.key })
    }

    /// Returns a condition that excludes those before it. They have to be understood completely. A value that the test gives
    /// is tried, so that the report can show it.
    fn contradiction(&self) -> Option<usize> {
        let mut branches = self.own();
        if branches[0].domains.iter().any(|(_, domain)| domain.choices.is_some()) {
            return None;
        }
        for &index in self.members.iter().filter(|index| self.conditions[**index].is_exact) {
            branches = product(&branches, &self.conditions[index].branches);
            match branches.len() {
                0 => return Some(index),
                MAX_BRANCHES => return None,
                _ => {}
            }
        }
        None
    }

    /// Returns the branch of the columns alone.
    fn own(&self) -> Vec<Branch> {
        let own = self.columns.iter().map(|column| (*column, self.input.domains[*column].clone()));
        vec![Branch { domains: own.collect(), ..Branch::default() }]
    }

    /// Returns the branches in which all conditions hold, as far as they are understood.
    fn branches(&self) -> Vec<Branch> {
        let mut branches = self.own();
        // Conditions with few branches come first, so that a cut leaves out little.
        let mut by_size = self.members.clone();
        by_size.order_by_key(|index| self.conditions[*index].branches.len());
        for index in by_size {
            let both = product(&branches, &self.conditions[index].branches);
            // If nothing is left, a condition is not understood well enough, and SQLite decides.
            if !both.is_empty() {
                branches = both;
            }
        }
        branches
    }

    /// Returns the solutions of which samples pass. Searches for values if there are none.
    fn tried(&self, branches: &[Branch], trial: &mut Trial<'_>) -> Vec<Solution> {
        let mut rated: Vec<(u64, Solution)> = Vec::new();
        for branch in branches {
            // The values that a column has without conditions are more natural, if they pass.
            if let Some(natural) = self.solution(branch, true)
                && trial.passes_all(&natural, false)
            {
                rated.push((SAMPLES, natural));
            } else if let Some(solution) = self.solution(branch, false) {
                rated.push((trial.score(&solution), solution));
            }
        }
        let best = rated.iter().map(|(passed, _)| *passed).max().unwrap_or(0);
        // With less than half of the best, too many rows would be refused.
        rated.retain(|(passed, _)| *passed > 0 && *passed * 2 >= best);
        if best < SAMPLES / 3 {
            let texts: Vec<&str> = self.members.iter().map(|index| self.conditions[*index].shown.as_str()).collect();
            if let Some(found) = search(trial, &texts) {
                return vec![found];
            }
        }
        let mut solutions: Vec<Solution> = rated.into_iter().map(|(_, solution)| solution).collect();
        solutions.iter_mut().for_each(|solution| trial.forbid_nulls(solution));
        solutions
    }

    /// Returns the index of the condition that refuses most of the rejected values.
    fn unmet(&self, names: &[&str], rejected: &[Vec<ValueBuf>]) -> usize {
        let mut worst = (0, self.members[0]);
        for &index in &self.members {
            let Some(mut check) = self.evaluator.prepare(names, &[&self.conditions[index].sql]) else { return index };
            let refused = rejected.iter().filter(|row| !check.passes(*row)).count();
            worst = worst.max((refused, index));
        }
        worst.1
    }

    /// Returns the solution for a branch. A `natural` one uses the default source of a column if it can.
    fn solution(&self, branch: &Branch, natural: bool) -> Option<Solution> {
        let mut sources = Vec::new();
        for &column in &self.columns {
            let domain = branch.domains.iter().find(|(other, _)| *other == column).map(|(_, domain)| domain);
            let domain = domain.cloned().unwrap_or_default();
            let may_be_default = domain.nullability != Nullability::Required
                && (domain.is_free() || natural && domain.choices.is_none());
            let source = if self.input.is_external[column] {
                None
            } else if let (Some(Shape::Document(members)), None) = (&domain.shape, &domain.choices) {
                Some(Source::Document(self.document(members)?))
            } else if let (Some(source), true) = (&self.input.default_sources[column], may_be_default) {
                Some(source.clone())
            } else {
                Some(choose::source(self.input.columns[column], self.input.table.strict, &domain)?)
            };
            sources.push(ColumnSource { column, source, nullability: domain.nullability });
        }
        Some(Solution::Generated { sources, relations: branch.relations.clone() })
    }

    /// Returns a document with these members. Unrestricted members get values that fit their names.
    fn document(&self, members: &[Member]) -> Option<Document> {
        let mut document = Document::empty();
        for Member { path, declared_type, domain } in members {
            let column = Column {
                name: path.last()?.clone().into(),
                declared_type: declared_type.clone(),
                affinity: Affinity::of(declared_type, false),
                not_null: domain.nullability == Nullability::Forbidden,
                not_null_on_conflict: None,
                default: None,
                collation: "BINARY".to_owned(),
                generated: None,
                hidden: false,
            };
            let may_be_default = domain.is_free() && domain.nullability != Nullability::Required;
            let default = if may_be_default { (self.input.default_source)(&column) } else { None };
            document.add(path, default.or_else(|| choose::source(&column, false, &of_member(domain)))?);
        }
        Some(document)
    }
}

/// Returns the domain of the values of a member. A JSON type is the storage class of a plain value if more is known of it.
fn of_member(domain: &Domain) -> Domain {
    let Some(Shape::Json(Some(kind))) = &domain.shape else { return domain.clone() };
    let Some(class) = storage_class(kind) else { return domain.clone() };
    let plain = Domain { shape: None, ..domain.clone() };
    if plain.is_free() { domain.clone() } else { Domain { classes: plain.classes & class, ..plain } }
}
