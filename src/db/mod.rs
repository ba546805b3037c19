//! The databases of tests: the template they are made from, the profile of their connections, and one of them.

mod address;
mod app_code;
mod building;
mod built_again;
mod cache;
mod image;
mod keep;
mod migrate;
mod profile;
mod read_profile;
mod recording;
mod runtime;
mod scratch;
mod source;
mod statistics;
mod template;
mod testdb;
mod tree;
mod watched;

pub(crate) use address::{Address, open_as_it_is, percent_encoded, url_of};
pub(crate) use app_code::BlockOn;
pub(crate) use image::{Functions, Image, MAIN, back_up, with_suffix};
pub(crate) use keep::again_with;
#[cfg(feature = "suite")]
pub(crate) use keep::shown_with;
pub(crate) use profile::Difference;
pub use profile::Profile;
pub(crate) use recording::recorded;
pub(crate) use scratch::{Scratch, Workshop};
pub use template::Template;
#[cfg(feature = "property")]
pub(crate) use testdb::Committed;
pub use testdb::TestDb;
pub(crate) use tree::Tree;
