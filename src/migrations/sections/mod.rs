//! Files with both directions in them, and diesel's `metadata.toml`.

mod goose;
mod section;
#[cfg(test)]
mod tests;

pub(super) use goose::goose;
pub(super) use section::{Marker, Problem, Section, Sections, dbmate, marker, run_in_transaction};
