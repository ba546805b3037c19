//! Finds a column in the words of a statement: the conditions that it is in, and the order that it is sorted by.
//!
//! There is no parser: what is misread leads to a text that is planned and helps nothing.

use std::ops::Range;

use crate::schema::{Schema, Table};
use crate::sql::{Name, Token, TokenKind, between_commas, end_of, same_name, start_of, tokens};

/// The tokens of a statement.
pub(super) struct Statement<'a> {
    pub(super) sql: &'a str,
    pub(super) tokens: Vec<Token<'a>>,
    /// The tables that it names: the index of the token, the table, and the name that it goes by.
    pub(super) references: Vec<Reference>,
}

/// A table in the FROM of a statement, or one that it writes to.
pub(super) struct Reference {
    pub(super) table: Name,
    is_view: bool,
    /// The alias, or the name of the table.
    pub(super) name: String,
    /// The index behind its last token.
    pub(super) end: usize,
}

/// A place where a statement has a column. Ranges are of tokens.
#[derive(Clone, Debug)]
pub(super) struct Occurrence {
    /// The column, with the table in front of it.
    pub(super) column: Range<usize>,
    /// The expression around it that is compared or sorted by.
    pub(super) operand: Range<usize>,
    pub(super) role: Role,
}

#[derive(Clone, Debug)]
pub(super) enum Role {
    Compared(Comparison),
    /// A condition by itself, with the NOT in front of it.
    Bare {
        not: Option<usize>,
    },
    /// A term of an ORDER BY or GROUP BY.
    Sorted,
}

#[derive(Clone, Debug)]
pub(super) struct Comparison {
    pub(super) operator: Range<usize>,
    /// In capitals, with one space between its words.
    pub(super) word: String,
    pub(super) other: Range<usize>,
}

impl Occurrence {
    /// Returns the whole condition.
    pub(super) fn condition(&self) -> Range<usize> {
        match &self.role {
            Role::Compared(comparison) => {
                self.operand.start.min(comparison.other.start)..self.operand.end.max(comparison.other.end)
            }
            Role::Bare { not: Some(not) } => *not..self.operand.end,
            _ => self.operand.clone(),
        }
    }
}

/// Words that end an operand.
const BOUNDS: &str = "and or not where on having when case then else end select between in is like glob match regexp set by \
     from escape using group order limit offset union except intersect window returning asc desc nulls filter isnull notnull \
     as distinct all values over partition join left inner cross";

/// Words that end a list of conditions.
const CLAUSES: &str = "where on having when then else end select from set using group order limit offset union except \
     intersect window returning values join left inner cross natural";

/// Words that end a term of a list.
const LIST_ENDS: &str = "limit having order group window union except intersect returning rows range groups from where";

pub(super) fn is_one_of(token: &Token<'_>, words: &str) -> bool {
    words.split(' ').any(|word| token.is(word))
}

fn is_comparison(token: &Token<'_>) -> bool {
    ["=", "==", "<", ">", "<=", ">=", "<>", "!="].iter().any(|symbol| token.is_symbol(symbol))
}

fn is_bound(token: &Token<'_>) -> bool {
    is_comparison(token) || token.is_symbol(",") || token.is_symbol(";") || is_one_of(token, BOUNDS)
}

fn is_clause(token: &Token<'_>) -> bool {
    token.is_symbol(";") || token.is_symbol(",") || is_one_of(token, CLAUSES)
}

impl<'a> Statement<'a> {
    pub(super) fn read(sql: &'a str, schema: &Schema) -> Statement<'a> {
        let tokens = tokens(sql);
        let references = references(&tokens, schema);
        Statement { sql, tokens, references }
    }

    /// Returns the text of some tokens.
    pub(super) fn text(&self, range: &Range<usize>) -> &'a str {
        match (self.tokens.get(range.start), range.end.checked_sub(1).and_then(|last| self.tokens.get(last))) {
            (Some(first), Some(last)) if range.start < range.end => &self.sql[first.start..last.end()],
            _ => "",
        }
    }

    /// Returns a range without the parentheses that enclose all of it.
    pub(super) fn without_parentheses(&self, range: &Range<usize>) -> Range<usize> {
        let mut inner = range.clone();
        while inner.len() > 2
            && self.tokens[inner.start].is_symbol("(")
            && end_of(&self.tokens, inner.start + 1, |_| false) == inner.end - 1
        {
            inner = inner.start + 1..inner.end - 1;
        }
        inner
    }

    pub(super) fn references_to(&self, table: &Name) -> impl Iterator<Item = &Reference> {
        self.references.iter().filter(move |reference| reference.table == *table)
    }

    /// Returns the places where the statement compares a column, or sorts by it.
    pub(super) fn occurrences(&self, table: &Table, column: &str) -> Vec<Occurrence> {
        (0..self.tokens.len()).filter_map(|at| self.occurrence(at, table, column)).collect()
    }

    fn occurrence(&self, at: usize, table: &Table, column: &str) -> Option<Occurrence> {
        let token = &self.tokens[at];
        let is_name = matches!(token.kind, TokenKind::Word | TokenKind::Quoted);
        if !is_name || !token.name().is_some_and(|name| same_name(&name, column)) {
            return None;
        }
        let follows = |symbol: &str| self.tokens.get(at + 1).is_some_and(|next| next.is_symbol(symbol));
        if follows("(") || follows(".") {
            return None;
        }
        let mut start = at;
        while start >= 2 && self.tokens[start - 1].is_symbol(".") {
            start -= 2;
        }
        if start < at {
            let qualifier = self.tokens[at - 2].name()?;
            let mut named = self.references.iter().filter(|reference| same_name(&reference.name, &qualifier));
            // A column of a view may be one of a table in it.
            if named.next().is_some_and(|reference| reference.table != table.name && !reference.is_view) {
                return None;
            }
        }
        self.role(start..at + 1)
    }

    /// Finds the comparison or the list that a column is in, from the inside out.
    fn role(&self, column: Range<usize>) -> Option<Occurrence> {
        let mut inner = column.clone();
        for _ in 0..MAX_DEPTH {
            let operand = start_of(&self.tokens, inner.start, is_bound)..end_of(&self.tokens, inner.end, is_bound);
            let (left, right) = (operand.start.checked_sub(1).map(|at| &self.tokens[at]), self.tokens.get(operand.end));
            let found = |role| Some(Occurrence { column: column.clone(), operand: operand.clone(), role });
            if let Some(comparison) = self.comparison(&operand) {
                return found(Role::Compared(comparison));
            }
            if self.is_in_order(operand.start) {
                return found(Role::Sorted);
            }
            let is_condition = |token: &Token<'_>| is_one_of(token, "where and or not on having when");
            let ends = |token: &Token<'_>| {
                token.is_symbol(")") || token.is_symbol(";") || is_one_of(token, "and or then") || is_clause(token)
            };
            if left.is_some_and(is_condition) && right.is_none_or(ends) {
                let not = operand.start.checked_sub(1).filter(|&at| self.tokens[at].is("not"));
                return found(Role::Bare { not });
            }
            inner = self.around(&operand)?;
        }
        None
    }

    /// Returns the parentheses around a range, with the name of the function in front of them. `None` for those of a
    /// subquery or a list of values.
    pub(super) fn around(&self, inner: &Range<usize>) -> Option<Range<usize>> {
        let open = start_of(&self.tokens, inner.start, |_| false).checked_sub(1)?;
        let close = end_of(&self.tokens, inner.end, |_| false);
        let is_subquery = self.tokens.get(open + 1).is_some_and(|first| is_one_of(first, "select with values"));
        if !self.tokens[open].is_symbol("(") || close >= self.tokens.len() || is_subquery {
            return None;
        }
        let before = open.checked_sub(1).map(|at| &self.tokens[at]);
        match before {
            Some(word) if is_one_of(word, "in into values") => None,
            Some(word) if matches!(word.kind, TokenKind::Word | TokenKind::Quoted) && !is_bound(word) => {
                Some(open - 1..close + 1)
            }
            _ => Some(open..close + 1),
        }
    }

    /// Returns true if an operand is in a list of ORDER BY or GROUP BY.
    fn is_in_order(&self, start: usize) -> bool {
        let list = start_of(&self.tokens, start, |token| token.is("by") || is_clause_word(token));
        list.checked_sub(1).is_some_and(|at| self.tokens[at].is("by"))
    }

    fn comparison(&self, operand: &Range<usize>) -> Option<Comparison> {
        if let Some(operator) = self.operator_at(operand.end) {
            let other =
                operator.end..end_of(&self.tokens, operator.end, |token| is_bound(token) && !token.is("select"));
            return Some(Comparison { word: self.words(&operator), operator, other });
        }
        let end = operand.start;
        let starts =
            (end.saturating_sub(MAX_WORDS)..end).filter(|&at| self.operator_at(at).is_some_and(|op| op.end == end));
        let operator = starts.min()?..end;
        let word = self.words(&operator);
        // The right side of LIKE is a pattern, and that of IN a list.
        if !["=", "==", "<", ">", "<=", ">=", "<>", "!=", "IS", "IS NOT"].contains(&word.as_str()) {
            return None;
        }
        let other = start_of(&self.tokens, operator.start, is_bound)..operator.start;
        Some(Comparison { operator, word, other })
    }

    fn words(&self, range: &Range<usize>) -> String {
        let words: Vec<String> =
            self.tokens[range.clone()].iter().map(|token| token.text.to_ascii_uppercase()).collect();
        words.join(" ")
    }

    /// Returns the operator of a comparison that begins at a token.
    fn operator_at(&self, at: usize) -> Option<Range<usize>> {
        let first = self.tokens.get(at)?;
        let is = |at: usize, words: &str| self.tokens.get(at).is_some_and(|token| is_one_of(token, words));
        if is_comparison(first) || is_one_of(first, "isnull notnull in like glob between match regexp") {
            return Some(at..at + 1);
        }
        if first.is("not") && is(at + 1, "in like glob between match regexp null") {
            return Some(at..at + 2);
        }
        if !first.is("is") {
            return None;
        }
        let not = at + 1 + usize::from(is(at + 1, "not"));
        let distinct = not + if is(not, "distinct") && is(not + 1, "from") { 2 } else { 0 };
        Some(at..distinct)
    }

    /// Returns the lists of the ORDER BYs, as the ranges of their terms.
    pub(super) fn orders(&self) -> Vec<Vec<Range<usize>>> {
        let is_order = |at: &usize| self.tokens[*at].is("order") && self.tokens[at + 1].is("by");
        (0..self.tokens.len().saturating_sub(1)).filter(is_order).map(|at| self.list(at + 2)).collect()
    }

    fn list(&self, start: usize) -> Vec<Range<usize>> {
        let end = end_of(&self.tokens, start, |token| token.is_symbol(";") || is_one_of(token, LIST_ENDS));
        let mut terms = Vec::new();
        let mut at = start;
        for part in between_commas(&self.tokens[start..end]) {
            terms.push(at..at + part.len());
            at += part.len() + 1;
        }
        terms
    }

    /// Returns the other sides of the ORs around a condition, from the inside out, each by itself and with its OR.
    pub(super) fn other_sides(&self, condition: &Range<usize>) -> Vec<(Range<usize>, Range<usize>)> {
        let mut found = Vec::new();
        let mut inner = condition.clone();
        for _ in 0..MAX_DEPTH {
            let start = start_of(&self.tokens, inner.start, is_clause);
            let end = end_of(&self.tokens, inner.end, is_clause);
            let mut at = start;
            while at < end {
                let or = end_of(&self.tokens, at, |token| token.is("or")).min(end);
                let side = at..or;
                if side.end <= inner.start {
                    found.push((side, at..or + 1));
                } else if side.start >= inner.end {
                    found.push((side, at - 1..or));
                }
                at = or + 1;
            }
            match self.around(&(start..end)) {
                // A function has no conditions.
                Some(around) if self.tokens[around.start].is_symbol("(") => inner = around,
                _ => break,
            }
        }
        found
    }

    /// Returns where the WHERE of the SELECT, UPDATE or DELETE that reads a table is: the range of its conditions, or the
    /// place where it would be.
    pub(super) fn place_of_where(&self, reference: &Reference) -> (Range<usize>, bool) {
        let is_end = |token: &Token<'_>| {
            token.is_symbol(";") || is_one_of(token, "where group order limit union except intersect window returning")
        };
        let at = end_of(&self.tokens, reference.end, is_end);
        match self.tokens.get(at) {
            Some(token) if token.is("where") => (at + 1..end_of(&self.tokens, at + 1, is_end), true),
            _ => (at..at, false),
        }
    }
}

fn is_clause_word(token: &Token<'_>) -> bool {
    token.is_symbol(";") || is_one_of(token, LIST_ENDS) || is_one_of(token, "select set on limit")
}

/// Returns the tables that are named where a table can be.
fn references(tokens: &[Token<'_>], schema: &Schema) -> Vec<Reference> {
    let mut found: Vec<Reference> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Some(name) = token.name().filter(|_| token.kind != TokenKind::Text) else { continue };
        let is_view = schema.views.iter().any(|view| view.name == *name);
        let is_object = is_view || schema.table(&name).is_some();
        let mut before = at;
        while before >= 2 && tokens[before - 1].is_symbol(".") {
            before -= 2;
        }
        let is_place = before.checked_sub(1).is_some_and(|before| {
            is_one_of(&tokens[before], "from join update into ignore abort fail rollback replace")
                || tokens[before].is_symbol(",")
                || tokens[before].is_symbol("(")
        });
        if !is_object || !is_place {
            continue;
        }
        let mut end = at + 1;
        let is_alias = |at: usize| {
            tokens.get(at).is_some_and(|token| {
                matches!(token.kind, TokenKind::Word | TokenKind::Quoted)
                    && !is_bound(token)
                    && !is_one_of(token, "indexed natural right full where join")
            })
        };
        let mut alias = name.clone();
        if tokens.get(end).is_some_and(|token| token.is("as")) {
            end += 1;
        }
        if is_alias(end) {
            alias = tokens[end].name().unwrap_or(alias);
            end += 1;
        }
        found.push(Reference { table: name.into(), is_view, name: alias, end });
    }
    found
}

/// The number of parentheses around a column that are looked at.
const MAX_DEPTH: usize = 5;

/// The words of the longest operator, `IS NOT DISTINCT FROM`.
const MAX_WORDS: usize = 4;
