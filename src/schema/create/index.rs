//! `CREATE INDEX`.

use super::walk::{head, text_of};
use crate::sql::{Cursor, between_commas, tokens};

/// The parts of `CREATE INDEX` that no PRAGMA tells.
#[derive(Debug, Default)]
pub(in crate::schema) struct IndexText {
    /// Each term without ASC and DESC.
    pub(in crate::schema) terms: Vec<String>,
    pub(in crate::schema) partial: Option<String>,
}

pub(in crate::schema) fn index(sql: &str) -> IndexText {
    let mut text = IndexText::default();
    let _ = read(sql, &mut text);
    text
}

fn read(sql: &str, text: &mut IndexText) -> Option<()> {
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
