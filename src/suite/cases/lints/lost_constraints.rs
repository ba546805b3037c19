//! Constraints that a rebuild leaves out without saying so.
//!
//! A rebuild that does nothing but drop a constraint was made to drop it. Losing NOT NULL is never a finding: that is what
//! most rebuilds are for.

use crate::schema::{Column, Difference, ForeignKey, ForeignKeyAction, IndexedColumn, IndexedExpr, SchemaDiff, Table};
use crate::sql::{Token, listed, plain_name, tokens};

/// Constraints as [`SchemaDiff`] calls them.
const CONSTRAINTS: [&str; 8] =
    ["CHECK", "CONSTRAINT", "UNIQUE", "FOREIGN KEY", "REFERENCES", "COLLATE", "AUTOINCREMENT", "STRICT"];

/// A constraint that is gone after a rebuild.
pub(crate) struct LostConstraint {
    pub(crate) code: &'static str,
    pub(crate) object: String,
    pub(crate) what: String,
    pub(crate) cost: String,
}

/// Finds the constraints that a table lost in its rebuild. `diff` is that of the whole schema.
pub(crate) fn between(before: &Table, after: &Table, diff: &SchemaDiff) -> Vec<LostConstraint> {
    let of_table = format!("table {}", before.name);
    let of_column = format!("{}.", before.name);
    let is_of_it =
        |difference: &&Difference| difference.object() == of_table || difference.object().starts_with(&of_column);
    let differences: Vec<&Difference> = diff.iter().filter(is_of_it).collect();
    if differences.len() < 2 {
        return Vec::new();
    }
    let mut found = lost_actions(before, after);
    for difference in differences {
        let Some(what) = difference.what().strip_suffix(" dropped") else { continue };
        let column = difference.object().strip_prefix(&of_column);
        found.extend(lost_default(before, after, column, what));
        if is_lost(before, after, what) {
            found.push(lost_constraint(difference.object(), what));
        }
    }
    found
}

fn lost_constraint(object: &str, what: &str) -> LostConstraint {
    let (code, cost) = match is_reference(what) {
        true => ("fk-dropped", "rows with dangling references are accepted from now on"),
        false => (
            "rebuild-loses-objects",
            "the new table accepts rows that the old one refused, or compares values differently",
        ),
    };
    let object = object.strip_prefix("table ").unwrap_or(object).to_owned();
    LostConstraint { code, object, what: what.to_owned(), cost: cost.to_owned() }
}

/// Finds the DEFAULT of a NOT NULL column that is gone.
fn lost_default(before: &Table, after: &Table, column: Option<&str>, what: &str) -> Option<LostConstraint> {
    let column = before.columns.iter().find(|it| column == Some(plain_name(&it.name).as_str()))?;
    let is = after.column(&column.name)?;
    let is_lost =
        what.starts_with("DEFAULT") && column.not_null && is.not_null && is.declared_type == column.declared_type;
    is_lost.then(|| LostConstraint {
        code: "rebuild-loses-objects",
        object: format!("{}.{}", before.name, column.name),
        what: format!("{what} of {}", plain_name(&column.name)),
        cost: String::from("an INSERT that omits the column fails from now on"),
    })
}

/// Returns true if nothing in the new table does what this constraint did.
fn is_lost(before: &Table, after: &Table, what: &str) -> bool {
    let names: Vec<String> = tokens(what).iter().filter_map(Token::name).collect();
    // A column that is gone or of another type needs other constraints, or none.
    let is_other =
        |column: &Column| after.column(&column.name).is_none_or(|twin| twin.declared_type != column.declared_type);
    let is_with_column =
        before.columns.iter().any(|column| names.iter().any(|name| column.name == *name) && is_other(column));
    let is_kept = check_is_kept(what, before, after)
        || (what.starts_with("UNIQUE") && uniqueness_is_kept(before, after))
        || (is_reference(what) && references_are_kept(before, after));
    CONSTRAINTS.iter().any(|constraint| what.starts_with(constraint)) && !is_with_column && !is_kept
}

fn is_reference(what: &str) -> bool {
    what.contains("FOREIGN KEY") || what.contains("REFERENCES")
}

/// Finds actions of foreign keys that are still there.
fn lost_actions(before: &Table, after: &Table) -> Vec<LostConstraint> {
    let action_name = |action: ForeignKeyAction| match action {
        ForeignKeyAction::Cascade => Some("CASCADE"),
        ForeignKeyAction::SetNull => Some("SET NULL"),
        ForeignKeyAction::SetDefault => Some("SET DEFAULT"),
        ForeignKeyAction::NoAction | ForeignKeyAction::Restrict => None,
    };
    let mut lost = Vec::new();
    for key in &before.foreign_keys {
        let Some(is) = after.foreign_keys.iter().find(|is| has_same_columns(key, is)) else { continue };
        let columns = listed(&key.columns);
        let parent = plain_name(&key.parent);
        let mut push = |what: String, cost: String| {
            lost.push(LostConstraint {
                code: "fk-dropped",
                object: format!("{}.{columns}", before.name),
                what: format!("{what} of {columns}"),
                cost,
            });
        };
        if let (Some(action), None) = (action_name(key.on_delete), action_name(is.on_delete)) {
            let cost = format!("a row of {parent} that is referred to cannot be deleted from now on");
            push(format!("ON DELETE {action}"), cost);
        }
        if let (Some(action), None) = (action_name(key.on_update), action_name(is.on_update)) {
            let cost = format!("the key of a row of {parent} that is referred to cannot be changed from now on");
            push(format!("ON UPDATE {action}"), cost);
        }
    }
    lost
}

/// Returns true if it is a CHECK that is there under another name.
fn check_is_kept(what: &str, before: &Table, after: &Table) -> bool {
    let is_it = |expression: &str| what.contains("CHECK") && what.ends_with(&format!("({expression})"));
    let is_kept = |expression: &str| after.checks.iter().any(|check| check.expression == expression);
    before.checks.iter().any(|check| is_it(&check.expression) && is_kept(&check.expression))
}

/// Returns true if all foreign keys are there, perhaps with their columns in another order.
fn references_are_kept(before: &Table, after: &Table) -> bool {
    let is_same = |one: &ForeignKey, other: &ForeignKey| {
        (one.on_delete, one.on_update, one.deferred) == (other.on_delete, other.on_update, other.deferred)
            && has_same_columns(one, other)
    };
    before.foreign_keys.iter().all(|key| after.foreign_keys.iter().any(|other| is_same(key, other)))
}

/// Returns true if the same columns refer to the same ones, in any order.
fn has_same_columns(one: &ForeignKey, other: &ForeignKey) -> bool {
    let pairs = |key: &ForeignKey| {
        let parents = key.parent_columns.iter().flatten().map(Some).chain(std::iter::repeat(None));
        let mut pairs: Vec<_> =
            key.columns.iter().zip(parents).map(|(column, parent)| (column.clone(), parent.cloned())).collect();
        pairs.sort();
        pairs
    };
    one.parent == other.parent && pairs(one) == pairs(other)
}

/// Returns true if each UNIQUE constraint is kept by the primary key or an index.
fn uniqueness_is_kept(before: &Table, after: &Table) -> bool {
    let columns =
        |terms: &[IndexedColumn]| -> Vec<IndexedExpr> { terms.iter().map(|term| term.what.clone()).collect() };
    let keys = after.unique.iter().chain(&after.primary_key).map(|key| columns(&key.terms));
    let indexes = after.indexes.iter().filter(|index| index.unique && index.partial.is_none());
    let kept: Vec<_> = keys.chain(indexes.map(|index| columns(&index.terms))).collect();
    before.unique.iter().all(|key| kept.contains(&columns(&key.terms)))
}
