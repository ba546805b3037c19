//! A DELETE that fires foreign-key actions: the reference that it follows, and the row that stays for each row that goes.

use crate::schema::Schema;
use crate::schema::references::parent_columns;
use crate::sql::{Name, Token, TokenKind, tokens};

/// Rows of `parent` that are deleted while rows of `child` refer to them.
pub(crate) struct DeletedParents {
    pub(crate) parent: Name,
    pub(crate) parent_column: Name,
    pub(crate) child: Name,
    pub(crate) child_column: Name,
    /// Known if the DELETE keeps one row of each group: `NOT IN (SELECT min(id) FROM t GROUP BY email)`.
    pub(crate) kept: Option<KeptRow>,
}

/// The row that stays of each group.
pub(crate) struct KeptRow {
    /// `min` or `max`.
    pub(crate) pick: String,
    /// The columns in which the rows of a group are the same.
    pub(crate) columns: Vec<Name>,
}

impl DeletedParents {
    /// Returns nothing if the foreign key has several columns.
    pub(crate) fn of(schema: &Schema, parent: &str, child: &str, statement: &str) -> Option<DeletedParents> {
        let parent = schema.table(parent)?;
        let child = schema.table(child)?;
        let key = child.foreign_keys.iter().find(|key| key.parent == parent.name && key.columns.len() == 1)?;
        let parent_column = Name::from(*parent_columns(key, parent).first()?);
        let tokens = tokens(statement);
        let kept = kept_row(&tokens, &parent.name, &parent_column)
            .filter(|kept| kept.columns.iter().all(|column| parent.column(column).is_some()));
        let (parent, child, child_column) = (parent.name.clone(), child.name.clone(), key.columns[0].clone());
        Some(DeletedParents { parent, parent_column, child, child_column, kept })
    }
}

/// Reads `NOT IN (SELECT min(key) FROM table GROUP BY columns)`.
fn kept_row(tokens: &[Token<'_>], table: &Name, key: &Name) -> Option<KeptRow> {
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.is(text) || token.is_symbol(text));
    let is_name = |at: usize, name: &Name| tokens.get(at).and_then(Token::name).is_some_and(|text| *name == text);
    let shape = ["not", "in", "(", "select"];
    let start = (0..tokens.len()).find(|at| shape.iter().enumerate().all(|(next, text)| is(at + next, text)))? + 4;
    let pick = tokens.get(start).filter(|token| token.is("min") || token.is("max"))?.text.to_ascii_lowercase();
    let is_group = is(start + 1, "(")
        && is_name(start + 2, key)
        && is(start + 3, ")")
        && is(start + 4, "from")
        && is_name(start + 5, table)
        && is(start + 6, "group")
        && is(start + 7, "by");
    let list = tokens.get(start + 8..).filter(|_| is_group)?;
    let list = &list[..list.iter().position(|token| token.is_symbol(")"))?];
    let columns = list.split(|token| token.is_symbol(",")).map(|column| match column {
        [token] if token.kind != TokenKind::Text => token.name().map(Name::from),
        _ => None,
    });
    Some(KeptRow { pick, columns: columns.collect::<Option<_>>()? })
}
