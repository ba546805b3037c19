//! Every row survives.

use super::super::Suite;
use super::super::adversarial_rows;
use super::super::blame::{self, Blame, Means};
use super::super::options::Needed;
use super::super::shrink;
use super::super::statement_effects::{Effect, renamed_before_drop};
use super::super::survival::{Kind, Loss, losses};
use super::super::versioned_databases::{UpgradeStep, VersionState, VersionedDatabases};
use crate::check::{Finding, Findings};
use crate::error::Result;
use crate::migrations::Format;
use crate::sql::plain_name;

pub(super) fn every_row(suite: &Suite, databases: &VersionedDatabases) -> Result<()> {
    let mut needed = Needed::of(&suite.options.losses);
    let mut found = Findings::default();
    for (step, release) in suite.steps(databases)? {
        let Some(after) = &step.after else { continue };
        let version = databases.version(step.index + 1);
        let losses = lost(databases, step, after)?;
        for loss in &losses {
            if !needed.allows(version, &loss.object()) {
                found.push(named(finding(databases, step, loss)?, release));
            }
        }
        if release.is_some() {
            continue;
        }
        let mut known = losses;
        for step in adversarial_rows::accepted(databases, step)? {
            let Some(after) = &step.after else { continue };
            for loss in lost(databases, &step, after)? {
                if known.iter().any(|known| known.is_like(&loss)) {
                    continue;
                }
                if !needed.allows(version, &loss.object()) {
                    found.push(finding(databases, &step, &loss)?);
                }
                known.push(loss);
            }
        }
    }
    found.try_assert_ok()?;
    if databases.reach() < databases.len() {
        // Behind a migration that does not apply, nobody knows what is needed.
        return Ok(());
    }
    needed.all_needed(".allow_loss")
}

/// With the name of the database, where it is one of a past release.
pub(super) fn named(finding: Finding, release: Option<&str>) -> Finding {
    match release {
        Some(name) => finding.evidence("database", name),
        None => finding,
    }
}

fn lost(databases: &VersionedDatabases, step: &UpgradeStep, after: &VersionState) -> Result<Vec<Loss>> {
    let before = databases.rows_of(&step.before)?;
    let database = databases.open(&after.image)?;
    Ok(losses(&before, &databases.contents(&database)?, databases.effects(step.index), &database))
}

fn finding(databases: &VersionedDatabases, step: &UpgradeStep, loss: &Loss) -> Result<Finding> {
    let migration = databases.migration(step.index);
    let (version, file) = (migration.version(), migration.name());
    let blame = blame::of(databases, step, loss);
    let (code, cost, fix) = explained(databases, step, loss, blame.as_ref());
    let object = loss.object();
    let what = match &loss.kind {
        Kind::Table => format!("migration {version} drops the table {object}: {file}"),
        Kind::Column => format!("migration {version} drops {object}: {file}"),
        Kind::Rows { gone, of } if gone == of => format!("migration {version} empties {object}: {file}"),
        Kind::Rows { gone, of } => format!("migration {version} loses {gone} of {of} rows of {object}: {file}"),
        Kind::Renumbered => format!("migration {version} gives the rows of {} other keys: {file}", loss.table),
        Kind::Multiplied { .. } => format!("migration {version} multiplies rows of {object}: {file}"),
        Kind::Values { changed, of, to_null } => {
            let does = if *to_null { "erases" } else { "changes" };
            format!("migration {version} {does} {changed} of {of} values of {object}: {file}")
        }
        Kind::Moved { from } => {
            format!("migration {version} puts what was in {} into {object}: {file}", plain_name(from))
        }
        Kind::Sequence { was, is } => {
            format!("migration {version} sets the AUTOINCREMENT of {object} back from {was} to {is}: {file}")
        }
    };
    let mut finding = Finding::new(code, &object, what).cost(cost);
    if let Some(blame) = &blame {
        let statements = migration.statements();
        if let Some(statement) = statements.get(blame.statement) {
            let line = statement.text.lines().next().unwrap_or_default();
            finding = finding.evidence(format!("at {}", migration.place(statement)), format!("> {line}"));
        }
    }
    if !loss.examples.is_empty() {
        let label = match loss.kind {
            Kind::Rows { .. } => "rows that are gone",
            Kind::Multiplied { .. } => "rows that came along",
            _ => "values",
        };
        finding = finding.evidence(label, loss.examples.join("\n"));
    }
    if !matches!(loss.kind, Kind::Table | Kind::Column) {
        let mut still = |mut database: crate::db::Scratch| {
            let Ok(before) = databases.contents(&database) else { return false };
            let applied = databases.step(&mut database, step.index).is_ok();
            let after = databases.contents(&database);
            let effects = databases.effects(step.index);
            applied
                && after.is_ok_and(|after| {
                    losses(&before, &after, effects, &database).iter().any(|other| loss.is_like(other))
                })
        };
        let data = shrink::smallest(databases.workshop, &step.before.image, &mut still)?;
        let shows = !data.is_empty() && !matches!(loss.kind, Kind::Sequence { .. });
        finding = if !shows {
            finding
        } else {
            finding.evidence(format!("smallest data that shows it, at version {}", databases.version(step.index)), data)
        };
    }
    let allow = format!("if it is meant, say so: .allow_loss({version}, {object:?}, \"why\")");
    Ok(finding.fix(if fix.is_empty() { allow } else { format!("{fix}\n{allow}") }))
}

/// The code, why it happens, and the way to do it without.
fn explained(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    loss: &Loss,
    blame: Option<&Blame>,
) -> (&'static str, String, String) {
    let table = plain_name(&loss.table);
    if let Some(Blame { means: Means::Actions { of, dropped }, .. }) = blame {
        let fix = safe_rebuild(databases, step, of, &loss.table);
        let of_itself = of.eq_ignore_ascii_case(&loss.table);
        let of = plain_name(of);
        let action = match loss.kind {
            Kind::Rows { .. } => "ON DELETE CASCADE",
            _ => "ON DELETE SET NULL",
        };
        let how = match dropped {
            true if of_itself => {
                format!(
                    "DROP TABLE {of} deletes its rows first, and {action} of the new table, which refers to it, acts on each"
                )
            }
            true => format!("DROP TABLE {of} deletes its rows first, and {action} of {table} acts on each of them"),
            false => format!("DELETE FROM {of} fires {action} of {table}"),
        };
        let noop = databases.effects(step.index).iter().any(
            |effect| matches!(&effect.effect, Effect::Pragma { name, sets: true } if name.eq_ignore_ascii_case("foreign_keys")),
        );
        let noop = match noop && databases.history.is_wrapped(databases.migration(step.index)) {
            true => "\nPRAGMA foreign_keys does nothing here: SQLite ignores it within a transaction",
            false => "",
        };
        let code = if *dropped { "rebuild-fires-fk-actions" } else { "undeclared-loss" };
        return (code, format!("{how}{noop}"), fix);
    }
    let meant = String::new();
    match (&loss.kind, blame.map(|blame| &blame.means)) {
        (Kind::Table | Kind::Column, _) => ("destructive", String::from("what is in it is gone for good"), meant),
        (Kind::Rows { gone, of }, Some(Means::Said)) if gone == of && loss.rebuilt => {
            let cost = format!("{table} is dropped and made anew, and nothing is copied");
            (
                "destructive",
                cost,
                format!("INSERT INTO the new table SELECT from the old one before DROP TABLE {table}"),
            )
        }
        (Kind::Rows { .. }, Some(Means::Said)) => ("destructive", String::from("the rows are gone for good"), meant),
        (Kind::Rows { .. }, Some(Means::Copy)) => {
            let cost = "the copy leaves rows out: by a join, a WHERE, OR IGNORE or OR REPLACE";
            (
                "undeclared-loss",
                cost.to_owned(),
                String::from("copy with a plain SELECT of the old table, and look up the rest in subqueries"),
            )
        }
        (Kind::Moved { .. }, _) => {
            let cost = "INSERT .. SELECT goes by the order of columns, not by their names";
            let columns = "name the columns on both sides: INSERT INTO new(a, b) SELECT a, b FROM old";
            ("values-moved", cost.to_owned(), columns.to_owned())
        }
        (Kind::Renumbered, _) => {
            let cost = "whatever refers to a row by its key finds another one, or none";
            ("undeclared-loss", cost.to_owned(), String::from("copy the key along with the other columns"))
        }
        (Kind::Multiplied { .. }, _) => {
            let cost = "the copy joins a table that has several rows for one of these";
            ("undeclared-loss", cost.to_owned(), String::from("look the value up in a subquery instead of a join"))
        }
        (Kind::Sequence { .. }, _) => {
            let cost =
                "numbers of deleted rows are handed out again, and whoever remembers one takes the new row for it";
            let keep = format!(
                "after the rename: UPDATE sqlite_sequence SET seq = <the old seq> WHERE name = '{}', read before the DROP into a temporary table",
                loss.table
            );
            ("rebuild-loses-objects", cost.to_owned(), keep)
        }
        (Kind::Values { to_null: false, .. }, _) => {
            let cost = "what was there cannot be told from what is there now";
            let mapping =
                "a mapping that loses nothing, as of names to numbers or of bytes to hex, looks like this too";
            ("undeclared-loss", cost.to_owned(), mapping.to_owned())
        }
        _ => ("undeclared-loss", String::from("what was there cannot be told from what is there now"), meant),
    }
}

/// How to rebuild a table that others refer to, by what the format's runner allows. `dropped` is its name when it is
/// dropped.
pub(super) fn safe_rebuild(databases: &VersionedDatabases, step: &UpgradeStep, dropped: &str, child: &str) -> String {
    let effects = databases.effects(step.index);
    let old = renamed_before_drop(effects, dropped);
    let new = effects.iter().find_map(|effect| match &effect.effect {
        Effect::RenameTable { table, to } if to.eq_ignore_ascii_case(child) => Some(table),
        _ => None,
    });
    if let Some(new) = new
        && child.eq_ignore_ascii_case(dropped)
    {
        let new = plain_name(new);
        return format!(
            "let the new table refer to itself by the name that it has until it is renamed: REFERENCES {new}"
        );
    }
    let (parent, child) = (plain_name(old.unwrap_or(dropped)), plain_name(child));
    let mut way = match databases.history.format() {
        Format::Plain | Format::Paired => format!(
            "run the file without a transaction of its runner, and rebuild {parent} with foreign keys off:\n\
             -- no-transaction\nPRAGMA foreign_keys = OFF;\nBEGIN;\n-- the rebuild\nCOMMIT;\nPRAGMA foreign_keys = ON;"
        ),
        _ => format!(
            "keep the rows of {child} aside while {parent} is rebuilt:\n\
             CREATE TEMP TABLE kept AS SELECT * FROM {child};\nDELETE FROM {child};\n-- the rebuild\n\
             INSERT INTO {child} SELECT * FROM kept;\nDROP TABLE kept;"
        ),
    };
    if old.is_some() {
        way.push_str(&format!(
            "\nand give the new table the other name until {parent} is dropped: RENAME TO {} takes along what refers to it",
            plain_name(dropped)
        ));
    }
    way
}
