//! proptest strategies over rows and whole databases. SQLite takes every value that they give, and every one that they shrink
//! to.
//!
//! - A value of a strategy is a `Script`: tables, rows in an order in which they go in, what keeps full-text tables in
//!   step. A step of shrinking changes the script, and the strategy's one database takes it in a transaction that is
//!   rolled back; what it refuses is not offered. So no rule of SQLite's is written twice, and a shrink that a trigger
//!   refuses is no surprise.
//! - Foreign keys among the rows of a script are found by equal values. A key changes together with what refers to it;
//!   a row that goes takes its children along, and parents that nobody refers to go too.
//! - `complicate` takes the last step back and makes the next one at once: proptest would run the test again on what
//!   is known to fail otherwise, and it runs it about a thousand times at most.
//! - The strategy's database is no `TestDb`: dropped by the panic that ends a failing property, it would be kept in
//!   the place of the test's own.
//! - `violations` asks of each row, by one SELECT for each constraint, which it breaks, on a table without
//!   constraints. A row that breaks one alone is best; what is tied to it is changed along. Where there is none, the
//!   row that SQLite refuses for what it breaks besides is the violation, and `implied` says so: 4 of 1,418
//!   constraints of 22 real schemas. What gets in is undone by a savepoint, for keys that are checked at COMMIT by a
//!   fork.

mod ground;
mod simpler;
mod tree;
mod value;

use std::fmt;
use std::sync::Arc;

use proptest::collection::SizeRange;
use proptest::strategy::{NewTree, Strategy, ValueTree as _};
use proptest::test_runner::{Reason, TestRunner};

pub use value::{Database, Rows};

use self::ground::Ground;
use self::tree::Tree;
use crate::db::Template;
use crate::error::Result;

/// How many in a hundred values have what apps trip over in them.
const EDGES: u64 = 25;

/// So many rows of a table, as `size` says, and the parents that they need. They go into a database of the template.
///
/// A failure shrinks to the fewest rows and the simplest values with which the test still fails. It is shown as a script of
/// INSERTs.
///
/// ```
/// use proptest::prelude::*;
/// use sqlitmus::{Template, data::rows};
///
/// static APP: Template = Template::embedded(&[(
///     "1.sql",
///     "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL CHECK (length(name) <= 20), born TEXT)",
/// )]);
///
/// proptest! {
///     # #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(8) })]
///     # /*
///     #[test]
///     # */
///     fn nobody_is_lost(users in rows(&APP, "users", 0..50)) {
///         let db = APP.in_memory();
///         users.insert(&db);
///         let found: i64 = db.query_row("SELECT count(*) FROM users", [], |row| row.get(0)).unwrap();
///         prop_assert_eq!(found, users.len() as i64);
///     }
/// }
/// # nobody_is_lost();
/// ```
///
/// # Panics
/// When the template cannot be built, or has no such table.
#[track_caller]
pub fn rows(template: &Template, table: &str, size: impl Into<SizeRange>) -> impl Strategy<Value = Rows> + 'static {
    RowsOf(drawn(Ground::of_table(template, table), size))
}

/// One row of a table, and the parents that it needs. See [`rows`].
///
/// # Panics
/// As [`rows`].
#[track_caller]
pub fn row(template: &Template, table: &str) -> impl Strategy<Value = Rows> + 'static {
    rows(template, table, 1)
}

/// Databases of the template with as many rows in each table as `size` says. A table that has room for fewer gets those, and
/// the ledgers of migration runners get none.
///
/// ```
/// use proptest::prelude::*;
/// use sqlitmus::{Template, data::database};
///
/// static SHOP: Template = Template::new("fixtures/shop/migrations");
///
/// proptest!(ProptestConfig::with_cases(4), |(shop in database(&SHOP, 0..4))| {
///     let db = shop.in_memory();
///     db.check();
/// });
/// ```
///
/// # Panics
/// When the template cannot be built, or has no tables.
#[track_caller]
pub fn database<'t>(template: &'t Template, size: impl Into<SizeRange>) -> impl Strategy<Value = Database<'t>> + 't {
    DatabaseOf { template, drawn: drawn(Ground::of_all(template), size) }
}

#[track_caller]
fn drawn(ground: Result<Ground>, size: impl Into<SizeRange>) -> Drawn {
    match ground {
        Ok(ground) => Drawn { ground: Arc::new(ground), size: size.into() },
        Err(error) => panic!("{error}"),
    }
}

/// What is drawn, whatever it is given as.
#[derive(Debug)]
struct Drawn {
    ground: Arc<Ground>,
    size: SizeRange,
}

impl Drawn {
    fn tree(&self, runner: &mut TestRunner) -> Result<Tree, Reason> {
        let mut counts = Vec::new();
        for _ in self.ground.targets() {
            let count = (self.size.start()..=self.size.end_incl()).new_tree(runner)?.current();
            counts.push(count);
        }
        let seed = proptest::num::u64::ANY.new_tree(runner)?.current();
        let edges = (0..100_u64).new_tree(runner)?.current() < EDGES;
        let script = self
            .ground
            .draft(&counts, seed, edges)
            // What no constraint speaks against, a trigger still may.
            .or_else(|error| if edges { self.ground.draft(&counts, seed, false) } else { Err(error) })
            .and_then(|script| self.ground.enough(script, self.size.start()))
            .map_err(|error| Reason::from(error.to_string()))?;
        Ok(Tree::of(Arc::clone(&self.ground), script, self.size.start()))
    }
}

#[derive(Debug)]
struct RowsOf(Drawn);

impl Strategy for RowsOf {
    type Tree = value::RowsTree;
    type Value = Rows;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<RowsOf> {
        self.0.tree(runner).map(value::RowsTree)
    }
}

struct DatabaseOf<'t> {
    template: &'t Template,
    drawn: Drawn,
}

impl<'t> Strategy for DatabaseOf<'t> {
    type Tree = value::DatabaseTree<'t>;
    type Value = Database<'t>;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<DatabaseOf<'t>> {
        let tree = self.drawn.tree(runner)?;
        Ok(value::DatabaseTree { template: self.template, tree })
    }
}

impl fmt::Debug for DatabaseOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.drawn.fmt(f)
    }
}
