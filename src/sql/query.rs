//! The order of a query's rows, and statements on one line.

use super::cursor::outside;
use super::tokens::{Token, tokens};

/// Returns true if a query orders its rows: if it has an `ORDER BY` outside all parentheses, which enclose subqueries,
/// windows and the arguments of aggregates. Without quotes, ORDER is never a name.
pub(crate) fn is_ordered(sql: &str) -> bool {
    let tokens = tokens(sql);
    let outer: Vec<&Token<'_>> = outside(&tokens).map(|(_, token)| token).collect();
    outer.windows(2).any(|pair| pair[0].is("order") && pair[1].is("by"))
}

/// Returns a statement on one line, without its comments and otherwise unchanged.
#[cfg(feature = "snapshots")]
pub(crate) fn on_one_line(sql: &str) -> String {
    let mut line = String::with_capacity(sql.len());
    let mut end = None;
    for token in tokens(sql) {
        if end.is_some_and(|end| end < token.start) {
            line.push(' ');
        }
        line.push_str(token.text);
        end = Some(token.end());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::is_ordered;

    #[test]
    fn only_the_querys_own_order_counts() {
        for sql in [
            "SELECT 1 ORDER BY 1",
            "select x from t order/* */by x limit 1",
            "SELECT 1 UNION SELECT 2 ORDER\n--\nBY 1",
            "WITH a AS (SELECT 1) SELECT * FROM a ORDER BY (SELECT 1)",
        ] {
            assert!(is_ordered(sql), "{sql}");
        }
        for sql in [
            "SELECT 1",
            "",
            "SELECT * FROM (SELECT 1 ORDER BY 1)",
            "SELECT sum(x) OVER (ORDER BY x) FROM t",
            "SELECT group_concat(x ORDER BY x) FROM t",
            "WITH a AS (SELECT 1 ORDER BY 1) SELECT * FROM a",
            "SELECT 'ORDER BY 1' AS \"order\", [order] -- ORDER BY 1\n FROM t /* ORDER BY 1 */",
            "SELECT x FROM t GROUP BY x",
        ] {
            assert!(!is_ordered(sql), "{sql}");
        }
    }

    #[test]
    #[cfg(feature = "snapshots")]
    fn a_statement_on_one_line_means_the_same() {
        assert_eq!(super::on_one_line("SELECT a.b, -- the\n    'x\n  y'\n\tFROM  t;"), "SELECT a.b, 'x\n  y' FROM t;");
    }
}
