//! What is said about a history before its tests run. Every allowance has a reason, and one that nothing needs is an error:
//! the next accident would hide behind it.

use std::path::PathBuf;

use rusqlite::ToSql;

use super::Suite;
use super::cases::{self, TESTS};
use super::fill::Plan;
use crate::check::covers;
use crate::data::owned;
use crate::error::{Error, ErrorKind, Result};

/// What the builder was told.
#[derive(Debug, Default)]
pub(super) struct Options {
    only: Vec<String>,
    skipped: Vec<(String, String)>,
    no_value: Option<String>,
    pub(super) history: Option<PathBuf>,
    pub(super) from: Option<i64>,
    pub(super) plan: Plan,
    pub(super) losses: Vec<Allowance>,
    pub(super) refusals: Vec<Allowance>,
    pub(super) irreversible: Vec<Allowance>,
    pub(super) lints: Vec<(String, String, String)>,
    pub(super) lowest_sqlite: Option<String>,
    pub(super) old_code_runs: bool,
    pub(super) release_databases: Option<PathBuf>,
}

/// Something that one migration may do.
#[derive(Clone, Debug)]
pub(super) struct Allowance {
    pub(super) version: i64,
    pub(super) object: String,
    pub(super) reason: String,
}

impl Options {
    pub(super) fn runs(&self, test: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == test)
    }

    pub(super) fn skips(&self, test: &str) -> Option<String> {
        if !self.runs(test) {
            return Some(String::from("not among those asked for by Suite::only"));
        }
        self.skipped.iter().find(|(name, _)| name == test).map(|(_, reason)| reason.clone())
    }

    /// A name that is misspelt, a value that is none.
    pub(super) fn problem(&self) -> Option<Error> {
        if let Some(headline) = &self.no_value {
            return Some(Error::new(ErrorKind::Suite, headline));
        }
        let mut names = self.only.iter().chain(self.skipped.iter().map(|(name, _)| name));
        names.find(|name| !TESTS.contains(&name.as_str())).map(|name| cases::unknown(name))
    }
}

impl Suite {
    /// Runs only this test, and others named so.
    #[must_use]
    pub fn only(mut self, test: &str) -> Suite {
        self.options.only.push(test.to_owned());
        self
    }

    /// Leaves a test out. The reason is for whoever reads the report.
    #[must_use]
    pub fn skip(mut self, test: &str, reason: &str) -> Suite {
        self.options.skipped.push((test.to_owned(), reason.to_owned()));
        self
    }

    /// The folder of the migrations, where the template has them run by the app's own code and does not know them.
    #[must_use]
    pub fn history(mut self, folder: impl Into<PathBuf>) -> Suite {
        self.options.history = Some(folder.into());
        self
    }

    /// The oldest version that is still in the field: what is older has no data to lose.
    #[must_use]
    pub fn from(mut self, version: i64) -> Suite {
        self.options.from = Some(version);
        self
    }

    /// How many rows a table gets at each version in which it is new or changed. Without it, 5.
    #[must_use]
    pub fn rows(mut self, rows: u64) -> Suite {
        self.options.plan.rows = rows;
        self
    }

    /// The seed of the rows. `SQLITMUS_SEED` overrides it.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Suite {
        self.options.plan.seed = seed;
        self
    }

    /// One value for a column in all rows, at every version that has the column: for what no constraint says and the app
    /// knows, such as which words a migration looks for.
    #[must_use]
    pub fn set(mut self, table: &str, column: &str, value: impl ToSql) -> Suite {
        match owned(&value) {
            Ok(value) => self.options.plan.given.push((table.to_owned(), column.to_owned(), value)),
            // The first test says so.
            Err(error) => self.options.no_value = Some(format!("no value for {table}.{column}: {error}")),
        }
        self
    }

    /// Says that a migration may lose what is in `table.column`, or the rows of a table.
    #[must_use]
    pub fn allow_loss(mut self, version: i64, object: &str, reason: &str) -> Suite {
        self.options.losses.push(Allowance::new(version, object, reason));
        self
    }

    /// Says that a migration may refuse some data of `table.column`, or of a table, that the version before it accepts:
    /// because the app has never written it.
    #[must_use]
    pub fn allow_refusal(mut self, version: i64, object: &str, reason: &str) -> Suite {
        self.options.refusals.push(Allowance::new(version, object, reason));
        self
    }

    /// Says that a migration cannot be undone.
    #[must_use]
    pub fn irreversible(mut self, version: i64, reason: &str) -> Suite {
        self.options.irreversible.push(Allowance::new(version, "*", reason));
        self
    }

    /// Allows what `lints_clean` finds, as [`Findings::allow`](crate::check::Findings::allow) does.
    #[must_use]
    pub fn allow(mut self, code: &str, object: &str, reason: &str) -> Suite {
        self.options.lints.push((code.to_owned(), object.to_owned(), reason.to_owned()));
        self
    }

    /// The oldest SQLite that the app runs on, such as `"3.35"`: `lints_clean` then finds migrations that need a newer one.
    #[must_use]
    pub fn lowest_sqlite(mut self, version: &str) -> Suite {
        self.options.lowest_sqlite = Some(version.to_owned());
        self
    }

    /// Says that the app of the version before goes on running while a migration is applied, as on a server:
    /// `lints_clean` then finds renames that it does not survive, and long writes within a change of the schema.
    #[must_use]
    pub fn old_code_runs(mut self) -> Suite {
        self.options.old_code_runs = true;
        self
    }

    /// A folder of databases of past releases, `.sql` or `.db`, relative to the package. Each is upgraded and checked as
    /// the generated ones are; a `.db` is read with the `-wal` that lies beside it.
    #[must_use]
    pub fn release_databases(mut self, folder: impl Into<PathBuf>) -> Suite {
        self.options.release_databases = Some(folder.into());
        self
    }
}

impl Allowance {
    fn new(version: i64, object: &str, reason: &str) -> Allowance {
        Allowance { version, object: object.to_owned(), reason: reason.to_owned() }
    }
}

/// Which allowances something was found for.
pub(super) struct Needed<'a> {
    allowances: &'a [Allowance],
    needed: Vec<bool>,
}

impl<'a> Needed<'a> {
    pub(super) fn of(allowances: &'a [Allowance]) -> Needed<'a> {
        Needed { allowances, needed: vec![false; allowances.len()] }
    }

    /// Whether it is allowed; remembers by what.
    pub(super) fn allows(&mut self, version: i64, object: &str) -> bool {
        let mut allowed = false;
        for (allowance, needed) in self.allowances.iter().zip(&mut self.needed) {
            if allowance.version == version && covers(&allowance.object, object) {
                *needed = true;
                allowed = true;
            }
        }
        allowed
    }

    /// An error for the first one that was not needed. `call` is how it is written.
    pub(super) fn all_needed(&self, call: &str) -> Result<()> {
        let unneeded = self.allowances.iter().zip(&self.needed).find(|(_, needed)| !**needed);
        let Some((allowance, _)) = unneeded else { return Ok(()) };
        let object = if allowance.object == "*" { String::new() } else { format!("{:?}, ", allowance.object) };
        Err(Error::new(ErrorKind::Suite, format!("nothing to allow: {call}({}, {object}..)", allowance.version))
            .evidence("its reason", allowance.reason.clone())
            .help("take it away: the next accident would hide behind it"))
    }
}
