//! The result of a check.

use std::fmt;

use super::finding::{Finding, Level};
use super::report;
use crate::error::{Result, or_panic};
use crate::report::{Raw, nearest, printable};
use crate::sql::same_name;

/// The findings of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "findings say nothing unless they are looked at: .assert_ok()"]
pub struct Findings {
    found: Vec<Finding>,
    /// Every code that the check knows; empty where any code is accepted.
    codes: &'static [&'static str],
    /// The lowest level at which a finding fails.
    fails_at: Level,
    /// True if a report has one paragraph for each code, false if each finding has its own evidence.
    by_code: bool,
}

printable!(
    /// A line for each finding, and the number of them.
    Findings
);

impl Raw for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.found {
            writeln!(f, "{}: {finding}", finding.level())?;
        }
        match self.found.len() {
            1 => write!(f, "1 finding"),
            count => write!(f, "{count} findings"),
        }
    }
}

impl Default for Findings {
    fn default() -> Findings {
        Findings { found: Vec::new(), codes: &[], fails_at: Level::Warning, by_code: false }
    }
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
        self.found.retain(|finding| !(finding.code() == code && covers(object, finding.object())));
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

    /// Makes [`assert_ok`](Findings::assert_ok) fail on findings of this level and above. Default [`Level::Warning`].
    ///
    /// ```
    /// use sqlitmus::check::{self, Level};
    /// # let db = sqlitmus::Template::empty().in_memory();
    /// # db.execute_batch("CREATE TABLE t(id INTEGER PRIMARY KEY)").unwrap();
    /// check::lint(&db).assert_ok();
    ///
    /// let strictly = check::lint(&db).fail_at(Level::Style);
    /// let error = strictly.try_assert_ok().unwrap_err();
    /// assert_eq!(error.headline(), "not-strict: t is not STRICT");
    /// ```
    pub fn fail_at(mut self, level: Level) -> Findings {
        self.fails_at = level;
        self
    }

    /// Panics if there are errors or warnings, with all of them. Other findings are counted; see
    /// [`fail_at`](Findings::fail_at).
    ///
    /// # Panics
    /// If there are such findings.
    #[track_caller]
    pub fn assert_ok(&self) {
        or_panic(self.try_assert_ok());
    }

    /// Makes [`allow`](Findings::allow) refuse all codes but these.
    pub(crate) fn with_codes(mut self, codes: &'static [&'static str]) -> Findings {
        self.codes = codes;
        self
    }

    /// Makes a report have one paragraph for each code.
    pub(super) fn grouped_by_code(mut self) -> Findings {
        self.by_code = true;
        self
    }

    pub(crate) fn push(&mut self, finding: Finding) {
        self.found.push(finding);
    }
}

/// The same without panics: each returns its failure as an [`Error`](crate::Error).
impl Findings {
    /// Like [`assert_ok`](Findings::assert_ok), without the panic.
    ///
    /// # Errors
    /// If there are such findings.
    pub fn try_assert_ok(&self) -> Result<()> {
        let (failing, passing): (Vec<&Finding>, Vec<&Finding>) =
            self.found.iter().partition(|finding| finding.level() >= self.fails_at);
        if failing.is_empty() {
            return Ok(());
        }
        let groups =
            if self.by_code { report::alike(&failing) } else { failing.iter().map(|one| vec![*one]).collect() };
        Err(report::failure(&groups, &passing, self.codes))
    }
}

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
        Findings { found: findings.into_iter().collect(), ..Findings::default() }
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
