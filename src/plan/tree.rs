//! A plan as values.

use std::fmt;

/// One line of a plan, with the lines that SQLite hangs below it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// The line as SQLite printed it.
    pub text: String,
    /// What the line says.
    pub step: Step,
    /// The table that is read, by its own name, whatever alias the query gives it. `None` for subqueries, common table
    /// expressions, table-valued functions, and lines that read nothing.
    pub table: Option<String>,
    /// Set if all of the table, or of one of its indexes, is read.
    pub scan: Option<Scan>,
    /// The lines below.
    pub children: Vec<Node>,
}

impl Node {
    pub(super) fn new(text: impl Into<String>, step: Step) -> Node {
        Node { text: text.into(), step, table: None, scan: None, children: Vec::new() }
    }

    /// The table that is read, and how, if this line reads one.
    pub fn access(&self) -> Option<&Access> {
        match &self.step {
            Step::Scan(access) | Step::Search(access) => Some(access),
            _ => None,
        }
    }

    /// Whether `name` is the table of this line: its own name, or what the plan prints for it.
    pub(super) fn is_of(&self, name: &str) -> bool {
        let own = self.table.as_deref().is_some_and(|table| table.eq_ignore_ascii_case(name));
        own || (self.table.is_some() && self.access().is_some_and(|access| access.name.eq_ignore_ascii_case(name)))
    }
}

/// What a line of a plan says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// `SCAN`: one row after the other. Whether that is all of a table, [`Node::scan`] tells.
    Scan(Access),
    /// `SEARCH`: the rows that an index or a key leads to.
    Search(Access),
    /// `SCAN CONSTANT ROW`, or several: rows that stand in the statement.
    ConstantRows(u64),
    /// `MULTI-INDEX OR`: one [`OrTerm`](Step::OrTerm) below it for each side.
    MultiIndexOr,
    /// `INDEX n`, a side of an OR.
    OrTerm(u64),
    /// A temporary b-tree, and what it is for: `ORDER BY`, `GROUP BY`, `DISTINCT`, `count(DISTINCT)`.
    TempBTree(String),
    /// A subquery that is an expression.
    Subquery {
        /// `SCALAR` or `LIST`.
        kind: String,
        /// Its number in this plan.
        number: u64,
        /// Whether it runs again for each row around it.
        correlated: bool,
        /// Whether its result from another place is used again.
        reused: bool,
    },
    /// A subquery in FROM that hands over its rows one by one.
    CoRoutine(String),
    /// A subquery in FROM that is written into a temporary table first.
    Materialize(String),
    /// UNION and the like, and their parts, as printed: `COMPOUND QUERY`, `UNION ALL`, `MERGE (UNION)`, `LEFT`.
    Compound(String),
    /// `SETUP`: the first part of a recursive query.
    RecursionSetup,
    /// `RECURSIVE STEP`.
    RecursionStep,
    /// The rows of the right table of a RIGHT JOIN that found no partner.
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
    /// What the plan calls it: the alias, where there is one.
    pub name: String,
    /// The alias, if it is known that the name is one.
    pub alias: Option<String>,
    /// By what the rows are found.
    pub path: AccessPath,
    /// The columns that the index or key is searched by: `user_id=? AND at>?`.
    pub constraint: Option<String>,
    /// Whether it is the inner side of a LEFT JOIN.
    pub left_join: bool,
    /// Whether it is an EXISTS that is run as a join.
    pub exists: bool,
}

/// By what the rows of a table are found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessPath {
    /// The table itself.
    Table,
    /// An index.
    Index {
        /// Its name.
        name: String,
        /// Whether all that is wanted of the row is in the index, so that the table is not read.
        covering: bool,
    },
    /// An index that SQLite makes for this one run of the statement.
    Automatic {
        /// Whether it holds only the rows that the query can want.
        partial: bool,
    },
    /// The primary key of a WITHOUT ROWID table.
    PrimaryKey,
    /// The rowid, or an INTEGER PRIMARY KEY.
    Rowid,
    /// What the module of a virtual table chose, in its own words.
    Virtual {
        /// `idxNum`, as printed.
        number: String,
        /// `idxStr`.
        payload: String,
    },
}

/// What of a table is read as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scan {
    /// The table.
    Table,
    /// An index that has all rows of the table.
    Index(String),
    /// A partial index. It holds only the rows that its WHERE wants, so that no assertion counts it as a scan.
    PartialIndex(String),
    /// The table, to build an automatic index of it.
    ForAutomaticIndex,
    /// A virtual table that was given nothing to search by.
    VirtualTable,
}

/// A loop that `EXPLAIN QUERY PLAN` does not show. The bytecode does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Effect {
    /// Where the loop is.
    pub origin: Origin,
    /// What it does, in the words of a plan.
    pub node: Node,
}

/// Where a loop is that the plan does not show.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// In the statement itself.
    Statement,
    /// In this trigger.
    Trigger(String),
    /// In what ON DELETE or ON UPDATE of a foreign key does.
    ForeignKeyAction,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Statement => f.write_str("the statement itself"),
            Origin::Trigger(name) => write!(f, "trigger {name}"),
            Origin::ForeignKeyAction => f.write_str("foreign-key action"),
        }
    }
}

/// All nodes of a tree with their depth, each before those below it.
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

/// A line as it is shown: two spaces for each level, and on one line even if a name has a line break in it.
pub(super) fn line(depth: usize, text: &str) -> String {
    format!("{:width$}{}", "", text.replace('\n', "\\n"), width = 2 * depth)
}
