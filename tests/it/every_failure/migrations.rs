//! Failures of the migration suite.

use std::fs;
use std::path::Path;

use sqlitmus::rusqlite::{Connection, TransactionBehavior};
use sqlitmus::suite::Suite;
use sqlitmus::{BoxError, Profile, Template};

use super::{Page, embedded, leaked, scratch};

/// Histories in `fixtures/histories/bad`, the test that fails, and what is wrong.
const HISTORIES: &[(&str, &str, &str)] = &[
    ("gap", "history_is_linear", "A number is missing"),
    ("begin_inside", "applies_to_an_empty_database", "A file begins a transaction inside its runner's"),
    ("unique_on_duplicates", "every_version_upgrades_with_data", "A unique index on values that are not"),
    ("backfill_misses_nulls", "every_version_upgrades_with_data", "A column becomes NOT NULL"),
    ("cascade_in_a_rebuild", "every_row_survives", "A rebuild fires ON DELETE CASCADE"),
    ("table_dropped", "every_row_survives", "A table is dropped"),
    ("column_dropped", "every_row_survives", "A column is dropped"),
    ("columns_swapped", "every_row_survives", "A rebuild mixes columns up"),
    ("type_that_rounds", "every_row_survives", "A new type rounds"),
    ("join_that_loses_rows", "every_row_survives", "A join loses rows"),
    ("two_autocommits", "failure_leaves_the_previous_version", "A migration in two transactions"),
    ("syncs_off_for_speed", "survives_power_loss", "A migration that a power cut tears"),
    ("down_does_nothing", "down_undoes_up", "A down script that does not undo"),
    ("down_forgets_values", "down_undoes_up", "A down script that loses data"),
    ("full_text_index_not_rebuilt", "integrity_holds", "A full-text index that does not match its table"),
    ("index_lost_in_a_rebuild", "lints_clean", "A rebuild forgets an index"),
    ("foreign_key_lost_in_a_rebuild", "lints_clean", "A rebuild forgets a foreign key"),
    ("cascade_in_a_rebuild", "lints_clean", "A PRAGMA without effect"),
    ("view_left_dangling", "lints_clean", "A view of a column that is gone"),
];

pub(super) fn all(page: &mut Page) {
    page.area("Migrations: `migration_suite!`");
    for (history, test, what) in HISTORIES {
        let folder: &'static str = format!("fixtures/histories/bad/{history}").leak();
        let suite = Suite::new(leaked(Template::new(folder).profile(Profile::MINIMAL)));
        page.failure(&format!("{what}, `{test}`:"), suite.try_test(test));
    }
    let twins = [("1_users.sql", TABLES), ("01_orders.sql", "CREATE TABLE orders(id INTEGER PRIMARY KEY);")];
    page.failure(
        "Two migrations with one number, `history_is_linear`:",
        Suite::new(embedded(&twins)).try_test("history_is_linear"),
    );
    let folder = scratch().join("diesel");
    for (file, text) in [
        ("1_users/up.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY);"),
        ("10_orders/up.sql", "CREATE TABLE orders(id INTEGER PRIMARY KEY);"),
        ("2_names/up.sql", "ALTER TABLE users ADD COLUMN name TEXT;"),
        ("2_names/metadata.toml", "run_in_transaction = yes\n"),
        ("3_totals.sql", "ALTER TABLE orders ADD COLUMN total INTEGER;"),
    ] {
        fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
        fs::write(folder.join(file), text).unwrap();
    }
    let of_folder = |folder: &Path| Suite::new(leaked(Template::new(folder.to_str().unwrap().to_owned().leak())));
    page.failure(
        "What the runner does otherwise than the files suggest, `history_is_linear`:",
        of_folder(&folder).try_test("history_is_linear"),
    );
    let project = scratch().join("of_sqlx");
    fs::create_dir_all(project.join("migrations")).unwrap();
    fs::write(project.join("Cargo.toml"), "[dependencies]\nsqlx = \"0.9\"\n").unwrap();
    fs::write(project.join("migrations/1_users.sql"), "BEGIN;\nCREATE TABLE users(id INTEGER PRIMARY KEY);\nCOMMIT;\n")
        .unwrap();
    page.failure(
        "A file that begins a transaction, in an app on sqlx, `history_is_linear`:",
        of_folder(&project.join("migrations")).try_test("history_is_linear"),
    );
    let unfilled =
        [("1_t.sql", "CREATE TABLE t(x INTEGER NOT NULL CHECK (x * x = 7));"), ("2_u.sql", "CREATE TABLE u(x);")];
    page.failure(
        "A table for which no rows were found, `every_version_upgrades_with_data`:",
        Suite::new(embedded(&unfilled)).try_test("every_version_upgrades_with_data"),
    );
    let merge = "-- no-transaction\nPRAGMA foreign_keys = OFF;\nBEGIN;\nDELETE FROM orders WHERE id > (SELECT min(id) FROM orders);\n\
                 COMMIT;\nPRAGMA foreign_keys = ON;";
    let tables = "CREATE TABLE orders(id INTEGER PRIMARY KEY);\n\
                  CREATE TABLE items(id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders(id));";
    page.failure(
        "References that lead nowhere, `integrity_holds`:",
        Suite::new(embedded(&[("1_tables.sql", tables), ("2_merge.sql", merge)])).try_test("integrity_holds"),
    );
    let off = "-- no-transaction\nPRAGMA foreign_keys = OFF;\nBEGIN;\nDROP TABLE items;\n\
               CREATE TABLE items(id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders(id));\nCOMMIT;";
    page.failure(
        "Foreign keys are left off, `lints_clean`:",
        Suite::new(embedded(&[("1_tables.sql", tables), ("2_items.sql", off)])).try_test("lints_clean"),
    );
    released(page);
    own_runner(page);
    options(page);
}

const TABLES: &str = "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, joined TEXT);
CREATE INDEX users_email ON users(email);";

fn upgrade(second: &'static str) -> Suite {
    Suite::new(embedded(&[("1_users.sql", TABLES), ("2_change.sql", second)]))
}

fn released(page: &mut Page) {
    let clean = |suite: Suite| suite.try_test("lints_clean");
    page.failure(
        "Times converted by the machine's time zone, `lints_clean`:",
        clean(upgrade("UPDATE users SET joined = datetime(joined, 'utc');")),
    );
    page.failure(
        "`Suite::answers`, a query that returns something else:",
        clean(upgrade("UPDATE users SET name = upper(name);").answers(&["SELECT name FROM users WHERE id = ?"])),
    );
    let rename = "ALTER TABLE users RENAME COLUMN name TO full_name;";
    page.failure("`Suite::old_code_runs`, a column is renamed:", clean(upgrade(rename).old_code_runs()));
    page.failure(
        "`Suite::old_code_runs`, rows are written in the transaction that changes the schema:",
        clean(upgrade("DROP INDEX users_email;\nUPDATE users SET email = lower(email);").old_code_runs()),
    );
    page.failure("`Suite::lowest_sqlite(\"3.24\")`:", clean(upgrade(rename).lowest_sqlite("3.24")));
    let folder = scratch().join("release");
    fs::create_dir_all(&folder).unwrap();
    let ledger = |statement: &str, table: &str| {
        let file = folder.join("ledger.txt");
        let head = "# sqlitmus ledger 1: every statement of a test run, and its plans";
        fs::write(&file, format!("{head}\n\n{statement}\n  SEARCH {table}\n")).unwrap();
        file
    };
    page.failure(
        "`Suite::released_statements`, a statement that breaks:",
        clean(upgrade(rename).released_statements(ledger("SELECT name FROM users WHERE id = ?", "users"))),
    );
    page.failure(
        "`Suite::released_statements`, a statement that loses its index:",
        clean(
            upgrade("DROP INDEX users_email;")
                .released_statements(ledger("SELECT id FROM users WHERE email = ?", "users")),
        ),
    );
    frozen(page, &folder);
}

fn frozen(page: &mut Page, folder: &Path) {
    let migrations = folder.join("migrations");
    fs::create_dir_all(&migrations).unwrap();
    fs::write(migrations.join("1_users.sql"), "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT);\n").unwrap();
    fs::write(folder.join("migrations.lock"), "1 434a19600f47f114 1_users.sql\n").unwrap();
    let path: &'static str = migrations.to_str().unwrap().to_owned().leak();
    let suite = Suite::new(leaked(Template::new(path).profile(Profile::MINIMAL)));
    page.failure("A shipped migration was edited:", suite.try_test("shipped_migrations_are_frozen"));
    fs::remove_dir_all(folder).unwrap();
}

/// Reads the version before the transaction, and does not know newer ones.
fn migrate(db: &mut Connection, to: i64) -> Result<(), BoxError> {
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for version in version + 1..=to {
        let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        step.execute_batch(
            ["CREATE TABLE users(id INTEGER PRIMARY KEY)", "ALTER TABLE users ADD COLUMN name TEXT"]
                [version as usize - 1],
        )?;
        step.pragma_update(None, "user_version", version)?;
        step.commit()?;
    }
    db.pragma_update(None, "user_version", to)?;
    Ok(())
}

fn own_runner(page: &mut Page) {
    let suite = Suite::new(leaked(Template::migrate_to(2, migrate).profile(Profile::PRODUCTION)));
    page.failure("A runner that writes into a newer database:", suite.try_test("newer_database_is_refused"));
    let twice = |db: &mut Connection, to: i64| {
        for version in 1..=to {
            db.execute_batch(&format!("CREATE TABLE IF NOT EXISTS t{version}(name TEXT)"))?;
            if db.query_row(&format!("SELECT count(*) FROM t{version}"), [], |row| row.get::<_, i64>(0))? == 0 {
                db.execute(&format!("INSERT INTO t{version} VALUES ('admin')"), [])?;
            }
        }
        Ok(())
    };
    let suite = Suite::new(leaked(Template::migrate_to(1, twice).profile(Profile::PRODUCTION)));
    page.failure("Two upgrades at the same time:", suite.try_test("concurrent_upgrades"));
}

fn options(page: &mut Page) {
    page.area("Options of the suite that fit nothing");
    let suite = || upgrade("ALTER TABLE users ADD COLUMN age INTEGER;");
    page.failure("`try_test` of a misspelt test:", suite().try_test("every_row_survive"));
    page.failure(
        "`allow_loss` where nothing is lost:",
        suite().allow_loss(2, "users", "nobody needs them").try_test("every_row_survives"),
    );
    page.failure("`from(9)`, a version that does not exist:", suite().from(9).try_test("every_row_survives"));
    page.failure(
        "A whole report, `Suite::try_run`:",
        upgrade("DROP TABLE users;").only("every_row_survives").try_run(),
    );
}
