//! Foreign keys that only a trigger knows: `SELECT RAISE(ABORT, …) WHERE NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.book)`.
//! A fill treats them like declared ones: parents come first and are made as needed.

use std::borrow::Cow;

use crate::schema::{ForeignKey, ForeignKeyAction, Schema, TableKind, TriggerText};
use crate::sql::{Cursor, Token};

/// Returns the schema with the foreign keys of its triggers.
pub(super) fn with_references(schema: &Schema) -> Cow<'_, Schema> {
    let mut found: Vec<(usize, ForeignKey)> = Vec::new();
    for (at, table) in schema.tables.iter().enumerate() {
        for trigger in &table.triggers {
            let Some(text) = TriggerText::of(&trigger.sql).filter(|text| text.event == "INSERT") else { continue };
            if !text.statements.iter().flatten().any(|token| token.is("RAISE")) {
                continue;
            }
            let parts = text.statements.iter().map(|statement| &statement[..]).chain([&text.when[..]]);
            for key in parts.flat_map(references) {
                let is_known = table.foreign_keys.iter().any(|other| other.columns == key.columns);
                let parent = schema.tables.iter().find(|table| table.name == key.parent);
                let has_columns = parent.is_some_and(|parent| {
                    parent.kind == TableKind::Ordinary
                        && key.parent_columns.iter().flatten().all(|name| parent.column(name).is_some())
                });
                if !is_known && has_columns && key.columns.iter().all(|name| table.column(name).is_some()) {
                    found.push((at, key));
                }
            }
        }
    }
    if found.is_empty() {
        return Cow::Borrowed(schema);
    }
    let mut schema = schema.clone();
    for (at, key) in found {
        schema.tables[at].foreign_keys.push(key);
    }
    Cow::Owned(schema)
}

/// Returns the references that a trigger requires: `NOT EXISTS (…)`, `(…) IS NULL`, `NEW.x NOT IN (…)`.
fn references(tokens: &[Token<'_>]) -> Vec<ForeignKey> {
    let mut found: Vec<ForeignKey> = Vec::new();
    let key_of = |pairs: Vec<(String, String)>, parent: String| {
        let (columns, theirs) = pairs.into_iter().map(|(own, theirs)| (own.into(), theirs.into())).unzip();
        ForeignKey {
            name: None,
            columns,
            parent: parent.into(),
            parent_columns: Some(theirs),
            on_delete: ForeignKeyAction::NoAction,
            on_update: ForeignKeyAction::NoAction,
            deferred: false,
        }
    };
    for open in 0..tokens.len() {
        let mut cursor = Cursor::new(tokens);
        cursor.seek(open);
        let Some(inside) = cursor.group().map(|inside| &tokens[inside]) else { continue };
        if !inside.first().is_some_and(|token| token.is("SELECT")) {
            continue;
        }
        let key = match (&tokens[..open], cursor.rest()) {
            ([.., not, exists], _) if not.is("NOT") && exists.is("EXISTS") => equal(inside),
            (_, [is, null, ..]) if is.is("IS") && null.is("NULL") => equal(inside),
            (_, [is_null, ..]) if is_null.is("ISNULL") => equal(inside),
            ([before @ .., not, is_in], _) if not.is("NOT") && is_in.is("IN") => listed(inside, before),
            _ => None,
        };
        found.extend(key.map(|(column, parent, theirs)| key_of(vec![(column, theirs)], parent)));
        let differs = match (&tokens[..open], cursor.rest()) {
            ([before @ .., exists], _)
                if exists.is("EXISTS") && !before.last().is_some_and(|token| token.is("NOT")) =>
            {
                differing(inside)
            }
            (before, rest) => compared(inside, before, rest),
        };
        found.extend(differs.map(|(pairs, parent)| key_of(pairs.to_vec(), parent)));
    }
    found
}

/// Returns the position of FROM and the table behind it, if there is only one.
fn table(query: &[Token<'_>]) -> Option<(usize, String)> {
    let from = query.iter().position(|token| token.is("FROM"))?;
    let is_single = !query.iter().any(|token| token.is("JOIN"))
        && !query[from..].iter().take_while(|token| !token.is("WHERE")).any(|token| token.is_symbol(","));
    is_single.then(|| query.get(from + 1)?.name()).flatten().map(|name| (from, name))
}

/// Reads `SELECT … FROM parent WHERE column = NEW.own`, which may go on with AND.
fn equal(query: &[Token<'_>]) -> Option<(String, String, String)> {
    let (from, parent) = table(query)?;
    let at = from + query[from..].iter().position(|token| token.is("WHERE"))?;
    let condition = &query[at + 1..];
    let mut found = None;
    for (at, _) in condition.iter().enumerate().filter(|(_, token)| token.is_symbol("=") || token.is_symbol("==")) {
        let (left, right) = (&condition[..at], &condition[at + 1..]);
        let before = new_before(left).map(|own| (own, last_name(right)));
        let behind = new_behind(right).map(|own| (own, left.last().and_then(Token::name)));
        let Some((own, Some(theirs))) = behind.or(before) else { continue };
        if found.is_some() {
            // A key of several columns, or two ways to be there.
            return None;
        }
        found = Some((own, parent.clone(), theirs));
    }
    found
}

/// A pair of columns, the own one first.
type Pair = (String, String);

/// Returns the sides of a comparison with a column of the new row.
fn pair(left: &[Token<'_>], right: &[Token<'_>]) -> Option<Pair> {
    let behind = new_behind(right).zip(left.last().and_then(Token::name));
    behind.or_else(|| new_before(left).zip(last_name(right)))
}

/// Reads `EXISTS (SELECT … FROM parent WHERE column = NEW.own AND other <> NEW.other)`: both have to be in one row.
fn differing(query: &[Token<'_>]) -> Option<([Pair; 2], String)> {
    let (from, parent) = table(query)?;
    let at = from + query[from..].iter().position(|token| token.is("WHERE"))?;
    let condition = &query[at + 1..];
    let place = |symbols: [&str; 2]| {
        let mut found = (0..condition.len()).filter(|at| symbols.iter().any(|symbol| condition[*at].is_symbol(symbol)));
        found.next().filter(|_| found.next().is_none())
    };
    let of = |at: usize| pair(&condition[..at], &condition[at + 1..]);
    Some(([of(place(["=", "=="])?)?, of(place(["<>", "!="])?)?], parent))
}

/// Reads `(SELECT other FROM parent WHERE column = NEW.own) <> NEW.other`, or IS NOT, or the other way round.
fn compared(query: &[Token<'_>], before: &[Token<'_>], behind: &[Token<'_>]) -> Option<([Pair; 2], String)> {
    let (from, _) = table(query)?;
    let other = (from <= 4).then(|| query.get(from.checked_sub(1)?)?.name()).flatten()?;
    let is_unequal = |token: &Token<'_>| token.is_symbol("<>") || token.is_symbol("!=");
    let own = match (before, behind) {
        (_, [unequal, rest @ ..]) if is_unequal(unequal) => new_behind(rest),
        (_, [is, not, rest @ ..]) if is.is("IS") && not.is("NOT") => new_behind(rest),
        ([rest @ .., unequal], _) if is_unequal(unequal) => new_before(rest),
        ([rest @ .., is, not], _) if is.is("IS") && not.is("NOT") => new_before(rest),
        _ => None,
    }?;
    let (column, parent, theirs) = equal(query)?;
    Some(([(column, theirs), (own, other)], parent))
}

/// Reads `NEW.own NOT IN (SELECT column FROM parent)`.
fn listed(query: &[Token<'_>], before: &[Token<'_>]) -> Option<(String, String, String)> {
    let (from, parent) = table(query)?;
    let theirs = query.get(from.checked_sub(1)?)?.name()?;
    (from <= 4).then_some(())?;
    Some((new_before(before)?, parent, theirs))
}

/// Returns the name in `NEW.name` at the end.
fn new_before(tokens: &[Token<'_>]) -> Option<String> {
    match tokens {
        [.., new, dot, name] if new.is("NEW") && dot.is_symbol(".") => name.name(),
        _ => None,
    }
}

/// Returns the name in `NEW.name` at the start.
fn new_behind(tokens: &[Token<'_>]) -> Option<String> {
    match tokens {
        [new, dot, name, ..] if new.is("NEW") && dot.is_symbol(".") => name.name(),
        _ => None,
    }
}

/// Returns the name in `column` or `table.column` at the start.
fn last_name(tokens: &[Token<'_>]) -> Option<String> {
    match tokens {
        [_, dot, name, ..] if dot.is_symbol(".") => name.name(),
        [name, ..] => name.name(),
        [] => None,
    }
}
