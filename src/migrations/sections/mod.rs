//! Files with both directions in them, and diesel's `metadata.toml`.

mod dbmate;
mod goose;
mod marker;
mod metadata;
mod section;
#[cfg(test)]
mod tests;

pub(super) use dbmate::dbmate;
pub(super) use goose::goose;
pub(super) use marker::{Marker, marker};
pub(super) use metadata::run_in_transaction;
pub(super) use section::{Problem, Section, Sections};
