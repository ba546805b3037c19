//! One problem that a check found, and its remedy.

use std::fmt;

use crate::report::{Raw, printable};
use std::panic::UnwindSafe;
use std::sync::{Arc, LazyLock};

/// The weight of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Level {
    /// A matter of taste or of habit, where nothing is known to depend on it: counted in one line of a report.
    Style,
    /// A decision that somebody should look at once.
    Review,
    /// A mistake that an expert would change: [`Findings::assert_ok`](crate::check::Findings::assert_ok) fails.
    Warning,
    /// A fault: [`Findings::assert_ok`](crate::check::Findings::assert_ok) fails.
    Error,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Level::Style => "style",
            Level::Review => "review",
            Level::Warning => "warning",
            Level::Error => "error",
        })
    }
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
    remedy: Remedy,
}

/// The SQL or the step that removes a finding.
#[derive(Clone)]
enum Remedy {
    None,
    Text(String),
    /// It is tried when somebody wants it, which takes longer than to find what it is for.
    Tried {
        tried: Tried,
        is_rebuild: bool,
    },
}

type Tried = Arc<LazyLock<Option<String>, Box<dyn FnOnce() -> Option<String> + Send + UnwindSafe>>>;

impl Remedy {
    fn text(&self) -> Option<&str> {
        match self {
            Remedy::None => None,
            Remedy::Text(text) => Some(text),
            Remedy::Tried { tried, .. } => tried.as_deref(),
        }
    }
}

impl PartialEq for Remedy {
    fn eq(&self, other: &Remedy) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Remedy {}

impl fmt::Debug for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

impl Finding {
    /// `object` is the table, index, trigger, PRAGMA or file; `what` is one line that names it.
    pub(crate) fn new(code: &'static str, object: impl Into<String>, what: impl Into<String>) -> Finding {
        let (object, what) = (object.into(), what.into());
        let (cost, evidence) = (String::new(), Vec::new());
        Finding { code, level: Level::Error, object, what, cost, evidence, remedy: Remedy::None }
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
        self.remedy = Remedy::Text(fix.into());
        self
    }

    /// Sets a remedy that is tried when it is needed first. `is_rebuild` says that it is a page of SQL.
    pub(super) fn fix_when_needed(
        mut self,
        is_rebuild: bool,
        tried: impl FnOnce() -> Option<String> + Send + UnwindSafe + 'static,
    ) -> Finding {
        self.remedy = Remedy::Tried { tried: Arc::new(LazyLock::new(Box::new(tried))), is_rebuild };
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

    /// Returns the remedy, as SQL where SQL can do it. That of a lint is tried at the first call.
    pub fn help(&self) -> Option<&str> {
        self.remedy.text()
    }

    /// Returns true if the remedy rebuilds a table: that is a page of SQL.
    pub(super) fn is_mended_by_rebuild(&self) -> bool {
        matches!(self.remedy, Remedy::Tried { is_rebuild: true, .. })
    }

    /// Returns true if the remedy is tried when it is needed first.
    pub(super) fn is_tried_when_needed(&self) -> bool {
        matches!(self.remedy, Remedy::Tried { .. })
    }

    /// Returns the labels and texts of what proves the finding.
    pub(super) fn proofs(&self) -> &[(String, String)] {
        &self.evidence
    }
}

printable!(Finding);

impl Raw for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code, self.object, self.what)
    }
}
