use rusqlite::Connection;

use super::from_text;
use crate::plan::catalog::Catalog;
use crate::plan::parse::{Hints, Row, nodes};
use crate::plan::tree::Scan;

const SCHEMA: &str = "CREATE TABLE t(x, y); CREATE INDEX t_x ON t(x); CREATE INDEX t_y ON t(y) WHERE x = 1;
     CREATE VIRTUAL TABLE f USING fts5(a)";

/// What is made of a plan of which only the text is known: the tables, and what of them is read as a whole.
#[track_caller]
fn check(lines: &[&str], expected: &[(Option<&str>, Option<Scan>)]) {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    let catalog = Catalog::read(&connection).unwrap();
    let rows: Vec<Row> = lines.iter().map(|line| Row { id: 1, parent: 0, detail: (*line).to_owned() }).collect();
    let mut nodes = nodes(&rows, Hints { indexes: &catalog.names("index"), old: false });
    from_text(&catalog, &mut nodes);
    let found: Vec<_> = nodes.iter().map(|node| (node.table.as_deref(), node.scan.clone())).collect();
    assert_eq!(found, expected);
}

#[test]
fn without_bytecode_the_names_of_the_lines_are_believed() {
    check(&["SCAN t"], &[(Some("t"), Some(Scan::Table))]);
    check(&["SCAN main.T"], &[(Some("t"), Some(Scan::Table))]);
    check(&["SEARCH t USING INDEX t_x (x=?)"], &[(Some("t"), None)]);
    check(&["SCAN a USING COVERING INDEX t_x"], &[(Some("t"), Some(Scan::Index("t_x".into())))]);
    check(&["SCAN t USING INDEX t_y"], &[(Some("t"), Some(Scan::PartialIndex("t_y".into())))]);
    check(&["SEARCH t USING AUTOMATIC COVERING INDEX (y=?)"], &[(Some("t"), Some(Scan::ForAutomaticIndex))]);
    check(&["SEARCH t"], &[(Some("t"), Some(Scan::Table))]);
    check(&["SCAN f VIRTUAL TABLE INDEX 0:M1"], &[(Some("f"), None)]);
    check(&["SCAN f VIRTUAL TABLE INDEX 0:"], &[(Some("f"), Some(Scan::VirtualTable))]);
}

#[test]
fn without_bytecode_an_unknown_name_is_an_alias_unless_the_plan_makes_it() {
    check(&["SCAN a"], &[(Some("a"), Some(Scan::Table))]);
    check(&["CO-ROUTINE a", "SCAN a"], &[(None, None), (None, None)]);
    check(&["MATERIALIZE t", "SCAN t"], &[(None, None), (None, None)]);
    check(&["SCAN (subquery-1)"], &[(None, None)]);
    check(&["SCAN json_each VIRTUAL TABLE INDEX 1:"], &[(None, None)]);
    check(&["SCAN sqlite_schema"], &[(Some("sqlite_schema"), None)]);
    check(&["SCAN CONSTANT ROW", "USE TEMP B-TREE FOR ORDER BY"], &[(None, None), (None, None)]);
}
