//! The versions of SQLite that added features, from <https://www.sqlite.org/changes.html>.

use crate::error::{Error, ErrorKind, Result};
use crate::sql::Token;

/// Sequences of tokens, the feature, and the version that added it.
const FEATURES: [(&[&str], &str, (u32, u32)); 22] = [
    (&["rename", "column"], "RENAME COLUMN", (3, 25)),
    (&["drop", "column"], "DROP COLUMN", (3, 35)),
    (&["over", "("], "window functions", (3, 25)),
    (&["on", "conflict", "do"], "upsert", (3, 24)),
    (&["on", "conflict", "("], "upsert", (3, 24)),
    (&["generated", "always"], "generated columns", (3, 31)),
    (&["nulls", "first"], "NULLS FIRST", (3, 30)),
    (&["nulls", "last"], "NULLS LAST", (3, 30)),
    (&["iif", "("], "iif()", (3, 32)),
    (&["returning"], "RETURNING", (3, 35)),
    (&["as", "materialized"], "MATERIALIZED", (3, 35)),
    (&[")", "strict"], "STRICT", (3, 37)),
    (&[",", "strict"], "STRICT", (3, 37)),
    (&["->>"], "->>", (3, 38)),
    (&["unixepoch", "("], "unixepoch()", (3, 38)),
    (&["format", "("], "format()", (3, 38)),
    (&["right", "join"], "RIGHT JOIN", (3, 39)),
    (&["full", "join"], "FULL JOIN", (3, 39)),
    (&["full", "outer"], "FULL JOIN", (3, 39)),
    (&["is", "distinct"], "IS DISTINCT FROM", (3, 39)),
    (&["jsonb", "("], "jsonb()", (3, 45)),
    (&["concat_ws", "("], "concat_ws()", (3, 44)),
];

/// Returns the features in these tokens that are newer than `lowest`, each with its version.
pub(crate) fn newer_than(tokens: &[Token<'_>], lowest: &str) -> Result<Vec<(&'static str, String)>> {
    let mut numbers = lowest.split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return Err(Error::new(ErrorKind::Suite, format!("{lowest:?} is no version of SQLite"))
            .help(".lowest_sqlite(\"3.35\") takes the first two numbers"));
    };
    let mut found: Vec<(&'static str, String)> = Vec::new();
    for (words, feature, since) in FEATURES {
        let is_there = tokens
            .windows(words.len())
            .any(|window| window.iter().zip(words).all(|(token, word)| token.is(word) || token.is_symbol(word)));
        if is_there && since > (major, minor) && !found.iter().any(|(known, _)| *known == feature) {
            found.push((feature, format!("{}.{}", since.0, since.1)));
        }
    }
    Ok(found)
}
