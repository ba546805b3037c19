//! Databases for tests that need no configuration: functions for plain tests, and fixtures of rstest.
//!
//! ```
//! use rstest::rstest;
//! use sqlitmus::TestDb;
//! use sqlitmus::fixtures::{db, file_db};
//!
//! #[rstest]
//! fn a_user_can_be_added(db: TestDb) {
//!     // The migrations in `migrations/` of this package are applied.
//! }
//!
//! #[rstest]
//! fn migrations_can_lie_elsewhere(#[with("db/migrations")] file_db: TestDb) {}
//!
//! # /*
//! #[test]
//! # */
//! fn a_user_can_be_removed() {
//!     let db = db();
//! }
//! # fn main() {}
//! ```
//!
//! They use [`Template::new`] with [`Profile::PRODUCTION`](crate::Profile::PRODUCTION). For anything else, write a template and
//! a fixture of one line, as in the example of the [crate].

use std::sync::{Mutex, PoisonError};

use crate::db::{Template, TestDb};
use crate::env;
use crate::error::Result;

/// Generates what rstest's `#[fixture]` does, without a dependency on any version of it: rstest calls `db::default()` for
/// `db: TestDb`, and `db::partial_1(..)` for `#[with(..)] db: TestDb`.
macro_rules! fixture {
    ($(#[$doc:meta])* $name:ident: $make:ident) => {
        $(#[$doc])*
        #[track_caller]
        pub fn $name() -> TestDb {
            $name::default()
        }

        #[doc(hidden)]
        #[expect(non_camel_case_types, reason = "it has the name of the function")]
        #[derive(Debug)]
        pub struct $name {}

        #[expect(clippy::should_implement_trait, reason = "rstest calls it")]
        impl $name {
            #[doc(hidden)]
            #[track_caller]
            pub fn default() -> TestDb {
                $name::partial_1(DEFAULT)
            }

            #[doc(hidden)]
            #[track_caller]
            pub fn partial_1(migrations: &'static str) -> TestDb {
                checked_folder(migrations, template(migrations).$make())
            }
        }
    };
}

fixture! {
    /// Makes a database on the simulated disk, with the migrations in `migrations/` of the package under test applied, or those in
    /// the folder that rstest's `#[with(..)]` names.
    ///
    /// # Panics
    /// If the migrations cannot be read or applied.
    db: try_in_memory
}

fixture! {
    /// Makes a database in a temporary folder, with the migrations in `migrations/` of the package under test applied, or those in
    /// the folder that rstest's `#[with(..)]` names.
    ///
    /// # Panics
    /// If the migrations cannot be read or applied, or the database cannot be written.
    file_db: try_on_disk
}

const DEFAULT: &str = "migrations";

#[track_caller]
fn checked_folder(migrations: &str, db: Result<TestDb>) -> TestDb {
    match db {
        Ok(db) => db,
        Err(error) if migrations == DEFAULT && !env::package_dir().join(DEFAULT).exists() => {
            let help = "name the folder, Template::new(\"db/migrations\").in_memory(), or with rstest at the argument: \
                        #[with(\"db/migrations\")] db: TestDb";
            panic!("{}", error.help(help))
        }
        Err(error) => panic!("{error}"),
    }
}

/// Returns the template of a folder, of which there is one in the process.
fn template(migrations: &'static str) -> &'static Template {
    static TEMPLATES: Mutex<Vec<(&str, &Template)>> = Mutex::new(Vec::new());
    let mut templates = TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, known)) = templates.iter().find(|(folder, _)| *folder == migrations) {
        return known;
    }
    let new = Box::leak(Box::new(Template::new(migrations)));
    templates.push((migrations, new));
    new
}
