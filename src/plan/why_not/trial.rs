//! Plans of a statement with something taken away, made on an empty copy of the tables that it names.

use std::cell::Cell;
use std::ops::Range;

use rusqlite::types::Value;

use crate::order::Order as _;
use crate::plan::parse::{self, Hints, Row};
use crate::plan::query_plan::Plan;
use crate::plan::tree::{Access, AccessPath, Node};
use crate::schema::schema_copy::SchemaCopy;
use crate::schema::{IndexedColumn, IndexedExpr, Schema, Table};
use crate::sql::{plain_name, same_name};

/// A change to the text of a statement. The range is of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) at: Range<usize>,
    pub(super) text: String,
}

/// Returns the text with all changes made. `None` if they overlap.
pub(super) fn edited(sql: &str, edits: &[Edit]) -> Option<String> {
    let mut edits: Vec<&Edit> = edits.iter().collect();
    edits.order_by_key(|edit| (edit.at.start, edit.at.end));
    let mut text = String::new();
    let mut copied = 0;
    for edit in edits {
        text.push_str(sql.get(copied..edit.at.start)?);
        text.push_str(&edit.text);
        copied = edit.at.end;
    }
    text.push_str(sql.get(copied..)?);
    Some(text)
}

/// An index that is tried in place of one that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IndexShape {
    pub(super) terms: Vec<IndexedColumn>,
    pub(super) partial: Option<String>,
}

impl IndexShape {
    /// Returns the shape of an index, or of the index behind a key.
    pub(super) fn of(table: &Table, index: &str) -> Option<IndexShape> {
        let declared = table.indexes.iter().find(|one| one.name == *index);
        let mut keys = table.primary_key.iter().chain(&table.unique);
        let terms = match declared {
            Some(one) => &one.terms,
            None if index == KEY => &table.primary_key.as_ref()?.terms,
            None => &keys.find(|key| key.index.as_deref().is_some_and(|name| same_name(name, index)))?.terms,
        };
        let partial = declared.and_then(|one| one.partial.clone());
        Some(IndexShape { terms: terms.clone(), partial })
    }

    pub(super) fn create(&self, name: &str, table: &Table) -> String {
        let terms: Vec<String> = self.terms.iter().map(|one| term(one, table)).collect();
        let partial = self.partial.as_ref().map_or_else(String::new, |partial| format!(" WHERE {partial}"));
        format!("CREATE INDEX {} ON {}({}){partial}", plain_name(name), plain_name(&table.name), terms.join(", "))
    }

    /// Returns the statement that creates the index, under a name that nothing has.
    pub(super) fn advice(&self, table: &Table, schema: &Schema) -> String {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let words = |term: &IndexedColumn| {
            let text = expression(term);
            text.split(|c| !is_word(c)).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_")
        };
        let words: Vec<String> = self.terms.iter().map(words).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.create(&schema.free_name(&table.name, &words, &[]), table)
    }

    /// Returns the terms as an ORDER BY has them.
    pub(super) fn order(&self) -> String {
        let terms = self.terms.iter().map(|one| {
            let direction = if one.descending { " DESC" } else { "" };
            format!("{}{direction}", expression(one))
        });
        terms.collect::<Vec<_>>().join(", ")
    }
}

/// Returns the column or expression of a term.
pub(super) fn expression(term: &IndexedColumn) -> String {
    match &term.what {
        IndexedExpr::Column(name) => plain_name(name),
        IndexedExpr::Expression(sql) => sql.clone(),
        _ => "rowid".to_owned(),
    }
}

fn term(one: &IndexedColumn, table: &Table) -> String {
    let own = match &one.what {
        IndexedExpr::Column(name) => table.column(name).map_or("BINARY", |column| &column.collation),
        _ => "BINARY",
    };
    let collation = match same_name(own, &one.collation) {
        true => String::new(),
        false => format!(" COLLATE {}", plain_name(&one.collation)),
    };
    format!("{}{collation}{}", expression(one), if one.descending { " DESC" } else { "" })
}

/// The number of times that a plan uses an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// The lines that search by it.
    searches: usize,
    /// The lines that use it.
    uses: usize,
    /// The temporary b-trees of the plan.
    sorts: usize,
}

impl Usage {
    pub(super) fn of<'n>(nodes: impl Iterator<Item = &'n Node>, target: &Target<'_>) -> Usage {
        let mut usage = Usage::default();
        for node in nodes {
            usage.sorts += usize::from(node.sort_purpose().is_some());
            let is_used = node.access().is_some_and(|access| target.is_used_by(access));
            usage.uses += usize::from(is_used);
            usage.searches += usize::from(is_used && node.constraint().is_some());
        }
        usage
    }

    /// Returns true if rows are searched by the index, or come in its order.
    pub(super) fn is_use(&self) -> bool {
        self.searches > 0
    }

    /// Returns true if this plan makes more of the index than another: it searches by it, or sorts less because of it.
    pub(super) fn is_more_than(&self, base: &Usage) -> bool {
        self.searches > base.searches || (self.uses > 0 && self.sorts < base.sorts)
    }
}

/// The way that a plan is to take: an index, or the key that is the table itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) index: &'a str,
    /// The names by which a plan prints the table. Empty for an index.
    pub(super) key_of: &'a [String],
}

impl Target<'_> {
    fn is_used_by(&self, access: &Access) -> bool {
        let printed = access.alias.as_deref().unwrap_or(&access.name);
        match &access.path {
            AccessPath::Index { name, .. } => same_name(name, self.index) || name == TRIAL,
            AccessPath::Rowid | AccessPath::PrimaryKey => self.key_of.iter().any(|name| same_name(name, printed)),
            _ => false,
        }
    }
}

/// The name of a key that has no index, because it is the order of the table itself.
pub(super) const KEY: &str = "the primary key";

/// The name of an index that is tried.
pub(super) const TRIAL: &str = "sqlitmus_trial";

/// Empty copies of the tables that a statement names.
pub(super) struct Trials<'p> {
    values: &'p [Value],
    pub(super) schema: Schema,
    copy: SchemaCopy,
    /// The copy without statistics, if there are any.
    without_statistics: Option<SchemaCopy>,
    /// The number of plans that may still be made.
    left: Cell<usize>,
}

impl<'p> Trials<'p> {
    /// Returns `None` if the statement cannot be planned on a copy.
    pub(super) fn of(plan: &'p Plan, budget: usize) -> Option<Trials<'p>> {
        let mut catalog = plan.surroundings();
        let copy = catalog.empty_copy().ok()?;
        copy.prepare(&plan.sql).ok()?;
        let schema = Schema::read(&copy.connection).ok()?;
        let without_statistics = match catalog.statistics.is_empty() {
            true => None,
            false => {
                catalog.statistics = Default::default();
                catalog.empty_copy_for(&plan.sql).ok()
            }
        };
        Some(Trials { values: &plan.values, schema, copy, without_statistics, left: Cell::new(budget) })
    }

    /// Returns the use that a statement makes of an index, or of another that is created in its place.
    pub(super) fn usage(&self, sql: &str, target: &Target<'_>, create: Option<&str>) -> Option<Usage> {
        self.left.set(self.left.get().checked_sub(1)?);
        let connection = &self.copy.connection;
        let Some(create) = create else { return usage_on(&self.copy, sql, self.values, target) };
        connection.execute_batch("SAVEPOINT trial").ok()?;
        let created = connection.execute_batch(create).is_ok();
        let usage = created.then(|| usage_on(&self.copy, sql, self.values, target)).flatten();
        connection.execute_batch("ROLLBACK TO trial; RELEASE trial").ok()?;
        usage
    }

    /// Returns the use that the statement makes of the index without statistics. `None` if there are none.
    pub(super) fn usage_without_statistics(&self, sql: &str, target: &Target<'_>) -> Option<Usage> {
        usage_on(self.without_statistics.as_ref()?, sql, self.values, target)
    }
}

fn usage_on(copy: &SchemaCopy, sql: &str, values: &[Value], target: &Target<'_>) -> Option<Usage> {
    let mut statement = copy.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).ok()?;
    for (number, value) in (1..=statement.parameter_count()).zip(values) {
        statement.raw_bind_parameter(number, value).ok()?;
    }
    let mut rows = statement.raw_query();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().ok()? {
        lines.push(Row { id: row.get(0).ok()?, parent: row.get(1).ok()?, detail: row.get(3).ok()? });
    }
    let nodes = parse::nodes(&lines, Hints { indexes: &[target.index, TRIAL], old: parse::is_old_sqlite() });
    Some(Usage::of(nodes.iter(), target))
}
