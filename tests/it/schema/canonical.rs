//! The text of the canonical form, and schemas that share one. `diff` tests the schemas that do not.

use sqlitmus::schema::snapshot_text;

use super::{database, schema};

#[track_caller]
fn check(sql: &str, expected: &str) {
    let schema = schema(sql);
    assert_eq!(schema.canonical(), expected);
    assert!(schema.diff(&schema).is_empty());
}

/// Asserts that both schemas have the same canonical form and no differences.
#[track_caller]
fn check_same(one: &str, other: &str) {
    let (one, other) = (schema(one), schema(other));
    assert_eq!(one.canonical(), other.canonical());
    assert_eq!(one.diff(&other).to_string(), "");
}

#[track_caller]
fn check_expression(written: &str, expected: &str) {
    let canonical = schema(&format!("CREATE TABLE t(a, b, \"Two Words\", key, CHECK({written}))")).canonical();
    let check = canonical.lines().find_map(|line| line.trim().strip_prefix("CHECK ")).unwrap();
    assert_eq!(check, format!("({expected})"));
}

#[test]
fn the_canonical_form_is_formatted_sql() {
    check(
        "create table customers(id integer primary key, email text not null unique collate nocase);
         create table [order lines](
            order_id int references customers on delete cascade deferrable initially deferred,
            pos int check(pos > 0), note text default 'none', at text not null default (datetime( 'now' )),
            doubled int as (pos*2) stored, constraint small check (pos<100 and note<>\"none\"),
            primary key(order_id, pos desc)) strict, without rowid;
         create unique index by_note on [order lines](lower(note), at collate nocase desc) where note is not null;
         create trigger keep after update of note, at on [order lines] for each row when new.note != old.note begin
            update customers set email = new.note where id=old.order_id; -- why not
            insert into customers(email) values ('x'); end;
         create view totals(id, total) as select order_id, sum(pos) from \"order lines\" group by order_id;
         create virtual table docs using FTS5(title,   body)",
        "\
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL COLLATE NOCASE,
    UNIQUE (email)
);

CREATE VIRTUAL TABLE docs USING fts5(title, body);

CREATE TABLE \"order lines\" (
    order_id INT NOT NULL,
    pos INT NOT NULL,
    note TEXT DEFAULT 'none',
    at TEXT NOT NULL DEFAULT (datetime('now')),
    doubled INT GENERATED ALWAYS AS (pos * 2) STORED,
    PRIMARY KEY (order_id, pos DESC),
    FOREIGN KEY (order_id) REFERENCES customers (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    CHECK (pos > 0),
    CONSTRAINT small CHECK (pos < 100 AND note <> 'none')
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX by_note ON \"order lines\" (lower(note), at COLLATE NOCASE DESC) WHERE note IS NOT NULL;
CREATE TRIGGER keep AFTER UPDATE OF at, note ON \"order lines\" WHEN new.note <> old.note BEGIN
    UPDATE customers SET email = new.note WHERE id = old.order_id;
    INSERT INTO customers(email) VALUES ('x');
END;

CREATE VIEW totals (id, total) AS
    SELECT order_id, sum(pos) FROM \"order lines\" GROUP BY order_id;
",
    );
}

#[test]
fn an_empty_database_is_an_empty_text() {
    check("", "");
}

#[test]
fn a_key_that_looks_like_the_rowid_keeps_its_declaration() {
    check("CREATE TABLE t(a INTEGER PRIMARY KEY DESC)", "CREATE TABLE t (\n    a INTEGER PRIMARY KEY DESC\n);\n");
    check(
        "CREATE TABLE t(a INTEGER, PRIMARY KEY(a DESC AUTOINCREMENT))",
        "CREATE TABLE t (\n    a INTEGER PRIMARY KEY AUTOINCREMENT\n);\n",
    );
    check(
        "CREATE TABLE t(a INTEGER PRIMARY KEY) WITHOUT ROWID",
        "CREATE TABLE t (\n    a INTEGER NOT NULL,\n    PRIMARY KEY (a)\n) WITHOUT ROWID;\n",
    );
}

#[test]
fn the_order_of_creation_does_not_matter() {
    check_same(
        "CREATE TABLE a(x); CREATE TABLE b(x); CREATE INDEX i ON a(x); CREATE INDEX j ON a(x DESC);
         CREATE VIEW v AS SELECT 1; CREATE VIEW w AS SELECT 2;
         CREATE TRIGGER s AFTER INSERT ON a BEGIN SELECT 1; END; CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 2; END",
        "CREATE VIEW w AS SELECT 2; CREATE VIEW v AS SELECT 1; CREATE TABLE b(x); CREATE TABLE a(x);
         CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 2; END; CREATE INDEX j ON a(x DESC); CREATE INDEX i ON a(x);
         CREATE TRIGGER s AFTER INSERT ON a BEGIN SELECT 1; END",
    );
}

#[test]
fn added_columns_read_like_declared_ones() {
    check_same(
        "CREATE TABLE t(a INT, CHECK(a > 0)); ALTER TABLE t ADD COLUMN b TEXT NOT NULL DEFAULT 'x' CHECK(b <> '')",
        "CREATE TABLE t(a INT, b TEXT NOT NULL DEFAULT 'x', CHECK(b <> ''), CHECK(a > 0))",
    );
    check_same(
        "CREATE TABLE t(a, b, c); CREATE INDEX i ON t(b); ALTER TABLE t RENAME b TO \"B b\"; ALTER TABLE t DROP COLUMN c",
        "CREATE TABLE t(a, \"B b\"); CREATE INDEX i ON t(`b b`)",
    );
}

#[test]
fn a_constraint_of_one_column_may_be_written_anywhere() {
    check_same(
        "CREATE TABLE t(a TEXT PRIMARY KEY, b UNIQUE, c REFERENCES p(x) ON UPDATE CASCADE CHECK(c > 1))",
        "CREATE TABLE t(a TEXT, b, c, CHECK(c > 1), FOREIGN KEY(c) REFERENCES p(x) ON UPDATE CASCADE, UNIQUE(b),
                        PRIMARY KEY(a))",
    );
    check_same("CREATE TABLE t(a INTEGER PRIMARY KEY)", "CREATE TABLE t(a INTEGER, PRIMARY KEY(a DESC))");
    check_same("CREATE TABLE t(a UNIQUE, b UNIQUE)", "CREATE TABLE t(a, b, UNIQUE(b), UNIQUE(a), UNIQUE(b))");
}

#[test]
fn names_of_keys_mean_nothing_to_sqlite() {
    check_same(
        "CREATE TABLE t(a CONSTRAINT x UNIQUE, b CONSTRAINT y NOT NULL CONSTRAINT z REFERENCES p(q))",
        "CREATE TABLE t(a UNIQUE, b NOT NULL REFERENCES p(q))",
    );
}

#[test]
fn defaults_that_are_the_same_read_the_same() {
    check_same(
        "CREATE TABLE t(a DEFAULT NULL, b DEFAULT ('x'), c DEFAULT (-1), d DEFAULT word, e DEFAULT \"it's\",
                        f DEFAULT TRUE, g DEFAULT current_timestamp, h DEFAULT X'AB', i DEFAULT - 1)",
        "CREATE TABLE t(a, b DEFAULT 'x', c DEFAULT -1, d DEFAULT 'word', e DEFAULT 'it''s',
                        f DEFAULT true, g DEFAULT CURRENT_TIMESTAMP, h DEFAULT x'ab', i DEFAULT (-1))",
    );
}

#[test]
fn types_may_be_written_in_any_case() {
    check_same(
        "CREATE TABLE t(a varchar( 10 ), b \"double precision\")",
        "CREATE TABLE t(a VARCHAR(10), b double  precision)",
    );
}

#[test]
fn a_parent_without_columns_is_its_primary_key() {
    check_same(
        "CREATE TABLE p(a, b, PRIMARY KEY(b, a)); CREATE TABLE t(x, y, FOREIGN KEY(x, y) REFERENCES p)",
        "CREATE TABLE p(a, b, PRIMARY KEY(b, a)); CREATE TABLE t(x, y, FOREIGN KEY(x, y) REFERENCES p(b, a))",
    );
    check(
        "CREATE TABLE t(x REFERENCES nowhere)",
        "CREATE TABLE t (\n    x,\n    FOREIGN KEY (x) REFERENCES nowhere\n);\n",
    );
}

#[test]
fn the_collation_of_the_column_is_the_default() {
    check_same(
        "CREATE TABLE t(a COLLATE nocase, UNIQUE(a)); CREATE INDEX i ON t(a)",
        "CREATE TABLE t(a COLLATE NOCASE, UNIQUE(a COLLATE NoCase)); CREATE INDEX i ON t(a COLLATE NOCASE ASC)",
    );
}

#[test]
fn expressions_have_one_spelling() {
    check_expression("A>1", "a > 1");
    check_expression("\"A\" == 1 and [b] != `a`", "a = 1 AND b <> a");
    check_expression("a IN( 1,2 , 3 )or b not in ('x')", "a IN (1, 2, 3) OR b NOT IN ('x')");
    check_expression("a in (\"x\", \"b\")", "a IN ('x', b)");
    check_expression("[two words] is not null", "\"Two Words\" IS NOT NULL");
    check_expression("Coalesce ( A , -1 ) >= + 2", "coalesce(a, -1) >= +2");
    check_expression("a - -1 > - - b", "a - -1 > - -b");
    check_expression("a like 'X%' escape '\\' and b GLOB '[A-Z]*'", "a LIKE 'X%' ESCAPE '\\' AND b GLOB '[A-Z]*'");
    check_expression("case a when 1 then 'End' else b end", "CASE a WHEN 1 THEN 'End' ELSE b END");
    check_expression("cast(a as integer)=a", "CAST(a AS integer) = a");
    check_expression("KEY > 1 and \"key\" < 2", "key > 1 AND key < 2");
    check_expression("a->>'$.x' is 1 and a || 'b' = b", "a ->> '$.x' IS 1 AND a || 'b' = b");
    check_expression("a /* and */ > -- or\n 1", "a > 1");
    check_expression("a IS TRUE and b is \"true\"", "a IS TRUE AND b IS 'true'");
    check_expression("(a,b)<(1 , 2)", "(a, b) < (1, 2)");
    check_expression("t.a > 1 and \"t\".\"A\" > 1", "t.a > 1 AND t.a > 1");
    check_expression("replace(a, 'x', 'y') = \"replace\"(b, 'x', 'y')", "replace(a, 'x', 'y') = replace(b, 'x', 'y')");
    check_expression("a between 1 and 2 and b isnull", "a BETWEEN 1 AND 2 AND b ISNULL");
    check_expression("x'AB' = a and 0xFF > 1e3", "x'ab' = a AND 0xFF > 1e3");
}

#[test]
fn statements_have_one_spelling() {
    let tables = "CREATE TABLE t(a, b, status, \"order\" INT); CREATE TABLE u(x);";
    let one = "create trigger g insert on t begin
         insert or ignore into u(x) values(new.a); replace into u values (new . b);
         update or rollback u set x=(select count(*) from t where status=\"open\" order by a desc limit 1);
         select raise( abort , 'No' ) where exists(select * from t as q left join u on q.a=u.x);
         insert into u values(1) on conflict do nothing;
         with recursive n(i) as (select 1 union all select i+1 from n where i<9) select i from n; end;";
    let other = "CREATE TRIGGER g BEFORE INSERT ON `t` FOR EACH ROW BEGIN
         INSERT OR IGNORE INTO [u](\"x\") VALUES (NEW.a) ; REPLACE INTO u VALUES (\"new\".[b]);
         UPDATE OR ROLLBACK u SET X = (SELECT COUNT(*) FROM \"t\" WHERE \"status\" = \"open\" ORDER BY \"a\" DESC LIMIT 1);
         SELECT RAISE(ABORT, 'No') WHERE EXISTS (SELECT * FROM t AS \"q\" LEFT JOIN u ON \"q\".a = u.x);
         INSERT INTO u VALUES (1) ON CONFLICT DO NOTHING;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i FROM n; END;";
    check_same(&format!("{tables}{one}"), &format!("{tables}{other}"));
    let canonical = schema(&format!("{tables}{one}")).canonical();
    let body: Vec<&str> = canonical.lines().skip_while(|line| !line.starts_with("CREATE TRIGGER")).take(8).collect();
    assert_eq!(
        body.join("\n"),
        "\
CREATE TRIGGER g BEFORE INSERT ON t BEGIN
    INSERT OR IGNORE INTO u(x) VALUES (new.a);
    REPLACE INTO u VALUES (new.b);
    UPDATE OR ROLLBACK u SET x = (SELECT count(*) FROM t WHERE status = \"open\" ORDER BY a DESC LIMIT 1);
    SELECT RAISE(ABORT, 'No') WHERE EXISTS (SELECT * FROM t AS q LEFT JOIN u ON q.a = u.x);
    INSERT INTO u VALUES (1) ON CONFLICT DO NOTHING;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i FROM n;
END;"
    );
}

/// SQLite takes a name in double quotes for a text only if nothing has that name.
#[test]
fn a_name_in_double_quotes_is_a_name_of_the_query_too() {
    let view = |query: &str| format!("CREATE TABLE t(a INTEGER, b TEXT); CREATE VIEW v AS {query}");
    for query in [
        "SELECT \"n\" FROM (SELECT a AS [n] FROM t) WHERE \"n\" > 1 AND b = \"m\"",
        "SELECT \"n\" FROM (SELECT a AS `n` FROM t) WHERE \"n\" > 1 AND b = \"m\"",
        "SELECT \"n\" FROM (SELECT a AS \"n\" FROM t) WHERE \"n\" > 1 AND b = \"m\"",
    ] {
        check_same(&view("SELECT n FROM (SELECT a AS n FROM t) WHERE n > 1 AND b = \"m\""), &view(query));
    }
}

#[test]
fn shadow_tables_are_left_out() {
    let canonical =
        schema("CREATE VIRTUAL TABLE d USING fts5(a); CREATE VIRTUAL TABLE m USING rtree(id, x, y)").canonical();
    assert_eq!(canonical, "CREATE VIRTUAL TABLE d USING fts5(a);\n\nCREATE VIRTUAL TABLE m USING rtree(id, x, y);\n");
}

#[test]
fn ledgers_are_shown_only_on_request() {
    let ledgers = [
        "_migrations",
        "schema_migrations",
        "_sqlx_migrations",
        "__diesel_schema_migrations",
        "refinery_schema_history",
        "goose_db_version",
        "seaql_migrations",
    ];
    let sql: String = ledgers.iter().map(|name| format!("CREATE TABLE {name}(version);")).collect();
    let with = schema(&format!("CREATE TABLE t(a); {sql}"));
    let without = schema("CREATE TABLE t(a)");
    assert_eq!(with.canonical(), without.canonical());
    assert!(with.diff(&without).is_empty() && without.diff(&with).is_empty());
    let shown = with.clone().with_ledgers();
    for name in ledgers {
        assert!(with.table(name).is_some(), "the facts of {name} are there");
        assert!(shown.canonical().contains(&format!("CREATE TABLE {name} (")), "{name}");
    }
    assert_eq!(shown.diff(&without).len(), ledgers.len());
    assert_eq!(without.diff(&shown).len(), ledgers.len());
}

#[test]
fn a_snapshot_is_the_canonical_text() {
    let connection = database("CREATE TABLE t(a); CREATE TABLE schema_migrations(version)");
    assert_eq!(snapshot_text(&connection).unwrap(), "CREATE TABLE t (\n    a\n);\n");
}
