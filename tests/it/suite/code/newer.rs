//! A population of runners that open a database of a newer version: those that write into it or panic, those that say no, and
//! those that say nothing.

use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::suite::{Outcome, Suite};
use sqlitmus::{BoxError, Profile, Template};

use super::super::{embedded, says};
use super::{Migrate, app, user_version};

const STEPS: [&str; 3] = [
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT)",
    "ALTER TABLE users ADD COLUMN email TEXT",
    "CREATE INDEX users_email ON users(email)",
];
const LATEST: i64 = 3;

const TEST: &str = "newer_database_is_refused";

/// What the suite makes of a runner.
#[derive(Debug, PartialEq)]
enum Found {
    Passed,
    Review,
    Skipped,
    Writes,
    Panics,
}

fn found(template: &'static Template) -> Found {
    let report = Suite::new(template).only(TEST).report();
    let result = report.iter().next().unwrap();
    match &result.outcome {
        Outcome::Passed if result.review.is_empty() => Found::Passed,
        Outcome::Passed => Found::Review,
        Outcome::Skipped(_) => Found::Skipped,
        Outcome::Failed(error) if error.headline().contains("panics on a database of a newer version") => Found::Panics,
        Outcome::Failed(error) if error.headline().contains("writes into a database of a newer version") => {
            Found::Writes
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check(expected: Found, runners: &[(&str, Migrate)]) {
    for (name, migrate) in runners {
        assert_eq!(found(app(LATEST, *migrate)), expected, "{name}");
    }
}

/// Takes the steps from the version that is there, each with its number.
fn steps(db: &mut Connection, to: i64) -> Result<()> {
    for version in user_version(db)? + 1..=to {
        let step = db.transaction()?;
        step.execute_batch(STEPS[usize::try_from(version - 1).unwrap()])?;
        step.pragma_update(None, "user_version", version)?;
        step.commit()?;
    }
    Ok(())
}

/// Takes the steps that a table does not have. `note` notes one.
fn by_table(db: &mut Connection, to: i64, table: &str, from: &str, note: &str) -> Result<i64> {
    db.execute_batch(table)?;
    let from: i64 = db.query_row(from, [], |row| row.get(0))?;
    for version in from + 1..=to {
        let step = db.transaction()?;
        step.execute_batch(STEPS[usize::try_from(version - 1).unwrap()])?;
        step.execute(note, [version])?;
        step.commit()?;
    }
    Ok(from)
}

const APPLIED: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS applied(version INTEGER PRIMARY KEY)",
    "SELECT ifnull(max(version), 0) FROM applied",
    "INSERT INTO applied VALUES (?1)",
];
const META: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT);
     INSERT OR IGNORE INTO meta VALUES ('schema_version', '0'), ('theme', 'dark')",
    "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'schema_version'",
    "UPDATE meta SET value = ?1 WHERE key = 'schema_version'",
];

fn applied(db: &mut Connection, to: i64) -> Result<i64> {
    by_table(db, to, APPLIED[0], APPLIED[1], APPLIED[2])
}

fn meta(db: &mut Connection, to: i64) -> Result<i64> {
    by_table(db, to, META[0], META[1], META[2])
}

/// The names of the files that are applied.
fn by_name(db: &mut Connection, to: i64, is_strict: bool) -> Result<(), BoxError> {
    let names = ["0001_users", "0002_email", "0003_index"];
    db.execute_batch("CREATE TABLE IF NOT EXISTS history(id INTEGER PRIMARY KEY, name TEXT UNIQUE, at INT)")?;
    let known: Vec<String> =
        db.prepare("SELECT name FROM history")?.query_map([], |row| row.get(0))?.collect::<Result<_>>()?;
    if let Some(unknown) = known.iter().find(|known| is_strict && !names.contains(&&***known)) {
        return Err(format!("{unknown} is applied, and this release does not have it").into());
    }
    for (name, sql) in
        names.iter().zip(STEPS).take(usize::try_from(to)?).filter(|(name, _)| !known.contains(&(**name).to_owned()))
    {
        let step = db.transaction()?;
        step.execute_batch(sql)?;
        step.execute("INSERT INTO history(name, at) VALUES (?1, 1700000000)", [name])?;
        step.commit()?;
    }
    Ok(())
}

#[test]
fn runners_that_write() {
    check(
        Found::Writes,
        &[
            ("the number of the last version at the end", |db, to| {
                steps(db, to)?;
                Ok(db.pragma_update(None, "user_version", to)?)
            }),
            ("another version than its own means a new database", |db, to| {
                let is_other = ![0, 1, 2, 3].contains(&user_version(db)?);
                if is_other {
                    db.execute_batch("DROP TABLE users; PRAGMA user_version = 0")?;
                }
                Ok(steps(db, to)?)
            }),
            ("steps down to its own version", |db, to| {
                if user_version(db)? > to {
                    db.execute_batch("DROP INDEX users_email")?;
                    db.pragma_update(None, "user_version", 2)?;
                }
                Ok(steps(db, to)?)
            }),
            ("an error after it has written", |db, to| {
                if user_version(db)? > LATEST {
                    db.execute("UPDATE users SET email = NULL", [])?;
                    return Err("the database is too new".into());
                }
                Ok(steps(db, to)?)
            }),
            ("rows of unknown versions are deleted", |db, to| {
                applied(db, to)?;
                Ok(db.execute("DELETE FROM applied WHERE version > ?1", [to]).map(drop)?)
            }),
            ("the value is set at each start", |db, to| {
                meta(db, to)?;
                Ok(db.execute(META[2], [to]).map(drop)?)
            }),
            ("a table of one row is set at each start", |db, to| {
                by_table(
                    db,
                    to,
                    "CREATE TABLE IF NOT EXISTS version(n INTEGER);
                     INSERT INTO version SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM version)",
                    "SELECT n FROM version",
                    "UPDATE version SET n = ?1",
                )?;
                Ok(db.execute("UPDATE version SET n = ?1 WHERE n <> ?1", [to]).map(drop)?)
            }),
        ],
    );
}

#[test]
fn runners_that_panic() {
    check(
        Found::Panics,
        &[
            ("a slice of the steps that are left", |db, to| {
                let from = usize::try_from(user_version(db)?)?;
                for (at, sql) in STEPS[from..].iter().enumerate().take(usize::try_from(to)?.saturating_sub(from)) {
                    db.execute_batch(&format!("BEGIN; {sql}; PRAGMA user_version = {}; COMMIT", from + at + 1))?;
                }
                Ok(())
            }),
            ("a match whose last arm cannot be reached", |db, to| match applied(db, to)? {
                0..=LATEST => Ok(()),
                version => unreachable!("version {version}"),
            }),
        ],
    );
}

#[test]
fn runners_that_refuse() {
    check(
        Found::Passed,
        &[
            ("an error first", |db, to| {
                let from = user_version(db)?;
                if from > LATEST {
                    return Err(format!("version {from} is newer than {LATEST}").into());
                }
                Ok(steps(db, to)?)
            }),
            ("an error in a transaction that is rolled back", |db, to| {
                let transaction = db.transaction()?;
                transaction.execute("UPDATE sqlite_sequence SET seq = seq", []).ok();
                if user_version(&transaction)? > LATEST {
                    return Err("too new".into());
                }
                drop(transaction);
                Ok(steps(db, to)?)
            }),
            ("names that are not known", |db, to| by_name(db, to, true)),
            ("a number in a table", |db, to| match applied(db, to)? {
                version if version > LATEST => Err(format!("too new: {version}").into()),
                _ => Ok(()),
            }),
            ("a value in a table of settings", |db, to| match meta(db, to)? {
                version if version > LATEST => Err(format!("too new: {version}").into()),
                _ => Ok(()),
            }),
            ("the journal mode is set before", |db, to| {
                db.pragma_update(None, "journal_mode", "wal")?;
                if user_version(db)? > LATEST { Err("too new".into()) } else { Ok(steps(db, to)?) }
            }),
        ],
    );
}

#[test]
fn runners_that_say_nothing() {
    check(
        Found::Review,
        &[
            ("steps of higher numbers", |db, to| Ok(steps(db, to)?)),
            ("names that are ignored", |db, to| by_name(db, to, false)),
            ("a number in a table", |db, to| Ok(applied(db, to).map(drop)?)),
            ("the higher number is kept", |db, to| {
                steps(db, to)?;
                let version = user_version(db)?.max(to);
                Ok(db.pragma_update(None, "user_version", version)?)
            }),
            ("statistics at each start", |db, to| {
                steps(db, to)?;
                Ok(db.execute_batch("ANALYZE")?)
            }),
        ],
    );
}

#[test]
fn other_sources() {
    static WITH: Template = Template::migrate_with(|db| Ok(steps(db, LATEST)?)).profile(Profile::MINIMAL);
    static SETS_BACK: Template = Template::migrate_with(|db| {
        steps(db, LATEST)?;
        Ok(db.pragma_update(None, "user_version", LATEST)?)
    });
    static REFUSES: Template = Template::migrate_with(|db| match user_version(db)? {
        version if version > LATEST => Err("too new".into()),
        _ => Ok(steps(db, LATEST)?),
    });
    static ON_A_PATH: Template = Template::migrate_path_to(LATEST, |path, to| {
        let mut db = Connection::open(path)?;
        steps(&mut db, to)?;
        Ok(db.pragma_update(None, "user_version", to)?)
    });
    static REFUSES_A_PATH: Template = Template::migrate_path_to(LATEST, |path, to| {
        let mut db = Connection::open(path)?;
        if user_version(&db)? > LATEST { Err("too new".into()) } else { Ok(steps(&mut db, to)?) }
    });
    static NO_RECORD: Template =
        Template::migrate_to(1, |db, _| Ok(db.execute_batch("CREATE TABLE IF NOT EXISTS a(x)")?));
    for (template, expected) in [
        (&WITH, Found::Review),
        (&SETS_BACK, Found::Writes),
        (&REFUSES, Found::Passed),
        (&ON_A_PATH, Found::Writes),
        (&REFUSES_A_PATH, Found::Passed),
        (&NO_RECORD, Found::Skipped),
        (embedded(&[("1.sql", "CREATE TABLE a(x)")]), Found::Skipped),
    ] {
        assert_eq!(found(template), expected, "{template:?}");
    }
}

#[test]
fn the_report_shows_the_record_and_what_is_changed() {
    let suite = Suite::new(app(LATEST, |db, to| {
        let newer = applied(db, to)? > to;
        if newer {
            db.execute_batch("DELETE FROM users; DROP INDEX users_email")?;
        }
        Ok(db.execute("DELETE FROM applied WHERE version > ?1", [to]).map(drop)?)
    }));
    assert_eq!(
        says(&suite, TEST),
        "newer-database: the app's runner writes into a database of a newer version

  newer-database (a database of a newer version):
    the app's runner writes into a database of a newer version
    after a downgrade, or with a file that two devices share, the app breaks what its newer release has made

  the database is newer:
    applied has a row with version 4

  what is changed:
    index users_email: missing on users
    applied: rows differ
    users: rows differ

  help: before anything is written, return an error if the database has a version above the app's latest one"
    );
    let report = Suite::new(app(LATEST, |db, to| Ok(steps(db, to)?))).only(TEST).report();
    let line =
        "  review: the app's runner opens a database of a newer version, and returns no error: user_version is 4";
    assert!(report.to_string().contains(line), "{report}");
}
