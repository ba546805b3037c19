//! Query plans: what SQLite would do to run a statement, as values, and assertions on them.
//!
//! ```
//! use sqlitmus::{Template, plan::explain};
//!
//! static APP: Template = Template::new("fixtures/shop/migrations");
//! let db = APP.in_memory();
//! explain(&db, "SELECT id FROM orders WHERE customer_id = ?1").assert_no_scan().assert_searches("orders");
//!
//! let error = explain(&db, "SELECT id FROM orders WHERE total_cents > ?1").try_assert_no_scan().unwrap_err();
//! assert_eq!(error.headline(), "query plan scans a whole table: orders");
//! ```
//!
//! # What counts as a scan
//!
//! A loop that reads all of a table, or all of an index that has every row of it. So does `count(*)`, `min(x)` without an
//! index, an automatic index (SQLite reads the whole table to make it), and a virtual table that was given nothing to
//! search by. Loops count wherever they are: in a view, behind an alias, in a trigger, in ON DELETE CASCADE.
//!
//! Not a scan: what reads a subquery, a common table expression, a table-valued function or rows that stand in the
//! statement; a partial index, which holds only the rows that it was made for; a loop that a LIMIT ends and no filter or
//! sort prolongs (an inner join is a filter, a LEFT JOIN is none); `max(id)`; the schema table; what is never begun, behind
//! `WHERE 0` or for children of a row that is inserted. `LIMIT ?1 OFFSET ?2` is a scan, since it reads all rows that it
//! passes over.
//!
//! # Where it is known from
//!
//! The text of `EXPLAIN QUERY PLAN` differs between versions of SQLite, and its words deceive: `SELECT min(x)` prints
//! `SEARCH`. So [`explain`] reads the bytecode too, which says what each loop walks, and falls back to the text if the
//! linked SQLite does not answer a known statement as it is known to: [`Plan::source`].
//!
//! # Which index would help
//!
//! A failed [`assert_no_scan`](Plan::assert_no_scan), [`assert_no_temp_btree`](Plan::assert_no_temp_btree) or
//! [`assert_no_automatic_index`](Plan::assert_no_automatic_index) offers indexes that were made on an empty copy of the
//! schema and planned with: the fewest that reach what was asserted, with the fewest columns that SQLite searches by.
//! [`advise`] gives the same as values, and [`unused_indexes`](crate::workload::unused_indexes) the indexes that can go.
//!
//! Parameters need no values; [`explain_with`] gives them, for what SQLite plans differently by value, such as `LIKE ?1`.
//!
//! # Statistics
//!
//! Without sqlite_stat1, which ANALYZE and `PRAGMA optimize` write, a plan does not depend on the rows of the database. With
//! it, it does: [`Template::stats`](crate::Template::stats) plans by production's, from a file that [`write_statistics`]
//! writes, and [`assert_plan_stable`] tells whether it matters.
//!
//! Statistics that were gathered on a fixture (fewer than 100 rows of a table) mislead: of so few, SQLite scans what it would
//! search among many, and skips through an index whose first column has few values there. So a statement is then
//! planned without them as well. [`Plan::assert_no_scan`] fails if either plan scans, and says to which one it is due.
//!
//! # Growth
//!
//! A plan says how, not how much. [`growth`](crate::workload::growth()) runs a query on databases of several sizes and
//! counts what SQLite does.

mod advice;
mod assertions;
mod bytecode;
mod catalog;
mod failure;
mod flow;
mod loops;
mod normal;
mod parse;
mod refused;
mod single_steps;
mod stable;
mod statistics;
mod tree;

use std::cell::RefCell;
use std::fmt;

use rusqlite::types::Value;
use rusqlite::{Connection, Params, Rows, Statement};

use crate::error::{Error, Result, or_panic};
pub(crate) use advice::is_worse;
pub use advice::{Advice, AdvisedIndex, Removed, advise};
use catalog::Catalog;
pub(crate) use catalog::empty_copy_of;
pub(crate) use refused::only_statement;
pub(crate) use single_steps::{SingleStepRows, TableRows, count_table_rows};
pub use stable::{assert_plan_stable, try_assert_plan_stable};
pub use statistics::{write_statistics, write_statistics_with_samples};
pub use tree::{Access, AccessPath, Effect, Node, Origin, Scan, Step};

/// From this version on a line reads `SCAN t`, and no longer `SCAN TABLE t`.
const WITHOUT_THE_WORD_TABLE: i32 = 3_036_000;

/// What SQLite would do to run a statement. [`explain`] makes one.
///
/// Its `Display` is the plan as SQLite prints it; [`normalized`](Plan::normalized) is the same over versions.
#[derive(Clone)]
pub struct Plan {
    sql: String,
    /// The values of its parameters, by their numbers; empty if it was planned without.
    values: Vec<Value>,
    nodes: Vec<Node>,
    effects: Vec<Effect>,
    source: PlanSource,
    catalog: Catalog,
    allowed: RefCell<Vec<String>>,
    /// The plan without statistics, if those that there are may be of a fixture.
    without_statistics: Option<Box<Plan>>,
}

/// The source of what a plan says about its loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanSource {
    /// The bytecode: the real tables, triggers and foreign-key actions, and what is read as a whole.
    Bytecode,
    /// The text of the plan alone, because this version of SQLite lists bytecode that sqlitmus does not know.
    Text,
}

/// Which statistics of ANALYZE SQLite planned with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Statistics {
    /// None: the plan does not depend on the rows.
    None,
    /// sqlite_stat1: numbers of rows.
    Counts,
    /// sqlite_stat1 and sqlite_stat4: numbers of rows, and samples of values.
    Samples,
}

/// The plan of a statement. Nothing is run, and parameters need no values.
///
/// ```
/// # let db = sqlitmus::Template::empty().in_memory();
/// # db.execute_batch("CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT UNIQUE)").unwrap();
/// let plan = sqlitmus::plan::explain(&db, "SELECT id FROM users WHERE email = ?1");
/// plan.assert_no_scan().assert_covering("users");
/// ```
///
/// # Panics
/// When the statement cannot be explained.
#[track_caller]
pub fn explain(connection: &Connection, sql: &str) -> Plan {
    or_panic(try_explain(connection, sql))
}

/// Like [`explain`], without the panic.
///
/// # Errors
/// When SQLite refuses the statement, or when it is not one statement that has a plan.
pub fn try_explain(connection: &Connection, sql: &str) -> Result<Plan> {
    plan(connection, sql, &|statement| Ok(statement.raw_query()))
}

/// Like [`explain`], planned with values for the parameters.
///
/// ```
/// use sqlitmus::{plan::explain_with, rusqlite::params};
/// # let db = sqlitmus::Template::empty().in_memory();
/// # db.execute_batch("CREATE TABLE users(name TEXT COLLATE NOCASE); CREATE INDEX by_name ON users(name)").unwrap();
/// explain_with(&db, "SELECT name FROM users WHERE name LIKE ?1", params!["ad%"]).assert_no_scan();
/// ```
///
/// # Panics
/// When the statement cannot be explained, or the values do not fit its parameters.
#[track_caller]
pub fn explain_with<P: Params + Clone>(connection: &Connection, sql: &str, params: P) -> Plan {
    or_panic(try_explain_with(connection, sql, params))
}

/// Like [`explain_with`], without the panic.
///
/// # Errors
/// When SQLite refuses the statement or a value, or when it is not one statement that has a plan.
pub fn try_explain_with<P: Params + Clone>(connection: &Connection, sql: &str, params: P) -> Result<Plan> {
    let mut plan = plan(connection, sql, &|statement| statement.query(params.clone()))?;
    // Values that cannot be read back are done without: a plan that they change is then not planned again.
    plan.values = values(connection, &plan.sql, params).unwrap_or_default();
    Ok(plan)
}

/// The values that `params` gives to the parameters of a statement.
fn values<P: Params>(connection: &Connection, sql: &str, params: P) -> rusqlite::Result<Vec<Value>> {
    let statement = connection.prepare(sql)?;
    let count = statement.parameter_count();
    if count == 0 {
        return Ok(Vec::new());
    }
    let name = |number| statement.parameter_name(number).map_or_else(|| format!("?{number}"), str::to_owned);
    let sql = format!("SELECT {}", (1..=count).map(name).collect::<Vec<_>>().join(", "));
    connection.query_row(&sql, params, |row| (0..count).map(|column| row.get(column)).collect())
}

/// The plan of a statement with values that were read from another.
fn explain_again(connection: &Connection, sql: &str, values: &[Value]) -> Result<Plan> {
    match values {
        [] => try_explain(connection, sql),
        values => plan(connection, sql, &|statement| statement.query(rusqlite::params_from_iter(values))),
    }
}

/// Gives a statement its values.
type Query<'q> = dyn for<'a> Fn(&'a mut Statement<'_>) -> rusqlite::Result<Rows<'a>> + 'q;

fn plan(connection: &Connection, sql: &str, query: &Query<'_>) -> Result<Plan> {
    let sql = refused::only_statement(sql)?;
    let _own = crate::own::statements();
    let refuse = |prefix: &str, error| refused::by_sqlite(sql, prefix.len(), error);
    let prefix = "EXPLAIN QUERY PLAN ";
    let lines = || -> rusqlite::Result<Vec<parse::Row>> {
        let mut statement = connection.prepare(&format!("{prefix}{sql}"))?;
        let mut rows = query(&mut statement)?;
        let mut lines = Vec::new();
        while let Some(row) = rows.next()? {
            lines.push(parse::Row { id: row.get(0)?, parent: row.get(1)?, detail: row.get(3)? });
        }
        Ok(lines)
    };
    let rows = lines().map_err(|error| refuse(prefix, error))?;
    let catalog = Catalog::read(connection).map_err(|error| Error::sqlite("to read the schema", error).sql(sql))?;
    let indexes = catalog.names("index");
    let old = rusqlite::version_number() < WITHOUT_THE_WORD_TABLE;
    let mut nodes = parse::nodes(&rows, parse::Hints { indexes: &indexes, old });

    let programs = if bytecode::understood(connection) {
        let prefix = "EXPLAIN ";
        let listing = || bytecode::read(&mut query(&mut connection.prepare(&format!("{prefix}{sql}"))?)?);
        listing().map_err(|error| refuse(prefix, error))?
    } else {
        None
    };
    let (source, effects) = match programs {
        Some(programs) => {
            let effects = loops::from_bytecode(connection, &catalog, &rows, &mut nodes, &programs);
            (PlanSource::Bytecode, effects)
        }
        None => {
            loops::from_text(&catalog, &mut nodes);
            (PlanSource::Text, Vec::new())
        }
    };
    let nodes = parse::tree(&rows, nodes);
    let (sql, values, allowed) = (sql.to_owned(), Vec::new(), RefCell::default());
    let mut plan = Plan { sql, values, nodes, effects, source, catalog, allowed, without_statistics: None };
    plan.plan_without_statistics(query);
    Ok(plan)
}

impl Plan {
    /// The statement.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The plan as a tree: the lines at its outermost level. Most statements that only insert have none.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// All lines of the plan, from its first to its last.
    pub fn lines(&self) -> impl Iterator<Item = &Node> {
        tree::walk(&self.nodes).into_iter().map(|(_, node)| node)
    }

    /// What the statement does besides that SQLite does not print: the loops of triggers and of foreign-key actions.
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// The source of what the plan says about its loops.
    pub fn source(&self) -> PlanSource {
        self.source
    }

    /// The version of SQLite that made the plan, such as `3.54.1`.
    pub fn sqlite_version(&self) -> &str {
        rusqlite::version()
    }

    /// Which statistics the plan was made with.
    pub fn statistics(&self) -> Statistics {
        match (self.catalog.statistics.counts.is_empty(), self.catalog.statistics.samples.is_empty()) {
            (_, false) => Statistics::Samples,
            (false, true) => Statistics::Counts,
            (true, true) => Statistics::None,
        }
    }

    /// Returns true if any loop uses the index.
    pub(crate) fn uses_index(&self, index: &str) -> bool {
        let uses = |node: &Node| match node.access().map(|access| &access.path) {
            Some(AccessPath::Index { name, .. }) => name.eq_ignore_ascii_case(index),
            _ => false,
        };
        self.all().any(uses)
    }

    /// The lines of the plan, and those that SQLite does not print.
    fn all(&self) -> impl Iterator<Item = &Node> {
        self.lines().chain(self.effects.iter().map(|effect| &effect.node))
    }
}

/// The plan as SQLite prints it, two spaces further in for each level.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (depth, node)) in tree::walk(&self.nodes).into_iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{}", tree::line(depth, &node.text))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("sql", &self.sql)
            .field("nodes", &self.nodes)
            .field("effects", &self.effects)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
