//! Makes the values of a row: each column by itself, then those that are tied together, then keys of parents, then closures,
//! then derived columns.

use std::collections::HashMap;

use rusqlite::Statement;

use crate::data::constraints::group::{ColumnGroup, ColumnSource, Solution, satisfy};
use crate::data::constraints::trial::shown_row;
use crate::data::fill::context::FillContext;
use crate::data::fill::lookup::Lookup;
use crate::data::fill::options::{Given, Row};
use crate::data::fill::plan::table_plan::{How, Limit, Parent, Reference, TablePlan};
use crate::data::values::domain::Nullability;
use crate::data::values::edge_cases::edge_case;
#[cfg(feature = "data")]
use crate::data::values::source::Source;
use crate::data::values::value_buf::ValueBuf;
use crate::draw::{Draw, key, named};

/// The percentage of edge cases, if they are wanted.
const EDGES: u64 = 50;

/// Rows with a label are numbered by it, above all others, so that they do not depend on other rows.
const LABELLED: u64 = 1 << 62;

/// Returns the number from which a row is made.
pub(crate) fn number_of(plan: &TablePlan, row: u64, skipped: u64) -> u64 {
    match plan.labels.get(row as usize) {
        Some(label) => (LABELLED | 1 << 30 | (named(0, label) >> 34)) + skipped,
        None => plan.start + row - plan.labels.len() as u64 + skipped,
    }
}

/// Returns the number as values show it.
fn shown(number: u64) -> u64 {
    number & (LABELLED - 1)
}

/// Returns the draws for a row, which differ for each attempt.
fn draws(key_of: u64, number: u64, attempts: u32) -> Draw {
    let mut draw = Draw::new(key(key_of, number));
    if attempts > 0 {
        draw = Draw::new(key(draw.next(), attempts.into()));
    }
    draw
}

/// Makes the value of a column that follows from the row's number alone.
fn make_value(plan: &TablePlan, index: usize, number: u64, attempts: u32, out: &mut ValueBuf) {
    let column = &plan.columns[index];
    match &column.how {
        How::Rowid { .. } if number >= LABELLED => out.set_integer(shown(number).cast_signed()),
        How::Rowid { first } => out.set_integer(first.wrapping_add((number - plan.start).cast_signed())),
        How::Fixed(value) => out.clone_from(value),
        How::Source(source) => {
            if attempts == 0
                && !column.first.is_empty()
                && let Some(first) = number.checked_sub(plan.start).and_then(|row| column.first.get(row as usize))
            {
                return out.clone_from(first);
            }
            let mut draw = draws(column.key, number, attempts);
            if column.nulls > 0 && draw.percent(column.nulls) {
                return out.set_null();
            }
            #[cfg(feature = "data")]
            if let (Some([first, last]), Source::Realistic(generator)) = (column.names, source) {
                let drawn = |at: usize| {
                    let name = &plan.columns[at];
                    let mut draw = draws(name.key, number, 0);
                    if name.nulls > 0 {
                        draw.percent(name.nulls);
                    }
                    draw
                };
                let unique = column.place.as_ref().map(|place| place.of(shown(number)));
                let Some(unique) = unique.map_or(Some(None), |digit| digit.map(Some)) else { return out.set_null() };
                let names = (drawn(first), (first != last).then(|| drawn(last)));
                return generator.make_email(names, &mut draw, unique, out);
            }
            match (&column.place, &column.edge) {
                (None, Some(declared)) if draw.percent(EDGES) => edge_case(declared, column.strict, &mut draw, out),
                (None, _) => source.make(&mut draw, None, out),
                (Some(place), _) => match place.of(shown(number)) {
                    Some(digit) => source.make(&mut draw, Some(digit), out),
                    None => out.set_null(),
                },
            }
        }
        How::Group | How::Reference | How::With(_) => {}
    }
}

/// Makes columns that conditions tie together, by one of the solutions.
fn make_group(plan: &TablePlan, group: &ColumnGroup, number: u64, draft: &mut Draft) {
    let attempts = draft.attempts_of(&group.columns);
    let mut draw = draws(group.key, number, attempts);
    match &group.solutions[draw.below(group.solutions.len() as u64) as usize] {
        Solution::Listed(rows) => {
            let place = group.columns.iter().find_map(|column| plan.columns[*column].place.as_ref());
            let at = match place.map(|place| place.of(shown(number))) {
                Some(Some(digit)) => digit % rows.len() as u64,
                _ => draw.below(rows.len() as u64),
            };
            for (column, value) in group.columns.iter().zip(&rows[at as usize]) {
                if matches!(plan.columns[*column].how, How::Group) {
                    draft.values[*column].clone_from(value);
                }
            }
        }
        Solution::Generated { sources, relations } => {
            for ColumnSource { column: index, source, nullability } in sources {
                let column = &plan.columns[*index];
                draft.nulls[*index] = *nullability;
                let (How::Group, Some(source)) = (&column.how, source) else { continue };
                let mut draw = draws(column.key, number, attempts);
                let out = &mut draft.values[*index];
                if *nullability == Nullability::Allowed && column.nulls > 0 && draw.percent(column.nulls) {
                    out.set_null();
                    continue;
                }
                match column.place.as_ref().map(|place| place.of(shown(number))) {
                    None => source.make(&mut draw, None, out),
                    Some(Some(digit)) => source.make(&mut draw, Some(digit % source.capacity().max(1)), out),
                    Some(None) => out.set_null(),
                }
            }
            satisfy(relations, &mut draft.values);
        }
    }
}

/// A row while it is made. Its buffers are reused from row to row.
pub(crate) struct Draft {
    pub(crate) values: Vec<ValueBuf>,
    /// The nullability of each column, by the solution of its group.
    nulls: Vec<Nullability>,
    /// The number of times that each column was made again.
    pub(crate) attempts: Vec<u32>,
    /// Values of parents that agree, for a row that was refused again and again.
    pub(crate) joined: Vec<(usize, ValueBuf)>,
    /// The error of a closure.
    pub(crate) broken: Option<rusqlite::Error>,
}

impl Draft {
    fn new(columns: usize) -> Draft {
        Draft {
            values: vec![ValueBuf::default(); columns],
            nulls: vec![Nullability::Allowed; columns],
            attempts: vec![0; columns],
            joined: Vec::new(),
            broken: None,
        }
    }

    /// Takes the values of parents that agree. Keys that share a column with them and may be NULL refer to nothing.
    fn take_joined(&mut self, plan: &TablePlan) {
        let is_joined = |column: &usize| self.joined.iter().any(|(joined, _)| joined == column);
        for reference in plan.references.iter().filter(|reference| reference.may_be_null) {
            if reference.columns.iter().any(is_joined) {
                let own = reference.loose.iter().filter(|column| !is_joined(column));
                own.for_each(|column| self.values[*column].set_null());
            }
        }
        self.joined.iter().for_each(|(column, value)| self.values[*column].clone_from(value));
    }

    /// Returns the number of times that a group of columns was made again.
    fn attempts_of(&self, columns: &[usize]) -> u32 {
        columns.iter().map(|column| self.attempts[*column]).max().unwrap_or(0)
    }
}

/// The numbers of the row that is made.
#[derive(Clone, Copy)]
pub(crate) struct RowNumbers {
    /// Its place among the rows of this fill.
    pub(crate) row: u64,
    /// The number from which its values follow.
    pub(crate) number: u64,
    /// The parent's place, if rows are made for each parent in turn.
    pub(crate) parent: u64,
}

/// The tables of a fill, and the rows inserted so far.
pub(crate) struct Tables<'a> {
    pub(crate) plans: &'a [TablePlan],
    /// The filled tables, in the order of the plans. The last one may not be complete.
    pub(crate) filled: Vec<FilledTable>,
}

/// The rows that were inserted into one table.
#[derive(Debug, Default)]
pub(crate) struct FilledTable {
    /// The number of rows. Zero until all of them are inserted.
    pub(crate) rows: u64,
    /// Pairs of a row and the number of row numbers left out from it on, because their values existed already.
    pub(crate) skips: Vec<(u64, u64)>,
    /// The number of times that each column was made again, for rows that were refused at first.
    pub(crate) attempts: HashMap<u64, Vec<u32>>,
    /// The values of columns that cannot be made again, row by row.
    pub(crate) kept: Vec<ValueBuf>,
    /// The keys that leave no room for more rows of these parents.
    pub(crate) no_room: Option<String>,
    /// The keys of rows with a label.
    pub(crate) labels: Vec<(String, ValueBuf)>,
}

impl FilledTable {
    /// Returns the number of row numbers left out so far.
    pub(crate) fn skipped(&self) -> u64 {
        self.skips.last().map_or(0, |(_, skipped)| *skipped)
    }

    /// Returns the limit that was found while rows were inserted.
    pub(crate) fn limit(&self, plan: &TablePlan, plans: &[TablePlan]) -> Option<Limit> {
        let parents = plan.references.iter().filter_map(|reference| match reference.parent {
            Parent::Made { plan, .. } => Some(plans[plan].table),
            _ => None,
        });
        let because = format!("{}: no other parents agree", self.no_room.as_ref()?);
        Some(Limit { rows: self.rows, because, is_guess: false, parents: parents.collect() })
    }

    fn skipped_before(&self, row: u64) -> u64 {
        match self.skips.partition_point(|(from, _)| *from <= row) {
            0 => 0,
            at => self.skips[at - 1].1,
        }
    }
}

impl Tables<'_> {
    /// Returns the number of rows that a table has, or will have.
    pub(crate) fn rows(&self, at: usize) -> u64 {
        self.filled.get(at).map_or(self.plans[at].count, |filled| filled.rows)
    }

    /// Copies a column of a row, which is made again if it follows from the row's number.
    fn copy_value(&self, at: usize, column: usize, row: u64, out: &mut ValueBuf) {
        let plan = &self.plans[at];
        let filled = self.filled.get(at);
        if plan.awaited.contains(&column) {
            make_value(plan, column, number_of(plan, row, 0), 0, out);
        } else if plan.is_formula(column) {
            let skipped = filled.map_or(0, |filled| filled.skipped_before(row));
            let attempts = filled.and_then(|filled| filled.attempts.get(&row)).map_or(0, |attempts| attempts[column]);
            make_value(plan, column, number_of(plan, row, skipped), attempts, out);
        } else if let (Some(filled), Some(place)) = (filled, plan.kept.iter().position(|kept| *kept == column))
            && let Some(value) = filled.kept.get(row as usize * plan.kept.len() + place)
        {
            out.clone_from(value);
        } else {
            out.set_null();
        }
    }
}

/// Makes the rows of one table, one after the other.
pub(crate) struct RowMaker<'a> {
    context: &'a FillContext<'a>,
    plan: &'a TablePlan,
    /// The place of the plan.
    at: usize,
    names: Vec<String>,
    /// For each foreign key, if some of its columns are known before.
    lookups: Vec<Option<Lookup<'a>>>,
    derived: Vec<Option<Statement<'a>>>,
    pub(crate) draft: Draft,
}

impl<'a> RowMaker<'a> {
    pub(crate) fn new(context: &'a FillContext<'a>, plan: &'a TablePlan, at: usize) -> RowMaker<'a> {
        let lookup = |reference| Lookup::of(context.connection, reference);
        RowMaker {
            context,
            plan,
            at,
            names: plan.columns.iter().map(|column| column.name.to_string()).collect(),
            lookups: plan.references.iter().map(lookup).collect(),
            derived: plan.derived.iter().map(|derived| derived.prepare(context.connection)).collect(),
            draft: Draft::new(plan.columns.len()),
        }
    }

    pub(crate) fn make(&mut self, tables: &Tables<'_>, numbers: RowNumbers) {
        let (plan, draft) = (self.plan, &mut self.draft);
        for index in 0..plan.columns.len() {
            let (number, attempts) = match plan.awaited.contains(&index) {
                true => (number_of(plan, numbers.row, 0), 0),
                false => (numbers.number, draft.attempts[index]),
            };
            make_value(plan, index, number, attempts, &mut draft.values[index]);
        }
        if !plan.groups.is_empty() {
            draft.nulls.fill(Nullability::Allowed);
            for group in &plan.groups {
                make_group(plan, group, numbers.number, draft);
            }
        }
        for (reference, lookup) in plan.references.iter().zip(&mut self.lookups) {
            let skew = self.context.options.skew;
            ParentChoice { tables, plan, at: self.at, reference, numbers, skew }.make(draft, lookup.as_mut());
        }
        if !draft.joined.is_empty() {
            draft.take_joined(plan);
        }
        for index in 0..plan.columns.len() {
            if let How::With(given) = plan.columns[index].how {
                self.run_closure(index, given, numbers);
            }
        }
        for (derived, statement) in plan.derived.iter().zip(&mut self.derived) {
            if let Some(statement) = statement {
                derived.make(statement, &mut self.draft.values);
            }
        }
    }

    fn run_closure(&mut self, index: usize, given: usize, RowNumbers { row, number, .. }: RowNumbers) {
        let Given::With(closure) = &self.context.options.given[given].2 else { return };
        let of_row = key(named(self.context.options.seed, &self.plan.name), number);
        let key = key(of_row, self.draft.attempts[index].into());
        let label = self.plan.labels.get(row as usize).map(String::as_str);
        match closure(&Row { number: row, key, label, names: &self.names, made: &self.draft.values }) {
            Ok(value) => self.draft.values[index].set((&value).into()),
            Err(error) => self.draft.broken = Some(error),
        }
    }

    pub(crate) fn shown(&self) -> String {
        shown_row(&self.names, &self.draft.values)
    }
}

/// A foreign key of a row that is made.
struct ParentChoice<'r> {
    tables: &'r Tables<'r>,
    plan: &'r TablePlan,
    /// The place of the plan.
    at: usize,
    reference: &'r Reference,
    numbers: RowNumbers,
    /// The exponent of Zipf's law, by which some parents have more children than others.
    skew: Option<f64>,
}

impl ParentChoice<'_> {
    /// Chooses a parent and copies its key.
    fn make(&self, draft: &mut Draft, lookup: Option<&mut Lookup<'_>>) {
        let reference = self.reference;
        let attempts = draft.attempts_of(&reference.columns);
        let mut draw = draws(reference.key, self.numbers.number, attempts);
        let by_draw = draw.percent(reference.nulls);
        let by_way =
            reference.columns.iter().map(|column| draft.nulls[*column]).find(|nulls| *nulls != Nullability::Allowed);
        let mut is_null = match by_way {
            Some(nulls) => nulls == Nullability::Required,
            None => by_draw && reference.per_parent.is_none(),
        };
        let count = match &reference.parent {
            Parent::Missing | Parent::Later { .. } => return self.set_null(draft),
            Parent::Own { .. } if is_null => return self.set_null(draft),
            Parent::Own { columns } if reference.overrules || reference.known.is_empty() => {
                return self.refer_to_own(columns, &mut draw, draft);
            }
            Parent::Own { .. } => self.numbers.row,
            Parent::Made { plan, .. } => self.tables.rows(*plan),
            Parent::Existing { keys } => keys.len() as u64,
        };
        if count == 0 {
            return self.set_null(draft);
        }
        let parent = self.parent(count, attempts, &mut draw);
        is_null |= parent.is_none();
        if is_null && (!reference.is_partly_null() || !reference.known.is_empty()) {
            return self.set_null(draft);
        }
        if let Some(lookup) = lookup {
            if lookup.take_one(reference, &mut draw, &mut draft.values) {
                return;
            }
            if reference.is_partly_null() {
                return self.set_null(draft);
            }
        }
        self.take_key(parent.unwrap_or_default(), draft);
        if is_null {
            self.set_null(draft);
        }
    }

    /// Returns the number of the parent. `None` for a row that refers to nothing.
    fn parent(&self, count: u64, attempts: u32, draw: &mut Draw) -> Option<u64> {
        let reference = self.reference;
        if reference.per_parent.is_some() {
            return Some(self.numbers.parent);
        }
        if reference.is_paired {
            return Some(self.numbers.row % count);
        }
        if let Some(place) = &reference.place {
            return place.of(shown(self.numbers.number)).map(|index| index.min(count - 1));
        }
        let count = reference.among.map_or(count, |among| among.min(count));
        let count = reference.gathered.map_or(count, |gathered| gathered.min(count));
        Some(match self.skew {
            // Each parent gets one row first.
            _ if reference.gathered.is_some() && attempts == 0 && self.numbers.row < count => self.numbers.row,
            Some(exponent) => skewed(draw, count, exponent),
            None => draw.below(count),
        })
    }

    fn set_null(&self, draft: &mut Draft) {
        self.reference.loose.iter().for_each(|column| draft.values[*column].set_null());
    }

    fn take_key(&self, parent: u64, draft: &mut Draft) {
        for (position, &column) in self.reference.columns.iter().enumerate() {
            if matches!(self.plan.columns[column].how, How::Fixed(_)) {
                continue;
            }
            match &self.reference.parent {
                Parent::Existing { keys } => draft.values[column].clone_from(&keys[parent as usize][position]),
                Parent::Made { plan, columns } => {
                    self.tables.copy_value(*plan, columns[position], parent, &mut draft.values[column]);
                }
                Parent::Missing | Parent::Later { .. } | Parent::Own { .. } => {}
            }
        }
    }

    /// Refers to an earlier row of the same table, or to the row itself if it must refer to one and is the first.
    fn refer_to_own(&self, columns: &[usize], draw: &mut Draw, draft: &mut Draft) {
        let (reference, row) = (self.reference, self.numbers.row);
        let nullable =
            reference.columns.iter().any(|column| self.plan.columns[*column].nulls > 0) || reference.nulls > 0;
        let earlier = match (&reference.place, row) {
            (_, 0) => None,
            // Each row is referred to once: by the next one, or by itself.
            (Some(_), row) => reference.may_be_null.then_some(row - 1),
            (None, row) => Some(draw.below(row)),
        };
        let takes_earlier = |position: usize| reference.may_be_null || self.plan.is_formula(columns[position]);
        let is_own = earlier.is_none() || !(0..columns.len()).any(takes_earlier);
        // Without NULLs the first row refers to itself, unless it is refused for that: `CHECK (parent <> id)`.
        let is_refused = draft.attempts_of(&reference.columns) > 0;
        if earlier.is_none() && nullable || is_refused && reference.may_be_null && (is_own || draw.percent(50)) {
            return self.set_null(draft);
        }
        for (position, &column) in reference.columns.iter().enumerate() {
            let mut value = std::mem::take(&mut draft.values[column]);
            match earlier {
                Some(earlier) if takes_earlier(position) => {
                    self.tables.copy_value(self.at, columns[position], earlier, &mut value);
                }
                // A key may be its own column.
                _ if columns[position] == column => {}
                _ => value.clone_from(&draft.values[columns[position]]),
            }
            draft.values[column] = value;
        }
    }
}

/// Returns a number below `count`, of which the first are drawn more often: Zipf's law.
fn skewed(draw: &mut Draw, count: u64, exponent: f64) -> u64 {
    let uniform = (draw.next() >> 11) as f64 / (1_u64 << 53) as f64;
    let all = count as f64 + 1.0;
    let at = if (exponent - 1.0).abs() < 1e-9 {
        all.powf(uniform)
    } else {
        let power = 1.0 - exponent;
        ((all.powf(power) - 1.0) * uniform + 1.0).powf(1.0 / power)
    };
    ((at - 1.0).max(0.0) as u64).min(count - 1)
}
