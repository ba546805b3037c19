//! Random programs that are correct, and the same with one word taken away: the transaction, IMMEDIATE, a condition of a
//! WHERE, a `?`, a ROLLBACK. Each correct one has to pass all explorers, and each other one has to fail in one of them.
//!
//! `WHAT_IF_PROGRAMS` sets the number of programs, `WHAT_IF_SEED` the first of them.

use std::fmt;
use std::sync::Arc;

use sqlitmus::rusqlite::{Connection, Result, params_from_iter, types::Value};
use sqlitmus::{Profile, Template, TestDb, crash, faults, interleave};

use crate::random::Random;

const SCHEMA: &str = "CREATE TABLE accounts(id INTEGER PRIMARY KEY, balance INT NOT NULL);
    CREATE TABLE jobs(id INTEGER PRIMARY KEY, owner TEXT, tries INT NOT NULL DEFAULT 0);
    CREATE TABLE counters(name TEXT PRIMARY KEY, n INT NOT NULL) WITHOUT ROWID;
    CREATE TABLE seats(row INT, seat INT, guest TEXT NOT NULL, PRIMARY KEY(row, seat));
    CREATE TABLE log(number INTEGER PRIMARY KEY, what TEXT NOT NULL, amount INT);
    INSERT INTO accounts VALUES (1, 90), (2, 40), (3, 70);
    INSERT INTO jobs(id) VALUES (1), (2), (3);
    INSERT INTO counters VALUES ('visits', 5), ('orders', 100);
    INSERT INTO log VALUES (1, 'start', 0), (2, 'open', 3);";

/// A statement of a program. `?1` is the name of the task, `?2` the number that was read last.
#[derive(Clone, PartialEq)]
enum Step {
    Begin(&'static str),
    Read(String),
    /// Ends the program unless the number is at least 1.
    Guard,
    /// True if the program begins again unless it has changed a row.
    Write(String, bool),
    /// SAVEPOINT, RELEASE or ROLLBACK TO.
    Savepoint(&'static str),
    Commit,
}

/// What is taken away.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Without {
    Nothing,
    Transaction,
    Immediate,
    Condition,
    /// The error of the write with this number is not returned.
    Error(usize),
    Rollback,
}

struct Program {
    steps: Vec<Step>,
    without: Without,
}

impl Program {
    /// Runs the program, and returns the number that it has read last.
    fn run(&self, db: &Connection, me: &str) -> Result<i64> {
        loop {
            match self.steps(db, me) {
                Ok(Some(number)) => return Ok(number),
                Ok(None) => {}
                Err(error) => {
                    let _ = self.undo(db);
                    return Err(error);
                }
            }
        }
    }

    /// Runs the statements once. None if they have to run again.
    fn steps(&self, db: &Connection, me: &str) -> Result<Option<i64>> {
        let (mut number, mut writes) = (0, 0);
        for step in &self.steps {
            match step {
                Step::Begin(sql) | Step::Savepoint(sql) => db.execute_batch(sql)?,
                Step::Commit => db.execute_batch("COMMIT")?,
                Step::Read(sql) => number = db.query_row(sql, [], |row| row.get(0))?,
                Step::Guard if number < 1 => return self.undo(db).map(|()| Some(0)),
                Step::Guard => {}
                Step::Write(sql, is_condition) => {
                    let changed = self.write(db, sql, me, number);
                    let is_ignored = self.without == Without::Error(writes);
                    writes += 1;
                    match changed {
                        Ok(0) if *is_condition => return Ok(None),
                        Err(error) if !is_ignored => return Err(error),
                        _ => {}
                    }
                }
            }
        }
        Ok(Some(number))
    }

    fn write(&self, db: &Connection, sql: &str, me: &str, number: i64) -> Result<usize> {
        let mut statement = db.prepare(sql)?;
        let values = [Value::Text(me.to_owned()), Value::Integer(number)];
        let count = statement.parameter_count();
        statement.execute(params_from_iter(&values[..count]))
    }

    fn undo(&self, db: &Connection) -> Result<()> {
        match self.without == Without::Rollback || db.is_autocommit() {
            true => Ok(()),
            false => db.execute_batch("ROLLBACK"),
        }
    }

    fn is_transaction(&self) -> bool {
        matches!(self.steps[0], Step::Begin(_))
    }

    /// Returns the numbers of the writes whose errors have to be returned. SQLite rolls back where a statement cannot go on,
    /// so that a RELEASE or a COMMIT after it is refused; but another write would be made alone.
    fn needed_errors(&self) -> Vec<usize> {
        let changes: Vec<&Step> =
            self.steps.iter().filter(|step| !matches!(step, Step::Read(_) | Step::Guard)).collect();
        let is_write = |at: usize| changes.get(at).is_none_or(|step| matches!(step, Step::Write(..)));
        let writes = (0..changes.len()).filter(|at| matches!(changes[*at], Step::Write(..)));
        writes.enumerate().filter(|(_, at)| is_write(at + 1)).map(|(number, _)| number).collect()
    }

    /// Returns the program without something that it needs.
    fn mutants(&self) -> Vec<Program> {
        let with = |steps: Vec<Step>, without| Program { steps, without };
        let errors = self.needed_errors().into_iter().map(Without::Error);
        let mut mutants: Vec<Program> = errors.map(|without| with(self.steps.clone(), without)).collect();
        if self.is_transaction() {
            mutants.push(with(self.steps.clone(), Without::Rollback));
            // A SAVEPOINT alone would be a transaction.
            let is_kept = |step: &&Step| !matches!(step, Step::Begin(_) | Step::Commit | Step::Savepoint(_));
            mutants.push(with(self.steps.iter().filter(is_kept).cloned().collect(), Without::Transaction));
            if matches!(self.steps[1], Step::Read(_)) {
                let mut steps = self.steps.clone();
                steps[0] = Step::Begin("BEGIN");
                mutants.push(with(steps, Without::Immediate));
            }
        } else if let Some(sql) = self.steps.iter().find_map(|step| match step {
            Step::Write(sql, true) => Some(sql),
            _ => None,
        }) {
            // The condition after AND is the one that holds for whoever comes first.
            let plain = sql.split(" AND ").next().unwrap_or(sql).to_owned();
            let write = |step: &Step| match step {
                Step::Write(_, true) => Step::Write(plain.clone(), true),
                step => step.clone(),
            };
            mutants.push(with(self.steps.iter().map(write).collect(), Without::Condition));
        }
        mutants
    }

    /// Returns true if it changes something when it runs alone. A guard may end it before that, and nothing could go wrong.
    fn has_work(&self) -> bool {
        let changes = db().row_changes(|db| self.run(db, "a"));
        !changes.is_empty()
    }

    /// Returns the report of the first explorer that fails.
    fn explore(self: &Arc<Program>) -> Option<String> {
        let crash = crash::test(&db(), |db| self.run(db, "a")).try_run().map(drop).map_err(|it| it.to_string());
        let crash = crash.map_err(|report| format!("crash: {report}"));
        let faults = || faults::sweep(&db(), |db| self.run(db, "a")).try_run().map(drop).map_err(|it| it.to_string());
        let interleave = || {
            let task = |me: &'static str| {
                let program = Arc::clone(self);
                move |db: &mut Connection| program.run(db, me)
            };
            let db = db();
            let explored = interleave::explore(&db).task("a", task("a")).task("b", task("b")).try_run();
            explored.map(drop).map_err(|it| it.to_string())
        };
        let faults = || faults().map_err(|report| format!("faults: {report}"));
        let interleave = || interleave().map_err(|report| format!("interleave: {report}"));
        crash.and_then(|()| faults()).and_then(|()| interleave()).err()
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "without {:?}:", self.without)?;
        self.steps.iter().try_for_each(|step| match step {
            Step::Begin(sql) | Step::Savepoint(sql) => writeln!(f, "  {sql}"),
            Step::Read(sql) | Step::Write(sql, _) => writeln!(f, "  {sql}"),
            Step::Guard => writeln!(f, "  only if it is 1 or more"),
            Step::Commit => writeln!(f, "  COMMIT"),
        })
    }
}

fn db() -> TestDb {
    let db = Template::empty().profile(Profile::PRODUCTION).in_memory();
    db.execute_batch(SCHEMA).unwrap();
    db
}

fn write(sql: impl Into<String>) -> Step {
    Step::Write(sql.into(), false)
}

impl Random {
    /// Returns what one transaction does, in statements that need each other.
    fn action(&mut self) -> Vec<Step> {
        let read = |sql: String| Step::Read(sql);
        let account = 1 + self.below(3);
        let other = 1 + (account + self.below(2)) % 3;
        let amount = 10 + self.below(20);
        let counter = self.pick(&["visits", "orders"]);
        match self.below(11) {
            0 => vec![
                read(format!("SELECT balance - {amount} FROM accounts WHERE id = {account}")),
                Step::Guard,
                write(format!("UPDATE accounts SET balance = balance - {amount} WHERE id = {account}")),
                write(format!("UPDATE accounts SET balance = balance + {amount} WHERE id = {other}")),
            ],
            1 => vec![
                read("SELECT ifnull(min(id), 0) FROM jobs WHERE owner IS NULL".to_owned()),
                Step::Guard,
                write("UPDATE jobs SET owner = ?1, tries = tries + 1 WHERE id = ?2"),
            ],
            2 => vec![
                read(format!("SELECT n + {amount} FROM counters WHERE name = '{counter}'")),
                write(format!("UPDATE counters SET n = ?2 WHERE name = '{counter}' AND ?1 <> ''")),
            ],
            3 => vec![
                read("SELECT ifnull(max(number), 0) + 1 FROM log".to_owned()),
                write(format!("INSERT OR REPLACE INTO log VALUES (?2, ?1, {amount})")),
            ],
            4 => vec![
                read("SELECT 12 - count(*) FROM log".to_owned()),
                Step::Guard,
                write("INSERT INTO log(what, amount) VALUES (?1, ?2)"),
            ],
            5 => vec![
                write(format!(
                    "INSERT INTO counters VALUES ('new', {amount}) ON CONFLICT(name) DO UPDATE SET n = n + excluded.n"
                )),
                write(format!("INSERT INTO log(what, amount) VALUES (?1, {amount})")),
            ],
            6 => vec![
                write(format!("INSERT INTO seats SELECT {account}, number + 10, ?1 FROM log WHERE amount < 9")),
                write("DELETE FROM log WHERE amount < 9"),
                write(format!("UPDATE counters SET n = n + 1 WHERE name = '{counter}'")),
            ],
            7 => vec![
                Step::Savepoint("SAVEPOINT part"),
                write(format!("UPDATE accounts SET balance = balance - {amount} WHERE id = {account}")),
                write(format!("INSERT INTO log(what, amount) VALUES (?1, -{amount})")),
                Step::Savepoint("RELEASE part"),
            ],
            8 => vec![
                write(format!("UPDATE jobs SET tries = tries + 1 WHERE id = {account}")),
                Step::Savepoint("SAVEPOINT attempt"),
                write("DELETE FROM jobs"),
                Step::Savepoint("ROLLBACK TO attempt"),
                Step::Savepoint("RELEASE attempt"),
                write(format!("UPDATE counters SET n = n + {amount} WHERE name = '{counter}'")),
            ],
            9 => vec![
                write(format!("UPDATE counters SET n = n + {amount} WHERE name = '{counter}'")),
                write(format!("INSERT INTO log(what, amount) VALUES ('{counter}', {amount})")),
            ],
            _ => vec![
                read(format!("SELECT count(*) + 1 FROM seats WHERE row = {account}")),
                write(format!("INSERT INTO seats VALUES ({account}, ?2, ?1)")),
                write(format!("UPDATE accounts SET balance = balance - {amount} WHERE id = {account}")),
            ],
        }
    }

    /// Returns a correct program.
    fn program(&mut self) -> Program {
        let steps = match self.below(6) {
            0 => vec![write(format!("UPDATE counters SET n = n + {} WHERE name = 'visits'", 1 + self.below(9)))],
            1 => vec![
                Step::Read("SELECT ifnull(min(id), 0) FROM jobs WHERE owner IS NULL".to_owned()),
                Step::Guard,
                Step::Write("UPDATE jobs SET owner = ?1 WHERE id = ?2 AND owner IS NULL".to_owned(), true),
            ],
            _ => {
                let actions: Vec<Step> = (0..=self.below(2)).flat_map(|_| self.action()).collect();
                [Step::Begin("BEGIN IMMEDIATE")].into_iter().chain(actions).chain([Step::Commit]).collect()
            }
        };
        Program { steps, without: Without::Nothing }
    }
}

#[test]
fn programs_pass_and_their_mutants_fail() {
    let variable = |name, default| std::env::var(name).map_or(default, |text| text.parse::<u64>().unwrap());
    let (programs, seed) = (variable("WHAT_IF_PROGRAMS", 6), variable("WHAT_IF_SEED", 0));
    let (mut wrong, mut mutants) = (Vec::new(), 0);
    let drawn = (seed..).map(|number| (number, Arc::new(Random(number).program())));
    let count = usize::try_from(programs).unwrap();
    for (number, program) in drawn.filter(|(_, program)| program.has_work()).take(count) {
        if let Some(report) = program.explore() {
            wrong.push(format!("program {number} is accused, {program}{report}"));
        }
        for mutant in program.mutants().into_iter().map(Arc::new) {
            mutants += 1;
            if mutant.explore().is_none() {
                wrong.push(format!("program {number} passes {mutant}"));
            }
        }
    }
    let (count, list) = (wrong.len(), wrong.join("\n"));
    assert!(wrong.is_empty(), "{count} of {programs} programs and {mutants} mutants:\n{list}");
}
