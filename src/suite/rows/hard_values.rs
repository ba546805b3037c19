//! Values that a conversion is likely to change: texts with spaces around and inside, capitals, marks of other alphabets and
//! punctuation, and long; numbers that are negative and need all of their digits.
//!
//! What a statement does to a value can be read, and rows are made for it. What code does can only be tried: in each column of
//! words, e-mails or numbers, one row gets a value that trimming, lower case, a filter, a limit, rounding or a smaller type does
//! not leave as it is. Other values keep their form, which code may rely on: ids, dates, times, URLs, JSON.

use rusqlite::types::Value;
use rusqlite::{Connection, Result};

use super::contents::{count, primary_key_columns, row_at};
use crate::data::{StoredType, declared_length};
use crate::schema::{Column, Schema, Table};
use crate::sql::quote_identifier;

/// Longer than the limits that apps set: 255 is the most common one.
const LENGTH: usize = 300;

/// Not even a double has all of its digits. A thousand of it is still an integer, as of seconds in milliseconds.
const INTEGER: i64 = -(1 << 53) - 1;

/// The rows that are looked at for a value of such a form.
const ROWS: i64 = 10;

/// Gives one row of each such column a hard value, wherever no constraint forbids it.
pub(super) fn add_hard_values(
    connection: &Connection,
    schema: &Schema,
    table: &Table,
    is_given: impl Fn(&str) -> bool,
) {
    let name = quote_identifier(&table.name);
    let rows = count(connection, table).unwrap_or(0).min(ROWS);
    for free in table.columns.iter().filter(|column| is_free(schema, table, column) && !is_given(&column.name)) {
        let column = quote_identifier(&free.name);
        for row in (0..rows).filter_map(|place| row_at(connection, table, place as usize)) {
            // A value that two rows have stays with both.
            let alone = format!("(SELECT count(*) FROM {name} AS other WHERE other.{column} = {name}.{column}) = 1");
            let value = format!("SELECT {column} FROM {name} WHERE {row} AND {alone}");
            let value: Result<Value> = connection.query_row(&value, [], |row| row.get(0));
            let hard = value.ok().and_then(|value| hard_value(&value, free, table));
            let set = format!("UPDATE {name} SET {column} = ?1 WHERE {row}");
            if hard.is_some_and(|hard| connection.execute(&set, [hard]).is_ok()) {
                break;
            }
        }
    }
}

/// Returns true for a column by which no row refers to another one, as far as keys and names tell.
fn is_free(schema: &Schema, table: &Table, column: &Column) -> bool {
    let refers = table.foreign_keys.iter().any(|key| key.columns.contains(&column.name));
    let is_id = column.name == "id" || ["_id", "_ID", "Id", "ID"].iter().any(|end| column.name.ends_with(end));
    let is_key = primary_key_columns(table).contains(&column.name.as_str());
    let mut keys = schema.tables.iter().flat_map(|table| &table.foreign_keys).filter(|key| key.parent == table.name);
    let is_referred_to = keys.any(|key| key.parent_columns.as_ref().map_or(is_key, |to| to.contains(&column.name)));
    !refers && !is_id && !is_referred_to && column.generated.is_none() && !column.hidden
}

fn hard_value(value: &Value, column: &Column, table: &Table) -> Option<Value> {
    match (StoredType::of(column, table.strict), value) {
        (StoredType::Text, Value::Text(text)) => {
            hard_text(text, declared_length(column).unwrap_or(usize::MAX)).map(Value::Text)
        }
        // Zero and one are no and yes, and from here on numbers are times, or ids of other systems.
        (StoredType::Integer, Value::Integer(2..100_000_000)) => {
            let is_key = primary_key_columns(table).contains(&column.name.as_str());
            (!is_key).then_some(Value::Integer(INTEGER))
        }
        (StoredType::Real, Value::Real(_)) => Some(Value::Real(-(0.1 + 0.2))),
        _ => None,
    }
}

/// Returns a hard text of the form of this one, in at most this many characters. `None` if it has another form.
fn hard_text(text: &str, limit: usize) -> Option<String> {
    if let Some((local, domain)) = text.split_once('@') {
        // The part before the sign may have 64 characters.
        let tag: String =
            "Everything-That-Comes-From-A-Newsletter".chars().take(limit.saturating_sub(text.len() + 1)).collect();
        let hard = format!("{}+{tag}@{}", capitalized(local), capitalized(domain));
        return (!text.contains(' ') && !tag.is_empty()).then_some(hard);
    }
    let words: Vec<&str> = text.split(' ').collect();
    let is_word = |word: &&str| !word.is_empty() && word.chars().all(char::is_alphabetic);
    let is_word_or_number = |word: &&str| is_word(word) || word.parse::<u64>().is_ok();
    if !words.iter().any(is_word) || !words.iter().all(is_word_or_number) {
        return None;
    }
    let mut hard = format!("  {}  O'Brien & Søn; \"Zoë\", 50% <b>", capitalized(text));
    while hard.chars().count() < LENGTH {
        hard.push_str(" Überlänge");
    }
    hard.push(' ');
    Some(hard.chars().take(limit).collect())
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::hard_text;

    #[test]
    fn words_and_emails_become_hard() {
        for text in ["ada", "Ada Lovelace", "ada 5", "Night train to the sea"] {
            let hard = hard_text(text, usize::MAX).unwrap();
            assert!(hard.to_lowercase().contains(&text.to_lowercase()), "{hard}");
            assert!(hard != hard.trim_start() && hard != hard.trim_end() && hard != hard.to_lowercase(), "{hard}");
            assert!(!hard.is_ascii() && hard.chars().count() >= super::LENGTH, "{hard}");
            assert_eq!(hard_text(text, 20).unwrap().chars().count(), 20);
        }
        let hard = hard_text("ada.lovelace.5@example.net", usize::MAX).unwrap();
        assert_eq!(hard, "Ada.lovelace.5+Everything-That-Comes-From-A-Newsletter@Example.net");
        assert_eq!(hard_text("ada@example.net", 20).unwrap(), "Ada+Ever@Example.net");
        assert_eq!(hard_text("ada@example.net", 16), None);
    }

    #[test]
    fn other_texts_keep_their_form() {
        let ids =
            ["6e13-ab", "5f3a9c", "2024-02-29 12:00:00", "https://example.net/ada", "{\"a\": 1}", "ada_5", "SKU-12"];
        for text in ids.into_iter().chain(["", " ", "12", "12.5", "+49 30 1234", "#ff0000", "10.0.0.1"]) {
            assert_eq!(hard_text(text, usize::MAX), None, "{text}");
        }
    }
}
