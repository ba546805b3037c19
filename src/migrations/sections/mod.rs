//! Files with both directions in them, and diesel's `metadata.toml`.

use std::ops::Range;

use super::Format;
use crate::sql;

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) range: Range<usize>,
    /// The line that it starts in, counted from 1.
    pub(super) line: usize,
    pub(super) transaction: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sections {
    pub(super) up: Section,
    pub(super) down: Option<Section>,
}

/// What its runner would refuse in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The first part of the headline; the file and the line follow.
    pub(super) what: &'static str,
    pub(super) line: Option<usize>,
    pub(super) help: &'static str,
}

impl Problem {
    fn new(what: &'static str, line: usize, help: &'static str) -> Self {
        Problem { what, line: Some(line), help }
    }
}

/// What cuts a file into directions. Run as a whole, such a file would undo what it has just done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    Known(Format),
    /// Of a tool whose files are not read here.
    Unknown(&'static str),
}

/// The first marker of a file.
pub(super) fn marker(sql: &str) -> Option<Marker> {
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

/// Where a comment starts with `before`, `rare` and `after`, as a word of its own. It looks for the one character that
/// is rare in SQL, which is a fast search also in an unoptimised build.
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

/// Whether the last line of `text` is nothing but the start of a comment.
fn is_start_of_comment(text: &str) -> bool {
    let line = text.rsplit('\n').next().unwrap_or(text);
    line.starts_with("--") && line.trim_start_matches('-').trim().is_empty()
}

struct Line<'a> {
    text: &'a str,
    number: usize,
    start: usize,
    /// Behind its line break.
    end: usize,
}

fn lines(sql: &str) -> impl Iterator<Item = Line<'_>> {
    let mut end = 0;
    sql.split_inclusive('\n').enumerate().map(move |(index, line)| {
        let start = end;
        end += line.len();
        let text = line.strip_suffix('\n').unwrap_or(line);
        Line { text: text.strip_suffix('\r').unwrap_or(text), number: index + 1, start, end }
    })
}

/// `-- migrate:up`, then `-- migrate:down`, each with options such as `transaction:false`.
pub(super) fn dbmate(sql: &str) -> Result<Sections, Problem> {
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
                "dbmate section that is there twice",
                line.number,
                "keep one `-- migrate:up` and one `-- migrate:down`",
            ));
        }
        let transaction = !options.split_whitespace().any(|option| option == "transaction:false");
        *section = Some(Section { range: line.end..sql.len(), line: line.number + 1, transaction });
    }
    let Some(mut up) = up else { return Err(no_up(Format::Dbmate)) };
    if let Some(down) = &down {
        if down.range.start < up.range.start {
            return Err(Problem::new(
                "dbmate file with its Down section first",
                down.line - 1,
                "dbmate wants `-- migrate:up` before `-- migrate:down`",
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

fn is_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

/// Where the line starts that ends at `end`.
fn start_of_line_before(sql: &str, end: usize) -> usize {
    let line = sql[..end].strip_suffix('\n').unwrap_or(&sql[..end]);
    line.rfind('\n').map_or(0, |at| at + 1)
}

fn no_up(format: Format) -> Problem {
    let (what, help) = match format {
        Format::Dbmate => (
            "dbmate file without an Up section",
            "write `-- migrate:up` on a line of its own above its first statement",
        ),
        _ => {
            ("goose file without an Up section", "write `-- +goose Up` on a line of its own above its first statement")
        }
    };
    Problem { what, line: None, help }
}

/// `-- +goose Up`, then `-- +goose Down`, with blocks of `StatementBegin` and `StatementEnd`.
///
/// Outside of such blocks goose cuts at each line that ends with a semicolon, whatever SQLite thinks of it: a trigger
/// that is not in a block reaches SQLite in pieces. So what goose would send is compared with what SQLite would run.
pub(super) fn goose(sql: &str) -> Result<Sections, Problem> {
    let mut up: Option<Section> = None;
    let mut down: Option<Section> = None;
    let mut transaction = true;
    let mut block = None;
    let mut unfinished = None;
    let mut cuts = Vec::new();
    for line in lines(sql) {
        match line.text.strip_prefix("--").map(str::trim) {
            Some(direction @ ("+goose Up" | "+goose Down")) => {
                let is_up = direction.ends_with("Up");
                let twice = if is_up { up.is_some() } else { down.is_some() };
                if twice {
                    return Err(Problem::new(
                        "goose section that is there twice",
                        line.number,
                        "keep one `-- +goose Up` and one `-- +goose Down`",
                    ));
                }
                if let Some(line) = block {
                    return Err(unclosed_block(line));
                }
                if let Some(line) = unfinished {
                    return Err(unfinished_statement(line));
                }
                let section = Section { range: line.end..sql.len(), line: line.number + 1, transaction: true };
                if is_up {
                    up = Some(section);
                } else if let Some(up) = &mut up {
                    up.range.end = line.start;
                    down = Some(section);
                } else {
                    return Err(no_up(Format::Goose));
                }
                continue;
            }
            Some("+goose StatementBegin") => {
                block = Some(line.number);
                continue;
            }
            Some("+goose StatementEnd") => {
                block = None;
                unfinished = None;
                continue;
            }
            Some("+goose NO TRANSACTION") => {
                transaction = false;
                continue;
            }
            Some("+goose ENVSUBST ON") => {
                return Err(Problem::new(
                    "goose file with environment variables",
                    line.number,
                    "write the values into the SQL: sqlitmus does not do goose's ENVSUBST",
                ));
            }
            _ => {}
        }
        let text = line.text.trim();
        if text.is_empty() || (unfinished.is_none() && text.starts_with("--")) {
            continue;
        }
        if up.is_none() {
            return Err(match marker(sql) {
                Some(_) => Problem::new(
                    "SQL before `-- +goose Up`",
                    line.number,
                    "goose refuses the file: move the statement below `-- +goose Up`",
                ),
                None => no_up(Format::Goose),
            });
        }
        unfinished = Some(unfinished.unwrap_or(line.number));
        if block.is_none() && ends_with_semicolon(line.text) {
            unfinished = None;
            cuts.push((line.end, line.number));
        }
    }
    let Some(mut up) = up else { return Err(no_up(Format::Goose)) };
    if let Some(line) = block {
        return Err(unclosed_block(line));
    }
    if let Some(line) = unfinished {
        return Err(unfinished_statement(line));
    }
    for section in std::iter::once(&up).chain(&down) {
        check_cuts(&sql[section.range.clone()], section, &cuts)?;
    }
    up.transaction = transaction;
    if let Some(down) = &mut down {
        down.transaction = transaction;
    }
    Ok(Sections { up, down })
}

fn unclosed_block(line: usize) -> Problem {
    Problem::new("goose block that does not end", line, "write `-- +goose StatementEnd` below the statement")
}

fn unfinished_statement(line: usize) -> Problem {
    Problem::new(
        "statement that goose finds no end of",
        line,
        "goose refuses the file: end the statement with a semicolon at the end of a line",
    )
}

/// Whether the last word of a line, before a comment, ends with a semicolon.
fn ends_with_semicolon(line: &str) -> bool {
    line.split_whitespace().take_while(|word| !word.starts_with("--")).last().is_some_and(|word| word.ends_with(';'))
}

fn check_cuts(text: &str, section: &Section, cuts: &[(usize, usize)]) -> Result<(), Problem> {
    for statement in sql::split(text) {
        let start = section.range.start + statement.offset;
        let end = section.range.start + statement.end();
        if let Some((_, line)) = cuts.iter().find(|(cut, _)| start < *cut && *cut < end) {
            return Err(Problem::new(
                "statement that goose cuts in two",
                *line,
                "write `-- +goose StatementBegin` above the statement and `-- +goose StatementEnd` below it",
            ));
        }
    }
    Ok(())
}

/// Whether diesel runs a migration with this `metadata.toml` in a transaction. Without the key it does not.
pub(super) fn run_in_transaction(toml: &str) -> Result<bool, Problem> {
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
                    "diesel then passes over the whole file without a word: write `run_in_transaction = false`",
                )),
            };
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
