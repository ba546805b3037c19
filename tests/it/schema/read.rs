//! Everything that a schema holds, read from statements that would mislead a simple parser.

use sqlitmus::rusqlite::Connection;
use sqlitmus::schema::{Affinity, ForeignKeyAction, IndexedColumn, IndexedExpr, Key, Name, Schema, TableKind};

use super::{database, schema, table};

fn listed(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(",")
}

/// Returns a short form: `name` or `(expression)`, and a collation or direction that is not the default.
fn term(term: &IndexedColumn) -> String {
    let mut short = match &term.what {
        IndexedExpr::Column(name) => name.to_string(),
        IndexedExpr::Expression(expression) => format!("({expression})"),
        other => format!("{other:?}"),
    };
    if term.collation != "BINARY" {
        short.push_str(&format!(" {}", term.collation));
    }
    if term.descending {
        short.push_str(" DESC");
    }
    short
}

fn terms(terms: &[IndexedColumn]) -> Vec<String> {
    terms.iter().map(term).collect()
}

/// Returns a short form: the name of the key, its columns, its index, ON CONFLICT.
fn key(key: &Key) -> String {
    format!(
        "{}({}){}{}{}",
        key.name.as_deref().unwrap_or(""),
        terms(&key.terms).join(", "),
        if key.is_rowid { " rowid" } else { "" },
        key.index.as_deref().map(|index| format!(" {index}")).unwrap_or_default(),
        key.on_conflict.as_deref().map(|conflict| format!(" {conflict}")).unwrap_or_default(),
    )
}

#[track_caller]
fn check_primary_key(sql: &str, expected: &str) {
    assert_eq!(table(sql).primary_key.as_ref().map(key).unwrap_or_default(), expected);
}

#[track_caller]
fn check_unique(sql: &str, expected: &[&str]) {
    assert_eq!(table(sql).unique.iter().map(key).collect::<Vec<_>>(), expected);
}

/// Checks the name, column and expression of each CHECK.
#[track_caller]
fn check_checks(sql: &str, expected: &[(Option<&str>, Option<&str>, &str)]) {
    let table = table(sql);
    let found: Vec<_> =
        table.checks.iter().map(|c| (c.name.as_deref(), c.column.as_deref(), c.expression.as_str())).collect();
    assert_eq!(found, expected);
}

#[track_caller]
fn check_index(sql: &str, expected: &[&str], partial: Option<&str>) {
    let table = table(sql);
    let index = table.indexes.iter().find(|index| index.name == "i").unwrap();
    assert_eq!(terms(&index.terms), expected);
    assert_eq!(index.partial.as_deref(), partial);
}

#[track_caller]
fn check_defaults(sql: &str, expected: &[Option<&str>]) {
    let table = table(sql);
    assert_eq!(table.columns.iter().map(|column| column.default.as_deref()).collect::<Vec<_>>(), expected);
}

#[track_caller]
fn check_collations(sql: &str, expected: &[&str]) {
    let table = table(sql);
    assert_eq!(table.columns.iter().map(|column| column.collation.as_str()).collect::<Vec<_>>(), expected);
}

#[test]
fn types_have_the_affinity_that_sqlite_gives_them() {
    let table = table(
        "CREATE TABLE t(a INT, b BIGINT, c VARCHAR(10), d CLOB, e BLOB, f, g DOUBLE PRECISION, h FLOAT, i DECIMAL(10, 2),
                        j BOOLEAN, k POINT, l ANY, m \"my type\", n [long text], o CHARINT)",
    );
    let found: Vec<_> = table.columns.iter().map(|column| (column.declared_type.as_str(), column.affinity)).collect();
    let (integer, text, blob) = (Affinity::Integer, Affinity::Text, Affinity::Blob);
    let (real, numeric) = (Affinity::Real, Affinity::Numeric);
    assert_eq!(
        found,
        [
            ("INT", integer),
            ("BIGINT", integer),
            ("VARCHAR(10)", text),
            ("CLOB", text),
            ("BLOB", blob),
            ("", blob),
            ("DOUBLE PRECISION", real),
            ("FLOAT", real),
            ("DECIMAL(10, 2)", numeric),
            ("BOOLEAN", numeric),
            ("POINT", integer),
            ("ANY", numeric),
            ("my type", numeric),
            ("long text", text),
            ("CHARINT", integer),
        ]
    );
}

#[test]
fn strict_tables_and_tables_without_rowid_are_recognized() {
    let schema = schema(
        "CREATE TABLE a(x); CREATE TABLE b(x ANY) STRICT; CREATE TABLE c(x PRIMARY KEY) WITHOUT ROWID;
         CREATE TABLE d(x ANY PRIMARY KEY, y INT) WITHOUT ROWID, STRICT;
         CREATE TABLE e(x INTEGER PRIMARY KEY AUTOINCREMENT);
         CREATE TABLE f(\"autoincrement\", strict DEFAULT 'AUTOINCREMENT');
         CREATE TABLE g(x INTEGER, PRIMARY KEY(x AUTOINCREMENT))",
    );
    let found: Vec<_> = schema
        .tables
        .iter()
        .map(|table| (table.name.as_str(), table.strict, table.without_rowid, table.autoincrement))
        .collect();
    assert_eq!(
        found,
        [
            ("a", false, false, false),
            ("b", true, false, false),
            ("c", false, true, false),
            ("d", true, true, false),
            ("e", false, false, true),
            ("f", false, false, false),
            ("g", false, false, true),
        ]
    );
    assert_eq!(schema.table("b").unwrap().columns[0].affinity, Affinity::Any);
    assert!(!schema.table("c").unwrap().column("X").unwrap().collation.is_empty());
}

#[test]
fn not_null_is_also_what_a_key_implies() {
    let nullable = |sql: &str| table(sql).columns.iter().map(|column| !column.not_null).collect::<Vec<_>>();
    assert_eq!(nullable("CREATE TABLE t(a, b NOT NULL, c NULL, d CONSTRAINT n NOT NULL)"), [true, false, true, false]);
    assert_eq!(nullable("CREATE TABLE t(a TEXT PRIMARY KEY, b)"), [true, true]);
    assert_eq!(nullable("CREATE TABLE t(a TEXT PRIMARY KEY, b) WITHOUT ROWID"), [false, true]);
    assert_eq!(nullable("CREATE TABLE t(a TEXT PRIMARY KEY, b TEXT) STRICT"), [false, true]);
    let table = table("CREATE TABLE t(a NOT NULL ON CONFLICT ignore DEFAULT 1, b NOT NULL ON CONFLICT ABORT)");
    assert_eq!(table.columns[0].not_null_on_conflict.as_deref(), Some("IGNORE"));
    assert_eq!(table.columns[1].not_null_on_conflict, None);
}

#[test]
fn defaults_are_as_they_were_written() {
    check_defaults(
        "CREATE TABLE t(a DEFAULT 1, b DEFAULT -1.5, c DEFAULT 'it''s )', d DEFAULT (strftime('%s', 'now') || ')'),
                        e DEFAULT CURRENT_TIMESTAMP, f DEFAULT NULL, g DEFAULT x'00ff', h DEFAULT word, i, j DEFAULT +3)",
        &[
            Some("1"),
            Some("-1.5"),
            Some("'it''s )'"),
            Some("strftime('%s', 'now') || ')'"),
            Some("CURRENT_TIMESTAMP"),
            Some("NULL"),
            Some("x'00ff'"),
            Some("word"),
            None,
            Some("+3"),
        ],
    );
}

#[test]
fn collations_are_those_of_the_column_only() {
    check_collations(
        "CREATE TABLE t(a TEXT COLLATE nocase, b TEXT DEFAULT ('x' COLLATE rtrim), c TEXT CHECK(c COLLATE nocase <> 'x'),
                        d TEXT NOT NULL DEFAULT 'COLLATE nocase' CONSTRAINT k COLLATE \"rtrim\",
                        e TEXT AS (a COLLATE rtrim), f COLLATE nocase COLLATE rtrim, /* COLLATE nocase */ g,
                        UNIQUE(c COLLATE nocase))",
        &["NOCASE", "BINARY", "BINARY", "RTRIM", "BINARY", "RTRIM", "BINARY"],
    );
}

#[test]
fn generated_columns_are_recognized() {
    let table = table(
        "CREATE TABLE t(a INT, b INT GENERATED ALWAYS AS (a + (1)) STORED, c AS (a || ')' /* ) */ || 'AS'),
                        d TEXT NOT NULL AS ( -- first
                            a
                        ) VIRTUAL, e GENERATED, generated)",
    );
    let found: Vec<_> = table
        .columns
        .iter()
        .map(|column| column.generated.as_ref().map(|generated| (generated.expression.as_str(), generated.stored)))
        .collect();
    assert_eq!(
        found,
        [None, Some(("a + (1)", true)), Some(("a || ')' /* ) */ || 'AS'", false)), Some(("a", false)), None, None]
    );
    assert_eq!(table.columns[1].declared_type, "INT");
}

#[test]
fn the_rowid_is_a_key_without_an_index() {
    check_primary_key("CREATE TABLE t(a INTEGER PRIMARY KEY)", "(a) rowid");
    check_primary_key("CREATE TABLE t(a integer CONSTRAINT k PRIMARY KEY ON CONFLICT replace)", "k(a) rowid REPLACE");
    check_primary_key("CREATE TABLE t(a INTEGER, PRIMARY KEY(a DESC))", "(a) rowid");
    check_primary_key("CREATE TABLE t(a INTEGER PRIMARY KEY ASC, b)", "(a) rowid");
}

#[test]
fn keys_that_only_look_like_the_rowid_have_an_index() {
    check_primary_key("CREATE TABLE t(a INTEGER PRIMARY KEY DESC)", "(a DESC) sqlite_autoindex_t_1");
    check_primary_key("CREATE TABLE t(a INT PRIMARY KEY)", "(a) sqlite_autoindex_t_1");
    check_primary_key("CREATE TABLE t(a INTEGER, b, PRIMARY KEY(b, a))", "(b, a) sqlite_autoindex_t_1");
    check_primary_key("CREATE TABLE t(a INTEGER PRIMARY KEY) WITHOUT ROWID", "(a)");
    check_primary_key("CREATE TABLE t(a)", "");
}

#[test]
fn keys_have_their_terms_collations_and_conflict_clauses() {
    check_primary_key(
        "CREATE TABLE t(a TEXT COLLATE nocase, b, CONSTRAINT \"the key\" PRIMARY KEY(b DESC, a) ON CONFLICT FAIL)",
        "the key(b DESC, a NOCASE) sqlite_autoindex_t_1 FAIL",
    );
    check_primary_key(
        "CREATE TABLE t(a, b TEXT, PRIMARY KEY(b COLLATE nocase DESC, a)) WITHOUT ROWID",
        "(b NOCASE DESC, a)",
    );
    check_unique(
        "CREATE TABLE t(a CONSTRAINT one UNIQUE ON CONFLICT IGNORE, b TEXT, UNIQUE(b), UNIQUE(b COLLATE nocase),
                        CONSTRAINT two UNIQUE(b, a) ON CONFLICT ROLLBACK CONSTRAINT three UNIQUE(a DESC, b))",
        &[
            "one(a) sqlite_autoindex_t_1 IGNORE",
            "(b) sqlite_autoindex_t_2",
            "(b NOCASE) sqlite_autoindex_t_3",
            "two(b, a) sqlite_autoindex_t_4 ROLLBACK",
            "three(a DESC, b) sqlite_autoindex_t_5",
        ],
    );
}

#[test]
fn a_key_that_is_declared_twice_is_one_key() {
    check_unique("CREATE TABLE t(a UNIQUE, UNIQUE(a) ON CONFLICT IGNORE)", &["(a) sqlite_autoindex_t_1 IGNORE"]);
    check_unique("CREATE TABLE t(a TEXT PRIMARY KEY UNIQUE ON CONFLICT REPLACE)", &[]);
    check_primary_key(
        "CREATE TABLE t(a TEXT PRIMARY KEY UNIQUE ON CONFLICT REPLACE)",
        "(a) sqlite_autoindex_t_1 REPLACE",
    );
}

#[test]
fn checks_are_found_wherever_they_are_written() {
    check_checks(
        "CREATE TABLE t(a INT CHECK(a > (1 + (2))) CONSTRAINT \"x y\" CHECK ( a <> ')' ),
                        b TEXT DEFAULT 'CHECK (1)' CHECK(b <> 'CHECK(' /* ) */ AND b <> \"b)\"),
                        [CHECK] INT, /* CHECK(c) */ -- CHECK(d)
                        CHECK(a <> b), CONSTRAINT last CHECK (length(b) < 10) ON CONFLICT IGNORE UNIQUE(a) CHECK(a))",
        &[
            (None, Some("a"), "a > (1 + (2))"),
            (Some("x y"), Some("a"), "a <> ')'"),
            (None, Some("b"), "b <> 'CHECK(' /* ) */ AND b <> \"b)\""),
            (None, None, "a <> b"),
            (Some("last"), None, "length(b) < 10"),
            (Some("last"), None, "a"),
        ],
    );
}

#[test]
fn the_name_of_a_constraint_applies_to_those_after_it() {
    // SQLite's error message shows the same name.
    let sql = "CREATE TABLE t(a CONSTRAINT named NOT NULL CHECK(a > 0), b CHECK(b > 0))";
    check_checks(sql, &[(Some("named"), Some("a"), "a > 0"), (None, Some("b"), "b > 0")]);
    let error = database(sql).execute("INSERT INTO t VALUES (0, 1)", []).unwrap_err();
    assert!(error.to_string().contains("CHECK constraint failed: named"), "{error}");
}

#[test]
fn foreign_keys_are_in_the_order_of_declaration() {
    let table = table(
        "CREATE TABLE t(a REFERENCES p ON DELETE CASCADE ON UPDATE SET NULL NOT NULL DEFAULT 1,
                        b CONSTRAINT \"to p\" REFERENCES \"p q\"(\"x y\") MATCH FULL DEFERRABLE INITIALLY DEFERRED CHECK(b),
                        c REFERENCES p(x) ON DELETE SET DEFAULT NOT DEFERRABLE INITIALLY DEFERRED,
                        FOREIGN KEY(a, b) REFERENCES p(x, y) ON UPDATE RESTRICT ON DELETE NO ACTION,
                        CONSTRAINT other FOREIGN KEY(c, a) REFERENCES t DEFERRABLE INITIALLY IMMEDIATE,
                        FOREIGN KEY(b) REFERENCES p DEFERRABLE)",
    );
    let found: Vec<_> = table
        .foreign_keys
        .iter()
        .map(|key| {
            let parent =
                format!("{}({})", key.parent, key.parent_columns.as_ref().map_or("-".into(), |names| listed(names)));
            (
                key.name.as_deref().unwrap_or(""),
                listed(&key.columns),
                parent,
                key.on_delete,
                key.on_update,
                key.deferred,
            )
        })
        .collect();
    let no = ForeignKeyAction::NoAction;
    assert_eq!(
        found,
        [
            ("", "a".into(), "p(-)".into(), ForeignKeyAction::Cascade, ForeignKeyAction::SetNull, false),
            ("to p", "b".into(), "p q(x y)".into(), no, no, true),
            ("", "c".into(), "p(x)".into(), ForeignKeyAction::SetDefault, no, false),
            ("", "a,b".into(), "p(x,y)".into(), no, ForeignKeyAction::Restrict, false),
            ("other", "c,a".into(), "t(-)".into(), no, no, false),
            ("", "b".into(), "p(-)".into(), no, no, false),
        ]
    );
    assert_eq!(table.checks.len(), 1);
    assert!(table.columns[0].not_null);
}

#[test]
fn the_last_deferrable_clause_after_a_foreign_key_counts() {
    let deferred = |sql: &str| table(sql).foreign_keys.iter().map(|key| key.deferred).collect::<Vec<_>>();
    assert_eq!(deferred("CREATE TABLE t(a REFERENCES p NOT NULL DEFERRABLE INITIALLY DEFERRED)"), [true]);
    assert_eq!(deferred("CREATE TABLE t(a REFERENCES p, b REFERENCES p DEFERRABLE INITIALLY DEFERRED)"), [false, true]);
    assert_eq!(
        deferred("CREATE TABLE t(a REFERENCES p DEFERRABLE INITIALLY DEFERRED NOT NULL NOT DEFERRABLE)"),
        [false]
    );
}

#[test]
fn indexes_have_columns_expressions_collations_and_conditions() {
    check_index(
        "CREATE TABLE t(a, b COLLATE nocase, \"c d\");
         CREATE INDEX i ON t(a DESC, b, b COLLATE binary ASC, lower(a || ',' || b) DESC, \"c d\", (a, b) = (1, 2))
         WHERE a <> ' WHERE )' AND (b IS NOT NULL) -- end",
        &["a DESC", "b NOCASE", "b", "(lower(a || ',' || b)) DESC", "c d", "((a, b) = (1, 2))"],
        Some("a <> ' WHERE )' AND (b IS NOT NULL)"),
    );
    check_index(
        "CREATE TABLE t(a); CREATE UNIQUE INDEX IF NOT EXISTS main.i ON t(a COLLATE nocase)",
        &["a NOCASE"],
        None,
    );
    check_index("CREATE TABLE t(a PRIMARY KEY, b) WITHOUT ROWID; CREATE INDEX i ON t(b)", &["b"], None);
    check_index(
        "CREATE TABLE t(a); CREATE INDEX i ON t(upper(a) COLLATE nocase)",
        &["(upper(a) COLLATE nocase) NOCASE"],
        None,
    );
}

#[test]
fn indexes_of_keys_are_not_listed_as_indexes() {
    let table = table(
        "CREATE TABLE t(a TEXT PRIMARY KEY, b UNIQUE); CREATE UNIQUE INDEX z ON t(b); CREATE INDEX B ON t(a);
         CREATE INDEX a ON t(a)",
    );
    let found: Vec<_> = table.indexes.iter().map(|index| (index.name.as_str(), index.unique)).collect();
    assert_eq!(found, [("a", false), ("B", false), ("z", true)]);
    assert!(table.indexes[2].sql.starts_with("CREATE UNIQUE INDEX"));
}

#[test]
fn names_may_be_anything() {
    for (name, written) in [
        ("two words", "\"two words\""),
        ("with \"quotes\"", "\"with \"\"quotes\"\"\""),
        ("with `ticks`", "`with ``ticks```"),
        ("with [brackets", "[with [brackets]"),
        ("it's", "'it''s'"),
        ("select", "\"select\""),
        ("CHECK(", "\"CHECK(\""),
        ("größe", "größe"),
        ("名前", "名前"),
        ("a,b", "[a,b]"),
        ("-- no comment", "\"-- no comment\""),
        ("key", "key"),
        ("constraint", "[constraint]"),
    ] {
        let schema = schema(&format!(
            "CREATE TABLE p({written} PRIMARY KEY);
             CREATE TABLE {written}({written} TEXT COLLATE nocase CONSTRAINT {written} CHECK({written} <> 1) \
                REFERENCES p({written}), UNIQUE({written} DESC));
             CREATE INDEX \"i {}\" ON {written}({written}, lower({written}));
             CREATE TRIGGER \"t {}\" AFTER INSERT ON {written} BEGIN SELECT 1; END",
            name.replace('"', "\"\""),
            name.replace('"', "\"\""),
        ));
        let table = schema.table(name).unwrap_or_else(|| panic!("{schema:#?}"));
        let column = table.column(name).unwrap();
        assert_eq!((column.name.as_str(), column.collation.as_str()), (name, "NOCASE"));
        assert_eq!(table.checks[0].name.as_deref(), Some(name));
        assert_eq!(table.checks[0].column.as_deref(), Some(name));
        assert_eq!(table.foreign_keys[0].parent_columns, Some(vec![name.into()]));
        assert_eq!(terms(&table.unique[0].terms), [format!("{name} NOCASE DESC")]);
        assert_eq!(terms(&table.indexes[0].terms), [format!("{name} NOCASE"), format!("(lower({written}))")]);
        assert_eq!(table.triggers.len(), 1, "{name}");
    }
}

#[test]
fn comments_within_a_statement_are_ignored() {
    let table = table(
        "CREATE TABLE /* CHECK(0) */ t( -- the first, not the last)
            a /* TEXT */ INTEGER /* NOT NULL */ PRIMARY /**/ KEY -- AUTOINCREMENT
            , b TEXT -- it's
            COLLATE /* rtrim */ nocase /* , c TEXT */, /* ' */
            CHECK /* a */ ( /* b */ a /* c */ > 0 /* d */ ) /* ) */
         ) -- STRICT",
    );
    assert_eq!(table.columns.len(), 2);
    assert_eq!(table.columns[1].collation, "NOCASE");
    assert_eq!(table.checks[0].expression, "a /* c */ > 0");
    assert!(!table.autoincrement && !table.strict);
}

#[test]
fn columns_that_were_added_are_read_like_others() {
    let table = table(
        "CREATE TABLE t(a INT, CHECK(a > 0)); ALTER TABLE t ADD COLUMN b TEXT COLLATE nocase CHECK(b <> '(');
         ALTER TABLE t ADD COLUMN c REFERENCES t(a) DEFERRABLE INITIALLY DEFERRED; ALTER TABLE t RENAME a TO \"a b\";
         ALTER TABLE t RENAME TO u; ALTER TABLE u RENAME TO t",
    );
    assert_eq!(table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["a b", "b", "c"]);
    assert_eq!(table.columns[1].collation, "NOCASE");
    assert!(table.foreign_keys[0].deferred);
    let mut checks: Vec<_> = table.checks.iter().map(|check| check.expression.as_str()).collect();
    checks.sort_unstable();
    assert_eq!(checks, ["\"a b\" > 0", "b <> '('"]);
}

#[test]
fn a_table_created_from_a_query_has_columns() {
    let table = table("CREATE TABLE t AS SELECT 1 AS one, 'x' AS \"two words\", 1.5 + 1");
    assert_eq!(
        table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(),
        ["one", "two words", "1.5 + 1"]
    );
}

#[test]
fn virtual_tables_and_their_shadow_tables_are_recognized() {
    let schema = schema(
        "CREATE VIRTUAL TABLE docs USING fts5(title, body, tokenize = 'porter ascii', content='');
         CREATE VIRTUAL TABLE \"the map\" USING rtree(id, x0, x1 /* , x2 */);
         CREATE VIRTUAL TABLE plain USING fts5(a);
         CREATE TABLE docs_notes(x)",
    );
    let kinds: Vec<_> = schema.tables.iter().map(|table| (table.name.as_str(), &table.kind)).collect();
    let shadow = |of: &str| TableKind::Shadow { of: Some(of.into()) };
    let expected = |name: &str| match name {
        "docs" => TableKind::Virtual {
            module: "fts5".to_owned(),
            arguments: ["title", "body", "tokenize = 'porter ascii'", "content=''"].map(String::from).to_vec(),
        },
        "plain" => TableKind::Virtual { module: "fts5".to_owned(), arguments: vec!["a".to_owned()] },
        "the map" => TableKind::Virtual {
            module: "rtree".to_owned(),
            arguments: ["id", "x0", "x1 /* , x2 */"].map(String::from).to_vec(),
        },
        "docs_notes" => TableKind::Ordinary,
        name => shadow(name.rsplit_once('_').unwrap().0),
    };
    for (name, kind) in &kinds {
        assert_eq!(**kind, expected(name), "{name}");
    }
    for name in ["docs_data", "docs_idx", "docs_docsize", "docs_config", "plain_content", "the map_node"] {
        assert!(kinds.iter().any(|(found, _)| found == &name), "{name}");
    }
    let docs = schema.table("docs").unwrap();
    assert!(docs.column("title").is_some_and(|column| !column.hidden));
    assert!(docs.column("rank").is_some_and(|column| column.hidden));
}

#[test]
fn a_virtual_table_of_an_unknown_module_is_read_without_columns() {
    let connection = database(
        "CREATE TABLE a(x); PRAGMA writable_schema = ON;
         INSERT INTO sqlite_master VALUES ('table', 'gone', 'gone', 0, 'CREATE VIRTUAL TABLE gone USING nowhere(a, b)');
         PRAGMA writable_schema = RESET;",
    );
    let schema = Schema::read(&connection).unwrap();
    let gone = schema.table("gone").unwrap();
    assert!(
        matches!(&gone.kind, TableKind::Virtual { module, arguments } if module == "nowhere" && arguments.len() == 2)
    );
    assert!(gone.columns.is_empty());
}

#[test]
fn views_have_columns_where_they_can_be_resolved() {
    let schema = schema(
        "CREATE TABLE t(a, b);
         CREATE VIEW good AS SELECT a, b AS \"the b\" FROM t;
         CREATE VIEW named(x, y) AS SELECT a, b FROM t;
         CREATE VIEW over_nothing AS SELECT * FROM missing;
         CREATE VIEW without_function AS SELECT no_such_function(a) AS f FROM t;
         CREATE TRIGGER through INSTEAD OF INSERT ON good BEGIN SELECT 1; END",
    );
    let found: Vec<_> = schema.views.iter().map(|view| (view.name.as_str(), view.columns.clone())).collect();
    let names = |names: [&str; 2]| Some(names.map(Name::from).to_vec());
    assert_eq!(found[0], ("good", names(["a", "the b"])));
    assert_eq!(found[1], ("named", names(["x", "y"])));
    assert_eq!(found[2], ("over_nothing", None));
    assert_eq!(found[3].0, "without_function");
    assert_eq!(schema.views[0].triggers[0].name, "through");
    assert!(schema.views[0].triggers[0].sql.starts_with("CREATE TRIGGER through"));
}

#[test]
fn only_the_main_database_counts() {
    let connection = database(
        "CREATE TABLE t(a); CREATE INDEX i ON t(a);
         ATTACH ':memory:' AS other; CREATE TABLE other.t(b, c); CREATE TABLE other.u(d);
         CREATE TEMP TABLE t(e, f, g); CREATE TEMP TABLE v(h); CREATE TEMP VIEW w AS SELECT 1;
         CREATE TEMP TRIGGER x AFTER INSERT ON main.t BEGIN SELECT 1; END; CREATE INDEX other.j ON t(b);",
    );
    let schema = Schema::read(&connection).unwrap();
    assert_eq!(schema.tables.len(), 1);
    assert!(schema.views.is_empty());
    let table = &schema.tables[0];
    assert_eq!((table.columns.len(), table.indexes.len(), table.triggers.len()), (1, 1, 0));
}

#[test]
fn sqlites_own_tables_are_left_out() {
    let schema = schema(
        "CREATE TABLE t(a INTEGER PRIMARY KEY AUTOINCREMENT, b); CREATE INDEX i ON t(b); INSERT INTO t VALUES (1, 2);
         ANALYZE",
    );
    assert_eq!(schema.tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["t"]);
}

#[test]
fn tables_are_in_the_order_of_names_and_found_in_any_case() {
    let schema = schema("CREATE TABLE b(x); CREATE TABLE C(x); CREATE TABLE A(x)");
    assert_eq!(schema.tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["A", "b", "C"]);
    assert_eq!(schema.table("a").unwrap().name, "A");
    assert!(schema.table("d").is_none());
}

#[test]
fn an_empty_database_has_an_empty_schema() {
    let schema = schema("");
    assert!(schema.tables.is_empty() && schema.views.is_empty());
}

#[test]
fn a_file_that_is_no_database_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "this is no database. ".repeat(100)).unwrap();
    let error = Schema::read(&Connection::open(file.path()).unwrap()).unwrap_err();
    assert_eq!(error.headline(), "cannot read the schema");
    assert_eq!(error.sqlite_code(), Some(26));
}

#[test]
fn reading_changes_nothing_and_holds_nothing() {
    let connection = database("CREATE TABLE t(a); INSERT INTO t VALUES (1)");
    Schema::read(&connection).unwrap();
    assert!(connection.is_autocommit());
    connection.execute_batch("DROP TABLE t; VACUUM;").unwrap();
    assert!(Schema::read(&connection).unwrap().tables.is_empty());
}
