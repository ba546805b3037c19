//! The text of a failed check.

use super::finding::{Finding, Level};
use crate::error::{Error, ErrorKind};
use crate::report::count;

/// The number of remedies in a report.
const MOST_REMEDIES: usize = 50;

/// The number of remedies in a report that are tried first, each in about twenty milliseconds of unoptimized code.
const MOST_TRIED: usize = 10;

/// Returns an error that lists the groups of findings that fail. `passing` are the findings that do not.
pub(super) fn failure(groups: &[Vec<&Finding>], passing: &[&Finding], codes: &[&str]) -> Error {
    let failing: Vec<&Finding> = groups.concat();
    let first = failing[0];
    let headline = match failing.len() {
        1 => format!("{}: {}", first.code(), first.what()),
        count => format!("{count} findings, the first: {}: {}", first.code(), first.what()),
    };
    let mut error = Error::new(ErrorKind::Check, headline);
    for (at, group) in groups.iter().enumerate() {
        error = with_group(error, group, at == 0);
    }
    error = with_remedies(error, &failing);
    // Broken pages are never meant; those checks give no codes.
    if let Some(finding) = failing.iter().find(|finding| codes.contains(&finding.code())) {
        let (code, object) = (finding.code(), finding.object());
        error = error.help(format!("if it is meant, say so: .allow({code:?}, {object:?}, \"why\")"));
    }
    error.given(passed_over(passing), Error::note)
}

/// Returns the findings of each code that have the same reason, in the order of the first of each.
pub(super) fn alike<'f>(findings: &[&'f Finding]) -> Vec<Vec<&'f Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings {
        let is_alike = |other: &Finding| (other.code(), other.why()) == (finding.code(), finding.why());
        match groups.iter_mut().find(|group| is_alike(group[0])) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

fn with_group(mut error: Error, group: &[&Finding], is_first: bool) -> Error {
    let first = group[0];
    let mut lines: Vec<String> = match group {
        [finding] => vec![finding.what().to_owned()],
        many => many.iter().map(|finding| format!("{}: {}", finding.object(), finding.what())).collect(),
    };
    if !first.why().is_empty() {
        lines.push(first.why().to_owned());
    }
    // The headline has the first one.
    if !is_first || lines.len() > 1 {
        let label = match group {
            [finding] => format!("{} ({})", finding.code(), finding.object()),
            many => format!("{} ({} findings)", first.code(), many.len()),
        };
        error = error.evidence(label, lines.join("\n"));
    }
    // Of many plans one is enough.
    let mut shown: Vec<&str> = Vec::new();
    for finding in group {
        for (label, body) in finding.proofs() {
            let has_it = |other: &&Finding| other.proofs().iter().any(|(other, _)| other == label);
            if !shown.contains(&label.as_str()) {
                shown.push(label);
                let whose = if group.iter().filter(|other| has_it(other)).count() > 1 { finding.object() } else { "" };
                let label = if whose.is_empty() { label.clone() } else { format!("{label} ({whose})") };
                error = error.evidence(label, body.clone());
            }
        }
    }
    error
}

/// Adds each remedy once; of those that rebuild a table, the first.
fn with_remedies(mut error: Error, findings: &[&Finding]) -> Error {
    let (rebuilt, plain): (Vec<&Finding>, Vec<&Finding>) =
        findings.iter().partition(|finding| finding.is_mended_by_rebuild());
    let mut shown: Vec<&str> = Vec::new();
    let mut left = 0;
    for finding in plain {
        let most = if finding.is_tried_when_needed() { MOST_TRIED } else { MOST_REMEDIES };
        if shown.len() >= most {
            left += 1;
        } else if let Some(remedy) = finding.help().filter(|remedy| !shown.contains(remedy)) {
            shown.push(remedy);
        }
    }
    let mut rebuilds = rebuilt.iter();
    shown.extend(rebuilds.find_map(|finding| finding.help()));
    left += rebuilds.len();
    for remedy in shown {
        error = error.help(remedy);
    }
    match left {
        0 => error,
        1 => error.help("the remedy of one more is left out here: Finding::help has it"),
        more => error.help(format!("remedies of {more} more are left out here: Finding::help has each")),
    }
}

/// Returns the line that counts the findings which do not fail the check.
fn passed_over(findings: &[&Finding]) -> Option<String> {
    let lowest = findings.iter().map(|finding| finding.level()).min()?;
    let of = |level: Level| findings.iter().filter(|finding| finding.level() == level).count();
    let counts: Vec<String> = [(Level::Warning, ""), (Level::Review, " for review"), (Level::Style, " of style")]
        .into_iter()
        .filter(|(level, _)| of(*level) > 0)
        .map(|(level, what)| format!("{}{what}", count(of(level), "finding")))
        .collect();
    Some(format!("{} did not fail: .fail_at(Level::{lowest:?}) lists them", counts.join(" and ")))
}
