//! JSON texts.

use crate::data::values::value_buf::ValueBuf;
use crate::data::values::words::word;
use crate::draw::Draw;

/// Writes a JSON array of this length: a number, then words.
pub(crate) fn write_list(draw: &mut Draw, items: u64, number: Option<u64>, out: &mut ValueBuf) {
    out.start_text();
    out.push_ascii(b'[');
    for item in 0..items {
        if item == 0 {
            out.push_number(number.unwrap_or_else(|| draw.below(1000)), 1);
        } else {
            out.push_str(", \"");
            out.push_str(word(draw));
            out.push_ascii(b'"');
        }
    }
    out.push_ascii(b']');
}

/// Writes JSON of a type as `json_type` names it, or an object if any type will do.
pub(crate) fn write(draw: &mut Draw, kind: Option<&str>, number: Option<u64>, out: &mut ValueBuf) {
    out.start_text();
    let distinct = number.unwrap_or_else(|| draw.below(1000));
    match kind {
        Some("array") => write_list(draw, 2, Some(distinct), out),
        Some("integer") => out.push_number(distinct, 1),
        Some("real") => {
            out.push_number(distinct, 1);
            out.push_str(".5");
        }
        Some("text") => {
            out.push_ascii(b'"');
            out.push_str(word(draw));
            out.push_ascii(b'-');
            out.push_number(distinct, 1);
            out.push_ascii(b'"');
        }
        Some(word @ ("true" | "false" | "null")) => out.push_str(word),
        _ => {
            out.push_str("{\"");
            out.push_str(word(draw));
            out.push_str("\": ");
            out.push_number(distinct, 1);
            out.push_ascii(b'}');
        }
    }
}

/// Appends a text as a JSON string.
pub(crate) fn push_string(text: &str, out: &mut ValueBuf) {
    out.push_ascii(b'"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| matches!(c, '"' | '\\') || c.is_control()) {
        out.push_str(&rest[..at]);
        let c = rest[at..].chars().next().unwrap_or_default();
        out.push_str(&format!("\\u{:04x}", u32::from(c)));
        rest = &rest[at + c.len_utf8()..];
    }
    out.push_str(rest);
    out.push_ascii(b'"');
}
