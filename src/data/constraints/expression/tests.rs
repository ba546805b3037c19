use rusqlite::types::Value;

use super::Comparison::{Equal, Greater, GreaterOrEqual, Is, LessOrEqual};
use super::Expression::{self, And, Call, Case, Column, Compare, In, Match, Not, Opaque, Or};
use super::MatchOperator;

fn parse(text: &str) -> Expression {
    super::parse(text, &["a", "b", "c d"].map(str::to_owned))
}

fn integer(number: i64) -> Expression {
    Expression::Value(Value::Integer(number))
}

fn text(text: &str) -> Expression {
    Expression::Value(Value::Text(text.to_owned()))
}

fn compare(comparison: super::Comparison, one: Expression, two: Expression) -> Expression {
    Compare(comparison, Box::new(one), Box::new(two))
}

#[test]
fn operators_bind_as_in_sqlite() {
    let a_is_1 = || compare(Equal, Column(0), integer(1));
    let b_is_2 = || compare(Equal, Column(1), integer(2));
    assert_eq!(parse("a = 1 OR b = 2 AND a = 1"), Or(vec![a_is_1(), And(vec![b_is_2(), a_is_1()])]));
    assert_eq!(parse("NOT a = 1 AND b = 2"), And(vec![Not(Box::new(a_is_1())), b_is_2()]));
    assert_eq!(parse("a = 1 AND b = 2 AND a = 1"), And(vec![a_is_1(), b_is_2(), a_is_1()]));
    assert_eq!(parse("a > 1 + 2 * 3 << 1"), compare(Greater, Column(0), integer(14)));
    assert_eq!(parse("a = -1"), compare(Equal, Column(0), integer(-1)));
    assert_eq!(parse("a % 5 = 0"), compare(Equal, Call("%".to_owned(), vec![Column(0), integer(5)]), integer(0)));
    assert_eq!(
        parse("a BETWEEN 1 AND 2 AND b = 2"),
        And(vec![
            compare(GreaterOrEqual, Column(0), integer(1)),
            compare(LessOrEqual, Column(0), integer(2)),
            b_is_2()
        ])
    );
}

#[test]
fn words_lists_and_functions_are_read() {
    assert_eq!(parse("a NOT IN ('x', 'y''z')"), Not(Box::new(In(Box::new(Column(0)), vec![text("x"), text("y'z")]))));
    assert_eq!(parse("a ISNULL"), compare(Is, Column(0), Expression::Value(Value::Null)));
    assert_eq!(parse("t.a IS NULL"), parse("A isnull"));
    assert_eq!(parse("a NOT NULL"), parse("a IS NOT NULL"));
    assert_eq!(parse("a NOTNULL"), parse("a IS NOT NULL"));
    assert_eq!(parse("a IS NOT DISTINCT FROM 1"), parse("a IS 1"));
    let like = Match(MatchOperator::Like, Box::new(Column(0)), Box::new(text("%@%")));
    assert_eq!(parse("a LIKE '%@%'"), like);
    assert_eq!(parse("length([c d]) > 0"), compare(Greater, Call("length".to_owned(), vec![Column(2)]), integer(0)));
    assert_eq!(parse("CAST(a AS TEXT)"), Call("cast:text".to_owned(), vec![Column(0)]));
    let case = Case(vec![(compare(Equal, Column(0), integer(1)), Column(1))], Some(Box::new(integer(0))));
    assert_eq!(parse("CASE a WHEN 1 THEN b ELSE 0 END"), case);
    assert_eq!(parse("a = \"open\""), compare(Equal, Column(0), text("open")));
    assert_eq!(parse("a = x'00FF'"), compare(Equal, Column(0), Expression::Value(Value::Blob(vec![0, 255]))));
    assert_eq!(parse("a = 0x1F"), parse("a = 31"));
    assert_eq!(parse("a = 1_000"), parse("a = 1000"));
}

#[test]
fn what_is_not_known_is_opaque_and_the_rest_is_kept() {
    assert_eq!(parse("a = 1 AND b IN (SELECT 1)"), Opaque);
    assert_eq!(parse("a = 1 AND (SELECT 1)"), And(vec![compare(Equal, Column(0), integer(1)), Opaque]));
    assert_eq!(parse("a = 1 AND nowhere"), And(vec![compare(Equal, Column(0), integer(1)), Opaque]));
    for nonsense in ["", "a =", "(a", "a b", "count(*) FILTER (WHERE a)", "? = a", "CASE a", "a NOT b"] {
        assert_eq!(parse(nonsense), Opaque, "{nonsense}");
    }
    let deep = format!("{}a{}", "(".repeat(500), ")".repeat(500));
    assert_eq!(parse(&deep), Opaque);
}

#[test]
fn the_columns_of_an_expression_are_found_once() {
    let mut found = Vec::new();
    parse("b > 1 AND CASE WHEN a THEN b ELSE 1 END IN (a, 2)").columns(&mut found);
    assert_eq!(found, [1, 0]);
}
