//! What can be asserted of a plan.

use super::Plan;
use super::advice::Goal;
use super::tree::{AccessPath, Node, Scan, Step};
use crate::error::{Error, ErrorKind, Result, or_panic};

impl Plan {
    /// Asserts that no table is read as a whole, but for those that [`allow_scan`](Plan::allow_scan) names. What counts as
    /// a scan stands in the [module's documentation](crate::plan).
    ///
    /// # Panics
    /// When a table is, or when an allowance is not needed.
    #[track_caller]
    pub fn assert_no_scan(&self) -> &Self {
        or_panic(self.try_assert_no_scan())
    }

    /// Like [`assert_no_scan`](Plan::assert_no_scan), without the panic.
    ///
    /// # Errors
    /// When a table is read as a whole, or when an allowance is not needed.
    pub fn try_assert_no_scan(&self) -> Result<&Self> {
        let allowed = self.allowed.borrow();
        let guilty = |node: &Node| is_scan(node) && !allowed.iter().any(|table| node.is_of(table));
        if self.all().any(guilty) {
            return Err(self.scan_failure(guilty));
        }
        self.check_without_statistics(guilty)?;
        let needless = allowed.iter().find(|table| !self.scans(table));
        match needless {
            Some(table) => Err(self
                .failure(format!("query plan does not scan a table that it is allowed to: {table}"), |_| false)
                .help(format!("take it back: .allow_scan({table:?})"))),
            None => Ok(self),
        }
    }

    /// Lets the [`assert_no_scan`](Plan::assert_no_scan) that follows accept scans of `table`. An allowance that is not
    /// needed makes it fail, so that none outlives its reason.
    ///
    /// ```
    /// # let db = sqlitmus::Template::empty().in_memory();
    /// # db.execute_batch("CREATE TABLE countries(code TEXT, name TEXT)").unwrap();
    /// let plan = sqlitmus::plan::explain(&db, "SELECT name FROM countries");
    /// plan.allow_scan("countries").assert_no_scan();
    /// ```
    pub fn allow_scan(&self, table: &str) -> &Self {
        self.allowed.borrow_mut().push(table.to_owned());
        self
    }

    /// Whether `table` is read as a whole; a table that is not there is not.
    pub(crate) fn scans(&self, table: &str) -> bool {
        let scan = |node: &Node| is_scan(node) && node.is_of(table);
        self.all().any(scan) || self.without_statistics.as_deref().is_some_and(|plan| plan.all().any(scan))
    }

    /// Asserts that `table` is not read as a whole.
    ///
    /// # Panics
    /// When it is, or when there is no such table.
    #[track_caller]
    pub fn assert_no_scan_of(&self, table: &str) -> &Self {
        or_panic(self.try_assert_no_scan_of(table))
    }

    /// Like [`assert_no_scan_of`](Plan::assert_no_scan_of), without the panic.
    ///
    /// # Errors
    /// When the table is read as a whole, or when there is none of that name.
    pub fn try_assert_no_scan_of(&self, table: &str) -> Result<&Self> {
        self.known_table(table)?;
        let guilty = |node: &Node| is_scan(node) && node.is_of(table);
        if self.all().any(guilty) {
            return Err(self.scan_failure(guilty));
        }
        self.check_without_statistics(guilty)?;
        Ok(self)
    }

    /// Asserts that the index is used.
    ///
    /// # Panics
    /// When it is not, or when there is no such index.
    #[track_caller]
    pub fn assert_uses_index(&self, name: &str) -> &Self {
        or_panic(self.try_assert_uses_index(name))
    }

    /// Like [`assert_uses_index`](Plan::assert_uses_index), without the panic.
    ///
    /// # Errors
    /// When the index is not used, or when there is none of that name.
    pub fn try_assert_uses_index(&self, name: &str) -> Result<&Self> {
        let Some(index) = self.catalog.index(name) else {
            return Err(self.unknown("index", name));
        };
        if self.uses_index(name) {
            return Ok(self);
        }
        let of_table = |node: &Node| node.is_of(&index.table);
        Err(self.failure(format!("query plan does not use the index {}", index.name), of_table))
    }

    /// Asserts that rows of `table` are found by an index or a key at least once. An automatic index is none, and neither
    /// is the `SEARCH` that SQLite prints for `min(x)` where all rows are read.
    ///
    /// # Panics
    /// When they are not, or when there is no such table.
    #[track_caller]
    pub fn assert_searches(&self, table: &str) -> &Self {
        or_panic(self.try_assert_searches(table))
    }

    /// Like [`assert_searches`](Plan::assert_searches), without the panic.
    ///
    /// # Errors
    /// When no row of the table is found by an index or a key, or when there is no table of that name.
    pub fn try_assert_searches(&self, table: &str) -> Result<&Self> {
        self.known_table(table)?;
        let of_table = |node: &Node| node.is_of(table);
        if self.all().any(|node| of_table(node) && is_search(node)) {
            return Ok(self);
        }
        let headline = match self.all().any(of_table) {
            true => format!("query plan does not search the table {table}"),
            false => format!("query plan does not read the table {table}"),
        };
        Err(self.failure(headline, of_table))
    }

    /// Asserts that all that is wanted of `table` is in an index, so that the table itself is not read.
    ///
    /// # Panics
    /// When the table itself is read, when it is not read at all, or when there is no such table.
    #[track_caller]
    pub fn assert_covering(&self, table: &str) -> &Self {
        or_panic(self.try_assert_covering(table))
    }

    /// Like [`assert_covering`](Plan::assert_covering), without the panic.
    ///
    /// # Errors
    /// When the table itself is read, when it is not read at all, or when there is none of that name.
    pub fn try_assert_covering(&self, table: &str) -> Result<&Self> {
        self.known_table(table)?;
        let of_table = |node: &&Node| node.is_of(table);
        if !self.lines().any(|node| of_table(&node)) {
            return Err(self.failure(format!("query plan does not read the table {table}"), |_| false));
        }
        let covered = |node: &Node| {
            matches!(node.access().map(|access| &access.path), Some(AccessPath::Index { covering: true, .. }))
        };
        if self.lines().filter(of_table).all(covered) {
            return Ok(self);
        }
        let guilty = |node: &Node| node.is_of(table) && !covered(node);
        Err(self.failure(format!("query plan reads more of {table} than an index"), guilty))
    }

    /// Asserts that nothing is sorted, grouped or made distinct in a temporary b-tree.
    ///
    /// # Panics
    /// When something is.
    #[track_caller]
    pub fn assert_no_temp_btree(&self) -> &Self {
        or_panic(self.try_assert_no_temp_btree())
    }

    /// Like [`assert_no_temp_btree`](Plan::assert_no_temp_btree), without the panic.
    ///
    /// # Errors
    /// When something is sorted, grouped or made distinct in a temporary b-tree.
    pub fn try_assert_no_temp_btree(&self) -> Result<&Self> {
        let mut purposes: Vec<String> = self.all().filter_map(sort_purpose).collect();
        purposes.retain(|purpose| !purpose.is_empty());
        purposes.dedup();
        if !self.all().any(|node| sort_purpose(node).is_some()) {
            return Ok(self);
        }
        let headline = match purposes.as_slice() {
            [] => "query plan uses a temporary b-tree".to_owned(),
            purposes => format!("query plan uses a temporary b-tree: {}", purposes.join(", ")),
        };
        Err(self.with_advice(self.failure(headline, |node| sort_purpose(node).is_some()), &Goal::Sorts))
    }

    /// Asserts that SQLite makes no index for this one run of the statement, be it of a table or of a subquery.
    ///
    /// # Panics
    /// When it does.
    #[track_caller]
    pub fn assert_no_automatic_index(&self) -> &Self {
        or_panic(self.try_assert_no_automatic_index())
    }

    /// Like [`assert_no_automatic_index`](Plan::assert_no_automatic_index), without the panic.
    ///
    /// # Errors
    /// When SQLite makes an index for this one run of the statement.
    pub fn try_assert_no_automatic_index(&self) -> Result<&Self> {
        let Some(first) = self.all().find(|node| is_automatic(node)) else { return Ok(self) };
        let printed = first.access().map(|access| access.name.as_str());
        let name = first.table.as_deref().or(printed).unwrap_or_default();
        let error = self.failure(format!("query plan makes an automatic index: {name}"), is_automatic);
        Err(self.with_advice(error, &Goal::AutomaticIndexes))
    }

    /// Asserts that no subquery runs again for each row of the query around it.
    ///
    /// # Panics
    /// When one does.
    #[track_caller]
    pub fn assert_no_correlated_subquery(&self) -> &Self {
        or_panic(self.try_assert_no_correlated_subquery())
    }

    /// Like [`assert_no_correlated_subquery`](Plan::assert_no_correlated_subquery), without the panic.
    ///
    /// # Errors
    /// When a subquery runs again for each row of the query around it.
    pub fn try_assert_no_correlated_subquery(&self) -> Result<&Self> {
        let guilty = |node: &Node| matches!(node.step, Step::Subquery { correlated: true, .. });
        match self.all().filter(|node| guilty(node)).count() {
            0 => Ok(self),
            1 => Err(self.failure("query plan has a correlated subquery", guilty)),
            count => Err(self.failure(format!("query plan has {count} correlated subqueries"), guilty)),
        }
    }

    fn known_table(&self, name: &str) -> Result<()> {
        let known = self.catalog.table(name).is_some() || self.all().any(|node| node.is_of(name));
        if known { Ok(()) } else { Err(self.unknown("table", name)) }
    }

    /// A name that is nothing's: a plan without it would pass for ever.
    fn unknown(&self, kind: &str, name: &str) -> Error {
        let mut error = Error::new(ErrorKind::Plan, format!("there is no {kind} {name}")).sql(&self.sql);
        let mut names = self.catalog.names(kind);
        names.retain(|name| !name.starts_with("sqlite_stat"));
        names.sort_unstable();
        if !names.is_empty() {
            error = error.evidence(if kind == "index" { "indexes" } else { "tables" }, names.join("\n"));
        }
        error
    }
}

/// Whether all of a table is read. A partial index holds only what it was made for.
pub(super) fn is_scan(node: &Node) -> bool {
    !matches!(node.scan, None | Some(Scan::PartialIndex(_)))
}

pub(super) fn is_automatic(node: &Node) -> bool {
    matches!(node.access().map(|access| &access.path), Some(AccessPath::Automatic { .. }))
}

/// What the line sorts, groups or makes distinct in a temporary b-tree; empty where that is not known.
pub(super) fn sort_purpose(node: &Node) -> Option<String> {
    match &node.step {
        Step::TempBTree(purpose) => Some(purpose.clone()),
        Step::Compound(text) => text.strip_suffix(" USING TEMP B-TREE").map(str::to_owned),
        _ => None,
    }
}

fn is_search(node: &Node) -> bool {
    let Some(access) = node.access() else { return false };
    match (&node.step, &access.path) {
        (_, AccessPath::Automatic { .. }) => false,
        // A module prints SCAN for whatever it does.
        (_, AccessPath::Virtual { .. }) | (Step::Search(_), _) => node.scan.is_none(),
        _ => false,
    }
}
