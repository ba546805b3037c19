//! The databases of a history: empty ones at each version, and one that is upgraded from version to version with data in it.
//!
//! The upgrade run is what happens to a database in the field: at each version it gets rows in every table that is new or was
//! changed, and is migrated one step with the rows of all versions before. So it has rows as old as each version, at the
//! cost of one pass. Where a step refuses the data, it is tried with plain rows, and the run goes on with those; where
//! it refuses them too, it starts again behind it.
//!
//! ```text
//! history, template -> databases: empty at each version; one upgrade run with rows -> (before, after) of each step -> tests -> findings
//!                                                                         -> blame, shrink: only for what is reported
//! ```
//!
//! - **One run, not a matrix.** At each version, tables that are new or changed get rows, and the database goes up
//!   one step with the rows of all versions before: rows as old as each version, at the price of one pass. Where a
//!   step refuses the data, the run goes on with plain rows, or starts again behind it: what is refused would hide
//!   what is lost. All tests share its images; `adversarial_rows` forks them for rows that only the old schema accepts.
//! - **A value stands twice in a column** wherever nothing forbids it: what is different in every row never meets the
//!   UNIQUE of a table that is made of it.
//! - **Rows decide, text explains.** `survival` compares contents; `statement_effects`, which reads the statements, only follows
//!   renames, tells whether an `UPDATE … WHERE` replaces values, and finds the line. Rows are matched by key, else by
//!   their values, else by rowid.
//! - **What is no loss**: another type that says the same (number, flag, instant, JSON), a JSON object that got more
//!   members, a NULL that is filled, a value that an UPDATE with a WHERE replaces by something not computed from it,
//!   a row that another table has now, with the same values under the same names.
//!   Anything else, `trim` and `CAST` too, wants an `allow_loss` with a reason: whether a change of people's data is
//!   meant is not to be guessed.
//! - **A constraint that a rebuild leaves out** is a finding if the rebuild does something else as well: one that does
//!   nothing else was made for it. NOT NULL is never one.
//! - **The last failure that leaves nothing stands for all before it**: up to there the runs are the same, and what is
//!   written is not taken back unseen. So a migration in one transaction costs three runs, and every step and
//!   statement of it is proven; behind the first write each is tried, up to 200, and beyond that the places between
//!   two that differ. A statement fails by SQLite's authorizer: the runner's COMMIT and a virtual table's own
//!   statements too. Files that are those of a whole run to the byte are not read.
//! - **`sqlite_schema` word for word** says that two schemas are the same; facts are read where it differs.
//! - **A column that the history hands to `json_extract` and its like** gets `{}`: rows that no app writes are false
//!   alarms.
//! - **BEGIN and COMMIT in a runner's transaction** are reported by the test that shows the damage, with the code of
//!   their own: where nothing applies by `applies_to_an_empty_database`, else by
//!   `failure_leaves_the_previous_version`.
//! - `migrations.lock` has hashes, not texts: git has those. It is written only when asked for, because a test that
//!   passes leaves no file; without it the test is skipped, and fails where `CI` is set.
//! - `lints_clean` takes from `check::lint` only what is broken: what could be better in a schema that has shipped
//!   costs a rebuild.
//! - `suite::cases::ALL` is the one list of tests; the macro has their names once more, because `#[test]` needs words.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use once_cell::sync::OnceCell;
use rusqlite::Connection;

use super::contents::Contents;
use super::fill;
use super::statement_effects::{StatementEffect, statement_effects};
use crate::db::{Image, Scratch, Workshop};
use crate::error::{Error, Result};
use crate::migrations::{Migration, Migrations};
use crate::progress::Progress;
use crate::schema::{Schema, Table};

pub(super) struct VersionedDatabases {
    pub(super) history: Migrations,
    pub(super) workshop: Workshop,
    plan: fill::Plan,
    /// The step from which on there are databases with data in the field.
    pub(super) first: usize,
    empty: Mutex<Vec<Empty>>,
    effects: Vec<OnceCell<Vec<StatementEffect>>>,
    upgrade_run: OnceCell<UpgradeRun>,
}

/// A database with nothing in it but what its migrations put there.
struct Empty {
    image: Image,
    schema_text: SchemaText,
}

/// One pass over all steps.
pub(super) struct UpgradeRun {
    pub(super) steps: Vec<UpgradeStep>,
    /// What could not be filled.
    pub(super) unfilled: Vec<Unfilled>,
}

/// A table without a row.
pub(super) struct Unfilled {
    pub(super) version: i64,
    pub(super) table: String,
    pub(super) error: Error,
}

/// A migration, and what it makes of data.
pub(super) struct UpgradeStep {
    /// Which migration of the history it is.
    pub(super) index: usize,
    pub(super) before: VersionState,
    /// Nothing where it refuses the data.
    pub(super) after: Option<VersionState>,
}

/// A database, and its schema, which costs more to read than the rows.
#[derive(Clone)]
pub(super) struct VersionState {
    pub(super) image: Image,
    pub(super) schema: Arc<Schema>,
    schema_text: SchemaText,
}

/// All that `sqlite_schema` says: where that is the same, the schemas are.
#[derive(Clone, PartialEq)]
struct SchemaText(Arc<str>);

impl SchemaText {
    fn read(connection: &Connection) -> Result<SchemaText> {
        // Quoted, so that no text runs into the next one.
        let sql = "SELECT ifnull(group_concat(quote(type) || quote(name) || quote(tbl_name) || quote(sql)), '')
                   FROM main.sqlite_schema";
        let text = connection.query_row(sql, [], |row| row.get::<_, String>(0));
        text.map(|text| SchemaText(text.into())).map_err(|error| Error::sqlite("to read the schema", error))
    }
}

impl VersionedDatabases {
    pub(super) fn new(history: Migrations, workshop: Workshop, plan: fill::Plan, first: usize) -> VersionedDatabases {
        let statements = || history.iter().flat_map(Migration::statements);
        let json = statements().flat_map(|statement| fill::Json::read(statement.text)).collect();
        let plan = fill::Plan { json, ..plan };
        let effects = history.iter().map(|_| OnceCell::new()).collect();
        VersionedDatabases {
            history,
            workshop,
            plan,
            first,
            empty: Mutex::default(),
            effects,
            upgrade_run: OnceCell::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.history.len()
    }

    pub(super) fn migration(&self, step: usize) -> &Migration {
        // An index comes from `0..len()`.
        self.history.iter().nth(step).unwrap_or_else(|| unreachable!("step {step} of {}", self.len()))
    }

    pub(super) fn effects(&self, step: usize) -> &[StatementEffect] {
        self.effects[step].get_or_init(|| statement_effects(&self.migration(step).statements()))
    }

    /// Whether the user, or what the history does with it, says what this column holds.
    pub(super) fn is_given(&self, table: &Table, column: &str) -> bool {
        self.plan.is_given(table, column)
    }

    /// The version of a database to which this many migrations are applied.
    pub(super) fn version(&self, count: usize) -> i64 {
        match count.checked_sub(1) {
            Some(last) => self.migration(last).version(),
            None => self.history.base(),
        }
    }

    /// Applies one migration.
    pub(super) fn step(&self, database: &mut Connection, step: usize) -> Result<()> {
        self.history.up_from(database, self.version(step), self.version(step + 1)).map(drop)
    }

    pub(super) fn open(&self, image: &Image) -> Result<Scratch> {
        self.workshop.over(image.clone())
    }

    fn images(&self) -> MutexGuard<'_, Vec<Empty>> {
        self.empty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A database to which this many migrations are applied, with nothing in it but what they put there.
    pub(super) fn empty(&self, count: usize) -> Result<Scratch> {
        let mut images = self.images();
        self.make(&mut images, count)?;
        self.open(&images[count].image)
    }

    fn make(&self, images: &mut Vec<Empty>, count: usize) -> Result<()> {
        if images.is_empty() {
            let database = self.workshop.empty()?;
            images.push(Empty { schema_text: SchemaText::read(&database)?, image: database.image()? });
        }
        while images.len() <= count {
            let step = images.len() - 1;
            let mut database = self.open(&images[step].image)?;
            self.step(&mut database, step)?;
            images.push(Empty { schema_text: SchemaText::read(&database)?, image: database.image()? });
        }
        Ok(())
    }

    /// Whether a database declares what an empty one does to which this many migrations are applied. If it does not, the
    /// schemas may be the same all the same.
    pub(super) fn has_empty_declaration(&self, count: usize, state: &VersionState) -> Result<bool> {
        let mut images = self.images();
        self.make(&mut images, count)?;
        Ok(images[count].schema_text == state.schema_text)
    }

    /// How many migrations apply to an empty database: all of them, where nothing is wrong.
    pub(super) fn reach(&self) -> usize {
        let mut images = self.images();
        let _ = self.make(&mut images, self.len());
        images.len().saturating_sub(1)
    }

    /// Where a migration does not apply to an empty database: that nothing is known behind it.
    pub(super) fn unreached(&self) -> Option<String> {
        let reach = self.reach();
        let found = match reach {
            0 => String::new(),
            _ => format!("nothing is wrong up to version {}; ", self.version(reach)),
        };
        (reach < self.len()).then(|| {
            let failing = self.version(reach + 1);
            format!("{found}migration {failing} does not apply, see {}", super::cases::APPLIES)
        })
    }

    pub(super) fn upgrade_run(&self) -> Result<&UpgradeRun> {
        self.upgrade_run.get_or_try_init(|| {
            let reach = self.reach();
            let mut run = UpgradeRun { steps: Vec::new(), unfilled: Vec::new() };
            let mut arrived: Option<VersionState> = None;
            let mut known: Option<Arc<Schema>> = None;
            let mut progress = Progress::of("migrating data, version by version", u64::try_from(reach).ok());
            for step in self.first..=reach {
                progress.at(step as u64);
                let (here, schema, schema_text) = match arrived.take() {
                    Some(VersionState { image, schema, schema_text }) => {
                        (self.workshop.over(image)?, schema, schema_text)
                    }
                    None => {
                        known = None;
                        let here = self.empty(step)?;
                        let schema = Arc::new(Schema::read(&here)?);
                        let schema_text = SchemaText::read(&here)?;
                        (here, schema, schema_text)
                    }
                };
                for (table, error) in self.plan.rows(&here, &schema, known.as_deref(), self.ledger()) {
                    // Once is enough: it stays empty at the versions behind.
                    if !run.unfilled.iter().any(|known| known.table == table) {
                        run.unfilled.push(Unfilled { version: self.version(step), table, error });
                    }
                }
                // Behind the last version there is nothing to upgrade to, but it has to take data as well.
                if step < reach {
                    let before = VersionState { image: here.image()?, schema: Arc::clone(&schema), schema_text };
                    let after = self.after(&before, step)?;
                    let refused = after.is_none();
                    arrived.clone_from(&after);
                    known = Some(schema);
                    run.steps.push(UpgradeStep { index: step, before, after });
                    if refused && let Some((before, after)) = self.with_plain_rows(step)? {
                        arrived = Some(after.clone());
                        run.steps.push(UpgradeStep { index: step, before, after: Some(after) });
                    }
                }
            }
            Ok(run)
        })
    }

    /// Before and after a migration that refuses some rows, with others: what else it does has to be seen as well.
    fn with_plain_rows(&self, step: usize) -> Result<Option<(VersionState, VersionState)>> {
        let here = self.empty(step)?;
        let (schema, schema_text) = (Arc::new(Schema::read(&here)?), SchemaText::read(&here)?);
        self.plan.plain_rows(&here, &schema, self.ledger());
        let before = VersionState { image: here.image()?, schema, schema_text };
        Ok(self.after(&before, step)?.map(|after| (before, after)))
    }

    /// The same step on a database of the same schema with other rows.
    pub(super) fn step_with_rows(&self, step: &UpgradeStep, image: Image) -> Result<UpgradeStep> {
        let before = VersionState { image, ..step.before.clone() };
        let after = self.after(&before, step.index)?;
        Ok(UpgradeStep { index: step.index, before, after })
    }

    /// How many migrations a database has, by its schema.
    pub(super) fn applied_count_of(&self, schema: &Schema) -> Result<Option<usize>> {
        for count in (0..=self.reach()).rev() {
            if Schema::read(&*self.empty(count)?)?.diff(schema).is_empty() {
                return Ok(Some(count));
            }
        }
        Ok(None)
    }

    /// What a migration makes of a database; nothing where it refuses.
    fn after(&self, before: &VersionState, step: usize) -> Result<Option<VersionState>> {
        let mut here = self.open(&before.image)?;
        if self.step(&mut here, step).is_err() {
            return Ok(None);
        }
        let schema_text = SchemaText::read(&here)?;
        let schema = match schema_text == before.schema_text {
            true => Arc::clone(&before.schema),
            false => Arc::new(Schema::read(&here)?),
        };
        Ok(Some(VersionState { image: here.image()?, schema, schema_text }))
    }

    /// The steps of a database from the field, up to the one that refuses it.
    pub(super) fn steps_of(&self, database: Scratch) -> Result<Option<Vec<UpgradeStep>>> {
        let schema = Arc::new(Schema::read(&database)?);
        let Some(first) = self.applied_count_of(&schema)? else { return Ok(None) };
        let mut steps = Vec::new();
        let schema_text = SchemaText::read(&database)?;
        let mut before = VersionState { image: database.image()?, schema, schema_text };
        for index in first..self.reach() {
            let after = self.after(&before, index)?;
            let next = after.clone();
            steps.push(UpgradeStep { index, before, after });
            match next {
                Some(state) => before = state,
                None => break,
            }
        }
        Ok(Some(steps))
    }

    pub(super) fn ledger(&self) -> Option<&'static str> {
        self.history.ledger_table()
    }

    /// The rows of one of the databases.
    pub(super) fn rows_of(&self, state: &VersionState) -> Result<Contents> {
        self.contents(&*self.open(&state.image)?)
    }

    pub(super) fn contents(&self, database: &Connection) -> Result<Contents> {
        Contents::read(database, self.ledger())
    }
}
