//! Plans with production's statistics, with those of a fixture, and with all plausible ones.

mod files;
mod guard;
mod stable;

use std::path::PathBuf;

use sqlitmus::{Template, TestDb};

const ORDERS: &str = "
    CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id INT, kind INT, total INT);
    CREATE INDEX orders_user ON orders(user_id);
    CREATE INDEX orders_kind_total ON orders(kind, total);";

/// Returns a database after these statements.
fn db(schema: &str) -> TestDb {
    let db = Template::empty().in_memory();
    db.execute_batch(schema).unwrap();
    db
}

/// Returns a database with `count` orders of one kind by half as many users, after ANALYZE.
fn orders(count: u64) -> TestDb {
    let db = db(ORDERS);
    db.execute_batch(&format!(
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count})
         INSERT INTO orders(user_id, kind, total) SELECT n / 2, 1, n FROM c; ANALYZE"
    ))
    .unwrap();
    db
}

/// A folder for the files of one test, deleted on drop.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file with this text and returns its path for a template.
    fn file(&self, text: &str) -> &'static str {
        let path = self.path("statistics.sql");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned().leak()
    }
}
