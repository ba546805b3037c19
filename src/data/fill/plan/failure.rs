//! Why a table cannot be planned.

use crate::data::constraints::condition::Condition;
use crate::data::fill::plan::table_plan::Limit;
use crate::error::{Error, ErrorKind};
use crate::report::count;
use crate::schema::Table;

fn failure(headline: String) -> Error {
    Error::new(ErrorKind::Data, headline)
}

/// No values satisfy a CHECK, or a trigger.
pub(crate) fn unsatisfied(
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
    let mut error = failure(format!("cannot fill {table}: {what} {kind}{name}")).evidence(label, &condition.shown);
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

/// More rows are asked for than a table can hold.
pub(crate) fn full(table: &str, rows: u64, limit: &Limit) -> Error {
    let (rows, most) = (count(rows, "row"), count(limit.rows, "row"));
    if limit.is_guess {
        return failure(format!("cannot fill {table} with {rows}: values were found for no more than {most}"))
            .evidence("because", &limit.because)
            .help(format!("supply them: .set_with(\"{table}\", column, |row| ..)"));
    }
    failure(format!("cannot fill {table} with {rows}: it has room for {most}")).evidence("because", &limit.because)
}

/// A key that may not be NULL refers to rows that come later, and theirs is not known yet.
pub(crate) fn cycle(table: &str, key: &str) -> Error {
    failure(format!("cannot fill {table}: its foreign keys form a cycle")).evidence("NOT NULL", key)
}
