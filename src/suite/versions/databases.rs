//! Databases at each version of a history, with nothing in them but what the migrations put there; the state of a database,
//! and summaries that can be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use once_cell::sync::OnceCell;
use rusqlite::Connection;

use crate::check::{Digest, Table, try_digest};
use crate::db::{Image, Scratch, Workshop};
use crate::error::{Error, Result};
use crate::migrations::{Migration, Migrations};
use crate::schema::Schema;
use crate::suite::rows::{Contents, Dangling, JsonColumn, RowPlan, dangling, refilled, take_away};
use crate::suite::statements::{Effect, StatementEffect, statement_effects};

/// A history, and the databases that its migrations make.
pub(crate) struct VersionedDatabases {
    pub(crate) history: Migrations,
    pub(crate) workshop: Workshop,
    pub(crate) plan: RowPlan,
    pub(crate) versions: FilledVersions,
    empty: Mutex<Vec<Empty>>,
    effects: Vec<OnceCell<Vec<StatementEffect>>>,
    /// The tables by the schema's text: listing them takes longer than reading their rows.
    tables: Mutex<BTreeMap<SchemaText, Arc<Vec<Table>>>>,
}

/// The versions of which there are databases in the field, by how many migrations they have.
#[derive(Default)]
pub(crate) struct FilledVersions {
    /// The first one.
    pub(crate) first: usize,
    /// Those that were released. All, if none is named.
    pub(crate) released: BTreeSet<usize>,
}

/// A database with nothing in it but what its migrations put there.
struct Empty {
    image: Image,
    schema_text: SchemaText,
    schema: OnceCell<Arc<Schema>>,
}

impl Empty {
    fn of(database: Scratch) -> Result<Empty> {
        Ok(Empty { schema_text: SchemaText::read(&database)?, image: database.image()?, schema: OnceCell::new() })
    }
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
        let refilled = refilled(&statements().map(|statement| statement.text).collect::<Vec<_>>());
        let plan = RowPlan { json, refilled, ledger: history.ledger_table(), ..plan };
        let effects = history.iter().map(|_| OnceCell::new()).collect();
        VersionedDatabases {
            history,
            workshop,
            plan,
            versions,
            empty: Mutex::default(),
            effects,
            tables: Mutex::default(),
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

    /// Applies one migration.
    pub(crate) fn migrate(&self, database: &mut Connection, step: usize) -> Result<()> {
        self.history.up_from(database, self.version(step), self.version(step + 1)).map(drop)
    }

    /// Returns true if foreign keys may be off while a migration runs, though the app enforces them otherwise.
    pub(crate) fn may_run_without_keys(&self, step: usize) -> bool {
        let is_pragma =
            |effect: &StatementEffect| matches!(&effect.effect, Effect::Pragma { name, .. } if name == "foreign_keys");
        self.history.runner().foreign_keys_off || (!self.is_wrapped(step) && self.effects(step).iter().any(is_pragma))
    }

    /// Deletes the orphans that a migration has left, and what refers to them: the next version has rows that it accepts.
    pub(crate) fn without_orphans(&self, step: usize, state: VersionState) -> Result<VersionState> {
        if !self.may_run_without_keys(step) {
            return Ok(state);
        }
        let database = self.open(&state.image)?;
        if dangling(&database, &state.schema).is_empty() || !take_away(&database, &state.schema, &[], &Dangling::new())
        {
            return Ok(state);
        }
        Ok(VersionState { image: database.image()?, ..state })
    }

    /// Returns the state that a migration makes of a database, or nothing if it refuses it.
    pub(crate) fn migrated(&self, before: &VersionState, step: usize) -> Result<Option<VersionState>> {
        let mut database = self.open(&before.image)?;
        if self.migrate(&mut database, step).is_err() {
            return Ok(None);
        }
        before.followed_by(database).map(Some)
    }

    pub(crate) fn open(&self, image: &Image) -> Result<Scratch> {
        self.workshop.over(image.clone())
    }

    /// Opens a database to which this many migrations are applied, with nothing in it but what they put there.
    pub(crate) fn empty(&self, count: usize) -> Result<Scratch> {
        let mut images = self.images();
        self.build(&mut images, count)?;
        self.open(&images[count].image)
    }

    /// Returns the schema of a database to which this many migrations are applied.
    pub(crate) fn schema(&self, count: usize) -> Result<Arc<Schema>> {
        let mut images = self.images();
        self.build(&mut images, count)?;
        let Empty { image, schema, .. } = &images[count];
        schema.get_or_try_init(|| Schema::read(&*self.open(image)?).map(Arc::new)).cloned()
    }

    /// Returns an empty database to which this many migrations are applied.
    pub(crate) fn empty_state(&self, count: usize) -> Result<VersionState> {
        let schema = self.schema(count)?;
        let images = self.images();
        let Empty { image, schema_text, .. } = &images[count];
        Ok(VersionState { image: image.clone(), schema, schema_text: schema_text.clone() })
    }

    /// Returns true if a database has the schema text of an empty one with this many migrations. If it has not, the
    /// schemas may still be the same.
    pub(crate) fn has_text_of_empty(&self, count: usize, text: &SchemaText) -> Result<bool> {
        let mut images = self.images();
        self.build(&mut images, count)?;
        Ok(images[count].schema_text == *text)
    }

    /// Returns how many migrations apply to an empty database: all of them, where nothing is wrong.
    pub(crate) fn applicable(&self) -> usize {
        let mut images = self.images();
        let _ = self.build(&mut images, self.len());
        images.len().saturating_sub(1)
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
    pub(crate) fn rows(&self, state: &VersionState) -> Result<Contents> {
        self.rows_in(&*self.open(&state.image)?)
    }

    /// Reads the rows on a connection.
    pub(crate) fn rows_in(&self, database: &Connection) -> Result<Contents> {
        let text = SchemaText::read(database)?;
        let known = self.tables.lock().unwrap_or_else(PoisonError::into_inner).get(&text).cloned();
        let tables = match known {
            Some(tables) => tables,
            None => {
                let tables = Arc::new(Contents::tables(database, self.plan.ledger)?);
                let mut known = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
                known.insert(text, Arc::clone(&tables));
                tables
            }
        };
        Contents::read(database, &tables)
    }

    fn images(&self) -> MutexGuard<'_, Vec<Empty>> {
        self.empty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn build(&self, images: &mut Vec<Empty>, count: usize) -> Result<()> {
        if images.is_empty() {
            images.push(Empty::of(self.workshop.empty()?)?);
        }
        while images.len() <= count {
            let step = images.len() - 1;
            let mut database = self.open(&images[step].image)?;
            self.migrate(&mut database, step)?;
            images.push(Empty::of(database)?);
        }
        Ok(())
    }
}

/// A database at a version, and its schema, which costs more to read than the rows.
#[derive(Clone)]
pub(crate) struct VersionState {
    pub(crate) image: Image,
    pub(crate) schema: Arc<Schema>,
    pub(crate) schema_text: SchemaText,
}

impl VersionState {
    pub(crate) fn of(database: Scratch) -> Result<VersionState> {
        let schema = Arc::new(Schema::read(&database)?);
        let schema_text = SchemaText::read(&database)?;
        Ok(VersionState { image: database.image()?, schema, schema_text })
    }

    /// Returns the state of a database that was this one before a migration.
    pub(crate) fn followed_by(&self, database: Scratch) -> Result<VersionState> {
        let schema_text = SchemaText::read(&database)?;
        let schema = match schema_text == self.schema_text {
            true => Arc::clone(&self.schema),
            false => Arc::new(Schema::read(&database)?),
        };
        Ok(VersionState { image: database.image()?, schema, schema_text })
    }
}

/// The whole text of `sqlite_schema`. Where it is the same, the schemas are; where it differs, they may still be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SchemaText(Arc<str>);

impl SchemaText {
    pub(crate) fn read(connection: &Connection) -> Result<SchemaText> {
        // Quoted, so that no text runs into the next one.
        let sql = "SELECT ifnull(group_concat(quote(type) || quote(name) || quote(tbl_name) || quote(sql)), '')
                   FROM main.sqlite_schema";
        let text = connection.query_row(sql, [], |row| row.get::<_, String>(0));
        text.map(|text| SchemaText(text.into())).map_err(|error| Error::sqlite("read the schema", error))
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
