//! The tables that queries read, write and scan. For reads and writes, a query is prepared once more with an authorizer, which
//! SQLite calls for each table; for scans and repeats, it is explained.

use std::iter;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::failure::{self, Access, UnknownTable};
use super::group::{Group, ScanningQuery};
use crate::db::Address;
use crate::error::{Error, ErrorKind, Refusal, Result};
use crate::order::{Order as _, SortedSet};
use crate::plan::{self, Plan, Planner};
use crate::report::nearest;
use crate::sql::{self, same_name, tokens};
use crate::trace::Query;

const SCHEMA: &str = "sqlite_schema";

pub(super) fn check_access(groups: &[Group<'_>], address: &Address, access: Access, allowed: &[&str]) -> Result<()> {
    let _own = crate::own::statements();
    let mut connection = None;
    for group in groups.iter().filter(|group| !group.queries[0].is_about_the_connection()) {
        let query = group.queries[0];
        if access == Access::Writes && query.reads_only() {
            continue;
        }
        let tables = if changes_the_schema(query) {
            iter::once(SCHEMA.to_owned()).collect()
        } else {
            let connection = match &mut connection {
                Some(connection) => connection,
                none => none.insert(address.connect()?),
            };
            touched(connection, query.sql(), access).map_err(|error| {
                let says = Refusal::text(&error);
                failure::unknown(group, "a query cannot be prepared", &says).because(error)
            })?
        };
        let other = tables.iter().find(|table| !allowed.iter().any(|name| is_same_table(name, table)));
        if let Some(table) = other {
            let unknown = unknown_tables(&address.connect()?, allowed)
                .map_err(|error| Error::sqlite("read the schema", error))?;
            return Err(failure::table(group, access, table, (allowed, &unknown)));
        }
    }
    Ok(())
}

/// Returns the names that no table or view has.
fn unknown_tables<'a>(connection: &Connection, names: &[&'a str]) -> rusqlite::Result<Vec<UnknownTable<'a>>> {
    let mut statement = connection.prepare("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")?;
    let tables: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let is_known = |name: &str| is_same_table(name, SCHEMA) || tables.iter().any(|table| same_name(table, name));
    let near = |name| nearest(name, tables.iter().map(String::as_str)).map(str::to_owned);
    Ok(names.iter().filter(|name| !is_known(name)).map(|name| (*name, near(name))).collect())
}

fn changes_the_schema(query: &Query) -> bool {
    matches!(query.keyword().as_str(), "CREATE" | "DROP" | "ALTER" | "REINDEX" | "ANALYZE" | "VACUUM")
}

fn is_same_table(one: &str, other: &str) -> bool {
    let name = |name| if same_name(name, "sqlite_master") { SCHEMA } else { name };
    same_name(name(one), name(other))
}

/// Returns the tables that a query reads or writes, in the spelling of the schema.
fn touched(connection: &mut Connection, sql: &str, access: Access) -> rusqlite::Result<SortedSet<String>> {
    // At its first use, the module of a virtual table prepares statements about tables of its own.
    connection.prepare(sql).map(drop)?;
    let seen = Arc::new(Mutex::new(SortedSet::new()));
    let noted = Arc::clone(&seen);
    let _ = connection.authorizer(Some(move |context: AuthContext<'_>| {
        let (used_for, table) = match context.action {
            AuthAction::Read { table_name, .. } => (Access::Reads, table_name),
            AuthAction::Insert { table_name }
            | AuthAction::Delete { table_name }
            | AuthAction::Update { table_name, .. } => (Access::Writes, table_name),
            _ => return Authorization::Allow,
        };
        if used_for == access {
            noted.lock().unwrap_or_else(PoisonError::into_inner).insert(table.to_owned());
        }
        Authorization::Allow
    }));
    let prepared = connection.prepare(sql).map(drop);
    let _ = connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>);
    prepared?;
    // The authorizer is called for views and table-valued functions too. SQLite's own tables do not count.
    let mut is_table =
        connection.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1 COLLATE NOCASE")?;
    let mut tables = SortedSet::new();
    for name in std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner)) {
        if is_same_table(&name, SCHEMA) {
            tables.insert(SCHEMA.to_owned());
        } else if name != "sqlite_sequence" && is_table.exists([&name])? {
            tables.insert(name);
        }
    }
    Ok(tables)
}

/// Fails if a query that reads rows, or changes rows that are there, ran more than `most` times.
pub(super) fn check_repeats(mut groups: Vec<Group<'_>>, address: &Address, most: usize) -> Result<()> {
    groups.retain(|group| group.queries.len() > most && !group.queries[0].is_about_the_connection());
    if groups.is_empty() {
        return Ok(());
    }
    let connection = address.connect()?;
    groups.retain(|group| works_on_rows(&connection, group));
    groups.order_by_key(|group| std::cmp::Reverse(group.queries.len()));
    if groups.is_empty() { Ok(()) } else { Err(failure::repeats(&groups, most)) }
}

/// Returns false if the query reads no table, so that one query for all rows would save nothing: an INSERT of values, or a
/// SELECT of an expression. What triggers and foreign keys read does not count.
fn works_on_rows(connection: &Connection, group: &Group<'_>) -> bool {
    let query = group.queries[0];
    let keyword = query.keyword();
    // A DELETE of all rows has no loop, and so no plan.
    if !sql::has_a_plan(&keyword) || keyword == "DELETE" {
        return true;
    }
    let text = group.texts()[0].1;
    match plan::try_explain(connection, text) {
        // What REPLACE looks up for foreign keys is in the program, and no line of the plan.
        Ok(plan) => {
            let opened = plan::opened_tables(connection, text);
            plan.lines().filter_map(|node| node.table.as_deref()).any(|table| opened.has_own_loop_over(table))
        }
        // It uses something that only the connection of the app has.
        Err(_) => keyword == "UPDATE" || tokens(query.sql()).iter().any(|token| token.is("FROM")),
    }
}

/// Fails if a query scans a table that is not allowed, or if an allowance is not needed.
pub(super) fn check_scans(groups: &[Group<'_>], address: &Address, allowed: &[String]) -> Result<()> {
    let planned: Vec<&Group<'_>> = groups.iter().filter(|group| sql::has_a_plan(&group.queries[0].keyword())).collect();
    if planned.is_empty() && allowed.is_empty() {
        return Ok(());
    }
    let connection = address.connect()?;
    let planner = Planner::on(&connection)?;
    let mut unneeded: Vec<&str> = allowed.iter().map(String::as_str).collect();
    let mut scans: Vec<ScanningQuery<'_>> = Vec::new();
    let mut others: Vec<Plan> = Vec::new();
    for group in planned {
        let mut first = None;
        for (query, text) in group.texts() {
            let plan = planner.explain(text).map_err(|error| {
                let says = error.headline().to_owned();
                failure::unknown(group, "a query cannot be explained", &says).because(error)
            })?;
            unneeded.retain(|table| !plan.scans(table));
            let (tables, plan) = (plan.scanned_tables(allowed), plan.written_as(query.sql()));
            if tables.is_empty() {
                others.push(plan);
            } else if first.is_none() {
                first = Some(ScanningQuery { group, query, plan, tables });
            }
        }
        scans.extend(first);
    }
    match (scans.as_slice(), unneeded.first()) {
        ([], None) => Ok(()),
        ([], Some(table)) => {
            Err(Error::new(ErrorKind::Queries, format!("no query scans {table}: the allowance is not needed"))
                .help(format!("remove .allow_scan({table:?})")))
        }
        ([scan], _) => {
            let plan = scan.plan.clone().among(others);
            for table in allowed.iter().filter(|table| plan.scans(table)) {
                plan.allow_scan(table);
            }
            plan.try_assert_no_scan().map_err(|error| failure::scan(error, scan)).map(drop)
        }
        (scans, _) => {
            let mut advice = plan::together(scans.iter().map(|scan| scan.plan.clone()).collect(), others)?;
            advice.indexes.retain(|shared| !allowed.iter().any(|table| same_name(table, &shared.index.table)));
            Err(failure::scans(scans, &advice))
        }
    }
}
