//! Reads what the words of a statement say about the columns of one table.
//!
//! There is no parser: a word that is misread costs a trial, and the plan decides.

use super::candidate::Term;
use crate::schema::{Column, Table};
use crate::sql::{Token, TokenKind, between_commas, end_of, same_name, start_of};

/// Words behind which an operand begins, or before which it ends.
const BOUNDS: &str = "and or not where on having when case then else end select between in is like glob match regexp set by \
     from escape using group order limit offset union except intersect window returning asc desc nulls filter isnull notnull \
     as distinct all values";

/// Words in front of or behind which an operand of a comparison is written.
const COMPARISONS: &str = "between in is like glob isnull notnull";

/// Words that end a list of terms or columns.
const LIST_ENDS: &str = "limit having order group window union except intersect returning rows range groups from where";

pub(super) fn is_rowid(table: &Table, column: &Column) -> bool {
    table
        .primary_key
        .as_ref()
        .is_some_and(|key| key.is_rowid && key.terms.iter().any(|term| term.what.is_column(&column.name)))
}

fn is_one_of(token: &Token<'_>, words: &str) -> bool {
    words.split(' ').any(|word| token.is(word))
}

fn is_comparison(token: &Token<'_>) -> bool {
    ["=", "==", "<", ">", "<=", ">=", "<>", "!="].iter().any(|symbol| token.is_symbol(symbol))
}

fn is_bound(token: &Token<'_>) -> bool {
    is_comparison(token) || token.is_symbol(",") || token.is_symbol(";") || is_one_of(token, BOUNDS)
}

pub(super) struct Reader<'a> {
    pub(super) table: &'a Table,
}

impl Reader<'_> {
    /// Returns the expressions beside a comparison.
    pub(super) fn operands(&self, text: &[Token<'_>]) -> Vec<Term> {
        let mut found = Vec::new();
        for (at, token) in text.iter().enumerate() {
            let is_symbol = is_comparison(token);
            if !is_symbol && !is_one_of(token, COMPARISONS) {
                continue;
            }
            // `x NOT IN (…)`, `x NOT LIKE y`
            let end = if at > 0 && text[at - 1].is("not") { at - 1 } else { at };
            found.extend(self.expression(&text[start_of(text, end, is_bound)..end]));
            if is_symbol {
                found.extend(self.expression(&text[at + 1..end_of(text, at + 1, is_bound)]));
            }
        }
        found
    }

    /// Returns the terms of each ORDER BY, GROUP BY and DISTINCT, up to the first that is not of this table.
    pub(super) fn orders(&self, text: &[Token<'_>]) -> Vec<Vec<Term>> {
        let mut found = Vec::new();
        // The partition of a window comes before its order.
        let mut partition: Vec<Term> = Vec::new();
        for (at, token) in text.iter().enumerate() {
            let is_by = text.get(at + 1).is_some_and(|next| next.is("by"));
            if is_by && is_one_of(token, "order group partition") {
                let mut list = self.list(text, at + 2);
                found.push(list.clone());
                if token.is("partition") {
                    partition = list;
                } else if token.is("order") && !partition.is_empty() {
                    let mut both = std::mem::take(&mut partition);
                    list.retain(|term| !both.iter().any(|own| own.is(term)));
                    both.extend(list);
                    found.push(both);
                }
            } else if token.is("distinct") {
                found.push(self.list(text, at + 1));
            }
        }
        // SQLite reads an index from either end, so its first term may as well be ascending; unless the query needs the rowid,
        // with which every index ends, in the other direction.
        let mut flipped = found.clone();
        for list in flipped.iter_mut().filter(|list| list.first().is_some_and(|first| first.descending)) {
            list.iter_mut().for_each(|term| term.descending = !term.descending);
        }
        flipped.extend(found);
        flipped
    }

    fn list(&self, text: &[Token<'_>], start: usize) -> Vec<Term> {
        let mut terms: Vec<Term> = Vec::new();
        for mut part in list_parts(text, start) {
            if let Some(at) = part.iter().position(|token| token.is("nulls")) {
                part = &part[..at];
            }
            let descending = part.last().is_some_and(|last| last.is("desc"));
            if part.last().is_some_and(|last| last.is("desc") || last.is("asc")) {
                part = &part[..part.len() - 1];
            }
            let part = selected(text, start, part).unwrap_or(part);
            let column = self.plain_column(part).filter(|column| !is_rowid(self.table, column)).map(Term::column);
            match column.or_else(|| self.collated(part)).or_else(|| self.expression(part)) {
                Some(term) if !terms.iter().any(|own| own.is(&term)) => terms.push(Term { descending, ..term }),
                Some(_) => {}
                None => break,
            }
        }
        terms
    }

    /// `x`, `t.x`, `main.t.x`.
    fn plain_column(&self, part: &[Token<'_>]) -> Option<&Column> {
        let name = match part {
            [name] => name,
            [_, dot, name] if dot.is_symbol(".") => name,
            [_, dot, _, second, name] if dot.is_symbol(".") && second.is_symbol(".") => name,
            _ => return None,
        };
        self.table.column(&name.name()?)
    }

    /// `x COLLATE y`.
    fn collated(&self, part: &[Token<'_>]) -> Option<Term> {
        let at = part.iter().position(|token| token.is("collate"))?;
        let (column, collation) = (self.plain_column(&part[..at])?, part.get(at + 1)?.name()?);
        let is_own = same_name(&collation, &column.collation) || part.len() != at + 2;
        Some(if is_own { Term::column(column) } else { Term::collated(column, &collation) })
    }

    /// Returns an expression over columns of this table as an index has it: without the table's name. `None` for a column
    /// alone.
    fn expression(&self, part: &[Token<'_>]) -> Option<Term> {
        if part.len() < 3 || self.plain_column(part).is_some() || self.collated(part).is_some() {
            return None;
        }
        let mut sql = String::new();
        let mut end = part[0].start;
        let mut has_column = false;
        for (at, token) in part.iter().enumerate() {
            let next = part.get(at + 1);
            let is_qualifier = next.is_some_and(|next| next.is_symbol("."));
            if token.kind == TokenKind::Variable || token.is("select") {
                return None;
            }
            has_column |= !is_qualifier
                && matches!(token.kind, TokenKind::Word | TokenKind::Quoted)
                && !next.is_some_and(|next| next.is_symbol("("))
                && token.name().is_some_and(|name| self.table.column(&name).is_some());
            if end < token.start && !sql.is_empty() && !sql.ends_with('(') {
                sql.push(' ');
            }
            end = token.end();
            if !is_qualifier && !token.is_symbol(".") {
                sql.push_str(token.text);
            }
        }
        has_column.then_some(Term { sql, column: None, descending: false })
    }
}

/// Returns what is between the commas of a list that begins at `start`.
fn list_parts<'t, 'a>(text: &'t [Token<'a>], start: usize) -> Vec<&'t [Token<'a>]> {
    let end = end_of(text, start, |token| token.is_symbol(";") || is_one_of(token, LIST_ENDS));
    let mut parts = between_commas(text.get(start..end).unwrap_or_default());
    parts.retain(|part| !part.is_empty());
    parts
}

/// Returns the column of the SELECT in front that has this number or alias.
fn selected<'t, 'a>(text: &'t [Token<'a>], before: usize, part: &[Token<'a>]) -> Option<&'t [Token<'a>]> {
    let [wanted] = part else { return None };
    let select = select_before(text, before)?;
    let skip = usize::from(text.get(select + 1).is_some_and(|next| next.is("distinct") || next.is("all")));
    let columns = list_parts(text, select + 1 + skip);
    let without_alias = |part: &'t [Token<'a>]| match part {
        [rest @ .., word, _] if word.is("as") => rest,
        _ => part,
    };
    if wanted.kind == TokenKind::Number {
        let number: usize = wanted.text.parse().ok()?;
        return columns.get(number.checked_sub(1)?).map(|part| without_alias(part));
    }
    let name = wanted.name()?;
    let has_alias = |part: &&&'t [Token<'a>]| match part {
        [.., word, alias] if word.is("as") => alias.name().is_some_and(|alias| same_name(&alias, &name)),
        _ => false,
    };
    columns.iter().find(has_alias).map(|part| without_alias(part))
}

/// Returns the index of the last SELECT before a position, in the same parentheses or in those around them.
fn select_before(text: &[Token<'_>], before: usize) -> Option<usize> {
    let mut end = before;
    loop {
        // The token in front is a SELECT, or opens the parentheses around this position.
        let at = start_of(text, end, |token| token.is("select")).checked_sub(1)?;
        if text[at].is("select") {
            return Some(at);
        }
        end = at;
    }
}
