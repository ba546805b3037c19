//! Values near an acceptable one: of the same form, in its place, or of another type.

use rusqlite::types::Value;

use crate::data::values::value_buf::{ValueBuf, ValueKind};

/// Returns a value's neighbors, which share its form, and a pool of others.
pub(super) fn with_near(value: &ValueBuf, pool: &[ValueBuf]) -> Vec<ValueBuf> {
    let mut found = near(value);
    found.extend_from_slice(pool);
    found
}

/// Returns values that differ little from this one, or have the same form.
pub(super) fn near(value: &ValueBuf) -> Vec<ValueBuf> {
    let of = |value: Value| ValueBuf::from(&value);
    match value.kind() {
        ValueKind::Integer(number) => [987_654_321, number.wrapping_add(1_000_003), -1, number.wrapping_neg()]
            .map(|number| of(Value::Integer(number)))
            .to_vec(),
        ValueKind::Real(number) => {
            [number + 987_654_321.0, -number - 1.0].map(|number| of(Value::Real(number))).to_vec()
        }
        ValueKind::Text => {
            let text = value.as_text().unwrap_or_default();
            let mut found = Vec::new();
            // Values of the same length and form, then values without these.
            for letter in ['0', '7', 'f', 'x', 'Q', 'é'] {
                let mut letters: Vec<char> = text.chars().collect();
                if let Some(last) = letters.last_mut() {
                    *last = letter;
                }
                found.push(letters.iter().collect::<String>());
            }
            found.extend([text.chars().rev().collect(), text.to_uppercase(), text.to_lowercase(), format!("{text}x")]);
            found.push(text.chars().skip(1).collect());
            found.extend(documents_near(text));
            found.into_iter().map(|text| of(Value::Text(text))).collect()
        }
        ValueKind::Blob => {
            let bytes = value.as_bytes().unwrap_or_default().to_vec();
            let flipped = bytes.iter().map(|byte| !byte).collect();
            let shorter = bytes.iter().skip(1).copied().collect();
            let longer = bytes.iter().copied().chain([0]).collect();
            [flipped, shorter, longer].map(|bytes| of(Value::Blob(bytes))).to_vec()
        }
        ValueKind::Null => [987_654_321].map(|number| of(Value::Integer(number))).to_vec(),
    }
}

/// Returns values of other types, of the same length if they have one.
pub(super) fn strangers(value: &ValueBuf) -> Vec<ValueBuf> {
    let length = value.len();
    let bytes = value.as_text().map(str::as_bytes).or(value.as_bytes()).unwrap_or_default().to_vec();
    let texts = ["x".to_owned(), "x".repeat(length), String::new(), "sqlitmus".to_owned()];
    let blobs = [bytes, vec![0], vec![b'x'; 16]];
    let of_texts = texts.into_iter().map(Value::Text);
    let values = of_texts.chain(blobs.into_iter().map(Value::Blob)).chain([Value::Real(1.5), Value::Integer(1)]);
    values.map(|value| ValueBuf::from(&value)).collect()
}

/// Returns copies of the document in which one member has another value.
fn documents_near(text: &str) -> Vec<String> {
    const OTHERS: [&str; 12] =
        ["null", "0", "-1", "1.5", "987654321", "\"\"", "\"x\"", "\"sqlitmus\"", "true", "[]", "[1, 2]", "{}"];
    let mut found = Vec::new();
    if !text.starts_with('{') {
        return found;
    }
    for (at, _) in text.match_indices("\":") {
        let value = text.len() - text[at + 2..].trim_start().len();
        let rest = &text[value..];
        // Strings of generated documents contain no quotes.
        let length = match rest.strip_prefix('"') {
            Some(string) => string.find('"').map(|end| end + 2),
            None if rest.starts_with(['{', '[']) => None,
            None => rest.find([',', '}']),
        };
        let Some(length) = length else { continue };
        found.extend(OTHERS.map(|other| format!("{}{other}{}", &text[..value], &rest[length..])));
    }
    found
}

/// Returns a value that contains `old`, with `new` in its place.
pub(super) fn taking_over(value: &ValueBuf, old: &ValueBuf, new: &ValueBuf) -> Option<ValueBuf> {
    let text = |made: &ValueBuf| match made.kind() {
        ValueKind::Text => made.as_text().map(str::to_owned),
        ValueKind::Blob => String::from_utf8(made.as_bytes()?.to_vec()).ok(),
        ValueKind::Integer(number) => Some(number.to_string()),
        ValueKind::Real(_) | ValueKind::Null => None,
    };
    let (value_text, old, new) = (text(value)?, text(old)?, text(new)?);
    let replaced = if old.is_empty() || old == new { return None } else { value_text.replace(&old, &new) };
    (replaced != value_text).then(|| match value.kind() {
        ValueKind::Blob => ValueBuf::from(&Value::Blob(replaced.into_bytes())),
        _ => ValueBuf::from(&Value::Text(replaced)),
    })
}

/// Keys of existing parents.
pub(super) struct ParentKeys {
    /// The columns that refer to them, by their places in the row.
    pub(super) columns: Vec<usize>,
    pub(super) rows: Vec<Vec<ValueBuf>>,
}

impl ParentKeys {
    /// Returns copies of a row that refer to each of the parents, as far as `kept` columns do not change.
    pub(super) fn referring(&self, row: &[ValueBuf], kept: &[usize]) -> Vec<Vec<ValueBuf>> {
        let fits = |key: &&Vec<ValueBuf>| {
            self.columns.iter().zip(*key).all(|(column, value)| !kept.contains(column) || row[*column] == *value)
        };
        let with = |key: &Vec<ValueBuf>| {
            let mut row = row.to_vec();
            self.columns.iter().zip(key).for_each(|(column, value)| row[*column].clone_from(value));
            row
        };
        self.rows.iter().filter(fits).map(with).collect()
    }
}
