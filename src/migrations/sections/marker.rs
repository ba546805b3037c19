//! Recognizes files that are divided into sections.

use super::section::is_word;
use crate::migrations::format::Format;

/// A marker that divides a file into up and down sections. Run as a whole, such a file would undo its own changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    Known(Format),
    /// The marker of a tool whose files are not supported.
    Unknown(&'static str),
}

/// Returns the first marker of a file.
pub(crate) fn marker(sql: &str) -> Option<Marker> {
    let markers = [
        (find_marker(sql, "", '+', "goose"), Marker::Known(Format::Goose)),
        (find_marker(sql, "migrate", ':', "up"), Marker::Known(Format::Dbmate)),
        (find_marker(sql, "migrate", ':', "down"), Marker::Known(Format::Dbmate)),
        (find_marker(sql, "", '+', "migrate"), Marker::Unknown("sql-migrate")),
        (find_marker(sql, "create above ", '/', " drop below"), Marker::Unknown("tern")),
    ];
    markers
        .into_iter()
        .filter_map(|(at, marker)| Some((at?, marker)))
        .min_by_key(|(at, _)| *at)
        .map(|(_, marker)| marker)
}

/// Returns the offset of `rare` in a comment that starts with `before`, `rare` and `after` as one word. Searching for
/// the one character that is rare in SQL is fast in an unoptimized build too.
fn find_marker(sql: &str, before: &str, rare: char, after: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = sql[from..].find(rare).map(|at| from + at) {
        from = at + rare.len_utf8();
        let comment = sql[..at].strip_suffix(before);
        if comment.is_some_and(is_start_of_comment) && is_word(&sql[from..], after) {
            return Some(at);
        }
    }
    None
}

/// Returns true if the last line of `text` is only the start of a comment.
fn is_start_of_comment(text: &str) -> bool {
    let line = text.rsplit('\n').next().unwrap_or(text);
    line.starts_with("--") && line.trim_start_matches('-').trim().is_empty()
}
