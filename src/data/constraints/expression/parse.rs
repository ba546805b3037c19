//! A Pratt parser over tokens, with the precedences of <https://www.sqlite.org/lang_expr.html>.

use rusqlite::types::Value;

use crate::data::constraints::expression::tree::{Comparison, Expression, MatchOperator};
use crate::data::values::domain;
use crate::sql::{Cursor, Token, TokenKind, same_name, tokens, unquoted};

/// Parses an expression about columns of these names.
pub(crate) fn parse(text: &str, columns: &[String]) -> Expression {
    parse_tokens(&tokens(text), columns)
}

/// Parses an expression about columns of these names from the tokens of a statement.
pub(crate) fn parse_tokens(tokens: &[Token<'_>], columns: &[String]) -> Expression {
    let mut parser = Parser { cursor: Cursor::new(tokens), columns, depth: 0 };
    match parser.expression(0) {
        Some(expression) if parser.cursor.is_at_end() => expression,
        _ => Expression::Opaque,
    }
}

// Binding powers. A prefix operator reads its operand at its own power.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const EQUALITY: u8 = 4;
const ORDER: u8 = 5;
const ESCAPE: u8 = 6;
const BITS: u8 = 7;
const SUM: u8 = 8;
const PRODUCT: u8 = 9;
const CONCATENATION: u8 = 10;
const COLLATE: u8 = 11;
const PREFIX: u8 = 12;

/// The depth at which parsing gives up. The limit of SQLite itself is 1000.
const MAX_DEPTH: usize = 100;

const NULL: Expression = Expression::Value(Value::Null);

struct Parser<'t, 'a> {
    cursor: Cursor<'t, 'a>,
    columns: &'t [String],
    depth: usize,
}

impl<'a> Parser<'_, 'a> {
    /// Parses an expression whose operators bind more tightly than `above`. `None` if it is not understood.
    fn expression(&mut self, above: u8) -> Option<Expression> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut left = self.operand()?;
        while let Some((power, operator)) = self.peek_operator().filter(|(power, _)| *power > above) {
            left = self.infix(left, power, operator)?;
        }
        self.depth -= 1;
        Some(left)
    }

    /// Returns the power and the text of the operator that is next. The operators that are words and compare share the text
    /// `word`.
    fn peek_operator(&self) -> Option<(u8, &'a str)> {
        let token = self.cursor.peek()?;
        Some(match token.kind {
            TokenKind::Symbol => match token.text {
                "=" | "==" | "<>" | "!=" => (EQUALITY, token.text),
                "<" | "<=" | ">" | ">=" => (ORDER, token.text),
                "&" | "|" | "<<" | ">>" => (BITS, token.text),
                "+" | "-" => (SUM, token.text),
                "*" | "/" | "%" => (PRODUCT, token.text),
                "||" | "->" | "->>" => (CONCATENATION, token.text),
                _ => return None,
            },
            TokenKind::Word => match token.text.to_ascii_uppercase().as_str() {
                "OR" => (OR, "OR"),
                "AND" => (AND, "AND"),
                "IS" | "IN" | "BETWEEN" | "LIKE" | "GLOB" | "REGEXP" | "MATCH" | "ISNULL" | "NOTNULL" | "NOT" => {
                    (EQUALITY, "word")
                }
                "COLLATE" => (COLLATE, "COLLATE"),
                _ => return None,
            },
            _ => return None,
        })
    }

    fn infix(&mut self, left: Expression, power: u8, operator: &str) -> Option<Expression> {
        if operator == "word" {
            return self.word(left);
        }
        self.cursor.next();
        if operator == "COLLATE" {
            // Only SQLite knows which texts are equal under a collation. The plain comparison is a good guess.
            self.cursor.name()?;
            return Some(left);
        }
        let right = self.expression(power)?;
        Some(match operator {
            "OR" => joined(left, right, Expression::Or),
            "AND" => joined(left, right, Expression::And),
            "=" | "==" => compare(Comparison::Equal, left, right),
            "<>" | "!=" => compare(Comparison::Unequal, left, right),
            "<" => compare(Comparison::Less, left, right),
            "<=" => compare(Comparison::LessOrEqual, left, right),
            ">" => compare(Comparison::Greater, left, right),
            ">=" => compare(Comparison::GreaterOrEqual, left, right),
            _ => folded(operator, left, right),
        })
    }

    fn word(&mut self, left: Expression) -> Option<Expression> {
        if self.cursor.take("ISNULL") {
            return Some(compare(Comparison::Is, left, NULL));
        }
        if self.cursor.take("NOTNULL") {
            return Some(compare(Comparison::IsNot, left, NULL));
        }
        if self.cursor.take("IS") {
            let mut comparison = if self.cursor.take("NOT") { Comparison::IsNot } else { Comparison::Is };
            if self.cursor.take("DISTINCT") {
                self.cursor.take("FROM");
                comparison = comparison.opposite();
            }
            let right = self.expression(EQUALITY)?;
            return Some(compare(comparison, left, right));
        }
        let negated = self.cursor.take("NOT");
        if negated && self.cursor.take("NULL") {
            return Some(compare(Comparison::IsNot, left, NULL));
        }
        let token = self.cursor.next()?;
        let positive = if token.is("BETWEEN") {
            let low = self.expression(EQUALITY)?;
            if !self.cursor.take("AND") {
                return None;
            }
            let high = self.expression(EQUALITY)?;
            Expression::And(vec![
                compare(Comparison::GreaterOrEqual, left.clone(), low),
                compare(Comparison::LessOrEqual, left, high),
            ])
        } else if token.is("IN") {
            if !self.cursor.take_symbol("(") {
                return None;
            }
            let list = self.list()?;
            Expression::In(Box::new(left), list)
        } else if token.is("LIKE") || token.is("GLOB") {
            let operator = if token.is("LIKE") { MatchOperator::Like } else { MatchOperator::Glob };
            let pattern = self.expression(ESCAPE)?;
            if self.cursor.take("ESCAPE") {
                match (pattern, self.expression(ESCAPE)?) {
                    (Expression::Value(Value::Text(pattern)), Expression::Value(Value::Text(escape))) => {
                        let glob = Expression::Value(Value::Text(escaped(&pattern, escape.chars().next()?)));
                        Expression::Match(MatchOperator::Glob, Box::new(left), Box::new(glob))
                    }
                    _ => Expression::Opaque,
                }
            } else {
                Expression::Match(operator, Box::new(left), Box::new(pattern))
            }
        } else if token.is("REGEXP") || token.is("MATCH") {
            let pattern = self.expression(EQUALITY)?;
            Expression::Call(token.text.to_ascii_lowercase(), vec![pattern, left])
        } else {
            return None;
        };
        Some(if negated { Expression::Not(Box::new(positive)) } else { positive })
    }

    /// Parses expressions between commas and the parenthesis behind them.
    fn list(&mut self) -> Option<Vec<Expression>> {
        let mut list = Vec::new();
        if self.cursor.take_symbol(")") {
            return Some(list);
        }
        loop {
            list.push(self.expression(0)?);
            if self.cursor.take_symbol(")") {
                return Some(list);
            }
            if !self.cursor.take_symbol(",") {
                return None;
            }
        }
    }

    fn operand(&mut self) -> Option<Expression> {
        let token = self.cursor.next()?;
        match token.kind {
            TokenKind::Number => number(token.text).map(Expression::Value),
            TokenKind::Text => Some(Expression::Value(Value::Text(unquoted(token.text)))),
            TokenKind::Blob => blob(token.text).map(Expression::Value),
            TokenKind::Variable => None,
            TokenKind::Quoted => self.name(&unquoted(token.text), token.text.starts_with('"')),
            TokenKind::Symbol => match token.text {
                "(" => self.parenthesis(),
                "-" => Some(match self.expression(PREFIX)? {
                    Expression::Value(Value::Integer(number)) => {
                        Expression::Value(Value::Integer(number.checked_neg()?))
                    }
                    Expression::Value(Value::Real(number)) => Expression::Value(Value::Real(-number)),
                    other => Expression::Call("-".to_owned(), vec![other]),
                }),
                "+" => self.expression(PREFIX),
                "~" => Some(match self.expression(PREFIX)? {
                    Expression::Value(Value::Integer(number)) => Expression::Value(Value::Integer(!number)),
                    other => Expression::Call("~".to_owned(), vec![other]),
                }),
                _ => None,
            },
            TokenKind::Word => self.keyword(token.text),
        }
    }

    fn parenthesis(&mut self) -> Option<Expression> {
        if self.cursor.sees("SELECT") || self.cursor.sees("WITH") || self.cursor.sees("VALUES") {
            self.skip_group();
            return Some(Expression::Opaque);
        }
        let mut list = self.list()?;
        // Row values are opaque.
        Some(if list.len() == 1 { list.swap_remove(0) } else { Expression::Opaque })
    }

    /// Moves behind the parenthesis that closes around this position.
    fn skip_group(&mut self) {
        self.cursor.skip_to(|_| false);
        self.cursor.take_symbol(")");
    }

    fn keyword(&mut self, word: &str) -> Option<Expression> {
        let integer = |number| Some(Expression::Value(Value::Integer(number)));
        match word.to_ascii_uppercase().as_str() {
            "NOT" if self.cursor.sees("EXISTS") => self.keyword("EXISTS"),
            "NOT" => Some(Expression::Not(Box::new(self.expression(NOT)?))),
            "NULL" => Some(NULL),
            "TRUE" if !self.is_column(word) => integer(1),
            "FALSE" if !self.is_column(word) => integer(0),
            "CURRENT_DATE" => Some(now("date")),
            "CURRENT_TIMESTAMP" => Some(now("datetime")),
            "CURRENT_TIME" => Some(Expression::Opaque),
            "EXISTS" => {
                self.cursor.take("EXISTS");
                self.cursor.group();
                Some(Expression::Opaque)
            }
            "CASE" => self.case(),
            "CAST" => self.cast(),
            _ => self.name(word, false),
        }
    }

    fn cast(&mut self) -> Option<Expression> {
        if !self.cursor.take_symbol("(") {
            return None;
        }
        let value = self.expression(0)?;
        if !self.cursor.take("AS") {
            return None;
        }
        let mut name = "cast:".to_owned();
        while let Some(part) = self.cursor.peek().filter(|token| token.kind == TokenKind::Word) {
            name.push_str(&part.text.to_ascii_lowercase());
            self.cursor.next();
        }
        self.cursor.group();
        self.cursor.take_symbol(")").then(|| Expression::Call(name, vec![value]))
    }

    fn is_column(&self, name: &str) -> bool {
        self.columns.iter().any(|column| same_name(column, name))
    }

    /// Parses what follows a name: a column, with or without its table, a function, or a text in double quotes.
    fn name(&mut self, name: &str, may_be_text: bool) -> Option<Expression> {
        if self.cursor.take_symbol("(") {
            if self.cursor.sees("DISTINCT") || self.cursor.take_symbol("*") {
                self.skip_group();
                return Some(Expression::Opaque);
            }
            let arguments = self.list()?;
            if self.cursor.sees("FILTER") || self.cursor.sees("OVER") {
                return None;
            }
            return Some(Expression::Call(name.to_ascii_lowercase(), arguments));
        }
        if self.cursor.take_symbol(".") {
            let column = self.cursor.name()?;
            // The row before an UPDATE is not known.
            return Some(if same_name(name, "OLD") { Expression::Opaque } else { self.column(&column) });
        }
        if may_be_text && !self.is_column(name) {
            return Some(Expression::Value(Value::Text(name.to_owned())));
        }
        Some(self.column(name))
    }

    fn column(&self, name: &str) -> Expression {
        let found = self.columns.iter().position(|column| same_name(column, name));
        found.map_or(Expression::Opaque, Expression::Column)
    }

    fn case(&mut self) -> Option<Expression> {
        let base = if self.cursor.sees("WHEN") { None } else { Some(self.expression(0)?) };
        let mut arms = Vec::new();
        while self.cursor.take("WHEN") {
            let mut condition = self.expression(0)?;
            if let Some(base) = &base {
                condition = compare(Comparison::Equal, base.clone(), condition);
            }
            if !self.cursor.take("THEN") {
                return None;
            }
            arms.push((condition, self.expression(0)?));
        }
        let otherwise = if self.cursor.take("ELSE") { Some(Box::new(self.expression(0)?)) } else { None };
        self.cursor.take("END").then_some(Expression::Case(arms, otherwise))
    }
}

fn compare(comparison: Comparison, left: Expression, right: Expression) -> Expression {
    Expression::Compare(comparison, Box::new(left), Box::new(right))
}

fn now(function: &str) -> Expression {
    Expression::Call(function.to_owned(), vec![Expression::Value(Value::Text("now".to_owned()))])
}

/// Returns the pattern of a LIKE with an escape character as one of GLOB.
fn escaped(pattern: &str, escape: char) -> String {
    let mut glob = String::new();
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        match c {
            '%' => glob.push('*'),
            '_' => glob.push('?'),
            _ => {
                let literal = if c == escape { characters.next().unwrap_or(c) } else { c };
                if matches!(literal, '*' | '?' | '[') {
                    glob.extend(['[', literal, ']']);
                } else {
                    glob.push(literal);
                }
            }
        }
    }
    glob
}

/// Joins two sides so that `a AND b AND c` becomes one list.
fn joined(left: Expression, right: Expression, make: fn(Vec<Expression>) -> Expression) -> Expression {
    let mut all = Vec::new();
    for side in [left, right] {
        let same_kind = std::mem::discriminant(&side) == std::mem::discriminant(&make(Vec::new()));
        match side {
            Expression::And(parts) | Expression::Or(parts) if same_kind => all.extend(parts),
            other => all.push(other),
        }
    }
    make(all)
}

/// Calculates the result of an operator if both sides are known.
fn folded(symbol: &str, left: Expression, right: Expression) -> Expression {
    if let (Expression::Value(one), Expression::Value(two)) = (&left, &right)
        && let Some(value) = calculated(symbol, one, two)
    {
        return Expression::Value(value);
    }
    Expression::Call(symbol.to_owned(), vec![left, right])
}

fn calculated(symbol: &str, one: &Value, two: &Value) -> Option<Value> {
    match (one, two) {
        (Value::Integer(one), Value::Integer(two)) => {
            let (one, two) = (*one, *two);
            let shift = u32::try_from(two).ok().filter(|bits| *bits < 63);
            Some(Value::Integer(match symbol {
                "+" => one.checked_add(two)?,
                "-" => one.checked_sub(two)?,
                "*" => one.checked_mul(two)?,
                "/" => one.checked_div(two)?,
                "%" => one.checked_rem(two)?,
                "&" => one & two,
                "|" => one | two,
                "<<" => one.checked_mul(1 << shift?)?,
                ">>" => one >> shift?,
                _ => return None,
            }))
        }
        (Value::Text(one), Value::Text(two)) if symbol == "||" => Some(Value::Text(format!("{one}{two}"))),
        _ => {
            let (one, two) = (domain::number(one)?, domain::number(two)?);
            Some(Value::Real(match symbol {
                "+" => one + two,
                "-" => one - two,
                "*" => one * two,
                "/" if two != 0.0 => one / two,
                _ => return None,
            }))
        }
    }
}

fn number(text: &str) -> Option<Value> {
    let plain = text.replace('_', "");
    if let Some(digits) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        return u64::from_str_radix(digits, 16).ok().map(|bits| Value::Integer(bits.cast_signed()));
    }
    plain.parse().map(Value::Integer).or_else(|_| plain.parse().map(Value::Real)).ok()
}

fn blob(text: &str) -> Option<Value> {
    let digits = text.get(2..text.len().checked_sub(1)?)?;
    let byte = |at| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..digits.len()).step_by(2).map(byte).collect::<Option<Vec<u8>>>().map(Value::Blob)
}
