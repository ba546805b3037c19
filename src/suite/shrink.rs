//! The smallest data that shows a failure, as SQL to paste.

use rusqlite::Connection;

use crate::check::is_invisible;
use crate::db::{Image, Scratch, Workshop};
use crate::error::{Error, Result};
use crate::schema::{ForeignKey, IndexedExpr, Schema, Table, TableKind};
use crate::sql::{plain_name, quote_identifier};

/// How often a row is taken away and put back: a failure is a reason to spend time, but not all of it.
const TRIES: usize = 600;
/// Values of more than so many letters are cut, if that still shows it.
const LONG: usize = 40;
/// How many rows are printed.
const SHOWN: usize = 12;

/// Takes rows away as long as `fails` says that it still does, and gives what is left as INSERTs.
pub(super) fn smallest(workshop: Workshop, image: &Image, fails: &mut dyn FnMut(Scratch) -> bool) -> Result<String> {
    let database = workshop.over(image.clone())?;
    let schema = Schema::read(&database)?;
    // What refers to a row goes before it; what is left behind has to be as valid as it was.
    let refused = |error| Error::sqlite("to take rows away", error);
    database.execute_batch("PRAGMA foreign_keys = OFF").map_err(refused)?;
    let dangling = count(&database, "SELECT count(*) FROM pragma_foreign_key_check").unwrap_or(0);
    let mut tries = TRIES;
    let mut attempt = |database: &Scratch, sql: &str| -> Result<bool> {
        if tries == 0 {
            return Ok(false);
        }
        tries -= 1;
        let trial = database.copy()?;
        let _ = trial.execute_batch("PRAGMA foreign_keys = OFF");
        let gone = trial.execute_batch(sql).is_ok()
            && count(&trial, "SELECT count(*) FROM pragma_foreign_key_check").unwrap_or(0) <= dangling;
        if !gone || !fails(trial.copy()?) {
            return Ok(false);
        }
        database.execute_batch(sql).map_err(refused)?;
        Ok(true)
    };
    // Children first: a row that others refer to cannot go before them.
    let tables: Vec<&Table> = parents_first(&schema).into_iter().rev().collect();
    for table in &tables {
        let name = quote_identifier(&table.name);
        if count(&database, &format!("SELECT count(*) FROM {name}")).unwrap_or(0) > 0 {
            attempt(&database, &format!("DELETE FROM {name}"))?;
        }
    }
    for table in &tables {
        let mut kept = 0;
        // Each row once: one that has to stay is stepped over.
        let name = quote_identifier(&table.name);
        while let Some(row) = row_at(&database, table, kept) {
            if !attempt(&database, &format!("DELETE FROM {name} WHERE {row}"))? {
                kept += 1;
            }
        }
    }
    for table in &tables {
        let name = quote_identifier(&table.name);
        if count(&database, &format!("SELECT count(*) FROM {name}")).unwrap_or(0) == 0 {
            continue;
        }
        for column in table.columns.iter().filter(|column| column.generated.is_none()) {
            let column = quote_identifier(&column.name);
            let is_long = format!("SELECT count(*) FROM {name} WHERE length({column}) > {LONG}");
            if !attempt(&database, &format!("UPDATE {name} SET {column} = NULL"))?
                && count(&database, &is_long).unwrap_or(0) > 0
            {
                attempt(&database, &format!("UPDATE {name} SET {column} = substr({column}, 1, {LONG})"))?;
            }
        }
    }
    inserts(&database, &schema).map_err(|error| Error::sqlite("to read the rows", error))
}

fn count(connection: &Connection, sql: &str) -> Option<i64> {
    connection.query_row(sql, [], |row| row.get(0)).ok()
}

/// What is true of the row at this place alone.
pub(super) fn row_at(connection: &Connection, table: &Table, place: usize) -> Option<String> {
    let name = quote_identifier(&table.name);
    let (condition, order) = if table.without_rowid {
        let key = table.primary_key.iter().flat_map(|key| &key.terms);
        let terms: Vec<String> = key
            .filter_map(|term| {
                let IndexedExpr::Column(column) = &term.what else { return None };
                let column = quote_identifier(column);
                Some((column.replace('\'', "''"), literal(&column)))
            })
            .map(|(column, value)| format!("'{column} IS ' || {value}"))
            .collect();
        (terms.join(" || ' AND ' || "), "")
    } else {
        ("'rowid = ' || rowid".to_owned(), "ORDER BY rowid ")
    };
    let sql = format!("SELECT {condition} FROM {name} {order}LIMIT 1 OFFSET {place}");
    connection.query_row(&sql, [], |row| row.get(0)).ok()
}

/// What makes a literal of a column's value. `quote` alone ends at a NUL: <https://www.sqlite.org/nulinstr.html>
pub(super) fn literal(column: &str) -> String {
    format!(
        "CASE WHEN typeof({column}) = 'text' AND instr({column}, char(0)) > 0 \
         THEN 'CAST(X''' || hex({column}) || ''' AS TEXT)' ELSE quote({column}) END"
    )
}

/// The same literal in characters that a terminal shows, and does not obey.
fn printable(literal: &[u8]) -> String {
    let within = 1..literal.len().saturating_sub(1).max(1);
    let Ok(text) = std::str::from_utf8(literal) else {
        let text: Vec<u8> = literal[within].to_vec();
        let mut digits = String::new();
        let mut quoted = false;
        for byte in text {
            quoted = byte == b'\'' && !quoted;
            if !quoted {
                digits.push_str(&format!("{byte:02X}"));
            }
        }
        return format!("CAST(X'{digits}' AS TEXT)");
    };
    if !text.contains(is_invisible) {
        return text.to_owned();
    }
    let mut parts: Vec<String> = Vec::new();
    let mut rest = &text[within];
    while let Some(first) = rest.chars().next() {
        let hidden = is_invisible(first);
        let end = rest.find(|letter| is_invisible(letter) != hidden).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        rest = behind;
        let codes = || part.chars().map(|letter| u32::from(letter).to_string()).collect::<Vec<_>>().join(", ");
        parts.push(if hidden { format!("char({})", codes()) } else { format!("'{part}'") });
    }
    parts.join(" || ")
}

/// The rows as INSERTs, parents first, without NULLs.
pub(super) fn inserts(connection: &Connection, schema: &Schema) -> rusqlite::Result<String> {
    let mut lines = Vec::new();
    for table in parents_first(schema) {
        let columns: Vec<&str> = table
            .columns
            .iter()
            .filter(|column| column.generated.is_none() && !column.hidden)
            .map(|column| column.name.as_str())
            .collect();
        let values: Vec<String> = columns.iter().map(|column| literal(&quote_identifier(column))).collect();
        let sql = format!("SELECT {} FROM {}", values.join(", "), quote_identifier(&table.name));
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let place = |name: &String| columns.iter().position(|column| column.eq_ignore_ascii_case(name));
        let own = own_references(table);
        let mut inserts: Vec<Insert> = Vec::new();
        while let Some(row) = rows.next()? {
            let (mut names, mut texts) = (Vec::new(), Vec::new());
            let value = |name: &String| -> rusqlite::Result<Vec<u8>> {
                let value = place(name).map(|at| row.get_ref(at)).transpose()?;
                Ok(value.and_then(|value| value.as_bytes().ok()).unwrap_or_default().to_vec())
            };
            let links: rusqlite::Result<Vec<_>> =
                own.iter().map(|(refers, key)| Ok((value(refers)?, value(key)?))).collect();
            for (at, column) in columns.iter().enumerate() {
                let text = printable(row.get_ref(at)?.as_bytes().unwrap_or_default());
                if text != "NULL" {
                    names.push(plain_name(column));
                    texts.push(text);
                }
            }
            let name = plain_name(&table.name);
            let line = match names.is_empty() {
                true => format!("INSERT INTO {name} DEFAULT VALUES;"),
                false => format!("INSERT INTO {name}({}) VALUES ({});", names.join(", "), texts.join(", ")),
            };
            inserts.push(Insert { line, links: links? });
        }
        // A row that others of its table refer to goes before them.
        while !inserts.is_empty() {
            let waits = |insert: &Insert| {
                insert.links.iter().enumerate().any(|(nth, (refers, key))| {
                    refers != key && inserts.iter().any(|other| other.links[nth].1 == *refers)
                })
            };
            let next = inserts.iter().position(|insert| !waits(insert)).unwrap_or(0);
            lines.push(inserts.remove(next).line);
        }
    }
    let more = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    if more > 0 {
        lines.push(format!("-- and {more} more rows"));
    }
    Ok(lines.join("\n"))
}

/// An INSERT, and for each reference of the table to itself the literal that refers and the one that is referred to.
struct Insert {
    line: String,
    links: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The columns with which a table refers to itself, and those that they refer to.
fn own_references(table: &Table) -> Vec<(String, String)> {
    let own = table.foreign_keys.iter().filter(|key| key.parent.eq_ignore_ascii_case(&table.name));
    let pair = |key: &ForeignKey| match (key.columns.as_slice(), &key.parent_columns, &table.primary_key) {
        ([column], Some(parents), _) => Some((column.to_string(), parents.first()?.to_string())),
        ([column], None, Some(primary)) => match &primary.terms.first()?.what {
            IndexedExpr::Column(key) => Some((column.to_string(), key.to_string())),
            _ => None,
        },
        _ => None,
    };
    own.filter_map(pair).collect()
}

fn parents_first(schema: &Schema) -> Vec<&Table> {
    let mut left: Vec<&Table> = schema.tables.iter().filter(|table| table.kind == TableKind::Ordinary).collect();
    let mut ordered: Vec<&Table> = Vec::new();
    while !left.is_empty() {
        let is_waited_for = |table: &&Table| {
            let parents = table.foreign_keys.iter().map(|key| key.parent.as_str());
            let mut parents = parents.filter(|parent| !parent.eq_ignore_ascii_case(&table.name));
            parents.any(|parent| left.iter().any(|other| other.name.eq_ignore_ascii_case(parent)))
        };
        // Tables that refer to each other come as they are.
        let next = left.iter().position(|table| !is_waited_for(table)).unwrap_or(0);
        ordered.push(left.remove(next));
    }
    ordered
}
