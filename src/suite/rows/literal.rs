//! Values as SQL literals that can be pasted.

use crate::check::is_invisible;

/// Returns an SQL expression that makes a literal of a column's value. `quote` alone ends at a NUL:
/// <https://www.sqlite.org/nulinstr.html>
pub(crate) fn literal(column: &str) -> String {
    format!(
        "CASE WHEN typeof({column}) = 'text' AND instr({column}, char(0)) > 0 \
         THEN 'CAST(X''' || hex({column}) || ''' AS TEXT)' ELSE quote({column}) END"
    )
}

/// Returns the same literal without characters that a terminal would hide or obey.
pub(crate) fn printable(literal: &[u8]) -> String {
    let within = 1..literal.len().saturating_sub(1).max(1);
    let Ok(text) = std::str::from_utf8(literal) else {
        let text: Vec<u8> = literal[within].to_vec();
        let mut digits = String::new();
        let mut quoted = false;
        for byte in text {
            quoted = byte == b'\'' && !quoted;
            if !quoted {
                digits.push_str(&format!("{byte:02X}"));
            }
        }
        return format!("CAST(X'{digits}' AS TEXT)");
    };
    if !text.contains(is_invisible) {
        return text.to_owned();
    }
    let mut parts: Vec<String> = Vec::new();
    let mut rest = &text[within];
    while let Some(first) = rest.chars().next() {
        let hidden = is_invisible(first);
        let end = rest.find(|letter| is_invisible(letter) != hidden).unwrap_or(rest.len());
        let (part, tail) = rest.split_at(end);
        rest = tail;
        let codes = || part.chars().map(|letter| u32::from(letter).to_string()).collect::<Vec<_>>().join(", ");
        parts.push(if hidden { format!("char({})", codes()) } else { format!("'{part}'") });
    }
    parts.join(" || ")
}
