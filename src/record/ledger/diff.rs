//! The difference of two ledgers.

use std::fmt;
use std::path::Path;

use super::statements::{LedgerPlan, LedgerStatement, SCAN, StatementLedger, escaped};
use crate::env;
use crate::error::{Error, ErrorKind, Result, or_panic};
use crate::order::{Order as _, SortedSet};
use crate::record::failure::first;
use crate::report::{Raw, printable};

/// The number of statements of one kind that a report shows.
const SHOWN: usize = 20;

/// Compares the ledger of a run with the one that was reviewed and committed.
///
/// Relative paths start at the folder of the package under test.
///
/// ```no_run
/// use sqlitmus::record::compare_ledgers;
///
/// compare_ledgers("tests/ledger.txt", "target/ledger.txt").unwrap().assert_same();
/// ```
///
/// # Errors
/// If a file cannot be read or is no ledger.
pub fn compare_ledgers(committed: impl AsRef<Path>, fresh: impl AsRef<Path>) -> Result<LedgerDiff> {
    let (committed, fresh) = (committed.as_ref(), fresh.as_ref());
    let accept = format!("cp {} {}", fresh.display(), committed.display());
    let new = StatementLedger::read(fresh)?;
    if !env::package_dir().join(committed).exists() {
        let headline = format!("there is no reviewed ledger yet: {}", committed.display());
        return Err(Error::new(ErrorKind::Queries, headline).help(format!("review the new one, then: {accept}")));
    }
    let mut diff = StatementLedger::read(committed)?.diff(&new);
    diff.earlier = Some(committed.display().to_string());
    diff.accept = Some(accept);
    Ok(diff)
}

impl StatementLedger {
    /// Returns what is new, gone and changed in a later ledger.
    pub fn diff(&self, later: &StatementLedger) -> LedgerDiff {
        let mut diff = LedgerDiff::default();
        for statement in later.iter() {
            match self.get(statement.sql()) {
                None => diff.new.push(statement.clone()),
                Some(old) if old == statement => {}
                Some(old) => diff.changed.push(ChangedStatement { old: old.clone(), new: statement.clone() }),
            }
        }
        diff.gone = self.iter().filter(|statement| later.get(statement.sql()).is_none()).cloned().collect();
        // The sort is stable.
        diff.new.order_by_key(|statement| !statement.scans());
        diff.changed.order_by_key(|changed| !changed.gains_scan());
        diff
    }
}

/// The difference of two ledgers.
///
/// `Display` is the report of [`try_assert_same`](LedgerDiff::try_assert_same). It marks statements with a new scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerDiff {
    new: Vec<LedgerStatement>,
    gone: Vec<LedgerStatement>,
    changed: Vec<ChangedStatement>,
    /// The file of the earlier ledger.
    earlier: Option<String>,
    /// The command that makes the later ledger the reviewed one.
    accept: Option<String>,
}

/// A statement that has different plans in two ledgers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangedStatement {
    /// The statement in the earlier ledger.
    pub old: LedgerStatement,
    /// The statement in the later ledger.
    pub new: LedgerStatement,
}

impl ChangedStatement {
    /// Returns true if a new plan scans a table and no old plan has the same scan.
    pub fn gains_scan(&self) -> bool {
        let scans = |statement: &LedgerStatement| -> SortedSet<String> {
            let lines = statement.plans().flat_map(LedgerPlan::lines);
            lines.filter_map(|line| line.strip_prefix(SCAN)).map(|line| line.trim_start().to_owned()).collect()
        };
        let old = scans(&self.old);
        scans(&self.new).iter().any(|scan| !old.contains(scan))
    }
}

impl LedgerDiff {
    /// Returns true if the ledgers are equal.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty() && self.changed.is_empty()
    }

    /// Returns the statements that only the later ledger has, those that scan first.
    pub fn new_statements(&self) -> impl Iterator<Item = &LedgerStatement> {
        self.new.iter()
    }

    /// Returns the statements that only the earlier ledger has.
    pub fn gone_statements(&self) -> impl Iterator<Item = &LedgerStatement> {
        self.gone.iter()
    }

    /// Returns the statements with different plans, those that gain a scan first.
    pub fn changed_statements(&self) -> impl Iterator<Item = &ChangedStatement> {
        self.changed.iter()
    }

    /// Asserts that the ledgers are equal.
    ///
    /// # Panics
    /// If a statement is new, gone, or has different plans.
    #[track_caller]
    pub fn assert_same(&self) {
        or_panic(self.try_assert_same());
    }

    fn report(&self) -> Error {
        let mut error = Error::new(ErrorKind::Queries, self.headline());
        let changed = self.changed.iter().map(changed_lines);
        let new = self.new.iter().map(|statement| {
            let mark = if statement.scans() { "> " } else { "" };
            format!("{mark}{}{}", escaped(statement.sql()), plan_lines(statement.plans(), "  "))
        });
        let gone = self.gone.iter().map(|statement| escaped(statement.sql()));
        for (label, statements, apart) in [
            ("changed", first(changed, SHOWN), "\n\n"),
            ("new", first(new, SHOWN), "\n\n"),
            ("gone", first(gone, SHOWN), "\n"),
        ] {
            if !statements.is_empty() {
                error = error.evidence(label, statements.join(apart));
            }
        }
        if let Some(accept) = &self.accept {
            error = error.help(format!("if all of this is intended: {accept}"));
        }
        error
    }

    fn headline(&self) -> String {
        let count = self.new.len() + self.gone.len() + self.changed.len();
        let statements = if count == 1 { "statement differs" } else { "statements differ" };
        let scans = self.new.iter().filter(|statement| statement.scans()).count()
            + self.changed.iter().filter(|changed| changed.gains_scan()).count();
        let earlier = self.earlier.as_deref().unwrap_or("the earlier ledger");
        let mut headline = format!("{count} {statements} from {earlier}");
        if scans > 0 {
            let scan = if scans == 1 { "a new scan" } else { "new scans" };
            headline.push_str(&format!(", {scans} of them with {scan}"));
        }
        headline
    }
}

/// The same without panics: each returns its failure as an [`Error`](crate::Error).
impl LedgerDiff {
    /// Like [`assert_same`](LedgerDiff::assert_same), but returns an error.
    ///
    /// # Errors
    /// If a statement is new, gone, or has different plans.
    pub fn try_assert_same(&self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(self.report()) }
    }
}

/// Returns the statement and, as in a diff, the plans that only one side has.
fn changed_lines(changed: &ChangedStatement) -> String {
    let mark = if changed.gains_scan() { "> " } else { "" };
    let only = |one: &LedgerStatement, other: &LedgerStatement, sign: &str| plan_lines(one.plans_not_in(other), sign);
    let (gone, come) = (only(&changed.old, &changed.new, "- "), only(&changed.new, &changed.old, "+ "));
    format!("{mark}{}{gone}{come}", escaped(changed.new.sql()))
}

/// Returns the lines of plans as written in the file, each behind a sign.
fn plan_lines<'a>(plans: impl Iterator<Item = &'a LedgerPlan>, sign: &str) -> String {
    let mut lines = String::new();
    for (index, plan) in plans.enumerate() {
        if index > 0 {
            lines.push_str(&format!("\n{sign}or"));
        }
        let reads_no_table = plan.lines().next().is_none() && sign != "  ";
        for line in reads_no_table.then_some("  (reads no table)").into_iter().chain(plan.lines()) {
            lines.push_str(&format!("\n{sign}{line}"));
        }
    }
    lines
}

printable!(LedgerDiff);

impl Raw for LedgerDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() { f.write_str("nothing differs") } else { write!(f, "{}", self.report()) }
    }
}
