//! Rows whose parent does not exist: `PRAGMA foreign_key_check`, with the rows themselves.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::shared::{databases, failure, in_database};
use crate::check::finding::Finding;
use crate::check::findings::Findings;
use crate::error::Refusal;
use crate::order::SortedMap;
use crate::report::count;
use crate::sql::{quote_identifier, quote_text};

/// The code of rows whose parent does not exist.
pub(super) const VIOLATED: &str = "fk-violated";

/// The number of rows shown for one foreign key.
const SHOWN: usize = 10;

pub(super) fn check(connection: &Connection, file: &str, findings: &mut Findings) {
    for database in databases(connection) {
        if is_sound(connection, &database) {
            continue;
        }
        match tables(connection, &database) {
            // Table by table: a foreign key that is declared wrongly ends the check of its table, not of the others.
            Ok(tables) => {
                for name in &tables {
                    Child { connection, database: &database, name }.check(file, findings);
                }
            }
            Err(error) => findings.push(failure("PRAGMA foreign_key_check", file, &error)),
        }
    }
}

/// Returns true if all foreign keys can be checked, and no row violates one.
fn is_sound(connection: &Connection, database: &str) -> bool {
    let sql = format!("PRAGMA {}.foreign_key_check", quote_identifier(database));
    connection.prepare(&sql).and_then(|mut check| check.exists([])).is_ok_and(|is_violated| !is_violated)
}

/// Returns the tables that may have foreign keys.
fn tables(connection: &Connection, database: &str) -> rusqlite::Result<Vec<String>> {
    let schema = if database == "temp" { "sqlite_temp_schema" } else { "sqlite_schema" };
    let query = format!(
        "SELECT name FROM {}.{schema} WHERE type = 'table' AND rootpage > 0 AND sql LIKE '%references%' ORDER BY name",
        quote_identifier(database)
    );
    let mut statement = connection.prepare(&query)?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// A foreign key, as `PRAGMA foreign_key_list` has it.
struct Key {
    parent: String,
    from: Vec<String>,
    /// Empty if neither the key nor the parent's PRIMARY KEY names columns.
    to: Vec<String>,
}

/// A table with foreign keys.
struct Child<'a> {
    connection: &'a Connection,
    database: &'a str,
    name: &'a str,
}

impl Child<'_> {
    fn check(&self, file: &str, findings: &mut Findings) {
        let shown = in_database(self.database, self.name);
        match self.violations() {
            Ok(violations) => findings.extend(violations.into_iter().map(|(id, rows)| {
                self.describe(id, &rows).unwrap_or_else(|error| {
                    let what = format!("{} of {shown} {} to nothing", count(rows.len(), "row"), verb(rows.len()));
                    Finding::new(VIOLATED, &shown, what).evidence("SQLite does not show them", error.to_string())
                })
            })),
            Err(error) => findings.push(match Refusal::of(&error) {
                Some(refusal) if refusal.message.starts_with("foreign key mismatch") => {
                    let cost = "the parent has no PRIMARY KEY or UNIQUE index on just these columns: writes to either \
                                table fail";
                    Finding::new("fk-mismatch", &shown, refusal.message).cost(cost)
                }
                _ => failure("PRAGMA foreign_key_check", file, &error),
            }),
        }
    }

    /// Returns the rowids of the violating rows by the number of the foreign key; `None` where there is no rowid.
    fn violations(&self) -> rusqlite::Result<SortedMap<i64, Vec<Option<i64>>>> {
        let (database, table) = (quote_identifier(self.database), quote_identifier(self.name));
        let mut statement = self.connection.prepare(&format!("PRAGMA {database}.foreign_key_check({table})"))?;
        let mut rows = statement.query([])?;
        let mut found: SortedMap<i64, Vec<Option<i64>>> = SortedMap::new();
        while let Some(row) = rows.next()? {
            found.get_or_default(row.get(3)?).push(row.get(1)?);
        }
        Ok(found)
    }

    fn describe(&self, id: i64, rows: &[Option<i64>]) -> rusqlite::Result<Finding> {
        let key = self.key(id)?;
        let object = in_database(self.database, self.name);
        let to = if key.to.is_empty() { String::new() } else { format!("({})", key.to.join(", ")) };
        let what = format!(
            "{} of {object} {} to nothing: {} -> {}{to}",
            count(rows.len(), "row"),
            verb(rows.len()),
            key.from.join(", "),
            key.parent
        );
        let mut lines = self.lines(&key, rows)?;
        if rows.len() > lines.len() {
            lines.push(format!("and {} more", rows.len() - lines.len()));
        }
        Ok(Finding::new(VIOLATED, format!("{object}.{}", key.from.join(",")), what)
            .cost("joins lose such rows; with foreign_keys ON they could not have been committed")
            .evidence(format!("rows of {object}"), lines.join("\n")))
    }

    fn key(&self, id: i64) -> rusqlite::Result<Key> {
        let mut statement = self.connection.prepare(
            "SELECT \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1, ?2) WHERE id = ?3 ORDER BY seq",
        )?;
        let mut rows = statement.query(rusqlite::params![self.name, self.database, id])?;
        let mut key = Key { parent: String::new(), from: Vec::new(), to: Vec::new() };
        while let Some(row) = rows.next()? {
            key.parent = row.get(0)?;
            key.from.push(row.get(1)?);
            key.to.extend(row.get::<_, Option<String>>(2)?);
        }
        if key.to.is_empty() {
            key.to = self.primary_key(&key.parent)?;
        }
        Ok(key)
    }

    fn primary_key(&self, table: &str) -> rusqlite::Result<Vec<String>> {
        let sql = "SELECT name FROM pragma_table_info(?1, ?2) WHERE pk > 0 ORDER BY pk";
        self.connection.prepare(sql)?.query_map([table, self.database], |row| row.get(0))?.collect()
    }

    /// Shows the first rows: what identifies them, and the values that refer to nothing.
    fn lines(&self, key: &Key, rows: &[Option<i64>]) -> rusqlite::Result<Vec<String>> {
        let primary = self.primary_key(self.name)?;
        let quoted = |columns: &[String]| {
            columns.iter().map(|column| format!("t.{}", quote_identifier(column))).collect::<Vec<_>>()
        };
        let rowid = rows.first().is_some_and(Option::is_some).then(|| self.rowid_name()).flatten();
        let identity = if primary.is_empty() { vec![String::from("rowid")] } else { primary };
        let shown = match (identity.as_slice(), rowid) {
            ([only], Some(rowid)) if only == "rowid" => vec![format!("t.{rowid}")],
            _ => quoted(&identity),
        };
        let columns = [shown, quoted(&key.from)].concat().join(", ");
        let (database, table) = (quote_identifier(self.database), quote_identifier(self.name));
        let select = format!("SELECT {columns} FROM {database}.{table} AS t WHERE ");
        let line = |row: &Row<'_>| -> rusqlite::Result<String> {
            let pairs = |names: &[String], first: usize| -> rusqlite::Result<String> {
                let pair = |(index, name): (usize, &String)| {
                    Ok(format!("{name} = {}", shown_value(row.get_ref(first + index)?)))
                };
                Ok(names.iter().enumerate().map(pair).collect::<rusqlite::Result<Vec<_>>>()?.join(", "))
            };
            Ok(format!("{}: {}", pairs(&identity, 0)?, pairs(&key.from, identity.len())?))
        };
        if let Some(rowid) = rowid {
            let mut statement = self.connection.prepare(&format!("{select} t.{rowid} = ?1"))?;
            return rows.iter().flatten().take(SHOWN).map(|rowid| statement.query_row([rowid], line)).collect();
        }
        // Without a rowid, SQLite only says how many there are.
        let not_null = quoted(&key.from).iter().map(|column| format!("{column} NOT NULL")).collect::<Vec<_>>();
        let not_null = not_null.join(" AND ");
        let same = key.to.iter().zip(quoted(&key.from));
        let same = same.map(|(to, from)| format!("p.{} = {from}", quote_identifier(to))).collect::<Vec<_>>();
        let parent = format!("{database}.{}", quote_identifier(&key.parent));
        let missing = format!("NOT EXISTS (SELECT 1 FROM {parent} AS p WHERE {})", same.join(" AND "));
        let mut statement = match self.connection.prepare(&format!("{select} {not_null} AND {missing} LIMIT {SHOWN}")) {
            Ok(statement) => statement,
            // The parent or its columns do not exist: then no row has a parent.
            Err(_) => self.connection.prepare(&format!("{select} {not_null} LIMIT {SHOWN}"))?,
        };
        statement.query_map([], line)?.collect()
    }

    /// Returns a name of the rowid that no column has taken.
    fn rowid_name(&self) -> Option<&'static str> {
        let is_free = |name: &&str| -> bool {
            let sql = "SELECT count(*) FROM pragma_table_xinfo(?1, ?2) WHERE name = ?3 COLLATE NOCASE";
            let taken = self.connection.query_row(sql, [self.name, self.database, *name], |row| row.get::<_, i64>(0));
            taken.is_ok_and(|taken| taken == 0)
        };
        ["rowid", "_rowid_", "oid"].into_iter().find(is_free)
    }
}

fn verb(rows: usize) -> &'static str {
    if rows == 1 { "refers" } else { "refer" }
}

/// Returns a value as an SQL literal, cut where it is long.
pub(in crate::check) fn shown_value(value: ValueRef<'_>) -> String {
    const LONGEST: usize = 60;
    let cut = |text: String| match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    match value {
        ValueRef::Null => String::from("NULL"),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => format!("{number:?}"),
        ValueRef::Text(text) => cut(quote_text(&String::from_utf8_lossy(text))).replace('\n', "\\n"),
        ValueRef::Blob(bytes) => {
            let digits: String = bytes.iter().take(LONGEST).map(|byte| format!("{byte:02x}")).collect();
            cut(format!("x'{digits}'"))
        }
    }
}
