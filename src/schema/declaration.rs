//! Changes to the text of a CREATE TABLE, for fixes. No lint relies on this text. Only the new declaration is made from the
//! old one, so that names, comments and layout stay, and then it is tried.

use std::ops::Range;

use crate::order::Order as _;
use crate::sql::{Cursor, Token, TokenKind, between_commas, plain_name, quote_text, same_name, tokens};

/// A CREATE TABLE with changes to make.
#[derive(Debug)]
pub(crate) struct Declaration<'a> {
    sql: &'a str,
    tokens: Vec<Token<'a>>,
    /// The index of the token that is the table's name.
    name: usize,
    /// The ranges of the tokens of each column or constraint.
    items: Vec<Range<usize>>,
    /// The index of the closing parenthesis.
    close: usize,
    changes: Vec<(Range<usize>, String)>,
}

impl<'a> Declaration<'a> {
    /// Returns `None` for a text of another form, such as that of a virtual table.
    pub(crate) fn parse(sql: &'a str) -> Option<Declaration<'a>> {
        let tokens = tokens(sql);
        if !(tokens.first()?.is("CREATE") && tokens.get(1)?.is("TABLE")) {
            return None;
        }
        let open = tokens.iter().position(|token| token.is_symbol("("))?;
        let name = open.checked_sub(1)?;
        let mut cursor = Cursor::new(&tokens);
        cursor.seek(open);
        let inside = cursor.group()?;
        let mut items = Vec::new();
        let mut start = inside.start;
        for part in between_commas(&tokens[inside.clone()]) {
            items.push(start..start + part.len());
            start += part.len() + 1;
        }
        Some(Declaration { sql, name, items, close: inside.end, tokens, changes: Vec::new() })
    }

    fn is_constraint(&self, item: &Range<usize>) -> bool {
        let first = self.tokens[item.start];
        ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"].iter().any(|word| first.is(word))
    }

    fn column(&self, name: &str) -> Option<Range<usize>> {
        let of_name = |item: &&Range<usize>| {
            !item.is_empty()
                && !self.is_constraint(item)
                && self.tokens[item.start].name().is_some_and(|found| same_name(&found, name))
        };
        self.items.iter().find(of_name).cloned()
    }

    /// Adds text after a token.
    fn insert_after(&mut self, token: usize, text: impl Into<String>) {
        let end = self.tokens[token].end();
        self.changes.push((end..end, text.into()));
    }

    /// Gives a column another type.
    pub(crate) fn retype(mut self, column: &str, declared: &str) -> Option<Self> {
        let item = self.column(column)?;
        let ends = |token: &Token<'_>| {
            token.kind == TokenKind::Symbol
                || ["CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES"]
                    .iter()
                    .chain(&["GENERATED", "AS", "ON"])
                    .any(|word| token.is(word))
        };
        let first = item.start + 1;
        let mut cursor = Cursor::new(&self.tokens[..item.end]);
        cursor.seek(first);
        while cursor.peek().is_some_and(|token| !ends(token)) {
            cursor.next();
        }
        if cursor.at() > first {
            cursor.group();
        }
        let end = cursor.at();
        if end == first {
            self.insert_after(item.start, format!(" {declared}"));
        } else {
            self.changes.push((self.tokens[first].start..self.tokens[end - 1].end(), declared.to_owned()));
        }
        Some(self)
    }

    /// Adds a constraint to a column.
    pub(crate) fn constrain(mut self, column: &str, constraint: &str) -> Option<Self> {
        let item = self.column(column)?;
        self.insert_after(item.end - 1, format!(" {constraint}"));
        Some(self)
    }

    /// Removes a word from a column.
    pub(crate) fn without(mut self, column: &str, word: &str) -> Option<Self> {
        let item = self.column(column)?;
        for token in item.start + 1..item.end {
            if self.tokens[token].is(word) {
                self.changes.push((self.tokens[token - 1].end()..self.tokens[token].end(), String::new()));
            }
        }
        Some(self)
    }

    /// Gives a column another collation.
    pub(crate) fn collate(mut self, column: &str, collation: &str) -> Option<Self> {
        let item = self.column(column)?;
        match (item.start..item.end - 1).find(|token| self.tokens[*token].is("COLLATE")) {
            Some(token) => {
                let old = self.tokens[token + 1];
                self.changes.push((old.start..old.end(), collation.to_owned()));
            }
            None => self.insert_after(item.end - 1, format!(" COLLATE {collation}")),
        }
        Some(self)
    }

    /// Adds a constraint of the table.
    pub(crate) fn add(mut self, constraint: &str) -> Option<Self> {
        let last = self.close.checked_sub(1)?;
        self.insert_after(last, format!(", {constraint}"));
        Some(self)
    }

    /// Adds a column before the others.
    pub(crate) fn lead_with(mut self, column: &str) -> Option<Self> {
        let first = self.tokens[self.items.first()?.start].start;
        self.changes.push((first..first, format!("{column}, ")));
        Some(self)
    }

    /// Moves columns after the other columns.
    pub(crate) fn move_last(mut self, columns: &[&str]) -> Option<Self> {
        let moved = columns.iter().map(|column| self.column(column)).collect::<Option<Vec<_>>>()?;
        let is_column = |item: &&Range<usize>| !item.is_empty() && !self.is_constraint(item);
        let last = self.items.iter().filter(is_column).rfind(|item| !moved.contains(item)).cloned()?;
        for item in moved.iter().filter(|item| item.start < last.start) {
            let text = self.sql[self.tokens[item.start].start..self.tokens[item.end - 1].end()].to_owned();
            // The comma goes too. There is one, because another column follows.
            self.changes.push((self.tokens[item.start].start..self.tokens[item.end].end(), String::new()));
            self.insert_after(last.end - 1, format!(", {text}"));
        }
        Some(self)
    }

    /// Adds an option of the table, such as STRICT.
    pub(crate) fn option(mut self, option: &str) -> Option<Self> {
        let last = self.tokens.len() - 1;
        let comma = if last > self.close { ", " } else { " " };
        self.insert_after(last, format!("{comma}{option}"));
        Some(self)
    }

    /// Makes foreign keys refer to another table.
    pub(crate) fn refer(mut self, old: &str, new: &str) -> Option<Self> {
        for token in 1..self.tokens.len() {
            let parent = self.tokens[token];
            if self.tokens[token - 1].is("REFERENCES") && parent.name().is_some_and(|name| same_name(&name, old)) {
                self.changes.push((parent.start..parent.end(), plain_name(new)));
            }
        }
        Some(self)
    }

    /// Replaces an expression, if it occurs once.
    pub(crate) fn replace(mut self, old: &str, new: &str) -> Option<Self> {
        let at = self.sql.find(old)?;
        if old.is_empty() || self.sql[at + old.len()..].contains(old) {
            return None;
        }
        self.changes.push((at..at + old.len(), new.to_owned()));
        Some(self)
    }

    /// Returns the new declaration, for a table with this name.
    pub(crate) fn named(mut self, name: &str) -> String {
        let old = self.tokens[self.name];
        self.changes.push((old.start..old.end(), plain_name(name)));
        self.changes.order_by_key(|(range, _)| (range.start, range.end));
        let (mut text, mut at) = (String::new(), 0);
        for (range, new) in &self.changes {
            if range.start >= at {
                text.push_str(&self.sql[at..range.start]);
                text.push_str(new);
                at = range.end;
            }
        }
        text.push_str(&self.sql[at..]);
        text
    }
}

/// Returns the same SQL with `"text"` as `'text'`.
pub(crate) fn with_text(sql: &str, text: &str) -> String {
    let mut changed = String::new();
    let mut at = 0;
    for token in tokens(sql) {
        if token.kind == TokenKind::Quoted
            && token.text.starts_with('"')
            && token.name().is_some_and(|name| same_name(&name, text))
        {
            changed.push_str(&sql[at..token.start]);
            changed.push_str(&quote_text(&token.name().unwrap_or_default()));
            at = token.end();
        }
    }
    changed.push_str(&sql[at..]);
    changed
}

#[cfg(test)]
mod tests {
    use super::Declaration;

    const SQL: &str = "CREATE TABLE t(\n  a INT PRIMARY KEY DESC, -- the key, as it was\n  \"b c\" VARCHAR(10, 2) NULL,\n  d, CHECK (a <> ','))";

    #[track_caller]
    fn check(change: impl FnOnce(Declaration<'static>) -> Option<Declaration<'static>>, old: &str, new: &str) {
        let changed = change(Declaration::parse(SQL).unwrap()).unwrap().named("t");
        assert_eq!(changed, SQL.replace(old, new));
        assert_ne!(changed, SQL);
    }

    #[test]
    fn nothing_else_changes() {
        check(|sql| sql.retype("A", "INTEGER"), "a INT ", "a INTEGER ");
        check(|sql| sql.retype("b c", "TEXT"), "VARCHAR(10, 2)", "TEXT");
        check(|sql| sql.retype("d", "TEXT"), "  d,", "  d TEXT,");
        check(|sql| sql.constrain("a", "NOT NULL"), "DESC,", "DESC NOT NULL,");
        check(|sql| sql.without("a", "DESC"), " DESC", "");
        check(|sql| sql.collate("d", "NOCASE"), "  d,", "  d COLLATE NOCASE,");
        check(|sql| sql.add("CHECK (d)"), "','))", "','), CHECK (d))");
        check(|sql| sql.lead_with("id INTEGER"), "  a INT", "  id INTEGER, a INT");
        check(
            |sql| sql.move_last(&["b c"]),
            "\"b c\" VARCHAR(10, 2) NULL,\n  d,",
            "\n  d, \"b c\" VARCHAR(10, 2) NULL,",
        );
        check(|sql| sql.option("STRICT"), "','))", "',')) STRICT");
        check(|sql| sql.replace("a <> ','", "a > 0"), "a <> ','", "a > 0");
    }

    /// The first of two may be another one than is meant.
    #[test]
    fn an_expression_that_is_there_twice_is_not_replaced() {
        for old in ["a", ",", "", "e <> ','"] {
            assert!(Declaration::parse(SQL).unwrap().replace(old, "a > 0").is_none(), "{old}");
        }
    }

    #[test]
    fn names_in_double_quotes_become_texts() {
        assert_eq!(
            super::with_text("SELECT \"a\", \"it\"\"s\", 'a', \"A\" -- \"a\"", "a"),
            "SELECT 'a', \"it\"\"s\", 'a', 'A' -- \"a\""
        );
        assert_eq!(super::with_text("\"it\"\"s\"", "it\"s"), "'it\"s'");
    }
}
