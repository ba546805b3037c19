//! One migration and its scripts, and the formats of migration runners.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::sql::{self, Statement};

/// One step of a history.
#[derive(Clone, Debug)]
pub struct Migration {
    pub(super) version: i64,
    pub(super) up: Script,
    pub(super) down: Option<Script>,
}

impl Migration {
    /// Returns its version: the number in its name. It is its position in the history, counted from 1, if the versions are
    /// no numbers of 64 bits, each another one.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Returns the name of its file in the folder: `002_orders.sql`, `2026-01-31-120000_orders/up.sql`. If the app's own
    /// runner has it, `version 2`.
    pub fn name(&self) -> &str {
        &self.up.file
    }

    /// Returns the SQL that applies it. For a goose or dbmate file, that is the Up section.
    pub fn sql(&self) -> &str {
        &self.up.sql
    }

    /// Returns the SQL that undoes it. `None` if its down script has no statement.
    pub fn down_sql(&self) -> Option<&str> {
        self.down.as_ref().map(|script| script.sql.as_str()).filter(|sql| !sql::is_blank(sql))
    }

    /// Returns the statements that apply it.
    pub(crate) fn statements(&self) -> Vec<Statement<'_>> {
        sql::split(&self.up.sql)
    }

    /// Returns the statements that apply it, then those that undo it.
    pub(crate) fn round_trip(&self) -> Vec<Statement<'_>> {
        let mut statements = self.statements();
        statements.extend(self.down_sql().map(sql::split).unwrap_or_default());
        statements
    }

    /// Returns true if it can be undone.
    pub(crate) fn has_down(&self) -> bool {
        self.down.as_ref().is_some_and(|script| script.recorded.is_some() || !sql::is_blank(&script.sql))
    }

    /// Returns the same migration of the app's runner, with the statements that it ran.
    pub(crate) fn recorded(&self, ran: RecordedStep) -> Migration {
        let mut sql = String::new();
        for statement in &ran.statements {
            sql.push_str(statement);
            // The last line may be a comment.
            sql.push_str("\n;\n");
        }
        let up = Script { sql, recorded: Some(Arc::new(ran)), ..self.up.clone() };
        Migration { up, ..self.clone() }
    }

    /// Returns the same migration with each statement once, and without values if it was run with several. `empty` is its
    /// run without rows.
    pub(crate) fn without_repeats(&self, empty: &Migration) -> Migration {
        let (Some(ran), Some(empty)) = (&self.up.recorded, empty.prepared()) else { return self.clone() };
        let mut step = RecordedStep { on_empty: Some(empty.to_vec()), ..RecordedStep::default() };
        let mut numbers = Vec::new();
        for (at, (statement, prepared)) in ran.statements.iter().zip(&ran.prepared).enumerate() {
            if statement == prepared || !step.prepared.contains(prepared) {
                let is_repeated = ran.prepared.iter().filter(|other| *other == prepared).count() > 1;
                step.statements.push(if is_repeated { prepared.clone() } else { statement.clone() });
                step.prepared.push(prepared.clone());
                numbers.push(at);
            }
        }
        let ran = Arc::clone(ran);
        step.sites = Some(Box::new(move |number| ran.sites.as_ref()?(*numbers.get(number)?)));
        self.recorded(step)
    }

    /// Returns the statements of the app's runner on an empty database, as they were prepared. None if it is a file.
    pub(crate) fn prepared(&self) -> Option<&[String]> {
        self.up.recorded.as_ref().map(|ran| ran.on_empty.as_ref().unwrap_or(&ran.prepared).as_slice())
    }

    /// Returns the statement of the app's runner that was prepared from this text.
    pub(crate) fn statement_of(&self, prepared: &str) -> Option<Statement<'_>> {
        let number = self.up.recorded.as_ref()?.prepared.iter().position(|text| text == prepared)?;
        self.statements().get(number).copied()
    }

    /// Returns the file and line of one of its statements; of the app's runner, the line that ran it or its number.
    pub(crate) fn place(&self, statement: &Statement<'_>) -> String {
        if let Some(ran) = &self.up.recorded {
            let number = self.statements().iter().take_while(|other| other.offset < statement.offset).count();
            let site = ran.sites.as_ref().and_then(|sites| sites(number)).map(|site| format!("{site}, "));
            return format!("{}statement {} of {}", site.unwrap_or_default(), number + 1, self.name());
        }
        format!("{}:{}", self.up.shown(), self.up.first_line - 1 + statement.line)
    }

    /// Returns the path of its file. `None` if it was compiled in.
    pub fn path(&self) -> Option<&Path> {
        self.up.path.as_deref()
    }
}

/// A file, or a section of one.
#[derive(Clone, Debug)]
pub(super) struct Script {
    /// The name in the folder, with `/` as separator on every system.
    pub(super) file: String,
    pub(super) path: Option<PathBuf>,
    pub(super) sql: String,
    /// The line of the file where the SQL starts, counted from 1.
    pub(super) first_line: usize,
    /// True if its format runs it in a transaction.
    pub(super) transaction: bool,
    /// The statements that the app's runner ran. None if it is a file.
    pub(super) recorded: Option<Arc<RecordedStep>>,
}

/// The statements that a step of the app's runner ran.
#[derive(Default)]
pub(crate) struct RecordedStep {
    /// The statements with their values.
    pub(crate) statements: Vec<String>,
    /// The same as they were prepared.
    pub(crate) prepared: Vec<String>,
    /// Those that it prepares on an empty database, if these are of one with rows.
    pub(crate) on_empty: Option<Vec<String>>,
    /// Finds the line of the app's code that ran a statement.
    pub(crate) sites: Option<Box<FindSite>>,
}

/// Returns the line of the app's code that ran the statement of this number.
type FindSite = dyn Fn(usize) -> Option<String> + Send + Sync;

impl fmt::Debug for RecordedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.statements).finish()
    }
}

impl Script {
    /// Returns the script of a version of the app's runner, which is not recorded yet.
    pub(super) fn of_code(version: i64) -> Script {
        Script {
            file: format!("version {version}"),
            path: None,
            sql: String::new(),
            first_line: 1,
            transaction: false,
            recorded: Some(Arc::default()),
        }
    }

    /// Returns the name of its file for a message: the path, so that it can be opened from there.
    pub(super) fn shown(&self) -> String {
        self.path.as_ref().map_or_else(|| self.file.clone(), |path| path.display().to_string())
    }
}

/// Returns the index of the migration with this version. Not every runner orders versions by number.
pub(super) fn index_of(migrations: &[Migration], version: i64) -> Option<usize> {
    migrations.iter().position(|migration| migration.version == version)
}

/// The format of a history: how its files are named and divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// `001_users.sql`: sqlx's simple migrations, and most hand-written runners.
    Plain,
    /// `001_users.up.sql` and `001_users.down.sql`: sqlx, golang-migrate.
    Paired,
    /// `2026-01-31-120000_users/up.sql`, `down.sql` and `metadata.toml`.
    Diesel,
    /// `V1__users.sql`.
    Refinery,
    /// `01-users/up.sql` and `down.sql`.
    RusqliteMigration,
    /// Sections after `-- +goose Up` and `-- +goose Down`.
    Goose,
    /// Sections after `-- migrate:up` and `-- migrate:down`.
    Dbmate,
    /// `V1.2__users.sql`, `U1.2__users.sql` and `R__views.sql`.
    Flyway,
    /// `20260131120000_users/migration.sql`.
    Prisma,
    /// `0001_users.sql`, in the order of `meta/_journal.json`.
    Drizzle,
    /// The app's own runner, [`Template::migrate_to`](crate::Template::migrate_to).
    Code,
}

impl Format {
    /// The name of a file of this format, or a line in it.
    pub(super) fn example(self) -> &'static str {
        match self {
            Format::Plain => "001_users.sql",
            Format::Paired => "001_users.up.sql",
            Format::Diesel => "2026-01-31-120000_users/up.sql",
            Format::Refinery => "V1__users.sql",
            Format::RusqliteMigration => "01-users/up.sql",
            Format::Goose => "-- +goose Up",
            Format::Dbmate => "-- migrate:up",
            Format::Flyway => "V1.2__users.sql",
            Format::Prisma => "20260131120000_users/migration.sql",
            Format::Drizzle => "0001_users.sql",
            Format::Code => "version 1",
        }
    }

    /// Explains how a migration runs without its runner's transaction. `None` if the format has no way.
    pub(crate) fn without_transaction(self) -> Option<&'static str> {
        match self {
            Format::Plain | Format::Paired => {
                Some("to run the file without a transaction, make `-- no-transaction` its first line")
            }
            Format::Diesel => {
                Some("to run it without a transaction, write `run_in_transaction = false` in its metadata.toml")
            }
            Format::Goose => Some("to run the file without a transaction, add `-- +goose NO TRANSACTION`"),
            Format::Dbmate => Some("to run the section without a transaction, write `-- migrate:up transaction:false`"),
            Format::Flyway => Some("Flyway begins no transaction before a file with `PRAGMA foreign_keys`"),
            Format::Refinery | Format::RusqliteMigration | Format::Prisma | Format::Drizzle | Format::Code => None,
        }
    }

    /// Returns true if its runner applies all pending migrations in one transaction: a failure undoes all of them.
    pub(super) fn applies_together(self) -> bool {
        matches!(self, Format::RusqliteMigration | Format::Drizzle)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Plain => "plain",
            Format::Paired => "paired",
            Format::Diesel => "diesel",
            Format::Refinery => "refinery",
            Format::RusqliteMigration => "rusqlite_migration",
            Format::Goose => "goose",
            Format::Dbmate => "dbmate",
            Format::Flyway => "flyway",
            Format::Prisma => "prisma",
            Format::Drizzle => "drizzle",
            Format::Code => "the app's runner",
        })
    }
}
