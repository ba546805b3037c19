//! Makes the values of rows.

pub(crate) mod maker;
pub(crate) mod values;
