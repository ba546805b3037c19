//! Plans each table before its first row is made: the source of each column, and the number of rows that fit.

mod child_checks;
mod default_source;
mod distinct_parents;
mod failure;
mod finish;
mod numbering;
mod parent_keys;
mod parent_limits;
pub(crate) mod per_parent;
pub(crate) mod place;
mod planner;
mod references;
mod shape;
mod shared_columns;
pub(crate) mod table_plan;
pub(crate) mod tables;
mod unique_keys;
