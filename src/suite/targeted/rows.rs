//! Makes rows that satisfy conditions.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::pool::search;
use crate::data::Fill;
use crate::schema::references::column_names;
use crate::schema::{Check, IndexedColumn, Schema, Table};
use crate::sql::{Name, owned, quote_identifier};
use crate::suite::rows::{RowPlan, full_unique_keys, insert_texts, is_full_text};

/// The most rows that are made for one migration, not counting those of a LIMIT.
const MOST: u64 = 150;

/// Makes rows in a copy of the database before a migration.
pub(super) struct RowMaker<'a> {
    pub(super) connection: &'a Connection,
    /// The schema before the migration. The conditions of a row are added as CHECKs while it is made.
    schema: Schema,
    plan: &'a RowPlan,
    is_filled_by_migrations: &'a dyn Fn(&Name) -> bool,
    attempts: u64,
    pub(super) made: u64,
    /// Conditions that no row was found for.
    pub(super) unmet: Vec<String>,
    /// The conditions by which earlier statements copy rows, with their tables.
    pub(super) copied: Vec<(Name, Vec<String>)>,
}

/// A row to make: conditions that are true of it, and values that it has.
#[derive(Clone, Default)]
pub(super) struct RowRequest {
    pub(super) conditions: Vec<String>,
    pub(super) values: Vec<(Name, Value)>,
    /// Rows of other tables that it has to find by these columns.
    pub(super) partners: Vec<Partner>,
}

/// A row of another table that a row is joined with.
#[derive(Clone)]
pub(super) struct Partner {
    pub(super) columns: Vec<Name>,
    pub(super) table: Name,
    /// The columns of the other table.
    pub(super) of: Vec<Name>,
    pub(super) rows: RowRequest,
}

impl RowRequest {
    pub(super) fn of(conditions: &[String]) -> RowRequest {
        RowRequest { conditions: conditions.to_vec(), ..RowRequest::default() }
    }

    pub(super) fn and(&self, condition: String) -> RowRequest {
        let mut request = self.clone();
        request.conditions.push(condition);
        request
    }

    pub(super) fn with(&self, column: &Name, value: Value) -> RowRequest {
        let mut request = self.clone();
        request.values.push((column.clone(), value));
        request
    }

    /// Returns the conditions as one.
    pub(super) fn all_conditions(&self) -> String {
        let own = self.conditions.iter().map(|it| format!("({it})"));
        let all: Vec<String> = own.chain(self.partners.iter().map(Partner::condition)).collect();
        if all.is_empty() { String::from("1") } else { all.join(" AND ") }
    }

    /// Returns the condition of WHERE. The values are its parameters.
    fn filter(&self) -> String {
        let values = self.values.iter().enumerate();
        let values = values.map(|(at, (column, _))| format!("{} IS ?{}", quote_identifier(column), at + 1));
        std::iter::once(self.all_conditions()).chain(values).collect::<Vec<_>>().join(" AND ")
    }
}

impl Partner {
    fn condition(&self) -> String {
        let list = |names: &[Name]| names.iter().map(|name| quote_identifier(name)).collect::<Vec<_>>().join(", ");
        let (columns, of, table) = (list(&self.columns), list(&self.of), quote_identifier(&self.table));
        format!("({columns}) IN (SELECT {of} FROM {table} WHERE {})", self.rows.all_conditions())
    }
}

impl<'a> RowMaker<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        schema: &Schema,
        plan: &'a RowPlan,
        is_filled_by_migrations: &'a dyn Fn(&Name) -> bool,
    ) -> RowMaker<'a> {
        RowMaker {
            connection,
            schema: schema.clone(),
            plan,
            is_filled_by_migrations,
            attempts: 0,
            made: 0,
            unmet: Vec::new(),
            copied: Vec::new(),
        }
    }

    /// Returns true if migrations before this one have put rows into the table.
    pub(super) fn is_filled_by_migrations(&self, table: &Table) -> bool {
        (self.is_filled_by_migrations)(&table.name)
    }

    /// Makes rows until there are `rows` of them. Returns true if there are.
    pub(super) fn ensure(&mut self, table: &Table, request: &RowRequest, rows: u64) -> bool {
        let known = self.count(table, request, rows);
        let Some(known) = known else { return false };
        let has_all = |maker: &RowMaker<'_>| maker.count(table, request, rows).is_some_and(|count| count >= rows);
        // A condition that the solver does not understand may be false of the rows, which only SQLite knows.
        if known >= rows || (self.make(table, request, rows - known) && has_all(self)) {
            return true;
        }
        // It may be simple nevertheless.
        let Some(values) = search(table, &request.conditions, self.connection) else { return false };
        let is_free = |(column, _): &(Name, Value)| !is_unique(table, std::slice::from_ref(column));
        let fixed = values.into_iter().filter(|value| rows - known == 1 || is_free(value));
        let given = request.values.iter().cloned().chain(fixed).collect();
        let found = RowRequest { conditions: Vec::new(), values: given, partners: request.partners.clone() };
        self.make(table, &found, rows - known) && has_all(self)
    }

    /// Returns the number of rows, at most `most`. `None` if SQLite cannot evaluate the conditions.
    fn count(&self, table: &Table, request: &RowRequest, most: u64) -> Option<u64> {
        let (name, filter) = (quote_identifier(&table.name), request.filter());
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {name} WHERE {filter} LIMIT {most})");
        let values = request.values.iter().map(|(_, value)| value);
        let count = self.connection.query_row(&sql, params_from_iter(values), |row| row.get::<_, i64>(0));
        count.ok().and_then(|count| u64::try_from(count).ok())
    }

    /// Returns the values of columns in a row that satisfies the conditions and has a value in each. `None` if there is none.
    pub(super) fn values(&self, table: &Table, request: &RowRequest, columns: &[Name]) -> Option<Vec<Value>> {
        let quoted: Vec<String> = columns.iter().map(|column| quote_identifier(column)).collect();
        let (list, name, filter) = (quoted.join(", "), quote_identifier(&table.name), request.filter());
        let all = quoted.iter().map(|column| format!(" AND {column} IS NOT NULL")).collect::<String>();
        let sql = format!("SELECT {list} FROM {name} WHERE {filter}{all} LIMIT 1");
        let values = params_from_iter(request.values.iter().map(|(_, value)| value));
        self.connection
            .query_row(&sql, values, |row| (0..columns.len()).map(|at| row.get_ref(at).map(owned)).collect())
            .ok()
    }

    /// Returns the value of an expression in a row that satisfies the conditions. `None` if there is no row.
    pub(super) fn value(&self, table: &Table, request: &RowRequest, expression: &str) -> Option<Value> {
        let (name, filter) = (quote_identifier(&table.name), request.filter());
        let sql = format!("SELECT {expression} FROM {name} WHERE {filter} AND ({expression}) IS NOT NULL LIMIT 1");
        let values = request.values.iter().map(|(_, value)| value);
        self.connection.query_row(&sql, params_from_iter(values), |row| row.get_ref(0).map(owned)).ok()
    }

    /// Returns the result of an aggregate function over the rows that satisfy the conditions.
    pub(super) fn extreme(&self, table: &Table, request: &RowRequest, aggregate: &str) -> Option<i64> {
        let sql =
            format!("SELECT {aggregate} FROM {} WHERE {}", quote_identifier(&table.name), request.all_conditions());
        self.connection.query_row(&sql, [], |row| row.get(0)).ok().flatten()
    }

    /// Returns the other tables that refer to this one.
    pub(super) fn referring(&self, table: &Table) -> Vec<Table> {
        let refers =
            |other: &&Table| other.name != table.name && other.foreign_keys.iter().any(|key| table.name == key.parent);
        self.schema.tables.iter().filter(refers).cloned().collect()
    }

    /// Returns the values by which a row finds its partners, which are made if there are none.
    fn found_by(&mut self, partners: &[Partner]) -> Option<Vec<(Name, Value)>> {
        let mut found = Vec::new();
        for partner in partners {
            let table = self.schema.table(&partner.table)?.clone();
            if !self.ensure(&table, &partner.rows, 1) {
                return None;
            }
            let values = self.values(&table, &partner.rows, &partner.of)?;
            found.extend(partner.columns.iter().cloned().zip(values));
        }
        Some(found)
    }

    /// Inserts rows, with their parents.
    pub(super) fn make(&mut self, table: &Table, request: &RowRequest, rows: u64) -> bool {
        let Some(found) = self.found_by(&request.partners) else { return false };
        let Some(at) = self.schema.tables.iter().position(|known| known.name == table.name) else { return false };
        if self.attempts >= MOST {
            return false;
        }
        self.attempts += 1;
        if is_full_text(table) {
            let is_made = request.conditions.is_empty() && insert_texts(self.connection, table, rows, &request.values);
            self.made += u64::from(is_made);
            return is_made;
        }
        let declared = self.schema.tables[at].checks.len();
        let check = |condition: &String| Check { name: None, expression: condition.clone(), column: None };
        self.schema.tables[at].checks.extend(request.conditions.iter().map(check));
        let is_named = |column: &str| {
            let names =
                |text: &String| crate::sql::tokens(text).iter().any(|it| it.name().is_some_and(|it| *column == it));
            request.conditions.iter().any(names) || request.values.iter().any(|(name, _)| name == column)
        };
        let seed = self.plan.seed.wrapping_add(self.attempts << 32);
        let mut fill =
            self.plan.with_given(Fill::seed(seed).null_rate(0).existing_parents(), &self.schema, |other, column| {
                other.name == table.name && is_named(column)
            });
        let is_given = |column: &Name| request.values.iter().any(|(name, _)| name == column);
        for (column, value) in request.values.iter().chain(found.iter().filter(|(column, _)| !is_given(column))) {
            fill = fill.set(&table.name, column, value.clone());
        }
        let filled = fill.rows(&table.name, rows).insert_into(self.connection, &self.schema);
        self.schema.tables[at].checks.truncate(declared);
        self.made += u64::from(filled.is_ok());
        filled.is_ok()
    }
}

/// Returns true if no two rows can be equal in these columns.
pub(super) fn is_unique(table: &Table, columns: &[Name]) -> bool {
    full_unique_keys(table).any(|terms| is_within(terms, columns))
}

/// Returns a request for rows outside of the partial indexes that tell rows apart by these columns.
pub(super) fn outside_of_partial_keys(table: &Table, columns: &[Name], rows: &RowRequest) -> Option<RowRequest> {
    let indexes = table.indexes.iter().filter(|index| index.unique && is_within(&index.terms, columns));
    let conditions = indexes.filter_map(|index| index.partial.as_ref());
    let outside = conditions.map(|condition| format!("({condition}) IS NOT TRUE"));
    outside.fold(None, |found, condition| Some(found.unwrap_or_else(|| rows.clone()).and(condition)))
}

/// Returns true if a key has no terms but some of these columns.
fn is_within(terms: &[IndexedColumn], columns: &[Name]) -> bool {
    let names = column_names(terms);
    names.len() == terms.len() && names.iter().all(|name| columns.iter().any(|column| column == name))
}
