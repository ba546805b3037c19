//! The result of a check: [`Finding`] and [`Findings`].

use std::fmt;

use crate::error::{Error, ErrorKind, Result, or_panic};
use crate::report::nearest;
use crate::sql::same_name;

/// The weight of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Level {
    /// A decision that somebody should look at once: [`Findings::assert_ok`] passes over it.
    Review,
    /// A fault: [`Findings::assert_ok`] fails.
    Error,
}

/// One problem that a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    code: &'static str,
    level: Level,
    object: String,
    what: String,
    cost: String,
    evidence: Vec<(String, String)>,
    fix: Option<String>,
}

impl Finding {
    /// `object` is the table, index, trigger, PRAGMA or file; `what` is one line that names it.
    pub(crate) fn new(code: &'static str, object: impl Into<String>, what: impl Into<String>) -> Finding {
        let (object, what) = (object.into(), what.into());
        Finding { code, level: Level::Error, object, what, cost: String::new(), evidence: Vec::new(), fix: None }
    }

    pub(crate) fn level_of(mut self, level: Level) -> Finding {
        self.level = level;
        self
    }

    pub(crate) fn cost(mut self, cost: impl Into<String>) -> Finding {
        self.cost = cost.into();
        self
    }

    pub(crate) fn evidence(mut self, label: impl Into<String>, body: impl Into<String>) -> Finding {
        self.evidence.push((label.into(), body.into()));
        self
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Finding {
        self.fix = Some(fix.into());
        self
    }

    /// Adds to the line that says what is wrong.
    pub(crate) fn append(mut self, text: &str) -> Finding {
        self.what.push_str(text);
        self
    }

    /// Returns the kind of finding as one word, such as `fk-unindexed`.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Returns how much the finding matters.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Returns what the finding is about: a table, `table.column`, an index, a trigger, a PRAGMA or a file.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// Returns one line that says what is wrong.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Returns what it costs to leave the finding as it is.
    pub fn why(&self) -> &str {
        &self.cost
    }

    /// Returns the remedy, as SQL where SQL can do it.
    pub fn help(&self) -> Option<&str> {
        self.fix.as_deref()
    }

    fn body(&self) -> String {
        match self.cost.as_str() {
            "" => self.what.clone(),
            cost => format!("{}\n{cost}", self.what),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code, self.object, self.what)
    }
}

/// The findings of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "findings say nothing unless they are looked at: .assert_ok()"]
pub struct Findings {
    found: Vec<Finding>,
    /// Every code that the check knows; empty where any code is accepted.
    codes: &'static [&'static str],
}

impl Findings {
    /// Iterates over the findings that were not allowed.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.found.iter()
    }

    /// Returns true if nothing was found, or everything was allowed.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Returns the number of findings.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Removes the findings with this code about this object. A table also covers its columns, and `"*"` covers every
    /// object. `reason` is for readers of the test.
    ///
    /// If there is nothing to remove, that is itself a finding: `unneeded-allowance`. So is a code that the check does not
    /// know: `unknown-code`.
    pub fn allow(mut self, code: &str, object: &str, reason: &str) -> Findings {
        if !self.codes.is_empty() && !self.codes.contains(&code) {
            let what = match nearest(code, self.codes.iter().copied()) {
                Some(near) => format!("there is no code {code}; is it {near}?"),
                None => format!("there is no code {code}"),
            };
            let known = format!("the codes are: {}", self.codes.join(", "));
            self.found.push(Finding::new("unknown-code", object, what).cost(known));
            return self;
        }
        let before = self.found.len();
        self.found.retain(|finding| !(finding.code == code && covers(object, &finding.object)));
        if self.found.len() == before {
            let what = format!("nothing to allow: {code} of {object}");
            self.found.push(
                Finding::new("unneeded-allowance", object, what)
                    .cost(format!("the reason no longer applies, or the name is misspelled: {reason}"))
                    .fix(format!("take .allow({code:?}, {object:?}, ..) away")),
            );
        }
        self
    }

    /// Panics with all findings of [`Level::Error`] if there are any.
    ///
    /// # Panics
    /// If there are such findings.
    #[track_caller]
    pub fn assert_ok(&self) {
        or_panic(self.try_assert_ok());
    }

    /// Like [`assert_ok`](Findings::assert_ok), without the panic.
    ///
    /// # Errors
    /// If there are such findings.
    pub fn try_assert_ok(&self) -> Result<()> {
        let errors: Vec<&Finding> = self.found.iter().filter(|finding| finding.level == Level::Error).collect();
        let Some(first) = errors.first() else { return Ok(()) };
        let headline = match errors.len() {
            1 => format!("{}: {}", first.code, first.what),
            count => format!("{count} findings, the first: {}: {}", first.code, first.what),
        };
        let mut error = Error::new(ErrorKind::Check, headline);
        for (index, finding) in errors.iter().enumerate() {
            if index > 0 || !finding.cost.is_empty() {
                error = error.evidence(format!("{} ({})", finding.code, finding.object), finding.body());
            }
            for (label, body) in &finding.evidence {
                error = error.evidence(label.clone(), body.clone());
            }
        }
        error = with_remedies(error, &errors);
        // Broken pages are never meant; those checks give no codes.
        if let Some(Finding { code, object, .. }) = errors.iter().find(|finding| self.codes.contains(&finding.code)) {
            error = error.help(format!("if it is meant, say so: .allow({code:?}, {object:?}, \"why\")"));
        }
        Err(error)
    }

    /// Makes [`allow`](Findings::allow) refuse all codes but these.
    pub(crate) fn with_codes(mut self, codes: &'static [&'static str]) -> Findings {
        self.codes = codes;
        self
    }

    pub(crate) fn push(&mut self, finding: Finding) {
        self.found.push(finding);
    }
}

/// Adds each remedy once, up to `MAX_LINES`.
fn with_remedies(mut error: Error, findings: &[&Finding]) -> Error {
    let mut fixes: Vec<&str> = Vec::new();
    for fix in findings.iter().filter_map(|finding| finding.help()) {
        if !fixes.contains(&fix) {
            fixes.push(fix);
        }
    }
    let mut lines = 0;
    let fits = |fix: &&&str| {
        lines += fix.lines().count();
        lines <= MAX_LINES
    };
    let shown = fixes.iter().take_while(fits).count().max(1);
    for fix in fixes.iter().take(shown) {
        error = error.help(*fix);
    }
    if fixes.len() > shown {
        let left = fixes.len() - shown;
        error = error.help(format!("remedies of {left} more are left out here: Finding::help has each"));
    }
    error
}

/// The number of lines of remedies in a report: nobody reads fifty rebuilt tables.
const MAX_LINES: usize = 100;

/// Returns true if an allowance for `object` covers the object `found`: a table covers its columns, `*` everything.
pub(crate) fn covers(object: &str, found: &str) -> bool {
    object == "*"
        || same_name(object, found)
        || found.split_once('.').is_some_and(|(table, _)| same_name(object, table))
}

impl Extend<Finding> for Findings {
    fn extend<T: IntoIterator<Item = Finding>>(&mut self, findings: T) {
        self.found.extend(findings);
    }
}

impl FromIterator<Finding> for Findings {
    fn from_iter<T: IntoIterator<Item = Finding>>(findings: T) -> Findings {
        Findings { found: findings.into_iter().collect(), codes: &[] }
    }
}

impl IntoIterator for Findings {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.found.into_iter()
    }
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.found.iter()
    }
}
