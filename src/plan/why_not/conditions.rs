//! Finds the obstacles to the use of an index in the conditions of a statement.

use std::ops::Range;

use super::question::{Change, Question, Removal, columns_of};
use super::reason::{Obstacle, PatternProblem};
use super::statement::{Comparison, Occurrence, Reference, Role, is_one_of};
use super::trial::{IndexShape, expression};
use crate::plan::json_value::is_same_value;
use crate::schema::{Affinity, Column, IndexedColumn, IndexedExpr, Table};
use crate::sql::{Cursor, Token, TokenKind, end_of, plain_name, same_name, tokens};

impl Question<'_> {
    /// Returns what may be in the way where the statement has the column of a term, the likeliest first.
    pub(super) fn of_occurrence(&self, number: usize, term: &IndexedColumn, occurrence: &Occurrence) -> Vec<Removal> {
        let mut found = Vec::new();
        found.extend(self.of_operand(term, occurrence));
        match &occurrence.role {
            Role::Compared(comparison) => {
                found.extend(self.of_collation(number, term, occurrence, comparison));
                found.extend(self.of_operator(term, occurrence, comparison));
                found.extend(self.of_pattern(occurrence, comparison));
                found.extend(self.of_affinity(term, comparison));
            }
            Role::Bare { not } => {
                let column = expression(term);
                let value = if not.is_some() { 0 } else { 1 };
                let new = format!("{} = {value}", self.text(&occurrence.column));
                found.push(self.rewrite(Obstacle::Truth { column }, &occurrence.condition(), new));
            }
            Role::Sorted => {
                found.extend(self.of_nulls(occurrence));
                found.extend(self.of_collation_words(number, term, &occurrence.operand));
            }
        }
        // `NOT (x = ?)`, `NOT x = ?`
        let condition = occurrence.condition();
        let around = self.statement.around(&condition).filter(|_| matches!(occurrence.role, Role::Compared(_)));
        let not = |range: &Range<usize>| range.start.checked_sub(1).filter(|&at| self.statement.tokens[at].is("not"));
        if let Some(not) = not(&condition).or_else(|| not(around.as_ref()?)) {
            let obstacle = Obstacle::Operator { operator: "NOT".to_owned(), column: expression(term) };
            found.push(self.replace(obstacle, &(not..not + 1), ""));
        }
        found
    }

    /// Something is around the column, or it is another expression than the index's.
    fn of_operand(&self, term: &IndexedColumn, occurrence: &Occurrence) -> Option<Removal> {
        let operand = self.statement.without_parentheses(&occurrence.operand);
        let all = &self.statement.tokens;
        let column = self.text(&occurrence.column);
        if let IndexedExpr::Expression(indexed) = &term.what {
            if is_same_expression(indexed, self.statement.text(&operand)) {
                return None;
            }
            let (indexed, expression) = (indexed.clone(), self.text(&operand));
            let new = self.qualified(&indexed, &occurrence.column);
            if is_same_value(&indexed, &expression) {
                let obstacle = Obstacle::Expression { indexed, expression, is_same_value: true };
                return Some(self.rewrite(obstacle, &operand, new));
            }
            let obstacle = Obstacle::Expression { indexed, expression, is_same_value: false };
            let removal = self.replace(obstacle, &occurrence.operand, new);
            return Some(Removal { alternative: self.with_expression(term, &operand), ..removal });
        }
        if operand == occurrence.column
            || all[occurrence.column.end..operand.end].first().is_some_and(|t| t.is("collate"))
        {
            return None;
        }
        if all[operand.start].is_symbol("+") && operand.start + 1 == occurrence.column.start {
            let obstacle = Obstacle::UnaryPlus { column: expression(term) };
            return Some(self.rewrite(obstacle, &occurrence.operand, column));
        }
        let (indexed, expression) = (expression(term), self.text(&operand));
        let obstacle = Obstacle::Expression { indexed, expression, is_same_value: false };
        let removal = self.replace(obstacle, &occurrence.operand, column);
        Some(Removal { alternative: self.with_expression(term, &operand), ..removal })
    }

    /// Returns an expression of an index with the table in front of its columns, if the statement has it in front of a column.
    fn qualified(&self, indexed: &str, column: &Range<usize>) -> String {
        let name = column.end.saturating_sub(1);
        let qualifier = self.text(&(column.start..name));
        let mut sql = indexed.to_owned();
        for token in tokens(indexed).iter().rev().filter(|_| !qualifier.is_empty()) {
            let is_word = matches!(token.kind, TokenKind::Word | TokenKind::Quoted);
            if is_word && token.name().is_some_and(|name| self.table.column(&name).is_some()) {
                sql.insert_str(token.start, &qualifier);
            }
        }
        sql
    }

    /// Returns the index with an expression of the statement in place of a term.
    fn with_expression(&self, term: &IndexedColumn, operand: &Range<usize>) -> Option<IndexShape> {
        let mut shape = self.shape.clone();
        let number = shape.terms.iter().position(|one| one == term)?;
        shape.terms[number].what = IndexedExpr::Expression(self.unqualified(operand)?);
        Some(shape)
    }

    /// Returns an expression without the table in front of its columns, as an index has it. `None` if it has a parameter or a
    /// subquery.
    fn unqualified(&self, range: &Range<usize>) -> Option<String> {
        let part = &self.statement.tokens[range.clone()];
        let mut sql = String::new();
        let mut end = part.first()?.start;
        for (at, token) in part.iter().enumerate() {
            if token.kind == TokenKind::Variable || token.is("select") {
                return None;
            }
            let is_qualifier = part.get(at + 1).is_some_and(|next| next.is_symbol("."));
            if end < token.start && !sql.is_empty() {
                sql.push(' ');
            }
            end = token.end();
            if !is_qualifier && !token.is_symbol(".") {
                sql.push_str(token.text);
            }
        }
        Some(sql)
    }

    /// Another collation in the comparison than in the index.
    fn of_collation(
        &self,
        number: usize,
        term: &IndexedColumn,
        occurrence: &Occurrence,
        comparison: &Comparison,
    ) -> Vec<Removal> {
        let mut found = self.of_collation_words(number, term, &occurrence.condition());
        let column = columns_of(self.table, term).first().and_then(|name| self.table.column(name));
        let Some(column) = column else { return found };
        match comparison.word.trim_start_matches("NOT ") {
            "LIKE" | "GLOB" => {
                let needed = ["NOCASE", "BINARY"].into_iter().filter(|needed| !same_name(needed, &term.collation));
                found.extend(needed.map(|needed| {
                    let obstacle = Obstacle::Case { column: expression(term), needed: needed.to_owned() };
                    Self::collated(number, needed, obstacle)
                }));
            }
            _ => {
                let others = self.columns_in(&comparison.other).into_iter().map(|other| &other.collation);
                for collation in std::iter::once(&column.collation).chain(others) {
                    if !same_name(collation, &term.collation) {
                        found.push(Self::collated(number, collation, Self::other_collation(term, collation)));
                    }
                }
            }
        }
        found
    }

    /// `COLLATE x` in a condition or an ORDER BY.
    fn of_collation_words(&self, number: usize, term: &IndexedColumn, range: &Range<usize>) -> Vec<Removal> {
        let all = &self.statement.tokens;
        let collate = range.clone().filter(|&at| all[at].is("collate"));
        let names = collate.filter_map(|at| all.get(at + 1).and_then(Token::name));
        let others = names.filter(|name| !same_name(name, &term.collation));
        others.map(|name| Self::collated(number, &name, Self::other_collation(term, &name))).collect()
    }

    fn other_collation(term: &IndexedColumn, statement: &str) -> Obstacle {
        Obstacle::Collation { column: expression(term), index: term.collation.clone(), statement: statement.to_owned() }
    }

    fn collated(number: usize, collation: &str, obstacle: Obstacle) -> Removal {
        Removal::of_index(obstacle, Change::Collation(number, collation.to_owned()))
    }

    /// Returns the columns of any table that some tokens name.
    fn columns_in(&self, range: &Range<usize>) -> Vec<&Column> {
        let names = self.statement.tokens[range.clone()].iter().filter_map(Token::name);
        names.flat_map(|name| self.schema.tables.iter().filter_map(move |table| table.column(&name))).collect()
    }

    /// An operator that names no values.
    fn of_operator(&self, term: &IndexedColumn, occurrence: &Occurrence, comparison: &Comparison) -> Option<Removal> {
        let word = comparison.word.as_str();
        let truth =
            comparison.other.len() == 1 && is_one_of(&self.statement.tokens[comparison.other.start], "true false");
        let obstacle = |operator: String| Obstacle::Operator { operator, column: expression(term) };
        if truth && word.starts_with("IS") {
            let is_true = self.statement.tokens[comparison.other.start].is("true") == (word == "IS");
            let new = format!("{} = {}", self.text(&occurrence.column), i32::from(is_true));
            let operator = format!("{word} {}", self.text(&comparison.other).to_ascii_uppercase());
            return Some(match word {
                "IS" => self.rewrite(obstacle(operator), &occurrence.condition(), new),
                _ => self.replace(obstacle(operator), &occurrence.condition(), new),
            });
        }
        let plain = match word {
            "<>" | "!=" => "=",
            "IS NOT" | "IS DISTINCT FROM" => "IS",
            "NOTNULL" | "NOT NULL" => "IS NULL",
            _ => word.strip_prefix("NOT ")?,
        };
        let is_null = word == "IS NOT" && self.text(&comparison.other).eq_ignore_ascii_case("null");
        let operator = if is_null { "IS NOT NULL".to_owned() } else { word.to_owned() };
        Some(self.replace(obstacle(operator), &comparison.operator, plain))
    }

    /// A pattern that does not begin with a known text.
    fn of_pattern(&self, occurrence: &Occurrence, comparison: &Comparison) -> Vec<Removal> {
        let (wildcards, known) = match comparison.word.trim_start_matches("NOT ") {
            "LIKE" => (['%', '_'].as_slice(), "'a%'"),
            "GLOB" => (['*', '?', '['].as_slice(), "'a*'"),
            _ => return Vec::new(),
        };
        let all = &self.statement.tokens;
        let mut found = Vec::new();
        let mut condition = occurrence.condition();
        let escape = comparison.other.end;
        if all.get(escape).is_some_and(|token| token.is("escape")) {
            condition.end = (escape + 2).min(all.len());
            let obstacle = Obstacle::Pattern { condition: self.text(&condition), problem: PatternProblem::Escape };
            found.push(self.replace(obstacle, &(escape..condition.end), ""));
        }
        let pattern = self.statement.text(&comparison.other);
        let is_literal = comparison.other.len() == 1 && all[comparison.other.start].kind == TokenKind::Text;
        let problem = match pattern.strip_prefix('\'') {
            Some(text) if is_literal && text.starts_with(wildcards) => PatternProblem::Wildcard,
            _ if is_literal => return found,
            _ => PatternProblem::Unknown,
        };
        let obstacle = Obstacle::Pattern { condition: self.text(&condition), problem };
        found.push(self.replace(obstacle, &comparison.other, known));
        found
    }

    /// A column or expression of another affinity on the other side.
    fn of_affinity(&self, term: &IndexedColumn, comparison: &Comparison) -> Option<Removal> {
        let IndexedExpr::Column(name) = &term.what else { return None };
        let column = self.table.column(name)?;
        let all = &self.statement.tokens;
        let mut other = comparison.other.clone();
        let is_list = all.get(other.start).is_some_and(|token| token.is_symbol("("));
        if is_list && comparison.word.ends_with("IN") {
            // The one column of the subquery.
            let select = other.start + 1;
            if !all.get(select)?.is("select") {
                return None;
            }
            let start = select + 1 + usize::from(all.get(select + 1)?.is("distinct"));
            other = start..end_of(all, start, |token| token.is("from") || token.is_symbol(","));
        }
        let is_value = |token: &Token<'_>| !matches!(token.kind, TokenKind::Word | TokenKind::Quoted);
        if other.is_empty()
            || all[other.clone()].iter().all(is_value)
            || is_one_of(&all[other.start], "null true false")
        {
            return None;
        }
        let text = self.text(&other);
        let new = converted(column, &text)?;
        let other_declared = self.type_of(&other);
        let (column, declared) = (plain_name(name), column.declared_type.clone());
        Some(self.rewrite(Obstacle::Affinity { column, declared, other: text, other_declared }, &other, new))
    }

    /// Returns the declared type of a column of the statement. `None` if it is another expression, or in no table that the
    /// statement names.
    fn type_of(&self, range: &Range<usize>) -> Option<String> {
        let (qualifier, name) = match &self.statement.tokens[range.clone()] {
            [name] => (None, name.name()?),
            [qualifier, _, name] => (qualifier.name(), name.name()?),
            _ => return None,
        };
        let is_meant =
            |reference: &&Reference| qualifier.as_ref().is_none_or(|qualifier| same_name(qualifier, &reference.name));
        let tables = self.statement.references.iter().filter(is_meant);
        let mut columns = tables.filter_map(|reference| self.schema.table(&reference.table)?.column(&name));
        columns.next().map(|column| column.declared_type.clone())
    }

    /// The other side is not known when the row is looked for.
    pub(super) fn of_unknown(&self, term: &IndexedColumn, occurrence: &Occurrence) -> Option<Removal> {
        let Role::Compared(comparison) = &occurrence.role else { return None };
        let (column, other) = (expression(term), self.text(&comparison.other));
        // A name in a subquery is most likely of a table there, unless it says which.
        let has_select = self.statement.tokens[comparison.other.clone()].iter().any(|token| token.is("select"));
        let is_own = |table: &Table| {
            comparison.other.clone().any(|at| {
                let name =
                    self.statement.tokens[at].name().filter(|_| !self.statement.tokens[at].text.starts_with('\''));
                name.is_some_and(|name| table.column(&name).is_some())
                    && at.checked_sub(2).and_then(|at| self.statement.tokens[at].name()).is_none_or(|qualifier| {
                        !has_select && !self.statement.tokens[at - 1].is_symbol(".")
                            || self.statement.references_to(&table.name).any(|one| same_name(&one.name, &qualifier))
                    })
            })
        };
        let is_read_later = self.schema.tables.iter().any(is_own);
        let obstacle = match is_own(self.table) {
            true => Obstacle::SameRow { column, other },
            false if is_read_later => Obstacle::ReadLater { column, other },
            false => return None,
        };
        Some(self.replace(obstacle, &comparison.other, "1"))
    }

    /// `USING (x)` and NATURAL JOIN, which compare columns of the same name.
    pub(super) fn of_using(&self) -> Vec<Removal> {
        let all = &self.statement.tokens;
        let references = &self.statement.references;
        let mut found = Vec::new();
        for (at, token) in all.iter().enumerate() {
            let mut cursor = Cursor::new(all);
            cursor.seek(at + 1);
            let (right, list) = match token {
                token if token.is("using") => (references.iter().rfind(|one| one.end <= at), cursor.group()),
                token if token.is("natural") => (references.iter().find(|one| one.end > at), None),
                _ => continue,
            };
            let Some(right) = right else { continue };
            for left in references.iter().take_while(|reference| reference.end < right.end) {
                let (own, other) = if right.table == self.table.name { (right, left) } else { (left, right) };
                if own.table != self.table.name {
                    continue;
                }
                let (old, join, names) = match &list {
                    Some(list) => {
                        (at..list.end + 1, String::new(), all[list.clone()].iter().filter_map(Token::name).collect())
                    }
                    None => {
                        let join = at + 1..right.end;
                        (at..right.end, format!("{} ", self.text(&join)), self.common_columns(other))
                    }
                };
                found.extend(self.of_columns(&old, &join, &names, (own, other)));
            }
        }
        found
    }

    fn common_columns(&self, other: &Reference) -> Vec<String> {
        let other = self.schema.table(&other.table);
        let is_common = |column: &&Column| other.is_some_and(|other| other.column(&column.name).is_some());
        self.table.columns.iter().filter(is_common).map(|column| column.name.to_string()).collect()
    }

    /// Writes a join by names as one by ON, in which the columns of the other table have the affinity of the index's columns.
    fn of_columns(
        &self,
        old: &Range<usize>,
        join: &str,
        names: &[String],
        (own, other): (&Reference, &Reference),
    ) -> Option<Removal> {
        let of = |reference: &Reference, name: &str| format!("{}.{}", plain_name(&reference.name), plain_name(name));
        let is_indexed = |name: &&String| self.shape.terms.iter().any(|term| term.what.is_column(name));
        let name = names.iter().find(is_indexed)?;
        let column = self.table.column(name)?;
        let other_declared = Some(self.schema.table(&other.table)?.column(name)?.declared_type.clone());
        let compared = names.iter().map(|name| {
            let text = of(other, name);
            let other = self.table.column(name).and_then(|column| converted(column, &text)).unwrap_or(text);
            format!("{} = {other}", of(own, name))
        });
        let new = format!("{join}ON {}", compared.collect::<Vec<_>>().join(" AND "));
        let (column, declared) = (plain_name(name), column.declared_type.clone());
        let obstacle = Obstacle::Affinity { column, declared, other: of(other, name), other_declared };
        Some(self.rewrite(obstacle, old, new))
    }

    fn of_nulls(&self, occurrence: &Occurrence) -> Option<Removal> {
        let all = &self.statement.tokens;
        let nulls =
            (occurrence.operand.end..all.len().min(occurrence.operand.end + 2)).find(|&at| all[at].is("nulls"))?;
        let range = nulls..(nulls + 2).min(all.len());
        let obstacle = Obstacle::Nulls { order: self.text(&range).to_ascii_uppercase() };
        Some(self.replace(obstacle, &range, ""))
    }

    /// Another side of an OR.
    pub(super) fn of_or(&self, occurrence: &Occurrence) -> Vec<Removal> {
        let sides = self.statement.other_sides(&occurrence.condition());
        let removal = |(side, with_or): (Range<usize>, Range<usize>)| {
            self.replace(Obstacle::Or { side: self.text(&side) }, &with_or, "")
        };
        sides.into_iter().map(removal).collect()
    }
}

/// Returns a value that is compared with a column as the column stores it. `None` for a column of numbers, whose index SQLite can
/// always use.
fn converted(column: &Column, text: &str) -> Option<String> {
    let is_plain = text.chars().all(|c| c.is_alphanumeric() || "_.".contains(c));
    match column.affinity {
        Affinity::Text => Some(format!("CAST({text} AS TEXT)")),
        Affinity::Blob | Affinity::Any if is_plain => Some(format!("+{text}")),
        Affinity::Blob | Affinity::Any => Some(format!("+({text})")),
        _ => None,
    }
}

fn is_same_expression(a: &str, b: &str) -> bool {
    let text = |sql: &str| tokens(sql).iter().map(|token| token.text.to_ascii_lowercase()).collect::<Vec<_>>();
    let (a, b) = (text(a), text(b));
    a == b || b.ends_with(&a)
}
