//! Tables that have each other's rows after a migration.

use super::{History, each_is_found, history, nothing_is_found};

const MAIL: &str = "CREATE TABLE sent(id INTEGER PRIMARY KEY, body TEXT NOT NULL);
    CREATE TABLE received(id INTEGER PRIMARY KEY, body TEXT NOT NULL);";

/// Copies both tables with statements of this form, where `A` and `B` are the tables.
fn copied(name: &'static str, copy: &str) -> History {
    let of = |table: &str, other: &str| {
        format!("CREATE TABLE {table}_new(id INTEGER PRIMARY KEY, body TEXT NOT NULL, at INTEGER);")
            + &copy.replace('A', table).replace('B', other)
    };
    let (sent, received) = (of("sent", "received"), of("received", "sent"));
    let change = format!(
        "{sent}{received}DROP TABLE sent; DROP TABLE received;
         ALTER TABLE sent_new RENAME TO sent; ALTER TABLE received_new RENAME TO received;"
    );
    history(name, MAIL, Box::leak(change.into_boxed_str()))
}

#[test]
fn rows_of_two_tables_that_are_exchanged_are_found() {
    let renamed = history(
        "by their new names",
        MAIL,
        "CREATE TABLE sent_new(id INTEGER PRIMARY KEY, body TEXT NOT NULL, at INTEGER);
         CREATE TABLE received_new(id INTEGER PRIMARY KEY, body TEXT NOT NULL, at INTEGER);
         INSERT INTO sent_new(id, body) SELECT id, body FROM sent; INSERT INTO received_new(id, body) SELECT id, body FROM received;
         DROP TABLE sent; DROP TABLE received;
         ALTER TABLE sent_new RENAME TO received; ALTER TABLE received_new RENAME TO sent;",
    );
    let exchanges = "values-moved: migration 2 exchanges the rows of received with those of sent";
    let by_copies = || copied("by the copies", "INSERT INTO A_new(id, body) SELECT id, body FROM B;");
    each_is_found(&[
        (renamed, exchanges),
        (by_copies(), exchanges),
        (by_copies(), "> INSERT INTO received_new(id, body) SELECT id, body FROM sent;"),
        (by_copies(), ".allow_loss(2, \"received\""),
    ]);
}

#[test]
fn tables_that_keep_their_rows_are_not_exchanged() {
    nothing_is_found(&[
        copied("as they were", "INSERT INTO A_new(id, body) SELECT id, body FROM A;"),
        history(
            "renamed",
            MAIL,
            "ALTER TABLE sent RENAME TO other; ALTER TABLE received RENAME TO sent; ALTER TABLE other RENAME TO received;",
        ),
    ]);
}
