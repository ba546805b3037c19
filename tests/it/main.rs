//! Everything that can run side by side in one process.

mod differential;
mod fixtures;
mod migrations;
mod profile;
mod schema;
mod template;
mod testdb;
