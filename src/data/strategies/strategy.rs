//! The strategies.

use std::fmt;
use std::sync::Arc;

use proptest::collection::SizeRange;
use proptest::strategy::{NewTree, Strategy, ValueTree as _};
use proptest::test_runner::{Reason, TestRunner};

use super::shrink_tree::ShrinkTree;
use super::template_database::TemplateDatabase;
use super::value::{Database, DatabaseTree, Rows, RowsTree};
use crate::db::Template;
use crate::error::{Result, or_panic};

/// The percentage of draws with edge cases.
const EDGES: u64 = 25;

/// Draws scripts of rows.
#[derive(Debug)]
pub(super) struct Drawn {
    database: Arc<TemplateDatabase>,
    size: SizeRange,
}

impl Drawn {
    #[track_caller]
    pub(super) fn new(database: Result<TemplateDatabase>, size: impl Into<SizeRange>) -> Drawn {
        Drawn { database: Arc::new(or_panic(database)), size: size.into() }
    }

    fn tree(&self, runner: &mut TestRunner) -> Result<ShrinkTree, Reason> {
        let mut counts = Vec::new();
        for _ in self.database.targets() {
            let count = (self.size.start()..=self.size.end_incl()).new_tree(runner)?.current();
            counts.push(count);
        }
        let seed = proptest::num::u64::ANY.new_tree(runner)?.current();
        let edges = (0..100_u64).new_tree(runner)?.current() < EDGES;
        let script = self
            .database
            .draft(&counts, seed, edges)
            // A trigger may refuse edge cases that no constraint forbids.
            .or_else(|error| if edges { self.database.draft(&counts, seed, false) } else { Err(error) })
            .and_then(|script| self.database.enough(script, self.size.start()))
            .map_err(|error| Reason::from(error.to_string()))?;
        Ok(ShrinkTree::of(Arc::clone(&self.database), script, self.size.start()))
    }
}

#[derive(Debug)]
pub(super) struct RowsOf(pub(super) Drawn);

impl Strategy for RowsOf {
    type Tree = RowsTree;
    type Value = Rows;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<RowsOf> {
        self.0.tree(runner).map(RowsTree)
    }
}

pub(super) struct DatabaseOf<'t> {
    pub(super) template: &'t Template,
    pub(super) drawn: Drawn,
}

impl<'t> Strategy for DatabaseOf<'t> {
    type Tree = DatabaseTree<'t>;
    type Value = Database<'t>;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<DatabaseOf<'t>> {
        let tree = self.drawn.tree(runner)?;
        Ok(DatabaseTree { template: self.template, tree })
    }
}

impl fmt::Debug for DatabaseOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.drawn.fmt(f)
    }
}
