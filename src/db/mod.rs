//! The databases that tests get: what they are made of, and one of them.

mod cache;
mod image;
mod keep;
mod profile;
mod template;
mod testdb;

pub use profile::Profile;
pub use template::Template;
pub use testdb::TestDb;
