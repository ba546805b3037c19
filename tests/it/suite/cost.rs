//! The costs of migrations.

use sqlitmus::suite::Suite;

use super::template;

#[test]
fn only_migrations_that_write_every_row_grow() {
    let costs = Suite::new(template("fixtures/shop/migrations")).costs().unwrap();
    let of = |name: &str| costs.iter().find(|cost| cost.migration == name).unwrap();
    // These rebuild a table, build an index, drop a column; the others create a table, add a column, rename a column.
    for name in ["023_order_items_outlive_products.sql", "025_customer_lookup.sql", "030_session_privacy.sql"] {
        assert!(of(name).grows(), "{:?}", of(name));
    }
    for name in ["001_customers.sql", "014_customer_contact.sql", "017_product_name.sql"] {
        assert!(!of(name).grows(), "{:?}", of(name));
    }
    let text = costs.to_string();
    assert!(text.lines().nth(1).unwrap().starts_with("001_customers.sql "), "{text}");
    assert!(text.contains("grows with the rows"), "{text}");
}
