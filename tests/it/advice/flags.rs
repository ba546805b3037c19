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

const QUEUE: &str = "
    CREATE TABLE mails(id INTEGER PRIMARY KEY, account_id INT NOT NULL, subject TEXT, sent_at INT, size INT NOT NULL,
                       rating INT, stars INT NOT NULL CHECK (stars BETWEEN 0 AND 5), tries INT NOT NULL DEFAULT 0,
                       version INT NOT NULL DEFAULT 1 CHECK (version > 0), is_draft INT, done BOOLEAN NOT NULL DEFAULT 0,
                       level INT CHECK (level IN (0, 1, 2)), kind INT CHECK (kind IN (0, 1)), spam INT, seen INT DEFAULT 0);
    CREATE INDEX mails_spam ON mails(size) WHERE spam = 1;";

/// The schema says which columns have two values.
#[test]
fn a_number_is_no_flag() {
    let mut wrong = Vec::new();
    for (sql, expected) in [
        ("SELECT subject FROM mails WHERE rating = 1", "mails(rating)"),
        ("SELECT subject FROM mails WHERE rating = 0", "mails(rating)"),
        ("SELECT subject FROM mails WHERE rating = 1 AND subject = ?1", "mails(subject, rating)"),
        ("SELECT subject FROM mails WHERE rating = 1 ORDER BY size", "mails(rating, size)"),
        ("SELECT subject FROM mails WHERE stars = 1", "mails(stars)"),
        ("SELECT subject FROM mails WHERE version = 1 AND subject = ?1", "mails(subject, version)"),
        ("SELECT subject FROM mails WHERE level = 1 AND subject = ?1", "mails(subject, level)"),
        ("SELECT subject FROM mails WHERE seen = 1 AND subject = ?1", "mails(subject, seen)"),
        ("SELECT id FROM mails WHERE is_draft = 1 AND subject = ?1", "mails(subject) WHERE is_draft = 1"),
        ("SELECT id FROM mails WHERE done = 0 AND subject = ?1", "mails(subject) WHERE done = 0"),
        ("SELECT id FROM mails WHERE kind = 1 AND subject = ?1", "mails(subject) WHERE kind = 1"),
        ("SELECT id FROM mails WHERE spam = 0 AND subject = ?1", "mails(subject) WHERE spam = 0"),
        ("SELECT id FROM mails WHERE tries = 0 AND subject = ?1", "mails(subject) WHERE tries = 0"),
        ("SELECT id FROM mails WHERE rating IS NULL AND subject = ?1", "mails(subject) WHERE rating IS NULL"),
    ] {
        let create = advised(&database(QUEUE), sql);
        if create.split(" ON ").nth(1) != Some(format!("{expected};").as_str()) {
            wrong.push(format!("{sql}\n  {create}\n  not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The few that are left come first, whatever their number is; to count or to skip them takes them all.
#[test]
fn a_queue() {
    let mut wrong = Vec::new();
    for (sql, expected) in [
        ("SELECT id FROM mails WHERE sent_at IS NULL ORDER BY id LIMIT 10", "mails(sent_at) WHERE sent_at IS NULL"),
        ("SELECT * FROM mails WHERE sent_at IS NULL ORDER BY id LIMIT ?1", "mails(sent_at) WHERE sent_at IS NULL"),
        ("SELECT * FROM mails WHERE sent_at IS NULL LIMIT 1", "mails(sent_at) WHERE sent_at IS NULL"),
        ("SELECT * FROM mails WHERE done = 0 ORDER BY id LIMIT 10", "mails(done) WHERE done = 0"),
        ("SELECT * FROM mails WHERE sent_at IS NULL ORDER BY size LIMIT 10", "mails(size) WHERE sent_at IS NULL"),
        (
            "SELECT * FROM mails WHERE sent_at IS NULL AND done = 0 ORDER BY id LIMIT 5",
            "mails(sent_at) WHERE sent_at IS NULL AND done = 0",
        ),
        ("SELECT * FROM mails WHERE sent_at IS NULL", ""),
        ("SELECT * FROM mails WHERE sent_at IS NULL ORDER BY id", ""),
        ("SELECT * FROM mails WHERE sent_at IS NULL ORDER BY id LIMIT 10 OFFSET ?1", ""),
        ("SELECT * FROM mails WHERE sent_at IS NULL ORDER BY id LIMIT ?1, 10", ""),
        ("SELECT sum(size) FROM mails WHERE sent_at IS NULL LIMIT 1", ""),
    ] {
        let create = advised(&database(QUEUE), sql);
        let found = create.split(" ON ").nth(1).unwrap_or_default().trim_end_matches(';');
        if found != expected {
            wrong.push(format!("{sql}\n  {found}\n  not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An index may bring a sort of the few rows that it finds, where the rows came in order before.
#[test]
fn a_sort_of_few_rows() {
    let schema = "CREATE TABLE logs(id INTEGER PRIMARY KEY, host TEXT, at INT, text TEXT, level INT);
                  CREATE INDEX logs_at ON logs(at);";
    for (sql, expected, adds_sort) in [
        ("SELECT * FROM logs WHERE host IN (?1, ?2) ORDER BY id", "logs(host)", true),
        ("SELECT * FROM logs WHERE lower(text) IN (?1, ?2) ORDER BY at", "logs(lower(text))", true),
        ("SELECT * FROM logs WHERE host = ?1 ORDER BY id", "logs(host)", false),
        ("SELECT * FROM logs WHERE host = ?1 ORDER BY at", "logs(host, at)", false),
        // A third of the rows would be sorted.
        ("SELECT * FROM logs WHERE level > ?1 ORDER BY id", "", false),
        ("SELECT * FROM logs WHERE level > ?1 ORDER BY at LIMIT 10", "", false),
    ] {
        let connection = database(schema);
        let create = advised(&connection, sql);
        assert_eq!(create.split(" ON ").nth(1).unwrap_or_default().trim_end_matches(';'), expected, "{sql}");
        let advice = advise(&connection, sql).unwrap();
        assert!(advice.iter().all(|one| one.adds_sort == adds_sort), "{sql}");
        if adds_sort {
            let report = explain(&connection, sql).try_assert_no_scan().map(drop).unwrap_err().to_string();
            let help = format!("{create}   tried: the scan is gone, and the few rows that are left are sorted\n");
            assert!(report.contains(&help), "{report}");
        }
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
