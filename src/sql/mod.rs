//! SQL as text: quoting, tokens, and splitting a script into its statements. Nothing here opens a connection.

mod cursor;
mod insert;
mod name;
mod normal;
mod query;
mod quote;
mod scan;
mod split;
#[cfg(test)]
mod tests;
mod tokens;
mod values;

pub(crate) use cursor::{Cursor, between_commas, end_of, outside, start_of};
pub(crate) use insert::{insert_parameters, insert_values};
pub use name::Name;
pub(crate) use name::{listed, same_name};
pub(crate) use normal::{Names, normal, plain_name, plain_names};
pub(crate) use query::is_ordered;
#[cfg(feature = "snapshots")]
pub(crate) use query::on_one_line;
pub(crate) use quote::{quote_identifier, quote_text};
pub(crate) use split::{Statement, has_a_plan, is_blank, keyword, split};
pub(crate) use tokens::{Token, TokenKind, tokens, unquoted};
pub(crate) use values::{bound_values, normalized};
