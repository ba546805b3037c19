//! Constraints: their expressions are read as far as possible, then solved or searched, and SQLite evaluates the results.
//!
//! ```text
//! table -> conditions: expression -> branches -> solver: groups of columns -> trial on SQLite -> solutions
//!                                                                          -> search: candidates, tried on SQLite
//! ```

mod branches;
pub(crate) mod candidates;
pub(crate) mod choices;
pub(crate) mod condition;
pub(crate) mod conditions;
pub(crate) mod derived;
mod documents;
pub(crate) mod expression;
mod functions;
pub(crate) mod group;
mod integers;
mod nulls;
mod search;
pub(crate) mod solver;
mod times;
pub(crate) mod trial;
