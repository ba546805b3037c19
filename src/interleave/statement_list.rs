//! Tasks that are lists of statements: no code, and everything that they read is known.

use std::sync::Arc;

use rusqlite::{Connection, Statement};

use super::threads::{Action, Remedy};
use crate::check::shown;

/// The task that runs these statements, one after another. It stops at the first that SQLite refuses, and then rolls back.
pub(super) fn action<S: AsRef<str>>(steps: impl IntoIterator<Item = S>) -> Action {
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

/// A statement that begins a transaction that may have to wait, as one that waits at once.
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

/// Appends the rows that a statement returns: `1, 'Ada'; 2, NULL` and a line's end.
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
