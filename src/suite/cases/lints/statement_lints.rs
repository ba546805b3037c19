//! Lints of single statements, and the versions of SQLite that added features, from <https://www.sqlite.org/changes.html>.

use rusqlite::Connection;

use crate::check::Finding;
use crate::error::{Error, ErrorKind, Result};
use crate::migrations::Migration;
use crate::sql::{Cursor, Token, between_commas, tokens};
use crate::suite::findings::at_statement;
use crate::suite::statements::{Assignment, Effect, StatementEffect};
use crate::suite::subject::Options;
use crate::suite::versions::{Summary, UpgradeStep, VersionState, VersionedDatabases};

/// Finds PRAGMAs without effect, and changes that break the old version of the app while it runs.
pub(crate) fn of_effects(
    options: &Options,
    databases: &VersionedDatabases,
    step: &UpgradeStep,
) -> Result<Vec<Finding>> {
    let migration = databases.migration(step.index);
    let effects = databases.effects(step.index);
    let is_known = |table: &str| step.before.schema.table(table).is_some();
    let mut is_in_transaction = databases.is_wrapped(step.index);
    let mut found = Vec::new();
    for StatementEffect { statement, effect } in effects {
        let finding = match effect {
            Effect::Begin => {
                is_in_transaction = true;
                continue;
            }
            Effect::End => {
                is_in_transaction = databases.is_wrapped(step.index);
                continue;
            }
            Effect::Pragma { name, is_set: true, is_on: false }
                if is_in_transaction && name == "foreign_keys" && needs_foreign_keys_off(databases, step)? =>
            {
                ignored_pragma(migration)
            }
            _ if !options.old_code_runs => continue,
            Effect::RenameTable { table, to } if is_known(table) => renamed(migration, table, to),
            Effect::RenameColumn { table, column, to } if is_known(table) => {
                renamed(migration, &format!("{table}.{column}"), to)
            }
            Effect::Update(assignment) if assignment.all_rows && changes_schema(effects) => {
                backfill(migration, assignment)
            }
            _ => continue,
        };
        found.push(at_statement(finding, migration, *statement));
    }
    Ok(found)
}

/// Returns true if a migration does something else where foreign keys are off.
fn needs_foreign_keys_off(databases: &VersionedDatabases, step: &UpgradeStep) -> Result<bool> {
    let mut without_keys = databases.open(&step.before.image)?;
    without_keys
        .execute_batch("PRAGMA foreign_keys = OFF")
        .map_err(|error| Error::sqlite("switch foreign keys off", error))?;
    let is_refused = databases.migrate(&mut without_keys, step.index).is_err();
    let Some(after) = step.after.as_ref().filter(|_| !is_refused) else {
        return Ok(is_refused == step.after.is_some());
    };
    let twin =
        step.with_rows(databases, (step.before.clone(), databases.open(&step.before.image)?), step.since.clone())?;
    let Some(twin) = twin.after else { return Ok(true) };
    let summary = |state: &VersionState| Summary::of(&*databases.open(&state.image)?);
    Ok(!Summary::of(&without_keys)?.is_equal_but_for_chance(&summary(after)?, &summary(&twin)?))
}

/// Finds a migration after which the connection goes on with foreign keys off: outside of a transaction, `OFF` outlasts the file.
pub(crate) fn of_foreign_keys_left_off(databases: &VersionedDatabases, step: &UpgradeStep) -> Result<Option<Finding>> {
    let switches = |index: usize, to: bool| {
        let is_it = move |effect: &&StatementEffect| match &effect.effect {
            Effect::Pragma { name, is_set: true, is_on } => name == "foreign_keys" && *is_on == to,
            _ => false,
        };
        databases.effects(index).iter().rev().find(is_it).map(|effect| effect.statement)
    };
    // The app's own runner is judged as a whole, by `history_is_linear`.
    let off = switches(step.index, false).filter(|_| step.after.is_some() && databases.history.code().is_none());
    let Some(statement) = off else { return Ok(None) };
    let mut database = databases.open(&step.before.image)?;
    let enforces = |database: &Connection| -> Result<bool> {
        let on = database.query_row("PRAGMA foreign_keys", [], |row| row.get(0));
        on.map_err(|error| Error::sqlite("read foreign_keys", error))
    };
    let were_on = enforces(&database)?;
    if !were_on || databases.migrate(&mut database, step.index).is_err() || enforces(&database)? {
        return Ok(None);
    }
    // A later file may switch them on again: that of the same release, as a rule.
    if (step.index + 1..databases.applicable()).any(|later| switches(later, true).is_some()) {
        return Ok(None);
    }
    let migration = databases.migration(step.index);
    let (version, file) = (migration.version(), migration.name());
    let what = format!("migration {version} leaves foreign keys off for the connection: {file}");
    let finding = Finding::new("leaves-foreign-keys-off", file, what)
        .cost("an app that goes on with this connection writes rows that refer to nothing, and ON DELETE does nothing")
        .fix(or_allow("end the file with PRAGMA foreign_keys = ON;", "leaves-foreign-keys-off", file));
    Ok(Some(at_statement(finding, migration, statement)))
}

/// Finds changes of rows whose result depends on where they run.
pub(crate) fn of_time_zone(databases: &VersionedDatabases, step: &UpgradeStep) -> Vec<Finding> {
    let migration = databases.migration(step.index);
    let is_change = |effect: &Effect| matches!(effect, Effect::Insert(_) | Effect::Update(_) | Effect::Delete(_));
    let mut found = Vec::new();
    for (index, statement) in migration.statements().iter().enumerate() {
        let changes = databases.effects(step.index).iter().any(|it| it.statement == index && is_change(&it.effect));
        if changes && shifts_by_zone(&tokens(statement.text)) {
            let (version, file) = (migration.version(), migration.name());
            let what =
                format!("migration {version} converts times by the time zone of the machine that runs it: {file}");
            let finding = Finding::new("depends-on-time-zone", file, what)
                .cost("the same database becomes another one in another country, or in summer")
                .fix(or_allow(
                    "state the shift, as in datetime(at, '+02:00'), or store UTC and convert when the app shows it",
                    "depends-on-time-zone",
                    file,
                ));
            found.push(at_statement(finding, migration, index));
        }
    }
    found
}

/// Returns true if a function on times has the modifier 'localtime' or 'utc'.
fn shifts_by_zone(tokens: &[Token<'_>]) -> bool {
    const FUNCTIONS: [&str; 6] = ["date", "time", "datetime", "julianday", "strftime", "unixepoch"];
    let is_modifier = |argument: &&[Token<'_>]| match argument {
        [only] => ["'localtime'", "'utc'"].iter().any(|modifier| only.text.eq_ignore_ascii_case(modifier)),
        _ => false,
    };
    let is_call = |at: &usize| FUNCTIONS.iter().any(|name| tokens[*at].is(name));
    (0..tokens.len()).filter(is_call).any(|at| {
        let rest = &tokens[at + 1..];
        let arguments = Cursor::new(rest).group().map(|inside| between_commas(&rest[inside]));
        arguments.is_some_and(|arguments| arguments.iter().any(is_modifier))
    })
}

/// Finds SQL that the oldest SQLite of the app does not know.
pub(crate) fn of_syntax(options: &Options, databases: &VersionedDatabases, step: &UpgradeStep) -> Result<Vec<Finding>> {
    let Some(lowest) = &options.lowest_sqlite else { return Ok(Vec::new()) };
    let migration = databases.migration(step.index);
    let mut found = Vec::new();
    for (index, statement) in migration.statements().iter().enumerate() {
        for (feature, since) in newer_than(&tokens(statement.text), lowest)? {
            let what = format!("migration {} needs SQLite {since}: {feature}", migration.version());
            let finding = Finding::new("needs-sqlite", migration.name(), what)
                .cost(format!("the app has to run on {lowest}, which refuses it"))
                .fix(or_allow("write it without", "needs-sqlite", migration.name()));
            found.push(at_statement(finding, migration, index));
        }
    }
    Ok(found)
}

fn ignored_pragma(migration: &Migration) -> Finding {
    let (version, file) = (migration.version(), migration.name());
    let what = format!("PRAGMA foreign_keys has no effect in migration {version}: {file}");
    Finding::new("pragma-noop-in-transaction", file, what)
        .cost("SQLite ignores it inside a transaction: foreign keys stay enforced, and DROP TABLE fires their actions")
        .fix(
            "remove it, or run the file without its runner's transaction and BEGIN after it\n\
             if the app switches foreign keys off around its migrations, say so: .migrate_with_foreign_keys_off()",
        )
}

fn renamed(migration: &Migration, from: &str, to: &str) -> Finding {
    let (version, file) = (migration.version(), migration.name());
    Finding::new("rename-breaks-old-code", from, format!("migration {version} renames {from} to {to}: {file}"))
        .cost("the running app uses the old name until it is replaced")
        .fix(or_allow(
            "add the new name beside the old one, let the app write both, and drop the old one in a later release",
            "rename-breaks-old-code",
            from,
        ))
}

fn backfill(migration: &Migration, assignment: &Assignment) -> Finding {
    let (version, file) = (migration.version(), migration.name());
    let object = format!("{}.{}", assignment.table, assignment.column);
    let what =
        format!("migration {version} writes {object} of every row in the transaction that changes the schema: {file}");
    let fix = "change the schema in one migration and fill the column in the next, in batches";
    let fix = or_allow(fix, "backfill-with-ddl", &object);
    Finding::new("backfill-with-ddl", object, what).cost("the running app waits for the write lock that long").fix(fix)
}

fn or_allow(fix: &str, code: &str, object: &str) -> String {
    format!("{fix}\nif it is meant, say so: .allow({code:?}, {object:?}, \"why\")")
}

fn changes_schema(effects: &[StatementEffect]) -> bool {
    effects.iter().any(|effect| {
        matches!(
            effect.effect,
            Effect::CreateTable(_)
                | Effect::DropTable(_)
                | Effect::RenameTable { .. }
                | Effect::RenameColumn { .. }
                | Effect::DropColumn { .. }
                | Effect::DropObject(_)
        )
    })
}

/// Sequences of tokens, the feature, and the version that added it.
const FEATURES: [(&[&str], &str, (u32, u32)); 22] = [
    (&["rename", "column"], "RENAME COLUMN", (3, 25)),
    (&["drop", "column"], "DROP COLUMN", (3, 35)),
    (&["over", "("], "window functions", (3, 25)),
    (&["on", "conflict", "do"], "upsert", (3, 24)),
    (&["on", "conflict", "("], "upsert", (3, 24)),
    (&["generated", "always"], "generated columns", (3, 31)),
    (&["nulls", "first"], "NULLS FIRST", (3, 30)),
    (&["nulls", "last"], "NULLS LAST", (3, 30)),
    (&["iif", "("], "iif()", (3, 32)),
    (&["returning"], "RETURNING", (3, 35)),
    (&["as", "materialized"], "MATERIALIZED", (3, 35)),
    (&[")", "strict"], "STRICT", (3, 37)),
    (&[",", "strict"], "STRICT", (3, 37)),
    (&["->>"], "->>", (3, 38)),
    (&["unixepoch", "("], "unixepoch()", (3, 38)),
    (&["format", "("], "format()", (3, 38)),
    (&["right", "join"], "RIGHT JOIN", (3, 39)),
    (&["full", "join"], "FULL JOIN", (3, 39)),
    (&["full", "outer"], "FULL JOIN", (3, 39)),
    (&["is", "distinct"], "IS DISTINCT FROM", (3, 39)),
    (&["jsonb", "("], "jsonb()", (3, 45)),
    (&["concat_ws", "("], "concat_ws()", (3, 44)),
];

/// Returns the features in these tokens that are newer than `lowest`, each with its version.
fn newer_than(tokens: &[Token<'_>], lowest: &str) -> Result<Vec<(&'static str, String)>> {
    let mut numbers = lowest.split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return Err(Error::new(ErrorKind::Suite, format!("{lowest:?} is no version of SQLite"))
            .help(".lowest_sqlite(\"3.35\") takes the first two numbers"));
    };
    let mut found: Vec<(&'static str, String)> = Vec::new();
    for (words, feature, since) in FEATURES {
        let is_there = tokens
            .windows(words.len())
            .any(|window| window.iter().zip(words).all(|(token, word)| token.is(word) || token.is_symbol(word)));
        if is_there && since > (major, minor) && !found.iter().any(|(known, _)| *known == feature) {
            found.push((feature, format!("{}.{}", since.0, since.1)));
        }
    }
    Ok(found)
}
