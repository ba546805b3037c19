//! Makes the values of rows.

pub(crate) mod draft;
mod lookup;
pub(crate) mod maker;
mod parents;
pub(crate) mod tables;
pub(crate) mod values;
