//! The facts that only the text of a CREATE statement tells: CHECKs, generated expressions, collations of columns, names of
//! constraints, ON CONFLICT, DEFERRABLE, AUTOINCREMENT, the expressions of indexes, the arguments of virtual tables.
//!
//! SQLite has parsed each of these texts before, so this code need not tell right from wrong, only find its way. Where it
//! cannot, it stops: what it has found so far is kept, and the facts from PRAGMAs are not affected.

mod index;
mod table;
#[cfg(test)]
mod tests;
mod trigger;
mod view;
mod virtual_table;
mod walk;

pub(super) use index::index;
pub(super) use table::{KeyText, TableText, table};
pub(crate) use trigger::TriggerText;
pub(super) use view::view;
pub(crate) use virtual_table::VirtualTable;
pub(super) use virtual_table::virtual_table;
