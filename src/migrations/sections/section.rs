//! The sections of a file and the markers that divide it; the files of dbmate, and diesel's `metadata.toml`.

use std::ops::Range;

use crate::migrations::migration::Format;
use crate::sql;

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

/// A marker that divides a file into up and down sections. Run as a whole, such a file would undo its own changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    Known(Format),
    /// The marker of a tool whose files are not supported.
    Unknown(&'static str),
}

/// Returns the first marker of a file.
pub(crate) fn marker(sql: &str) -> Option<Marker> {
    let markers = [
        (find_marker(sql, "", '+', "goose"), Marker::Known(Format::Goose)),
        (find_marker(sql, "migrate", ':', "up"), Marker::Known(Format::Dbmate)),
        (find_marker(sql, "migrate", ':', "down"), Marker::Known(Format::Dbmate)),
        (find_marker(sql, "", '+', "migrate"), Marker::Unknown("sql-migrate")),
        (find_marker(sql, "create above ", '/', " drop below"), Marker::Unknown("tern")),
    ];
    markers
        .into_iter()
        .filter_map(|(at, marker)| Some((at?, marker)))
        .min_by_key(|(at, _)| *at)
        .map(|(_, marker)| marker)
}

/// Returns the offset of `rare` in a comment that starts with `before`, `rare` and `after` as one word. Searching for
/// the one character that is rare in SQL is fast in an unoptimized build too.
fn find_marker(sql: &str, before: &str, rare: char, after: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = sql[from..].find(rare).map(|at| from + at) {
        from = at + rare.len_utf8();
        let comment = sql[..at].strip_suffix(before);
        if comment.is_some_and(is_start_of_comment) && is_word(&sql[from..], after) {
            return Some(at);
        }
    }
    None
}

/// Returns true if the last line of `text` is only the start of a comment.
fn is_start_of_comment(text: &str) -> bool {
    let line = text.rsplit('\n').next().unwrap_or(text);
    line.starts_with("--") && line.trim_start_matches('-').trim().is_empty()
}

/// Divides a dbmate file: `-- migrate:up`, then `-- migrate:down`, each with options such as `transaction:false`.
pub(crate) fn dbmate(sql: &str) -> Result<Sections, Problem> {
    let mut up: Option<Section> = None;
    let mut down: Option<Section> = None;
    for line in lines(sql) {
        let directive = line.text.strip_prefix("--").map(str::trim_start);
        let (section, options) = match directive.and_then(|text| text.strip_prefix("migrate:")) {
            Some(text) if is_word(text, "up") => (&mut up, &text["up".len()..]),
            Some(text) if is_word(text, "down") => (&mut down, &text["down".len()..]),
            _ => continue,
        };
        if section.is_some() {
            return Err(Problem::new(
                "duplicate dbmate section",
                line.number,
                "keep one `-- migrate:up` and one `-- migrate:down`",
            ));
        }
        let transaction = !options.split_whitespace().any(|option| option == "transaction:false");
        *section = Some(Section { range: line.end..sql.len(), line: line.number + 1, transaction });
    }
    let Some(mut up) = up else {
        return Err(Problem {
            what: "dbmate file without an Up section",
            line: None,
            help: "write `-- migrate:up` on a line of its own above its first statement",
        });
    };
    if let Some(down) = &down {
        if down.range.start < up.range.start {
            return Err(Problem::new(
                "dbmate file with its Down section first",
                down.line - 1,
                "dbmate requires `-- migrate:up` before `-- migrate:down`",
            ));
        }
        up.range.end = start_of_line_before(sql, down.range.start);
    }
    let preamble = start_of_line_before(sql, up.range.start);
    match sql::split(&sql[..preamble]).first() {
        Some(statement) => Err(Problem::new(
            "SQL before `-- migrate:up`",
            statement.line,
            "dbmate refuses the file: move the statement below `-- migrate:up`",
        )),
        None => Ok(Sections { up, down }),
    }
}

/// Returns the start of the line that ends at `end`.
fn start_of_line_before(sql: &str, end: usize) -> usize {
    let line = sql[..end].strip_suffix('\n').unwrap_or(&sql[..end]);
    line.rfind('\n').map_or(0, |at| at + 1)
}

/// Returns true if diesel runs a migration with this `metadata.toml` in a transaction. Without the key it does not.
pub(crate) fn run_in_transaction(toml: &str) -> Result<bool, Problem> {
    for line in lines(toml) {
        let text = line.text.split('#').next().unwrap_or_default().trim();
        if text.starts_with('[') {
            break;
        }
        let Some((key, value)) = text.split_once('=') else { continue };
        if key.trim().trim_matches(['"', '\'']) == "run_in_transaction" {
            return match value.trim() {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(Problem::new(
                    "run_in_transaction is neither true nor false",
                    line.number,
                    "diesel then silently ignores the whole file: write `run_in_transaction = false`",
                )),
            };
        }
    }
    Ok(false)
}
