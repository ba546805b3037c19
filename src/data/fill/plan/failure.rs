//! The errors about tables that cannot be planned.

use crate::data::constraints::condition::Condition;
use crate::error::{Error, ErrorKind};
use crate::schema::Table;

/// Returns the error for a CHECK or trigger that no values satisfy.
pub(super) fn unsatisfied(
    table: &Table,
    condition: &Condition,
    names: &[String],
    tried: &[String],
    is_given: bool,
) -> Error {
    let column = condition.columns.first().map_or("column", |column| names[*column].as_str());
    let name = condition.name.as_ref().map_or(String::new(), |name| format!(" {name}"));
    let (kind, table) = (condition.kind.as_str(), &table.name);
    let label = if kind == "trigger" { "it refuses" } else { kind };
    let what = if is_given { "the given value does not satisfy" } else { "no value satisfies" };
    let mut error = Error::new(ErrorKind::Data, format!("cannot fill {table}: {what} {kind}{name}"))
        .evidence(label, &condition.shown);
    if !tried.is_empty() {
        error = error.evidence("tried", tried.join("\n"));
    }
    if is_given {
        return error;
    }
    error.help(format!(
        "give it a value: .set(\"{table}\", \"{column}\", ..) or .set_with(\"{table}\", \"{column}\", |row| ..)"
    ))
}
