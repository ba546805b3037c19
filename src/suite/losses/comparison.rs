//! The losses of a migration, table by table.

use rusqlite::Connection;

use super::loss::{Loss, LossKind};
use super::new_rows::NewRows;
use super::table_pair::TablePair;
use crate::sql::Name;
use crate::suite::rows::{Contents, TableRows};
use crate::suite::statements::{Renames, StatementEffect};

/// The rows of a database before and after a migration.
pub(crate) struct Comparison<'a> {
    before: &'a Contents,
    after: &'a Contents,
    renames: Renames,
    new_rows: NewRows<'a>,
    connection: &'a Connection,
}

impl<'a> Comparison<'a> {
    /// `connection` is to the database after the migration.
    pub(crate) fn of(
        before: &'a Contents,
        after: &'a Contents,
        effects: &[StatementEffect],
        connection: &'a Connection,
    ) -> Comparison<'a> {
        let renames = Renames::of(before.tables.iter().map(|table| table.name.as_str()), effects);
        let new_rows = NewRows::between(before, after, connection);
        Comparison { before, after, renames, new_rows, connection }
    }

    /// Returns everything that was there before and is not there afterwards.
    pub(crate) fn losses(&self) -> Vec<Loss> {
        self.before.tables.iter().flat_map(|table| self.losses_of(table)).collect()
    }

    /// Returns the tables that are gone, and those into which all their rows were copied.
    pub(crate) fn renamed_by_hand(&self) -> Vec<(Name, Name)> {
        let is_gone = |table: &&TableRows| {
            self.renames.successor(&table.name).is_none() && self.after.table(&table.name).is_none()
        };
        let copied = |table: &TableRows| Some((table.name.clone(), self.copied_into(table)?.name.clone()));
        self.before.tables.iter().filter(is_gone).filter_map(copied).collect()
    }

    fn losses_of(&self, table: &TableRows) -> Vec<Loss> {
        let loss = |kind: LossKind, is_rebuilt: bool| Loss {
            kind,
            table: table.name.clone(),
            column: None,
            is_rebuilt,
            examples: Vec::new(),
        };
        let Some((after, is_rebuilt)) = self.counterpart(table) else {
            let is_moved = !table.rows.is_empty() && table.rows.iter().all(|row| self.new_rows.contain(table, row));
            return if is_moved { Vec::new() } else { vec![loss(LossKind::Table, false)] };
        };
        let mut lost = self.pair(table, after, is_rebuilt).losses();
        if is_rebuilt && lost.iter().any(|loss| loss.kind.is_all_rows()) {
            // Without a row, there is nothing to say about its columns and numbers.
            lost.retain(|loss| matches!(loss.kind, LossKind::Rows { .. }));
            return lost;
        }
        if let Some(was) = self.before.sequence.get(&table.name) {
            let is = self.after.sequence.get(&after.name).copied().unwrap_or(0);
            if is < *was {
                lost.push(loss(LossKind::Sequence { was: *was, is }, is_rebuilt));
            }
        }
        lost
    }

    /// Returns the table that holds the rows of this one afterwards, and whether it is another table.
    fn counterpart(&self, table: &TableRows) -> Option<(&'a TableRows, bool)> {
        let successor = self.renames.successor(&table.name);
        let by_text = successor.and_then(|new| Some((self.after.table(new.name)?, new.is_recreated)));
        let by_name = || self.after.table(&table.name).map(|same| (same, true));
        let by_rows = || self.copied_into(table).map(|copy| (copy, true));
        by_text.or_else(by_name).or_else(by_rows)
    }

    /// Returns the table into which all rows of one that is gone were copied: a rename by hand.
    fn copied_into(&self, table: &TableRows) -> Option<&'a TableRows> {
        let is_new = |after: &&TableRows| self.before.table(&after.name).is_none();
        let mut candidates = self.after.tables.iter().filter(is_new);
        candidates.find(|after| {
            !table.rows.is_empty()
                && after.rows.len() >= table.rows.len()
                && self.pair(table, after, true).losses().is_empty()
        })
    }

    fn pair<'p>(&'p self, before: &'p TableRows, after: &'p TableRows, is_rebuilt: bool) -> TablePair<'p, 'a> {
        let (renames, new_rows, connection) = (&self.renames, &self.new_rows, self.connection);
        TablePair { before, after, is_rebuilt, renames, new_rows, connection }
    }
}
