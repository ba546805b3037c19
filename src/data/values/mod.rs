//! Values: how those of one column are made, what they look like, and where apps trip over them.

pub(crate) mod column;
pub(crate) mod edge;
pub(crate) mod made;
#[cfg(feature = "data")]
pub(crate) mod realistic;
pub(crate) mod store;
pub(crate) mod text;
