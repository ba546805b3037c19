//! Applying and undoing migrations: transactions, and the entries of the ledger.

use rusqlite::Connection;

use super::failure::{self, Cause};
use super::ledger::Ledger;
use super::migration::{Format, Migration, Script};
use super::runner::Runner;
use crate::error::{Error, ErrorKind, Result};
use crate::sql::{self, Statement};

/// The versions that were applied or undone, in that order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    versions: Vec<i64>,
}

impl Applied {
    pub(super) fn of(versions: impl Iterator<Item = i64>) -> Applied {
        Applied { versions: versions.collect() }
    }

    /// Returns the versions.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator {
        self.versions.iter().copied()
    }

    /// Returns the number of migrations that were applied or undone.
    pub fn len(&self) -> usize {
        self.versions.len()
    }

    /// Returns true if there was nothing to do.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }
}

/// Applies or undoes migrations on a connection.
pub(super) struct Run<'a> {
    pub(super) format: Format,
    pub(super) ledger: Ledger,
    pub(super) runner: Runner,
    /// All migrations of the history, in order.
    pub(super) migrations: &'a [Migration],
    pub(super) conn: &'a Connection,
    /// True to undo them.
    pub(super) undo: bool,
}

/// The cause of a failure, and the line of the script up to which its changes were committed.
struct Failure<'a> {
    cause: Cause<'a>,
    committed: Option<usize>,
}

impl<'a> From<Cause<'a>> for Failure<'a> {
    fn from(cause: Cause<'a>) -> Self {
        Failure { cause, committed: None }
    }
}

impl Run<'_> {
    /// Applies or undoes the migrations at these positions, in this order.
    pub(super) fn all(&self, steps: &[usize]) -> Result<Applied> {
        if self.undo {
            self.check_down_scripts(steps)?;
        }
        let (Some(&first), Some(&last)) = (steps.first(), steps.last()) else { return Ok(Applied::default()) };
        self.ledger.check_versions(self.migrations)?;
        if !self.conn.is_autocommit() {
            return Err(Error::new(ErrorKind::Migration, "the connection is within a transaction")
                .help("end it before migrations are applied or undone"));
        }
        let together = runs_all_in_one(self.format, self.runner);
        let mut versions = Vec::with_capacity(steps.len());
        if together {
            self.execute("BEGIN").map_err(|failure| self.fail(first, first, failure))?;
        }
        for &step in steps {
            let migration = &self.migrations[step];
            let script = self.script(migration);
            let statements = sql::split(&script.sql);
            let done = match (together, is_wrapped(self.format, self.runner, script, &statements)) {
                (true, _) => self.within(step, &statements),
                (false, true) => self.in_transaction(step, &statements),
                (false, false) => self.without_transaction(step, &statements),
            };
            done.map_err(|failure| self.fail(step, if together { first } else { step }, failure))?;
            versions.push(migration.version);
        }
        if together {
            self.execute("COMMIT").map_err(|failure| self.fail(last, first, failure))?;
        }
        Ok(Applied { versions })
    }

    fn check_down_scripts(&self, steps: &[usize]) -> Result<()> {
        let mut migrations = steps.iter().map(|&step| &self.migrations[step]);
        let Some(migration) = migrations.find(|migration| migration.down.is_none()) else { return Ok(()) };
        let headline =
            format!("migration {} cannot be undone: {} has no down script", migration.version, migration.name());
        Err(Error::new(ErrorKind::History, headline).migration(migration.name()).note("nothing has been undone"))
    }

    fn script<'m>(&self, migration: &'m Migration) -> &'m Script {
        match &migration.down {
            Some(down) if self.undo => down,
            _ => &migration.up,
        }
    }

    fn in_transaction<'s>(&self, step: usize, statements: &[Statement<'s>]) -> Result<(), Failure<'s>> {
        self.execute("BEGIN")?;
        self.within(step, statements)?;
        self.execute("COMMIT")
    }

    /// Runs a script in a transaction that the caller begins and commits.
    fn within<'s>(&self, step: usize, statements: &[Statement<'s>]) -> Result<(), Failure<'s>> {
        self.prepare_ledger()?;
        let committed = self.run(statements)?;
        if self.conn.is_autocommit() {
            return Err(Failure {
                cause: Cause::Ended(last_of(statements, &["COMMIT", "END", "ROLLBACK"])),
                committed,
            });
        }
        self.update_ledger(step)
    }

    fn without_transaction<'s>(&self, step: usize, statements: &[Statement<'s>]) -> Result<(), Failure<'s>> {
        self.prepare_ledger()?;
        let committed = self.run(statements)?;
        if !self.conn.is_autocommit() {
            return Err(Failure { cause: Cause::LeftOpen(last_of(statements, &["BEGIN", "SAVEPOINT"])), committed });
        }
        self.update_ledger(step).map_err(|failure| Failure { committed, ..failure })
    }

    /// Runs the statements and returns the line up to which their changes are committed.
    fn run<'s>(&self, statements: &[Statement<'s>]) -> Result<Option<usize>, Failure<'s>> {
        let mut committed = None;
        let mut changed = false;
        for &statement in statements {
            match self.step_through(statement.text) {
                Ok(changes) => changed |= changes,
                Err(error) => return Err(Failure { cause: Cause::Statement(statement, error), committed }),
            }
            if statement.starts_with("ROLLBACK") && self.conn.is_autocommit() {
                changed = false;
            }
            if changed && self.conn.is_autocommit() {
                committed = Some(statement.line + statement.text.matches('\n').count());
            }
        }
        Ok(committed)
    }

    /// Runs a statement to its last row, because SQLite does the work of a `SELECT` with side effects row by row.
    /// Returns true if it may change the database, as most PRAGMAs do not.
    fn step_through(&self, sql: &str) -> rusqlite::Result<bool> {
        let mut statement = self.conn.prepare(sql)?;
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        drop(rows);
        Ok(!statement.readonly())
    }

    fn execute<'s>(&self, sql: &'static str) -> Result<(), Failure<'s>> {
        self.conn.execute_batch(sql).map_err(|error| Cause::Around(sql, error).into())
    }

    fn prepare_ledger<'s>(&self) -> Result<(), Failure<'s>> {
        self.ledger.prepare(self.conn).map_err(|error| Cause::Around("its ledger", error).into())
    }

    fn update_ledger<'s>(&self, step: usize) -> Result<(), Failure<'s>> {
        let migration = &self.migrations[step];
        let updated = match (self.undo, step.checked_sub(1)) {
            (false, _) => self.ledger.add(self.conn, migration),
            (true, Some(before)) => self.ledger.remove(self.conn, migration, self.migrations[before].version),
            (true, None) => self.ledger.remove(self.conn, migration, 0),
        };
        updated.map_err(|error| Cause::Around("its ledger", error).into())
    }

    /// Rolls back and reports the failure. The database is then as it was before step `intact`.
    fn fail(&self, step: usize, intact: usize, failure: Failure<'_>) -> Error {
        let was_open = !self.conn.is_autocommit();
        let mut rollback = Ok(());
        // An interrupt that stopped the script can stop the ROLLBACK as well; the second one succeeds.
        for _ in 0..2 {
            if !self.conn.is_autocommit() {
                rollback = self.conn.execute_batch("ROLLBACK");
            }
        }
        let migration = &self.migrations[step];
        let left = match (&failure.cause, failure.committed) {
            // A COMMIT that was refused leaves its transaction open. One that was interrupted may have happened.
            (Cause::Around("COMMIT", _), _) if !was_open => None,
            (_, None) => Some(self.intact(intact)),
            (_, Some(line)) => Some(format!(
                "its changes up to line {} were committed and stay",
                self.script(migration).first_line - 1 + line
            )),
        };
        let refusal = rollback.err().filter(|_| !self.conn.is_autocommit());
        failure::report(self.format, self.undo, migration, self.script(migration), failure.cause)
            .given(left, Error::note)
            .given(refusal, |error, refusal| {
                error.note(format!("its transaction is still open, because ROLLBACK failed too: {refusal}"))
            })
    }

    fn intact(&self, step: usize) -> String {
        let newest = if self.undo { Some(step) } else { step.checked_sub(1) };
        match newest.map(|index| &self.migrations[index]) {
            Some(migration) => format!("version {} is intact: {}", migration.version, migration.name()),
            None => "no migration is applied".to_owned(),
        }
    }
}

/// Returns true if a script runs in a transaction of its runner.
pub(super) fn is_wrapped(format: Format, runner: Runner, script: &Script, statements: &[Statement<'_>]) -> bool {
    runs_all_in_one(format, runner)
        || (script.transaction && !runner.no_transaction && !manages_its_transaction(format, statements))
}

/// Returns true if all pending migrations run in one transaction.
fn runs_all_in_one(format: Format, runner: Runner) -> bool {
    format.applies_together() && !runner.no_transaction
}

/// Returns true if a script begins its transaction by itself. The runners of plain and paired files treat such a script
/// differently, and the file was written for one that leaves transactions to it. Every other format has one runner,
/// which puts a transaction around any script.
pub(super) fn manages_its_transaction(format: Format, statements: &[Statement<'_>]) -> bool {
    if !matches!(format, Format::Plain | Format::Paired) {
        return false;
    }
    // A script that starts with COMMIT or END leaves a transaction that it expects to be in.
    let first = statements
        .iter()
        .find(|statement| ["BEGIN", "COMMIT", "END", "ROLLBACK"].iter().any(|word| statement.starts_with(word)));
    first.is_some_and(|statement| statement.starts_with("BEGIN"))
}

fn last_of<'s>(statements: &[Statement<'s>], words: &[&str]) -> Option<Statement<'s>> {
    statements.iter().rfind(|statement| words.iter().any(|word| statement.starts_with(word))).copied()
}
