//! The tokens of a statement, with their offsets in its text, and quoting.
//!
//! sqlite3-parser is not used here either: its syntax tree keeps no offsets, so the text of an expression as it was
//! written is lost, and it refuses a whole statement because of syntax that is newer than itself.

use super::scan::{IN_WORD, Scanner};

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in `"…"`, `[…]` or backticks.
    Quoted,
    /// A literal in `'…'`. SQLite takes it for a name where only a name is possible.
    Text,
    /// `x'…'`.
    Blob,
    /// A number.
    Number,
    /// `?1`, `:name`, `@name`, `$name`.
    Variable,
    /// An operator, a parenthesis, a comma, or a character that is not SQL.
    Symbol,
}

/// A token of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind,
    /// The text as written.
    pub(crate) text: &'a str,
    /// The byte offset in the statement.
    pub(crate) start: usize,
}

impl Token<'_> {
    /// Returns true if it is this keyword (or unquoted name), in any case.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Returns true if it is this operator or parenthesis.
    pub(crate) fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == TokenKind::Symbol && self.text == symbol
    }

    /// Returns the byte offset of its end in the statement.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Returns the name that it spells, without quotes. `None` if it cannot be a name.
    pub(crate) fn name(&self) -> Option<String> {
        match self.kind {
            TokenKind::Word => Some(self.text.to_owned()),
            TokenKind::Quoted | TokenKind::Text => Some(unquoted(self.text)),
            _ => None,
        }
    }
}

/// Returns the text between the quotes, with doubled quotes made single.
pub(crate) fn unquoted(text: &str) -> String {
    let mut chars = text.chars();
    let (open, inner) = (chars.next(), chars.as_str());
    match open {
        Some('[') => inner.strip_suffix(']').unwrap_or(inner).to_owned(),
        Some(mark @ ('"' | '\'' | '`')) => {
            let doubled: String = [mark, mark].iter().collect();
            inner.strip_suffix(mark).unwrap_or(inner).replace(&doubled, &mark.to_string())
        }
        _ => text.to_owned(),
    }
}

/// Returns the tokens of `sql`, without white space and comments. Text that is not SQL has tokens too.
pub(crate) fn tokens(sql: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut scanner = Scanner::new(sql);
    loop {
        scanner.skip_blank();
        let start = scanner.at;
        let Some(&first) = scanner.bytes.get(start) else { return found };
        let (kind, end) = token_at(scanner.bytes, start, first);
        scanner.at = end;
        found.push(Token { kind, text: &sql[start..end], start });
    }
}

fn token_at(bytes: &[u8], start: usize, first: u8) -> (TokenKind, usize) {
    let next = bytes.get(start + 1).copied().unwrap_or(0);
    match first {
        b'x' | b'X' if next == b'\'' => (TokenKind::Blob, after_quote(bytes, start + 1, b'\'')),
        b'\'' => (TokenKind::Text, after_quote(bytes, start, first)),
        b'"' | b'`' => (TokenKind::Quoted, after_quote(bytes, start, first)),
        b'[' => {
            let close = bytes[start..].iter().position(|&byte| byte == b']');
            (TokenKind::Quoted, close.map_or(bytes.len(), |at| start + at + 1))
        }
        b'0'..=b'9' => (TokenKind::Number, after_number(bytes, start)),
        b'.' if next.is_ascii_digit() => (TokenKind::Number, after_number(bytes, start)),
        b'?' | b':' | b'@' | b'#' | b'$' => (TokenKind::Variable, after_word(bytes, start + 1)),
        _ if IN_WORD[first as usize] => (TokenKind::Word, after_word(bytes, start)),
        _ => (TokenKind::Symbol, start + symbol_length(&bytes[start..])),
    }
}

fn after_word(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && IN_WORD[bytes[at] as usize] {
        at += 1;
    }
    at
}

/// Returns the offset after the closing quote, skipping doubled ones, or the end if there is none.
fn after_quote(bytes: &[u8], start: usize, mark: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        if bytes[at] == mark {
            if bytes.get(at + 1) != Some(&mark) {
                return at + 1;
            }
            at += 1;
        }
        at += 1;
    }
    bytes.len()
}

fn after_number(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    let digits = |mut at: usize| {
        while at < bytes.len() && (bytes[at].is_ascii_digit() || bytes[at] == b'_') {
            at += 1;
        }
        at
    };
    if bytes[start] == b'0' && matches!(bytes.get(start + 1), Some(b'x' | b'X')) {
        return after_word(bytes, start);
    }
    at = digits(at);
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        if bytes.get(at + 1 + sign).is_some_and(u8::is_ascii_digit) {
            at = digits(at + 1 + sign);
        }
    }
    // Letters after a number make it an illegal token, which is still one token.
    after_word(bytes, at)
}

fn symbol_length(rest: &[u8]) -> usize {
    const LONG: [&[u8]; 10] = [b"->>", b"->", b"||", b"<=", b"<>", b"<<", b">=", b">>", b"==", b"!="];
    LONG.iter().find(|symbol| rest.starts_with(symbol)).map_or(1, |symbol| symbol.len())
}

/// Returns a name as SQL, always in double quotes, so that it may be a keyword or contain any character.
pub(crate) fn quote_identifier(name: &str) -> String {
    quote(name, '"')
}

/// Returns a text as an SQL literal.
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
