//! proptest strategies for rows and whole databases. SQLite accepts every value that they draw, and every one that they
//! shrink to.
//!
//! - The value of a strategy is a `Script`: tables, rows in insertion order, and statements that update full-text
//!   tables. Each shrinking step changes the script, and the strategy's database tries it in a transaction that is rolled
//!   back; a script that it refuses is never offered. So no rule of SQLite is implemented twice, and triggers may refuse
//!   anything.
//! - Foreign keys among the rows of a script are found by equal values. A key changes together with the rows that refer to
//!   it. A row is removed together with its children, and with parents to which no other row refers.
//! - `complicate` takes the last step back and makes the next one at once. Otherwise proptest would run the test again on a
//!   value that is known to fail, and it runs it about a thousand times at most.
//! - The strategy's database is not a `TestDb`: the panic that ends a failing property would drop it, and it would be
//!   kept in place of the test's own database.

mod shrink_tree;
mod simpler_values;
mod strategy;
mod template_database;

pub use strategy::{Database, Rows};

use std::sync::Arc;

use proptest::collection::SizeRange;
use proptest::strategy::Strategy;

use self::strategy::Scripts;
use self::template_database::TemplateDatabase;
use crate::db::Template;
use crate::error::or_panic;

/// Draws rows of a table, as many as `size` says, and the parents that they need, for a database of the template.
///
/// A failure shrinks to the fewest rows and the simplest values with which the test still fails, and is shown as a script of
/// INSERTs.
///
/// ```
/// use proptest::prelude::*;
/// use sqlitmus::{Template, data::rows};
///
/// static APP: Template = Template::embedded(&[(
///     "1.sql",
///     "CREATE TABLE users(
///          id INTEGER PRIMARY KEY,
///          name TEXT NOT NULL CHECK (length(name) <= 20),
///          born TEXT
///      )",
/// )]);
///
/// proptest! {
///     # #![proptest_config(ProptestConfig {
///     #     failure_persistence: None,
///     #     ..ProptestConfig::with_cases(8)
///     # })]
///     # /*
///     #[test]
///     # */
///     fn nobody_is_lost(users in rows(&APP, "users", 0..50)) {
///         let db = APP.in_memory();
///         users.insert(&db);
///         let found: i64 = db
///             .query_row("SELECT count(*) FROM users", [], |row| row.get(0))
///             .unwrap();
///         prop_assert_eq!(found, users.len() as i64);
///     }
/// }
/// # nobody_is_lost();
/// ```
///
/// # Panics
/// When the template cannot be built, or has no such table.
#[track_caller]
pub fn rows(template: &Template, table: &str, size: impl Into<SizeRange>) -> impl Strategy<Value = Rows> + 'static {
    let database = Arc::new(or_panic(TemplateDatabase::of(template, Some(table))));
    let table: Arc<str> = database.targets().next().unwrap_or_default().into();
    Scripts { database, size: size.into() }.prop_map(move |script| Rows { table: Arc::clone(&table), script })
}

/// Draws one row of a table, and the parents that it needs. See [`rows`].
///
/// # Panics
/// As [`rows`].
#[track_caller]
pub fn row(template: &Template, table: &str) -> impl Strategy<Value = Rows> + 'static {
    rows(template, table, 1)
}

/// Draws databases of the template with as many rows in each table as `size` says. A table that has room for fewer gets
/// those; the ledgers of migration runners get none.
///
/// ```
/// use proptest::prelude::*;
/// use sqlitmus::{Template, data::database};
///
/// static SHOP: Template = Template::new("fixtures/shop/migrations");
///
/// proptest!(ProptestConfig::with_cases(4), |(shop in database(&SHOP, 0..4))| {
///     let db = shop.in_memory();
///     db.check();
/// });
/// ```
///
/// # Panics
/// When the template cannot be built, or has no tables.
#[track_caller]
pub fn database<'t>(template: &'t Template, size: impl Into<SizeRange>) -> impl Strategy<Value = Database<'t>> + 't {
    let database = Arc::new(or_panic(TemplateDatabase::of(template, None)));
    Scripts { database, size: size.into() }.prop_map(move |script| Database { template, script })
}
