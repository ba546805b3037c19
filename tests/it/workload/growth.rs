//! The growth of a query's steps with the database.

use sqlitmus::rusqlite::{self, Connection, params};
use sqlitmus::workload::{Growth, GrowthReport, growth, growth_of, try_growth, try_growth_of};
use sqlitmus::{BoxError, Result, Template};

static APP: Template = Template::embedded(&[(
    "1.sql",
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, email TEXT UNIQUE, team INT);
     CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id INT, total INT);
     CREATE INDEX orders_user ON orders(user_id);",
)]);
const SIZES: [u64; 3] = [10, 100, 1000];

/// Inserts n users with an order each. Their names are not sorted.
fn fill(db: &mut Connection, n: u64) -> rusqlite::Result<()> {
    let transaction = db.transaction()?;
    let mut users = transaction.prepare("INSERT INTO users(name, email, team) VALUES (?1, ?2, ?3)")?;
    let mut orders = transaction.prepare("INSERT INTO orders(user_id, total) VALUES (?1, ?1)")?;
    for user in 1..=n as i64 {
        users.execute(params![format!("n{}", user * 7919 % n as i64), format!("{user}@example.com"), user % 10])?;
        orders.execute([user])?;
    }
    drop((users, orders));
    transaction.commit()
}

#[track_caller]
fn grows(sql: &str, expected: Growth) {
    let report = growth(&APP, SIZES, fill, sql);
    assert_eq!(report.growth(), expected, "{sql}\n{report}");
    use Growth::{Constant, Linear, Logarithmic, NLogN, Quadratic, Steeper};
    for class in [Constant, Logarithmic, Linear, NLogN, Quadratic, Steeper] {
        assert_eq!(report.try_assert_at_most(class).is_ok(), class >= expected, "{sql}: at most {class}");
    }
    assert_eq!((report.sizes(), report.steps().len()), (&SIZES[..], 3));
}

/// Checks a query that finds as many rows for each n: it is constant, and says nothing about more rows.
#[track_caller]
fn stands_still(sql: &str) {
    let report = growth(&APP, SIZES, fill, sql);
    report.assert_at_most(Growth::Constant).assert_at_most(Growth::Logarithmic);
    let error = report.try_assert_at_most(Growth::Linear).map(drop).unwrap_err();
    assert_eq!(
        error.headline(),
        "the rows that the query reads do not grow with n, so that linear growth would not show",
        "{sql}"
    );
    assert!(report.to_string().contains("\nthe rows that it reads do not grow with n, they are "), "{sql}\n{report}");
}

/// Returns the table of a report as a failure shows it, with the numbers of the linked SQLite.
fn table(report: &GrowthReport) -> String {
    report.to_string().lines().collect::<Vec<_>>().join("\n    ")
}

#[test]
fn searches_are_constant() {
    grows("SELECT name FROM users WHERE id = 7", Growth::Constant);
    grows("SELECT name FROM users WHERE email = '7@example.com'", Growth::Constant);
    stands_still("SELECT total FROM orders WHERE user_id = 7");
    grows("SELECT name FROM users ORDER BY id DESC LIMIT 5", Growth::Constant);
    grows("SELECT max(id) FROM users", Growth::Constant);
    grows("SELECT 1", Growth::Constant);
}

#[test]
fn scans_and_sorts_and_long_results_are_linear() {
    grows("SELECT id FROM users WHERE name = 'n7'", Growth::Linear);
    grows("SELECT name FROM users", Growth::Linear);
    grows("SELECT name FROM users ORDER BY name", Growth::Linear);
    grows("SELECT name FROM users ORDER BY name LIMIT 5", Growth::Linear);
    grows("SELECT name, count(*) FROM users GROUP BY name", Growth::Linear);
    grows("SELECT total FROM orders WHERE user_id > 0", Growth::Linear);
    grows("SELECT count(*) FROM users AS a JOIN orders AS b ON b.user_id = a.id", Growth::Linear);
    // An automatic index.
    grows("SELECT count(*) FROM users AS a JOIN users AS b ON b.name = a.name", Growth::Linear);
    grows(
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < (SELECT max(id) FROM users))
         SELECT sum(n) FROM c",
        Growth::Linear,
    );
}

/// `count(*)` is one instruction that reads all pages.
#[test]
fn counting_all_rows_is_linear() {
    grows("SELECT count(*) FROM users", Growth::Linear);
    grows("SELECT (SELECT count(*) FROM orders) > 5", Growth::Linear);
    let report = growth_of(&APP, SIZES, fill, |db| db.execute("DELETE FROM orders", []));
    assert_eq!(report.growth(), Growth::Linear, "{report}");
}

#[test]
fn counting_all_rows_in_a_trigger_is_linear_for_each_row_that_fires_it() {
    let template = Template::embedded(&[(
        "1.sql",
        "CREATE TABLE log(x INT); CREATE TABLE notes(id INTEGER PRIMARY KEY); CREATE TABLE sums(n INT);
         INSERT INTO sums VALUES (0);
         CREATE TRIGGER counted AFTER INSERT ON notes BEGIN UPDATE sums SET n = (SELECT count(*) FROM log); END;
         CREATE TRIGGER kept AFTER DELETE ON notes BEGIN DELETE FROM log; END;",
    )]);
    let fill = |db: &mut Connection, n: u64| -> rusqlite::Result<()> {
        let transaction = db.transaction()?;
        (0..n).try_for_each(|x| transaction.execute("INSERT INTO log VALUES (?1)", [x as i64]).map(drop))?;
        transaction.commit()
    };
    for (sql, expected) in [
        ("INSERT INTO notes VALUES (1)", Growth::Linear),
        ("INSERT INTO notes SELECT rowid FROM log", Growth::Quadratic),
        // The trigger is compiled, but it does not run.
        ("DELETE FROM notes WHERE id = 1", Growth::Constant),
    ] {
        let report = growth(&template, SIZES, fill, sql);
        assert_eq!(report.growth(), expected, "{sql}\n{report}");
        let report = growth_of(&template, SIZES, fill, |db| db.execute(sql, []));
        assert_eq!(report.growth(), expected, "{sql}\n{report}");
    }
}

#[test]
fn scans_within_scans_are_quadratic() {
    grows("SELECT count(*) FROM users AS a JOIN users AS b ON b.name < a.name", Growth::Quadratic);
    grows("SELECT name FROM users WHERE (SELECT count(*) FROM orders WHERE total = users.team) > 1", Growth::Quadratic);
}

#[test]
fn a_recursion_may_be_steeper_than_quadratic() {
    let small = [4, 8, 16];
    let sql = "WITH RECURSIVE pairs(a, b) AS (SELECT 1, 1 UNION ALL
                 SELECT a + (b = n), CASE WHEN b = n THEN 1 ELSE b + 1 END
                 FROM pairs, (SELECT max(id) * max(id) AS n FROM users) WHERE a * n + b < n * n + n)
               SELECT count(*) FROM pairs";
    assert_eq!(growth(&APP, small, fill, sql).growth(), Growth::Steeper);
}

#[test]
fn an_unexpected_scan() {
    let sql = "SELECT id FROM users WHERE name = 'n7'";
    let report = growth(&APP, SIZES, fill, sql);
    let error = report.try_assert_at_most(Growth::Logarithmic).unwrap_err();
    let expected = format!(
        "\
the query grows linearly with the database, but should be at most logarithmic

  sql:
    {sql}

  plan (SQLite {}):
  > SCAN users

  steps of SQLite's virtual machine:
    {}

  help: CREATE INDEX users_name ON users(name);   tried: the scan is gone",
        rusqlite::version(),
        table(&report)
    );
    assert_eq!(error.to_string(), expected);
    assert!(expected.contains("\n    growth: linear"), "{expected}");
}

#[test]
fn an_unexpectedly_long_result() {
    let sql = "SELECT total FROM orders WHERE user_id > 0";
    let error = growth(&APP, SIZES, fill, sql).try_assert_at_most(Growth::Constant).unwrap_err();
    assert_eq!(error.headline(), "the query grows linearly with the database, but should stay constant");
    assert!(error.to_string().ends_with("\nnote: it returned 10, 100, 1000 rows, and each row takes steps"), "{error}");
}

#[test]
fn the_table_shows_the_steps_of_each_further_row() {
    let report = growth(&APP, [1, 10, 1000], fill, "SELECT name FROM users");
    let [one, ten, thousand] = report.steps() else { panic!("{report}") };
    assert_eq!((ten - one) % 9, 0, "each row costs as much");
    let each = (ten - one) / 9;
    let expected = format!(
        "   n  steps  per further row\n   1  {one:>5}\n  10  {ten:>5}  {each}.0\n1000  {thousand:>5}  {each}.0\ngrowth: linear"
    );
    assert_eq!(report.to_string(), expected);
}

fn names(db: &mut Connection) -> rusqlite::Result<Vec<String>> {
    let ids: Vec<i64> =
        db.prepare("SELECT id FROM users")?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut name = db.prepare("SELECT name FROM users WHERE id = ?1")?;
    ids.iter().map(|id| name.query_row([id], |row| row.get(0))).collect()
}

#[test]
fn code_that_runs_a_query_for_each_row_is_linear() {
    let report = growth_of(&APP, SIZES, fill, names);
    let error = report.try_assert_at_most(Growth::Constant).unwrap_err();
    let steps = |sql: &str| -> u64 { growth(&APP, SIZES, fill, sql).steps()[2] };
    let (list, each) = (steps("SELECT id FROM users"), steps("SELECT name FROM users WHERE id = 1") - 1);
    let expected = format!(
        "\
what the code runs grows linearly with the database, but should stay constant

  sql:
    SELECT name FROM users WHERE id = ?1

  plan (SQLite {}):
    SEARCH users USING INTEGER PRIMARY KEY (rowid=?)

  steps of SQLite's virtual machine:
    {}

  most expensive at n = 1000:
  > SELECT name FROM users WHERE id = ?   1000 times, {} steps
  > SELECT id FROM users   {list} steps
note: the most expensive query ran 10, 100, 1000 times",
        rusqlite::version(),
        table(&report),
        each * 1000
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn code_may_write() {
    let insert = |db: &mut Connection| db.execute("INSERT INTO orders(user_id, total) VALUES (1, 1)", []);
    growth_of(&APP, SIZES, fill, insert).assert_at_most(Growth::Constant);
    let update = growth_of(&APP, SIZES, fill, |db| db.execute("UPDATE orders SET total = total + 1", []));
    assert_eq!(update.growth(), Growth::Linear);
    stands_still("DELETE FROM orders WHERE user_id = 3");
    grows("INSERT INTO orders(total) SELECT id FROM users", Growth::Linear);
}

#[test]
fn sizes_may_be_a_vector_or_a_slice() {
    let sql = "SELECT name FROM users WHERE id = 7";
    growth(&APP, vec![8, 16, 32, 64], fill, sql).assert_at_most(Growth::Constant);
    growth(&APP, &SIZES[..], fill, sql).assert_at_most(Growth::Constant);
}

#[test]
fn steps_are_the_same_every_time() {
    let sql = "SELECT name, count(*) FROM users GROUP BY name";
    let once = growth(&APP, SIZES, fill, sql);
    assert_eq!(growth(&APP, SIZES, fill, sql).steps(), once.steps());
}

#[track_caller]
fn refused(report: Result<GrowthReport>, expected: &str) {
    assert_eq!(report.unwrap_err().to_string(), expected);
}

#[test]
fn sizes_that_do_not_tell_classes_apart() {
    for sizes in [&[][..], &[10], &[10, 100], &[10, 100, 100], &[100, 10, 1000], &[0, 10, 100], &[10, 15, 100]] {
        refused(
            try_growth(&APP, sizes, fill, "SELECT 1"),
            &format!(
                "these sizes do not show how a query grows: {sizes:?}\n\n  \
                 help: use at least three sizes from 1 on, each at least twice the one before: [10, 100, 1000]"
            ),
        );
    }
}

#[test]
fn fills_that_do_not_fill() {
    let sql = "SELECT 1";
    refused(
        try_growth(&APP, SIZES, |_, _| Ok::<_, BoxError>(()), sql),
        "the fill makes no more rows for n = 100 than for n = 10: 0 in all tables, 0 before\n\n  help: it is given n: insert about n rows in one of the tables that the query reads",
    );
    refused(
        try_growth(&APP, SIZES, |db, _| fill(db, 20), sql),
        "the fill makes no more rows for n = 100 than for n = 10: 40 in all tables, 40 before\n\n  help: it is given n: insert about n rows in one of the tables that the query reads",
    );
    refused(
        try_growth(&APP, SIZES, |db, _| db.execute_batch("BEGIN; INSERT INTO orders VALUES (1, 1, 1)"), sql),
        "the fill for n = 10 left a transaction open\n\n  help: commit it: the query runs on a connection of its own",
    );
    refused(
        try_growth(&APP, SIZES, |_, _| Err::<(), _>("no ink"), sql),
        "the database could not be filled for n = 10\n\n  it says:\n    no ink",
    );
}

#[test]
fn queries_that_cannot_be_run() {
    refused(
        try_growth(&APP, SIZES, fill, "SELECT name FROM users WHERE id = ?1"),
        "\
the query has parameters, but there are no values for them

  sql:
    SELECT name FROM users WHERE id = ?1

  help: run it with values: growth_of(&APP, sizes, fill, |db| app::find(db, 7)), or write values in place of the parameters
note: this was at n = 10",
    );
    let error = try_growth(&APP, SIZES, fill, "SELECT nam FROM users").unwrap_err();
    assert_eq!(error.headline(), "the query failed: no such column: nam");
    // It fails at the second row of n = 10, after the first was returned.
    let error = try_growth(&APP, SIZES, fill, "SELECT abs(-9223372036854775806 - id) FROM users").unwrap_err();
    assert_eq!(error.headline(), "the query failed: integer overflow");
    let error = try_growth(&APP, SIZES, fill, "SELECT 1; SELECT 2").unwrap_err();
    assert_eq!(error.headline(), "there are 2 statements to explain, but a plan is for one");
}

#[test]
fn code_that_cannot_be_counted() {
    refused(
        try_growth_of(&APP, SIZES, fill, |_| Err::<(), _>("no luck")),
        "the code failed\n\n  it says:\n    no luck\nnote: this was at n = 10",
    );
    refused(
        try_growth_of(&APP, SIZES, fill, |_| Ok::<_, BoxError>(())),
        "the code ran no query on this database\n\n  \
         help: it gets a connection to run queries on; queries on another database are not counted\n\
         note: this was at n = 10",
    );
}

#[test]
#[should_panic(expected = "the query grows quadratically with the database, but should be at most linear")]
fn the_panic_is_the_report() {
    growth(&APP, SIZES, fill, "SELECT count(*) FROM users AS a JOIN users AS b ON b.name < a.name")
        .assert_at_most(Growth::Linear);
}

static BOOKMARKS: Template = Template::embedded(&[(
    "1.sql",
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
     CREATE TABLE bookmarks(id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users(id), url TEXT NOT NULL);
     CREATE INDEX bookmarks_user ON bookmarks(user_id);
     CREATE TABLE settings(key TEXT PRIMARY KEY, value TEXT);
     INSERT INTO settings VALUES ('theme', 'dark'), ('page', '50');",
)]);

fn urls(db: &mut Connection) -> rusqlite::Result<Vec<String>> {
    let mut of_one = db.prepare("SELECT url FROM bookmarks WHERE user_id = (SELECT min(id) FROM users)")?;
    let rows = of_one.query_map([], |row| row.get(0))?;
    rows.collect()
}

/// `Fill` makes a user for four bookmarks, so those of one user stay as many.
#[cfg(feature = "data")]
#[test]
fn rows_of_one_parent_that_do_not_grow_are_noticed() {
    use sqlitmus::data::Fill;
    let many = |db: &mut Connection, n| Fill::new().rows("bookmarks", n).try_insert(db);
    let report = growth_of(&BOOKMARKS, [16, 64, 256], many, urls);
    let error = report.try_assert_at_most(Growth::Linear).map(drop).unwrap_err();
    assert_eq!(
        error.headline(),
        "the rows that the code reads do not grow with n, so that linear growth would not show"
    );
    let line = ": SELECT url FROM bookmarks WHERE user_id = (SELECT min(id) FROM users)";
    assert!(report.to_string().contains("the rows that it reads do not grow with n, they are "), "{report}");
    assert!(report.to_string().ends_with(line), "{report}");

    let of_one = |db: &mut Connection, n| Fill::new().rows("users", 1).rows("bookmarks", n).try_insert(db);
    let report = growth_of(&BOOKMARKS, [16, 64, 256], of_one, urls);
    report.assert_at_most(Growth::Linear);
    assert_eq!(report.growth(), Growth::Linear, "{report}");
}

fn bookmarks(db: &mut Connection, n: u64) -> rusqlite::Result<()> {
    let sql = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ?1)
               INSERT INTO bookmarks(user_id, url) SELECT 1 + i % max(1, ?1 / 4), i FROM c";
    let users = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ?1)
                 INSERT INTO users(name) SELECT 'user ' || i FROM c LIMIT max(1, ?1 / 4)";
    db.execute(users, [n as i64])?;
    db.execute(sql, [n as i64]).map(drop)
}

/// Returns what is said about rows that do not grow, for growth that is asserted to be constant and to be linear.
fn noticed(sql: &str) -> [bool; 2] {
    let report = growth_of(&BOOKMARKS, [16, 64, 256], bookmarks, |db| -> rusqlite::Result<()> {
        for sql in sql.split(';') {
            let mut statement = db.prepare(sql)?;
            let mut rows = statement.raw_query();
            while rows.next()?.is_some() {}
        }
        Ok(())
    });
    [Growth::Constant, Growth::Linear].map(|most| {
        let error = report.try_assert_at_most(most).map(drop).err();
        error.is_some_and(|error| error.headline().contains("with n, so that"))
    })
}

#[test]
fn what_does_not_grow_is_told_from_what_is_fixed() {
    let mut wrong = Vec::new();
    for (sql, expected) in [
        // As many rows as there are of one user.
        ("SELECT url FROM bookmarks WHERE user_id = 2", [false, true]),
        ("SELECT count(*) FROM bookmarks WHERE user_id = 2", [false, true]),
        ("SELECT url FROM bookmarks WHERE user_id IN (1, 2) ORDER BY url", [false, true]),
        ("SELECT url FROM users JOIN bookmarks ON user_id = users.id WHERE name = 'user 2'", [false, true]),
        ("UPDATE bookmarks SET url = 'x' WHERE user_id = 2", [false, true]),
        ("DELETE FROM bookmarks WHERE user_id = 2", [false, true]),
        ("SELECT url FROM bookmarks WHERE user_id = 100000", [false, true]),
        ("SELECT 1 FROM users WHERE name = 'user 2'; SELECT url FROM bookmarks WHERE user_id = 2", [false, true]),
        // No table that is used grows.
        ("SELECT value FROM settings WHERE key = 'page'", [true, true]),
        ("SELECT value FROM settings", [true, true]),
        ("UPDATE settings SET value = 'x'", [true, true]),
        // Fixed by the statement.
        ("SELECT url FROM bookmarks WHERE id = 2", [false, false]),
        ("SELECT name FROM users WHERE name = 'user 2'", [false, false]),
        ("SELECT url FROM bookmarks ORDER BY id DESC LIMIT 10", [false, false]),
        ("SELECT url FROM bookmarks WHERE id IN (1, 2, 3)", [false, false]),
        ("SELECT max(id) FROM bookmarks", [false, false]),
        ("INSERT INTO bookmarks(user_id, url) VALUES (1, 'x')", [false, false]),
        ("SELECT value FROM settings; INSERT INTO bookmarks(user_id, url) VALUES (1, 'x')", [false, true]),
        ("SELECT 1", [false, false]),
        // They grow.
        ("SELECT url FROM bookmarks WHERE url = 'x'", [false, false]),
        ("SELECT url FROM bookmarks WHERE user_id > 2", [false, false]),
        ("SELECT count(*) FROM bookmarks", [false, false]),
        ("SELECT url FROM bookmarks WHERE user_id = 2; SELECT count(*) FROM users", [false, false]),
    ] {
        let found = noticed(sql);
        if found != expected {
            wrong.push(format!("{found:?}: {sql}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same index as for the plan by itself.
#[test]
fn what_grows_by_a_scan_is_offered_an_index() {
    let by_team = |db: &mut Connection| -> rusqlite::Result<i64> {
        db.query_row("SELECT count(*) FROM users WHERE team = ?1 AND name = 'n7'", [70], |row| row.get(0))
    };
    let report = growth_of(&APP, SIZES, fill, by_team);
    let error = report.try_assert_at_most(Growth::Constant).map(drop).unwrap_err().to_string();
    let help = error.lines().find(|line| line.contains("help: CREATE INDEX")).expect(&error);
    assert!(help.contains("tried:"), "{error}");
    let db = APP.in_memory();
    let plan = sqlitmus::plan::explain(&db, "SELECT count(*) FROM users WHERE team = 70 AND name = 'n7'");
    let of_plan = plan.try_assert_no_scan().map(drop).unwrap_err().to_string();
    let index = |text: &str| text.split("   tried:").next().unwrap().to_owned();
    assert!(of_plan.contains(&index(help)), "{error}\n{of_plan}");
    // What no index helps is offered none.
    let all = growth_of(&APP, SIZES, fill, |db| db.query_row("SELECT sum(team) FROM users", [], |_| Ok(())));
    let error = all.try_assert_at_most(Growth::Constant).map(drop).unwrap_err().to_string();
    assert!(!error.contains("WHERE"), "{error}");
}
