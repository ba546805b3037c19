//! Generated columns and full-text search, with the plans that prove that they are used: `cargo run --example search`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use rusqlite::Connection;
use sqlitmus::plan::explain;
use sqlitmus::{BoxError, Profile, Template, crash};

static MAIL: Template = Template::embedded(&[
    (
        "1_mail.sql",
        "CREATE TABLE mail(
             id INTEGER PRIMARY KEY,
             envelope TEXT NOT NULL CHECK (json_valid(envelope)),
             body TEXT NOT NULL,
             sender TEXT AS (envelope ->> 'from') STORED
         );
         CREATE INDEX mail_sender ON mail(sender);",
    ),
    (
        "2_search.sql",
        "CREATE VIRTUAL TABLE mail_text USING fts5(body, content='mail', content_rowid='id');
         CREATE TRIGGER mail_added AFTER INSERT ON mail BEGIN
             INSERT INTO mail_text(rowid, body) VALUES (new.id, new.body);
         END;
         CREATE TRIGGER mail_removed AFTER DELETE ON mail BEGIN
             INSERT INTO mail_text(mail_text, rowid, body) VALUES ('delete', old.id, old.body);
         END;",
    ),
])
.profile(Profile::PRODUCTION);

fn main() -> Result<(), BoxError> {
    let db = MAIL.in_memory();
    let mut insert = db.prepare("INSERT INTO mail(envelope, body) VALUES (json_object('from', ?1), ?2)")?;
    insert.execute(("ada@example.com", "the analytical engine weaves algebraic patterns"))?;
    insert.execute(("bob@example.com", "lunch at noon?"))?;
    drop(insert);

    // A generated column has an index like any other. The expression itself would scan.
    explain(&db, "SELECT id FROM mail WHERE sender = ?1").assert_uses_index("mail_sender");
    println!("by JSON      {}", verdict(&db, "SELECT id FROM mail WHERE json_extract(envelope, '$.from') = ?1"));
    println!("by column    {}", verdict(&db, "SELECT id FROM mail WHERE sender = ?1"));

    // LIKE reads every mail, the full-text index only those with the word.
    println!("by LIKE      {}", verdict(&db, "SELECT id FROM mail WHERE body LIKE '%engine%'"));
    let found: i64 =
        db.query_row("SELECT rowid FROM mail_text WHERE mail_text MATCH 'engine'", [], |row| row.get(0))?;
    println!("by MATCH     mail {found}");

    // The index is kept by triggers, within the transaction of the row: no power cut can part them.
    let report = crash::test(&db, |db| db.execute("DELETE FROM mail WHERE id = 1", [])).run();
    println!("power cuts   {} images of the disk, all sound", report.images);
    db.check();
    Ok(())
}

/// Returns how a query finds its rows.
fn verdict(db: &Connection, query: &str) -> String {
    let plan = explain(db, query);
    plan.try_assert_no_scan().map_or_else(|error| error.headline().to_owned(), |_| String::from("searches"))
}
