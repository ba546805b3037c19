//! The kind of the values of a column, by its name, the name of its table and its type.
//!
//! A value that only looks right is worse than a meaningless one. So a kind needs whole words, of which the last counts most
//! (`email_count` is no email), and a type that keeps its values unchanged.

mod column_name;
mod texts;
mod typed;
#[rustfmt::skip] // Words, many to a line.
mod vocabulary;

use crate::data::values::realistic::kind::{Kind, TimeFormat};
use crate::data::values::realistic::names::column_name::ColumnName;
use crate::data::values::stored_type::{StoredType, type_word};
use crate::schema::Column;

/// Returns the kind of the values of a column, if its name tells it.
pub(super) fn kind(table: &str, column: &Column, stored_type: StoredType, limit: Option<usize>) -> Option<Kind> {
    let declared = type_word(column);
    let now = column.default.as_deref().and_then(now);
    let column = ColumnName::of(table, &column.name);
    match declared.as_str() {
        "BOOL" | "BOOLEAN" => return Some(Kind::Bool),
        "UUID" | "GUID" => return Some(Kind::Uuid),
        "JSON" => return Some(Kind::Json),
        _ => {}
    }
    let by_default =
        || now.filter(|_| takes_text(&declared, stored_type)).map(|format| Kind::Moment(format, column.period()));
    column
        .time(&declared, stored_type)
        .or_else(by_default)
        .or_else(|| column.flag(stored_type))
        .or_else(|| column.status(stored_type))
        .or_else(|| column.number(stored_type))
        .or_else(|| column.bytes(stored_type, limit))
        .or_else(|| if takes_text(&declared, stored_type) { column.text(limit) } else { None })
}

/// Returns the format of a DEFAULT that is the current time.
fn now(default: &str) -> Option<TimeFormat> {
    let text: String = default.chars().filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')')).collect();
    match text.to_ascii_lowercase().as_str() {
        "current_timestamp" | "datetime'now'" => Some(TimeFormat::DateTime),
        "current_date" | "date'now'" => Some(TimeFormat::Date),
        "current_time" | "time'now'" => Some(TimeFormat::TimeOfDay),
        text if text.starts_with("strftime'%y-%m-%d") && text.ends_with(",'now'") => Some(TimeFormat::DateTime),
        _ => None,
    }
}

/// Returns true if a column keeps every text. One with affinity NUMERIC converts texts that read as a number.
fn takes_text(declared: &str, stored_type: StoredType) -> bool {
    matches!(stored_type, StoredType::Text | StoredType::Any) || declared.starts_with("STRING")
}
