//! Why SQLite does not use an index, as values.

/// Why a plan does not use an index. [`Plan::why_not`](crate::plan::Plan::why_not) returns it.
///
/// Its `Display` is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WhyNot {
    /// The index.
    pub index: String,
    /// Its table.
    pub table: String,
    /// True if the plan does use the index.
    pub is_used: bool,
    /// The obstacles to its use: planned without all of these, the statement uses the index. Empty if the index is
    /// used, or if the reason was not found.
    pub reasons: Vec<Reason>,
}

/// One thing that keeps SQLite from using an index.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reason {
    /// The obstacle.
    pub obstacle: Obstacle,
    /// A change with which SQLite uses the index, or one like it. Tried.
    pub remedy: Option<Remedy>,
}

/// Something in a statement, a schema or its statistics that keeps SQLite from using an index. Columns and conditions are as
/// the statement has them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// The column is compared with a value of another affinity: the texts of an index are not in the order of numbers.
    Affinity {
        /// The column of the index.
        column: String,
        /// Its type.
        declared: String,
        /// The other side of the comparison.
        other: String,
        /// The type of that, if it is a column.
        other_declared: Option<String>,
    },
    /// The statement compares or sorts in another collation.
    Collation {
        /// The column of the index.
        column: String,
        /// The collation of the index.
        index: String,
        /// The collation of the statement.
        statement: String,
    },
    /// LIKE ignores case and the index does not, or the reverse.
    Case {
        /// The column of the index.
        column: String,
        /// The collation that LIKE or GLOB needs.
        needed: String,
    },
    /// The index has one expression, or a column, and the statement has another expression of it.
    Expression {
        /// The index's own.
        indexed: String,
        /// The words of the statement.
        expression: String,
        /// True if both are the same value of a JSON document, written as `json_extract(x, '$.a')` and as `x ->> 'a'`.
        is_same_value: bool,
    },
    /// A `+` in front of the column hides it from the index.
    UnaryPlus {
        /// The column of the index.
        column: String,
    },
    /// The operator does not name values to search for: `<>`, `IS NOT`, `NOT IN`.
    Operator {
        /// The operator.
        operator: String,
        /// The column of the index.
        column: String,
    },
    /// The column is a condition by itself, and compared with nothing.
    Truth {
        /// The column of the index.
        column: String,
    },
    /// The column is compared with another value of the same row, which is not known before the row is read.
    SameRow {
        /// The column of the index.
        column: String,
        /// The other value.
        other: String,
    },
    /// The column is compared with a value of another table, which the statement reads later: a join that keeps its order, or a
    /// subquery.
    ReadLater {
        /// The column of the index.
        column: String,
        /// The other value.
        other: String,
    },
    /// The pattern of LIKE or GLOB is not known while SQLite plans, begins with a wildcard, or has an ESCAPE.
    Pattern {
        /// The condition.
        condition: String,
        /// The problem of its pattern.
        problem: PatternProblem,
    },
    /// Rows that this side of an OR holds for cannot be found by an index.
    Or {
        /// The side.
        side: String,
    },
    /// The index is partial, and the statement may need rows that it does not have.
    Partial {
        /// The WHERE of the index.
        predicate: String,
    },
    /// The statement compares the column of a partial index's WHERE with a parameter, whose value is not known while SQLite
    /// plans.
    PartialParameter {
        /// The WHERE of the index.
        predicate: String,
        /// The condition of the statement.
        condition: String,
    },
    /// The statement says nothing about the first column of the index.
    FirstColumn {
        /// The first column.
        column: String,
        /// The first column of the index that the statement says something about, if there is one.
        compared: Option<String>,
    },
    /// The statement sorts in an order that is not the index's, from either end.
    Order {
        /// The order of the statement.
        statement: String,
        /// The order of the index.
        index: String,
    },
    /// NULLs are sorted to the other end.
    Nulls {
        /// `NULLS FIRST` or `NULLS LAST`.
        order: String,
    },
    /// The statement says `NOT INDEXED`.
    NotIndexed,
    /// The statement says `INDEXED BY` this other index.
    IndexedBy(String),
    /// The statistics of ANALYZE say that another way is cheaper.
    Statistics,
    /// SQLite could use the index, and prefers this line of the plan.
    Preferred(String),
}

/// A reason that SQLite does not search by the beginning of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatternProblem {
    /// It is a parameter or an expression, so its beginning is not known.
    Unknown,
    /// It begins with a wildcard.
    Wildcard,
    /// It has an ESCAPE that SQLite cannot read while it plans.
    Escape,
}

/// A change with which SQLite uses an index, or one like it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Another text in the statement.
    Write {
        /// The words of the statement.
        old: String,
        /// The words in their place.
        new: String,
    },
    /// One more condition in the WHERE of the statement.
    Condition(String),
    /// A `CREATE INDEX`.
    Index(String),
}
