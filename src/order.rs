//! Sorting, and sorted maps and sets, in little code, as every build of a user compiles it.
//!
//! Each call of std's `sort` compiles to 3,000 lines of LLVM for its type and closure, and each type of a B-tree to 3,000 to
//! 6,000: both were a quarter of this crate's code. Here there is one instance of the sort, that of row numbers, and a map is
//! a list.

mod list;
mod map;
mod set;
mod sort;

pub(crate) use map::SortedMap;
pub(crate) use set::SortedSet;
pub(crate) use sort::Order;
