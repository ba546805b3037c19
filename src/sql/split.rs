//! Splitting a script into its statements.

use super::scan::{Kind, Scanner};

/// One statement of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statement<'a> {
    /// The text from its first token to its semicolon, or to its last token if the script ends without one.
    pub(crate) text: &'a str,
    /// The byte offset of its first token in the script.
    pub(crate) offset: usize,
    /// The line of the first token, counted from 1.
    pub(crate) line: usize,
}

impl<'a> Statement<'a> {
    /// Returns its first word as written: `CREATE`, `begin`. Empty if it does not start with a word.
    pub(crate) fn keyword(&self) -> &'a str {
        let end = self.text.bytes().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(self.text.len());
        &self.text[..end]
    }

    /// Returns true if its first word is `word`, in any case.
    pub(crate) fn starts_with(&self, word: &str) -> bool {
        self.keyword().eq_ignore_ascii_case(word)
    }

    /// Returns the byte offset of its end in the script.
    pub(crate) fn end(&self) -> usize {
        self.offset + self.text.len()
    }
}

/// Returns true if there is nothing to run: only white space, comments and semicolons.
pub(crate) fn is_blank(sql: &str) -> bool {
    let mut scanner = Scanner::new(sql);
    while let Some(token) = scanner.next_token() {
        if token.kind != Kind::Semicolon {
            return false;
        }
    }
    true
}

/// Returns the first word of the first statement, in capitals. Empty if it does not start with a word.
pub(crate) fn keyword(sql: &str) -> String {
    split(sql).first().map(|statement| statement.keyword().to_ascii_uppercase()).unwrap_or_default()
}

/// Returns true if statements that start with this word, in capitals, have a query plan.
pub(crate) fn has_a_plan(keyword: &str) -> bool {
    matches!(keyword, "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "WITH" | "VALUES")
}

/// Returns the statements of a script, in order, without those that consist of white space, comments or a semicolon.
///
/// A semicolon within `CREATE TRIGGER … END` does not end the statement. Text that is not SQL is kept as a statement,
/// because SQLite explains best what is wrong with it.
pub(crate) fn split(sql: &str) -> Vec<Statement<'_>> {
    let mut statements = Vec::new();
    let mut scanner = Scanner::new(sql);
    let mut state = SplitState::Start;
    let mut first = None;
    let mut last = 0;
    while let Some(token) = scanner.next_token() {
        if first.is_none() && token.kind == Kind::Semicolon {
            continue;
        }
        let (offset, line) = *first.get_or_insert((token.start, token.line));
        last = scanner.at;
        state = state.after(token.kind);
        if state == SplitState::Start {
            statements.push(Statement { text: &sql[offset..last], offset, line });
            first = None;
        }
    }
    if let Some((offset, line)) = first {
        statements.push(Statement { text: &sql[offset..last], offset, line });
    }
    statements
}

/// The state of a statement, which decides if the next semicolon ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SplitState {
    Start,
    /// After `EXPLAIN` and more words: a trigger can still follow.
    Explain,
    /// After `CREATE` or `CREATE TEMP`.
    Create,
    /// In a statement that the next semicolon ends.
    Plain,
    /// In the body of a trigger.
    Trigger,
    /// After a semicolon in the body of a trigger.
    TriggerSemicolon,
    /// After an `END` that follows such a semicolon.
    TriggerEnd,
}

impl SplitState {
    fn after(self, kind: Kind) -> SplitState {
        match (self, kind) {
            (SplitState::Trigger | SplitState::TriggerSemicolon, Kind::Semicolon) => SplitState::TriggerSemicolon,
            (SplitState::TriggerSemicolon, Kind::End) => SplitState::TriggerEnd,
            (_, Kind::Semicolon) => SplitState::Start,
            (SplitState::Trigger | SplitState::TriggerSemicolon | SplitState::TriggerEnd, _) => SplitState::Trigger,
            (SplitState::Start, Kind::Explain) => SplitState::Explain,
            (SplitState::Start | SplitState::Explain, Kind::Create) => SplitState::Create,
            (SplitState::Explain, Kind::Other) => SplitState::Explain,
            (SplitState::Create, Kind::Temp) => SplitState::Create,
            (SplitState::Create, Kind::Trigger) => SplitState::Trigger,
            _ => SplitState::Plain,
        }
    }
}
