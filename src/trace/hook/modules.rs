//! Statements that the modules of virtual tables run for themselves.

/// The beginnings and ends of statements that the modules of virtual tables run when a connection first uses a table of theirs.
/// They run while the app's statement is prepared and nothing is running yet, so that SQLite reports them like statements of
/// the app. Whether they run depends on what the connection has used before: they are no queries of the app.
///
/// They are, in all versions of SQLite: FTS5's settings, the size of an R-tree's
/// nodes and rows, the size of a page (FTS4, R-tree), and whether another connection has written (FTS5). Only modules
/// write the name of a database in single quotes.
const OF_MODULES: [(&str, &str); 5] = [
    ("SELECT k, v FROM '", "_config'"),
    ("SELECT length(data) FROM '", "_node' WHERE nodeno = 1"),
    ("SELECT stat FROM '", "_rowid'"),
    ("PRAGMA '", "'.page_size"),
    ("PRAGMA '", "'.data_version"),
];

/// Returns true if a module runs this statement for itself.
pub(super) fn is_text_of_a_module(sql: &[u8]) -> bool {
    // The last bytes of those below: nearly all statements end differently, or begin differently.
    if !matches!(sql, [b'S' | b'P', .., b'\'' | b'1' | b'e' | b'n']) {
        return false;
    }
    OF_MODULES.iter().any(|(begin, end)| sql.starts_with(begin.as_bytes()) && sql.ends_with(end.as_bytes()))
}
