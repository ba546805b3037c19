//! INSERT statements. No other file writes them from names.

use super::normal::plain_names;

/// Writes an INSERT of one row of SQL expressions. `into` is the part up to the table: `INTO t`, `OR ABORT INTO main.t`.
pub(crate) fn insert_values<C: AsRef<str>>(into: &str, columns: &[C], values: &[String]) -> String {
    if columns.is_empty() {
        return format!("INSERT {into} DEFAULT VALUES");
    }
    let columns = plain_names(columns.iter().map(AsRef::as_ref));
    format!("INSERT {into}({columns}) VALUES ({})", values.join(", "))
}

/// Writes an INSERT of one row with a parameter for each column.
pub(crate) fn insert_parameters<C: AsRef<str>>(into: &str, columns: &[C]) -> String {
    insert_values(into, columns, &vec!["?".to_owned(); columns.len()])
}
