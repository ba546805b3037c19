//! The tree of an expression.

use rusqlite::types::Value;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    /// A column, by its index in the list of names.
    Column(usize),
    Value(Value),
    Not(Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Compare(Comparison, Box<Expression>, Box<Expression>),
    In(Box<Expression>, Vec<Expression>),
    /// `text LIKE pattern`, `text GLOB pattern`.
    Match(MatchOperator, Box<Expression>, Box<Expression>),
    /// A function by its name in lower case, `CAST(x AS type)` as `cast:type`, any other operator by its symbol.
    Call(String, Vec<Expression>),
    /// `CASE WHEN condition THEN value … ELSE value END`.
    Case(Vec<(Expression, Expression)>, Option<Box<Expression>>),
    /// An expression that is not understood.
    Opaque,
}

/// An operator that compares two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `IS`, which compares NULL like any other value.
    Is,
    IsNot,
}

/// An operator that matches a text with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MatchOperator {
    Like,
    Glob,
}

impl Comparison {
    /// Returns the comparison that is true where this one is false.
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

    /// Returns the same comparison for swapped sides.
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
    /// Returns a copy with the replacements that `with` returns for some of its parts.
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
            Expression::In(left, list) => Expression::In(Box::new(one(left)), list.iter().map(one).collect()),
            Expression::Match(operator, text, pattern) => {
                Expression::Match(*operator, Box::new(one(text)), Box::new(one(pattern)))
            }
            Expression::Call(name, arguments) => Expression::Call(name.clone(), arguments.iter().map(one).collect()),
            Expression::Case(arms, otherwise) => {
                let arms = arms.iter().map(|(condition, value)| (one(condition), one(value))).collect();
                Expression::Case(arms, otherwise.as_ref().map(|value| Box::new(value.replaced(with))))
            }
        }
    }

    /// Returns the expressions of which it consists, in their order.
    pub(crate) fn parts(&self) -> Vec<&Expression> {
        match self {
            Expression::Column(_) | Expression::Value(_) | Expression::Opaque => Vec::new(),
            Expression::Not(inner) => vec![&**inner],
            Expression::And(parts) | Expression::Or(parts) | Expression::Call(_, parts) => parts.iter().collect(),
            Expression::Compare(_, left, right) | Expression::Match(_, left, right) => vec![&**left, &**right],
            Expression::In(left, list) => std::iter::once(&**left).chain(list).collect(),
            Expression::Case(arms, otherwise) => {
                let arms = arms.iter().flat_map(|(condition, value)| [condition, value]);
                arms.chain(otherwise.as_deref()).collect()
            }
        }
    }

    /// Adds the columns that it names to `found`, each once.
    pub(crate) fn columns(&self, found: &mut Vec<usize>) {
        if let Expression::Column(column) = self
            && !found.contains(column)
        {
            found.push(*column);
        }
        self.parts().into_iter().for_each(|part| part.columns(found));
    }
}
