//! The tree of an expression, and expressions and tokens as SQL.

use rusqlite::types::Value;

use crate::data::values::value_buf::ValueBuf;
use crate::sql::{Cursor, Token, outside, quote_identifier, tokens};

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

/// Returns an expression as SQL. `None` if it has parts that are not understood.
pub(crate) fn sql(expression: &Expression, names: &[String]) -> Option<String> {
    let all = |list: &[Expression]| list.iter().map(|one| sql(one, names)).collect::<Option<Vec<String>>>();
    Some(match expression {
        Expression::Column(column) => quote_identifier(&names[*column]),
        Expression::Value(value) => ValueBuf::from(value).sql_literal(),
        Expression::Not(inner) => format!("NOT ({})", sql(inner, names)?),
        Expression::And(parts) => format!("({})", all(parts)?.join(" AND ")),
        Expression::Or(parts) => format!("({})", all(parts)?.join(" OR ")),
        Expression::Compare(comparison, left, right) => {
            let operator = match comparison {
                Comparison::Equal => "=",
                Comparison::Unequal => "<>",
                Comparison::Less => "<",
                Comparison::LessOrEqual => "<=",
                Comparison::Greater => ">",
                Comparison::GreaterOrEqual => ">=",
                Comparison::Is => "IS",
                Comparison::IsNot => "IS NOT",
            };
            format!("({} {operator} {})", sql(left, names)?, sql(right, names)?)
        }
        Expression::In(what, list) => format!("({} IN ({}))", sql(what, names)?, all(list)?.join(", ")),
        Expression::Match(..) | Expression::Opaque => return None,
        Expression::Call(name, arguments) => {
            let arguments = all(arguments)?;
            if let Some(kind) = name.strip_prefix("cast:") {
                format!("CAST({} AS {kind})", arguments.first()?)
            } else if name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                format!("{}({})", quote_identifier(name), arguments.join(", "))
            } else {
                match &arguments[..] {
                    [only] => format!("({name} {only})"),
                    [left, right] => format!("({left} {name} {right})"),
                    _ => return None,
                }
            }
        }
        Expression::Case(arms, otherwise) => {
            let mut case = "CASE".to_owned();
            for (condition, value) in arms {
                case.push_str(&format!(" WHEN {} THEN {}", sql(condition, names)?, sql(value, names)?));
            }
            if let Some(otherwise) = otherwise {
                case.push_str(&format!(" ELSE {}", sql(otherwise, names)?));
            }
            case.push_str(" END");
            case
        }
    })
}

/// Returns tokens as SQL, with a space where there was anything between them.
pub(crate) fn tokens_sql(tokens: &[Token<'_>]) -> String {
    let mut text = String::new();
    let mut end = None;
    for token in tokens {
        if end.is_some_and(|end| end != token.start) {
            text.push(' ');
        }
        text.push_str(token.text);
        end = Some(token.end());
    }
    text
}

/// Returns the parts of a condition that AND joins, as SQL: `(a AND b) IS TRUE` is `a IS TRUE` and `b IS TRUE`.
pub(crate) fn conjuncts(text: &str) -> Vec<String> {
    let all = tokens(text);
    let whole = || vec![text.to_owned()];
    let inside = |length: usize| {
        let mut cursor = Cursor::new(&all);
        let inside = cursor.group()?;
        (cursor.rest().len() == length).then(|| tokens_sql(&all[inside]))
    };
    if let Some(inside) = inside(0).filter(|inside| !inside.is_empty()) {
        let is_query = ["SELECT", "WITH", "VALUES"].iter().any(|word| all[1].is(word));
        return if is_query { whole() } else { conjuncts(&inside) };
    }
    if let [.., is, truth] = &all[..]
        && is.is("IS")
        && truth.is("TRUE")
        && let Some(inside) = inside(2).filter(|inside| !inside.is_empty())
    {
        return conjuncts(&inside).iter().map(|part| format!("({part}\n) IS TRUE")).collect();
    }
    let mut parts = Vec::new();
    let (mut from, mut is_between) = (0, false);
    for (at, token) in outside(&all) {
        if token.is("OR") || token.is("CASE") {
            return whole();
        }
        if token.is("BETWEEN") {
            is_between = true;
        } else if token.is("AND") && !std::mem::take(&mut is_between) {
            parts.push(tokens_sql(&all[from..at]));
            from = at + 1;
        }
    }
    if parts.is_empty() {
        return whole();
    }
    parts.push(tokens_sql(&all[from..]));
    parts
}
