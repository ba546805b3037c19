//! Databases at each version of a history, with nothing in them but what the migrations put there, and summaries that can be
//! compared.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use once_cell::sync::OnceCell;
use rusqlite::Connection;

use super::runner::{recorded_on, step_of};
use super::state::{KnownStates, SchemaText, VersionState};
use crate::check::{Digest, try_digest};
use crate::db::{Image, Scratch, Workshop, recorded};
use crate::error::{Error, Result};
use crate::migrations::{Ledger, Migration, Migrations};
use crate::order::SortedSet;
use crate::schema::Schema;
use crate::sql::{Name, tokens};
use crate::suite::rows::{Contents, Dangling, JsonColumn, RecursiveQuery, Refill, RowPlan, dangling, take_away};
use crate::suite::statements::{Effect, StatementEffect, statement_effects};
use crate::trace::Query;

/// A history, and the databases that its migrations make.
pub(crate) struct VersionedDatabases {
    pub(crate) history: Migrations,
    pub(crate) workshop: Workshop,
    pub(crate) plan: RowPlan,
    pub(crate) versions: FilledVersions,
    empty: Mutex<Vec<VersionState>>,
    effects: Vec<OnceCell<Vec<StatementEffect>>>,
    known: KnownStates,
    /// The error of a migration that does not end on an empty database: each attempt takes its time.
    endless: OnceCell<Error>,
    evaluator: OnceCell<Mutex<Scratch>>,
    recorded: OnceCell<Recorded>,
    /// The settings of a new connection that a migration may change and set back.
    settings: OnceCell<[i64; 2]>,
}

/// A history that records which migrations are applied, and a database to which it has applied all that apply, at once.
pub(crate) struct Recorded {
    pub(crate) history: Migrations,
    pub(crate) state: VersionState,
}

/// The versions of which there are databases in the field, by how many migrations they have.
#[derive(Default)]
pub(crate) struct FilledVersions {
    /// The first one.
    pub(crate) first: usize,
    /// Those that were released. All, if none is named.
    pub(crate) released: SortedSet<usize>,
}

impl VersionedDatabases {
    pub(crate) fn new(
        history: Migrations,
        workshop: Workshop,
        plan: RowPlan,
        versions: FilledVersions,
    ) -> VersionedDatabases {
        let statements = || history.iter().flat_map(Migration::statements);
        let json = statements().flat_map(|statement| JsonColumn::read(statement.text)).collect();
        let refilled = Refill::all(&statements().map(|statement| statement.text).collect::<Vec<_>>());
        let recursive = statements().filter_map(|statement| RecursiveQuery::read(statement.text)).collect();
        let (ledgers, hard_values) = (history.ledger_tables(), history.code().is_some());
        let plan = RowPlan { json, refilled, recursive, ledgers, hard_values, ..plan };
        let effects = history.iter().map(|_| OnceCell::new()).collect();
        VersionedDatabases {
            history,
            workshop,
            plan,
            versions,
            empty: Mutex::default(),
            effects,
            known: KnownStates::default(),
            endless: OnceCell::new(),
            evaluator: OnceCell::new(),
            recorded: OnceCell::new(),
            settings: OnceCell::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.history.len()
    }

    /// Returns true if there are databases in the field with this many migrations.
    pub(crate) fn is_filled(&self, count: usize) -> bool {
        let FilledVersions { first, released } = &self.versions;
        count >= *first && (released.is_empty() || released.contains(&count) || count == self.applicable())
    }

    pub(crate) fn migration(&self, step: usize) -> &Migration {
        // An index comes from `0..len()`.
        self.history.iter().nth(step).unwrap_or_else(|| unreachable!("step {step} of {}", self.len()))
    }

    /// Returns true if the runner puts a transaction around this migration.
    pub(crate) fn is_wrapped(&self, step: usize) -> bool {
        self.history.is_wrapped(self.migration(step))
    }

    /// Returns a migration of the app's runner with all statements that it runs on these rows; any other as it is.
    pub(crate) fn migration_on(
        &self,
        step: usize,
        rows: &Image,
    ) -> Result<(Cow<'_, Migration>, Cow<'_, [StatementEffect]>)> {
        let migration = self.migration(step);
        if self.history.code().is_none() {
            return Ok((Cow::Borrowed(migration), Cow::Borrowed(self.effects(step))));
        }
        let mut database = self.open(rows)?;
        let (_, ran) = recorded_on(&self.history, migration, &mut database, self.version(step))?;
        let effects = statement_effects(&ran.statements());
        Ok((Cow::Owned(ran), Cow::Owned(effects)))
    }

    /// Returns the effects of all migrations from one to before another one.
    pub(crate) fn effects_between(&self, first: usize, end: usize) -> Vec<StatementEffect> {
        (first..end).flat_map(|step| self.effects(step)).cloned().collect()
    }

    pub(crate) fn effects(&self, step: usize) -> &[StatementEffect] {
        self.effects[step].get_or_init(|| statement_effects(&self.migration(step).statements()))
    }

    /// Returns the version of a database to which this many migrations are applied.
    pub(crate) fn version(&self, count: usize) -> i64 {
        match count.checked_sub(1) {
            Some(last) => self.migration(last).version(),
            None => self.history.base(),
        }
    }

    /// Prepares a connection for the statements of a migration as the runner does.
    pub(crate) fn prepare(&self, database: &Connection, step: usize) -> Result<()> {
        self.history.runner().prepare(database, self.is_wrapped(step))
    }

    /// Applies one migration. Returns the number of transactions that it committed.
    pub(crate) fn migrate(&self, database: &mut Connection, step: usize) -> Result<usize> {
        let Some(code) = self.history.code() else { return self.migrate_unrecorded(database, step) };
        let (applied, ran) = recorded(database, |database| self.migrate_unrecorded(database, step));
        match applied {
            // The commit hook is not on a connection of the runner's own.
            Ok(_) if code.on_a_path.is_some() => {
                Ok(ran.queries.iter().filter(|query| query.keyword() == "COMMIT").count())
            }
            Ok(commits) => Ok(commits),
            Err(error) => Err(self.at_statement(error, step, ran.queries)),
        }
    }

    /// Adds to the error of the app's runner the statement that failed: the last one that it ran, but for a ROLLBACK.
    fn at_statement(&self, error: Error, step: usize, ran: Vec<Query>) -> Error {
        let Some(failed) = ran.iter().rposition(|query| query.keyword() != "ROLLBACK") else { return error };
        let (prepared, text) = (ran[failed].sql().to_owned(), ran[failed].expanded().map(str::to_owned));
        let text = text.unwrap_or_else(|| prepared.clone());
        let known = self.migration(step).statement_of(&prepared).map_or(&*text, |known| known.text);
        let error = error.sql_excerpt(known, &text);
        let ran = self.migration(step).recorded(step_of(ran));
        match ran.statements().get(failed) {
            Some(statement) => {
                let line = statement.text.lines().next().unwrap_or_default();
                error.evidence(format!("at {}", ran.place(statement)), format!("> {line}"))
            }
            None => error,
        }
    }

    /// Like `migrate`. The error of the app's runner does not name a statement.
    pub(crate) fn migrate_unrecorded(&self, database: &mut Connection, step: usize) -> Result<usize> {
        let commits = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&commits);
        let count = move || {
            counter.fetch_add(1, Ordering::Relaxed);
            false
        };
        let _ = database.commit_hook(Some(count));
        let applied = self.history.up_from(database, self.version(step), self.version(step + 1));
        let _ = database.commit_hook(None::<fn() -> bool>);
        applied.map(|_| commits.load(Ordering::Relaxed))
    }

    /// Returns true if a connection is as good as a new one after a migration: nothing in it outlives a transaction, as a PRAGMA
    /// or a temporary table would.
    pub(crate) fn keeps_connection(&self, step: usize, connection: &Connection) -> Result<bool> {
        const KINDS: [&str; 11] =
            ["ALTER", "BEGIN", "COMMIT", "CREATE", "DELETE", "DROP", "INSERT", "PRAGMA", "REPLACE", "UPDATE", "WITH"];
        // They change no connection, or one of the settings.
        const PRAGMAS: [&str; 5] =
            ["defer_foreign_keys", "foreign_key_check", "foreign_keys", "legacy_alter_table", "user_version"];
        let is_temporary = |text: &str| tokens(text).iter().any(|token| token.is("TEMP") || token.is("TEMPORARY"));
        let is_harmless = self.migration(step).statements().iter().all(|statement| {
            KINDS.iter().any(|kind| statement.starts_with(kind))
                && !(statement.starts_with("CREATE") && is_temporary(statement.text))
        });
        let pragmas = self.effects(step).iter().filter_map(|effect| match &effect.effect {
            Effect::Pragma { name, .. } => Some(name),
            _ => None,
        });
        let pragmas: Vec<&Name> = pragmas.collect();
        if !is_harmless || !pragmas.iter().all(|name| PRAGMAS.iter().any(|known| **name == *known)) {
            return Ok(false);
        }
        let settings = |connection: &Connection| -> Result<[i64; 2]> {
            let number = |pragma| connection.query_row(pragma, [], |row| row.get(0));
            let read = || -> rusqlite::Result<[i64; 2]> {
                Ok([number("PRAGMA foreign_keys")?, number("PRAGMA legacy_alter_table")?])
            };
            read().map_err(|error| Error::sqlite("read the PRAGMAs", error))
        };
        let of_new = || settings(&*self.workshop.empty()?);
        Ok(pragmas.is_empty() || settings(connection)? == *self.settings.get_or_try_init(of_new)?)
    }

    /// Returns true if foreign keys may be off while a migration runs, though the app enforces them otherwise.
    pub(crate) fn may_run_without_keys(&self, step: usize) -> bool {
        let is_pragma =
            |effect: &StatementEffect| matches!(&effect.effect, Effect::Pragma { name, .. } if name == "foreign_keys");
        self.history.runner().foreign_keys_off || (!self.is_wrapped(step) && self.effects(step).iter().any(is_pragma))
    }

    /// Deletes the orphans that a migration has left, and what refers to them: the next version has rows that it accepts.
    /// None if there are none. `database` is open on the state.
    pub(crate) fn without_orphans(
        &self,
        step: usize,
        state: &VersionState,
        database: &Connection,
    ) -> Result<Option<VersionState>> {
        if !self.may_run_without_keys(step) || dangling(database, &state.schema).is_empty() {
            return Ok(None);
        }
        let database = self.open(&state.image)?;
        let is_sound = take_away(&database, &state.schema, &[], &Dangling::new());
        is_sound.then(|| Ok(state.with_image(database.image()?))).transpose()
    }

    pub(crate) fn open(&self, image: &Image) -> Result<Scratch> {
        self.workshop.over(image.clone())
    }

    /// Opens a database to which this many migrations are applied, with nothing in it but what they put there.
    pub(crate) fn empty(&self, count: usize) -> Result<Scratch> {
        self.open(&self.empty_state(count)?.image)
    }

    /// Returns the schema of a database to which this many migrations are applied.
    pub(crate) fn schema(&self, count: usize) -> Result<Arc<Schema>> {
        self.empty_state(count).map(|state| state.schema)
    }

    /// Returns an empty database to which this many migrations are applied.
    pub(crate) fn empty_state(&self, count: usize) -> Result<VersionState> {
        let mut states = self.empty_states();
        self.build(&mut states, count)?;
        Ok(states[count].clone())
    }

    /// Returns the schema of a database.
    pub(crate) fn schema_of(&self, database: &Connection) -> Result<Arc<Schema>> {
        self.known.schema(&SchemaText::read(database)?, database)
    }

    /// Returns the state of a database.
    pub(crate) fn state(&self, database: &Scratch) -> Result<VersionState> {
        self.known.state(database)
    }

    /// Returns the state of a database, and reads its rows while it is open.
    pub(crate) fn state_and_rows(&self, database: &Scratch) -> Result<VersionState> {
        let state = self.state(database)?;
        self.read_rows(&state, database)?;
        Ok(state)
    }

    /// Reads the rows of a state while its database is open, and remembers them.
    pub(crate) fn read_rows(&self, state: &VersionState, database: &Scratch) -> Result<()> {
        self.known.rows(state, &self.plan.ledgers, || Ok(&**database)).map(drop)
    }

    /// Returns the rows of a state whose database is open, one of many.
    pub(crate) fn rows_at(&self, state: &VersionState, database: &Scratch) -> Result<Contents> {
        self.known.read_rows(state, &self.plan.ledgers, || Ok(&**database), false)
    }

    /// Returns true if a database has the schema text of an empty one with this many migrations. If it has not, the
    /// schemas may still be the same.
    pub(crate) fn has_text_of_empty(&self, count: usize, text: &SchemaText) -> Result<bool> {
        Ok(self.empty_state(count)?.schema_text == *text)
    }

    /// Returns how many migrations apply to an empty database: all of them, where nothing is wrong.
    pub(crate) fn applicable(&self) -> usize {
        let mut states = self.empty_states();
        let _ = self.build(&mut states, self.len());
        states.len().saturating_sub(1)
    }

    /// Returns true if a migration does not end on an empty database.
    pub(crate) fn is_endless(&self) -> bool {
        self.applicable() < self.len() && self.endless.get().is_some()
    }

    /// Returns how many migrations a database has, by its schema, or nothing if it has the schema of no version.
    pub(crate) fn applied_to(&self, schema: &Schema) -> Result<Option<usize>> {
        for count in (0..=self.applicable()).rev() {
            if self.schema(count)?.diff(schema).is_empty() {
                return Ok(Some(count));
            }
        }
        Ok(None)
    }

    /// Reads the rows of a database.
    pub(crate) fn rows(&self, state: &VersionState) -> Result<Arc<Contents>> {
        self.known.rows(state, &self.plan.ledgers, || self.open(&state.image))
    }

    /// Returns the database of a new install: with the history's ledger, else with a table, as most runners have.
    pub(crate) fn recorded(&self) -> Result<&Recorded> {
        self.recorded.get_or_try_init(|| {
            let history = match self.history.has_ledger() {
                true => self.history.clone(),
                false => self.history.clone().ledger(Ledger::Table("_migrations")),
            };
            let mut database = self.workshop.empty()?;
            history.up_to(&mut database, self.version(self.applicable()))?;
            Ok(Recorded { history, state: self.state_and_rows(&database)? })
        })
    }

    /// Returns a connection that evaluates expressions without tables.
    pub(crate) fn evaluator(&self) -> Result<MutexGuard<'_, Scratch>> {
        let evaluator = self.evaluator.get_or_try_init(|| self.workshop.empty().map(Mutex::new))?;
        Ok(evaluator.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn empty_states(&self) -> MutexGuard<'_, Vec<VersionState>> {
        self.empty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn build(&self, states: &mut Vec<VersionState>, count: usize) -> Result<()> {
        if states.is_empty() {
            states.push(self.state(&self.workshop.empty()?)?);
        }
        let mut ready = None;
        while states.len() <= count {
            let step = states.len() - 1;
            let mut database = ready.take().map_or_else(|| self.open(&states[step].image), Ok)?;
            if let Some(error) = self.endless.get() {
                return Err(error.again());
            }
            if let Err(error) = self.migrate(&mut database, step) {
                return Err(if error.is_endless() { self.endless.get_or_init(|| error).again() } else { error });
            }
            states.push(self.state(&database)?);
            ready = self.keeps_connection(step, &database)?.then_some(database);
        }
        Ok(())
    }
}

/// The schema and the digests of the rows of a database.
#[derive(Clone, PartialEq)]
pub(crate) struct Summary {
    pub(crate) schema: Schema,
    pub(crate) digest: Digest,
    pub(crate) user_version: i64,
}

impl Summary {
    pub(crate) fn of(connection: &Connection) -> Result<Summary> {
        let user_version = connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(|error| Error::sqlite("read user_version", error))?;
        Ok(Summary { schema: Schema::read(connection)?, digest: try_digest(connection)?, user_version })
    }

    /// Returns true if it differs from `whole` only where another complete run, `twin`, does too, and there not in the
    /// number of rows: such values are drawn at random.
    pub(crate) fn is_equal_but_for_chance(&self, whole: &Summary, twin: &Summary) -> bool {
        self.schema == whole.schema
            && self.user_version == whole.user_version
            && self.digest.tables().iter().all(|table| {
                let of_whole = whole.digest.table(&table.name);
                let is_random = of_whole != twin.digest.table(&table.name);
                of_whole.is_some_and(|whole| whole == table || (is_random && whole.rows == table.rows))
            })
    }
}
