//! The tasks of an exploration, how they end, and what may help where they fail.

use std::sync::Arc;

use rusqlite::{Connection, Statement};

use crate::check::shown;
use crate::explore::Outcome;

/// The code of a task. Returns, as text, what the app's code returns.
pub(super) type TaskAction = Arc<dyn Fn(&mut Connection, Remedy) -> Result<String, String> + Send + Sync>;

#[derive(Clone)]
pub(super) struct Task {
    pub(super) name: String,
    pub(super) action: TaskAction,
}

/// The outcome of a task. Its value is text, as `Debug` shows it.
pub(super) type TaskOutcome = Outcome<String>;

/// A change that may help, tried on the tasks without changing their code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    None,
    /// Transactions that do not say how they begin, begin IMMEDIATE.
    Immediate,
    /// Everything that a task does is one transaction that begins IMMEDIATE.
    OneTransaction,
    /// Connections wait for locks.
    Timeout,
}

/// A remedy with which all of so many schedules were fine.
pub(super) struct TriedRemedy {
    pub(super) remedy: Remedy,
    pub(super) schedules: u64,
}

/// Returns a task that runs these statements in order. At the first one that SQLite refuses, it rolls back and stops.
pub(super) fn statements<S: AsRef<str>>(steps: impl IntoIterator<Item = S>) -> TaskAction {
    // Split once, not in each schedule.
    let mut statements: Vec<String> = Vec::new();
    for step in steps {
        statements.extend(crate::sql::split(step.as_ref()).iter().map(|statement| statement.text.to_owned()));
    }
    Arc::new(move |connection, remedy| {
        let mut read = String::new();
        for statement in &statements {
            let sql = if remedy == Remedy::Immediate { immediate(statement) } else { statement };
            if let Err(error) = run(connection, sql, &mut read) {
                if !connection.is_autocommit() {
                    let _ = connection.execute_batch("ROLLBACK");
                }
                return Err(error.to_string());
            }
        }
        Ok(read)
    })
}

/// Turns a statement that begins a deferred transaction into one that begins an immediate transaction.
fn immediate(sql: &str) -> &str {
    let words: Vec<&str> = sql.trim().trim_end_matches(';').split_whitespace().collect();
    let is = |text: &[&str]| {
        words.len() == text.len() && words.iter().zip(text).all(|(word, other)| word.eq_ignore_ascii_case(other))
    };
    let begins: [&[&str]; 4] =
        [&["BEGIN"], &["BEGIN", "DEFERRED"], &["BEGIN", "TRANSACTION"], &["BEGIN", "DEFERRED", "TRANSACTION"]];
    if begins.into_iter().any(is) { "BEGIN IMMEDIATE" } else { sql }
}

fn run(connection: &Connection, sql: &str, read: &mut String) -> rusqlite::Result<()> {
    let mut prepared = connection.prepare(sql)?;
    if prepared.column_count() == 0 {
        prepared.raw_execute()?;
        return Ok(());
    }
    rows(&mut prepared, read)
}

/// Appends the rows that a statement returns, as `1, 'Ada'; 2, NULL` and a line break.
fn rows(statement: &mut Statement<'_>, read: &mut String) -> rusqlite::Result<()> {
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    let mut is_first = true;
    while let Some(row) = rows.next()? {
        if !is_first {
            read.push_str("; ");
        }
        is_first = false;
        for column in 0..columns {
            if column > 0 {
                read.push_str(", ");
            }
            read.push_str(&shown(row.get_ref(column)?));
        }
    }
    if is_first {
        read.push_str("no rows");
    }
    read.push('\n');
    Ok(())
}
