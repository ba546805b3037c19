//! Assertions on plans.

use super::advice::{self, Goal};
use super::failure;
use super::offset;
use super::query_plan::Plan;
use super::tree::{Node, distinct};
use super::why_not::{self, WhyNot};
use crate::error::{Error, Result, or_panic};
use crate::sql::Name;

impl Plan {
    /// Asserts that no table is read as a whole, except those that [`allow_scan`](Plan::allow_scan) names. The [module's
    /// documentation](crate::plan) says what counts as a scan.
    ///
    /// # Panics
    /// If a table is read as a whole, or if an allowance is not needed.
    #[track_caller]
    pub fn assert_no_scan(&self) -> &Self {
        or_panic(self.try_assert_no_scan())
    }

    /// Lets the [`assert_no_scan`](Plan::assert_no_scan) that follows accept scans of `table`. An allowance that is not
    /// needed makes it fail, so none outlives its reason.
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

    /// Asserts that `table` is not read as a whole.
    ///
    /// # Panics
    /// If it is, or if there is no such table.
    #[track_caller]
    pub fn assert_no_scan_of(&self, table: &str) -> &Self {
        or_panic(self.try_assert_no_scan_of(table))
    }

    /// Asserts that the index is used.
    ///
    /// # Panics
    /// If it is not used, or if there is no such index.
    #[track_caller]
    pub fn assert_uses_index(&self, name: &str) -> &Self {
        or_panic(self.try_assert_uses_index(name))
    }

    /// Returns why SQLite does not use an index for the statement: each reason is what the statement, planned without it, would
    /// use the index.
    ///
    /// ```
    /// # let db = sqlitmus::Template::empty().in_memory();
    /// # db.execute_batch("CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT); CREATE INDEX users_email ON users(email)").unwrap();
    /// let by_email = "SELECT id FROM users WHERE lower(email) = ?1";
    /// let why = sqlitmus::plan::explain(&db, by_email).why_not("users_email");
    /// assert_eq!(
    ///     why.to_string(),
    ///     "users_email is not used: the statement has lower(email), the index \
    ///      has email; tried: CREATE INDEX users_lower_email ON users(lower(email))"
    /// );
    /// ```
    ///
    /// The failed [`assert_no_scan`](Plan::assert_no_scan) has the same line below the scan, for each index of the table that
    /// has a column which the statement compares or sorts by.
    ///
    /// # Panics
    /// If there is no such index.
    #[track_caller]
    pub fn why_not(&self, index: &str) -> WhyNot {
        or_panic(self.try_why_not(index))
    }

    /// Asserts that rows of `table` are found by an index or a key at least once. An automatic index does not count, and
    /// neither does the `SEARCH` that SQLite prints for a `min(x)` that reads all rows.
    ///
    /// # Panics
    /// If no rows are, or if there is no such table.
    #[track_caller]
    pub fn assert_searches(&self, table: &str) -> &Self {
        or_panic(self.try_assert_searches(table))
    }

    /// Asserts that an index has everything that the query needs of `table`, so the table itself is not read.
    ///
    /// # Panics
    /// If the table itself is read, if the query does not read it at all, or if there is no such table.
    #[track_caller]
    pub fn assert_covering(&self, table: &str) -> &Self {
        or_panic(self.try_assert_covering(table))
    }

    /// Asserts that nothing is sorted, grouped or made distinct in a temporary b-tree.
    ///
    /// # Panics
    /// If something is.
    #[track_caller]
    pub fn assert_no_temp_btree(&self) -> &Self {
        or_panic(self.try_assert_no_temp_btree())
    }

    /// Asserts that SQLite builds no index for this one run of the statement, neither of a table nor of a subquery.
    ///
    /// # Panics
    /// If it does.
    #[track_caller]
    pub fn assert_no_automatic_index(&self) -> &Self {
        or_panic(self.try_assert_no_automatic_index())
    }

    /// Asserts that no subquery runs again for each row of the query around it.
    ///
    /// # Panics
    /// If one does.
    #[track_caller]
    pub fn assert_no_correlated_subquery(&self) -> &Self {
        or_panic(self.try_assert_no_correlated_subquery())
    }

    /// Fails if a line is flagged, or if only statistics of few rows keep one from being there.
    fn check_scans(&self, is_flagged: &dyn Fn(&Node) -> bool) -> Result<()> {
        let scans = |plan: &Plan| plan.all().any(&is_flagged);
        match self.without_statistics.as_deref() {
            _ if scans(self) => Err(scan_failure(self, is_flagged)),
            Some(without) if scans(without) => {
                Err(failure::avoided_by_few_rows(scan_failure(without, is_flagged), self))
            }
            _ => Ok(()),
        }
    }

    fn check_table_exists(&self, name: &str) -> Result<()> {
        let exists = self.catalog.table(name).is_some() || self.all().any(|node| node.is_of(name));
        if exists { Ok(()) } else { Err(failure::unknown(self, "table", name)) }
    }
}

/// The same without panics: each returns its failure as an [`Error`](crate::Error).
impl Plan {
    /// Like [`assert_no_scan`](Plan::assert_no_scan), without the panic.
    ///
    /// # Errors
    /// If a table is read as a whole, or if an allowance is not needed.
    pub fn try_assert_no_scan(&self) -> Result<&Self> {
        let allowed = self.allowed.borrow();
        self.check_scans(&|node: &Node| node.is_scan() && !allowed.iter().any(|table| node.is_of(table)))?;
        match allowed.iter().find(|table| !self.scans(table)) {
            Some(table) => Err(self
                .failure(format!("query plan does not scan a table that it is allowed to scan: {table}"), &|_| false)
                .help(format!("remove .allow_scan({table:?})"))),
            None => Ok(self),
        }
    }

    /// Like [`assert_no_scan_of`](Plan::assert_no_scan_of), without the panic.
    ///
    /// # Errors
    /// If the table is read as a whole, or if there is no such table.
    pub fn try_assert_no_scan_of(&self, table: &str) -> Result<&Self> {
        self.check_table_exists(table)?;
        self.check_scans(&|node: &Node| node.is_scan() && node.is_of(table))?;
        Ok(self)
    }

    /// Like [`assert_uses_index`](Plan::assert_uses_index), without the panic.
    ///
    /// # Errors
    /// If the index is not used, or if there is no such index.
    pub fn try_assert_uses_index(&self, name: &str) -> Result<&Self> {
        let Some(index) = self.catalog.index(name) else {
            return Err(failure::unknown(self, "index", name));
        };
        if self.uses_index(name) {
            return Ok(self);
        }
        Err(failure::not_used(self, why_not::why_not(self, &index.name, &index.table)))
    }

    /// Like [`why_not`](Plan::why_not), without the panic.
    ///
    /// # Errors
    /// If there is no such index.
    pub fn try_why_not(&self, index: &str) -> Result<WhyNot> {
        match self.catalog.index(index) {
            Some(object) => Ok(why_not::why_not(self, &object.name, &object.table)),
            None => Err(failure::unknown(self, "index", index)),
        }
    }

    /// Like [`assert_searches`](Plan::assert_searches), without the panic.
    ///
    /// # Errors
    /// If no row of the table is found by an index or a key, or if there is no such table.
    pub fn try_assert_searches(&self, table: &str) -> Result<&Self> {
        self.check_table_exists(table)?;
        let is_of_table = |node: &Node| node.is_of(table);
        if self.all().any(|node| is_of_table(node) && node.is_search()) {
            return Ok(self);
        }
        let headline = match self.all().any(is_of_table) {
            true => format!("query plan does not search the table {table}"),
            false => format!("query plan does not read the table {table}"),
        };
        let error = self.failure(headline, &is_of_table);
        Err(advice::offer(error, &advice::remedies(self, &Goal::Scans(vec![table.into()]))))
    }

    /// Like [`assert_covering`](Plan::assert_covering), without the panic.
    ///
    /// # Errors
    /// If the table itself is read, if the query does not read it at all, or if there is no such table.
    pub fn try_assert_covering(&self, table: &str) -> Result<&Self> {
        self.check_table_exists(table)?;
        let is_of_table = |node: &&Node| node.is_of(table);
        if !self.lines().any(|node| is_of_table(&node)) {
            return Err(self.failure(format!("query plan does not read the table {table}"), &|_| false));
        }
        if self.lines().filter(is_of_table).all(Node::is_covered) {
            return Ok(self);
        }
        let is_flagged = |node: &Node| node.is_of(table) && !node.is_covered();
        let error = self.failure(format!("query plan reads the table {table}, not only an index"), &is_flagged);
        Err(advice::offer(error, &advice::remedies(self, &Goal::Reads(Name::from(table)))))
    }

    /// Like [`assert_no_temp_btree`](Plan::assert_no_temp_btree), without the panic.
    ///
    /// # Errors
    /// If something is sorted, grouped or made distinct in a temporary b-tree.
    pub fn try_assert_no_temp_btree(&self) -> Result<&Self> {
        let mut purposes: Vec<&str> = self.all().filter_map(Node::sort_purpose).collect();
        if purposes.is_empty() {
            return Ok(self);
        }
        purposes.retain(|purpose| !purpose.is_empty());
        purposes.dedup();
        Err(failure::sorts(self, &purposes, &advice::remedies(self, &Goal::Sorts)))
    }

    /// Like [`assert_no_automatic_index`](Plan::assert_no_automatic_index), without the panic.
    ///
    /// # Errors
    /// If SQLite builds an index for this one run of the statement.
    pub fn try_assert_no_automatic_index(&self) -> Result<&Self> {
        let Some(first) = self.all().find(|node| node.uses_automatic_index()) else { return Ok(self) };
        let printed = first.access().map(|access| access.name.as_str());
        let name = first.table.as_deref().or(printed).unwrap_or_default();
        let error = self.failure(format!("query plan builds an automatic index: {name}"), &Node::uses_automatic_index);
        Err(advice::offer(error, &advice::remedies(self, &Goal::AutomaticIndexes)))
    }

    /// Like [`assert_no_correlated_subquery`](Plan::assert_no_correlated_subquery), without the panic.
    ///
    /// # Errors
    /// If a subquery runs again for each row of the query around it.
    pub fn try_assert_no_correlated_subquery(&self) -> Result<&Self> {
        let headline = match self.all().filter(|node| node.is_correlated_subquery()).count() {
            0 => return Ok(self),
            1 => "query plan has a correlated subquery".to_owned(),
            count => format!("query plan has {count} correlated subqueries"),
        };
        Err(self.failure(headline, &Node::is_correlated_subquery).note(
            "it runs for each row of the query around it; a JOIN, or a subquery in FROM with GROUP BY, is run once",
        ))
    }
}

fn scan_failure(plan: &Plan, is_flagged: &dyn Fn(&Node) -> bool) -> Error {
    let flagged = plan.all().filter(|node| is_flagged(node));
    let tables = distinct(flagged.map(|node| node.table.as_deref().unwrap_or(&node.text)));
    let goal = Goal::Scans(tables.iter().map(|&table| table.into()).collect());
    let is_offset = offset::causes(plan, &is_flagged);
    let error = failure::scans(plan, &tables, &advice::remedies(plan, &goal), is_flagged);
    if is_offset { error.note(failure::OFFSET) } else { error }
}
