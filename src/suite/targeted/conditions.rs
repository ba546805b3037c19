//! Conditions, taken apart: what AND and OR join, and the sides of IN.

use crate::sql::{Cursor, Token, TokenKind, between_commas, outside, start_of};

/// The tokens of an expression.
pub(super) type Tokens<'a> = Vec<Token<'a>>;

/// Returns the tokens between the parentheses that open here, and moves past them.
pub(super) fn group<'t, 'a>(cursor: &mut Cursor<'t, 'a>) -> Option<&'t [Token<'a>]> {
    let rest = cursor.rest();
    let start = cursor.at();
    let inside = cursor.group()?;
    Some(&rest[inside.start - start..inside.end - start])
}

/// Returns the expressions before IN: one, or those of a row.
pub(super) fn contained<'a>(before: &[Token<'a>]) -> Vec<Tokens<'a>> {
    let before = match before {
        [rest @ .., not] if not.is("not") => rest,
        _ => before,
    };
    if before.last().is_some_and(|token| token.is_symbol(")")) {
        let start = start_of(before, before.len() - 1, |_| false);
        return between_commas(&before[start..before.len() - 1]).into_iter().map(<[_]>::to_vec).collect();
    }
    let start = match before {
        [.., _, dot, _] if dot.is_symbol(".") => before.len() - 3,
        _ => before.len().saturating_sub(1),
    };
    vec![before[start..].to_vec()]
}

/// Adds the conditions that an expression joins by AND.
pub(super) fn conjuncts<'a>(tokens: &[Token<'a>], found: &mut Vec<Tokens<'a>>) {
    split(tokens, "and", |part| match inside_of(part) {
        Some(inner) => conjuncts(inner, found),
        None => found.push(part.to_vec()),
    });
}

/// Returns the conditions that an expression joins by OR, or nothing if there is but one.
fn alternatives<'a>(tokens: &[Token<'a>]) -> Vec<Tokens<'a>> {
    let mut found = Vec::new();
    split(tokens, "or", |part| found.push(part.to_vec()));
    if found.len() < 2 { Vec::new() } else { found }
}

/// Returns what is in the parentheses around an expression, unless they are those of a query.
fn inside_of<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<&'t [Token<'a>]> {
    let mut cursor = Cursor::new(tokens);
    let inside = group(&mut cursor).filter(|_| cursor.is_at_end())?;
    let is_query = inside.first().is_some_and(|token| token.is("select") || token.is("with"));
    (!is_query).then_some(inside)
}

/// Calls `part` with the parts between the words AND, or OR, outside CASE and BETWEEN. An expression with an OR has only one
/// part between ANDs.
fn split<'a>(tokens: &[Token<'a>], word: &str, mut part: impl FnMut(&[Token<'a>])) {
    if tokens.is_empty() {
        return;
    }
    let (mut cases, mut betweens) = (0, 0);
    let mut ends = Vec::new();
    let mut has_or = false;
    for (at, token) in outside(tokens) {
        if token.is("case") {
            cases += 1;
        } else if token.is("end") {
            cases -= 1;
        } else if cases > 0 {
            continue;
        } else if token.is("between") {
            betweens += 1;
        } else if token.is("and") && betweens > 0 {
            betweens -= 1;
        } else if token.is(word) {
            ends.push(at);
        } else {
            has_or |= token.is("or");
        }
    }
    if word == "and" && has_or {
        ends.clear();
    }
    let mut start = 0;
    for end in ends.into_iter().chain([tokens.len()]) {
        part(&tokens[start..end]);
        start = end + 1;
    }
}

/// Returns the conditions that decide between the cases of one: the sides of OR, the values of IN, equality where `<` or `>=`
/// compares.
pub(super) fn ways<'a>(condition: &Tokens<'a>) -> Vec<Tokens<'a>> {
    let alternatives = alternatives(condition);
    if !alternatives.is_empty() {
        return alternatives;
    }
    let equals = Token { kind: TokenKind::Symbol, text: "=", start: 0 };
    let list = outside(condition).find(|(at, token)| {
        token.is("in")
            && condition.get(at + 1).is_some_and(|open| open.is_symbol("("))
            && condition.last().is_some_and(|end| end.is_symbol(")"))
    });
    if let Some((at, _)) = list.filter(|(at, _)| !condition[at.saturating_sub(1)].is("not")) {
        let values = between_commas(&condition[at + 2..condition.len() - 1]).into_iter();
        return values.take(8).map(|value| [&condition[..at], &[equals], value].concat()).collect();
    }
    // `<` in one statement and `<=` in another lose the rows that are equal.
    let comparisons = ["<", "<=", ">", ">="];
    let is_comparison = |token: &Token<'_>| comparisons.iter().any(|comparison| token.is_symbol(comparison));
    let is_word = |token: &Token<'_>| ["case", "between", "not"].iter().any(|word| token.is(word));
    let mut found = outside(condition).filter(|(_, token)| is_comparison(token) || is_word(token));
    match (found.next(), found.next()) {
        (Some((at, token)), None) if is_comparison(token) => {
            vec![[&condition[..at], &[equals], &condition[at + 1..]].concat()]
        }
        _ => Vec::new(),
    }
}

/// Returns the calls of functions within an expression that is more than one call.
pub(super) fn calls_within<'t, 'a>(expression: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let is_word = |token: &Token<'_>| token.kind == TokenKind::Word;
    let starts = (0..expression.len().saturating_sub(1))
        .filter(|&at| is_word(&expression[at]) && expression[at + 1].is_symbol("("));
    let call = |at: usize| {
        let mut cursor = Cursor::new(&expression[at + 1..]);
        let inside = cursor.group()?;
        Some(&expression[at..=at + 1 + inside.end])
    };
    starts.filter_map(call).filter(|call| call.len() < expression.len()).collect()
}
