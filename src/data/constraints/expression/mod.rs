//! The expression of a CHECK, a partial index or a trigger's WHEN, as far as it is understood.
//!
//! What is not understood is kept as an opaque leaf. Nothing depends on understanding: SQLite judges every row.

mod parse;
#[cfg(test)]
mod tests;

use rusqlite::types::Value;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    /// A column of the table, by its place in the list of names.
    Column(usize),
    Value(Value),
    Not(Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Compare(Comparison, Box<Expression>, Box<Expression>),
    In(Box<Expression>, Vec<Expression>),
    /// `what LIKE pattern`, `what GLOB pattern`.
    Match(Matching, Box<Expression>, Box<Expression>),
    /// A function by its name in lower case, `CAST(x AS type)` as `cast:type`, an operator as itself.
    Call(String, Vec<Expression>),
    /// `CASE WHEN condition THEN value … ELSE value END`.
    Case(Vec<(Expression, Expression)>, Option<Box<Expression>>),
    /// What is not understood.
    Opaque,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `IS`, for which NULL is a value like any other.
    Is,
    IsNot,
}

/// How a text is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matching {
    Like,
    Glob,
}

impl Comparison {
    /// What is true where this one is false.
    pub(crate) fn opposite(self) -> Comparison {
        match self {
            Comparison::Equal => Comparison::Unequal,
            Comparison::Unequal => Comparison::Equal,
            Comparison::Less => Comparison::GreaterOrEqual,
            Comparison::LessOrEqual => Comparison::Greater,
            Comparison::Greater => Comparison::LessOrEqual,
            Comparison::GreaterOrEqual => Comparison::Less,
            Comparison::Is => Comparison::IsNot,
            Comparison::IsNot => Comparison::Is,
        }
    }

    /// The same with its sides swapped.
    pub(crate) fn mirrored(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            same => same,
        }
    }
}

impl Expression {
    /// Reads an expression about columns of these names.
    pub(crate) fn parse(text: &str, columns: &[String]) -> Expression {
        parse::expression(&crate::sql::tokens(text), columns)
    }

    /// Reads one that stands in a statement already cut into tokens.
    pub(crate) fn of_tokens(tokens: &[crate::sql::Token<'_>], columns: &[String]) -> Expression {
        parse::expression(tokens, columns)
    }

    /// The same with other expressions in place of those for which `with` has one.
    pub(crate) fn replaced(&self, with: &mut dyn FnMut(&Expression) -> Option<Expression>) -> Expression {
        if let Some(other) = with(self) {
            return other;
        }
        let mut one = |expression: &Expression| expression.replaced(with);
        match self {
            Expression::Column(_) | Expression::Value(_) | Expression::Opaque => self.clone(),
            Expression::Not(inner) => Expression::Not(Box::new(one(inner))),
            Expression::And(parts) => Expression::And(parts.iter().map(one).collect()),
            Expression::Or(parts) => Expression::Or(parts.iter().map(one).collect()),
            Expression::Compare(comparison, left, right) => {
                Expression::Compare(*comparison, Box::new(one(left)), Box::new(one(right)))
            }
            Expression::In(what, list) => Expression::In(Box::new(one(what)), list.iter().map(one).collect()),
            Expression::Match(matching, what, pattern) => {
                Expression::Match(*matching, Box::new(one(what)), Box::new(one(pattern)))
            }
            Expression::Call(name, arguments) => Expression::Call(name.clone(), arguments.iter().map(one).collect()),
            Expression::Case(arms, otherwise) => {
                let arms = arms.iter().map(|(condition, value)| (one(condition), one(value))).collect();
                Expression::Case(arms, otherwise.as_ref().map(|value| Box::new(value.replaced(with))))
            }
        }
    }

    /// Adds the columns that it is about.
    pub(crate) fn columns(&self, found: &mut Vec<usize>) {
        match self {
            Expression::Column(column) => {
                if !found.contains(column) {
                    found.push(*column);
                }
            }
            Expression::Value(_) | Expression::Opaque => {}
            Expression::Not(one) => one.columns(found),
            Expression::And(all) | Expression::Or(all) | Expression::Call(_, all) => {
                all.iter().for_each(|one| one.columns(found));
            }
            Expression::Compare(_, one, two) | Expression::Match(_, one, two) => {
                one.columns(found);
                two.columns(found);
            }
            Expression::In(what, list) => {
                what.columns(found);
                list.iter().for_each(|one| one.columns(found));
            }
            Expression::Case(arms, otherwise) => {
                for (condition, value) in arms {
                    condition.columns(found);
                    value.columns(found);
                }
                if let Some(otherwise) = otherwise {
                    otherwise.columns(found);
                }
            }
        }
    }
}
