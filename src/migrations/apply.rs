//! Applying and undoing: transactions, and the entries of the ledger.

use rusqlite::Connection;

use super::failure::{self, Cause};
use super::{Applied, Format, Migration, Migrations, Script};
use crate::error::{Error, ErrorKind, Result};
use crate::sql::{self, Statement};

/// Applies the migrations at these positions, in this order.
pub(super) fn up(history: &Migrations, conn: &mut Connection, steps: &[usize]) -> Result<Applied> {
    Run { history, conn, undo: false }.all(steps)
}

/// Undoes the migrations at these positions, in this order.
pub(super) fn down(history: &Migrations, conn: &mut Connection, steps: &[usize]) -> Result<Applied> {
    for &step in steps {
        let migration = &history.migrations[step];
        if migration.down.is_none() {
            let headline =
                format!("migration {} cannot be undone: {} has no down script", migration.version, migration.name());
            return Err(Error::new(ErrorKind::History, headline)
                .migration(migration.name())
                .note("nothing has been undone"));
        }
    }
    Run { history, conn, undo: true }.all(steps)
}

struct Run<'a> {
    history: &'a Migrations,
    conn: &'a Connection,
    undo: bool,
}

/// What went wrong, and the line of the script up to which it stays done all the same.
struct Failure<'a> {
    cause: Cause<'a>,
    stay: Option<usize>,
}

impl<'a> From<Cause<'a>> for Failure<'a> {
    fn from(cause: Cause<'a>) -> Self {
        Failure { cause, stay: None }
    }
}

impl Run<'_> {
    fn all(&self, steps: &[usize]) -> Result<Applied> {
        let (Some(&first), Some(&last)) = (steps.first(), steps.last()) else { return Ok(Applied::default()) };
        self.history.ledger.check_versions(self.history)?;
        if !self.conn.is_autocommit() {
            return Err(Error::new(ErrorKind::Migration, "the connection is within a transaction")
                .help("end it before migrations are applied or undone"));
        }
        // rusqlite_migration runs everything that is pending in one transaction: a failure undoes all of it.
        let together = self.history.format == Format::RusqliteMigration;
        let mut versions = Vec::with_capacity(steps.len());
        if together {
            self.around("BEGIN").map_err(|failure| self.fail(first, first, failure))?;
        }
        for &step in steps {
            let migration = &self.history.migrations[step];
            let statements = sql::split(&self.script(migration).sql);
            let wrapped = self.script(migration).transaction && !brings_its_own(self.history.format, &statements);
            let done = match (together, wrapped) {
                (true, _) => self.within(step, &statements),
                (false, true) => self.in_transaction(step, &statements),
                (false, false) => self.without_transaction(step, &statements),
            };
            done.map_err(|failure| self.fail(step, if together { first } else { step }, failure))?;
            versions.push(migration.version);
        }
        if together {
            self.around("COMMIT").map_err(|failure| self.fail(last, first, failure))?;
        }
        Ok(Applied { versions })
    }

    fn script<'m>(&self, migration: &'m Migration) -> &'m Script {
        match &migration.down {
            Some(down) if self.undo => down,
            _ => &migration.up,
        }
    }

    fn in_transaction<'s>(&self, step: usize, statements: &[Statement<'s>]) -> Result<(), Failure<'s>> {
        self.around("BEGIN")?;
        self.within(step, statements)?;
        self.around("COMMIT")
    }

    /// In a transaction that is begun and committed by the caller.
    fn within<'s>(&self, step: usize, statements: &[Statement<'s>]) -> Result<(), Failure<'s>> {
        self.prepare_ledger()?;
        let stay = self.run(statements)?;
        if self.conn.is_autocommit() {
            return Err(Failure { cause: Cause::Ended(last_of(statements, &["COMMIT", "END", "ROLLBACK"])), stay });
        }
        self.enter(step)
    }

    fn without_transaction<'s>(&self, step: usize, statements: &[Statement<'s>]) -> Result<(), Failure<'s>> {
        self.prepare_ledger()?;
        let stay = self.run(statements)?;
        if !self.conn.is_autocommit() {
            return Err(Failure { cause: Cause::LeftOpen(last_of(statements, &["BEGIN", "SAVEPOINT"])), stay });
        }
        self.enter(step).map_err(|failure| Failure { stay, ..failure })
    }

    /// Runs the statements. Returns the line up to which they are committed.
    fn run<'s>(&self, statements: &[Statement<'s>]) -> Result<Option<usize>, Failure<'s>> {
        let mut stay = None;
        let mut changed = false;
        for &statement in statements {
            match self.step_through(statement.text) {
                Ok(changes) => changed |= changes,
                Err(error) => return Err(Failure { cause: Cause::Statement(statement, error), stay }),
            }
            if statement.starts_with("ROLLBACK") && self.conn.is_autocommit() {
                changed = false;
            }
            if changed && self.conn.is_autocommit() {
                stay = Some(statement.line + statement.text.matches('\n').count());
            }
        }
        Ok(stay)
    }

    /// To the last row: SQLite does the work of a `SELECT` with side effects row by row. Whether it changes the database, as
    /// most PRAGMAs do not.
    fn step_through(&self, sql: &str) -> rusqlite::Result<bool> {
        let mut statement = self.conn.prepare(sql)?;
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        drop(rows);
        Ok(!statement.readonly())
    }

    fn around<'s>(&self, what: &'static str) -> Result<(), Failure<'s>> {
        self.conn.execute_batch(what).map_err(|error| Cause::Around(what, error).into())
    }

    fn prepare_ledger<'s>(&self) -> Result<(), Failure<'s>> {
        self.history.ledger.prepare(self.conn).map_err(|error| Cause::Around("its ledger", error).into())
    }

    fn enter<'s>(&self, step: usize) -> Result<(), Failure<'s>> {
        let migration = &self.history.migrations[step];
        let entered = match (self.undo, step.checked_sub(1)) {
            (false, _) => self.history.ledger.add(self.conn, migration),
            (true, Some(before)) => {
                self.history.ledger.remove(self.conn, migration, self.history.migrations[before].version)
            }
            (true, None) => self.history.ledger.remove(self.conn, migration, 0),
        };
        entered.map_err(|error| Cause::Around("its ledger", error).into())
    }

    /// Rolls back and says what happened. `intact` is the step that the database is back at the start of.
    fn fail(&self, step: usize, intact: usize, failure: Failure<'_>) -> Error {
        let was_open = !self.conn.is_autocommit();
        let mut rollback = Ok(());
        // What interrupted the script can interrupt the ROLLBACK as well; the second one then meets quiet.
        for _ in 0..2 {
            if !self.conn.is_autocommit() {
                rollback = self.conn.execute_batch("ROLLBACK");
            }
        }
        let migration = &self.history.migrations[step];
        let left = match (&failure.cause, failure.stay) {
            // A COMMIT that was refused leaves its transaction open. One that was interrupted may have happened.
            (Cause::Around("COMMIT", _), _) if !was_open => None,
            (_, None) => Some(self.intact(intact)),
            (_, Some(line)) => Some(format!(
                "what it did up to line {} stays: that was committed before",
                self.script(migration).first_line - 1 + line
            )),
        };
        let error = failure::report(self.history.format, self.undo, migration, self.script(migration), failure.cause);
        let error = match left {
            Some(left) => error.note(left),
            None => error,
        };
        match rollback {
            Err(refusal) if !self.conn.is_autocommit() => {
                error.note(format!("its transaction is still open, ROLLBACK failed as well: {refusal}"))
            }
            _ => error,
        }
    }

    fn intact(&self, step: usize) -> String {
        let newest = if self.undo { Some(step) } else { step.checked_sub(1) };
        match newest.map(|index| &self.history.migrations[index]) {
            Some(migration) => format!("version {} is intact: {}", migration.version, migration.name()),
            None => "no migration is applied".to_owned(),
        }
    }
}

/// Whether a script begins its transaction by itself. The runners of plain and paired files differ in what they do then,
/// and the file was written for one that leaves transactions to it. The other formats have one runner each, which puts a
/// transaction around the script whatever is in it.
pub(super) fn brings_its_own(format: Format, statements: &[Statement<'_>]) -> bool {
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
