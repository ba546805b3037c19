//! What is known of a table before its first row is made: how each column is made, and how many rows there can be.

use rusqlite::Connection;

use crate::data::constraints::condition::Condition;
use crate::data::constraints::conditions;
use crate::data::constraints::derived::DerivedColumn;
use crate::data::constraints::evaluator::Evaluator;
use crate::data::constraints::group::{ColumnGroup, Solution};
use crate::data::constraints::input::SolverInput;
use crate::data::constraints::solver::{Unsolved, solve};
use crate::data::fill::options::{Given, Options};
use crate::data::fill::unique::{self, Place};
use crate::data::fill::{asked, order, references};
use crate::data::script::Target;
use crate::data::values::choose;
use crate::data::values::domain::{Domain, Nullability};
use crate::data::values::source::Source;
use crate::data::values::value_buf::ValueBuf;
use crate::draw::named;
use crate::error::{Error, Result};
use crate::schema::{Column, IndexedExpr, Name, Schema, Table};

/// A table as it will be filled.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Its place in the schema.
    pub(crate) table: usize,
    pub(crate) name: String,
    /// How many rows are made.
    pub(crate) count: u64,
    /// How many were asked for.
    pub(crate) wanted: u64,
    /// How many there can be, and what says so.
    pub(crate) limit: Option<Limit>,
    /// The number of the first row: rows that are there already come before it.
    pub(crate) start: u64,
    /// The columns that are inserted, in the order of their declaration.
    pub(crate) columns: Vec<ColumnPlan>,
    pub(crate) groups: Vec<ColumnGroup>,
    pub(crate) references: Vec<Reference>,
    pub(crate) conditions: Vec<Condition>,
    /// Columns that follow from others of their row.
    pub(crate) derived: Vec<DerivedColumn>,
    /// Columns of this table that others refer to and that cannot be made again from the row's number.
    pub(crate) kept: Vec<usize>,
    /// Labels, in the order of their rows, which come first.
    pub(crate) labels: Vec<String>,
    pub(crate) keys: Vec<unique::UniqueKey>,
}

/// The most rows that a table can hold beside those that are there, and the constraint that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) rows: u64,
    pub(crate) because: String,
    /// Whether there may be room for more: these are as many as were found.
    pub(crate) is_guess: bool,
    /// The tables that more rows would help, by their places in the schema.
    pub(crate) parents: Vec<usize>,
}

/// A column as it will be made.
#[derive(Debug)]
pub(crate) struct ColumnPlan {
    pub(crate) name: String,
    /// What its values are drawn from, with the number of the row.
    pub(crate) key: u64,
    /// How many in a hundred are NULL.
    pub(crate) nulls: u64,
    pub(crate) place: Option<Place>,
    pub(crate) how: How,
    /// What the first rows have, for children that take no other parents.
    pub(crate) first: Vec<ValueBuf>,
    /// The column's declaration, where nothing speaks against values that apps trip over.
    pub(crate) edge: Option<crate::schema::Column>,
    pub(crate) strict: bool,
}

/// Where the values of a column come from.
#[derive(Debug)]
pub(crate) enum How {
    /// One more than the last.
    Rowid {
        first: i64,
    },
    Source(Source),
    /// Made with its group.
    Group,
    /// A parent's.
    Reference,
    /// What was set.
    Fixed(ValueBuf),
    /// What a closure says, by its place in the options.
    With(usize),
}

/// A foreign key as it will be made.
#[derive(Debug)]
pub(crate) struct Reference {
    /// The columns here, by their places in the plan.
    pub(crate) columns: Vec<usize>,
    /// The parent's columns, by name.
    pub(crate) parent_columns: Vec<Name>,
    pub(crate) parent: Parent,
    pub(crate) key: u64,
    pub(crate) nulls: u64,
    /// Whether a parent is taken by the number of the row, so that rows differ.
    pub(crate) place: Option<Place>,
    /// Whether rows are made for each parent in turn.
    pub(crate) each: Option<(u64, u64)>,
    /// As it is shown.
    pub(crate) shown: String,
    /// The columns that are NULL where a row refers to nothing.
    pub(crate) loose: Vec<usize>,
    /// Whether there are such columns.
    pub(crate) may_be_null: bool,
    /// The columns that have their values by then: of an earlier key, set, or of their own in a tree of each tenant's.
    pub(crate) known: Vec<usize>,
    /// Whether the parent's values take the place of those that are known: all that is known follows from them.
    pub(crate) overrules: bool,
    /// How many of the first parents are those that a CHECK takes, where it does not take all of them.
    pub(crate) among: Option<u64>,
    /// How many of the first parents are taken, so that what belongs together meets: products and orders of one tenant.
    pub(crate) gathered: Option<u64>,
}

impl Reference {
    /// Whether a row that refers to nothing has values in some of the columns all the same.
    pub(crate) fn is_partly_null(&self) -> bool {
        self.loose.len() < self.columns.len()
    }

    /// Whether a column has no value but by this key.
    pub(crate) fn makes(&self, column: usize) -> bool {
        self.columns.contains(&column) && !self.known.contains(&column)
    }
}

/// What a foreign key refers to.
#[derive(Debug)]
pub(crate) enum Parent {
    /// Nothing that is there.
    Missing,
    /// The table itself.
    Own { columns: Vec<usize> },
    /// A table of this fill, by its place in the list of plans, and its columns by their places there.
    Made { plan: usize, columns: Vec<usize> },
    /// A table of this fill that comes later, by its place in the schema: a cycle.
    Later { table: usize },
    /// Rows that were there before.
    There { keys: Vec<Vec<ValueBuf>> },
}

impl Plan {
    /// The columns that a row gives.
    pub(crate) fn target(&self) -> Target {
        let columns = self.columns.iter().map(|column| column.name.clone()).collect();
        Target { name: self.name.clone(), columns }
    }

    /// The place of a column.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// Whether rows refer to rows that come later. `at` is the place of this plan.
    pub(crate) fn refers_to_later(&self, at: usize) -> bool {
        self.references.iter().any(|reference| matches!(reference.parent, Parent::Made { plan, .. } if plan > at))
    }

    /// Whether a column of any row can be made again from the row's number alone.
    pub(crate) fn is_formula(&self, column: usize) -> bool {
        matches!(self.columns[column].how, How::Rowid { .. } | How::Source(_) | How::Fixed(_))
            && !self.derived.iter().any(|derived| derived.column == column)
            && !self.references.iter().any(|reference| reference.overrules && reference.columns.contains(&column))
    }

    /// Whether a row can take over all columns of a key from an earlier row of its table: what other keys say about those
    /// columns is true of the earlier row, and nothing needs them to tell rows apart.
    fn may_overrule(&self, index: usize) -> bool {
        let reference = &self.references[index];
        let is_free = |column: &usize| {
            let of = &self.columns[*column];
            let others = self.references.iter().enumerate().filter(|(other, _)| *other != index);
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
}

/// What is asked of one table.
pub(crate) struct Request<'r> {
    pub(crate) table: usize,
    pub(crate) rows: u64,
    pub(crate) labels: Vec<String>,
    /// The parent for each of whose rows some are made, by its place in the schema, and how many.
    pub(crate) each: Option<(usize, u64, u64)>,
    pub(crate) options: &'r Options,
}

/// Plans one table; `plans` are those of the tables before it.
pub(crate) fn plan(
    connection: &Connection,
    schema: &Schema,
    request: &Request<'_>,
    plans: &[Plan],
    later: &[usize],
) -> Result<Plan> {
    let table = &schema.tables[request.table];
    let options = request.options;
    let seed = named(options.seed, &table.name.to_ascii_lowercase());
    let start = first_number(connection, table)?;
    let places: Vec<usize> = (0..table.columns.len())
        .filter(|at| table.columns[*at].generated.is_none() && !table.columns[*at].hidden)
        .collect();
    let names: Vec<String> = places.iter().map(|at| table.columns[*at].name.to_string()).collect();
    let at = |name: &str| names.iter().position(|own| own.eq_ignore_ascii_case(name));

    // What holds for each column alone.
    let needed_by_children = references::never_null_in_children(schema, request.table);
    let may_be_null = |name: &String| {
        order::may_be_null(table, name) && !needed_by_children.iter().any(|other| other.eq_ignore_ascii_case(name))
    };
    let mut own: Vec<Domain> = names
        .iter()
        .map(|name| Domain::of_null(if may_be_null(name) { Nullability::Allowed } else { Nullability::Forbidden }))
        .collect();
    let mut foreign = vec![false; names.len()];
    let mut fixed: Vec<Option<How>> = names.iter().map(|_| None).collect();
    for (index, (of, column, given)) in options.given.iter().enumerate() {
        if !of.eq_ignore_ascii_case(&table.name) {
            continue;
        }
        let Some(column) = at(column) else { continue };
        match given {
            Given::Value(value) => {
                own[column] = match value {
                    rusqlite::types::Value::Null => Domain::of_null(Nullability::Required),
                    value => Domain { nullability: Nullability::Forbidden, ..Domain::of_choices(vec![value.clone()]) },
                };
                fixed[column] = Some(How::Fixed(ValueBuf::from(value)));
            }
            Given::Broken(_) | Given::With(_) => {
                foreign[column] = true;
                fixed[column] = Some(How::With(index));
            }
        }
    }
    let references = references::references(connection, schema, request, plans, later, seed, &names, &fixed)?;
    for reference in &references {
        for &column in reference.columns.iter().filter(|column| reference.makes(**column)) {
            foreign[column] = true;
            if matches!(reference.parent, Parent::Missing) && own[column].nullability == Nullability::Allowed {
                own[column].nullability = Nullability::Required;
            }
        }
    }
    let rowid = table.primary_key.as_ref().filter(|key| key.is_rowid).and_then(|key| match &key.terms[..] {
        [term] => match &term.what {
            IndexedExpr::Column(name) => at(name),
            _ => None,
        },
        _ => None,
    });

    let default_source = |column: &Column| plain_source(table, column, options);
    let plain: Vec<Option<Source>> = places.iter().map(|place| default_source(&table.columns[*place])).collect();
    let is_in_key = names.iter().map(|name| unique::is_keyed(table, name)).collect();
    let input = SolverInput {
        table,
        names: names.clone(),
        places: places.clone(),
        domains: own,
        is_external: foreign,
        default_sources: plain,
        default_source: &default_source,
        is_in_key,
        seed,
    };
    let mut conditions = conditions::of_table(table, &names);
    let mut derived: Vec<DerivedColumn> = Vec::new();
    for condition in &mut conditions {
        let is_rowid = |column| rowid == Some(column);
        let free = |column: usize| !input.is_external[column] && fixed[column].is_none() && !is_rowid(column);
        let found = match condition.derived_by_trigger.take() {
            Some(derived) => {
                if free(derived.column) {
                    vec![derived]
                } else {
                    Vec::new()
                }
            }
            None => DerivedColumn::of(&condition.expression, &names, &free),
        };
        condition.is_derived = !found.is_empty();
        for one in found {
            if !derived.iter().any(|other| other.column == one.column) {
                derived.push(one);
            }
        }
    }
    let given: Vec<bool> = fixed.iter().map(Option::is_some).collect();
    let mut groups = if conditions.is_empty() {
        Vec::new()
    } else {
        let evaluator = Evaluator::of(connection, table)?;
        loop {
            match solve(&input, &conditions, &evaluator) {
                Ok(groups) => break groups,
                // What other rows decide is not known before they are there: each row will show.
                Err(Unsolved { condition: index, .. }) if conditions[index].reads_tables => {
                    conditions[index].reads_tables = false;
                    conditions[index].is_derived = true;
                }
                Err(Unsolved { condition: index, tried }) => {
                    let is_given = conditions[index].columns.iter().any(|column| given[*column]);
                    let unmet = &conditions[index];
                    return Err(crate::data::fill::failure::unsatisfied(table, unmet, &input.names, &tried, is_given));
                }
            }
        }
    };

    let needed = start.saturating_add(request.rows);
    let is_own = |column: usize| !input.is_external[column] && !given[column] && rowid != Some(column);
    let children = asked::of_children(schema, request.table, &names, later);
    let mut first = asked::first(connection, &input, &conditions, &children, needed, &is_own, &mut groups)?;

    let mut columns = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let key = named(seed, &name.to_ascii_lowercase());
        let is_grouped = groups.iter().any(|group| group.columns.contains(&index));
        let how = if let Some(how) = fixed[index].take() {
            how
        } else if references.iter().any(|reference| reference.makes(index)) {
            How::Reference
        } else if is_grouped {
            How::Group
        } else if rowid == Some(index) {
            How::Rowid { first: first_rowid(connection, table, start)? }
        } else {
            let source =
                input.default_sources[index].clone().unwrap_or(Source::Words { min_length: 0, max_length: 40 });
            How::Source(source)
        };
        let nulls = if input.domains[index].nullability == Nullability::Allowed { options.null_rate } else { 0 };
        let constrained = conditions.iter().any(|condition| condition.columns.contains(&index));
        let edge = (options.edge_cases && !constrained).then(|| table.columns[places[index]].clone());
        let first = std::mem::take(&mut first[index]);
        columns.push(ColumnPlan {
            name: name.clone(),
            key,
            nulls,
            place: None,
            how,
            first,
            edge,
            strict: table.strict,
        });
    }
    // Where rows are made for each parent, the parents say how many.
    let rows_for_each = references.iter().find(|reference| reference.each.is_some()).map(|reference| {
        let parents = match &reference.parent {
            Parent::Made { plan, .. } => plans[*plan].count,
            Parent::There { keys } => keys.len() as u64,
            Parent::Missing | Parent::Later { .. } | Parent::Own { .. } => 0,
        };
        crate::data::fill::turns::rows_for_each(reference, parents)
    });
    let wanted = request.rows + rows_for_each.unwrap_or(0);
    let mut plan = Plan {
        table: request.table,
        name: table.name.to_string(),
        count: wanted,
        wanted,
        limit: None,
        start,
        columns,
        groups,
        references,
        conditions,
        derived,
        kept: Vec::new(),
        labels: request.labels.clone(),
        keys: Vec::new(),
    };
    unfold(&mut plan, rowid, table, connection)?;
    for reference in &mut plan.references {
        let nullable = reference.columns.iter().any(|column| plan.columns[*column].nulls > 0);
        reference.nulls = if nullable { options.null_rate } else { 0 };
    }
    unique::arrange(connection, table, &mut plan, plans)?;
    for index in 0..plan.references.len() {
        plan.references[index].overrules = plan.may_overrule(index);
    }
    // A foreign key to a table that is not there, or not by a key of it: no row can be inserted, not even with NULL.
    let sql = plan.target().insert();
    if let Err(error) = connection.prepare(&sql) {
        let refusal = crate::error::Refusal::of(&error).filter(|refusal| refusal.code == 1);
        let because = refusal.map_or_else(|| error.to_string(), |refusal| refusal.message);
        plan.limit = Some(Limit { rows: 0, because, is_guess: false, parents: Vec::new() });
    }
    if let Some(limit) = &plan.limit {
        plan.count = plan.count.min(limit.rows);
    }
    Ok(plan)
}

/// A group of one column with one solution is a column like any other; one whose values follow from the row's number alone.
fn unfold(plan: &mut Plan, rowid: Option<usize>, table: &Table, connection: &Connection) -> Result<()> {
    let mut kept = Vec::new();
    for group in std::mem::take(&mut plan.groups) {
        if let ([column], [Solution::Generated { sources, relations }]) = (&group.columns[..], &group.solutions[..])
            && relations.is_empty()
            && let Some(source) = &sources[0].source
            && matches!(plan.columns[*column].how, How::Group)
        {
            // `CHECK (id > 0)` leaves the rowid as it is.
            let first = first_rowid(connection, table, plan.start)?;
            let counts_up = rowid == Some(*column)
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

/// How a column is made of which no constraint says anything.
fn plain_source(table: &Table, column: &Column, options: &Options) -> Option<Source> {
    #[cfg(feature = "data")]
    if let Some(generator) =
        crate::data::values::realistic::generator(&table.name, column, table.strict, options.locale)
    {
        return Some(Source::Realistic(generator));
    }
    let _ = options;
    choose::source(column, table.strict, &Domain::default())
}

/// How many rows come before the first: the greatest rowid, which is found at once, or their count.
pub(crate) fn first_number(connection: &Connection, table: &Table) -> Result<u64> {
    let name = crate::sql::plain_name(&table.name);
    let what = if has_rowid(table) { "max(rowid)" } else { "count(*)" };
    let sql = format!("SELECT coalesce({what}, 0) FROM main.{name}");
    let number: i64 = connection
        .query_row(&sql, [], |row| row.get(0))
        .map_err(|error| Error::sqlite(format!("read the rows of {}", table.name), error).sql(&sql))?;
    Ok(u64::try_from(number).unwrap_or(0))
}

/// Whether the name `rowid` means the rowid.
fn has_rowid(table: &Table) -> bool {
    !table.without_rowid && table.column("rowid").is_none()
}

/// AUTOINCREMENT does not use a number twice, also not of a row that is gone.
fn first_rowid(connection: &Connection, table: &Table, start: u64) -> Result<i64> {
    let mut last = start.cast_signed();
    if table.autoincrement {
        let sql = "SELECT coalesce(max(seq), 0) FROM main.sqlite_sequence WHERE name = ?1 COLLATE NOCASE";
        let used: i64 = connection
            .query_row(sql, [&table.name], |row| row.get(0))
            .map_err(|error| Error::sqlite("read sqlite_sequence", error).sql(sql))?;
        last = last.max(used);
    }
    Ok(last.saturating_add(1))
}
