//! All rows as one number.

use std::fmt;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use xxhash_rust::xxh64::xxh64;

use super::tables::{Reading, Table};
use crate::error::{Result, or_panic};

/// What is in a database, as a number: equal for equal rows, whatever the order in which they were inserted. The names of
/// tables and columns count; keys, types of columns, indexes and triggers do not.
#[derive(Clone, Debug)]
pub struct Digest {
    tables: Vec<TableDigest>,
    sequence: Option<TableDigest>,
}

/// What is in a table, as a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TableDigest {
    /// The name of the table.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
    /// The number.
    pub value: u64,
}

/// The digest of all rows that `connection` sees in `main`.
///
/// ```
/// use sqlitmus::check;
///
/// let db = sqlitmus::Template::empty().in_memory();
/// db.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (1), (2)").unwrap();
/// let before = check::digest(&db);
/// db.execute_batch("DELETE FROM t WHERE x = 1; INSERT INTO t VALUES (1)").unwrap();
/// assert_eq!(check::digest(&db), before);
/// db.execute_batch("UPDATE t SET x = '1' WHERE x = 1").unwrap();
/// assert_ne!(check::digest(&db), before, "a text is not a number");
/// ```
///
/// # Panics
/// When SQLite refuses to read.
#[track_caller]
pub fn digest(connection: &Connection) -> Digest {
    or_panic(try_digest(connection))
}

/// Like [`digest`], without the panic.
///
/// # Errors
/// When SQLite refuses to read.
pub fn try_digest(connection: &Connection) -> Result<Digest> {
    let reading = Reading::begin(connection)?;
    let tables = reading.tables()?.iter().map(|table| digest_of(&reading, table)).collect::<Result<_>>()?;
    let sequence = reading.sequence()?.map(|table| digest_of(&reading, &table)).transpose()?;
    Ok(Digest { tables, sequence })
}

impl Digest {
    /// The digests of the tables, in the order of their names.
    pub fn tables(&self) -> &[TableDigest] {
        &self.tables
    }

    /// The digest of the table of this name.
    pub fn table(&self, name: &str) -> Option<&TableDigest> {
        self.tables.iter().find(|table| table.name.eq_ignore_ascii_case(name))
    }

    /// The digest of `sqlite_sequence`, where AUTOINCREMENT keeps its numbers. It is not part of the whole: a row that was
    /// inserted and deleted again leaves its trace there.
    pub fn sequence(&self) -> Option<&TableDigest> {
        self.sequence.as_ref()
    }

    /// All of it in one number.
    pub fn value(&self) -> u64 {
        let mut bytes = Vec::new();
        for table in &self.tables {
            put_bytes(&mut bytes, table.name.to_ascii_lowercase().as_bytes());
            bytes.extend_from_slice(&table.value.to_le_bytes());
        }
        xxh64(&bytes, 0)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Digest) -> bool {
        self.value() == other.value()
    }
}

impl Eq for Digest {}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.value())
    }
}

/// The sum of the digests of the rows, which does not depend on their order, and in which a row that is there twice counts
/// twice.
fn digest_of(reading: &Reading<'_>, table: &Table) -> Result<TableDigest> {
    let refused = |error| reading.refused(format_args!("to read the table {}", table.name), error);
    let mut columns: Vec<&str> = table.columns.iter().map(String::as_str).collect();
    columns.sort_by_key(|name| name.to_ascii_lowercase());
    let mut statement = reading.connection.prepare(&reading.select(table, &columns, &[])).map_err(refused)?;
    let mut rows = statement.query([]).map_err(refused)?;
    let (mut count, mut sum) = (0_u64, 0_u64);
    let mut bytes = Vec::new();
    while let Some(row) = rows.next().map_err(refused)? {
        bytes.clear();
        for at in 0..columns.len() {
            put(&mut bytes, row.get_ref(at).map_err(refused)?);
        }
        sum = sum.wrapping_add(xxh64(&bytes, 0));
        count += 1;
    }
    bytes.clear();
    for column in columns {
        put_bytes(&mut bytes, column.to_ascii_lowercase().as_bytes());
    }
    bytes.extend_from_slice(&count.to_le_bytes());
    bytes.extend_from_slice(&sum.to_le_bytes());
    Ok(TableDigest { name: table.name.clone(), rows: count, value: xxh64(&bytes, 0) })
}

/// The type, then the value, in as many bytes as can be told from what precedes them: no two rows give the same bytes.
fn put(bytes: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => bytes.push(0),
        ValueRef::Integer(number) => {
            bytes.push(1);
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        ValueRef::Real(number) => {
            bytes.push(2);
            bytes.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        ValueRef::Text(text) => {
            bytes.push(3);
            put_bytes(bytes, text);
        }
        ValueRef::Blob(blob) => {
            bytes.push(4);
            put_bytes(bytes, blob);
        }
    }
}

fn put_bytes(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
    bytes.extend_from_slice(part);
}
