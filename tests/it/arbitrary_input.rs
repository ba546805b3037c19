//! Input that nobody has written: 10,000 pieces of SQL, ledgers, migrations and database files, from seeds. Each is accepted,
//! or refused with an error; nothing panics, hangs, or reaches a terminal as a control character.
//!
//! `ARBITRARY_INPUTS=1000000` runs as many, and `ARBITRARY_SEED=7` begins with other ones.

use std::fmt::Display;

use sqlitmus::migrations::Migrations;
use sqlitmus::record::StatementLedger;
use sqlitmus::rusqlite::{Connection, OpenFlags};
use sqlitmus::{Profile, Template, check, plan, schema};

use crate::random::Random;

const SCHEMA: &str =
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE UNIQUE, age INT CHECK(age > 0));
     CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id REFERENCES users(id), total REAL, body TEXT);
     CREATE INDEX orders_user ON orders(user_id) WHERE total > 0;
     CREATE VIEW open AS SELECT * FROM orders WHERE total > 0;
     CREATE TRIGGER added AFTER INSERT ON users BEGIN INSERT INTO orders(user_id) VALUES (new.id); END;
     INSERT INTO users(name, age) VALUES ('ada', 36), ('grace', 85);
     INSERT INTO orders(body) VALUES (hex(zeroblob(3000))), (hex(zeroblob(100)));";

static SHOP: Template = Template::embedded(&[("1_shop.sql", SCHEMA)]).profile(Profile::SQLITE_DEFAULTS);

/// Runs `one` with a source of random numbers for each of `share` in 10,000 inputs.
fn each(share: u64, mut one: impl FnMut(&mut Random)) {
    let variable = |name, default| std::env::var(name).map_or(default, |text| text.parse::<u64>().unwrap());
    let (inputs, seed) = (variable("ARBITRARY_INPUTS", 10_000), variable("ARBITRARY_SEED", 0));
    for number in 0..inputs * share / 10_000 {
        one(&mut Random(seed.wrapping_mul(1_000_003) + number));
    }
}

/// Asserts that a terminal shows the text and obeys none of it.
#[track_caller]
fn is_shown(text: &impl Display) {
    let text = text.to_string();
    let obeyed = text.chars().find(|c| (c.is_control() && !matches!(c, '\n' | '\t')) || *c == '\u{202e}');
    assert!(!text.is_empty() && obeyed.is_none(), "{text:?}");
}

#[test]
fn sql_is_explained_or_refused() {
    let db = SHOP.in_memory();
    let mut accepted = 0;
    each(4_000, |random| {
        let sql = random.sql();
        match plan::try_explain(&db, &sql) {
            Ok(plan) => {
                accepted += 1;
                is_shown(&format!("{plan}."));
            }
            Err(error) => is_shown(&error),
        }
    });
    assert!(accepted > 100, "only {accepted} are SQL");
    plan::explain(&db, "SELECT name FROM users WHERE id = 1").assert_no_scan();
}

#[test]
fn ledgers_are_read_or_refused() {
    let head = "# sqlitmus ledger 1: every statement of a test run, and its plans\n\n";
    let lines =
        ["> SCAN users", "  SEARCH users USING INTEGER PRIMARY KEY (rowid=?)", "! no such table", "", "> ", "#", "  "];
    let mut accepted = 0;
    each(4_000, |random| {
        let mut text = if random.below(8) > 0 { head.to_owned() } else { String::new() };
        for _ in 0..random.below(12) {
            match random.below(3) {
                0 => text += &random.sql(),
                _ => text += random.pick(&lines),
            }
            text += random.pick(&["\n", "\n", "\n\n", "\r\n", ""]);
        }
        match StatementLedger::parse(&text) {
            Ok(ledger) => {
                accepted += 1;
                let again = StatementLedger::parse(&ledger.to_string()).unwrap();
                assert_eq!(again.to_string(), ledger.to_string(), "{text:?}");
            }
            Err(error) => is_shown(&error),
        }
    });
    assert!(accepted > 100, "only {accepted} are ledgers");
}

#[test]
fn folders_are_applied_or_refused() {
    let names = [
        "1_a.sql",
        "2_b.sql",
        "2_c.sql",
        "V3__d.sql",
        "U3__d.sql",
        "0001_e.up.sql",
        "0001_e.down.sql",
        "x",
        "R__r.sql",
    ];
    let mut applied = 0;
    each(1_500, |random| {
        let count = random.below(4) + 1;
        let files: Vec<(String, String)> = (0..count)
            .map(|_| {
                let name = match random.below(8) {
                    0 => random.word().to_owned(),
                    1 => format!("{}_{}.sql", random.next(), random.word()),
                    _ => random.pick(&names).to_owned(),
                };
                let sql = match random.below(4) {
                    0 => format!("CREATE TABLE t{}(x);", random.below(3)),
                    1 => format!("-- +goose Up\n{};\n-- +goose Down\n{}", random.sql(), random.sql()),
                    _ => random.sql(),
                };
                (name, sql)
            })
            .collect();
        let borrowed: Vec<(&str, &str)> = files.iter().map(|(name, sql)| (name.as_str(), sql.as_str())).collect();
        match Migrations::embedded(&borrowed) {
            Ok(migrations) => match migrations.apply(&mut Connection::open_in_memory().unwrap()) {
                Ok(_) => applied += 1,
                Err(error) => is_shown(&error),
            },
            Err(error) => is_shown(&error),
        }
    });
    assert!(applied > 20, "only {applied} were applied");
}

#[test]
fn database_files_are_read_or_refused() {
    let db = SHOP.on_disk();
    let image = std::fs::read(db.path()).unwrap();
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().join("damaged.db");
    let mut damaged = 0;
    each(500, |random| {
        let mut bytes = image.clone();
        for _ in 0..random.below(12) + 1 {
            // Most damage to the header, the schema and the first bytes of pages, which lead somewhere else.
            let place = match random.below(3) {
                0 => random.below(200),
                1 => random.below(bytes.len() / 4096) * 4096 + random.below(24),
                _ => random.below(bytes.len()),
            };
            bytes[place] = random.pick(&[0, 1, 0x7f, 0x80, 0xff, b'\'', 0x1b]);
        }
        bytes.truncate(if random.below(10) == 0 { random.below(bytes.len()) + 1 } else { bytes.len() });
        std::fs::write(&path, &bytes).unwrap();
        let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        if let Err(error) = check::integrity(&connection).try_assert_ok() {
            damaged += 1;
            is_shown(&error);
        }
        match schema::Schema::read(&connection) {
            Ok(schema) => drop(schema.canonical()),
            Err(error) => is_shown(&error),
        }
        if let Err(error) = check::query_rows(&connection, "SELECT * FROM orders JOIN users ON users.id = user_id") {
            is_shown(&error);
        }
    });
    assert!(damaged > 20, "only {damaged} were found damaged");
}

const WORDS: [&str; 60] = [
    "SELECT",
    "INSERT",
    "INTO",
    "UPDATE",
    "DELETE",
    "FROM",
    "WHERE",
    "users",
    "orders",
    "open",
    "id",
    "name",
    "total",
    "*",
    "=",
    "?1",
    ":a",
    "(",
    ")",
    ",",
    ";",
    "'it''s'",
    "\"id\"",
    "[name]",
    "`x`",
    "1",
    "-2.5e3",
    "x'00ff'",
    "NULL",
    "AND",
    "OR",
    "NOT",
    "IN",
    "LIKE",
    "'%a'",
    "ORDER BY",
    "GROUP BY",
    "LIMIT",
    "JOIN",
    "ON",
    "CREATE",
    "TABLE",
    "INDEX",
    "VIEW",
    "TRIGGER",
    "BEGIN",
    "END",
    "ALTER",
    "RENAME TO",
    "PRAGMA",
    "user_version",
    "-- c\n",
    "/* c",
    "*/",
    "'",
    "\"",
    "\u{1b}[2J",
    "\u{202e}",
    "\0",
    "é",
];

/// Statements that are SQL, of which parts are replaced.
const STATEMENTS: [&str; 10] = [
    "SELECT id , name FROM users WHERE name = ?1 AND id IN ( 1 , 2 )",
    "SELECT count(*) FROM orders JOIN users ON users.id = orders.user_id GROUP BY user_id ORDER BY total LIMIT 5",
    "INSERT INTO users ( name ) VALUES ( 'it''s' ) RETURNING id",
    "UPDATE orders SET total = total + 1 WHERE user_id = ( SELECT id FROM users WHERE name = 'ada' )",
    "DELETE FROM users WHERE id NOT IN ( SELECT user_id FROM orders )",
    "WITH a AS ( SELECT 1 AS x UNION ALL SELECT 2 ) SELECT x FROM a , users",
    "CREATE TABLE t ( a INTEGER PRIMARY KEY , b TEXT CHECK ( b <> '' ) , FOREIGN KEY ( b ) REFERENCES users ( id ) )",
    "CREATE TRIGGER g AFTER UPDATE ON users BEGIN SELECT 1 ; END",
    "ALTER TABLE users ADD COLUMN more TEXT DEFAULT ( 1 + 2 )",
    "SELECT json_extract ( body , '$.a' ) , CASE WHEN total > 0 THEN 'x' ELSE NULL END FROM open",
];

impl Random {
    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }

    fn sql(&mut self) -> String {
        let (source, changes) = match self.below(4) {
            0 => ("", 1),
            _ => (STATEMENTS[self.below(STATEMENTS.len())], self.below(4)),
        };
        let mut words: Vec<&str> = source.split(' ').collect();
        if source.is_empty() {
            words = (0..self.below(20)).map(|_| self.word()).collect();
        }
        for _ in 0..changes.min(words.len()) {
            let place = self.below(words.len());
            match self.below(3) {
                0 => words[place] = self.word(),
                1 => words.insert(place, self.word()),
                _ => drop(words.remove(place)),
            }
            if words.is_empty() {
                break;
            }
        }
        words.join(self.pick(&[" ", " ", " ", "\n", ""]))
    }
}
