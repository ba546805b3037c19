//! Diagnoses as findings: what is wrong, why, and how to avoid it. Nothing here runs anything.

use crate::check::{Finding, Level};
use crate::error::Error;
use crate::migrations::{Format, Migration};
use crate::sql::{plain_name, quote_text};
use crate::suite::diagnosis::{
    DeletedParents, FaultKind, HalfApplied, Interrupted, LossDiagnosis, Mechanism, MigrationRefusal, NestedTransaction,
    Orphans, Rebuild,
};
use crate::suite::losses::{Loss, LossKind};
use crate::suite::subject::RowOrigin;
use crate::suite::versions::Summary;

pub(crate) fn loss_finding(diagnosis: &LossDiagnosis<'_>) -> Finding {
    let LossDiagnosis { loss, migration, .. } = diagnosis;
    let object = loss.object();
    let Explanation { code, cost, fix } = explanation(diagnosis);
    let what = format!("migration {} {}: {}", migration.version(), does(loss, is_copied(diagnosis)), migration.name());
    let mut finding = Finding::new(code, &object, what).cost(cost);
    if let Some(blame) = &diagnosis.blame {
        finding = at_statement(finding, migration, blame.statement);
    }
    if !loss.examples.is_empty() {
        let label = match loss.kind {
            LossKind::Rows { .. } => "lost rows",
            LossKind::Multiplied => "added rows",
            _ => "values",
        };
        finding = finding.evidence(label, loss.examples.join("\n"));
    }
    if let Some(data) = &diagnosis.smallest_data {
        let label = format!("smallest data that shows it, at version {}", diagnosis.version_before);
        finding = finding.evidence(label, data.as_str());
    }
    let allow = format!("if it is meant, say so: .allow_loss({}, {object:?}, \"why\")", migration.version());
    finding.fix(if fix.is_empty() { allow } else { format!("{fix}\n{allow}") })
}

/// The losses of a down script, or of code that undoes a migration, and the version that it leads to.
pub(crate) fn down_loss_finding(losses: &[Loss], migration: &Migration, (down, to): (&str, i64)) -> Finding {
    let first = losses.first().map(|loss| does(loss, false)).unwrap_or_default();
    let what = format!("the {down} {first}");
    let lines = losses.iter().flat_map(|loss| {
        let examples = loss.examples.iter().map(|example| format!("  {example}"));
        std::iter::once(format!("it {}", does(loss, false))).chain(examples).collect::<Vec<_>>()
    });
    Finding::new("irreversible-down", migration.name(), what)
        .cost("a rollback loses what the upgrade has kept: copy it back before the table or column that holds it is dropped")
        .evidence(format!("from version {to} up and down again"), lines.collect::<Vec<_>>().join("\n"))
}

/// Returns the predicate of the headline.
fn does(loss: &Loss, is_copied: bool) -> String {
    let object = loss.object();
    match &loss.kind {
        LossKind::Table => format!("drops the table {object}"),
        LossKind::Column | LossKind::Key => format!("drops {object}"),
        LossKind::Merged => format!("makes one value of several of {object}"),
        LossKind::Recomputed { beyond: None } => format!("recomputes the values of {object}"),
        LossKind::Recomputed { beyond: Some(beyond) } => {
            format!("recomputes the values of {object}, and rounds integers that are beyond 64 bits then ({beyond})")
        }
        LossKind::Fractions { .. } => format!("drops the fractions of a second of {object}"),
        kind if kind.is_all_rows() => format!("empties {object}"),
        LossKind::Rows { gone, of } => format!("loses {gone} of {of} rows of {object}"),
        LossKind::Renumbered => format!("renumbers the rows of {}", loss.table),
        LossKind::Multiplied => format!("duplicates rows of {object}"),
        LossKind::Values { changed, of, to_null: true } => format!("sets {changed} of {of} values of {object} to NULL"),
        LossKind::Values { changed, of, .. } => format!("changes {changed} of {of} values of {object}"),
        LossKind::Moved { from } if !is_copied => {
            format!("overwrites {object} with the values of {}", plain_name(from))
        }
        LossKind::Exchanged { with } => format!("exchanges the rows of {object} with those of {with}"),
        LossKind::Moved { from } => format!("moves the values of {} into {object}", plain_name(from)),
        LossKind::Sequence { was, is } => format!("resets the AUTOINCREMENT of {object} from {was} to {is}"),
    }
}

/// Returns true if an INSERT that copies the rows is to blame.
fn is_copied(diagnosis: &LossDiagnosis<'_>) -> bool {
    diagnosis.blame.as_ref().is_some_and(|blame| blame.mechanism == Mechanism::Copy)
}

/// The code of a loss, why it happens, and how to avoid it. An empty `fix` offers no way.
struct Explanation {
    code: &'static str,
    cost: String,
    fix: String,
}

impl Explanation {
    fn new(code: &'static str, cost: impl Into<String>, fix: impl Into<String>) -> Explanation {
        Explanation { code, cost: cost.into(), fix: fix.into() }
    }
}

fn explanation(diagnosis: &LossDiagnosis<'_>) -> Explanation {
    let loss = diagnosis.loss;
    let table = plain_name(&loss.table);
    let mechanism = diagnosis.blame.as_ref().map(|blame| &blame.mechanism);
    if let (Some(Mechanism::ForeignKeyActions { is_dropped, .. }), Some(rebuild)) = (mechanism, &diagnosis.rebuild) {
        return foreign_key_actions(diagnosis, rebuild, *is_dropped);
    }
    match (&loss.kind, mechanism) {
        (LossKind::Key, _) => Explanation::new(
            "destructive",
            "no foreign key refers to it any more, and another key tells the rows apart: what refers to a row from elsewhere finds none",
            "",
        ),
        (LossKind::Merged, _) => Explanation::new(
            "undeclared-loss",
            "the statement names the values, but afterwards nobody can tell which of them a row had",
            "",
        ),
        (LossKind::Recomputed { .. }, _) => Explanation::new(
            "undeclared-loss",
            "the old values follow from the new ones, but the app has to read them as they are now",
            "",
        ),
        (LossKind::Fractions { are_stored }, _) => Explanation::new(
            "undeclared-loss",
            match are_stored {
                true => "the DEFAULT of the column stores fractions: rows of one second are in no order from now on",
                false => "rows of one second are in no order from now on, if the app stores fractions",
            },
            "",
        ),
        (LossKind::Table | LossKind::Column, _) => Explanation::new("destructive", "its data is lost for good", ""),
        (kind, Some(Mechanism::Explicit)) if kind.is_all_rows() && loss.is_rebuilt => Explanation::new(
            "destructive",
            format!("{table} is dropped and created again, and nothing is copied"),
            format!("INSERT INTO the new table SELECT from the old one before DROP TABLE {table}"),
        ),
        (LossKind::Rows { .. }, Some(Mechanism::Explicit)) => {
            Explanation::new("destructive", "the rows are lost for good", "")
        }
        (LossKind::Rows { .. }, Some(Mechanism::Copy)) => Explanation::new(
            "undeclared-loss",
            "the copy omits rows: by a join, a WHERE, OR IGNORE or OR REPLACE",
            "copy with a plain SELECT of the old table, and look up the rest in subqueries",
        ),
        (LossKind::Moved { .. }, _) if is_copied(diagnosis) => Explanation::new(
            "values-moved",
            "INSERT .. SELECT matches columns by position, not by name",
            "name the columns on both sides: INSERT INTO new(a, b) SELECT a, b FROM old",
        ),
        (LossKind::Exchanged { with }, _) => Explanation::new(
            "values-moved",
            format!(
                "each of the two tables holds what the other one held, and the app shows the one as the other: {table}, {with}"
            ),
            "copy each table into the one that gets its name",
        ),
        (LossKind::Renumbered, _) => Explanation::new(
            "undeclared-loss",
            "a reference to a row by its key finds another row, or none",
            "copy the key along with the other columns",
        ),
        (LossKind::Multiplied, _) => Explanation::new(
            "undeclared-loss",
            "the copy joins a table that has several rows for one of this table",
            "look the value up in a subquery instead of a join",
        ),
        (LossKind::Sequence { .. }, _) => Explanation::new(
            "rebuild-loses-objects",
            "numbers of deleted rows are handed out again, and an old reference finds a new row",
            format!(
                "keep the number:\nCREATE TEMP TABLE kept AS SELECT seq FROM sqlite_sequence WHERE name = {name};\n-- the rebuild\n\
                 DELETE FROM sqlite_sequence WHERE name = {name};\nINSERT INTO sqlite_sequence (name, seq) SELECT {name}, seq FROM kept;\n\
                 DROP TABLE kept;",
                name = quote_text(&loss.table)
            ),
        ),
        (LossKind::Values { to_null: false, .. }, _) => Explanation::new(
            "undeclared-loss",
            "the old values cannot be recovered",
            "a lossless mapping, such as names to numbers, looks like this too",
        ),
        _ => Explanation::new("undeclared-loss", "the old values cannot be recovered", ""),
    }
}

fn foreign_key_actions(diagnosis: &LossDiagnosis<'_>, rebuild: &Rebuild, is_dropped: bool) -> Explanation {
    let table = plain_name(&diagnosis.loss.table);
    let parent = plain_name(&rebuild.dropped);
    let action = match diagnosis.loss.kind {
        LossKind::Rows { .. } => "ON DELETE CASCADE",
        LossKind::Values { to_null: true, .. } => "ON DELETE SET NULL",
        _ => "ON DELETE SET DEFAULT",
    };
    let how = match is_dropped {
        true if rebuild.is_of_itself() => {
            format!(
                "DROP TABLE {parent} deletes its rows first, which fires {action} of the new table that refers to it"
            )
        }
        true => format!("DROP TABLE {parent} deletes its rows first, which fires {action} of {table}"),
        false => format!("DELETE FROM {parent} fires {action} of {table}"),
    };
    let ignored = match diagnosis.has_ignored_pragma {
        true => "\nPRAGMA foreign_keys has no effect here: SQLite ignores it inside a transaction",
        false => "",
    };
    let code = if is_dropped { "rebuild-fires-fk-actions" } else { "undeclared-loss" };
    let fix = match &diagnosis.deleted {
        Some(deleted) => references_first(deleted),
        None if is_dropped => safe_rebuild(rebuild),
        None => format!("before the DELETE, let the rows of {table} refer to rows of {parent} that stay"),
    };
    let ignored = if is_dropped { ignored } else { "" };
    Explanation::new(code, format!("{how}{ignored}"), fix)
}

/// Returns how the rows that refer to deleted rows are kept.
fn references_first(deleted: &DeletedParents) -> String {
    let [parent, key, child, column] =
        [&deleted.parent, &deleted.parent_column, &deleted.child, &deleted.child_column].map(|name| plain_name(name));
    let before = format!("before the DELETE, let the rows of {child} refer to rows of {parent} that stay:");
    let Some(kept) = &deleted.kept else {
        return format!(
            "{before}\nUPDATE {child} SET {column} = <the {key} of the row that stays> WHERE {column} = <the {key} of the row that goes>"
        );
    };
    let same: Vec<String> =
        kept.columns.iter().map(|name| plain_name(name)).map(|name| format!("kept.{name} IS gone.{name}")).collect();
    format!(
        "{before}\nUPDATE {child} SET {column} = (\n    SELECT {}(kept.{key}) FROM {parent} AS gone JOIN {parent} AS kept ON {}\n    \
         WHERE gone.{key} = {child}.{column}\n) WHERE {column} IN (SELECT {key} FROM {parent});",
        kept.pick,
        same.join(" AND ")
    )
}

/// `allowed` is what an allowance has to name.
pub(crate) fn refusal_finding(refusal: &MigrationRefusal<'_>, allowed: &str) -> Finding {
    let MigrationRefusal { migration, version_before: before, object, .. } = refusal;
    let version = migration.version();
    let is_endless = refusal.error.is_endless();
    let fails = if is_endless { "does not end" } else { "fails" };
    let what = format!("migration {version} {fails} on rows that version {before} accepts: {}", migration.name());
    let (cost, fix) = match &refusal.rebuild {
        _ if is_endless => (
            String::from("the app hangs at its start wherever there are such rows"),
            format!(
                "let it end on any rows: UNION in place of UNION ALL, or a limit of the depth in the WHERE of the recursive part\n\
                 if the app has never written such rows, say so: .allow_refusal({version}, {allowed:?}, \"why\")"
            ),
        ),
        Some(rebuild) => (
            format!("DROP TABLE {} deletes its rows first, and {} refers to them", rebuild.dropped, rebuild.child),
            safe_rebuild(rebuild),
        ),
        None => (
            String::from("the upgrade fails wherever there are such rows, at every start of the app"),
            format!(
                "change such rows or set them aside first, in the same migration\n\
                 if the app has never written such rows, say so: .allow_refusal({version}, {allowed:?}, \"why\")"
            ),
        ),
    };
    Finding::new("fails-on-data", *object, what)
        .cost(cost)
        .evidence("the migration", refusal.error.to_string())
        .evidence(format!("smallest data that shows it, at version {before}"), refusal.smallest_data.as_str())
        .fix(fix)
}

pub(crate) fn orphans_finding(orphans: &Orphans<'_>) -> Finding {
    let Orphans { migration, reference, .. } = orphans;
    let (version, object) = (migration.version(), reference.object());
    let table = object.rsplit_once('.').map_or(object, |(table, _)| table);
    let what = format!("migration {version} leaves orphans in {table}: {}", migration.name());
    let cost =
        format!("{}\nforeign keys are off while it runs: nothing is refused, and no action is fired", reference.what());
    let mut finding = Finding::new("leaves-orphans", object, what).cost(cost);
    if let Some(statement) = orphans.statement {
        finding = at_statement(finding, migration, statement);
    }
    let fix = match &orphans.delete {
        Some(delete) => format!("delete such rows or give them a parent, in the same migration:\n{delete};"),
        None => format!("rebuild {table} without the foreign key, in the same migration"),
    };
    finding
        .evidence(
            format!("smallest data that shows it, at version {}", orphans.version_before),
            orphans.smallest_data.as_str(),
        )
        .fix(format!(
            "{fix}\nif the app has never written such rows, say so: .allow_refusal({version}, {object:?}, \"why\")"
        ))
}

/// Returns a way that the runner of this format allows.
fn safe_rebuild(rebuild: &Rebuild) -> String {
    if let Some(temporary_name) = rebuild.temporary_name.as_ref().filter(|_| rebuild.is_of_itself()) {
        return format!(
            "let the new table refer to itself by its temporary name: REFERENCES {}",
            plain_name(temporary_name)
        );
    }
    let parent = plain_name(rebuild.renamed_from.as_ref().unwrap_or(&rebuild.dropped));
    let child = plain_name(&rebuild.child);
    let mut way = match rebuild.format {
        Format::Plain | Format::Paired => format!(
            "run the file without its runner's transaction, and rebuild {parent} with foreign keys off:\n\
             -- no-transaction\nPRAGMA foreign_keys = OFF;\nBEGIN;\n-- the rebuild\nCOMMIT;\nPRAGMA foreign_keys = ON;"
        ),
        _ if !rebuild.can_set_aside => format!(
            "rebuild {parent} with foreign keys off, which takes effect outside of a transaction only:\n\
             PRAGMA foreign_keys = OFF;\nBEGIN;\n-- the rebuild\nCOMMIT;\nPRAGMA foreign_keys = ON;"
        ),
        _ => format!(
            "set the rows of {child} aside while {parent} is rebuilt:\n\
             CREATE TEMP TABLE kept AS SELECT * FROM {child};\nDELETE FROM {child};\n-- the rebuild\n\
             INSERT INTO {child} SELECT * FROM kept;\nDROP TABLE kept;"
        ),
    };
    if rebuild.renamed_from.is_some() {
        way.push_str(&format!(
            "\nand give the new table another name until {parent} is dropped: RENAME TO {} redirects the foreign keys that refer to it",
            plain_name(&rebuild.dropped)
        ));
    }
    format!(
        "{way}\nif the app switches foreign keys off around its migrations, say so: .migrate_with_foreign_keys_off()"
    )
}

/// Says once for a history whose runner has no transaction what happens to each migration that fails.
pub(crate) fn without_transaction_finding(half: &HalfApplied, migration: &Migration) -> Finding {
    let (version, file) = (migration.version(), migration.name());
    let what =
        format!("the runner has no transaction: migration {version}, for one, is half applied when it fails: {file}");
    let finding = Finding::new("half-applied", file, what)
        .cost(
            "the next start runs it again, on a schema that no version has\n\
             so it is with each migration of several statements whose file has no transaction",
        )
        .fix(
            "put everything into one transaction: BEGIN at the start of a file, COMMIT at its end\n\
             if such a database is mended by hand, say so: .skip(\"failure_leaves_the_previous_version\", \"why\")",
        );
    with_remains(finding, half)
}

pub(crate) fn half_applied_finding(half: &HalfApplied, migration: &Migration, format: Format) -> Finding {
    let finding = match &half.nested {
        Some(nested) => nested_transaction_finding(nested, migration, format),
        None => {
            let (version, file) = (migration.version(), migration.name());
            let when = match half.kind {
                FaultKind::Refusal => "when a statement fails",
                FaultKind::Interrupt => "when it is interrupted",
            };
            let what = format!("migration {version} is half applied {when}: {file}");
            Finding::new("half-applied", file, what)
                .cost("the next start runs it again, on a schema that no version has")
                .fix("put everything into one transaction: BEGIN at the start, COMMIT at the end, nothing after it")
        }
    };
    with_remains(finding, half)
}

fn with_remains(finding: Finding, half: &HalfApplied) -> Finding {
    let finding = finding.evidence("changes that remain", changes(&half.before, &half.left));
    if let Some(error) = &half.error {
        let label = match half.kind {
            FaultKind::Refusal => String::from("the statement that sqlitmus refused, to see what a failure leaves"),
            FaultKind::Interrupt => format!("interrupted at step {} of {}", half.at, half.points),
        };
        return match &half.refused {
            Some(sql) => finding.evidence(label, sql.as_str()).evidence("the error of that", error.to_string()),
            None => finding.evidence(label, error.to_string()),
        };
    }
    finding
}

pub(crate) fn interrupted_finding(interrupted: &Interrupted, to: i64) -> Finding {
    let Interrupted { from, committed, of, next, whole } = interrupted;
    let what = format!("an upgrade from {from} to {to} that stops halfway is not finished by the next one");
    let finding = Finding::new("half-applied", format!("version {to}"), what)
        .cost(format!("it was stopped after {committed} of {of} transactions, and the app was started again"))
        .fix("note in the transaction of each step which version it makes, and not the one that is asked for");
    match next {
        Ok(end) => finding.evidence("from a whole upgrade to this one", changes(whole, end)),
        Err(error) => finding.evidence("the next upgrade", error.to_string()),
    }
}

/// Two upgrades at the same time do harm, or one of them fails with an error that is no lock's.
pub(crate) fn concurrent_finding(what: &str, to: i64, problem: &Error) -> Finding {
    Finding::new("concurrent-upgrade", format!("version {to}"), format!("{what}: {}", problem.headline()))
        .cost("two processes of the app that start after an update do this, and so do two windows that open the same file")
        .evidence("the orders of their statements", problem.to_string())
        .fix(
            "read the version in the transaction of its step, and begin it with BEGIN IMMEDIATE\n\
             if the app never runs twice, say so: .skip(\"concurrent_upgrades\", \"why\")",
        )
}

/// The response of the app's runner to a database of a newer version.
pub(crate) enum NewerOpened {
    Accepted,
    Refused(String),
    Panicked(String),
}

/// A database of a newer version is written, or not opened in order. `record` says that it is newer.
pub(crate) fn newer_database_finding(
    record: &str,
    opened: &NewerOpened,
    changed: Option<&(Summary, Summary)>,
) -> Finding {
    let does = match (opened, changed) {
        (NewerOpened::Panicked(_), None) => "panics on",
        _ => "writes into",
    };
    let mut finding = Finding::new("newer-database", NEWER, format!("the app's runner {does} {NEWER}"))
        .cost(
            "after a downgrade, or with a file that two devices share, the app breaks what its newer release has made",
        )
        .evidence("the database is newer", record);
    if let Some((before, after)) = changed {
        let changes = changes(before, after);
        let changes = if changes.is_empty() { "a table of the runner" } else { &changes };
        finding = finding.evidence("what is changed", changes);
    }
    match opened {
        NewerOpened::Accepted => finding,
        NewerOpened::Refused(error) => finding.evidence("the error after that", error.as_str()),
        NewerOpened::Panicked(panic) => finding.evidence("the panic", panic.as_str()),
    }
    .fix("before anything is written, return an error if the database has a version above the app's latest one")
}

const NEWER: &str = "a database of a newer version";

/// A database of a newer version is opened without an error, and left alone.
pub(crate) fn newer_accepted(record: &str) -> Finding {
    let what = format!("the app's runner opens {NEWER}, and returns no error: {}", record.replace('\n', ", "));
    Finding::new("newer-database", NEWER, what).level_of(Level::Review)
}

/// Returns the differences in words.
pub(crate) fn changes(before: &Summary, left: &Summary) -> String {
    let diff = before.schema.diff(&left.schema);
    let mut text = diff.to_string();
    if before.user_version != left.user_version {
        text.push_str(&format!("\nuser_version: {} became {}", before.user_version, left.user_version));
    }
    for table in left.digest.tables() {
        let of_column = format!("{}.", plain_name(&table.name));
        let is_in_diff = diff.iter().any(|difference| difference.object().starts_with(&of_column));
        if !is_in_diff && before.digest.table(&table.name).is_some_and(|old| old != table) {
            text.push_str(&format!("\n{}: rows differ", table.name));
        }
    }
    text.trim_start().to_owned()
}

pub(crate) fn nested_transaction_finding(nested: &NestedTransaction, migration: &Migration, format: Format) -> Finding {
    let (version, file) = (migration.version(), migration.name());
    let (does, effect) = match nested.is_begin {
        true => {
            ("begins a transaction inside its runner's transaction", "SQLite refuses this, and the migration fails")
        }
        false => ("ends its runner's transaction", "the changes before it are committed even if the rest fails"),
    };
    let fix = format!("remove BEGIN and COMMIT: {format} wraps each migration in a transaction");
    let finding = Finding::new("nested-transaction", file, format!("migration {version} {does}: {file}")).cost(effect);
    at_statement(finding, migration, nested.statement).fix(match format.without_transaction() {
        Some(how) => format!("{fix}\n{how}"),
        None => fix,
    })
}

/// Adds where the statement is, and its first line.
pub(crate) fn at_statement(finding: Finding, migration: &Migration, statement: usize) -> Finding {
    let statements = migration.statements();
    let Some(statement) = statements.get(statement) else { return finding };
    let line = statement.text.lines().next().unwrap_or_default();
    finding.evidence(format!("at {}", migration.place(statement)), format!("> {line}"))
}

/// Adds the name of the database, if it is one of a past release.
pub(crate) fn with_origin(finding: Finding, origin: RowOrigin<'_>) -> Finding {
    match origin {
        RowOrigin::Release(name) => finding.evidence("database", name),
        RowOrigin::Schema | RowOrigin::Change | RowOrigin::Statements => finding,
    }
}
