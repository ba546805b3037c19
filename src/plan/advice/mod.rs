//! Indexes that mend a plan. Each is made on an empty copy of the schema and planned with before it is shown.
//!
//! ```text
//! a plan that fails -> Trials: an empty copy, settings and statistics as they were; does it plan the same there?
//!   -> terms: what the statement says of the table's columns   -> search: which of it SQLite uses
//!   -> fewest indexes, fewest columns                          -> Advice
//! ```
//!
//! - An index that would help is not worked out but tried: on an empty copy of the schema, with the settings,
//!   statistics and values of the failing plan. If the copy does not plan the statement as it was planned, nothing is
//!   said.
//! - The words of the statement give candidates (columns, collations, expressions beside a comparison, ORDER BY, GROUP
//!   BY, DISTINCT, foreign keys). All are made at once and SQLite chooses, because a side of an OR uses an index only
//!   if the other has one. Then one is judged after the other: indexes that are not needed go, columns that are
//!   searched by are added, columns that nothing needs go. A word that is read wrongly costs a trial; what is judged
//!   is the plan, by the code that found it guilty. No scan and no sort may appear that was not there.
//! - A table of which statistics counted few rows gets no advice: SQLite scans it whatever index there is.

mod foreign_keys;
mod search;
mod terms;
mod text;
mod trial;

use rusqlite::Connection;

use super::{Plan, try_explain};
use crate::error::{Error, Result};
pub(super) use search::Goal;
use search::Search;
use trial::Trials;
pub(crate) use trial::is_worse;

/// Something to run that mends a plan. [`advise`] and [`Plan::advice`] give it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advice {
    /// What to run: a `CREATE INDEX`, or several, one to a line, where only all of them together help.
    pub sql: String,
    /// The indexes that it makes.
    pub indexes: Vec<AdvisedIndex>,
    /// What is gone from the plan with them.
    pub removes: Vec<Removed>,
}

/// An index that does not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdvisedIndex {
    /// Its name, which nothing in the schema has.
    pub name: String,
    /// Its table.
    pub table: String,
    /// What it is of, in order, as SQL: `status`, `name COLLATE NOCASE`, `lower(email)`, `created_at DESC`.
    pub columns: Vec<String>,
    /// An index that can go, because this one starts with all of its columns.
    pub replaces: Option<String>,
    /// Columns among its own that may hold long values, which it stores a second time.
    pub long: Vec<String>,
}

/// What an index removes from a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Removed {
    /// The reading of all of this table.
    Scan(String),
    /// A temporary b-tree, by its purpose: `ORDER BY`, `GROUP BY`, `DISTINCT`.
    Sort(String),
    /// The making of an index of this table for one run of the statement.
    AutomaticIndex(String),
}

/// Indexes that would remove scans of whole tables and sorts from the plan of a statement.
///
/// ```
/// # let db = sqlitmus::Template::empty().in_memory();
/// # db.execute_batch("CREATE TABLE orders(id INTEGER PRIMARY KEY, status TEXT, at TEXT)").unwrap();
/// let advice = sqlitmus::plan::advise(&db, "SELECT id FROM orders WHERE status = ?1 ORDER BY at DESC").unwrap();
/// assert_eq!(advice[0].sql, "CREATE INDEX orders_status_at ON orders(status, at);");
/// ```
///
/// None are given where none help: for `count(*)`, `LIKE '%x'`, a table of the statistics' few rows, a temporary or
/// attached table. The database is not changed.
///
/// # Errors
/// When SQLite refuses the statement, or when it is not one statement that has a plan.
pub fn advise(connection: &Connection, sql: &str) -> Result<Vec<Advice>> {
    Ok(try_explain(connection, sql)?.advice())
}

impl Plan {
    /// Indexes that would remove scans of whole tables and sorts; see [`advise`].
    pub fn advice(&self) -> Vec<Advice> {
        search(self, Goal::All).0
    }

    /// Adds to a report what would reach the goal.
    pub(super) fn with_advice(&self, mut error: Error, goal: &Goal) -> Error {
        let (advice, cut_short) = search(self, goal.clone());
        for one in &advice {
            error = error.help(text::help(one, self, goal));
        }
        if advice.is_empty() && !cut_short {
            for words in foreign_keys::defeated(self, goal) {
                error = error.help(words);
            }
        }
        if cut_short {
            let plans = trial::MOST;
            error = error.note(format!("the search for an index was cut short after {plans} plans"));
        }
        error
    }
}

fn search(plan: &Plan, goal: Goal) -> (Vec<Advice>, bool) {
    let Some(trials) = Trials::of(plan) else { return (Vec::new(), false) };
    let mut search = Search::new(trials, goal);
    let advice = search.run();
    (advice, search.is_cut_short())
}
