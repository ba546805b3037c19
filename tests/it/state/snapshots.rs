use std::panic::{AssertUnwindSafe, catch_unwind};

use sqlitmus::migrations::Ledger;
use sqlitmus::{Template, assert_changes_snapshot, assert_rows_snapshot, assert_schema_snapshot};

use super::db;

const OPEN: &str = "
    SELECT id, status -- and more
    FROM orders
    WHERE status = 'open'";

const SCHEMA: &str = "CREATE TABLE orders(id INTEGER PRIMARY KEY, status TEXT)";

#[test]
fn rows_changes_and_schema_against_literals() {
    let db = db(SCHEMA);
    let changes = db.row_changes(|db| db.execute_batch("INSERT INTO orders VALUES (1, 'open'), (7, 'paid')").unwrap());
    assert_changes_snapshot!(changes, @r"
    orders: 2 inserted
      + id=1, status='open'
      + id=7, status='paid'
    ");
    assert_changes_snapshot!(changes, { "id" => "[id-#]", "orders.status" => "…" }, @r"
    orders: 2 inserted
      + id=[id-1], status=…
      + id=[id-2], status=…
    ");
    assert_rows_snapshot!(db, OPEN, @r"
    id | status
    ---+-------
    1  | 'open'
    ");
    assert_rows_snapshot!(&db, format!("{OPEN} OR 1 ORDER BY id DESC"), { "id" => "[id]" }, @r"
    id   | status
    -----+-------
    [id] | 'paid'
    [id] | 'open'
    ");
    let schema = catch_unwind(AssertUnwindSafe(|| assert_schema_snapshot!(db, @"CREATE TABLE nothing")));
    assert!(schema.is_err());
}

#[test]
fn a_query_that_is_refused_panics_with_the_report() {
    let db = db(SCHEMA);
    let text = |panic: Box<dyn std::any::Any + Send>| panic.downcast_ref::<String>().unwrap().clone();
    let panic = catch_unwind(AssertUnwindSafe(|| assert_rows_snapshot!(db, "SELECT x FROM orders", @""))).unwrap_err();
    assert!(text(panic).starts_with("cannot run the query\n\n  sql:\n    SELECT x FROM orders\n"));
    let panic = catch_unwind(AssertUnwindSafe(|| assert_rows_snapshot!(db, OPEN, { "x" => "[x]" }, @""))).unwrap_err();
    assert_eq!(text(panic), "no column to redact: x\n\n  columns of the query:\n    id, status");
}

#[test]
fn a_schema_snapshot_omits_the_ledger_of_the_runner() {
    static APP: Template = Template::embedded(&[(
        "1_orders.sql",
        "create table [orders] (id integer primary key, status text not null default 'open' check(status in ('open','paid')), at INT) strict; \
         create index orders_status on orders(status, at desc) where status = 'open';",
    )]);
    let noted = Template::embedded(&[("1_a.sql", "CREATE TABLE a(x);")]).ledger(Ledger::Table("_migrations"));
    let db = noted.in_memory();
    assert_schema_snapshot!(db, @r"
    CREATE TABLE a (
        x
    );
    ");
    assert_schema_snapshot!(APP.in_memory(), @r"
    CREATE TABLE orders (
        id INTEGER PRIMARY KEY,
        status TEXT NOT NULL DEFAULT 'open',
        at INT,
        CHECK (status IN ('open', 'paid'))
    ) STRICT;
    CREATE INDEX orders_status ON orders (status, at DESC) WHERE status = 'open';
    ");
}
