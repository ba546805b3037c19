//! The tables that queries read, write and scan. For reads and writes, a query is prepared once more with an authorizer, which
//! SQLite calls for each table; for scans, it is explained.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::failure::{self, Group};
use crate::db::Address;
use crate::error::{Error, ErrorKind, Refusal, Result};
use crate::plan::{self, Plan};
use crate::sql;
use crate::trace::Query;

const SCHEMA: &str = "sqlite_schema";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Reads,
    Writes,
}

/// The tables that a query uses, in the spelling of the schema.
#[derive(Default)]
struct Touched {
    read: BTreeSet<String>,
    written: BTreeSet<String>,
}

pub(super) fn check_access(groups: &[Group<'_>], address: &Address, access: Access, allowed: &[&str]) -> Result<()> {
    let _own = crate::own::statements();
    let mut connection = None;
    for group in groups.iter().filter(|group| !group.queries[0].is_about_the_connection()) {
        let query = group.queries[0];
        if access == Access::Writes && query.reads_only() {
            continue;
        }
        let touched = if changes_the_schema(query) {
            let schema = || BTreeSet::from([SCHEMA.to_owned()]);
            Touched { read: schema(), written: schema() }
        } else {
            let connection = match &mut connection {
                Some(connection) => connection,
                none => none.insert(address.connect()?),
            };
            touched(connection, query.sql()).map_err(|error| {
                let says = Refusal::text(&error);
                failure::unknown(group, "a query cannot be prepared", &says).because(error)
            })?
        };
        let (tables, verb) = match access {
            Access::Reads => (touched.read, "reads"),
            Access::Writes => (touched.written, "writes"),
        };
        let other = tables.iter().find(|table| !allowed.iter().any(|name| is_same_table(name, table)));
        if let Some(table) = other {
            return Err(failure::table(group, verb, table, allowed));
        }
    }
    Ok(())
}

fn changes_the_schema(query: &Query) -> bool {
    matches!(query.keyword().as_str(), "CREATE" | "DROP" | "ALTER" | "REINDEX" | "ANALYZE" | "VACUUM")
}

fn is_same_table(one: &str, other: &str) -> bool {
    let other_name =
        |name: &str| if name.eq_ignore_ascii_case("sqlite_master") { SCHEMA.to_owned() } else { name.to_lowercase() };
    other_name(one) == other_name(other)
}

fn touched(connection: &mut Connection, sql: &str) -> rusqlite::Result<Touched> {
    // At its first use, the module of a virtual table prepares statements about tables of its own.
    connection.prepare(sql).map(drop)?;
    let seen = Arc::new(Mutex::new(Touched::default()));
    let noted = Arc::clone(&seen);
    let _ = connection.authorizer(Some(move |context: AuthContext<'_>| {
        let mut seen = noted.lock().unwrap_or_else(PoisonError::into_inner);
        match context.action {
            AuthAction::Read { table_name, .. } => {
                seen.read.insert(table_name.to_owned());
            }
            AuthAction::Insert { table_name }
            | AuthAction::Delete { table_name }
            | AuthAction::Update { table_name, .. } => {
                seen.written.insert(table_name.to_owned());
            }
            _ => {}
        }
        Authorization::Allow
    }));
    let prepared = connection.prepare(sql).map(drop);
    let _ = connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>);
    prepared?;
    let mut touched = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    // The authorizer is called for views and table-valued functions too. SQLite's own tables do not count.
    let mut is_table =
        connection.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1 COLLATE NOCASE")?;
    for tables in [&mut touched.read, &mut touched.written] {
        for name in std::mem::take(tables) {
            if is_same_table(&name, SCHEMA) {
                tables.insert(SCHEMA.to_owned());
            } else if name != "sqlite_sequence" && is_table.exists([&name])? {
                tables.insert(name);
            }
        }
    }
    Ok(touched)
}

pub(super) fn check_scans(groups: &[Group<'_>], address: &Address, allowed: &[String]) -> Result<()> {
    let mut connection = None;
    let mut unneeded: Vec<&str> = allowed.iter().map(String::as_str).collect();
    for group in groups.iter().filter(|group| sql::has_a_plan(&group.queries[0].keyword())) {
        let connection = match &mut connection {
            Some(connection) => connection,
            none => none.insert(address.connect()?),
        };
        for (query, text) in group.texts() {
            let plan = plan::try_explain(connection, text).map_err(|error| {
                let says = error.headline().to_owned();
                failure::unknown(group, "a query cannot be explained", &says).because(error)
            })?;
            for table in allowed.iter().filter(|table| plan.scans(table)) {
                plan.allow_scan(table);
                unneeded.retain(|other| other != table);
            }
            check_plan(&plan, query, group)?;
        }
    }
    match unneeded.first() {
        None => Ok(()),
        Some(table) => {
            Err(Error::new(ErrorKind::Queries, format!("no query scans {table}: the allowance is not needed"))
                .help(format!("remove .allow_scan({table:?})")))
        }
    }
}

fn check_plan(plan: &Plan, query: &Query, group: &Group<'_>) -> Result<()> {
    let Err(error) = plan.try_assert_no_scan() else { return Ok(()) };
    let error = error.note(match query.fullscan_steps() {
        1 => "it stepped over 1 row of a full scan".to_owned(),
        rows => format!("it stepped over {rows} rows of a full scan"),
    });
    Err(failure::ran_at(error, &group.queries))
}
