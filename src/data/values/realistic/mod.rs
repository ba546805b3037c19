//! Values that fit the name of a column: an email address in `email`, a time in `created_at`, in the form
//! that the column stores.
//!
//! ```text
//! table, column, type -> names: which kind? -> Generator -> write: a value from a draw
//! ```
//!
//! Addresses, numbers and hosts are those reserved for examples (RFC 2606, RFC 5737, 555-01xx), so that a test that sends
//! something reaches nobody.

mod codes;
mod generator;
mod kind;
#[rustfmt::skip] // Words, many to a line.
mod lists;
mod names;
mod parts;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use generator::{Generator, Person};
pub use lists::Locale;
