//! A Pratt parser over tokens, with the precedences of <https://www.sqlite.org/lang_expr.html>.

use rusqlite::types::Value;

use super::{Comparison, Expression, Matching};
use crate::sql::{Token, TokenKind, unquoted};

pub(super) fn expression(tokens: &[Token<'_>], columns: &[String]) -> Expression {
    let mut parser = Parser { tokens, at: 0, columns, depth: 0 };
    match parser.expression(0) {
        Some(expression) if parser.at == tokens.len() => expression,
        _ => Expression::Opaque,
    }
}

/// How tightly operators bind; the operand of a prefix operator is read at its own power.
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

/// Deeper ones are left to SQLite, which has a limit of 1000 itself.
const DEEPEST: usize = 100;

struct Parser<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    columns: &'a [String],
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at)
    }

    fn sees(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| token.is(word))
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.sees(word);
        self.at += usize::from(found);
        found
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is_symbol(symbol));
        self.at += usize::from(found);
        found
    }

    /// An expression whose operators bind more tightly than `above`. `None` where it is no expression that is known.
    fn expression(&mut self, above: u8) -> Option<Expression> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let mut left = self.operand()?;
        while let Some(next) = self.infix(left, above)? {
            match next {
                Ok(more) => left = more,
                Err(done) => {
                    self.depth -= 1;
                    return Some(done);
                }
            }
        }
        None
    }

    /// `left` with one operator and its right side, or `Err(left)` where nothing more belongs to it.
    #[expect(clippy::option_option, reason = "the outer one is the failure, for `?`")]
    fn infix(&mut self, left: Expression, above: u8) -> Option<Option<Result<Expression, Expression>>> {
        let Some(token) = self.peek() else { return Some(Some(Err(left))) };
        let (power, symbol) = match token.kind {
            TokenKind::Symbol => match token.text {
                "=" | "==" | "<>" | "!=" => (EQUALITY, token.text),
                "<" | "<=" | ">" | ">=" => (ORDER, token.text),
                "&" | "|" | "<<" | ">>" => (BITS, token.text),
                "+" | "-" => (SUM, token.text),
                "*" | "/" | "%" => (PRODUCT, token.text),
                "||" | "->" | "->>" => (CONCATENATION, token.text),
                _ => return Some(Some(Err(left))),
            },
            TokenKind::Word => match token.text.to_ascii_uppercase().as_str() {
                "OR" => (OR, "OR"),
                "AND" => (AND, "AND"),
                "IS" | "IN" | "BETWEEN" | "LIKE" | "GLOB" | "REGEXP" | "MATCH" | "ISNULL" | "NOTNULL" | "NOT" => {
                    (EQUALITY, "word")
                }
                "COLLATE" => (COLLATE, "COLLATE"),
                _ => return Some(Some(Err(left))),
            },
            _ => return Some(Some(Err(left))),
        };
        if power <= above {
            return Some(Some(Err(left)));
        }
        if symbol == "word" {
            return Some(Some(Ok(self.word(left)?)));
        }
        self.at += 1;
        if symbol == "COLLATE" {
            // Which texts are the same is SQLite's to say; what is made satisfies the plain comparison.
            self.peek()?.name()?;
            self.at += 1;
            return Some(Some(Ok(left)));
        }
        let right = self.expression(power)?;
        Some(Some(Ok(match symbol {
            "OR" => joined(left, right, Expression::Or),
            "AND" => joined(left, right, Expression::And),
            "=" | "==" => compare(Comparison::Equal, left, right),
            "<>" | "!=" => compare(Comparison::Unequal, left, right),
            "<" => compare(Comparison::Less, left, right),
            "<=" => compare(Comparison::LessOrEqual, left, right),
            ">" => compare(Comparison::Greater, left, right),
            ">=" => compare(Comparison::GreaterOrEqual, left, right),
            _ => folded(symbol, left, right),
        })))
    }

    /// The operators that are words and stand behind their left side.
    fn word(&mut self, left: Expression) -> Option<Expression> {
        if self.take("ISNULL") {
            return Some(compare(Comparison::Is, left, NULL));
        }
        if self.take("NOTNULL") {
            return Some(compare(Comparison::IsNot, left, NULL));
        }
        if self.take("IS") {
            let mut comparison = if self.take("NOT") { Comparison::IsNot } else { Comparison::Is };
            if self.take("DISTINCT") {
                self.take("FROM");
                comparison = comparison.opposite();
            }
            let right = self.expression(EQUALITY)?;
            return Some(compare(comparison, left, right));
        }
        let negated = self.take("NOT");
        if negated && self.take("NULL") {
            return Some(compare(Comparison::IsNot, left, NULL));
        }
        let token = self.peek()?;
        self.at += 1;
        let positive = if token.is("BETWEEN") {
            let low = self.expression(EQUALITY)?;
            if !self.take("AND") {
                return None;
            }
            let high = self.expression(EQUALITY)?;
            Expression::And(vec![
                compare(Comparison::GreaterOrEqual, left.clone(), low),
                compare(Comparison::LessOrEqual, left, high),
            ])
        } else if token.is("IN") {
            if !self.take_symbol("(") {
                return None;
            }
            let list = self.list()?;
            Expression::In(Box::new(left), list)
        } else if token.is("LIKE") || token.is("GLOB") {
            let matching = if token.is("LIKE") { Matching::Like } else { Matching::Glob };
            let pattern = self.expression(ESCAPE)?;
            if self.take("ESCAPE") {
                self.expression(ESCAPE)?;
                Expression::Opaque
            } else {
                Expression::Match(matching, Box::new(left), Box::new(pattern))
            }
        } else if token.is("REGEXP") || token.is("MATCH") {
            let pattern = self.expression(EQUALITY)?;
            Expression::Call(token.text.to_ascii_lowercase(), vec![pattern, left])
        } else {
            return None;
        };
        Some(if negated { Expression::Not(Box::new(positive)) } else { positive })
    }

    /// Expressions with commas between them, up to the parenthesis that closes them.
    fn list(&mut self) -> Option<Vec<Expression>> {
        let mut list = Vec::new();
        if self.take_symbol(")") {
            return Some(list);
        }
        loop {
            list.push(self.expression(0)?);
            if self.take_symbol(")") {
                return Some(list);
            }
            if !self.take_symbol(",") {
                return None;
            }
        }
    }

    fn operand(&mut self) -> Option<Expression> {
        let token = self.peek()?;
        self.at += 1;
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
                "~" => Some(Expression::Call("~".to_owned(), vec![self.expression(PREFIX)?])),
                _ => None,
            },
            TokenKind::Word => self.keyword(token.text),
        }
    }

    fn parenthesis(&mut self) -> Option<Expression> {
        if self.sees("SELECT") || self.sees("WITH") || self.sees("VALUES") {
            self.skip_group();
            return Some(Expression::Opaque);
        }
        let mut list = self.list()?;
        // A row value is not taken apart.
        Some(if list.len() == 1 { list.swap_remove(0) } else { Expression::Opaque })
    }

    /// Moves behind the parenthesis that closes the one that is open.
    fn skip_group(&mut self) {
        let mut depth = 1;
        while depth > 0 {
            let Some(token) = self.peek() else { return };
            self.at += 1;
            if token.is_symbol("(") {
                depth += 1;
            } else if token.is_symbol(")") {
                depth -= 1;
            }
        }
    }

    fn keyword(&mut self, word: &str) -> Option<Expression> {
        let integer = |number| Some(Expression::Value(Value::Integer(number)));
        match word.to_ascii_uppercase().as_str() {
            "NOT" if self.sees("EXISTS") => self.keyword("EXISTS"),
            "NOT" => Some(Expression::Not(Box::new(self.expression(NOT)?))),
            "NULL" => Some(NULL),
            "TRUE" if !self.is_column(word) => integer(1),
            "FALSE" if !self.is_column(word) => integer(0),
            "CURRENT_DATE" | "CURRENT_TIME" | "CURRENT_TIMESTAMP" => Some(Expression::Opaque),
            "EXISTS" => {
                self.take("EXISTS");
                if self.take_symbol("(") {
                    self.skip_group();
                }
                Some(Expression::Opaque)
            }
            "CASE" => self.case(),
            "CAST" => {
                if !self.take_symbol("(") {
                    return None;
                }
                let what = self.expression(0)?;
                if !self.take("AS") {
                    return None;
                }
                let mut name = "cast:".to_owned();
                while let Some(part) = self.peek().filter(|token| token.kind == TokenKind::Word) {
                    name.push_str(&part.text.to_ascii_lowercase());
                    self.at += 1;
                }
                if self.take_symbol("(") {
                    self.skip_group();
                }
                self.take_symbol(")").then(|| Expression::Call(name, vec![what]))
            }
            _ => self.name(word, false),
        }
    }

    fn is_column(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.eq_ignore_ascii_case(name))
    }

    /// A column, perhaps behind the name of its table, a function, or a text in double quotes.
    fn name(&mut self, name: &str, may_be_text: bool) -> Option<Expression> {
        if self.take_symbol("(") {
            if self.sees("DISTINCT") || self.take_symbol("*") {
                self.skip_group();
                return Some(Expression::Opaque);
            }
            let arguments = self.list()?;
            return Some(if self.sees("FILTER") || self.sees("OVER") {
                return None;
            } else {
                Expression::Call(name.to_ascii_lowercase(), arguments)
            });
        }
        if self.take_symbol(".") {
            let column = self.peek()?.name()?;
            self.at += 1;
            // What a row was before is not known.
            return Some(if name.eq_ignore_ascii_case("OLD") { Expression::Opaque } else { self.column(&column) });
        }
        if may_be_text && !self.is_column(name) {
            return Some(Expression::Value(Value::Text(name.to_owned())));
        }
        Some(self.column(name))
    }

    fn column(&self, name: &str) -> Expression {
        let found = self.columns.iter().position(|column| column.eq_ignore_ascii_case(name));
        found.map_or(Expression::Opaque, Expression::Column)
    }

    fn case(&mut self) -> Option<Expression> {
        let base = if self.sees("WHEN") { None } else { Some(self.expression(0)?) };
        let mut arms = Vec::new();
        while self.take("WHEN") {
            let mut condition = self.expression(0)?;
            if let Some(base) = &base {
                condition = compare(Comparison::Equal, base.clone(), condition);
            }
            if !self.take("THEN") {
                return None;
            }
            arms.push((condition, self.expression(0)?));
        }
        let otherwise = if self.take("ELSE") { Some(Box::new(self.expression(0)?)) } else { None };
        self.take("END").then_some(Expression::Case(arms, otherwise))
    }
}

const NULL: Expression = Expression::Value(Value::Null);

fn compare(comparison: Comparison, left: Expression, right: Expression) -> Expression {
    Expression::Compare(comparison, Box::new(left), Box::new(right))
}

/// `a AND b AND c` as one list.
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

/// What an operator gives, where both sides are known.
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
            let (one, two) = (real(one)?, real(two)?);
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

fn real(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Real(number) => Some(*number),
        _ => None,
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
