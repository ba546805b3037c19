//! rstest fixtures for tests that need no configuration.
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
//! # fn main() {}
//! ```
//!
//! They use [`Template::new`] with [`Profile::PRODUCTION`](crate::Profile::PRODUCTION). For anything else, write a template and
//! a fixture of one line, as in the example of the [crate].

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rstest::fixture;

use crate::db::{Template, TestDb};
use crate::env;
use crate::error::Result;

/// Makes a database on the simulated disk, with the migrations of a folder of the package under test applied.
///
/// # Panics
/// If the migrations cannot be read or applied.
#[fixture]
pub fn db(#[default(DEFAULT)] migrations: &'static str) -> TestDb {
    checked_folder(migrations, template(migrations).try_in_memory())
}

/// Makes a database in a temporary folder, with the migrations of a folder of the package under test applied.
///
/// # Panics
/// If the migrations cannot be read or applied, or the database cannot be written.
#[fixture]
pub fn file_db(#[default(DEFAULT)] migrations: &'static str) -> TestDb {
    checked_folder(migrations, template(migrations).try_on_disk())
}

const DEFAULT: &str = "migrations";

fn checked_folder(migrations: &str, db: Result<TestDb>) -> TestDb {
    match db {
        Ok(db) => db,
        Err(error) if migrations == DEFAULT && !env::package_dir().join(DEFAULT).exists() => {
            panic!("{}", error.help("name the folder at the argument: #[with(\"db/migrations\")] db: TestDb"))
        }
        Err(error) => panic!("{error}"),
    }
}

/// Returns the template of a folder, of which there is one in the process.
fn template(migrations: &'static str) -> &'static Template {
    static TEMPLATES: Mutex<BTreeMap<&str, &Template>> = Mutex::new(BTreeMap::new());
    let mut templates = TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner);
    templates.entry(migrations).or_insert_with(|| Box::leak(Box::new(Template::new(migrations))))
}
