//! Names that need quotes, and every kind of table and statement.

use super::{advised, check, database};

#[test]
fn names_that_need_quotes() {
    let schema = r#"CREATE TABLE "order"("group" TEXT, "user name" TEXT, "a""b" INT, [x]]y] INT, "Größe" INT);
                    CREATE TABLE "USING INDEX a"(x INT, y INT)"#;
    let schema = schema.replace("[x]]y] INT, ", "");
    check(&schema, r#"SELECT 1 FROM "order" WHERE "group" = ?1"#, r#"CREATE INDEX order_group ON "order"("group");"#);
    check(
        &schema,
        r#"SELECT 1 FROM [order] AS o WHERE o.`user name` = ?1 AND "a""b" > 2"#,
        r#"CREATE INDEX "order_user name_a""b" ON "order"("user name", "a""b");"#,
    );
    check(&schema, r#"SELECT 1 FROM "order" WHERE "grÖSSe" = 1 OR größe = 1"#, "");
    check(
        &schema,
        r#"SELECT 1 FROM "USING INDEX a" WHERE x = ?1"#,
        r#"CREATE INDEX "USING INDEX a_x" ON "USING INDEX a"(x);"#,
    );
}

#[test]
fn a_name_that_is_taken() {
    let schema = "CREATE TABLE t(a TEXT, b INT); CREATE INDEX t_a ON t(b); CREATE TABLE t_a_2(x);";
    check(schema, "SELECT b FROM t WHERE a = ?1", "CREATE INDEX t_a_3 ON t(a);");
}

/// With a deferred foreign key, an earlier statement may have left children without a parent. The parent's INSERT looks for
/// them.
#[test]
fn a_parent_that_comes_after_its_children() {
    let schema = "CREATE TABLE p(id INTEGER PRIMARY KEY);
                  CREATE TABLE c(p_id INT REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED);";
    check(schema, "INSERT INTO p VALUES (?1)", "CREATE INDEX c_p_id ON c(p_id);");
}

/// Both loops compare the same column with one value.
#[test]
fn a_table_that_is_read_twice() {
    let schema = "CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, b INT, d INT); CREATE INDEX t_d ON t(d);";
    let sql = "SELECT x.id FROM t AS x JOIN t AS y ON y.a = x.d WHERE y.d IS NULL AND x.d IN (1, 2) ORDER BY y.b";
    check(schema, sql, "CREATE INDEX t_d_b ON t(d, b);");
}

#[test]
fn tables_without_rowid_and_generated_columns() {
    let schema = "CREATE TABLE p(a INT, b INT, c INT, d INT, PRIMARY KEY (a, b)) WITHOUT ROWID;
                  CREATE TABLE g(x INT, y INT AS (x * 2), z INT AS (x + 1) STORED);";
    check(schema, "SELECT c FROM p WHERE b = ?1", "CREATE INDEX p_b ON p(b);");
    check(schema, "SELECT c FROM p WHERE a = ?1", "");
    check(schema, "SELECT c FROM p WHERE c = ?1 AND b = ?2", "CREATE INDEX p_c_b ON p(c, b);");
    // Every index ends with the key.
    check(schema, "SELECT b FROM p WHERE c = ?1 AND a = ?2 ORDER BY d", "CREATE INDEX p_a_d ON p(a, d);");
    check(schema, "SELECT b FROM p WHERE c = ?1 AND a = ?2 ORDER BY b DESC", "");
    check(schema, "SELECT x FROM g WHERE y = ?1", "CREATE INDEX g_y ON g(y);");
    check(schema, "SELECT x FROM g WHERE z > ?1 ORDER BY z", "CREATE INDEX g_z ON g(z);");
}

const BLOG: &str = "
    CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, email TEXT COLLATE NOCASE);
    CREATE TABLE posts(id INTEGER PRIMARY KEY, user_id INT REFERENCES users(id), title TEXT, data TEXT, at TEXT, state TEXT);
    CREATE INDEX posts_old ON posts(at) WHERE state = 'old';
    CREATE INDEX posts_length ON posts(length(title));
    CREATE VIEW fresh AS SELECT id, title, user_id FROM posts WHERE state = 'fresh';
    CREATE VIEW freshest AS SELECT * FROM fresh;
    CREATE TABLE pages(id INTEGER PRIMARY KEY, user_id INT, at TEXT, what TEXT);
    CREATE INDEX pages_user_at ON pages(user_id, at);
    CREATE TABLE log(what TEXT, at TEXT);
    CREATE TRIGGER posts_gone AFTER DELETE ON posts BEGIN
        DELETE FROM log WHERE what = old.title;
    END;";

#[test]
fn every_kind_of_statement() {
    let mut wrong = Vec::new();
    for (sql, expected) in [
        ("SELECT title FROM freshest WHERE user_id = ?1", "CREATE INDEX posts_user_id_state ON posts(user_id, state);"),
        (
            "WITH mine AS (SELECT * FROM posts WHERE user_id = ?1) SELECT title FROM mine",
            "CREATE INDEX posts_user_id ON posts(user_id);",
        ),
        (
            "SELECT title FROM posts WHERE at = ?1 UNION ALL SELECT what FROM log WHERE at = ?1",
            "CREATE INDEX posts_at ON posts(at);\nCREATE INDEX log_at ON log(at);",
        ),
        (
            "SELECT name FROM users WHERE id IN (SELECT user_id FROM posts WHERE at = ?1)",
            "CREATE INDEX posts_at ON posts(at);",
        ),
        (
            "SELECT (SELECT max(at) FROM posts WHERE user_id = u.id) FROM users AS u WHERE u.id = ?1",
            "CREATE INDEX posts_user_id_at ON posts(user_id, at);",
        ),
        ("UPDATE posts SET state = 'old' WHERE at < ?1", "CREATE INDEX posts_at ON posts(at);"),
        ("DELETE FROM posts WHERE id = ?1", "CREATE INDEX log_what ON log(what);"),
        ("DELETE FROM users WHERE id = ?1", "CREATE INDEX posts_user_id ON posts(user_id);"),
        (
            "SELECT id FROM posts WHERE title = ?1 OR (state = ?2 AND at > ?3)",
            "CREATE INDEX posts_title ON posts(title);\nCREATE INDEX posts_state_at ON posts(state, at);",
        ),
        ("SELECT id FROM posts WHERE lower(title) = ?1", "CREATE INDEX posts_lower_title ON posts(lower(title));"),
        (
            "SELECT id FROM posts AS p WHERE p.data ->> '$.kind' = ?1",
            "CREATE INDEX posts_data_kind ON posts(data ->> '$.kind');",
        ),
        ("SELECT id FROM posts WHERE ?1 = date(at)", "CREATE INDEX posts_date_at ON posts(date(at));"),
        ("SELECT id FROM users WHERE name LIKE 'ab%'", "CREATE INDEX users_name ON users(name COLLATE NOCASE);"),
        ("SELECT id FROM users WHERE email GLOB 'ab*'", "CREATE INDEX users_email ON users(email COLLATE BINARY);"),
        (
            "SELECT id FROM users WHERE email = ?1 COLLATE BINARY",
            "CREATE INDEX users_email ON users(email COLLATE BINARY);",
        ),
        (
            "SELECT id FROM users WHERE name IS NULL AND email > 'x'",
            "CREATE INDEX users_email ON users(email) WHERE name IS NULL;",
        ),
        ("SELECT id FROM users WHERE email = ?1", "CREATE INDEX users_email ON users(email);"),
        ("SELECT min(name) FROM users", "CREATE INDEX users_name ON users(name);"),
        (
            "SELECT id FROM posts ORDER BY state, at DESC LIMIT 5",
            "CREATE INDEX posts_state_at ON posts(state, at DESC);",
        ),
        ("SELECT id FROM posts ORDER BY at DESC LIMIT 5", "CREATE INDEX posts_at ON posts(at);"),
        ("SELECT id, at AS moment FROM posts ORDER BY moment DESC, 1", "CREATE INDEX posts_at ON posts(at DESC);"),
        // The index on user_id and at has the rowids in another order.
        ("SELECT what FROM pages WHERE user_id = ?1 ORDER BY id DESC", "CREATE INDEX pages_user_id ON pages(user_id);"),
        ("SELECT state, count(*) FROM posts GROUP BY 1", "CREATE INDEX posts_state ON posts(state);"),
        ("SELECT DISTINCT title, state FROM posts", "CREATE INDEX posts_title_state ON posts(title, state);"),
        (
            "SELECT id FROM posts WHERE user_id = ?1 AND state = ?2 AND at > ?3 ORDER BY title",
            "CREATE INDEX posts_user_id_state_title ON posts(user_id, state, title);",
        ),
        (
            "SELECT row_number() OVER (PARTITION BY state ORDER BY at) FROM posts",
            "CREATE INDEX posts_state_at ON posts(state, at);",
        ),
        ("SELECT u.name FROM users AS u JOIN posts AS p ON p.user_id = u.id WHERE p.id = ?1 AND u.name = ?2", ""),
    ] {
        let found = advised(&database(BLOG), sql);
        if found != expected {
            wrong.push(format!("{sql}\n  {found}\n  not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A view gives an expression a name, and the statement compares that.
#[test]
fn a_name_for_an_expression() {
    let schema = "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, at TEXT, n INT);
                  CREATE VIEW shouted AS SELECT id, upper(name) AS loud, date(at) AS \"day of it\", n + 1 AS next FROM t;";
    for (sql, expected) in [
        ("SELECT id FROM shouted WHERE loud = ?1", "CREATE INDEX t_upper_name ON t(upper(name));"),
        ("SELECT id FROM shouted WHERE \"day of it\" BETWEEN ?1 AND ?2", "CREATE INDEX t_date_at ON t(date(at));"),
        ("SELECT id FROM shouted AS s WHERE s.loud IN (?1, ?2)", "CREATE INDEX t_upper_name ON t(upper(name));"),
        (
            "WITH c AS (SELECT id, lower(name) AS low FROM t) SELECT id FROM c WHERE low = ?1",
            "CREATE INDEX t_lower_name ON t(lower(name));",
        ),
        ("SELECT loud FROM shouted WHERE id = ?1", ""),
        ("SELECT loud FROM shouted", ""),
        ("SELECT id FROM shouted WHERE next <> ?1", ""),
    ] {
        check(schema, sql, expected);
    }
}
