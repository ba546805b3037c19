//! The sample shop: actions that pass, and actions that fail.

use sqlitmus::rusqlite::Connection;
use sqlitmus::{BoxError, Profile, Template, TestDb, crash, faults};

#[path = "../../../fixtures/shop/app.rs"]
#[expect(dead_code, reason = "the app does more")]
mod app;

static SHOP: Template =
    Template::new("fixtures/shop/migrations").profile(Profile::PRODUCTION).seed(reference_data).key("crash");

fn reference_data(connection: &mut Connection) -> Result<(), BoxError> {
    connection.execute_batch(include_str!("../../../fixtures/shop/reference_data.sql"))?;
    Ok(connection
        .execute_batch("INSERT INTO customers(email, name, password_hash) VALUES ('ada@example.com', 'Ada', '')")?)
}

fn shop() -> TestDb {
    let db = SHOP.in_memory();
    db.clock().set("2026-03-01T00:00:00Z");
    db
}

#[test]
fn an_order_is_all_or_nothing() {
    let db = shop();
    let place_order = |db: &mut Connection| app::place_order(db, 1, &[(1, 2), (3, 1)]);
    let report = crash::test(&db, place_order).every_operation().run();
    assert_eq!((report.commits, report.most_lost), (1, 1), "{report}");
    let report = faults::sweep(&db, place_order).run();
    assert!(report.runs() > 100, "{report}");
}

/// The action reads `INSERT … RETURNING` with `query_row`.
#[test]
fn a_customer_may_be_lost_silently() {
    let add = |db: &mut Connection| app::add_customer(db, "bob@example.com", "Bob");
    let error = faults::sweep(&shop(), add).try_run().unwrap_err();
    assert_eq!(error.headline(), "the action returns Ok after an I/O error but has changed nothing");
    faults::sweep(&shop(), |db| {
        let transaction = db.transaction()?;
        app::add_customer(&transaction, "bob@example.com", "Bob")?;
        transaction.commit()
    })
    .run();
}
