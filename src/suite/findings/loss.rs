//! Findings about losses: what is gone, why, and how to avoid it.

use super::evidence::at_statement;
use super::rebuild::safe_rebuild;
use crate::check::Finding;
use crate::sql::plain_name;
use crate::suite::diagnosis::{LossDiagnosis, Mechanism, Rebuild};
use crate::suite::losses::LossKind;

pub(crate) fn loss_finding(diagnosis: &LossDiagnosis<'_>) -> Finding {
    let LossDiagnosis { loss, migration, .. } = diagnosis;
    let object = loss.object();
    let Explanation { code, cost, fix } = explanation(diagnosis);
    let what = format!("migration {} {}: {}", migration.version(), does(diagnosis), migration.name());
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

/// Returns the predicate of the headline.
fn does(diagnosis: &LossDiagnosis<'_>) -> String {
    let loss = diagnosis.loss;
    let object = loss.object();
    match &loss.kind {
        LossKind::Table => format!("drops the table {object}"),
        LossKind::Column => format!("drops {object}"),
        kind if kind.is_all_rows() => format!("empties {object}"),
        LossKind::Rows { gone, of } => format!("loses {gone} of {of} rows of {object}"),
        LossKind::Renumbered => format!("renumbers the rows of {}", loss.table),
        LossKind::Multiplied => format!("duplicates rows of {object}"),
        LossKind::Values { changed, of, to_null: true } => format!("sets {changed} of {of} values of {object} to NULL"),
        LossKind::Values { changed, of, .. } => format!("changes {changed} of {of} values of {object}"),
        LossKind::Moved { from } => format!("moves the values of {} into {object}", plain_name(from)),
        LossKind::Sequence { was, is } => format!("resets the AUTOINCREMENT of {object} from {was} to {is}"),
    }
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
        (LossKind::Moved { .. }, _) => Explanation::new(
            "values-moved",
            "INSERT .. SELECT matches columns by position, not by name",
            "name the columns on both sides: INSERT INTO new(a, b) SELECT a, b FROM old",
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
                "after the rename: UPDATE sqlite_sequence SET seq = <the old seq> WHERE name = '{}', read before the DROP into a temporary table",
                loss.table
            ),
        ),
        (LossKind::Values { to_null: false, .. }, _) => Explanation::new(
            "undeclared-loss",
            "the old values cannot be recovered",
            "a lossless mapping, such as names to numbers or bytes to hex, looks like this too",
        ),
        _ => Explanation::new("undeclared-loss", "the old values cannot be recovered", ""),
    }
}

fn foreign_key_actions(diagnosis: &LossDiagnosis<'_>, rebuild: &Rebuild, is_dropped: bool) -> Explanation {
    let table = plain_name(&diagnosis.loss.table);
    let parent = plain_name(&rebuild.dropped);
    let action = match diagnosis.loss.kind {
        LossKind::Rows { .. } => "ON DELETE CASCADE",
        _ => "ON DELETE SET NULL",
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
    Explanation::new(code, format!("{how}{ignored}"), safe_rebuild(rebuild))
}
