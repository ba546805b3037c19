//! Unit tests of the parts that read plans.

mod parse;

use rusqlite::Connection;

use super::advice::within;
use super::catalog::{Catalog, Object};
use super::explain::{Planner, with_caret};
use super::loops::annotate_from_text;
use super::parse::{Hints, Row, nodes, step};
use super::query_plan::{Numbers, normal};
use super::tree::{Node, Scan};
use crate::sql::Name;

#[track_caller]
fn check_normal(old: bool, lines: &[(&str, &str)]) {
    let mut numbers = Numbers::default();
    for (line, expected) in lines {
        let node = Node::new(*line, step(line, Hints { indexes: &[], old }));
        assert_eq!(normal(&node, &mut numbers).unwrap_or_default(), *expected);
    }
}

#[test]
fn one_plan_reads_the_same_in_all_versions() {
    check_normal(
        true,
        &[("SCAN TABLE orders AS o", "SCAN o"), ("SEARCH TABLE t USING INDEX i (a=?)", "SEARCH t USING INDEX i (a=?)")],
    );
    check_normal(
        false,
        &[
            ("CO-ROUTINE (subquery-7)", "MATERIALIZE (subquery-1)"),
            ("BLOOM FILTER ON t (a=?)", ""),
            ("CORRELATED SCALAR SUBQUERY 3", "CORRELATED SCALAR SUBQUERY 2"),
            ("SCAN (subquery-7)", "SCAN (subquery-1)"),
            ("REUSE LIST SUBQUERY 3", "REUSE LIST SUBQUERY 2"),
            ("SCAN f VIRTUAL TABLE INDEX 0:M1 LEFT-JOIN", "SCAN f VIRTUAL TABLE INDEX ? LEFT-JOIN"),
            ("SCAN 3-ROW VALUES CLAUSE", "SCAN 3 CONSTANT ROWS"),
            ("USE TEMP B-TREE FOR RIGHT PART OF ORDER BY", "USE TEMP B-TREE FOR LAST TERMS OF ORDER BY"),
            ("USE TEMP B-TREE FOR LAST TERM OF ORDER BY", "USE TEMP B-TREE FOR LAST TERMS OF ORDER BY"),
            ("USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY", "USE TEMP B-TREE FOR LAST TERMS OF ORDER BY"),
            ("SOMETHING NEW", "SOMETHING NEW"),
        ],
    );
}

const SCHEMA: &str = "CREATE TABLE t(x, y); CREATE INDEX t_x ON t(x); CREATE INDEX t_y ON t(y) WHERE x = 1;
     CREATE VIRTUAL TABLE f USING fts5(a)";

/// Compares the tables and scans that are found if only the text of a plan is known.
#[track_caller]
fn check_by_text(lines: &[&str], expected: &[(Option<&str>, Option<Scan>)]) {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    let catalog = Catalog::read(&connection).unwrap();
    let rows: Vec<Row> = lines.iter().map(|line| Row { id: 1, parent: 0, detail: (*line).to_owned() }).collect();
    let mut nodes = nodes(&rows, Hints { indexes: &catalog.names("index"), old: false });
    annotate_from_text(&catalog, &mut nodes);
    let found: Vec<_> = nodes.iter().map(|node| (node.table.as_deref(), node.scan.clone())).collect();
    assert_eq!(found, expected);
}

#[test]
fn without_bytecode_the_names_of_the_lines_are_believed() {
    check_by_text(&["SCAN t"], &[(Some("t"), Some(Scan::Table))]);
    check_by_text(&["SCAN main.T"], &[(Some("t"), Some(Scan::Table))]);
    check_by_text(&["SEARCH t USING INDEX t_x (x=?)"], &[(Some("t"), None)]);
    check_by_text(&["SCAN a USING COVERING INDEX t_x"], &[(Some("t"), Some(Scan::Index("t_x".into())))]);
    check_by_text(&["SCAN t USING INDEX t_y"], &[(Some("t"), Some(Scan::PartialIndex("t_y".into())))]);
    check_by_text(&["SEARCH t USING AUTOMATIC COVERING INDEX (y=?)"], &[(Some("t"), Some(Scan::ForAutomaticIndex))]);
    check_by_text(&["SEARCH t"], &[(Some("t"), Some(Scan::Table))]);
    check_by_text(&["SCAN f VIRTUAL TABLE INDEX 0:M1"], &[(Some("f"), None)]);
    check_by_text(&["SCAN f VIRTUAL TABLE INDEX 0:"], &[(Some("f"), Some(Scan::VirtualTable))]);
}

#[test]
fn without_bytecode_an_unknown_name_is_an_alias_unless_the_plan_makes_it() {
    check_by_text(&["SCAN a"], &[(Some("a"), Some(Scan::Table))]);
    check_by_text(&["CO-ROUTINE a", "SCAN a"], &[(None, None), (None, None)]);
    check_by_text(&["MATERIALIZE t", "SCAN t"], &[(None, None), (None, None)]);
    check_by_text(&["SCAN (subquery-1)"], &[(None, None)]);
    check_by_text(&["SCAN json_each VIRTUAL TABLE INDEX 1:"], &[(None, None)]);
    check_by_text(&["SCAN sqlite_schema"], &[(Some("sqlite_schema"), None)]);
    check_by_text(&["SCAN CONSTANT ROW", "USE TEMP B-TREE FOR ORDER BY"], &[(None, None), (None, None)]);
}

#[test]
fn the_caret_is_below_the_character() {
    assert_eq!(with_caret("SELECT x\n\tFORM t\nWHERE y", 10), "SELECT x\n\tFORM t\n\t^\nWHERE y");
    assert_eq!(with_caret("SELECT 'ü' x y", 14), "SELECT 'ü' x y\n             ^");
    assert_eq!(with_caret("x", 1), "x\n ^");
}

#[test]
fn the_module_of_a_virtual_table_is_read_behind_its_name() {
    let module = |sql: &str| {
        let (kind, name) = ("table".to_owned(), Name::default());
        let sql = Some(sql.to_owned());
        let mut table = Object::index(&name, &name, sql);
        table.kind = kind;
        table.module()
    };
    assert_eq!(module("CREATE VIRTUAL TABLE f USING fts5(a)").as_deref(), Some("fts5"));
    assert_eq!(module("CREATE VIRTUAL TABLE \"a \"\" using b\"using RTREE(a)").as_deref(), Some("rtree"));
    assert_eq!(module("CREATE VIRTUAL TABLE [x] using y").as_deref(), Some("y"));
    assert_eq!(module("CREATE TABLE t(x)"), None);
}

/// The report names what was not tried.
#[test]
fn indexes_for_several_statements_have_a_budget() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT, d TEXT)").unwrap();
    let planner = Planner::on(&connection).unwrap();
    let plans = || ["a", "b", "c"].map(|name| planner.explain(&format!("SELECT id FROM t WHERE {name} = ?1")).unwrap());
    let all = within(plans().to_vec(), Vec::new(), 1_000).unwrap();
    assert_eq!((all.indexes.len(), all.unsearched.len(), all.is_cut_short), (3, 0, false), "{all}");
    let some = within(plans().to_vec(), Vec::new(), 2).unwrap();
    assert_eq!(some.unsearched, ["SELECT id FROM t WHERE b = ?1", "SELECT id FROM t WHERE c = ?1"], "{some}");
    assert_eq!((some.indexes.len(), some.left.len()), (1, 0), "{some}");
    assert!(some.to_string().contains("no index was searched for: SELECT id FROM t WHERE b = ?1"), "{some}");
    assert!(within(plans().to_vec(), Vec::new(), 0).unwrap().indexes.is_empty());
}
