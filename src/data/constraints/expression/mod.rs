//! The expression of a CHECK, a partial index or a trigger, as far as it is understood.
//!
//! Parts that are not understood are opaque leaves. That is safe because SQLite evaluates every row.

mod parse;
#[cfg(test)]
mod tests;
mod tree;

pub(crate) use parse::{parse, parse_tokens};
pub(crate) use tree::{Comparison, Expression, MatchOperator, conjuncts, sql, tokens_sql};
