//! Decides which rows the foreign keys of a table refer to: rows of this fill, existing rows, or the table itself. Limits the
//! number of rows accordingly.

use std::cmp::Reverse;

use crate::data::constraints::condition::{Condition, ConditionKind, Relation as ColumnRelation};
use crate::data::constraints::expression::Comparison;
use crate::data::fill::context::{FillContext, existing_keys};
use crate::data::fill::plan::child_checks;
use crate::data::fill::plan::table_plan::{How, Limit, Parent, Reference, TablePlan, TableShape};
use crate::data::relations::{Relation, is_shared};
use crate::draw::{Draw, key, named};
use crate::error::Result;
use crate::order::Order as _;
use crate::schema::Name;

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
    let filled = |key: &Relation| shape.plans.iter().position(|plan| Some(plan.table) == key.parent);
    keys.order_by_key(|key| {
        let is_within = key.columns.iter().any(|name| of_trees.contains(&name));
        let is_pair = filled(key).is_some_and(|plan| shape.plans[plan].pairs_with(shape.at) > 0);
        // A parent that is filled later may have taken what both have in common from the other one.
        (!is_pair, is_tree(key) || is_within, !is_tree(key), Reverse(key.columns.len()), Reverse(filled(key)))
    });
    keys
}

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
        let mut is_partly_null = !loose.is_empty() && loose.len() < self.columns.len();
        let pairs = match &parent {
            Parent::Later { table } if loose.is_empty() || is_partly_null => {
                let is_left = self.leave_to_later(*table, &loose, &mut parent_columns);
                let rows = shape.request.rows;
                let pairs = if is_partly_null { rows.isqrt().max(1) } else { rows };
                is_partly_null &= !is_left;
                if is_left { pairs } else { 0 }
            }
            Parent::Made { plan, .. } => shape.plans[*plan].pairs_with(shape.at),
            _ => 0,
        };
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
            pairs,
            leads: false,
        })
    }

    /// Drops the columns that a later table takes from this one: in a circle of keys, `(lock, token)` refers to a row that
    /// refers to `lock` here. Returns true if there are such columns, so that the rows of both tables belong together in pairs.
    /// If some columns of the key may be NULL, the others are those to drop.
    fn leave_to_later(&mut self, later: usize, loose: &[usize], parent_columns: &mut Option<Vec<Name>>) -> bool {
        let context = self.shape.context;
        let back: Vec<&Relation> =
            context.relations[later].iter().filter(|key| key.parent == Some(self.shape.at)).collect();
        let is_taken = |own: &Name, theirs: &Name| {
            back.iter().any(|key| key.pairs().any(|(child, parent)| child == theirs && parent == own))
        };
        let pairs = self.key.pairs().zip(&self.columns);
        let left: Vec<(usize, Name)> = pairs
            .filter(|((own, theirs), _)| !is_taken(own, theirs))
            .map(|((_, theirs), column)| (*column, theirs.clone()))
            .collect();
        let is_loose = loose.is_empty() || left.len() == loose.len() && left.iter().all(|(own, _)| loose.contains(own));
        if left.is_empty() || left.len() == self.columns.len() || !is_loose {
            return false;
        }
        self.known.clear();
        self.columns = left.iter().map(|(column, _)| *column).collect();
        *parent_columns = Some(left.into_iter().map(|(_, name)| name).collect());
        true
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
        let keys = existing_keys(context.connection, &context.schema.tables[parent], names)?;
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
            let context = self.shape.context;
            let parent = (&context.schema.tables[plan.table], &names[0]);
            let fitting = child_checks::fitting(context.connection, (self.shape.table, own), parent)?;
            if !fitting.is_empty() {
                return Ok((Parent::Existing { keys: fitting }, None));
            }
        }
        let among = (first > 0).then_some(first as u64);
        Ok((columns.map_or(Parent::Missing, |columns| Parent::Made { plan: at, columns }), among))
    }
}

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

/// Two foreign keys to one table that must never refer to the same row: `CHECK (sender <> recipient)`.
pub(super) struct DistinctParents {
    pub(super) columns: [usize; 2],
    /// The place of the parent's plan.
    pub(super) parent: usize,
    /// True if `<` or `>` always holds between them.
    pub(super) ordered: bool,
    pub(super) because: String,
}

/// Finds all such pairs in a plan.
pub(super) fn distinct_parents(plan: &TablePlan) -> Vec<DistinctParents> {
    let made = |reference: &Reference| match &reference.parent {
        Parent::Made { plan, .. } => Some(*plan),
        _ => None,
    };
    let mut found = Vec::new();
    for (at, first) in plan.references.iter().enumerate() {
        let Some(parent) = made(first) else { continue };
        for second in plan.references[at + 1..].iter().filter(|other| made(other) == Some(parent)) {
            // Keys of one tenant differ in the columns that they do not share.
            let mut apart = first.columns.iter().zip(&second.columns).filter(|(one, two)| one != two);
            let (Some((&one, &two)), None) = (apart.next(), apart.next()) else { continue };
            if plan.columns[one].nulls > 0 || plan.columns[two].nulls > 0 {
                continue;
            }
            found.extend(plan.conditions.iter().filter_map(|condition| {
                let ordered = keeps_apart(condition, one, two)?;
                Some(DistinctParents { columns: [one, two], parent, ordered, because: shown(condition) })
            }));
        }
    }
    found
}

/// Returns true if `<` or `>` always holds for two columns, false if they only differ, `None` if they may be equal.
fn keeps_apart(condition: &Condition, one: usize, two: usize) -> Option<bool> {
    let is_about = |relation: &&ColumnRelation| [(one, two), (two, one)].contains(&(relation.left, relation.right));
    let of_branches = condition.branches.iter().map(|branch| {
        branch.relations.iter().filter(is_about).find_map(|relation| match relation.comparison {
            Comparison::Unequal | Comparison::IsNot => Some(false),
            Comparison::Less | Comparison::Greater => Some(true),
            _ => None,
        })
    });
    let ordered = of_branches.collect::<Option<Vec<bool>>>().filter(|ordered| !ordered.is_empty())?;
    Some(ordered.iter().all(|ordered| *ordered))
}

fn shown(condition: &Condition) -> String {
    match &condition.name {
        Some(name) if condition.kind == ConditionKind::Trigger => format!("trigger {name}"),
        _ => format!("CHECK ({})", condition.shown),
    }
}

/// Permits no rows if they must refer to a table without rows, or to two different rows of a table with one.
pub(super) fn limit_by_parents(shape: &TableShape<'_>, plan: &mut TablePlan) {
    let pairs = distinct_parents(plan);
    for index in 0..plan.references.len() {
        let reference = &plan.references[index];
        let is_required = |column: &usize| plan.columns[*column].nulls == 0 && !plan.columns[*column].may_be_null;
        if matches!(reference.parent, Parent::Missing) && reference.columns.iter().all(is_required) {
            let because = format!("{} (it has no rows)", reference.shown);
            plan.narrow(Limit { rows: 0, because, is_guess: false, parents: Vec::new() });
        }
    }
    for pair in pairs.iter().filter(|pair| shape.plans[pair.parent].count < 2) {
        let parents = vec![shape.plans[pair.parent].table];
        let because = format!("{}: there is only one parent", pair.because);
        plan.narrow(Limit { rows: 0, because, is_guess: false, parents });
    }
}

/// Rows for each of some parents, whose numbers are drawn from a range.
pub(crate) struct PerParentRows {
    parents: u64,
    key: u64,
    low: u64,
    high: u64,
}

impl PerParentRows {
    /// `None` if no foreign key says that rows are made for each parent. `rows_of` returns the number of rows of a table
    /// of this fill, by the place of its plan.
    pub(crate) fn of(references: &[Reference], rows_of: impl Fn(usize) -> u64) -> Option<PerParentRows> {
        let reference = references.iter().find(|reference| reference.per_parent.is_some())?;
        let (low, high) = reference.per_parent?;
        let parents = match &reference.parent {
            Parent::Made { plan, .. } => rows_of(*plan),
            Parent::Existing { keys } => keys.len() as u64,
            Parent::Missing | Parent::Later { .. } | Parent::Own { .. } => 0,
        };
        Some(PerParentRows { parents, key: named(reference.key, "each"), low, high })
    }

    /// Returns the number of rows of all parents together.
    pub(super) fn count(&self) -> u64 {
        (0..self.parents).fold(0, |sum: u64, parent| sum.saturating_add(self.of_parent(parent)))
    }

    pub(crate) fn of_rows(self) -> impl Iterator<Item = u64> {
        (0..self.parents).flat_map(move |parent| std::iter::repeat_n(parent, self.of_parent(parent) as usize))
    }

    fn of_parent(&self, parent: u64) -> u64 {
        self.low + Draw::new(key(self.key, parent)).below((self.high - self.low).saturating_add(1))
    }
}
