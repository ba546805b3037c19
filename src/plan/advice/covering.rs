//! An index that holds everything that a statement reads of a table: the columns by which it searches or in whose order it
//! reads, then the others.

use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::candidate::{Candidate, Term};
use super::search::{Search, Set};
use super::terms::is_rowid;
use super::trial::{ExpensiveSteps, Goal, Outcome};
use crate::plan::query_plan::Plan;
use crate::plan::tree::{Node, distinct};
use crate::schema::{Column, IndexedColumn, Table};
use crate::sql::{Name, same_name};

impl Search<'_> {
    /// Returns the index with which the statement reads no row of the table, and the steps that are left in the plan with it.
    /// None if the statement reads all columns: the index would be the table once more.
    pub(super) fn covering(&mut self, name: &Name) -> Option<(Set, ExpensiveSteps)> {
        let copy = Rc::clone(&self.trials.copy);
        let table = copy.schema.table(name)?;
        let names = columns_read(self.trials.plan, name)?;
        let is_read = |column: &&Column| names.contains(&column.name) && !is_rowid(table, column);
        let read: Vec<Term> = table.columns.iter().filter(is_read).map(Term::column).collect();
        let all = table.columns.iter().filter(|column| !is_rowid(table, column)).count();
        if read.is_empty() || read.len() == all {
            return None;
        }
        let base = Rc::clone(&self.trials.base);
        let mut best: Option<(Set, ExpensiveSteps)> = None;
        for mut terms in self.leading(table) {
            let is_new = |term: &&Term| !Candidate::new(name, terms.clone()).has(term);
            let others: Vec<Term> = read.iter().filter(is_new).cloned().collect();
            terms.extend(others);
            let set = vec![Candidate::new(&table.name, terms)];
            let Some(outcome) = self.trials.with(&set) else { continue };
            let is_fine = is_covered(&outcome, name) && outcome.steps.reads_no_more_than(&base.steps);
            let fewest = best.as_ref().map_or(base.steps.sorts.len() + 1, |(_, best)| best.sorts.len());
            if is_fine && outcome.steps.sorts.len() < fewest {
                best = Some((set, outcome.steps.clone()));
            }
        }
        best
    }

    /// Returns the columns with which the index may begin: those of the index that is used or of one that would end a scan,
    /// those that are compared with one value, an order that the statement needs, and none.
    fn leading(&mut self, table: &Table) -> Vec<Vec<Term>> {
        let base = Rc::clone(&self.trials.base);
        let mut leading: Vec<Vec<Term>> = Vec::new();
        for index in table.indexes.iter().filter(|index| base.plan.all().any(|node| node.uses_index(&index.name))) {
            leading.extend(index.terms.iter().map(|term| as_term(table, term)).collect::<Option<Vec<Term>>>());
        }
        let scans = Goal::Scans(vec![table.name.clone()]);
        let found = self.run(&scans).into_iter().flat_map(|(set, _)| set).filter(|one| one.table == table.name);
        leading.extend(found.map(|one| one.terms));
        leading.push(self.equalities(&base, &[], &table.name));
        let own = self.tables.iter().find(|one| one.table == table.name);
        leading.extend(own.into_iter().flat_map(|own| own.orders.clone()));
        leading.push(Vec::new());
        distinct(leading)
    }
}

/// Returns the columns of a table that a statement reads.
fn columns_read(plan: &Plan, table: &Name) -> Option<Vec<Name>> {
    let mut copy = plan.surroundings().empty_copy().ok()?;
    // Registers stubs for functions and collations of the app.
    copy.prepare(&plan.sql).ok()?;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (noted, table) = (Arc::clone(&seen), table.clone());
    // Newer versions of rusqlite want it as mutable.
    let connection = &mut copy.connection;
    let _ = connection.authorizer(Some(move |context: AuthContext<'_>| {
        if let AuthAction::Read { table_name, column_name } = context.action
            && table == table_name
        {
            noted.lock().unwrap_or_else(PoisonError::into_inner).push(Name::from(column_name));
        }
        Authorization::Allow
    }));
    let prepared = connection.prepare(&plan.sql).is_ok();
    let _ = connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>);
    prepared.then(|| std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner)))
}

fn is_covered(outcome: &Outcome, table: &str) -> bool {
    outcome.plan.lines().filter(|node| node.is_of(table)).all(Node::is_covered)
}

/// Returns the term of an existing index, or `None` for an expression.
fn as_term(table: &Table, own: &IndexedColumn) -> Option<Term> {
    let column = table.columns.iter().find(|column| own.what.is_column(&column.name))?;
    let is_plain = same_name(&own.collation, &column.collation);
    let term = if is_plain { Term::column(column) } else { Term::collated(column, &own.collation) };
    Some(Term { descending: own.descending, ..term })
}
