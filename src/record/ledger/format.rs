//! The text of a ledger's file.
//!
//! The file is made for diffs: one line for each statement, one line for each step of its plan, and nothing that differs
//! between two runs of the same tests. So it has no version of SQLite (plans are in their normal form), no counts and no
//! times.

use std::cmp::Ordering;

/// The first line of a ledger. Another layout gets another number.
pub(super) const HEADER: &str = "# sqlitmus ledger 1: every statement of a test run, and its plans";
pub(super) const BEFORE_NUMBER: &str = "# sqlitmus ledger ";
pub(super) const NUMBER: &str = "1";

/// The prefix of a plan line that scans a table, as in every report.
pub(super) const SCAN: &str = "> ";
/// The prefix of all other lines of a plan.
pub(super) const STEP: &str = "  ";
/// The prefix of the reason why there is no plan.
pub(super) const NO_PLAN: &str = "! ";

/// Returns true if the text of a ledger has this paragraph.
///
/// Reading all of a large ledger takes a test's process longer than everything else it does, so this is a binary search in
/// the sorted paragraphs. In a file that was edited it may miss one.
pub(super) fn has_paragraph(text: &str, paragraph: &str) -> bool {
    let Some(body) = text.strip_prefix(HEADER) else { return false };
    let body = body.trim_end().as_bytes();
    let end_of =
        |start: usize| body[start..].windows(2).position(|two| two == b"\n\n").map_or(body.len(), |at| start + at);
    // `middle` is always in front of an empty line or at the end.
    let (mut low, mut high) = (0, body.len());
    while low < high {
        let middle = end_of(low + (high - low) / 2).min(high);
        // At the end of the half, compare its last paragraph.
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

/// Returns true if a line belongs to a plan.
pub(super) fn is_step(line: &str) -> bool {
    [SCAN, STEP, NO_PLAN].iter().any(|prefix| line.starts_with(prefix))
}

/// Returns a statement as one line. [`unescaped`] is the inverse.
pub(super) fn escaped(sql: &str) -> String {
    visible(&sql.replace('\\', "\\\\"))
}

/// Writes what would break the line, or make it look like something else, as `\n` or `\u{…}`.
pub(super) fn visible(text: &str) -> String {
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

/// Control characters, marks of writing direction, and Unicode's own line breaks.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Returns the statement of a line, or `None` if [`escaped`] has not made the line.
pub(super) fn unescaped(line: &str) -> Option<String> {
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
