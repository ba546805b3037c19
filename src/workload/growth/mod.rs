//! Counts how the work of a query grows with the database, in steps of SQLite's virtual machine and not in time.

mod measure;
mod report;
mod sample;
mod standstill;
#[cfg(test)]
mod tests;

pub use measure::{FillResult, growth, growth_of, try_growth, try_growth_of};
pub use report::{Growth, GrowthReport};
