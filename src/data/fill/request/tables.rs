//! The tables that are filled, and their numbers of rows.

use crate::data::fill::context::FillContext;
use crate::data::fill::request::fill_request::{FillRequest, TableRequests};
use crate::data::fill::request::names::{check_columns, named_tables};
use crate::data::fill::request::parents::add_parents;
use crate::error::Result;

/// Resolves a request: checks its names and adds the parents that the rows need.
pub(crate) fn tables(context: &FillContext<'_>, request: &FillRequest) -> Result<TableRequests> {
    let mut tables = named_tables(context, request)?;
    check_columns(context)?;
    add_parents(context, &mut tables)?;
    Ok(tables)
}
