//! The keys of a table: PRIMARY KEY, UNIQUE and unique indexes.

use crate::data::constraints::expression;
use crate::schema::{IndexedColumn, IndexedExpr, Table};

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
    /// Returns the keys of a table whose columns have these names in the plan.
    pub(super) fn of_table(table: &Table, names: &[String]) -> Vec<UniqueKey> {
        let mut found = Vec::new();
        if let Some(key) = &table.primary_key {
            found
                .push(UniqueKey { index: key.index.clone(), ..UniqueKey::of("PRIMARY KEY", &key.terms, table, names) });
        }
        for key in &table.unique {
            found.push(UniqueKey { index: key.index.clone(), ..UniqueKey::of("UNIQUE", &key.terms, table, names) });
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
