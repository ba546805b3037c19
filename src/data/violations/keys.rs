//! Looks for rows that repeat a key: of an existing row, or of one that is inserted first.

use super::constraint::ConstraintKind;
use super::constraint::named_columns;
use super::neighbors::near;
use super::scratch_table::Outcome;
use super::search::{ATTEMPTS, BreakingRow, Search, SearchInput, likely};
use crate::data::constraints::candidates::candidates;
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::draw::{Draw, named};
use crate::order::Order as _;
use crate::sql::quote_identifier;

impl Search<'_, '_, '_> {
    /// Tries keys that exist already.
    pub(super) fn keys(&mut self, columns: &[usize], partial: Option<&str>) {
        let input = self.input;
        let others = input.of_other_keys(self.at, columns);
        for row in input.existing {
            if input.copies(columns, &others, row).iter().any(|values| self.offer(values)) {
                return;
            }
        }
        // No row is in the index, so one is added first. The second row of a tree may be a child of the first.
        if self.found.is_some() || self.implied.is_some() && partial.is_none() {
            return;
        }
        let is_given = |column: &usize| format!("{} IS NOT NULL", quote_identifier(&input.target.columns[*column]));
        let whole = columns.iter().map(is_given).collect::<Vec<String>>().join(" AND ");
        let partial = partial.unwrap_or(&whole);
        for row in &input.base[1..] {
            self.found = self.repeated(&input, (columns, &others), partial, row);
            if self.found.is_some() {
                return;
            }
        }
        let first = &input.base[0];
        let mut changed = first.clone();
        for column in &others {
            near(&first[*column]).into_iter().nth(1).into_iter().for_each(|value| changed[*column] = value);
        }
        let second = input.base.get(1).unwrap_or(&changed);
        let mut pairs = vec![[first.clone(), second.clone()], [second.clone(), first.clone()]];
        // A NULL in the key is never repeated, and a new parent does not exist yet.
        let is_whole = |row: &&Vec<ValueBuf>| columns.iter().all(|column| row[*column].kind() != ValueKind::Null);
        for row in input.existing.iter().filter(is_whole).take(2) {
            let mut taken = second.clone();
            columns.iter().for_each(|column| taken[*column].clone_from(&row[*column]));
            pairs.push([first.clone(), taken]);
        }
        for base in pairs {
            self.found = self.under_index(&SearchInput { base: &base, ..input }, columns, &others, partial);
            if self.found.is_some() {
                return;
            }
        }
    }

    /// Brings the second row under a partial index, and repeats it.
    fn under_index(
        &mut self,
        input: &SearchInput<'_>,
        columns: &[usize],
        others: &[usize],
        partial: &str,
    ) -> Option<BreakingRow> {
        let mut pool = candidates(&[partial], named(0, partial));
        let mut of_partial = input.places(&named_columns(input.table, partial));
        let mut draw = Draw::new(named(1, partial));
        // Parents of these columns, and other columns of their CHECKs, may have to change with them.
        let is_of_partial = |column: &usize| of_partial.contains(column);
        let checks = input.constraints.iter().filter(|of| matches!(of.kind, ConstraintKind::Check(_)));
        let related =
            checks.map(|check| input.places(&check.columns)).filter(|places| places.iter().any(is_of_partial));
        let related: Vec<usize> = related.flatten().collect();
        for parents in input.parents.iter().filter(|parents| parents.columns.iter().any(is_of_partial)) {
            pool.splice(0..0, parents.rows.iter().flatten().cloned());
        }
        of_partial.extend(related);
        of_partial.order();
        of_partial.dedup();
        let single = (pool.len() * of_partial.len()).max(1);
        let attempts = if of_partial.len() < 2 { single } else { single.max(ATTEMPTS / 2) };
        for attempt in 0..attempts {
            let mut row = input.base[1].clone();
            if of_partial.is_empty() {
                // The row is repeated as it is.
            } else if attempt < single {
                row[of_partial[attempt / pool.len()]].clone_from(&pool[attempt % pool.len()]);
            } else {
                // Some columns keep their values, and some are NULL.
                for column in &of_partial {
                    match draw.below(5) {
                        0 | 1 => {}
                        2 => row[*column].set_null(),
                        _ => row[*column].clone_from(likely(&mut draw, &pool)),
                    }
                }
            }
            let found = self.repeated(input, (columns, others), partial, &row);
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Inserts a row that is under the index, and repeats its columns of the key without those of other keys.
    fn repeated(
        &mut self,
        input: &SearchInput<'_>,
        (columns, others): (&[usize], &[usize]),
        partial: &str,
        row: &[ValueBuf],
    ) -> Option<BreakingRow> {
        let is_under = self.scratch.put(row) && self.scratch.is(input.table, partial, "TRUE");
        if !is_under || self.scratch.insert(&[], row) != Outcome::Accepted {
            return None;
        }
        // Without the first row, the second one breaks nothing, so only SQLite can check it.
        let before = vec![row.to_vec()];
        let copies = input.copies(columns, others, row);
        let values = copies.into_iter().find(|values| self.scratch.insert(&before, values).is_by(self.constraint))?;
        Some(BreakingRow { before, ..BreakingRow::alone(values) })
    }

    pub(super) fn key_with_null(&mut self, column: usize, partial: Option<&str>) -> Option<BreakingRow> {
        let input = self.input;
        let mut row = input.base.get(1)?.clone();
        row[column].set_null();
        let columns = input.places(&self.constraint.columns);
        let same: Vec<(usize, &ValueBuf)> = columns.iter().map(|column| (*column, &row[*column])).collect();
        let values = input.with(&same);
        let is_under =
            partial.is_none_or(|partial| self.scratch.put(&values) && self.scratch.is(input.table, partial, "TRUE"));
        let passes = is_under && self.scratch.insert(std::slice::from_ref(&row), &values) == Outcome::Accepted;
        passes.then(|| BreakingRow { before: vec![row], ..BreakingRow::alone(values) })
    }
}
