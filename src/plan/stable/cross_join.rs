//! Rewrites inner joins so that SQLite keeps the order of their tables.

use crate::sql::tokens;

/// Returns the statement with CROSS JOIN for each inner join that is written with JOIN. `None` if there is none.
pub(super) fn rewritten(sql: &str) -> Option<String> {
    const KINDS: [&str; 6] = ["LEFT", "RIGHT", "FULL", "OUTER", "CROSS", "NATURAL"];
    let tokens = tokens(sql);
    let mut text = String::new();
    let mut copied = 0;
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.is("JOIN")) {
        let before = at.checked_sub(1).map(|at| &tokens[at]);
        if before.is_some_and(|before| KINDS.iter().any(|kind| before.is(kind))) {
            continue;
        }
        let start = before.filter(|before| before.is("INNER")).map_or(token.start, |inner| inner.start);
        text.push_str(&sql[copied..start]);
        text.push_str("CROSS JOIN");
        copied = token.end();
    }
    text.push_str(&sql[copied..]);
    (copied > 0).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::rewritten;

    #[test]
    fn only_inner_joins_are_rewritten() {
        assert_eq!(
            rewritten("SELECT 'JOIN' FROM a JOIN b ON x LEFT JOIN c inner  join d").as_deref(),
            Some("SELECT 'JOIN' FROM a CROSS JOIN b ON x LEFT JOIN c CROSS JOIN d")
        );
        assert_eq!(rewritten("SELECT 1 FROM a, b LEFT OUTER JOIN c"), None);
    }
}
