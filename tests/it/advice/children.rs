//! Indexes for the lookups of children by foreign keys, whatever else the statement does.

use sqlitmus::plan::{advise, explain};

use super::{advised, check, database};

/// Returns a parent with so many children, each with two foreign keys.
fn family(children: usize, action: &str) -> String {
    let child = |number: usize| {
        format!(
            "CREATE TABLE c{number}(id INTEGER PRIMARY KEY, p_id INT REFERENCES p(id) {action},
                                    code TEXT REFERENCES p(code) {action}, name TEXT);"
        )
    };
    let children: String = (0..children).map(child).collect();
    format!("CREATE TABLE p(id INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT); {children}")
}

/// Each index is known without a search, however many there are.
#[test]
fn sixty_children() {
    for action in ["", "ON DELETE CASCADE ON UPDATE CASCADE", "ON DELETE SET NULL"] {
        let connection = database(&family(60, action));
        for (sql, most) in [
            ("DELETE FROM p WHERE id = ?1", 120),
            ("UPDATE p SET code = ?1 WHERE id = ?2", 60),
            // The parent is searched for among them.
            ("DELETE FROM p WHERE name = ?1", 121),
        ] {
            let error = explain(&connection, sql).try_assert_no_scan().map(drop).unwrap_err().to_string();
            assert_eq!(error.matches("CREATE INDEX").count(), most, "{action} {sql}");
            assert!(!error.contains("cut short"), "{error}");
            for one in advise(&connection, sql).unwrap() {
                connection.execute_batch(&one.sql).unwrap();
            }
            explain(&connection, sql).assert_no_scan();
            let created =
                "SELECT group_concat('DROP INDEX ' || name, ';') FROM sqlite_schema WHERE sql LIKE 'CREATE INDEX%'";
            let drop: String = connection.query_row(created, [], |row| row.get(0)).unwrap();
            connection.execute_batch(&drop).unwrap();
        }
    }
}

#[test]
fn every_kind_of_lookup() {
    let schema = "
        CREATE TABLE org(id INTEGER PRIMARY KEY, name TEXT, boss INT REFERENCES org(id));
        CREATE TABLE member(id INTEGER PRIMARY KEY, org_id INT REFERENCES org(id) ON DELETE CASCADE, name TEXT);
        CREATE TABLE badge(id INTEGER PRIMARY KEY, member_id INT REFERENCES member(id) ON DELETE CASCADE, at INT);
        CREATE TABLE door(a INT, b INT, label TEXT, PRIMARY KEY (a, b));
        CREATE TABLE pass(id INTEGER PRIMARY KEY, a INT, b INT, FOREIGN KEY (a, b) REFERENCES door(a, b));
        CREATE TABLE visit(id INTEGER PRIMARY KEY, a INT, b INT, FOREIGN KEY (a, b) REFERENCES door(a, b));
        CREATE INDEX visit_a ON visit(a);
        CREATE TABLE room(id INTEGER PRIMARY KEY, code TEXT COLLATE NOCASE UNIQUE);
        CREATE TABLE chair(id INTEGER PRIMARY KEY, code TEXT REFERENCES room(code), made INT);
        CREATE TABLE user(id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE doc(id INTEGER PRIMARY KEY, made_by INT REFERENCES user(id), read_by INT REFERENCES user(id));
        CREATE TABLE log(id INTEGER PRIMARY KEY, user_id INT REFERENCES user(id) ON DELETE SET NULL, text TEXT);
        CREATE INDEX doc_made ON doc(made_by);
        CREATE TABLE cart(id INTEGER PRIMARY KEY);
        CREATE TABLE line(id INTEGER PRIMARY KEY, cart_id INT REFERENCES cart(id), sku TEXT);
        CREATE TRIGGER cart_gone BEFORE DELETE ON cart BEGIN
            DELETE FROM line WHERE cart_id = old.id;
        END;
        CREATE TABLE shelf(id INTEGER PRIMARY KEY);
        CREATE TABLE book(id INTEGER PRIMARY KEY, shelf_id INT REFERENCES shelf(id) ON DELETE CASCADE, title TEXT);
        CREATE TABLE gone(id INTEGER PRIMARY KEY, title TEXT, shelf_id INT REFERENCES shelf(id));
        CREATE TRIGGER book_gone AFTER DELETE ON book BEGIN
            INSERT INTO gone(title, shelf_id) VALUES (old.title, NULL);
        END;";
    let mut wrong = Vec::new();
    for (sql, expected) in [
        // A cascade leads to children of children, and the table refers to itself.
        ("DELETE FROM org WHERE id = ?1", "badge(member_id); member(org_id); org(boss)"),
        ("DELETE FROM member WHERE id = ?1", "badge(member_id)"),
        // What the statement itself scans is searched for too.
        ("DELETE FROM member WHERE name = ?1", "badge(member_id); member(name)"),
        ("DELETE FROM door WHERE a = ?1 AND b = ?2", "pass(a, b)"),
        ("DELETE FROM door WHERE label = ?1", "door(label); pass(a, b)"),
        ("UPDATE door SET a = ?1 WHERE a = ?2 AND b = ?3", "pass(a, b)"),
        ("UPDATE door SET label = ?1 WHERE a = ?2", ""),
        ("DELETE FROM room WHERE id = ?1", "chair(code COLLATE NOCASE)"),
        ("UPDATE room SET code = ?1 WHERE id = ?2", "chair(code COLLATE NOCASE)"),
        ("DELETE FROM user WHERE id = ?1", "doc(read_by); log(user_id)"),
        ("DELETE FROM user WHERE name = ?1", "doc(read_by); log(user_id); user(name)"),
        ("REPLACE INTO user(id, name) VALUES (?1, ?2)", "doc(read_by); log(user_id)"),
        ("UPDATE user SET name = ?1 WHERE id = ?2", ""),
        // A trigger reads the child too.
        ("DELETE FROM cart WHERE id = ?1", "line(cart_id)"),
        ("DELETE FROM shelf WHERE id = ?1", "book(shelf_id); gone(shelf_id)"),
        ("INSERT INTO line(cart_id) VALUES (?1)", ""),
        ("SELECT id FROM line WHERE cart_id = ?1", "line(cart_id)"),
        ("DELETE FROM line WHERE cart_id = ?1", "line(cart_id)"),
    ] {
        let create = advised(&database(schema), sql);
        let mut found: Vec<&str> =
            create.lines().filter_map(|line| line.split(" ON ").nth(1)).map(|on| on.trim_end_matches(';')).collect();
        found.sort_unstable();
        if found.join("; ") != expected {
            wrong.push(format!("{sql}\n  {}\n  not {expected}", found.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One line of the plan stands for the lookups by both keys of a child.
#[test]
fn lookups_that_are_one_line() {
    let schema = family(1, "ON DELETE CASCADE");
    let both = "CREATE INDEX c0_p_id ON c0(p_id);\nCREATE INDEX c0_code ON c0(code);";
    check(&schema, "DELETE FROM p WHERE id = ?1", both);
    let advice = advise(&database(&schema), "DELETE FROM p WHERE id = ?1").unwrap();
    assert_eq!(advice.len(), 1, "{advice:?}");
    let advice = advise(&database(&family(1, "")), "DELETE FROM p WHERE id = ?1").unwrap();
    assert_eq!(advice.len(), 2, "{advice:?}");
}

#[test]
fn a_child_of_few_rows() {
    let connection = database(&family(2, ""));
    connection.execute_batch("INSERT INTO c0(name) VALUES ('a'), ('b'); ANALYZE").unwrap();
    let create = advised(&connection, "DELETE FROM p WHERE id = ?1");
    assert_eq!(create, "CREATE INDEX c1_p_id ON c1(p_id);\nCREATE INDEX c1_code ON c1(code);");
}
