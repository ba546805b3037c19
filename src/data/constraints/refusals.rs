//! The conditions under which triggers refuse a row.

use crate::data::constraints::expression::tokens_sql;
use crate::schema::TriggerText;
use crate::sql::{Token, outside};

/// A condition under which a trigger on INSERT raises an error.
pub(super) struct Refusal<'a> {
    /// Empty if the condition has two parts, of WHEN and of the statement.
    pub(super) tokens: Vec<Token<'a>>,
    pub(super) text: String,
    /// True if its part of the statement reads tables.
    pub(super) reads_tables: bool,
}

/// Returns the conditions under which a trigger refuses a row, as far as they depend on the row alone.
pub(super) fn of_trigger<'a>(trigger: &TriggerText<'a>) -> Vec<Refusal<'a>> {
    let mut found = Vec::new();
    if trigger.event != "INSERT" {
        return found;
    }
    for statement in &trigger.statements {
        let Some(raise) = statement.iter().position(|token| token.is("RAISE")) else { continue };
        let place = |word: &str| outside(statement).find(|(_, token)| token.is(word)).map(|(at, _)| at);
        let mut parts: Vec<&[Token<'a>]> = Vec::new();
        let mut reads_tables = false;
        if !trigger.when.is_empty() {
            parts.push(&trigger.when);
        }
        if let Some(when) = statement[..raise].iter().rposition(|token| token.is("WHEN"))
            && let Some(then) = statement[when..raise].iter().position(|token| token.is("THEN"))
        {
            parts.push(&statement[when + 1..when + then]);
        } else if place("FROM").is_some() {
            // The condition depends on other tables.
            continue;
        } else if let Some(at) = place("WHERE") {
            reads_tables = statement.iter().any(|token| token.is("FROM"));
            parts.push(&statement[at + 1..]);
        }
        if parts.is_empty() {
            continue;
        }
        let text: Vec<String> = parts.iter().map(|part| format!("({})", tokens_sql(part))).collect();
        let tokens = if let [only] = parts[..] { only.to_vec() } else { Vec::new() };
        found.push(Refusal { tokens, text: text.join(" AND "), reads_tables });
    }
    found
}
