//! Queries that read a whole table.

use rusqlite::Connection;

use super::failure;
use super::group::Group;
use crate::db::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::plan;
use crate::sql;
use crate::trace::Query;

pub(super) fn check(groups: &[Group<'_>], address: &Address, allowed: &[String]) -> Result<()> {
    let mut connection = None;
    let mut unneeded: Vec<&str> = allowed.iter().map(String::as_str).collect();
    for group in groups.iter().filter(|group| sql::has_a_plan(&group.queries[0].keyword())) {
        let connection = match &mut connection {
            Some(connection) => connection,
            none => none.insert(address.connect()?),
        };
        for (query, text) in group.texts() {
            explain(connection, group, query, text, allowed, &mut unneeded)?;
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

fn explain(
    connection: &Connection,
    group: &Group<'_>,
    query: &Query,
    text: &str,
    allowed: &[String],
    unneeded: &mut Vec<&str>,
) -> Result<()> {
    let plan = plan::try_explain(connection, text).map_err(|error| {
        let says = error.headline().to_owned();
        failure::unknown(group, "a query cannot be explained", &says).because(error)
    })?;
    for table in allowed.iter().filter(|table| plan.scans(table)) {
        plan.allow_scan(table);
        unneeded.retain(|other| other != table);
    }
    let Err(error) = plan.try_assert_no_scan() else { return Ok(()) };
    let error = error.note(match query.fullscan_steps() {
        1 => "it stepped over 1 row of a full scan".to_owned(),
        rows => format!("it stepped over {rows} rows of a full scan"),
    });
    Err(failure::ran_at(error, &group.queries))
}
