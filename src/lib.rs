//! Litmus tests for apps built on SQLite.
mod env;
pub mod error;
mod report;
pub mod sim;
pub use error::{BoxError, Error, ErrorKind, Result};
pub use rusqlite;
