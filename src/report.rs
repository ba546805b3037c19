//! The renderer of every failure, so that all of them look alike.
//!
//! The order is fixed: one line that says what went wrong, the SQL, the evidence, the help, and how to repeat it. It is
//! plain text, because it ends up in a test's captured output, in CI logs and in issue trackers.

use std::fmt;

/// The text of a failure, in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// One lowercase line that says what went wrong, with the name of the table, index or migration.
    pub(crate) headline: String,
    /// Blocks of evidence under labels. Lines that start with `> ` are marked.
    pub(crate) evidence: Vec<(String, String)>,
    /// What to paste or to do, known to help.
    pub(crate) help: Vec<String>,
    /// How to repeat the failure, or where a database was kept.
    pub(crate) notes: Vec<String>,
}

/// Returns a number with its noun: `1 row`, `2 rows`.
pub(crate) fn count<N: fmt::Display + PartialEq + From<u8>>(number: N, one: &str) -> String {
    let s = if number == N::from(1) { "" } else { "s" };
    format!("{number} {one}{s}")
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

impl fmt::Display for Report {
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
    fn a_headline_alone_is_a_report() {
        let report = Report { headline: "nothing to see".into(), ..Report::default() };
        assert_eq!(report.to_string(), "nothing to see");
    }
}
