//! Scans that read nothing but the rows that an OFFSET skips.

use super::explain::try_explain;
use super::query_plan::Plan;
use super::tree::Node;
use crate::sql::{Token, between_commas, end_of, tokens};

/// Returns true if no line is flagged any more when the statement has no OFFSET. Tried on an empty copy.
pub(super) fn causes(plan: &Plan, is_flagged: &dyn Fn(&Node) -> bool) -> bool {
    let is_gone = || {
        let sql = without_offset(&plan.sql)?;
        let copy = plan.catalog.around(&sql, |_| true).empty_copy_for(&sql).ok()?;
        let again = try_explain(&copy.connection, &sql).ok()?;
        Some(!again.all().any(is_flagged))
    };
    is_gone().unwrap_or(false)
}

/// Returns the statement with `LIMIT x` in place of `LIMIT x OFFSET y` and `LIMIT y, x`. `None` if it has neither.
fn without_offset(sql: &str) -> Option<String> {
    let tokens = tokens(sql);
    let mut text = String::new();
    let mut copied = 0;
    for (at, _) in tokens.iter().enumerate().filter(|(_, token)| token.is("limit")) {
        let start = at + 1;
        let end = end_of(&tokens, start, |token| token.is_symbol(";"));
        let offset = end_of(&tokens, start, |token| token.is("offset"));
        let first = between_commas(&tokens[start..end]).first().map_or(0, |first| first.len());
        let skipped = match (offset < end, start + first < end) {
            (true, _) => offset..end,
            (_, true) => start..start + first + 1,
            _ => continue,
        };
        text.push_str(sql.get(copied..tokens[skipped.start].start)?);
        copied = tokens.get(skipped.end - 1).map(Token::end)?;
    }
    text.push_str(sql.get(copied..)?);
    (copied > 0).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::without_offset;

    #[test]
    fn an_offset_is_left_out() {
        for (sql, expected) in [
            ("SELECT 1 LIMIT 10 OFFSET 5", Some("SELECT 1 LIMIT 10 ")),
            ("SELECT 1 LIMIT 5, 10;", Some("SELECT 1 LIMIT  10;")),
            ("SELECT (SELECT 2 LIMIT 1 OFFSET ?1) LIMIT ?2 OFFSET 3", Some("SELECT (SELECT 2 LIMIT 1 ) LIMIT ?2 ")),
            ("SELECT f(1, 2) LIMIT max(1, 2)", None),
            ("SELECT offset FROM t", None),
        ] {
            assert_eq!(without_offset(sql).as_deref(), expected, "{sql}");
        }
    }
}
