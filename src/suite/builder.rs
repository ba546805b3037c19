//! The suite over a template, and its options.

use std::fmt;
use std::path::PathBuf;

use rusqlite::ToSql;

use super::released::Released;
use super::rows::GivenValue;
use super::subject::{Allowance, Subject, WhatIf};
use crate::data::owned;
use crate::db::Template;
use crate::sql::Name;

/// The tests of one history, and their options.
///
/// ```
/// use sqlitmus::Template;
/// use sqlitmus::suite::Suite;
///
/// static APP: Template = Template::new("fixtures/shop/migrations");
///
/// let report = Suite::new(&APP)
///     .only("applies_to_an_empty_database")
///     .only("integrity_holds")
///     .run();
/// assert_eq!(report.passed(), 2);
/// ```
///
/// # Shipped migrations do not change
///
/// `migrations.lock`, beside the folder, has the hash of each shipped migration. With `SQLITMUS_ACCEPT=migrations`,
/// `shipped_migrations_are_frozen` writes it and adds new migrations; it never changes an entry. If the file is missing, or
/// a migration is not in it yet, the test passes on a laptop and fails if `CI` is set.
pub struct Suite {
    pub(crate) subject: Subject,
}

impl Suite {
    /// Returns the suite over a template. `Suite::new` brings the explorers.
    pub(crate) fn with_what_if(template: &'static Template, what_if: Option<WhatIf>) -> Suite {
        Suite { subject: Subject::new(template, what_if) }
    }

    /// Runs only this test, and those of further calls.
    #[must_use]
    pub fn only(mut self, test: &str) -> Suite {
        self.subject.options.only.push(test.to_owned());
        self
    }

    /// Skips a test. The reason is printed in the report.
    #[must_use]
    pub fn skip(mut self, test: &str, reason: &str) -> Suite {
        self.subject.options.skipped.push((test.to_owned(), reason.to_owned()));
        self
    }

    /// Sets the folder of the migrations, for a template whose migrations are run by the app's own code.
    #[must_use]
    pub fn history(mut self, folder: impl Into<PathBuf>) -> Suite {
        self.subject.options.history = Some(folder.into());
        self
    }

    /// States that the app switches foreign keys off while it migrates, and on again afterwards. All tests of the suite run
    /// the migrations so. Dropping a parent then fires no actions and is not refused, and `integrity_holds` looks for rows
    /// whose parent a migration has taken away.
    ///
    /// [`Template::migrate_with_foreign_keys_off`] says it for the template's own databases too, and the suite follows it.
    /// This method is for a history that the template does not run itself, see [`history`](Suite::history).
    #[must_use]
    pub fn migrate_with_foreign_keys_off(mut self) -> Suite {
        self.subject.options.runner.foreign_keys_off = true;
        self
    }

    /// States that the app's runner puts no transaction around a migration, whatever the format of the files says.
    ///
    /// [`Template::migrate_without_transaction`] says it for the template's own databases too, and the suite follows it.
    #[must_use]
    pub fn migrate_without_transaction(mut self) -> Suite {
        self.subject.options.runner.no_transaction = true;
        self
    }

    /// Sets the file with the hashes of shipped migrations, relative to the package. The default is `migrations.lock` beside
    /// the folder of the migrations, or in the package, if the app's own runner has them.
    #[must_use]
    pub fn lock_file(mut self, file: impl Into<PathBuf>) -> Suite {
        self.subject.options.lock_file = Some(file.into());
        self
    }

    /// Sets the oldest version that is still in the field. Older versions have no data to lose.
    #[must_use]
    pub fn from(mut self, version: i64) -> Suite {
        self.subject.options.from = Some(version);
        self
    }

    /// Names the versions that were released. Rows are made at those and at the last version only, and go through the
    /// migrations between them, as in the field: what only these migrations create and drop again is no loss.
    ///
    /// ```
    /// use sqlitmus::Template;
    /// use sqlitmus::suite::Suite;
    ///
    /// static APP: Template = Template::embedded(&[
    ///     ("1_notes.sql", "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT)"),
    ///     ("2_draft.sql", "ALTER TABLE notes ADD COLUMN draft TEXT"),
    ///     ("3_no_draft.sql", "ALTER TABLE notes DROP COLUMN draft"),
    /// ]);
    ///
    /// assert!(Suite::new(&APP).try_test("every_row_survives").is_err());
    /// assert!(Suite::new(&APP).released(&[1, 3]).try_test("every_row_survives").is_ok());
    /// ```
    #[must_use]
    pub fn released(mut self, versions: &[i64]) -> Suite {
        self.subject.options.released.push(Released::Versions(versions.to_vec()));
        self
    }

    /// Like [`released`](Suite::released), with the versions that the tags of git have: of each tag that matches, such as
    /// `"v*"`, the newest migration in the folder. All tests fail if there is no git or no such tag: a shallow clone has
    /// none.
    #[must_use]
    pub fn released_tags(mut self, pattern: &str) -> Suite {
        self.subject.options.released.push(Released::Tags(pattern.to_owned()));
        self
    }

    /// Sets the number of rows that a table gets at each version in which it is new or changed. Default 5.
    #[must_use]
    pub fn rows(mut self, rows: u64) -> Suite {
        self.subject.options.plan.rows = rows;
        self
    }

    /// Sets the seed of the rows. `SQLITMUS_SEED` overrides it.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Suite {
        self.subject.options.plan.seed = seed;
        self
    }

    /// Sets a column to one value in all rows, at every version that has the column. Use it for rules that the app knows and
    /// no constraint states, such as the words that a migration looks for.
    #[must_use]
    pub fn set(mut self, table: &str, column: &str, value: impl ToSql) -> Suite {
        match owned(&value) {
            Ok(value) => {
                let (table, column) = (Name::from(table), Name::from(column));
                self.subject.options.plan.given.push(GivenValue { table, column, value });
            }
            // Every test fails with it.
            Err(error) => self.subject.options.bad_value = Some(format!("no value for {table}.{column}: {error}")),
        }
        self
    }

    /// Allows a migration to lose the values of `table.column`, or the rows of a table and the values of all its columns. An
    /// allowance that is not needed is an error.
    #[must_use]
    pub fn allow_loss(mut self, version: i64, object: &str, reason: &str) -> Suite {
        self.subject.options.losses.push(Allowance::new(version, object, reason));
        self
    }

    /// Allows a migration to fail on some values of `table.column`, or of any column of a table, or on rows of a table, that the
    /// version before it accepts, because the app has never written them. An allowance that is not needed is an error.
    #[must_use]
    pub fn allow_refusal(mut self, version: i64, object: &str, reason: &str) -> Suite {
        self.subject.options.refusals.push(Allowance::new(version, object, reason));
        self
    }

    /// Allows the down script of a migration to fail, because it cannot be undone. An allowance that is not needed is an
    /// error.
    #[must_use]
    pub fn irreversible(mut self, version: i64, reason: &str) -> Suite {
        self.subject.options.irreversible.push(Allowance::new(version, "*", reason));
        self
    }

    /// Allows a finding of `lints_clean`, as [`Findings::allow`](crate::check::Findings::allow) does.
    #[must_use]
    pub fn allow(mut self, code: &str, object: &str, reason: &str) -> Suite {
        self.subject.options.lints.push((code.to_owned(), object.to_owned(), reason.to_owned()));
        self
    }

    /// Sets the oldest SQLite that the app runs on, such as `"3.35"`. `lints_clean` then finds migrations that need a newer
    /// one.
    #[must_use]
    pub fn lowest_sqlite(mut self, version: &str) -> Suite {
        self.subject.options.lowest_sqlite = Some(version.to_owned());
        self
    }

    /// States that the old version of the app keeps running while a migration is applied, as on a server. `lints_clean` then
    /// finds renames that break it, and long writes in the transaction that changes the schema.
    #[must_use]
    pub fn old_code_runs(mut self) -> Suite {
        self.subject.options.old_code_runs = true;
        self
    }

    /// Names the [ledger](crate::record#a-ledger-of-a-whole-run) of the statements of the last release, a file relative to the
    /// package. `lints_clean` then finds the statements that a migration breaks, and those that lose their index by it: the old
    /// version of the app runs them while the new one is rolled out.
    ///
    /// ```
    /// use sqlitmus::Template;
    /// use sqlitmus::suite::Suite;
    ///
    /// static APP: Template = Template::embedded(&[
    ///     ("1_notes.sql", "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT)"),
    ///     ("2_text.sql", "ALTER TABLE notes RENAME COLUMN body TO text"),
    /// ]);
    ///
    /// // It has `SELECT body FROM notes WHERE id = ?`.
    /// let suite = Suite::new(&APP).released_statements("fixtures/notes_ledger.txt");
    /// let error = suite.try_test("lints_clean").unwrap_err();
    /// assert!(error.headline().starts_with("breaks-old-statement: migration 2"));
    /// ```
    #[must_use]
    pub fn released_statements(mut self, ledger: impl Into<PathBuf>) -> Suite {
        self.subject.options.released_statements = Some(ledger.into());
        self
    }

    /// Names queries whose answers a migration has to keep. `lints_clean` runs each of them before and after every migration,
    /// on all databases that the suite makes, and finds those that return something else: a total in another unit, a number
    /// that has become a text, a row more because of a join. A query is compared as soon as the schema knows its columns. Its
    /// parameters get the values of rows.
    ///
    /// ```
    /// use sqlitmus::Template;
    /// use sqlitmus::suite::Suite;
    ///
    /// static APP: Template = Template::embedded(&[
    ///     ("1_orders.sql", "CREATE TABLE orders(id INTEGER PRIMARY KEY, total INT)"),
    ///     ("2_cents.sql", "UPDATE orders SET total = total * 100"),
    /// ]);
    ///
    /// let suite = Suite::new(&APP).answers(&["SELECT id, total FROM orders"]);
    /// let error = suite.try_test("lints_clean").unwrap_err();
    /// assert!(error.headline().starts_with("changes-answer: migration 2"));
    /// ```
    #[must_use]
    pub fn answers(mut self, queries: &[&str]) -> Suite {
        self.subject.options.answers.extend(queries.iter().map(|sql| (*sql).to_owned()));
        self
    }

    /// Like [`answers`](Suite::answers), with the queries of a [ledger](crate::record#a-ledger-of-a-whole-run), a file relative
    /// to the package.
    #[must_use]
    pub fn answers_of(mut self, ledger: impl Into<PathBuf>) -> Suite {
        self.subject.options.answers_of = Some(ledger.into());
        self
    }

    /// Adds a folder of databases of past releases, `.sql`, `.db` or `.sqlite`, relative to the package. Each is upgraded and
    /// checked like the generated ones. A database file is read with the `-wal` beside it.
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
