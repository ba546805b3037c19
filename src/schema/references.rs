//! Foreign keys with the columns on both sides, the indexes that serve them, and the order of tables by them.

use std::cmp::Reverse;

use super::entries::is_ledger;
use super::facts::{Affinity, Column, ForeignKey, IndexedColumn, IndexedExpr, Key, Schema, Table, TableKind};
use crate::sql::{Name, plain_name, same_name};

/// A foreign key whose columns exist on both sides.
#[derive(Debug)]
pub(crate) struct Pair<'a> {
    pub(crate) child: &'a Table,
    pub(crate) key: &'a ForeignKey,
    pub(crate) parent: &'a Table,
    /// Each column of the child with its column of the parent.
    pub(crate) columns: Vec<(&'a Column, &'a Column)>,
}

impl<'a> Pair<'a> {
    pub(crate) fn of(child: &'a Table, key: &'a ForeignKey, parent: &'a Table) -> Option<Pair<'a>> {
        let named = parent_columns(key, parent);
        if named.len() != key.columns.len() {
            return None;
        }
        let both = |(child_name, parent_name): (&'a Name, &&'a str)| {
            Some((child.column(child_name)?, parent.column(parent_name)?))
        };
        let columns = key.columns.iter().zip(&named).map(both).collect::<Option<Vec<_>>>()?;
        Some(Pair { child, key, parent, columns })
    }

    /// Returns true if the parent's columns are its PRIMARY KEY, or UNIQUE as a whole with the columns' own collations, see
    /// <https://www.sqlite.org/foreignkeys.html#fk_indexes>.
    pub(crate) fn is_unique(&self) -> bool {
        let is_key = |terms: &[IndexedColumn]| {
            terms.len() == self.columns.len()
                && self.columns.iter().all(|(_, column)| {
                    terms
                        .iter()
                        .any(|term| term.what.is_column(&column.name) && same_name(&term.collation, &column.collation))
                })
        };
        self.parent.primary_key.iter().any(|key| {
            // If the key is referenced without naming its columns, their collations do not matter.
            self.key.parent_columns.is_none() || key.is_rowid && is_rowid_of(&self.columns, key) || is_key(&key.terms)
        }) || self.parent.unique.iter().any(|key| is_key(&key.terms))
            || self.parent.indexes.iter().any(|index| index.unique && index.partial.is_none() && is_key(&index.terms))
    }

    /// Returns the query by which SQLite looks for children: the parent's value is on the left side, and its collation applies.
    /// Each key is planned alone, because several keys of one child have the same lines in the plan of a DELETE. The tables are
    /// called `parent` and `child`.
    pub(crate) fn lookup(&self) -> String {
        let compared: Vec<String> = self
            .columns
            .iter()
            .map(|(child, parent)| format!("parent.{} = child.{}", plain_name(&parent.name), plain_name(&child.name)))
            .collect();
        format!(
            "SELECT 1 FROM {} AS parent CROSS JOIN {} AS child WHERE {}",
            plain_name(&self.parent.name),
            plain_name(&self.child.name),
            compared.join(" AND ")
        )
    }
}

fn is_rowid_of(columns: &[(&Column, &Column)], key: &Key) -> bool {
    columns.len() == 1 && key.terms.iter().all(|term| term.what.is_column(&columns[0].1.name))
}

/// Returns the referenced columns of the parent; none if it has no PRIMARY KEY and the key names no columns.
pub(crate) fn parent_columns<'a>(key: &'a ForeignKey, parent: &'a Table) -> Vec<&'a str> {
    match &key.parent_columns {
        Some(columns) => columns.iter().map(Name::as_str).collect(),
        None => parent.primary_key.iter().flat_map(|key| column_names(&key.terms)).collect(),
    }
}

/// Returns the columns among the terms of an index.
pub(crate) fn column_names<'a>(terms: &'a [IndexedColumn]) -> Vec<&'a str> {
    let name = |term: &'a IndexedColumn| match &term.what {
        IndexedExpr::Column(name) => Some(name.as_str()),
        IndexedExpr::Rowid | IndexedExpr::Expression(_) => None,
    };
    terms.iter().filter_map(name).collect()
}

/// Returns the class of a column's values: numbers compare as numbers whatever their type.
pub(crate) fn class(column: &Column) -> &'static str {
    match column.affinity {
        Affinity::Integer | Affinity::Real | Affinity::Numeric => "a number",
        Affinity::Text => "a text",
        Affinity::Blob => "a blob",
        Affinity::Any => "anything",
    }
}

pub(crate) fn is_textual(column: &Column) -> bool {
    class(column) != "a number"
}

/// Returns a column's declared type, with its affinity if the type does not name it.
pub(crate) fn typed(column: &Column) -> String {
    let affinity = match column.affinity {
        Affinity::Integer => "INTEGER",
        Affinity::Text => "TEXT",
        Affinity::Blob => "BLOB",
        Affinity::Real => "REAL",
        Affinity::Numeric => "NUMERIC",
        Affinity::Any => "ANY",
    };
    match column.declared_type.as_str() {
        "" => "without a type".to_owned(),
        declared if declared.eq_ignore_ascii_case(affinity) => declared.to_owned(),
        declared => format!("{declared} (affinity {affinity})"),
    }
}

/// Returns an index of the child that has the columns but cannot be used, and the reason.
pub(crate) fn defeated(pair: &Pair<'_>) -> Option<(String, String)> {
    let count = pair.columns.len();
    let starts_with_them = |terms: &[IndexedColumn]| {
        terms.len() >= count
            && pair
                .columns
                .iter()
                .all(|(column, _)| terms[..count].iter().any(|term| term.what.is_column(&column.name)))
    };
    let indexes = pair.child.indexes.iter().filter(|index| index.partial.is_none());
    let by_index = indexes.map(|index| (index.name.clone(), &index.terms));
    let by_key = pair.child.primary_key.iter().map(|key| (Name::from("the PRIMARY KEY"), &key.terms));
    let by_unique = pair.child.unique.iter().map(|key| (Name::from("the UNIQUE constraint"), &key.terms));
    let (index, terms) = by_index.chain(by_key).chain(by_unique).find(|(_, terms)| starts_with_them(terms))?;
    let why = pair.columns.iter().find_map(|(child, parent)| {
        if class(child) != class(parent) {
            return Some(format!(
                "{} is {} and {}.{} is {}",
                child.name,
                typed(child),
                pair.parent.name,
                parent.name,
                typed(parent)
            ));
        }
        let term = terms.iter().find(|term| term.what.is_column(&child.name))?;
        (!same_name(&term.collation, &parent.collation)).then(|| {
            format!(
                "it is COLLATE {} and {}.{} is COLLATE {}",
                term.collation, pair.parent.name, parent.name, parent.collation
            )
        })
    })?;
    Some((index.to_string(), why))
}

impl Schema {
    /// Returns a name for an index on these columns that is neither taken nor among `others`.
    pub(crate) fn free_name(&self, table: &str, columns: &[&str], others: &[String]) -> String {
        let base = format!("{table}_{}", columns.join("_"));
        let taken = |name: &str| {
            let is = |other: &str| same_name(other, name);
            others.iter().any(|other| is(other))
                || self.views.iter().any(|view| is(&view.name))
                || self.tables.iter().any(|table| is(&table.name) || table.indexes.iter().any(|index| is(&index.name)))
        };
        let numbered = |number: usize| if number == 1 { base.clone() } else { format!("{base}_{number}") };
        (1..).map(numbered).find(|name| !taken(name)).unwrap_or_default()
    }
}

impl Schema {
    /// Orders tables, given by their positions in the schema, so that parents come before children.
    ///
    /// In a cycle a foreign key that may be NULL is ignored first: the table that it refers to comes later.
    pub(crate) fn parents_first(&self, tables: &[usize]) -> Vec<usize> {
        let mut left = tables.to_vec();
        let mut ordered = Vec::new();
        while !left.is_empty() {
            let is_waiting = |table: usize, ignore_nullable: bool| {
                self.tables[table].foreign_keys.iter().any(|key| {
                    let parent = self.parent_of(key);
                    parent.is_some_and(|parent| parent != table && left.contains(&parent))
                        && !(ignore_nullable && key.columns.iter().any(|name| self.tables[table].may_be_null(name)))
                })
            };
            let next = left
                .iter()
                .position(|table| !is_waiting(*table, false))
                .unwrap_or_else(|| self.first_of_circle(&left, &|table| is_waiting(table, true)));
            ordered.push(left.remove(next));
        }
        ordered
    }

    /// Returns the place of the table that comes first in a circle of keys that waits for no other table: one whose keys may
    /// be NULL, or one with the key of most columns, some of which the others may take from it.
    fn first_of_circle(&self, left: &[usize], is_waiting: &dyn Fn(usize) -> bool) -> usize {
        let parents = |table: usize| {
            let of_keys = self.tables[table].foreign_keys.iter().filter_map(|key| self.parent_of(key));
            of_keys.filter(move |parent| *parent != table && left.contains(parent))
        };
        let reached = |from: usize| {
            let mut found: Vec<usize> = parents(from).collect();
            let mut at = 0;
            while let Some(&table) = found.get(at) {
                at += 1;
                let new: Vec<usize> = parents(table).filter(|parent| !found.contains(parent)).collect();
                found.extend(new);
            }
            found
        };
        let is_in_circle = |table: &usize| reached(*table).into_iter().all(|other| reached(other).contains(table));
        let width = |table: usize| {
            let keys = self.tables[table].foreign_keys.iter();
            keys.filter(|key| self.parent_of(key).is_some_and(|parent| parent != table && left.contains(&parent)))
                .map(|key| key.columns.len())
                .max()
        };
        let places = (0..left.len()).filter(|at| is_in_circle(&left[*at]));
        places.min_by_key(|at| (is_waiting(left[*at]), Reverse(width(left[*at])))).unwrap_or(0)
    }

    /// Returns the position of the table that a foreign key refers to, if rows can be inserted into it.
    pub(crate) fn parent_of(&self, key: &ForeignKey) -> Option<usize> {
        self.tables.iter().position(|table| table.kind == TableKind::Ordinary && table.name == key.parent)
    }
}

impl Table {
    /// Returns true if a column may be NULL. SQLite allows NULL in a PRIMARY KEY without NOT NULL, but nobody means that.
    pub(crate) fn may_be_null(&self, name: &str) -> bool {
        let Some(column) = self.column(name) else { return false };
        let in_key =
            self.primary_key.as_ref().is_some_and(|key| key.terms.iter().any(|term| term.what.is_column(name)));
        !column.not_null && !in_key
    }

    /// Returns true if a column is the rowid.
    pub(crate) fn is_rowid(&self, name: &str) -> bool {
        let key = self.primary_key.as_ref();
        key.is_some_and(|key| key.is_rowid && key.terms.iter().any(|term| term.what.is_column(name)))
    }

    /// Returns true for ordinary tables except ledgers: an app neither declares nor reads the ledger of a runner.
    pub(crate) fn is_of_app(&self) -> bool {
        self.kind == TableKind::Ordinary && !is_ledger(&self.name)
    }
}
