//! A recording with several queries that scan: all of them are listed, with the fewest indexes that mend them together.

use sqlitmus::record::Queries;
use sqlitmus::{ErrorKind, Template};

static SHOP: Template = Template::embedded(&[(
    "1.sql",
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, city TEXT);
     CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id INTEGER, status TEXT, at INTEGER);
     CREATE TABLE log(line TEXT);",
)]);

fn ran(sql: &str) -> Queries<()> {
    let db = SHOP.in_memory();
    let recorder = db.recorder();
    db.execute_batch(sql).unwrap();
    recorder.stop()
}

/// Returns the headline, and the lines that begin with this word.
fn report(sql: &str, word: &str) -> (String, Vec<String>) {
    let error = ran(sql).try_assert_no_scan().map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Queries, "{error}");
    let text = error.to_string();
    let lines = text.lines().map(str::trim).filter_map(|line| line.strip_prefix(word)).map(str::to_owned);
    (error.headline().to_owned(), lines.collect())
}

#[test]
fn all_queries_that_scan_are_listed_with_what_mends_them_together() {
    let error = ran(
        "SELECT at FROM orders WHERE user_id = 1; SELECT name FROM users WHERE id = 1;
                     SELECT at FROM orders WHERE user_id = 2 AND status = 'new'; SELECT id FROM users WHERE city = 'x'",
    )
    .try_assert_no_scan()
    .map(drop)
    .unwrap_err();
    let text = error.to_string();
    let start = "\
3 queries scan whole tables: orders, users

  queries:
    orders: SELECT at FROM orders WHERE user_id = ?
    orders: SELECT at FROM orders WHERE user_id = ? AND status = ?
    users: SELECT id FROM users WHERE city = ?

  SELECT at FROM orders WHERE user_id = 1:
  > SCAN orders

  SELECT at FROM orders WHERE user_id = 2 AND status = 'new':
  > SCAN orders

  SELECT id FROM users WHERE city = 'x':
  > SCAN users
";
    assert!(text.starts_with(start), "{text}");
    assert!(text.contains("CREATE INDEX users_city ON users(city);   tried: 1 query uses it"), "{text}");
    assert!(text.contains(";   tried: 2 queries use it"), "{text}");
    assert_eq!(text.matches("CREATE INDEX").count(), 2, "{text}");
    let allow = "say so before: .allow_scan(\"orders\").allow_scan(\"users\").assert_no_scan()";
    assert!(text.contains(allow), "{text}");
}

#[test]
fn the_indexes_that_are_offered_end_the_scans() {
    let sql = "SELECT at FROM orders WHERE user_id = 1; SELECT at FROM orders WHERE status = 'new' AND user_id = 3;
               SELECT name FROM users WHERE city = 'x' AND name = 'y'; SELECT name FROM users WHERE name = 'y';
               DELETE FROM orders WHERE status = 'old'";
    let db = SHOP.in_memory();
    let (_, helps) = report(sql, "help: CREATE INDEX ");
    assert!(helps.len() <= 4, "{helps:?}");
    for help in helps {
        db.execute_batch(&format!("CREATE INDEX {}", help.split(';').next().unwrap())).unwrap();
    }
    db.record(|db| db.execute_batch(sql)).assert_no_scan();
}

#[test]
fn a_scan_that_no_index_ends_is_listed_without_one() {
    let (headline, helps) =
        report("SELECT count(*) FROM log WHERE line LIKE '%x'; SELECT id FROM users WHERE city = 'a'", "help: CREATE");
    assert_eq!((headline.as_str(), helps.len()), ("2 queries scan whole tables: log, users", 1));
    let (_, notes) =
        report("SELECT count(*) FROM log WHERE line LIKE '%x'; SELECT id FROM users WHERE city = 'a'", "note: ");
    assert!(notes.contains(&"1 query still scans".to_owned()), "{notes:?}");
}

#[test]
fn allowed_tables_are_left_out() {
    let queries =
        ran("SELECT at FROM orders WHERE user_id = 1; SELECT line FROM log; SELECT id FROM users WHERE city = 'a'");
    let error = queries.allow_scan("log").try_assert_no_scan().map(drop).unwrap_err();
    assert_eq!(error.headline(), "2 queries scan whole tables: orders, users");
    let error = queries.allow_scan("orders").try_assert_no_scan().map(drop).unwrap_err();
    assert_eq!(error.headline(), "query plan scans a whole table: users");
    assert!(error.to_string().contains("say so before: .allow_scan(\"users\").assert_no_scan()"), "{error}");
    queries.allow_scan("users").assert_no_scan();
}

#[test]
fn many_queries_are_listed_in_a_line_each() {
    let sql: String =
        (0..9).map(|n| format!("SELECT id FROM users WHERE city = 'a' AND name <> 'b' LIMIT {n} + {n};")).collect();
    let sql = format!(
        "{sql} {}",
        (0..7).map(|n| format!("SELECT {n} AS c{n}, id FROM users WHERE city = 'a';")).collect::<String>()
    );
    let (headline, lines) = report(&sql, "users: ");
    assert_eq!((headline.as_str(), lines.len()), ("8 queries scan whole tables: users", 8));
}

/// The search for indexes ends before it comes to the last of so many queries.
#[test]
fn queries_that_no_index_was_searched_for_still_scan() {
    let many: String =
        (0..400).map(|n| format!("SELECT id, {n} AS c{n} FROM users WHERE city = 'a' AND name > 'b';")).collect();
    let sql = format!(
        "SELECT count(*) FROM log WHERE line LIKE '%x'; {many}
         SELECT at FROM orders WHERE status = 'new'; SELECT at FROM orders WHERE user_id = 1"
    );
    let (_, notes) = report(&sql, "note: ");
    assert!(notes.contains(&"3 queries still scan".to_owned()), "{notes:?}");
    let unsearched =
        "no index was searched for 2 queries, because the others took as many plans as the search may make";
    assert!(notes.contains(&unsearched.to_owned()), "{notes:?}");
}
