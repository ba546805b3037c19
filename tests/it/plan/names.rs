//! Names that look like the words of a plan.

use sqlitmus::plan::{AccessPath, explain};

use super::db;

const NAMES: &[&str] = &[
    "two words",
    "USING INDEX",
    "a USING INDEX b",
    "a USING COVERING INDEX b (c=?)",
    "a (b=?)",
    "x) (y",
    "VIRTUAL TABLE INDEX 0:",
    "x VIRTUAL TABLE INDEX 0:",
    "x USING INTEGER PRIMARY KEY (rowid=?)",
    "x USING AUTOMATIC COVERING INDEX",
    "it's \"quoted\"",
    "größe λ 表",
    "SCAN",
    "t LEFT-JOIN",
    "line\nbreak",
    "a.b",
    "SUBQUERY 1",
    "(subquery-1)",
    "AS x",
];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Runs a check for each name, used for the table, the index, the column and the alias at once.
fn each(check: impl Fn(&str, &sqlitmus::TestDb)) {
    for name in NAMES {
        let index = quoted(&format!("{name} i"));
        let name_in_sql = quoted(name);
        check(
            name,
            &db(&format!(
                "CREATE TABLE {name_in_sql}(id INTEGER PRIMARY KEY, {name_in_sql}, other);
                 CREATE INDEX {index} ON {name_in_sql}({name_in_sql});"
            )),
        );
    }
}

#[test]
fn an_index_is_found_whatever_it_is_called() {
    each(|name, db| {
        let sql = format!("SELECT other FROM {0} WHERE {0}.{0} = ?1", quoted(name));
        let plan = explain(db, &sql);
        plan.assert_no_scan().assert_searches(name).assert_uses_index(&format!("{name} i"));
        let node = plan.lines().next().unwrap();
        let access = node.access().unwrap();
        assert_eq!(access.path, AccessPath::Index { name: format!("{name} i"), covering: false });
        assert_eq!((access.name.as_str(), access.alias.as_deref()), (name, None), "{plan}");
        assert_eq!(access.constraint.as_deref(), Some(format!("{name}=?").as_str()), "{plan}");
    });
}

#[test]
fn a_scan_is_found_whatever_is_scanned() {
    each(|name, db| {
        let plan = explain(db, &format!("SELECT * FROM {0} WHERE other = ?1", quoted(name)));
        let error = plan.try_assert_no_scan().unwrap_err();
        assert_eq!(error.headline(), format!("query plan scans a whole table: {name}"));
        plan.allow_scan(name).assert_no_scan();
    });
}

#[test]
fn the_table_is_found_behind_any_alias() {
    let db = db("CREATE TABLE t(id INTEGER PRIMARY KEY, x, y); CREATE INDEX \"a USING INDEX b\" ON t(x)");
    for name in NAMES {
        let plan = explain(&db, &format!("SELECT y FROM t AS {} WHERE x = ?1", quoted(name)));
        plan.assert_no_scan().assert_searches("t").assert_uses_index("a USING INDEX b");
        let plan = explain(&db, &format!("SELECT y FROM t AS {} WHERE y = ?1", quoted(name)));
        assert_eq!(plan.try_assert_no_scan().unwrap_err().headline(), "query plan scans a whole table: t", "{name}");
        plan.allow_scan("t").assert_no_scan();
    }
}
