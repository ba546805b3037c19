//! NULL in conditions that it does not satisfy: `(a = b) IS TRUE`.

use crate::data::constraints::condition::Branch;
use crate::data::constraints::expression::{Comparison, Expression};
use crate::data::values::domain::{Domain, Nullability};
use crate::order::Order as _;

/// Returns the branches of an expression without the rows for which it is NULL.
pub(super) fn excluded(branches: Vec<Branch>, expression: &Expression) -> Vec<Branch> {
    let mut always = Vec::new();
    required(expression, &mut always);
    let without = |branch: Branch| {
        let mut columns = always.clone();
        columns.extend(branch.domains.iter().map(|(column, _)| *column));
        let is_strict = |comparison| !matches!(comparison, Comparison::Is | Comparison::IsNot);
        let strict = branch.relations.iter().filter(|relation| is_strict(relation.comparison));
        columns.extend(strict.flat_map(|relation| [relation.left, relation.right]));
        columns.order();
        columns.dedup();
        let is_open = |column: &usize| {
            let domain = branch.domains.iter().find(|(other, _)| other == column);
            domain.is_none_or(|(_, domain)| domain.nullability == Nullability::Allowed)
        };
        let not_null = |column: usize| (column, Domain::of_null(Nullability::Forbidden));
        let domains = columns.into_iter().filter(is_open).map(not_null).collect();
        branch.and(&Branch { domains, ..Branch::default() })
    };
    branches.into_iter().filter_map(without).collect()
}

/// Adds the columns whose NULL makes an expression NULL.
fn required(expression: &Expression, found: &mut Vec<usize>) {
    match expression {
        Expression::Column(_) => expression.columns(found),
        Expression::Not(inner) => required(inner, found),
        Expression::Compare(comparison, left, right) if !matches!(comparison, Comparison::Is | Comparison::IsNot) => {
            required(left, found);
            required(right, found);
        }
        Expression::Match(_, left, right) => {
            required(left, found);
            required(right, found);
        }
        Expression::In(left, _) => required(left, found),
        Expression::Call(name, arguments) if passes_null_on(name) => {
            arguments.iter().for_each(|argument| required(argument, found));
        }
        _ => {}
    }
}

/// Returns true for functions and operators that are NULL if an argument is.
fn passes_null_on(name: &str) -> bool {
    name.starts_with("cast:")
        || !name.starts_with(|c: char| c.is_alphabetic())
        || matches!(
            name,
            "abs"
                | "date"
                | "datetime"
                | "instr"
                | "julianday"
                | "length"
                | "lower"
                | "ltrim"
                | "octet_length"
                | "replace"
                | "round"
                | "rtrim"
                | "strftime"
                | "substr"
                | "substring"
                | "time"
                | "trim"
                | "unicode"
                | "unixepoch"
                | "upper"
        )
}
