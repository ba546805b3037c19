//! Digests of the rows of a database, and what its file holds besides rows.

use std::fmt;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use xxhash_rust::xxh64::xxh64;

use super::cell::{Cell, put, put_bytes};
use super::header::header_numbers;
use super::mask::Mask;
use super::tables::{Snapshot, Table, TableSet, sequence, tables};
use crate::error::{Result, or_panic};
use crate::order::{Order as _, SortedMap};
use crate::schema::entries::{SchemaEntry, entries};
use crate::sql::same_name;

/// A digest of the rows of a database: equal for equal rows, in whatever order they were inserted. The names of tables and
/// columns count. Keys, types of columns, indexes and triggers do not.
#[derive(Clone, Debug)]
pub struct Digest {
    tables: Vec<TableDigest>,
    sequence: Option<TableDigest>,
}

/// A digest of the rows of a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TableDigest {
    /// The name of the table.
    pub name: String,
    /// The number of rows.
    pub rows: u64,
    /// The digest.
    pub value: u64,
}

/// Returns a digest of all rows that `connection` sees in `main`.
///
/// ```
/// use sqlitmus::check;
///
/// let db = sqlitmus::Template::empty().in_memory();
/// db.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (1), (2)").unwrap();
/// let before = check::digest(&db);
/// db.execute_batch("DELETE FROM t WHERE x = 1; INSERT INTO t VALUES (1)")
///     .unwrap();
/// assert_eq!(check::digest(&db), before);
/// db.execute_batch("UPDATE t SET x = '1' WHERE x = 1").unwrap();
/// assert_ne!(check::digest(&db), before, "a text is not a number");
/// ```
///
/// # Panics
/// If SQLite refuses to read.
#[track_caller]
pub fn digest(connection: &Connection) -> Digest {
    or_panic(try_digest(connection))
}

/// Like [`digest`], without the panic.
///
/// # Errors
/// If SQLite refuses to read.
pub fn try_digest(connection: &Connection) -> Result<Digest> {
    masked_digest(connection, &Mask::default())
}

/// Like [`try_digest`], with masked columns.
pub(crate) fn masked_digest(connection: &Connection, mask: &Mask) -> Result<Digest> {
    let snapshot = Snapshot::begin(connection)?;
    let digest = |table: &Table| digest_of(&snapshot, table, mask);
    let tables = tables(&snapshot, TableSet::Data)?.iter().map(digest).collect::<Result<_>>()?;
    let sequence = sequence(&snapshot)?.as_ref().map(digest).transpose()?;
    Ok(Digest { tables, sequence })
}

/// Returns a digest of everything that a database file holds: the schema as it is declared, the rows of all tables, and the
/// numbers of the header. The statistics of ANALYZE are left out.
pub(crate) fn content_digest(connection: &Connection, mask: &Mask) -> Result<u64> {
    let snapshot = Snapshot::begin(connection)?;
    let BesidesRows { declarations, numbers } = BesidesRows::of(&snapshot, mask)?;
    let mut bytes = declarations.to_le_bytes().to_vec();
    for table in tables(&snapshot, TableSet::Stored)?.iter().filter(|table| !is_statistics(&table.name)) {
        bytes.extend_from_slice(&digest_of(&snapshot, table, mask)?.value.to_le_bytes());
    }
    for number in numbers {
        put(&mut bytes, number.map_or(ValueRef::Null, ValueRef::Integer));
    }
    Ok(xxh64(&bytes, 0))
}

/// The schema and the numbers of a database file: all that it holds besides rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BesidesRows {
    /// A digest of the schema as it is declared, without the tables of statistics.
    pub(crate) declarations: u64,
    /// The numbers of the header that belong to the app. `None` for a number that is masked.
    pub(crate) numbers: [Option<i64>; 2],
}

impl BesidesRows {
    /// Reads what `connection` sees in `main`.
    pub(crate) fn read(connection: &Connection, mask: &Mask) -> Result<BesidesRows> {
        BesidesRows::of(&Snapshot::begin(connection)?, mask)
    }

    fn of(snapshot: &Snapshot<'_>, mask: &Mask) -> Result<BesidesRows> {
        let mut bytes = Vec::new();
        for entry in schema_entries(snapshot)?.values().filter(|entry| !is_statistics(&entry.name)) {
            for part in [&entry.kind, &entry.name, entry.sql.as_ref().unwrap_or(&entry.table)] {
                put_bytes(&mut bytes, part.as_bytes());
            }
        }
        let numbers = header_numbers(snapshot)?;
        let compared =
            |(name, number)| Some(number).filter(|number| mask.of_number(name).is_none_or(|it| it == *number));
        Ok(BesidesRows { declarations: xxh64(&bytes, 0), numbers: numbers.map(compared) })
    }
}

/// Returns true for a table in which ANALYZE keeps its statistics.
fn is_statistics(table: &str) -> bool {
    table.starts_with("sqlite_stat")
}

impl Digest {
    /// Returns the digests of the tables, in the order of their names.
    pub fn tables(&self) -> &[TableDigest] {
        &self.tables
    }

    /// Returns the digest of the table with this name.
    pub fn table(&self, name: &str) -> Option<&TableDigest> {
        self.tables.iter().find(|table| same_name(&table.name, name))
    }

    /// Returns the digest of `sqlite_sequence`, where AUTOINCREMENT keeps its numbers. It is not part of
    /// [`value`](Digest::value), because a row that was inserted and deleted again leaves a trace there.
    pub fn sequence(&self) -> Option<&TableDigest> {
        self.sequence.as_ref()
    }

    /// Returns one number for all tables.
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

/// Adds up the digests of the rows. The sum does not depend on their order, and counts duplicate rows.
fn digest_of(snapshot: &Snapshot<'_>, table: &Table, mask: &Mask) -> Result<TableDigest> {
    let refused = |error| table.refused(snapshot, error);
    let mut columns: Vec<&str> = table.columns.iter().map(String::as_str).collect();
    columns.order_by_key(|name| name.to_ascii_lowercase());
    let masked: Vec<_> = columns.iter().map(|column| mask.of(&table.name, column)).collect();
    let select = table.select(snapshot, &columns, &[]);
    let mut statement = snapshot.connection.prepare(&select).map_err(refused)?;
    let mut rows = statement.query([]).map_err(refused)?;
    let (mut count, mut sum) = (0_u64, 0_u64);
    let mut bytes = Vec::new();
    while let Some(row) = rows.next().map_err(refused)? {
        bytes.clear();
        for (at, before) in masked.iter().enumerate() {
            let value = row.get_ref(at).map_err(refused)?;
            match before {
                Some(before) if !before.contains(&Cell::of(value).digest()) => bytes.push(MASKED),
                _ => put(&mut bytes, value),
            }
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

/// The type of a masked value.
const MASKED: u8 = 5;

/// Returns the entries of the schema by kind and name.
pub(crate) fn schema_entries(snapshot: &Snapshot<'_>) -> Result<SortedMap<(String, String), SchemaEntry>> {
    let entries = entries(snapshot.connection).map_err(|error| snapshot.refused("read the schema", error))?;
    Ok(entries.into_iter().map(|entry| ((entry.kind.clone(), entry.name.clone()), entry)).collect())
}
