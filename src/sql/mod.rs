//! SQL as text: quoting, and cutting a script into its statements. Nothing here opens a connection.
//!
//! The scanner is written by hand, and not taken from sqlite3-parser, because it has to cut where SQLite cuts, also in
//! text that is no valid SQL. That tokenizer stops with an error at a comment that is never closed (for SQLite it
//! reaches to the end of the script, and is fine), at a malformed number, and at a byte order mark within the script;
//! everything behind would become one statement, of which SQLite runs the first and rusqlite drops the others. For
//! cutting, a scanner need not know more than `sqlite3_complete` does: strings, comments, words and semicolons.

#[allow(dead_code, reason = "each area takes it over in its own commit")]
mod cursor;
mod name;
mod normal;
mod query;
#[cfg(test)]
mod tests;
mod tokens;
mod values;

#[allow(unused_imports, reason = "each area takes them over in its own commit")]
pub(crate) use cursor::{Cursor, between_commas, end_of, outside, start_of};
pub use name::Name;
#[allow(unused_imports, reason = "each area takes it over in its own commit")]
pub(crate) use name::{listed, same_name};
pub(crate) use normal::{Names, normal, plain_name};
pub(crate) use query::is_ordered;
#[cfg(feature = "snapshots")]
pub(crate) use query::on_one_line;
pub(crate) use tokens::{Token, TokenKind, tokens, unquoted};
pub(crate) use values::{bound_values, normalized};

/// A name as SQL, always in double quotes: a keyword, a space or a quote in it does no harm.
pub(crate) fn quote_identifier(name: &str) -> String {
    quote(name, '"')
}

/// A text as an SQL literal.
pub(crate) fn quote_text(text: &str) -> String {
    quote(text, '\'')
}

fn quote(text: &str, mark: char) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(mark);
    for part in text.split_inclusive(mark) {
        quoted.push_str(part);
        if part.ends_with(mark) {
            quoted.push(mark);
        }
    }
    quoted.push(mark);
    quoted
}

/// One statement of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statement<'a> {
    /// From its first token to its semicolon, or to its last token if the script ends without one.
    pub(crate) text: &'a str,
    /// Where the first token starts in the script, in bytes.
    pub(crate) offset: usize,
    /// The line of the first token, counted from 1.
    pub(crate) line: usize,
}

impl<'a> Statement<'a> {
    /// Its first word as it is written: `CREATE`, `begin`. Empty if it starts with something else.
    pub(crate) fn keyword(&self) -> &'a str {
        let end = self.text.bytes().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(self.text.len());
        &self.text[..end]
    }

    /// Whether its first word is `word`, in any case.
    pub(crate) fn starts_with(&self, word: &str) -> bool {
        self.keyword().eq_ignore_ascii_case(word)
    }

    /// Where the text ends in the script, in bytes.
    pub(crate) fn end(&self) -> usize {
        self.offset + self.text.len()
    }
}

/// Whether there is nothing to run: white space, comments and lone semicolons.
pub(crate) fn is_blank(sql: &str) -> bool {
    let mut scanner = Scanner::new(sql);
    while let Some(token) = scanner.next_token() {
        if token.kind != Kind::Semicolon {
            return false;
        }
    }
    true
}

/// The first word of the first statement, in capitals. Empty if it starts with something else.
pub(crate) fn keyword(sql: &str) -> String {
    split(sql).first().map(|statement| statement.keyword().to_ascii_uppercase()).unwrap_or_default()
}

/// Whether statements that begin with this word, in capitals, have a plan.
pub(crate) fn has_a_plan(keyword: &str) -> bool {
    matches!(keyword, "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "WITH" | "VALUES")
}

/// The statements of a script, in order. What is only white space, comment or semicolon is left out.
///
/// A semicolon within `CREATE TRIGGER … END` does not end the statement. Text that is no SQL is kept as a statement:
/// SQLite says best what is wrong with it.
pub(crate) fn split(sql: &str) -> Vec<Statement<'_>> {
    let mut statements = Vec::new();
    let mut scanner = Scanner::new(sql);
    let mut state = State::Start;
    let mut first = None;
    let mut last = 0;
    while let Some(token) = scanner.next_token() {
        if first.is_none() && token.kind == Kind::Semicolon {
            continue;
        }
        let (offset, line) = *first.get_or_insert((token.start, token.line));
        last = scanner.at;
        state = state.after(token.kind);
        if state == State::Start {
            statements.push(Statement { text: &sql[offset..last], offset, line });
            first = None;
        }
    }
    if let Some((offset, line)) = first {
        statements.push(Statement { text: &sql[offset..last], offset, line });
    }
    statements
}

/// What has to be known of the statement so far, to tell whether the next semicolon ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    /// `EXPLAIN`, with anything behind it: a trigger can still come.
    Explain,
    /// `CREATE`, perhaps with `TEMP`.
    Create,
    /// A statement that its next semicolon ends.
    Plain,
    /// In the body of a trigger.
    Trigger,
    /// Behind a semicolon in the body of a trigger.
    TriggerSemicolon,
    /// Behind that semicolon's `END`.
    TriggerEnd,
}

impl State {
    fn after(self, kind: Kind) -> State {
        match (self, kind) {
            (State::Trigger | State::TriggerSemicolon, Kind::Semicolon) => State::TriggerSemicolon,
            (State::TriggerSemicolon, Kind::End) => State::TriggerEnd,
            (_, Kind::Semicolon) => State::Start,
            (State::Trigger | State::TriggerSemicolon | State::TriggerEnd, _) => State::Trigger,
            (State::Start, Kind::Explain) => State::Explain,
            (State::Start | State::Explain, Kind::Create) => State::Create,
            (State::Explain, Kind::Other) => State::Explain,
            (State::Create, Kind::Temp) => State::Create,
            (State::Create, Kind::Trigger) => State::Trigger,
            _ => State::Plain,
        }
    }
}

/// The kinds of token that decide where a statement ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Semicolon,
    Create,
    Temp,
    Trigger,
    End,
    Explain,
    Other,
}

impl Kind {
    fn of_word(word: &[u8]) -> Kind {
        match word.len() {
            3 if word.eq_ignore_ascii_case(b"end") => Kind::End,
            4 if word.eq_ignore_ascii_case(b"temp") => Kind::Temp,
            6 if word.eq_ignore_ascii_case(b"create") => Kind::Create,
            7 if word.eq_ignore_ascii_case(b"trigger") => Kind::Trigger,
            7 if word.eq_ignore_ascii_case(b"explain") => Kind::Explain,
            9 if word.eq_ignore_ascii_case(b"temporary") => Kind::Temp,
            _ => Kind::Other,
        }
    }
}

struct Mark {
    kind: Kind,
    start: usize,
    line: usize,
}

/// Walks over bytes with plain indexes and few calls: in an unoptimised build, which a test usually is, iterators and
/// small functions cost several times as much.
struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
}

impl<'a> Scanner<'a> {
    fn new(sql: &'a str) -> Self {
        Scanner { bytes: sql.as_bytes(), at: 0, line: 1 }
    }

    fn next_token(&mut self) -> Option<Mark> {
        self.skip_blank();
        let (start, line) = (self.at, self.line);
        let first = *self.bytes.get(start)?;
        let mut at = start + 1;
        let kind = if IN_WORD[first as usize] {
            while at < self.bytes.len() && IN_WORD[self.bytes[at] as usize] {
                at += 1;
            }
            Kind::of_word(&self.bytes[start..at])
        } else {
            match first {
                b';' => Kind::Semicolon,
                // A doubled quote reads as two quoted tokens side by side, which end at the same place.
                b'\'' | b'"' | b'`' => {
                    at = self.behind(at, first);
                    Kind::Other
                }
                b'[' => {
                    at = self.behind(at, b']');
                    Kind::Other
                }
                _ => Kind::Other,
            }
        };
        self.at = at;
        Some(Mark { kind, start, line })
    }

    /// White space, comments and byte order marks, as SQLite's tokenizer sees them.
    fn skip_blank(&mut self) {
        while self.at < self.bytes.len() {
            let next = self.bytes.get(self.at + 1);
            match self.bytes[self.at] {
                b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' => {
                    // A vertical tab is white space only behind other white space.
                    while self.at < self.bytes.len() && matches!(self.bytes[self.at], b' ' | b'\t'..=b'\r') {
                        if self.bytes[self.at] == b'\n' {
                            self.line += 1;
                        }
                        self.at += 1;
                    }
                }
                b'-' if next == Some(&b'-') => {
                    self.at = self.behind(self.at + 2, b'\n');
                }
                // `/*` as the very last two bytes is no comment for SQLite.
                b'/' if next == Some(&b'*') && self.at + 2 < self.bytes.len() => {
                    self.at = self.behind(self.at + 2, b'*');
                    while self.at < self.bytes.len() && self.bytes[self.at] != b'/' {
                        self.at = self.behind(self.at, b'*');
                    }
                    self.at = (self.at + 1).min(self.bytes.len());
                }
                0xef if self.bytes[self.at..].starts_with(b"\xef\xbb\xbf") => self.at += 3,
                _ => return,
            }
        }
    }

    /// The place behind the next `closing`, or the end. Counts the lines on the way.
    fn behind(&mut self, mut at: usize, closing: u8) -> usize {
        while at < self.bytes.len() {
            let byte = self.bytes[at];
            at += 1;
            if byte == b'\n' {
                self.line += 1;
            }
            if byte == closing {
                break;
            }
        }
        at
    }
}

/// What SQLite allows within an identifier; numbers are made of the same bytes.
static IN_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte >= 0x80 || (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_' || byte as u8 == b'$';
        byte += 1;
    }
    table
};
