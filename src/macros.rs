//! Snapshot assertions, on top of insta. They are macros because insta keeps a snapshot beside the test, and finds the test by
//! the place where its macro is expanded.

/// Compares the rows of a query with a snapshot: a file beside the test, or a literal behind `@`. The rows are shown as by
/// [`check::query_rows`](crate::check::query_rows); without an `ORDER BY`, in the order of their values.
///
/// Columns that change from run to run are listed with the text to show for them. A `#` becomes a number, which is the same
/// for equal values.
///
/// ```
/// let db = sqlitmus::Template::empty().in_memory();
/// db.execute_batch(
///     "CREATE TABLE orders(id, status, at);
///      INSERT INTO orders VALUES (hex(randomblob(8)), 'paid', datetime('now'));
///      INSERT INTO orders VALUES (hex(randomblob(8)), 'open', NULL);",
/// )
/// .unwrap();
/// sqlitmus::assert_rows_snapshot!(db, "SELECT status FROM orders", @r"
/// status
/// ------
/// 'open'
/// 'paid'
/// ");
/// let all = "SELECT * FROM orders";
/// sqlitmus::assert_rows_snapshot!(db, all, {
///     "id" => "[id-#]",
///     "at" => "[time]",
/// }, @r"
/// id     | status | at
/// -------+--------+-------
/// [id-1] | 'open' | NULL
/// [id-2] | 'paid' | [time]
/// ");
/// ```
///
/// `cargo insta review` or `INSTA_UPDATE=always` accepts new snapshots.
///
/// # Panics
/// If the rows differ from the snapshot, or SQLite refuses the query.
#[macro_export]
macro_rules! assert_rows_snapshot {
    ($db:expr, $sql:expr, { $($column:expr => $shown:expr),* $(,)? } $(, @$snapshot:literal)? $(,)?) => {{
        let sql = &$sql;
        let sql = ::std::convert::AsRef::<str>::as_ref(sql);
        $crate::__snapshot!(
            $crate::__private::rows_text(&$db, sql, &[$(($column, $shown)),*]),
            &$crate::__private::on_one_line(sql)
            $(, @$snapshot)?
        )
    }};
    ($db:expr, $sql:expr $(, @$snapshot:literal)? $(,)?) => {
        $crate::assert_rows_snapshot!($db, $sql, {} $(, @$snapshot)?)
    };
}

/// Compares [`Changes`](crate::check::Changes) with a snapshot: a file beside the test, or a literal behind `@`. Columns are
/// redacted as in [`assert_rows_snapshot!`](crate::assert_rows_snapshot).
///
/// ```
/// let db = sqlitmus::Template::empty().in_memory();
/// db.execute_batch("CREATE TABLE orders(id INTEGER PRIMARY KEY, status)")
///     .unwrap();
/// let changes = db.row_changes(|db| {
///     db.execute("INSERT INTO orders(status) VALUES ('open')", []).unwrap();
/// });
/// sqlitmus::assert_changes_snapshot!(changes, { "orders.id" => "[id]" }, @r"
/// orders: 1 inserted
///   + id=[id], status='open'
/// ");
/// ```
///
/// # Panics
/// If the changes differ from the snapshot.
#[macro_export]
macro_rules! assert_changes_snapshot {
    ($changes:expr, { $($column:expr => $shown:expr),* $(,)? } $(, @$snapshot:literal)? $(,)?) => {
        $crate::__snapshot!(
            $crate::__private::changes_text(&$changes, &[$(($column, $shown)),*]),
            ::std::stringify!($changes)
            $(, @$snapshot)?
        )
    };
    ($changes:expr $(, @$snapshot:literal)? $(,)?) => {
        $crate::assert_changes_snapshot!($changes, {} $(, @$snapshot)?)
    };
}

/// Compares the schema of a database with a snapshot: a file beside the test, or a literal behind `@`.
///
/// # Panics
/// If the schema differs from the snapshot, or cannot be read.
#[macro_export]
macro_rules! assert_schema_snapshot {
    ($db:expr $(, @$snapshot:literal)? $(,)?) => {
        $crate::__snapshot!(
            $crate::__private::schema_text(&$db),
            ::std::stringify!($db)
            $(, @$snapshot)?
        )
    };
}

/// Compares the plan of a statement with a reviewed one: a file beside the test, or a literal behind `@`. The text is
/// [`Plan::normalized`](crate::plan::Plan::normalized), so that a newer SQLite changes it only with the plan.
///
/// ```
/// # let db = sqlitmus::Template::empty().in_memory();
/// # db.execute_batch("CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT UNIQUE)").unwrap();
/// let by_id = "SELECT * FROM users WHERE id = ?1";
/// sqlitmus::assert_plan_snapshot!(
///     db, by_id, @"SEARCH users USING INTEGER PRIMARY KEY (rowid=?)"
/// );
/// ```
///
/// # Panics
/// If the plan differs from the snapshot, or the statement cannot be explained.
#[cfg(feature = "plan")]
#[macro_export]
macro_rules! assert_plan_snapshot {
    ($db:expr, $sql:expr $(, @$snapshot:literal)? $(,)?) => {{
        let sql = &$sql;
        let sql = ::std::convert::AsRef::<str>::as_ref(sql);
        $crate::__snapshot!(
            $crate::__private::plan_text(&$db, sql),
            &$crate::__private::on_one_line(sql)
            $(, @$snapshot)?
        )
    }};
}

/// Compares recorded [`Queries`](crate::record::Queries) with a snapshot: a file beside the test, or a literal behind `@`. Each
/// query is listed once in its normal form, in the order of their first runs, with how many times it ran. Nothing in it differs
/// between two machines.
///
/// ```
/// let db = sqlitmus::Template::empty().in_memory();
/// let queries = db.record(|db| {
///     db.execute_batch("CREATE TABLE t(x)").unwrap();
///     db.execute("INSERT INTO t VALUES (1)", []).unwrap();
///     db.execute("INSERT INTO t VALUES (2)", []).unwrap();
/// });
/// sqlitmus::assert_queries_snapshot!(queries, @r"
/// CREATE TABLE t(x)
/// INSERT INTO t VALUES (?)  -- 2 times
/// ");
/// ```
///
/// # Panics
/// If the queries differ from the snapshot.
#[cfg(feature = "plan")]
#[macro_export]
macro_rules! assert_queries_snapshot {
    ($queries:expr $(, @$snapshot:literal)? $(,)?) => {
        $crate::__snapshot!(
            $crate::__private::queries_text(&$queries),
            ::std::stringify!($queries)
            $(, @$snapshot)?
        )
    };
}

/// Calls insta's assertion with an expression of ours in the snapshot's metadata. Without a literal, insta reads two arguments
/// as a name and a value; so the name is passed as `None`, for which insta chooses one.
#[doc(hidden)]
#[macro_export]
macro_rules! __snapshot {
    ($text:expr, $expression:expr, @$snapshot:literal) => {
        $crate::__private::insta::assert_snapshot!($text, $expression, @$snapshot)
    };
    ($text:expr, $expression:expr) => {
        $crate::__private::insta::assert_snapshot!(::std::option::Option::<&str>::None, $text, $expression)
    };
}

/// The functions that the macros call. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    use rusqlite::Connection;

    use crate::check::{self, Changes, Redact};
    use crate::error::or_panic;

    pub use insta;

    pub fn on_one_line(sql: &str) -> String {
        crate::sql::on_one_line(sql)
    }

    #[track_caller]
    pub fn rows_text(connection: &Connection, sql: &str, redact: &[(&str, &str)]) -> String {
        let add = |all: Redact, (column, text): &(&str, &str)| all.column(column, text);
        let redact = redact.iter().fold(Redact::new(), add);
        or_panic(
            check::query_rows(connection, sql).and_then(|rows| rows.try_redacted(redact)).map(|rows| rows.to_string()),
        )
    }

    #[cfg(feature = "plan")]
    pub fn queries_text<R>(queries: &crate::record::Queries<R>) -> String {
        crate::report::visible(&queries.text())
    }

    pub fn changes_text<R>(changes: &Changes<R>, redact: &[(&str, &str)]) -> String {
        changes.text_with(redact)
    }

    #[track_caller]
    pub fn schema_text(connection: &Connection) -> String {
        or_panic(crate::schema::snapshot_text(connection))
    }

    #[cfg(feature = "plan")]
    #[track_caller]
    pub fn plan_text(connection: &Connection, sql: &str) -> String {
        or_panic(crate::plan::try_explain(connection, sql).map(|plan| plan.normalized()))
    }
}
