//! Strategies: generated and shrunk rows can be inserted, and a bug shrinks to the rows that cause it.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use sqlitmus::data::{Rows, database, row, rows};
use sqlitmus::rusqlite::types::Value;
use sqlitmus::{Template, TestDb};

static SHOP: Template = Template::new("fixtures/shop/migrations");

static APP: Template = Template::embedded(&[(
    "1.sql",
    "CREATE TABLE users(
         id INTEGER PRIMARY KEY,
         email TEXT NOT NULL UNIQUE COLLATE NOCASE,
         name TEXT NOT NULL DEFAULT 'nobody' CHECK (length(name) BETWEEN 2 AND 30)
     );
     CREATE TABLE orders(
         id INTEGER PRIMARY KEY,
         user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
         status TEXT NOT NULL CHECK (status IN ('open', 'paid', 'lost')),
         total INTEGER NOT NULL CHECK (total >= 0),
         note TEXT
     );",
)]);

/// Cycles, composite keys, deferred keys, primary keys that are foreign keys, a singleton, and a table without a rowid.
static TANGLED: Template = Template::embedded(&[(
    "1.sql",
    "CREATE TABLE teams(id INTEGER PRIMARY KEY, lead INTEGER REFERENCES people(id) DEFERRABLE INITIALLY DEFERRED);
     CREATE TABLE people(
         id INTEGER PRIMARY KEY,
         team INTEGER NOT NULL REFERENCES teams(id),
         boss INTEGER REFERENCES people(id),
         code TEXT NOT NULL UNIQUE CHECK (code GLOB '[A-Z][A-Z][0-9]*')
     );
     CREATE TABLE profiles(person INTEGER PRIMARY KEY REFERENCES people(id), bio BLOB) STRICT;
     CREATE TABLE members(
         team INTEGER REFERENCES teams(id), person INTEGER REFERENCES people(id), since TEXT NOT NULL DEFAULT '2020',
         PRIMARY KEY (team, person)
     ) WITHOUT ROWID;
     CREATE TABLE badges(
         team INTEGER, person INTEGER, label TEXT CHECK (label <> ''),
         UNIQUE (team, person, label), FOREIGN KEY (team, person) REFERENCES members(team, person)
     );
     CREATE TABLE settings(id INTEGER PRIMARY KEY CHECK (id = 1), theme TEXT CHECK (theme IN ('dark', 'light')));",
)]);

fn runner(seed: u8) -> TestRunner {
    let config = Config { failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]))
}

fn count(db: &TestDb, table: &str) -> usize {
    db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap() as usize
}

/// Shrinks a value in random steps and inserts it after each step.
#[track_caller]
fn walk(template: &'static Template, seed: u8, steps: usize) -> usize {
    let mut runner = runner(seed);
    let tree = database(template, 0..6).new_tree(&mut runner);
    let mut tree = tree.unwrap();
    let mut choices = u64::from(seed) + 1;
    let mut seen = 0;
    for _ in 0..steps {
        tree.current().in_memory().check();
        choices = choices.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        seen += 1;
        let goes_on = if choices >> 62 != 0 { tree.complicate() || tree.simplify() } else { tree.simplify() };
        if !goes_on {
            break;
        }
    }
    seen
}

#[test]
fn every_shrunk_database_can_be_inserted() {
    let mut seen = 0;
    for seed in 0..6 {
        seen += walk(&APP, seed, 60) + walk(&TANGLED, seed, 60);
    }
    assert!(seen > 200, "{seen}");
    walk(&SHOP, 1, 12);
}

#[test]
fn a_script_equals_its_value() {
    let mut tree = database(&TANGLED, 3).new_tree(&mut runner(3)).unwrap();
    for _ in 0..10 {
        let value = tree.current();
        let by_script = TANGLED.in_memory();
        by_script.execute_batch(&value.to_sql()).unwrap();
        sqlitmus::check::assert_same_data(&value.in_memory(), &by_script);
        if !tree.simplify() {
            break;
        }
    }
}

#[test]
fn the_same_rng_gives_the_same_value() {
    let of = |seed| rows(&APP, "orders", 1..20).new_tree(&mut runner(seed)).unwrap().current().to_sql();
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

#[test]
fn sizes_are_kept() {
    let mut runner = runner(5);
    let strategy = rows(&APP, "orders", 2..=4);
    for _ in 0..20 {
        let mut tree = strategy.new_tree(&mut runner).unwrap();
        assert!((2..=4).contains(&tree.current().len()));
        while tree.simplify() {}
        assert_eq!(tree.current().len(), 2, "{}", tree.current());
    }
    assert_eq!(row(&APP, "users").new_tree(&mut runner).unwrap().current().len(), 1);
    assert!(rows(&APP, "users", 0).new_tree(&mut runner).unwrap().current().is_empty());
}

#[test]
fn a_row_comes_with_its_parents_and_nothing_else() {
    let one = row(&APP, "orders").new_tree(&mut runner(2)).unwrap().current();
    let db = APP.in_memory();
    one.insert(&db);
    assert_eq!((count(&db, "users"), count(&db, "orders")), (1, 1));
    assert_eq!(one.columns().collect::<Vec<_>>(), ["id", "user_id", "status", "total", "note"]);
    assert!(matches!(one.get(0, "total"), Value::Integer(0..)));
    let again = one.try_insert(&db).unwrap_err();
    assert_eq!(again.sqlite_code(), Some(1555), "{again}");
    assert_eq!(count(&db, "users"), 1);
}

#[test]
fn a_table_that_holds_one_row_gives_one() {
    let strategy = rows(&TANGLED, "settings", 0..9);
    let mut runner = runner(4);
    for _ in 0..10 {
        assert!(strategy.new_tree(&mut runner).unwrap().current().len() <= 1);
    }
    let none = rows(&TANGLED, "settings", 2).new_tree(&mut runner).map(|tree| tree.current()).unwrap_err();
    assert_eq!(none.message(), "cannot fill settings with 2 rows: it has room for 1 row");
}

/// Returns the script of the smallest counterexample that proptest finds.
fn smallest<S: Strategy<Value = Rows>>(strategy: &S, is_fine: impl Fn(&Rows) -> bool) -> String {
    let found = runner(7).run(strategy, |rows| match is_fine(&rows) {
        true => Ok(()),
        false => Err(TestCaseError::fail("found")),
    });
    match found {
        Err(TestError::Fail(_, rows)) => format!("{rows:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bug_shrinks_to_the_one_row_that_matters() {
    let orders = rows(&APP, "orders", 0..30);
    let no_big_lost_ones = |orders: &Rows| {
        !(0..orders.len()).any(|row| {
            let lost = orders.get(row, "status") == Value::Text("lost".to_owned());
            lost && matches!(orders.get(row, "total"), Value::Integer(17..))
        })
    };
    assert_eq!(
        smallest(&orders, no_big_lost_ones),
        "
BEGIN;
INSERT INTO users(id, email, name) VALUES (1, '', 'nobody');
INSERT INTO orders(id, user_id, status, total, note) VALUES (1, 1, 'lost', 17, NULL);
COMMIT;
"
    );
}

#[test]
fn a_number_with_a_fraction_shrinks_to_where_the_bug_begins() {
    static PRICES: Template =
        Template::embedded(&[("1.sql", "CREATE TABLE prices(id INTEGER PRIMARY KEY, amount REAL NOT NULL)")]);
    let small = |prices: &Rows| {
        !(0..prices.len()).any(|row| matches!(prices.get(row, "amount"), Value::Real(amount) if amount > 123.0))
    };
    assert_eq!(
        smallest(&rows(&PRICES, "prices", 0..10), small),
        "
BEGIN;
INSERT INTO prices(id, amount) VALUES (1, 124.0);
COMMIT;
"
    );
}

#[test]
fn a_bug_of_two_rows_shrinks_to_two() {
    let orders = rows(&APP, "orders", 0..30);
    let no_two_of_one_user = |orders: &Rows| {
        let users: Vec<Value> = (0..orders.len()).map(|row| orders.get(row, "user_id")).collect();
        !users.iter().enumerate().any(|(at, user)| users[..at].contains(user))
    };
    assert_eq!(
        smallest(&orders, no_two_of_one_user),
        "
BEGIN;
INSERT INTO users(id, email, name) VALUES (1, '', 'nobody');
INSERT INTO orders(id, user_id, status, total, note) VALUES (1, 1, 'lost', 0, NULL);
INSERT INTO orders(id, user_id, status, total, note) VALUES (2, 1, 'lost', 0, NULL);
COMMIT;
"
    );
}

#[test]
fn edge_cases_are_among_the_values() {
    let notes = rows(&APP, "orders", 1..10);
    let plain = |orders: &Rows| {
        !(0..orders.len()).any(|row| matches!(orders.get(row, "note"), Value::Text(note) if note.contains('\0')))
    };
    let found = smallest(&notes, plain);
    assert!(found.contains("CAST(x'00' AS TEXT)"), "{found}");
}

#[test]
fn a_missing_table_is_an_error_at_once() {
    let unknown = std::panic::catch_unwind(|| drop(rows(&APP, "user", 1))).unwrap_err();
    assert_eq!(unknown.downcast_ref::<String>().unwrap(), "no table to fill: user\n\n  help: did you mean users?");
}

#[test]
fn a_table_that_cannot_be_filled_ends_the_test_with_the_reason() {
    static NEVER: Template =
        Template::embedded(&[("1.sql", "CREATE TABLE t(x INTEGER CHECK (x > 3 AND x < 2) NOT NULL)")]);
    let reason = rows(&NEVER, "t", 1..3).new_tree(&mut runner(1)).map(|tree| tree.current()).unwrap_err();
    assert!(reason.message().starts_with("cannot fill t: no value satisfies CHECK"), "{reason}");
}
