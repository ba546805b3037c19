//! The lines of a query plan as values.

use std::fmt;

use crate::report::{Raw, printable};
use crate::sql::same_name;

/// One line of a plan, with the lines that SQLite prints below it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// The line as SQLite printed it.
    pub text: String,
    /// The meaning of the line.
    pub step: Step,
    /// The table that is read, by its own name, whatever alias the query gives it. `None` for subqueries, common table
    /// expressions, table-valued functions, and lines that read nothing.
    pub table: Option<String>,
    /// Set if all of the table, or all of one of its indexes, is read.
    pub scan: Option<Scan>,
    /// True if the line looks up rows whose foreign key refers to a row that the statement writes. SQLite prints these among
    /// the statement's own lines.
    pub checks_foreign_key: bool,
    /// The lines below.
    pub children: Vec<Node>,
}

impl Node {
    pub(super) fn new(text: impl Into<String>, step: Step) -> Node {
        Node { text: text.into(), step, table: None, scan: None, checks_foreign_key: false, children: Vec::new() }
    }

    /// Returns the table that this line reads, and how its rows are found. `None` if the line reads none.
    pub fn access(&self) -> Option<&Access> {
        match &self.step {
            Step::Scan(access) | Step::Search(access) => Some(access),
            _ => None,
        }
    }

    pub(super) fn path(&self) -> Option<&AccessPath> {
        self.access().map(|access| &access.path)
    }

    pub(super) fn constraint(&self) -> Option<&str> {
        self.access()?.constraint.as_deref()
    }

    /// Returns true if `name` is the table of this line: its own name, or the one that the plan prints for it.
    pub(super) fn is_of(&self, name: &str) -> bool {
        let is_own = self.table.as_deref().is_some_and(|table| same_name(table, name));
        is_own || (self.table.is_some() && self.access().is_some_and(|access| same_name(&access.name, name)))
    }

    /// Returns true if all rows of a table are read, or all of a partial index to find some of its rows.
    pub(crate) fn is_scan(&self) -> bool {
        !matches!(self.scan, None | Some(Scan::PartialIndex(_)))
    }

    /// Returns true if rows of a table are found by an index, a key or the module of a virtual table.
    pub(super) fn is_search(&self) -> bool {
        match (&self.step, self.path()) {
            (_, None | Some(AccessPath::Automatic { .. })) => false,
            // A virtual table prints SCAN whatever its module does.
            (_, Some(AccessPath::Virtual { .. })) | (Step::Search(_), _) => self.scan.is_none(),
            _ => false,
        }
    }

    pub(super) fn uses_index(&self, index: &str) -> bool {
        matches!(self.path(), Some(AccessPath::Index { name, .. }) if same_name(name, index))
    }

    pub(crate) fn uses_automatic_index(&self) -> bool {
        matches!(self.path(), Some(AccessPath::Automatic { .. }))
    }

    pub(super) fn is_covered(&self) -> bool {
        matches!(self.path(), Some(AccessPath::Index { covering: true, .. }))
    }

    /// Returns what the line sorts, groups or makes distinct in a temporary b-tree; empty if SQLite does not print it.
    pub(super) fn sort_purpose(&self) -> Option<&str> {
        match &self.step {
            Step::TempBTree(purpose) => Some(purpose),
            Step::Compound(text) => text.strip_suffix(" USING TEMP B-TREE"),
            _ => None,
        }
    }

    pub(super) fn is_correlated_subquery(&self) -> bool {
        matches!(self.step, Step::Subquery { correlated: true, .. })
    }
}

/// The meaning of a line of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// `SCAN`: one row after the other. [`Node::scan`] says if these are all rows of a table.
    Scan(Access),
    /// `SEARCH`: the rows that an index or a key leads to.
    Search(Access),
    /// `SCAN CONSTANT ROW`, or several: rows that are written in the statement.
    ConstantRows(u64),
    /// `MULTI-INDEX OR`, with an [`OrTerm`](Step::OrTerm) below it for each side.
    MultiIndexOr,
    /// `INDEX n`: a side of an OR.
    OrTerm(u64),
    /// A temporary b-tree and its purpose: `ORDER BY`, `GROUP BY`, `DISTINCT`, `count(DISTINCT)`.
    TempBTree(String),
    /// A subquery that is an expression.
    Subquery {
        /// `SCALAR` or `LIST`.
        kind: String,
        /// Its number in this plan.
        number: u64,
        /// True if it runs again for each row of the query around it.
        correlated: bool,
        /// True if it takes its result from another place in the plan.
        reused: bool,
    },
    /// A subquery in FROM that hands over its rows one by one.
    CoRoutine(String),
    /// A subquery in FROM that is written to a temporary table first.
    Materialize(String),
    /// UNION and the like, and their parts, as printed: `COMPOUND QUERY`, `UNION ALL`, `MERGE (UNION)`, `LEFT`.
    Compound(String),
    /// `SETUP`: the first part of a recursive query.
    RecursionSetup,
    /// `RECURSIVE STEP`.
    RecursionStep,
    /// The rows of the right table of a RIGHT JOIN that have no match.
    RightJoin(String),
    /// A Bloom filter in front of a table, or of a subquery (then without a name).
    BloomFilter(Option<String>),
    /// A line that this version of sqlitmus does not know.
    Other(String),
}

/// A table in a plan, and how its rows are found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Access {
    /// The name that the plan prints: the alias, if there is one.
    pub name: String,
    /// The alias, if the name is known to be one.
    pub alias: Option<String>,
    /// The way to the rows.
    pub path: AccessPath,
    /// The columns that the index or key is searched by: `user_id=? AND at>?`.
    pub constraint: Option<String>,
    /// True for the inner side of a LEFT JOIN.
    pub left_join: bool,
    /// True for an EXISTS that runs as a join.
    pub exists: bool,
}

/// The way to the rows of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessPath {
    /// The table itself.
    Table,
    /// An index.
    Index {
        /// Its name.
        name: String,
        /// True if the index has all columns that the query needs, so that the table is not read.
        covering: bool,
    },
    /// An index that SQLite builds for this one run of the statement.
    Automatic {
        /// True if it holds only the rows that the query can need.
        partial: bool,
    },
    /// The primary key of a WITHOUT ROWID table.
    PrimaryKey,
    /// The rowid, or an INTEGER PRIMARY KEY.
    Rowid,
    /// The choice of a virtual table's module, in the module's own words.
    Virtual {
        /// `idxNum`, as printed.
        number: String,
        /// `idxStr`.
        payload: String,
    },
}

impl AccessPath {
    /// Returns what a plan prints behind the name of the table, in words that are the same for all versions of SQLite.
    pub(super) fn suffix(&self) -> String {
        match self {
            AccessPath::Table => String::new(),
            AccessPath::Index { name, covering: true } => format!(" USING COVERING INDEX {name}"),
            AccessPath::Index { name, covering: false } => format!(" USING INDEX {name}"),
            AccessPath::Automatic { partial: true } => " USING AUTOMATIC PARTIAL COVERING INDEX".to_owned(),
            AccessPath::Automatic { partial: false } => " USING AUTOMATIC COVERING INDEX".to_owned(),
            AccessPath::PrimaryKey => " USING PRIMARY KEY".to_owned(),
            AccessPath::Rowid => " USING INTEGER PRIMARY KEY".to_owned(),
            AccessPath::Virtual { .. } => " VIRTUAL TABLE INDEX ?".to_owned(),
        }
    }
}

/// The object that a scan reads as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scan {
    /// The table.
    Table,
    /// An index that has all rows of the table.
    Index(String),
    /// A partial index, all of whose rows are used. It holds only the rows of its WHERE, and no assertion counts it as a
    /// scan.
    PartialIndex(String),
    /// A partial index, read to find those of its rows that another condition holds for.
    FilteredPartialIndex(String),
    /// The table, to build an automatic index of it.
    ForAutomaticIndex,
    /// A virtual table whose module was given nothing to search by.
    VirtualTable,
}

/// A loop that the bytecode has and `EXPLAIN QUERY PLAN` does not print.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Effect {
    /// The part of the statement's work that the loop belongs to.
    pub origin: Origin,
    /// The loop, in the words of a plan.
    pub node: Node,
}

/// The part of a statement's work that an unprinted loop belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The statement itself.
    Statement,
    /// This trigger.
    Trigger(String),
    /// ON DELETE or ON UPDATE of a foreign key.
    ForeignKeyAction,
}

printable!(Origin);

impl Raw for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Statement => f.write_str("the statement itself"),
            Origin::Trigger(name) => write!(f, "trigger {name}"),
            Origin::ForeignKeyAction => f.write_str("foreign-key action"),
        }
    }
}

/// Returns all nodes of a tree with their depth, each before those below it.
pub(super) fn walk(nodes: &[Node]) -> Vec<(usize, &Node)> {
    fn visit<'a>(nodes: &'a [Node], depth: usize, found: &mut Vec<(usize, &'a Node)>) {
        for node in nodes {
            found.push((depth, node));
            visit(&node.children, depth + 1, found);
        }
    }
    let mut found = Vec::new();
    visit(nodes, 0, &mut found);
    found
}

/// Returns a line as it is shown: two spaces for each level, and on one line even if a name contains a line break.
pub(super) fn line(depth: usize, text: &str) -> String {
    format!("{:width$}{}", "", text.replace('\n', "\\n"), width = 2 * depth)
}

/// Returns the elements in their order, without those that are there already.
pub(super) fn distinct<T: PartialEq>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    // Compiled once for each type, and not for each iterator.
    fn gathered<T: PartialEq>(all: &mut dyn Iterator<Item = T>) -> Vec<T> {
        let mut found: Vec<T> = Vec::new();
        for one in all {
            if !found.contains(&one) {
                found.push(one);
            }
        }
        found
    }
    gathered(&mut all.into_iter())
}
