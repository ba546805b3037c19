//! What a column holds, by its name, its table's name and its type.
//!
//! A value that looks right in the wrong column is worse than none, so a name has to say it: whole words, the last of them
//! first (`email_count` is no email), and a type that keeps such a value.

mod texts;
mod typed;

use super::kind::{Form, Kind};
use super::words::{singular, words};
use crate::data::values::stored_type::{StoredType, type_word};
use crate::schema::Column;

/// What `table.column` holds, if its name says so.
pub(super) fn kind(table: &str, column: &Column, stored_type: StoredType, limit: Option<usize>) -> Option<Kind> {
    let declared = type_word(column);
    let now = column.default.as_deref().and_then(now);
    let column = Name::of(table, &column.name);
    match declared.as_str() {
        "BOOL" | "BOOLEAN" => return Some(Kind::Bool),
        "UUID" | "GUID" => return Some(Kind::Uuid),
        "JSON" => return Some(Kind::Json),
        _ => {}
    }
    let by_default =
        || now.filter(|_| takes_text(&declared, stored_type)).map(|form| Kind::Moment(form, column.span()));
    column
        .time(&declared, stored_type)
        .or_else(by_default)
        .or_else(|| column.flag(stored_type))
        .or_else(|| column.number(stored_type))
        .or_else(|| column.bytes(stored_type, limit))
        .or_else(|| if takes_text(&declared, stored_type) { column.text(limit) } else { None })
}

/// What a DEFAULT that is the present time writes.
fn now(default: &str) -> Option<Form> {
    let text: String = default.chars().filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')')).collect();
    match text.to_ascii_lowercase().as_str() {
        "current_timestamp" | "datetime'now'" => Some(Form::DateTime),
        "current_date" | "date'now'" => Some(Form::Date),
        "current_time" | "time'now'" => Some(Form::TimeOfDay),
        _ => None,
    }
}

/// Whether a column keeps a text of any form: one of affinity NUMERIC turns those that read as a number.
fn takes_text(declared: &str, stored_type: StoredType) -> bool {
    matches!(stored_type, StoredType::Text | StoredType::Any) || declared.starts_with("STRING")
}

struct Name {
    table: String,
    table_words: Vec<String>,
    words: Vec<String>,
}

const PEOPLE: &[&str] = &[
    "admin",
    "applicant",
    "attendee",
    "author",
    "buyer",
    "candidate",
    "contact",
    "customer",
    "doctor",
    "driver",
    "employee",
    "friend",
    "guest",
    "manager",
    "member",
    "owner",
    "passenger",
    "patient",
    "person",
    "player",
    "profile",
    "recipient",
    "seller",
    "sender",
    "student",
    "subscriber",
    "teacher",
    "user",
    "visitor",
];
const COMPANIES: &[&str] = &[
    "agency",
    "brand",
    "business",
    "company",
    "employer",
    "manufacturer",
    "merchant",
    "organisation",
    "organization",
    "publisher",
    "supplier",
    "vendor",
];
const GOODS: &[&str] = &["article", "good", "item", "merchandise", "product", "variant"];
const FILES: &[&str] = &["attachment", "document", "download", "file", "upload"];
/// What may stand before a word so that the whole is no such thing: a switch, a number, what was made of it.
const NOT_ITSELF: &[&str] = &[
    "allow",
    "by",
    "count",
    "disable",
    "enable",
    "encrypted",
    "has",
    "hashed",
    "hide",
    "is",
    "masked",
    "max",
    "min",
    "no",
    "notify",
    "num",
    "per",
    "redacted",
    "require",
    "requires",
    "send",
    "show",
    "use",
];

impl Name {
    fn of(table: &str, column: &str) -> Name {
        let table_words = words(table);
        let mut words = words(column);
        // `address2`, `phone_1`, but not `sha256`, `md5`, `ip6`.
        while words.len() > 1
            && words[words.len() - 1].chars().all(char::is_numeric)
            && !matches!(words[words.len() - 2].as_str(), "sha" | "md" | "ip" | "ipv" | "last")
        {
            words.pop();
        }
        Name { table: singular(&table_words), table_words, words }
    }

    fn ends(&self, pattern: &str) -> bool {
        ends(&self.words, pattern)
    }

    fn ends_any(&self, patterns: &[&str]) -> bool {
        patterns.iter().any(|pattern| self.ends(pattern))
    }

    /// Whether the name is this and nothing else.
    fn only(&self, pattern: &str) -> bool {
        self.ends(pattern) && self.words.len() == pattern.split(' ').count()
    }

    fn only_any(&self, patterns: &[&str]) -> bool {
        patterns.iter().any(|pattern| self.only(pattern))
    }

    fn of_table(&self, tables: &[&str]) -> bool {
        tables.contains(&self.table.as_str())
    }

    /// The word before the last one.
    fn before(&self) -> &str {
        self.words.len().checked_sub(2).map_or("", |at| &self.words[at])
    }

    fn qualified(&self, by: &[&str]) -> bool {
        self.words[..self.words.len().saturating_sub(1)].iter().any(|word| by.contains(&word.as_str()))
    }
}

fn ends(words: &[String], pattern: &str) -> bool {
    let mut at = words.len();
    for word in pattern.rsplit(' ') {
        if at == 0 || words[at - 1] != word {
            return false;
        }
        at -= 1;
    }
    true
}
