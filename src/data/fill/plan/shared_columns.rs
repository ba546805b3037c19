//! Columns that several foreign keys of a row share: `(tenant, item)` and `(tenant, warehouse)`. A row of one tenant needs
//! an item and a warehouse of that tenant, which exist only if their tenants are not all different.

use crate::data::fill::context::FillContext;
use crate::data::relations::is_shared;
use crate::schema::Name;

/// Returns the columns of a table that its descendants share: they have to refer to few parents.
pub(super) fn shared_columns(context: &FillContext<'_>, table: usize) -> Vec<Name> {
    let mut found: Vec<(usize, Name)> = Vec::new();
    for (at, relations) in context.relations.iter().enumerate() {
        for column in context.schema.tables[at].columns.iter().filter(|column| is_shared(relations, &column.name)) {
            add_parents(context, at, &column.name, &mut found);
        }
    }
    let mut at = 0;
    while at < found.len() {
        let (of, name) = found[at].clone();
        add_parents(context, of, &name, &mut found);
        at += 1;
    }
    found.into_iter().filter(|(of, _)| *of == table).map(|(_, name)| name).collect()
}

/// Adds the columns to which a column refers together with others.
fn add_parents(context: &FillContext<'_>, table: usize, column: &str, found: &mut Vec<(usize, Name)>) {
    for key in context.relations[table].iter().filter(|key| key.columns.len() > 1) {
        let Some(parent) = key.parent.filter(|parent| *parent != table) else { continue };
        let theirs = key.pairs().find(|(own, _)| *own == column);
        let Some((_, name)) = theirs else { continue };
        let declared = context.schema.tables[parent].column(name).map_or(name, |column| &column.name);
        if !found.iter().any(|(of, name)| *of == parent && name == declared) {
            found.push((parent, declared.clone()));
        }
    }
}
