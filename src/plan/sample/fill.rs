//! Fills the tables of an empty copy.

use rusqlite::config::DbConfig;
use rusqlite::{Connection, StatementStatus};

use super::comparisons::Comparisons;
use super::reach::Reach;
use super::run::{MeasuredStatement, limit_steps};
use super::values::{FACTORS, MODULUS, ROWS, Values};
use crate::order::SortedSet;
use crate::schema::{Column, IndexedExpr, Schema, Table};
use crate::sql::{Name, Token, plain_name, plain_names, tokens};

/// Fills the tables that these statements read or write, and returns the statements as they can be measured there. The rows
/// of a table depend on its declaration and on what all of the statements compare its columns with.
///
/// The connection has no rows, and may have a transaction open. Afterwards none is, and the connection stops each statement
/// after about 300,000 steps.
pub(crate) fn fill<'s>(
    connection: &mut Connection,
    schema: &Schema,
    statements: impl IntoIterator<Item = &'s str>,
) -> rusqlite::Result<Vec<MeasuredStatement>> {
    let mut sampling = Sampling::new(connection, schema, statements)?;
    let all: SortedSet<Name> = sampling.empty.clone();
    sampling.fill(connection, schema, &all)?;
    (0..sampling.statements.len()).map(|at| sampling.statement(connection, schema, (at, &[]))).collect()
}

/// Returns another statement as it can be measured on rows that are there.
pub(crate) fn measured(connection: &Connection, schema: &Schema, sql: &str) -> MeasuredStatement {
    let _own = crate::own::statements();
    MeasuredStatement::new(connection, sql, &Comparisons::of(sql), &Reach::of(schema, sql).tables)
}

/// Statements whose tables are filled when they are needed. The rows are the same in whatever order that happens.
#[derive(Debug)]
pub(in crate::plan) struct Sampling {
    statements: Vec<Sampled>,
    /// The values with which all of them, and the expressions of their tables, compare columns.
    comparisons: Comparisons,
    /// The names in the statements.
    named: SortedSet<Name>,
    /// The tables that have no rows yet.
    empty: SortedSet<Name>,
    /// The tables that have refused their rows, because they call a function of the app, and stay empty.
    refused: SortedSet<Name>,
}

/// A statement, and the tables that it reads or writes.
#[derive(Debug)]
struct Sampled {
    sql: String,
    comparisons: Comparisons,
    tables: SortedSet<Name>,
    /// Those that only foreign keys lead to.
    children: SortedSet<Name>,
}

impl Sampling {
    /// Prepares a connection that has no rows, and that may have a transaction open. Afterwards none is, and the connection
    /// stops each statement after about 300,000 steps.
    pub(in crate::plan) fn new<'s>(
        connection: &mut Connection,
        schema: &Schema,
        statements: impl IntoIterator<Item = &'s str>,
    ) -> rusqlite::Result<Sampling> {
        let _own = crate::own::statements();
        let mut comparisons = Comparisons::default();
        let (mut named, mut empty, refused) = (SortedSet::new(), SortedSet::new(), SortedSet::new());
        let sampled = statements.into_iter().map(|sql| {
            let reach = Reach::of(schema, sql);
            for text in &reach.texts {
                comparisons.extend(Comparisons::of(text));
                named.extend(tokens(text).iter().filter_map(Token::name).map(Name::from));
            }
            let tables: SortedSet<Name> = reach.tables.iter().map(|table| table.name.clone()).collect();
            for table in reach.tables.iter().filter(|table| empty.insert(table.name.clone())) {
                expressions(table).for_each(|expression| comparisons.extend(Comparisons::of(expression)));
            }
            Sampled { sql: sql.to_owned(), comparisons: Comparisons::of(sql), tables, children: reach.children }
        });
        let statements = sampled.collect();
        if !connection.is_autocommit() {
            connection.execute_batch("COMMIT")?;
        }
        number_rows(connection)?;
        limit_steps(connection);
        Ok(Sampling { statements, comparisons, named, empty, refused })
    }

    /// Returns a statement as it can be measured. Its tables are filled first. A table that a foreign key looks into when a row
    /// of its parent goes has rows only if it is scanned for that: a search takes the same steps whatever the parent's indexes are.
    pub(in crate::plan) fn statement(
        &mut self,
        connection: &Connection,
        schema: &Schema,
        (at, scanned): (usize, &[Name]),
    ) -> rusqlite::Result<MeasuredStatement> {
        let _own = crate::own::statements();
        let Sampled { tables, children, .. } = &self.statements[at];
        let needed =
            tables.iter().filter(|table| !children.contains(table) || scanned.contains(table)).cloned().collect();
        self.fill(connection, schema, &needed)?;
        let Sampled { sql, comparisons, tables, .. } = &self.statements[at];
        let tables: Vec<&Table> = tables.iter().filter_map(|name| schema.table(name)).collect();
        Ok(MeasuredStatement::new(connection, sql, comparisons, &tables))
    }

    /// Returns true if the rows of a statement show what it costs: all of its tables have accepted theirs.
    pub(in crate::plan) fn has_rows(&self, at: usize) -> bool {
        !self.statements[at].tables.iter().any(|table| self.refused.contains(table))
    }

    /// Fills those of some tables that have no rows yet. Nothing is enforced or fired.
    fn fill(&mut self, connection: &Connection, schema: &Schema, tables: &SortedSet<Name>) -> rusqlite::Result<()> {
        let empty: Vec<Name> = tables.iter().filter(|table| self.empty.contains(*table)).cloned().collect();
        if empty.is_empty() {
            return Ok(());
        }
        let values = Values { schema, comparisons: &self.comparisons, named: &self.named };
        let foreign_keys = without_constraints(connection)?;
        for table in empty.iter().filter_map(|name| schema.table(name)) {
            if insert(connection, &values, table).is_err() {
                self.refused.insert(table.name.clone());
            }
        }
        with_constraints(connection, foreign_keys)?;
        self.empty.retain(|name| !empty.contains(name));
        Ok(())
    }
}

/// Returns the expressions that SQLite evaluates for each row of a table, except those of CHECKs.
fn expressions(table: &Table) -> impl Iterator<Item = &str> {
    let indexed = table.indexes.iter().flat_map(|index| &index.terms).filter_map(|term| match &term.what {
        IndexedExpr::Expression(sql) => Some(sql.as_str()),
        _ => None,
    });
    let generated = table.columns.iter().filter_map(|column| Some(column.generated.as_ref()?.expression.as_str()));
    let partial = table.indexes.iter().filter_map(|index| index.partial.as_deref());
    partial.chain(indexed).chain(generated)
}

/// Writes the numbers of the rows, and each in the other orders.
fn number_rows(connection: &Connection) -> rusqlite::Result<()> {
    let orders: Vec<String> = FACTORS.iter().map(|factor| format!("i * {factor} % {MODULUS}")).collect();
    let names: Vec<String> = (0..FACTORS.len()).map(|number| format!("s{number}")).collect();
    connection.execute_batch(&format!(
        "CREATE TEMP TABLE sqlitmus_rows(i INTEGER PRIMARY KEY, {});
         INSERT INTO temp.sqlitmus_rows
         WITH RECURSIVE rows(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM rows WHERE i < {ROWS}) SELECT i, {} FROM rows",
        names.join(", "),
        orders.join(", ")
    ))
}

/// Opens a transaction in which nothing is enforced or fired, and returns whether foreign keys were on. CHECKs stay off.
fn without_constraints(connection: &Connection) -> rusqlite::Result<bool> {
    let foreign_keys = connection.query_row("PRAGMA foreign_keys", [], |row| row.get(0))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; BEGIN")?;
    Ok(foreign_keys)
}

fn with_constraints(connection: &Connection, foreign_keys: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
    connection.execute_batch(&format!("COMMIT; PRAGMA foreign_keys = {}", i32::from(foreign_keys)))
}

/// The rows that one INSERT writes. All of them could take more steps than a statement may.
const ROWS_AT_ONCE: usize = 100;

/// Inserts all rows of a table. A row that would break a UNIQUE is left out.
fn insert(connection: &Connection, values: &Values<'_>, table: &Table) -> rusqlite::Result<()> {
    let columns: Vec<&Column> =
        table.columns.iter().filter(|column| column.generated.is_none() && !column.hidden).collect();
    let names = plain_names(columns.iter().map(|column| column.name.as_str()));
    let expressions: Vec<String> = columns.iter().map(|column| values.of(table, column, "i")).collect();
    let mut insert = connection.prepare(&format!(
        "INSERT OR IGNORE INTO main.{}({names}) SELECT {} FROM temp.sqlitmus_rows WHERE i BETWEEN ?1 AND ?2",
        plain_name(&table.name),
        expressions.join(", ")
    ))?;
    for start in (1..=ROWS).step_by(ROWS_AT_ONCE) {
        insert.execute([start, start + ROWS_AT_ONCE - 1].map(|row| i64::try_from(row).unwrap_or(0)))?;
        insert.reset_status(StatementStatus::VmStep);
    }
    Ok(())
}
