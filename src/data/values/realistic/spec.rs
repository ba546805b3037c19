//! The kind of the values of a column, and the form in which they are stored.

use crate::data::values::realistic::kind::Kind;
use crate::data::values::realistic::lists::Lists;
use crate::data::values::stored_type::StoredType;

/// The kind of the values of a column, and the form in which they are stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spec {
    pub(super) kind: Kind,
    pub(super) stored_type: StoredType,
    pub(super) lists: &'static Lists,
    /// The greatest length of a text in characters.
    pub(super) limit: usize,
}
