//! A database that is rebuilt from its own statements, shuffled and mangled, has the same canonical form. So has one
//! that is built from the canonical form.

use std::collections::BTreeSet;
use std::path::Path;

use rstest::rstest;
use sqlitmus::migrations::Migrations;
use sqlitmus::rusqlite::Connection;
use sqlitmus::schema::{Schema, TableKind};

use super::mangle::{Random, mangle};

/// Returns the statements of all tables and views, and those of the other objects, which need them.
fn statements(connection: &Connection, schema: &Schema) -> (Vec<String>, Vec<String>) {
    let mut query = connection.prepare("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for row in rows.unwrap() {
        let (kind, name, sql): (String, String, String) = row.unwrap();
        let is_shadow = schema.table(&name).is_some_and(|table| matches!(table.kind, TableKind::Shadow { .. }));
        if name.starts_with("sqlite_") || is_shadow {
            continue;
        }
        if kind == "table" || kind == "view" { first.push(sql) } else { second.push(sql) }
    }
    (first, second)
}

fn names(schema: &Schema) -> BTreeSet<String> {
    let tables = schema.tables.iter().flat_map(|table| {
        let columns = table.columns.iter().map(|column| column.name.to_string());
        std::iter::once(table.name.to_string()).chain(columns)
    });
    tables.chain(schema.views.iter().map(|view| view.name.to_string())).collect()
}

/// Returns the words of all types, in lower case.
fn types(schema: &Schema) -> BTreeSet<String> {
    let columns = schema.tables.iter().flat_map(|table| &table.columns);
    columns.flat_map(|column| column.declared_type.split_whitespace()).map(str::to_lowercase).collect()
}

#[track_caller]
fn run(connection: &Connection, sql: &str) {
    connection.execute_batch(sql).unwrap_or_else(|error| panic!("{error}:\n{sql}"));
}

#[track_caller]
fn check_rebuilt(connection: &Connection) {
    let schema = Schema::read(connection).unwrap();
    let canonical = schema.canonical();
    assert!(!canonical.is_empty());
    for seed in 1..=8 {
        let mut random = Random(seed);
        let (mut first, mut second) = statements(connection, &schema);
        random.shuffle(&mut first);
        random.shuffle(&mut second);
        let rebuilt = Connection::open_in_memory().unwrap();
        for sql in first.iter().chain(&second) {
            let is_virtual = sql.starts_with("CREATE VIRTUAL");
            run(
                &rebuilt,
                &if is_virtual { sql.clone() } else { mangle(sql, &names(&schema), &types(&schema), &mut random) },
            );
        }
        let rebuilt = Schema::read(&rebuilt).unwrap();
        assert_eq!(rebuilt.diff(&schema).to_string(), "", "seed {seed}");
        assert_eq!(rebuilt.canonical(), canonical, "seed {seed}");
    }
    let again = Connection::open_in_memory().unwrap();
    run(&again, &canonical);
    assert_eq!(Schema::read(&again).unwrap().canonical(), canonical, "built from the canonical form");
}

#[rstest]
fn of_a_fixture(
    #[values(
        "shop/migrations",
        "guide/schema.sql",
        "formats/plain",
        "formats/sqlx",
        "formats/sqlx-simple",
        "formats/rusqlite_migration",
        "formats/diesel",
        "formats/dbmate",
        "formats/refinery",
        "formats/golang-migrate",
        "formats/goose"
    )]
    history: &str,
) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(history);
    let mut connection = Connection::open_in_memory().unwrap();
    Migrations::load(path).unwrap().apply(&mut connection).unwrap();
    check_rebuilt(&connection);
}

#[test]
fn of_a_schema_with_every_feature() {
    let connection = Connection::open_in_memory().unwrap();
    run(
        &connection,
        "CREATE TABLE parent(id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL ON CONFLICT IGNORE COLLATE NOCASE UNIQUE);
         CREATE TABLE child(
            parent_id INT NOT NULL REFERENCES parent ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED,
            pos INT CHECK(pos > 0 AND pos NOT IN (7, 8)), kind TEXT DEFAULT \"open\" CHECK(kind IN ('open', \"closed\")),
            label TEXT COLLATE RTRIM DEFAULT (upper('x') || ')'), twice INT GENERATED ALWAYS AS (pos * -2) STORED,
            \"two words\" TEXT AS (label || '--'), made TEXT DEFAULT CURRENT_TIMESTAMP,
            CONSTRAINT \"not both\" CHECK (CASE WHEN pos > 3 THEN label IS NULL ELSE 1 END),
            PRIMARY KEY(parent_id, pos DESC), UNIQUE(label COLLATE BINARY, kind) ON CONFLICT REPLACE
         ) WITHOUT ROWID, STRICT;
         CREATE TABLE quirk(id INTEGER PRIMARY KEY DESC, x VARCHAR(10), y DOUBLE PRECISION, z AS (x || y));
         CREATE INDEX child_kind ON child(kind DESC, lower(label), label COLLATE NOCASE) WHERE kind <> 'closed';
         CREATE VIEW pairs AS SELECT parent.id AS Id, count(*) AS \"How Many\" FROM parent
            LEFT OUTER JOIN child ON child.parent_id = parent.id GROUP BY parent.id HAVING count(*) > 1 ORDER BY 2 DESC;
         CREATE TRIGGER on_pairs INSTEAD OF DELETE ON pairs BEGIN DELETE FROM parent WHERE id = old.Id; END;
         CREATE TRIGGER touched AFTER UPDATE OF kind, label ON child FOR EACH ROW WHEN new.kind IS NOT old.kind BEGIN
            UPDATE parent SET code = CASE new.kind WHEN 'open' THEN 'o' ELSE code END WHERE id = new.parent_id;
            INSERT OR REPLACE INTO parent(id, code) VALUES (old.pos, 'x') ON CONFLICT(id) DO UPDATE SET code = excluded.code;
            SELECT RAISE(IGNORE) WHERE NOT EXISTS (SELECT 1 FROM child);
         END;
         CREATE VIRTUAL TABLE docs USING fts5(title, body, tokenize = 'porter ascii');",
    );
    check_rebuilt(&connection);
}
