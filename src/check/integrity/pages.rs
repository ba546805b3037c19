//! `PRAGMA integrity_check`.

use rusqlite::Connection;

/// Returns the complaints of `PRAGMA integrity_check` in SQLite's words; none if all is well.
pub(crate) fn integrity_lines(connection: &Connection) -> Vec<String> {
    let (mut lines, failed) = check(connection);
    lines.retain(|line| line != "ok");
    lines.extend(failed.map(|error| error.to_string()));
    lines
}

/// Returns the lines of `PRAGMA integrity_check`, and the error that ended them.
///
/// CHECKs are included. SQLite skips them on a connection that ignores them, but a row that breaks one is a finding however
/// it was written.
pub(super) fn check(connection: &Connection) -> (Vec<String>, Option<rusqlite::Error>) {
    let ignored = connection.query_row("PRAGMA ignore_check_constraints", [], |row| row.get(0)).unwrap_or(false);
    let ignore = |switch: &str| {
        if ignored {
            let _ = connection.execute_batch(&format!("PRAGMA ignore_check_constraints = {switch}"));
        }
    };
    ignore("OFF");
    let rows = rows_of(connection, "PRAGMA integrity_check");
    ignore("ON");
    rows
}

/// Returns the first column of every row as text, and the error that ended them.
fn rows_of(connection: &Connection, sql: &str) -> (Vec<String>, Option<rusqlite::Error>) {
    let mut found = Vec::new();
    let mut read = || -> rusqlite::Result<()> {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            // A name in a damaged schema need not be UTF-8.
            found.push(String::from_utf8_lossy(row.get_ref(0)?.as_bytes()?).into_owned());
        }
        Ok(())
    };
    let failed = read().err();
    (found, failed)
}
