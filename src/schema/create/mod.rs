//! The facts that only the text of a CREATE statement tells: CHECKs, generated expressions, collations of columns, names of
//! constraints, ON CONFLICT, DEFERRABLE, AUTOINCREMENT, the expressions of indexes, the arguments of virtual tables.
//!
//! SQLite has parsed each of these texts before, so this code need not tell right from wrong, only find its way. Where it
//! cannot, it stops: what it has found so far is kept, and the facts from PRAGMAs are not affected.

mod statements;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use statements::{TriggerText, VirtualTable};
pub(super) use statements::{index, view, virtual_table};
pub(super) use table::{KeyText, TableText, table};
