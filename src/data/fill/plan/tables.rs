//! Plans all tables of a fill, and the keys by which they refer to each other.

use crate::data::fill::context::FillContext;
use crate::data::fill::plan::planner;
use crate::data::fill::plan::shape::TableShape;
use crate::data::fill::plan::table_plan::{Limit, Parent, TablePlan};
use crate::data::fill::request::TableRequest;
use crate::data::relations::Relation;
use crate::error::{Error, ErrorKind, Result};
use crate::report::count;
use crate::schema::Name;

/// The number of times that tables that are made for their children get more rows.
const ROUNDS: usize = 4;

/// Plans all tables that are filled, in the order of filling.
pub(crate) fn plan_tables(
    context: &FillContext<'_>,
    mut requests: Vec<Option<TableRequest>>,
) -> Result<Vec<TablePlan>> {
    let tables: Vec<usize> = (0..requests.len()).filter(|table| requests[*table].is_some()).collect();
    let ordered = context.schema.parents_first(&tables);
    // A table that is made for its children has as many rows as they turn out to need.
    let mut rounds = 0;
    loop {
        let round = Round::plan(context, &requests, &ordered)?;
        if round.more.is_empty() || rounds == ROUNDS {
            return Ok(round.plans);
        }
        rounds += 1;
        for (table, rows) in round.more {
            if let Some(request) = &mut requests[table] {
                request.rows = rows;
            }
        }
    }
}

/// The plans of all tables for some numbers of rows.
struct Round<'r> {
    requests: &'r [Option<TableRequest>],
    plans: Vec<TablePlan>,
    /// Tables by their places in the schema, and the numbers of rows that they should have instead.
    more: Vec<(usize, u64)>,
}

impl Round<'_> {
    fn plan<'r>(
        context: &FillContext<'_>,
        requests: &'r [Option<TableRequest>],
        ordered: &[usize],
    ) -> Result<Round<'r>> {
        let mut round = Round { requests, plans: Vec::new(), more: Vec::new() };
        for (index, &table) in ordered.iter().enumerate() {
            let Some(request) = &requests[table] else { continue };
            let shape = TableShape::new(context, table, request, &round.plans, &ordered[index + 1..])?;
            let mut plan = planner::plan(&shape)?;
            round.note_more(&plan, request)?;
            let relations = ordered.iter().flat_map(|table| &context.relations[*table]);
            keep_keys(&mut plan, relations.filter(|key| key.parent == Some(table)));
            round.plans.push(plan);
        }
        close_cycles(&mut round.plans)?;
        Ok(round)
    }

    /// Adds the parents whose additional rows would help, if a table has no room for its rows.
    fn note_more(&mut self, plan: &TablePlan, request: &TableRequest) -> Result<()> {
        let Some(limit) = plan.limit.as_ref().filter(|limit| limit.rows < plan.wanted) else { return Ok(()) };
        let may_grow = |parent: &&usize| {
            self.requests[**parent].as_ref().is_some_and(|request| !request.is_given && request.per_parent.is_none())
                && self.plans.iter().all(|plan| plan.table != **parent || plan.limit.is_none())
        };
        let growing: Vec<usize> = limit.parents.iter().filter(may_grow).copied().collect();
        if growing.is_empty() && request.is_exact {
            return Err(full(&plan.name, plan.wanted, limit));
        }
        let times = plan.wanted.div_ceil(limit.rows.max(1)).max(2);
        let requests = self.requests;
        let rows = |parent: usize| requests[parent].as_ref().map_or(1, |request| request.rows) * times;
        self.more.extend(growing.into_iter().map(|parent| (parent, rows(parent))));
        Ok(())
    }
}

/// Returns the error for a request of more rows than a table can hold.
fn full(table: &str, rows: u64, limit: &Limit) -> Error {
    let (rows, most) = (count(rows, "row"), count(limit.rows, "row"));
    if limit.is_guess {
        return Error::new(
            ErrorKind::Data,
            format!("cannot fill {table} with {rows}: values were found for no more than {most}"),
        )
        .evidence("because", &limit.because)
        .help(format!("supply them: .set_with(\"{table}\", column, |row| ..)"));
    }
    Error::new(ErrorKind::Data, format!("cannot fill {table} with {rows}: it has room for {most}"))
        .evidence("because", &limit.because)
}

/// Marks the columns to which children refer and that cannot be made again.
fn keep_keys<'r>(plan: &mut TablePlan, relations: impl Iterator<Item = &'r Relation>) {
    for name in relations.flat_map(|key| key.parent_columns.iter().flatten()) {
        if let Some(column) = plan.column(name)
            && !plan.is_formula(column)
            && !plan.kept.contains(&column)
        {
            plan.kept.push(column);
        }
    }
}

/// Points foreign keys to a later table at its rows. Their keys are known before the rows are made if they follow from
/// the rows' numbers.
fn close_cycles(plans: &mut [TablePlan]) -> Result<()> {
    for at in 0..plans.len() {
        for index in 0..plans[at].references.len() {
            let reference = &plans[at].references[index];
            let Parent::Later { table } = reference.parent else { continue };
            let later = plans.iter().position(|plan| plan.table == table && plan.count > 0);
            let columns = later.and_then(|later| {
                let place = |name: &Name| plans[later].column(name).filter(|column| plans[later].is_formula(*column));
                reference.parent_columns.iter().map(place).collect::<Option<Vec<usize>>>()
            });
            let is_nullable = reference.columns.iter().any(|column| plans[at].columns[*column].may_be_null);
            plans[at].references[index].parent = match (later, columns) {
                (Some(plan), Some(columns)) => Parent::Made { plan, columns },
                _ if is_nullable => Parent::Missing,
                _ => return Err(cycle(&plans[at].name, &reference.shown)),
            };
        }
    }
    Ok(())
}

/// Returns the error for a key that may not be NULL and refers to later rows, whose keys are not known yet.
fn cycle(table: &str, key: &str) -> Error {
    Error::new(ErrorKind::Data, format!("cannot fill {table}: its foreign keys form a cycle")).evidence("NOT NULL", key)
}
