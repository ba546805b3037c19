//! An app on a rusqlite that it pins.

pub mod runners;
pub mod vectors;

use rusqlite::{Connection, Result};

/// Writes a note.
pub fn add(connection: &Connection, body: &str) -> Result<i64> {
    connection.query_row("INSERT INTO notes(body) VALUES (?1) RETURNING id", [body], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use sqlitmus::TestDb;
    use sqlitmus::fixtures::{db, file_db};

    #[rstest]
    fn the_apps_connection_type_is_ours(#[with("../../../fixtures/formats/plain")] db: TestDb) {
        assert_eq!(super::add(&db, "first").unwrap(), 1);
        assert_eq!(super::add(&db.connect(), "second").unwrap(), 2);
        assert!(rusqlite::version_number() >= 3_050_000);
    }

    #[rstest]
    fn on_disk_too(#[with("../../../fixtures/formats/plain")] file_db: TestDb) {
        assert_eq!(super::add(&file_db, "first").unwrap(), 1);
    }
}
