//! From what a test asks for to the tables that are filled, and how many rows each gets.

use rusqlite::Connection;

use crate::data::fill::failure;
use crate::data::fill::options::{Given, Options};
use crate::data::fill::plan::{self, Parent, Plan, Request};
use crate::data::fill::references;
use crate::data::fill::{meeting, order};
use crate::error::Result;
use crate::schema::{IndexedColumn, IndexedExpr, Name, Schema, Table, TableKind, is_ledger};
use crate::sql::tokens;

/// How many rows of which tables a test asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) rows: Vec<(String, u64)>,
    pub(crate) every: Option<u64>,
    /// Parent, child, and how many of the second for each of the first.
    pub(crate) each: Vec<(String, String, u64, u64)>,
    /// Whether fewer rows will do where a table has no room for more.
    pub(crate) modest: bool,
    /// Table and name.
    pub(crate) labels: Vec<(String, String)>,
}

/// What one table gets.
#[derive(Clone, Debug, Default)]
struct Wanted {
    rows: u64,
    /// Asked for by name: less is an error.
    explicit: bool,
    /// The number was given, and is not what children need.
    by_name: bool,
    labels: Vec<String>,
    each: Option<(usize, u64, u64)>,
}

/// Plans of all tables that are filled, in the order of filling.
pub(crate) fn plans(connection: &Connection, schema: &Schema, wishes: &Wishes, options: &Options) -> Result<Vec<Plan>> {
    let mut wanted = wanted(schema, wishes)?;
    check_columns(schema, options)?;
    let there = |table: usize| -> Result<bool> { Ok(plan::first_number(connection, &schema.tables[table])? > 0) };
    // Parents of parents: each round may add tables.
    let mut at = 0;
    let mut waiting: Vec<usize> = (0..schema.tables.len()).filter(|table| wanted[*table].is_some()).collect();
    while at < waiting.len() {
        let table = waiting[at];
        at += 1;
        for (parent, rows) in parents_of(schema, table, wanted[table].as_ref().map_or(0, |wanted| wanted.rows)) {
            let by_each =
                wanted[table].as_ref().is_some_and(|wanted| wanted.each.is_some_and(|(each, ..)| each == parent));
            if by_each && wanted[parent].is_none() {
                if !there(parent)? {
                    return Err(failure::no_parents(&schema.tables[parent].name, &schema.tables[table].name));
                }
                continue;
            }
            if options.reuse && wanted[parent].is_none() && there(parent)? {
                continue;
            }
            match &mut wanted[parent] {
                Some(known) if known.by_name || known.each.is_some() || known.rows >= rows => {}
                other => {
                    let mut more = other.take().unwrap_or_default();
                    more.rows = rows;
                    *other = Some(more);
                    waiting.push(parent);
                }
            }
        }
    }
    // A table that is made for its children has as many rows as they turn out to need.
    for _ in 0..4 {
        let (plans, more) = attempt(connection, schema, &wanted, options)?;
        if more.is_empty() {
            return Ok(plans);
        }
        for (table, rows) in more {
            if let Some(want) = &mut wanted[table] {
                want.rows = rows;
            }
        }
    }
    let (plans, _) = attempt(connection, schema, &wanted, options)?;
    Ok(plans)
}

/// Tables by their places in the schema, and how many rows they should have.
type More = Vec<(usize, u64)>;

/// Plans for these wishes, and which tables should have more rows, where that would help.
fn attempt(
    connection: &Connection,
    schema: &Schema,
    wanted: &[Option<Wanted>],
    options: &Options,
) -> Result<(Vec<Plan>, More)> {
    let tables: Vec<usize> = (0..schema.tables.len()).filter(|table| wanted[*table].is_some()).collect();
    let ordered = order::order(schema, &tables);
    let mut plans: Vec<Plan> = Vec::new();
    let mut more: More = Vec::new();
    for (index, &table) in ordered.iter().enumerate() {
        let Some(want) = &wanted[table] else { continue };
        let request = Request { table, rows: want.rows, labels: want.labels.clone(), each: want.each, options };
        let mut plan = plan::plan(connection, schema, &request, &plans, &ordered[index + 1..])?;
        if let Some(limit) = &plan.limit
            && limit.rows < plan.wanted
        {
            let may_grow = |parent: &usize| {
                wanted[*parent].as_ref().is_some_and(|want| !want.by_name && want.each.is_none())
                    && plans.iter().all(|plan| plan.table != *parent || plan.limit.is_none())
            };
            let growing: Vec<usize> = limit.parents.iter().copied().filter(may_grow).collect();
            let times = plan.wanted.div_ceil(limit.rows.max(1)).max(2);
            for &parent in &growing {
                more.push((parent, wanted[parent].as_ref().map_or(1, |want| want.rows) * times));
            }
            if growing.is_empty() && want.explicit {
                return Err(failure::full(&plan.name, plan.wanted, limit));
            }
        }
        keep_keys(schema, &mut plan, &ordered);
        plans.push(plan);
    }
    close_cycles(schema, &mut plans)?;
    Ok((plans, more))
}

/// Turns what refers to a later table into what refers to its rows, whose keys are known before they are made if they
/// follow from the rows' numbers.
fn close_cycles(schema: &Schema, plans: &mut [Plan]) -> Result<()> {
    for at in 0..plans.len() {
        for index in 0..plans[at].references.len() {
            let reference = &plans[at].references[index];
            let Parent::Later { table } = reference.parent else { continue };
            let later = plans.iter().position(|plan| plan.table == table && plan.count > 0);
            let columns = later.and_then(|later| {
                let place = |name: &Name| plans[later].column(name).filter(|column| plans[later].is_formula(*column));
                reference.parent_columns.iter().map(place).collect::<Option<Vec<usize>>>()
            });
            let parent = match (later, columns) {
                (Some(plan), Some(columns)) => Parent::Made { plan, columns },
                _ => Parent::Missing,
            };
            let is_nullable = reference
                .columns
                .iter()
                .any(|column| order::may_be_null(&schema.tables[plans[at].table], &plans[at].columns[*column].name));
            if matches!(parent, Parent::Missing) && !is_nullable {
                return Err(failure::cycle(&plans[at].name, &reference.shown));
            }
            plans[at].references[index].parent = parent;
        }
    }
    Ok(())
}

fn wanted(schema: &Schema, wishes: &Wishes) -> Result<Vec<Option<Wanted>>> {
    let find = |name: &str| -> Result<usize> {
        let found = schema.tables.iter().position(|table| table.name.eq_ignore_ascii_case(name));
        let at = found.ok_or_else(|| failure::no_table(schema, name))?;
        if schema.tables[at].kind == TableKind::Ordinary {
            Ok(at)
        } else {
            Err(failure::not_ordinary(&schema.tables[at]))
        }
    };
    let mut wanted: Vec<Option<Wanted>> = vec![None; schema.tables.len()];
    if wishes.rows.is_empty() && wishes.every.is_none() && wishes.each.is_empty() && wishes.labels.is_empty() {
        return Err(failure::nothing_asked());
    }
    if let Some(rows) = wishes.every {
        let mut some = false;
        for (at, table) in schema.tables.iter().enumerate() {
            if table.kind == TableKind::Ordinary && !is_ledger(&table.name) {
                some = true;
                wanted[at] = Some(Wanted { rows, by_name: true, ..Wanted::default() });
            }
        }
        if rows == 0 {
            return Err(failure::no_rows("every table"));
        }
        if !some {
            return Err(failure::no_tables());
        }
    }
    for (name, rows) in &wishes.rows {
        let at = find(name)?;
        if *rows == 0 {
            return Err(failure::no_rows(name));
        }
        wanted[at] = Some(Wanted { rows: *rows, explicit: !wishes.modest, by_name: true, ..Wanted::default() });
    }
    for (parent, child, low, high) in &wishes.each {
        let (parent, child) = (find(parent)?, find(child)?);
        let related = schema.tables[child].foreign_keys.iter().any(|key| order::parent(schema, key) == Some(parent));
        if !related || parent == child {
            return Err(failure::not_related(&schema.tables[parent].name, &schema.tables[child].name));
        }
        if low > high {
            return Err(failure::empty_range(&schema.tables[child].name, *low, *high));
        }
        let slot = wanted[child].get_or_insert_default();
        if slot.each.is_some() {
            return Err(failure::each_twice(&schema.tables[child].name));
        }
        slot.each = Some((parent, *low, *high));
        slot.explicit = true;
    }
    for (table, label) in &wishes.labels {
        let slot = wanted[find(table)?].get_or_insert_default();
        slot.labels.push(label.clone());
        slot.rows += 1;
        slot.explicit = true;
    }
    Ok(wanted)
}

fn check_columns(schema: &Schema, options: &Options) -> Result<()> {
    for (name, column, given) in &options.given {
        let table = schema.table(name).ok_or_else(|| failure::no_table(schema, name))?;
        match table.column(column) {
            None => return Err(failure::no_column(table, column)),
            Some(found) if found.generated.is_some() => return Err(failure::generated(table, column)),
            Some(_) => {}
        }
        // A rowid that is NULL is the next one.
        let not_null = table.column(column).is_some_and(|column| column.not_null);
        let is_rowid = table.primary_key.as_ref().is_some_and(|key| key.is_rowid && names_it(&key.terms, column));
        if matches!(given, Given::Value(rusqlite::types::Value::Null)) && not_null && !is_rowid {
            return Err(failure::not_null(table, column));
        }
        if let Given::Broken(why) = given {
            return Err(failure::broken_value(table, column, why));
        }
    }
    Ok(())
}

fn names_it(terms: &[IndexedColumn], column: &str) -> bool {
    terms.iter().any(|term| matches!(&term.what, IndexedExpr::Column(name) if name.eq_ignore_ascii_case(column)))
}

/// The parents that so many rows of a table need, and how many of each.
fn parents_of(schema: &Schema, at: usize, rows: u64) -> Vec<(usize, u64)> {
    let table = &schema.tables[at];
    let mut found = Vec::new();
    let refuses = table.triggers.iter().any(|trigger| tokens(&trigger.sql).iter().any(|token| token.is("RAISE")));
    for key in &table.foreign_keys {
        let Some(parent) = order::parent(schema, key) else { continue };
        if parent == at {
            continue;
        }
        // A few children for each; some more where they have to be told apart by their parents alone. A trigger may refuse
        // what it finds in a parent: a closed account.
        let least = if refuses { 5 } else { rows.min(5) };
        let mut need = (rows / 4).clamp(least, 1_000.max(rows / 100));
        for unique in uniques(table) {
            let in_keys = unique.iter().filter(|column| {
                table.foreign_keys.iter().any(|key| key.columns.iter().any(|name| name.eq_ignore_ascii_case(column)))
            });
            let ours = unique.iter().any(|column| key.columns.iter().any(|name| name.eq_ignore_ascii_case(column)));
            if ours && in_keys.count() == unique.len() {
                let keys = table.foreign_keys.iter().filter(|key| {
                    key.columns.iter().any(|name| unique.iter().any(|column| column.eq_ignore_ascii_case(name)))
                });
                // One more, for those that must not meet themselves.
                let power = keys.count() as u32;
                need = need.max(root(rows, power) + u64::from(power > 1));
                // Parents meet only those of their own tenant, of which there are as many as the root of their number.
                if power > 1
                    && key.columns.len() > 1
                    && key.columns.iter().any(|name| meeting::is_shared(schema, at, name))
                {
                    need = need.max(2 * root(rows.saturating_mul(rows), power + 1));
                }
            }
        }
        found.push((parent, need.max(1)));
    }
    found
}

/// The least number whose power is at least `number`.
fn root(number: u64, power: u32) -> u64 {
    if power <= 1 {
        return number;
    }
    let mut root = (number as f64).powf(1.0 / f64::from(power)) as u64;
    while root.saturating_pow(power) < number {
        root += 1;
    }
    root.max(1)
}

/// The columns of each key of a table.
fn uniques(table: &Table) -> Vec<Vec<&str>> {
    let indexes = table.indexes.iter().filter(|index| index.unique && index.partial.is_none());
    let keys = table.primary_key.iter().chain(&table.unique).map(|key| &key.terms);
    keys.chain(indexes.map(|index| &index.terms))
        .map(|terms| {
            let names = terms.iter().filter_map(|term| match &term.what {
                IndexedExpr::Column(name) => Some(name.as_str()),
                _ => None,
            });
            names.collect()
        })
        .collect()
}

/// Marks the columns that children refer to and that cannot be made again.
fn keep_keys(schema: &Schema, plan: &mut Plan, ordered: &[usize]) {
    for &table in ordered {
        for key in &schema.tables[table].foreign_keys {
            let parent = order::parent(schema, key);
            if parent != Some(plan.table) {
                continue;
            }
            for name in references::parent_columns(schema, parent, key).unwrap_or_default() {
                if let Some(column) = plan.column(&name)
                    && !plan.is_formula(column)
                    && !plan.kept.contains(&column)
                {
                    plan.kept.push(column);
                }
            }
        }
    }
}
