//! Quoting names and text.

/// Returns a name as SQL, always in double quotes, so that it may be a keyword or contain any character.
pub(crate) fn quote_identifier(name: &str) -> String {
    quote(name, '"')
}

/// Returns a text as an SQL literal.
pub(crate) fn quote_text(text: &str) -> String {
    quote(text, '\'')
}

fn quote(text: &str, mark: char) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(mark);
    for part in text.split_inclusive(mark) {
        quoted.push_str(part);
        if part.ends_with(mark) {
            quoted.push(mark);
        }
    }
    quoted.push(mark);
    quoted
}
