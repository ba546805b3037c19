//! Values that new columns of the same rows hold in another form: each in one of several columns, as a code, in another unit.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::elsewhere::{RowWithLoss, Wanted};
use super::matching::{as_key, is_equivalent};
use super::migrated::Migrated;
use crate::check::Cell;
use crate::suite::rows::listed_values;

/// Returns true if all values of the column can be told from new columns of their rows.
pub(crate) fn is_converted(wanted: &Wanted<'_, '_>, migrated: Migrated<'_>) -> bool {
    let values: BTreeSet<String> = wanted.holders().map(|subject| as_key(wanted.value(subject))).collect();
    let new: Vec<usize> = (0..wanted.origins.len()).filter(|&place| wanted.origins[place].is_none()).collect();
    if values.len() < 2 || wanted.subjects.iter().any(|subject| subject.after.is_none()) {
        return false;
    }
    // Of values that no CHECK lists, some may have the same code.
    let table = migrated.old.table(&wanted.table.0.name);
    let listed = table.and_then(|table| listed_values(table, wanted.column)).map(|values| values.len());
    // One of two values that are always there may be NULL now: when a row was deleted, if it was.
    let has_nulls = wanted.subjects.iter().any(|subject| *wanted.value(subject) == Cell::Null);
    let is_flag = listed == Some(2) && !has_nulls;
    let is_any = |is_it: &dyn Fn(usize) -> bool| new.iter().any(|&place| is_it(place));
    is_divided(wanted, &new, migrated.connection)
        || is_any(&|place| is_scaled(wanted, place))
        || (listed.is_some() && is_any(&|place| is_coded(wanted, place, is_flag)))
}

fn cell_after<'a>(subject: &RowWithLoss<'a>, place: usize) -> &'a Cell {
    subject.after.map_or(&Cell::Null, |row| &row.cells[place])
}

/// Returns true if each value is in one of several columns, which hold nothing else: `CASE kind WHEN 'phone' THEN value END`.
fn is_divided(wanted: &Wanted<'_, '_>, new: &[usize], connection: &Connection) -> bool {
    let holds_only_those = |place: &&usize| {
        wanted.subjects.iter().all(|subject| {
            let (value, cell) = (wanted.value(subject), cell_after(subject, **place));
            *cell == Cell::Null || (*value != Cell::Null && is_equivalent(value, cell, connection))
        })
    };
    let parts: Vec<usize> = new.iter().filter(holds_only_those).copied().collect();
    let is_in_part = |subject: &RowWithLoss<'_>| parts.iter().any(|&place| *cell_after(subject, place) != Cell::Null);
    !wanted.is_cut && wanted.holders().all(is_in_part)
}

/// Returns true if a column has the same multiple of each integer, or fraction: seconds as milliseconds, cents as euros.
fn is_scaled(wanted: &Wanted<'_, '_>, place: usize) -> bool {
    let mut factor = None;
    let is_multiple = |subject: &RowWithLoss<'_>| match (wanted.value(subject), cell_after(subject, place)) {
        (Cell::Integer(0), Cell::Integer(0)) => true,
        (Cell::Integer(was), Cell::Integer(is)) => {
            let quotient = is.checked_div(*was).filter(|factor| *factor > 1 && was.checked_mul(*factor) == Some(*is));
            quotient.is_some_and(|quotient| *factor.get_or_insert(quotient) == quotient)
        }
        (Cell::Integer(0), Cell::Real(is)) => *is == 0.0,
        (Cell::Integer(was), Cell::Real(is)) => {
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "checked by the way back")]
            let is_part = |divisor: f64| (is * divisor).round() as i64 == *was && *was as f64 / divisor == *is;
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "small, or no divisor")]
            let divisor = (*was as f64 / is).round() as i64;
            #[expect(clippy::cast_precision_loss, reason = "small, or no divisor")]
            (divisor > 1 && *factor.get_or_insert(divisor) == divisor && is_part(divisor as f64))
        }
        _ => false,
    };
    wanted.holders().all(is_multiple)
}

/// Returns true if a column has another value for each value.
fn is_coded(wanted: &Wanted<'_, '_>, place: usize, is_flag: bool) -> bool {
    let mut meanings: BTreeMap<String, String> = BTreeMap::new();
    wanted.holders().all(|subject| {
        let value = as_key(wanted.value(subject));
        // A NULL is what a mapping leaves that forgets a value.
        (is_flag || *cell_after(subject, place) != Cell::Null)
            && *meanings.entry(as_key(cell_after(subject, place))).or_insert_with(|| value.clone()) == value
    })
}
