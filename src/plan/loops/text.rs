//! The tables and scans of a plan of which only the text is known.

use super::program::{is_schema_table, of_whole, reads_all};
use crate::plan::catalog::Catalog;
use crate::plan::tree::{AccessPath, Node, Scan, Step};

/// Sets the table and the scan of each node by the names that its line prints.
pub(in crate::plan) fn annotate(catalog: &Catalog, nodes: &mut [Node]) {
    let subqueries: Vec<String> = nodes
        .iter()
        .filter_map(|node| match &node.step {
            Step::CoRoutine(name) | Step::Materialize(name) => Some(name.clone()),
            _ => None,
        })
        .collect();
    for node in nodes {
        let Some(access) = node.access() else { continue };
        let is_subquery =
            subqueries.contains(&access.name) || access.name.starts_with('(') || access.name.starts_with("SUBQUERY ");
        let index = match &access.path {
            AccessPath::Index { name, .. } => catalog.index(name),
            _ => None,
        };
        let table = index.map(|index| &index.table).or_else(|| {
            let known = catalog.table(&access.name).filter(|_| !is_subquery);
            known.map(|object| &object.name)
        });
        // The alias of a table cannot be told from other names. Missing a scan would be worse than a false alarm.
        let is_taken_for_a_table = !is_subquery && !matches!(access.path, AccessPath::Virtual { .. });
        let table = table.map(ToString::to_string).or_else(|| is_taken_for_a_table.then(|| access.name.clone()));
        let is_scan = matches!(node.step, Step::Scan(_)) || access.path == AccessPath::Table;
        let scan = match (&access.path, &table) {
            (_, None) => None,
            (_, Some(table)) if is_schema_table(table) => None,
            (AccessPath::Automatic { .. }, _) => Some(Scan::ForAutomaticIndex),
            (AccessPath::Virtual { number, payload }, Some(table)) => {
                let object = catalog.table(table);
                object.filter(|object| reads_all(object, number, payload)).map(|_| Scan::VirtualTable)
            }
            (AccessPath::Index { .. }, _) if is_scan => index.map(of_whole),
            _ => is_scan.then_some(Scan::Table),
        };
        (node.table, node.scan) = (table, scan);
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::annotate;
    use crate::plan::catalog::Catalog;
    use crate::plan::parse::{Hints, Row, nodes};
    use crate::plan::tree::Scan;

    const SCHEMA: &str = "CREATE TABLE t(x, y); CREATE INDEX t_x ON t(x); CREATE INDEX t_y ON t(y) WHERE x = 1;
         CREATE VIRTUAL TABLE f USING fts5(a)";

    /// Compares the tables and scans that are found if only the text of a plan is known.
    #[track_caller]
    fn check(lines: &[&str], expected: &[(Option<&str>, Option<Scan>)]) {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        let catalog = Catalog::read(&connection).unwrap();
        let rows: Vec<Row> = lines.iter().map(|line| Row { id: 1, parent: 0, detail: (*line).to_owned() }).collect();
        let mut nodes = nodes(&rows, Hints { indexes: &catalog.names("index"), old: false });
        annotate(&catalog, &mut nodes);
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
}
