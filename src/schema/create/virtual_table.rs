//! `CREATE VIRTUAL TABLE`.

use super::walk::head;
use crate::sql::{Cursor, outside, tokens};

/// The module of a virtual table, and where a full-text table has its content.
#[derive(Debug)]
pub(crate) struct VirtualTable {
    /// In lower case; empty if unknown.
    pub(crate) module: String,
    /// The argument of `content=` of a full-text table: another table, or empty for none.
    pub(crate) content: Option<String>,
}

impl VirtualTable {
    pub(crate) fn of(sql: &str) -> VirtualTable {
        let (module, arguments) = virtual_table(sql);
        let content = |argument: &String| match &tokens(argument)[..] {
            [name, equals, content, ..] if name.is("content") && equals.is_symbol("=") => content.name(),
            _ => None,
        };
        VirtualTable { module: module.to_ascii_lowercase(), content: arguments.iter().find_map(content) }
    }
}

/// Returns the module and the arguments.
pub(in crate::schema) fn virtual_table(sql: &str) -> (String, Vec<String>) {
    read(sql).unwrap_or_default()
}

fn read(sql: &str) -> Option<(String, Vec<String>)> {
    let tokens = tokens(sql);
    let mut cursor = Cursor::new(&tokens);
    head(&mut cursor, "TABLE")?;
    cursor.take("USING");
    let module = cursor.name()?;
    let Some(group) = cursor.group() else { return Some((module, Vec::new())) };
    // A module gets the text between the commas, including comments.
    let (mut from, close) = (tokens[group.start - 1].end(), tokens[group.end].start);
    let commas = outside(&tokens[group]).filter(|(_, token)| token.is_symbol(",")).map(|(_, token)| token.start);
    let mut arguments = Vec::new();
    for end in commas.chain([close]) {
        arguments.push(sql[from..end].trim().to_owned());
        from = end + 1;
    }
    if arguments == [""] {
        arguments.clear();
    }
    Some((module, arguments))
}
