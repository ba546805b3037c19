//! Every statement of a whole test run, and its plans, in one file that is made for review.
//!
//! ```text
//! statement -> hook -> gather: is this text known? -> TestDb::drop -> explained elsewhere in this process? -> lock, merge, rename
//! ```
//!
//! - **A file that is only added to.** cargo test does not tell one run from the next, so the user does, by deleting
//!   it. What would date each line, or count runs, would make every diff noisy, and so would SQLite's version: plans
//!   are normal.
//! - **Merging is a union**, but that "could not be explained" gives way to any plan. So the order of tests, threads
//!   and processes makes no difference; this suite of 500 tests gives the same bytes under cargo test and under
//!   nextest.
//! - **A process remembers** what it has explained by text and ground (profile, schemas, statistics), and looks into
//!   the file by binary search before it takes the lock: to read all of 2,000 statements would take a test's process
//!   five times as long as all else that it does.
//! - **Plans are made with values where values matter** (`LIKE`, partial indexes, samples of ANALYZE), of the first
//!   runs. The plan of a bare `LIKE ?` is a scan that nobody ran.
//! - **`own::statements()`** marks what the crate runs on a connection that may be the user's. Whatever asks a
//!   database questions begins with it; a test calls all of it and wants an empty ledger. It never spans code of the
//!   app's.
//! - A ledger that cannot be written fails the test: a statement that is missing without a word would be read as gone.

mod diff;
mod text;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

pub use self::diff::{ChangedStatement, LedgerDiff, compare_ledgers};
pub(crate) use self::write::write_ledger;
use crate::env;
use crate::error::{Error, Result};

/// Every statement of a test run in its normal form, and how SQLite ran it. [`SQLITMUS_LEDGER`](super#a-ledger-of-a-whole-run)
/// makes one; `Display` is the text of its file.
///
/// ```
/// use sqlitmus::record::Ledger;
///
/// let ledger = Ledger::parse("\
/// ## sqlitmus ledger 1: every statement of a test run, and its plans
///
/// SELECT body FROM notes WHERE id = ?
///   SEARCH notes USING INTEGER PRIMARY KEY (rowid=?)
///
/// SELECT count(*) FROM notes
/// > SCAN notes
/// ").unwrap();
/// assert_eq!(ledger.len(), 2);
/// assert_eq!(ledger.scans().map(|statement| statement.sql()).collect::<Vec<_>>(), ["SELECT count(*) FROM notes"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    statements: BTreeMap<String, LedgerStatement>,
}

/// A statement of a [`Ledger`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerStatement {
    sql: String,
    plans: BTreeSet<LedgerPlan>,
}

/// How SQLite runs a statement of a [`Ledger`]. `Display` is the plan as it stands in the file: two letters in front of each
/// line, which are `> ` where it scans a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LedgerPlan {
    /// Its lines as they stand in the file. None for a statement that reads no table.
    text: String,
}

impl Ledger {
    /// Reads a ledger. A relative path is one in the folder of the package under test.
    ///
    /// # Errors
    /// When the file cannot be read, and when it is no ledger; then the line is named.
    pub fn read(path: impl AsRef<Path>) -> Result<Ledger> {
        let path = env::package_dir().join(path);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            let error = Error::io("cannot read the ledger", &path, error);
            error.help(format!("make one: SQLITMUS_LEDGER={} cargo test", path.display()))
        })?;
        text::parse(&text, &path.display().to_string()).map_err(|error| error.path(&path))
    }

    /// Reads a ledger from its text.
    ///
    /// # Errors
    /// When it is none; then the line is named.
    pub fn parse(text: &str) -> Result<Ledger> {
        text::parse(text, "text")
    }

    /// The statements, sorted by their SQL.
    pub fn iter(&self) -> impl Iterator<Item = &LedgerStatement> {
        self.statements.values()
    }

    /// How many statements there are.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// The statement with this normal form.
    pub fn get(&self, sql: &str) -> Option<&LedgerStatement> {
        self.statements.get(sql)
    }

    /// The statements that read a whole table, by any of their plans.
    pub fn scans(&self) -> impl Iterator<Item = &LedgerStatement> {
        self.iter().filter(|statement| statement.scans())
    }

    /// Takes over what another ledger has: that of another package, or of another machine's part of the run.
    pub fn merge(&mut self, other: &Ledger) {
        for statement in other.iter() {
            for plan in &statement.plans {
                self.add(&statement.sql, plan.clone());
            }
        }
    }

    /// Whether `other` has nothing that is not here.
    fn has_all_of(&self, other: &Ledger) -> bool {
        let has = |statement: &LedgerStatement| {
            let mine = self.get(&statement.sql).map(|mine| &mine.plans);
            mine.is_some_and(|mine| {
                statement.plans.iter().all(|plan| mine.contains(plan) || is_known(mine) && !plan.is_known())
            })
        };
        other.iter().all(has)
    }

    /// A statement that could be explained somewhere is not one that could not be explained: so the order in which its
    /// plans come in makes no difference.
    fn add(&mut self, sql: &str, plan: LedgerPlan) {
        if !self.statements.contains_key(sql) {
            let statement = LedgerStatement { sql: sql.to_owned(), plans: BTreeSet::new() };
            self.statements.insert(sql.to_owned(), statement);
        }
        if let Some(LedgerStatement { plans, .. }) = self.statements.get_mut(sql) {
            if plan.is_known() {
                plans.retain(LedgerPlan::is_known);
            } else if is_known(plans) {
                return;
            }
            plans.insert(plan);
        }
    }
}

fn is_known(plans: &BTreeSet<LedgerPlan>) -> bool {
    plans.iter().any(LedgerPlan::is_known)
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(text::HEADER)?;
        f.write_str("\n")?;
        for statement in self.iter() {
            write!(f, "\n{statement}")?;
        }
        Ok(())
    }
}

impl LedgerStatement {
    /// The statement with `?` for every value, as [`Query::normalized`](super::Query::normalized) gives it.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// How SQLite runs it: one plan, or several where schemas, statistics or values differ.
    pub fn plans(&self) -> impl Iterator<Item = &LedgerPlan> {
        self.plans.iter()
    }

    /// Whether one of its plans reads a whole table.
    pub fn scans(&self) -> bool {
        self.plans.iter().any(LedgerPlan::scans)
    }
}

/// As it stands in the file: a paragraph for each plan.
impl fmt::Display for LedgerStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, paragraph) in text::paragraphs(self).iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "\n" })?;
            writeln!(f, "{paragraph}")?;
        }
        Ok(())
    }
}

impl LedgerPlan {
    /// Whether it reads a whole table, in the sense of [`Plan::assert_no_scan`](crate::plan::Plan::assert_no_scan).
    pub fn scans(&self) -> bool {
        self.text.lines().any(|line| line.starts_with(text::SCAN))
    }

    /// Whether there is a plan. If not, `Display` says why the statement could not be explained.
    pub fn is_known(&self) -> bool {
        !self.text.starts_with(text::NO_PLAN)
    }
}

impl fmt::Display for LedgerPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
