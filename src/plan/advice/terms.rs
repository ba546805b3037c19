//! The terms that are worth trying in an index, taken from the words of a statement.

use super::candidate::Term;
use super::reader::{Reader, is_rowid};
use crate::plan::query_plan::Plan;
use crate::plan::tree::Origin;
use crate::schema::{Affinity, Column, IndexedColumn, IndexedExpr, Schema, Table, TableKind};
use crate::sql::{Name, Token, same_name, tokens};

/// The terms that are worth trying on a table.
#[derive(Debug)]
pub(super) struct TableTerms {
    pub(super) table: Name,
    /// Terms by which rows may be searched, in the order of the statement.
    pub(super) singles: Vec<Term>,
    /// Orders in which the statement may need the rows. Empty for the order of the rowid, which is that of the rows that an
    /// index finds for one value.
    pub(super) orders: Vec<Vec<Term>>,
}

/// Returns the terms of each table of a plan.
pub(super) fn of_plan(plan: &Plan, schema: &Schema) -> Vec<TableTerms> {
    let texts = texts(plan, schema);
    let texts: Vec<Vec<Token<'_>>> = texts.iter().map(|text| tokens(text)).collect();
    let mut tables: Vec<&Table> = Vec::new();
    for table in plan.all().filter_map(|node| schema.table(node.table.as_deref()?)) {
        // Among few rows, SQLite scans for what it would search among many, with or without an index.
        let has_few_rows = plan.catalog.few_rows(&table.name).is_some();
        let is_known = tables.iter().any(|known| known.name == table.name);
        if table.kind == TableKind::Ordinary && !has_few_rows && !is_known {
            tables.push(table);
        }
    }
    let statement = Statement { writes: writes(&texts[0]), collations: collations(&texts, &tables), texts };
    tables.iter().map(|table| statement.terms_of(table)).collect()
}

/// Returns the statement, the views that it reads, and the triggers that it sets off.
fn texts<'a>(plan: &'a Plan, schema: &'a Schema) -> Vec<&'a str> {
    let mut texts = vec![plan.sql()];
    let mut at = 0;
    while at < texts.len() {
        let names: Vec<Name> = tokens(texts[at]).iter().filter_map(Token::name).map(Name::from).collect();
        for view in schema.views.iter().filter(|view| names.contains(&view.name)) {
            if !texts.contains(&view.sql.as_str()) {
                texts.push(&view.sql);
            }
        }
        if at == 0 {
            let triggers = plan.effects().iter().filter_map(|effect| match &effect.origin {
                Origin::Trigger(name) => plan.catalog.objects.iter().find(|o| o.kind == "trigger" && o.name == *name),
                _ => None,
            });
            for sql in triggers.filter_map(|trigger| trigger.sql.as_deref()) {
                if !texts.contains(&sql) {
                    texts.push(sql);
                }
            }
        }
        at += 1;
    }
    texts
}

fn writes(statement: &[Token<'_>]) -> bool {
    statement.iter().any(|token| ["delete", "update", "replace", "insert"].iter().any(|word| token.is(word)))
}

/// Returns the collations in which the statement may compare texts.
fn collations(texts: &[Vec<Token<'_>>], tables: &[&Table]) -> Vec<Name> {
    let mut found: Vec<Name> = Vec::new();
    let mut add = |name: Name| {
        if !found.contains(&name) {
            found.push(name);
        }
    };
    for text in texts {
        for (at, token) in text.iter().enumerate() {
            if token.is("collate") {
                text.get(at + 1).and_then(Token::name).into_iter().for_each(|name| add(name.into()));
            } else if token.is("like") {
                add("NOCASE".into());
            } else if token.is("glob") {
                add("BINARY".into());
            }
        }
    }
    for column in tables.iter().flat_map(|table| &table.columns) {
        if !same_name(&column.collation, "BINARY") {
            add(Name::from(&column.collation));
            add("BINARY".into());
        }
    }
    found
}

/// The tokens of a statement, of its views and of its triggers.
struct Statement<'a> {
    texts: Vec<Vec<Token<'a>>>,
    collations: Vec<Name>,
    writes: bool,
}

impl Statement<'_> {
    fn terms_of(&self, table: &Table) -> TableTerms {
        let reader = Reader { table };
        let mut singles: Vec<Term> = Vec::new();
        let mut orders: Vec<Vec<Term>> = Vec::new();
        let columns = self.columns_of(table).into_iter().flat_map(|column| self.terms_of_column(column));
        let operands = self.texts.iter().flat_map(|text| reader.operands(text));
        for term in columns.chain(operands) {
            if !singles.iter().any(|known| known.is(&term)) && !starts_an_index(table, &term) {
                singles.push(term);
            }
        }
        for order in self.texts.iter().flat_map(|text| reader.orders(text)) {
            if !orders.contains(&order) {
                orders.push(order);
            }
        }
        TableTerms { table: table.name.clone(), singles, orders }
    }

    /// Returns the columns of a table that the statement names, or looks up for a foreign key.
    fn columns_of<'t>(&self, table: &'t Table) -> Vec<&'t Column> {
        let mut columns: Vec<&Column> = Vec::new();
        for text in &self.texts {
            columns.extend(text.iter().filter_map(|token| table.column(&token.name()?)));
            if text.iter().any(|token| token.is("natural")) {
                columns.extend(&table.columns);
            }
        }
        if self.writes {
            let keys = table.foreign_keys.iter().flat_map(|key| &key.columns);
            columns.extend(keys.filter_map(|name| table.column(name)));
        }
        columns.retain(|column| !is_rowid(table, column));
        columns
    }

    /// Returns a column in its own collation, then in those in which the statement may compare it.
    fn terms_of_column(&self, column: &Column) -> Vec<Term> {
        let is_textual = matches!(column.affinity, Affinity::Text | Affinity::Blob | Affinity::Any);
        let others = self.collations.iter().filter(|name| is_textual && **name != column.collation);
        let collated = others.map(|collation| Term::collated(column, collation));
        std::iter::once(Term::column(column)).chain(collated).collect()
    }
}

/// Returns true if an index or a key starts with the term already, so that another would be of no more use.
fn starts_an_index(table: &Table, term: &Term) -> bool {
    let Some(column) = term.column.as_deref().and_then(|name| table.column(name)) else { return false };
    let is_it = |first: &IndexedColumn| {
        let same = match same_name(&first.collation, &column.collation) {
            true => Term::column(column),
            false => Term::collated(column, &first.collation),
        };
        matches!(&first.what, IndexedExpr::Column(name) if *name == column.name) && same.is(term)
    };
    let indexes = table.indexes.iter().filter(|index| index.partial.is_none()).map(|index| &index.terms);
    let keys = table.primary_key.iter().chain(&table.unique).map(|key| &key.terms);
    indexes.chain(keys).any(|terms| terms.first().is_some_and(is_it))
}
