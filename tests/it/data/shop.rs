//! The sample shop: every version of its thirty migrations.

use super::{one, whole};
use sqlitmus::Template;
use sqlitmus::data::Fill;
use sqlitmus::migrations::Migrations;

static SHOP: Template = Template::new("fixtures/shop/migrations");

#[test]
fn every_table_of_every_version_is_filled() {
    for migration in Migrations::load("fixtures/shop/migrations").unwrap().iter() {
        let db = SHOP.at(migration.version());
        let filled = Fill::seed(1).every_table(20).insert(&db);
        for (table, rows) in filled.tables() {
            let full = filled.full().find(|(name, ..)| *name == table).map(|(_, most, _)| most);
            assert_eq!(rows, full.unwrap_or(20), "{table} of {}", migration.name());
            assert_eq!(one(&db, &format!("SELECT count(*) FROM {table}")), rows.cast_signed(), "{table}");
        }
        whole(&db);
    }
}

#[test]
fn each_table_of_the_shop_is_filled_with_its_parents() {
    let tables = Fill::seed(1).every_table(1).insert(&SHOP.in_memory());
    for (table, _) in tables.tables() {
        let db = SHOP.in_memory();
        let rows = if table == "settings" { 1 } else { 200 };
        db.fill(table, rows);
        assert_eq!(one(&db, &format!("SELECT count(*) FROM {table}")), rows.cast_signed());
        whole(&db);
    }
}
