//! `CREATE TABLE`.

use super::statements::{head, names, text_of};
use crate::schema::facts::Check;
use crate::sql::{Cursor, Name, Token, TokenKind, between_commas, tokens};

/// The parts of `CREATE TABLE` that no PRAGMA tells.
#[derive(Debug, Default)]
pub(in crate::schema) struct TableText {
    pub(in crate::schema) columns: Vec<ColumnText>,
    pub(in crate::schema) keys: Vec<KeyText>,
    pub(in crate::schema) foreign_keys: Vec<ForeignKeyText>,
    pub(in crate::schema) checks: Vec<Check>,
    pub(in crate::schema) autoincrement: bool,
}

#[derive(Debug, Default)]
pub(in crate::schema) struct ColumnText {
    pub(in crate::schema) name: Name,
    pub(in crate::schema) collation: Option<String>,
    pub(in crate::schema) generated: Option<String>,
    pub(in crate::schema) not_null_conflict: Option<String>,
}

#[derive(Debug)]
pub(in crate::schema) struct KeyText {
    pub(in crate::schema) primary: bool,
    pub(in crate::schema) name: Option<String>,
    /// The names, each with the collation that is written with it.
    pub(in crate::schema) terms: Vec<(Name, Option<String>)>,
    pub(in crate::schema) on_conflict: Option<String>,
}

#[derive(Debug)]
pub(in crate::schema) struct ForeignKeyText {
    pub(in crate::schema) name: Option<String>,
    pub(in crate::schema) columns: Vec<Name>,
    pub(in crate::schema) parent: Name,
    pub(in crate::schema) deferred: bool,
}

pub(in crate::schema) fn table(sql: &str) -> TableText {
    let tokens = tokens(sql);
    let mut reader = Reader { sql, tokens: &tokens, cursor: Cursor::new(&tokens), text: TableText::default() };
    let _ = reader.table();
    reader.text
}

/// Words that end the type of a column. Every other keyword can be part of a type.
const AFTER_TYPE: [&str; 10] =
    ["CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "AS"];

/// Words that start a constraint of the table.
const TABLE_CONSTRAINTS: [&str; 5] = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];

struct Reader<'t, 'a> {
    sql: &'a str,
    tokens: &'t [Token<'a>],
    cursor: Cursor<'t, 'a>,
    text: TableText,
}

impl Reader<'_, '_> {
    fn table(&mut self) -> Option<()> {
        head(&mut self.cursor, "TABLE")?;
        if !self.cursor.take_symbol("(") {
            return None;
        }
        loop {
            if TABLE_CONSTRAINTS.iter().any(|word| self.cursor.sees(word)) {
                self.table_constraints()?;
            } else {
                self.column()?;
            }
            if self.cursor.next()?.is_symbol(")") {
                return Some(());
            }
        }
    }

    /// Reads an expression in parentheses.
    fn expression(&mut self) -> Option<String> {
        let group = self.cursor.group()?;
        Some(text_of(self.sql, &self.tokens[group]))
    }

    /// Reads up to the comma or parenthesis after the column.
    fn column(&mut self) -> Option<()> {
        let name = Name::from(self.cursor.name()?);
        self.text.columns.push(ColumnText { name: name.clone(), ..ColumnText::default() });
        let index = self.text.columns.len() - 1;
        while let Some(token) = self.cursor.peek() {
            let is_type = matches!(token.kind, TokenKind::Word | TokenKind::Quoted | TokenKind::Text);
            if !is_type || AFTER_TYPE.iter().any(|word| token.is(word)) {
                break;
            }
            self.cursor.next();
        }
        if self.cursor.sees_symbol("(") {
            self.cursor.group()?;
        }
        // A name applies to all constraints of the column that follow it.
        let mut constraint = None;
        loop {
            if self.cursor.sees_symbol(",") || self.cursor.sees_symbol(")") {
                return Some(());
            }
            if self.cursor.take("CONSTRAINT") {
                constraint = Some(self.cursor.name()?);
            } else if self.cursor.take("PRIMARY") {
                self.cursor.take("KEY");
                let _ = self.cursor.take("ASC") || self.cursor.take("DESC");
                self.key(true, constraint.clone(), vec![(name.clone(), None)]);
                self.text.autoincrement |= self.cursor.take("AUTOINCREMENT");
            } else if self.cursor.take("UNIQUE") {
                self.key(false, constraint.clone(), vec![(name.clone(), None)]);
            } else if self.cursor.take("NOT") {
                if self.cursor.take("NULL") {
                    self.text.columns[index].not_null_conflict = self.on_conflict();
                } else if self.cursor.take("DEFERRABLE") {
                    self.deferrable(false);
                }
            } else if self.cursor.take("CHECK") {
                let expression = self.expression()?;
                self.text.checks.push(Check { name: constraint.clone(), expression, column: Some(name.clone()) });
            } else if self.cursor.take("DEFAULT") {
                let _ = self.cursor.take_symbol("+") || self.cursor.take_symbol("-");
                if self.cursor.sees_symbol("(") {
                    self.cursor.group()?;
                } else {
                    self.cursor.next()?;
                }
            } else if self.cursor.take("COLLATE") {
                self.text.columns[index].collation = Some(self.cursor.name()?);
            } else if self.cursor.take("REFERENCES") {
                self.references(constraint.clone(), vec![name.clone()])?;
            } else if self.cursor.take("DEFERRABLE") {
                self.deferrable(true);
            } else if self.cursor.take("AS") {
                self.text.columns[index].generated = Some(self.expression()?);
            } else if self.cursor.sees_symbol("(") {
                self.cursor.group()?;
            } else {
                self.cursor.next()?;
            }
        }
    }

    /// Reads up to the comma or parenthesis after the constraints. SQLite does not insist on commas between them.
    fn table_constraints(&mut self) -> Option<()> {
        let mut constraint = None;
        loop {
            if self.cursor.sees_symbol(",") || self.cursor.sees_symbol(")") {
                return Some(());
            }
            if self.cursor.take("CONSTRAINT") {
                constraint = Some(self.cursor.name()?);
            } else if self.cursor.sees("PRIMARY") || self.cursor.sees("UNIQUE") {
                let primary = self.cursor.next()?.is("PRIMARY");
                self.cursor.take("KEY");
                let group = self.cursor.group()?;
                let mut terms = Vec::new();
                for part in between_commas(&self.tokens[group]) {
                    let collation = part.iter().position(|token| token.is("COLLATE")).and_then(|at| part.get(at + 1));
                    terms.push((Name::from(part.first()?.name()?), collation.and_then(Token::name)));
                    self.text.autoincrement |= part.last().is_some_and(|token| token.is("AUTOINCREMENT"));
                }
                self.key(primary, constraint.clone(), terms);
            } else if self.cursor.take("CHECK") {
                let expression = self.expression()?;
                self.text.checks.push(Check { name: constraint.clone(), expression, column: None });
                // SQLite accepts this clause and ignores it.
                self.on_conflict();
            } else if self.cursor.take("FOREIGN") {
                self.cursor.take("KEY");
                let columns = names(&mut self.cursor, self.tokens)?.into_iter().map(Name::from).collect();
                self.cursor.take("REFERENCES");
                self.references(constraint.clone(), columns)?;
            } else {
                self.cursor.next()?;
            }
        }
    }

    fn key(&mut self, primary: bool, name: Option<String>, terms: Vec<(Name, Option<String>)>) {
        let on_conflict = self.on_conflict();
        self.text.keys.push(KeyText { primary, name, terms, on_conflict });
    }

    fn on_conflict(&mut self) -> Option<String> {
        if !self.cursor.take("ON") {
            return None;
        }
        self.cursor.next();
        let action = self.cursor.next()?.text.to_ascii_uppercase();
        (action != "ABORT").then_some(action)
    }

    /// Reads on after REFERENCES.
    fn references(&mut self, name: Option<String>, columns: Vec<Name>) -> Option<()> {
        let parent = Name::from(self.cursor.name()?);
        if self.cursor.sees_symbol("(") {
            self.cursor.group()?;
        }
        self.text.foreign_keys.push(ForeignKeyText { name, columns, parent, deferred: false });
        loop {
            if self.cursor.take("ON") {
                self.cursor.next()?;
                let _ = self.cursor.take("SET") || self.cursor.take("NO");
                self.cursor.next()?;
            } else if self.cursor.take("MATCH") {
                self.cursor.next()?;
            } else if matches!(self.cursor.rest(), [not, next, ..] if not.is("NOT") && next.is("DEFERRABLE")) {
                self.cursor.next();
                self.cursor.next();
                self.deferrable(false);
            } else if self.cursor.take("DEFERRABLE") {
                self.deferrable(true);
            } else {
                return Some(());
            }
        }
    }

    /// Reads on after DEFERRABLE. It applies to the last foreign key, in whichever column that is declared. After NOT, a key
    /// is immediate, whatever follows INITIALLY.
    fn deferrable(&mut self, can_be: bool) {
        let deferred = self.cursor.take("INITIALLY") && self.cursor.next().is_some_and(|token| token.is("DEFERRED"));
        if let Some(key) = self.text.foreign_keys.last_mut() {
            key.deferred = deferred && can_be;
        }
    }
}
