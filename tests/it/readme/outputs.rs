//! What the README prints is what such code prints. A text there may leave out lines of the report, and adds none.

use std::path::Path;

use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::suite::Suite;
use sqlitmus::{Profile, Template, interleave};

use super::shown::assert_shown;

static STOCK: Template = Template::embedded(&[(
    "1_stock.sql",
    "CREATE TABLE stock(item INTEGER PRIMARY KEY, count INTEGER NOT NULL); INSERT INTO stock VALUES (1, 10);",
)])
.profile(Profile::PRODUCTION);

fn buy(db: &mut Connection) -> Result<i64> {
    let left: i64 = db.query_row("SELECT count FROM stock WHERE item = 1", [], |row| row.get(0))?;
    db.execute(&format!("UPDATE stock SET count = {} WHERE item = 1", left - 1), [])?;
    Ok(left - 1)
}

#[test]
fn a_lost_update() {
    let db = STOCK.in_memory();
    let report = interleave::explore(&db).task("alice", buy).task("bob", buy).try_run().unwrap_err().to_string();
    // It ends with the name of the test.
    let (report, _name) = report.rsplit_once("cargo test").unwrap();
    assert_shown("README.md", &format!("{report}cargo test buying_at_once"));
}

#[test]
fn a_migration_that_fires_a_cascade() {
    let history = "fixtures/histories/bad/cascade_in_a_rebuild";
    static APP: Template = Template::new("fixtures/histories/bad/cascade_in_a_rebuild").profile(Profile::PRODUCTION);
    let report = Suite::new(&APP).try_test("every_row_survives").unwrap_err().to_string();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(history);
    let report = report.replace(folder.to_str().unwrap(), "migrations").replace(history, "migrations");
    assert_shown("README.md", &report);
}

#[test]
fn the_first_failure_of_the_guide() {
    static APP: Template =
        Template::embedded(&[("001_users.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL)")]);
    let plan = sqlitmus::plan::explain(&APP.in_memory(), "SELECT id FROM users WHERE email = ?1");
    assert_shown("src/guide/first_minutes.md", &plan.try_assert_no_scan().unwrap_err().to_string());
}
