//! `CREATE VIEW`.

use super::walk::{head, names};
use crate::sql::{Cursor, Token, tokens};

/// The parts of `CREATE VIEW`.
#[derive(Debug)]
pub(in crate::schema) struct ViewText<'a> {
    /// The names of columns in parentheses after the view's own name.
    pub(in crate::schema) columns: Vec<String>,
    pub(in crate::schema) query: Vec<Token<'a>>,
}

pub(in crate::schema) fn view(sql: &str) -> Option<ViewText<'_>> {
    let tokens = tokens(sql);
    let mut cursor = Cursor::new(&tokens);
    head(&mut cursor, "VIEW")?;
    let columns = if cursor.sees_symbol("(") { names(&mut cursor, &tokens)? } else { Vec::new() };
    if !cursor.take("AS") {
        return None;
    }
    let query = cursor.rest().iter().filter(|token| !token.is_symbol(";")).copied().collect();
    Some(ViewText { columns, query })
}
