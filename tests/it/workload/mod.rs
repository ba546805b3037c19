//! Unused indexes of a recorded workload, and the growth of queries.

mod growth;
mod shared;
mod unused;
