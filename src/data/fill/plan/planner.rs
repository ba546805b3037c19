//! Plans each table, phase by phase, and the keys by which the tables refer to each other.

use crate::data::constraints::condition::{Branch, Condition};
use crate::data::constraints::conditions;
use crate::data::constraints::derived::DerivedColumn;
use crate::data::constraints::group::{ColumnGroup, Solution, SolverInput};
use crate::data::constraints::solver::{Unsolved, solve};
use crate::data::constraints::trial::Evaluator;
use crate::data::fill::context::{FillContext, first_rowid};
use crate::data::fill::options::{FillOptions, Given};
use crate::data::fill::plan::child_checks::{self, ChildChecks};
use crate::data::fill::plan::cycles::close_cycles;
use crate::data::fill::plan::numbering;
use crate::data::fill::plan::references::{self, PerParentRows, limit_by_parents};
use crate::data::fill::plan::related_values;
use crate::data::fill::plan::table_plan::{
    self, ColumnPlan, How, Limit, Parent, Reference, TablePlan, TableShape, UniqueKey,
};
use crate::data::fill::request::TableRequest;
use crate::data::relations::Relation;
use crate::data::values::choose;
use crate::data::values::domain::{Domain, Nullability};
use crate::data::values::source::Source;
use crate::data::values::stored_type::type_word;
use crate::data::values::value_buf::ValueBuf;
use crate::draw::named;
use crate::error::{Error, ErrorKind, Refusal, Result};
use crate::report::count;
use crate::schema::{Column, Name, Table};

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
            let mut plan = plan_table(&shape)?;
            let constant = plan.limit.as_ref().and_then(|_| constant_key(&shape));
            round.note_more(&plan, request).map_err(|error| error.given(constant, Error::help))?;
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

/// Returns what to do about a key all of whose columns the test sets to one value, if there is one.
fn constant_key(shape: &TableShape<'_>) -> Option<String> {
    let is_constant = |column: &usize| matches!(shape.fixed[*column], Some(How::Fixed(_)));
    let keys = UniqueKey::of_table(shape.table, &shape.names);
    let key = keys.iter().find(|key| key.is_plain() && key.columns.iter().all(is_constant))?;
    let (table, column) = (&shape.table.name, &shape.names[key.columns[0]]);
    Some(format!(
        "{column} is set to one value for all rows; give each its own: .set_with({:?}, {column:?}, |row| ..)",
        table.as_str()
    ))
}

/// Returns the error for a request of more rows than a table can hold.
pub(crate) fn full(table: &str, rows: u64, limit: &Limit) -> Error {
    let (rows, most) = (count(rows, "row"), count(limit.rows, "row"));
    if limit.is_guess {
        return Error::new(
            ErrorKind::Data,
            format!("cannot fill {table} with {rows}: values were found for no more than {most}"),
        )
        .evidence("because", &limit.because)
        .help(format!("supply them: .set_with(\"{table}\", column, |row| ..)"));
    }
    let error = Error::new(ErrorKind::Data, format!("cannot fill {table} with {rows}: it has room for {most}"))
        .evidence("because", &limit.because);
    // How many rows the parents have may be drawn.
    if limit.parents.is_empty() { error.with_any_seed() } else { error }
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

fn plan_table(shape: &TableShape<'_>) -> Result<TablePlan> {
    let default_source = |column: &Column| default_source(shape.table, column, shape.context.options);
    let mut planner = Planner {
        shape,
        references: references::references(shape)?,
        conditions: conditions::of_table(shape.table, &shape.names),
        derived: Vec::new(),
    };
    let input = planner.input(&default_source);
    planner.derive(&input);
    let mut groups = planner.groups(&input)?;
    let checks = ChildChecks {
        connection: shape.context.connection,
        input: &input,
        conditions: &planner.conditions,
        checks: &child_checks::of_children(shape),
        needed: shape.start.saturating_add(shape.request.rows),
    };
    let is_free = |column: usize| is_free(shape, &input, column);
    let first = checks.first_values(&is_free, &mut groups)?;
    let columns = planner.columns(&input, &groups, first)?;
    let mut plan = planner.into_plan(columns, groups);
    unfold(&mut plan, shape)?;
    for reference in &mut plan.references {
        let nullable = reference.columns.iter().any(|column| plan.columns[*column].nulls > 0);
        reference.nulls = if nullable { shape.context.options.null_rate } else { 0 };
    }
    limit_by_parents(shape, &mut plan);
    related_values::gather(shape, &mut plan);
    numbering::arrange(shape, &mut plan, UniqueKey::of_table(shape.table, &shape.names))?;
    finish(shape, &mut plan);
    if shape.context.options.locale == crate::data::values::realistic::Locale::En {
        related_values::name_addresses(&mut plan);
    }
    Ok(plan)
}

struct Planner<'s, 'p> {
    shape: &'s TableShape<'p>,
    references: Vec<Reference>,
    conditions: Vec<Condition>,
    /// Columns that follow from others.
    derived: Vec<DerivedColumn>,
}

impl Planner<'_, '_> {
    /// Returns the facts about each column alone.
    fn input<'f>(&self, default_source: &'f dyn Fn(&Column) -> Option<Source>) -> SolverInput<'f>
    where
        Self: 'f,
    {
        let shape = self.shape;
        let mut own = self.own_domains();
        let mut is_external = vec![false; shape.names.len()];
        for (column, _, given) in shape.given() {
            match given {
                Given::Value(rusqlite::types::Value::Null) => own[column] = Domain::of_null(Nullability::Required),
                Given::Value(value) => {
                    own[column] =
                        Domain { nullability: Nullability::Forbidden, ..Domain::of_choices(vec![value.clone()]) };
                }
                Given::Broken(_) | Given::With(_) => is_external[column] = true,
            }
        }
        for reference in &self.references {
            for &column in reference.columns.iter().filter(|column| reference.makes(**column)) {
                is_external[column] = true;
                if matches!(reference.parent, Parent::Missing) && own[column].nullability == Nullability::Allowed {
                    own[column].nullability = Nullability::Required;
                }
            }
        }
        SolverInput {
            table: shape.table,
            names: shape.names.clone(),
            columns: shape.columns.clone(),
            domains: own,
            is_external,
            default_sources: shape.columns.iter().map(|column| default_source(column)).collect(),
            default_source,
            is_in_key: shape.names.iter().map(|name| table_plan::is_keyed(shape.table, name)).collect(),
            seed: shape.seed,
        }
    }

    /// Returns the nullability of each column as a domain. A row without a value that children must have cannot be a parent,
    /// so such a column is not NULL, even if the children are not filled.
    fn own_domains(&self) -> Vec<Domain> {
        let shape = self.shape;
        let to_here = shape.context.relations.iter().flatten().filter(|key| key.parent == Some(shape.at));
        let pairs = to_here.flat_map(|key| key.pairs().zip(&key.nullable));
        let needed: Vec<&Name> = pairs.filter(|(_, nullable)| !**nullable).map(|((_, theirs), _)| theirs).collect();
        let domain = |(column, may_be_null): (&&Column, &bool)| {
            Domain::of_null(if *may_be_null && !needed.contains(&&column.name) {
                Nullability::Allowed
            } else {
                Nullability::Forbidden
            })
        };
        shape.columns.iter().zip(&shape.may_be_null).map(domain).collect()
    }

    /// Finds the columns that follow from others, so that their conditions leave nothing to choose.
    fn derive(&mut self, input: &SolverInput<'_>) {
        let is_free = |column: usize| is_free(self.shape, input, column);
        // The rowid counts up, unless nothing else can be calculated.
        let or_rowid = |column: usize| {
            let is_rowid = self.shape.rowid == Some(column) && self.shape.fixed[column].is_none();
            is_free(column) || is_rowid && !input.is_external[column]
        };
        for condition in &mut self.conditions {
            let found = match condition.derived_by_trigger.take() {
                Some(derived) if is_free(derived.column) => vec![derived],
                Some(_) => Vec::new(),
                None => {
                    let found = DerivedColumn::of(&condition.expression, &input.names, &is_free);
                    if found.is_empty() {
                        DerivedColumn::of(&condition.expression, &input.names, &or_rowid)
                    } else {
                        found
                    }
                }
            };
            // A condition on other rows cannot be evaluated before they exist.
            condition.is_derived = !found.is_empty() || condition.reads_tables;
            for derived in found {
                if !self.derived.iter().any(|other| other.column == derived.column) {
                    self.derived.push(derived);
                }
            }
        }
    }

    /// Groups columns that conditions tie together, and finds values for them.
    fn groups(&self, input: &SolverInput<'_>) -> Result<Vec<ColumnGroup>> {
        if self.conditions.is_empty() {
            return Ok(Vec::new());
        }
        let evaluator = Evaluator::of(self.shape.context.connection, self.shape.table)?;
        solve(input, &self.conditions, &evaluator).map_err(|Unsolved { condition, tried }| {
            let unmet = &self.conditions[condition];
            let is_given = unmet.columns.iter().any(|column| self.shape.fixed[*column].is_some());
            unsatisfied(self.shape.table, unmet, &input.names, &tried, is_given)
        })
    }

    fn columns(
        &self,
        input: &SolverInput<'_>,
        groups: &[ColumnGroup],
        first: Vec<Vec<ValueBuf>>,
    ) -> Result<Vec<ColumnPlan>> {
        let shape = self.shape;
        let options = shape.context.options;
        let column = |(index, first): (usize, Vec<ValueBuf>)| {
            let name = &shape.columns[index].name;
            let is_constrained = self.conditions.iter().any(|condition| condition.columns.contains(&index));
            // No app stores an empty text, or `NaN`, as the time at which something happened.
            let is_time = input.default_sources[index].as_ref().is_some_and(Source::is_time_as_text);
            let has_edges = options.edge_cases && !is_constrained && (!is_time || is_date(shape.columns[index]));
            Ok(ColumnPlan {
                name: name.clone(),
                key: named(shape.seed, &name.to_ascii_lowercase()),
                nulls: if input.domains[index].nullability == Nullability::Allowed { options.null_rate } else { 0 },
                may_be_null: shape.may_be_null[index],
                place: None,
                how: self.how(index, input, groups)?,
                first,
                edge: has_edges.then(|| shape.columns[index].clone()),
                strict: shape.table.strict,
                names: None,
            })
        };
        first.into_iter().enumerate().map(column).collect()
    }

    fn how(&self, index: usize, input: &SolverInput<'_>, groups: &[ColumnGroup]) -> Result<How> {
        let shape = self.shape;
        Ok(if let Some(how) = &shape.fixed[index] {
            how.clone()
        } else if self.references.iter().any(|reference| reference.makes(index)) {
            How::Reference
        } else if groups.iter().any(|group| group.columns.contains(&index)) && !self.counts_up(index, input) {
            How::Group
        } else if shape.rowid == Some(index) {
            How::Rowid { first: first_rowid(shape.context.connection, shape.table, shape.start)? }
        } else {
            How::Source(input.default_sources[index].clone().unwrap_or(Source::Words { min_length: 0, max_length: 40 }))
        })
    }

    /// Returns true for a rowid that conditions only compare with parents: `CHECK (boss <> id)`. The parents are chosen again
    /// where they break it, so that the rowid is known before.
    fn counts_up(&self, index: usize, input: &SolverInput<'_>) -> bool {
        let compares = |condition: &Condition| {
            let others = condition.columns.iter().filter(|column| **column != index);
            let names_it = |branch: &Branch| branch.domains.iter().any(|(column, _)| *column == index);
            condition.columns.len() > 1
                && others.clone().all(|column| input.is_external[*column])
                && !condition.branches.iter().any(|branch| branch.is_opaque || names_it(branch))
        };
        let mut on_it = self.conditions.iter().filter(|condition| condition.columns.contains(&index));
        self.shape.rowid == Some(index) && on_it.all(compares)
    }

    fn into_plan(self, columns: Vec<ColumnPlan>, groups: Vec<ColumnGroup>) -> TablePlan {
        let shape = self.shape;
        let per_parent = PerParentRows::of(&self.references, |plan| shape.plans[plan].count);
        let wanted = shape.request.rows + per_parent.map_or(0, |rows| rows.count());
        TablePlan {
            table: shape.at,
            name: shape.table.name.clone(),
            count: wanted,
            wanted,
            is_exact: shape.request.is_exact,
            limit: None,
            start: shape.start,
            columns,
            groups,
            references: self.references,
            conditions: self.conditions,
            derived: self.derived,
            kept: Vec::new(),
            awaited: Vec::new(),
            labels: shape.labels(),
            keys: Vec::new(),
        }
    }
}

/// Returns true if the value of a column comes neither from the test, a parent nor the rowid.
fn is_free(shape: &TableShape<'_>, input: &SolverInput<'_>, column: usize) -> bool {
    shape.fixed[column].is_none() && !input.is_external[column] && shape.rowid != Some(column)
}

/// Turns a group of one column with one solution into a plain column, whose values follow from the row's number alone.
fn unfold(plan: &mut TablePlan, shape: &TableShape<'_>) -> Result<()> {
    let mut kept = Vec::new();
    for group in std::mem::take(&mut plan.groups) {
        if let ([column], [Solution::Generated { sources, relations }]) = (&group.columns[..], &group.solutions[..])
            && relations.is_empty()
            && let Some(source) = &sources[0].source
            && matches!(plan.columns[*column].how, How::Group)
        {
            // `CHECK (id > 0)` does not change the rowid.
            let first = first_rowid(shape.context.connection, shape.table, plan.start)?;
            let counts_up = shape.rowid == Some(*column)
                && matches!(source, Source::Integer { low, step: 1, max_distinct, .. } if *low <= first && *max_distinct >= 1 << 31);
            plan.columns[*column].how = if counts_up { How::Rowid { first } } else { How::Source(source.clone()) };
            match sources[0].nullability {
                Nullability::Forbidden => plan.columns[*column].nulls = 0,
                Nullability::Required => plan.columns[*column].how = How::Source(Source::Null),
                Nullability::Allowed => {}
            }
            continue;
        }
        kept.push(group);
    }
    plan.groups = kept;
    Ok(())
}

/// Decides which keys overrule others, and the number of rows to make.
fn finish(shape: &TableShape<'_>, plan: &mut TablePlan) {
    for index in 0..plan.references.len() {
        plan.references[index].overrules = may_overrule(plan, index);
    }
    // SQLite refuses even NULL if a foreign key refers to no table or to no key of it.
    if let Err(error) = shape.context.connection.prepare(&plan.target().insert()) {
        let refusal = Refusal::of(&error).filter(|refusal| refusal.code == 1);
        let because = refusal.map_or_else(|| error.to_string(), |refusal| refusal.message);
        plan.limit = Some(Limit { rows: 0, because, is_guess: false, parents: Vec::new() });
    }
    if let Some(limit) = &plan.limit {
        plan.count = plan.count.min(limit.rows);
    }
}

/// Returns true if a row can copy all columns of a key from an earlier row of its table: the earlier row has satisfied
/// the other keys on those columns, and rows need not differ by them.
fn may_overrule(plan: &TablePlan, index: usize) -> bool {
    let reference = &plan.references[index];
    let is_free = |column: &usize| {
        let of = &plan.columns[*column];
        let others = plan.references.iter().enumerate().filter(|(other, _)| *other != index);
        of.place.is_none()
            && matches!(of.how, How::Source(_) | How::Reference)
            && others.map(|(_, other)| other).filter(|other| other.columns.contains(column)).all(|other| {
                other.place.is_none() && other.columns.iter().all(|column| reference.known.contains(column))
            })
    };
    matches!(reference.parent, Parent::Own { .. })
        && reference.place.is_none()
        && !reference.known.is_empty()
        && reference.known.iter().all(is_free)
}

/// Returns true if the type of a column is that of a date: its edge cases are dates.
fn is_date(column: &Column) -> bool {
    let word = type_word(column);
    word.starts_with("DATE") || word.starts_with("TIME")
}

/// Returns the source of a column that no constraint restricts.
fn default_source(table: &Table, column: &Column, options: &FillOptions) -> Option<Source> {
    if let Some(generator) =
        crate::data::values::realistic::Generator::of(&table.name, column, table.strict, options.locale)
    {
        return Some(Source::Realistic(generator));
    }
    let _ = options;
    choose::source(column, table.strict, &Domain::default())
}

/// Returns the error for a CHECK or trigger that no values satisfy.
fn unsatisfied(table: &Table, condition: &Condition, names: &[String], tried: &[String], is_given: bool) -> Error {
    let column = condition.columns.first().map_or("column", |column| names[*column].as_str());
    let name = condition.name.as_ref().map_or(String::new(), |name| format!(" {name}"));
    let (kind, table) = (condition.kind.as_str(), &table.name);
    let label = if kind == "trigger" { "it refuses" } else { kind };
    let what = match tried {
        [given] if is_given => format!("{given} does not satisfy"),
        _ if is_given => "the given value does not satisfy".to_owned(),
        _ => "no value satisfies".to_owned(),
    };
    let mut error = Error::new(ErrorKind::Data, format!("cannot fill {table}: {what} {kind}{name}"))
        .evidence(label, &condition.shown);
    if !tried.is_empty() {
        error = error.evidence("tried", tried.join("\n"));
    }
    if is_given {
        return error.with_any_seed();
    }
    error.help(format!(
        "give it a value: .set(\"{table}\", \"{column}\", ..) or .set_with(\"{table}\", \"{column}\", |row| ..)"
    ))
}
