//! Chooses the parent of a row for each of its foreign keys, and copies its key.

use crate::data::fill::lookup::Lookup;
use crate::data::fill::plan::table_plan::{How, Parent, Reference, TablePlan};
use crate::data::fill::row_values::{Draft, RowNumbers, Tables, draws};
use crate::data::values::domain::Nullability;
use crate::draw::Draw;

/// A foreign key of a row that is made.
pub(super) struct ParentChoice<'r> {
    pub(super) tables: &'r Tables<'r>,
    pub(super) plan: &'r TablePlan,
    /// The place of the plan.
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
        let is_pair = self.numbers.row < reference.pairs.min(count);
        if reference.pairs > 0 && reference.overrules && !is_pair {
            return;
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
        if self.numbers.row < reference.pairs.min(count) && !reference.leads {
            return Some(self.numbers.row);
        }
        if self.numbers.row >= reference.pairs && reference.pairs > 0 && reference.may_be_null {
            return None;
        }
        if let Some(place) = &reference.place {
            return place.of(self.numbers.number).map(|index| index.min(count - 1));
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
