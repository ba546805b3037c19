//! The parents that the rows of a fill need.

use crate::data::fill::context::FillContext;
use crate::data::fill::existing;
use crate::data::fill::request::fill_request::TableRequests;
use crate::data::fill::request::needed_parents::needed_parents;
use crate::error::{Error, ErrorKind, Result};

/// Adds the parents that the rows need, and theirs.
pub(super) fn add_parents(context: &FillContext<'_>, tables: &mut TableRequests) -> Result<()> {
    let schema = context.schema;
    let has_rows =
        |table: usize| -> Result<bool> { Ok(existing::first_number(context.connection, &schema.tables[table])? > 0) };
    let mut waiting: Vec<usize> = (0..schema.tables.len()).filter(|table| tables[*table].is_some()).collect();
    let mut at = 0;
    while let Some(&table) = waiting.get(at) {
        at += 1;
        let Some(child) = tables[table].clone() else { continue };
        for (parent, rows) in needed_parents(&schema.tables[table], table, &context.relations[table], child.rows) {
            let is_per_parent = child.per_parent.is_some_and(|per_parent| per_parent.parent == parent);
            if is_per_parent && tables[parent].is_none() {
                if !has_rows(parent)? {
                    let (parent, child) = (schema.tables[parent].name.as_str(), &schema.tables[table].name);
                    let what = format!("cannot fill {child} for each row of {parent}: it has no rows");
                    let help = format!("make some: .rows({parent:?}, 50)");
                    return Err(Error::new(ErrorKind::Data, what).help(help));
                }
                continue;
            }
            if context.options.reuse && tables[parent].is_none() && has_rows(parent)? {
                continue;
            }
            let known = tables[parent].get_or_insert_default();
            if !known.is_given && known.per_parent.is_none() && known.rows < rows {
                known.rows = rows;
                waiting.push(parent);
            }
        }
    }
    Ok(())
}
