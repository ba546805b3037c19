//! A history of migrations.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::apply::{self, Applied, Run};
use super::code::Code;
use super::ledger::Ledger;
use super::load::{self, Loaded};
use super::migration::{Format, Migration, index_of};
use super::oddity::Oddity;
use super::runner::Runner;
use super::step_limit::StepLimit;
use crate::error::{Error, ErrorKind, Result};
use crate::sql::Name;

/// An ordered history of migrations.
///
/// ```
/// use sqlitmus::migrations::Migrations;
/// use sqlitmus::rusqlite::Connection;
///
/// let history = Migrations::embedded(&[
///     ("001_users.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY, email);"),
///     ("002_users_email.sql", "CREATE UNIQUE INDEX users_email ON users(email);"),
/// ])?;
/// let mut conn = Connection::open_in_memory()?;
/// let applied = history.apply(&mut conn)?;
/// assert_eq!(applied.iter().collect::<Vec<_>>(), [1, 2]);
/// # Ok::<(), sqlitmus::BoxError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Migrations {
    format: Format,
    ledger: Ledger,
    runner: Runner,
    /// In the order of the runner, each version once, never empty.
    migrations: Vec<Migration>,
    oddities: Vec<Oddity>,
    /// The app's own runner, which applies them.
    code: Option<Code>,
    /// Stops a migration that runs for very long.
    limit: Option<Arc<StepLimit>>,
}

impl Migrations {
    /// Reads the history in a folder. A single `.sql` file is a history of one migration with version 1.
    ///
    /// A relative path starts at the current directory.
    ///
    /// # Errors
    /// If the folder is missing or has no migration; if its runner would fail: two migrations have the same version, a file
    /// is unreadable, not UTF-8 or not in the runner's format. The error names all such files.
    pub fn load(path: impl AsRef<Path>) -> Result<Migrations> {
        load::path(path.as_ref()).map(Migrations::of)
    }

    /// Returns a history of files that are compiled in: name (or path, as in `2026-01-31_users/up.sql`) and content.
    ///
    /// The rules for names are those of a folder. Folders above a migration are ignored, so the path of an
    /// `include_str!` works here too.
    ///
    /// # Errors
    /// The same as those of [`load`](Migrations::load).
    pub fn embedded(files: &[(&str, &str)]) -> Result<Migrations> {
        load::list(files).map(Migrations::of)
    }

    /// Returns the format of the files.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns the migrations in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Migration> + ExactSizeIterator {
        self.migrations.iter()
    }

    /// Returns what the runner does with the files although their author may expect something else.
    ///
    /// ```
    /// use sqlitmus::migrations::{Migrations, OddityKind};
    ///
    /// let history = Migrations::embedded(&[
    ///     ("10_b/up.sql", "SELECT 10;"),
    ///     ("2_a/up.sql", "SELECT 2;"),
    /// ])?;
    /// let oddity = &history.oddities()[0];
    /// assert_eq!(oddity.kind(), OddityKind::Order);
    /// assert_eq!(
    ///     oddity.to_string(),
    ///     "diesel runs 10_b before 2_a, because it compares versions \
    ///      as text"
    /// );
    /// # Ok::<(), sqlitmus::BoxError>(())
    /// ```
    pub fn oddities(&self) -> &[Oddity] {
        &self.oddities
    }

    /// Returns the number of migrations.
    pub fn len(&self) -> usize {
        self.migrations.len()
    }

    /// Returns true if there is no migration. A history that was loaded has at least one.
    pub fn is_empty(&self) -> bool {
        self.migrations.is_empty()
    }

    /// Returns the version of the newest migration.
    pub fn last_version(&self) -> Option<i64> {
        self.migrations.last().map(Migration::version)
    }

    /// Sets where it is recorded which migrations are applied. Default: nowhere.
    ///
    /// ```
    /// use sqlitmus::migrations::{Ledger, Migrations};
    /// # use sqlitmus::rusqlite::Connection;
    ///
    /// let files = [("001_users.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY);")];
    /// let history = Migrations::embedded(&files)?.ledger(Ledger::UserVersion);
    /// # let mut conn = Connection::open_in_memory()?;
    /// assert_eq!(history.apply(&mut conn)?.len(), 1);
    /// assert_eq!(history.apply(&mut conn)?.len(), 0);
    /// # Ok::<(), sqlitmus::BoxError>(())
    /// ```
    pub fn ledger(mut self, ledger: Ledger) -> Self {
        self.ledger = ledger;
        self
    }

    /// Switches foreign keys off while migrations are applied or undone, as the app's runner does around them. Afterwards
    /// they are as before.
    ///
    /// ```
    /// use sqlitmus::migrations::Migrations;
    /// # use sqlitmus::rusqlite::Connection;
    ///
    /// let history = Migrations::embedded(&[
    ///     ("1.sql", "CREATE TABLE a(id INTEGER PRIMARY KEY);
    ///                CREATE TABLE b(a REFERENCES a ON DELETE CASCADE);
    ///                INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);"),
    ///     ("2.sql", "CREATE TABLE c(id INTEGER PRIMARY KEY, name);
    ///                INSERT INTO c(id) SELECT id FROM a;
    ///                DROP TABLE a; ALTER TABLE c RENAME TO a;"),
    /// ])?;
    /// # let mut conn = Connection::open_in_memory()?;
    /// conn.execute_batch("PRAGMA foreign_keys = ON")?;
    /// history.with_foreign_keys_off().apply(&mut conn)?;
    /// let kept: i64 = conn.query_row("SELECT count(*) FROM b", [], |row| row.get(0))?;
    /// assert_eq!(kept, 1);
    /// # Ok::<(), sqlitmus::BoxError>(())
    /// ```
    pub fn with_foreign_keys_off(mut self) -> Self {
        self.runner.foreign_keys_off = true;
        self
    }

    /// Applies and undoes each migration without a transaction around it, whatever its format says.
    pub fn without_transaction(mut self) -> Self {
        self.runner.no_transaction = true;
        self
    }

    /// Applies the migrations that the ledger does not have, oldest first. Without a ledger, these are all of them.
    ///
    /// A pending migration is applied even if a newer one has been applied already, as sqlx, diesel and dbmate do.
    /// Returns what was applied.
    ///
    /// # Errors
    /// If a statement fails: the error has the file, the line, the statement and SQLite's message. The transaction of
    /// that migration is rolled back, which leaves the version before intact. Also if the ledger has a version that the
    /// history does not have.
    pub fn apply(&self, conn: &mut Connection) -> Result<Applied> {
        let pending = self.indexes_of_pending(conn)?;
        self.run(conn, false, &pending)
    }

    /// Like [`apply`](Migrations::apply), but stops after `version`. 0 means the empty database (-1 if 0 is a version).
    ///
    /// # Errors
    /// Those of [`apply`](Migrations::apply), and if no migration has that version.
    pub fn up_to(&self, conn: &mut Connection, version: i64) -> Result<Applied> {
        let end = self.count_up_to(version)?;
        let mut pending = self.indexes_of_pending(conn)?;
        pending.retain(|&index| index < end);
        self.run(conn, false, &pending)
    }

    /// Applies the migrations above `from`, up to and including `to`, to a database that is at `from`.
    ///
    /// Use this to apply a history without a ledger step by step. If there is a ledger, it is written but not read.
    ///
    /// # Errors
    /// Those of [`up_to`](Migrations::up_to).
    pub fn up_from(&self, conn: &mut Connection, from: i64, to: i64) -> Result<Applied> {
        let steps: Vec<usize> = (self.count_up_to(from)?..self.count_up_to(to)?).collect();
        self.run(conn, false, &steps)
    }

    /// Undoes every migration above `version`, newest first. 0 means the empty database (-1 if 0 is a version).
    ///
    /// Migrations that the ledger does not have are skipped. Without a ledger, the database is assumed to be at the
    /// newest version; use [`down_from`](Migrations::down_from) to start elsewhere. Returns what was undone, newest
    /// first.
    ///
    /// # Errors
    /// If no migration has that version; if one of those to undo has no down script (nothing is undone then); if a
    /// statement fails, as in [`apply`](Migrations::apply).
    pub fn down_to(&self, conn: &mut Connection, version: i64) -> Result<Applied> {
        let start = self.count_up_to(version)?;
        let known = self.ledger.read(conn, &self.migrations)?;
        let steps: Vec<usize> =
            (start..self.len()).rev().filter(|&index| known.may_be_applied(index, &self.migrations)).collect();
        self.run(conn, true, &steps)
    }

    /// Undoes the migrations above `to`, newest first, in a database that is at `from`.
    ///
    /// If there is a ledger, it is written but not read.
    ///
    /// # Errors
    /// Those of [`down_to`](Migrations::down_to).
    pub fn down_from(&self, conn: &mut Connection, from: i64, to: i64) -> Result<Applied> {
        let steps: Vec<usize> = (self.count_up_to(to)?..self.count_up_to(from)?).rev().collect();
        self.run(conn, true, &steps)
    }

    /// Returns the migrations that [`apply`](Migrations::apply) would apply. Without a ledger, these are all of them.
    ///
    /// # Errors
    /// If the ledger cannot be read, or has a version that the history does not have.
    pub fn pending(&self, conn: &Connection) -> Result<Vec<&Migration>> {
        Ok(self.indexes_of_pending(conn)?.into_iter().map(|index| &self.migrations[index]).collect())
    }

    fn of((format, migrations, oddities): Loaded) -> Migrations {
        Migrations {
            format,
            ledger: Ledger::None,
            runner: Runner::DEFAULT,
            migrations,
            oddities,
            code: None,
            limit: None,
        }
    }

    /// Returns the history of the app's own runner. What its migrations run is not known before they are recorded.
    pub(crate) fn of_code(versions: &[i64], code: Code) -> Result<Migrations> {
        let migrations = code.migrations(versions)?;
        Ok(Migrations { code: Some(code), ..Migrations::of((Format::Code, migrations, Vec::new())) })
    }

    /// Returns the app's own runner, if it applies the migrations.
    pub(crate) fn code(&self) -> Option<&Code> {
        self.code.as_ref()
    }

    /// Checks that a runner that counts its versions in `user_version` is at the version `to`, with `now` in it. `at` returns
    /// what the first or the last version has there: that of neither is its number where an app counts otherwise.
    pub(crate) fn check_user_version(&self, to: i64, now: i64, at: impl Fn(i64) -> Result<i64>) -> Result<()> {
        let (Some(first), Some(last)) = (self.iter().next(), self.last_version()) else { return Ok(()) };
        if now == to || self.index_of(now).is_none() {
            return Ok(());
        }
        if at(last)? != last && at(first.version())? != first.version() {
            return Ok(());
        }
        let name = self.index_of(to).map(|index| self.migrations[index].name().to_owned()).unwrap_or_default();
        let headline = match now > to {
            true => format!("the app's runner goes beyond {to} when it is asked for {to}"),
            false => format!("the app's runner does not reach {to} when it is asked for {to}"),
        };
        Err(Error::new(ErrorKind::History, headline)
            .migration(name)
            .evidence("user_version", now.to_string())
            .help("it gets the version to stop at, and has to take all steps up to there"))
    }

    /// Returns the same history of the app's runner with these migrations in place of the first ones, and with the tables
    /// by which the runner knows what it has applied.
    pub(crate) fn with_recorded(mut self, recorded: Vec<Migration>, ledgers: Vec<Name>) -> Migrations {
        for (migration, recorded) in self.migrations.iter_mut().zip(recorded) {
            *migration = recorded;
        }
        if let Some(code) = &mut self.code {
            code.ledgers = ledgers;
        }
        self
    }

    /// Returns the same history, in which a migration that does not end on the rows of a small database is an error.
    pub(crate) fn with_step_limit(mut self) -> Migrations {
        self.limit = Some(Arc::default());
        self
    }

    /// Like `up_from`, without a limit: the caller has set a progress handler.
    pub(crate) fn up_from_without_limit(&self, conn: &mut Connection, from: i64, to: i64) -> Result<Applied> {
        let steps: Vec<usize> = (self.count_up_to(from)?..self.count_up_to(to)?).collect();
        self.run_without_limit(conn, false, &steps)
    }

    fn run(&self, conn: &mut Connection, undo: bool, steps: &[usize]) -> Result<Applied> {
        let Some((&last, limit)) = steps.last().zip(self.limit.as_ref()) else {
            return self.run_without_limit(conn, undo, steps);
        };
        let what = |error: &Error| {
            let named = error.migration_name();
            let mut migrations = steps.iter().map(|&step| &self.migrations[step]);
            let migration = migrations.find(|it| Some(it.name()) == named).unwrap_or(&self.migrations[last]);
            let what = if undo { "undoing migration" } else { "migration" };
            format!("{what} {} does not end: {}", migration.version, migration.name())
        };
        limit.within(conn, self.migrations[last].version, what, |conn| self.run_without_limit(conn, undo, steps))
    }

    fn run_without_limit(&self, conn: &mut Connection, undo: bool, steps: &[usize]) -> Result<Applied> {
        let Migrations { format, ledger, runner, ref migrations, .. } = *self;
        if let Some(code) = &self.code {
            let Some(&last) = steps.last() else { return Ok(Applied::default()) };
            let before = || last.checked_sub(1).map_or(self.base(), |before| migrations[before].version);
            let to = if undo { before() } else { migrations[last].version };
            runner.run(conn, |conn| code.run(conn, undo, (&migrations[last], to)))?;
            return Ok(Applied::of(steps.iter().map(|step| migrations[*step].version)));
        }
        runner.run(conn, |conn| Run { format, ledger, runner, migrations, conn, undo }.all(steps))
    }

    fn indexes_of_pending(&self, conn: &Connection) -> Result<Vec<usize>> {
        let known = self.ledger.read(conn, &self.migrations)?;
        Ok((0..self.len()).filter(|&index| !known.is_applied(index, &self.migrations)).collect())
    }

    fn index_of(&self, version: i64) -> Option<usize> {
        index_of(&self.migrations, version)
    }

    /// Returns how many migrations a database at `version` has.
    fn count_up_to(&self, version: i64) -> Result<usize> {
        if let Some(index) = self.index_of(version) {
            return Ok(index + 1);
        }
        if version == self.base() {
            return Ok(0);
        }
        let above = self.migrations.iter().take_while(|migration| migration.version < version).count();
        let nearest: Vec<String> = self.migrations[above.saturating_sub(1)..self.len().min(above + 1)]
            .iter()
            .map(|migration| format!("{}  {}", migration.version, migration.name()))
            .collect();
        Err(Error::new(ErrorKind::History, format!("no migration has version {version}"))
            .evidence("nearest", nearest.join("\n")))
    }

    /// Returns the version of a database before the first migration.
    pub(crate) fn base(&self) -> i64 {
        if self.index_of(0).is_some() { -1 } else { 0 }
    }

    /// Adds what the app's runner does around its migrations.
    pub(crate) fn run_by(mut self, runner: Runner) -> Self {
        self.runner = self.runner.and(runner);
        self
    }

    /// Returns what the runner does around the migrations.
    pub(crate) fn runner(&self) -> Runner {
        self.runner
    }

    /// Returns true if the migration runs in one transaction that its runner begins and commits.
    pub(crate) fn is_wrapped(&self, migration: &Migration) -> bool {
        apply::is_wrapped(self.format, self.runner, &migration.up, &migration.statements())
    }

    /// Returns true if the runner puts a transaction around any migration that has none in its file. The app's own runner may.
    pub(crate) fn has_transactions(&self) -> bool {
        self.code.is_some() || !self.runner.no_transaction && self.iter().any(|migration| migration.up.transaction)
    }

    /// Returns the tables that record which migrations are applied.
    pub(crate) fn ledger_tables(&self) -> Vec<Name> {
        match (&self.code, self.ledger) {
            (Some(code), _) => code.ledgers.clone(),
            (None, Ledger::Table(table)) => vec![Name::from(table)],
            (None, Ledger::None | Ledger::UserVersion) => Vec::new(),
        }
    }

    /// Returns true if it is recorded anywhere which migrations are applied. The app's runner is asked to know.
    pub(crate) fn has_ledger(&self) -> bool {
        self.ledger != Ledger::None || self.code.is_some()
    }

    /// Passes everything that affects the resulting database to `add`: equal bytes, equal databases. The folder that
    /// the history was read from is not included.
    pub(crate) fn fingerprint(&self, add: &mut dyn FnMut(&[u8])) {
        let mut field = |bytes: &[u8]| {
            add(&(bytes.len() as u64).to_le_bytes());
            add(bytes);
        };
        field(self.format.to_string().as_bytes());
        field(format!("{:?} {:?}", self.ledger, self.runner).as_bytes());
        for migration in &self.migrations {
            field(&migration.version.to_le_bytes());
            field(&[migration.down.is_some().into()]);
            for script in std::iter::once(&migration.up).chain(&migration.down) {
                field(script.file.as_bytes());
                field(&[script.transaction.into()]);
                field(script.sql.as_bytes());
            }
        }
    }
}
