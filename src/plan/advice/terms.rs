//! The terms that are worth trying in an index: what the words of a statement say about the columns of a table.
//!
//! There is no parser: a word that is misread costs a trial, and the plan decides.

use super::candidate::Term;
use crate::plan::json_value::is_same_value;
use crate::plan::query_plan::Plan;
use crate::plan::tree::distinct;
use crate::schema::{Affinity, Column, IndexedColumn, IndexedExpr, Schema, Table, TableKind};
use crate::sql::{Name, Token, TokenKind, between_commas, end_of, same_name, start_of, tokens};

/// The terms that are worth trying on a table.
#[derive(Debug)]
pub(super) struct TableTerms {
    pub(super) table: Name,
    /// Terms by which rows may be searched, in the order of the statement.
    pub(super) singles: Vec<Term>,
    /// Orders in which the statement may need the rows. Empty for the order of the rowid, which is that of the rows that an
    /// index finds for one value.
    pub(super) orders: Vec<Vec<Term>>,
    /// Terms of which the statement wants the smallest or the largest value.
    pub(super) extremes: Vec<Term>,
}

/// Returns the terms of each table of a plan. `texts` are the statement, its views and its triggers.
pub(super) fn of_plan(plan: &Plan, schema: &Schema, texts: &[String]) -> Vec<TableTerms> {
    let texts: Vec<Vec<Token<'_>>> = texts.iter().map(|text| tokens(text)).collect();
    let mut tables = distinct(plan.all().filter_map(|node| schema.table(node.table.as_deref()?)));
    // Among few rows, SQLite scans for what it would search among many, with or without an index.
    tables.retain(|table| table.kind == TableKind::Ordinary && plan.catalog.few_rows(&table.name).is_none());
    let statement = Statement { writes: writes(&texts[0]), collations: collations(&texts, &tables), texts };
    tables.iter().map(|table| statement.terms_of(table)).collect()
}

fn writes(statement: &[Token<'_>]) -> bool {
    statement.iter().any(|token| ["delete", "update", "replace", "insert"].iter().any(|word| token.is(word)))
}

/// Returns the collations in which the statement may compare texts.
fn collations(texts: &[Vec<Token<'_>>], tables: &[&Table]) -> Vec<Name> {
    let mut found: Vec<Name> = Vec::new();
    for text in texts {
        for (at, token) in text.iter().enumerate() {
            if token.is("collate") {
                found.extend(text.get(at + 1).and_then(Token::name).map(Name::from));
            } else if token.is("like") {
                found.push("NOCASE".into());
            } else if token.is("glob") {
                found.push("BINARY".into());
            }
        }
    }
    let columns = tables.iter().flat_map(|table| &table.columns);
    for column in columns.filter(|column| !same_name(&column.collation, "BINARY")) {
        found.extend([Name::from(&column.collation), "BINARY".into()]);
    }
    distinct(found)
}

/// The tokens of a statement, of its views and of its triggers.
struct Statement<'a> {
    texts: Vec<Vec<Token<'a>>>,
    collations: Vec<Name>,
    writes: bool,
}

impl Statement<'_> {
    fn terms_of(&self, table: &Table) -> TableTerms {
        let reader = Reader { table };
        let mut singles: Vec<Term> = Vec::new();
        let columns = self.columns_of(table).into_iter().flat_map(|column| self.terms_of_column(column));
        let operands = self.texts.iter().flat_map(|text| reader.operands(text));
        let named = self.texts.iter().flat_map(|text| reader.named_operands(text, &self.texts));
        for term in columns.chain(operands).chain(named) {
            if !singles.iter().any(|known| known.is(&term)) && !starts_an_index(table, &term) {
                singles.push(term);
            }
        }
        let mut orders = distinct(self.texts.iter().flat_map(|text| reader.orders(text)));
        orders
            .retain(|order| order.first().is_none_or(|first| first.column.is_some() || !starts_an_index(table, first)));
        let extremes = self.texts.iter().flat_map(|text| reader.extremes(text)).collect();
        TableTerms { table: table.name.clone(), singles, orders, extremes }
    }

    /// Returns the columns of a table that the statement names, or looks up for a foreign key.
    fn columns_of<'t>(&self, table: &'t Table) -> Vec<&'t Column> {
        let mut columns: Vec<&Column> = Vec::new();
        for text in &self.texts {
            columns.extend(text.iter().filter_map(|token| table.column(&token.name()?)));
            if text.iter().any(|token| token.is("natural")) {
                columns.extend(&table.columns);
            }
        }
        if self.writes {
            let keys = table.foreign_keys.iter().flat_map(|key| &key.columns);
            columns.extend(keys.filter_map(|name| table.column(name)));
        }
        columns.retain(|column| !is_rowid(table, column));
        columns
    }

    /// Returns a column in its own collation, then in those in which the statement may compare it.
    fn terms_of_column(&self, column: &Column) -> Vec<Term> {
        let is_textual = matches!(column.affinity, Affinity::Text | Affinity::Blob | Affinity::Any);
        let others = self.collations.iter().filter(|name| is_textual && **name != column.collation);
        let collated = others.map(|collation| Term::collated(column, collation));
        std::iter::once(Term::column(column)).chain(collated).collect()
    }
}

/// Returns true if an index or a key starts with the term already, so that another would be of no more use: the statement can
/// be written as the index is.
pub(super) fn starts_an_index(table: &Table, term: &Term) -> bool {
    let Some(column) = term.column.as_deref().and_then(|name| table.column(name)) else {
        let is_same = |first: &IndexedColumn| matches!(&first.what, IndexedExpr::Expression(sql) if is_same_value(sql, &term.sql));
        let indexes = table.indexes.iter().filter(|index| index.partial.is_none() && term.column.is_none());
        return indexes.into_iter().any(|index| index.terms.first().is_some_and(is_same));
    };
    let is_it = |first: &IndexedColumn| {
        let same = match same_name(&first.collation, &column.collation) {
            true => Term::column(column),
            false => Term::collated(column, &first.collation),
        };
        matches!(&first.what, IndexedExpr::Column(name) if *name == column.name) && same.is(term)
    };
    let indexes = table.indexes.iter().filter(|index| index.partial.is_none()).map(|index| &index.terms);
    let keys = table.primary_key.iter().chain(&table.unique).map(|key| &key.terms);
    indexes.chain(keys).any(|terms| terms.first().is_some_and(is_it))
}

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

struct Reader<'a> {
    table: &'a Table,
}

impl Reader<'_> {
    /// Returns the expressions beside a comparison.
    fn operands(&self, text: &[Token<'_>]) -> Vec<Term> {
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

    /// Returns the expressions of a SELECT, such as that of a view, that are compared by the name that they are given.
    fn named_operands(&self, text: &[Token<'_>], texts: &[Vec<Token<'_>>]) -> Vec<Term> {
        let is_operator = |token: Option<&Token<'_>>| {
            token.is_some_and(|token| is_comparison(token) || is_one_of(token, COMPARISONS))
        };
        let is_compared = |name: &str| {
            texts.iter().any(|text| {
                let is_it = |at: &usize| text[*at].name().is_some_and(|own| same_name(&own, name));
                (0..text.len())
                    .filter(is_it)
                    .any(|at| is_operator(text.get(at + 1)) || at > 0 && is_comparison(&text[at - 1]))
            })
        };
        let named = text.windows(2).enumerate().filter(|(_, pair)| pair[0].is("as"));
        let compared = named.filter(|(_, pair)| pair[1].name().is_some_and(|name| is_compared(&name)));
        compared.filter_map(|(at, _)| self.expression(&text[start_of(text, at, is_bound)..at])).collect()
    }

    /// Returns the columns x of `min(x)` and `max(x)`.
    fn extremes(&self, text: &[Token<'_>]) -> Vec<Term> {
        let mut found = Vec::new();
        for (at, pair) in text.windows(2).enumerate() {
            if (pair[0].is("min") || pair[0].is("max")) && pair[1].is_symbol("(") {
                let list = self.list(text, at + 2);
                found.extend(<[Term; 1]>::try_from(list).into_iter().flatten());
            }
        }
        found
    }

    /// Returns the terms of each ORDER BY, GROUP BY and DISTINCT, up to the first that is not of this table.
    fn orders(&self, text: &[Token<'_>]) -> Vec<Vec<Term>> {
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
