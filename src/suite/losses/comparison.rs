//! The losses of a migration: the rows of each table are compared with those of the table that takes its place.

use std::sync::Arc;

use rusqlite::types::ToSqlOutput;

use super::converted::{has_members_renamed, is_converted, is_wrapped};
use super::duplicates::{is_key_handed_out, leave_out_duplicates};
use super::elsewhere::{Elsewhere, RowWithLoss, Wanted};
use super::exchanged::exchanged_with;
use super::for_review::{formula, fractions, is_identified, is_one_to_one, merged, stores_fractions};
use super::full_text::{is_index_of_words, not_indexed};
use super::generated::with_generated;
use super::loss::{Loss, LossKind, change_text, row_text};
use super::matching::{as_key, kept};
use super::migrated::Migrated;
use super::moved::GoneRows;
use super::pairs::PairedRows;
use super::references::References;
use crate::check::{Cell, Level};
use crate::order::{SortedMap, SortedSet};
use crate::schema::{Check, Schema};
use crate::sql::{Name, quote_identifier};
use crate::suite::rows::{Row, TableRows, listed_values, unique_keys};
use crate::suite::statements::{Renames, StatementEffect};

/// The rows of a database before and after a migration.
pub(crate) struct Comparison<'a> {
    migrated: Migrated<'a>,
    renames: Renames,
    elsewhere: Elsewhere<'a>,
    references: References<'a>,
}

impl Comparison<'_> {
    pub(crate) fn with<T>(
        migrated: Migrated<'_>,
        effects: &[StatementEffect],
        judge: impl FnOnce(&Comparison<'_>) -> T,
    ) -> T {
        let renames = Renames::of(migrated.before.tables.iter().map(|table| table.name.as_str()), effects);
        let extended = with_generated(migrated, &renames);
        let migrated = match &extended {
            Some((before, after)) => Migrated { before, after, ..migrated },
            None => migrated,
        };
        let (elsewhere, references) = (Elsewhere::new(migrated), References::new(migrated));
        judge(&Comparison { migrated, renames, elsewhere, references })
    }
}

impl<'a> Comparison<'a> {
    /// Returns everything that was there before and is not there afterwards.
    pub(crate) fn losses(&self) -> Vec<Loss> {
        self.migrated.before.tables.iter().flat_map(|table| self.losses_of(table)).collect()
    }

    /// Like `losses`, of one table.
    pub(crate) fn losses_in(&self, table: &str) -> Vec<Loss> {
        self.migrated.before.table(table).map(|table| self.losses_of(table)).unwrap_or_default()
    }

    /// Returns the tables that are gone, and those into which all their rows were copied.
    pub(crate) fn renamed_by_hand(&self) -> Vec<(Name, Name)> {
        let is_gone = |table: &&Arc<TableRows>| {
            self.renames.successor(&table.name).is_none() && self.migrated.after.table(&table.name).is_none()
        };
        let copied = |table: &'a Arc<TableRows>| Some((table.name.clone(), self.copied_into(table)?.name.clone()));
        self.migrated.before.tables.iter().filter(is_gone).filter_map(copied).collect()
    }

    fn losses_of(&self, table: &'a TableRows) -> Vec<Loss> {
        let loss = |kind: LossKind, is_rebuilt: bool| Loss {
            kind,
            table: table.name.clone(),
            column: None,
            is_rebuilt,
            examples: Vec::new(),
        };
        let is_index = is_index_of_words(table, self.migrated.before, self.migrated);
        let Some((after, is_rebuilt)) = self.counterpart(table) else {
            return if is_index || self.is_moved(table) { Vec::new() } else { vec![loss(LossKind::Table, false)] };
        };
        if is_index {
            let is_emptied = !table.rows.is_empty() && after.rows.is_empty();
            if is_emptied || is_index_of_words(after, self.migrated.after, self.migrated) {
                let gone =
                    if is_emptied { (0..table.rows.len()).collect() } else { not_indexed(table, after, self.migrated) };
                let kind = LossKind::Rows { gone: gone.len(), of: table.rows.len() };
                let examples = gone.iter().take(EXAMPLES).map(|&at| row_text(table, &table.rows[at])).collect();
                let lost = Loss { examples, ..loss(kind, is_rebuilt) };
                return if gone.is_empty() { Vec::new() } else { vec![lost] };
            }
        }
        // Tables whose pages are the same are read once.
        let is_same = std::ptr::eq(table, after);
        if let Some(with) = exchanged_with(table, after, self.migrated).filter(|_| !is_same) {
            // Of the two tables, one tells it.
            let lost = loss(LossKind::Exchanged { with: with.clone() }, is_rebuilt);
            return if table.name < with { vec![lost] } else { Vec::new() };
        }
        let mut lost = if is_same { Vec::new() } else { self.pair(table, after, is_rebuilt).losses() };
        if is_rebuilt && lost.iter().any(|loss| loss.kind.is_all_rows()) {
            // Without a row, there is nothing to say about its columns and numbers.
            lost.retain(|loss| matches!(loss.kind, LossKind::Rows { .. }));
            return lost;
        }
        if let Some(was) = self.migrated.before.sequence.get(&table.name) {
            let is = self.migrated.after.sequence.get(&after.name).copied().unwrap_or(0);
            if is < *was {
                lost.push(loss(LossKind::Sequence { was: *was, is }, is_rebuilt));
            }
        }
        lost
    }

    /// Returns the table that holds the rows of this one afterwards, and whether it is another table.
    fn counterpart(&self, table: &'a TableRows) -> Option<(&'a TableRows, bool)> {
        let after = self.migrated.after;
        let successor = self.renames.successor(&table.name);
        let by_text = successor.and_then(|new| Some((after.table(new.name)?, new.is_recreated)));
        let is_its_own = || !self.renames.is_name_of_another(&table.name);
        let by_name = || after.table(&table.name).filter(|_| is_its_own()).map(|same| (same, true));
        let by_rows = || self.copied_into(table).map(|copy| (copy, true));
        by_text.or_else(by_name).or_else(by_rows)
    }

    /// Returns the table into which all rows of one that is gone were copied: a rename by hand.
    fn copied_into(&self, table: &'a TableRows) -> Option<&'a TableRows> {
        let is_new = |after: &&TableRows| self.migrated.before.table(&after.name).is_none();
        let mut candidates = self.migrated.after.tables.iter().map(|table| &**table).filter(is_new);
        candidates.find(|after| {
            !table.rows.is_empty()
                && after.rows.len() >= table.rows.len()
                && self.pair(table, after, true).losses().iter().all(|loss| loss.kind.level() == Level::Review)
        })
    }

    /// Returns true if all rows of a table that is gone are in other tables: as they were, or each column in its own place.
    fn is_moved(&self, table: &'a TableRows) -> bool {
        if table.rows.is_empty() {
            return false;
        }
        let not_needed = self.not_needed(table);
        let missing = self.not_found((0..table.rows.len()).collect(), table, &table.name);
        let is_twin = |&row: &usize| {
            (0..table.rows.len())
                .any(|other| !missing.contains(&other) && table.rows[other].cells == table.rows[row].cells)
        };
        // Of rows that are the same, as many are needed.
        if missing.iter().all(is_twin) {
            return missing.is_empty();
        }
        let subjects: Vec<RowWithLoss<'_>> =
            table.rows.iter().map(|before| RowWithLoss { before, after: None }).collect();
        (0..table.columns.len()).all(|at| {
            let is_null = table.rows.iter().all(|row| row.cells[at] == Cell::Null);
            let column = &table.columns[at];
            let is_cut = self.renames.is_cut(column);
            let wanted = Wanted { column, at, subjects: &subjects, origins: &[], table: (table, None), is_cut };
            is_null || not_needed.contains(&at) || self.elsewhere.has(&wanted)
        })
    }

    /// Returns those of these rows that no other table has.
    fn not_found(&self, rows: Vec<usize>, table: &'a TableRows, name_after: &Name) -> Vec<usize> {
        if rows.is_empty() {
            return rows;
        }
        let is_chosen_by = |at: usize, cell: &Cell| self.renames.is_chosen_by(&table.columns[at], cell);
        let is_filled = |table: &Name| self.renames.is_filled(table);
        let not_needed = self.not_needed(table);
        GoneRows { table, name_after, not_needed, is_chosen_by: &is_chosen_by, is_filled: &is_filled }
            .not_found(rows, &self.elsewhere)
    }

    /// Returns the key that SQLite hands out, if nothing refers to it.
    fn not_needed(&self, table: &TableRows) -> SortedSet<usize> {
        let is_it = is_key_handed_out(table, self.migrated.old) && !self.references.is_referred_to(&table.name);
        if is_it { table.key.iter().copied().collect() } else { SortedSet::new() }
    }

    fn pair(&self, before: &'a TableRows, after: &'a TableRows, is_rebuilt: bool) -> TablePair<'_, 'a> {
        TablePair { comparison: self, rows: self.references.pair(&self.renames, (before, after), is_rebuilt) }
    }
}

/// A loss shows this many of its rows or values.
const EXAMPLES: usize = 3;

/// A table before and after a migration.
struct TablePair<'c, 'a> {
    comparison: &'c Comparison<'a>,
    rows: PairedRows<'a>,
}

impl<'a> TablePair<'_, 'a> {
    fn losses(&self) -> Vec<Loss> {
        let rows = &self.rows;
        let mut found = Vec::new();
        found.extend(self.renumbered());
        let mut places = rows.places.clone();
        self.find_renamed(&mut places);
        let mut missing = self.comparison.not_found(rows.matching.missing.clone(), rows.before, &rows.after.name);
        let Comparison { migrated, renames, references, .. } = self.comparison;
        leave_out_duplicates(&mut missing, rows, *migrated, (references, renames));
        if !missing.is_empty() {
            let kind = LossKind::Rows { gone: missing.len(), of: rows.before.rows.len() };
            let missing = missing.iter().take(EXAMPLES);
            let examples = missing.map(|&at| row_text(rows.before, &rows.before.rows[at])).collect();
            found.push(self.loss(kind, None, examples));
        }
        let is_renumbered = rows.renumbered.is_some();
        for (at, place) in places.iter().enumerate() {
            match place {
                // A column that holds the same by chance may be a new reference.
                None if [&places, &rows.places].iter().any(|it| self.is_elsewhere(at, it, &rows.matching.pairs)) => {
                    found.extend(self.in_other_columns(at, &places));
                }
                None => found.push(self.loss(self.of_column(at), Some(at), Vec::new())),
                Some(place) if !rows.before.key.contains(&at) || (found.is_empty() && !is_renumbered) => {
                    found.extend(self.changed((at, *place), &places).or_else(|| self.less_telling(at, *place)));
                }
                Some(_) => {}
            }
        }
        found.extend(self.multiplied(&places));
        found
    }

    fn loss(&self, kind: LossKind, column: Option<usize>, examples: Vec<String>) -> Loss {
        let column = column.map(|at| self.rows.before.columns[at].clone());
        Loss { kind, table: self.rows.before.name.clone(), column, is_rebuilt: self.rows.is_rebuilt, examples }
    }

    /// Returns the loss of a column that is gone.
    fn of_column(&self, at: usize) -> LossKind {
        let Comparison { renames, references, migrated, .. } = self.comparison;
        let before = self.rows.before;
        let is_key = before.key == [at] && is_key_handed_out(before, migrated.old);
        let is_needed = || references.is_referred_to(&before.name) && !references.all_follow(renames, before);
        match is_key && is_identified(&self.rows, at, *migrated) && !is_needed() {
            true => LossKind::Key,
            false => LossKind::Column,
        }
    }

    /// Finds values that a column cannot tell apart any more, where none is lost.
    fn less_telling(&self, at: usize, place: usize) -> Option<Loss> {
        let (rows, renames) = (&self.rows, &self.comparison.renames);
        let is_named = |cell: &Cell| renames.is_named(&rows.after.name, &rows.after.columns[place], cell);
        let merged = merged(rows, (at, place), is_named).map(|of| self.loss(LossKind::Merged, Some(at), of));
        merged.or_else(|| self.without_fractions(at, &[place]))
    }

    /// Finds values of a column that is gone, which new ones cannot tell apart.
    fn in_other_columns(&self, at: usize, places: &[Option<usize>]) -> Option<Loss> {
        let rows = &self.rows;
        let new: Vec<usize> = (0..rows.after.columns.len()).filter(|place| !places.contains(&Some(*place))).collect();
        let values = rows.matching.pairs.iter().map(|(row, _)| &rows.before.rows[*row].cells[at]);
        let column = &rows.before.columns[at];
        let is_mapped =
            |cell: &Cell| self.comparison.renames.is_mapped(&rows.after.name, column, std::iter::once(cell));
        let is_told =
            values.clone().any(|cell| !is_mapped(cell)) || new.iter().any(|place| is_one_to_one(rows, (at, *place)));
        let merged = new.iter().filter(|_| !is_told).find_map(|place| merged(rows, (at, *place), is_mapped));
        merged.map(|of| self.loss(LossKind::Merged, Some(at), of)).or_else(|| self.without_fractions(at, &new))
    }

    fn without_fractions(&self, at: usize, places: &[usize]) -> Option<Loss> {
        let Comparison { migrated, .. } = *self.comparison;
        let table = migrated.old.table(&self.rows.before.name);
        let stored = table?.column(&self.rows.before.columns[at]).and_then(stores_fractions);
        if stored == Some(false) {
            return None;
        }
        let found = fractions(&self.rows, (at, places), migrated)?;
        let examples = found.into_iter().take(EXAMPLES).collect();
        Some(self.loss(LossKind::Fractions { are_stored: stored.is_some() }, Some(at), examples))
    }

    /// Finds rows that are there under other keys, unless all references follow them, or the old keys are still there.
    fn renumbered(&self) -> Option<Loss> {
        let (rows, column) = (&self.rows, self.rows.renumbered?);
        let Comparison { renames, references, .. } = self.comparison;
        let (name, key) = (&rows.after.name, &rows.after.columns[column.1]);
        let is_changed = |pair: &&(usize, usize)| {
            let cells = rows.cells(column, pair);
            rows.is_changed(column, pair)
                && !renames.is_replaced(name, key, cells.0)
                && !references.follow(renames, (rows.before, column.0), cells)
        };
        let changed: Vec<(usize, usize)> = rows.matching.pairs.iter().filter(is_changed).copied().collect();
        // A number that SQLite handed out is no key of another row, where keys are texts now.
        let is_of_another_kind = || {
            let mut cells = changed.iter().map(|pair| rows.cells(column, pair));
            self.comparison.not_needed(rows.before).contains(&column.0)
                && cells.all(|cells| matches!(cells, (Cell::Integer(_), Cell::Text(_) | Cell::Blob(_))))
        };
        let is_kept = changed.is_empty()
            || is_of_another_kind()
            || self.is_elsewhere(column.0, &rows.places, &changed)
            || references.all_follow(renames, rows.before);
        let examples = changed.iter().take(EXAMPLES).map(|pair| change_text(rows.cells(column, pair))).collect();
        (!is_kept).then(|| self.loss(LossKind::Renumbered, Some(column.0), examples))
    }

    /// Returns true if the values of a column are somewhere else after the migration, for all of these pairs of rows.
    fn is_elsewhere(&self, at: usize, places: &[Option<usize>], pairs: &[(usize, usize)]) -> bool {
        let rows = &self.rows;
        let subject = |&(row, row_after): &(usize, usize)| RowWithLoss {
            before: &rows.before.rows[row],
            after: Some(&rows.after.rows[row_after]),
        };
        let subjects: Vec<RowWithLoss<'a>> = pairs.iter().map(subject).collect();
        let origin = |place: usize| places.iter().position(|it| *it == Some(place));
        let origins: Vec<Option<usize>> = (0..rows.after.columns.len()).map(origin).collect();
        let column = &rows.before.columns[at];
        let values = || subjects.iter().map(|subject| &subject.before.cells[at]);
        let is_mapped = || {
            values().any(|value| *value != Cell::Null)
                && self.comparison.renames.is_mapped(&rows.after.name, column, values())
        };
        let follows = |place: usize| {
            let renames = &self.comparison.renames;
            pairs.iter().all(|pair| {
                let cells = rows.cells((at, place), pair);
                *cells.0 == Cell::Null || self.comparison.references.follow(renames, (rows.before, at), cells)
            })
        };
        let is_followed =
            || !pairs.is_empty() && (0..origins.len()).filter(|&place| origins[place].is_none()).any(follows);
        let table = (rows.before, Some(rows.after));
        let is_cut = self.comparison.renames.is_cut(column);
        let wanted = Wanted { column, at, subjects: &subjects, origins: &origins, table, is_cut };
        self.comparison.elsewhere.has(&wanted)
            || is_converted(&wanted, self.comparison.migrated)
            || is_mapped()
            || (places[at].is_none() && is_followed())
    }

    /// Finds columns that are gone where a new one holds the same: a rename by hand. One value alone could be a default.
    fn find_renamed(&self, places: &mut [Option<usize>]) {
        let rows = &self.rows;
        for at in 0..places.len() {
            if places[at].is_some() {
                continue;
            }
            let values: SortedSet<String> =
                rows.matching.pairs.iter().map(|&(row, _)| as_key(&rows.before.rows[row].cells[at])).collect();
            if values.iter().filter(|value| !value.is_empty()).count() < 2 {
                continue;
            }
            let is_new = |place: &usize| !places.contains(&Some(*place));
            let holds_the_same =
                |place: &usize| rows.matching.pairs.iter().all(|pair| !rows.is_changed((at, *place), pair));
            places[at] = (0..rows.after.columns.len()).filter(is_new).find(holds_the_same);
        }
    }

    /// Finds values of a column that are others now.
    fn changed(&self, column: (usize, usize), places: &[Option<usize>]) -> Option<Loss> {
        let (rows, (at, place)) = (&self.rows, column);
        let Comparison { renames, references, .. } = self.comparison;
        let is_lost = |pair: &&(usize, usize)| {
            let cells = rows.cells(column, pair);
            rows.is_changed(column, pair)
                && !renames.is_replaced(&rows.after.name, &rows.after.columns[place], cells.0)
                && !references.follow(renames, (rows.before, at), cells)
                && !self.is_mended(place, cells.0)
        };
        let changed: Vec<(usize, usize)> = rows.matching.pairs.iter().filter(is_lost).copied().collect();
        if changed.is_empty()
            || self.is_recoded(column)
            || self.is_elsewhere(at, places, &changed)
            || self.is_exchanged(column, places, &changed)
        {
            return None;
        }
        // A key counts up, and so do many values: it says little that they are equal.
        let others = (0..rows.before.columns.len()).filter(|other| *other != at && !rows.before.key.contains(other));
        let source = others.into_iter().find(|&other| {
            changed.iter().all(|pair| {
                let (before, after) = rows.cells((other, place), pair);
                before == after
            })
        });
        // Of two columns that count up, one is a sum of the other too.
        if let Some((formula, beyond)) = formula(rows, column).filter(|_| source.is_none()) {
            let examples = vec![format!("each value is {formula}")];
            return Some(self.loss(LossKind::Recomputed { beyond }, Some(at), examples));
        }
        if self.is_in_another_form(column, &changed) {
            let examples = changed.iter().take(EXAMPLES).map(|pair| change_text(rows.cells(column, pair)));
            return Some(self.loss(LossKind::Recomputed { beyond: None }, Some(at), examples.collect()));
        }
        let to_null = changed.iter().all(|pair| *rows.cells(column, pair).1 == Cell::Null);
        let kind = match source {
            Some(other) if !to_null => LossKind::Moved { from: rows.before.columns[other].clone() },
            _ => LossKind::Values { changed: changed.len(), of: rows.before.rows.len(), to_null },
        };
        let examples = changed.iter().take(EXAMPLES).map(|pair| change_text(rows.cells(column, pair)));
        Some(self.loss(kind, Some(at), examples.collect()))
    }

    /// Returns true if a CHECK lists the values of a column, and each of them has become a new one or stays.
    fn is_recoded(&self, column: (usize, usize)) -> bool {
        let rows = &self.rows;
        let table = self.comparison.migrated.old.table(&rows.before.name);
        let is_listed = table.is_some_and(|table| listed_values(table, &rows.before.columns[column.0]).is_some());
        if !is_listed {
            return false;
        }
        let mut meanings: SortedMap<String, String> = SortedMap::new();
        let is_one_to_one = rows.matching.pairs.iter().all(|pair| {
            let (was, is) = rows.cells(column, pair);
            let was = as_key(was);
            (*is == Cell::Null) == was.is_empty() && *meanings.get_or_insert_with(as_key(is), || was.clone()) == was
        });
        // Values that change places say something else now.
        let changes_places = |(is, was): (&String, &String)| is != was && meanings.values().any(|other| other == is);
        is_one_to_one && meanings.len() > 1 && !meanings.iter().any(changes_places)
    }

    /// Returns true if the new values of a column have the old ones in them.
    fn is_in_another_form(&self, column: (usize, usize), pairs: &[(usize, usize)]) -> bool {
        let connection = self.comparison.migrated.connection;
        let cells: Vec<(&Cell, &Cell)> = pairs.iter().map(|pair| self.rows.cells(column, pair)).collect();
        is_wrapped(&cells, connection) || has_members_renamed(&cells, connection)
    }

    /// Returns true if UPDATEs write the values of a column into another one, whatever that held: `SET a = b, b = a`. With a
    /// WHERE, nobody knows in which rows.
    fn is_exchanged(&self, column: (usize, usize), places: &[Option<usize>], pairs: &[(usize, usize)]) -> bool {
        let rows = &self.rows;
        let name = &rows.after.columns[column.1];
        places.iter().flatten().filter(|&&place| place != column.1).any(|&place| {
            let (renames, other) = (&self.comparison.renames, &rows.after.columns[place]);
            renames.is_assigned_from(&rows.after.name, other, name)
                && pairs.iter().all(|pair| !rows.is_changed((column.0, place), pair))
        })
    }

    /// Returns true if an UPDATE .. WHERE replaces values which the new schema refuses, and this is one: by a CHECK of this
    /// column alone, or as a duplicate of a row that has it still.
    fn is_mended(&self, place: usize, value: &Cell) -> bool {
        if !self.comparison.renames.is_mended(&self.rows.after.name, &self.rows.after.columns[place]) {
            return false;
        }
        let (rows, Migrated { old, new, connection, .. }) = (&self.rows, self.comparison.migrated);
        let column = &rows.after.columns[place];
        let keys = |schema: &Schema, name: &Name| {
            let keys = schema.table(name).into_iter().flat_map(unique_keys);
            keys.filter(|terms| terms.iter().any(|term| term.what.is_column(column))).count()
        };
        let after = || self.comparison.elsewhere.places().iter().find(|table| table.table.name == rows.after.name);
        let is_there = || after().is_some_and(|table| table.rows_with(place, &as_key(value)).is_some());
        if keys(new, &rows.after.name) > keys(old, &rows.before.name) && is_there() {
            return true;
        }
        let checks = |schema: &'a Schema, name: &Name| schema.table(name).map_or(&[][..], |table| &table.checks);
        let known = checks(old, &rows.before.name);
        let is_new = |check: &&Check| !known.iter().any(|known| known.expression == check.expression);
        checks(new, &rows.after.name).iter().filter(is_new).any(|check| {
            let column = quote_identifier(column);
            let sql = format!("SELECT ({}) = 0 FROM (SELECT ?1 AS {column})", check.expression);
            let value = ToSqlOutput::Borrowed(value.value());
            connection.query_row(&sql, [value], |row| row.get(0)).unwrap_or(false)
        })
    }

    /// Finds new rows that are copies of old ones, except for their key.
    fn multiplied(&self, places: &[Option<usize>]) -> Option<Loss> {
        let PairedRows { before, after, is_rebuilt, matching, .. } = &self.rows;
        if matching.extra.is_empty() || !is_rebuilt {
            return None;
        }
        let columns: Vec<(usize, usize)> = kept(places).filter(|(at, _)| !before.key.contains(at)).collect();
        if columns.is_empty() {
            return None;
        }
        let values = |row: &'a Row| columns.iter().map(|&(at, _)| &row.cells[at]).collect();
        let known: SortedSet<Vec<&Cell>> = before.rows.iter().map(values).collect();
        let is_copy = |extra: &&usize| {
            let cells = &after.rows[**extra].cells;
            known.contains(&columns.iter().map(|&(_, place)| &cells[place]).collect::<Vec<_>>())
        };
        let copies = matching.extra.iter().filter(is_copy).take(EXAMPLES);
        let examples: Vec<String> = copies.map(|&at| row_text(after, &after.rows[at])).collect();
        (!examples.is_empty()).then(|| self.loss(LossKind::Multiplied, None, examples))
    }
}
