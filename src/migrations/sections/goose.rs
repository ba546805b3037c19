//! The files of goose.

use super::section::{Line, Problem, Section, Sections, lines, marker};
use crate::sql;

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
    /// Reads a line that tells goose something. Returns false if it is another line.
    fn read_directive(&mut self, line: &Line<'_>) -> Result<bool, Problem> {
        match line.text.strip_prefix("--").map(str::trim) {
            Some("+goose Up") => self.start_section(line, true)?,
            Some("+goose Down") => self.start_section(line, false)?,
            Some("+goose StatementBegin") => self.block = Some(line.number),
            Some("+goose StatementEnd") => {
                self.block = None;
                self.unfinished = None;
            }
            Some("+goose NO TRANSACTION") => self.without_transaction = true,
            Some("+goose ENVSUBST ON") => {
                return Err(Problem::new(
                    "goose file with environment variables",
                    line.number,
                    "write the values into the SQL: sqlitmus does not support goose's ENVSUBST",
                ));
            }
            _ => return Ok(false),
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
        Ok(Sections { up, down })
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
