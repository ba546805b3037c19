//! Rows that a schema has to refuse: for each of its constraints one that breaks it and, where that is possible, no other.

mod bench;
mod clause;
mod near;
mod search;

use std::sync::Arc;

use rusqlite::Connection;

use self::bench::{Bench, Outcome};
use self::clause::{Clause, What};
use self::search::{Found, Ground};
use crate::check::{Finding, Findings};
use crate::data::fill::Fill;
use crate::data::fill::insert::transaction::within;
use crate::data::script::{Item, Script, Target};
use crate::data::values::value_buf::ValueBuf;
use crate::db::{Template, TestDb};
use crate::error::{Error, ErrorKind, Result, or_panic};
use crate::schema::{Schema, Table};
use crate::sql::plain_name;

/// The codes of the findings about constraints.
const CODES: &[&str] = &["not-refused", "passes-null", "never-broken", "implied", "not-tried"];

/// SQLite's primary result code for whatever breaks a constraint.
const CONSTRAINT: i32 = 19;

/// For each declared constraint a row that it refuses, tried on a database of the template.
#[derive(Clone, Debug)]
#[must_use = "violations say nothing unless they are looked at: .assert_refused()"]
pub struct Violations {
    tried: Vec<Violation>,
    findings: Vec<Finding>,
}

/// A constraint, and a row that breaks it.
#[derive(Clone, Debug)]
pub struct Violation {
    table: String,
    constraint: String,
    object: String,
    code: i32,
    rows: Vec<String>,
    also: Vec<String>,
    outcome: Option<Outcome>,
    /// Whether it is this constraint that refused the row.
    is_own: bool,
}

/// Breaks each declared constraint of the template's schema: NOT NULL, UNIQUE, PRIMARY KEY, CHECK, foreign keys, the types of
/// STRICT tables.
///
/// ```
/// use sqlitmus::{Template, data};
///
/// static APP: Template = Template::embedded(&[(
///     "1.sql",
///     "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, age INTEGER CHECK (age >= 0))",
/// )]);
///
/// let violations = data::violations(&APP);
/// violations.assert_refused();
/// let codes: Vec<i32> = violations.iter().map(|violation| violation.code()).collect();
/// assert_eq!(codes, [1299, 1555, 2067, 275]);
/// ```
///
/// # Panics
/// When the template cannot be built, or its schema cannot be read.
#[track_caller]
pub fn violations(template: &Template) -> Violations {
    or_panic(try_violations(template))
}

/// Like [`violations`], without the panic.
///
/// # Errors
/// When the template cannot be built, or its schema cannot be read.
#[track_caller]
pub fn try_violations(template: &Template) -> Result<Violations> {
    let db = template.try_in_memory()?.unchecked();
    let _own = crate::own::statements();
    let schema = Schema::read(&db)?;
    let mut violations = Violations { tried: Vec::new(), findings: Vec::new() };
    fill(&db, &schema)?;
    for table in clause::tables(&schema) {
        let clauses = clause::of(&schema, table);
        if clauses.is_empty() {
            continue;
        }
        let tried = violations.table(template, &db, &schema, table, &clauses);
        if let Err(error) = tried {
            violations.findings.push(not_tried(table, &error));
            violations.tried.extend(clauses.iter().map(|clause| Violation::of(table, clause)));
        }
    }
    Ok(violations)
}

/// A few rows in each table, where that works.
fn fill(db: &Connection, schema: &Schema) -> Result<()> {
    let filled = |fill: Fill| -> Result<()> {
        let (_, script) = fill.null_rate(0).drafted(db, schema)?;
        within(db, true, || script.run(db))
    };
    if clause::tables(schema).next().is_some() && filled(Fill::new().every_table(3)).is_err() {
        for table in clause::tables(schema) {
            // What cannot be filled is said when its constraints are tried.
            let _ = filled(Fill::new().rows(&table.name, 3).reuse());
        }
    }
    Ok(())
}

/// The rows of a script that are of a table, and the script without them.
fn split(mut script: Script, table: &str) -> Option<(Target, Vec<Vec<ValueBuf>>, Script)> {
    let at = script.tables.iter().position(|target| target.name == table)?;
    let (ours, others): (Vec<_>, Vec<_>) =
        std::mem::take(&mut script.rows).into_iter().partition(|row| row.table == at);
    script.rows = others;
    let target = Target { name: table.to_owned(), columns: script.tables[at].columns.clone() };
    Some((target, ours.into_iter().map(|row| row.values).collect(), script))
}

impl Violations {
    fn table(
        &mut self,
        template: &Template,
        db: &TestDb,
        schema: &Schema,
        table: &Table,
        clauses: &[Clause],
    ) -> Result<()> {
        let draft = |db: &TestDb, seed: u64, rows: u64| -> Result<(Target, Vec<Vec<ValueBuf>>)> {
            let fill = Fill::seed(seed).null_rate(0).reuse().rows(&table.name, rows);
            let (_, script) = fill.drafted(db, schema)?;
            let (target, ours, parents) = split(script, &table.name)
                .filter(|(_, ours, _)| !ours.is_empty())
                .ok_or_else(|| Error::new(ErrorKind::Data, format!("no row of {} could be made", table.name)))?;
            within(db, true, || parents.run(db))?;
            Ok((target, ours))
        };
        let more = draft(db, 1, 2).or_else(|_| draft(db, 1, 1));
        if let Ok((target, base)) = more {
            return self.clauses(db, table, &target, &base, clauses);
        }
        // It is full. On a database of its own, where it has room for two, the first row is put there. An only row comes
        // first as one that can be inserted, then as one that is there.
        let alone = template.try_in_memory()?.unchecked();
        let drafted = draft(&alone, 0, 2).or_else(|_| draft(&alone, 0, 1));
        let (target, mut base) = drafted.or_else(|error| taken_out(&alone, schema, table)?.ok_or(error))?;
        if base.len() > 1 {
            let first = Script {
                rows: vec![Item { table: 0, values: base.remove(0) }],
                tables: Arc::new(vec![Target { name: target.name.clone(), columns: target.columns.clone() }]),
                ..Script::default()
            };
            within(&alone, true, || first.run(&alone))?;
        }
        self.clauses(&alone, table, &target, &base, clauses)
    }

    fn clauses(
        &mut self,
        db: &TestDb,
        table: &Table,
        target: &Target,
        base: &[Vec<ValueBuf>],
        clauses: &[Clause],
    ) -> Result<()> {
        let there = existing(db, target)?;
        let mut bench = Bench::of(db, table, target, clauses)?;
        if there.is_empty() {
            let Outcome::Accepted = bench.insert(&[], &base[0]) else {
                return Err(Error::new(
                    ErrorKind::Data,
                    format!("the row that was made for {} was refused", table.name),
                ));
            };
        }
        for (at, clause) in clauses.iter().enumerate() {
            let is_key = matches!(clause.what, What::Key { .. });
            let mut found = search::row(&Ground { table, target, clauses, base, there: &there }, &mut bench, at);
            if is_key && found.is_none() && there.is_empty() {
                // The row that it would repeat is put there for as long as this takes.
                found = repeated(&mut bench, clause, &base[0]);
            }
            let ground = Ground { table, target, clauses, base, there: &there };
            let mut violation = Violation::of(table, clause);
            if let Some(found) = &found {
                violation.note(target, clauses, found);
                let outcome = match clause.what {
                    What::Foreign { deferred: true } => {
                        bench::insert_and_commit(&db.try_fork()?.unchecked(), target, &found.values)?
                    }
                    _ => bench.insert(&found.before, &found.values),
                };
                violation.is_own = matches!(&outcome, Outcome::Refused(code, message)
                    if *code == clause.code && message.contains(&clause.message));
                violation.outcome = Some(outcome);
            }
            self.findings.extend(violation.finding(db, clause));
            self.tried.push(violation);
            if let Some((column, found)) = search::with_null(&ground, &mut bench, at) {
                self.findings.push(passes_null(table, target, clause, column, &found));
            }
        }
        Ok(())
    }

    /// Each constraint, with the row that breaks it.
    pub fn iter(&self) -> std::slice::Iter<'_, Violation> {
        self.tried.iter()
    }

    /// How many constraints there are.
    pub fn len(&self) -> usize {
        self.tried.len()
    }

    /// Whether the schema declares no constraint.
    pub fn is_empty(&self) -> bool {
        self.tried.is_empty()
    }

    /// What is odd about the constraints:
    ///
    /// - `not-refused`: a row that breaks it got into the table: foreign keys are off, or an ON CONFLICT clause lets another
    ///   row make way for it.
    /// - `passes-null`: a row got into the table because of a NULL, for which a CHECK is neither true nor false, and which
    ///   UNIQUE takes for another value each time.
    /// - `never-broken`: no row was found that breaks it. It is always true.
    /// - `implied`: what breaks it is refused for another reason: another constraint says the same, or more.
    /// - `not-tried`: no row could be made for its table.
    pub fn findings(&self) -> Findings {
        self.findings.iter().cloned().collect::<Findings>().with_codes(CODES)
    }

    /// Asserts that each row is refused, with the code of its constraint. What only `passes-null` or is `implied` does not
    /// fail it; [`findings`](Violations::findings) has that too.
    ///
    /// # Panics
    /// When one got into its table, and when no row was found for a constraint.
    #[track_caller]
    pub fn assert_refused(&self) -> &Violations {
        or_panic(self.try_assert_refused())
    }

    /// Like [`assert_refused`](Violations::assert_refused), without the panic.
    ///
    /// # Errors
    /// When one got into its table, and when no row was found for a constraint.
    pub fn try_assert_refused(&self) -> Result<&Violations> {
        let hard = self.findings.iter().filter(|finding| !matches!(finding.code(), "passes-null" | "implied"));
        hard.cloned().collect::<Findings>().try_assert_ok().map(|()| self)
    }
}

impl<'a> IntoIterator for &'a Violations {
    type Item = &'a Violation;
    type IntoIter = std::slice::Iter<'a, Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Violation {
    fn of(table: &Table, clause: &Clause) -> Violation {
        Violation {
            table: table.name.to_string(),
            constraint: clause.shown.clone(),
            object: clause.object.clone(),
            code: clause.code,
            rows: Vec::new(),
            also: Vec::new(),
            outcome: None,
            is_own: false,
        }
    }

    fn note(&mut self, target: &Target, clauses: &[Clause], found: &Found) {
        let rows = found.before.iter().chain([&found.values]);
        self.rows = rows.map(|values| target.insert_of(values)).collect();
        self.also = found.also.iter().map(|other| clauses[*other].shown.clone()).collect();
    }

    /// The table that it is declared in.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The constraint: `CHECK (age >= 0)`.
    pub fn constraint(&self) -> &str {
        &self.constraint
    }

    /// The row that breaks it, as an INSERT; the last one of several, where a row has to be there before. `None` if none was
    /// found.
    pub fn sql(&self) -> Option<&str> {
        self.rows.last().map(String::as_str)
    }

    /// The extended result code with which the constraint refuses a row. Where each row that breaks it breaks others too,
    /// SQLite may look at one of those first, and refuse the row with theirs: the finding `implied` says so.
    pub fn code(&self) -> i32 {
        self.code
    }

    /// Other constraints that the row cannot help breaking.
    pub fn breaks_also(&self) -> impl ExactSizeIterator<Item = &str> {
        self.also.iter().map(String::as_str)
    }

    /// Whether SQLite refused the row: with the code of this constraint, or of one that the row cannot help breaking.
    pub fn is_refused(&self) -> bool {
        // Whatever its code, an error that is about no constraint refuses the statement and not the row.
        self.is_own || matches!(self.outcome, Some(Outcome::Refused(code, _)) if code & 0xff == CONSTRAINT)
    }

    fn finding(&self, db: &Connection, clause: &Clause) -> Option<Finding> {
        let (table, constraint) = (&self.table, &self.constraint);
        let rows = || self.rows.join(";\n");
        match &self.outcome {
            Some(_) if self.is_own => None,
            Some(Outcome::Refused(code, message)) => Some(
                Finding::new("implied", &self.object, format!("{table}: {constraint} is never what refuses a row"))
                    .cost("every row that was found to break it breaks something else too, which is looked at first")
                    .evidence("this row breaks it", rows())
                    .evidence("SQLite says", format!("{message} (code {code})")),
            ),
            Some(outcome) => {
                let left_out = *outcome == Outcome::LeftOut;
                let what = if left_out {
                    format!("{table}: a row that breaks {constraint} is left out without an error")
                } else {
                    format!("{table}: {constraint} does not refuse a row that breaks it")
                };
                let finding = Finding::new("not-refused", &self.object, what).evidence("this row breaks it", rows());
                let off = |pragma: &str, off: bool| {
                    db.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, bool>(0)) == Ok(off)
                };
                Some(match clause.what {
                    What::Foreign { .. } if off("foreign_keys", false) => finding
                        .cost("foreign keys are off on the connections of this profile: a PRAGMA, not the schema, decides")
                        .fix("PRAGMA foreign_keys = ON, on every connection"),
                    What::Check(_) if off("ignore_check_constraints", true) => {
                        finding.cost("PRAGMA ignore_check_constraints is on").fix("PRAGMA ignore_check_constraints = OFF")
                    }
                    _ if left_out => finding.cost("ON CONFLICT IGNORE, or a trigger that raises IGNORE, drops the row"),
                    What::Key { .. } => finding.cost("ON CONFLICT REPLACE deletes the row that is there"),
                    _ => finding.cost("ON CONFLICT REPLACE or a trigger changes the row"),
                })
            }
            None => Some(
                Finding::new(
                    "never-broken",
                    &self.object,
                    format!("{table}: no row was found that {constraint} refuses"),
                )
                .cost("every row that was tried is fine by it"),
            ),
        }
    }
}

fn not_tried(table: &Table, error: &Error) -> Finding {
    let what = format!("{}: its constraints were not tried, for no row could be made", table.name);
    Finding::new("not-tried", &table.name, what).evidence("because", error.to_string())
}

fn passes_null(table: &Table, target: &Target, clause: &Clause, column: usize, found: &Found) -> Finding {
    let (name, column) = (&table.name, &target.columns[column]);
    let what = format!("{name}: {} lets a row pass whose {column} is NULL", clause.shown);
    let rows: Vec<String> = found.before.iter().chain([&found.values]).map(|row| target.insert_of(row)).collect();
    let cost = match clause.what {
        What::Key { .. } => "for UNIQUE every NULL is another value, so that a row with one is never a duplicate",
        _ => "a CHECK refuses a row only where it is false; where it is NULL, the row passes",
    };
    let object = format!("{name}.{column}");
    Finding::new("passes-null", object, what)
        .cost(cost)
        .evidence("accepted", rows.join(";\n"))
        .fix(format!("declare {} NOT NULL, or allow it", plain_name(column)))
}

/// The row twice, if that is what the constraint refuses.
fn repeated(bench: &mut Bench<'_>, clause: &Clause, row: &[ValueBuf]) -> Option<Found> {
    let before = vec![row.to_vec()];
    let is_it = matches!(bench.insert(&before, row), Outcome::Refused(code, text) if code == clause.code && text.contains(&clause.message));
    is_it.then(|| Found { values: row.to_vec(), before, also: Vec::new() })
}

/// A row that was there, taken out of its table: of one that migrations have filled to the last value, and of one whose
/// parents need it in turn, so that they cannot be made before it.
fn taken_out(db: &Connection, schema: &Schema, table: &Table) -> Result<Option<(Target, Vec<Vec<ValueBuf>>)>> {
    let given = table.columns.iter().filter(|column| column.generated.is_none() && !column.hidden);
    let target =
        Target { name: table.name.to_string(), columns: given.map(|column| column.name.to_string()).collect() };
    if existing(db, &target)?.is_empty() {
        let (_, script) = Fill::new().null_rate(0).rows(&table.name, 2).drafted(db, schema)?;
        within(db, true, || script.run(db))?;
    }
    let Some(row) = existing(db, &target)?.pop() else { return Ok(None) };
    let same: Vec<String> = target.columns.iter().map(|name| format!("{} IS ?", plain_name(name))).collect();
    let sql = format!("DELETE FROM main.{} WHERE {}", plain_name(&table.name), same.join(" AND "));
    // What refers to it may stay: it comes back with each row that is tried.
    let delete = || -> rusqlite::Result<usize> {
        let on: bool = db.query_row("PRAGMA foreign_keys", [], |row| row.get(0))?;
        db.execute_batch("PRAGMA foreign_keys = OFF")?;
        let deleted = db.execute(&sql, rusqlite::params_from_iter(&row));
        db.execute_batch(if on { "PRAGMA foreign_keys = ON" } else { "PRAGMA foreign_keys = OFF" })?;
        deleted
    };
    let deleted = delete().map_err(|error| Error::sqlite("delete a row from its table", error).sql(&sql))?;
    Ok((deleted > 0).then_some((target, vec![row])))
}

/// Rows that are there.
fn existing(connection: &Connection, target: &Target) -> Result<Vec<Vec<ValueBuf>>> {
    if target.columns.is_empty() {
        return Ok(Vec::new());
    }
    let columns = crate::sql::plain_names(target.columns.iter().map(String::as_str));
    let sql = format!("SELECT {columns} FROM main.{} LIMIT 12", plain_name(&target.name));
    let read = || -> rusqlite::Result<Vec<Vec<ValueBuf>>> {
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map([], |row| {
            let mut values = vec![ValueBuf::default(); target.columns.len()];
            for (index, made) in values.iter_mut().enumerate() {
                made.set(row.get_ref(index)?);
            }
            Ok(values)
        })?;
        rows.collect()
    };
    read().map_err(|error| Error::sqlite(format!("read the rows of {}", target.name), error).sql(&sql))
}
