//! Columns of few values: an index does not begin with one if another column tells rows apart.

use sqlitmus::check::{self, Finding};
use sqlitmus::plan::{advise, explain};

use super::{advised, database};

const CHAT: &str = "
    CREATE TABLE chats(id INTEGER PRIMARY KEY, title TEXT, archived BOOLEAN NOT NULL DEFAULT 0, pinned INT);
    CREATE TABLE msgs(id INTEGER PRIMARY KEY, chat_id INT NOT NULL REFERENCES chats(id), sender TEXT NOT NULL,
                      hidden INTEGER NOT NULL DEFAULT 0 CHECK (hidden IN (0, 1)), starred BOOLEAN NOT NULL DEFAULT FALSE,
                      kind TEXT NOT NULL CHECK (kind IN ('in', 'out')), type INT NOT NULL, timestamp INT NOT NULL,
                      deleted_at TEXT, param TEXT);
    CREATE INDEX msgs_chat ON msgs(chat_id);
    CREATE VIEW shown AS SELECT id, sender, timestamp FROM msgs WHERE hidden = 0 AND deleted_at IS NULL;";

#[test]
fn an_index_has_only_the_rows_of_a_flag() {
    for (sql, expected) in [
        ("SELECT id FROM msgs WHERE hidden = 0 AND sender = ?1", "msgs(sender) WHERE hidden = 0"),
        ("SELECT id FROM msgs WHERE sender = ?1 AND hidden = 1", "msgs(sender) WHERE hidden = 1"),
        (
            "SELECT id FROM msgs WHERE deleted_at IS NULL AND sender = ?1 ORDER BY timestamp",
            "msgs(sender, timestamp) WHERE deleted_at IS NULL",
        ),
        (
            "SELECT id FROM msgs WHERE hidden = 0 AND deleted_at IS NULL AND sender = ?1",
            "msgs(sender) WHERE hidden = 0 AND deleted_at IS NULL",
        ),
        ("SELECT id FROM msgs WHERE hidden = 0 ORDER BY timestamp DESC LIMIT 20", "msgs(timestamp) WHERE hidden = 0"),
        ("SELECT id FROM msgs WHERE hidden = 0 AND timestamp > ?1", "msgs(timestamp) WHERE hidden = 0"),
        ("SELECT id FROM msgs WHERE starred = 1", "msgs(starred) WHERE starred = 1"),
        ("SELECT id FROM msgs WHERE starred = TRUE AND type = ?1", "msgs(type) WHERE starred = TRUE"),
        ("SELECT timestamp FROM shown WHERE sender = ?1", "msgs(sender) WHERE hidden = 0 AND deleted_at IS NULL"),
        ("UPDATE msgs SET param = ?1 WHERE hidden = 1 AND sender = ?2", "msgs(sender) WHERE hidden = 1"),
        ("DELETE FROM msgs WHERE deleted_at IS NULL AND sender = ?1", "msgs(sender) WHERE deleted_at IS NULL"),
    ] {
        let advice = advise(&database(CHAT), sql).unwrap();
        assert_eq!(advised(&database(CHAT), sql).split(" ON ").nth(1), Some(format!("{expected};").as_str()), "{sql}");
        assert!(advice[0].indexes[0].partial.is_some(), "{sql}");
    }
}

/// A test writes some key where the app has a parameter.
#[test]
fn a_key_is_no_flag() {
    for (sql, expected) in [
        ("SELECT id FROM visits WHERE user_id = 1 AND at > 3", "visits(user_id, at)"),
        ("SELECT id FROM visits WHERE place = 1 AND user_id = 0", "visits(place, user_id)"),
        ("SELECT id FROM visits WHERE user_id IS NULL AND at = ?1", "visits(at) WHERE user_id IS NULL"),
    ] {
        let schema = "CREATE TABLE users(id INTEGER PRIMARY KEY);
                      CREATE TABLE visits(id INTEGER PRIMARY KEY, user_id INT, place INT REFERENCES users(id), at INT);";
        let create = advised(&database(schema), sql);
        assert_eq!(create.split(" ON ").nth(1), Some(format!("{expected};").as_str()), "{sql}");
    }
}

/// SQLite would search by the new index where it has a better one. That is said if the index is worth it.
#[test]
fn an_index_that_makes_a_lookup_dearer() {
    let schema = "CREATE TABLE users(id INTEGER PRIMARY KEY);
                  CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id INT REFERENCES users(id), at INT, total INT,
                                      status TEXT CHECK (status IN ('new', 'paid', 'sent', 'gone')));
                  CREATE INDEX orders_user ON orders(user_id);";
    let connection = database(schema);
    let dearer = |sql: &str| advise(&connection, sql).unwrap().remove(0).dearer;
    assert_eq!(dearer("SELECT id FROM orders WHERE at = ?1"), [""; 0]);
    let by_status = dearer("SELECT id FROM orders WHERE status = ?1 ORDER BY at");
    let known = ["SELECT * FROM orders WHERE user_id = ? AND status = ?".to_owned()];
    assert!(by_status.is_empty() || by_status == known, "{by_status:?}");
    connection.execute_batch("CREATE INDEX orders_status ON orders(status, at)").unwrap();
    let plan = explain(&connection, &known[0]);
    assert_eq!(plan.try_assert_uses_index("orders_status").is_ok(), !by_status.is_empty(), "{plan}");
}

/// The value is not known, so the index has all rows.
#[test]
fn a_flag_comes_behind_other_columns() {
    for (sql, expected) in [
        ("SELECT id FROM msgs WHERE hidden = ?1 AND sender = ?2", "msgs(sender, hidden)"),
        ("SELECT id FROM msgs WHERE kind = ?1 AND sender = ?2", "msgs(sender, kind)"),
        ("SELECT id FROM msgs WHERE starred = ?1 AND type = ?2 ORDER BY timestamp", "msgs(type, starred, timestamp)"),
        ("SELECT id FROM msgs WHERE sender = ?2 AND kind = ?1 AND timestamp > ?3", "msgs(sender, kind, timestamp)"),
        ("SELECT id FROM msgs WHERE kind = 'in' AND type = ?1", "msgs(type, kind)"),
    ] {
        let create = advised(&database(CHAT), sql);
        assert_eq!(create.split(" ON ").nth(1), Some(format!("{expected};").as_str()), "{sql}");
    }
}

#[test]
fn no_index_on_a_flag_alone() {
    for sql in [
        "SELECT param FROM msgs WHERE hidden = ?1",
        "SELECT param FROM msgs WHERE hidden = 0",
        "SELECT param FROM msgs WHERE deleted_at IS NULL",
        "SELECT param FROM msgs WHERE kind = ?1",
        "SELECT title FROM chats WHERE archived = 0",
        "UPDATE chats SET title = '' WHERE archived = ?1",
        "SELECT id FROM msgs WHERE hidden = 0 AND chat_id = ?1",
        "SELECT id FROM msgs WHERE chat_id = ?1 AND starred = ?2",
    ] {
        assert_eq!(advised(&database(CHAT), sql), "", "{sql}");
    }
}

/// A list of three types takes a search of its own for each, and then a sort.
#[test]
fn one_of_several_values_in_order() {
    let sql = "SELECT id FROM msgs WHERE (type = ?1 OR type = ?2 OR type = ?3) AND hidden = 0 ORDER BY timestamp";
    let create = advised(&database(CHAT), sql);
    assert!(create.starts_with("CREATE INDEX msgs_") && create.lines().count() == 1, "{create}");
}

#[test]
fn advice_and_lints_agree() {
    let connection = database(CHAT);
    for filter in ["hidden = 1", "starred = ?", "kind = ?", "hidden = ? AND type = ?", "archived = 1", "pinned = 1"] {
        let table = if filter.starts_with("archived") || filter.starts_with("pinned") { "chats" } else { "msgs" };
        for order in ["", " ORDER BY id", " ORDER BY timestamp"] {
            if table == "chats" && order.ends_with("timestamp") {
                continue;
            }
            for advice in advise(&connection, &format!("SELECT * FROM {table} WHERE {filter}{order}")).unwrap() {
                connection.execute_batch("SAVEPOINT s").unwrap();
                connection.execute_batch(&advice.sql).unwrap();
                let findings = check::lint(&connection);
                let is_of_index = |finding: &&Finding| finding.object() == advice.indexes[0].name;
                assert_eq!(findings.iter().find(is_of_index), None, "{filter}{order}: {}", advice.sql);
                connection.execute_batch("ROLLBACK TO s; RELEASE s").unwrap();
            }
        }
    }
}

/// An assertion offers what `advise` returns.
#[test]
fn one_answer() {
    let connection = database(CHAT);
    for (sql, expected) in [
        ("SELECT max(timestamp) FROM msgs WHERE sender = ?1", "msgs(sender, timestamp)"),
        ("SELECT min(timestamp) FROM msgs WHERE sender = ?1 AND type = ?2", "msgs(sender, type, timestamp)"),
        ("SELECT id FROM msgs WHERE sender = ?1 ORDER BY timestamp LIMIT 1", "msgs(sender, timestamp)"),
        (
            "SELECT id FROM msgs WHERE sender = ?1 AND type = ?2 AND timestamp >= ?3 ORDER BY timestamp DESC LIMIT 1",
            "msgs(sender, type, timestamp)",
        ),
        (
            "SELECT max(timestamp) FROM msgs WHERE hidden = 0 AND sender = ?1",
            "msgs(sender, timestamp) WHERE hidden = 0",
        ),
        ("SELECT max(timestamp) FROM msgs", "msgs(timestamp)"),
        ("SELECT count(*), max(timestamp) FROM msgs WHERE sender = ?1", "msgs(sender, timestamp)"),
        ("SELECT id FROM msgs WHERE sender = ?1 AND timestamp < ?2", "msgs(sender, timestamp)"),
    ] {
        let create = advised(&connection, sql);
        assert_eq!(create.split(" ON ").nth(1), Some(format!("{expected};").as_str()), "{sql}");
        let error = explain(&connection, sql).try_assert_no_scan().map(drop).unwrap_err().to_string();
        assert!(error.contains(&create), "{sql}\n{error}");
        if let Err(error) = explain(&connection, sql).try_assert_no_temp_btree() {
            assert!(error.to_string().contains(&create), "{sql}\n{error}");
        }
    }
}
