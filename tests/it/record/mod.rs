//! Recordings: they are complete, their assertions are right, and recording does not change the results of the code.

mod assertions;
mod costs;
mod differential;
mod drivers;
mod ledger;
mod leftovers;
mod missed;
mod repeats;
mod scans;
mod seen;
mod selective;

use sqlitmus::record::Queries;
use sqlitmus::{Template, TestDb};

static SHOP: Template = Template::embedded(&[(
    "1_shop.sql",
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT);
     CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users(id) ON DELETE CASCADE, total INTEGER);
     CREATE INDEX orders_user ON orders(user_id);
     CREATE TABLE log(line TEXT);
     CREATE TRIGGER orders_logged AFTER INSERT ON orders BEGIN INSERT INTO log VALUES ('order ' || new.id); END;
     CREATE VIEW open_orders AS SELECT * FROM orders WHERE total > 0;
     INSERT INTO users(name) VALUES ('ada'), ('grace'), ('edsger');
     INSERT INTO orders(user_id, total) VALUES (1, 10), (1, 20), (2, 30);",
)]);

fn both() -> [TestDb; 2] {
    [SHOP.in_memory(), SHOP.on_disk()]
}

fn sql<R>(queries: &Queries<R>) -> Vec<&str> {
    queries.iter().map(|query| query.sql()).collect()
}
