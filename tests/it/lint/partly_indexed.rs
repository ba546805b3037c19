//! Foreign keys of several columns with an index on only some of them.

use sqlitmus::check::Level;

use super::{check, database, found, silent};

const PARENT: &str = "CREATE TABLE tenants(id INTEGER PRIMARY KEY) STRICT;
    CREATE TABLE users(tenant_id INTEGER NOT NULL, name TEXT NOT NULL, code TEXT NOT NULL UNIQUE,
        PRIMARY KEY (tenant_id, name), UNIQUE (tenant_id, code)) STRICT, WITHOUT ROWID;";

fn child(key: &str, rest: &str) -> String {
    format!(
        "{PARENT} CREATE TABLE posts(id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, author TEXT NOT NULL, at INTEGER,
             FOREIGN KEY (tenant_id, author) REFERENCES users({key})) STRICT; {rest}"
    )
}

#[test]
fn an_index_on_the_first_column_only() {
    let fires = child("tenant_id, name", "CREATE INDEX by_tenant ON posts(tenant_id);");
    let finding = check(
        "fk-partly-indexed",
        &fires,
        "posts.tenant_id,author",
        "CREATE INDEX posts_tenant_id_author ON posts(tenant_id, author);\nDROP INDEX by_tenant;",
    );
    assert_eq!(finding.level(), Level::Warning);
    assert_eq!(
        finding.what(),
        "deleting a row of users reads each row of posts with the same tenant_id: no index has author too"
    );
    silent("fk-unindexed", &fires);
}

#[test]
fn the_index_need_not_be_one_of_create_index() {
    let wide = child("tenant_id, name", "CREATE INDEX i ON posts(tenant_id, at);");
    check("fk-partly-indexed", &wide, "posts.tenant_id,author", "CREATE INDEX posts_tenant_id_author ON");
    let key = "CREATE TABLE posts(tenant_id INTEGER, at INTEGER, author TEXT NOT NULL, PRIMARY KEY (tenant_id, at),
        FOREIGN KEY (tenant_id, author) REFERENCES users) STRICT, WITHOUT ROWID;";
    check("fk-partly-indexed", &format!("{PARENT} {key}"), "posts.tenant_id,author", "(tenant_id, author);");
}

#[test]
fn an_index_for_the_tenant_alone_is_offered_beside_it() {
    let child = "CREATE TABLE posts(id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL REFERENCES tenants, author TEXT NOT NULL,
        FOREIGN KEY (tenant_id, author) REFERENCES users) STRICT;";
    let found = found(&database(&format!("{PARENT} {child}")), "fk-unindexed");
    let helps: Vec<_> = found.iter().map(|finding| finding.help()).collect();
    let expected = [
        "CREATE INDEX posts_tenant_id ON posts(tenant_id);",
        "CREATE INDEX posts_tenant_id_author ON posts(tenant_id, author);",
    ];
    assert_eq!(helps, expected.map(Some));
}

#[test]
fn the_last_column_is_for_review() {
    let found =
        found(&database(&child("tenant_id, name", "CREATE INDEX by_author ON posts(author);")), "fk-partly-indexed");
    assert_eq!(found.iter().map(|finding| finding.level()).collect::<Vec<_>>(), [Level::Review]);
}

#[test]
fn an_index_that_is_enough() {
    for quiet in [
        "CREATE INDEX i ON posts(tenant_id, author);",
        "CREATE INDEX i ON posts(author, tenant_id);",
        "CREATE INDEX i ON posts(author, tenant_id, at);",
        // One row for each value.
        "CREATE UNIQUE INDEX i ON posts(tenant_id);",
        "CREATE UNIQUE INDEX i ON posts(author);",
        // No index at all is another finding.
        "",
        "CREATE INDEX i ON posts(at, tenant_id, author);",
    ] {
        silent("fk-partly-indexed", &child("tenant_id, name", quiet));
    }
    // The code alone tells the users apart.
    silent("fk-partly-indexed", &child("tenant_id, code", "CREATE INDEX i ON posts(author);"));
    check(
        "fk-partly-indexed",
        &child("tenant_id, code", "CREATE INDEX i ON posts(tenant_id);"),
        "posts.tenant_id,author",
        "DROP INDEX i;",
    );
    // The rowid.
    let own = format!(
        "{PARENT} CREATE TABLE posts(tenant_id INTEGER PRIMARY KEY, author TEXT NOT NULL,
        FOREIGN KEY (tenant_id, author) REFERENCES users) STRICT;"
    );
    silent("fk-partly-indexed", &own);
    silent(
        "fk-partly-indexed",
        "CREATE TABLE p(id INTEGER PRIMARY KEY) STRICT;
         CREATE TABLE c(id INTEGER PRIMARY KEY, p_id INTEGER REFERENCES p) STRICT; CREATE INDEX i ON c(p_id);",
    );
}
