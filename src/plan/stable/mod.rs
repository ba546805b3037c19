//! Plans that stay the same whatever ANALYZE finds.

mod cases;
mod chosen;
#[cfg(test)]
mod tests;

use rusqlite::Connection;

use crate::error::{Result, or_panic};
use crate::plan::explain::{only_statement, try_explain};
use cases::cases;
use chosen::{is_one_plan, plans, render, rewritten};

/// Asserts that SQLite runs a statement by the same plan under different statistics: none; small tables; large tables with
/// selective indexes; large tables with indexes whose first columns are unselective, all of them or one at a time; one
/// table large and the others small, and the reverse; and the statistics of the database.
///
/// A plan that passes will not change on the morning after a `PRAGMA optimize`. A plan that fails is not wrong, but it
/// depends on what ANALYZE finds, so a test should plan under production's statistics
/// ([`Template::stats`](crate::Template::stats)).
///
/// Two indexes that are searched by the same columns count as one plan. Plans are made on an empty copy of the schema, where
/// functions of the app are unknown and parameters have no values. Only the statement's own plan counts, not those of
/// triggers and foreign keys, whether SQLite prints them or not.
///
/// ```
/// use sqlitmus::{Template, plan::assert_plan_stable};
///
/// static APP: Template = Template::new("fixtures/shop/migrations");
/// let open = "SELECT id FROM orders WHERE customer_id = ?1 AND status = 'open'";
/// assert_plan_stable(&APP.in_memory(), open);
/// ```
///
/// # Panics
/// If there are several plans, or if the statement cannot be explained.
#[track_caller]
pub fn assert_plan_stable(connection: &Connection, sql: &str) {
    or_panic(try_assert_plan_stable(connection, sql));
}

/// Like [`assert_plan_stable`], without the panic.
///
/// # Errors
/// If there are several plans, or if the statement cannot be explained.
pub fn try_assert_plan_stable(connection: &Connection, sql: &str) -> Result<()> {
    let sql = only_statement(sql)?;
    // A statement that SQLite refuses is reported as the user's connection sees it.
    let catalog = try_explain(connection, sql)?.catalog;
    let cases = cases(&catalog, sql)?;
    let plans = plans(&catalog, sql, &cases)?;
    if plans.len() == 1 {
        return Ok(());
    }
    let cross_joined = rewritten(sql).filter(|sql| is_one_plan(&catalog, sql, &cases, &plans));
    Err(render(sql, cases.len(), &plans, cross_joined.as_deref()))
}
