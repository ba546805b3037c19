use crate::plan::parse::{Hints, Row, nodes, step, tree};
use crate::plan::tree::{Access, AccessPath, Step, walk};

const NEW: Hints<'static> = Hints { indexes: &[], old: false };
const OLD: Hints<'static> = Hints { indexes: &[], old: true };

fn access(line: &str, hints: Hints<'_>) -> Access {
    match step(line, hints) {
        Step::Scan(access) | Step::Search(access) => access,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check(line: &str, hints: Hints<'_>, name: &str, path: AccessPath, constraint: Option<&str>) {
    let access = access(line, hints);
    assert_eq!((access.name.as_str(), access.path, access.constraint.as_deref()), (name, path, constraint));
}

fn index(name: &str, covering: bool) -> AccessPath {
    AccessPath::Index { name: name.to_owned(), covering }
}

#[test]
fn each_access_path_is_recognized() {
    check("SCAN t", NEW, "t", AccessPath::Table, None);
    check("SCAN main.t", NEW, "main.t", AccessPath::Table, None);
    check("SCAN t USING INDEX i", NEW, "t", index("i", false), None);
    check("SEARCH t USING COVERING INDEX i (a=? AND b>?)", NEW, "t", index("i", true), Some("a=? AND b>?"));
    check("SEARCH t USING INDEX i (ANY(a) AND b=?)", NEW, "t", index("i", false), Some("ANY(a) AND b=?"));
    check("SEARCH t USING INDEX i ((a,b)>(?,?))", NEW, "t", index("i", false), Some("(a,b)>(?,?)"));
    check("SEARCH t USING INTEGER PRIMARY KEY (rowid=?)", NEW, "t", AccessPath::Rowid, Some("rowid=?"));
    check("SEARCH t USING PRIMARY KEY (k=?)", NEW, "t", AccessPath::PrimaryKey, Some("k=?"));
    check(
        "SEARCH t USING AUTOMATIC COVERING INDEX (x=?)",
        NEW,
        "t",
        AccessPath::Automatic { partial: false },
        Some("x=?"),
    );
    let partial = AccessPath::Automatic { partial: true };
    check("SEARCH t USING AUTOMATIC PARTIAL COVERING INDEX (x=?) LEFT-JOIN", NEW, "t", partial, Some("x=?"));
    let path = AccessPath::Virtual { number: "0".to_owned(), payload: "M1".to_owned() };
    check("SCAN f VIRTUAL TABLE INDEX 0:M1", NEW, "f", path, None);
    let path = AccessPath::Virtual { number: "0xff".to_owned(), payload: String::new() };
    check("SCAN f VIRTUAL TABLE INDEX 0xff:", NEW, "f", path, None);
}

#[test]
fn marks_behind_the_name_are_no_part_of_it() {
    let found = access("SCAN t EXISTS", NEW);
    assert_eq!((found.name.as_str(), found.exists), ("t", true));
    let found = access("SEARCH t USING INDEX i (a=?) LEFT-JOIN", NEW);
    assert_eq!((found.name.as_str(), found.left_join), ("t", true));
}

#[test]
fn the_words_before_3_36_are_known() {
    let found = access("SCAN TABLE orders AS o", OLD);
    assert_eq!((found.name.as_str(), found.alias.as_deref()), ("orders", Some("o")));
    check("SEARCH TABLE t USING INDEX i (a=?)", OLD, "t", index("i", false), Some("a=?"));
    check("SCAN SUBQUERY 1", OLD, "SUBQUERY 1", AccessPath::Table, None);
    assert!(matches!(step("EXECUTE CORRELATED SCALAR SUBQUERY 2", OLD), Step::Subquery { correlated: true, .. }));
    // Later the same words are a name.
    check("SCAN TABLE t", NEW, "TABLE t", AccessPath::Table, None);
}

#[test]
fn names_that_look_like_words_are_read_by_the_indexes_that_exist() {
    check("SCAN a USING INDEX b", Hints { indexes: &["c"], old: false }, "a", index("b", false), None);
    let line = "SCAN t USING INDEX a USING INDEX b";
    check(line, NEW, "t USING INDEX a", index("b", false), None);
    check(line, Hints { indexes: &["a USING INDEX b"], old: false }, "t", index("a USING INDEX b", false), None);
    let line = "SEARCH t USING INDEX i (x=?) (a=?)";
    check(line, Hints { indexes: &["i (x=?)"], old: false }, "t", index("i (x=?)", false), Some("a=?"));
    check("SCAN t (x) USING INDEX i (y)", NEW, "t (x)", index("i (y)", false), None);
    check("SEARCH größe USING INDEX ü \"ö\" (ä=?)", NEW, "größe", index("ü \"ö\"", false), Some("ä=?"));
}

#[test]
fn other_lines_are_known_or_kept() {
    assert_eq!(step("SCAN CONSTANT ROW", NEW), Step::ConstantRows(1));
    assert_eq!(step("SCAN 3 CONSTANT ROWS", NEW), Step::ConstantRows(3));
    assert_eq!(step("SCAN 12-ROW VALUES CLAUSE", NEW), Step::ConstantRows(12));
    assert_eq!(step("USE TEMP B-TREE FOR LAST TERM OF ORDER BY", NEW), Step::TempBTree("LAST TERM OF ORDER BY".into()));
    assert_eq!(step("BLOOM FILTER ON t (a=?)", NEW), Step::BloomFilter(Some("t".into())));
    assert_eq!(step("CREATE BLOOM FILTER", NEW), Step::BloomFilter(None));
    assert_eq!(step("MERGE (UNION)", NEW), Step::Compound("MERGE (UNION)".into()));
    assert_eq!(step("INDEX 2", NEW), Step::OrTerm(2));
    assert_eq!(step("RIGHT-JOIN t", NEW), Step::RightJoin("t".into()));
    let reused = Step::Subquery { kind: "LIST".into(), number: 3, correlated: false, reused: true };
    assert_eq!(step("REUSE LIST SUBQUERY 3", NEW), reused);
    for line in ["", "X", "HASH JOIN a WITH b", "INDEX x", "SUBQUERY", "FANCY SUBQUERY 3", "USE A LADDER", "BLOOM x"] {
        assert_eq!(step(line, NEW), Step::Other(line.to_owned()));
    }
}

#[test]
fn lines_hang_below_their_parents() {
    let rows: Vec<Row> = [(2, 0, "a"), (5, 2, "b"), (7, 5, "c"), (9, 2, "d"), (11, 99, "e"), (12, 0, "f")]
        .map(|(id, parent, detail)| Row { id, parent, detail: detail.to_owned() })
        .to_vec();
    let roots = tree(&rows, nodes(&rows, NEW));
    let found: Vec<(usize, &str)> = walk(&roots).iter().map(|(depth, node)| (*depth, node.text.as_str())).collect();
    assert_eq!(found, [(0, "a"), (1, "b"), (2, "c"), (1, "d"), (0, "e"), (0, "f")]);
}
