//! Where and on what a migration stops.

use super::databases::VersionedDatabases;
use crate::error::{Error, Refusal};
use crate::order::Order as _;
use crate::schema::Schema;
use crate::sql::{Cursor, Statement, Token, tokens};
use crate::suite::statements::{Effect, StatementEffect, renamed_before_drop};

/// The place at which a migration stops, and the reason.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stop {
    /// The place of the statement in the migration; their number for what comes after them, such as the COMMIT.
    pub(super) statement: usize,
    code: Option<i32>,
    object: Option<(String, String)>,
}

impl Stop {
    pub(super) fn of(error: &Error, statements: &[Statement<'_>]) -> Stop {
        let statement = failed_statement(error, statements);
        Stop { statement, code: error.sqlite_code(), object: violated(error) }
    }

    /// Returns true if a migration that stops here got further than one that stops there: to a later statement, or to
    /// another reason in the same one.
    pub(super) fn is_beyond(&self, other: &Stop) -> bool {
        self.statement > other.statement || (self.statement == other.statement && self != other)
    }

    /// Returns the tables whose rows may be to blame, by their places in the schema before the migration. If the first ones
    /// are not, then the next ones are.
    pub(super) fn suspects(
        &self,
        schema: &Schema,
        statements: &[Statement<'_>],
        effects: &[StatementEffect],
    ) -> Vec<Vec<usize>> {
        let place = |name: &str| {
            // The name that it had before the migration renamed it.
            let renames = effects.iter().filter(|effect| effect.statement < self.statement).rev();
            let earlier = renames.fold(name, |name, effect| match &effect.effect {
                Effect::RenameTable { table, to } if to == name => table,
                _ => name,
            });
            schema.tables.iter().position(|table| table.name == earlier)
        };
        let of_object = self.object.iter().filter_map(|(table, _)| place(table)).collect();
        let text = statements.get(self.statement).map_or("", |statement| statement.text);
        let mut of_statement: Vec<usize> =
            tokens(text).iter().filter_map(Token::name).filter_map(|name| place(&name)).collect();
        of_statement.order();
        of_statement.dedup();
        let all = (0..schema.tables.len()).collect();
        let mut suspects: Vec<Vec<usize>> = vec![of_object, of_statement, all];
        suspects.dedup();
        suspects
    }
}

/// Returns the place of the statement that failed, or the number of statements if it was none of them.
fn failed_statement(error: &Error, statements: &[Statement<'_>]) -> usize {
    let place = error.sql_text().and_then(|text| statements.iter().position(|statement| statement.text == text));
    place.unwrap_or(statements.len())
}

/// Returns the columns that a row violates as SQLite names them, `table.column` or `table.one, other`. If SQLite names none,
/// returns the table that the statement changes; at the COMMIT, one that the migration drops; `*` if there is none. The table
/// has its name after the migration.
pub(crate) fn refused_object(databases: &VersionedDatabases, index: usize, error: &Error) -> String {
    let statements = databases.migration(index).statements();
    let failed = failed_statement(error, &statements);
    let effects = databases.effects(index);
    let dropped = |effect: &StatementEffect| match &effect.effect {
        Effect::DropTable(table) => Some(renamed_before_drop(effects, table).unwrap_or(table).to_string()),
        _ => None,
    };
    let of_statement = || match statements.get(failed) {
        Some(statement) => changed_table(statement.text),
        None => effects.iter().find_map(dropped),
    };
    let (table, columns) = match violated(error) {
        Some((table, columns)) => (table, Some(columns)),
        None => match of_statement() {
            Some(table) => (table, None),
            None => return String::from("*"),
        },
    };
    let renames = databases.effects(index).iter().filter(|effect| effect.statement > failed);
    // A table that is being rebuilt has a name of its own for a while.
    let last = renames.fold(table.as_str(), |name, effect| match &effect.effect {
        Effect::RenameTable { table, to } if table == name => to,
        _ => name,
    });
    match columns {
        Some(columns) => format!("{last}.{columns}"),
        None => last.to_owned(),
    }
}

/// Returns the table that a statement changes.
fn changed_table(statement: &str) -> Option<String> {
    let tokens = tokens(statement);
    let mut cursor = Cursor::new(&tokens);
    let is_verb = |token: &Token<'_>| {
        ["alter", "create", "drop", "insert", "replace", "update", "delete"].iter().any(|verb| token.is(verb))
    };
    cursor.skip_to(is_verb);
    let verb = cursor.next()?;
    let is_before_name = |token: &Token<'_>| match verb.text.to_ascii_lowercase().as_str() {
        "create" => token.is("on"),
        "insert" | "replace" => token.is("into"),
        "delete" => token.is("from"),
        _ => token.is("table"),
    };
    if verb.is("update") {
        if cursor.take("or") {
            cursor.next();
        }
        return cursor.object_name();
    }
    cursor.skip_to(is_before_name);
    cursor.next();
    while cursor.take("if") || cursor.take("exists") {}
    cursor.object_name()
}

/// Returns the table and the columns that SQLite names.
fn violated(error: &Error) -> Option<(String, String)> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref::<rusqlite::Error>().and_then(Refusal::of) {
            let (_, objects) = match refusal.message.split_once(" constraint failed: ") {
                Some(named) => named,
                // `cannot store TEXT value in INTEGER column table.column`
                None => refusal.message.strip_prefix("cannot store ")?.split_once(" column ")?,
            };
            let (table, column) = objects.split(", ").next()?.split_once('.')?;
            // A key of several columns has all of them: `t.a, t.b`.
            let others = objects.split(", ").skip(1).filter_map(|object| object.split_once('.'));
            let columns: Vec<&str> = std::iter::once(column).chain(others.map(|(_, column)| column)).collect();
            return Some((table.to_owned(), columns.join(", ")));
        }
        cause = error.source();
    }
    None
}
