//! Finds the indexes that a recorded workload does not use and those that it lacks, and measures how a query's work grows with the database.
//!
//! Both need [`plan`](crate::plan) and [`record`](crate::record):
//!
//! - [`production`](production()) answers the production checklist, with what a recording shows.
//! - [`unused_indexes`] lists the indexes that no recorded query needs.
//! - [`advise_all`] returns the fewest indexes that serve all recorded queries.
//! - [`growth`](growth()) runs a query on databases of several sizes and counts what SQLite does; [`growth_of`] does the same for a
//!   function of the app.

mod growth;
mod production;
mod shared;
mod unused;

pub use crate::plan::{LeftOver, SharedAdvice, SharedIndex, Upkeep};
pub use growth::{FillResult, Growth, GrowthReport, growth, growth_of, try_growth, try_growth_of};
pub use production::{production, try_production};
pub use shared::{advise_all, advise_ledger};
pub use unused::{UnusedIndex, UnusedIndexes, try_unused_indexes, unused_indexes};
