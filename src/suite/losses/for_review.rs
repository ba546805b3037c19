//! Losses that most apps mean: values that a statement names one by one and makes the same, numbers in another unit, fractions
//! of a second, a key that nothing refers to.

use super::matching::{as_key, drops_fraction, is_equivalent};
use super::migrated::Migrated;
use super::pairs::PairedRows;
use crate::check::{Cell, shown};
use crate::order::{SortedMap, SortedSet};
use crate::schema::Column;
use crate::schema::references::column_names;
use crate::suite::rows::unique_keys;

/// Returns the different values of a column that statements name, and that are the same one now, as text.
pub(crate) fn merged(
    rows: &PairedRows<'_>,
    column: (usize, usize),
    is_named: impl Fn(&Cell) -> bool,
) -> Option<Vec<String>> {
    let mut meanings: SortedMap<String, SortedSet<String>> = SortedMap::new();
    if rows.matching.pairs.iter().all(|pair| !rows.is_changed(column, pair)) {
        return None;
    }
    for pair in &rows.matching.pairs {
        let (was, is) = rows.cells(column, pair);
        if *was != Cell::Null && *is != Cell::Null && is_named(was) {
            meanings.get_or_default(shown(is.value())).insert(shown(was.value()));
        }
    }
    let merged = meanings.into_iter().filter(|(_, values)| values.len() > 1);
    let text = |(is, values): (String, SortedSet<String>)| {
        format!("{} became {is}", values.into_iter().collect::<Vec<_>>().join(" and "))
    };
    let found: Vec<String> = merged.map(text).collect();
    (!found.is_empty()).then_some(found)
}

/// Integers from here on are hardly an app's: JavaScript and JSON readers round them.
pub(crate) const EXTREME: u64 = 1 << 53;

/// Returns how the numbers of a column follow from the old ones, if the same multiple and the same sum make all of them. Of an
/// extreme integer this may be beyond 64 bits, where SQLite stores a rounded fraction: such a change is returned too.
pub(crate) fn formula(rows: &PairedRows<'_>, column: (usize, usize)) -> Option<(String, Option<String>)> {
    let mut numbers: SortedSet<(i128, i128)> = SortedSet::new();
    let mut beyond: Vec<(i64, f64)> = Vec::new();
    for pair in &rows.matching.pairs {
        match rows.cells(column, pair) {
            (Cell::Null, Cell::Null) => {}
            (Cell::Integer(was), Cell::Integer(is)) => drop(numbers.insert((i128::from(*was), i128::from(*is)))),
            (Cell::Integer(was), Cell::Real(is)) if was.unsigned_abs() >= EXTREME => beyond.push((*was, *is)),
            _ => return None,
        }
    }
    let (first, last) = (numbers.first()?, numbers.last()?);
    let factor = (last.1 - first.1).checked_div(last.0 - first.0).filter(|factor| *factor != 0)?;
    let sum = first.1 - factor * first.0;
    // Any two numbers are a multiple and a sum of any two others.
    let is_chance = numbers.len() < if sum == 0 { 2 } else { 3 };
    let multiple = if factor == 1 { String::from("the old value") } else { format!("{factor} * the old value") };
    let text = match sum {
        0 => multiple,
        1.. => format!("{multiple} + {sum}"),
        _ => format!("{multiple} - {}", -sum),
    };
    let result = |was: i128| factor.checked_mul(was).and_then(|product| product.checked_add(sum));
    #[expect(clippy::cast_precision_loss, reason = "SQLite rounds it too")]
    let is_rounded = |(was, is): &(i64, f64)| {
        result(i128::from(*was))
            .is_some_and(|exact| i64::try_from(exact).is_err() && (exact as f64 / is - 1.0).abs() < 1e-9)
    };
    let is_it =
        !is_chance && numbers.iter().all(|(was, is)| result(*was) == Some(*is)) && beyond.iter().all(is_rounded);
    let beyond = beyond.first().map(|(was, is)| format!("{was} became {is:e}"));
    is_it.then_some((text, beyond))
}

/// Returns true if another column tells the values of this one apart.
pub(crate) fn is_one_to_one(rows: &PairedRows<'_>, column: (usize, usize)) -> bool {
    let mut meanings: SortedMap<String, String> = SortedMap::new();
    rows.matching.pairs.iter().all(|pair| {
        let (was, is) = rows.cells(column, pair);
        *was == Cell::Null || *meanings.get_or_insert_with(as_key(is), || as_key(was)) == as_key(was)
    })
}

/// Returns the instants of a column of which its new places keep the seconds only, as text.
pub(crate) fn fractions(
    rows: &PairedRows<'_>,
    (at, places): (usize, &[usize]),
    migrated: Migrated<'_>,
) -> Option<Vec<String>> {
    let dropped = rows.matching.pairs.iter().filter_map(|pair| {
        let was = &rows.before.rows[pair.0].cells[at];
        let cells = || places.iter().map(|place| rows.cells((at, *place), pair).1);
        let seconds = cells().find(|cell| drops_fraction(was, cell, migrated.connection))?;
        let is_kept = |cell: &Cell| {
            is_equivalent(was, cell, migrated.connection) && !drops_fraction(was, cell, migrated.connection)
        };
        (!cells().any(is_kept)).then(|| format!("{} became {}", shown(was.value()), shown(seconds.value())))
    });
    let found: Vec<String> = dropped.collect();
    (!found.is_empty()).then_some(found)
}

/// Returns true if the DEFAULT of a column stores fractions of a second, false if it stores whole ones.
pub(crate) fn stores_fractions(column: &Column) -> Option<bool> {
    let default = column.default.as_ref()?.to_ascii_lowercase();
    let is_one_of = |words: &[&str]| words.iter().any(|word| default.contains(word));
    match is_one_of(&["%f", "subsec"]) {
        true => Some(true),
        false => is_one_of(&["current_timestamp", "datetime", "unixepoch", "strftime"]).then_some(false),
    }
}

/// Returns true if each row is still there, and a key without NULLs tells the rows apart, other than this column.
pub(crate) fn is_identified(rows: &PairedRows<'_>, at: usize, migrated: Migrated<'_>) -> bool {
    let Some(table) = migrated.old.table(&rows.before.name) else { return false };
    let is_kept = |name: &str| {
        let place = rows.before.columns.iter().position(|column| *column == *name);
        let is_required = table.column(name).is_some_and(|column| column.not_null);
        is_required && place.is_some_and(|place| place != at && rows.places[place].is_some())
    };
    rows.matching.missing.is_empty()
        && unique_keys(table).any(|terms| {
            let names = column_names(terms);
            names.len() == terms.len() && names.iter().all(|name| is_kept(name))
        })
}
