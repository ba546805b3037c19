//! Power cuts: what each journal mode guarantees, bugs of apps, and the texts of failures and reports.

mod beside;
mod bugs;
mod elsewhere;
mod failed_sync;
mod messages;
mod modes;
mod own_connections;
mod resume;
mod several_files;
mod shop;

use sqlitmus::{Profile, Template, TestDb};

/// Orders and their items.
pub(crate) const SHOP: &str = "
    CREATE TABLE orders(id INTEGER PRIMARY KEY, customer TEXT NOT NULL, total INT NOT NULL DEFAULT 0);
    CREATE TABLE items(id INTEGER PRIMARY KEY, order_id INT NOT NULL REFERENCES orders(id), product TEXT, price INT);
    CREATE TABLE stock(product TEXT PRIMARY KEY, count INT NOT NULL CHECK(count >= 0));
    INSERT INTO stock VALUES ('tea', 10), ('cup', 3);";

/// Returns a database in which these statements were run.
pub(crate) fn db(profile: Profile, schema: &str) -> TestDb {
    let db = Template::empty().profile(profile).in_memory();
    db.execute_batch(schema).unwrap();
    db
}
