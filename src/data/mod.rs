//! Makes rows that a schema accepts. They satisfy keys, types, NOT NULL, UNIQUE, CHECKs, foreign keys and triggers, and
//! parents are made as needed.
//!
//! ```
//! use sqlitmus::Template;
//! use sqlitmus::data::Fill;
//!
//! static APP: Template = Template::embedded(&[(
//!     "1.sql",
//!     "CREATE TABLE users(
//!          id INTEGER PRIMARY KEY,
//!          email TEXT NOT NULL UNIQUE COLLATE NOCASE
//!      );
//!      CREATE TABLE orders(
//!          id INTEGER PRIMARY KEY,
//!          user_id INTEGER NOT NULL REFERENCES users(id),
//!          status TEXT NOT NULL CHECK (status IN ('open', 'paid')),
//!          total INTEGER NOT NULL CHECK (total >= 0)
//!      );",
//! )]);
//!
//! let db = APP.in_memory();
//! db.fill("orders", 1_000); // and users for them
//!
//! let db = APP.in_memory();
//! let filled = Fill::seed(7)
//!     .rows("users", 50)
//!     .each("users", "orders", 0..=5)
//!     .set("orders", "status", "open")
//!     .insert(&db);
//! assert_eq!(filled.rows("users"), 50);
//! ```
//!
//! # The same seed, the same rows
//!
//! A value depends only on the seed, its table, its row and its column. Adding a column or a table does not change other
//! values, with one exception: if the rows of the new table need two parents of one tenant, those parents are made for fewer
//! tenants. `SQLITMUS_SEED` overrides the seed of every fill; a failure prints the seed that it had.
//!
//! # SQLite has the last word
//!
//! Constraints are read as far as possible. For those that cannot be read, values are searched: those that the expression
//! names, those near to them, texts of many kinds. Either way SQLite tries them, with the functions and collations of the
//! connection. A table that cannot be filled is an error with the constraint and the values that were tried, and nothing is
//! inserted.

mod constraints;
mod fill;
mod relations;
mod script;
#[cfg(feature = "property")]
mod strategies;
mod values;
mod violations;

pub(crate) use constraints::candidates::candidate_values;
pub(crate) use constraints::choices::listed_choices;
pub(crate) use values::stored_type::{StoredType, declared_digits, declared_length, type_word};

pub use fill::options::Row;
pub(crate) use fill::options::owned;
pub use fill::{Fill, Filled};
#[cfg(feature = "property")]
pub use strategies::{Database, Rows, database, row, rows};
pub use values::realistic::Locale;
pub use violations::{Violation, Violations, try_violations, violations};
