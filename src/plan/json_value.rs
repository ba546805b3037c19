//! The two ways to write a value of a JSON document: `json_extract(data, '$.a')` and `data ->> 'a'`.

use crate::sql::{Token, TokenKind, between_commas, end_of, outside, tokens};

/// Returns true if two expressions are the same value of a JSON document, written in the one way and in the other. SQLite
/// knows an indexed expression only in the words of the index.
pub(super) fn is_same_value(one: &str, other: &str) -> bool {
    let (one, other) = (tokens(one), tokens(other));
    value(&one).is_some_and(|found| value(&other) == Some(found))
}

/// Returns the document and the path of a value, `data` and `$.a`.
fn value(expression: &[Token<'_>]) -> Option<(String, String)> {
    let expression = without_parentheses(expression);
    if let [function, open, inside @ .., _] = expression
        && function.is("json_extract")
        && open.is_symbol("(")
        && end_of(expression, 2, |_| false) == expression.len() - 1
    {
        // With several paths, the value is an array.
        return match between_commas(inside).as_slice() {
            [document, [path]] => within(document, path_of(path)?),
            _ => None,
        };
    }
    let (at, _) = outside(expression).filter(|(_, token)| token.is_symbol("->>")).last()?;
    let [path] = &expression[at + 1..] else { return None };
    within(&expression[..at], path_of(path)?)
}

/// Returns the column of the document, and the path from there: `data` and `$.a.b` of `data -> 'a'` and `$.b`. `None` if the
/// document is another expression.
fn within(document: &[Token<'_>], path: String) -> Option<(String, String)> {
    let document = without_parentheses(document);
    if let [outer @ .., arrow, key] = document
        && arrow.is_symbol("->")
    {
        return within(outer, format!("{}{}", path_of(key)?, &path[1..]));
    }
    let (name, qualifier) = document.split_last()?;
    let is_qualified = |pair: &[Token<'_>]| matches!(pair, [_, dot] if dot.is_symbol("."));
    let is_column = matches!(name.kind, TokenKind::Word | TokenKind::Quoted) && qualifier.chunks(2).all(is_qualified);
    Some((name.name().filter(|_| is_column)?.to_ascii_lowercase(), path))
}

/// Returns the path from `$` on: a text that does not begin with it is a key, and a number is a place in an array.
fn path_of(token: &Token<'_>) -> Option<String> {
    match token.kind {
        TokenKind::Number => Some(format!("$[{}]", token.text)),
        TokenKind::Text => {
            let text = token.name()?;
            Some(if text.starts_with('$') { text.replace('"', "") } else { format!("$.{text}") })
        }
        _ => None,
    }
}

fn without_parentheses<'t, 'a>(mut tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    while let [open, inside @ .., _] = tokens
        && open.is_symbol("(")
        && end_of(tokens, 1, |_| false) == tokens.len() - 1
    {
        tokens = inside;
    }
    tokens
}
