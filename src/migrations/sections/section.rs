//! Sections, the reasons to refuse a file, and its lines.

use std::ops::Range;

/// A section of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) range: Range<usize>,
    /// The line where it starts, counted from 1.
    pub(crate) line: usize,
    pub(crate) transaction: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sections {
    pub(crate) up: Section,
    pub(crate) down: Option<Section>,
}

/// A reason why the runner of a file would refuse it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The headline, which the file and the line follow.
    pub(crate) what: &'static str,
    pub(crate) line: Option<usize>,
    pub(crate) help: &'static str,
}

impl Problem {
    pub(super) fn new(what: &'static str, line: usize, help: &'static str) -> Self {
        Problem { what, line: Some(line), help }
    }
}

/// A line of a file, without its line break.
pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) start: usize,
    /// The offset after its line break.
    pub(super) end: usize,
}

pub(super) fn lines(sql: &str) -> impl Iterator<Item = Line<'_>> {
    let mut end = 0;
    sql.split_inclusive('\n').enumerate().map(move |(index, line)| {
        let start = end;
        end += line.len();
        let text = line.strip_suffix('\n').unwrap_or(line);
        Line { text: text.strip_suffix('\r').unwrap_or(text), number: index + 1, start, end }
    })
}

/// Returns true if `text` starts with this word, as a whole word.
pub(super) fn is_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}
