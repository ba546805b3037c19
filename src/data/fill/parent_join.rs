//! Parents that agree, as one query: for a row whose parents were refused again and again, SQLite joins them by the columns
//! that the row shares between its keys, and leaves out the keys that exist already.

use rusqlite::Connection;

use crate::data::constraints::condition::ConditionKind;
use crate::data::fill::context::row_values;
use crate::data::fill::plan::table_plan::{How, Parent, Reference, TablePlan};
use crate::data::values::value_buf::ValueBuf;
use crate::draw::Draw;
use crate::sql::{plain_name, quote_identifier};

/// The parents of a row, and the columns that it takes from them.
pub(crate) struct ParentJoin {
    columns: Vec<usize>,
    sql: String,
    /// The keys whose columns all come from parents, or all foreign keys, if all parents are joined: without a row, they leave no room.
    pub(crate) keys: Option<String>,
}

/// The number of parents of each key that are joined.
const PARENTS: usize = 400;

/// The number of rows among which one is drawn.
const ROWS: usize = 512;

impl ParentJoin {
    /// `None` if no parents are chosen freely.
    pub(crate) fn of(plan: &TablePlan, plans: &[TablePlan]) -> Option<ParentJoin> {
        let is_joined = |reference: &&Reference| {
            matches!(reference.parent, Parent::Made { .. } | Parent::Existing { .. })
                && !reference.may_be_null
                && reference.pairs == 0
                && reference.columns.len() == reference.parent_columns.len()
        };
        if plan.references.iter().any(|reference| reference.per_parent.is_some()) {
            return None;
        }
        let joined: Vec<&Reference> = plan.references.iter().filter(is_joined).collect();
        let mut sources: Vec<(usize, String)> = Vec::new();
        let mut conditions = Vec::new();
        for (at, reference) in joined.iter().enumerate() {
            for (&column, name) in reference.columns.iter().zip(&reference.parent_columns) {
                let value = format!("parent_{at}.{}", quote_identifier(name));
                if let Some((_, other)) = sources.iter().find(|(known, _)| *known == column) {
                    conditions.push(format!("{value} = {other}"));
                    continue;
                }
                conditions.push(match &plan.columns[column].how {
                    How::Fixed(given) => format!("{value} = {}", given.sql_literal()),
                    _ => format!("{value} IS NOT NULL"),
                });
                sources.push((column, value));
            }
        }
        if sources.is_empty() {
            return None;
        }
        let name = |column: usize| quote_identifier(&plan.columns[column].name);
        let is_known = |column: &usize| sources.iter().any(|(known, _)| known == column);
        let table = quote_identifier(&plan.name);
        let mut outer: Vec<String> = plan
            .conditions
            .iter()
            .filter(|condition| condition.kind == ConditionKind::Check && condition.columns.iter().all(is_known))
            .map(|condition| format!("(({}\n) IS NOT FALSE)", condition.shown))
            .collect();
        let keys: Vec<_> = plan.keys.iter().filter(|key| key.is_plain() && key.columns.iter().all(is_known)).collect();
        for key in &keys {
            let same = key.columns.iter().map(|column| format!("other.{0} = {table}.{0}", name(*column)));
            let same = same.collect::<Vec<String>>().join(" AND ");
            outer.push(format!("NOT EXISTS (SELECT 1 FROM main.{} AS other WHERE {same})", plain_name(&plan.name)));
        }
        outer.push("TRUE".to_owned());
        let list = sources.iter().map(|(column, value)| format!("{value} AS {}", name(*column)));
        let list = list.collect::<Vec<String>>().join(", ");
        let parents = joined.iter().enumerate().map(|(at, reference)| {
            format!("(SELECT * FROM main.{} LIMIT {PARENTS}) AS parent_{at}", plain_name(&reference.parent_name))
        });
        let parents = parents.collect::<Vec<String>>().join(", ");
        let (inner, outer) = (conditions.join(" AND "), outer.join(" AND "));
        let is_whole = joined.iter().all(|reference| match &reference.parent {
            Parent::Made { plan, .. } => plans[*plan].start + plans[*plan].count <= PARENTS as u64,
            Parent::Existing { keys } => keys.len() <= PARENTS,
            Parent::Missing | Parent::Own { .. } | Parent::Later { .. } => false,
        });
        let shown: Vec<&str> = keys.iter().map(|key| key.shown.as_str()).collect();
        Some(ParentJoin {
            sql: format!(
                "SELECT * FROM (SELECT {list} FROM {parents} WHERE {inner}) AS {table} WHERE {outer} LIMIT {ROWS}"
            ),
            columns: sources.into_iter().map(|(column, _)| column).collect(),
            keys: is_whole.then(|| if shown.is_empty() { "its foreign keys".to_owned() } else { shown.join(", ") }),
        })
    }

    /// Returns the values of a row, by its columns. No values if there are no such parents, `None` if SQLite cannot tell.
    pub(crate) fn row(&self, connection: &Connection, draw: &mut Draw) -> Option<Vec<(usize, ValueBuf)>> {
        let mut statement = connection.prepare(&self.sql).ok()?;
        let rows = statement.query_map([], |row| row_values(row, self.columns.len())).ok()?;
        let mut rows: Vec<Vec<ValueBuf>> = rows.collect::<rusqlite::Result<_>>().ok()?;
        if rows.is_empty() {
            return Some(Vec::new());
        }
        let row = rows.swap_remove(draw.below(rows.len() as u64) as usize);
        Some(self.columns.iter().copied().zip(row).collect())
    }
}
