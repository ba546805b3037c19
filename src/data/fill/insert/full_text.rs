//! Full-text indexes that no trigger updates.

use crate::data::fill::plan::table_plan::TablePlan;
use crate::schema::{Schema, TableKind, VirtualTable};
use crate::sql::{Token, plain_name, quote_text, tokens};

/// Returns the statements that rebuild the full-text indexes of filled tables, unless triggers update them.
pub(super) fn rebuilds(schema: &Schema, plans: &[TablePlan]) -> Vec<String> {
    let mut found = Vec::new();
    for table in &schema.tables {
        if !matches!(table.kind, TableKind::Virtual { .. }) {
            continue;
        }
        let of = VirtualTable::of(&table.sql);
        if !of.module.starts_with("fts") {
            continue;
        }
        let Some(content) = of.content.filter(|content| !content.is_empty()) else { continue };
        if !plans.iter().any(|plan| plan.count > 0 && plan.name == content) {
            continue;
        }
        let names_it = |sql: &str| tokens(sql).iter().filter_map(Token::name).any(|name| name == table.name);
        let triggers = schema.table(&content).map_or(&[][..], |content| &content.triggers);
        if triggers.iter().any(|trigger| names_it(&trigger.sql)) {
            continue;
        }
        let name = plain_name(&table.name);
        // The column with the name of the full-text table takes commands.
        found.push(format!("INSERT INTO main.{name}({name}) VALUES ({})", quote_text("rebuild")));
    }
    found
}
