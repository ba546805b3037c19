//! Indexes that no recorded statement needs, found by dropping each on an empty copy of the schema.
//!
//! The widest is dropped first, and stays dropped if no plan needs it: of two that can replace each other one stays. A
//! foreign key's lookup of its children counts as a query, recorded or not, and so does the loss of a covering index.

use std::fmt;

use rusqlite::Connection;

use crate::error::{Error, Result};
use crate::plan::{Plan, empty_copy_of, is_worse, try_explain};
use crate::record::Queries;
use crate::schema::references::Pair;
use crate::schema::{Index, Schema, Table, TableKind};
use crate::sql::{Token, plain_name, tokens};

/// An index that none of the recorded statements needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnusedIndex {
    /// Its name.
    pub name: String,
    /// Its table.
    pub table: String,
    /// What takes it away: `DROP INDEX …`.
    pub sql: String,
    /// Why it is not needed.
    pub reason: String,
}

/// What [`unused_indexes`] found. `Display` has a line for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnusedIndexes {
    /// They can all go together: of two of which either is enough, only one is listed.
    pub indexes: Vec<UnusedIndex>,
    /// Statements of which no plan could be made. Indexes of the tables that they name are not listed, whether they need
    /// them or not.
    pub unplanned: Vec<String>,
}

impl fmt::Display for UnusedIndexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.indexes.iter().map(|index| format!("{}   {}", index.sql, index.reason));
        let unsure = self.unplanned.iter().map(|sql| format!("not sure of the tables of: {sql}"));
        f.write_str(&lines.chain(unsure).collect::<Vec<_>>().join("\n"))
    }
}

/// Indexes that none of the recorded statements needs, so that each write keeps them up for nothing. Record the whole of
/// what an app does before you believe it.
///
/// ```
/// # let db = sqlitmus::Template::empty().in_memory();
/// # db.execute_batch("CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, city TEXT);
/// #     CREATE INDEX users_name ON users(name); CREATE INDEX users_city ON users(city)").unwrap();
/// let queries = db.record(|db| db.execute("DELETE FROM users WHERE name = ?1", ["ada"]));
/// let unused = sqlitmus::workload::unused_indexes(&queries).unwrap();
/// assert_eq!(unused.to_string(), "DROP INDEX users_city;   no recorded query uses it");
/// ```
///
/// An index is needed if without it any of the plans scans, sorts, searches by fewer columns, or reads a table that it need
/// not read with it; or if a foreign key would look for its children in all rows. Unique indexes keep rules, and are
/// never listed.
///
/// # Errors
/// When the recording is not complete, or SQLite refuses a connection.
pub fn unused_indexes<R>(queries: &Queries<R>) -> Result<UnusedIndexes> {
    find(&queries.connect()?, &queries.statements()?)
}

fn find(connection: &Connection, statements: &[String]) -> Result<UnusedIndexes> {
    let read = |error| Error::sqlite("read the schema", error);
    let bench = empty_copy_of(connection)?;
    let schema = Schema::read(&bench.connection)?;
    let (mut plans, mut found) = (Vec::new(), UnusedIndexes::default());
    for sql in statements {
        let _ = bench.prepare(sql);
        match try_explain(&bench.connection, sql) {
            Ok(plan) => plans.push(Known::of(plan, true)),
            Err(_) => found.unplanned.push(sql.clone()),
        }
    }
    let lookups = schema.tables.iter().flat_map(|child| child.foreign_keys.iter().map(move |key| (child, key)));
    for (child, key) in lookups {
        let pair = schema.table(&key.parent).and_then(|parent| Pair::of(child, key, parent));
        if let Some(plan) = pair.and_then(|pair| try_explain(&bench.connection, &pair.lookup()).ok()) {
            plans.push(Known::of(plan, false));
        }
    }
    let named = named_tables(&found.unplanned, &schema);
    let mut candidates: Vec<(&Table, &Index)> = Vec::new();
    for table in schema
        .tables
        .iter()
        .filter(|table| table.kind == TableKind::Ordinary && named.iter().all(|name| *name != table.name))
    {
        candidates.extend(table.indexes.iter().filter(|index| !index.unique).map(|index| (table, index)));
    }
    // Of two that can stand for one another, the wider one costs more.
    candidates.sort_by_key(|(_, index)| std::cmp::Reverse(index.terms.len()));
    for (table, index) in candidates {
        if let Some(reason) = without(&bench.connection, index, &mut plans).map_err(read)? {
            let sql = format!("DROP INDEX {};", plain_name(&index.name));
            let (name, table) = (index.name.clone(), table.name.clone());
            found.indexes.push(UnusedIndex { name: name.to_string(), table: table.to_string(), sql, reason });
        }
    }
    found.indexes.sort_by(|one, two| (&one.table, &one.name).cmp(&(&two.table, &two.name)));
    Ok(found)
}

/// A statement, with its plan while the indexes are there that have not been taken away.
struct Known {
    plan: Plan,
    recorded: bool,
}

impl Known {
    fn of(plan: Plan, recorded: bool) -> Known {
        Known { plan, recorded }
    }
}

/// Takes the index away for good if no plan needs it, and says why it may go.
fn without(bench: &Connection, index: &Index, plans: &mut [Known]) -> rusqlite::Result<Option<String>> {
    bench.execute_batch(&format!("SAVEPOINT trial; DROP INDEX main.{}", plain_name(&index.name)))?;
    let mut changed = Vec::new();
    let mut needed = false;
    // SQLite plans the others as before: an index that it does not choose does not change its choice.
    for (at, known) in plans.iter().enumerate().filter(|(_, known)| known.plan.uses_index(&index.name)) {
        match try_explain(bench, known.plan.sql()) {
            Ok(plan) if !is_worse(&plan, &known.plan) => changed.push((at, plan)),
            _ => {
                needed = true;
                break;
            }
        }
    }
    if needed {
        bench.execute_batch("ROLLBACK TO trial; RELEASE trial")?;
        return Ok(None);
    }
    bench.execute_batch("RELEASE trial")?;
    let recorded = changed.iter().filter(|(at, _)| plans[*at].recorded).count();
    for (at, plan) in changed {
        plans[at].plan = plan;
    }
    Ok(Some(match recorded {
        0 => "no recorded query uses it".to_owned(),
        1 => "the one recorded query that uses it is as well planned without".to_owned(),
        count => format!("the {count} recorded queries that use it are as well planned without"),
    }))
}

/// The tables that statements name, themselves or through a view.
fn named_tables(statements: &[String], schema: &Schema) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut texts: Vec<&str> = statements.iter().map(String::as_str).collect();
    while let Some(text) = texts.pop() {
        for name in tokens(text).iter().filter_map(Token::name) {
            if names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
                continue;
            }
            texts.extend(
                schema.views.iter().filter(|view| view.name.eq_ignore_ascii_case(&name)).map(|view| &*view.sql),
            );
            if let Some(table) = schema.table(&name) {
                texts.extend(table.triggers.iter().map(|trigger| &*trigger.sql));
            }
            names.push(name);
        }
    }
    let is_named = |table: &&Table| names.iter().any(|name| name.eq_ignore_ascii_case(&table.name));
    schema.tables.iter().filter(is_named).map(|table| table.name.to_string()).collect()
}
