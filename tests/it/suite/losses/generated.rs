//! Generated columns that become plain ones, and plain columns that become generated.

use sqlitmus::check::Level;

use super::{History, each_is_found, history, nothing_is_found};

const INVOICES: &str =
    "CREATE TABLE invoices(id INTEGER PRIMARY KEY, net INTEGER NOT NULL CHECK (net BETWEEN 0 AND 100000),
    vat INTEGER NOT NULL CHECK (vat BETWEEN 0 AND 100000), gross INTEGER GENERATED ALWAYS AS (net + vat) STORED);";

/// Rebuilds the table of invoices with this column, and this copy.
fn made_plain(name: &'static str, column: &str, copy: &str) -> History {
    let change = format!(
        "CREATE TABLE new(id INTEGER PRIMARY KEY, net INTEGER NOT NULL, vat INTEGER NOT NULL, {column}, note TEXT);
         INSERT INTO new{copy} FROM invoices; DROP TABLE invoices; ALTER TABLE new RENAME TO invoices;"
    );
    let change = change
        .replace("net INTEGER NOT NULL", "net INTEGER NOT NULL CHECK (net BETWEEN 0 AND 100000)")
        .replace("vat INTEGER NOT NULL", "vat INTEGER NOT NULL CHECK (vat BETWEEN 0 AND 100000)");
    history(name, INVOICES, Box::leak(change.into_boxed_str()))
}

#[test]
fn values_of_a_generated_column_that_becomes_plain_can_be_lost() {
    let left_out = "(id, net, vat) SELECT id, net, vat";
    each_is_found(&[
        (made_plain("left out", "gross INTEGER", left_out), "undeclared-loss: migration 2 sets"),
        (made_plain("a default", "gross INTEGER NOT NULL DEFAULT 0", left_out), "undeclared-loss: migration 2 changes"),
        (
            made_plain("another sum", "gross INTEGER", "(id, net, vat, gross) SELECT id, net, vat, net - vat"),
            "values of invoices.gross",
        ),
        (made_plain("allowed by its name", "gross INTEGER", left_out), ".allow_loss(2, \"invoices.gross\""),
    ]);
}

#[test]
fn a_generated_column_that_becomes_plain_is_reviewed() {
    let copied = made_plain("copied", "gross INTEGER", "(id, net, vat, gross) SELECT id, net, vat, gross");
    nothing_is_found(&[
        made_plain("copied", "gross INTEGER", "(id, net, vat, gross) SELECT id, net, vat, gross"),
        made_plain("computed", "gross INTEGER", "(id, net, vat, gross) SELECT id, net, vat, vat + net"),
        made_plain("as a text", "gross TEXT", "(id, net, vat, gross) SELECT id, net, vat, gross"),
        made_plain("gone", "vat_rate INTEGER", "(id, net, vat) SELECT id, net, vat"),
        made_plain(
            "VIRTUAL",
            "gross INTEGER GENERATED ALWAYS AS (net + vat) VIRTUAL",
            "(id, net, vat) SELECT id, net, vat",
        ),
    ]);
    let report = copied.suite().only("lints_clean").report();
    let review: Vec<_> = report.iter().flat_map(|result| &result.review).collect();
    assert!(review.iter().all(|finding| finding.level() == Level::Review));
    assert!(review.len() == 1 && review[0].what().contains("of gross to plain"), "{review:#?}");
}

/// Rebuilds a table of users, whose key of the e-mail becomes this.
fn made_generated(name: &'static str, check: &str, expression: &str) -> History {
    let before =
        format!("CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL, email_key TEXT NOT NULL{check});");
    let change = format!(
        "CREATE TABLE new(id INTEGER PRIMARY KEY, email TEXT NOT NULL, {expression});
         INSERT INTO new(id, email) SELECT id, email FROM users; DROP TABLE users; ALTER TABLE new RENAME TO users;"
    );
    history(name, Box::leak(before.into_boxed_str()), Box::leak(change.into_boxed_str()))
}

#[test]
fn a_plain_column_may_become_generated_with_the_same_values() {
    let check = " CHECK (email_key = lower(email))";
    nothing_is_found(&[
        made_generated("STORED", check, "email_key TEXT GENERATED ALWAYS AS (lower(email)) STORED"),
        made_generated("VIRTUAL", check, "email_key TEXT AS (lower(email))"),
        made_generated("another name", check, "address TEXT AS (lower(email)) STORED"),
        made_generated("of another one", check, "half TEXT AS (lower(email)), email_key TEXT AS (half) CHECK (email_key = lower(email))"),
        made_generated("the other way round", " CHECK (lower(email) IS email_key)", "email_key TEXT AS (LOWER( email ))"),
        history(
            "numbers as texts",
            "CREATE TABLE lines(id INTEGER PRIMARY KEY, qty TEXT NOT NULL CHECK (qty GLOB '[1-9]'), total INTEGER NOT NULL
                CHECK (total = qty * 2));",
            "CREATE TABLE new(id INTEGER PRIMARY KEY, qty TEXT NOT NULL CHECK (qty GLOB '[1-9]'), total INTEGER AS (qty * 2) STORED);
             INSERT INTO new(id, qty) SELECT id, qty FROM lines; DROP TABLE lines; ALTER TABLE new RENAME TO lines;",
        ),
    ]);
    each_is_found(&[
        (
            made_generated("any value", "", "email_key TEXT GENERATED ALWAYS AS (lower(email)) STORED"),
            "values of users.email_key",
        ),
        (
            made_generated("gone", "", "half TEXT AS (substr(email, 1, 1))"),
            "destructive: migration 2 drops users.email_key",
        ),
    ]);
}
