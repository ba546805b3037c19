//! Helpers of the readers of CREATE statements.

use crate::sql::{Cursor, Token, between_commas};

/// Moves past `CREATE [UNIQUE|VIRTUAL|TEMP] <what> [IF NOT EXISTS] [schema.]name`.
pub(super) fn head(cursor: &mut Cursor<'_, '_>, what: &str) -> Option<()> {
    while !cursor.take(what) {
        cursor.next()?;
    }
    if cursor.take("IF") {
        cursor.next()?;
        cursor.next()?;
    }
    cursor.object_name()?;
    Some(())
}

/// Returns the text of tokens, without white space and comments around it.
pub(super) fn text_of(sql: &str, tokens: &[Token<'_>]) -> String {
    match tokens {
        [first, .., last] => sql[first.start..last.end()].to_owned(),
        [only] => only.text.to_owned(),
        [] => String::new(),
    }
}

/// Moves past a list of names in parentheses.
pub(super) fn names(cursor: &mut Cursor<'_, '_>, tokens: &[Token<'_>]) -> Option<Vec<String>> {
    let group = cursor.group()?;
    between_commas(&tokens[group]).into_iter().map(|part| part.first()?.name()).collect()
}
