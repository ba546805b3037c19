//! Decides which loops count as a scan of a whole table.

use crate::plan::catalog::Object;
use crate::plan::tree::Scan;

/// Returns the scan that reads all of a table or an index.
pub(super) fn of_whole(object: &Object) -> Scan {
    match (object.kind.as_str(), object.partial) {
        ("index", true) => Scan::PartialIndex(object.name.to_string()),
        ("index", false) => Scan::Index(object.name.to_string()),
        _ => Scan::Table,
    }
}

/// Returns true for the tables in which SQLite keeps the schema. They cannot have an index.
pub(super) fn is_schema_table(name: &str) -> bool {
    matches!(name, "sqlite_master" | "sqlite_schema" | "sqlite_temp_master" | "sqlite_temp_schema")
}

/// Returns true if the module of a virtual table was given nothing to search by. FTS and R-tree say so in known ways; for
/// other modules a plan without number and text is taken for a full scan.
pub(super) fn reads_all(table: &Object, number: &str, payload: &str) -> bool {
    let digits = number.strip_prefix("0x");
    let number = digits.map_or_else(|| number.parse().ok(), |digits| i64::from_str_radix(digits, 16).ok());
    let number = number.unwrap_or(0);
    match table.module().as_deref() {
        // One letter for each MATCH, LIKE or comparison of the rowid; the number is about the order.
        Some("fts5") => payload.is_empty(),
        // The low half is the kind of search, the rest is what else the query needs.
        Some("fts3" | "fts4") => number & 0xffff == 0,
        Some("rtree" | "rtree_i32" | "geopoly") => number != 1 && payload.is_empty(),
        _ => number == 0 && payload.is_empty(),
    }
}
