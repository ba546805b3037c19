//! A program with the tables and indexes that its loops read.

use crate::plan::bytecode::{CursorTarget, FILLS_AUTOMATIC_INDEX, Program};
use crate::plan::catalog::{Catalog, Object};
use crate::plan::flow::Flow;

pub(super) struct Loops<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) program: &'a Program,
    pub(super) flow: Flow<'a>,
}

impl<'a> Loops<'a> {
    pub(super) fn of(program: &'a Program, catalog: &'a Catalog) -> Loops<'a> {
        Loops { catalog, program, flow: Flow::of(program) }
    }

    /// Returns the table or index whose b-tree this is.
    pub(super) fn object(&self, target: &CursorTarget) -> Option<&'a Object> {
        match target {
            CursorTarget::Root(database, root) => self.catalog.at_root(*database, *root),
            _ => None,
        }
    }

    /// Returns the table or index that a cursor is open on.
    pub(super) fn object_of(&self, cursor: i64, address: usize) -> Option<&'a Object> {
        self.object(&self.program.target_of(cursor, address)?)
    }

    /// Returns true if the loop that starts here reads a table to build an automatic index.
    pub(super) fn fills_automatic_index(&self, start: usize) -> bool {
        let (cursor, body) = (self.program.ops[start].p1, start as i64 + 1);
        self.program.ends(FILLS_AUTOMATIC_INDEX).any(|(_, op)| op.p1 == cursor && op.p2 == body)
    }
}
