//! Makes the values of a row: each column by itself, then those that are tied together, then keys of parents, then closures,
//! then derived columns.

use rusqlite::{Connection, Statement};

use crate::data::fill::context::FillContext;
use crate::data::fill::existing::row_values;
use crate::data::fill::options::{Given, Row};
use crate::data::fill::plan::table_plan::{How, Parent, Reference, TablePlan};
use crate::data::fill::rows::values::{Draft, RowNumbers, Tables, draws, make_group, make_value, shown};
use crate::data::values::domain::Nullability;
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::draw::{Draw, key, named};
use crate::schema::Name;
use crate::sql::{plain_name, plain_names};

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

    /// Makes all values of a row.
    pub(crate) fn make(&mut self, tables: &Tables<'_>, numbers: RowNumbers) {
        let (plan, draft) = (self.plan, &mut self.draft);
        for index in 0..plan.columns.len() {
            make_value(plan, index, numbers.number, draft.attempts[index], &mut draft.values[index]);
        }
        if !plan.groups.is_empty() {
            draft.nulls.fill(Nullability::Allowed);
            for group in &plan.groups {
                make_group(plan, group, numbers.number, draft);
            }
        }
        for (reference, lookup) in plan.references.iter().zip(&mut self.lookups) {
            let skew = self.context.options.skew;
            ParentChoice { tables, at: self.at, reference, numbers, skew }.make(draft, lookup.as_mut());
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

    /// Returns the row as messages show it.
    pub(crate) fn shown(&self) -> String {
        let pair = |(name, value): (&String, &crate::data::values::value_buf::ValueBuf)| {
            format!("{name} = {}", value.short_sql_literal())
        };
        self.names.iter().zip(&self.draft.values).map(pair).collect::<Vec<_>>().join(", ")
    }
}

/// A foreign key of a row that is made.
pub(super) struct ParentChoice<'r> {
    pub(super) tables: &'r Tables<'r>,
    /// The place of the table's plan.
    pub(super) at: usize,
    pub(super) reference: &'r Reference,
    pub(super) numbers: RowNumbers,
    /// The exponent of Zipf's law, by which some parents have more children than others.
    pub(super) skew: Option<f64>,
}

impl ParentChoice<'_> {
    /// Chooses a parent and copies its key.
    pub(super) fn make(&self, draft: &mut Draft, lookup: Option<&mut Lookup<'_>>) {
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
            if lookup.take_one(reference, &mut draw, draft) {
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

    fn plan(&self) -> &TablePlan {
        &self.tables.plans[self.at]
    }

    /// Returns the number of the parent. `None` for a row that refers to nothing.
    fn parent(&self, count: u64, attempts: u32, draw: &mut Draw) -> Option<u64> {
        let reference = self.reference;
        if reference.per_parent.is_some() {
            return Some(self.numbers.parent);
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
            if matches!(self.plan().columns[column].how, How::Fixed(_)) {
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
            reference.columns.iter().any(|column| self.plan().columns[*column].nulls > 0) || reference.nulls > 0;
        let earlier = match (&reference.place, row) {
            (_, 0) => None,
            // Each row is referred to once: by the next one, or by itself.
            (Some(_), row) => nullable.then_some(row - 1),
            (None, row) => Some(draw.below(row)),
        };
        let takes_earlier = |position: usize| nullable || self.plan().is_formula(columns[position]);
        let is_own = earlier.is_none() || !(0..columns.len()).any(takes_earlier);
        // Without NULLs the first row refers to itself, unless it is refused for that: `CHECK (parent <> id)`.
        let is_refused = draft.attempts_of(&reference.columns) > 0;
        if earlier.is_none() && nullable || is_own && is_refused && reference.may_be_null {
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

/// Finds the parents of a foreign key of which some columns are known.
pub(super) struct Lookup<'c> {
    statement: Statement<'c>,
}

impl<'c> Lookup<'c> {
    /// `None` if no column is known, or if there is no such parent.
    pub(super) fn of(connection: &'c Connection, reference: &Reference) -> Option<Lookup<'c>> {
        if reference.known.is_empty() || reference.overrules {
            return None;
        }
        let pairs = reference.columns.iter().zip(&reference.parent_columns);
        let known: Vec<String> = pairs
            .filter(|(column, _)| reference.known.contains(column))
            .map(|(_, name)| format!("{} = ?", plain_name(name)))
            .collect();
        let list = plain_names(reference.parent_columns.iter().map(Name::as_str));
        let parent = plain_name(&reference.parent_name);
        let sql = format!("SELECT {list} FROM main.{parent} WHERE {} LIMIT 16", known.join(" AND "));
        Some(Lookup { statement: connection.prepare(&sql).ok()? })
    }

    /// Copies the key of one of the parents. Returns false if there is none.
    fn take_one(&mut self, reference: &Reference, draw: &mut Draw, draft: &mut Draft) -> bool {
        let parents = self.parents(reference, draft).unwrap_or_default();
        if parents.is_empty() {
            return false;
        }
        let parent = &parents[draw.below(parents.len() as u64) as usize];
        for (column, value) in reference.columns.iter().zip(parent) {
            if value.kind() != ValueKind::Null {
                draft.values[*column].clone_from(value);
            }
        }
        true
    }

    fn parents(&mut self, reference: &Reference, draft: &Draft) -> rusqlite::Result<Vec<Vec<ValueBuf>>> {
        let known = reference.columns.iter().filter(|column| reference.known.contains(column));
        for (index, column) in known.enumerate() {
            self.statement.raw_bind_parameter(index + 1, &draft.values[*column])?;
        }
        let mut rows = self.statement.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(row_values(row, reference.columns.len())?);
        }
        Ok(found)
    }
}
