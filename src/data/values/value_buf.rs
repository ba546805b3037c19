//! A buffer for one value. It is reused from row to row, so that a row costs no allocation.

use std::cmp::Ordering;
use std::fmt;

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

/// A value of SQLite. Setting another value keeps the memory of a text or blob.
#[derive(Debug, Default)]
pub(crate) struct ValueBuf {
    kind: ValueKind,
    bytes: Vec<u8>,
}

/// The storage class of a value, and its number if it has one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum ValueKind {
    #[default]
    Null,
    Integer(i64),
    Real(f64),
    /// UTF-8 in the buffer.
    Text,
    /// The bytes in the buffer.
    Blob,
}

impl ValueBuf {
    pub(crate) fn kind(&self) -> ValueKind {
        self.kind
    }

    pub(crate) fn set_null(&mut self) {
        self.kind = ValueKind::Null;
    }

    pub(crate) fn set_integer(&mut self, number: i64) {
        self.kind = ValueKind::Integer(number);
    }

    pub(crate) fn set_real(&mut self, number: f64) {
        self.kind = ValueKind::Real(number);
    }

    pub(crate) fn set_text(&mut self, text: &str) {
        self.start_text();
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn set_blob(&mut self, bytes: &[u8]) {
        self.start_blob();
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn set(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.set_null(),
            ValueRef::Integer(number) => self.set_integer(number),
            ValueRef::Real(number) => self.set_real(number),
            ValueRef::Text(bytes) => {
                self.set_blob(bytes);
                self.kind = ValueKind::Text;
            }
            ValueRef::Blob(bytes) => self.set_blob(bytes),
        }
    }

    /// Sets an empty text, to which the `push` methods append.
    pub(crate) fn start_text(&mut self) {
        self.kind = ValueKind::Text;
        self.bytes.clear();
    }

    /// Sets an empty blob, to which the `push` methods append.
    pub(crate) fn start_blob(&mut self) {
        self.kind = ValueKind::Blob;
        self.bytes.clear();
    }

    /// Appends to a text or blob.
    pub(crate) fn push_str(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Appends an ASCII character to a text.
    pub(crate) fn push_ascii(&mut self, byte: u8) {
        debug_assert!(byte.is_ascii());
        self.bytes.push(byte);
    }

    /// Appends to a blob, or ASCII to a text.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends a number in decimal, with at least `width` digits. (`write!` costs several times as much.)
    pub(crate) fn push_number(&mut self, mut number: u64, width: usize) {
        let mut digits = [b'0'; 20];
        let mut at = digits.len();
        while number > 0 {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        at = at.min(digits.len() - width.clamp(1, digits.len()));
        self.bytes.extend_from_slice(&digits[at..]);
    }

    /// Returns the text, if the value is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        if self.kind == ValueKind::Text { std::str::from_utf8(&self.bytes).ok() } else { None }
    }

    /// Returns the bytes, if the value is a blob.
    pub(crate) fn as_bytes(&self) -> Option<&[u8]> {
        if self.kind == ValueKind::Blob { Some(&self.bytes) } else { None }
    }

    /// Returns the length of a text or blob in bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Replaces a space at the end of a text.
    pub(crate) fn replace_last_blank(&mut self, byte: u8) {
        debug_assert!(byte.is_ascii());
        if let Some(last @ b' ') = self.bytes.last_mut() {
            *last = byte;
        }
    }

    /// Cuts a text to at most `characters` characters.
    pub(crate) fn truncate(&mut self, characters: usize) {
        if self.bytes.len() <= characters {
            return;
        }
        // Nearly all texts are ASCII, in which bytes are characters.
        if self.bytes.is_ascii() {
            self.bytes.truncate(characters);
            return;
        }
        if let Some((at, _)) = self.as_text().and_then(|text| text.char_indices().nth(characters)) {
            self.bytes.truncate(at);
        }
    }

    pub(crate) fn value_ref(&self) -> ValueRef<'_> {
        match self.kind {
            ValueKind::Null => ValueRef::Null,
            ValueKind::Integer(number) => ValueRef::Integer(number),
            ValueKind::Real(number) => ValueRef::Real(number),
            ValueKind::Text => ValueRef::Text(&self.bytes),
            ValueKind::Blob => ValueRef::Blob(&self.bytes),
        }
    }

    /// Compares as ORDER BY does, without collations.
    pub(crate) fn compare(&self, other: &ValueBuf) -> Ordering {
        compare(self.value_ref(), other.value_ref())
    }

    /// Adds one, or minus one, to a number. Returns false for other values.
    pub(crate) fn add(&mut self, step: i8) -> bool {
        match &mut self.kind {
            ValueKind::Integer(number) => *number = number.saturating_add(step.into()),
            ValueKind::Real(number) => *number += f64::from(step),
            _ => return false,
        }
        true
    }

    /// Returns the SQL literal, cut to 60 characters.
    pub(crate) fn short_sql_literal(&self) -> String {
        let mut sql = self.sql_literal();
        if sql.chars().count() > 60 {
            sql = sql.chars().take(57).chain("...".chars()).collect();
        }
        sql
    }

    /// Returns the value as an SQL literal.
    pub(crate) fn sql_literal(&self) -> String {
        match self.kind {
            ValueKind::Null => "NULL".to_owned(),
            ValueKind::Integer(i64::MIN) => "(-9223372036854775807 - 1)".to_owned(),
            ValueKind::Integer(number) => number.to_string(),
            ValueKind::Real(number) if number.is_nan() => "NULL".to_owned(),
            ValueKind::Real(f64::INFINITY) => "9e999".to_owned(),
            ValueKind::Real(f64::NEG_INFINITY) => "-9e999".to_owned(),
            ValueKind::Real(number) => format!("{number:?}"),
            ValueKind::Text => {
                let text = String::from_utf8_lossy(&self.bytes);
                // SQLite reads a statement only up to its first NUL.
                if text.contains('\0') {
                    format!("CAST(x'{}' AS TEXT)", hex(&self.bytes))
                } else {
                    crate::sql::quote_text(&text)
                }
            }
            ValueKind::Blob => format!("x'{}'", hex(&self.bytes)),
        }
    }

    /// Returns an owned copy.
    pub(crate) fn to_value(&self) -> Value {
        match self.kind {
            ValueKind::Null => Value::Null,
            ValueKind::Integer(number) => Value::Integer(number),
            ValueKind::Real(number) => Value::Real(number),
            ValueKind::Text => Value::Text(String::from_utf8_lossy(&self.bytes).into_owned()),
            ValueKind::Blob => Value::Blob(self.bytes.clone()),
        }
    }
}

/// Compares two values as ORDER BY does, without collations.
pub(crate) fn compare(one: ValueRef<'_>, two: ValueRef<'_>) -> Ordering {
    let class = |value: ValueRef<'_>| match value {
        ValueRef::Null => 0,
        ValueRef::Integer(_) | ValueRef::Real(_) => 1,
        ValueRef::Text(_) => 2,
        ValueRef::Blob(_) => 3,
    };
    match (one, two) {
        (ValueRef::Integer(one), ValueRef::Integer(two)) => one.cmp(&two),
        (ValueRef::Integer(one), ValueRef::Real(two)) => (one as f64).total_cmp(&two),
        (ValueRef::Real(one), ValueRef::Integer(two)) => one.total_cmp(&(two as f64)),
        (ValueRef::Real(one), ValueRef::Real(two)) => one.total_cmp(&two),
        (ValueRef::Text(one), ValueRef::Text(two)) | (ValueRef::Blob(one), ValueRef::Blob(two)) => one.cmp(two),
        _ => class(one).cmp(&class(two)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Values are equal if they compare as equal in ORDER BY.
impl PartialEq for ValueBuf {
    fn eq(&self, other: &ValueBuf) -> bool {
        self.compare(other).is_eq()
    }
}

/// Appends to a text that [`ValueBuf::start_text`] began.
impl fmt::Write for ValueBuf {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text);
        Ok(())
    }
}

impl From<&Value> for ValueBuf {
    fn from(value: &Value) -> ValueBuf {
        let mut buffer = ValueBuf::default();
        buffer.set(value.into());
        buffer
    }
}

impl Clone for ValueBuf {
    fn clone(&self) -> ValueBuf {
        let mut value = ValueBuf::default();
        value.clone_from(self);
        value
    }

    /// Copies the value into the memory that `self` has already.
    fn clone_from(&mut self, other: &ValueBuf) {
        self.kind = other.kind;
        self.bytes.clear();
        if matches!(other.kind, ValueKind::Text | ValueKind::Blob) {
            self.bytes.extend_from_slice(&other.bytes);
        }
    }
}

impl ToSql for ValueBuf {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.value_ref()))
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::types::Value;

    use crate::data::values::value_buf::ValueBuf;

    #[test]
    fn numbers_are_written_as_they_read() {
        let mut value = ValueBuf::default();
        for (number, width, text) in
            [(0, 1, "0"), (7, 3, "007"), (1234, 2, "1234"), (u64::MAX, 1, "18446744073709551615")]
        {
            value.start_text();
            value.push_number(number, width);
            assert_eq!(value.as_text(), Some(text));
        }
    }

    #[test]
    fn a_text_is_cut_between_its_characters() {
        let mut value = ValueBuf::default();
        value.set_text("añob");
        value.truncate(2);
        assert_eq!(value.to_value(), Value::Text("añ".to_owned()));
        value.truncate(2);
        assert_eq!(value.as_text(), Some("añ"));
    }
}
