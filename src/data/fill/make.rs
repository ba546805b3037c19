//! Making the values of a row: each column by itself, then what is tied together, then keys of parents, then closures.

use rusqlite::{Connection, Statement};

use crate::data::constraints::group::{ColumnGroup, Solution, satisfy};
use crate::data::fill::insert::{Draft, Filler, Helpers};
use crate::data::fill::options::{Given, Row};
use crate::data::fill::plan::{How, Parent, Plan, Reference};
use crate::data::values::domain::Nullability;
use crate::data::values::edge_cases::edge_case;
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::draw::{Draw, key, named};
use crate::schema::Schema;
use crate::sql::Name;
use crate::sql::plain_name;

/// How many in a hundred values are ones that apps trip over, where they are asked for.
const EDGES: u64 = 50;

/// Rows with a name are numbered by it, above all others, so that they are the same whatever else is made.
const LABELLED: u64 = 1 << 62;

/// The number of the row that is called `label`.
fn number_of_label(label: &str) -> u64 {
    LABELLED | 1 << 30 | (named(0, label) >> 34)
}

/// The number as values show it.
fn shown(number: u64) -> u64 {
    number & (LABELLED - 1)
}
impl Filler<'_> {
    /// Makes all values of a row.
    #[expect(clippy::too_many_arguments, reason = "what is reused from row to row")]
    pub(crate) fn make(
        &self,
        at: usize,
        row: u64,
        number: u64,
        turn: u64,
        names: &[String],
        draft: &mut Draft,
        helpers: &mut Helpers<'_>,
    ) {
        let plan = &self.plans[at];
        let mut has_closures = false;
        for index in 0..plan.columns.len() {
            match &plan.columns[index].how {
                How::Rowid { .. } | How::Source(_) | How::Fixed(_) => {
                    value(plan, index, number, draft.attempts[index], &mut draft.made[index]);
                }
                How::With(_) => has_closures = true,
                How::Group | How::Reference => {}
            }
        }
        if !plan.groups.is_empty() {
            draft.nulls.fill(Nullability::Allowed);
            for group in &plan.groups {
                make_group(plan, group, number, draft);
            }
        }
        for (index, reference) in plan.references.iter().enumerate() {
            self.refer(at, reference, row, number, turn, draft, helpers.lookups[index].as_mut());
        }
        if has_closures {
            for index in 0..plan.columns.len() {
                let How::With(given) = plan.columns[index].how else { continue };
                let Given::With(closure) = &self.options.given[given].2 else { continue };
                let label = plan.labels.get(row as usize).map(String::as_str);
                let of_row = key(named(self.options.seed, &plan.name), number);
                let key = key(of_row, draft.attempts[index].into());
                match closure(&Row { number: row, key, label, names, made: &draft.made }) {
                    Ok(value) => draft.made[index].set((&value).into()),
                    Err(error) => draft.broken = Some(error),
                }
            }
        }
        for (derived, statement) in plan.derived.iter().zip(&mut helpers.derived) {
            if let Some(statement) = statement {
                derived.make(statement, &mut draft.made);
            }
        }
    }

    /// Chooses a parent and takes over its key.
    #[expect(clippy::too_many_arguments, reason = "what is reused from row to row")]
    fn refer(
        &self,
        at: usize,
        reference: &Reference,
        row: u64,
        number: u64,
        turn: u64,
        draft: &mut Draft,
        lookup: Option<&mut Statement<'_>>,
    ) {
        let attempts = reference.columns.iter().map(|column| draft.attempts[*column]).max().unwrap_or(0);
        let mut draw = Draw::new(key(reference.key, number));
        if attempts > 0 {
            draw = Draw::new(key(draw.next(), attempts.into()));
        }
        let wish =
            reference.columns.iter().map(|column| draft.nulls[*column]).find(|wish| *wish != Nullability::Allowed);
        let set_null = |draft: &mut Draft| reference.loose.iter().for_each(|column| draft.made[*column].set_null());
        let by_draw = draw.percent(reference.nulls);
        let mut is_null = match wish {
            Some(Nullability::Required) => true,
            Some(_) => false,
            None => by_draw && reference.each.is_none(),
        };
        let count = match &reference.parent {
            Parent::Missing | Parent::Later { .. } => return set_null(draft),
            Parent::Own { .. } if is_null => return set_null(draft),
            Parent::Own { columns } if reference.overrules || reference.known.is_empty() => {
                return self.refer_to_own(at, reference, columns, row, &mut draw, draft);
            }
            Parent::Own { .. } => row,
            Parent::Made { plan, .. } => self.states.get(*plan).map_or(self.plans[*plan].count, |state| state.rows),
            Parent::There { keys } => keys.len() as u64,
        };
        if count == 0 {
            return set_null(draft);
        }
        let index = if reference.each.is_some() {
            turn
        } else if let Some(place) = &reference.place {
            let index = place.of(shown(number));
            is_null |= index.is_none();
            index.unwrap_or_default().min(count - 1)
        } else {
            let count = reference.among.map_or(count, |among| among.min(count));
            let count = reference.gathered.map_or(count, |gathered| gathered.min(count));
            match self.options.skew {
                // One for each at first.
                _ if reference.gathered.is_some() && attempts == 0 && row < count => row,
                Some(exponent) => skewed(&mut draw, count, exponent),
                None => draw.below(count),
            }
        };
        if is_null && (!reference.is_partly_null() || !reference.known.is_empty()) {
            return set_null(draft);
        }
        if let Some(lookup) = lookup {
            if look_up(lookup, reference, &mut draw, draft) {
                return;
            }
            if reference.is_partly_null() {
                return set_null(draft);
            }
        }
        for (position, &column) in reference.columns.iter().enumerate() {
            if matches!(self.plans[at].columns[column].how, How::Fixed(_)) {
                continue;
            }
            match &reference.parent {
                Parent::There { keys } => draft.made[column].clone_from(&keys[index as usize][position]),
                Parent::Made { plan, columns } => {
                    self.key_of(*plan, columns[position], index, &mut draft.made[column]);
                }
                Parent::Missing | Parent::Later { .. } | Parent::Own { .. } => {}
            }
        }
        if is_null {
            set_null(draft);
        }
    }

    /// An earlier row of the same table; the row itself where it must refer to one and is the first.
    fn refer_to_own(
        &self,
        at: usize,
        reference: &Reference,
        columns: &[usize],
        row: u64,
        draw: &mut Draw,
        draft: &mut Draft,
    ) {
        let nullable =
            reference.columns.iter().any(|column| self.plans[at].columns[*column].nulls > 0) || reference.nulls > 0;
        let earlier = match (&reference.place, row) {
            (_, 0) => None,
            // Each row is referred to once: by the next one, or by itself.
            (Some(_), row) => nullable.then_some(row - 1),
            (None, row) => Some(draw.below(row)),
        };
        let takes_earlier = |position: usize| nullable || self.plans[at].is_formula(columns[position]);
        let is_own = earlier.is_none() || !(0..columns.len()).any(takes_earlier);
        // Without NULLs the first row refers to itself, unless it is refused for that: `CHECK (parent <> id)`.
        let is_refused = reference.columns.iter().any(|column| draft.attempts[*column] > 0);
        if earlier.is_none() && nullable || is_own && is_refused && reference.may_be_null {
            return reference.loose.iter().for_each(|column| draft.made[*column].set_null());
        }
        for (position, &column) in reference.columns.iter().enumerate() {
            match earlier {
                Some(earlier) if takes_earlier(position) => {
                    let mut made = std::mem::take(&mut draft.made[column]);
                    self.key_of(at, columns[position], earlier, &mut made);
                    draft.made[column] = made;
                }
                _ => {
                    let own = draft.made[columns[position]].clone();
                    draft.made[column].clone_from(&own);
                }
            }
        }
    }

    /// A column of a row of a table of this fill.
    fn key_of(&self, at: usize, column: usize, row: u64, out: &mut ValueBuf) {
        let plan = &self.plans[at];
        let state = self.states.get(at);
        if plan.is_formula(column) {
            let skipped = state.map_or(0, |state| state.skipped(row));
            let attempts = state.and_then(|state| state.attempts.get(&row)).map_or(0, |attempts| attempts[column]);
            value(plan, column, number_of(plan, row, skipped), attempts, out);
        } else if let (Some(state), Some(place)) = (state, plan.kept.iter().position(|kept| *kept == column))
            && let Some(made) = state.kept.get(row as usize * plan.kept.len() + place)
        {
            out.clone_from(made);
        } else {
            out.set_null();
        }
    }
}

/// The number from which a row is made.
pub(crate) fn number_of(plan: &Plan, row: u64, skipped: u64) -> u64 {
    match plan.labels.get(row as usize) {
        Some(label) => number_of_label(label) + skipped,
        None => plan.start + row - plan.labels.len() as u64 + skipped,
    }
}

/// The value of a column that follows from the row's number alone.
fn value(plan: &Plan, index: usize, number: u64, attempts: u32, out: &mut ValueBuf) {
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
            let mut draw = Draw::new(key(column.key, number));
            if attempts > 0 {
                draw = Draw::new(key(draw.next(), attempts.into()));
            }
            if column.nulls > 0 && draw.percent(column.nulls) {
                return out.set_null();
            }
            match &column.place {
                None => match &column.edge {
                    Some(declared) if draw.percent(EDGES) => edge_case(declared, column.strict, &mut draw, out),
                    _ => source.make(&mut draw, None, out),
                },
                Some(place) => match place.of(shown(number)) {
                    Some(digit) => source.make(&mut draw, Some(digit), out),
                    None => out.set_null(),
                },
            }
        }
        How::Group | How::Reference | How::With(_) => {}
    }
}

fn make_group(plan: &Plan, group: &ColumnGroup, number: u64, draft: &mut Draft) {
    let attempts = group.columns.iter().map(|column| draft.attempts[*column]).max().unwrap_or(0);
    let mut draw = Draw::new(key(group.key, number));
    if attempts > 0 {
        draw = Draw::new(key(draw.next(), attempts.into()));
    }
    let solution = &group.solutions[draw.below(group.solutions.len() as u64) as usize];
    match solution {
        Solution::Listed(rows) => {
            let place = group.columns.iter().find_map(|column| plan.columns[*column].place.as_ref());
            let at = match place.map(|place| place.of(shown(number))) {
                Some(Some(digit)) => digit % rows.len() as u64,
                _ => draw.below(rows.len() as u64),
            };
            for (column, made) in group.columns.iter().zip(&rows[at as usize]) {
                if matches!(plan.columns[*column].how, How::Group) {
                    draft.made[*column].clone_from(made);
                }
            }
        }
        Solution::Generated { sources, relations } => {
            for column_source in sources {
                let column = &plan.columns[column_source.column];
                draft.nulls[column_source.column] = column_source.nullability;
                if !matches!(column.how, How::Group) {
                    continue;
                }
                let Some(source) = &column_source.source else { continue };
                let out = &mut draft.made[column_source.column];
                let mut draw = Draw::new(key(column.key, number));
                if attempts > 0 {
                    draw = Draw::new(key(draw.next(), attempts.into()));
                }
                if column_source.nullability == Nullability::Allowed && column.nulls > 0 && draw.percent(column.nulls) {
                    out.set_null();
                    continue;
                }
                let digit = match &column.place {
                    None => None,
                    Some(place) => match place.of(shown(number)) {
                        Some(digit) => Some(digit % source.capacity().max(1)),
                        None => {
                            out.set_null();
                            continue;
                        }
                    },
                };
                source.make(&mut draw, digit, out);
            }
            satisfy(relations, &mut draft.made);
        }
    }
}

/// Statements that find the rest of a key of which a part is known.
pub(crate) fn lookups<'c>(connection: &'c Connection, plan: &Plan, schema: &Schema) -> Vec<Option<Statement<'c>>> {
    plan.references
        .iter()
        .map(|reference| {
            if reference.known.is_empty() || reference.overrules {
                return None;
            }
            let parent = schema.tables[plan.table].foreign_keys.iter().find(|key| {
                key.columns.len() == reference.columns.len()
                    && key
                        .columns
                        .iter()
                        .zip(&reference.columns)
                        .all(|(name, column)| plan.columns[*column].name.eq_ignore_ascii_case(name))
            })?;
            let known: Vec<String> = reference
                .columns
                .iter()
                .zip(&reference.parent_columns)
                .filter(|(column, _)| reference.known.contains(column))
                .map(|(_, name)| format!("{} = ?", plain_name(name)))
                .collect();
            let list = crate::sql::plain_names(reference.parent_columns.iter().map(Name::as_str));
            let sql = format!(
                "SELECT {list} FROM main.{} WHERE {} LIMIT 16",
                plain_name(&parent.parent),
                known.join(" AND ")
            );
            connection.prepare(&sql).ok()
        })
        .collect()
}

/// Takes one of the parents that have what is chosen already. Whether there is one.
fn look_up(lookup: &mut Statement<'_>, reference: &Reference, draw: &mut Draw, draft: &mut Draft) -> bool {
    let mut found = || -> rusqlite::Result<Vec<Vec<ValueBuf>>> {
        let known = reference.columns.iter().filter(|column| reference.known.contains(column));
        for (index, column) in known.enumerate() {
            lookup.raw_bind_parameter(index + 1, &draft.made[*column])?;
        }
        let mut rows = lookup.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let mut key = Vec::new();
            for index in 0..reference.columns.len() {
                let mut made = ValueBuf::default();
                made.set(row.get_ref(index)?);
                key.push(made);
            }
            found.push(key);
        }
        Ok(found)
    };
    let rows = found().unwrap_or_default();
    if rows.is_empty() {
        return false;
    }
    let taken = &rows[draw.below(rows.len() as u64) as usize];
    for (column, made) in reference.columns.iter().zip(taken) {
        if made.kind() != ValueKind::Null {
            draft.made[*column].clone_from(made);
        }
    }
    true
}

/// A number below `count`, of which the first are met more often: Zipf's law.
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
