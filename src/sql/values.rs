//! The normal form of statements that differ only in their values, and the values.
//!
//! The normal form keeps the case of words. To upper-case keywords, one would have to know which of them are names, and
//! a line of an app's code always spells them in the same way.

use super::tokens::{Token, TokenKind, tokens};

/// Words before a parenthesis that opens a list or an expression, not the arguments of a function or the columns of a
/// table.
#[rustfmt::skip]
const BEFORE_PARENTHESIS: [&str; 33] = [
    "ALL", "AND", "AS", "BETWEEN", "BY", "CASE", "CHECK", "ELSE", "EXCEPT", "EXISTS", "FILTER", "FROM", "HAVING",
    "IN", "INTERSECT", "IS", "JOIN", "LIKE", "LIMIT", "NOT", "OFFSET", "ON", "OR", "OVER", "RETURNING", "SELECT",
    "SET", "THEN", "UNION", "USING", "VALUES", "WHEN", "WHERE",
];

/// Returns the statement with `?` for every value and parameter, lists of values after `IN` as `(?)`, one space in
/// place of white space or a comment, and without its semicolon.
pub(crate) fn normalized(sql: &str) -> String {
    let pieces = tokens(sql);
    let mut text = String::with_capacity(sql.len());
    let mut before: Option<Token<'_>> = None;
    let mut at = 0;
    while at < pieces.len() {
        let mut piece = pieces[at];
        at += 1;
        if piece.text == "-" && is_sign_after(before) && pieces.get(at).is_some_and(is_literal) {
            piece = pieces[at];
            at += 1;
        }
        if piece.text == ";" && at == pieces.len() {
            break;
        }
        if before.is_some_and(|before| is_spaced(before, piece)) {
            text.push(' ');
        }
        let is_value = is_literal(&piece) || piece.kind == TokenKind::Variable;
        text.push_str(if is_value { "?" } else { piece.text });
        if before.is_some_and(|before| before.is("IN"))
            && piece.text == "("
            && let Some(end) = end_of_values(&pieces, at)
        {
            text.push_str("?)");
            piece = pieces[end];
            at = end + 1;
        }
        before = Some(piece);
    }
    text
}

/// Returns the values that `expanded` has in place of the parameters of `sql`, in order, as SQL literals.
pub(crate) fn bound_values(sql: &str, expanded: &str) -> Vec<String> {
    let (pattern, filled) = (tokens(sql), tokens(expanded));
    let mut filled = filled.iter().peekable();
    let mut values = Vec::new();
    for piece in pattern {
        if piece.kind != TokenKind::Variable {
            // The texts differ only in their values. If they do not, the rest cannot be matched.
            if filled.next().is_none_or(|other| other.text != piece.text) {
                break;
            }
            continue;
        }
        let Some(first) = filled.next() else { break };
        let mut value = first.text.to_owned();
        if first.text == "-" {
            value.push_str(filled.next().map_or("", |number| number.text));
        } else if first.text == "zeroblob" {
            value.extend(filled.by_ref().take(3).map(|part| part.text));
        }
        values.push(value);
    }
    values
}

/// Returns the end of a list that has only values, if `from` is the index after the parenthesis that opens one.
fn end_of_values(pieces: &[Token<'_>], from: usize) -> Option<usize> {
    let mut values = 0;
    for (index, piece) in pieces.iter().enumerate().skip(from) {
        match piece.text {
            _ if is_literal(piece) || piece.kind == TokenKind::Variable => values += 1,
            "," | "-" => {}
            ")" if values > 0 => return Some(index),
            _ => return None,
        }
    }
    None
}

/// Returns true if a minus here is the sign of a number and not a subtraction.
fn is_sign_after(before: Option<Token<'_>>) -> bool {
    match before {
        None => true,
        Some(before) if before.kind == TokenKind::Symbol => before.text != ")",
        Some(before) => BEFORE_PARENTHESIS.iter().any(|word| before.is(word)),
    }
}

fn is_spaced(before: Token<'_>, piece: Token<'_>) -> bool {
    if matches!(piece.text, "," | ")" | "." | ";") || matches!(before.text, "(" | "." | "~") {
        return false;
    }
    if piece.text != "(" {
        return true;
    }
    match before.kind {
        TokenKind::Word => BEFORE_PARENTHESIS.iter().any(|word| before.is(word)),
        kind => kind != TokenKind::Quoted,
    }
}

/// Returns true for a text, a number or a blob.
fn is_literal(token: &Token<'_>) -> bool {
    matches!(token.kind, TokenKind::Text | TokenKind::Blob | TokenKind::Number)
}

#[cfg(test)]
mod tests {
    use super::{bound_values, normalized};

    fn same(form: &str, statements: &[&str]) {
        for sql in statements {
            assert_eq!(normalized(sql), form, "{sql}");
        }
    }

    #[test]
    fn values_and_parameters_are_one_thing() {
        same(
            "SELECT a FROM t WHERE b = ?",
            &[
                "SELECT a FROM t WHERE b = 1",
                "SELECT a FROM t WHERE b=-1.5e-3 ;",
                "SELECT a FROM t WHERE b = 'it''s; -- fine'",
                "SELECT a FROM t WHERE b = x'00ff'",
                "SELECT a FROM t WHERE b = .5",
                "SELECT a FROM t WHERE b = 0xE",
                "SELECT a FROM t WHERE b = ?12",
                "SELECT a FROM t WHERE b = :name",
                "SELECT a FROM t WHERE b = @name",
                "SELECT a FROM t WHERE b = $name",
            ],
        );
    }

    #[test]
    fn white_space_and_comments_are_folded() {
        same(
            "SELECT a, b FROM t",
            &["SELECT a,b FROM t", "\n SELECT /* both */ a , b -- of it\n\tFROM t;\n", "SELECT a, b FROM t"],
        );
    }

    #[test]
    fn lists_of_values_collapse_and_others_do_not() {
        same(
            "SELECT a FROM t WHERE b IN (?) AND c",
            &[
                "SELECT a FROM t WHERE b IN (1, 2, 3) AND c",
                "SELECT a FROM t WHERE b IN(?1) AND c",
                "SELECT a FROM t WHERE b IN ( 'x', -5,? ) AND c",
            ],
        );
        same("SELECT a FROM t WHERE b in (?)", &["SELECT a FROM t WHERE b in (7,8)"]);
        same("x IN (SELECT ? FROM u)", &["x IN (SELECT 1 FROM u)"]);
        same("f(?, ?)", &["f(1, 2)"]);
        same("x IN ()", &["x IN ()"]);
    }

    #[test]
    fn names_stay_as_they_are_written() {
        same("SELECT \"a b\", [c d], `e``f` FROM \"it\"\"s\".t1", &["SELECT \"a b\",[c d],`e``f` FROM \"it\"\"s\".t1"]);
        same("INSERT INTO t(a) VALUES (?), (?)", &["INSERT INTO t (a) VALUES(1),(2)"]);
        same(
            "SELECT count(*), a - ?, b->>? FROM t2".replace("->>", " ->> ").as_str(),
            &["SELECT count( * ), a-1, b->>'$.x' FROM t2"],
        );
        same("SELECT ?, (a) - ?", &["SELECT -1, (a)-1"]);
    }

    #[test]
    fn text_that_is_not_sql_is_kept() {
        same("", &["", " ; ".trim_end_matches("; "), "-- only this"]);
        assert_eq!(normalized("é ! ~x"), "é ! ~x");
    }

    #[test]
    fn the_values_are_found_where_the_parameters_are() {
        let values = |sql, expanded| bound_values(sql, expanded);
        assert_eq!(values("a = ?1 AND b = :b", "a = 'x''y' AND b = -5"), ["'x''y'", "-5"]);
        assert_eq!(
            values("VALUES (?, ?, ?, ?)", "VALUES (NULL, x'00', 1.5e+300, zeroblob(9))"),
            ["NULL", "x'00'", "1.5e+300", "zeroblob(9)"]
        );
        assert_eq!(values("a = 1", "a = 1"), Vec::<String>::new());
    }
}
