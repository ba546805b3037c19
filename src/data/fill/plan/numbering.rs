//! Makes keys unique: one column of each key takes its values from the row's number, or several columns share it.

use crate::data::constraints::candidates::add_new;
use crate::data::constraints::group::{ColumnSource, Solution};
use crate::data::fill::context::count_existing;
use crate::data::fill::plan::references::{DistinctParents, distinct_parents};
use crate::data::fill::plan::table_plan::{How, Limit, Parent, Place, TablePlan, TableShape, UniqueKey};
use crate::data::values::choose;
use crate::data::values::domain::Domain;
use crate::data::values::source::Source;
use crate::data::values::value_buf::ValueBuf;
use crate::error::Result;
use crate::order::Order as _;
use crate::report::count;

/// Arranges the keys of a table, and limits its rows to the combinations of their values.
pub(super) fn arrange(shape: &TableShape<'_>, plan: &mut TablePlan, mut keys: Vec<UniqueKey>) -> Result<()> {
    keys.order_by_key(|key| (key.partial, key.columns.len()));
    let mut numbering = Numbering { shape, plan };
    for key in keys.iter().filter(|key| !key.columns.is_empty()) {
        numbering.arrange(key)?;
    }
    keep_apart(plan);
    plan.keys = keys;
    Ok(())
}

/// Shifts the second of two keys that go through the same parents and must never refer to the same one.
fn keep_apart(plan: &mut TablePlan) {
    for pair in distinct_parents(plan) {
        let [first, second] =
            pair.columns.map(|column| plan.references.iter().position(|reference| reference.makes(column)));
        if let (Some(first), Some(second)) = (first, second)
            && plan.references[first].place == plan.references[second].place
            && let Some(place) = &mut plan.references[second].place
        {
            place.shift = 1;
        }
    }
}

/// Gives the columns of keys their parts of the row's number.
struct Numbering<'n, 'p> {
    shape: &'n TableShape<'p>,
    plan: &'n mut TablePlan,
}

/// One part of a key, and its number of values.
#[derive(Clone, Copy)]
struct Part {
    what: PartOf,
    size: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PartOf {
    Column(usize),
    /// All columns of a foreign key that are in the key.
    Reference(usize),
}

impl Numbering<'_, '_> {
    fn arrange(&mut self, key: &UniqueKey) -> Result<()> {
        let tells_apart = |column: &usize| {
            let column = &self.plan.columns[*column];
            matches!(column.how, How::Rowid { .. } | How::With(_)) || column.place.as_ref().is_some_and(Place::is_whole)
        };
        if key.columns.iter().any(tells_apart) {
            return Ok(());
        }
        if key.has_expression {
            for &column in &key.columns {
                // `coalesce(x, 0)`: all NULLs are equal.
                if self.plan.columns[column].place.is_none() {
                    self.plan.columns[column].nulls = 0;
                }
            }
        }
        self.make_room(key);
        if !self.number_one(key) {
            self.share(key)?;
        }
        Ok(())
    }

    /// Returns the number of rows that have to differ.
    fn needed(&self) -> u64 {
        self.plan.start.saturating_add(self.plan.count)
    }

    /// If the values of a key do not suffice, takes all parents, then values that do not fit the column's name.
    fn make_room(&mut self, key: &UniqueKey) {
        if combinations(&self.parts(key)) < self.needed() {
            for reference in &mut self.plan.references {
                if reference.columns.iter().any(|column| key.columns.contains(column)) {
                    reference.gathered = None;
                }
            }
        }
        if combinations(&self.parts(key)) < self.needed() {
            for &column in &key.columns {
                self.use_plain_values(column);
            }
        }
    }

    /// Gives a column other values if those that fit its name are fewer than it can hold.
    fn use_plain_values(&mut self, column: usize) {
        let is_constrained = self.plan.conditions.iter().any(|condition| condition.columns.contains(&column));
        let of = &mut self.plan.columns[column];
        if let (How::Source(source), Some(declared)) = (&of.how, self.shape.table.column(&of.name))
            && source.is_realistic()
            && !is_constrained
            && of.place.is_none()
            && let Some(plain) = choose::source(declared, self.shape.table.strict, &Domain::default())
            && plain.capacity() > source.capacity()
        {
            of.how = How::Source(plain);
        }
    }

    /// Numbers a column that has room for all rows. If there are several, the last one: it is more often the one that
    /// counts up. Columns of foreign keys are better left to their parents.
    fn number_one(&mut self, key: &UniqueKey) -> bool {
        let is_a_parents =
            |column: &usize| self.plan.references.iter().any(|reference| reference.columns.contains(column));
        let (of_parents, own): (Vec<usize>, Vec<usize>) = key.columns.iter().partition(|column| is_a_parents(column));
        let Some((capacity, column)) = self.roomiest(&own).or_else(|| self.roomiest(&of_parents)) else {
            return false;
        };
        let column = &mut self.plan.columns[column];
        // Versions, lines and positions have no end, and count up.
        let counts = matches!(&column.how, How::Source(source) if source.is_unbounded_counter());
        column.place = Some(Place::whole(capacity, counts));
        if let How::Source(source) = &mut column.how {
            *source = source.clone().with_room_for_number();
        }
        true
    }

    fn roomiest(&self, columns: &[usize]) -> Option<(u64, usize)> {
        let mut best: Option<(u64, usize)> = None;
        for &column in columns {
            let capacity = capacity(self.plan, column);
            let has_place = self.plan.columns[column].place.is_some();
            let is_better = best.is_none_or(|(best, _)| capacity >= best.min(1 << 31));
            if capacity >= self.needed() && !has_place && is_better {
                best = Some((capacity, column));
            }
        }
        best
    }

    fn parts(&self, key: &UniqueKey) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        for &column in &key.columns {
            let part = match self.plan.references.iter().position(|reference| reference.makes(column)) {
                Some(reference) => Part { what: PartOf::Reference(reference), size: self.parents(reference) },
                None => Part { what: PartOf::Column(column), size: capacity(self.plan, column) },
            };
            if matches!(part.what, PartOf::Column(_)) || !parts.iter().any(|other| other.what == part.what) {
                parts.push(Part { size: part.size.max(1), ..part });
            }
        }
        parts
    }

    fn parents(&self, reference: usize) -> u64 {
        let reference = &self.plan.references[reference];
        let parents = match &reference.parent {
            Parent::Missing => 1,
            Parent::Own { .. } | Parent::Later { .. } => self.plan.count.max(1),
            Parent::Made { plan, .. } => self.shape.plans[*plan].count,
            Parent::Existing { keys } => keys.len() as u64,
        };
        reference.gathered.map_or(parents, |gathered| gathered.min(parents))
    }

    /// Lets the parts of a key share the row's number, like the digits of a number.
    fn share(&mut self, key: &UniqueKey) -> Result<()> {
        let parts = self.parts(key);
        let may_be_null = |column: &usize| self.plan.columns[*column].may_be_null && !key.has_expression;
        let nullable = key.columns.iter().copied().find(may_be_null);
        if key.partial {
            return Ok(());
        }
        if nullable.is_none() {
            self.limit(key, &parts)?;
        }
        // The place that another key has given to a column stays; rows that clash are made again.
        let free: Vec<Part> = parts.into_iter().filter(|part| self.place(part.what).is_none()).collect();
        let all = combinations(&free);
        let beyond = nullable.is_some() && all < self.needed();
        let mut stride = 1_u64;
        for part in free {
            let is_nullable = nullable.is_some_and(|column| match part.what {
                PartOf::Column(own) => own == column,
                PartOf::Reference(reference) => self.plan.references[reference].columns.contains(&column),
            });
            *self.place(part.what) = Some(Place::new(stride, part.size, all, beyond && is_nullable));
            stride = stride.saturating_mul(part.size);
        }
        Ok(())
    }

    fn place(&mut self, part: PartOf) -> &mut Option<Place> {
        match part {
            PartOf::Column(column) => &mut self.plan.columns[column].place,
            PartOf::Reference(reference) => &mut self.plan.references[reference].place,
        }
    }

    /// Limits the rows to the combinations of a key that are free.
    fn limit(&mut self, key: &UniqueKey, parts: &[Part]) -> Result<()> {
        let references = || {
            parts.iter().filter_map(|part| match part.what {
                PartOf::Reference(reference) => Some(&self.plan.references[reference].parent),
                PartOf::Column(_) => None,
            })
        };
        if references().any(|parent| matches!(parent, Parent::Own { .. })) {
            return Ok(());
        }
        let mut all = combinations(parts);
        let mut because = String::new();
        let is_in_key = |pair: &DistinctParents| pair.columns.iter().all(|column| key.columns.contains(column));
        for pair in distinct_parents(self.plan).iter().filter(|pair| is_in_key(pair)) {
            let parents = self.shape.plans[pair.parent].count.max(1);
            all = all / parents * (parents - 1) / (1 + u64::from(pair.ordered));
            because = format!(", {}", pair.because);
        }
        // Parents that are made with these rows have no children yet.
        let has_new_parents = references().any(|parent| matches!(parent, Parent::Made { .. } | Parent::Later { .. }));
        let taken = if has_new_parents { 0 } else { self.taken(key)? };
        if taken > 0 {
            let verb = if taken == 1 { "exists" } else { "exist" };
            because.push_str(&format!(", {} already {verb}", count(taken, "row")));
        }
        let rows = all.saturating_sub(taken);
        if rows < self.plan.count {
            let sizes: Vec<String> = parts.iter().map(|part| self.shown(*part)).collect();
            let made = references().filter_map(|parent| match parent {
                Parent::Made { plan, .. } => Some(self.shape.plans[*plan].table),
                _ => None,
            });
            let is_guess =
                parts.iter().any(|part| matches!(part.what, PartOf::Column(column) if is_sample(self.plan, column)));
            let because = format!("{}: {}{because}", key.shown, sizes.join(", "));
            let limit = Limit { rows, because, is_guess, parents: made.collect() };
            self.plan.narrow(limit);
        }
        Ok(())
    }

    /// Counts the existing rows with the values of a key that are given.
    fn taken(&self, key: &UniqueKey) -> Result<u64> {
        let set = key.columns.iter().filter_map(|column| match &self.plan.columns[*column].how {
            How::Fixed(value) => Some((&self.plan.columns[*column].name, value)),
            _ => None,
        });
        count_existing(self.shape.context.connection, self.shape.table, &set.collect::<Vec<_>>())
    }

    /// Returns the number of values of a part in words.
    fn shown(&self, Part { what, size }: Part) -> String {
        let name = |column: usize| self.plan.columns[column].name.as_str();
        match what {
            PartOf::Column(column) if !is_sample(self.plan, column) => {
                format!("{} has {}", name(column), count(size, "value"))
            }
            PartOf::Column(column) => {
                let verb = if size == 1 { "was" } else { "were" };
                format!("{} {verb} found for {}", count(size, "value"), name(column))
            }
            PartOf::Reference(reference) => {
                let names: Vec<&str> =
                    self.plan.references[reference].columns.iter().map(|column| name(*column)).collect();
                format!("{} has {}", names.join(", "), count(size, "parent"))
            }
        }
    }
}

fn combinations(parts: &[Part]) -> u64 {
    parts.iter().fold(1_u64, |all, part| all.saturating_mul(part.size))
}

/// Returns true if the column may hold more values than are known.
fn is_sample(plan: &TablePlan, column: usize) -> bool {
    match &plan.columns[column].how {
        How::Source(source) => source.is_realistic(),
        How::Group => {
            let groups = plan.groups.iter().filter(|group| group.columns.contains(&column));
            groups.flat_map(|group| &group.solutions).any(|way| match way {
                Solution::Listed(_) => true,
                Solution::Generated { sources, .. } => source_of(sources, column).is_some_and(Source::is_realistic),
            })
        }
        How::Rowid { .. } | How::Reference | How::Fixed(_) | How::With(_) => false,
    }
}

fn source_of(sources: &[ColumnSource], column: usize) -> Option<&Source> {
    sources.iter().find(|maker| maker.column == column)?.source.as_ref()
}

/// Returns the number of distinct values of a column.
fn capacity(plan: &TablePlan, column: usize) -> u64 {
    match &plan.columns[column].how {
        How::Source(source) => source.capacity(),
        How::Group => capacity_of_solutions(plan, column),
        How::Fixed(_) => 1,
        How::Reference => 0,
        How::Rowid { .. } | How::With(_) => u64::MAX,
    }
}

/// Returns the capacity of all solutions together: a row that clashes with another takes another solution. Values that
/// solutions list are counted once, and not in addition to those that solutions generate, because they may be the same.
fn capacity_of_solutions(plan: &TablePlan, column: usize) -> u64 {
    let mut listed: Vec<&ValueBuf> = Vec::new();
    let mut most = 1;
    for group in plan.groups.iter().filter(|group| group.columns.contains(&column)) {
        let at = group.columns.iter().position(|other| *other == column).unwrap_or_default();
        for way in &group.solutions {
            match way {
                Solution::Generated { sources, .. } => match source_of(sources, column) {
                    Some(Source::Choices(choices)) => choices.iter().for_each(|value| add_new(&mut listed, value)),
                    source => most = most.max(source.map_or(1, Source::capacity)),
                },
                Solution::Listed(rows) => rows.iter().for_each(|row| add_new(&mut listed, &row[at])),
            }
        }
    }
    most.max(listed.len() as u64)
}
