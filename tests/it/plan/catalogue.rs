//! Statements of every kind with their plans and loops. `catalogue.txt` lists them:
//!
//! ```text
//! == the subject
//! the statement
//! --
//! a line of the plan   | the table that it reads, and the table or index that is scanned
//! ```
//!
//! A plan that differs between versions of SQLite has a section for each: `-- 3.51` applies from that version on. Lines of
//! Bloom filters are left out, and so are plans that need a module which the linked SQLite does not have.

use sqlitmus::plan::{AccessPath, Node, Origin, Plan, PlanSource, Scan, Step, explain};
use sqlitmus::rusqlite::StatementStatus;

use super::{db, version};

const SCHEMA: &str = include_str!("schema.sql");
const CATALOGUE: &str = include_str!("catalogue.txt");

#[test]
fn every_kind_of_statement_is_understood() {
    let db = db(SCHEMA);
    let mut wrong = String::new();
    let mut count = 0;
    for case in CATALOGUE.split("== ").skip(1) {
        let (_, case) = case.split_once('\n').unwrap();
        let mut sections = case.split("\n--");
        let sql = sections.next().unwrap().trim();
        let expected = sections.filter(|section| holds(section)).last().unwrap();
        let expected = expected.split_once('\n').map_or("", |(_, text)| text.trim());
        let plan = explain(&db, sql);
        assert_eq!(plan.source(), PlanSource::Bytecode);
        let found = shown(&plan);
        if found != expected {
            wrong.push_str(&format!("{sql}\n  expected:\n{expected}\n  found:\n{found}\n\n"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "SQLite {}\n\n{wrong}", version());
    assert!(count >= 75, "{count} statements");
}

/// Inserts rows into each table, so that a loop over all rows differs from one that ends early.
const FILL: &str = "
    PRAGMA foreign_keys = OFF;
    CREATE TEMP TABLE n AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300) SELECT x FROM n;
    INSERT INTO people SELECT x, 'name ' || x, 'city ' || x, x, 'email ' || x, '[]' FROM n;
    INSERT INTO orders SELECT x, x, 'done', x, x FROM n;
    INSERT INTO lines SELECT x, 'product ' || x, x FROM n;
    INSERT INTO products SELECT 'code ' || x, 'title ' || x, x FROM n;
    INSERT INTO notes SELECT x, 'text ' || x FROM n;
    DROP TRIGGER log_trimmed;
    INSERT INTO log SELECT 'what ' || x, x FROM n;
    INSERT INTO tree SELECT x, x - 1, 'title ' || x FROM n;
    INSERT INTO skips SELECT x % 2, x, x FROM n;
    INSERT INTO big SELECT x, x, x, x FROM n;
    INSERT INTO chosen SELECT x, x FROM n;";

/// The scans of a plan have to agree with the steps of full scans that SQLite counts while it runs the statement.
#[test]
fn the_scans_of_a_plan_happen_when_the_query_runs() {
    let db = db(SCHEMA);
    db.execute_batch(FILL).unwrap();
    let (mut scans, mut others) = (0, 0);
    for case in CATALOGUE.split("== ").skip(1) {
        let sql = case.split_once('\n').unwrap().1.split("\n--").next().unwrap().trim();
        let plan = explain(&db, sql);
        // SQLite also counts steps over the rows of a subquery, but not those of a module and of count(*).
        let is_plain = plan.lines().all(|node| match node.access() {
            Some(access) => node.table.is_some() && !matches!(access.path, AccessPath::Virtual { .. }),
            None => true,
        });
        if !sql.starts_with("SELECT") || !is_plain || sql.contains("count(*)") || sql.contains("OFFSET ?") {
            continue;
        }
        let mut statement = db.prepare(sql).unwrap();
        for parameter in 1..=statement.parameter_count() {
            statement.raw_bind_parameter(parameter, 1).unwrap();
        }
        let mut rows = statement.raw_query();
        while rows.next().unwrap().is_some() {}
        drop(rows);
        let steps = statement.get_status(StatementStatus::FullscanStep);
        let said = |scan: fn(&Scan) -> bool| plan.lines().any(|node| node.scan.as_ref().is_some_and(scan));
        if !said(|_| true) {
            assert!(steps < 50, "{steps} steps, and no scan is said of {sql}\n{plan}");
            others += 1;
        } else if said(|scan| matches!(scan, Scan::Table | Scan::Index(_))) {
            assert!(steps >= 290, "{steps} steps, and a scan is said of {sql}\n{plan}");
            scans += 1;
        }
    }
    assert!(scans > 20 && others > 20, "{scans} scans, {others} others");
}

/// Returns true if a section is for this version of SQLite or an older one.
fn holds(section: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> { text.split('.').filter_map(|part| part.parse().ok()).collect() };
    let from = section.lines().next().unwrap_or_default().trim();
    numbers(from) <= numbers(version())
}

fn shown(plan: &Plan) -> String {
    let mut lines = Vec::new();
    show(plan.nodes(), 0, &mut lines);
    for effect in plan.effects() {
        let origin = match &effect.origin {
            Origin::Trigger(name) => format!("trigger {name}"),
            Origin::ForeignKeyAction => "foreign key".to_owned(),
            other => format!("{other:?}"),
        };
        lines.push(format!("{origin}: {}{}", effect.node.text, facts(&effect.node)));
    }
    lines.join("\n")
}

fn show(nodes: &[Node], depth: usize, lines: &mut Vec<String>) {
    for node in nodes {
        assert!(!matches!(node.step, Step::Other(_)), "an unknown line: {}", node.text);
        if !matches!(node.step, Step::BloomFilter(_)) {
            lines.push(format!("{:width$}{}{}", "", node.text, facts(node), width = 2 * depth));
        }
        show(&node.children, depth + 1, lines);
    }
}

fn facts(node: &Node) -> String {
    let Some(table) = &node.table else {
        assert_eq!(node.scan, None);
        return String::new();
    };
    let scan = match &node.scan {
        None => String::new(),
        Some(Scan::Table) => ", all of it".to_owned(),
        Some(Scan::Index(name)) => format!(", all of {name}"),
        Some(Scan::PartialIndex(name)) => format!(", the part in {name}"),
        Some(Scan::FilteredPartialIndex(name)) => format!(", the part in {name}, filtered"),
        Some(Scan::ForAutomaticIndex) => ", all of it for an index".to_owned(),
        Some(Scan::VirtualTable) => ", all of its module".to_owned(),
        other => format!("{other:?}"),
    };
    format!("   | {table}{scan}")
}
