//! Values: their sources, realistic values, and edge cases.
//!
//! - [`domain`] is the set of values that a column may have; [`choose`] turns it into a [`source`].
//! - **`realistic`** generates values that fit the name of a column. It needs whole words, of which the last counts most, and
//!   a type that keeps the value unchanged; otherwise it generates nothing. The words come from the lists of `fake`. Its
//!   generators are not used: they allocate each value and draw from their own random source. A value is written into a
//!   reused buffer in plain code, because users' tests run unoptimized.
//! - **A number that a row brings along is part of the value** (`ada.byron.4711@example.com`), or goes through a bijection
//!   where there is no place for digits (UUIDs, hashes). `Generator::distinct` is the number of rows that it can tell apart
//!   under a declared length.
//! - **Periods of time do not overlap**: a row is created before it is changed, and changed before it expires, without
//!   reading its other columns.

pub(crate) mod choose;
pub(crate) mod domain;
pub(crate) mod edge_cases;
pub(crate) mod pattern;
pub(crate) mod realistic;
pub(crate) mod source;
pub(crate) mod stored_type;
pub(crate) mod texts;
pub(crate) mod value_buf;
