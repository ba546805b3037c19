//! The scanner that splitting and tokens share.
//!
//! It is written by hand, and not taken from sqlite3-parser, because it has to cut where SQLite cuts, in text that is
//! not valid SQL too. That tokenizer stops with an error at a comment that is never closed (SQLite accepts it, up to
//! the end of the script), at a malformed number, and at a byte order mark within the script; everything after it would
//! become one statement, of which SQLite runs the first and rusqlite drops the others. For cutting, a scanner need not
//! know more than `sqlite3_complete` does: strings, comments, words and semicolons.

/// The kinds of token that decide where a statement ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
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

/// A token as far as splitting needs it.
pub(super) struct Mark {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) line: usize,
}

/// Walks over bytes with plain indexes and few calls: in an unoptimized build, which a test usually is, iterators and
/// small functions cost several times as much.
pub(super) struct Scanner<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    line: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(sql: &'a str) -> Self {
        Scanner { bytes: sql.as_bytes(), at: 0, line: 1 }
    }

    pub(super) fn next_token(&mut self) -> Option<Mark> {
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
                // A doubled quote reads as two adjacent quoted tokens, which end at the same offset.
                b'\'' | b'"' | b'`' => {
                    at = self.after(at, first);
                    Kind::Other
                }
                b'[' => {
                    at = self.after(at, b']');
                    Kind::Other
                }
                _ => Kind::Other,
            }
        };
        self.at = at;
        Some(Mark { kind, start, line })
    }

    /// Skips white space, comments and byte order marks, as SQLite's tokenizer does.
    pub(super) fn skip_blank(&mut self) {
        while self.at < self.bytes.len() {
            let next = self.bytes.get(self.at + 1);
            match self.bytes[self.at] {
                b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' => {
                    // A vertical tab is white space only after other white space.
                    while self.at < self.bytes.len() && matches!(self.bytes[self.at], b' ' | b'\t'..=b'\r') {
                        if self.bytes[self.at] == b'\n' {
                            self.line += 1;
                        }
                        self.at += 1;
                    }
                }
                b'-' if next == Some(&b'-') => {
                    self.at = self.after(self.at + 2, b'\n');
                }
                // `/*` as the last two bytes is not a comment for SQLite.
                b'/' if next == Some(&b'*') && self.at + 2 < self.bytes.len() => {
                    self.at = self.after(self.at + 2, b'*');
                    while self.at < self.bytes.len() && self.bytes[self.at] != b'/' {
                        self.at = self.after(self.at, b'*');
                    }
                    self.at = (self.at + 1).min(self.bytes.len());
                }
                0xef if self.bytes[self.at..].starts_with(b"\xef\xbb\xbf") => self.at += 3,
                _ => return,
            }
        }
    }

    /// Returns the offset after the next `closing`, or the end. Counts the lines on the way.
    fn after(&mut self, mut at: usize, closing: u8) -> usize {
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

/// The bytes that SQLite allows in an identifier. Numbers consist of the same bytes.
pub(super) static IN_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte >= 0x80 || (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_' || byte as u8 == b'$';
        byte += 1;
    }
    table
};
