//! Expressions and statements in one spelling, so that two of them can be compared as text.
//!
//! White space and comments go, keywords are in capitals, names lose their quotes where they need none. What SQLite
//! takes for a name and what for a text is told as SQLite tells it: `"open"` is a name where something has that name,
//! else a text.

use std::collections::BTreeSet;

use super::tokens::{Token, TokenKind, unquoted};
use super::{quote_identifier, quote_text};

/// Which names an expression may be about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Names<'a> {
    /// Within a table: those of its columns, which keep the spelling of their declaration. What else stands in double
    /// quotes is a text.
    Columns(&'a [String]),
    /// Within a trigger or view: everything that something in the database is called, in small letters. Names become
    /// small, but those behind AS can be kept: they may be what an app sees. What else stands in double quotes may be
    /// a text or not, and stays as it is.
    Any { known: &'a BTreeSet<String>, keep_aliases: bool },
}

/// The tokens of an expression or statement as text.
pub(crate) fn normal(tokens: &[Token<'_>], names: Names<'_>) -> String {
    let mut line = Line { written: Vec::with_capacity(tokens.len()) };
    for (index, token) in tokens.iter().enumerate() {
        let piece = line.piece(token, tokens.get(index + 1), tokens.get(index + 2), names);
        line.written.push(piece);
    }
    line.text()
}

/// A name as it stands in a canonical statement: in quotes only where it must be.
pub(crate) fn plain_name(name: &str) -> String {
    let is_plain = |(index, c): (usize, char)| c == '_' || c.is_alphanumeric() && !(index == 0 && c.is_ascii_digit());
    let upper = name.to_ascii_uppercase();
    if !name.is_empty() && name.chars().enumerate().all(is_plain) && !is_reserved(&upper) && !VALUES.contains(&&*upper)
    {
        name.to_owned()
    } else {
        quote_identifier(name)
    }
}

/// Words that SQLite never takes for a name.
const RESERVED: [&str; 61] = [
    "ADD",
    "ALL",
    "ALTER",
    "AND",
    "AS",
    "AUTOINCREMENT",
    "BETWEEN",
    "CASE",
    "CHECK",
    "COLLATE",
    "COMMIT",
    "CONSTRAINT",
    "CREATE",
    "DEFAULT",
    "DEFERRABLE",
    "DELETE",
    "DISTINCT",
    "DROP",
    "ELSE",
    "ESCAPE",
    "EXCEPT",
    "EXISTS",
    "FOREIGN",
    "FROM",
    "GROUP",
    "HAVING",
    "IN",
    "INDEX",
    "INDEXED",
    "INSERT",
    "INTERSECT",
    "INTO",
    "IS",
    "ISNULL",
    "JOIN",
    "LIMIT",
    "NOT",
    "NOTHING",
    "NOTNULL",
    "NULL",
    "ON",
    "OR",
    "ORDER",
    "PRIMARY",
    "REFERENCES",
    "RETURNING",
    "SELECT",
    "SET",
    "TABLE",
    "THEN",
    "TO",
    "TRANSACTION",
    "UNION",
    "UNIQUE",
    "UPDATE",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WINDOW",
    "OVER",
];

/// Words that stand for a value, and for a name only in quotes.
const VALUES: [&str; 5] = ["TRUE", "FALSE", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"];

/// Words that are keywords where a keyword can stand, and names elsewhere.
const EITHER: [&str; 58] = [
    "ABORT",
    "ACTION",
    "AFTER",
    "ALWAYS",
    "ASC",
    "BEFORE",
    "BEGIN",
    "BY",
    "CASCADE",
    "CAST",
    "CONFLICT",
    "CROSS",
    "CURRENT",
    "DEFERRED",
    "DESC",
    "DO",
    "EACH",
    "END",
    "EXCLUDE",
    "FAIL",
    "FILTER",
    "FIRST",
    "FOLLOWING",
    "FOR",
    "FULL",
    "GENERATED",
    "GLOB",
    "GROUPS",
    "IGNORE",
    "INNER",
    "INSTEAD",
    "KEY",
    "LAST",
    "LEFT",
    "LIKE",
    "MATCH",
    "MATERIALIZED",
    "NATURAL",
    "NULLS",
    "OF",
    "OFFSET",
    "OTHERS",
    "OUTER",
    "PARTITION",
    "PRECEDING",
    "RAISE",
    "RANGE",
    "RECURSIVE",
    "REGEXP",
    "REPLACE",
    "RIGHT",
    "ROLLBACK",
    "ROW",
    "ROWS",
    "TEMP",
    "TIES",
    "UNBOUNDED",
    "WITH",
];

const JOINS: [&str; 7] = ["CROSS", "FULL", "INNER", "LEFT", "NATURAL", "OUTER", "RIGHT"];

fn is_reserved(upper: &str) -> bool {
    RESERVED.contains(&upper)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Name,
    Literal,
    Keyword,
    Open,
    Close,
    Comma,
    Dot,
    Operator,
    Sign,
}

struct Piece {
    class: Class,
    text: String,
}

struct Line {
    written: Vec<Piece>,
}

impl Line {
    fn last(&self) -> Option<&Piece> {
        self.written.last()
    }

    /// The piece before the last.
    fn before(&self) -> Option<&Piece> {
        self.written.iter().nth_back(1)
    }

    fn behind(&self, class: Class) -> bool {
        self.last().is_some_and(|piece| piece.class == class)
    }

    fn behind_keyword(&self, keywords: &[&str]) -> bool {
        self.last().is_some_and(|piece| is_keyword(piece, keywords))
    }

    /// Whether a value has just ended, so that an operator, a keyword or an alias can follow, and no value.
    fn behind_value(&self) -> bool {
        self.last().is_some_and(|piece| match piece.class {
            Class::Name | Class::Literal | Class::Close => true,
            Class::Keyword => {
                VALUES.contains(&piece.text.as_str())
                    || ["END", "NULL", "ISNULL", "NOTNULL", "ASC", "DESC", "ROW", "FIRST", "LAST"]
                        .contains(&piece.text.as_str())
            }
            _ => false,
        })
    }

    fn piece(
        &self,
        token: &Token<'_>,
        next: Option<&Token<'_>>,
        second: Option<&Token<'_>>,
        names: Names<'_>,
    ) -> Piece {
        let in_path = self.behind(Class::Dot) || next.is_some_and(|next| next.is_symbol("."));
        match token.kind {
            TokenKind::Word => {
                let upper = token.text.to_ascii_uppercase();
                let is_keyword = !in_path
                    && (VALUES.contains(&upper.as_str())
                        || is_reserved(&upper)
                        || EITHER.contains(&upper.as_str()) && self.can_be_keyword(&upper, next, second));
                if is_keyword { Piece { class: Class::Keyword, text: upper } } else { self.name(token.text, names) }
            }
            TokenKind::Quoted => {
                let name = unquoted(token.text);
                let must_be_name = in_path
                    || !token.text.starts_with('"')
                    || next.is_some_and(|next| next.is_symbol("("))
                    || self.behind_value()
                    || self.behind_keyword(&["AS", "FROM", "JOIN", "INTO", "UPDATE", "COLLATE", "TABLE"]);
                if must_be_name {
                    return self.name(&name, names);
                }
                match names {
                    Names::Columns(columns) if !is_column(&name, columns) => {
                        Piece { class: Class::Literal, text: quote_text(&name) }
                    }
                    Names::Any { known, .. } if !known.contains(&name.to_ascii_lowercase()) => {
                        Piece { class: Class::Literal, text: quote_identifier(&name) }
                    }
                    _ => self.name(&name, names),
                }
            }
            TokenKind::Text | TokenKind::Number | TokenKind::Variable => {
                Piece { class: Class::Literal, text: token.text.to_owned() }
            }
            TokenKind::Blob => Piece { class: Class::Literal, text: token.text.to_ascii_lowercase() },
            TokenKind::Symbol => self.symbol(token.text),
        }
    }

    fn symbol(&self, symbol: &str) -> Piece {
        let class = match symbol {
            "(" => Class::Open,
            ")" => Class::Close,
            "," | ";" => Class::Comma,
            "." => Class::Dot,
            "+" | "-" | "~" if !self.behind_value() => Class::Sign,
            // In `count(*)`, `SELECT *`, `t.*` it is no multiplication.
            "*" if !self.behind_value() => Class::Literal,
            _ => Class::Operator,
        };
        let text = match symbol {
            "==" => "=",
            "!=" => "<>",
            symbol => symbol,
        };
        Piece { class, text: text.to_owned() }
    }

    fn name(&self, name: &str, names: Names<'_>) -> Piece {
        let text = match names {
            Names::Columns(columns) => match columns.iter().find(|column| column.eq_ignore_ascii_case(name)) {
                Some(column) => plain_name(column),
                None => plain_name(&name.to_ascii_lowercase()),
            },
            Names::Any { keep_aliases: true, .. } if self.behind_keyword(&["AS"]) || self.behind_value() => {
                plain_name(name)
            }
            Names::Any { .. } => plain_name(&name.to_ascii_lowercase()),
        };
        Piece { class: Class::Name, text }
    }

    /// Whether a word that can be a name as well is a keyword here.
    fn can_be_keyword(&self, word: &str, next: Option<&Token<'_>>, second: Option<&Token<'_>>) -> bool {
        let next_is = |words: &[&str]| next.is_some_and(|next| words.iter().any(|word| next.is(word)));
        let opens = next.is_some_and(|next| next.is_symbol("("));
        if self.behind_value() {
            return true;
        }
        let before = |keywords: &[&str]| self.before().is_some_and(|piece| is_keyword(piece, keywords));
        match word {
            "BY" => self.behind_keyword(&["ORDER", "GROUP", "PARTITION"]),
            "CAST" | "RAISE" => opens,
            "PARTITION" => next_is(&["BY"]),
            "CURRENT" => next_is(&["ROW"]),
            "UNBOUNDED" => next_is(&["PRECEDING", "FOLLOWING"]),
            "PRECEDING" | "FOLLOWING" => self.behind_keyword(&["UNBOUNDED"]),
            "ROW" => self.behind_keyword(&["CURRENT"]),
            "FIRST" | "LAST" => self.behind_keyword(&["NULLS"]),
            "RECURSIVE" => self.behind_keyword(&["WITH"]),
            "CONFLICT" => self.behind_keyword(&["ON"]) && (opens || next_is(&["DO"])),
            "DO" => self.behind_keyword(&["CONFLICT"]),
            // WITH name AS, WITH name(a, b) AS
            "WITH" => next_is(&["RECURSIVE"]) || second.is_some_and(|second| second.is("AS") || second.is_symbol("(")),
            "REPLACE" if next_is(&["INTO"]) => true,
            "ABORT" | "FAIL" | "IGNORE" | "REPLACE" | "ROLLBACK" => {
                self.behind_keyword(&["OR"]) && before(&["INSERT", "UPDATE"])
                    || self.behind(Class::Open) && before(&["RAISE"])
            }
            join if JOINS.contains(&join) => self.behind_keyword(&JOINS),
            _ => false,
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut before: Option<&Piece> = None;
        for piece in &self.written {
            if before.is_some_and(|before| is_apart(before, piece)) {
                text.push(' ');
            }
            text.push_str(&piece.text);
            before = Some(piece);
        }
        text
    }
}

fn is_keyword(piece: &Piece, keywords: &[&str]) -> bool {
    piece.class == Class::Keyword && keywords.contains(&piece.text.as_str())
}

fn is_column(name: &str, columns: &[String]) -> bool {
    columns
        .iter()
        .map(String::as_str)
        .chain(["rowid", "oid", "_rowid_"])
        .any(|column| column.eq_ignore_ascii_case(name))
}

/// Whether there is a space between two pieces.
fn is_apart(before: &Piece, piece: &Piece) -> bool {
    match (before.class, piece.class) {
        (Class::Open | Class::Dot, _) | (_, Class::Close | Class::Comma | Class::Dot) => false,
        // Two signs side by side would be a comment.
        (Class::Sign, Class::Sign) => true,
        (Class::Sign, _) => false,
        (Class::Name, Class::Open) => false,
        (Class::Keyword, Class::Open) => !matches!(before.text.as_str(), "CAST" | "RAISE"),
        _ => true,
    }
}
