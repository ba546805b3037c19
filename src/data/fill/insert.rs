//! Making rows and inserting them. A row that SQLite refuses is made again, as far as the refusal is about it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Statement};

use crate::data::constraints::condition::{Condition, ConditionKind};
use crate::data::constraints::conditions::name_in_sqlite_errors;
use crate::data::fill::failure;
use crate::data::fill::make::{lookups, number_of};
use crate::data::fill::options::Options;
use crate::data::fill::plan::{Plan, first_number};
use crate::data::fill::turns::Turns;
use crate::data::script::Item;
use crate::data::values::domain::Nullability;
use crate::data::values::value_buf::ValueBuf;
use crate::error::{Error, Refusal, Result};
use crate::progress::Progress;
use crate::schema::{IndexedExpr, Schema, Table};
use crate::sql::{TokenKind, quote_text, tokens};

/// How often a row is made before the table counts as one that cannot be filled, and how long that may take.
const ATTEMPTS: u64 = 200;
const PATIENCE: Duration = Duration::from_millis(700);

/// SQLite's codes where a PRIMARY KEY, a UNIQUE or a rowid is there already.
const UNIQUE: [i32; 3] = [1555, 2067, 2579];

/// SQLite's code where a trigger raises an error.
const RAISED: i32 = 1811;

/// SQLite's primary codes that say nothing of the row: a lock, memory, a file that cannot be written, a full disk.
const NOT_ABOUT_ROWS: [i32; 11] = [5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 26];

/// What has become of the rows of one table.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// How many were inserted.
    pub(crate) rows: u64,
    /// From which row on how many numbers were left out, because their rows were there already.
    skips: Vec<(u64, u64)>,
    /// How often columns were made again, for rows that were refused at first.
    pub(crate) attempts: HashMap<u64, Vec<u32>>,
    /// The values of columns that cannot be made again, row by row.
    pub(crate) kept: Vec<ValueBuf>,
    /// The keys of rows with a name.
    pub(crate) labels: Vec<(String, ValueBuf)>,
}

impl State {
    pub(crate) fn skipped(&self, row: u64) -> u64 {
        match self.skips.partition_point(|(from, _)| *from <= row) {
            0 => 0,
            at => self.skips[at - 1].1,
        }
    }
}

/// Fills tables in the order of their plans.
pub(crate) struct Filler<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) schema: &'a Schema,
    pub(crate) options: &'a Options,
    pub(crate) plans: &'a [Plan],
    pub(crate) states: Vec<State>,
    /// The rows, where they are wanted.
    pub(crate) script: Option<Vec<Item>>,
}

/// Statements that help to make rows.
pub(crate) struct Helpers<'c> {
    /// For each foreign key, where it shares columns with an earlier one.
    pub(crate) lookups: Vec<Option<Statement<'c>>>,
    pub(crate) derived: Vec<Option<Statement<'c>>>,
}

/// One row while it is made.
pub(crate) struct Draft {
    pub(crate) made: Vec<ValueBuf>,
    /// Whether a column has to be NULL or not, by the solution of its group.
    pub(crate) nulls: Vec<Nullability>,
    /// How often each column was made again.
    pub(crate) attempts: Vec<u32>,
    /// What a closure gave that cannot be bound.
    pub(crate) broken: Option<rusqlite::Error>,
}

impl Filler<'_> {
    pub(crate) fn fill(&mut self, at: usize) -> Result<()> {
        let plan = &self.plans[at];
        self.states.push(State::default());
        if plan.count == 0 {
            return Ok(());
        }
        let sql = plan.target().insert();
        let mut statement = self
            .connection
            .prepare(&sql)
            .map_err(|error| Error::sqlite(format!("insert into {}", plan.name), error).sql(&sql))?;
        let names: Vec<String> = plan.columns.iter().map(|column| column.name.clone()).collect();
        let mut draft = Draft {
            made: vec![ValueBuf::default(); names.len()],
            nulls: vec![Nullability::Allowed; names.len()],
            attempts: vec![0; names.len()],
            broken: None,
        };
        let mut helpers = Helpers {
            lookups: lookups(self.connection, plan, self.schema),
            derived: plan.derived.iter().map(|derived| derived.prepare(self.connection)).collect(),
        };
        let mut progress = Progress::of(format!("filling {}", plan.name), Some(plan.count));
        let mut turns = Turns::of(plan, self);
        let mut row = 0;
        while row < plan.count {
            let Some(turn) = turns.next() else { break };
            if let Err(error) = self.insert(at, row, turn, &names, &mut draft, &mut statement, &mut helpers) {
                // Triggers of the parents may have made the rows already: a profile for each user.
                let made = first_number(self.connection, &self.schema.tables[plan.table])?.saturating_sub(plan.start);
                let is_unique = error.sqlite_code().is_some_and(|code| UNIQUE.contains(&code));
                if is_unique && made >= plan.count {
                    row = made;
                    break;
                }
                return Err(error);
            }
            row += 1;
            if row.is_multiple_of(256) {
                progress.at(row);
            }
        }
        self.states[at].rows = row;
        Ok(())
    }

    /// Makes one row until SQLite takes it.
    #[expect(clippy::too_many_arguments, reason = "what is reused from row to row")]
    fn insert(
        &mut self,
        at: usize,
        row: u64,
        turn: u64,
        names: &[String],
        draft: &mut Draft,
        statement: &mut Statement<'_>,
        helpers: &mut Helpers<'_>,
    ) -> Result<()> {
        let plan = &self.plans[at];
        let mut skipped = self.states[at].skips.last().map_or(0, |(_, skipped)| *skipped);
        let mut refusals = 0;
        let mut started: Option<Instant> = None;
        let mut tried: Vec<String> = Vec::new();
        loop {
            let number = number_of(plan, row, skipped);
            self.make(at, row, number, turn, names, draft, helpers);
            if let Some(error) = draft.broken.take() {
                return Err(failure::refused(&plan.name, row, 1, &[listed(names, &draft.made)], error, &[]));
            }
            let error = match run(statement, &draft.made) {
                Ok(1..) => break,
                // A trigger that raises IGNORE.
                Ok(0) => None,
                Err(error) => {
                    let code = error.sqlite_error().map_or(0, |error| error.extended_code & 0xff);
                    if NOT_ABOUT_ROWS.contains(&code) {
                        return Err(Error::sqlite(format!("insert into {}", plan.name), error));
                    }
                    Some(error)
                }
            };
            refusals += 1;
            let start = *started.get_or_insert_with(Instant::now);
            if tried.len() < 4 {
                tried.push(listed(names, &draft.made));
            }
            let refusal = error.as_ref().and_then(Refusal::of);
            let code = refusal.as_ref().map_or(RAISED, |refusal| refusal.code);
            let message = refusal.map(|refusal| refusal.message).unwrap_or_default();
            // Other errors come from functions that could not read a value; a few more are tried.
            let most = if code & 0xff == 19 { ATTEMPTS } else { 8 };
            let hopeless = refusals >= most || start.elapsed() > PATIENCE;
            if hopeless || self.connection.is_autocommit() {
                let raised = if code == RAISED { raising(self.schema, &message) } else { Vec::new() };
                let error = error.unwrap_or(rusqlite::Error::StatementChangedRows(0));
                return Err(failure::refused(&plan.name, row, refusals, &tried, error, &raised));
            }
            if again(plan, code, &message, &mut draft.attempts) {
                skipped += 1;
            }
        }
        self.note(at, row, skipped, draft);
        Ok(())
    }

    /// Keeps what later tables or the user ask for.
    fn note(&mut self, at: usize, row: u64, skipped: u64, draft: &mut Draft) {
        let plan = &self.plans[at];
        let state = &mut self.states[at];
        if skipped != state.skips.last().map_or(0, |(_, skipped)| *skipped) {
            state.skips.push((row, skipped));
        }
        if draft.attempts.iter().any(|attempts| *attempts > 0) {
            state.attempts.insert(row, draft.attempts.clone());
            draft.attempts.fill(0);
        }
        for column in &plan.kept {
            state.kept.push(draft.made[*column].clone());
        }
        if let Some(label) = plan.labels.get(row as usize) {
            let table = &self.schema.tables[plan.table];
            let key = table.primary_key.as_ref().and_then(|key| match &key.terms.first()?.what {
                IndexedExpr::Column(name) => plan.column(name),
                _ => None,
            });
            let id = match key {
                Some(column) => draft.made[column].clone(),
                None => ValueBuf::from(&rusqlite::types::Value::Integer(self.connection.last_insert_rowid())),
            };
            state.labels.push((label.clone(), id));
        }
        if let Some(script) = &mut self.script {
            script.push(Item { table: at, values: draft.made.clone() });
        }
    }
}

/// Decides what is made again after a refusal. Whether the row's number has to be another one.
fn again(plan: &Plan, code: i32, message: &str, attempts: &mut [u32]) -> bool {
    const CHECK: i32 = 275;
    const FOREIGN_KEY: i32 = 787;
    const DATATYPE: i32 = 3091;
    let subject = message.split_once("failed: ").map_or("", |(_, subject)| subject);
    let mut bump = |column: usize| attempts[column] += 1;
    if UNIQUE.contains(&code) {
        let index = subject.strip_prefix("index '").and_then(|rest| rest.strip_suffix('\''));
        let named: Vec<usize> = subject
            .split(", ")
            .filter_map(|part| plan.column(part.rsplit_once('.').map_or(part, |(_, column)| column)))
            .collect();
        let is_it = |key: &&crate::data::fill::unique::UniqueKey| match index {
            Some(index) => key.index.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(index)),
            None => key.columns.len() == named.len() && key.columns.iter().all(|column| named.contains(column)),
        };
        let mut found = false;
        for key in plan.keys.iter().filter(is_it) {
            found = true;
            key.columns.iter().chain(&key.under).for_each(|column| bump(*column));
        }
        if !found {
            (0..plan.columns.len()).for_each(bump);
        }
        return true;
    }
    match code {
        CHECK => {
            let same = |check: &&Condition| match &check.name {
                Some(name) => name.eq_ignore_ascii_case(subject),
                None => name_in_sqlite_errors(&check.shown) == subject.trim(),
            };
            // Two that start with one name are called the same: the columns of both are made again.
            let mut columns = Vec::new();
            for check in plan.conditions.iter().filter(|condition| condition.kind == ConditionKind::Check).filter(same)
            {
                let group =
                    plan.groups.iter().find(|group| group.columns.iter().any(|column| check.columns.contains(column)));
                columns.extend(group.map_or(&check.columns, |group| &group.columns));
            }
            if columns.is_empty() {
                (0..plan.columns.len()).for_each(bump);
                return true;
            }
            columns.sort_unstable();
            columns.dedup();
            columns.into_iter().for_each(bump);
        }
        FOREIGN_KEY => {
            for reference in &plan.references {
                reference.columns.iter().for_each(|column| bump(*column));
            }
        }
        DATATYPE => {
            let name = subject.rsplit_once('.').map_or(subject, |(_, column)| column);
            match plan.column(name) {
                Some(column) => bump(column),
                None => (0..plan.columns.len()).for_each(bump),
            }
        }
        // A trigger can be about anything.
        _ => (0..plan.columns.len()).for_each(bump),
    }
    // What takes its values from the row's number changes only with the number.
    let moved = |column: &usize| {
        attempts[*column] > 0
            && (plan.columns[*column].place.is_some()
                || plan.references.iter().any(|of| of.place.is_some() && of.columns.contains(column)))
    };
    (0..plan.columns.len()).any(|column| moved(&column))
}

/// The triggers that raise an error of this text, or leave a row out where there is no text: each with its table.
fn raising(schema: &Schema, message: &str) -> Vec<String> {
    let raises = |sql: &str| {
        let tokens = tokens(sql);
        tokens.iter().any(|token| token.is("RAISE"))
            && tokens.iter().any(|token| match message {
                "" => token.is("IGNORE"),
                message => token.kind == TokenKind::Text && token.text == quote_text(message),
            })
    };
    let of_table = |table: &Table| {
        let found = table.triggers.iter().filter(|trigger| raises(&trigger.sql));
        found.map(|trigger| format!("{} on {}", trigger.name, table.name)).collect::<Vec<String>>()
    };
    schema.tables.iter().flat_map(of_table).collect()
}

fn run(statement: &mut Statement<'_>, made: &[ValueBuf]) -> rusqlite::Result<usize> {
    for (index, made) in made.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, made)?;
    }
    statement.raw_execute()
}

fn listed(names: &[String], made: &[ValueBuf]) -> String {
    let pairs: Vec<String> =
        names.iter().zip(made).map(|(name, made)| format!("{name} = {}", made.short_sql_literal())).collect();
    pairs.join(", ")
}
