//! The rows to which the foreign keys of a table refer: rows of this fill, existing rows, or rows of the table itself.

use std::cmp::Reverse;

use crate::data::fill::existing;
use crate::data::fill::plan::child_checks;
use crate::data::fill::plan::shape::TableShape;
use crate::data::fill::plan::shared_columns::shared_columns;
use crate::data::fill::plan::table_plan::{How, Parent, Reference};
use crate::data::relations::Relation;
use crate::data::values::value_buf::ValueBuf;
use crate::draw::named;
use crate::error::Result;
use crate::schema::Name;

/// Plans the foreign keys of a table.
pub(super) fn references(shape: &TableShape<'_>) -> Result<Vec<Reference>> {
    let keys = in_order(shape);
    let gathering = shared_columns(shape.context, shape.at);
    let mut found: Vec<Reference> = Vec::new();
    for key in keys {
        let Some(columns) = shape.places(&key.columns) else { continue };
        let is_set = |column: &usize| shape.fixed[*column].is_some();
        let is_taken = |column: &usize| is_set(column) || found.iter().any(|other| other.columns.contains(column));
        // The value of a closure is known only after all keys.
        let is_late = |column: &usize| matches!(shape.fixed[*column], Some(How::With(_)));
        if columns.iter().all(is_taken) || columns.iter().any(is_late) {
            continue;
        }
        let known = columns.iter().copied().filter(is_taken).collect();
        found.push(Draft { shape, key, columns, known }.reference(&gathering)?);
    }
    Ok(found)
}

/// Returns the foreign keys of a table in the order in which they are planned. Keys that determine others come first: a
/// key of several columns before those of single ones among them. In a tree within each tenant the tenant comes first,
/// because a root has one too.
fn in_order<'p>(shape: &TableShape<'p>) -> Vec<&'p Relation> {
    let is_tree = |key: &Relation| key.parent == Some(shape.at) && key.is_partly_nullable();
    let trees = shape.relations().iter().filter(|key| is_tree(key));
    let nullable = trees.flat_map(|key| key.columns.iter().zip(&key.nullable)).filter(|(_, nullable)| **nullable);
    let of_trees: Vec<&Name> = nullable.map(|(name, _)| name).collect();
    let mut keys: Vec<&Relation> = shape.relations().iter().collect();
    keys.sort_by_key(|key| {
        let is_within = key.columns.iter().any(|name| of_trees.contains(&name));
        (is_tree(key) || is_within, !is_tree(key), Reverse(key.columns.len()))
    });
    keys
}

/// A foreign key while it is planned.
struct Draft<'s, 'p> {
    shape: &'s TableShape<'p>,
    key: &'p Relation,
    columns: Vec<usize>,
    /// The columns that are given or belong to an earlier key.
    known: Vec<usize>,
}

impl Draft<'_, '_> {
    fn reference(mut self, gathering: &[Name]) -> Result<Reference> {
        let (shape, key) = (self.shape, self.key);
        let (mut parent, among) = self.parent()?;
        let mut parent_columns = key.parent_columns.clone();
        let may_be_null = |column: &usize| shape.may_be_null[*column];
        let mut loose: Vec<usize> = self.columns.iter().copied().filter(may_be_null).collect();
        let is_partly_null = !loose.is_empty() && loose.len() < self.columns.len();
        match &parent {
            // There is no parent: the other columns are made like any column.
            Parent::Missing | Parent::Later { .. } if is_partly_null => {
                (parent, parent_columns) = (Parent::Missing, None);
                self.columns.clone_from(&loose);
                self.known.clear();
            }
            Parent::Own { .. } if is_partly_null => {
                let is_known = |column: &usize| self.known.contains(column) || !may_be_null(column);
                self.known = self.columns.iter().copied().filter(is_known).collect();
            }
            _ => {}
        }
        let may_be_null = !loose.is_empty();
        if loose.iter().any(|column| !self.known.contains(column)) {
            loose.retain(|column| !self.known.contains(column));
        }
        if loose.is_empty() {
            loose.clone_from(&self.columns);
        }
        let gathered = match (&self.columns[..], &parent) {
            ([only], Parent::Made { .. }) if gathering.contains(&shape.columns[*only].name) => {
                Some(shape.request.rows.isqrt().max(1))
            }
            _ => None,
        };
        let per_parent = shape.request.per_parent.filter(|of| Some(of.parent) == key.parent);
        let names: Vec<&str> = key.columns.iter().map(Name::as_str).collect();
        Ok(Reference {
            key: named(named(shape.seed, "parent of"), &names.join(",").to_ascii_lowercase()),
            columns: self.columns,
            parent_name: key.parent_name.clone(),
            parent_columns: parent_columns.unwrap_or_default(),
            parent,
            nulls: 0,
            place: None,
            per_parent: per_parent.map(|of| (of.low, of.high)),
            shown: format!("FOREIGN KEY ({}) REFERENCES {}", names.join(", "), key.parent_name),
            loose,
            may_be_null,
            known: self.known,
            overrules: false,
            among,
            gathered,
        })
    }

    /// Returns the rows to which the key refers, and the number of first ones that a CHECK accepts, if not all.
    fn parent(&self) -> Result<(Parent, Option<u64>)> {
        let (Some(parent), Some(names)) = (self.key.parent, &self.key.parent_columns) else {
            return Ok((Parent::Missing, None));
        };
        if parent == self.shape.at {
            return Ok((self.shape.places(names).map_or(Parent::Missing, |columns| Parent::Own { columns }), None));
        }
        if let Some(plan) = self.shape.plans.iter().position(|plan| plan.table == parent && plan.count > 0) {
            return self.made(plan, names);
        }
        if self.shape.later.contains(&parent) {
            return Ok((Parent::Later { table: parent }, None));
        }
        let context = self.shape.context;
        let keys = existing::keys(context.connection, &context.schema.tables[parent], names)?;
        Ok((if keys.is_empty() { Parent::Missing } else { Parent::Existing { keys } }, None))
    }

    /// Returns rows of this fill, or existing ones if a CHECK accepts those.
    fn made(&self, at: usize, names: &[Name]) -> Result<(Parent, Option<u64>)> {
        let plan = &self.shape.plans[at];
        let columns = names.iter().map(|name| plan.column(name)).collect::<Option<Vec<usize>>>();
        let first = match columns.as_deref() {
            Some([only]) => plan.columns[*only].first.len(),
            _ => 0,
        };
        if let [own] = &self.key.columns[..]
            && first > 0
        {
            // Migrations may have inserted them: the rows of a table of kinds.
            let fitting = self.fitting(own, &names[0], plan.table)?;
            if !fitting.is_empty() {
                return Ok((Parent::Existing { keys: fitting }, None));
            }
        }
        let among = (first > 0).then_some(first as u64);
        Ok((columns.map_or(Parent::Missing, |columns| Parent::Made { plan: at, columns }), among))
    }

    /// Returns the existing keys of a parent that satisfy the CHECKs on a column.
    fn fitting(&self, own: &Name, theirs: &Name, parent: usize) -> Result<Vec<Vec<ValueBuf>>> {
        let context = self.shape.context;
        let parent = &context.schema.tables[parent];
        let keys = existing::keys(context.connection, parent, std::slice::from_ref(theirs))?;
        child_checks::fitting(context.connection, (self.shape.table, own), (parent, theirs), keys)
    }
}
