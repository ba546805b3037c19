//! Indexes that no recorded statement needs, found by dropping each on a copy of the schema with sampled rows.
//!
//! The widest is dropped first, and stays dropped if no plan needs it: of two that can replace each other one stays. A
//! foreign key's lookup of its children counts as a query, recorded or not, and so does the loss of a covering index.

use std::cmp::Reverse;
use std::fmt;

use rusqlite::Connection;

use crate::error::{Error, Result, or_panic};
use crate::order::Order as _;
use crate::plan::sample::{self, MeasuredStatement};
use crate::plan::{Plan, empty_copy_of, is_worse, try_explain};
use crate::record::Queries;
use crate::report::{Raw, printable};
use crate::schema::references::Pair;
use crate::schema::{Index, Schema, Table, TableKind};
use crate::sql::{Name, Token, plain_name, tokens};

/// An index that none of the recorded statements needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnusedIndex {
    /// Its name.
    pub name: String,
    /// Its table.
    pub table: String,
    /// The statement that drops it: `DROP INDEX …`.
    pub sql: String,
    /// The reason why it is not needed.
    pub reason: String,
}

/// The result of [`unused_indexes`]. Its `Display` has a line for each index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnusedIndexes {
    /// The indexes. All of them can be dropped together: of two that can replace each other, only one is listed.
    pub indexes: Vec<UnusedIndex>,
    /// The statements that could not be planned. Indexes of the tables that they name are not listed.
    pub unplanned: Vec<String>,
}

printable!(UnusedIndexes);

impl Raw for UnusedIndexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.indexes.iter().map(|index| format!("{}   {}", index.sql, index.reason));
        let unsure =
            self.unplanned.iter().map(|sql| format!("not planned, so indexes of its tables are not listed: {sql}"));
        f.write_str(&lines.chain(unsure).collect::<Vec<_>>().join("\n"))
    }
}

/// Returns the indexes that none of the recorded statements needs, so that writes maintain them for nothing. Record
/// everything that the app does before you drop one.
///
/// ```
/// # let db = sqlitmus::Template::empty().in_memory();
/// # db.execute_batch("CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, city TEXT);
/// #     CREATE INDEX users_name ON users(name); CREATE INDEX users_city ON users(city)").unwrap();
/// let queries = db.record(|db| {
///     db.execute("DELETE FROM users WHERE name = 'ada'", [])
/// });
/// let unused = sqlitmus::workload::unused_indexes(&queries);
/// let expected = "DROP INDEX users_city;   no recorded query uses it";
/// assert_eq!(unused.to_string(), expected);
/// ```
///
/// An index is needed if a plan without it scans, sorts, searches by fewer columns, or reads a table that it need not read
/// with the index; if a query takes more steps without it, on about a thousand rows of each table, made for the purpose; or if a foreign key would look for its children in all rows. Unique indexes enforce a rule, and are never
/// listed.
///
/// # Panics
/// If the recording is not complete, or if SQLite refuses a connection.
#[track_caller]
pub fn unused_indexes<R>(queries: &Queries<R>) -> UnusedIndexes {
    or_panic(try_unused_indexes(queries))
}

/// Like [`unused_indexes`], without the panic.
///
/// # Errors
/// If the recording is not complete, or if SQLite refuses a connection.
pub fn try_unused_indexes<R>(queries: &Queries<R>) -> Result<UnusedIndexes> {
    find(&queries.connect()?, &queries.planned_and_written()?)
}

/// Returns the indexes that none of the statements needs. Each is given with its values, and as it was written.
fn find(connection: &Connection, statements: &[(String, String)]) -> Result<UnusedIndexes> {
    let mut copy = empty_copy_of(connection)?;
    let schema = Schema::read(&copy.connection)?;
    let mut found = UnusedIndexes::default();
    let mut plans = Vec::new();
    for (sql, written) in statements {
        // Registers stubs for functions and collations of the app.
        let _ = copy.prepare(sql);
        match try_explain(&copy.connection, sql) {
            Ok(plan) => plans.push(plan.written_as(written)),
            Err(_) => found.unplanned.push(sql.clone()),
        }
    }
    let recorded = plans.len();
    plans.extend(lookups_of_children(&copy.connection, &schema));
    let measured = sample::fill(&mut copy.connection, &schema, plans.iter().map(Plan::measured_sql))
        .map_err(|error| Error::sqlite("fill a copy of the schema", error))?;
    let planned = plans.into_iter().zip(measured).enumerate().map(|(at, (plan, measured))| {
        let steps = measured.steps(&copy.connection);
        PlannedStatement { plan, measured, steps, is_recorded: at < recorded }
    });
    let mut plans: Vec<PlannedStatement> = planned.collect();
    let unsure = named_tables(&found.unplanned, &schema);
    for (table, index) in candidates(&schema, &unsure) {
        let dropped = drop_if_unused(&copy.connection, index, &mut plans);
        if let Some(reason) = dropped.map_err(|error| Error::sqlite("read the schema", error))? {
            let sql = format!("DROP INDEX {};", plain_name(&index.name));
            let (name, table) = (index.name.to_string(), table.name.to_string());
            found.indexes.push(UnusedIndex { name, table, sql, reason });
        }
    }
    found.indexes.order_by(|one, two| (&one.table, &one.name).cmp(&(&two.table, &two.name)));
    Ok(found)
}

/// A statement with its plan under the indexes that are left.
struct PlannedStatement {
    plan: Plan,
    measured: MeasuredStatement,
    /// Its steps on sampled rows. `None` if it cannot be run there.
    steps: Option<u64>,
    is_recorded: bool,
}

fn lookups_of_children(connection: &Connection, schema: &Schema) -> Vec<Plan> {
    let keys = schema.tables.iter().flat_map(|child| child.foreign_keys.iter().map(move |key| (child, key)));
    let pairs = keys.filter_map(|(child, key)| Pair::of(child, key, schema.table(&key.parent)?));
    pairs.filter_map(|pair| try_explain(connection, &pair.lookup()).ok()).collect()
}

/// Returns the indexes that may be dropped, except those of tables of which it is not known how they are used.
fn candidates<'a>(schema: &'a Schema, unsure: &[Name]) -> Vec<(&'a Table, &'a Index)> {
    let mut found: Vec<(&Table, &Index)> = Vec::new();
    for table in &schema.tables {
        if table.kind == TableKind::Ordinary && !unsure.contains(&table.name) {
            found.extend(table.indexes.iter().filter(|index| !index.unique).map(|index| (table, index)));
        }
    }
    // Of two that can replace each other, the wider one costs more.
    found.order_by_key(|(_, index)| Reverse(index.terms.len()));
    found
}

/// Drops the index if no plan needs it, and returns the reason.
fn drop_if_unused(
    connection: &Connection,
    index: &Index,
    plans: &mut [PlannedStatement],
) -> rusqlite::Result<Option<String>> {
    let drop = format!("DROP INDEX main.{}", plain_name(&index.name));
    // The other plans stay the same: an index that SQLite does not choose does not change its choice.
    let using = plans.iter().enumerate().filter(|(_, known)| known.plan.uses_index(&index.name));
    let without: Option<Vec<(usize, Plan, Option<u64>)>> = using
        .map(|(at, known)| {
            let measured = sample::changed(connection, &drop, || {
                let plan = try_explain(connection, known.plan.sql()).ok()?;
                Some((plan, known.measured.steps(connection)))
            });
            let (plan, steps) = measured?;
            let is_dearer = steps.zip(known.steps).is_some_and(|(now, before)| sample::is_dearer(now, before));
            (!is_worse(&plan, &known.plan) && !is_dearer).then_some((at, plan, steps))
        })
        .collect();
    let Some(without) = without else { return Ok(None) };
    connection.execute_batch(&drop)?;
    let recorded = without.iter().filter(|(at, ..)| plans[*at].is_recorded).count();
    for (at, plan, steps) in without {
        (plans[at].plan, plans[at].steps) = (plan, steps);
    }
    Ok(Some(match recorded {
        0 => "no recorded query uses it".to_owned(),
        1 => "the one recorded query that uses it has an equally good plan without it".to_owned(),
        count => format!("the {count} recorded queries that use it have equally good plans without it"),
    }))
}

/// Returns the names in statements, and in the views and triggers that they lead to.
fn named_tables(statements: &[String], schema: &Schema) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::new();
    let mut texts: Vec<&str> = statements.iter().map(String::as_str).collect();
    while let Some(text) = texts.pop() {
        for name in tokens(text).iter().filter_map(Token::name).map(Name::from) {
            if names.contains(&name) {
                continue;
            }
            texts.extend(schema.views.iter().filter(|view| view.name == name).map(|view| &*view.sql));
            if let Some(table) = schema.table(&name) {
                texts.extend(table.triggers.iter().map(|trigger| &*trigger.sql));
            }
            names.push(name);
        }
    }
    names
}
