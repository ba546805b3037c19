//! `Filled`: the report of a fill.

use rusqlite::types::Value;

use crate::data::fill::plan::table_plan::TablePlan;
use crate::data::fill::rows::values::FilledTable;
use crate::sql::same_name;

/// The rows that a fill has inserted.
#[derive(Clone, Debug)]
pub struct Filled {
    seed: u64,
    tables: Vec<(String, u64)>,
    full: Vec<(String, u64, String)>,
    labels: Vec<(String, Value)>,
}

impl Filled {
    pub(super) fn of(plans: &[TablePlan], tables: Vec<FilledTable>, seed: u64) -> Filled {
        let mut filled = Filled { seed, tables: Vec::new(), full: Vec::new(), labels: Vec::new() };
        for (plan, table) in plans.iter().zip(tables) {
            filled.tables.push((plan.name.to_string(), table.rows));
            if let Some(limit) = &plan.limit {
                filled.full.push((plan.name.to_string(), limit.rows, limit.because.clone()));
            }
            filled.labels.extend(table.labels.into_iter().map(|(label, id)| (label, id.to_value())));
        }
        filled
    }

    /// Returns the number of rows inserted into a table; 0 for one that was not filled.
    pub fn rows(&self, table: &str) -> u64 {
        let found = self.tables.iter().find(|(name, _)| same_name(name, table));
        found.map_or(0, |(_, rows)| *rows)
    }

    /// Returns the tables that were filled, parents first, each with its number of inserted rows.
    pub fn tables(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.tables.iter().map(|(name, rows)| (name.as_str(), *rows))
    }

    /// Returns the tables with a limited number of rows: their name, the number of rows for which there was room, and the
    /// constraint that limits them.
    pub fn full(&self) -> impl ExactSizeIterator<Item = (&str, u64, &str)> {
        self.full.iter().map(|(name, rows, because)| (name.as_str(), *rows, because.as_str()))
    }

    /// Returns the key of a row with a label: its PRIMARY KEY, or its rowid.
    ///
    /// # Panics
    /// If no row has this label.
    #[track_caller]
    pub fn id(&self, label: &str) -> Value {
        match self.labels.iter().find(|(name, _)| name == label) {
            Some((_, id)) => id.clone(),
            None => {
                let names: Vec<&str> = self.labels.iter().map(|(name, _)| name.as_str()).collect();
                panic!("no row has the label {label}; the labels are {}", names.join(", "));
            }
        }
    }

    /// Returns the seed of the rows.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}
