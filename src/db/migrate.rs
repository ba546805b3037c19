//! Templates that the app's own code migrates.

use std::path::Path;

use rusqlite::Connection;

use super::source::{AppRunner, Source, Steps, Versions};
use super::template::Template;
use crate::error::{BoxError, Result};

impl Template {
    /// Runs the app's own migration code on a connection, to the end. The versions in between stay unknown:
    /// [`migrate_to`](Template::migrate_to) names them, and the [`suite`](crate::suite) needs them.
    ///
    /// ```
    /// use sqlitmus::{Template, rusqlite::{self, Connection}};
    ///
    /// fn migrate(db: &mut Connection) -> rusqlite::Result<()> {
    ///     db.execute_batch("CREATE TABLE users(name TEXT NOT NULL) STRICT")
    /// }
    ///
    /// // `Ok(..?)` takes errors of any type.
    /// static APP: Template = Template::migrate_with(|db| Ok(migrate(db)?));
    /// # assert!(APP.in_memory().prepare("SELECT name FROM users").is_ok());
    /// ```
    pub const fn migrate_with(migrate: fn(&mut Connection) -> Result<(), BoxError>) -> Template {
        Template::of(Source::With(migrate))
    }

    /// Runs the app's own migration code on the path of a database file: diesel, sqlx, an external tool. The file
    /// exists, with the page size and the journal mode of the profile, and has no table. The code runs on a thread of
    /// its own, so that it may block on a runtime even if the test is async.
    ///
    /// ```ignore
    /// static APP: Template = Template::migrate_path(|path| {
    ///     tokio::runtime::Runtime::new()?.block_on(async {
    ///         let url = format!("sqlite:{}", path.display());
    ///         let pool = SqlitePool::connect(&url).await?;
    ///         sqlx::migrate!().run(&pool).await?;
    ///         pool.close().await;
    ///         Ok(())
    ///     })
    /// });
    /// ```
    pub const fn migrate_path(migrate: fn(&Path) -> Result<(), BoxError>) -> Template {
        Template::of(Source::Path(migrate))
    }

    /// Makes the app's own runner the history: `migrate` brings a connection from the version that it has to the version
    /// `to`. Versions are counted from 1 to `latest`; [`versions`](Template::versions) names others.
    ///
    /// [`at`](Template::at) and all tests of the [`suite`](crate::suite) run it. The first test of the suite checks that it
    /// stops where it is asked to.
    ///
    /// ```
    /// use sqlitmus::rusqlite::{Connection, TransactionBehavior};
    /// use sqlitmus::{BoxError, Template};
    ///
    /// const LATEST: i64 = 2;
    ///
    /// fn migrate_to(db: &mut Connection, to: i64) -> Result<(), BoxError> {
    ///     // Another process of the app waits here until the last step is done.
    ///     let all = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    ///     let from: i64 =
    ///         all.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    ///     if from > LATEST {
    ///         return Err("a newer release has migrated the database".into());
    ///     }
    ///     for version in from + 1..=to {
    ///         all.execute_batch(match version {
    ///             1 => "CREATE TABLE users(id INTEGER PRIMARY KEY)",
    ///             _ => "ALTER TABLE users ADD COLUMN name TEXT",
    ///         })?;
    ///         all.pragma_update(None, "user_version", version)?;
    ///     }
    ///     Ok(all.commit()?)
    /// }
    ///
    /// static APP: Template = Template::migrate_to(LATEST, migrate_to);
    ///
    /// # mod tests {
    /// # use super::APP;
    /// sqlitmus::migration_suite!(APP);
    /// # }
    /// # fn main() {
    /// assert!(APP.at(1).prepare("SELECT name FROM users").is_err());
    /// assert!(APP.in_memory().prepare("SELECT name FROM users").is_ok());
    /// # let suite = sqlitmus::suite::Suite::new(&APP);
    /// # suite.skip("shipped_migrations_are_frozen", "an example").run();
    /// # }
    /// ```
    pub const fn migrate_to(latest: i64, migrate: fn(&mut Connection, i64) -> Result<(), BoxError>) -> Template {
        Template::of(Source::To(AppRunner {
            versions: Versions::UpTo(latest),
            up: Steps::Connection(migrate),
            down: None,
        }))
    }

    /// Like [`migrate_to`](Template::migrate_to), for code that takes the path of a database file, such as that of diesel or
    /// sqlx. It runs on a thread of its own, on a copy in a real file for each version: it may block on a runtime even if the
    /// test is async. The suite cannot make such code fail halfway.
    ///
    /// ```
    /// use sqlitmus::{Template, rusqlite::Connection};
    ///
    /// static APP: Template = Template::migrate_path_to(1, |path, _| {
    ///     Connection::open(path)?
    ///         .execute_batch("CREATE TABLE IF NOT EXISTS users(name TEXT)")?;
    ///     Ok(())
    /// });
    /// # assert!(APP.in_memory().prepare("SELECT name FROM users").is_ok());
    /// ```
    pub const fn migrate_path_to(latest: i64, migrate: fn(&Path, i64) -> Result<(), BoxError>) -> Template {
        Template::of(Source::To(AppRunner { versions: Versions::UpTo(latest), up: Steps::Path(migrate), down: None }))
    }

    /// Takes the latest version from a function, where it is known only at run time. It replaces the one of
    /// [`migrate_to`](Template::migrate_to) or [`migrate_path_to`](Template::migrate_path_to).
    ///
    /// ```
    /// # use sqlitmus::Template;
    /// const STEPS: &[&str] = &["CREATE TABLE a(x)", "CREATE TABLE b(x)"];
    ///
    /// static APP: Template = Template::migrate_to(0, |db, to| {
    ///     let from: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    ///     for step in from..to {
    ///         db.execute_batch(STEPS[step as usize])?;
    ///         db.pragma_update(None, "user_version", step + 1)?;
    ///     }
    ///     Ok(())
    /// })
    /// .latest(|| STEPS.len() as i64);
    /// # assert!(APP.in_memory().prepare("SELECT x FROM b").is_ok());
    /// ```
    ///
    /// # Panics
    /// If the template has no such code; for a `static`, when it is compiled.
    #[must_use]
    pub const fn latest(mut self, latest: fn() -> i64) -> Template {
        if let Source::To(mut runner) = self.source {
            runner.versions = Versions::UpToResult(latest);
            self.source = Source::To(runner);
            return self;
        }
        panic!("`latest` belongs to `migrate_to` and `migrate_path_to`")
    }

    /// Names the versions of [`migrate_to`](Template::migrate_to) or [`migrate_path_to`](Template::migrate_path_to), in their
    /// order, where they are not counted from 1 by one. The last one is the latest version.
    ///
    /// ```
    /// use sqlitmus::Template;
    ///
    /// static APP: Template = Template::migrate_to(20240315, |db, to| {
    ///     db.execute_batch("CREATE TABLE IF NOT EXISTS a(x)")?;
    ///     if to >= 20240315 {
    ///         db.execute_batch("CREATE TABLE IF NOT EXISTS b(x)")?;
    ///     }
    ///     Ok(())
    /// })
    /// .versions(&[20240101, 20240315]);
    ///
    /// assert!(APP.at(20240101).prepare("SELECT x FROM b").is_err());
    /// ```
    ///
    /// # Panics
    /// If the template has no such code; for a `static`, when it is compiled.
    #[must_use]
    pub const fn versions(mut self, versions: &'static [i64]) -> Template {
        if let Source::To(mut runner) = self.source {
            let latest = match runner.versions {
                Versions::UpTo(latest) | Versions::List { latest, .. } => latest,
                Versions::UpToResult(_) => panic!("`latest` and `versions` exclude each other"),
            };
            runner.versions = Versions::List { latest, versions };
            self.source = Source::To(runner);
            return self;
        }
        panic!("`versions` belongs to `migrate_to` and `migrate_path_to`")
    }

    /// Names the code that undoes migrations: it brings a connection down to the version `to`, 0 for none. With it,
    /// `down_undoes_up` of the [`suite`](crate::suite) has something to test.
    ///
    /// ```
    /// use sqlitmus::Template;
    ///
    /// static APP: Template = Template::migrate_to(1, |db, _| {
    ///     Ok(db.execute_batch("CREATE TABLE IF NOT EXISTS a(x)")?)
    /// })
    /// .migrate_down(|db, _| Ok(db.execute_batch("DROP TABLE a")?));
    /// # sqlitmus::suite::Suite::new(&APP).try_test("down_undoes_up").unwrap();
    /// ```
    ///
    /// # Panics
    /// If the template has no such code; for a `static`, when it is compiled.
    #[must_use]
    pub const fn migrate_down(self, migrate: fn(&mut Connection, i64) -> Result<(), BoxError>) -> Template {
        self.down(Steps::Connection(migrate))
    }

    /// Like [`migrate_down`](Template::migrate_down), for code that takes the path of a database file.
    ///
    /// ```
    /// use sqlitmus::{Template, rusqlite::Connection};
    ///
    /// static APP: Template = Template::migrate_path_to(1, |path, _| {
    ///     let sql = "CREATE TABLE IF NOT EXISTS users(name TEXT)";
    ///     Ok(Connection::open(path)?.execute_batch(sql)?)
    /// })
    /// .migrate_path_down(|path, _| {
    ///     Ok(Connection::open(path)?.execute_batch("DROP TABLE users")?)
    /// });
    /// # assert_eq!(sqlitmus::suite::Suite::new(&APP).try_test("down_undoes_up").unwrap(), None);
    /// ```
    ///
    /// # Panics
    /// If the template has no such code; for a `static`, when it is compiled.
    #[must_use]
    pub const fn migrate_path_down(self, migrate: fn(&Path, i64) -> Result<(), BoxError>) -> Template {
        self.down(Steps::Path(migrate))
    }

    const fn down(mut self, steps: Steps) -> Template {
        if let Source::To(mut runner) = self.source {
            runner.down = Some(steps);
            self.source = Source::To(runner);
            return self;
        }
        panic!("`migrate_down` and `migrate_path_down` belong to `migrate_to` and `migrate_path_to`")
    }
}
