//! Code that converts values: what it changes is found although no statement says so, and what keeps the values passes.

use std::fmt::Write as _;

use sqlitmus::rusqlite::types::{FromSql, ToSql};
use sqlitmus::rusqlite::{Connection, Result};

use super::{Migrate, app, suite, user_version};

const SCHEMAS: [&str; 4] = [
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, points INTEGER NOT NULL, mean REAL NOT NULL);",
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, email TEXT NOT NULL UNIQUE, points INTEGER NOT NULL UNIQUE,
         mean REAL NOT NULL);",
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL COLLATE NOCASE UNIQUE, points INT NOT NULL,
         mean REAL NOT NULL) STRICT;",
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name VARCHAR(300) NOT NULL, email VARCHAR(254) NOT NULL, points BIGINT NOT NULL,
         mean DOUBLE NOT NULL, UNIQUE(name, email));",
];

/// Migrates in two steps: the tables of a schema, and code on them.
fn up(db: &mut Connection, to: i64, schema: &str, code: fn(&Connection) -> Result<()>) -> Result<()> {
    for version in user_version(db)? + 1..=to {
        let transaction = db.transaction()?;
        match version {
            1 => transaction.execute_batch(schema)?,
            _ => code(&transaction)?,
        }
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

fn values<T: FromSql>(db: &Connection, column: &str) -> Result<Vec<(i64, T)>> {
    let mut select = db.prepare(&format!("SELECT id, {column} FROM users ORDER BY id"))?;
    select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Writes what a function makes of a column into a column.
fn put<T: FromSql + ToSql>(db: &Connection, from: &str, to: &str, code: impl Fn(T) -> T) -> Result<()> {
    for (id, value) in values(db, from)? {
        db.execute(&format!("UPDATE users SET {to} = ?1 WHERE id = ?2"), (code(value), id))?;
    }
    Ok(())
}

fn convert(db: &Connection, from: &str, to: &str, code: impl Fn(&str) -> String) -> Result<()> {
    put(db, from, to, |text: String| code(&text))
}

fn points(db: &Connection, code: impl Fn(i64) -> i64) -> Result<()> {
    put(db, "points", "points", code)
}

fn mean(db: &Connection, code: impl Fn(f64) -> f64) -> Result<()> {
    put(db, "mean", "mean", code)
}

fn lower(text: &str) -> String {
    text.to_lowercase()
}

fn ascii(text: &str) -> String {
    text.chars().filter(char::is_ascii).collect()
}

fn first(text: &str, letters: usize) -> String {
    text.chars().take(letters).collect()
}

fn spaced_once(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn without_tag(email: &str) -> String {
    let (local, domain) = email.split_once('@').unwrap_or((email, ""));
    format!("{}@{domain}", local.split('+').next().unwrap_or(local))
}

/// Returns the schemas with which the suite is wrong about each case.
fn wrong(is_bad: bool, cases: &[(&str, [Migrate; 4])]) -> String {
    let mut wrong = String::new();
    for (name, of_schemas) in cases {
        for (migrate, schema) in of_schemas.iter().zip(SCHEMAS) {
            let found = suite(app(2, *migrate)).try_test("every_row_survives").map(drop);
            let is_right = match &found {
                Ok(()) => !is_bad,
                Err(error) => is_bad && error.headline().contains("changes"),
            };
            if !is_right {
                writeln!(wrong, "{name}: {schema}\n    {found:?}").unwrap();
            }
        }
    }
    wrong
}

/// One runner for each schema, as a function of an app knows its own.
macro_rules! cases {
    ($($name:literal: $code:expr;)*) => {
        &[$(($name, [
            |db, to| Ok(up(db, to, SCHEMAS[0], $code)?),
            |db, to| Ok(up(db, to, SCHEMAS[1], $code)?),
            |db, to| Ok(up(db, to, SCHEMAS[2], $code)?),
            |db, to| Ok(up(db, to, SCHEMAS[3], $code)?),
        ])),*]
    };
}

#[test]
fn values_that_code_changes_are_found() {
    let wrong = wrong(
        true,
        cases! {
            "names in lower case": |db| convert(db, "name", "name", lower);
            "names in capitals": |db| convert(db, "name", "name", |text| text.to_uppercase());
            "names without spaces around them": |db| convert(db, "name", "name", |text| text.trim().to_owned());
            "names with single spaces": |db| convert(db, "name", "name", spaced_once);
            "names of 255 characters": |db| convert(db, "name", "name", |text| first(text, 255));
            "names of 64 characters": |db| convert(db, "name", "name", |text| first(text, 64));
            "names in ASCII": |db| convert(db, "name", "name", ascii);
            "names with escapes": |db| convert(db, "name", "name", |text| text.replace('<', "&lt;"));
            "names with doubled apostrophes": |db| convert(db, "name", "name", |text| text.replace('\'', "''"));
            "names before a comma": |db| convert(db, "name", "name", |text| text.split(',').next().unwrap().to_owned());
            "e-mails in lower case": |db| convert(db, "email", "email", lower);
            "e-mails of 40 characters": |db| convert(db, "email", "email", |text| first(text, 40));
            "e-mails without their tags": |db| convert(db, "email", "email", without_tag);
            "points in 32 bits": |db| points(db, |points| i64::from(points as i32));
            "points in a byte": |db| points(db, |points| i64::from(points as u8));
            "points as a double": |db| points(db, |points| points as f64 as i64);
            "points without a sign": |db| points(db, i64::abs);
            "points from zero on": |db| points(db, |points| points.max(0));
            "a mean with two digits": |db| mean(db, |mean| (mean * 100.0).round() / 100.0);
            "a mean in 32 bits": |db| mean(db, |mean| f64::from(mean as f32));
            "a whole mean": |db| mean(db, f64::trunc);
            "a mean without a sign": |db| mean(db, f64::abs);
            "a copy in lower case, and the names from it": |db| {
                db.execute_batch("ALTER TABLE users ADD COLUMN folded TEXT")?;
                convert(db, "name", "folded", lower)?;
                convert(db, "folded", "name", str::to_owned)
            };
        },
    );
    assert_eq!(wrong, "");
}

#[test]
fn values_that_code_keeps_pass() {
    let wrong = wrong(
        false,
        cases! {
            "as they are": |db| convert(db, "name", "name", str::to_owned);
            "there and back": |db| {
                convert(db, "name", "name", |text| format!("<{text}>"))?;
                convert(db, "name", "name", |text| text[1..text.len() - 1].to_owned())
            };
            "numbers as they are": |db| points(db, |points| points).and_then(|()| mean(db, |mean| mean));
            "numbers as texts beside them": |db| {
                db.execute_batch("ALTER TABLE users ADD COLUMN shown TEXT")?;
                let all = values::<i64>(db, "points")?;
                all.into_iter().try_for_each(|(id, points)| {
                    let shown = format!("{points} points");
                    db.execute("UPDATE users SET shown = ?1 WHERE id = ?2", (shown, id)).map(drop)
                })
            };
            "thousands of points beside them": |db| {
                db.execute_batch("ALTER TABLE users ADD COLUMN thousands INTEGER")?;
                put(db, "points", "thousands", |points: i64| points.checked_mul(1000).unwrap())
            };
            "a folded copy": |db| {
                db.execute_batch("ALTER TABLE users ADD COLUMN folded TEXT")?;
                convert(db, "name", "folded", |text| lower(text.trim()))
            };
            "a short copy": |db| {
                db.execute_batch("ALTER TABLE users ADD COLUMN initials TEXT")?;
                convert(db, "name", "initials", |text| first(text.trim(), 2))
            };
            "the domains of e-mails": |db| {
                db.execute_batch("ALTER TABLE users ADD COLUMN domain TEXT")?;
                convert(db, "email", "domain", |text| lower(text.split_once('@').map_or("", |it| it.1)))
            };
            "e-mails as JSON beside them": |db| {
                db.execute_batch("ALTER TABLE users ADD COLUMN contact TEXT")?;
                convert(db, "email", "contact", |text| format!("{{\"email\": {text:?}}}"))
            };
            "the names in another table": |db| {
                db.execute_batch("CREATE TABLE names(user INTEGER PRIMARY KEY REFERENCES users(id), name TEXT NOT NULL)")?;
                values::<String>(db, "name")?.into_iter().try_for_each(|row| db.execute("INSERT INTO names VALUES (?1, ?2)", row).map(drop))
            };
        },
    );
    assert_eq!(wrong, "");
}
