//! What has changed from a reviewed ledger to that of another run.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use super::{Ledger, LedgerPlan, LedgerStatement, text};
use crate::env;
use crate::error::{Error, ErrorKind, Result};

/// How many statements of one kind a report shows.
const SHOWN: usize = 20;

/// Compares the ledger of a run with the one that was reviewed and committed. Relative paths are in the folder of the
/// package under test.
///
/// ```no_run
/// use sqlitmus::record::compare_ledgers;
///
/// compare_ledgers("tests/ledger.txt", "target/ledger.txt").unwrap().assert_same();
/// ```
///
/// # Errors
/// When a file cannot be read, or is no ledger.
pub fn compare_ledgers(committed: impl AsRef<Path>, fresh: impl AsRef<Path>) -> Result<LedgerDiff> {
    let (committed, fresh) = (committed.as_ref(), fresh.as_ref());
    let accept = format!("cp {} {}", fresh.display(), committed.display());
    let new = Ledger::read(fresh)?;
    if !env::package_dir().join(committed).exists() {
        let headline = format!("there is no reviewed ledger yet: {}", committed.display());
        return Err(Error::new(ErrorKind::Queries, headline).help(format!("review the new one, then: {accept}")));
    }
    let mut diff = Ledger::read(committed)?.diff(&new);
    diff.than = Some(committed.display().to_string());
    diff.accept = Some(accept);
    Ok(diff)
}

impl Ledger {
    /// What is new, gone and changed in a later ledger.
    pub fn diff(&self, later: &Ledger) -> LedgerDiff {
        let mut diff = LedgerDiff::default();
        for statement in later.iter() {
            match self.get(statement.sql()) {
                None => diff.new.push(statement.clone()),
                Some(old) if old == statement => {}
                Some(old) => diff.changed.push(ChangedStatement { old: old.clone(), new: statement.clone() }),
            }
        }
        diff.gone = self.iter().filter(|statement| later.get(statement.sql()).is_none()).cloned().collect();
        // Sorting keeps the order of those that are alike.
        diff.new.sort_by_key(|statement| !statement.scans());
        diff.changed.sort_by_key(|changed| !changed.gains_scan());
        diff
    }
}

/// What has changed from one ledger to another. `Display` is a report for a reviewer, in which statements that scan and
/// did not are marked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerDiff {
    new: Vec<LedgerStatement>,
    gone: Vec<LedgerStatement>,
    changed: Vec<ChangedStatement>,
    /// The file that the first ledger is from.
    than: Option<String>,
    /// What makes the second one the reviewed one.
    accept: Option<String>,
}

/// A statement that is in both ledgers, with other plans.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangedStatement {
    /// As it was.
    pub old: LedgerStatement,
    /// As it is in the later ledger.
    pub new: LedgerStatement,
}

impl ChangedStatement {
    /// Whether a plan reads a whole table that none of the old plans has read like that.
    pub fn gains_scan(&self) -> bool {
        let scans = |statement: &LedgerStatement| -> BTreeSet<String> {
            let lines = statement.plans().flat_map(|plan| plan.text.lines());
            lines.filter_map(|line| line.strip_prefix(text::SCAN)).map(|line| line.trim_start().to_owned()).collect()
        };
        !scans(&self.new).is_subset(&scans(&self.old))
    }
}

impl LedgerDiff {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty() && self.changed.is_empty()
    }

    /// The statements that only the later ledger has, those that scan first.
    pub fn new_statements(&self) -> impl Iterator<Item = &LedgerStatement> {
        self.new.iter()
    }

    /// The statements that only the earlier ledger has.
    pub fn gone_statements(&self) -> impl Iterator<Item = &LedgerStatement> {
        self.gone.iter()
    }

    /// The statements with other plans, those that gain a scan first.
    pub fn changed_statements(&self) -> impl Iterator<Item = &ChangedStatement> {
        self.changed.iter()
    }

    /// Panics if anything differs.
    ///
    /// # Panics
    /// When a statement is new, gone, or has other plans.
    #[track_caller]
    pub fn assert_same(&self) {
        if let Err(error) = self.try_assert_same() {
            panic!("{error}");
        }
    }

    /// Like [`assert_same`](LedgerDiff::assert_same), without the panic.
    ///
    /// # Errors
    /// When a statement is new, gone, or has other plans.
    pub fn try_assert_same(&self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(self.report()) }
    }

    fn report(&self) -> Error {
        let mut error = Error::new(ErrorKind::Queries, self.headline());
        let changed = self.changed.iter().map(changed_lines);
        let new = self.new.iter().map(|statement| {
            let mark = if statement.scans() { "> " } else { "" };
            format!("{mark}{}{}", text::escaped(statement.sql()), plan_lines(statement.plans(), "  "))
        });
        let gone = self.gone.iter().map(|statement| text::escaped(statement.sql()));
        for (label, statements, apart) in
            [("changed", first(changed), "\n\n"), ("new", first(new), "\n\n"), ("gone", first(gone), "\n")]
        {
            if !statements.is_empty() {
                error = error.evidence(label, statements.join(apart));
            }
        }
        if let Some(accept) = &self.accept {
            error = error.help(format!("if all of this is meant: {accept}"));
        }
        error
    }

    fn headline(&self) -> String {
        let count = self.new.len() + self.gone.len() + self.changed.len();
        let (statements, are) = if count == 1 { ("statement", "is") } else { ("statements", "are") };
        let scans = self.new.iter().filter(|statement| statement.scans()).count()
            + self.changed.iter().filter(|changed| changed.gains_scan()).count();
        let than = self.than.as_deref().unwrap_or("the earlier ledger");
        let mut headline = format!("{count} {statements} {are} not as in {than}");
        if scans > 0 {
            let scan = if scans == 1 { "a new scan" } else { "new scans" };
            headline.push_str(&format!(", {scans} of them with {scan}"));
        }
        headline
    }
}

fn first(statements: impl ExactSizeIterator<Item = String>) -> Vec<String> {
    let count = statements.len();
    let mut shown: Vec<String> = statements.take(SHOWN).collect();
    if count > SHOWN {
        shown.push(format!("… and {} more", count - SHOWN));
    }
    shown
}

/// The statement and, as in a diff, those of its plans that only one side has.
fn changed_lines(changed: &ChangedStatement) -> String {
    let mark = if changed.gains_scan() { "> " } else { "" };
    let only = |one: &LedgerStatement, other: &LedgerStatement, sign: &str| {
        plan_lines(one.plans.difference(&other.plans), sign)
    };
    let (gone, come) = (only(&changed.old, &changed.new, "- "), only(&changed.new, &changed.old, "+ "));
    format!("{mark}{}{gone}{come}", text::escaped(changed.new.sql()))
}

/// The lines of plans as they stand in the file, behind a sign.
fn plan_lines<'a>(plans: impl Iterator<Item = &'a LedgerPlan>, sign: &str) -> String {
    let mut lines = String::new();
    for (index, plan) in plans.enumerate() {
        if index > 0 {
            lines.push_str(&format!("\n{sign}or"));
        }
        let is_of_no_table = plan.text.is_empty() && sign != "  ";
        for line in is_of_no_table.then_some("  (reads no table)").into_iter().chain(plan.text.lines()) {
            lines.push_str(&format!("\n{sign}{line}"));
        }
    }
    lines
}

/// The report of [`LedgerDiff::try_assert_same`].
impl fmt::Display for LedgerDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() { f.write_str("nothing differs") } else { self.report().fmt(f) }
    }
}
