//! What drivers run by themselves, to open or to check a connection, is not counted; what the app runs is.

use sqlitmus::record::Query;
use sqlitmus::rusqlite::Connection;
use sqlitmus::{Template, TestDb};

static NOTES: Template = Template::embedded(&[("1.sql", "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT);")]);

/// The life of a connection of the app.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Opened {
    Before,
    During,
    /// It is opened and closed during the recording.
    AndClosed,
}

/// Returns what is counted of the statements of one connection, and what is not.
fn split(db: &TestDb, opened: Opened, script: &[&str]) -> (Vec<String>, Vec<String>) {
    let open = || Connection::open(db.path()).unwrap();
    let before = (opened == Opened::Before).then(open);
    let recorder = db.recorder();
    let connection = before.unwrap_or_else(open);
    for sql in script {
        let mut statement = connection.prepare(sql).unwrap();
        (1..=statement.parameter_count()).for_each(|number| statement.raw_bind_parameter(number, 7).unwrap());
        let mut rows = statement.raw_query();
        while rows.next().unwrap().is_some() {}
    }
    let connection = (opened != Opened::AndClosed).then_some(connection);
    let queries = recorder.stop();
    drop(connection);
    let text = |query: &Query| query.sql().to_owned();
    (queries.iter().map(text).collect(), queries.by_drivers().map(text).collect())
}

const READ: &str = "SELECT body FROM notes WHERE id = ?1";

#[test]
fn the_population_of_drivers_and_apps() {
    use Opened::{AndClosed, Before, During};
    // Statements in the order in which they run. Those behind `-` are a driver's.
    let cases: &[(Opened, &[&str])] = &[
        // sqlx, a pool's `with_init`, an app that opens its connection.
        (During, &["-PRAGMA foreign_keys = ON", READ]),
        (During, &["-PRAGMA journal_mode = WAL", "-PRAGMA synchronous = NORMAL", "-PRAGMA busy_timeout = 5000", READ]),
        (During, &["-pragma main.cache_size(-8000)", "-PRAGMA journal_mode", READ]),
        (AndClosed, &["-PRAGMA foreign_keys = ON", READ, "-PRAGMA optimize"]),
        // r2d2, diesel, deadpool, sea-orm.
        (Before, &["-SELECT 1", READ]),
        (Before, &["-SELECT 1", READ, "-SELECT 1", READ, "-SELECT 1", READ]),
        (Before, &["-SELECT $1", READ, "-SELECT ?", "INSERT INTO notes(body) VALUES ('a')"]),
        (During, &["-PRAGMA foreign_keys = ON", "-SELECT 1", READ]),
        (Before, &["-SELECT 1", "BEGIN", READ, "COMMIT", "-SELECT 1", READ]),
        (Before, &["-SELECT 1", "PRAGMA user_version"]),
        // The app's own, on a connection that is in use.
        (Before, &["PRAGMA foreign_keys = ON", READ]),
        (During, &[READ, "PRAGMA cache_size = 100", READ]),
        (During, &["-PRAGMA foreign_keys = ON", READ, "PRAGMA foreign_keys = OFF"]),
        (During, &["PRAGMA user_version", "PRAGMA foreign_keys = ON"]),
        (During, &["PRAGMA table_info(notes)", READ]),
        (AndClosed, &["PRAGMA wal_checkpoint", "PRAGMA integrity_check", "PRAGMA foreign_key_check"]),
        (During, &["PRAGMA optimize"]),
        (AndClosed, &["PRAGMA optimize"]),
        (AndClosed, &["-PRAGMA foreign_keys = ON", READ, "PRAGMA user_version"]),
        (During, &["ATTACH ':memory:' AS other", READ]),
        // A health check: alone, and behind the pool's own check.
        (Before, &["SELECT 1"]),
        (Before, &["-SELECT 1", "SELECT 1"]),
        (Before, &["-SELECT 1", "SELECT 1", "-SELECT 1", READ]),
        // A `SELECT` without a table that is more than a check, or within a transaction.
        (Before, &["SELECT 1 + 1", READ]),
        (Before, &["SELECT ?1, ?2", READ]),
        (Before, &["SELECT last_insert_rowid()", READ]),
        (Before, &["SELECT random()", READ]),
        (Before, &["SELECT 1 FROM notes", READ]),
        (Before, &["BEGIN", "SELECT 1", READ, "COMMIT"]),
    ];
    let mut wrong = Vec::new();
    for db in [NOTES.in_memory(), NOTES.on_disk()] {
        for (opened, script) in cases {
            let marked = |is_drivers| script.iter().filter(move |sql| sql.starts_with('-') == is_drivers);
            let bare = |sql: &&str| sql.trim_start_matches('-').to_owned();
            let expected = (marked(false).map(bare).collect(), marked(true).map(bare).collect());
            let plain: Vec<&str> = script.iter().map(|sql| sql.trim_start_matches('-')).collect();
            let found: (Vec<String>, Vec<String>) = split(&db, *opened, &plain);
            wrong.extend((found != expected).then(|| format!("{opened:?} {script:?}: {found:?}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn on_the_connections_of_a_test_everything_is_the_apps() {
    let db = NOTES.in_memory();
    let queries =
        db.record(|db| db.execute_batch("PRAGMA foreign_keys = ON; SELECT 1; SELECT 2; SELECT id FROM notes"));
    queries.assert_count(4);
    let recorder = db.recorder();
    db.execute_batch("PRAGMA foreign_keys = ON; SELECT 1; SELECT id FROM notes").unwrap();
    recorder.stop().assert_count(3);
    let recorder = db.recorder();
    db.connect().execute_batch("PRAGMA foreign_keys = ON; SELECT id FROM notes").unwrap();
    recorder.stop().assert_count(2);
}

/// Each thread of a pool opens and checks its own connection: they are told apart.
#[test]
fn connections_are_told_apart() {
    let db = NOTES.in_memory();
    let [one, two] = [(), ()].map(|()| Connection::open(db.path()).unwrap());
    let recorder = db.recorder();
    for (check, query) in [(&one, &two), (&two, &one)] {
        check.execute_batch("SELECT 1").unwrap();
        query.execute_batch("SELECT id FROM notes").unwrap();
    }
    let queries = recorder.stop();
    assert_eq!(queries.by_drivers().count(), 1, "{queries:?}");
    queries.assert_count(3);
}

#[test]
fn a_report_says_what_is_not_counted() {
    let db = NOTES.in_memory();
    let pool = Connection::open(db.path()).unwrap();
    let queries = db.record(|_| {
        let opened = Connection::open(db.path()).unwrap();
        opened.execute_batch("PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000").unwrap();
        pool.execute_batch("SELECT 1; SELECT id FROM notes; SELECT 1; SELECT id FROM notes").unwrap();
    });
    let text = "SELECT id FROM notes  -- 2 times";
    let left_out = "4 statements by which drivers opened or checked connections are not counted";
    assert_eq!(queries.to_string(), format!("{text}\n-- {left_out}"));
    sqlitmus::assert_queries_snapshot!(queries, @"SELECT id FROM notes  -- 2 times");
    assert_eq!(
        queries.try_assert_at_most(1).unwrap_err().to_string(),
        format!(
            "2 queries ran, but at most 1 may\n\n  queries:\n    {text}\n\n  {left_out}:\n    PRAGMA foreign_keys = ON\n    \
             PRAGMA busy_timeout = ?\n    SELECT ?  -- 2 times"
        )
    );
    let queries = db.record(|_| Connection::open(db.path()).unwrap().execute_batch("PRAGMA foreign_keys = ON"));
    let error = queries.try_assert_no_scan().unwrap_err();
    assert!(error.headline().starts_with("the recording is empty"), "{error}");
    let left_out = "1 statement by which a driver opened or checked a connection is not counted";
    assert!(error.to_string().contains(left_out), "{error}");
}
