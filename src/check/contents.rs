//! Whether two databases hold the same, table by table.

use std::collections::{BTreeMap, HashMap};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use xxhash_rust::xxh64::Xxh64;

use super::foreign_keys::shown_value;
use crate::sql;

/// One difference between a source and its copy.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// `object` is a table, index, trigger, view or number of the header; `what` says how it differs.
    Schema {
        object: String,
        what: String,
        is_missing: bool,
    },
    Rows {
        table: String,
        missing: u64,
        extra: u64,
        example: Option<String>,
    },
}

/// Everything in which `copy` differs from `source`. Of a table that one of them lacks, only that is said.
pub(super) fn differences(source: &Connection, copy: &Connection) -> rusqlite::Result<Vec<Difference>> {
    let mut found = Vec::new();
    let (ours, theirs) = (objects(source)?, objects(copy)?);
    let lacks = |objects: &BTreeMap<Name, Object>, table: &str| {
        !objects.values().any(|object| object.kind == "table" && object.name == table)
    };
    let mut same_tables = Vec::new();
    for (name, object) in &ours {
        let (kind, what) = (&object.kind, &object.name);
        match theirs.get(name) {
            // An index goes with its table.
            None if kind != "table" && kind != "view" && lacks(&theirs, &object.table) => {}
            None => found.push(Difference::Schema {
                object: what.clone(),
                what: format!("the copy lacks the {kind} {what}"),
                is_missing: true,
            }),
            Some(copied) if copied.sql != object.sql => found.push(Difference::Schema {
                object: what.clone(),
                what: format!("the {kind} {what} is declared otherwise in the copy"),
                is_missing: false,
            }),
            Some(_) if kind == "table" && object.has_rows => same_tables.push(what),
            Some(_) => {}
        }
    }
    for (name, object) in &theirs {
        let (kind, what) = (&object.kind, &object.name);
        if !ours.contains_key(name) && (kind == "table" || kind == "view" || !lacks(&ours, &object.table)) {
            let text = format!("the copy has a {kind} that the source has not: {what}");
            found.push(Difference::Schema { object: what.clone(), what: text, is_missing: false });
        }
    }
    for name in ["user_version", "application_id"] {
        let ask = |of: &Connection| of.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
        let (source, copy) = (ask(source)?, ask(copy)?);
        if source != copy {
            let what = format!("PRAGMA {name} is {copy} in the copy and {source} in the source");
            found.push(Difference::Schema { object: name.to_owned(), what, is_missing: false });
        }
    }
    for table in same_tables {
        found.extend(rows_differ(source, copy, table)?);
    }
    Ok(found)
}

/// All that is in a database in one number: its objects as they are declared, its rows as bags, the numbers of its header.
/// What ANALYZE has noted is left out.
pub(crate) fn digest(connection: &Connection) -> rusqlite::Result<u64> {
    let mut digest = Xxh64::new(0);
    for object in objects(connection)?.values().filter(|object| !object.name.starts_with("sqlite_stat")) {
        for part in [&object.kind, &object.name, object.sql.as_ref().unwrap_or(&object.table)] {
            add(&mut digest, ValueRef::Text(part.as_bytes()));
        }
        if object.kind == "table" && object.has_rows {
            let (mut rows, mut sum) = (0_i64, 0_u64);
            each_row(connection, &select(connection, &object.name)?, &mut |row, _| {
                rows += 1;
                sum = sum.wrapping_add(row);
                Ok(true)
            })?;
            digest.update(&rows.to_le_bytes());
            digest.update(&sum.to_le_bytes());
        }
    }
    for name in ["user_version", "application_id"] {
        let number: i64 = connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?;
        digest.update(&number.to_le_bytes());
    }
    Ok(digest.digest())
}

type Name = (String, String);

struct Object {
    kind: String,
    name: String,
    table: String,
    sql: Option<String>,
    has_rows: bool,
}

fn objects(connection: &Connection) -> rusqlite::Result<BTreeMap<Name, Object>> {
    let mut statement =
        connection.prepare("SELECT type, name, tbl_name, sql, coalesce(rootpage, 0) > 0 FROM sqlite_schema")?;
    let object = |row: &Row<'_>| -> rusqlite::Result<(Name, Object)> {
        let (kind, name): (String, String) = (row.get(0)?, row.get(1)?);
        let object = Object {
            kind: kind.clone(),
            name: name.clone(),
            table: row.get(2)?,
            sql: row.get(3)?,
            has_rows: row.get(4)?,
        };
        Ok(((kind, name), object))
    };
    statement.query_map([], object)?.collect()
}

/// Rows as a bag: their order means nothing, and neither does a rowid that no column names, which VACUUM gives anew.
fn rows_differ(source: &Connection, copy: &Connection, table: &str) -> rusqlite::Result<Option<Difference>> {
    let select = select(source, table)?;
    let mut bag: HashMap<u64, i64> = HashMap::new();
    each_row(source, &select, &mut |digest, _| {
        *bag.entry(digest).or_default() += 1;
        Ok(true)
    })?;
    each_row(copy, &select, &mut |digest, _| {
        *bag.entry(digest).or_default() -= 1;
        Ok(true)
    })?;
    let sum = |counts: &mut dyn Iterator<Item = i64>| counts.map(i64::unsigned_abs).sum::<u64>();
    let missing = sum(&mut bag.values().copied().filter(|count| *count > 0));
    let extra = sum(&mut bag.values().copied().filter(|count| *count < 0));
    if missing == 0 && extra == 0 {
        return Ok(None);
    }
    let mut example = None;
    let (holder, sign) = if missing > 0 { (source, 1) } else { (copy, -1) };
    each_row(holder, &select, &mut |digest, row| {
        if bag.get(&digest).is_some_and(|count| count.signum() == sign) {
            example = Some(shown_row(row)?);
        }
        Ok(example.is_none())
    })?;
    Ok(Some(Difference::Rows { table: table.to_owned(), missing, extra, example }))
}

/// Reads what is stored. A generated column may call a function that the copy's connection does not have.
fn select(connection: &Connection, table: &str) -> rusqlite::Result<String> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE hidden = 0")?;
    let columns: Vec<String> = statement.query_map([table], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let columns: Vec<String> = columns.iter().map(|column| sql::quote_identifier(column)).collect();
    Ok(format!("SELECT {} FROM main.{}", columns.join(", "), sql::quote_identifier(table)))
}

/// Shows every row and its digest, until told to stop.
fn each_row(
    connection: &Connection,
    select: &str,
    look: &mut dyn FnMut(u64, &Row<'_>) -> rusqlite::Result<bool>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(select)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut digest = Xxh64::new(0);
        for column in 0..columns {
            add(&mut digest, row.get_ref(column)?);
        }
        if !look(digest.digest(), row)? {
            break;
        }
    }
    Ok(())
}

/// A value with its type and its length, so that neighbours do not run into one another.
fn add(digest: &mut Xxh64, value: ValueRef<'_>) {
    let mut part = |kind: u8, bytes: &[u8]| {
        digest.update(&[kind]);
        digest.update(&(bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    match value {
        ValueRef::Null => part(0, &[]),
        ValueRef::Integer(number) => part(1, &number.to_le_bytes()),
        ValueRef::Real(number) => part(2, &number.to_bits().to_le_bytes()),
        ValueRef::Text(text) => part(3, text),
        ValueRef::Blob(bytes) => part(4, bytes),
    }
}

/// The first columns of a row.
fn shown_row(row: &Row<'_>) -> rusqlite::Result<String> {
    const SHOWN: usize = 4;
    let statement: &rusqlite::Statement<'_> = row.as_ref();
    let pair = |column| Ok(format!("{} = {}", statement.column_name(column)?, shown_value(row.get_ref(column)?)));
    let columns = 0..statement.column_count().min(SHOWN);
    Ok(columns.map(pair).collect::<rusqlite::Result<Vec<_>>>()?.join(", "))
}
