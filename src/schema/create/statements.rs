//! CREATE INDEX, CREATE VIEW, CREATE TRIGGER and CREATE VIRTUAL TABLE, and helpers of all readers.

use crate::sql::{Cursor, Token, between_commas, outside, tokens};

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

/// The parts of `CREATE INDEX` that no PRAGMA tells.
#[derive(Debug, Default)]
pub(in crate::schema) struct IndexText {
    /// Each term without ASC and DESC.
    pub(in crate::schema) terms: Vec<String>,
    pub(in crate::schema) partial: Option<String>,
}

pub(in crate::schema) fn index(sql: &str) -> IndexText {
    let mut text = IndexText::default();
    let _ = read_index(sql, &mut text);
    text
}

fn read_index(sql: &str, text: &mut IndexText) -> Option<()> {
    let tokens = tokens(sql);
    let mut cursor = Cursor::new(&tokens);
    head(&mut cursor, "INDEX")?;
    cursor.take("ON");
    cursor.name()?;
    let group = cursor.group()?;
    for part in between_commas(&tokens[group]) {
        let term = match part {
            [term @ .., last] if !term.is_empty() && (last.is("ASC") || last.is("DESC")) => term,
            _ => part,
        };
        text.terms.push(text_of(sql, term));
    }
    if cursor.take("WHERE") {
        let mut condition = cursor.rest();
        while let [rest @ .., last] = condition
            && last.is_symbol(";")
        {
            condition = rest;
        }
        text.partial = Some(text_of(sql, condition));
    }
    Some(())
}

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

/// The parts of `CREATE TRIGGER`.
#[derive(Debug)]
pub(crate) struct TriggerText<'a> {
    /// `BEFORE`, which is also the default, `AFTER` or `INSTEAD OF`.
    pub(crate) timing: &'static str,
    /// `DELETE`, `INSERT` or `UPDATE`.
    pub(crate) event: String,
    /// The columns of `UPDATE OF`.
    pub(crate) columns: Vec<String>,
    pub(crate) table: String,
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
        let table = cursor.name()?;
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
        Some(TriggerText { timing, event, columns, table, when, statements: statements(&mut cursor)? })
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
    read_virtual_table(sql).unwrap_or_default()
}

fn read_virtual_table(sql: &str) -> Option<(String, Vec<String>)> {
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
