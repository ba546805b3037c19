//! `CREATE TRIGGER`.

use super::walk::head;
use crate::sql::{Cursor, Token, tokens};

/// The parts of `CREATE TRIGGER`.
#[derive(Debug)]
pub(crate) struct TriggerText<'a> {
    /// `BEFORE`, which is also the default, `AFTER` or `INSTEAD OF`.
    pub(crate) timing: &'static str,
    /// `DELETE`, `INSERT` or `UPDATE`.
    pub(crate) event: String,
    /// The columns of `UPDATE OF`.
    pub(in crate::schema) columns: Vec<String>,
    pub(crate) when: Vec<Token<'a>>,
    pub(crate) statements: Vec<Vec<Token<'a>>>,
}

impl<'a> TriggerText<'a> {
    pub(crate) fn of(sql: &'a str) -> Option<TriggerText<'a>> {
        let tokens = tokens(sql);
        let mut cursor = Cursor::new(&tokens);
        head(&mut cursor, "TRIGGER")?;
        let timing = if cursor.take("AFTER") {
            "AFTER"
        } else if cursor.take("INSTEAD") {
            cursor.take("OF");
            "INSTEAD OF"
        } else {
            cursor.take("BEFORE");
            "BEFORE"
        };
        let event = cursor.next()?.text.to_ascii_uppercase();
        let mut columns = Vec::new();
        if cursor.take("OF") {
            columns.push(cursor.name()?);
            while cursor.take_symbol(",") {
                columns.push(cursor.name()?);
            }
        }
        if !cursor.take("ON") {
            return None;
        }
        cursor.name()?;
        // FOR EACH ROW is the default.
        if cursor.take("FOR") {
            cursor.next()?;
            cursor.next()?;
        }
        let mut when = Vec::new();
        if cursor.take("WHEN") {
            // `new.begin` is a column.
            let mut is_after_dot = false;
            let condition = cursor.skip_to(|token| {
                let is_begin = token.is("BEGIN") && !is_after_dot;
                is_after_dot = token.is_symbol(".");
                is_begin
            });
            when.extend_from_slice(condition);
        }
        if !cursor.take("BEGIN") {
            return None;
        }
        Some(TriggerText { timing, event, columns, when, statements: statements(&mut cursor)? })
    }
}

/// Reads the statements up to END.
fn statements<'a>(cursor: &mut Cursor<'_, 'a>) -> Option<Vec<Vec<Token<'a>>>> {
    let mut statements = vec![Vec::new()];
    while let Some(token) = cursor.next() {
        let last = statements.last_mut()?;
        if token.is_symbol(";") {
            statements.push(Vec::new());
        } else if last.is_empty() && token.is("END") {
            statements.pop();
            return Some(statements);
        } else {
            last.push(*token);
        }
    }
    None
}
