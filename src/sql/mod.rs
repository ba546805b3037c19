//! SQL as text: quoting, tokens, and splitting a script into its statements. Nothing here opens a connection.

mod cursor;
mod name;
mod normal;
mod owned;
mod scan;
mod setting;
mod split;
#[cfg(test)]
mod tests;
mod tokens;
mod values;

pub(crate) use cursor::{Cursor, between_commas, end_of, is_ordered, on_one_line, outside, start_of};
pub use name::Name;
pub(crate) use name::{listed, same_name};
pub(crate) use normal::{Names, insert_parameters, insert_values, normal, plain_name, plain_names};
pub(crate) use owned::owned;
pub(crate) use setting::{Setting, setting};
pub(crate) use split::{Statement, has_a_plan, is_blank, keyword, split};
pub(crate) use tokens::{Token, TokenKind, quote_identifier, quote_text, tokens, unquoted};
pub(crate) use values::{bound_values, normalized};
