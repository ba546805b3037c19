//! Foreign keys of every form: parents are inserted, chosen and shared.

use super::{count, database, fills, fills_by, one, rows, whole};
use sqlitmus::data::Fill;

#[test]
fn foreign_keys_of_every_kind() {
    // Children declared before their parents; keys that are composite, refer to a UNIQUE column, name no parent column or
    // refer to a key that is not an INTEGER.
    let connection = database(
        "CREATE TABLE c(id INTEGER PRIMARY KEY, b_x TEXT NOT NULL, b_y INTEGER NOT NULL, a TEXT NOT NULL REFERENCES a,
             u INTEGER REFERENCES a(other), FOREIGN KEY (b_x, b_y) REFERENCES b);
         CREATE TABLE b(x TEXT, y INTEGER, a TEXT NOT NULL REFERENCES a(code), PRIMARY KEY (x, y)) WITHOUT ROWID;
         CREATE TABLE a(code TEXT PRIMARY KEY, other INTEGER NOT NULL UNIQUE);",
    );
    Fill::seed(1).rows("c", 100).insert(&connection);
    assert_eq!(count(&connection, "c"), 100);
    assert!(count(&connection, "b") > 1 && count(&connection, "a") > 1);
    assert!(one(&connection, "SELECT count(DISTINCT a) FROM c") > 1);
    whole(&connection);
}

#[test]
fn self_references_and_circles() {
    for schema in [
        "CREATE TABLE t(id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES t)",
        "CREATE TABLE t(id TEXT PRIMARY KEY, parent TEXT NOT NULL REFERENCES t(id))",
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, before INTEGER UNIQUE REFERENCES t(id))",
        "CREATE TABLE t(x TEXT, y TEXT, px TEXT, py TEXT, PRIMARY KEY (x, y), FOREIGN KEY (px, py) REFERENCES t(x, y))",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, u INTEGER REFERENCES u); CREATE TABLE u(id INTEGER PRIMARY KEY, t INTEGER NOT NULL REFERENCES t)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, u INTEGER NOT NULL REFERENCES u); CREATE TABLE u(id INTEGER PRIMARY KEY, t INTEGER NOT NULL REFERENCES t)",
        "CREATE TABLE t(id TEXT PRIMARY KEY, u TEXT NOT NULL REFERENCES u DEFERRABLE INITIALLY DEFERRED);
         CREATE TABLE u(id TEXT PRIMARY KEY, v TEXT NOT NULL REFERENCES v);
         CREATE TABLE v(id TEXT PRIMARY KEY, t TEXT NOT NULL REFERENCES t)",
    ] {
        let connection = fills(schema, "t", 60);
        // Also after existing rows.
        Fill::seed(2).rows("t", 40).insert(&connection);
        assert_eq!(count(&connection, "t"), 100);
        whole(&connection);
    }
}

#[test]
fn parents_that_are_used_once() {
    let connection = fills(
        "CREATE TABLE u(id INTEGER PRIMARY KEY); CREATE TABLE t(u_id INTEGER PRIMARY KEY REFERENCES u, bio TEXT)",
        "t",
        30,
    );
    assert_eq!(count(&connection, "u"), 30);
    fills("CREATE TABLE u(id TEXT PRIMARY KEY); CREATE TABLE t(u TEXT NOT NULL UNIQUE REFERENCES u)", "t", 30);
    fills(
        "CREATE TABLE a(id INTEGER PRIMARY KEY); CREATE TABLE b(id INTEGER PRIMARY KEY);
         CREATE TABLE t(a INTEGER NOT NULL REFERENCES a, b INTEGER NOT NULL REFERENCES b, PRIMARY KEY (a, b)) WITHOUT ROWID",
        "t",
        200,
    );
    fills(
        "CREATE TABLE a(id INTEGER PRIMARY KEY);
         CREATE TABLE t(a INTEGER NOT NULL REFERENCES a, b INTEGER NOT NULL REFERENCES a, PRIMARY KEY (a, b), CHECK (a <> b))",
        "t",
        50,
    );
    // A child of a child, where each parent has one child.
    fills(
        "CREATE TABLE a(id TEXT PRIMARY KEY); CREATE TABLE b(a TEXT PRIMARY KEY REFERENCES a);
         CREATE TABLE t(b TEXT PRIMARY KEY REFERENCES b(a))",
        "t",
        30,
    );
}

#[test]
fn parents_have_no_nulls_in_their_keys() {
    for sql in [
        "CREATE TABLE p(code TEXT UNIQUE); CREATE TABLE t(p TEXT NOT NULL REFERENCES p(code))",
        "CREATE TABLE p(a TEXT, b INTEGER, UNIQUE (a, b));
         CREATE TABLE t(a TEXT NOT NULL, b INTEGER, FOREIGN KEY (a, b) REFERENCES p(a, b))",
    ] {
        for seed in 0..20 {
            fills_by(sql, &Fill::seed(seed).rows("t", 1), "t", 1);
        }
    }
}

#[test]
fn parents_that_must_differ() {
    let users = "CREATE TABLE u(id INTEGER PRIMARY KEY);";
    let pair = "a INTEGER NOT NULL REFERENCES u, b INTEGER NOT NULL REFERENCES u";
    for rest in [
        "CHECK (a <> b)",
        "CHECK (a < b)",
        "PRIMARY KEY (a, b), CHECK (a < b)",
        "UNIQUE (b, a), CHECK (a != b)",
        "x TEXT NOT NULL, CHECK (a > b AND x <> '')",
    ] {
        for rows in [1, 2, 20, 300] {
            fills(&format!("{users} CREATE TABLE t({pair}, {rest})"), "t", rows);
        }
    }
    fills(
        &format!(
            "{users} CREATE TABLE t({pair});
             CREATE TRIGGER r BEFORE INSERT ON t WHEN NEW.a = NEW.b BEGIN SELECT RAISE(ABORT, 'no'); END"
        ),
        "t",
        1,
    );
    // If the number of parents is given, it limits the number of rows.
    for (parents, full) in [
        (1, ("t", 0, "CHECK (a < b): there is only one parent")),
        (2, ("t", 1, "PRIMARY KEY (a, b): a has 2 parents, b has 2 parents, CHECK (a < b)")),
    ] {
        let connection = database(&format!("{users} CREATE TABLE t({pair}, PRIMARY KEY (a, b), CHECK (a < b))"));
        let filled = Fill::seed(1).every_table(parents).insert(&connection);
        assert_eq!(filled.full().collect::<Vec<_>>(), [full]);
    }
}

#[test]
fn checks_on_foreign_keys_hold_for_parents() {
    for sql in [
        // All parents can satisfy the CHECK.
        "CREATE TABLE p(code TEXT PRIMARY KEY, name TEXT); CREATE TABLE t(p TEXT NOT NULL REFERENCES p CHECK (length(p) = 3))",
        "CREATE TABLE p(id INTEGER PRIMARY KEY, iso TEXT NOT NULL UNIQUE CHECK (iso <> ''));
         CREATE TABLE t(p TEXT NOT NULL REFERENCES p(iso), zip TEXT, CHECK (length(p) BETWEEN 3 AND 8 AND p = upper(p)))",
        "CREATE TABLE p(hash BLOB PRIMARY KEY); CREATE TABLE t(p BLOB NOT NULL REFERENCES p CHECK (length(p) = 32), n INTEGER)",
        // In two columns.
        "CREATE TABLE p(code TEXT NOT NULL UNIQUE, short TEXT NOT NULL UNIQUE);
         CREATE TABLE t(a TEXT NOT NULL REFERENCES p(code) CHECK (length(a) = 3),
             b TEXT NOT NULL REFERENCES p(short) CHECK (length(b) = 4))",
        // Some parents satisfy it.
        "CREATE TABLE p(kind TEXT PRIMARY KEY) WITHOUT ROWID;
         CREATE TABLE t(kind TEXT NOT NULL REFERENCES p, a INTEGER, b TEXT,
             CHECK ((kind = 'a' AND a IS NOT NULL AND b IS NULL) OR (kind = 'b' AND b IS NOT NULL AND a IS NULL)))",
        // Another child allows other values.
        "CREATE TABLE p(kind TEXT PRIMARY KEY); CREATE TABLE t(kind TEXT NOT NULL REFERENCES p CHECK (kind IN ('a', 'b')));
         CREATE TABLE t2(kind TEXT NOT NULL REFERENCES p CHECK (kind = 'c'))",
        // The parents exist.
        "CREATE TABLE p(kind TEXT PRIMARY KEY); INSERT INTO p VALUES ('new'), ('paid'), ('gone');
         CREATE TABLE t(kind TEXT NOT NULL REFERENCES p CHECK (kind IN ('new', 'paid')), paid_at TEXT,
             CHECK (CASE kind WHEN 'paid' THEN paid_at IS NOT NULL ELSE paid_at IS NULL END))",
    ] {
        for rows in [1, 20, 300] {
            fills(sql, "t", rows);
            fills_by(sql, &Fill::seed(1).every_table(rows + 1), "t", rows + 1);
        }
    }
    // Parents that satisfy the CHECK anyway do not change.
    let users = "CREATE TABLE u(email TEXT PRIMARY KEY);";
    let plain = fills(&format!("{users} CREATE TABLE t(u TEXT NOT NULL REFERENCES u)"), "t", 5);
    let checked = fills(&format!("{users} CREATE TABLE t(u TEXT NOT NULL REFERENCES u CHECK (u LIKE '%@%'))"), "t", 5);
    assert_eq!(rows(&plain, "SELECT * FROM u"), rows(&checked, "SELECT * FROM u"));
}

#[test]
fn keys_that_share_a_column() {
    let connection = fills(
        "CREATE TABLE tenants(id INTEGER PRIMARY KEY);
         CREATE TABLE users(tenant INTEGER NOT NULL REFERENCES tenants, id INTEGER NOT NULL, PRIMARY KEY (tenant, id));
         CREATE TABLE projects(tenant INTEGER NOT NULL REFERENCES tenants, name TEXT NOT NULL, PRIMARY KEY (tenant, name));
         CREATE TABLE t(
             tenant INTEGER NOT NULL REFERENCES tenants, owner INTEGER NOT NULL, project TEXT NOT NULL,
             FOREIGN KEY (tenant, owner) REFERENCES users, FOREIGN KEY (tenant, project) REFERENCES projects
         )",
        "t",
        60,
    );
    assert!(one(&connection, "SELECT count(DISTINCT tenant) FROM t") > 1);
}

/// If each table has the tenant in its key, the parents of a row have to belong to the same tenant.
#[test]
fn parents_of_one_tenant() {
    let schema = "CREATE TABLE tenants(id INTEGER PRIMARY KEY);
         CREATE TABLE customers(
             tenant INTEGER NOT NULL REFERENCES tenants, id INTEGER NOT NULL, PRIMARY KEY (tenant, id)
         );
         CREATE TABLE items(tenant INTEGER NOT NULL REFERENCES tenants, sku TEXT NOT NULL, PRIMARY KEY (tenant, sku));
         CREATE TABLE places(tenant INTEGER NOT NULL REFERENCES tenants, id INTEGER NOT NULL, PRIMARY KEY (tenant, id));
         CREATE TABLE stock(
             tenant INTEGER NOT NULL, place INTEGER NOT NULL, sku TEXT NOT NULL, PRIMARY KEY (tenant, place, sku),
             FOREIGN KEY (tenant, place) REFERENCES places, FOREIGN KEY (tenant, sku) REFERENCES items
         );
         CREATE TABLE orders(
             tenant INTEGER NOT NULL, id INTEGER NOT NULL, customer INTEGER NOT NULL, PRIMARY KEY (tenant, id),
             FOREIGN KEY (tenant, customer) REFERENCES customers(tenant, id)
         );
         CREATE TABLE lines(
             tenant INTEGER NOT NULL, customer_order INTEGER NOT NULL, line INTEGER NOT NULL, place INTEGER NOT NULL,
             sku TEXT NOT NULL, PRIMARY KEY (tenant, customer_order, line),
             FOREIGN KEY (tenant, customer_order) REFERENCES orders, FOREIGN KEY (tenant, place, sku) REFERENCES stock
         );
         CREATE TABLE parts(
             tenant INTEGER NOT NULL, whole TEXT NOT NULL, part TEXT NOT NULL, PRIMARY KEY (tenant, whole, part),
             FOREIGN KEY (tenant, whole) REFERENCES items, FOREIGN KEY (tenant, part) REFERENCES items, CHECK (whole <> part)
         );";
    for table in ["stock", "lines", "parts"] {
        for rows in [1, 2, 20, 300] {
            let connection = fills(schema, table, rows);
            if rows == 300 {
                assert!(one(&connection, &format!("SELECT count(DISTINCT tenant) FROM {table}")) > 1);
            }
        }
    }
    for rows in [2, 20, 300] {
        fills_by(schema, &Fill::seed(3).every_table(rows), "parts", rows);
    }
    // A single item cannot be part of another.
    let connection = fills_by(schema, &Fill::seed(3).every_table(1), "parts", 0);
    assert_eq!(one(&connection, "SELECT count(*) FROM lines"), 1);
    // A unique key of the tenant takes precedence.
    let kinds = schema.replace(
        "PRIMARY KEY (tenant, id)",
        "kind TEXT CHECK (kind IN ('a', 'b')), UNIQUE (tenant, kind), PRIMARY KEY (tenant, id)",
    );
    for rows in [1, 20] {
        fills(&kinds.replace("kind TEXT", "kind TEXT NOT NULL"), "lines", rows);
    }
}

#[test]
fn trees_whose_root_cannot_be_null_or_its_own_parent() {
    for (schema, table) in [
        ("CREATE TABLE t(id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t, CHECK (parent <> id))", "t"),
        ("CREATE TABLE t(id TEXT PRIMARY KEY CHECK (length(id) = 8), parent TEXT REFERENCES t CHECK (parent < id))", "t"),
        (
            "CREATE TABLE tenants(id INTEGER PRIMARY KEY);
             CREATE TABLE t(
                 tenant INTEGER NOT NULL REFERENCES tenants, number TEXT NOT NULL CHECK (length(number) = 4), parent TEXT,
                 PRIMARY KEY (tenant, number), FOREIGN KEY (tenant, parent) REFERENCES t, CHECK (parent < number)
             )",
            "t",
        ),
    ] {
        for rows in [1, 20] {
            let connection = fills_by(schema, &Fill::seed(1).null_rate(0).rows(table, rows), table, rows);
            assert!(one(&connection, "SELECT count(*) FROM t WHERE parent IS NULL") >= 1);
        }
    }
}

#[test]
fn trees_of_tenants() {
    let schema = "CREATE TABLE tenants(id INTEGER PRIMARY KEY);
         CREATE TABLE users(tenant INTEGER NOT NULL REFERENCES tenants, id INTEGER, PRIMARY KEY (tenant, id)) WITHOUT ROWID;
         CREATE TABLE t(
             id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL REFERENCES tenants, parent INTEGER REFERENCES t(id),
             name TEXT NOT NULL, UNIQUE (tenant, id), UNIQUE (tenant, name), FOREIGN KEY (tenant, parent) REFERENCES t(tenant, id)
         );
         CREATE TABLE owned(
             tenant INTEGER NOT NULL REFERENCES tenants, id INTEGER, parent INTEGER, owner INTEGER NOT NULL,
             PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, owner) REFERENCES users,
             FOREIGN KEY (tenant, parent) REFERENCES owned(tenant, id)
         );";
    let connection = fills(schema, "t", 60);
    let depth = "WITH RECURSIVE d(id, depth) AS (
                     SELECT id, 0 FROM t WHERE parent IS NULL
                     UNION ALL SELECT t.id, depth + 1 FROM d JOIN t ON t.parent = d.id
                 ) SELECT max(depth) FROM d";
    assert!(one(&connection, depth) > 1);
    assert!(one(&connection, "SELECT count(DISTINCT tenant) FROM t") > 1);
    assert!(one(&connection, "SELECT count(*) FROM t WHERE parent IS NULL") > 1);
    // All rows belong to one tenant.
    Fill::seed(3)
        .set("tenants", "id", 7777)
        .rows("tenants", 1)
        .set("t", "tenant", 7777)
        .rows("t", 20)
        .insert(&connection);
    assert!(one(&connection, "SELECT count(parent) FROM t WHERE tenant = 7777") > 1);
    whole(&connection);
    let connection = fills(schema, "owned", 200);
    assert!(one(&connection, "SELECT count(parent) FROM owned") > 1);
}

#[test]
fn keys_that_are_partly_null() {
    // Versions of files. No other table lists them.
    let connection = fills(
        "CREATE TABLE t(path TEXT NOT NULL, v INTEGER NOT NULL, base INTEGER, PRIMARY KEY (path, v), FOREIGN KEY (path, base) REFERENCES t)",
        "t",
        60,
    );
    assert!(one(&connection, "SELECT count(base) FROM t") > 20);
    let connection = fills(
        "CREATE TABLE u(a INTEGER NOT NULL, b INTEGER NOT NULL, PRIMARY KEY (a, b));
         CREATE TABLE t(a INTEGER NOT NULL, b INTEGER, FOREIGN KEY (a, b) REFERENCES u)",
        "t",
        60,
    );
    assert!((20..60).contains(&one(&connection, "SELECT count(b) FROM t")));
    // A circle: the manager of a department works there.
    fills(
        "CREATE TABLE t(department INTEGER NOT NULL REFERENCES departments, no INTEGER NOT NULL, PRIMARY KEY (department, no));
         CREATE TABLE departments(id INTEGER PRIMARY KEY, manager INTEGER, FOREIGN KEY (id, manager) REFERENCES t(department, no))",
        "t",
        60,
    );
}

#[test]
fn parents_that_are_missing() {
    let schema = "CREATE TABLE t(id INTEGER PRIMARY KEY, x INTEGER REFERENCES gone);
                  CREATE TABLE u(id INTEGER PRIMARY KEY, a TEXT, b INTEGER, FOREIGN KEY (a, b) REFERENCES gone(a, b));";
    // SQLite inserts nothing into such a table, not even NULL, unless foreign_keys is off.
    let connection = database(schema);
    let filled = Fill::seed(1).every_table(10).insert(&connection);
    assert_eq!(
        filled.full().collect::<Vec<_>>(),
        [("t", 0, "no such table: main.gone"), ("u", 0, "no such table: main.gone")]
    );
    let error = Fill::seed(1).rows("t", 1).try_insert(&connection).unwrap_err();
    assert_eq!(error.headline(), "cannot fill t: it refers to a table that does not exist: gone");
    connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    Fill::seed(1).every_table(10).insert(&connection);
    assert_eq!((count(&connection, "t"), count(&connection, "u")), (10, 10));
    whole(&connection);
}

#[test]
fn triggers_that_are_foreign_keys() {
    for trigger in [
        "SELECT RAISE(ABORT, 'no book') WHERE NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.x)",
        "SELECT CASE WHEN (SELECT id FROM books WHERE id = NEW.x) IS NULL THEN RAISE(ABORT, 'no book') END",
        "SELECT CASE WHEN NEW.x IS NOT NULL AND (SELECT b.id FROM books AS b WHERE NEW.x = b.id) ISNULL
                     THEN RAISE(ABORT, 'no book') END",
        "SELECT RAISE(ROLLBACK, 'no book') WHERE NEW.x NOT IN (SELECT id FROM books)",
        "SELECT RAISE(ABORT, 'no book') WHERE NEW.y = 1 AND NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.x);
         SELECT RAISE(ABORT, 'no film') WHERE NEW.y = 2 AND NOT EXISTS (SELECT 1 FROM films WHERE id = NEW.x)",
    ] {
        let connection = fills(
            &format!(
                "CREATE TABLE t(id INTEGER PRIMARY KEY, x INTEGER NOT NULL, y INTEGER NOT NULL CHECK (y IN (1, 2)));
                 CREATE TABLE books(id INTEGER PRIMARY KEY, title TEXT NOT NULL);
                 CREATE TABLE films(id INTEGER PRIMARY KEY);
                 CREATE TRIGGER r BEFORE INSERT ON t BEGIN {trigger}; END"
            ),
            "t",
            30,
        );
        assert!(count(&connection, "books") > 1, "{trigger}");
    }
    // A trigger that reads its own table does not define a foreign key.
    fills(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, x INTEGER NOT NULL);
         CREATE TRIGGER r BEFORE INSERT ON t WHEN EXISTS (SELECT 1 FROM t WHERE x = NEW.x)
         BEGIN SELECT RAISE(ABORT, 'twice'); END",
        "t",
        30,
    );
}

/// A row that would have a name which is there already is made anew, and its code was never inserted.
#[test]
fn children_have_no_parent_that_was_left_out() {
    let schema = "CREATE TABLE teams(code TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE) WITHOUT ROWID;
                  CREATE TABLE players(id INTEGER PRIMARY KEY, team TEXT NOT NULL REFERENCES teams);";
    let fill = Fill::seed(1).rows("teams", 5).rows("players", 100);
    let before = database(schema);
    fill.insert(&before);
    for team in 0..5 {
        let name: String =
            before.query_row("SELECT name FROM teams LIMIT 1 OFFSET ?1", [team], |row| row.get(0)).unwrap();
        let connection = database(schema);
        // SQLite does not refuse a child that has no parent then.
        connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        connection.execute("INSERT INTO teams VALUES ('first', ?1)", [name]).unwrap();
        fill.insert(&connection);
        assert_eq!((count(&connection, "teams"), count(&connection, "players")), (6, 100));
        whole(&connection);
    }
}

/// Pairs differ although each parent has many of them.
#[test]
fn a_link_table_of_many_rows_needs_few_parents() {
    let connection = fills(
        "CREATE TABLE posts(id INTEGER PRIMARY KEY, title TEXT NOT NULL);
         CREATE TABLE tags(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
         CREATE TABLE t(post INTEGER NOT NULL REFERENCES posts, tag INTEGER NOT NULL REFERENCES tags, PRIMARY KEY (post, tag))",
        "t",
        10_000,
    );
    let parents = (count(&connection, "posts"), count(&connection, "tags"));
    assert!(parents.0 <= 1_000 && parents.1 <= 1_000, "{parents:?}");
}
