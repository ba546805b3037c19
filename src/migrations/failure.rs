//! The report of a migration that failed.

use super::migration::{Format, Migration, Script};
use crate::error::{Error, ErrorKind, Refusal};
use crate::sql::Statement;

pub(super) enum Cause<'a> {
    Statement(Statement<'a>, rusqlite::Error),
    /// A statement around the script: `BEGIN`, `COMMIT`, the ledger's.
    Around(&'static str, rusqlite::Error),
    /// The script has run and left a transaction open, which this statement began.
    LeftOpen(Option<Statement<'a>>),
    /// The script has run, and this statement ended the transaction that it was run in.
    Ended(Option<Statement<'a>>),
}

pub(super) fn report(format: Format, undo: bool, migration: &Migration, script: &Script, cause: Cause<'_>) -> Error {
    let what = if undo { "undoing migration" } else { "migration" };
    let error = |says: &str| {
        let headline = format!("{what} {} {says}: {}", migration.version, script.file);
        let error = Error::new(ErrorKind::Migration, headline).migration(migration.name());
        error.given(script.path.as_deref(), Error::path)
    };
    match cause {
        Cause::Statement(statement, refusal) => {
            let offset = offset_in(&statement, &refusal);
            let error = error("failed").sql_excerpt(statement.text, &excerpt(statement.text, offset));
            let error = error.given(advice(format, &statement, &refusal), Error::help);
            at(error, script, &statement, offset).because_sqlite(refusal)
        }
        Cause::Around(part, refusal) => error(&format!("failed at {part}")).because_sqlite(refusal),
        Cause::LeftOpen(statement) => {
            let error = error("leaves a transaction open").help("end it with COMMIT");
            error.given(statement, |error, statement| at(error, script, &statement, 0))
        }
        Cause::Ended(statement) => {
            let error = error("ends the transaction that it runs in").help("leave COMMIT to the runner");
            error.given(statement, |error, statement| at(error, script, &statement, 0))
        }
    }
}

/// Returns the offset in the statement at which SQLite found the error; 0 if SQLite does not tell.
fn offset_in(statement: &Statement<'_>, refusal: &rusqlite::Error) -> usize {
    let offset = Refusal::of(refusal).and_then(|refusal| refusal.offset);
    offset.filter(|&offset| statement.text.is_char_boundary(offset)).unwrap_or(0)
}

fn at(error: Error, script: &Script, statement: &Statement<'_>, offset: usize) -> Error {
    let before = &statement.text[..offset];
    let line = script.first_line - 1 + statement.line + before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let text = statement.text[start..].lines().next().unwrap_or_default();
    let text = shorten(text.trim_end(), offset - start);
    error.evidence(format!("at {}:{line}", script.shown()), format!("> {}", text.trim_start()))
}

/// The number of lines of a statement that are shown.
const LINES: usize = 24;
/// The number of them above the line of the error.
const LINES_ABOVE: usize = 12;
/// The number of characters of a line that are shown.
const LETTERS: usize = 160;

/// Returns the statement, or the lines around `offset` of a long one.
fn excerpt(statement: &str, offset: usize) -> String {
    let lines: Vec<&str> = statement.lines().collect();
    let guilty = statement[..offset].matches('\n').count().min(lines.len().saturating_sub(1));
    let column = offset - statement[..offset].rfind('\n').map_or(0, |at| at + 1);
    let start = match lines.len() {
        ..=LINES => 0,
        count => guilty.saturating_sub(LINES_ABOVE).min(count - LINES),
    };
    let end = lines.len().min(start + LINES);
    let mut shown = String::new();
    if start > 0 {
        // The first line shows the kind of statement and its table.
        shown.push_str(&shorten(lines[0], 0));
        shown.push_str(&left_out(start - 1));
    }
    for (index, line) in lines.iter().enumerate().take(end).skip(start) {
        if !shown.is_empty() {
            shown.push('\n');
        }
        shown.push_str(&shorten(line, if index == guilty { column } else { 0 }));
    }
    shown.push_str(&left_out(lines.len() - end));
    shown
}

fn left_out(lines: usize) -> String {
    match lines {
        0 => String::new(),
        1 => "\n... 1 line ...".to_owned(),
        lines => format!("\n... {lines} lines ..."),
    }
}

/// Returns a line, or the part around `column` of a long one.
fn shorten(line: &str, column: usize) -> String {
    if line.len() <= LETTERS {
        return line.to_owned();
    }
    let letters: Vec<char> = line.chars().collect();
    let column = line[..column.min(line.len())].chars().count();
    let start = column.saturating_sub(LETTERS / 2).min(letters.len().saturating_sub(LETTERS));
    let end = letters.len().min(start + LETTERS);
    let shown: String = letters[start..end].iter().collect();
    let (before, after) = (if start > 0 { "... " } else { "" }, if end < letters.len() { " ..." } else { "" });
    format!("{before}{shown}{after}")
}

/// Returns advice for errors that come from how a migration is run.
fn advice(format: Format, statement: &Statement<'_>, refusal: &rusqlite::Error) -> Option<String> {
    let message = Refusal::of(refusal)?.message;
    if let Some(function) = message.strip_prefix("no such function: ") {
        return Some(format!("if the app registers {function}, register it with Template::functions"));
    }
    if !message.contains("within a transaction") && !message.contains("inside a transaction") {
        return None;
    }
    if statement.starts_with("BEGIN") {
        return Some(format!("{format} runs each migration in a transaction: leave out BEGIN and COMMIT"));
    }
    Some(match format.without_transaction() {
        Some(how) => how.to_owned(),
        None => format!("{format} runs each migration in a transaction, and this statement cannot be part of one"),
    })
}

#[cfg(test)]
mod tests {
    use super::{excerpt, shorten};

    #[test]
    fn a_short_statement_is_shown_as_it_is() {
        assert_eq!(excerpt("CREATE TABLE a(\n  x\n);", 3), "CREATE TABLE a(\n  x\n);");
        assert_eq!(excerpt("", 0), "");
    }

    #[test]
    fn a_long_statement_is_shown_around_its_fault() {
        let lines: Vec<String> = (0..100).map(|line| format!("line {line}")).collect();
        let text = lines.join("\n");
        let shown = excerpt(&text, text.find("line 50").unwrap());
        let expected = [
            lines[..1].join("\n"),
            "... 37 lines ...".to_owned(),
            lines[38..62].join("\n"),
            "... 38 lines ...".to_owned(),
        ];
        assert_eq!(shown, expected.join("\n"));

        let shown = excerpt(&text, 0);
        assert_eq!(shown, format!("{}\n... 76 lines ...", lines[..24].join("\n")));

        let shown = excerpt(&text, text.len());
        assert_eq!(shown, format!("line 0\n... 75 lines ...\n{}", lines[76..].join("\n")));
    }

    #[test]
    fn a_long_line_is_shown_around_its_fault() {
        let line = format!("{}ü?{}", "ä".repeat(300), "ö".repeat(300));
        let column = line.find('?').unwrap();
        assert_eq!(shorten(&line, column), format!("... {}ü?{} ...", "ä".repeat(79), "ö".repeat(79)));
        assert_eq!(shorten(&line, 0), format!("{} ...", "ä".repeat(160)));
        assert_eq!(shorten(&line, line.len()), format!("... {}", "ö".repeat(160)));
        assert_eq!(shorten("short", 2), "short");
    }
}
