//! Reading a ledger.

use std::path::Path;

use super::format;
use super::statements::{LedgerPlan, StatementLedger};
use crate::env;
use crate::error::{Error, ErrorKind, Result};
use crate::sql::has_a_plan;

impl StatementLedger {
    /// Reads a ledger. A relative path starts at the folder of the package under test.
    ///
    /// # Errors
    /// If the file cannot be read or is no ledger. The error names the line.
    pub fn read(path: impl AsRef<Path>) -> Result<StatementLedger> {
        let path = env::package_dir().join(path);
        let text = std::fs::read_to_string(&path).map_err(|error| {
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
    let Some(rest) = header.strip_prefix(format::BEFORE_NUMBER) else {
        return Err(Error::new(ErrorKind::Queries, format!("this is not a ledger of statements: {name}"))
            .evidence("line 1", format!("> {header}"))
            .evidence("a ledger begins with", format::HEADER));
    };
    if rest.split(':').next() != Some(format::NUMBER) {
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
        let sql = format::unescaped(line).filter(|_| has_a_plan(&word.to_ascii_uppercase()));
        let Some(sql) = sql else { return Err(unreadable(number + 1, line, name)) };
        let mut plan: Vec<&str> = Vec::new();
        while let Some((_, step)) = lines.next_if(|(_, line)| format::is_step(line)) {
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
