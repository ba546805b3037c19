//! Every change of a schema changes its canonical form, and the differences name the changed object.

use std::collections::BTreeMap;
use std::path::Path;

use sqlitmus::migrations::Migrations;
use sqlitmus::rusqlite::Connection;
use sqlitmus::schema::{Column, Schema};

/// The name of a kind of change, and a function that makes it to a line. It returns `None` for lines without such a
/// part.
type Kind = (&'static str, fn(&str) -> Option<String>);

/// The changes to one line of a canonical form. An empty line is dropped.
const KINDS: [Kind; 36] = [
    ("NOT NULL dropped", |line| column(line).and_then(|line| replaced(line, " NOT NULL", ""))),
    ("NOT NULL added", |line| {
        column(line).filter(|line| !line.contains("NULL")).map(|line| behind_type(line, "NOT NULL"))
    }),
    ("DEFAULT dropped", |line| column(line).and_then(|line| without_clause(line, " DEFAULT "))),
    ("DEFAULT added", |line| {
        column(line).filter(|line| !line.contains("DEFAULT")).map(|line| behind_type(line, "DEFAULT 7"))
    }),
    ("type of text", |line| column(line).and_then(|line| replaced(line, " TEXT", " BLOB"))),
    ("type of numbers", |line| column(line).and_then(|line| replaced(line, " INTEGER", " INT"))),
    ("collation dropped", |line| column(line).and_then(|line| replaced(line, " COLLATE NOCASE", ""))),
    ("collation added", |line| {
        column(line).filter(|line| !line.contains("COLLATE")).map(|line| behind_type(line, "COLLATE RTRIM"))
    }),
    ("CHECK added", |line| column(line).map(|line| behind_type(line, "CHECK (random() > 5)"))),
    ("UNIQUE added", |line| column(line).map(|line| behind_type(line, "UNIQUE ON CONFLICT FAIL"))),
    ("foreign key added", |line| column(line).map(|line| behind_type(line, "REFERENCES elsewhere"))),
    ("AUTOINCREMENT dropped", |line| replaced(line, " AUTOINCREMENT", "")),
    ("AUTOINCREMENT added", |line| replaced(line, "INTEGER PRIMARY KEY,", "INTEGER PRIMARY KEY AUTOINCREMENT,")),
    ("the rowid's direction", |line| replaced(line, "INTEGER PRIMARY KEY,", "INTEGER PRIMARY KEY DESC,")),
    ("STORED", |line| replaced(line, " STORED", " VIRTUAL")),
    ("column dropped", |line| column(line).map(|_| String::new())),
    ("column renamed", |line| column(line).map(|line| line.replacen("    ", "    renamed_", 1))),
    ("column added", |line| column(line).map(|line| format!("    one_more ANY,\n{line}"))),
    ("constraint dropped", |line| constraint(line).map(|_| String::new())),
    ("key's direction", |line| starts(line, "    UNIQUE (").and_then(|line| replaced(line, ")", " DESC)"))),
    ("key's conflict", |line| {
        starts(line, "    UNIQUE (").and_then(|line| replaced(line, ")", ") ON CONFLICT IGNORE"))
    }),
    ("action dropped", |line| without_clause(line, " ON DELETE ")),
    ("action changed", |line| replaced(line, "ON DELETE CASCADE", "ON DELETE SET DEFAULT")),
    ("action added", |line| starts(line, "    FOREIGN KEY").and_then(|line| before_comma(line, " ON UPDATE SET NULL"))),
    ("deferred", |line| {
        starts(line, "    FOREIGN KEY").and_then(|line| before_comma(line, " DEFERRABLE INITIALLY DEFERRED"))
    }),
    ("number changed", |line| replaced(line, " > 0", " > 1")),
    ("text changed", |line| line.find('\'').map(|at| format!("{}Changed{}", &line[..=at], &line[at + 1..]))),
    ("STRICT", |line| replaced(line, ") STRICT", ")")),
    ("WITHOUT ROWID", |line| replaced(line, ", WITHOUT ROWID", "")),
    ("UNIQUE of an index", |line| replaced(line, "CREATE UNIQUE INDEX", "CREATE INDEX")),
    ("UNIQUE of another", |line| replaced(line, "CREATE INDEX", "CREATE UNIQUE INDEX")),
    ("an index's term", |line| index(line).and_then(|line| replaced(line, ")", ", hex(1))"))),
    ("an index's condition", |line| index(line).and_then(|line| without_clause(line, " WHERE "))),
    ("index dropped", |line| index(line).map(|_| String::new())),
    ("a trigger's time", |line| starts(line, "CREATE TRIGGER").and_then(|line| replaced(line, " AFTER ", " BEFORE "))),
    ("a trigger's event", |line| {
        starts(line, "CREATE TRIGGER").and_then(|line| replaced(line, " INSERT ", " DELETE "))
    }),
];

fn starts<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    Some(line).filter(|line| line.starts_with(start))
}

fn is_constraint(line: &str) -> bool {
    ["PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "CONSTRAINT"].iter().any(|word| line.trim().starts_with(word))
}

fn constraint(line: &str) -> Option<&str> {
    starts(line, "    ").filter(|line| is_constraint(line))
}

/// Returns the line if it declares a column. Statements in triggers and views end with a semicolon.
fn column(line: &str) -> Option<&str> {
    starts(line, "    ").filter(|line| !is_constraint(line) && !line.ends_with(';'))
}

fn index(line: &str) -> Option<&str> {
    Some(line).filter(|line| line.starts_with("CREATE INDEX") || line.starts_with("CREATE UNIQUE INDEX"))
}

fn replaced(line: &str, from: &str, to: &str) -> Option<String> {
    line.contains(from).then(|| line.replacen(from, to, 1))
}

fn behind_type(line: &str, clause: &str) -> String {
    match line.strip_suffix(',') {
        Some(line) => format!("{line} {clause},"),
        None => format!("{line} {clause}"),
    }
}

fn before_comma(line: &str, clause: &str) -> Option<String> {
    Some(behind_type(line, clause.trim()))
}

/// Returns the line without a clause and its value.
fn without_clause(line: &str, clause: &str) -> Option<String> {
    let start = line.find(clause)?;
    let mut end = start + clause.len();
    if clause == " WHERE " {
        end = line.len() - 1;
    } else if line[end..].starts_with("SET ") {
        end += "SET NULL".len();
    } else {
        end += line[end..].find([' ', ',']).unwrap_or(line.len() - end);
    }
    Some(format!("{}{}", &line[..start], &line[end..]))
}

/// Returns the text with one line changed, and without the comma that a dropped last line leaves.
fn with_line(lines: &[&str], at: usize, line: &str) -> String {
    let mut changed = lines.to_vec();
    changed[at] = line;
    let text: Vec<&str> = changed.into_iter().filter(|line| !line.is_empty()).collect();
    text.join("\n").replace(",\n)", "\n)").replace("(\n)", "(one_more)")
}

/// Returns the name of the table, index, trigger or view that line `at` belongs to.
fn object(lines: &[&str], at: usize) -> String {
    let head = lines[..=at].iter().rfind(|line| line.starts_with("CREATE ")).unwrap();
    let words = head.split(['(', ' ']).filter(|word| !word.is_empty());
    let kinds = ["CREATE", "UNIQUE", "VIRTUAL", "TABLE", "INDEX", "TRIGGER", "VIEW"];
    words.skip_while(|word| kinds.contains(word)).map(str::to_owned).next().unwrap()
}

fn columns(schema: &Schema) -> Vec<&Column> {
    schema.tables.iter().flat_map(|table| &table.columns).collect()
}

fn built(sql: &str) -> Option<Schema> {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(sql).ok()?;
    Some(Schema::read(&connection).unwrap())
}

/// Tries every kind of change at up to `places` lines. Counts how often each was accepted by SQLite.
#[track_caller]
fn check_changes(schema: &Schema, places: usize, counts: &mut BTreeMap<&'static str, usize>) {
    let canonical = schema.canonical();
    let lines: Vec<&str> = canonical.lines().collect();
    for (kind, change) in KINDS {
        let changes = (0..lines.len()).filter_map(|at| change(lines[at]).map(|line| (at, line)));
        let mut tried = 0;
        for (at, line) in changes {
            let Some(changed) = built(&with_line(&lines, at, &line)) else { continue };
            // A key of a STRICT table or one WITHOUT ROWID implies NOT NULL, so nothing has changed.
            if kind == "NOT NULL dropped" && columns(&changed) == columns(schema) {
                continue;
            }
            let context = format!("{kind}: {} became {line}", lines[at]);
            assert_ne!(changed.canonical(), canonical, "{context}");
            let diff = schema.diff(&changed);
            let name = object(&lines, at);
            assert!(diff.iter().any(|difference| difference.object().contains(&name)), "{context}:\n{diff}");
            assert_eq!(changed.diff(schema).is_empty(), diff.is_empty(), "{context}");
            *counts.entry(kind).or_default() += 1;
            tried += 1;
            if tried == places {
                break;
            }
        }
    }
}

fn fixture(name: &str) -> Schema {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    let mut connection = Connection::open_in_memory().unwrap();
    Migrations::load(path).unwrap().apply(&mut connection).unwrap();
    Schema::read(&connection).unwrap()
}

#[test]
fn every_change_is_found() {
    let mut counts = BTreeMap::new();
    for name in ["shop/migrations", "guide/schema.sql", "formats/plain"] {
        check_changes(&fixture(name), 3, &mut counts);
    }
    let more = built(
        "CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, b TEXT COLLATE NOCASE, c AS (b || 'x') STORED, UNIQUE(b));
         CREATE TABLE d(e TEXT, f REFERENCES a ON DELETE SET NULL, PRIMARY KEY(e)) STRICT, WITHOUT ROWID;",
    );
    check_changes(&more.unwrap_or_else(|| fixture("formats/plain")), 5, &mut counts);
    let never: Vec<_> = KINDS.iter().map(|(kind, _)| kind).filter(|kind| !counts.contains_key(*kind)).collect();
    assert!(never.is_empty(), "never tried: {never:?}");
}
