//! Values that new columns of the same rows hold in another form: each in one of several columns, as a code, in another unit.

use rusqlite::Connection;
use rusqlite::types::ToSqlOutput;

use super::elsewhere::{RowWithLoss, Wanted};
use super::for_review::EXTREME;
use super::matching::{as_key, is_equivalent};
use super::migrated::Migrated;
use crate::check::Cell;
use crate::order::{SortedMap, SortedSet};
use crate::suite::rows::listed_values;

/// Returns true if all values of the column can be told from new columns of their rows.
pub(crate) fn is_converted(wanted: &Wanted<'_, '_>, migrated: Migrated<'_>) -> bool {
    let values: SortedSet<String> = wanted.holders().map(|subject| as_key(wanted.value(subject))).collect();
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
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "a multiple beyond 64 bits is rounded"
        )]
        (Cell::Integer(was), Cell::Real(is)) if was.unsigned_abs() >= EXTREME && is.abs() >= i64::MAX as f64 => {
            let quotient = (is / *was as f64).round() as i64;
            quotient > 1 && *factor.get_or_insert(quotient) == quotient
        }
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
    let mut meanings: SortedMap<String, String> = SortedMap::new();
    wanted.holders().all(|subject| {
        let value = as_key(wanted.value(subject));
        // A NULL is what a mapping leaves that forgets a value.
        (is_flag || *cell_after(subject, place) != Cell::Null)
            && *meanings.get_or_insert_with(as_key(cell_after(subject, place)), || value.clone()) == value
    })
}

/// Returns true if the new value is the old one, in whatever form.
pub(crate) fn is_kept(was: &Cell, is: &Cell, connection: &Connection) -> bool {
    let cells = [(was, is)];
    is_equivalent(was, is, connection) || is_wrapped(&cells, connection) || has_members_renamed(&cells, connection)
}

/// Returns true if each of these values, before and after, is the old one within the same text, or at the same place of a JSON
/// value: `'https://' || host`, `json_object('v', value)`.
pub(crate) fn is_wrapped(cells: &[(&Cell, &Cell)], connection: &Connection) -> bool {
    let longest = cells.iter().max_by_key(|(was, _)| as_key(was).len());
    let Some((was, is)) = longest else { return false };
    let around: SortedSet<(String, String)> = wrappings(was, is).into_iter().collect();
    let members = |(was, is): &(&Cell, &Cell)| members_that_are(was, is, connection);
    let mut common = members(&(was, is));
    cells.iter().for_each(|pair| {
        if !common.is_empty() {
            let of_pair = members(pair);
            common.retain(|member| of_pair.contains(member));
        }
    });
    let is_text_around = |(before, after): &(String, String)| {
        cells.iter().all(|(was, is)| match (was, is) {
            (Cell::Text(was), Cell::Text(is)) => **is == [before.as_bytes(), was, after.as_bytes()].concat(),
            _ => false,
        })
    };
    // A short part of a text may be there by chance, and so may a small number.
    let is_several = cells.iter().any(|(other, _)| other != was);
    let length = as_key(was).len();
    let is_member = !common.is_empty() && (is_several || length > 2 || matches!(was, Cell::Text(_)));
    is_member || ((is_several || length > 4) && around.iter().any(is_text_around))
}

/// Returns what may be before and after a text within another one.
fn wrappings(was: &Cell, is: &Cell) -> Vec<(String, String)> {
    let (Cell::Text(was), Cell::Text(is)) = (was, is) else { return Vec::new() };
    let (Ok(was), Ok(is)) = (std::str::from_utf8(was), std::str::from_utf8(is)) else { return Vec::new() };
    let around = |(at, _): (usize, &str)| (is[..at].to_owned(), is[at + was.len()..].to_owned());
    is.match_indices(was).map(around).collect()
}

/// Returns the paths at which a JSON value has this value.
fn members_that_are(value: &Cell, json: &Cell, connection: &Connection) -> Vec<String> {
    if !matches!(json, Cell::Text(text) if matches!(text.first(), Some(b'{' | b'['))) || matches!(value, Cell::Blob(_))
    {
        return Vec::new();
    }
    let values = [json.value(), value.value()].map(ToSqlOutput::Borrowed);
    let sql = "SELECT fullkey FROM json_tree(?1) WHERE atom IS ?2 OR (atom IS NULL AND value = ?2)";
    let found = connection.prepare(sql).and_then(|mut paths| {
        let rows = paths.query_map(values, |row| row.get(0))?;
        rows.collect::<rusqlite::Result<Vec<String>>>()
    });
    // Text that is no JSON has no members.
    found.unwrap_or_default()
}

/// Returns true if each of these JSON values, before and after, has what is gone under another name, which is the same for all
/// and was free: `{"colour": 1}` became `{"color": 1}`.
pub(crate) fn has_members_renamed(cells: &[(&Cell, &Cell)], connection: &Connection) -> bool {
    let mut names: SortedMap<String, SortedSet<String>> = SortedMap::new();
    let mut values: SortedSet<String> = SortedSet::new();
    let mut taken: SortedSet<String> = SortedSet::new();
    for (was, is) in cells {
        let (Some(was), Some(is)) = (members(was, connection), members(is, connection)) else { return false };
        let is_new = |(path, value): &(&String, &String)| was.get(*path) != Some(*value);
        for (path, value) in was.iter().filter(|(path, value)| is.get(*path) != Some(*value)) {
            let same = is.iter().filter(is_new).filter(|(_, other)| *other == value);
            let same: SortedSet<String> = same.map(|(path, _)| path.clone()).collect();
            values.insert(value.clone());
            match names.get_mut(path) {
                Some(known) => known.retain(|name| same.contains(name)),
                None => drop(names.insert(path.clone(), same)),
            }
        }
        taken.extend(was.into_iter().map(|(path, _)| path));
    }
    // One number may be there by chance.
    let is_telling = values.len() > 1 || values.iter().any(|value| value.starts_with("text"));
    let mut new: SortedSet<String> = SortedSet::new();
    is_telling
        && names.into_values().all(|names| names.into_iter().any(|name| !taken.contains(&name) && new.insert(name)))
}

/// Returns the members of a JSON object, each with its path, and its type and value. None if it is none.
fn members(json: &Cell, connection: &Connection) -> Option<SortedMap<String, String>> {
    if !matches!(json, Cell::Text(text) if text.first() == Some(&b'{')) {
        return None;
    }
    let sql = "SELECT fullkey, type || ' ' || coalesce(CASE type WHEN 'array' THEN value ELSE atom END, '') FROM json_tree(?1)
        WHERE fullkey <> '$'";
    let mut query = connection.prepare(sql).ok()?;
    let rows = query.query_map([ToSqlOutput::Borrowed(json.value())], |row| Ok((row.get(0)?, row.get(1)?))).ok()?;
    rows.collect::<Result<_, _>>().ok()
}
