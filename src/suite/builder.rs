//! The suite over a template, and what can be said about its history.

use std::fmt;
use std::path::PathBuf;

use rusqlite::ToSql;

use super::allowances::Allowance;
use super::rows::fill::GivenValue;
use super::subject::{PowerCuts, Subject};
use crate::data::owned;
use crate::db::Template;

/// The tests over one history, and what is to be said about it beforehand.
///
/// ```
/// use sqlitmus::Template;
/// use sqlitmus::suite::Suite;
///
/// static APP: Template = Template::new("fixtures/shop/migrations");
///
/// let report = Suite::new(&APP).only("applies_to_an_empty_database").only("integrity_holds").run();
/// assert_eq!(report.passed(), 2);
/// ```
///
/// # What was shipped stays as it is
///
/// `migrations.lock`, beside the folder, has the hash of each migration. `SQLITMUS_ACCEPT=migrations` lets
/// `shipped_migrations_are_frozen` write it and add new migrations to it; it never changes what is there. A history without
/// one, or with migrations that are not in it yet, passes on a laptop and fails where `CI` is set.
pub struct Suite {
    pub(crate) subject: Subject,
}

impl Suite {
    /// Returns the suite over a template. `Suite::new` brings the power cuts.
    pub(crate) fn with_power_cuts(template: &'static Template, power_cuts: Option<PowerCuts>) -> Suite {
        Suite { subject: Subject::new(template, power_cuts) }
    }

    /// Runs only this test, and others named so.
    #[must_use]
    pub fn only(mut self, test: &str) -> Suite {
        self.subject.options.only.push(test.to_owned());
        self
    }

    /// Leaves a test out. The reason is for whoever reads the report.
    #[must_use]
    pub fn skip(mut self, test: &str, reason: &str) -> Suite {
        self.subject.options.skipped.push((test.to_owned(), reason.to_owned()));
        self
    }

    /// The folder of the migrations, where the template has them run by the app's own code and does not know them.
    #[must_use]
    pub fn history(mut self, folder: impl Into<PathBuf>) -> Suite {
        self.subject.options.history = Some(folder.into());
        self
    }

    /// The oldest version that is still in the field: what is older has no data to lose.
    #[must_use]
    pub fn from(mut self, version: i64) -> Suite {
        self.subject.options.from = Some(version);
        self
    }

    /// How many rows a table gets at each version in which it is new or changed. Without it, 5.
    #[must_use]
    pub fn rows(mut self, rows: u64) -> Suite {
        self.subject.options.plan.rows = rows;
        self
    }

    /// The seed of the rows. `SQLITMUS_SEED` overrides it.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Suite {
        self.subject.options.plan.seed = seed;
        self
    }

    /// One value for a column in all rows, at every version that has the column: for what no constraint says and the app
    /// knows, such as which words a migration looks for.
    #[must_use]
    pub fn set(mut self, table: &str, column: &str, value: impl ToSql) -> Suite {
        match owned(&value) {
            Ok(value) => {
                let (table, column) = (table.to_owned(), column.to_owned());
                self.subject.options.plan.given.push(GivenValue { table, column, value });
            }
            // Every test fails with it.
            Err(error) => self.subject.options.bad_value = Some(format!("no value for {table}.{column}: {error}")),
        }
        self
    }

    /// Says that a migration may lose what is in `table.column`, or the rows of a table.
    #[must_use]
    pub fn allow_loss(mut self, version: i64, object: &str, reason: &str) -> Suite {
        self.subject.options.losses.push(Allowance::new(version, object, reason));
        self
    }

    /// Says that a migration may refuse some data of `table.column`, or of a table, that the version before it accepts:
    /// because the app has never written it.
    #[must_use]
    pub fn allow_refusal(mut self, version: i64, object: &str, reason: &str) -> Suite {
        self.subject.options.refusals.push(Allowance::new(version, object, reason));
        self
    }

    /// Says that a migration cannot be undone.
    #[must_use]
    pub fn irreversible(mut self, version: i64, reason: &str) -> Suite {
        self.subject.options.irreversible.push(Allowance::new(version, "*", reason));
        self
    }

    /// Allows what `lints_clean` finds, as [`Findings::allow`](crate::check::Findings::allow) does.
    #[must_use]
    pub fn allow(mut self, code: &str, object: &str, reason: &str) -> Suite {
        self.subject.options.lints.push((code.to_owned(), object.to_owned(), reason.to_owned()));
        self
    }

    /// The oldest SQLite that the app runs on, such as `"3.35"`: `lints_clean` then finds migrations that need a newer one.
    #[must_use]
    pub fn lowest_sqlite(mut self, version: &str) -> Suite {
        self.subject.options.lowest_sqlite = Some(version.to_owned());
        self
    }

    /// Says that the app of the version before goes on running while a migration is applied, as on a server:
    /// `lints_clean` then finds renames that it does not survive, and long writes within a change of the schema.
    #[must_use]
    pub fn old_code_runs(mut self) -> Suite {
        self.subject.options.old_code_runs = true;
        self
    }

    /// A folder of databases of past releases, `.sql` or `.db`, relative to the package. Each is upgraded and checked as
    /// the generated ones are; a `.db` is read with the `-wal` that lies beside it.
    #[must_use]
    pub fn release_databases(mut self, folder: impl Into<PathBuf>) -> Suite {
        self.subject.options.release_databases = Some(folder.into());
        self
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Subject { template, options, .. } = &self.subject;
        f.debug_struct("Suite").field("template", template).field("options", options).finish_non_exhaustive()
    }
}
