//! Everything in which a copy differs from its source, as values.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::check::integrity::shown_value;
use crate::check::state::{RowChange, Snapshot, TableDiff, TableSet, compare, header_numbers, schema_entries};
use crate::error::Result;
use crate::schema::entries::SchemaEntry;

/// The number of differences of a table that are searched for an example.
const KEPT_ROWS: usize = 1000;

/// The number of columns of the example that are shown.
const SHOWN_COLUMNS: usize = 4;

/// One difference between a source and its copy.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// `object` is a table, index, trigger, view or PRAGMA; `what` says how it differs.
    Schema {
        object: String,
        what: String,
        is_missing: bool,
    },
    Rows {
        table: String,
        missing: usize,
        extra: usize,
        example: Option<String>,
    },
}

/// Returns everything in which `copy` differs from `source`. The rows of a table are compared if both declare it alike.
pub(super) fn differences(source: &Connection, copy: &Connection) -> Result<Vec<Difference>> {
    let (source, copy) = (Snapshot::begin(source)?, Snapshot::begin(copy)?);
    let (ours, theirs) = (schema_entries(&source)?, schema_entries(&copy)?);
    let mut found = schemas_differ(&ours, &theirs);
    for ((name, source), (_, copy)) in header_numbers(&source)?.into_iter().zip(header_numbers(&copy)?) {
        if source != copy {
            let what = format!("PRAGMA {name} is {copy} in the copy and {source} in the source");
            found.push(Difference::Schema { object: name.to_owned(), what, is_missing: false });
        }
    }
    let is_same = |(key, entry): &(&(String, String), &SchemaEntry)| {
        entry.kind == "table" && theirs.get(key).is_some_and(|other| other.sql == entry.sql)
    };
    let same_tables: BTreeSet<&str> = ours.iter().filter(is_same).map(|(_, entry)| entry.name.as_str()).collect();
    let differing = compare(&source, &copy, TableSet::Stored, KEPT_ROWS)?;
    found.extend(differing.iter().filter(|table| same_tables.contains(table.name.as_str())).map(rows_differ));
    Ok(found)
}

type Entries = BTreeMap<(String, String), SchemaEntry>;

/// Compares the declarations. If a table is missing on one side, its indexes and triggers are not mentioned.
fn schemas_differ(ours: &Entries, theirs: &Entries) -> Vec<Difference> {
    let has_table =
        |entries: &Entries, table: &str| entries.values().any(|entry| entry.kind == "table" && entry.name == table);
    let stands_alone = |entry: &SchemaEntry| entry.kind == "table" || entry.kind == "view";
    let mut found = Vec::new();
    for (key, entry) in ours {
        let (kind, name) = (&entry.kind, &entry.name);
        let (what, is_missing) = match theirs.get(key) {
            None if !stands_alone(entry) && !has_table(theirs, &entry.table) => continue,
            None => (format!("the copy lacks the {kind} {name}"), true),
            Some(copied) if copied.sql != entry.sql => {
                (format!("the {kind} {name} is declared differently in the copy"), false)
            }
            Some(_) => continue,
        };
        found.push(Difference::Schema { object: name.clone(), what, is_missing });
    }
    for (key, entry) in theirs {
        if !ours.contains_key(key) && (stands_alone(entry) || has_table(ours, &entry.table)) {
            let what = format!("the copy has a {} that the source lacks: {}", entry.kind, entry.name);
            found.push(Difference::Schema { object: entry.name.clone(), what, is_missing: false });
        }
    }
    found
}

fn rows_differ(table: &TableDiff) -> Difference {
    let (missing, extra) = (table.deleted + table.updated, table.inserted + table.updated);
    let is_missing = |change: &&RowChange| !matches!(change, RowChange::Inserted(_));
    let example = table.changes.iter().find(|change| missing == 0 || is_missing(change)).map(|change| {
        let pairs = table.columns().iter().zip(change.cells()).take(SHOWN_COLUMNS);
        pairs.map(|(name, cell)| format!("{name} = {}", shown_value(cell.value()))).collect::<Vec<_>>().join(", ")
    });
    Difference::Rows { table: table.name.clone(), missing, extra, example }
}
