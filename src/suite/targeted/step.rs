//! The statements of a migration, one after the other.

use std::sync::Arc;

use super::demands::Reading;
use super::resolve::KnownTables;
use super::rows::RowMaker;
use super::scope::{Scope, View};
use super::scopes;
use crate::db::Scratch;
use crate::error::Result;
use crate::schema::{Schema, TriggerText};
use crate::sql::{Cursor, Name, Statement, Token, tokens};
use crate::suite::statements::{Effect, StatementEffect, statement_effects};
use crate::suite::versions::{UpgradeStep, VersionState, VersionedDatabases};

/// A database from before a migration with rows for its statements.
#[derive(Default)]
pub(crate) struct TargetedRows {
    /// None if the statements ask for no rows.
    pub(crate) database: Option<Scratch>,
    /// The statements that got no rows, by their places, and the rows that they ask for.
    pub(crate) unmet: Vec<(usize, String)>,
}

/// Makes rows for the statements of a migration in a database from before it, with the number of migrations that it has.
pub(crate) fn targeted_rows(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    source: (usize, &VersionState),
) -> Result<TargetedRows> {
    let statements = databases.migration(step.index).statements();
    let after = match &step.after {
        Some(after) => Arc::clone(&after.schema),
        None => databases.schema(step.index + 1)?,
    };
    rows_for(databases, (&statements, databases.effects(step.index), 0), source, &after)
}

/// Makes rows for the down script of a migration in a database from before its up.
pub(crate) fn rows_for_down(databases: &VersionedDatabases, step: &UpgradeStep) -> Result<Option<Scratch>> {
    let statements = databases.migration(step.index).round_trip();
    let effects = statement_effects(&statements);
    let first = databases.migration(step.index).statements().len();
    if !effects.iter().any(|effect| effect.statement >= first && is_change(&effect.effect)) {
        return Ok(None);
    }
    let rows = rows_for(databases, (&statements, &effects, first), (step.index, &step.before), &step.before.schema)?;
    Ok(rows.database)
}

fn is_change(effect: &Effect) -> bool {
    matches!(effect, Effect::Insert(_) | Effect::Update(_) | Effect::Delete(_))
}

/// Makes rows for the statements from `first` on. Those before them only rename things.
fn rows_for(
    databases: &VersionedDatabases,
    (statements, effects, first): (&[Statement<'_>], &[StatementEffect], usize),
    (count, source): (usize, &VersionState),
    after: &Schema,
) -> Result<TargetedRows> {
    let is_unique = |text: &str| tokens(text).get(1).is_some_and(|token| token.is("unique"));
    if !effects.iter().any(|effect| is_change(&effect.effect)) && !statements.iter().any(|it| is_unique(it.text)) {
        return Ok(TargetedRows::default());
    }
    let before: &Schema = &source.schema;
    let database = databases.open(&source.image)?;
    let is_filled = |table: &Name| is_filled_by_migrations(databases, count, table);
    let mut maker = RowMaker::new(&database, before, &databases.plan, &is_filled);
    let mut known = KnownTables::of(before, after, &databases.plan);
    let mut unmet = Vec::new();
    let mut views: Vec<View<'_>> = before.views.iter().filter_map(|view| view_of(&tokens(&view.sql))).collect();
    let triggers = before.tables.iter().flat_map(|table| &table.triggers);
    let mut triggers: Vec<&str> = triggers.map(|trigger| trigger.sql.as_str()).collect();
    for (at, statement) in statements.iter().enumerate() {
        let tokens = tokens(statement.text);
        let scopes = scopes::of_statement(&tokens, &views);
        if at >= first {
            make(&Reading { known: &known, scopes: &scopes }, &mut maker);
        }
        known.add_copies(&scopes);
        let of_statement = || effects.iter().filter(|effect| effect.statement == at).map(|effect| &effect.effect);
        for effect in of_statement().filter(|_| at >= first) {
            fired((effect, &scopes), &triggers, &known, &mut maker);
        }
        known.apply(of_statement());
        unmet.extend(maker.unmet.drain(..).map(|rows| (at, rows)));
        if statement.starts_with("CREATE") {
            views.extend(view_of(&tokens));
            triggers.push(statement.text);
        }
    }
    let is_made = maker.made > 0;
    drop(maker);
    databases.plan.break_cycles(&database, before);
    Ok(TargetedRows { database: is_made.then_some(database), unmet })
}

/// Returns true if the first migrations, this many of them, put rows into a table.
fn is_filled_by_migrations(databases: &VersionedDatabases, count: usize, table: &Name) -> bool {
    let rows = databases.empty_state(count).and_then(|state| databases.rows(&state));
    rows.is_ok_and(|rows| rows.table(table).is_some_and(|table| !table.rows.is_empty()))
}

fn make(reading: &Reading<'_, '_, '_>, maker: &mut RowMaker<'_>) {
    reading.make(maker);
    reading.make_for_sizes(maker);
    reading.make_for_fixed_keys(maker);
}

/// Makes rows for the triggers that a change fires. `scopes` are the queries of the statement that makes it.
fn fired(
    (effect, scopes): (&Effect, &[Scope<'_>]),
    triggers: &[&str],
    known: &KnownTables<'_>,
    maker: &mut RowMaker<'_>,
) {
    let (table, event) = match effect {
        Effect::Insert(table) => (table, "INSERT"),
        Effect::Delete(table) => (table, "DELETE"),
        Effect::Update(assignment) => (&assignment.table, "UPDATE"),
        _ => return,
    };
    for text in triggers.iter().filter_map(|trigger| TriggerText::of(trigger)) {
        let is_of_column = match effect {
            Effect::Update(it) => text.columns.is_empty() || text.columns.iter().any(|column| it.column == *column),
            _ => true,
        };
        if *table == text.table && text.event == event && is_of_column {
            let is_of_table = |scope: &&Scope<'_>| scope.changes.as_ref().is_some_and(|changed| changed == table);
            let scopes = scopes::of_trigger(table, &text, scopes.iter().find(is_of_table));
            let unmet = maker.unmet.len();
            make(&Reading { known, scopes: &scopes }, maker);
            // A column that no statement sets is the same in NEW and OLD: a condition that compares them is never met.
            if ["new", "old"].iter().all(|row| text.when.iter().any(|token| token.is(row))) {
                maker.unmet.truncate(unmet);
            }
        }
    }
}

/// Reads `CREATE VIEW name AS query`.
pub(super) fn view_of<'a>(statement: &[Token<'a>]) -> Option<View<'a>> {
    let mut cursor = Cursor::new(statement);
    cursor.take("create");
    while cursor.take("temp") || cursor.take("temporary") {}
    if !cursor.take("view") {
        return None;
    }
    while cursor.take("if") || cursor.take("not") || cursor.take("exists") {}
    let name = Name::from(cursor.object_name()?);
    cursor.group();
    let query = if cursor.take("as") { cursor.rest() } else { return None };
    Some(View { name, query: query.iter().filter(|token| !token.is_symbol(";")).copied().collect() })
}
