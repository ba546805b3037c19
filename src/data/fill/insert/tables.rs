//! Inserts the rows of all tables.

use std::sync::Arc;

use crate::data::fill::context::FillContext;
use crate::data::fill::insert::full_text;
use crate::data::fill::insert::inserter::Inserter;
use crate::data::fill::insert::integrity::check_references;
use crate::data::fill::insert::pragmas::{CacheSizeGuard, DeferredForeignKeys};
use crate::data::fill::plan::table_plan::TablePlan;
use crate::data::fill::rows::tables::{FilledTable, Tables};
use crate::data::script::Script;
use crate::error::{Error, Result};

/// Inserts the rows of all tables. Returns the result of each, and the rows if `wants_script` is true.
pub(crate) fn insert_tables(
    context: &FillContext<'_>,
    plans: &[TablePlan],
    wants_script: bool,
) -> Result<(Vec<FilledTable>, Script)> {
    let connection = context.connection;
    let _cache = CacheSizeGuard::new(connection, plans.iter().map(|plan| plan.count).sum())?;
    let mut inserter =
        Inserter { context, tables: Tables { plans, filled: Vec::new() }, script: wants_script.then(Vec::new) };
    let in_cycles = plans.iter().enumerate().filter(|(at, plan)| plan.refers_to_later(*at));
    let in_cycles: Vec<&str> = in_cycles.map(|(_, plan)| plan.name.as_str()).collect();
    let deferred = if in_cycles.is_empty() { None } else { Some(DeferredForeignKeys::new(connection)?) };
    for at in 0..plans.len() {
        inserter.fill(at)?;
    }
    for table in &in_cycles {
        check_references(connection, table)?;
    }
    drop(deferred);
    let after = full_text::rebuilds(context.schema, plans);
    for sql in &after {
        connection.execute_batch(sql).map_err(|error| Error::sqlite("rebuild the full-text index", error).sql(sql))?;
    }
    let script = inserter.script.map_or_else(Script::default, |rows| Script {
        tables: Arc::new(plans.iter().map(TablePlan::target).collect()),
        rows,
        deferred: !in_cycles.is_empty(),
        after,
    });
    Ok((inserter.tables.filled, script))
}
