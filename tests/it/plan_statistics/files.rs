//! Files of statistics: written, read, refused.

use sqlitmus::plan::{Statistics, explain, explain_with, write_statistics, write_statistics_with_samples};
use sqlitmus::rusqlite::{Connection, OpenFlags, params};
use sqlitmus::{Result, Template, TestDb, check};

use super::{Folder, ORDERS, db, orders};

static SHOP: Template = Template::new("fixtures/shop/migrations");
static SHOP_AS_IN_PRODUCTION: Template =
    Template::new("fixtures/shop/migrations").stats("fixtures/shop/production_statistics.sql");

const SCHEMA: &[(&str, &str)] = &[("1.sql", ORDERS)];
const BY_USER_AND_KIND: &str = "SELECT total FROM orders WHERE user_id = ?1 AND kind = ?2";

/// Without statistics, SQLite chooses the index of two columns for these values.
const MANY_OF_ONE_KIND: &str = "
    INSERT INTO sqlite_stat1(tbl, idx, stat) VALUES ('orders', 'orders_kind_total', '50000 50000 2');
    INSERT INTO sqlite_stat1(tbl, idx, stat) VALUES ('orders', 'orders_user', '50000 2');";

fn with(file: &'static str) -> Result<TestDb> {
    Template::embedded(SCHEMA).stats(file).try_in_memory()
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let folder = Folder::new();
    let file = folder.file(text);
    let error = with(file).unwrap_err();
    assert_eq!(error.to_string().replace(file, "FILE"), expected);
    assert_eq!(error.file().unwrap().to_str(), Some(file));
}

fn has_stat4(connection: &Connection) -> bool {
    connection.query_row("SELECT sqlite_compileoption_used('ENABLE_STAT4')", [], |row| row.get(0)).unwrap()
}

#[test]
fn written_statistics_are_sorted_and_have_no_values() {
    let folder = Folder::new();
    let production = orders(400);
    production.execute_batch("CREATE TABLE notes(x); INSERT INTO notes VALUES ('secret'); ANALYZE").unwrap();
    // A read-only connection is enough.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let readonly = Connection::open_with_flags(production.uri(), flags).unwrap();
    write_statistics(&readonly, folder.path("s.sql")).unwrap();
    assert_eq!(
        std::fs::read_to_string(folder.path("s.sql")).unwrap(),
        "\
-- Statistics of ANALYZE, for sqlitmus::Template::stats. Numbers of rows, no values.
INSERT INTO sqlite_stat1(tbl, idx, stat) VALUES ('notes', NULL, '1');
INSERT INTO sqlite_stat1(tbl, idx, stat) VALUES ('orders', 'orders_kind_total', '400 400 1');
INSERT INTO sqlite_stat1(tbl, idx, stat) VALUES ('orders', 'orders_user', '400 2');
"
    );
}

#[test]
fn a_database_without_statistics_has_none_to_write() {
    let expected = "\
there are no statistics to write: sqlite_stat1 has no rows

  help: gather them first: run ANALYZE on a copy of production's database, or PRAGMA optimize in production";
    let folder = Folder::new();
    let never_analysed = db(ORDERS);
    assert_eq!(write_statistics(&never_analysed, folder.path("s.sql")).unwrap_err().to_string(), expected);
    never_analysed.execute_batch("ANALYZE").unwrap();
    assert_eq!(write_statistics(&never_analysed, folder.path("s.sql")).unwrap_err().to_string(), expected);
    let error = write_statistics(&orders(3), folder.path("no/folder.sql")).unwrap_err();
    assert!(error.headline().starts_with("cannot write the statistics: "), "{error}");
    #[cfg(unix)]
    {
        let (target, link) = (folder.path("other.txt"), folder.path("link.sql"));
        std::fs::write(&target, "of somebody else").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let error = write_statistics(&orders(3), &link).unwrap_err().to_string();
        assert!(error.contains("it is a symbolic link"), "{error}");
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "of somebody else");
    }
}

#[test]
fn tests_plan_as_production_does() {
    let without = Template::embedded(SCHEMA).in_memory();
    explain(&without, BY_USER_AND_KIND).assert_uses_index("orders_kind_total");
    assert_eq!(explain(&without, BY_USER_AND_KIND).statistics(), Statistics::None);

    let folder = Folder::new();
    let template = Template::embedded(SCHEMA).stats(folder.file(MANY_OF_ONE_KIND));
    for db in [template.in_memory(), template.on_disk()] {
        let plan = explain(&db, BY_USER_AND_KIND);
        assert_eq!(plan.statistics(), Statistics::Counts);
        plan.assert_uses_index("orders_user");
        explain(&db.connect(), BY_USER_AND_KIND).assert_uses_index("orders_user");
        explain(&db.fork(), BY_USER_AND_KIND).assert_uses_index("orders_user");
    }
}

#[test]
fn samples_are_written_only_on_request_and_plan_by_value() {
    let folder = Folder::new();
    let production = db("CREATE TABLE jobs(state TEXT, payload TEXT); CREATE INDEX jobs_state ON jobs(state);
         WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5000)
         INSERT INTO jobs SELECT CASE WHEN n % 1000 = 0 THEN 'failed' ELSE 'done' END, n FROM c; ANALYZE");
    const JOBS: &[(&str, &str)] =
        &[("1.sql", "CREATE TABLE jobs(state TEXT, payload TEXT); CREATE INDEX jobs_state ON jobs(state);")];
    write_statistics(&production, folder.path("counts.sql")).unwrap();
    assert!(!std::fs::read_to_string(folder.path("counts.sql")).unwrap().contains("stat4"));

    write_statistics_with_samples(&production, folder.path("samples.sql")).unwrap();
    let text = std::fs::read_to_string(folder.path("samples.sql")).unwrap();
    // "failed" in SQLite's record format.
    assert_eq!(text.contains("6661696C6564"), has_stat4(&production), "{text}");
    let db = Template::embedded(JOBS).stats(folder.file(&text)).in_memory();
    let expected = if has_stat4(&db) { Statistics::Samples } else { Statistics::Counts };
    for db in [&db, &production] {
        let sql = "SELECT payload FROM jobs WHERE state = ?1";
        assert_eq!(explain(db, sql).statistics(), expected);
        if has_stat4(db) {
            explain_with(db, sql, params!["failed"]).assert_uses_index("jobs_state");
            assert!(explain_with(db, sql, params!["done"]).try_assert_no_scan().is_err());
        }
    }
}

#[test]
fn a_file_of_the_shell_is_read() {
    let folder = Folder::new();
    let db = with(folder.file(
        "ANALYZE sqlite_schema;
         INSERT INTO sqlite_stat1 VALUES('orders','orders_user','50000 2'),('orders','orders_kind_total','50000 50000 2');
         INSERT INTO \"sqlite_stat1\" VALUES('orders',NULL,50000);
         ANALYZE sqlite_schema;",
    ));
    explain(&db.unwrap(), BY_USER_AND_KIND).assert_uses_index("orders_user");
}

#[test]
fn all_statistics_of_analyze_fit_their_own_schema() {
    let schema = "
        CREATE TABLE plain(a, b UNIQUE, c, UNIQUE(c, a));
        CREATE INDEX plain_partial ON plain(a) WHERE b > 1;
        CREATE INDEX plain_expression ON plain(a + 1, lower(c) DESC);
        CREATE TABLE keyed(a, b, c, PRIMARY KEY(b, a, b)) WITHOUT ROWID;
        CREATE INDEX keyed_c ON keyed(c, a);
        CREATE TABLE \"it's \"\"one\"\"\"(x INTEGER PRIMARY KEY, y); CREATE INDEX \"a 'b'\" ON \"it's \"\"one\"\"\"(y);
        CREATE VIRTUAL TABLE texts USING fts5(body);";
    static TWICE: std::sync::OnceLock<&'static str> = std::sync::OnceLock::new();
    fn migrate(connection: &mut Connection) -> std::result::Result<(), sqlitmus::BoxError> {
        Ok(connection.execute_batch(TWICE.get().unwrap())?)
    }
    TWICE.set(schema).unwrap();
    let production = db(schema);
    production
        .execute_batch(
            "INSERT INTO plain VALUES (1, 2, 'x'), (2, 3, 'y'), (NULL, NULL, NULL);
             INSERT INTO keyed VALUES (1, 2, 3), (2, 2, 3);
             INSERT INTO \"it's \"\"one\"\"\" VALUES (1, 1), (2, 1);
             INSERT INTO texts VALUES ('one'), ('two'); ANALYZE",
        )
        .unwrap();
    let folder = Folder::new();
    write_statistics_with_samples(&production, folder.path("s.sql")).unwrap();
    let text = std::fs::read_to_string(folder.path("s.sql")).unwrap();
    // SQLite gets the samples in the order that it needs, not in that of the file.
    let reversed: Vec<&str> = text.lines().rev().collect();
    let template = Template::migrate_with(migrate).stats(folder.file(&reversed.join("\n")));
    let db = template.in_memory();
    write_statistics_with_samples(&db, folder.path("again.sql")).unwrap();
    assert_eq!(std::fs::read_to_string(folder.path("again.sql")).unwrap(), text);
    if has_stat4(&db) {
        let samples = |db: &Connection| -> Vec<(String, String)> {
            let mut query = db.prepare("SELECT idx, nlt FROM sqlite_stat4 ORDER BY tbl, idx, rowid").unwrap();
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(|row| row.unwrap()).collect()
        };
        assert_eq!(samples(&db), samples(&production));
    }
}

#[test]
fn a_row_about_a_missing_table_or_index_is_an_error() {
    refused(
        "-- of last year
INSERT INTO sqlite_stat1 VALUES ('orders', 'orders_open', '50000 2');
INSERT INTO sqlite_stat1 VALUES ('orders', 'orders_user', '50000 20 2');
INSERT INTO sqlite_stat1 VALUES ('invoices', NULL, '50000');
INSERT INTO sqlite_stat1 VALUES ('_sqlx_migrations', 'sqlite_autoindex__sqlx_migrations_1', '30 1');
INSERT INTO sqlite_stat1 VALUES ('ORDERS', 'orders_kind_total', '50000 9 1 sz=20');
INSERT INTO sqlite_stat4 VALUES ('invoices', 'invoices_at', '1 1', '0 0', '0 0', x'0301');",
        "\
the statistics do not fit the schema: FILE

  rows:
    line 2: orders has no index orders_open
    line 3: the index orders_user has another number of columns (1)
    line 4: the schema has no table invoices

  help: if a migration has changed the schema since production was analyzed, delete these rows
  help: otherwise write the file again from production: sqlitmus::plan::write_statistics(&connection, \"FILE\")",
    );
}

#[test]
fn a_statement_that_adds_no_row_is_an_error() {
    for (text, line, reads) in [
        ("SELECT 1", 1, "SELECT 1"),
        ("\n-- x\nDELETE FROM orders;", 3, "DELETE FROM orders;"),
        ("INSERT INTO orders VALUES (1, 2, 3)", 1, "INSERT INTO orders VALUES (1, 2, 3)"),
        (
            "INSERT INTO sqlite_stat1 VALUES ('orders', 'orders_user')",
            1,
            "INSERT INTO sqlite_stat1 VALUES ('orders', 'orders_user')",
        ),
        (
            "INSERT INTO sqlite_stat1(idx, tbl, stat) VALUES ('a', 'b', '1')",
            1,
            "INSERT INTO sqlite_stat1(idx, tbl, stat) VALUES ('a', 'b', '1')",
        ),
        (
            "INSERT INTO sqlite_stat1 VALUES ('a', 'b', '1') RETURNING 1;",
            1,
            "INSERT INTO sqlite_stat1 VALUES ('a', 'b', '1') RETURNING 1;",
        ),
        (
            "INSERT INTO sqlite_stat4 VALUES ('a', 'b', '1', '1', '1', x'0')",
            1,
            "INSERT INTO sqlite_stat4 VALUES ('a', 'b', '1', '1', '1', x'0')",
        ),
    ] {
        refused(
            text,
            &format!(
                "\
line {line} of the statistics does not insert a row of ANALYZE: FILE

  it reads:
  > {reads}

  help: the file may contain only INSERT INTO sqlite_stat1 or sqlite_stat4, with literals"
            ),
        );
    }
    refused("-- nothing yet", "the statistics have no rows: FILE");
}

#[test]
fn a_missing_file_says_how_to_write_it() {
    let error = with("fixtures/shop/no_statistics.sql").unwrap_err();
    assert!(error.headline().starts_with("cannot read the statistics: "), "{error}");
    let help = "write them from production's database, or from a copy: \
                sqlitmus::plan::write_statistics(&connection, \"fixtures/shop/no_statistics.sql\")";
    assert!(error.to_string().contains(help), "{error}");
}

#[test]
fn statistics_come_after_the_seed_and_are_not_in_older_versions() {
    fn seed(connection: &mut Connection) -> std::result::Result<(), sqlitmus::BoxError> {
        Ok(connection.execute_batch("INSERT INTO orders VALUES (1, 1, 1, 1); ANALYZE")?)
    }
    let folder = Folder::new();
    let template = Template::embedded(SCHEMA).seed(seed).stats(folder.file(MANY_OF_ONE_KIND));
    let db = template.in_memory();
    assert_eq!(db.query_row("SELECT count(*) FROM orders", [], |row| row.get::<_, i64>(0)), Ok(1));
    explain(&db, BY_USER_AND_KIND).assert_uses_index("orders_user");
    let old = template.at(1);
    assert_eq!(explain(&old, BY_USER_AND_KIND).statistics(), Statistics::None);
}

#[test]
fn statistics_are_no_part_of_the_data_or_the_schema() {
    let (with, without) = (SHOP_AS_IN_PRODUCTION.in_memory(), SHOP.in_memory());
    assert_eq!(explain(&with, "SELECT 1").statistics(), Statistics::Counts);
    check::assert_same_schema(&with, &without);
    check::assert_same_data(&with, &without);
    assert_eq!(check::digest(&with), check::digest(&without));
    let canonical = |db: &TestDb| sqlitmus::schema::Schema::read(db).unwrap().canonical();
    assert_eq!(canonical(&with), canonical(&without));
    let lints = |db: &TestDb| format!("{:?}", check::lint(db));
    assert_eq!(lints(&with), lints(&without));
    with.check();
    let changes = with.row_changes(|db| db.execute_batch("ANALYZE"));
    assert_eq!(changes.iter().count(), 0);
}
