//! A ledger of statements as a value, and the text of its file.
//!
//! The file is made for diffs: one line for each statement, one line for each step of its plan, and nothing that differs
//! between two runs of the same tests. So it has no version of SQLite (plans are in their normal form), no counts and no
//! times.

use std::cmp::Ordering;
use std::fmt;
use std::path::Path;

use crate::env;
use crate::error::{Error, ErrorKind, Result};
use crate::order::{Order as _, SortedMap};
use crate::real_file;
use crate::sql::has_a_plan;

/// The statements of a test run in their normal forms, and how SQLite ran them.
///
/// [`SQLITMUS_LEDGER`](crate::record#a-ledger-of-a-whole-run) writes one. `Display` is the text of its file.
///
/// ```
/// use sqlitmus::record::StatementLedger;
///
/// let ledger = StatementLedger::parse("\
/// ## sqlitmus ledger 1: every statement of a test run, and its plans
///
/// SELECT body FROM notes WHERE id = ?
///   SEARCH notes USING INTEGER PRIMARY KEY (rowid=?)
///
/// SELECT count(*) FROM notes
/// > SCAN notes
/// ").unwrap();
/// assert_eq!(ledger.len(), 2);
/// let scans: Vec<&str> =
///     ledger.scans().map(|statement| statement.sql()).collect();
/// assert_eq!(scans, ["SELECT count(*) FROM notes"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatementLedger {
    statements: SortedMap<String, LedgerStatement>,
}

/// A statement of a [`StatementLedger`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerStatement {
    sql: String,
    /// Sorted.
    plans: Vec<LedgerPlan>,
}

/// A plan of a statement in a [`StatementLedger`].
///
/// `Display` is the plan as written in the file. Each line begins with two characters, which are `> ` if the line scans a
/// table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LedgerPlan {
    /// The lines as written in the file. Empty for a statement that reads no table.
    text: String,
}

impl StatementLedger {
    /// Returns the statements, sorted by their SQL.
    pub fn iter(&self) -> impl Iterator<Item = &LedgerStatement> {
        self.statements.values()
    }

    /// Returns the number of statements.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Returns true if there are no statements.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// Returns the statement with this normal form.
    pub fn get(&self, sql: &str) -> Option<&LedgerStatement> {
        self.statements.get(sql)
    }

    /// Returns the statements of which any plan reads a whole table.
    pub fn scans(&self) -> impl Iterator<Item = &LedgerStatement> {
        self.iter().filter(|statement| statement.scans())
    }

    /// Adds the statements and plans of another ledger: of another package, or of another machine's part of the run.
    pub fn merge(&mut self, other: &StatementLedger) {
        for statement in other.iter() {
            for plan in &statement.plans {
                self.add(&statement.sql, plan.clone());
            }
        }
    }

    /// Adds a plan. A known plan replaces those that are not known, so that the order of additions makes no difference.
    pub(super) fn add(&mut self, sql: &str, plan: LedgerPlan) {
        let statement = || LedgerStatement { sql: sql.to_owned(), plans: Vec::new() };
        let plans = &mut self.statements.get_or_insert_with(sql.to_owned(), statement).plans;
        if plan.is_known() {
            plans.retain(LedgerPlan::is_known);
        } else if plans.iter().any(LedgerPlan::is_known) {
            return;
        }
        if !plans.contains(&plan) {
            plans.push(plan);
            plans.order();
        }
    }
}

impl fmt::Display for StatementLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEADER)?;
        f.write_str("\n")?;
        for statement in self.iter() {
            write!(f, "\n{statement}")?;
        }
        Ok(())
    }
}

impl LedgerStatement {
    /// Returns the statement with `?` for every value, as [`Query::normalized`](crate::record::Query::normalized) does.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Returns how SQLite runs the statement: one plan, or several where schemas, statistics or values differ.
    pub fn plans(&self) -> impl Iterator<Item = &LedgerPlan> {
        self.plans.iter()
    }

    /// Returns true if any of the plans reads a whole table.
    pub fn scans(&self) -> bool {
        self.plans.iter().any(LedgerPlan::scans)
    }

    /// Returns the plans that `other` does not have.
    pub(super) fn plans_not_in<'a>(&'a self, other: &'a LedgerStatement) -> impl Iterator<Item = &'a LedgerPlan> {
        self.plans.iter().filter(|plan| !other.plans.contains(plan))
    }

    /// Returns the text in the file: a paragraph for each plan.
    pub(super) fn paragraphs(&self) -> Vec<String> {
        let sql = escaped(&self.sql);
        let paragraph = |plan: &LedgerPlan| match plan.text.as_str() {
            "" => sql.clone(),
            plan => format!("{sql}\n{plan}"),
        };
        self.plans.iter().map(paragraph).collect()
    }
}

impl fmt::Display for LedgerStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, paragraph) in self.paragraphs().iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "\n" })?;
            writeln!(f, "{paragraph}")?;
        }
        Ok(())
    }
}

impl LedgerPlan {
    /// Makes a plan of lines that begin with [`SCAN`](SCAN) or [`STEP`](STEP).
    pub(super) fn of(lines: &[String]) -> LedgerPlan {
        LedgerPlan { text: lines.iter().map(|line| visible(line)).collect::<Vec<_>>().join("\n") }
    }

    /// Makes what is written in place of a plan if the statement cannot be explained.
    pub(super) fn unknown(reason: &str) -> LedgerPlan {
        LedgerPlan { text: visible(&format!("{NO_PLAN}{reason}")) }
    }

    /// Makes a plan of its lines in the file.
    pub(super) fn from_file(lines: &[&str]) -> LedgerPlan {
        LedgerPlan { text: lines.join("\n") }
    }

    pub(super) fn lines(&self) -> std::str::Lines<'_> {
        self.text.lines()
    }

    /// Returns true if the plan reads a whole table, in the sense of
    /// [`Plan::assert_no_scan`](crate::plan::Plan::assert_no_scan).
    pub fn scans(&self) -> bool {
        self.text.lines().any(|line| line.starts_with(SCAN))
    }

    /// Returns true if there is a plan. If not, `Display` says why the statement could not be explained.
    pub fn is_known(&self) -> bool {
        !self.text.starts_with(NO_PLAN)
    }
}

impl fmt::Display for LedgerPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StatementLedger {
    /// Reads a ledger. A relative path starts at the folder of the package under test.
    ///
    /// # Errors
    /// If the file cannot be read or is no ledger. The error names the line.
    pub fn read(path: impl AsRef<Path>) -> Result<StatementLedger> {
        let path = env::package_dir().join(path);
        let text = real_file::read_to_string(&path).map_err(|error| {
            let error = Error::io("read the ledger", &path, error);
            error.help(format!("create one: SQLITMUS_LEDGER={} cargo test", path.display()))
        })?;
        parse(&text, &path.display().to_string()).map_err(|error| error.path(&path))
    }

    /// Parses the text of a ledger.
    ///
    /// # Errors
    /// If it is no ledger. The error names the line.
    pub fn parse(text: &str) -> Result<StatementLedger> {
        parse(text, "text")
    }
}

/// Parses a ledger. Errors call it `name`.
pub(super) fn parse(text: &str, name: &str) -> Result<StatementLedger> {
    let mut lines = text.lines().enumerate().peekable();
    let header = lines.next().map_or("", |(_, line)| line);
    let Some(rest) = header.strip_prefix(BEFORE_NUMBER) else {
        return Err(Error::new(ErrorKind::Queries, format!("this is not a ledger of statements: {name}"))
            .evidence("line 1", format!("> {header}"))
            .evidence("a ledger begins with", HEADER));
    };
    if rest.split(':').next() != Some(NUMBER) {
        return Err(Error::new(
            ErrorKind::Queries,
            format!("this ledger was written by another version of sqlitmus: {name}"),
        )
        .evidence("line 1", format!("> {header}"))
        .help("delete the file; the tests write a new one"));
    }
    let mut ledger = StatementLedger::default();
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
        ledger.add(&sql, LedgerPlan::from_file(&plan));
    }
    Ok(ledger)
}

fn unreadable(number: usize, line: &str, name: &str) -> Error {
    Error::new(ErrorKind::Queries, format!("line {number} of the ledger cannot be read: {name}"))
        .evidence(format!("line {number}"), format!("> {line}"))
        .help("delete the file; the tests write a new one")
}

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
        let (letter, behind) = match letters.next()? {
            '\\' => ('\\', letters.as_str()),
            'n' => ('\n', letters.as_str()),
            'u' => {
                let (digits, behind) = letters.as_str().strip_prefix('{')?.split_once('}')?;
                (char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, behind)
            }
            _ => return None,
        };
        sql.push(letter);
        rest = behind;
    }
    sql.push_str(rest);
    Some(sql)
}
