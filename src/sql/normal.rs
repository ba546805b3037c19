//! Expressions and statements in one spelling, so that they can be compared as text.
//!
//! White space and comments are removed, keywords are in capitals, names have quotes only if they need them. Names are
//! told from text as SQLite does it: `"open"` is a name if something has that name, else a text.

use std::collections::HashSet;

use super::name::same_name;
use super::tokens::{Token, TokenKind, quote_identifier, quote_text, unquoted};

/// The names that an expression may refer to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Names<'a> {
    /// Within a table: its columns, which keep the spelling of their declaration. Anything else in double quotes is a
    /// text.
    Columns(&'a [String]),
    /// Within a trigger or view: all names of the database, in lowercase. Names are written in lowercase, except that
    /// those after AS can be kept, because an app may see them. Anything else in double quotes may be a text or a name,
    /// and stays as written.
    Any { known: &'a HashSet<String>, keep_aliases: bool },
}

/// Returns the tokens of an expression or statement as text.
pub(crate) fn normal(tokens: &[Token<'_>], names: Names<'_>) -> String {
    let mut line = Line { written: Vec::with_capacity(tokens.len()) };
    for (index, token) in tokens.iter().enumerate() {
        let piece = line.piece(token, tokens.get(index + 1), tokens.get(index + 2), names);
        line.written.push(piece);
    }
    line.text()
}

/// Returns a name as it is written in a canonical statement: quoted only if it must be.
pub(crate) fn plain_name(name: &str) -> String {
    let is_plain = |(index, c): (usize, char)| c == '_' || c.is_alphanumeric() && !(index == 0 && c.is_ascii_digit());
    let upper = name.to_ascii_uppercase();
    if !name.is_empty()
        && name.chars().enumerate().all(is_plain)
        && !RESERVED.contains(&&*upper)
        && !VALUES.contains(&&*upper)
    {
        name.to_owned()
    } else {
        quote_identifier(name)
    }
}

/// Returns names as SQL, with commas between them.
pub(crate) fn plain_names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(plain_name).collect::<Vec<_>>().join(", ")
}

/// Words that are never a name without quotes.
#[rustfmt::skip]
const RESERVED: [&str; 61] = [
    "ADD", "ALL", "ALTER", "AND", "AS", "AUTOINCREMENT", "BETWEEN", "CASE", "CHECK", "COLLATE", "COMMIT",
    "CONSTRAINT", "CREATE", "DEFAULT", "DEFERRABLE", "DELETE", "DISTINCT", "DROP", "ELSE", "ESCAPE", "EXCEPT",
    "EXISTS", "FOREIGN", "FROM", "GROUP", "HAVING", "IN", "INDEX", "INDEXED", "INSERT", "INTERSECT", "INTO", "IS",
    "ISNULL", "JOIN", "LIMIT", "NOT", "NOTHING", "NOTNULL", "NULL", "ON", "OR", "ORDER", "PRIMARY", "REFERENCES",
    "RETURNING", "SELECT", "SET", "TABLE", "THEN", "TO", "TRANSACTION", "UNION", "UNIQUE", "UPDATE", "USING",
    "VALUES", "WHEN", "WHERE", "WINDOW", "OVER",
];

/// Words that are values, and names only in quotes.
const VALUES: [&str; 5] = ["TRUE", "FALSE", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"];

/// Words that are keywords where a keyword is possible, and names elsewhere.
#[rustfmt::skip]
const EITHER: [&str; 58] = [
    "ABORT", "ACTION", "AFTER", "ALWAYS", "ASC", "BEFORE", "BEGIN", "BY", "CASCADE", "CAST", "CONFLICT", "CROSS",
    "CURRENT", "DEFERRED", "DESC", "DO", "EACH", "END", "EXCLUDE", "FAIL", "FILTER", "FIRST", "FOLLOWING", "FOR",
    "FULL", "GENERATED", "GLOB", "GROUPS", "IGNORE", "INNER", "INSTEAD", "KEY", "LAST", "LEFT", "LIKE", "MATCH",
    "MATERIALIZED", "NATURAL", "NULLS", "OF", "OFFSET", "OTHERS", "OUTER", "PARTITION", "PRECEDING", "RAISE", "RANGE",
    "RECURSIVE", "REGEXP", "REPLACE", "RIGHT", "ROLLBACK", "ROW", "ROWS", "TEMP", "TIES", "UNBOUNDED", "WITH",
];

const JOINS: [&str; 7] = ["CROSS", "FULL", "INNER", "LEFT", "NATURAL", "OUTER", "RIGHT"];

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

    fn is_after(&self, class: Class) -> bool {
        self.last().is_some_and(|piece| piece.class == class)
    }

    fn is_after_keyword(&self, keywords: &[&str]) -> bool {
        self.last().is_some_and(|piece| is_keyword(piece, keywords))
    }

    /// Returns true after a value: an operator, a keyword or an alias can follow, and no value.
    fn is_after_value(&self) -> bool {
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
        let in_path = self.is_after(Class::Dot) || next.is_some_and(|next| next.is_symbol("."));
        match token.kind {
            TokenKind::Word => {
                let upper = token.text.to_ascii_uppercase();
                let is_keyword = !in_path
                    && (VALUES.contains(&upper.as_str())
                        || RESERVED.contains(&&*upper)
                        || EITHER.contains(&upper.as_str()) && self.can_be_keyword(&upper, next, second));
                if is_keyword { Piece { class: Class::Keyword, text: upper } } else { self.name(token.text, names) }
            }
            TokenKind::Quoted => {
                let name = unquoted(token.text);
                let must_be_name = in_path
                    || !token.text.starts_with('"')
                    || next.is_some_and(|next| next.is_symbol("("))
                    || self.is_after_value()
                    || self.is_after_keyword(&["AS", "FROM", "JOIN", "INTO", "UPDATE", "COLLATE", "TABLE"]);
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
            "+" | "-" | "~" if !self.is_after_value() => Class::Sign,
            // `count(*)`, `SELECT *` and `t.*` are no multiplications.
            "*" if !self.is_after_value() => Class::Literal,
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
            Names::Columns(columns) => match columns.iter().find(|column| same_name(column, name)) {
                Some(column) => plain_name(column),
                None => plain_name(&name.to_ascii_lowercase()),
            },
            Names::Any { keep_aliases: true, .. } if self.is_after_keyword(&["AS"]) || self.is_after_value() => {
                plain_name(name)
            }
            Names::Any { .. } => plain_name(&name.to_ascii_lowercase()),
        };
        Piece { class: Class::Name, text }
    }

    /// Returns true if a word that can also be a name is a keyword here.
    fn can_be_keyword(&self, word: &str, next: Option<&Token<'_>>, second: Option<&Token<'_>>) -> bool {
        let next_is = |words: &[&str]| next.is_some_and(|next| words.iter().any(|word| next.is(word)));
        let opens = next.is_some_and(|next| next.is_symbol("("));
        if self.is_after_value() {
            return true;
        }
        let before = |keywords: &[&str]| self.before().is_some_and(|piece| is_keyword(piece, keywords));
        match word {
            "BY" => self.is_after_keyword(&["ORDER", "GROUP", "PARTITION"]),
            "CAST" | "RAISE" => opens,
            "PARTITION" => next_is(&["BY"]),
            "CURRENT" => next_is(&["ROW"]),
            "UNBOUNDED" => next_is(&["PRECEDING", "FOLLOWING"]),
            "PRECEDING" | "FOLLOWING" => self.is_after_keyword(&["UNBOUNDED"]),
            "ROW" => self.is_after_keyword(&["CURRENT"]),
            "FIRST" | "LAST" => self.is_after_keyword(&["NULLS"]),
            "RECURSIVE" => self.is_after_keyword(&["WITH"]),
            "CONFLICT" => self.is_after_keyword(&["ON"]) && (opens || next_is(&["DO"])),
            "DO" => self.is_after_keyword(&["CONFLICT"]),
            // WITH name AS, WITH name(a, b) AS
            "WITH" => next_is(&["RECURSIVE"]) || second.is_some_and(|second| second.is("AS") || second.is_symbol("(")),
            "REPLACE" if next_is(&["INTO"]) => true,
            "ABORT" | "FAIL" | "IGNORE" | "REPLACE" | "ROLLBACK" => {
                self.is_after_keyword(&["OR"]) && before(&["INSERT", "UPDATE"])
                    || self.is_after(Class::Open) && before(&["RAISE"])
            }
            join if JOINS.contains(&join) => self.is_after_keyword(&JOINS),
            _ => false,
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut before: Option<&Piece> = None;
        for piece in &self.written {
            if before.is_some_and(|before| is_separated(before, piece)) {
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
    columns.iter().map(String::as_str).chain(["rowid", "oid", "_rowid_"]).any(|column| same_name(column, name))
}

/// Returns true if a space separates two pieces.
fn is_separated(before: &Piece, piece: &Piece) -> bool {
    match (before.class, piece.class) {
        (Class::Open | Class::Dot, _) | (_, Class::Close | Class::Comma | Class::Dot) => false,
        // `--` would be a comment.
        (Class::Sign, Class::Sign) => true,
        (Class::Sign, _) => false,
        (Class::Name, Class::Open) => false,
        (Class::Keyword, Class::Open) => !matches!(before.text.as_str(), "CAST" | "RAISE"),
        _ => true,
    }
}

/// Writes an INSERT of one row of SQL expressions. `into` is the part up to the table: `INTO t`, `OR ABORT INTO main.t`.
pub(crate) fn insert_values<C: AsRef<str>>(into: &str, columns: &[C], values: &[String]) -> String {
    if columns.is_empty() {
        return format!("INSERT {into} DEFAULT VALUES");
    }
    let columns = plain_names(columns.iter().map(AsRef::as_ref));
    format!("INSERT {into}({columns}) VALUES ({})", values.join(", "))
}

/// Writes an INSERT of one row with a parameter for each column.
pub(crate) fn insert_parameters<C: AsRef<str>>(into: &str, columns: &[C]) -> String {
    insert_values(into, columns, &vec!["?".to_owned(); columns.len()])
}
