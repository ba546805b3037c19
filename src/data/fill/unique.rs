//! Rows that differ where they must: one column of each key takes its values from the row's number, or several share it.

use rusqlite::Connection;

use crate::data::constraints::expression;
use crate::data::constraints::group::{ColumnSource, Solution};
use crate::data::fill::pairs::pairs;
use crate::data::fill::plan::{How, Limit, Parent, Plan};
use crate::data::values::choose;
use crate::data::values::domain::Domain;
use crate::data::values::source::Source;
use crate::data::values::value_buf::ValueBuf;
use crate::error::{Error, Result};
use crate::report;
use crate::schema::{IndexedColumn, IndexedExpr, Table};

/// Which part of the row's number a column takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    stride: u64,
    /// How many values the column has.
    size: u64,
    /// How many combinations there are.
    all: u64,
    multiplier: u64,
    /// Whether rows beyond that have NULL here.
    null_beyond: bool,
    /// Whether the number is taken as it is.
    plain: bool,
}

impl Place {
    fn new(stride: u64, size: u64, all: u64, null_beyond: bool) -> Place {
        Place { stride, size, all, multiplier: multiplier(all) % all.max(2), null_beyond, plain: false }
    }

    /// The whole number, for a source with room for it.
    fn whole(capacity: u64) -> Place {
        // Texts that show their number are better read in order.
        Place { plain: capacity > 1 << 40, ..Place::new(1, capacity, capacity, false) }
    }

    /// Whether the column tells rows apart by itself.
    fn is_whole(&self) -> bool {
        self.size == self.all
    }

    /// The column's part of a number. `None` is NULL.
    #[inline]
    pub(crate) fn of(&self, number: u64) -> Option<u64> {
        if self.plain {
            return Some(number);
        }
        if self.null_beyond && number >= self.all {
            return None;
        }
        // Each number below `all` is met once, in an order that does not look like one.
        let number = number % self.all;
        let scattered = if self.all <= u64::from(u32::MAX) {
            number * self.multiplier % self.all
        } else {
            (u128::from(number) * u128::from(self.multiplier) % u128::from(self.all)) as u64
        };
        Some(scattered / self.stride % self.size)
    }
}

/// A number that has no factor in common with `all`.
fn multiplier(all: u64) -> u64 {
    fn divisor(one: u64, two: u64) -> u64 {
        if two == 0 { one } else { divisor(two, one % two) }
    }
    // About the golden section, so that neighbours end up far apart.
    let mut candidate = (all as f64 * 0.618_033_988_75) as u64 | 1;
    while divisor(candidate, all.max(1)) != 1 {
        candidate += 1;
    }
    candidate.max(1)
}

/// What has to differ.
#[derive(Clone, Debug)]
pub(crate) struct UniqueKey {
    /// As it is shown.
    pub(crate) shown: String,
    /// The columns that it is about, also within expressions.
    pub(crate) columns: Vec<usize>,
    /// The columns of the condition under which it holds.
    pub(crate) under: Vec<usize>,
    /// The name of its index, by which SQLite refuses where it has expressions.
    pub(crate) index: Option<String>,
    partial: bool,
    has_expression: bool,
}

pub(crate) fn arrange(connection: &Connection, table: &Table, plan: &mut Plan, plans: &[Plan]) -> Result<()> {
    let mut keys = keys(table, plan);
    for reference in &plan.references {
        let missing = matches!(reference.parent, Parent::Missing);
        if missing
            && reference
                .columns
                .iter()
                .all(|column| plan.columns[*column].nulls == 0 && !may_be_null(table, plan, *column))
        {
            narrow(&mut plan.limit, 0, format!("{} (no rows there)", reference.shown), false, Vec::new());
        }
    }
    for pair in pairs(plan) {
        if plans[pair.parent].count < 2 {
            let parents = vec![plans[pair.parent].table];
            narrow(&mut plan.limit, 0, format!("{}: there is one parent", pair.because), false, parents);
        }
    }
    keys.sort_by_key(|key| (key.partial, key.columns.len()));
    for key in &keys {
        if key.columns.is_empty() {
            continue;
        }
        arrange_one(connection, table, plan, plans, key)?;
    }
    plan.keys = keys;
    Ok(())
}

/// Whether a column is part of a key, or may be, within an expression.
pub(crate) fn is_keyed(table: &Table, name: &str) -> bool {
    let keys = table.primary_key.iter().chain(&table.unique).flat_map(|key| &key.terms);
    let indexes = table.indexes.iter().filter(|index| index.unique).flat_map(|index| &index.terms);
    keys.chain(indexes).any(|term| match &term.what {
        IndexedExpr::Column(column) => column.eq_ignore_ascii_case(name),
        IndexedExpr::Expression(_) => true,
        IndexedExpr::Rowid => false,
    })
}

fn may_be_null(table: &Table, plan: &Plan, column: usize) -> bool {
    crate::data::fill::order::may_be_null(table, &plan.columns[column].name)
}

fn keys(table: &Table, plan: &Plan) -> Vec<UniqueKey> {
    let names: Vec<String> = plan.columns.iter().map(|column| column.name.clone()).collect();
    let mut found = Vec::new();
    let mut add = |what: &str, terms: &[IndexedColumn], index: Option<&str>, partial: Option<&str>| {
        let mut columns = Vec::new();
        let mut has_expression = false;
        let mut shown = Vec::new();
        for term in terms {
            match &term.what {
                IndexedExpr::Column(name) => {
                    shown.push(name.to_string());
                    match plan.column(name) {
                        Some(column) => columns.push(column),
                        // A generated column: what it is made from has to differ.
                        None => {
                            has_expression = true;
                            let generated = table.column(name).and_then(|column| column.generated.as_ref());
                            let expression = generated.map_or("", |generated| generated.expression.as_str());
                            expression::parse(expression, &names).columns(&mut columns);
                        }
                    }
                }
                IndexedExpr::Rowid => {}
                IndexedExpr::Expression(text) => {
                    has_expression = true;
                    shown.push(text.clone());
                    expression::parse(text, &names).columns(&mut columns);
                }
            }
        }
        let mut under = Vec::new();
        if let Some(condition) = partial {
            expression::parse(condition, &names).columns(&mut under);
        }
        columns.dedup();
        let condition = partial.map_or(String::new(), |condition| format!(" WHERE {condition}"));
        found.push(UniqueKey {
            shown: format!("{what} ({}){condition}", shown.join(", ")),
            columns,
            under,
            index: index.map(str::to_owned),
            partial: partial.is_some(),
            has_expression,
        });
    };
    if let Some(key) = &table.primary_key {
        add("PRIMARY KEY", &key.terms, key.index.as_deref(), None);
    }
    for key in &table.unique {
        add("UNIQUE", &key.terms, key.index.as_deref(), None);
    }
    for index in table.indexes.iter().filter(|index| index.unique) {
        add(&format!("UNIQUE INDEX {}", index.name), &index.terms, Some(&index.name), index.partial.as_deref());
    }
    found
}

/// One part of a key: a column, or all columns of a foreign key that are in it.
enum Part {
    Column { column: usize, size: u64 },
    Reference { reference: usize, size: u64 },
}

impl Part {
    fn size(&self) -> u64 {
        match self {
            Part::Column { size, .. } | Part::Reference { size, .. } => *size,
        }
    }
}

fn arrange_one(connection: &Connection, table: &Table, plan: &mut Plan, plans: &[Plan], key: &UniqueKey) -> Result<()> {
    let tells_apart = |column: &usize| {
        let column = &plan.columns[*column];
        matches!(column.how, How::Rowid { .. } | How::With(_)) || column.place.as_ref().is_some_and(Place::is_whole)
    };
    if key.columns.iter().any(tells_apart) {
        return Ok(());
    }
    if key.has_expression {
        for column in &key.columns {
            // `coalesce(x, 0)`: what is NULL is the same.
            if plan.columns[*column].place.is_none() {
                plan.columns[*column].nulls = 0;
            }
        }
    }
    let needed = plan.start.saturating_add(plan.count);
    let (mut all_parts, _) = parts(plan, plans, key);
    if combinations(&all_parts) < needed {
        for reference in &mut plan.references {
            if reference.columns.iter().any(|column| key.columns.contains(column)) {
                reference.gathered = None;
            }
        }
        (all_parts, _) = parts(plan, plans, key);
    }
    if combinations(&all_parts) < needed {
        for &column in &key.columns {
            without_a_look(table, plan, column);
        }
    }
    // A column with room for all rows, the last one where there are several: it is more often the one that counts up. What a
    // parent may say is better left to it.
    let is_a_parents = |column: &usize| plan.references.iter().any(|reference| reference.columns.contains(column));
    let (said, free): (Vec<usize>, Vec<usize>) = key.columns.iter().partition(|column| is_a_parents(column));
    let carrier_among = |columns: &[usize]| {
        let mut carrier: Option<(u64, usize)> = None;
        for &column in columns {
            let capacity = capacity(plan, column);
            let has_place = plan.columns[column].place.is_some();
            if capacity >= needed && !has_place && carrier.is_none_or(|(best, _)| capacity >= best.min(1 << 31)) {
                carrier = Some((capacity, column));
            }
        }
        carrier
    };
    let carrier = carrier_among(&free).or_else(|| carrier_among(&said));
    if let Some((capacity, column)) = carrier {
        let column = &mut plan.columns[column];
        let place = Place::whole(capacity);
        // What has no end counts up: versions, lines, positions.
        let counts = matches!(&column.how, How::Source(source) if source.is_unbounded_counter());
        column.place = Some(Place { plain: place.plain || counts, ..place });
        if let How::Source(source) = &mut column.how {
            *source = source.clone().with_room_for_number();
        }
        return Ok(());
    }
    share(connection, table, plan, plans, key)
}

/// The parts of a key, and whether one of them is about parents that are made with these rows.
fn parts(plan: &Plan, plans: &[Plan], key: &UniqueKey) -> (Vec<Part>, bool) {
    let mut parts: Vec<Part> = Vec::new();
    let mut all_new = false;
    for &column in &key.columns {
        match plan.references.iter().position(|reference| reference.makes(column)) {
            Some(reference) => {
                if parts
                    .iter()
                    .any(|part| matches!(part, Part::Reference { reference: other, .. } if *other == reference))
                {
                    continue;
                }
                let (size, made) = match &plan.references[reference].parent {
                    Parent::Missing => (1, false),
                    Parent::Own { .. } | Parent::Later { .. } => (plan.count.max(1), true),
                    Parent::Made { plan: at, .. } => (plans[*at].count, true),
                    Parent::There { keys } => (keys.len() as u64, false),
                };
                let size = plan.references[reference].gathered.map_or(size, |gathered| gathered.min(size));
                all_new |= made;
                parts.push(Part::Reference { reference, size: size.max(1) });
            }
            None => parts.push(Part::Column { column, size: capacity(plan, column).max(1) }),
        }
    }
    (parts, all_new)
}

fn combinations(parts: &[Part]) -> u64 {
    parts.iter().fold(1_u64, |all, part| all.saturating_mul(part.size()))
}

/// Lets the parts of a key share the number, like the digits of one.
fn share(connection: &Connection, table: &Table, plan: &mut Plan, plans: &[Plan], key: &UniqueKey) -> Result<()> {
    let (parts, all_new) = parts(plan, plans, key);
    let has_place = |part: &Part| match part {
        Part::Column { column, .. } => plan.columns[*column].place.is_some(),
        Part::Reference { reference, .. } => plan.references[*reference].place.is_some(),
    };
    // What another key has arranged stays; rows that clash are made again.
    let free: Vec<&Part> = parts.iter().filter(|part| !has_place(part)).collect();
    let mut all = combinations(&parts);
    let mut because = String::new();
    for pair in pairs(plan).iter().filter(|pair| pair.columns.iter().all(|column| key.columns.contains(column))) {
        let parents = plans[pair.parent].count.max(1);
        all = all / parents * (parents - 1) / (1 + u64::from(pair.ordered));
        because = format!(", {}", pair.because);
    }
    let nullable = key.columns.iter().copied().find(|column| may_be_null(table, plan, *column) && !key.has_expression);
    let own_chain = parts.iter().any(|part| {
        matches!(part, Part::Reference { reference, .. } if matches!(plan.references[*reference].parent, Parent::Own { .. }))
    });
    if !key.partial && nullable.is_none() && !own_chain {
        let taken = if all_new { 0 } else { taken(connection, table, plan, key)? };
        let left = all.saturating_sub(taken);
        if taken > 0 {
            because.push_str(&format!(", {} there already", report::count(taken, "row")));
        }
        if left < plan.count {
            let sizes: Vec<String> = parts
                .iter()
                .map(|part| match part {
                    Part::Column { column, size } => {
                        let verb = match is_sample(plan, *column) {
                            true if *size == 1 => "was found for",
                            true => "were found for",
                            false => {
                                return format!("{} has {}", plan.columns[*column].name, report::count(*size, "value"));
                            }
                        };
                        format!("{} {verb} {}", report::count(*size, "value"), plan.columns[*column].name)
                    }
                    Part::Reference { reference, size } => {
                        let reference = &plan.references[*reference];
                        let names: Vec<&str> =
                            reference.columns.iter().map(|column| plan.columns[*column].name.as_str()).collect();
                        format!("{} has {}", names.join(", "), report::count(*size, "parent"))
                    }
                })
                .collect();
            let parents = parts.iter().filter_map(|part| match part {
                Part::Reference { reference, .. } => match plan.references[*reference].parent {
                    Parent::Made { plan, .. } => Some(plans[plan].table),
                    _ => None,
                },
                Part::Column { .. } => None,
            });
            let parents = parents.collect();
            let is_guess =
                parts.iter().any(|part| matches!(part, Part::Column { column, .. } if is_sample(plan, *column)));
            narrow(&mut plan.limit, left, format!("{}: {}{because}", key.shown, sizes.join(", ")), is_guess, parents);
        }
    }
    if key.partial {
        return Ok(());
    }
    let mut stride = 1_u64;
    let all = free.iter().fold(1_u64, |all, part| all.saturating_mul(part.size()));
    let beyond = nullable.is_some() && all < plan.start.saturating_add(plan.count);
    let mut places = Vec::new();
    for part in &free {
        let is_nullable = match part {
            Part::Column { column, .. } => Some(*column) == nullable,
            Part::Reference { reference, .. } => {
                nullable.is_some_and(|column| plan.references[*reference].columns.contains(&column))
            }
        };
        places.push(Place::new(stride, part.size(), all, beyond && is_nullable));
        stride = stride.saturating_mul(part.size());
    }
    let targets: Vec<(Option<usize>, Option<usize>)> = free
        .iter()
        .map(|part| match part {
            Part::Column { column, .. } => (Some(*column), None),
            Part::Reference { reference, .. } => (None, Some(*reference)),
        })
        .collect();
    for ((column, reference), place) in targets.into_iter().zip(places) {
        if let Some(column) = column {
            plan.columns[column].place = Some(place);
        } else if let Some(reference) = reference {
            plan.references[reference].place = Some(place);
        }
    }
    Ok(())
}

/// Values that look like what the column's name promises may be fewer than it holds: it gets others.
fn without_a_look(table: &Table, plan: &mut Plan, column: usize) {
    let constrained = plan.conditions.iter().any(|condition| condition.columns.contains(&column));
    let of = &mut plan.columns[column];
    if let (How::Source(source), Some(declared)) = (&of.how, table.column(&of.name))
        && source.is_realistic()
        && !constrained
        && of.place.is_none()
        && let Some(plain) = choose::source(declared, table.strict, &Domain::default())
        && plain.capacity() > source.capacity()
    {
        of.how = How::Source(plain);
    }
}

/// Whether the column may hold more values than are known.
fn is_sample(plan: &Plan, column: usize) -> bool {
    match &plan.columns[column].how {
        How::Source(source) => source.is_realistic(),
        How::Group => solutions(plan, column).any(|solution| match solution {
            Solution::Listed(_) => true,
            Solution::Generated { sources, .. } => source_of(sources, column).is_some_and(Source::is_realistic),
        }),
        How::Rowid { .. } | How::Reference | How::Fixed(_) | How::With(_) => false,
    }
}

/// The ways in which a column is made with others.
fn solutions(plan: &Plan, column: usize) -> impl Iterator<Item = &Solution> {
    let groups = plan.groups.iter().filter(move |group| group.columns.contains(&column));
    groups.flat_map(|group| &group.solutions)
}

fn source_of(sources: &[ColumnSource], column: usize) -> Option<&Source> {
    sources.iter().find(|column_source| column_source.column == column)?.source.as_ref()
}

/// How many values of a column differ.
fn capacity(plan: &Plan, column: usize) -> u64 {
    match &plan.columns[column].how {
        How::Source(source) => source.capacity(),
        How::Group => capacity_of_solutions(plan, column),
        How::Fixed(_) => 1,
        How::Reference => 0,
        How::Rowid { .. } | How::With(_) => u64::MAX,
    }
}

/// Of all ways together: a row that meets another one goes another way. What they list is counted once, and beside what
/// they make not at all, for it may be the same.
fn capacity_of_solutions(plan: &Plan, column: usize) -> u64 {
    let mut listed: Vec<&ValueBuf> = Vec::new();
    let mut most = 1;
    for group in plan.groups.iter().filter(|group| group.columns.contains(&column)) {
        let at = group.columns.iter().position(|other| *other == column).unwrap_or_default();
        for solution in &group.solutions {
            match solution {
                Solution::Generated { sources, .. } => match source_of(sources, column) {
                    Some(Source::Choices(choices)) => listed.extend(choices),
                    source => most = most.max(source.map_or(1, Source::capacity)),
                },
                Solution::Listed(rows) => listed.extend(rows.iter().map(|row| &row[at])),
            }
        }
    }
    let mut distinct: Vec<&ValueBuf> = Vec::new();
    for made in listed {
        if !distinct.contains(&made) {
            distinct.push(made);
        }
    }
    most.max(distinct.len() as u64)
}

fn narrow(limit: &mut Option<Limit>, rows: u64, because: String, is_guess: bool, parents: Vec<usize>) {
    if limit.as_ref().is_none_or(|limit| rows < limit.rows) {
        *limit = Some(Limit { rows, because, is_guess, parents });
    }
}

/// How many rows are there already with what is set of this key.
fn taken(connection: &Connection, table: &Table, plan: &Plan, key: &UniqueKey) -> Result<u64> {
    let set = key.columns.iter().filter_map(|column| match &plan.columns[*column].how {
        How::Fixed(value) => Some((&plan.columns[*column].name, value)),
        _ => None,
    });
    let (names, values): (Vec<_>, Vec<_>) = set.unzip();
    let conditions: String = names.iter().map(|name| format!(" AND {} = ?", crate::sql::plain_name(name))).collect();
    let sql = format!("SELECT count(*) FROM main.{} WHERE true{conditions}", crate::sql::plain_name(&table.name));
    let count: i64 = connection
        .query_row(&sql, rusqlite::params_from_iter(values), |row| row.get(0))
        .map_err(|error| Error::sqlite(format!("count the rows of {}", table.name), error).sql(&sql))?;
    Ok(count.cast_unsigned())
}
