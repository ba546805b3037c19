//! The template of an app's databases: where the schema comes from, how connections are set up, which rows are in it.

use std::fmt;
use std::panic::Location;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use once_cell::sync::OnceCell;
use rusqlite::Connection;

use super::app_code::{BlockOn, Change, failed, on_a_thread, run};
use super::building;
use super::built_again;
use super::cache::{self, KeyBuilder};
use super::image::{Functions, Image};
use super::profile::Profile;
use super::scratch::{Scratch, Workshop};
use super::source::{self, RealFile, Source};
use super::statistics::StatisticsFile;
use super::testdb::TestDb;
use super::watched;
use crate::env;
use crate::error::{BoxError, Error, ErrorKind, Result, or_panic};
use crate::migrations::{Ledger, Migrations, Runner};
use crate::order::SortedMap;

/// The template that an app's databases are made from.
///
/// It is built at first use, once per process. Each test gets a copy that shares all pages with the template until one side
/// writes. Declare it as a `static`: a `const` is another template wherever it is named, and each is built anew, which a note on the
/// terminal says after some time.
///
/// ```
/// use sqlitmus::{Profile, Template};
///
/// static APP: Template = Template::embedded(&[
///     ("1_users.sql", "CREATE TABLE users(name TEXT)"),
/// ])
///     .profile(Profile::PRODUCTION)
///     .seed(|connection| {
///         connection.execute("INSERT INTO users VALUES ('Ada')", [])?;
///         Ok(())
///     });
///
/// let db = APP.in_memory();
/// let mode: String =
///     db.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
/// assert_eq!(mode, "wal");
/// ```
pub struct Template {
    pub(super) source: Source,
    profile: Profile,
    functions: Option<Functions>,
    seed: Option<Change>,
    stats: Option<&'static str>,
    ledger: Ledger,
    runner: Runner,
    key: Option<Key>,
    watches: Option<&'static str>,
    fsync: bool,
    checked: Option<bool>,
    pub(super) block_on: Option<BlockOn>,
    image: OnceCell<Image>,
    /// The images of `at`, by version.
    versions: Mutex<SortedMap<i64, Image>>,
}

/// Identifies code, together with the place of the call: two templates with the same text are two templates.
#[derive(Clone, Copy)]
struct Key {
    text: &'static str,
    place: &'static Location<'static>,
}

impl Template {
    /// Takes migrations from a folder, or the schema from one `.sql` file, relative to the package under test. They are read at
    /// run time, so that a new migration needs no new build.
    ///
    /// [`Migrations::load`] lists the layouts that it recognizes.
    pub const fn new(migrations: &'static str) -> Template {
        Template::of(Source::Folder(migrations))
    }

    /// Takes migrations that are compiled into the test: names of files and their SQL.
    pub const fn embedded(files: &'static [(&'static str, &'static str)]) -> Template {
        Template::of(Source::Embedded(files))
    }

    /// Makes a template without a schema.
    pub const fn empty() -> Template {
        Template::of(Source::Empty)
    }

    pub(super) const fn of(source: Source) -> Template {
        Template {
            source,
            profile: Profile::PRODUCTION,
            functions: None,
            seed: None,
            stats: None,
            ledger: Ledger::None,
            runner: Runner::DEFAULT,
            key: None,
            watches: None,
            fsync: false,
            checked: None,
            block_on: None,
            image: OnceCell::new(),
            versions: Mutex::new(SortedMap::new()),
        }
    }

    /// Sets how connections are set up. The default is [`Profile::PRODUCTION`].
    #[must_use]
    pub const fn profile(mut self, profile: Profile) -> Template {
        self.profile = profile;
        self
    }

    /// Sets the rows that every test starts with. `seed` runs once, after the last migration. A function of the app, whatever its
    /// error is, is called in a closure: `Ok(..?)` takes errors of any type.
    ///
    /// ```
    /// use sqlitmus::{Template, rusqlite::{self, Connection}};
    ///
    /// fn add_roles(db: &Connection) -> rusqlite::Result<usize> {
    ///     db.execute("INSERT INTO roles VALUES ('admin')", [])
    /// }
    ///
    /// static APP: Template =
    ///     Template::embedded(&[("1_roles.sql", "CREATE TABLE roles(name TEXT)")])
    ///         .seed(|db| Ok(add_roles(db).map(drop)?));
    /// # APP.in_memory();
    /// ```
    #[must_use]
    pub const fn seed(mut self, seed: fn(&mut Connection) -> Result<(), BoxError>) -> Template {
        self.seed = Some(seed);
        self
    }

    /// Loads statistics of production's ANALYZE, so that SQLite plans in tests as it does there. `file` is relative to
    /// the package under test and read at run time; [`plan::write_statistics`](crate::plan::write_statistics) writes
    /// it. They are in the databases of [`in_memory`](Template::in_memory) and [`on_disk`](Template::on_disk), loaded
    /// after the seed, and replace what a migration has gathered. Databases of [`at`](Template::at) do not have them.
    ///
    /// They stay until the app's own code runs ANALYZE or `PRAGMA optimize`, which count the rows of the test.
    ///
    /// ```
    /// use sqlitmus::{Template, plan::{Statistics, explain}};
    ///
    /// static APP: Template =
    ///     Template::new("fixtures/shop/migrations")
    ///         .stats("fixtures/shop/production_statistics.sql");
    ///
    /// let db = APP.in_memory();
    /// let plan = explain(&db, "SELECT id FROM orders WHERE customer_id = ?1");
    /// assert_eq!(plan.statistics(), Statistics::Counts);
    /// plan.assert_no_scan();
    /// ```
    #[must_use]
    pub const fn stats(mut self, file: &'static str) -> Template {
        self.stats = Some(file);
        self
    }

    /// Registers SQL functions, collations and modules of the app. `functions` runs on every connection that is opened
    /// here, before the first migration.
    #[must_use]
    pub const fn functions(mut self, functions: fn(&Connection) -> Result<(), BoxError>) -> Template {
        self.functions = Some(functions);
        self
    }

    /// Sets where migrations are noted as applied, so that the app's own runner finds them done. The default is
    /// nowhere. Runners that verify their notes have tables of their own (sqlx, diesel, refinery): an app that runs one
    /// when it starts needs [`migrate_path`](Template::migrate_path) or [`migrate_with`](Template::migrate_with).
    #[must_use]
    pub const fn ledger(mut self, ledger: Ledger) -> Template {
        self.ledger = ledger;
        self
    }

    /// States that the app switches foreign keys off while it migrates, and on again afterwards. Migrations run here, in
    /// [`at`](Template::at) and in the [`suite`](crate::suite) in the same way, and the suite looks for references that they
    /// leave dangling. Code of [`migrate_with`](Template::migrate_with) gets a connection with foreign keys off.
    ///
    /// Among the tools, atlas and libSQL's own `migrate` do so.
    ///
    /// ```
    /// use sqlitmus::Template;
    ///
    /// static APP: Template = Template::new("fixtures/shop/migrations")
    ///     .migrate_with_foreign_keys_off();
    /// # APP.in_memory();
    /// ```
    #[must_use]
    pub const fn migrate_with_foreign_keys_off(mut self) -> Template {
        self.runner.foreign_keys_off = true;
        self
    }

    /// States that the app's runner puts no transaction around a migration, whatever the format of the files says, as
    /// golang-migrate with `x-no-tx-wrap`, or a loop over `execute_batch`. A PRAGMA in a file then takes effect, and a
    /// migration that fails is half applied unless its file has a transaction.
    #[must_use]
    pub const fn migrate_without_transaction(mut self) -> Template {
        self.runner.no_transaction = true;
        self
    }

    /// Lets processes share what `seed`, `functions`, `migrate_with` and `migrate_path` made, through the cache in the
    /// target folder. Migrations are files and are cached by content. Code cannot be hashed; `key` identifies it:
    /// change it when the code changes. The line of this call counts too, so that templates with a line of their own
    /// may have the same key. Templates that one function makes with different code need different keys.
    #[must_use]
    #[track_caller]
    pub const fn key(mut self, key: &'static str) -> Template {
        self.key = Some(Key { text: key, place: Location::caller() });
        self
    }

    /// Makes the files in a folder, relative to the package, a part of the [`key`](Template::key): for a runner of the app that
    /// reads its migrations there. A migration that is added or edited is then applied, without a new key. Code without a key
    /// runs in each process anyway.
    #[must_use]
    pub const fn watches(mut self, folder: &'static str) -> Template {
        self.watches = Some(folder);
        self
    }

    /// Makes databases on disk wait for the hardware, as in production. This costs milliseconds for each transaction.
    #[must_use]
    pub const fn fsync(mut self) -> Template {
        self.fsync = true;
        self
    }

    /// Checks every database when its test ends, as [`TestDb::check`] does. A test that leaves a broken reference or
    /// index behind fails, and its database is kept. A test that has already failed is not checked. A transaction that
    /// is still open is rolled back first. [`TestDb::unchecked`] makes an exception; `SQLITMUS_CHECK=1` checks the
    /// databases of all templates.
    ///
    /// ```
    /// use sqlitmus::Template;
    ///
    /// static APP: Template = Template::new("fixtures/shop/migrations").checked();
    ///
    /// let db = APP.in_memory();
    /// db.execute("INSERT INTO categories(slug, name) VALUES ('tea', 'Tea')", [])
    ///     .unwrap();
    /// drop(db);
    /// ```
    #[must_use]
    pub const fn checked(mut self) -> Template {
        self.checked = Some(true);
        self
    }

    /// Makes a database on the simulated disk: in memory, with a real WAL.
    ///
    /// # Panics
    /// If the template cannot be built or a PRAGMA of its profile does not take.
    #[track_caller]
    pub fn in_memory(&self) -> TestDb {
        or_panic(self.try_in_memory())
    }

    /// Makes a database in a temporary folder, for code that needs real files. The folder is deleted with the database.
    ///
    /// # Panics
    /// If the template cannot be built, a PRAGMA of its profile does not take, or a file cannot be written.
    #[track_caller]
    pub fn on_disk(&self) -> TestDb {
        or_panic(self.try_on_disk())
    }

    /// Makes a database in memory as it was after the migration `version`; 0 is before the first one. The seed is not
    /// in it, because it is written for the latest schema.
    ///
    /// # Panics
    /// If there is no such version, and as [`in_memory`](Template::in_memory).
    #[track_caller]
    pub fn at(&self, version: i64) -> TestDb {
        or_panic(self.try_at(version))
    }

    fn image(&self) -> Result<&Image> {
        building::once(&self.image, || {
            built_again::count(&self.source);
            let statistics = self.stats.map(StatisticsFile::read).transpose()?;
            if self.seed.is_none() && statistics.is_none() {
                return self.migrated(None);
            }
            let finish = |mut image: Image| -> Result<Image> {
                if let Some(seed) = self.seed {
                    image = image.change(&self.profile, self.functions, |to| run(seed, to, "seed"))?;
                }
                if let Some(statistics) = &statistics {
                    image = image.change(&self.profile, self.functions, |to| statistics.load(to))?;
                }
                Ok(image)
            };
            // One cache entry for the result: nothing reads the image before the seed.
            if self.key.is_some() || (self.seed.is_none() && !self.is_code()) {
                let mut key = self.fingerprint(None)?.add(if self.seed.is_some() { "seeded" } else { "" });
                if let Some(statistics) = &statistics {
                    key = key.add("statistics").add(&statistics.text);
                }
                self.cached(key, || finish(self.build(None)?))
            } else {
                finish(self.migrated(None)?)
            }
        })
    }

    /// Returns the schema without the seed, from the cache if everything that it is made of can be hashed.
    fn migrated(&self, version: Option<i64>) -> Result<Image> {
        let worth_it = !matches!(self.source, Source::Empty);
        if worth_it && (!self.is_code() || self.key.is_some()) {
            self.cached(self.fingerprint(version)?, || self.build(version))
        } else {
            self.build(version)
        }
    }

    /// Returns true if the schema is made by code, which cannot be hashed.
    fn is_code(&self) -> bool {
        self.source.is_code() || self.functions.is_some()
    }

    fn cached(&self, key: KeyBuilder, build: impl FnOnce() -> Result<Image>) -> Result<Image> {
        cache::get_or_build(&key.finish(), build)
    }

    fn fingerprint(&self, version: Option<i64>) -> Result<KeyBuilder> {
        let mut key = KeyBuilder::new()?.add(&format!("{:?} {version:?} {:?}", self.profile, self.runner));
        if let Some(Key { text, place }) = self.key {
            key = key.add(text).add(&place.to_string());
            // The place is relative to a workspace, and several workspaces may share a target folder.
            key.bytes(env::package_dir().as_os_str().as_encoded_bytes());
        }
        if let Some(folder) = self.watches {
            watched::add_files(&mut key, folder)?;
        }
        if let Some(migrations) = self.migrations()? {
            migrations.fingerprint(&mut |part| key.bytes(part));
        }
        Ok(key)
    }

    /// Returns the setup of connections to scratch databases of this template.
    pub(crate) fn workshop(&self) -> Workshop {
        Workshop { profile: self.profile, functions: self.functions }
    }

    /// Returns the app's own runner on a connection, if there is one.
    pub(crate) fn runner(&self) -> Option<impl Fn(&mut Connection) -> Result<()>> {
        match self.source {
            Source::With(migrate) => Some(move |connection: &mut Connection| {
                self.runner.run(connection, |connection| run(migrate, connection, "migrations"))
            }),
            _ => None,
        }
    }

    /// Returns the folder of the migrations, if they are in one.
    pub(crate) fn folder(&self) -> Option<std::path::PathBuf> {
        match self.source {
            Source::Folder(folder) => Some(env::package_dir().join(folder)),
            _ => None,
        }
    }

    /// Makes a scratch database without the seed.
    pub(crate) fn scratch(&self) -> Result<Scratch> {
        self.workshop().over(self.migrated(None)?)
    }

    /// Returns the history, if the template has one.
    pub(crate) fn migrations(&self) -> Result<Option<Migrations>> {
        let Some(migrations) = self.source.migrations()? else { return Ok(None) };
        Ok(Some(match migrations.code() {
            Some(_) => self.as_run(migrations),
            None => self.as_run(migrations).ledger(self.ledger),
        }))
    }

    /// Returns a history as the app's runner runs it.
    pub(crate) fn as_run(&self, migrations: Migrations) -> Migrations {
        migrations.run_by(self.runner)
    }

    fn build(&self, version: Option<i64>) -> Result<Image> {
        let migrations = self.migrations()?;
        if let (Some(version), None) = (version, &migrations) {
            return Err(Error::new(
                ErrorKind::Template,
                format!("there is no version {version}: this template has no migrations of its own"),
            )
            .help("Template::new and Template::embedded know the versions of a history; Template::migrate_to names those of the app's own runner"));
        }
        if let Source::Path(migrate) = self.source {
            return self.build_at_path(migrate);
        }
        Image::build(&self.profile, self.functions, |connection| match (self.runner(), &migrations) {
            (Some(run), _) => run(connection),
            (None, None) => Ok(()),
            (None, Some(migrations)) => {
                match version {
                    Some(version) => migrations.up_to(connection, version)?,
                    None => migrations.apply(connection)?,
                };
                source::check_reached(migrations, version, connection, || self.workshop().empty())
            }
        })
    }

    /// Builds the image with code that takes a path. It gets a real file, because it may run in another process.
    fn build_at_path(&self, migrate: fn(&Path) -> Result<(), BoxError>) -> Result<Image> {
        let file = RealFile::new(self.functions)?;
        self.profile.apply(&mut file.open()?)?;
        on_a_thread(|| migrate(&file.path)).map_err(|error| failed("migrations", error))?;
        let mut connection = file.open()?;
        self.profile.apply(&mut connection)?;
        super::image::checkpoint(&connection)?;
        drop(connection);
        Image::read(&file.path)
    }
}

/// The same without panics: each returns its failure as an [`Error`](crate::Error).
impl Template {
    /// Like [`in_memory`](Template::in_memory), but returns an error.
    ///
    /// # Errors
    /// If the template cannot be built or a PRAGMA of its profile does not take.
    #[track_caller]
    pub fn try_in_memory(&self) -> Result<TestDb> {
        Ok(TestDb::in_memory(self.image()?, self.profile, self.functions)?
            .checked(self.checked)
            .running_on(self.block_on))
    }

    /// Like [`on_disk`](Template::on_disk), but returns an error.
    ///
    /// # Errors
    /// If the template cannot be built, a PRAGMA of its profile does not take, or a file cannot be written.
    #[track_caller]
    pub fn try_on_disk(&self) -> Result<TestDb> {
        Ok(TestDb::on_disk(self.image()?, self.profile, self.functions, self.fsync)?
            .checked(self.checked)
            .running_on(self.block_on))
    }

    /// Like [`at`](Template::at), but returns an error.
    ///
    /// # Errors
    /// If there is no such version, and as [`try_in_memory`](Template::try_in_memory).
    #[track_caller]
    pub fn try_at(&self, version: i64) -> Result<TestDb> {
        let known = self.versions.lock().unwrap_or_else(PoisonError::into_inner).get(&version).cloned();
        let image = match known {
            Some(image) => image,
            None => {
                let image = building::version(&self.versions, version, || self.migrated(Some(version)))?;
                let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
                versions.get_or_insert_with(version, || image).clone()
            }
        };
        Ok(TestDb::in_memory(&image, self.profile, self.functions)?.checked(self.checked).running_on(self.block_on))
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template")
            .field("source", &self.source)
            .field("profile", &self.profile)
            .field("ledger", &self.ledger)
            .field("runner", &self.runner)
            .field("key", &self.key.map(|key| key.text))
            .finish_non_exhaustive()
    }
}
