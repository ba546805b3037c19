//! Query plans as values, and assertions on them.
//!
//! ```
//! use sqlitmus::{Template, plan::explain};
//!
//! static APP: Template = Template::new("fixtures/shop/migrations");
//! let db = APP.in_memory();
//! explain(&db, "SELECT id FROM orders WHERE customer_id = ?1")
//!     .assert_no_scan()
//!     .assert_searches("orders");
//!
//! let plan = explain(&db, "SELECT id FROM orders WHERE total_cents > ?1");
//! let error = plan.try_assert_no_scan().unwrap_err();
//! assert_eq!(error.headline(), "query plan scans a whole table: orders");
//! ```
//!
//! # What counts as a scan
//!
//! A loop that reads all rows of a table, or of an index that has all of them. So do `count(*)`, `min(x)` without an index,
//! an automatic index (SQLite reads the whole table to build it), and a virtual table that is given nothing to search by.
//! Loops count wherever they are: in a view, behind an alias, in a trigger, in ON DELETE CASCADE.
//!
//! Not a scan:
//!
//! - a loop over a subquery, a common table expression, a table-valued function or rows written in the statement;
//! - a partial index all of whose rows are used, such as that of a queue: it holds only the rows of its WHERE;
//! - a loop that a LIMIT ends and no filter or sort prolongs (an inner join is a filter, a LEFT JOIN is not);
//! - `max(id)`, and SQLite's own tables, which cannot have an index;
//! - a loop that never starts: behind `WHERE 0`, or over the children of a row that is inserted.
//!
//! A partial index is scanned if the loop leaves out rows of it, by a condition that is not in its WHERE. With an index
//! `ON notes(at) WHERE deleted_at IS NULL`, `count(*)` and `ORDER BY at` of the notes that are not deleted are what it was made
//! for; `deleted_at IS NULL AND tenant = ?1` reads all of them to find a few. A join to another table leaves out none in this
//! sense, and neither do DISTINCT and GROUP BY.
//!
//! `LIMIT ?1 OFFSET ?2` is a scan, because it reads all rows that it skips. So is an offset that is written as a number
//! above 100. A page that is found by its first key (`WHERE id > ?1 ORDER BY id LIMIT 10`) skips nothing.
//!
//! Whatever is meant to be read as a whole is named by [`allow_scan`](Plan::allow_scan).
//!
//! # Where this is known from
//!
//! The text of `EXPLAIN QUERY PLAN` differs between versions of SQLite and can mislead: for `SELECT min(x)` it says
//! `SEARCH`. So [`explain`] also reads the bytecode, which says what each loop walks. It uses the text alone if the linked
//! SQLite lists the bytecode of a known statement in an unknown form: see [`Plan::source`].
//!
//! # Which index would help
//!
//! A failed [`assert_no_scan`](Plan::assert_no_scan), [`assert_no_temp_btree`](Plan::assert_no_temp_btree) or
//! [`assert_no_automatic_index`](Plan::assert_no_automatic_index) offers indexes that were created on an empty copy of the
//! schema and used there by SQLite. A statement has one answer, whichever assertion fails: the index that serves its filter
//! and its order. [`advise`] returns the same as values.
//!
//! An index that is offered makes the statement take fewer steps on a thousand made rows. It begins with a column that tells
//! rows apart: for `hidden = 0 AND sender = ?` it is `ON msgs(sender) WHERE hidden = 0`. There is none for `hidden = 0` alone,
//! because half of a table is read faster without. If SQLite would then search by the new index where it has a better one, the
//! report says so. That is known of lookups by foreign keys and by existing indexes, and in a recording of its other queries.
//!
//! [`advise_all`](crate::workload::advise_all) returns the fewest indexes for a whole recording, and
//! [`unused_indexes`](crate::workload::unused_indexes) those that can go.
//!
//! Parameters need no values. [`explain_with`] takes values, for statements that SQLite plans by them, such as `LIKE ?1`.
//!
//! # Statistics
//!
//! Without sqlite_stat1, which ANALYZE and `PRAGMA optimize` write, a plan does not depend on the rows of the database. With
//! it, it does: [`Template::stats`](crate::Template::stats) plans by production's statistics, from a file that
//! [`write_statistics`] writes, and [`assert_plan_stable`] fails if they matter.
//!
//! Statistics of a fixture (fewer than 100 rows of a table) mislead: SQLite scans so few rows where it would search many,
//! and skips through an index whose first column has few values. Such a statement is therefore planned a second time,
//! without statistics. [`Plan::assert_no_scan`] fails if either plan scans, and says which one.
//!
//! # Growth
//!
//! A plan tells how rows are found, not how many steps that takes. [`growth`](crate::workload::growth()) runs a query on
//! databases of several sizes and counts the steps.

mod advice;
mod assertions;
mod bytecode;
mod catalog;
mod explain;
mod failure;
mod flow;
mod json_value;
mod loops;
mod offset;
mod opened;
mod parse;
mod query_plan;
pub(crate) mod sample;
mod stable;
mod statistics_file;
#[cfg(test)]
mod tests;
mod tree;
mod why_not;

pub use advice::{Advice, AdvisedIndex, Removed, advise};
pub use advice::{LeftOver, SharedAdvice, SharedIndex, Upkeep};
pub(crate) use advice::{is_worse, together};
pub(crate) use bytecode::{SingleStepRows, TableRows, count_table_rows};
pub(crate) use catalog::empty_copy_of;
pub(crate) use explain::{Planner, only_statement};
pub use explain::{explain, explain_with, try_explain, try_explain_with};
pub(crate) use opened::{OpenedTables, opened_tables};
pub use query_plan::{Plan, PlanSource, Statistics};
pub use stable::{assert_plan_stable, try_assert_plan_stable};
pub use statistics_file::{write_statistics, write_statistics_with_samples};
pub use tree::{Access, AccessPath, Effect, Node, Origin, Scan, Step};
pub use why_not::{Obstacle, PatternProblem, Reason, Remedy, WhyNot};
