//! Rows that refer to nothing: `PRAGMA foreign_key_check`, with the rows themselves.

use std::collections::BTreeMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::integrity::{databases, failure, in_database};
use super::{Finding, Findings};
use crate::error::Refusal;
use crate::report::count;
use crate::sql;

/// How many rows of one constraint are shown.
const SHOWN: usize = 10;

pub(super) fn check(connection: &Connection, file: &str, findings: &mut Findings) {
    for database in databases(connection) {
        match tables(connection, &database) {
            Ok(tables) => {
                for table in tables {
                    // Table by table: a key that is declared wrongly ends the check of its table, not of the others.
                    check_table(connection, &database, &table, file, findings);
                }
            }
            Err(error) => findings.push(failure("PRAGMA foreign_key_check", file, &error)),
        }
    }
}

fn tables(connection: &Connection, database: &str) -> rusqlite::Result<Vec<String>> {
    let schema = if database == "temp" { "sqlite_temp_schema" } else { "sqlite_schema" };
    let query = format!(
        "SELECT name FROM {}.{schema} WHERE type = 'table' AND rootpage > 0 AND sql LIKE '%references%' ORDER BY name",
        sql::quote_identifier(database)
    );
    let mut statement = connection.prepare(&query)?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// A foreign key, as `PRAGMA foreign_key_list` has it.
struct Key {
    parent: String,
    from: Vec<String>,
    /// Empty where the key does not say and means the parent's PRIMARY KEY, which does not say either.
    to: Vec<String>,
}

fn check_table(connection: &Connection, database: &str, table: &str, file: &str, findings: &mut Findings) {
    let shown = in_database(database, table);
    match violations(connection, database, table) {
        Ok(violations) => {
            for (id, rows) in violations {
                match describe(connection, database, table, id, &rows) {
                    Ok(finding) => findings.push(finding),
                    Err(error) => findings.push(
                        Finding::new(
                            "fk-violated",
                            &shown,
                            format!("{} of {shown} refer to nothing", count(rows.len(), "row")),
                        )
                        .evidence("SQLite does not show them", error.to_string()),
                    ),
                }
            }
        }
        Err(error) => match Refusal::of(&error) {
            Some(refusal) if refusal.message.starts_with("foreign key mismatch") => {
                let cost =
                    "the parent has no PRIMARY KEY or UNIQUE index on just these columns: writes to either table fail";
                findings.push(Finding::new("fk-mismatch", &shown, refusal.message).cost(cost));
            }
            _ => findings.push(failure("PRAGMA foreign_key_check", file, &error)),
        },
    }
}

/// The rowids of the rows that refer to nothing, by the number of the key; `None` where there is no rowid.
fn violations(
    connection: &Connection,
    database: &str,
    table: &str,
) -> rusqlite::Result<BTreeMap<i64, Vec<Option<i64>>>> {
    let query =
        format!("PRAGMA {}.foreign_key_check({})", sql::quote_identifier(database), sql::quote_identifier(table));
    let mut statement = connection.prepare(&query)?;
    let mut rows = statement.query([])?;
    let mut found: BTreeMap<i64, Vec<Option<i64>>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        found.entry(row.get(3)?).or_default().push(row.get(1)?);
    }
    Ok(found)
}

fn describe(
    connection: &Connection,
    database: &str,
    table: &str,
    id: i64,
    rows: &[Option<i64>],
) -> rusqlite::Result<Finding> {
    let key = key(connection, database, table, id)?;
    let object = in_database(database, table);
    let to = if key.to.is_empty() { String::new() } else { format!("({})", key.to.join(", ")) };
    let verb = if rows.len() == 1 { "refers" } else { "refer" };
    let what = format!(
        "{} of {object} {verb} to nothing: {} -> {}{to}",
        count(rows.len(), "row"),
        key.from.join(", "),
        key.parent
    );
    let mut lines = lines(connection, database, table, &key, rows)?;
    if rows.len() > lines.len() {
        lines.push(format!("and {} more", rows.len() - lines.len()));
    }
    Ok(Finding::new("fk-violated", format!("{object}.{}", key.from.join(",")), what)
        .cost("joins lose such rows; with foreign_keys ON they could not have been committed")
        .evidence(format!("rows of {object}"), lines.join("\n")))
}

fn key(connection: &Connection, database: &str, table: &str, id: i64) -> rusqlite::Result<Key> {
    let mut statement = connection.prepare(
        "SELECT \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1, ?2) WHERE id = ?3 ORDER BY seq",
    )?;
    let mut rows = statement.query(rusqlite::params![table, database, id])?;
    let mut key = Key { parent: String::new(), from: Vec::new(), to: Vec::new() };
    while let Some(row) = rows.next()? {
        key.parent = row.get(0)?;
        key.from.push(row.get(1)?);
        key.to.extend(row.get::<_, Option<String>>(2)?);
    }
    if key.to.is_empty() {
        key.to = primary_key(connection, database, &key.parent)?;
    }
    Ok(key)
}

fn primary_key(connection: &Connection, database: &str, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1, ?2) WHERE pk > 0 ORDER BY pk")?;
    statement.query_map([table, database], |row| row.get(0))?.collect()
}

/// The first rows: what they are known by, and where they point.
fn lines(
    connection: &Connection,
    database: &str,
    table: &str,
    key: &Key,
    rows: &[Option<i64>],
) -> rusqlite::Result<Vec<String>> {
    let primary = primary_key(connection, database, table)?;
    let quoted = |columns: &[String]| {
        columns.iter().map(|column| format!("t.{}", sql::quote_identifier(column))).collect::<Vec<_>>()
    };
    let rowid = rows.first().is_some_and(Option::is_some).then(|| rowid_name(connection, database, table)).flatten();
    let known_by = if primary.is_empty() { vec![String::from("rowid")] } else { primary };
    let shown = match (known_by.as_slice(), rowid) {
        ([only], Some(rowid)) if only == "rowid" => vec![format!("t.{rowid}")],
        _ => quoted(&known_by),
    };
    let columns = [shown, quoted(&key.from)].concat().join(", ");
    let (database_in_sql, table_in_sql) = (sql::quote_identifier(database), sql::quote_identifier(table));
    let select = format!("SELECT {columns} FROM {database_in_sql}.{table_in_sql} AS t WHERE ");
    let line = |row: &Row<'_>| -> rusqlite::Result<String> {
        let pairs = |names: &[String], first: usize| -> rusqlite::Result<String> {
            let pair =
                |(index, name): (usize, &String)| Ok(format!("{name} = {}", shown_value(row.get_ref(first + index)?)));
            Ok(names.iter().enumerate().map(pair).collect::<rusqlite::Result<Vec<_>>>()?.join(", "))
        };
        Ok(format!("{}: {}", pairs(&known_by, 0)?, pairs(&key.from, known_by.len())?))
    };
    if let Some(rowid) = rowid {
        let mut statement = connection.prepare(&format!("{select} t.{rowid} = ?1"))?;
        return rows.iter().flatten().take(SHOWN).map(|rowid| statement.query_row([rowid], line)).collect();
    }
    // Without a rowid, SQLite only says how many there are.
    let not_null =
        quoted(&key.from).iter().map(|column| format!("{column} NOT NULL")).collect::<Vec<_>>().join(" AND ");
    let same = key.to.iter().zip(quoted(&key.from));
    let same = same.map(|(to, from)| format!("p.{} = {from}", sql::quote_identifier(to))).collect::<Vec<_>>();
    let parent = format!("{database_in_sql}.{}", sql::quote_identifier(&key.parent));
    let missing = format!("NOT EXISTS (SELECT 1 FROM {parent} AS p WHERE {})", same.join(" AND "));
    let mut statement = match connection.prepare(&format!("{select} {not_null} AND {missing} LIMIT {SHOWN}")) {
        Ok(statement) => statement,
        // The parent is not there at all, or not with these columns: then every row refers to nothing.
        Err(_) => connection.prepare(&format!("{select} {not_null} LIMIT {SHOWN}"))?,
    };
    statement.query_map([], line)?.collect()
}

/// The name of the rowid that no column has taken.
fn rowid_name(connection: &Connection, database: &str, table: &str) -> Option<&'static str> {
    let is_free = |name: &&str| -> bool {
        let sql = "SELECT count(*) FROM pragma_table_xinfo(?1, ?2) WHERE name = ?3 COLLATE NOCASE";
        connection.query_row(sql, [table, database, name], |row| row.get(0)).is_ok_and(|taken: i64| taken == 0)
    };
    ["rowid", "_rowid_", "oid"].into_iter().find(|name| is_free(name))
}

/// A value as an SQL literal, cut where it is long.
pub(super) fn shown_value(value: ValueRef<'_>) -> String {
    const LONGEST: usize = 60;
    let cut = |text: String| match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    match value {
        ValueRef::Null => String::from("NULL"),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => format!("{number:?}"),
        ValueRef::Text(text) => cut(sql::quote_text(&String::from_utf8_lossy(text))).replace('\n', "\\n"),
        ValueRef::Blob(bytes) => {
            let digits: String = bytes.iter().take(LONGEST).map(|byte| format!("{byte:02x}")).collect();
            cut(format!("x'{digits}'"))
        }
    }
}
