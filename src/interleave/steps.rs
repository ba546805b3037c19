//! Tasks that are lists of statements: no code, and everything that they read is known.

use std::sync::Arc;

use rusqlite::{Connection, Statement};

use super::troupe::{Action, Remedy};
use crate::check::shown;

/// The task that runs these statements, one after another. It stops at the first that SQLite refuses, and then rolls back.
pub(super) fn action(steps: Vec<String>) -> Action {
    Arc::new(move |connection, remedy| {
        let mut read = String::new();
        for step in &steps {
            let step = if remedy == Remedy::Immediate { immediate(step) } else { step };
            if let Err(error) = run(connection, step, &mut read) {
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
fn immediate(step: &str) -> &str {
    let words: Vec<&str> = step.trim().trim_end_matches(';').split_whitespace().collect();
    let is = |text: &[&str]| {
        words.len() == text.len() && words.iter().zip(text).all(|(word, other)| word.eq_ignore_ascii_case(other))
    };
    let begins: [&[&str]; 4] =
        [&["BEGIN"], &["BEGIN", "DEFERRED"], &["BEGIN", "TRANSACTION"], &["BEGIN", "DEFERRED", "TRANSACTION"]];
    if begins.into_iter().any(is) { "BEGIN IMMEDIATE" } else { step }
}

fn run(connection: &Connection, step: &str, read: &mut String) -> rusqlite::Result<()> {
    for statement in crate::sql::split(step) {
        let mut prepared = connection.prepare(statement.text)?;
        if prepared.column_count() == 0 {
            prepared.raw_execute()?;
        } else {
            rows(&mut prepared, read)?;
        }
    }
    Ok(())
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
