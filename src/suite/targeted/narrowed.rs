//! The schema before a migration with what the tables after it demand: a row that it accepts is one that the migration can take
//! over.

use super::conditions::Tokens;
use super::demands::columns_written;
use super::resolve::{KnownTables, without_alias};
use super::scope::Scope;
use super::scopes;
use super::step::view_of;
use crate::schema::{Affinity, Check, Column, IndexedColumn, IndexedExpr, Key, Schema, Table};
use crate::sql::{Name, quote_identifier, tokens};
use crate::suite::rows::unique_keys;
use crate::suite::statements::{Effect, Renames, StatementEffect};
use crate::suite::versions::VersionedDatabases;

/// A table before a migration, one after it that takes over its rows, and the names of the same columns in both.
struct Taken<'s> {
    table: Name,
    by: &'s Table,
    columns: Vec<(Name, Name)>,
}

/// Returns the schema before a migration with the constraints of the tables that take over its rows.
pub(super) fn narrowed(databases: &VersionedDatabases, index: usize, before: &Schema, after: &Schema) -> Schema {
    let effects = databases.effects(index);
    let renames = Renames::of_schema(before, effects);
    let mut all = copies(databases, index, before, after);
    for table in &before.tables {
        let Some(same) = renames.successor(&table.name).filter(|same| !same.is_recreated) else { continue };
        let Some(by) = after.table(same.name) else { continue };
        let column = |column: &Column| (column.name.clone(), renames.column_after(&table.name, &column.name).clone());
        all.push(Taken { table: table.name.clone(), by, columns: table.columns.iter().map(column).collect() });
    }
    let mut narrowed = before.clone();
    for taken in &all {
        if let Some(at) = narrowed.tables.iter().position(|table| table.name == taken.table) {
            taken.narrow(&mut narrowed.tables[at]);
            taken.refer(&mut narrowed, at);
        }
    }
    narrowed
}

/// Returns the tables into which the migration copies others.
fn copies<'s>(databases: &VersionedDatabases, index: usize, before: &'s Schema, after: &'s Schema) -> Vec<Taken<'s>> {
    let effects = databases.effects(index);
    let mut known = KnownTables::of(before, after, &databases.plan);
    let mut views: Vec<_> = before.views.iter().filter_map(|view| view_of(&tokens(&view.sql))).collect();
    let statements = databases.migration(index).statements();
    let mut found = Vec::new();
    for (at, statement) in statements.iter().enumerate() {
        let tokens = tokens(statement.text);
        let scopes = scopes::of_statement(&tokens, &views);
        if !statement.starts_with("CREATE") {
            found.extend((0..scopes.len()).filter_map(|scope| copied(&known, (&scopes, scope), (at, effects), after)));
        }
        known.add_copies(&scopes);
        known.apply(effects.iter().filter(|effect| effect.statement == at).map(|effect| &effect.effect));
        if statement.starts_with("CREATE") {
            views.extend(view_of(&tokens));
        }
    }
    found
}

/// Returns the table into which a query is copied.
fn copied<'s>(
    known: &KnownTables<'s>,
    (scopes, scope): (&[Scope<'_>], usize),
    (statement, effects): (usize, &[StatementEffect]),
    after: &'s Schema,
) -> Option<Taken<'s>> {
    let target = scopes[scope].target.as_ref()?;
    let later = effects.iter().filter(|effect| effect.statement > statement);
    let name = later.fold(&target.table, |name, effect| match &effect.effect {
        Effect::RenameTable { table, to } if table == name => to,
        _ => name,
    });
    let by = after.table(name)?;
    let results = known.results(scopes, scope);
    let source = results.iter().flatten().next()?.clone();
    // Of what a function makes of one column, most is accepted where the column is: `trim(name)`, `coalesce(name, '')`.
    let made_of = |at: usize| {
        let results = &scopes[scope].results;
        let local = known.local(scopes, scope, without_alias(results.get(at).filter(|_| !has_star(results))?))?;
        (local.source == source.source && local.columns.len() == 1).then(|| local.columns[0].clone())
    };
    let pairs = columns_written(target, by).into_iter().zip(results).enumerate();
    let pairs = pairs.filter_map(|(at, (name, result))| match result {
        Some(result) => (result.source == source.source).then_some((result.column, name)),
        None => made_of(at).map(|column| (column, name)),
    });
    Some(Taken { table: source.table.name.clone(), by, columns: pairs.collect() })
}

fn has_star(results: &[Tokens<'_>]) -> bool {
    results.iter().any(|result| result.last().is_some_and(|token| token.is_symbol("*")))
}

impl Taken<'_> {
    fn narrow(&self, table: &mut Table) {
        for (was, is) in &self.columns {
            let Some(is) = self.by.column(is) else { continue };
            let Some(column) = table.columns.iter_mut().find(|column| column.name == *was) else { continue };
            column.not_null |= is.not_null;
            let is_any_text = column.affinity == Affinity::Integer && is.affinity == Affinity::Text;
            if self.by.strict && is.affinity != Affinity::Any && !is_any_text {
                column.declared_type.clone_from(&is.declared_type);
                column.affinity = is.affinity;
            }
        }
        for check in &self.by.checks {
            let Some(expression) = self.as_before(&check.expression) else { continue };
            if !table.checks.iter().any(|known| known.expression == check.expression) {
                table.checks.push(Check { name: None, expression, column: None });
            }
        }
        for terms in unique_keys(self.by) {
            let terms: Option<Vec<IndexedColumn>> = terms.iter().map(|term| self.term(term)).collect();
            let Some(terms) = terms.filter(|terms| !unique_keys(table).any(|known| known == terms)) else { continue };
            table.unique.push(Key { name: None, terms, index: None, is_rowid: false, on_conflict: None });
        }
    }

    /// Adds the foreign keys whose parents are there before the migration.
    fn refer(&self, schema: &mut Schema, at: usize) {
        for key in &self.by.foreign_keys {
            let columns: Option<Vec<Name>> = key.columns.iter().map(|column| self.name_before(column)).collect();
            let Some(columns) = columns else { continue };
            let has_columns = |parent: &Table| {
                let mut names = key.parent_columns.iter().flatten();
                parent.primary_key.is_some() && names.all(|name| parent.column(name).is_some())
            };
            let is_known = schema.tables[at].foreign_keys.iter().any(|known| known.columns == columns);
            if !is_known && schema.table(&key.parent).is_some_and(has_columns) {
                let mut key = key.clone();
                key.columns = columns;
                schema.tables[at].foreign_keys.push(key);
            }
        }
    }

    fn name_before(&self, after: &str) -> Option<Name> {
        self.columns.iter().find(|(_, is)| is == after).map(|(was, _)| was.clone())
    }

    fn term(&self, term: &IndexedColumn) -> Option<IndexedColumn> {
        let mut term = term.clone();
        term.what = match &term.what {
            IndexedExpr::Column(column) => IndexedExpr::Column(self.name_before(column)?),
            IndexedExpr::Rowid => IndexedExpr::Rowid,
            IndexedExpr::Expression(expression) => IndexedExpr::Expression(self.as_before(expression)?),
        };
        Some(term)
    }

    /// Returns an expression with the names that the columns have before the migration. None if it names a column that is new.
    fn as_before(&self, expression: &str) -> Option<String> {
        let mut text = String::new();
        let mut end = 0;
        for token in tokens(expression) {
            let column = token.name().and_then(|name| self.by.column(&name));
            text.push_str(&expression[end..token.start]);
            match column {
                Some(column) => text.push_str(&quote_identifier(&self.name_before(&column.name)?)),
                None => text.push_str(token.text),
            }
            end = token.start + token.text.len();
        }
        Some(text + &expression[end..])
    }
}
