//! Finds what keeps SQLite from using an index: the changes without which it does not, and with which it does.

use super::question::{Change, Question, Removal};
use super::reason::{Obstacle, Reason, Remedy, WhyNot};
use super::statement::{Occurrence, Statement};
use super::texts;
use super::trial::{Edit, IndexShape, KEY, TRIAL, Target, Trials, Usage, edited};
use crate::plan::query_plan::Plan;
use crate::plan::tree::{Node, distinct};
use crate::schema::Table;

/// The number of plans that one question may cost.
const MAX_PLANS: usize = 60;

/// The number of plans that the reasons in the report of a failed assertion may cost.
const MAX_PLANS_OF_REPORT: usize = 100;

/// The number of indexes of a table that a report has a line for.
const MAX_INDEXES_OF_REPORT: usize = 3;

/// Returns why a plan does not use an index of a table.
pub(in crate::plan) fn why_not(plan: &Plan, index: &str, table: &str) -> WhyNot {
    let mut found = WhyNot { index: index.to_owned(), table: table.to_owned(), is_used: false, reasons: Vec::new() };
    let usage = Usage::of(plan.all(), &Target { index, key_of: &[] });
    if usage.is_use() {
        found.is_used = true;
        return found;
    }
    // A table that only a trigger reads is read by a statement of the trigger.
    let is_read = plan.lines().any(|node| node.is_of(table));
    let of_trigger = texts::of_triggers(plan, &|node| node.is_of(table)).into_iter().next().filter(|_| !is_read);
    let expanded = of_trigger.or_else(|| texts::with_views(plan));
    let plan = expanded.as_ref().unwrap_or(plan);
    if let Some(trials) = Trials::of(plan, MAX_PLANS) {
        let statement = Statement::read(&plan.sql, &trials.schema);
        if let Some(search) = Search::of(plan, &trials, &statement, index, table) {
            found.reasons = search.reasons().unwrap_or_default();
        }
    }
    let is_about_choice = |reason: &Reason| {
        matches!(reason.obstacle, Obstacle::Preferred(_) | Obstacle::FirstColumn { compared: None, .. })
    };
    // An index that is read for its order, or because it is small, is used if nothing keeps SQLite from searching by it.
    if plan.uses_index(index) && found.reasons.iter().all(is_about_choice) {
        (found.is_used, found.reasons) = (true, Vec::new());
    }
    found
}

/// Returns why flagged scans in triggers use none of the indexes that are about the statements there.
pub(in crate::plan) fn of_triggers(plan: &Plan, is_flagged: &dyn Fn(&Node) -> bool) -> Vec<WhyNot> {
    let found = texts::of_triggers(plan, is_flagged);
    distinct(found.iter().flat_map(|statement| of_flagged(statement, is_flagged)))
}

/// Returns why flagged scans and sorts use none of the indexes that are about the statement, for a report.
pub(in crate::plan) fn of_flagged(plan: &Plan, is_flagged: &dyn Fn(&Node) -> bool) -> Vec<WhyNot> {
    let is_sort = plan.lines().any(|node| node.sort_purpose().is_some() && is_flagged(node));
    // The statement says nothing about the children that its foreign keys look for.
    let lines = plan.lines().filter(|node| !node.checks_foreign_key);
    let lines = lines.filter(|node| is_sort || (node.scan.is_some() && is_flagged(node)));
    let tables: Vec<String> = distinct(lines.filter_map(|node| node.table.clone()));
    let expanded = if tables.is_empty() { None } else { texts::with_views(plan) };
    let plan = expanded.as_ref().unwrap_or(plan);
    let trials = if tables.is_empty() { None } else { Trials::of(plan, MAX_PLANS_OF_REPORT) };
    let Some(trials) = trials else { return Vec::new() };
    let statement = Statement::read(&plan.sql, &trials.schema);
    let is_shown = |table: &str, reason: &Reason| match &reason.obstacle {
        Obstacle::Order { .. } | Obstacle::Nulls { .. } | Obstacle::Collation { .. } | Obstacle::Expression { .. } => {
            true
        }
        _ if is_sort => false,
        // Of two tables that are joined, one is scanned.
        Obstacle::Preferred(_) | Obstacle::ReadLater { .. } => false,
        Obstacle::FirstColumn { compared, .. } => compared.is_some(),
        // A note says so.
        Obstacle::Statistics => plan.catalog.few_rows(table).is_none(),
        _ => true,
    };
    let mut found = Vec::new();
    for table in &tables {
        let names = trials.schema.table(table).map_or_else(Vec::new, index_names);
        let why = names.into_iter().filter_map(|index| {
            let search = Search::of(plan, &trials, &statement, index, table)?;
            let reasons = if search.question.is_about_index() { search.reasons()? } else { Vec::new() };
            let is_told = !reasons.is_empty() && reasons.iter().all(|reason| is_shown(table, reason));
            is_told.then(|| WhyNot { index: index.to_owned(), table: table.to_owned(), is_used: false, reasons })
        });
        let mut why: Vec<WhyNot> = why.collect();
        // An index that more stands in the way of is not the one that was meant.
        let fewest = why.iter().map(|one| one.reasons.len()).min();
        why.retain(|one| Some(one.reasons.len()) == fewest);
        why.truncate(MAX_INDEXES_OF_REPORT);
        found.extend(why);
    }
    found
}

fn index_names(table: &Table) -> Vec<&str> {
    let keys = table.primary_key.iter().chain(&table.unique).map(|key| key.index.as_deref().unwrap_or(KEY));
    table.indexes.iter().map(|index| index.name.as_str()).chain(keys).collect()
}

struct Search<'a> {
    plan: &'a Plan,
    trials: &'a Trials<'a>,
    question: Question<'a>,
    /// The names by which a plan prints the table, if the question is about its key.
    key_of: Vec<String>,
}

impl<'a> Search<'a> {
    fn of(
        plan: &'a Plan,
        trials: &'a Trials<'a>,
        statement: &'a Statement<'a>,
        index: &'a str,
        table: &str,
    ) -> Option<Search<'a>> {
        let table = trials.schema.table(table)?;
        let shape = IndexShape::of(table, index)?;
        let mut key_of = Vec::new();
        if index == KEY {
            key_of.extend(statement.references_to(&table.name).map(|reference| reference.name.clone()));
            key_of.push(table.name.to_string());
        }
        let question = Question { statement, schema: &trials.schema, table, index, shape };
        Some(Search { plan, trials, question, key_of })
    }

    fn target(&self) -> Target<'_> {
        Target { index: self.question.index, key_of: &self.key_of }
    }

    /// Returns the reasons. `None` if the copy does not plan the statement as it was planned.
    fn reasons(&self) -> Option<Vec<Reason>> {
        let target = self.target();
        let base = self.trials.usage(&self.plan.sql, &target, None)?;
        if base != Usage::of(self.plan.lines(), &target) {
            return None;
        }
        let without = self.trials.usage_without_statistics(&self.plan.sql, &target);
        if without.is_some_and(|usage| usage.is_more_than(&base)) {
            return Some(vec![Reason { obstacle: Obstacle::Statistics, remedy: None }]);
        }
        let removals = self.removals();
        let removals: Vec<&Removal> = removals.iter().collect();
        let found = self.one_of(&removals, &base).or_else(|| self.several_of(&removals, &base));
        if let Some(found) = found {
            return Some(self.with_remedies(&found, &base));
        }
        let line = self.plan.lines().find(|node| node.is_of(&self.question.table.name));
        let mut last = self.question.preferred(line.map_or("another way", |node| &node.text));
        for term in &self.question.shape.terms {
            let occurrences = self.question.occurrences(term);
            last.extend(occurrences.iter().filter_map(|one| self.question.of_unknown(term, one)));
        }
        last.extend(self.question.not_compared());
        let last: Vec<&Removal> = last.iter().collect();
        let found = self.one_of(&last, &base).unwrap_or_default();
        Some(found.iter().map(|one| Reason { obstacle: one.obstacle.clone(), remedy: None }).collect())
    }

    /// Returns everything that may keep SQLite from using the index, the likeliest first.
    fn removals(&self) -> Vec<Removal> {
        let question = &self.question;
        let mut found = question.of_hints();
        let terms = &question.shape.terms;
        let occurrences: Vec<Vec<Occurrence>> = terms.iter().map(|term| question.occurrences(term)).collect();
        for (number, (term, occurrences)) in terms.iter().zip(&occurrences).enumerate() {
            for occurrence in occurrences {
                found.extend(question.of_occurrence(number, term, occurrence));
            }
        }
        found.extend(question.of_using());
        found.extend(question.of_predicate());
        for occurrence in occurrences.iter().flatten() {
            found.extend(question.of_or(occurrence));
        }
        found.extend(question.of_first_column(&occurrences));
        found.extend(question.of_order());
        let mut distinct: Vec<Removal> = Vec::new();
        for one in found {
            if !distinct.iter().any(|known| known.obstacle == one.obstacle) {
                distinct.push(one);
            }
        }
        distinct
    }

    /// Returns the first change that is enough by itself.
    fn one_of<'r>(&self, removals: &[&'r Removal], base: &Usage) -> Option<Vec<&'r Removal>> {
        removals.iter().find(|one| self.serves(&[**one], base)).map(|one| vec![*one])
    }

    /// Returns the fewest changes that are enough together.
    fn several_of<'r>(&self, removals: &[&'r Removal], base: &Usage) -> Option<Vec<&'r Removal>> {
        let mut set: Vec<&Removal> = Vec::new();
        for one in removals {
            if !set.iter().any(|other| is_same_place(&one.change, &other.change)) {
                set.push(one);
            }
        }
        if set.len() < 2 || !self.serves(&set, base) {
            return None;
        }
        for at in (0..set.len()).rev() {
            let mut fewer = set.clone();
            fewer.remove(at);
            if self.serves(&fewer, base) {
                set = fewer;
            }
        }
        (set.len() <= MAX_REASONS).then_some(set)
    }

    /// Returns true if SQLite uses the index, or the one in its place, after these changes.
    fn serves(&self, set: &[&Removal], base: &Usage) -> bool {
        let Some((sql, shape)) = self.changed(set) else { return false };
        let create = (shape != self.question.shape).then(|| shape.create(TRIAL, self.question.table));
        let usage = self.trials.usage(&sql, &self.target(), create.as_deref());
        usage.is_some_and(|usage| usage.is_more_than(base))
    }

    /// Returns the statement and the index after these changes.
    fn changed(&self, set: &[&Removal]) -> Option<(String, IndexShape)> {
        let mut shape = self.question.shape.clone();
        let mut edits: Vec<Edit> = Vec::new();
        for one in set {
            one.change.apply(&mut shape);
            if let Change::Text(more) = &one.change {
                edits.extend(more.iter().cloned());
            }
        }
        Some((edited(&self.plan.sql, &edits)?, shape))
    }

    fn with_remedies(&self, set: &[&Removal], base: &Usage) -> Vec<Reason> {
        let (table, schema) = (self.question.table, self.question.schema);
        let shape = self.changed(set).map(|(_, shape)| shape).filter(|shape| *shape != self.question.shape);
        let mut create = shape.map(|shape| shape.advice(table, schema));
        let remedy = |one: &&Removal| match (&one.change, &one.remedy) {
            (_, Some(remedy)) => Some(remedy.clone()),
            // All changes of the index are in one statement.
            (Change::Text(_), None) => {
                let alternative = one.alternative.as_ref()?;
                let others: Vec<&Removal> = set.iter().filter(|other| !std::ptr::eq(**other, *one)).copied().collect();
                let (sql, _) = self.changed(&others)?;
                let trial = alternative.create(TRIAL, table);
                let usage = self.trials.usage(&sql, &self.target(), Some(&trial))?;
                usage.is_more_than(base).then(|| Remedy::Index(alternative.advice(table, schema)))
            }
            (_, None) => create.take().map(Remedy::Index),
        };
        let remedies: Vec<Option<Remedy>> = set.iter().map(remedy).collect();
        set.iter().zip(remedies).map(|(one, remedy)| Reason { obstacle: one.obstacle.clone(), remedy }).collect()
    }
}

/// The number of reasons that one line can name.
const MAX_REASONS: usize = 3;

/// Returns true if two changes cannot be made together.
fn is_same_place(a: &Change, b: &Change) -> bool {
    match (a, b) {
        (Change::Text(a), Change::Text(b)) => {
            let meet = |(a, b): (&Edit, &Edit)| a.at.start < b.at.end && b.at.start < a.at.end;
            a.iter().any(|one| b.iter().any(|other| meet((one, other)))) || a == b
        }
        (Change::Collation(a, _), Change::Collation(b, _)) => a == b,
        (Change::Terms(_), Change::Terms(_)) => true,
        _ => false,
    }
}
