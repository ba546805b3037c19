//! What a strategy stands on: one database of the template, on which rows are made and judged. Nothing stays in it.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use rusqlite::types::Value;

use crate::data::fill::Fill;
use crate::data::fill::insert::transaction::within;
use crate::data::fill::request::{failure, tables};
use crate::data::relations::{self, Relation};
use crate::data::script::Script;
use crate::data::values::value_buf::ValueBuf;
use crate::db::{Committed, Template};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Schema, Table, TableKind, is_ledger};
use crate::sql::{plain_name, quote_text, tokens};

pub(super) struct Ground {
    /// A lock, so that a strategy can be shared by threads. It is never waited for within a test.
    database: Mutex<Committed>,
    pub(super) schema: Schema,
    /// The places in the schema of the tables that are asked for.
    targets: Vec<usize>,
    /// Whether foreign keys have to be looked at after all rows are in.
    late: bool,
}

/// What can be put in the place of a column's values.
#[derive(Clone, Debug, Default)]
pub(super) struct Instead {
    pub(super) nullable: bool,
    /// The column is the rowid, which counts from 1.
    pub(super) counts: bool,
    pub(super) default: Option<ValueBuf>,
    /// What the CHECKs of the table name.
    pub(super) named: Vec<ValueBuf>,
}

/// A column of one table that refers to a column of another: table and column, by name.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) child: String,
    pub(super) parent: String,
    /// Pairs of columns.
    pub(super) columns: Vec<(String, String)>,
    /// Whether it may be NULL, so that it refers to nothing.
    pub(super) nullable: bool,
}

impl Ground {
    pub(super) fn of_table(template: &Template, table: &str) -> Result<Ground> {
        let ground = Ground::of(template)?;
        let at = tables::find(&ground.schema, table)?;
        Ok(Ground { targets: vec![at], ..ground })
    }

    pub(super) fn of_all(template: &Template) -> Result<Ground> {
        let ground = Ground::of(template)?;
        let is_target = |at: &usize| {
            let table = &ground.schema.tables[*at];
            table.kind == TableKind::Ordinary && !is_ledger(&table.name)
        };
        let targets: Vec<usize> = (0..ground.schema.tables.len()).filter(is_target).collect();
        if targets.is_empty() {
            return Err(failure::no_tables());
        }
        Ok(Ground { targets, ..ground })
    }

    fn of(template: &Template) -> Result<Ground> {
        let database = template.try_in_memory()?.unchecked().committed()?;
        let sql = "PRAGMA foreign_keys = ON";
        database.execute_batch(sql).map_err(|error| Error::sqlite("turn foreign keys on", error).sql(sql))?;
        let schema = Schema::read(&database)?;
        let late = schema.tables.iter().flat_map(|table| &table.foreign_keys).any(|key| key.deferred);
        Ok(Ground { database: Mutex::new(database), schema, targets: Vec::new(), late })
    }

    pub(super) fn targets(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().map(|table| self.schema.tables[*table].name.as_str())
    }

    pub(super) fn is_target(&self, table: &str) -> bool {
        self.targets().any(|target| target == table)
    }

    /// So many rows of each target, or as many as there is room for.
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

    /// The script, unless the only target has fewer rows than are asked for at least.
    pub(super) fn enough(&self, script: Script, least: usize) -> Result<Script> {
        let [target] = self.targets[..] else { return Ok(script) };
        let name = &self.schema.tables[target].name;
        let count = script.rows.iter().filter(|row| script.tables[row.table].name == *name).count();
        if count >= least {
            return Ok(script);
        }
        let what = format!("cannot fill {name} with {least} rows: it has room for {count}");
        Err(Error::new(ErrorKind::Data, what))
    }

    /// Whether SQLite takes these rows.
    pub(super) fn takes(&self, script: &Script) -> bool {
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let judged = within(&database, false, || {
            script.run(&database)?;
            if !(self.late || script.deferred) {
                return Ok(true);
            }
            let broken = script.tables.iter().try_fold(false, |broken, table| {
                let sql = format!("PRAGMA main.foreign_key_check({})", plain_name(&table.name));
                let here = database.prepare(&sql).and_then(|mut check| check.exists([]));
                here.map(|here| broken || here).map_err(|error| Error::sqlite("check foreign keys", error).sql(&sql))
            });
            broken.map(|broken| !broken)
        });
        judged.unwrap_or(false)
    }

    /// What refers to what, among tables.
    pub(super) fn links(&self) -> Vec<Link> {
        let tables = &self.schema.tables;
        let of_table = |(child, keys): (&Table, Vec<Relation>)| {
            let link = |key: Relation| {
                key.parent_columns.as_ref()?;
                Some(Link {
                    child: child.name.to_string(),
                    parent: tables[key.parent?].name.to_string(),
                    nullable: key.is_nullable(),
                    columns: key.pairs().map(|(own, theirs)| (own.to_string(), theirs.to_string())).collect(),
                })
            };
            keys.into_iter().filter_map(link).collect::<Vec<Link>>()
        };
        tables.iter().zip(relations::of_schema(&self.schema)).flat_map(of_table).collect()
    }

    /// What can be put in the place of the values of a column.
    pub(super) fn instead(&self, table: &str, name: &str) -> Instead {
        let Some(table) = self.schema.table(table) else { return Instead::default() };
        let Some(column) = table.column(name) else { return Instead::default() };
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let value = |sql: &str| -> Option<ValueBuf> {
            let value: Value = database.query_row(&format!("SELECT {sql}"), [], |row| row.get(0)).ok()?;
            Some(ValueBuf::from(&value)).filter(|made| *made != ValueBuf::default())
        };
        let is_name = |text: &str| text.eq_ignore_ascii_case(name) || text.trim_matches('"').eq_ignore_ascii_case(name);
        let about =
            table.checks.iter().filter(|check| tokens(&check.expression).iter().any(|token| is_name(token.text)));
        let literals = about.flat_map(|check| tokens(&check.expression)).filter_map(|token| match token.kind {
            crate::sql::TokenKind::Text => token.name().and_then(|text| value(&quote_text(&text))),
            crate::sql::TokenKind::Number => value(token.text),
            _ => None,
        });
        Instead {
            nullable: table.may_be_null(name),
            counts: table.primary_key.as_ref().is_some_and(|key| {
                let is_it = |term: &crate::schema::IndexedColumn| matches!(&term.what, crate::schema::IndexedExpr::Column(other) if other.eq_ignore_ascii_case(name));
                key.is_rowid && key.terms.iter().any(is_it)
            }),
            // A DEFAULT that is another each time would be no simpler than what it stands for.
            default: column.default.as_ref().filter(|text| !text.contains('(')).and_then(|text| value(text)),
            named: literals.take(64).collect(),
        }
    }
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.targets()).finish()
    }
}
