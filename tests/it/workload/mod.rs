//! What a recorded workload says of indexes, and how queries grow with the database.

mod growth;
mod unused;
