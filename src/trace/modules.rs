//! What the modules of virtual tables ask for when a connection first sees a table of theirs.
//!
//! That is while the app's statement is prepared and nothing runs yet, so that SQLite tells of it as of a statement of the
//! app's. Whether it comes up depends on what the connection has seen before: it is no query of anybody's.

/// How these statements begin and end, in all versions of SQLite: FTS5's settings, the size of an R-tree's nodes and rows,
/// the size of a page, for FTS4 and R-tree, and whether another connection has written, for FTS5. Only modules write the
/// name of a database in single quotes.
const OF_MODULES: [(&str, &str); 5] = [
    ("SELECT k, v FROM '", "_config'"),
    ("SELECT length(data) FROM '", "_node' WHERE nodeno = 1"),
    ("SELECT stat FROM '", "_rowid'"),
    ("PRAGMA '", "'.page_size"),
    ("PRAGMA '", "'.data_version"),
];

/// Whether a module runs this for itself.
pub(super) fn is_of_a_module(sql: &[u8]) -> bool {
    OF_MODULES.iter().any(|(begin, end)| sql.starts_with(begin.as_bytes()) && sql.ends_with(end.as_bytes()))
}
