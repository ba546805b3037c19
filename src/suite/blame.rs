//! Which statement of a migration took something away, and by what means.

use rusqlite::Connection;

use super::renames::Renames;
use super::shrink::literal;
use super::statement_effects::{Effect, StatementEffect};
use super::survival::{Kind, Loss};
use super::versioned_databases::{UpgradeStep, VersionedDatabases};
use crate::sql::{Statement, quote_identifier};

/// The statement, and what it does to whom.
#[derive(Debug)]
pub(super) struct Blame {
    pub(super) statement: usize,
    pub(super) means: Means,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// It says so: DROP, DELETE.
    Said,
    /// Foreign-key actions, fired by rows of this other table.
    Actions {
        of: String,
        dropped: bool,
    },
    /// The copy that fills the table anew.
    Copy,
    Other,
}

/// Runs the statements one by one as their runner would, until `look` has seen enough. What they make is thrown away.
pub(super) fn watch(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    look: &mut dyn FnMut(&Connection, usize, &Statement<'_>) -> bool,
) -> Option<()> {
    let migration = databases.migration(step.index);
    let database = databases.open(&step.before.image).ok()?;
    if databases.history.is_wrapped(migration) {
        database.execute_batch("BEGIN").ok()?;
    }
    for (index, statement) in migration.statements().iter().enumerate() {
        database.execute_batch(statement.text).ok()?;
        if look(&database, index, statement) {
            return Some(());
        }
    }
    Some(())
}

pub(super) fn of(databases: &VersionedDatabases, step: &UpgradeStep, loss: &Loss) -> Option<Blame> {
    let effects = databases.effects(step.index);
    let origins: Vec<String> = databases
        .open(&step.before.image)
        .ok()
        .and_then(|before| databases.contents(&before).ok())?
        .tables
        .into_iter()
        .map(|table| table.name)
        .collect();
    let names_after = |count: usize| {
        let done: Vec<StatementEffect> = effects.iter().filter(|effect| effect.statement < count).cloned().collect();
        let renames = Renames::of(origins.iter().map(String::as_str), &done);
        renames.name_after(&loss.table).filter(|(_, rebuilt)| !rebuilt).map(|(name, _)| name.to_owned())
    };
    match loss.kind {
        Kind::Table => {
            return said(
                effects,
                |effect| matches!(effect, Effect::DropTable { table } if table.eq_ignore_ascii_case(&loss.table)),
            );
        }
        Kind::Column => {
            let column = loss.column.as_deref()?;
            return said(
                effects,
                |effect| matches!(effect, Effect::DropColumn { column: dropped, .. } if dropped.eq_ignore_ascii_case(column)),
            )
            .or_else(|| copy(effects, loss));
        }
        _ => {}
    }
    // What changes while the table is still itself is nobody's copy.
    let mut seen: Option<usize> = None;
    let before = databases.open(&step.before.image).ok().and_then(|database| state(&database, &loss.table, loss));
    watch(databases, step, &mut |database, index, _| {
        let Some(name) = names_after(index + 1) else { return true };
        let now = state(database, &name, loss);
        if now.is_some() && now != before {
            seen = Some(index);
        }
        seen.is_some()
    });
    let Some(statement) = seen else {
        let copy = copy(effects, loss)?;
        return Some(match before.filter(|_| copy.means == Means::Copy) {
            Some(before) => behind_the_copy(databases, step, loss, &copy, &before).unwrap_or(copy),
            None => copy,
        });
    };
    let own = |table: &str| names_after(statement).is_some_and(|name| name.eq_ignore_ascii_case(table));
    let means = effects.iter().filter(|effect| effect.statement == statement).find_map(|effect| match &effect.effect {
        Effect::Delete { table } | Effect::DropTable { table } if own(table) => Some(Means::Said),
        Effect::DropTable { table } => Some(Means::Actions { of: table.clone(), dropped: true }),
        Effect::Delete { table } => Some(Means::Actions { of: table.clone(), dropped: false }),
        _ => None,
    });
    Some(Blame { statement, means: means.unwrap_or(Means::Other) })
}

/// What took something away after the copy had it all.
fn behind_the_copy(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    loss: &Loss,
    copy: &Blame,
    before: &str,
) -> Option<Blame> {
    let effects = databases.effects(step.index);
    let of = |statement: usize| {
        effects.iter().filter(move |effect| effect.statement == statement).map(|effect| &effect.effect)
    };
    let mut name = of(copy.statement).find_map(|effect| match effect {
        Effect::Insert { table } => Some(table.clone()),
        _ => None,
    })?;
    let mut seen = None;
    watch(databases, step, &mut |database, index, _| {
        if index < copy.statement {
            return false;
        }
        let dropped = of(index).find_map(|effect| match effect {
            Effect::DropTable { table } if !table.eq_ignore_ascii_case(&name) => Some((table.clone(), true)),
            Effect::Delete { table } if !table.eq_ignore_ascii_case(&name) => Some((table.clone(), false)),
            _ => None,
        });
        for effect in of(index) {
            match effect {
                Effect::RenameTable { table, to } if table.eq_ignore_ascii_case(&name) => name.clone_from(to),
                _ => {}
            }
        }
        if state(database, &name, loss).as_deref() == Some(before) {
            return false;
        }
        seen = dropped.filter(|_| index > copy.statement).map(|(of, dropped)| (index, of, dropped));
        true
    });
    let (statement, of, dropped) = seen?;
    Some(Blame { statement, means: Means::Actions { of, dropped } })
}

/// What is looked at: how many rows there are, or what is in the column.
fn state(connection: &Connection, table: &str, loss: &Loss) -> Option<String> {
    let name = quote_identifier(table);
    let sql = match (&loss.kind, &loss.column) {
        (Kind::Values { .. } | Kind::Moved { .. } | Kind::Renumbered, Some(column)) => {
            // In quotes alone, a name that is gone would be a text.
            let value = literal(&format!("{name}.{}", quote_identifier(column)));
            format!("SELECT group_concat(value) FROM (SELECT {value} AS value FROM {name} ORDER BY 1)")
        }
        (Kind::Sequence { .. }, _) => {
            format!("SELECT CAST(seq AS TEXT) FROM sqlite_sequence WHERE name = {}", crate::sql::quote_text(table))
        }
        _ => format!("SELECT CAST(count(*) AS TEXT) FROM {name}"),
    };
    connection.query_row(&sql, [], |row| row.get(0)).ok().flatten()
}

fn said(effects: &[StatementEffect], is_it: impl Fn(&Effect) -> bool) -> Option<Blame> {
    let effect = effects.iter().find(|effect| is_it(&effect.effect))?;
    Some(Blame { statement: effect.statement, means: Means::Said })
}

/// The last INSERT into what becomes the table.
fn copy(effects: &[StatementEffect], loss: &Loss) -> Option<Blame> {
    let mut name = loss.table.clone();
    for effect in effects.iter().rev() {
        match &effect.effect {
            Effect::RenameTable { table, to } if to.eq_ignore_ascii_case(&name) => name.clone_from(table),
            Effect::Insert { table } if table.eq_ignore_ascii_case(&name) => {
                return Some(Blame { statement: effect.statement, means: Means::Copy });
            }
            // Made anew and never filled from the old one: dropped.
            Effect::CreateTable { table } if table.eq_ignore_ascii_case(&name) => {
                return said(
                    effects,
                    |effect| matches!(effect, Effect::DropTable { table } if table.eq_ignore_ascii_case(&loss.table)),
                );
            }
            _ => {}
        }
    }
    // Another table, filled by the app since, takes its name.
    said(effects, |effect| matches!(effect, Effect::DropTable { table } if table.eq_ignore_ascii_case(&loss.table)))
}
