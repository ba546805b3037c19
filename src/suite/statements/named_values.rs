//! The values that a statement names: `WHERE status = 'old'`, `IN ('a', 'b')`, `CASE x WHEN 'a'`, a list of `VALUES`. Whoever
//! names a value knows what becomes of it; `IS NOT NULL`, `<>`, `LIKE` and `NOT IN` name none.

use crate::check::Cell;
use crate::order::SortedSet;
use crate::sql::{Name, Token, TokenKind, unquoted};

/// The values that a part of a statement names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NamedValues {
    /// In lower case and without spaces around them: `lower(trim(x)) = 'old'` names ` Old` too.
    texts: SortedSet<String>,
}

/// A pair of parentheses.
#[derive(Clone, Copy, PartialEq)]
enum Group {
    /// The arguments of a function, or the list of NOT IN.
    Unnamed,
    /// A list or a subquery.
    List,
}

impl NamedValues {
    pub(crate) fn of(tokens: &[Token<'_>]) -> NamedValues {
        let mut groups: Vec<Group> = Vec::new();
        let mut texts = SortedSet::new();
        for at in 0..tokens.len() {
            let token = &tokens[at];
            if token.is_symbol("(") {
                groups.push(group(&tokens[..at]));
            } else if token.is_symbol(")") {
                groups.pop();
            } else if let Some(text) = literal(token)
                && is_named(tokens, at, groups.last().copied())
            {
                let is_negative = at > 0 && tokens[at - 1].is_symbol("-");
                texts.insert(if is_negative { format!("-{text}") } else { text });
            }
        }
        NamedValues { texts }
    }

    /// Returns the values that CASE and `iif` name.
    pub(crate) fn of_cases(tokens: &[Token<'_>]) -> NamedValues {
        let mut named = NamedValues::default();
        for (at, token) in tokens.iter().enumerate() {
            let end = if token.is("case") {
                tokens[at..].iter().position(|token| token.is("end"))
            } else if token.is("iif") {
                tokens[at..].iter().position(|token| token.is_symbol(")"))
            } else {
                None
            };
            if let Some(length) = end {
                named.add(&NamedValues::of(&tokens[at..at + length]));
            }
        }
        named
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    pub(crate) fn add(&mut self, others: &NamedValues) {
        self.texts.extend(others.texts.iter().cloned());
    }

    pub(crate) fn contain(&self, cell: &Cell) -> bool {
        match cell {
            Cell::Null => true,
            Cell::Integer(number) => self.texts.contains(&number.to_string()),
            Cell::Real(number) => {
                self.texts.contains(&format!("{number}")) || self.texts.contains(&format!("{number:?}"))
            }
            Cell::Text(bytes) | Cell::Blob(bytes) => {
                std::str::from_utf8(bytes).is_ok_and(|text| self.texts.contains(&plain(text)))
            }
        }
    }
}

fn plain(text: &str) -> String {
    text.trim().to_ascii_lowercase()
}

/// Returns the kind of the parentheses that open after these tokens.
fn group(before: &[Token<'_>]) -> Group {
    let [.., last] = before else { return Group::List };
    let is_not_in = last.is("in") && before.len() > 1 && before[before.len() - 2].is("not");
    let is_keyword =
        ["in", "values", "as", "when", "then", "else", "and", "or", "not", "exists", "where", "from", "on"]
            .iter()
            .any(|word| last.is(word));
    let is_call = (last.kind == TokenKind::Word || last.kind == TokenKind::Quoted) && !is_keyword;
    if is_not_in || is_call { Group::Unnamed } else { Group::List }
}

fn literal(token: &Token<'_>) -> Option<String> {
    match token.kind {
        TokenKind::Text => Some(plain(&unquoted(token.text))),
        TokenKind::Number => Some(token.text.to_ascii_lowercase()),
        TokenKind::Word if token.is("true") => Some(String::from("1")),
        TokenKind::Word if token.is("false") => Some(String::from("0")),
        _ => None,
    }
}

/// Returns true if the literal at this place stands for one value: compared with `=`, or an element of a list.
fn is_named(tokens: &[Token<'_>], at: usize, group: Option<Group>) -> bool {
    let is_equals = |token: Option<&Token<'_>>| token.is_some_and(|it| it.is_symbol("=") || it.is_symbol("=="));
    let mut before = tokens[..at].iter().rev();
    let mut last = before.next();
    if last.is_some_and(|token| token.is_symbol("-")) {
        last = before.next();
    }
    let next = tokens.get(at + 1);
    let Some(last) = last else { return is_equals(next) };
    if is_equals(Some(last)) || is_equals(next) || last.is("is") || last.is("when") {
        return true;
    }
    let is_element = last.is("select") || last.is("all") || last.is_symbol("(") || last.is_symbol(",");
    let is_whole = next.is_none_or(|next| {
        next.is_symbol(",") || next.is_symbol(")") || next.is("as") || next.is("from") || next.is("union")
    });
    is_element && is_whole && group != Some(Group::Unnamed)
}

/// Returns true if an expression reads this column of the row, by its bare name or qualified with one of the row's names.
pub(crate) fn mentions(expression: &[Token<'_>], column: &Name, row: &[Name]) -> bool {
    expression.iter().enumerate().any(|(at, token)| {
        let is_name = token.kind != TokenKind::Text && token.name().is_some_and(|name| name == *column);
        if !is_name {
            return false;
        }
        match at.checked_sub(2).filter(|_| expression[at - 1].is_symbol(".")) {
            Some(owner) => expression[owner].name().is_some_and(|owner| row.iter().any(|name| *name == owner)),
            // `count (` is a function.
            None => !expression.get(at + 1).is_some_and(|next| next.is_symbol("(")),
        }
    })
}

/// Returns the columns that a statement passes to a function that may cut a value.
pub(crate) fn cut_columns(tokens: &[Token<'_>]) -> Vec<Name> {
    const FUNCTIONS: [&str; 9] =
        ["substr", "substring", "trim", "ltrim", "rtrim", "replace", "round", "printf", "cast"];
    let cut = (0..tokens.len()).filter(|&at| FUNCTIONS.iter().any(|function| tokens[at].is(function)));
    cut.filter_map(|at| {
        tokens.get(at + 1).filter(|next| next.is_symbol("("))?;
        // `column`, `table.column`
        let start = at + if tokens.get(at + 3).is_some_and(|dot| dot.is_symbol(".")) { 4 } else { 2 };
        let ends = tokens.get(start + 1).is_some_and(|end| end.is_symbol(",") || end.is_symbol(")") || end.is("as"));
        tokens.get(start).filter(|token| ends && token.kind != TokenKind::Text)?.name().map(Name::from)
    })
    .collect()
}

/// Returns the columns that a statement takes as they are: `SELECT a, t.b FROM`, `SET x = c`.
pub(crate) fn whole_columns(tokens: &[Token<'_>]) -> Vec<Name> {
    let mut groups: Vec<Group> = Vec::new();
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.is_symbol("(") {
            groups.push(group(&tokens[..at]));
        } else if token.is_symbol(")") {
            groups.pop();
        }
        let start = if at > 1 && tokens[at - 1].is_symbol(".") { at - 2 } else { at };
        let begins = start > 0 && {
            let last = &tokens[start - 1];
            last.is("select") || last.is("distinct") || last.is_symbol(",") || last.is_symbol("=")
        };
        let ends = tokens.get(at + 1).is_none_or(|next| {
            ["from", "where", "as"].iter().any(|word| next.is(word))
                || [",", ")", ";"].iter().any(|it| next.is_symbol(it))
        });
        if begins && ends && groups.last() != Some(&Group::Unnamed) && token.kind != TokenKind::Text {
            found.extend(token.name().map(Name::from));
        }
    }
    found
}

/// Returns true if an expression reads no column.
pub(crate) fn is_constant(expression: &[Token<'_>]) -> bool {
    const CONSTANTS: [&str; 9] =
        ["null", "true", "false", "current_timestamp", "current_date", "current_time", "not", "cast", "as"];
    expression.iter().enumerate().all(|(at, token)| match token.kind {
        TokenKind::Quoted | TokenKind::Variable => false,
        TokenKind::Word => {
            let is_call = expression.get(at + 1).is_some_and(|next| next.is_symbol("("));
            let is_type = at > 0 && expression[at - 1].is("as");
            is_call || is_type || CONSTANTS.iter().any(|word| token.is(word))
        }
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::NamedValues;
    use crate::sql::tokens;

    #[track_caller]
    fn check(sql: &str, expected: &[&str]) {
        let found = NamedValues::of(&tokens(sql)).texts;
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{sql}");
    }

    #[test]
    fn values_are_named_by_equality() {
        check("WHERE x = 'a' OR 'B ' = x OR x IS 3 OR x = -1 OR x = TRUE", &["-1", "1", "3", "a", "b"]);
        check("WHERE x IN ('a', 'b') AND y IN (1, -2)", &["-2", "1", "a", "b"]);
        check("CASE x WHEN 'a' THEN 'b' ELSE 'c' END", &["a"]);
        check("WITH m(old, new) AS (VALUES ('a', 'b'), ('c', 'd'))", &["a", "b", "c", "d"]);
        check("FROM (SELECT 'a' AS old, 'b' AS new UNION ALL SELECT 'c', 'd') AS m", &["a", "b", "c", "d"]);
    }

    #[test]
    fn other_comparisons_name_none() {
        check("WHERE x <> 'a' AND x < 5 AND 5 < x AND x IS NOT 'a' AND x LIKE 'a%'", &[]);
        check("WHERE x NOT IN ('a', 'b') AND substr(x, 1, 3) > 'a' AND x BETWEEN 1 AND 9", &[]);
        check("coalesce(x, 'a') || 'b' || nullif(x, 'c')", &[]);
    }
}
