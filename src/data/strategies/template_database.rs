//! The database of the template on which a strategy makes and tries rows. Nothing stays in it.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use rusqlite::types::Value;

use crate::data::fill::Fill;
use crate::data::fill::request::{find, no_tables};
use crate::data::script::{Script, Target, within};
use crate::data::values::value_buf::ValueBuf;
use crate::db::{Committed, Template};
use crate::error::{Error, ErrorKind, Result};
use crate::report::count;
use crate::schema::Schema;
use crate::sql::{TokenKind, plain_name, quote_text, same_name, tokens};

/// A database of the template.
pub(super) struct TemplateDatabase {
    /// The lock lets threads share a strategy. Within a test, no thread waits for it.
    database: Mutex<Committed>,
    pub(super) schema: Schema,
    /// The tables of the strategy, by their places in the schema.
    targets: Vec<usize>,
    /// True if some foreign keys are checked only at COMMIT.
    late: bool,
}

/// Simpler values for a column.
#[derive(Clone, Debug, Default)]
pub(super) struct Replacements {
    pub(super) nullable: bool,
    /// The column is the rowid, which counts from 1.
    pub(super) counts: bool,
    pub(super) default: Option<ValueBuf>,
    /// The literals in the CHECKs of the table.
    pub(super) named: Vec<ValueBuf>,
}

impl TemplateDatabase {
    /// Opens the database of a strategy for a table, or for all tables of the app.
    #[track_caller]
    pub(super) fn of(template: &Template, table: Option<&str>) -> Result<TemplateDatabase> {
        let database = template.try_in_memory()?.unchecked().committed()?;
        let sql = "PRAGMA foreign_keys = ON";
        database.execute_batch(sql).map_err(|error| Error::sqlite("turn foreign keys on", error).sql(sql))?;
        let schema = Schema::read(&database)?;
        let targets = match table {
            Some(table) => vec![find(&schema, table)?],
            None => (0..schema.tables.len()).filter(|at| schema.tables[*at].is_of_app()).collect(),
        };
        if targets.is_empty() {
            return Err(no_tables());
        }
        let late = schema.tables.iter().flat_map(|table| &table.foreign_keys).any(|key| key.deferred);
        Ok(TemplateDatabase { database: Mutex::new(database), schema, targets, late })
    }

    pub(super) fn targets(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().map(|table| self.schema.tables[*table].name.as_str())
    }

    pub(super) fn is_target(&self, table: &str) -> bool {
        self.targets().any(|target| target == table)
    }

    /// Makes the requested number of rows of each target, or as many as it can hold.
    pub(super) fn draft(&self, counts: &[usize], seed: u64, edges: bool) -> Result<Script> {
        let mut fill = Fill::seed(seed);
        if edges {
            fill = fill.edge_cases();
        }
        for (target, &count) in self.targets().zip(counts) {
            if count > 0 {
                fill = fill.rows(target, count as u64);
            }
        }
        if counts.iter().all(|count| *count == 0) {
            return Ok(Script::default());
        }
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        fill.drafted(&database, &self.schema).map(|(_, script)| script)
    }

    /// Returns an error if the only target has fewer rows than the strategy needs.
    pub(super) fn enough(&self, script: Script, least: usize) -> Result<Script> {
        let [target] = self.targets[..] else { return Ok(script) };
        let name = &self.schema.tables[target].name;
        let found = script.rows.iter().filter(|row| script.tables[row.table].name == *name).count();
        if found >= least {
            return Ok(script);
        }
        let (wanted, room) = (count(least as u64, "row"), count(found as u64, "row"));
        let what = format!("cannot fill {name} with {wanted}: it has room for {room}");
        Err(Error::new(ErrorKind::Data, what))
    }

    /// Returns true if SQLite accepts these rows.
    pub(super) fn accepts(&self, script: &Script) -> bool {
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let is_sound = |table: &Target| {
            let sql = format!("PRAGMA main.foreign_key_check({})", plain_name(&table.name));
            database.prepare(&sql).and_then(|mut check| check.exists([])).is_ok_and(|is_broken| !is_broken)
        };
        let accepted = within(&database, false, || {
            script.run(&database)?;
            Ok(!(self.late || script.deferred) || script.tables.iter().all(is_sound))
        });
        accepted.unwrap_or(false)
    }

    /// Returns simpler values for a column.
    pub(super) fn replacements(&self, table: &str, name: &str) -> Replacements {
        let Some(table) = self.schema.table(table) else { return Replacements::default() };
        let Some(column) = table.column(name) else { return Replacements::default() };
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let value = |sql: &str| -> Option<ValueBuf> {
            let value: Value = database.query_row(&format!("SELECT {sql}"), [], |row| row.get(0)).ok()?;
            Some(ValueBuf::from(&value)).filter(|made| *made != ValueBuf::default())
        };
        let is_name = |text: &str| same_name(text, name) || same_name(text.trim_matches('"'), name);
        let about =
            table.checks.iter().filter(|check| tokens(&check.expression).iter().any(|token| is_name(token.text)));
        let literals = about.flat_map(|check| tokens(&check.expression)).filter_map(|token| match token.kind {
            TokenKind::Text => token.name().and_then(|text| value(&quote_text(&text))),
            TokenKind::Number => value(token.text),
            _ => None,
        });
        Replacements {
            nullable: table.may_be_null(name),
            counts: table.is_rowid(name),
            // A DEFAULT that changes each time would be no simpler than the value that it replaces.
            default: column.default.as_ref().filter(|text| !text.contains('(')).and_then(|text| value(text)),
            named: literals.take(64).collect(),
        }
    }
}

impl fmt::Debug for TemplateDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.targets()).finish()
    }
}
