//! The differences of two schemas in words.

use std::fmt;

use super::facts::Schema;
use super::shape::{self, ColumnShape, Constraint, IndexShape, TableShape, TriggerShape, ViewShape};
use crate::report::{Raw, printable};
use crate::sql::same_name;

/// The differences between two schemas, see [`Schema::diff`](super::Schema::diff).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct SchemaDiff {
    differences: Vec<Difference>,
}

/// One difference of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    object: String,
    what: String,
}

impl SchemaDiff {
    /// Iterates over the differences, grouped by table.
    pub fn iter(&self) -> std::slice::Iter<'_, Difference> {
        self.differences.iter()
    }

    /// Returns true if SQLite treats both schemas alike.
    pub fn is_empty(&self) -> bool {
        self.differences.is_empty()
    }

    /// Returns the number of differences.
    pub fn len(&self) -> usize {
        self.differences.len()
    }

    fn add(&mut self, object: impl Into<String>, what: impl Into<String>) {
        self.differences.push(Difference { object: object.into(), what: what.into() });
    }
}

impl Difference {
    /// Returns what differs: `table orders`, `orders.status`, `index orders_open`, `trigger …`, `view …`.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// Returns how it differs: `NOT NULL dropped`.
    pub fn what(&self) -> &str {
        &self.what
    }
}

printable!(Difference);

impl Raw for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.what)
    }
}

printable!(SchemaDiff);

impl Raw for SchemaDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, difference) in self.differences.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{difference}")?;
        }
        Ok(())
    }
}

impl<'a> IntoIterator for &'a SchemaDiff {
    type Item = &'a Difference;
    type IntoIter = std::slice::Iter<'a, Difference>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

pub(super) fn between(one: &Schema, other: &Schema) -> SchemaDiff {
    let ledgers = one.ledgers || other.ledgers;
    let (tables, views) = shape::of(one, ledgers);
    let (other_tables, other_views) = shape::of(other, ledgers);
    let mut diff = SchemaDiff::default();
    for pair in pairs(&tables, &other_tables, |table| &table.name) {
        match pair {
            Pair::Both(one, other) => table(&mut diff, one, other),
            Pair::Missing(one) => diff.add(format!("table {}", one.name), "missing"),
            Pair::New(other) => diff.add(format!("table {}", other.name), "new"),
        }
    }
    for pair in pairs(&views, &other_views, |view| &view.name) {
        match pair {
            Pair::Both(one, other) => view(&mut diff, one, other),
            Pair::Missing(one) => diff.add(format!("view {}", one.name), "missing"),
            Pair::New(other) => diff.add(format!("view {}", other.name), "new"),
        }
    }
    diff
}

enum Pair<'a, T> {
    Both(&'a T, &'a T),
    Missing(&'a T),
    New(&'a T),
}

/// Pairs objects with the same name, in the order of the first list, then those that only the other list has.
fn pairs<'a, T>(these: &'a [T], others: &'a [T], name: impl Fn(&T) -> &str) -> Vec<Pair<'a, T>> {
    let find = |list: &'a [T], wanted: &T| list.iter().find(|it| same_name(name(it), name(wanted)));
    let mut pairs: Vec<Pair<'a, T>> = these
        .iter()
        .map(|one| match find(others, one) {
            Some(other) => Pair::Both(one, other),
            None => Pair::Missing(one),
        })
        .collect();
    pairs.extend(others.iter().filter(|other| find(these, other).is_none()).map(Pair::New));
    pairs
}

fn table(diff: &mut SchemaDiff, one: &TableShape, other: &TableShape) {
    let object = format!("table {}", one.name);
    spelling(diff, &object, &one.name, &other.name);
    match (&one.module, &other.module) {
        (None, Some(module)) => diff.add(&object, format!("became a virtual table USING {module}")),
        (Some(module), None) => diff.add(&object, format!("is no longer a virtual table, USING {module} dropped")),
        (Some(module), Some(now)) if module != now => diff.add(&object, format!("USING {module} became {now}")),
        _ => {}
    }
    for option in ["STRICT", "WITHOUT ROWID"] {
        match (one.options.contains(&option), other.options.contains(&option)) {
            (true, false) => diff.add(&object, format!("{option} dropped")),
            (false, true) => diff.add(&object, format!("{option} added")),
            _ => {}
        }
    }
    columns(diff, &object, one, other);
    constraints(diff, &object, &one.constraints, &other.constraints);
    for pair in pairs(&one.indexes, &other.indexes, |index| &index.name) {
        match pair {
            Pair::Both(one, other) => index(diff, one, other),
            Pair::Missing(index) => diff.add(format!("index {}", index.name), format!("missing on {}", one.name)),
            Pair::New(index) => diff.add(format!("index {}", index.name), format!("new on {}", one.name)),
        }
    }
    triggers(diff, &one.name, &one.triggers, &other.triggers);
}

fn columns(diff: &mut SchemaDiff, object: &str, one: &TableShape, other: &TableShape) {
    let mut before = Vec::new();
    for pair in pairs(&one.columns, &other.columns, |column| &column.name) {
        let name = |column: &ColumnShape| format!("{}.{}", one.name, column.name);
        match pair {
            Pair::Both(column, now) => {
                spelling(diff, &name(column), &column.name, &now.name);
                for (part, (was, is)) in column.parts.iter().zip(&now.parts).enumerate() {
                    // The first part is the type, which no keyword introduces.
                    let kind = if part == 0 { "type " } else { "" };
                    changed(diff, &name(column), kind, was, is);
                }
                before.push(column.name.as_str());
            }
            Pair::Missing(column) => diff.add(name(column), "missing"),
            Pair::New(column) => {
                let declared: Vec<&str> =
                    column.parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
                diff.add(name(column), format!("new {}", declared.join(" ")).trim_end());
            }
        }
    }
    let both = |name: &str| before.iter().any(|column| same_name(column, name));
    let now: Vec<&str> = other.columns.iter().map(|column| column.name.as_str()).filter(|name| both(name)).collect();
    let same_order = before.iter().zip(&now).all(|(one, other)| same_name(one, other));
    if !same_order {
        diff.add(object, format!("columns ({}) became ({})", before.join(", "), now.join(", ")));
    }
}

/// Adds the change of a value. `kind` introduces values that do not say what they are.
fn changed(diff: &mut SchemaDiff, object: &str, kind: &str, was: &str, is: &str) {
    match (was, is) {
        (was, is) if was == is => {}
        (was, "") => diff.add(object, format!("{kind}{was} dropped")),
        ("", is) => diff.add(object, format!("{kind}{is} added")),
        (was, is) => {
            let (was, is) = excerpts(was, is);
            diff.add(object, format!("{kind}{was} became {is}"));
        }
    }
}

fn spelling(diff: &mut SchemaDiff, object: &str, one: &str, other: &str) {
    if one != other {
        diff.add(object, format!("now spelled {other}"));
    }
}

fn constraints(diff: &mut SchemaDiff, object: &str, these: &[Constraint], others: &[Constraint]) {
    let mut gone: Vec<&Constraint> = these.iter().collect();
    let mut new: Vec<&Constraint> = Vec::new();
    for other in others {
        match gone.iter().position(|one| *one == other) {
            Some(at) => drop(gone.remove(at)),
            None => new.push(other),
        }
    }
    for one in &gone {
        // With several of a kind, it is unknown which one became which.
        let is_only = |list: &[&Constraint]| list.iter().filter(|it| it.subject == one.subject).count() == 1;
        let became =
            if is_only(&gone) && is_only(&new) { new.iter().position(|it| it.subject == one.subject) } else { None };
        match became {
            Some(at) => changed(diff, object, "", &one.text, &new.remove(at).text),
            None => diff.add(object, format!("{} dropped", one.text)),
        }
    }
    for other in new {
        diff.add(object, format!("{} added", other.text));
    }
}

fn index(diff: &mut SchemaDiff, one: &IndexShape, other: &IndexShape) {
    let object = format!("index {}", one.name);
    spelling(diff, &object, &one.name, &other.name);
    match (one.unique, other.unique) {
        (true, false) => diff.add(&object, "UNIQUE dropped"),
        (false, true) => diff.add(&object, "UNIQUE added"),
        _ => {}
    }
    changed(diff, &object, "terms ", &one.terms, &other.terms);
    let condition = |index: &IndexShape| index.partial.as_ref().map(|it| format!("WHERE {it}")).unwrap_or_default();
    changed(diff, &object, "", &condition(one), &condition(other));
}

fn triggers(diff: &mut SchemaDiff, on: &str, these: &[TriggerShape], others: &[TriggerShape]) {
    for pair in pairs(these, others, |trigger| &trigger.name) {
        match pair {
            Pair::Both(one, other) => trigger(diff, one, other),
            Pair::Missing(one) => diff.add(format!("trigger {}", one.name), format!("missing on {on}")),
            Pair::New(other) => diff.add(format!("trigger {}", other.name), format!("new on {on}")),
        }
    }
}

fn trigger(diff: &mut SchemaDiff, one: &TriggerShape, other: &TriggerShape) {
    let object = format!("trigger {}", one.name);
    spelling(diff, &object, &one.name, &other.name);
    changed(diff, &object, "", &one.event, &other.event);
    changed(diff, &object, "WHEN ", &one.when, &other.when);
    for index in 0..one.statements.len().max(other.statements.len()) {
        let statement = |trigger: &TriggerShape| trigger.statements.get(index).cloned().unwrap_or_default();
        changed(diff, &object, &format!("statement {}: ", index + 1), &statement(one), &statement(other));
    }
}

fn view(diff: &mut SchemaDiff, one: &ViewShape, other: &ViewShape) {
    let object = format!("view {}", one.name);
    spelling(diff, &object, &one.name, &other.name);
    changed(diff, &object, "columns ", &one.columns, &other.columns);
    changed(diff, &object, "query ", &one.query, &other.query);
    triggers(diff, &one.name, &one.triggers, &other.triggers);
}

/// Returns the differing parts of two long texts, with a few words around them.
fn excerpts(one: &str, other: &str) -> (String, String) {
    const LONG: usize = 100;
    const AROUND: usize = 3;
    if one.len() <= LONG && other.len() <= LONG {
        return (one.to_owned(), other.to_owned());
    }
    let (these, others): (Vec<&str>, Vec<&str>) = (one.split(' ').collect(), other.split(' ').collect());
    let shorter = these.len().min(others.len());
    let front = these.iter().zip(&others).take_while(|(one, other)| one == other).count();
    let pairs_from_behind = these.iter().rev().zip(others.iter().rev());
    let back = pairs_from_behind.take(shorter - front).take_while(|(one, other)| one == other).count();
    let cut = |words: &[&str]| {
        let (start, end) = (front.saturating_sub(AROUND), (words.len() - back + AROUND).min(words.len()));
        let before = if start > 0 { "… " } else { "" };
        let after = if end < words.len() { " …" } else { "" };
        format!("{before}{}{after}", words[start..end].join(" "))
    };
    (cut(&these), cut(&others))
}
