//! Indexes that improve a plan. Each is tried on an empty copy of the schema before it is shown.
//!
//! ```text
//! a plan that fails -> trial: an empty copy, settings and statistics as they were; is the plan the same there?
//!   -> terms: what the statement says about the table's columns   -> search: which of it SQLite uses
//!   -> fewest indexes, fewest columns                                     -> Advice -> report
//! ```
//!
//! - Indexes are not derived but tried, with the settings, statistics and values of the failing plan. If the copy does not
//!   plan the statement as it was planned, there is no advice.
//! - The words of the statement give the candidates: columns, collations, expressions beside a comparison, ORDER BY, GROUP
//!   BY, DISTINCT, min and max, foreign keys. All are created at once and SQLite chooses, because a side of an OR uses an index
//!   only if the other side has one. Then each index is checked by itself: unneeded indexes go, columns that are searched by
//!   are added, unneeded columns go. A word that is misread costs a trial, because only the plan decides, by the code that
//!   found it wanting. No scan may appear that was not there before, and no sort unless that halves the steps.
//! - A plan does not say how many rows it reads. So the last word has a copy with a thousand rows: a flag becomes the WHERE of
//!   the index if that reads no more, and what saves no steps is not shown.
//! - A statement has one answer. An assertion shows the part of it that mends what was asserted.
//! - Lookups by foreign keys and by existing indexes are planned with the new index too. If SQLite then takes the wrong one,
//!   the report names the lookup.
//! - For several statements the fewest indexes are chosen with which no plan is worse and no statement takes twice the steps.
//! - An index that makes another recorded statement dearer is not offered. That writes have an entry more to keep is the price
//!   of every index: it is no reason against one, and one line says what the writes of a recording pay.
//! - There is no advice for a table with few rows in the statistics: SQLite scans it with or without an index.

mod advise;
mod candidate;
mod children;
mod covering;
mod measure;
mod refine;
mod search;
mod shared;
mod statements;
mod terms;
mod together;
mod trial;
mod upkeep;

pub use advise::advise;
pub(super) use advise::{Remedies, offer, remedies};
pub use candidate::{Advice, AdvisedIndex, Removed};
pub use shared::{LeftOver, SharedAdvice, SharedIndex};
pub(crate) use together::together;
#[cfg(test)]
pub(super) use together::within;
pub(super) use trial::Goal;
pub(crate) use trial::is_worse;
pub use upkeep::Upkeep;
