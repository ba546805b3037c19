//! A table as it will be filled: its columns, its keys, and the part of a row's number that each of them takes.

use rusqlite::types::Value;

use crate::data::constraints::condition::Condition;
use crate::data::constraints::derived::DerivedColumn;
use crate::data::constraints::expression;
use crate::data::constraints::group::ColumnGroup;
use crate::data::fill::context::{FillContext, first_number};
use crate::data::fill::options::Given;
use crate::data::fill::request::TableRequest;
use crate::data::relations::Relation;
use crate::data::script::Target;
use crate::data::values::source::Source;
use crate::data::values::value_buf::ValueBuf;
use crate::draw::named;
use crate::error::Result;
use crate::schema::references::column_names;
use crate::schema::{Column, IndexedColumn, IndexedExpr, Name, Table};

#[derive(Debug)]
pub(crate) struct TablePlan {
    /// Its place in the schema.
    pub(crate) table: usize,
    pub(crate) name: Name,
    /// The number of rows to make.
    pub(crate) count: u64,
    /// The number of rows that were requested.
    pub(crate) wanted: u64,
    /// True if fewer rows are an error.
    pub(crate) is_exact: bool,
    pub(crate) limit: Option<Limit>,
    /// The number of the first row, behind the existing rows.
    pub(crate) start: u64,
    /// The columns that are inserted, in the order of their declaration.
    pub(crate) columns: Vec<ColumnPlan>,
    pub(crate) groups: Vec<ColumnGroup>,
    pub(crate) references: Vec<Reference>,
    pub(crate) conditions: Vec<Condition>,
    /// Columns that follow from others of their row.
    pub(crate) derived: Vec<DerivedColumn>,
    /// Columns to which others refer and that cannot be made again from the row's number.
    pub(crate) kept: Vec<usize>,
    /// Columns to which earlier tables refer in a circle. Their values follow from the place of the row alone, whatever is
    /// refused.
    pub(crate) awaited: Vec<usize>,
    /// The labels of the first rows.
    pub(crate) labels: Vec<Label>,
    pub(crate) keys: Vec<UniqueKey>,
}

/// The label of a row, and the columns that the test sets in it.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) name: String,
    pub(crate) values: Vec<(usize, Value)>,
}

impl Label {
    /// Returns true if the test sets a column of this row, whatever it gives the others.
    pub(crate) fn sets(&self, column: usize) -> bool {
        self.values.iter().any(|(at, _)| *at == column)
    }
}

/// The most rows that a table can hold beside the existing ones, and the constraint that limits them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) rows: u64,
    pub(crate) because: String,
    /// True if there may be room for more, because only some of the values were found.
    pub(crate) is_guess: bool,
    /// The tables whose additional rows would raise the limit, by their places in the schema.
    pub(crate) parents: Vec<usize>,
}

#[derive(Debug)]
pub(crate) struct ColumnPlan {
    pub(crate) name: Name,
    /// The key of its draws, together with the number of the row.
    pub(crate) key: u64,
    pub(crate) nulls: u64,
    pub(crate) may_be_null: bool,
    pub(crate) place: Option<Place>,
    pub(crate) how: How,
    /// The values of the first rows, for children whose CHECKs allow no others.
    pub(crate) first: Vec<ValueBuf>,
    /// The column's declaration, if edge cases are wanted and no constraint forbids them.
    pub(crate) edge: Option<Column>,
    pub(crate) strict: bool,
    /// The columns of the first and the last name of the person whose address this is. They may be one.
    pub(crate) names: Option<[usize; 2]>,
}

/// The origin of the values of a column.
#[derive(Clone, Debug)]
pub(crate) enum How {
    /// One more than the last row's.
    Rowid {
        first: i64,
    },
    Source(Source),
    /// Made with its group.
    Group,
    /// A parent's key.
    Reference,
    /// The test gave it.
    Fixed(ValueBuf),
    /// A closure returns it, by its place in the options.
    With(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Reference {
    /// The columns here, by their places in the plan.
    pub(crate) columns: Vec<usize>,
    /// The name of the parent, and its columns.
    pub(crate) parent_name: Name,
    pub(crate) parent_columns: Vec<Name>,
    pub(crate) parent: Parent,
    pub(crate) key: u64,
    /// The percentage of rows that refer to nothing.
    pub(crate) nulls: u64,
    /// Takes a parent by the number of the row, so that rows differ.
    pub(crate) place: Option<Place>,
    /// The least and the most rows for each parent, if rows are made for each parent in turn.
    pub(crate) per_parent: Option<(u64, u64)>,
    /// The declaration as messages show it.
    pub(crate) shown: String,
    /// The columns that are NULL where a row refers to nothing.
    pub(crate) loose: Vec<usize>,
    /// True if there are such columns.
    pub(crate) may_be_null: bool,
    /// The columns that have their values before a parent is chosen: those of an earlier key, those that are given, and the
    /// tenant in a tree within each tenant.
    pub(crate) known: Vec<usize>,
    /// True if the parent's values replace those that are known, because everything known follows from them, or those of
    /// other keys, because the rows are a pair.
    pub(crate) overrules: bool,
    /// The number of first parents that satisfy a CHECK, if not all parents do.
    pub(crate) among: Option<u64>,
    /// The number of first parents that are used, so that rows belong together: products and orders of one tenant.
    pub(crate) gathered: Option<u64>,
    /// The number of first rows that refer to the one with their own place, which refers to them. Rows beyond those refer to
    /// nothing if they may.
    pub(crate) pairs: u64,
    /// True if the other row of the pair takes this value from here, and not the other way round.
    pub(crate) leads: bool,
}

/// The rows to which a foreign key refers.
#[derive(Clone, Debug)]
pub(crate) enum Parent {
    /// There are none.
    Missing,
    /// Rows of the table itself.
    Own { columns: Vec<usize> },
    /// Rows of an earlier table of this fill: the place of its plan, and its columns by their places there.
    Made { plan: usize, columns: Vec<usize> },
    /// Rows of a later table of this fill, by its place in the schema: a cycle.
    Later { table: usize },
    /// Rows that existed before.
    Existing { keys: Vec<Vec<ValueBuf>> },
}

impl Reference {
    /// Returns true if a row that refers to nothing has values in some of the columns.
    pub(crate) fn is_partly_null(&self) -> bool {
        self.loose.len() < self.columns.len()
    }

    /// Returns true if each row refers to the row of an earlier plan with its own place.
    pub(super) fn is_pair_of(&self, earlier: usize) -> bool {
        self.pairs > 0 && matches!(self.parent, Parent::Made { plan, .. } if plan == earlier)
    }

    /// Returns true if a column gets its value from this key alone.
    pub(crate) fn makes(&self, column: usize) -> bool {
        self.columns.contains(&column) && !self.known.contains(&column)
    }
}

impl TablePlan {
    /// Returns the columns of a row that are inserted.
    pub(crate) fn target(&self) -> Target {
        let columns = self.columns.iter().map(|column| column.name.to_string()).collect();
        Target { name: self.name.to_string(), columns }
    }

    /// Returns the place of a column.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == *name)
    }

    /// Returns true if rows refer to rows that come later. `at` is the place of this plan.
    pub(crate) fn refers_to_later(&self, at: usize) -> bool {
        let is_later = |parent: &Parent| matches!(parent, Parent::Made { plan, .. } if *plan > at);
        self.references.iter().any(|reference| reference.leads || is_later(&reference.parent))
    }

    /// Returns the number of first rows that belong together in pairs with those of a later table, by its place in the schema.
    pub(super) fn pairs_with(&self, later: usize) -> u64 {
        let refers_there = |of: &&Reference| matches!(of.parent, Parent::Later { table } if table == later);
        self.references.iter().filter(refers_there).map(|reference| reference.pairs).max().unwrap_or(0)
    }

    /// Returns true if a column of any row can be made again from the row's number alone.
    pub(crate) fn is_formula(&self, column: usize) -> bool {
        matches!(self.columns[column].how, How::Rowid { .. } | How::Source(_) | How::Fixed(_))
            && !self.derived.iter().any(|derived| derived.column == column)
            && !self.references.iter().any(|reference| reference.overrules && reference.columns.contains(&column))
            && !self.labels.iter().any(|label| label.sets(column))
    }

    /// Sets the limit if it is lower than the known one.
    pub(super) fn narrow(&mut self, limit: Limit) {
        if self.limit.as_ref().is_none_or(|known| limit.rows < known.rows) {
            self.limit = Some(limit);
        }
    }
}

/// The part of the row's number that a column takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    stride: u64,
    /// The number of values of the column.
    size: u64,
    /// The number of combinations.
    all: u64,
    multiplier: u64,
    /// True if rows beyond that have NULL here.
    null_beyond: bool,
    /// True if the number is taken unchanged.
    plain: bool,
    /// Added to the number, for a second column that must never have the value of the first.
    pub(super) shift: u64,
}

impl Place {
    pub(super) fn new(stride: u64, size: u64, all: u64, null_beyond: bool) -> Place {
        Place { stride, size, all, multiplier: multiplier(all) % all.max(2), null_beyond, plain: false, shift: 0 }
    }

    /// Returns the whole number as a place, for a source with room for it. `counts` takes the number unchanged.
    pub(super) fn whole(capacity: u64, counts: bool) -> Place {
        // Texts that show their number are easier to read in order.
        Place { plain: capacity > 1 << 40 || counts, ..Place::new(1, capacity, capacity, false) }
    }

    /// Returns true if rows differ by this column alone.
    pub(super) fn is_whole(&self) -> bool {
        self.size == self.all
    }

    /// Returns the column's part of a number. `None` is NULL.
    #[inline]
    pub(crate) fn of(&self, number: u64) -> Option<u64> {
        if self.plain {
            return Some(number);
        }
        if self.null_beyond && number >= self.all {
            return None;
        }
        // Each number below `all` is used once, in an order that looks random.
        let number = number.wrapping_add(self.shift) % self.all;
        let scattered = if self.all <= u64::from(u32::MAX) {
            number * self.multiplier % self.all
        } else {
            (u128::from(number) * u128::from(self.multiplier) % u128::from(self.all)) as u64
        };
        Some(scattered / self.stride % self.size)
    }
}

/// Returns a number that has no factor in common with `all`.
fn multiplier(all: u64) -> u64 {
    fn divisor(one: u64, two: u64) -> u64 {
        if two == 0 { one } else { divisor(two, one % two) }
    }
    // About the golden section, so that neighbors end up far apart.
    let mut candidate = (all as f64 * 0.618_033_988_75) as u64 | 1;
    while divisor(candidate, all.max(1)) != 1 {
        candidate += 1;
    }
    candidate.max(1)
}

/// Columns that must differ from row to row.
#[derive(Clone, Debug)]
pub(crate) struct UniqueKey {
    /// The declaration as messages show it.
    pub(crate) shown: String,
    /// Its columns, by their places in the plan, including those within expressions.
    pub(crate) columns: Vec<usize>,
    /// The columns of the WHERE of a partial index.
    pub(crate) under: Vec<usize>,
    /// The name of its index, which SQLite's messages show if it has expressions.
    pub(crate) index: Option<String>,
    pub(super) partial: bool,
    pub(super) has_expression: bool,
}

impl UniqueKey {
    /// Returns true if rows with other values in its columns never clash.
    pub(crate) fn is_plain(&self) -> bool {
        !self.partial && !self.has_expression && !self.columns.is_empty()
    }

    /// Returns the keys of a table whose columns have these names in the plan.
    pub(super) fn of_table(table: &Table, names: &[String]) -> Vec<UniqueKey> {
        let mut found = Vec::new();
        let primary = table.primary_key.iter().map(|key| ("PRIMARY KEY", key));
        for (what, key) in primary.chain(table.unique.iter().map(|key| ("UNIQUE", key))) {
            found.push(UniqueKey { index: key.index.clone(), ..UniqueKey::of(what, &key.terms, table, names) });
        }
        for index in table.indexes.iter().filter(|index| index.unique) {
            let mut key = UniqueKey::of(&format!("UNIQUE INDEX {}", index.name), &index.terms, table, names);
            key.index = Some(index.name.to_string());
            if let Some(condition) = &index.partial {
                expression::parse(condition, names).columns(&mut key.under);
                key.shown.push_str(&format!(" WHERE {condition}"));
                key.partial = true;
            }
            found.push(key);
        }
        found
    }

    fn of(what: &str, terms: &[IndexedColumn], table: &Table, names: &[String]) -> UniqueKey {
        let mut columns = Vec::new();
        let mut has_expression = false;
        let mut shown: Vec<&str> = Vec::new();
        let mut add_expression = |text: &str, columns: &mut Vec<usize>| {
            has_expression = true;
            expression::parse(text, names).columns(columns);
        };
        for term in terms {
            match &term.what {
                IndexedExpr::Column(name) => {
                    shown.push(name);
                    match names.iter().position(|own| name == own) {
                        Some(column) => columns.push(column),
                        // A generated column: the columns that it is made from have to differ.
                        None => {
                            let generated = table.column(name).and_then(|column| column.generated.as_ref());
                            add_expression(generated.map_or("", |generated| &generated.expression), &mut columns);
                        }
                    }
                }
                IndexedExpr::Rowid => {}
                IndexedExpr::Expression(text) => {
                    shown.push(text);
                    add_expression(text, &mut columns);
                }
            }
        }
        columns.dedup();
        UniqueKey {
            shown: format!("{what} ({})", shown.join(", ")),
            columns,
            under: Vec::new(),
            index: None,
            partial: false,
            has_expression,
        }
    }
}

/// Returns true if a column is part of a key, or may be part of one within an expression.
pub(super) fn is_keyed(table: &Table, name: &str) -> bool {
    let keys = table.primary_key.iter().chain(&table.unique).flat_map(|key| &key.terms);
    let indexes = table.indexes.iter().filter(|index| index.unique).flat_map(|index| &index.terms);
    keys.chain(indexes).any(|term| match &term.what {
        IndexedExpr::Column(column) => column == name,
        IndexedExpr::Expression(_) => true,
        IndexedExpr::Rowid => false,
    })
}

/// A table while it is planned, and the inputs of its plan.
pub(super) struct TableShape<'p> {
    pub(super) context: &'p FillContext<'p>,
    /// Its place in the schema.
    pub(super) at: usize,
    pub(super) table: &'p Table,
    pub(super) request: &'p TableRequest,
    /// The plans of the tables before it.
    pub(super) plans: &'p [TablePlan],
    /// The later tables, by their places in the schema.
    pub(super) later: &'p [usize],
    pub(super) seed: u64,
    /// The number of the first row.
    pub(super) start: u64,
    /// The columns that are inserted, in the order of their declaration.
    pub(super) columns: Vec<&'p Column>,
    pub(super) names: Vec<String>,
    /// For each column, true if SQLite accepts NULL.
    pub(super) may_be_null: Vec<bool>,
    /// The column that is the rowid.
    pub(super) rowid: Option<usize>,
    /// For each column the value or closure that the test gives. The last one counts.
    pub(super) fixed: Vec<Option<How>>,
}

impl<'p> TableShape<'p> {
    pub(super) fn new(
        context: &'p FillContext<'p>,
        at: usize,
        request: &'p TableRequest,
        plans: &'p [TablePlan],
        later: &'p [usize],
    ) -> Result<TableShape<'p>> {
        let table = &context.schema.tables[at];
        let is_inserted = |column: &&Column| column.generated.is_none() && !column.hidden;
        let columns: Vec<&Column> = table.columns.iter().filter(is_inserted).collect();
        let names: Vec<String> = columns.iter().map(|column| column.name.to_string()).collect();
        let rowid = table.primary_key.iter().filter(|key| key.is_rowid).flat_map(|key| column_names(&key.terms)).next();
        let rowid = rowid.and_then(|name| columns.iter().position(|column| column.name == *name));
        let mut shape = TableShape {
            context,
            at,
            table,
            request,
            plans,
            later,
            seed: named(context.options.seed, &table.name.to_ascii_lowercase()),
            start: first_number(context.connection, table)?,
            may_be_null: names.iter().map(|name| table.may_be_null(name)).collect(),
            rowid,
            fixed: vec![None; names.len()],
            columns,
            names,
        };
        for (column, index, given) in shape.given() {
            shape.fixed[column] = Some(match given {
                Given::Value(value) => How::Fixed(ValueBuf::from(value)),
                Given::Broken(_) | Given::With(_) => How::With(index),
            });
        }
        Ok(shape)
    }

    /// Returns the columns for which the test gives a value or closure, and its place in the options.
    pub(super) fn given(&self) -> Vec<(usize, usize, &'p Given)> {
        let of_table =
            self.context.options.given.iter().enumerate().filter(|(_, (table, ..))| *table == self.table.name);
        of_table.filter_map(|(index, (_, column, given))| Some((self.column(column)?, index, given))).collect()
    }

    /// Returns the labels of the first rows.
    pub(super) fn labels(&self) -> Vec<Label> {
        let of_label = |name: &String| {
            let set = self.context.options.on_labels.iter().filter(|(label, ..)| label == name);
            let values = set.filter_map(|(_, column, given)| match given {
                Given::Value(value) => Some((self.column(column)?, value.clone())),
                Given::Broken(_) | Given::With(_) => None,
            });
            Label { name: name.clone(), values: values.collect() }
        };
        self.request.labels.iter().map(of_label).collect()
    }

    pub(super) fn relations(&self) -> &'p [Relation] {
        &self.context.relations[self.at]
    }

    /// Returns the place of a column.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == *name)
    }

    /// Returns the places of columns. `None` if one of them is not inserted.
    pub(super) fn places(&self, names: &[Name]) -> Option<Vec<usize>> {
        names.iter().map(|name| self.column(name)).collect()
    }
}
