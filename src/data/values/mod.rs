//! Values: how those of one column are made, what they look like, and where apps trip over them.
//!
//! - **`realistic`** makes what a column's name promises, and nothing where it promises nothing: whole words,
//!   the last one first, and a type that keeps the value as it is. The words are fake's lists; its generators allocate
//!   each value and draw from a source of their own. A value is written into one reused buffer in plain code, because
//!   users' tests run unoptimised.
//! - **A number that a row brings along stands in the value** (`ada.byron.4711@example.com`), or goes through a
//!   bijection where there is no place for digits (uuid, hash). `Generator::distinct` says how many rows that tells apart
//!   under a declared length.
//! - **Spans of time do not overlap**: what is created comes before what is changed, and that before what expires,
//!   without a look at the rest of the row.

pub(crate) mod column;
pub(crate) mod document;
pub(crate) mod edge_cases;
#[cfg(feature = "data")]
pub(crate) mod realistic;
pub(crate) mod stored_type;
pub(crate) mod text;
pub(crate) mod value_buf;
