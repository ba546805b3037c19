//! Walking over tokens. Parentheses are counted here and nowhere else.

use std::ops::Range;

use super::tokens::{Token, tokens};

/// A position in a list of tokens.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
}

impl<'t, 'a> Cursor<'t, 'a> {
    pub(crate) fn new(tokens: &'t [Token<'a>]) -> Self {
        Cursor { tokens, at: 0 }
    }

    /// Returns the index of the next token.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Moves to the token with this index.
    pub(crate) fn seek(&mut self, at: usize) {
        self.at = at;
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// Returns the tokens from here to the end.
    pub(crate) fn rest(&self) -> &'t [Token<'a>] {
        self.tokens.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<&'t Token<'a>> {
        self.tokens.get(self.at)
    }

    pub(crate) fn next(&mut self) -> Option<&'t Token<'a>> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    /// Returns true if the next token is this keyword.
    pub(crate) fn sees(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| token.is(word))
    }

    pub(crate) fn sees_symbol(&self, symbol: &str) -> bool {
        self.peek().is_some_and(|token| token.is_symbol(symbol))
    }

    /// Moves past this keyword if it is next, and returns true if it was.
    pub(crate) fn take(&mut self, word: &str) -> bool {
        let found = self.sees(word);
        self.at += usize::from(found);
        found
    }

    pub(crate) fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.sees_symbol(symbol);
        self.at += usize::from(found);
        found
    }

    /// Moves past the next token and returns the name that it spells. `None` if it is no name or there is no token.
    pub(crate) fn name(&mut self) -> Option<String> {
        self.next()?.name()
    }

    /// Moves past the name of a table, index or trigger and returns it without the schema: `t` in `main.t`.
    pub(crate) fn object_name(&mut self) -> Option<String> {
        let name = self.name()?;
        if self.take_symbol(".") { self.name() } else { Some(name) }
    }

    /// Moves past the parentheses that open here and returns the range of the tokens between them. Does not move and
    /// returns `None` if none open here, or if they are never closed.
    pub(crate) fn group(&mut self) -> Option<Range<usize>> {
        if !self.sees_symbol("(") {
            return None;
        }
        let inside = self.at + 1..end_of(self.tokens, self.at + 1, |_| false);
        if inside.end == self.tokens.len() {
            return None;
        }
        self.at = inside.end + 1;
        Some(inside)
    }

    /// Moves to the first token outside parentheses for which `stop` holds, or to the parenthesis that closes around
    /// this position, or to the end. Returns the tokens on the way.
    pub(crate) fn skip_to(&mut self, stop: impl FnMut(&Token<'a>) -> bool) -> &'t [Token<'a>] {
        let start = self.at.min(self.tokens.len());
        self.at = end_of(self.tokens, start, stop);
        &self.tokens[start..self.at]
    }
}

/// Returns by how much a token changes the depth, reading forward.
fn nesting(token: &Token<'_>) -> isize {
    isize::from(token.is_symbol("(")) - isize::from(token.is_symbol(")"))
}

/// Returns the index of the first token from `start` on that is outside parentheses and for which `stop` holds, or of
/// the parenthesis that closes around `start`, or the number of tokens.
pub(crate) fn end_of<'a>(tokens: &[Token<'a>], start: usize, mut stop: impl FnMut(&Token<'a>) -> bool) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        if depth == 0 && (token.is_symbol(")") || stop(token)) {
            return at;
        }
        depth += nesting(token);
    }
    tokens.len()
}

/// Returns the index after the last token before `end` that is outside parentheses and for which `stop` holds, or after
/// the parenthesis that opens around `end`, or 0.
pub(crate) fn start_of<'a>(tokens: &[Token<'a>], end: usize, mut stop: impl FnMut(&Token<'a>) -> bool) -> usize {
    let mut depth = 0;
    for (at, token) in tokens[..end].iter().enumerate().rev() {
        if depth == 0 && (token.is_symbol("(") || stop(token)) {
            return at + 1;
        }
        depth -= nesting(token);
    }
    0
}

/// Returns the tokens outside all parentheses, with their indexes. The outermost parentheses are not included.
pub(crate) fn outside<'t, 'a>(tokens: &'t [Token<'a>]) -> impl Iterator<Item = (usize, &'t Token<'a>)> {
    let mut depth = 0_isize;
    tokens.iter().enumerate().filter(move |(_, token)| {
        let step = nesting(token);
        // An unmatched `)` closes nothing.
        depth = (depth + step).max(0);
        depth == 0 && step == 0
    })
}

/// Returns the parts of `tokens` between the commas outside parentheses, including empty ones.
pub(crate) fn between_commas<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let commas: Vec<usize> =
        outside(tokens).filter(|(_, token)| token.is_symbol(",")).map(|(index, _)| index).collect();
    let starts = std::iter::once(0).chain(commas.iter().map(|at| at + 1));
    let ends = commas.iter().copied().chain(std::iter::once(tokens.len()));
    starts.zip(ends).map(|(start, end)| &tokens[start..end]).collect()
}

/// Returns true if a query orders its rows: if it has an `ORDER BY` outside all parentheses, which enclose subqueries,
/// windows and the arguments of aggregates. Without quotes, ORDER is never a name.
pub(crate) fn is_ordered(sql: &str) -> bool {
    let tokens = tokens(sql);
    let outer: Vec<&Token<'_>> = outside(&tokens).map(|(_, token)| token).collect();
    outer.windows(2).any(|pair| pair[0].is("order") && pair[1].is("by"))
}

/// Returns the tokens unchanged, with one space in place of any white space and comments.
pub(crate) fn on_one_line(sql: &str) -> String {
    let mut line = String::with_capacity(sql.len());
    let mut end = None;
    for token in tokens(sql) {
        if end.is_some_and(|end| end < token.start) {
            line.push(' ');
        }
        line.push_str(token.text);
        end = Some(token.end());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{Cursor, between_commas, outside, start_of};
    use crate::sql::{Token, tokens};

    fn text(tokens: &[Token<'_>]) -> String {
        tokens.iter().map(|token| token.text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_group_ends_at_its_own_parenthesis() {
        let tokens = tokens("((a), ')') b)");
        let mut cursor = Cursor::new(&tokens);
        assert_eq!(cursor.group().map(|inside| text(&tokens[inside])).as_deref(), Some("( a ) , ')'"));
        assert_eq!(cursor.name().as_deref(), Some("b"));
        assert!(cursor.sees_symbol(")"));
        let open = super::super::tokens("(a, (b)");
        let mut cursor = Cursor::new(&open);
        assert_eq!(cursor.group(), None);
        assert_eq!(cursor.at(), 0);
    }

    #[test]
    fn a_walk_stops_outside_parentheses_and_at_the_one_around_it() {
        let tokens = tokens("a (where) b where c) where");
        let mut cursor = Cursor::new(&tokens);
        assert_eq!(text(cursor.skip_to(|token| token.is("where"))), "a ( where ) b");
        assert!(cursor.take("where"));
        assert_eq!(text(cursor.skip_to(|token| token.is("where"))), "c");
        assert_eq!(start_of(&tokens, 6, |token| token.is("a")), 1);
    }

    #[test]
    fn parts_are_those_between_the_outer_commas() {
        let tokens = tokens("a, f(b, c), , d");
        let parts: Vec<String> = between_commas(&tokens).into_iter().map(text).collect();
        assert_eq!(parts, ["a", "f ( b , c )", "", "d"]);
        let outer: Vec<&str> = outside(&tokens).map(|(_, token)| token.text).collect();
        assert_eq!(outer, ["a", ",", "f", ",", ",", "d"]);
    }

    #[test]
    fn the_database_in_front_of_a_name_is_left_out() {
        for (sql, name) in [("main.t", "t"), ("\"a b\"", "a b"), ("temp.\"T\" x", "T")] {
            assert_eq!(Cursor::new(&tokens(sql)).object_name().as_deref(), Some(name), "{sql}");
        }
    }
}
