//! Queries that return something else after a migration than before it, from the same rows.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::check::{Finding, Level, shown};
use crate::error::{Error, ErrorKind, Result};
use crate::migrations::Migration;
use crate::plan::sample::values_of_row;
use crate::record::StatementLedger;
use crate::schema::Schema;
use crate::sql::{is_ordered, on_one_line};
use crate::suite::subject::Subject;
use crate::suite::versions::{RowsSince, UpgradeStep, VersionedDatabases};

/// The rows of a table whose values a query gets for its parameters, one after the other.
const ROWS_OF_VALUES: usize = 12;

/// The rows that a finding shows of each side.
const SHOWN: usize = 5;

/// Runs the queries before and after each migration, on all databases that the suite has made.
pub(super) fn findings(subject: &Subject, databases: &VersionedDatabases) -> Result<Vec<Finding>> {
    let mut queries = named(subject, databases)?;
    let mut found = Vec::new();
    let mut plain: Vec<usize> = Vec::new();
    for (step, _) in subject.steps(databases)? {
        let has_failed = compare(&mut queries, databases, step, &mut found)?;
        // The sum of numbers as large as a type allows fails.
        if has_failed && !plain.contains(&step.index) {
            plain.push(step.index);
            if let Some(step) = with_plain_rows(databases, step)? {
                compare(&mut queries, databases, &step, &mut found)?;
            }
        }
    }
    for query in queries.iter().filter(|query| !query.has_answered) {
        let what = format!("the answers of a query are not compared, for want of rows: {}", on_one_line(&query.sql));
        found.push(Finding::new("not-tried", "answers", what).level_of(Level::Review));
    }
    Ok(found)
}

/// Runs the queries on both databases of a step. Returns true if one of them fails before it.
fn compare(
    queries: &mut [Query],
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    found: &mut Vec<Finding>,
) -> Result<bool> {
    let Some(state) = &step.after else { return Ok(false) };
    let (before, after) = (databases.open(&step.before.image)?, databases.open(&state.image)?);
    let mut has_failed = false;
    for query in queries.iter_mut().filter(|query| query.found_at != Some(step.index)) {
        match query.difference(&step.before.schema, (&before, &after)) {
            Ok(None) => {}
            Ok(Some(difference)) => {
                query.found_at = Some(step.index);
                found.push(finding(databases.migration(step.index), &query.sql, difference));
            }
            Err(_) => has_failed = true,
        }
    }
    Ok(has_failed)
}

/// Returns a step with rows that have no values at the ends of what a type holds.
fn with_plain_rows(databases: &VersionedDatabases, step: &UpgradeStep) -> Result<Option<UpgradeStep>> {
    let database = databases.empty(step.index)?;
    if databases.plan.fill_plainly(&database, &step.before.schema).is_err() {
        return Ok(None);
    }
    let before = databases.state(&database)?;
    step.with_rows(databases, (before, database), RowsSince::ThisVersion).map(Some)
}

/// A query, and what has become of it.
struct Query {
    sql: String,
    /// True if it has returned a row.
    has_answered: bool,
    /// The step at which a difference was found last. One is enough.
    found_at: Option<usize>,
}

/// Returns the queries that the options name, those of a ledger without the statements that write.
fn named(subject: &Subject, databases: &VersionedDatabases) -> Result<Vec<Query>> {
    let last = databases.empty(databases.applicable())?;
    let _own = crate::own::statements();
    let mut queries: Vec<String> = Vec::new();
    for sql in &subject.options.answers {
        let wrong = || Error::new(ErrorKind::Suite, "cannot compare the answers of a query").sql(sql);
        let statement = last.prepare(sql).map_err(|error| wrong().because_sqlite(error))?;
        if !statement.readonly() || statement.column_count() == 0 {
            return Err(wrong().evidence("because", "it is not a query"));
        }
        queries.push(sql.clone());
    }
    if let Some(file) = &subject.options.answers_of {
        let ledger = StatementLedger::read(file)?;
        let is_query = |sql: &&str| last.prepare(sql).is_ok_and(|it| it.readonly() && it.column_count() > 0);
        queries.extend(ledger.iter().map(|statement| statement.sql()).filter(is_query).map(str::to_owned));
    }
    Ok(queries.into_iter().map(|sql| Query { sql, has_answered: false, found_at: None }).collect())
}

/// The way in which the answers to a query differ.
enum Difference {
    Rows { before: Vec<String>, after: Vec<String>, values: Vec<Value> },
    Columns(Vec<String>),
    Order,
    Fails(String),
}

impl Query {
    /// Returns the difference between the answers of two databases. A query that only one of the two versions knows has none:
    /// it was written for a later one.
    ///
    /// # Errors
    /// If the query fails on the rows before the migration.
    fn difference(
        &mut self,
        schema: &Schema,
        (before, after): (&Connection, &Connection),
    ) -> rusqlite::Result<Option<Difference>> {
        let _own = crate::own::statements();
        let (Ok(statement), Ok(_)) = (before.prepare(&self.sql), after.prepare(&self.sql)) else { return Ok(None) };
        let parameters = statement.parameter_count();
        let rows = if parameters == 0 { 1 } else { ROWS_OF_VALUES };
        let mut tried: Vec<Vec<Value>> = Vec::new();
        for row in 0..rows {
            let values = values_of_row(before, &self.sql, schema, row);
            if tried.contains(&values) {
                continue;
            }
            let was = Answer::read(before, &self.sql, &values)?;
            self.has_answered |= !was.rows.is_empty();
            let difference = match Answer::read(after, &self.sql, &values) {
                Ok(is) => was.difference(is, &self.sql, &values),
                Err(error) => Some(Difference::Fails(error.to_string())),
            };
            if difference.is_some() && was.is_determined(before, &self.sql, &values) {
                return Ok(difference);
            }
            tried.push(values);
        }
        Ok(None)
    }
}

/// The rows that a query returns.
struct Answer {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Answer {
    fn read(connection: &Connection, sql: &str, values: &[Value]) -> rusqlite::Result<Answer> {
        let mut statement = connection.prepare(sql)?;
        let columns: Vec<String> = (0..statement.column_count())
            .map(|at| statement.column_name(at).map(str::to_owned))
            .collect::<Result<_, _>>()?;
        let mut answer = Answer { rows: Vec::new(), columns };
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            let cells = (0..answer.columns.len()).map(|at| row.get_ref(at).map(shown));
            answer.rows.push(cells.collect::<rusqlite::Result<_>>()?);
        }
        Ok(answer)
    }

    /// Returns the difference to a later answer. A column more, as `SELECT *` has it after ADD COLUMN, is none.
    fn difference(&self, later: Answer, sql: &str, values: &[Value]) -> Option<Difference> {
        let Some(places) = places(&self.columns, &later.columns) else {
            let gone = self.columns.iter().filter(|name| !later.columns.contains(name)).cloned();
            return Some(Difference::Columns(gone.collect()));
        };
        let pick = |row: &Vec<String>| -> Vec<String> { places.iter().map(|&at| row[at].clone()).collect() };
        let is: Vec<Vec<String>> = later.rows.iter().map(pick).collect();
        let (before, after) = without_common(&self.rows, &is);
        if !before.is_empty() || !after.is_empty() {
            return Some(Difference::Rows { before, after, values: values.to_vec() });
        }
        (is_ordered(sql) && self.rows != is).then_some(Difference::Order)
    }

    /// Returns true if the rows do not depend on chance or on the order in which SQLite finds them.
    fn is_determined(&self, connection: &Connection, sql: &str, values: &[Value]) -> bool {
        let reversed = |is_on: bool| connection.pragma_update(None, "reverse_unordered_selects", is_on);
        let again = reversed(true).and_then(|()| Answer::read(connection, sql, values));
        let is_restored = reversed(false).is_ok();
        is_restored && again.is_ok_and(|again| without_common(&self.rows, &again.rows) == (Vec::new(), Vec::new()))
    }
}

/// Returns the place of each column among others, by their names; the second of a name is the second there.
fn places(columns: &[String], others: &[String]) -> Option<Vec<usize>> {
    let place = |at: usize| {
        let nth = columns[..at].iter().filter(|name| **name == columns[at]).count();
        others.iter().enumerate().filter(|(_, name)| **name == columns[at]).nth(nth).map(|(place, _)| place)
    };
    (0..columns.len()).map(place).collect()
}

/// Returns the rows that only one of two answers has, as text.
fn without_common(before: &[Vec<String>], after: &[Vec<String>]) -> (Vec<String>, Vec<String>) {
    let mut rest: Vec<&Vec<String>> = after.iter().collect();
    let mut gone = Vec::new();
    for row in before {
        match rest.iter().position(|other| *other == row) {
            Some(at) => drop(rest.swap_remove(at)),
            None => gone.push(row.join(" | ")),
        }
    }
    let added = after.iter().filter(|row| {
        let at = rest.iter().position(|other| std::ptr::eq(*other, *row));
        at.map(|at| rest.swap_remove(at)).is_some()
    });
    (gone, added.map(|row| row.join(" | ")).collect())
}

fn finding(migration: &Migration, sql: &str, difference: Difference) -> Finding {
    let (version, file) = (migration.version(), migration.name());
    let does = match &difference {
        Difference::Order => "changes the order of the rows of a query",
        Difference::Fails(_) => "makes a query fail",
        _ => "changes what a query returns",
    };
    let what = format!("migration {version} {does}: {}", on_one_line(sql));
    let finding = Finding::new("changes-answer", file, what)
        .fix(format!("if it is meant, say so: .allow(\"changes-answer\", {file:?}, \"why\")"));
    match difference {
        // Rows that are equal by the ORDER BY come in any order.
        Difference::Order => finding.level_of(Level::Review),
        Difference::Fails(error) => finding.evidence("SQLite says", error),
        Difference::Columns(gone) => finding.evidence("columns that are gone", gone.join(", ")),
        Difference::Rows { before, after, values } => {
            let finding = finding.evidence("rows (- before, + after)", lines(&before, &after));
            match values.is_empty() {
                true => finding,
                false => {
                    let texts: Vec<String> = values.iter().map(|value| shown(value.into())).collect();
                    finding.evidence("with the values", texts.join(", "))
                }
            }
        }
    }
}

fn lines(before: &[String], after: &[String]) -> String {
    let side = |sign: &str, rows: &[String]| {
        let mut lines: Vec<String> = rows.iter().take(SHOWN).map(|row| format!("{sign} {row}")).collect();
        if rows.len() > SHOWN {
            lines.push(format!("{sign} and {} more", rows.len() - SHOWN));
        }
        lines
    };
    [side("-", before), side("+", after)].concat().join("\n")
}
