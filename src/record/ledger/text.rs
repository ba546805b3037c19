//! The file of a ledger.
//!
//! It is made for a diff: one line for a statement, one for each step of its plan, and nothing that differs between two runs
//! of the same tests. So no version of SQLite is in it, for which plans are normal anyway, and no count or time.

use std::cmp::Ordering;

use super::{Ledger, LedgerPlan, LedgerStatement};
use crate::error::{Error, ErrorKind, Result};
use crate::sql::has_a_plan;

/// The first line of a ledger. The number is another one with every other layout.
pub(super) const HEADER: &str = "# sqlitmus ledger 1: every statement of a test run, and its plans";
const BEFORE_NUMBER: &str = "# sqlitmus ledger ";
const NUMBER: &str = "1";

/// In front of a line of a plan that scans a table, as in every report.
pub(super) const SCAN: &str = "> ";
/// In front of all other lines of a plan.
const STEP: &str = "  ";
/// In front of the reason why there is no plan.
pub(super) const NO_PLAN: &str = "! ";

impl LedgerPlan {
    /// A plan of lines that begin with [`SCAN`] or [`STEP`].
    pub(super) fn of(lines: &[String]) -> LedgerPlan {
        LedgerPlan { text: lines.iter().map(|line| visible(line)).collect::<Vec<_>>().join("\n") }
    }

    /// None, because of this.
    pub(super) fn unknown(reason: &str) -> LedgerPlan {
        LedgerPlan { text: visible(&format!("{NO_PLAN}{reason}")) }
    }
}

/// The ledger of a text that is called `name` in what is said of it.
pub(super) fn parse(text: &str, name: &str) -> Result<Ledger> {
    let mut lines = text.lines().enumerate().peekable();
    let header = lines.next().map_or("", |(_, line)| line);
    let Some(rest) = header.strip_prefix(BEFORE_NUMBER) else {
        return Err(Error::new(ErrorKind::Queries, format!("this is no ledger of statements: {name}"))
            .evidence("line 1", format!("> {header}"))
            .evidence("a ledger begins with", HEADER));
    };
    if rest.split(':').next() != Some(NUMBER) {
        return Err(Error::new(
            ErrorKind::Queries,
            format!("another version of sqlitmus has made this ledger: {name}"),
        )
        .evidence("line 1", format!("> {header}"))
        .help("delete the file and let the tests make it anew"));
    }
    let mut ledger = Ledger::default();
    while let Some((number, line)) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let word = line.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        let sql = unescaped(line).filter(|_| has_a_plan(&word.to_ascii_uppercase()));
        let Some(sql) = sql else { return Err(unreadable(number + 1, line, name)) };
        let mut plan: Vec<&str> = Vec::new();
        while let Some((_, step)) = lines.next_if(|(_, line)| is_step(line)) {
            plan.push(step);
        }
        ledger.add(&sql, LedgerPlan { text: plan.join("\n") });
    }
    Ok(ledger)
}

/// What stands in the file for a statement: a paragraph for each plan.
pub(super) fn paragraphs(statement: &LedgerStatement) -> Vec<String> {
    let sql = escaped(&statement.sql);
    let paragraph = |plan: &LedgerPlan| match plan.text.as_str() {
        "" => sql.clone(),
        plan => format!("{sql}\n{plan}"),
    };
    statement.plans.iter().map(paragraph).collect()
}

/// Whether a ledger has this paragraph. Reading all of a large one takes a test's process longer than all else that it
/// does, so this looks where it has to be in a file that is sorted. In one that was edited it may not find it.
pub(super) fn has_paragraph(text: &str, paragraph: &str) -> bool {
    let Some(body) = text.strip_prefix(HEADER) else { return false };
    let body = body.trim_end().as_bytes();
    let end_of =
        |start: usize| body[start..].windows(2).position(|two| two == b"\n\n").map_or(body.len(), |at| start + at);
    // Between them, places in front of an empty line or behind all.
    let (mut low, mut high) = (0, body.len());
    while low < high {
        let middle = end_of(low + (high - low) / 2).min(high);
        // The last paragraph of the half may be the one that is looked at, or there is none.
        let at = if middle == high { low } else { middle };
        let start = (at + 2).min(body.len());
        let end = end_of(start);
        match body[start..end].cmp(paragraph.as_bytes()) {
            Ordering::Equal => return true,
            Ordering::Less => low = end,
            Ordering::Greater => high = at,
        }
    }
    false
}

fn is_step(line: &str) -> bool {
    [SCAN, STEP, NO_PLAN].iter().any(|prefix| line.starts_with(prefix))
}

fn unreadable(number: usize, line: &str, name: &str) -> Error {
    Error::new(ErrorKind::Queries, format!("line {number} of the ledger cannot be read: {name}"))
        .evidence(format!("line {number}"), format!("> {line}"))
        .help("delete the file and let the tests make it anew")
}

/// A statement as one line, from which [`unescaped`] makes it again.
pub(super) fn escaped(sql: &str) -> String {
    visible(&sql.replace('\\', "\\\\"))
}

/// What would break the line, or show it otherwise than it is, as `\n` or `\u{…}`.
fn visible(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for (index, part) in text.split('\n').enumerate() {
        line.push_str(if index == 0 { "" } else { "\\n" });
        if !part.contains(is_hidden) {
            line.push_str(part);
            continue;
        }
        for c in part.chars() {
            if is_hidden(c) { line.extend(c.escape_unicode()) } else { line.push(c) }
        }
    }
    line
}

/// Control characters, marks of the direction in which is written, and line breaks of Unicode's own.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `None` for what [`escaped`] has not made.
fn unescaped(line: &str) -> Option<String> {
    let mut sql = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once('\\') {
        sql.push_str(before);
        let mut letters = behind.chars();
        rest = match letters.next()? {
            '\\' => {
                sql.push('\\');
                letters.as_str()
            }
            'n' => {
                sql.push('\n');
                letters.as_str()
            }
            'u' => {
                let (digits, behind) = letters.as_str().strip_prefix('{')?.split_once('}')?;
                sql.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
                behind
            }
            _ => return None,
        };
    }
    sql.push_str(rest);
    Some(sql)
}

#[cfg(test)]
mod tests {
    use super::super::Ledger;
    use super::{escaped, has_paragraph, paragraphs, parse, unescaped};

    #[test]
    fn every_statement_is_one_line_and_comes_back() {
        for (sql, line) in [
            ("SELECT \"a\nb\"", "SELECT \"a\\nb\""),
            ("SELECT \"a\\nb\"", "SELECT \"a\\\\nb\""),
            ("SELECT \"\\\\u{a}\\\"", "SELECT \"\\\\\\\\u{a}\\\\\""),
            ("SELECT \"\r\t\u{202e}\u{2028}\"", "SELECT \"\\u{d}\\u{9}\\u{202e}\\u{2028}\""),
            ("SELECT \"größe 数据\"", "SELECT \"größe 数据\""),
            ("", ""),
        ] {
            assert_eq!(escaped(sql), line);
            assert_eq!(unescaped(line).as_deref(), Some(sql));
        }
    }

    #[test]
    fn what_was_not_escaped_here_is_refused() {
        for line in ["\\", "\\x", "\\u{}", "\\u{d800}", "\\u{1", "\\u1"] {
            assert_eq!(unescaped(line), None, "{line}");
        }
    }

    #[test]
    fn every_paragraph_of_a_file_is_found_and_no_other() {
        let mut text = Ledger::default().to_string();
        for count in 0..40 {
            let ledger = parse(&text, "text").unwrap();
            let all: Vec<String> = ledger.iter().flat_map(paragraphs).collect();
            assert_eq!(all.len(), count);
            for paragraph in &all {
                assert!(has_paragraph(&text, paragraph), "{paragraph} in {text}");
                for other in [format!("{paragraph}x"), format!("{paragraph}\n  x"), paragraph.replace('S', "R")] {
                    assert!(!has_paragraph(&text, &other), "{other} in {text}");
                }
            }
            for other in ["", "A", "SELECT", "SELECT 999", "Z", "\n\n"] {
                assert!(!has_paragraph(&text, other), "{other} in {text}");
            }
            // Each statement has two plans in the end, of which one is of no table.
            let plan = if count % 2 == 0 { "" } else { "> SCAN t\n  USE TEMP B-TREE FOR ORDER BY\n" };
            text.push_str(&format!("\nSELECT {}\n{plan}", 100 + count / 2));
            text = parse(&text, "text").unwrap().to_string();
        }
    }

    #[test]
    fn what_was_edited_is_found_or_not_but_ends() {
        let text = "# sqlitmus ledger 1: every statement of a test run, and its plans\n\n\n\nSELECT 2\n\n\nSELECT 1\n";
        let edited = [text.to_owned(), text.replace('\n', "\r\n"), text.trim_end().to_owned(), String::new()];
        for text in edited {
            assert!(!has_paragraph(&text, "SELECT 3"));
        }
    }
}
