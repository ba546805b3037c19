//! The renderer of every failure, so that all of them look alike.
//!
//! The order is fixed: one line that says what went wrong, the SQL, the evidence, the help, and how to repeat it. It is
//! plain text, because it ends up in a test's captured output, in CI logs and in issue trackers.

use std::any::Any;
use std::fmt::{self, Write};

/// A text with names, SQL or values that may hold characters which a terminal obeys. [`printable!`] makes it a `Display`, in
/// which they are visible.
pub(crate) trait Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// Implements `Display` for types that are [`Raw`].
macro_rules! printable {
    ($(#[$doc:meta])* $type:ident $(<$parameter:ident>)?) => {
        $(#[$doc])*
        impl $(<$parameter>)? std::fmt::Display for $type $(<$parameter>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::report::write_printable(f, self)
            }
        }
    };
}
pub(crate) use printable;

pub(crate) fn write_printable(f: &mut fmt::Formatter<'_>, raw: &impl Raw) -> fmt::Result {
    struct Text<'a, R>(&'a R);
    impl<R: Raw> fmt::Display for Text<'_, R> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    }
    match f.alternate() {
        true => write!(Printable(f), "{:#}", Text(raw)),
        false => write!(Printable(f), "{}", Text(raw)),
    }
}

/// Returns a text in which everything that a terminal would obey is visible.
pub(crate) fn visible(text: &str) -> String {
    let mut visible = String::new();
    let _ = Printable(&mut visible).write_str(text);
    visible
}

/// Writes what a terminal would obey as `\x1b` or `\u{202e}`: control characters, and those that change the direction of a text.
struct Printable<W>(W);

impl<W: Write> Write for Printable<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(is_obeyed) {
            self.0.write_str(&rest[..at])?;
            let c = rest[at..].chars().next().unwrap_or_default();
            match u32::from(c) {
                code @ ..=0xff => write!(self.0, "\\x{code:02x}")?,
                code => write!(self.0, "\\u{{{code:x}}}")?,
            }
            rest = &rest[at + c.len_utf8()..];
        }
        self.0.write_str(rest)
    }
}

fn is_obeyed(c: char) -> bool {
    let is_of_direction =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (c.is_control() && !matches!(c, '\n' | '\t')) || is_of_direction || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The text of a failure, in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// One lowercase line that says what went wrong, with the name of the table, index or migration.
    pub(crate) headline: String,
    /// Blocks of evidence under labels. Lines that start with `> ` are marked.
    pub(crate) evidence: Vec<(String, String)>,
    /// Things to paste or to do, known to help.
    pub(crate) help: Vec<String>,
    /// Ways to repeat the failure, and places where a database was kept.
    pub(crate) notes: Vec<String>,
}

/// Returns a number with its noun: `1 row`, `2 rows`.
pub(crate) fn count<N: fmt::Display + PartialEq + From<u8>>(number: N, one: &str) -> String {
    let s = if number == N::from(1) { "" } else { "s" };
    format!("{number} {one}{s}")
}

/// Returns the line of a report for columns whose new values were not compared. `None` if there are none.
pub(crate) fn not_compared(columns: &[String]) -> Option<String> {
    (!columns.is_empty())
        .then(|| format!("not compared: new values of {}, because they differ from run to run", columns.join(", ")))
}

/// Returns the message of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> Option<&str> {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied())
}

/// Returns true if a panic says that code runs outside of its async runtime.
pub(crate) fn lacks_runtime(panic: &str) -> bool {
    ["no reactor running", "Tokio context"].iter().any(|words| panic.contains(words))
}

/// Returns the known name that was probably meant. At most a third of its letters differ.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let measured = known.into_iter().map(|other| (distance(name, other), other));
    let close = measured.filter(|(distance, other)| *distance <= name.len().max(other.len()) / 3);
    close.min_by_key(|(distance, _)| *distance).map(|(_, other)| other)
}

/// Returns the Levenshtein distance.
fn distance(one: &str, two: &str) -> usize {
    let two: Vec<char> = two.to_lowercase().chars().collect();
    let mut last: Vec<usize> = (0..=two.len()).collect();
    for (row, a) in one.to_lowercase().chars().enumerate() {
        let mut next = vec![row + 1];
        for (column, b) in two.iter().enumerate() {
            let change = last[column] + usize::from(a != *b);
            next.push(change.min(last[column + 1] + 1).min(next[column] + 1));
        }
        last = next;
    }
    last[two.len()]
}

printable!(Report);

impl Raw for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline)?;
        for (label, body) in &self.evidence {
            write!(f, "\n\n  {label}:")?;
            for line in body.lines() {
                match line.strip_prefix("> ") {
                    Some(guilty) => write!(f, "\n  > {guilty}")?,
                    None if line.is_empty() => f.write_str("\n")?,
                    None => write!(f, "\n    {line}")?,
                }
            }
        }
        for (index, help) in self.help.iter().enumerate() {
            f.write_str(if index == 0 { "\n\n" } else { "\n" })?;
            hanging(f, "  help: ", help)?;
        }
        for note in &self.notes {
            f.write_str("\n")?;
            hanging(f, "note: ", note)?;
        }
        Ok(())
    }
}

/// Writes `text` after `label`, with all further lines indented to the same column.
fn hanging(f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    for (index, line) in text.lines().enumerate() {
        if index == 0 {
            write!(f, "{label}{line}")?;
        } else {
            write!(f, "\n{:width$}{line}", "", width = label.len())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn a_report_reads_from_the_failure_to_the_remedy() {
        let report = Report {
            headline: "migration 3 failed: 003_orders.sql".into(),
            evidence: vec![
                ("sql".into(), "CREATE TABLE orders(\n  id".into()),
                ("plan".into(), "> SCAN orders\nUSE TEMP B-TREE FOR ORDER BY".into()),
            ],
            help: vec!["close the parenthesis\nin line 2".into()],
            notes: vec!["version 2 is intact".into()],
        };
        assert_eq!(
            report.to_string(),
            "migration 3 failed: 003_orders.sql\n\
             \n  sql:\n    CREATE TABLE orders(\n      id\n\
             \n  plan:\n  > SCAN orders\n    USE TEMP B-TREE FOR ORDER BY\n\
             \n  help: close the parenthesis\n        in line 2\
             \nnote: version 2 is intact"
        );
    }

    #[test]
    fn a_report_shows_what_a_terminal_would_obey() {
        let report = Report {
            headline: "no index on a\u{1b}[2Jb\rc\u{7}".into(),
            evidence: vec![("sql".into(), "SELECT 1\r\n\tFROM \u{202e}x\u{9b}31m".into())],
            ..Report::default()
        };
        assert_eq!(
            report.to_string(),
            "no index on a\\x1b[2Jb\\x0dc\\x07\n\n  sql:\n    SELECT 1\n    \tFROM \\u{202e}x\\x9b31m"
        );
    }

    #[test]
    fn a_headline_alone_is_a_report() {
        let report = Report { headline: "nothing to see".into(), ..Report::default() };
        assert_eq!(report.to_string(), "nothing to see");
    }
}
