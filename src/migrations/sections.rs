//! The sections of files with both directions in them: the markers that divide a file, dbmate, goose, and diesel's
//! `metadata.toml`.

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
    /// An option that the runner does not read.
    pub(crate) ignored: Option<Problem>,
}

/// A reason why the runner of a file would refuse it, or ignore an option in it.
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

/// Divides a dbmate file: `-- migrate:up`, then `-- migrate:down`, each with options such as `transaction:false`. Only the
/// first of each counts.
pub(crate) fn dbmate(sql: &str) -> Result<Sections, Problem> {
    let mut up: Option<Section> = None;
    let mut down: Option<Section> = None;
    let mut ignored = None;
    let mut statement_before = None;
    for line in lines(sql) {
        let directive = line.text.strip_prefix("--").map(str::trim_start);
        let (section, options) = match directive.and_then(|text| text.strip_prefix("migrate:")) {
            Some(text) if is_word(text, "up") => (&mut up, &text["up".len()..]),
            Some(text) if is_word(text, "down") => (&mut down, &text["down".len()..]),
            _ => {
                let is_statement = !line.text.trim().is_empty() && !line.text.trim_start().starts_with("--");
                statement_before = statement_before.or((is_statement && up.is_none()).then_some(line.number));
                continue;
            }
        };
        if section.is_some() {
            continue;
        }
        let transaction = dbmate_transaction(options);
        if transaction && options.contains("transaction") && !options.contains("transaction:true") {
            ignored = Some(Problem::new(
                "dbmate reads options as pairs without a space",
                line.number,
                "write `transaction:false` behind `-- migrate:up`",
            ));
        }
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
    match statement_before {
        Some(line) => Err(Problem::new(
            "SQL before `-- migrate:up`",
            line,
            "dbmate refuses the file: move the statement below `-- migrate:up`",
        )),
        None => Ok(Sections { up, down, ignored }),
    }
}

/// Returns false if the last `transaction` among the options is `false`. An option is a pair with one colon.
fn dbmate_transaction(options: &str) -> bool {
    let mut pairs = options.split_whitespace().filter_map(|option| option.split_once(':'));
    let last = pairs.rfind(|(key, value)| *key == "transaction" && !value.contains(':'));
    last.is_none_or(|(_, value)| value != "false")
}

/// Returns the start of the line that ends at `end`.
fn start_of_line_before(sql: &str, end: usize) -> usize {
    let line = sql[..end].strip_suffix('\n').unwrap_or(&sql[..end]);
    line.rfind('\n').map_or(0, |at| at + 1)
}

/// Returns true if diesel runs a migration with this `metadata.toml` in a transaction: not without the key, and always if
/// the file cannot be read.
pub(crate) fn run_in_transaction(toml: &str) -> (bool, Option<Problem>) {
    for line in lines(toml) {
        let text = line.text.split('#').next().unwrap_or_default().trim();
        if text.starts_with('[') {
            break;
        }
        let Some((key, value)) = text.split_once('=') else { continue };
        if key.trim().trim_matches(['"', '\'']) == "run_in_transaction" {
            return match value.trim() {
                "true" => (true, None),
                "false" => (false, None),
                _ => {
                    let help = "write `run_in_transaction = false`, or remove the file: diesel ignores it, and runs the \
                                migration in a transaction";
                    (true, Some(Problem::new("run_in_transaction is neither true nor false", line.number, help)))
                }
            };
        }
    }
    (false, None)
}

/// Divides a goose file: `-- +goose Up`, then `-- +goose Down`, with blocks of `StatementBegin` and `StatementEnd`.
///
/// Outside such blocks, goose cuts at each line that ends with a semicolon, whatever SQLite thinks of it: a trigger
/// that is not in a block reaches SQLite in pieces. So what goose would send is compared with what SQLite would run.
pub(crate) fn goose(sql: &str) -> Result<Sections, Problem> {
    let mut file = GooseFile { sql, ..GooseFile::default() };
    for line in lines(sql) {
        if !file.read_directive(&line)? {
            file.read_sql(&line)?;
        }
    }
    file.finish()
}

/// A file as far as it was read.
#[derive(Default)]
struct GooseFile<'a> {
    sql: &'a str,
    up: Option<Section>,
    down: Option<Section>,
    without_transaction: bool,
    /// The line of a `StatementBegin` that is not closed.
    block: Option<usize>,
    /// The first line of a statement that is not finished.
    unfinished: Option<usize>,
    /// The ends of the statements, as goose sees them: offset and line.
    cuts: Vec<(usize, usize)>,
}

impl GooseFile<'_> {
    /// Reads a line that tells goose something, in upper or lower case. Returns false if it is another line.
    fn read_directive(&mut self, line: &Line<'_>) -> Result<bool, Problem> {
        let Some((dashes, annotation)) = line.text.split_once("+goose").filter(|_| line.text.starts_with("--")) else {
            return Ok(false);
        };
        if !dashes.trim_matches('-').trim().is_empty() {
            return Ok(false);
        }
        match annotation.trim().to_ascii_lowercase().as_str() {
            "up" => self.start_section(line, true)?,
            "down" => self.start_section(line, false)?,
            "statementbegin" => self.block = Some(line.number),
            "statementend" => {
                self.block = None;
                self.unfinished = None;
            }
            "no transaction" => self.without_transaction = true,
            "envsub on" if self.sql.contains('$') => {
                return Err(Problem::new(
                    "goose file with environment variables",
                    line.number,
                    "write the values into the SQL: sqlitmus does not support goose's ENVSUB",
                ));
            }
            "envsub on" | "envsub off" => {}
            _ => {
                return Err(Problem::new(
                    "unknown goose annotation",
                    line.number,
                    "goose refuses the file: it knows Up, Down, StatementBegin, StatementEnd, NO TRANSACTION and ENVSUB",
                ));
            }
        }
        Ok(true)
    }

    fn start_section(&mut self, line: &Line<'_>, is_up: bool) -> Result<(), Problem> {
        if if is_up { self.up.is_some() } else { self.down.is_some() } {
            return Err(Problem::new(
                "duplicate goose section",
                line.number,
                "keep one `-- +goose Up` and one `-- +goose Down`",
            ));
        }
        self.check_finished()?;
        let section = Section { range: line.end..self.sql.len(), line: line.number + 1, transaction: true };
        if is_up {
            self.up = Some(section);
        } else {
            self.up.as_mut().ok_or(NO_UP)?.range.end = line.start;
            self.down = Some(section);
        }
        Ok(())
    }

    fn read_sql(&mut self, line: &Line<'_>) -> Result<(), Problem> {
        let text = line.text.trim();
        if text.is_empty() || (self.unfinished.is_none() && text.starts_with("--")) {
            return Ok(());
        }
        if self.up.is_none() {
            return Err(match marker(self.sql) {
                Some(_) => Problem::new(
                    "SQL before `-- +goose Up`",
                    line.number,
                    "goose refuses the file: move the statement below `-- +goose Up`",
                ),
                None => NO_UP,
            });
        }
        self.unfinished = Some(self.unfinished.unwrap_or(line.number));
        if self.block.is_none() && ends_with_semicolon(line.text) {
            self.unfinished = None;
            self.cuts.push((line.end, line.number));
        }
        Ok(())
    }

    fn check_finished(&self) -> Result<(), Problem> {
        let (what, line, help) = match (self.block, self.unfinished) {
            (Some(line), _) => {
                ("goose block without an end", line, "write `-- +goose StatementEnd` below the statement")
            }
            (None, Some(line)) => (
                "statement whose end goose does not find",
                line,
                "goose refuses the file: end the statement with a semicolon at the end of a line",
            ),
            (None, None) => return Ok(()),
        };
        Err(Problem::new(what, line, help))
    }

    fn finish(mut self) -> Result<Sections, Problem> {
        let mut up = self.up.take().ok_or(NO_UP)?;
        self.check_finished()?;
        for section in std::iter::once(&up).chain(&self.down) {
            check_cuts(&self.sql[section.range.clone()], section, &self.cuts)?;
        }
        up.transaction = !self.without_transaction;
        let down = self.down.map(|down| Section { transaction: up.transaction, ..down });
        Ok(Sections { up, down, ignored: None })
    }
}

const NO_UP: Problem = Problem {
    what: "goose file without an Up section",
    line: None,
    help: "write `-- +goose Up` on a line of its own above its first statement",
};

/// Returns true if the last word of a line, before a comment, ends with a semicolon.
fn ends_with_semicolon(line: &str) -> bool {
    line.split_whitespace().take_while(|word| !word.starts_with("--")).last().is_some_and(|word| word.ends_with(';'))
}

/// Fails if goose would send a part of a statement.
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

#[cfg(test)]
mod tests;
