//! The expression of a CHECK, a partial index or a trigger, as far as it is understood.
//!
//! Parts that are not understood are opaque leaves. That is safe because SQLite evaluates every row.

mod parse;
#[cfg(test)]
mod tests;
mod tree;
mod write;

pub(crate) use parse::{parse, parse_tokens};
pub(crate) use tree::{Comparison, Expression, MatchOperator};
pub(crate) use write::{sql, tokens_sql};
