//! Rows examined for each row that a query uses: exact numbers, and which queries are unselective.

use sqlitmus::record::{Queries, Query};
use sqlitmus::rusqlite::Connection;
use sqlitmus::{Template, TestDb};

/// 1,000 notes of ten owners in 50 folders, nearly all of them live.
static NOTES: Template = Template::embedded(&[(
    "1.sql",
    "CREATE TABLE owners(id INTEGER PRIMARY KEY, name TEXT UNIQUE);
     CREATE TABLE notes(id INTEGER PRIMARY KEY, owner INT REFERENCES owners(id), folder INT, is_deleted INT, at INT, body TEXT);
     CREATE INDEX notes_deleted ON notes(is_deleted);
     CREATE INDEX notes_folder ON notes(folder, at);
     CREATE INDEX notes_at ON notes(at);
     CREATE TABLE tags(note INT, tag TEXT, PRIMARY KEY(note, tag)) WITHOUT ROWID;
     CREATE TABLE sums(n INT);
     INSERT INTO owners SELECT value, 'owner ' || value FROM json_each('[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]');
     WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000)
     INSERT INTO notes(id, owner, folder, is_deleted, at, body)
     SELECT n, n % 10, n % 50, n % 100 = 0, n, 'note ' || n FROM c;
     INSERT INTO tags SELECT notes.id, tag.value FROM notes, json_each('[\"a\", \"b\", \"c\"]') AS tag;",
)]);

fn both() -> [TestDb; 2] {
    [NOTES.in_memory(), NOTES.on_disk()]
}

fn run(db: &mut Connection, sql: &str) {
    let mut statement = db.prepare(sql).unwrap();
    let mut rows = statement.raw_query();
    while rows.next().unwrap().is_some() {}
}

fn recorded(sql: &str) -> (TestDb, Queries<()>) {
    let db = NOTES.in_memory();
    let queries = db.record(|db| run(db, sql));
    (db, queries)
}

fn first<T>(sql: &str, of: impl FnOnce(&Query) -> T) -> T {
    of(recorded(sql).1.iter().next().unwrap())
}

#[test]
fn the_rows_of_one_table_are_counted_exactly() {
    let mut wrong = Vec::new();
    // The row behind the last one of a search counts, unless it is the last of the index.
    for (sql, examined, returned) in [
        ("SELECT body FROM notes WHERE is_deleted = 0 AND owner = 3", 991, 100),
        ("SELECT body FROM notes WHERE is_deleted = 1", 10, 10),
        ("SELECT body FROM notes WHERE folder = 7", 21, 20),
        ("SELECT body FROM notes WHERE folder = 7 AND body = 'none'", 21, 0),
        ("SELECT body FROM notes WHERE folder = 7 AND at > 500", 11, 10),
        ("SELECT body FROM notes WHERE at BETWEEN 100 AND 149", 51, 50),
        ("SELECT body FROM notes WHERE at > 900 ORDER BY at DESC LIMIT 5", 5, 5),
        ("SELECT body FROM notes WHERE id > 900", 100, 100),
        ("SELECT body FROM notes WHERE id = 7", 1, 1),
        ("SELECT body FROM notes WHERE id = 0", 0, 0),
        ("SELECT body FROM notes", 1000, 1000),
        ("SELECT body FROM notes WHERE owner = 3", 1000, 100),
        ("SELECT body FROM notes WHERE owner = 3 ORDER BY body", 1000, 100),
        ("SELECT body FROM notes WHERE folder = 7 ORDER BY body", 21, 20),
        ("SELECT tag FROM tags WHERE note = 5", 4, 3),
        ("SELECT tag FROM tags WHERE note = 5 AND tag > 'a'", 3, 2),
        ("SELECT count(*) FROM notes WHERE folder = 7", 21, 1),
    ] {
        let counted = first(sql, |query| (query.rows_examined(), query.rows_returned()));
        if counted != (examined, returned) {
            wrong.push(format!("{counted:?}, not {examined}, {returned}: {sql}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn full_scans_are_examined_as_sqlite_counts_them() {
    for sql in ["SELECT body FROM notes WHERE owner = 3", "SELECT count(*) FROM tags WHERE tag = 'a'"] {
        assert_eq!(first(sql, |query| query.rows_examined() - query.fullscan_steps()), 1, "{sql}");
    }
}

#[test]
fn rows_are_counted_for_each_run_of_nested_statements() {
    for db in both() {
        let queries = db.record(|db| {
            let mut folders = db.prepare("SELECT id FROM owners WHERE id < 3").unwrap();
            let mut notes = db.prepare("SELECT id FROM notes WHERE folder = ?1").unwrap();
            let mut rows = folders.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let folder: i64 = row.get(0).unwrap();
                assert_eq!(notes.query_map([folder], |_| Ok(())).unwrap().count(), 20);
            }
            notes.query([1]).unwrap().next().unwrap();
        });
        let counted: Vec<_> = queries.iter().map(|query| query.rows_returned()).collect();
        assert_eq!(counted, [3, 20, 20, 20, 1]);
    }
}

#[test]
fn a_query_that_goes_through_many_rows_for_few_is_unselective() {
    let mut wrong = Vec::new();
    for sql in [
        // An index with two values.
        "SELECT body FROM notes WHERE is_deleted = 0 AND owner = 3 AND folder + 0 = 13",
        "SELECT body FROM notes INDEXED BY notes_deleted WHERE is_deleted = 0 AND at = 13",
        "SELECT count(*) FROM notes WHERE is_deleted = 0 AND body = 'note 7'",
        "SELECT (SELECT count(*) FROM notes WHERE is_deleted = 0 AND body LIKE '%77%')",
        "SELECT EXISTS (SELECT 1 FROM notes WHERE is_deleted = 0 AND body = 'none')",
        "SELECT DISTINCT owner FROM notes WHERE is_deleted = 0 AND body > 'note 990'",
        "SELECT count(*) FILTER (WHERE at > 500) FROM notes WHERE is_deleted = 0 AND body = 'note 7'",
        "SELECT owner, count(*) FROM notes WHERE is_deleted = 0 AND body > 'note 98' GROUP BY owner",
        "SELECT owner FROM notes WHERE is_deleted = 0 AND body > 'note 98' GROUP BY owner",
        // It returns nothing.
        "SELECT body FROM notes WHERE folder = 7 AND body = 'none'",
        "SELECT body FROM notes WHERE at > 500 AND owner = 77",
        // All of a folder for one note.
        "SELECT body FROM notes WHERE folder = 7 ORDER BY body LIMIT 1",
        "SELECT body FROM notes WHERE at > 0 ORDER BY at LIMIT 5 OFFSET 500",
        "SELECT body FROM notes WHERE body = 'note 7'",
        "SELECT owners.name FROM notes JOIN owners ON owners.id = notes.owner WHERE is_deleted = 0 AND body = 'note 7'",
        "SELECT tag FROM notes JOIN tags ON tags.note = notes.id WHERE notes.is_deleted = 0 AND body = 'note 7' AND tag = 'a'",
        "UPDATE notes SET body = 'x' WHERE is_deleted = 0 AND body = 'note 7'",
        "DELETE FROM tags WHERE note > 0 AND tag = 'z'",
        "INSERT INTO sums SELECT at FROM notes WHERE is_deleted = 0 AND body = 'note 7'",
        "INSERT INTO sums SELECT count(*) FROM notes WHERE is_deleted = 0 AND body = 'note 7'",
        "WITH live AS (SELECT * FROM notes WHERE is_deleted = 0) SELECT sum(at) FROM live WHERE body = 'note 7'",
    ] {
        let (_db, queries) = recorded(sql);
        match queries.try_assert_selective(10.0) {
            Err(error) if error.headline().contains("rows for each one that it uses, more than 10") => {}
            result => wrong.push(format!("{:?}: {sql}", result.map(drop))),
        }
        queries.assert_selective(3000.0);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_query_that_uses_what_it_reads_is_selective() {
    let mut wrong = Vec::new();
    for sql in [
        "SELECT body FROM notes WHERE id = 7",
        "SELECT body FROM notes WHERE id = 0",
        "SELECT name FROM owners WHERE name = 'owner 3'",
        "SELECT body FROM notes WHERE folder = 7",
        "SELECT body FROM notes WHERE folder = 7 ORDER BY body",
        "SELECT body FROM notes WHERE folder = 7 ORDER BY at DESC LIMIT 1",
        "SELECT body FROM notes WHERE at = 5000",
        "SELECT count(*) FROM notes",
        "SELECT count(*) FROM notes WHERE is_deleted = 0",
        "SELECT count(*), sum(at), max(body) FROM notes WHERE is_deleted = 0 AND owner < 9",
        "SELECT max(at) FROM notes",
        // Each row is given to the condition.
        "SELECT count(*) FILTER (WHERE owner = 3 AND at = 13), sum(at) FILTER (WHERE at < 0) FROM notes WHERE is_deleted = 0",
        "SELECT name, (SELECT count(*) FROM notes WHERE is_deleted = 0 AND owner <> owners.id) FROM owners WHERE id = 3",
        "SELECT owner, count(*) FROM notes WHERE folder < 50 GROUP BY owner",
        "SELECT owner FROM notes WHERE folder < 50 GROUP BY owner",
        "SELECT DISTINCT owner FROM notes WHERE folder < 50",
        "SELECT count(DISTINCT owner) FROM notes WHERE folder < 50 AND is_deleted = 0",
        "SELECT json_group_array(tag) FROM tags WHERE note < 300",
        "SELECT notes.body, tag FROM notes JOIN tags ON tags.note = notes.id WHERE folder = 7",
        "SELECT body FROM notes WHERE EXISTS (SELECT 1 FROM tags WHERE note = notes.id) AND folder = 7",
        "SELECT id, row_number() OVER (ORDER BY body) FROM notes WHERE folder = 7",
        "SELECT id FROM notes WHERE folder = 7 UNION SELECT id FROM notes WHERE folder = 8",
        "UPDATE notes SET body = 'x' WHERE folder = 7",
        "DELETE FROM notes WHERE id = 7",
        "DELETE FROM tags",
        "INSERT INTO sums VALUES (1), (2)",
        "INSERT INTO sums SELECT count(*) FROM notes WHERE is_deleted = 0",
        "WITH live AS (SELECT * FROM notes WHERE is_deleted = 0) SELECT avg(at) FROM live",
        "PRAGMA integrity_check",
    ] {
        let (_db, queries) = recorded(sql);
        wrong.extend(queries.try_assert_selective(10.0).err().map(|error| format!("{}: {sql}", error.headline())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_report_offers_an_index_with_which_the_query_is_selective() {
    let sql = "SELECT body FROM notes WHERE is_deleted = 0 AND body = 'note 77'";
    let (db, queries) = recorded(sql);
    let text = queries.try_assert_selective(10.0).map(drop).unwrap_err().to_string();
    let expected = "\
a query examines 991 rows for each one that it uses, more than 10

  sql:
    SELECT body FROM notes WHERE is_deleted = 0 AND body = 'note 77'
";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("    SEARCH notes USING INDEX notes_deleted (is_deleted=?)\n"), "{text}");
    assert!(text.contains("  rows:\n    991 rows examined, 1 used: SELECT body FROM notes WHERE"), "{text}");
    let help = text.lines().find_map(|line| line.trim().strip_prefix("help: CREATE INDEX ")).unwrap_or_default();
    let (index, tried) = help.split_once(';').unwrap_or_default();
    assert_eq!(tried, "   tried: 2 rows examined, 1 used", "{text}");
    assert!(text.contains("  help: if so many are meant, allow them: .assert_selective(991.0)"), "{text}");
    db.execute_batch(&format!("CREATE INDEX {index}")).unwrap();
    db.record(|db| run(db, sql)).assert_selective(10.0);
}
