use super::{check, silent};

const TABLE: &str = "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT) STRICT;";

#[test]
fn a_view_of_a_missing_table() {
    for gone in ["SELECT x FROM nowhere", "SELECT t.b FROM t", "SELECT * FROM t WHERE b = 1"] {
        check("dangling-view", &format!("{TABLE} CREATE VIEW v AS {gone};"), "v", "DROP VIEW v;");
    }
    for quiet in ["SELECT a FROM t", "SELECT the_apps_own(a) FROM t", "SELECT a FROM t ORDER BY a COLLATE the_apps_own"]
    {
        silent("dangling-view", &format!("{TABLE} CREATE VIEW v AS {quiet};"));
    }
}

#[test]
fn a_trigger_that_names_missing_objects() {
    let trigger = |event: &str, body: &str| format!("{TABLE} CREATE TRIGGER r AFTER {event} ON t BEGIN {body}; END;");
    for (event, gone) in [
        ("INSERT", "INSERT INTO nowhere VALUES (1)"),
        ("UPDATE OF a", "UPDATE t SET b = 1"),
        ("DELETE", "INSERT INTO t(a) VALUES (OLD.b)"),
        ("INSERT", "INSERT INTO t(a, b) VALUES (1, 2)"),
        ("INSERT", "INSERT INTO t VALUES (1)"),
    ] {
        check("dangling-trigger", &trigger(event, gone), "r", "DROP TRIGGER r;");
    }
    for (event, quiet) in
        [("INSERT", "UPDATE t SET a = 'x' WHERE id = NEW.id"), ("DELETE", "SELECT the_apps_own(OLD.a)")]
    {
        silent("dangling-trigger", &trigger(event, quiet));
    }
}

#[test]
fn a_trigger_of_a_view() {
    let view = |body: &str| {
        format!("{TABLE} CREATE VIEW v AS SELECT a FROM t; CREATE TRIGGER r INSTEAD OF INSERT ON v BEGIN {body}; END;")
    };
    check("dangling-trigger", &view("INSERT INTO nowhere VALUES (NEW.a)"), "r", "DROP TRIGGER r;");
    silent("dangling-trigger", &view("INSERT INTO t(a) VALUES (NEW.a)"));
}

#[test]
fn of_two_triggers_the_broken_one_is_named() {
    let both = format!(
        "{TABLE} CREATE TRIGGER good AFTER INSERT ON t BEGIN UPDATE t SET a = 1; END;
         CREATE TRIGGER bad AFTER INSERT ON t BEGIN DELETE FROM nowhere; END;"
    );
    check("dangling-trigger", &both, "bad", "DROP TRIGGER bad;");
}

#[test]
fn a_text_in_double_quotes() {
    for (schema, object, fix) in [
        ("CREATE TABLE q(id INTEGER PRIMARY KEY, s TEXT CHECK (s <> \"none\")) STRICT;", "q", "CHECK (s <> 'none')"),
        ("CREATE TABLE q(id INTEGER PRIMARY KEY, s TEXT DEFAULT \"none\") STRICT;", "q.s", "s TEXT DEFAULT 'none'"),
        ("CREATE INDEX i ON t(a) WHERE a <> \"none\";", "i", "CREATE INDEX i ON t(a) WHERE a <> 'none';"),
        ("CREATE VIEW v AS SELECT \"a\", \"none\" FROM t;", "v", "AS SELECT \"a\", 'none' FROM t"),
        ("CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET a = \"none\"; END;", "r", "SET a = 'none'; END"),
    ] {
        check("double-quoted-string", &format!("{TABLE} {schema}"), object, fix);
        // The same text in single quotes.
        silent("double-quoted-string", &format!("{TABLE} {}", schema.replace("\"none\"", "'none'")));
        // The name of a column in double quotes.
        let name = if schema.contains("q(") { "\"s\"" } else { "\"a\"" };
        if !schema.contains("DEFAULT") {
            silent("double-quoted-string", &format!("{TABLE} {}", schema.replace("\"none\"", name)));
        }
    }
}
