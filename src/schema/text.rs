//! What only the text of a CREATE statement tells: CHECKs, generated expressions, collations of columns, names of
//! constraints, ON CONFLICT, DEFERRABLE, AUTOINCREMENT, the expressions of indexes, the arguments of virtual tables.
//!
//! SQLite has parsed each of these texts before, so this walk over tokens need not tell right from wrong, only find its
//! way. Where it cannot, it stops: what it has found so far stays, and the facts from PRAGMAs are not touched.

use super::Check;
use crate::sql::{Token, TokenKind, tokens};

/// What `CREATE TABLE` says beyond the PRAGMAs.
#[derive(Debug, Default)]
pub(super) struct TableText {
    pub(super) columns: Vec<ColumnText>,
    pub(super) keys: Vec<KeyText>,
    pub(super) foreign_keys: Vec<ForeignKeyText>,
    pub(super) checks: Vec<Check>,
    pub(super) autoincrement: bool,
}

#[derive(Debug, Default)]
pub(super) struct ColumnText {
    pub(super) name: String,
    pub(super) collation: Option<String>,
    pub(super) generated: Option<String>,
    pub(super) not_null_conflict: Option<String>,
}

#[derive(Debug)]
pub(super) struct KeyText {
    pub(super) primary: bool,
    pub(super) name: Option<String>,
    /// Names, with the collation where one is written.
    pub(super) terms: Vec<(String, Option<String>)>,
    pub(super) on_conflict: Option<String>,
}

#[derive(Debug)]
pub(super) struct ForeignKeyText {
    pub(super) name: Option<String>,
    pub(super) columns: Vec<String>,
    pub(super) parent: String,
    pub(super) deferred: bool,
}

/// What `CREATE INDEX` says.
#[derive(Debug, Default)]
pub(super) struct IndexText {
    /// Each term without ASC and DESC.
    pub(super) terms: Vec<String>,
    pub(super) partial: Option<String>,
}

/// What `CREATE TRIGGER` says.
#[derive(Debug)]
pub(crate) struct TriggerText<'a> {
    /// `BEFORE`, which is also what no word means, `AFTER` or `INSTEAD OF`.
    pub(crate) timing: &'static str,
    /// `DELETE`, `INSERT` or `UPDATE`.
    pub(crate) event: String,
    /// The columns of `UPDATE OF`.
    pub(super) columns: Vec<String>,
    pub(crate) when: Vec<Token<'a>>,
    pub(crate) statements: Vec<Vec<Token<'a>>>,
}

impl<'a> TriggerText<'a> {
    pub(crate) fn of(sql: &'a str) -> Option<TriggerText<'a>> {
        trigger(sql)
    }
}

/// What `CREATE VIEW` says.
#[derive(Debug)]
pub(super) struct ViewText<'a> {
    /// The names of columns in parentheses behind its own.
    pub(super) columns: Vec<String>,
    pub(super) query: Vec<Token<'a>>,
}

pub(super) fn trigger(sql: &str) -> Option<TriggerText<'_>> {
    Walk::new(sql).trigger()
}

pub(super) fn view(sql: &str) -> Option<ViewText<'_>> {
    Walk::new(sql).view()
}

pub(super) fn table(sql: &str) -> TableText {
    let mut text = TableText::default();
    let _ = Walk::new(sql).table(&mut text);
    text
}

pub(super) fn index(sql: &str) -> IndexText {
    let mut text = IndexText::default();
    let _ = Walk::new(sql).index(&mut text);
    text
}

/// The module and the arguments of `CREATE VIRTUAL TABLE`.
pub(super) fn virtual_table(sql: &str) -> (String, Vec<String>) {
    Walk::new(sql).virtual_table().unwrap_or_default()
}

/// What a virtual table is made by, for those who ask SQLite about its rows.
#[derive(Debug)]
pub(crate) struct VirtualTable {
    /// In lower case; empty where it cannot be told.
    pub(crate) module: String,
    /// What `content=` of a full-text table names: another table, or, empty, nothing at all.
    pub(crate) content: Option<String>,
}

impl VirtualTable {
    pub(crate) fn of(sql: &str) -> VirtualTable {
        let (module, arguments) = virtual_table(sql);
        let content = |argument: &String| match &tokens(argument)[..] {
            [name, equals, content, ..] if name.is("content") && equals.is_symbol("=") => content.name(),
            _ => None,
        };
        VirtualTable { module: module.to_ascii_lowercase(), content: arguments.iter().find_map(content) }
    }
}

/// Words that end the type of a column. SQLite has no others: every other keyword can be part of a type.
const BEHIND_TYPE: [&str; 10] =
    ["CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "AS"];

struct Walk<'a> {
    sql: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
}

impl<'a> Walk<'a> {
    fn new(sql: &'a str) -> Self {
        Walk { sql, tokens: tokens(sql), at: 0 }
    }

    fn peek(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token<'a>> {
        let token = self.tokens.get(self.at).copied()?;
        self.at += 1;
        Some(token)
    }

    fn name(&mut self) -> Option<String> {
        self.next()?.name()
    }

    fn sees(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| token.is(word))
    }

    fn sees_symbol(&self, symbol: &str) -> bool {
        self.peek().is_some_and(|token| token.is_symbol(symbol))
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.sees(word);
        self.at += usize::from(found);
        found
    }

    /// The tokens in the parentheses that open here, as a range.
    fn group(&mut self) -> Option<(usize, usize)> {
        if !self.sees_symbol("(") {
            return None;
        }
        let start = self.at + 1;
        let mut depth = 0;
        while let Some(token) = self.next() {
            if token.is_symbol("(") {
                depth += 1;
            } else if token.is_symbol(")") {
                depth -= 1;
                if depth == 0 {
                    return Some((start, self.at - 1));
                }
            }
        }
        None
    }

    /// The text of a range of tokens, without white space and comments around it.
    fn text(&self, (start, end): (usize, usize)) -> String {
        match self.tokens.get(start..end) {
            Some([first, .., last]) => self.sql[first.start..last.end()].to_owned(),
            Some([only]) => only.text.to_owned(),
            _ => String::new(),
        }
    }

    /// The parts of a range between its commas.
    fn parts(&self, (start, end): (usize, usize)) -> Vec<(usize, usize)> {
        let mut parts = Vec::new();
        let (mut depth, mut from) = (0, start);
        for at in start..end {
            let token = &self.tokens[at];
            if token.is_symbol("(") {
                depth += 1;
            } else if token.is_symbol(")") {
                depth -= 1;
            } else if depth == 0 && token.is_symbol(",") {
                parts.push((from, at));
                from = at + 1;
            }
        }
        parts.push((from, end));
        parts
    }

    fn names(&mut self) -> Option<Vec<String>> {
        let group = self.group()?;
        self.parts(group).into_iter().map(|(start, _)| self.tokens.get(start)?.name()).collect()
    }

    /// `CREATE [UNIQUE|VIRTUAL|TEMP] <what> [IF NOT EXISTS] [schema.]name`.
    fn head(&mut self, what: &str) -> Option<()> {
        while !self.take(what) {
            self.next()?;
        }
        if self.take("IF") {
            self.at += 2;
        }
        self.name()?;
        if self.sees_symbol(".") {
            self.at += 1;
            self.name()?;
        }
        Some(())
    }

    fn table(&mut self, text: &mut TableText) -> Option<()> {
        self.head("TABLE")?;
        if !self.sees_symbol("(") {
            return None;
        }
        self.at += 1;
        loop {
            let starts_constraint = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];
            if starts_constraint.iter().any(|word| self.sees(word)) {
                self.table_constraints(text)?;
            } else {
                self.column(text)?;
            }
            let end = self.next()?;
            if end.is_symbol(")") {
                return Some(());
            }
        }
    }

    /// Up to the comma or parenthesis behind the column.
    fn column(&mut self, text: &mut TableText) -> Option<()> {
        let name = self.name()?;
        text.columns.push(ColumnText { name: name.clone(), ..ColumnText::default() });
        let index = text.columns.len() - 1;
        while let Some(token) = self.peek() {
            let is_type = matches!(token.kind, TokenKind::Word | TokenKind::Quoted | TokenKind::Text);
            if !is_type || BEHIND_TYPE.iter().any(|word| token.is(word)) {
                break;
            }
            self.at += 1;
        }
        if self.sees_symbol("(") {
            self.group()?;
        }
        // A name counts for all constraints of the column that follow it.
        let mut constraint = None;
        loop {
            if self.sees_symbol(",") || self.sees_symbol(")") {
                return Some(());
            }
            if self.take("CONSTRAINT") {
                constraint = Some(self.name()?);
            } else if self.take("PRIMARY") {
                self.take("KEY");
                let _ = self.take("ASC") || self.take("DESC");
                let on_conflict = self.on_conflict();
                text.autoincrement |= self.take("AUTOINCREMENT");
                let terms = vec![(name.clone(), None)];
                text.keys.push(KeyText { primary: true, name: constraint.clone(), terms, on_conflict });
            } else if self.take("UNIQUE") {
                let terms = vec![(name.clone(), None)];
                let on_conflict = self.on_conflict();
                text.keys.push(KeyText { primary: false, name: constraint.clone(), terms, on_conflict });
            } else if self.take("NOT") {
                if self.take("NULL") {
                    text.columns[index].not_null_conflict = self.on_conflict();
                } else {
                    self.not_deferrable(text);
                }
            } else if self.take("CHECK") {
                let group = self.group()?;
                let expression = self.text(group);
                text.checks.push(Check { name: constraint.clone(), expression, column: Some(name.clone().into()) });
            } else if self.take("DEFAULT") {
                if self.sees_symbol("+") || self.sees_symbol("-") {
                    self.at += 1;
                }
                if self.sees_symbol("(") {
                    self.group()?;
                } else {
                    self.next()?;
                }
            } else if self.take("COLLATE") {
                text.columns[index].collation = Some(self.name()?);
            } else if self.take("REFERENCES") {
                self.references(constraint.clone(), vec![name.clone()], text)?;
            } else if self.take("DEFERRABLE") {
                self.deferrable(text);
            } else if self.take("AS") {
                let group = self.group()?;
                text.columns[index].generated = Some(self.text(group));
            } else if self.sees_symbol("(") {
                self.group()?;
            } else {
                self.next()?;
            }
        }
    }

    /// Up to the comma or parenthesis behind it; SQLite does not insist on commas between them.
    fn table_constraints(&mut self, text: &mut TableText) -> Option<()> {
        let mut constraint = None;
        loop {
            if self.sees_symbol(",") || self.sees_symbol(")") {
                return Some(());
            }
            if self.take("CONSTRAINT") {
                constraint = Some(self.name()?);
            } else if self.sees("PRIMARY") || self.sees("UNIQUE") {
                let primary = self.next()?.is("PRIMARY");
                self.take("KEY");
                let group = self.group()?;
                let mut terms = Vec::new();
                for (start, end) in self.parts(group) {
                    let part = &self.tokens[start..end];
                    let collation = part.iter().position(|token| token.is("COLLATE")).and_then(|at| part.get(at + 1));
                    terms.push((part.first()?.name()?, collation.and_then(Token::name)));
                    text.autoincrement |= part.last().is_some_and(|token| token.is("AUTOINCREMENT"));
                }
                let on_conflict = self.on_conflict();
                text.keys.push(KeyText { primary, name: constraint.clone(), terms, on_conflict });
            } else if self.take("CHECK") {
                let group = self.group()?;
                let expression = self.text(group);
                text.checks.push(Check { name: constraint.clone(), expression, column: None });
                // SQLite takes this clause and does not heed it.
                self.on_conflict();
            } else if self.take("FOREIGN") {
                self.take("KEY");
                let columns = self.names()?;
                self.take("REFERENCES");
                self.references(constraint.clone(), columns, text)?;
            } else {
                self.next()?;
            }
        }
    }

    fn on_conflict(&mut self) -> Option<String> {
        if !self.sees("ON") {
            return None;
        }
        self.at += 2;
        let action = self.next()?.text.to_ascii_uppercase();
        (action != "ABORT").then_some(action)
    }

    /// From behind REFERENCES.
    fn references(&mut self, name: Option<String>, columns: Vec<String>, text: &mut TableText) -> Option<()> {
        let parent = self.name()?;
        if self.sees_symbol("(") {
            self.group()?;
        }
        text.foreign_keys.push(ForeignKeyText { name, columns, parent, deferred: false });
        loop {
            if self.take("ON") {
                self.next()?;
                let _ = self.take("SET") || self.take("NO");
                self.next()?;
            } else if self.take("MATCH") {
                self.next()?;
            } else if self.sees("NOT") && self.tokens.get(self.at + 1).is_some_and(|token| token.is("DEFERRABLE")) {
                self.at += 1;
                self.not_deferrable(text);
            } else if self.take("DEFERRABLE") {
                self.deferrable(text);
            } else {
                return Some(());
            }
        }
    }

    /// From behind DEFERRABLE. It is about the foreign key before it, at whichever column that stands.
    fn deferrable(&mut self, text: &mut TableText) {
        let deferred = self.initially();
        if let Some(key) = text.foreign_keys.last_mut() {
            key.deferred = deferred;
        }
    }

    /// From behind NOT. Such a key is immediate, whatever stands behind INITIALLY.
    fn not_deferrable(&mut self, text: &mut TableText) {
        if self.take("DEFERRABLE") {
            self.initially();
            if let Some(key) = text.foreign_keys.last_mut() {
                key.deferred = false;
            }
        }
    }

    fn initially(&mut self) -> bool {
        self.take("INITIALLY") && self.next().is_some_and(|token| token.is("DEFERRED"))
    }

    fn index(&mut self, text: &mut IndexText) -> Option<()> {
        self.head("INDEX")?;
        self.take("ON");
        self.name()?;
        let group = self.group()?;
        for (start, mut end) in self.parts(group) {
            if end > start + 1 && (self.tokens[end - 1].is("ASC") || self.tokens[end - 1].is("DESC")) {
                end -= 1;
            }
            text.terms.push(self.text((start, end)));
        }
        if self.take("WHERE") {
            let mut end = self.tokens.len();
            while end > self.at && self.tokens[end - 1].is_symbol(";") {
                end -= 1;
            }
            text.partial = Some(self.text((self.at, end)));
        }
        Some(())
    }

    fn virtual_table(&mut self) -> Option<(String, Vec<String>)> {
        self.head("TABLE")?;
        self.take("USING");
        let module = self.name()?;
        let Some(group) = self.group() else { return Some((module, Vec::new())) };
        // A module is given the text between the commas, comments and all.
        let open = self.tokens[group.0 - 1].end();
        let close = self.tokens[group.1].start;
        let mut ends: Vec<usize> = self.parts(group).iter().map(|&(_, end)| self.tokens[end].start).collect();
        *ends.last_mut()? = close;
        let mut arguments = Vec::new();
        let mut from = open;
        for end in ends {
            arguments.push(self.sql[from..end].trim().to_owned());
            from = end + 1;
        }
        if arguments == [""] {
            arguments.clear();
        }
        Some((module, arguments))
    }

    fn trigger(&mut self) -> Option<TriggerText<'a>> {
        self.head("TRIGGER")?;
        let timing = if self.take("AFTER") {
            "AFTER"
        } else if self.take("INSTEAD") {
            self.take("OF");
            "INSTEAD OF"
        } else {
            self.take("BEFORE");
            "BEFORE"
        };
        let event = self.next()?.text.to_ascii_uppercase();
        let mut columns = Vec::new();
        if self.take("OF") {
            columns.push(self.name()?);
            while self.sees_symbol(",") {
                self.at += 1;
                columns.push(self.name()?);
            }
        }
        if !self.take("ON") {
            return None;
        }
        self.name()?;
        // FOR EACH ROW is what SQLite does without it.
        if self.take("FOR") {
            self.at += 2;
        }
        let mut when = Vec::new();
        if self.take("WHEN") {
            let mut depth = 0;
            while !(depth == 0
                && self.sees("BEGIN")
                && !when.last().is_some_and(|last: &Token<'_>| last.is_symbol(".")))
            {
                let token = self.next()?;
                depth += i32::from(token.is_symbol("(")) - i32::from(token.is_symbol(")"));
                when.push(token);
            }
        }
        if !self.take("BEGIN") {
            return None;
        }
        let mut statements = vec![Vec::new()];
        while let Some(token) = self.next() {
            let last = statements.last_mut()?;
            if token.is_symbol(";") {
                statements.push(Vec::new());
            } else if last.is_empty() && token.is("END") {
                statements.pop();
                return Some(TriggerText { timing, event, columns, when, statements });
            } else {
                last.push(token);
            }
        }
        None
    }

    fn view(&mut self) -> Option<ViewText<'a>> {
        self.head("VIEW")?;
        let columns = if self.sees_symbol("(") { self.names()? } else { Vec::new() };
        if !self.take("AS") {
            return None;
        }
        let mut query = self.tokens.split_off(self.at);
        query.retain(|token| !token.is_symbol(";"));
        Some(ViewText { columns, query })
    }
}
