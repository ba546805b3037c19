//! Plans each table before its first row is made: the source of each column, and the number of rows that fit.

mod child_checks;
mod cycles;
mod numbering;
pub(crate) mod planner;
pub(crate) mod references;
mod related_values;
pub(crate) mod table_plan;
