//! A population of runners of which two run at the same time: those that do harm or fail with an error that says nothing about
//! it, and those that wait or say that the database is locked.

use std::time::Duration;

use sqlitmus::rusqlite::{Connection, Error, ErrorCode, Result, TransactionBehavior};
use sqlitmus::suite::{Outcome, Suite};
use sqlitmus::{BoxError, Profile, Template};

use super::super::{embedded, says};
use super::{Migrate, user_version};

const STEPS: [&str; 3] = [
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, cents INTEGER DEFAULT 0)",
    "ALTER TABLE users ADD COLUMN email TEXT",
    "UPDATE users SET cents = cents * 100",
];
/// Steps that SQLite refuses to take twice.
const ADDITIONS: [&str; 3] = [STEPS[0], STEPS[1], "ALTER TABLE users ADD COLUMN age INTEGER"];
const LATEST: i64 = 3;
const IMMEDIATE: TransactionBehavior = TransactionBehavior::Immediate;
const DEFERRED: TransactionBehavior = TransactionBehavior::Deferred;

const TEST: &str = "concurrent_upgrades";

/// What the suite makes of a runner.
#[derive(Debug, PartialEq)]
enum Found {
    Both,
    OneIsLockedOut,
    Harm,
    Error,
    Skipped,
}

fn app(migrate: Migrate, profile: Profile) -> &'static Template {
    Box::leak(Box::new(Template::migrate_to(LATEST, migrate).profile(profile)))
}

fn found(template: &'static Template) -> Found {
    let report = Suite::new(template).only(TEST).report();
    let result = report.iter().next().unwrap();
    match &result.outcome {
        Outcome::Passed if result.review.iter().any(|finding| finding.to_string().contains("fails only because")) => {
            Found::Error
        }
        Outcome::Passed if result.review.iter().any(|finding| finding.code() == "concurrent-upgrade") => {
            Found::OneIsLockedOut
        }
        Outcome::Passed => Found::Both,
        Outcome::Skipped(_) => Found::Skipped,
        Outcome::Failed(_) => Found::Harm,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check(expected: Found, profile: Profile, runners: &[(&str, Migrate)]) {
    for (name, migrate) in runners {
        let found = found(app(*migrate, profile));
        assert_eq!(found, expected, "{name}");
    }
}

fn script(version: i64) -> &'static str {
    STEPS[usize::try_from(version - 1).unwrap()]
}

/// The version is read in the transaction of each step.
fn read_inside(db: &mut Connection, to: i64, begin: TransactionBehavior) -> Result<()> {
    loop {
        let step = db.transaction_with_behavior(begin)?;
        let version = user_version(&step)? + 1;
        if version > to {
            return step.commit();
        }
        step.execute_batch(script(version))?;
        step.pragma_update(None, "user_version", version)?;
        step.commit()?;
    }
}

fn addition(version: i64) -> &'static str {
    ADDITIONS[usize::try_from(version - 1).unwrap()]
}

/// The version is read once, before the transactions.
fn read_outside(db: &mut Connection, to: i64, begin: TransactionBehavior) -> Result<()> {
    for version in user_version(db)? + 1..=to {
        let step = db.transaction_with_behavior(begin)?;
        step.execute_batch(addition(version))?;
        step.pragma_update(None, "user_version", version)?;
        step.commit()?;
    }
    Ok(())
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS applied(version INTEGER PRIMARY KEY)";
const LAST: &str = "SELECT ifnull(max(version), 0) FROM applied";

fn is_busy(error: &Error) -> bool {
    matches!(error, Error::SqliteFailure(error, _) if error.code == ErrorCode::DatabaseBusy)
}

#[test]
fn errors_that_do_not_say_why() {
    check(
        Found::Error,
        Profile::PRODUCTION,
        &[
            ("the version is read before BEGIN", |db, to| Ok(read_outside(db, to, DEFERRED)?)),
            ("a table of versions that is read before the transaction", |db, to| {
                db.execute_batch(TABLE)?;
                let from: i64 = db.query_row(LAST, [], |row| row.get(0))?;
                for version in from + 1..=to {
                    let step = db.transaction_with_behavior(IMMEDIATE)?;
                    step.execute("INSERT INTO applied VALUES (?1)", [version])?;
                    step.execute_batch(addition(version))?;
                    step.commit()?;
                }
                Ok(())
            }),
            ("a look whether the table is there", |db, to| {
                let tables: i64 =
                    db.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'users'", [], |row| row.get(0))?;
                if tables == 0 {
                    db.execute_batch(script(1))?;
                }
                let columns: i64 =
                    db.query_row("SELECT count(*) FROM pragma_table_info('users') WHERE name = 'email'", [], |row| {
                        row.get(0)
                    })?;
                if columns == 0 && to >= 2 {
                    db.execute_batch(script(2))?;
                }
                Ok(db.execute_batch(&format!("CREATE TABLE IF NOT EXISTS t{to}(x)"))?)
            }),
        ],
    );
}

/// Takes a step to be done that another process has taken meanwhile.
fn taken_twice(db: &mut Connection, to: i64) -> std::result::Result<(), BoxError> {
    let from = user_version(db)?;
    for version in from + 1..=to {
        let step = db.transaction_with_behavior(IMMEDIATE)?;
        match step.execute_batch(script(version)) {
            Err(error) if error.to_string().contains("already exists") || error.to_string().contains("duplicate") => {}
            other => other?,
        }
        step.pragma_update(None, "user_version", version)?;
        step.commit()?;
    }
    Ok(())
}

#[test]
fn harm() {
    check(
        Found::Harm,
        Profile::PRODUCTION,
        &[
            ("a step that is taken twice", taken_twice),
            ("rows where there are none", |db, to| {
                for version in 1..=to {
                    db.execute_batch(&format!("CREATE TABLE IF NOT EXISTS t{version}(name TEXT)"))?;
                    let rows: i64 = db.query_row(&format!("SELECT count(*) FROM t{version}"), [], |row| row.get(0))?;
                    if rows == 0 {
                        db.execute(&format!("INSERT INTO t{version} VALUES ('first')"), [])?;
                    }
                }
                Ok(())
            }),
            ("a panic", |db, to| {
                read_outside(db, to, IMMEDIATE).unwrap();
                Ok(())
            }),
            ("a new start after an error", |db, to| {
                if read_outside(db, to, IMMEDIATE).is_err() {
                    db.execute_batch("DROP TABLE users; PRAGMA user_version = 0")?;
                    read_outside(db, to, IMMEDIATE)?;
                }
                Ok(())
            }),
        ],
    );
}

#[test]
fn both_end_well() {
    check(
        Found::Both,
        Profile::PRODUCTION,
        &[
            ("BEGIN IMMEDIATE, then the version", |db, to| Ok(read_inside(db, to, IMMEDIATE)?)),
            ("a first look outside, and the one that counts inside", |db, to| {
                if user_version(db)? >= to {
                    return Ok(());
                }
                Ok(read_inside(db, to, IMMEDIATE)?)
            }),
            ("steps that can run twice", |db, to| {
                for version in user_version(db)? + 1..=to {
                    db.execute_batch(&format!(
                        "BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS t{version}(name TEXT PRIMARY KEY);
                         INSERT OR IGNORE INTO t{version} VALUES ('first'); COMMIT"
                    ))?;
                    let is_older = user_version(db)? < version;
                    if is_older {
                        db.pragma_update(None, "user_version", version)?;
                    }
                }
                Ok(())
            }),
            ("another try after a lock", |db, to| {
                loop {
                    match read_inside(db, to, DEFERRED) {
                        Err(error) if is_busy(&error) => {}
                        other => return Ok(other?),
                    }
                }
            }),
            ("a table of versions in the transaction", |db, to| {
                let all = db.transaction_with_behavior(IMMEDIATE)?;
                all.execute_batch(TABLE)?;
                let from: i64 = all.query_row(LAST, [], |row| row.get(0))?;
                for version in from + 1..=to {
                    all.execute_batch(script(version))?;
                    all.execute("INSERT INTO applied VALUES (?1)", [version])?;
                }
                Ok(all.commit()?)
            }),
            ("foreign keys are off meanwhile", |db, to| {
                db.execute_batch("PRAGMA foreign_keys = OFF")?;
                let done = read_inside(db, to, IMMEDIATE);
                db.execute_batch("PRAGMA foreign_keys = ON")?;
                Ok(done?)
            }),
        ],
    );
}

#[test]
fn one_is_locked_out() {
    let runners: [(&str, Migrate); 2] = [
        ("no timeout", |db, to| {
            db.busy_timeout(Duration::ZERO)?;
            Ok(read_inside(db, to, IMMEDIATE)?)
        }),
        ("no timeout, and the app's own words", |db, to| {
            db.busy_timeout(Duration::ZERO)?;
            match read_inside(db, to, IMMEDIATE) {
                Err(error) if is_busy(&error) => Err(BoxError::from("another process upgrades the database")),
                other => Ok(other?),
            }
        }),
    ];
    check(Found::OneIsLockedOut, Profile::MINIMAL, &runners);
    let reads_first: [(&str, Migrate); 1] =
        [("a transaction that reads first", |db, to| Ok(read_inside(db, to, DEFERRED)?))];
    check(Found::OneIsLockedOut, Profile::PRODUCTION, &reads_first);
    check(Found::OneIsLockedOut, Profile::MINIMAL, &reads_first);
}

#[test]
fn other_sources() {
    // It opens no path that is a URI.
    static ON_A_FILE: Template = Template::migrate_path_to(LATEST, |path, to| {
        if !path.exists() {
            return Err("no such file".into());
        }
        Ok(read_inside(&mut Connection::open(path)?, to, IMMEDIATE)?)
    });
    static WITH: Template = Template::migrate_with(|db| Ok(read_inside(db, LATEST, IMMEDIATE)?));
    for template in [&ON_A_FILE, &WITH, embedded(&[("1.sql", "CREATE TABLE a(x)")])] {
        assert_eq!(found(template), Found::Skipped, "{template:?}");
    }
}

#[test]
fn runners_on_a_path() {
    static WAITS: Template =
        Template::migrate_path_to(LATEST, |path, to| Ok(read_inside(&mut Connection::open(path)?, to, IMMEDIATE)?));
    static FAILS: Template =
        Template::migrate_path_to(LATEST, |path, to| Ok(read_outside(&mut Connection::open(path)?, to, DEFERRED)?));
    static HARMS: Template =
        Template::migrate_path_to(LATEST, |path, to| taken_twice(&mut Connection::open(path)?, to));
    for (template, expected) in [(&WAITS, Found::Both), (&FAILS, Found::Error), (&HARMS, Found::Harm)] {
        assert_eq!(found(template), expected, "{template:?}");
    }
}

#[test]
fn the_report_shows_the_order_of_the_statements() {
    let suite = Suite::new(app(taken_twice, Profile::PRODUCTION));
    let report = says(&suite, TEST);
    let headline = "concurrent-upgrade: two upgrades from 2 to 3 at the same time: ";
    assert!(report.starts_with(headline), "{report}");
    for part in ["BEGIN IMMEDIATE", "UPDATE users SET cents", "read the version in the transaction of its step"] {
        assert!(report.contains(part), "{part}\n{report}");
    }
    let fails = Suite::new(app(|db, to| Ok(read_outside(db, to, DEFERRED)?), Profile::PRODUCTION)).only(TEST).report();
    let review = "at the same time: second fails only because first runs at the same time: duplicate column name: age";
    assert!(fails.to_string().contains(review), "{fails}");
}
