//! Rows of several tables that have to agree: shared columns of composite keys, circles, triggers that read other tables, and
//! columns that are bits of others.

use super::{count, database, distinct, fills, fills_by, one, whole};
use sqlitmus::Template;
use sqlitmus::data::{self, Fill};

/// Fills every table of each schema, and requires rows in all of them.
#[track_caller]
fn all_have_rows(schemas: &[&str]) {
    for sql in schemas {
        let connection = database(sql);
        let filled = Fill::seed(1).every_table(12).insert(&connection);
        let few: Vec<&str> = filled.tables().filter(|(_, rows)| *rows < 12).map(|(table, _)| table).collect();
        assert_eq!(few, [""; 0], "{sql}");
        whole(&connection);
    }
}

#[test]
fn parents_share_a_column_that_no_table_lists() {
    all_have_rows(&[
        // The parents have nothing in common but the column.
        "CREATE TABLE room(hotel INTEGER NOT NULL, no INTEGER NOT NULL, PRIMARY KEY (hotel, no));
         CREATE TABLE guest(hotel INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (hotel, id));
         CREATE TABLE booking(
             hotel INTEGER NOT NULL, guest INTEGER NOT NULL, room INTEGER NOT NULL, day TEXT NOT NULL,
             PRIMARY KEY (hotel, room, day), FOREIGN KEY (hotel, guest) REFERENCES guest, FOREIGN KEY (hotel, room) REFERENCES room
         )",
        // Two columns that a CHECK compares.
        "CREATE TABLE chat(chat_id TEXT, receiver TEXT, PRIMARY KEY (chat_id, receiver));
         CREATE TABLE contact(id TEXT, receiver TEXT, PRIMARY KEY (id, receiver));
         CREATE TABLE message(
             chat_id TEXT NOT NULL, chat_receiver TEXT NOT NULL, id TEXT NOT NULL, sender TEXT NOT NULL, sender_receiver TEXT NOT NULL,
             PRIMARY KEY (chat_id, chat_receiver, id), FOREIGN KEY (chat_id, chat_receiver) REFERENCES chat(chat_id, receiver),
             FOREIGN KEY (sender, sender_receiver) REFERENCES contact(id, receiver), CHECK (chat_receiver = sender_receiver)
         )",
        // A grandchild whose parents are a child and another table.
        "CREATE TABLE portal(id TEXT NOT NULL, receiver TEXT NOT NULL, mxid TEXT UNIQUE, PRIMARY KEY (id, receiver));
         CREATE TABLE ghost(id TEXT NOT NULL PRIMARY KEY);
         CREATE TABLE message(
             id TEXT NOT NULL, part TEXT NOT NULL, room TEXT NOT NULL, receiver TEXT NOT NULL, sender TEXT NOT NULL REFERENCES ghost,
             FOREIGN KEY (room, receiver) REFERENCES portal, UNIQUE (receiver, id, part)
         );
         CREATE TABLE reaction(
             message TEXT NOT NULL, part TEXT NOT NULL, sender TEXT NOT NULL REFERENCES ghost, emoji TEXT NOT NULL,
             room TEXT NOT NULL, receiver TEXT NOT NULL, PRIMARY KEY (receiver, message, part, sender, emoji),
             FOREIGN KEY (room, receiver) REFERENCES portal, FOREIGN KEY (receiver, message, part) REFERENCES message(receiver, id, part)
         )",
        // Three parents.
        "CREATE TABLE a(org TEXT NOT NULL, id INTEGER NOT NULL, UNIQUE (org, id));
         CREATE TABLE b(org TEXT NOT NULL, id INTEGER NOT NULL, UNIQUE (org, id));
         CREATE TABLE c(org TEXT NOT NULL, id INTEGER NOT NULL, UNIQUE (org, id));
         CREATE TABLE t(
             org TEXT NOT NULL, a INTEGER NOT NULL, b INTEGER NOT NULL, c INTEGER, FOREIGN KEY (org, a) REFERENCES a(org, id),
             FOREIGN KEY (org, b) REFERENCES b(org, id), FOREIGN KEY (org, c) REFERENCES c(org, id)
         )",
    ]);
    // Without the child, the parents have nothing to do with each other.
    let schema = "CREATE TABLE a(org TEXT, id INTEGER, UNIQUE (org, id)); CREATE TABLE b(org TEXT, id INTEGER, UNIQUE (org, id));
         CREATE TABLE t(org TEXT, a INTEGER, b INTEGER, FOREIGN KEY (org, a) REFERENCES a(org, id), FOREIGN KEY (org, b) REFERENCES b(org, id))";
    let connection = fills(schema, "b", 20);
    assert_eq!(count(&connection, "a"), 0);
}

#[test]
fn circles_of_composite_keys() {
    all_have_rows(&[
        "CREATE TABLE modes(
             name TEXT NOT NULL, part TEXT NOT NULL, write INTEGER NOT NULL, token TEXT NOT NULL, PRIMARY KEY (name, part),
             UNIQUE (name, part, write),
             FOREIGN KEY (name, part, token) REFERENCES locks(name, part, token) DEFERRABLE INITIALLY DEFERRED
         );
         CREATE TABLE locks(
             name TEXT NOT NULL, part TEXT NOT NULL, write INTEGER NOT NULL, token TEXT NOT NULL, UNIQUE (name, part, token),
             FOREIGN KEY (name, part, write) REFERENCES modes(name, part, write)
         )",
        "CREATE TABLE org(id INTEGER PRIMARY KEY);
         CREATE TABLE dept(
             org INTEGER NOT NULL REFERENCES org, code TEXT NOT NULL, head INTEGER NOT NULL, PRIMARY KEY (org, code),
             FOREIGN KEY (org, head) REFERENCES emp(org, no) DEFERRABLE INITIALLY DEFERRED
         );
         CREATE TABLE emp(
             org INTEGER NOT NULL REFERENCES org, no INTEGER NOT NULL, dept TEXT NOT NULL, PRIMARY KEY (org, no),
             FOREIGN KEY (org, dept) REFERENCES dept(org, code)
         )",
    ]);
}

#[test]
fn columns_that_are_bits_of_others() {
    all_have_rows(&[
        "CREATE TABLE stream(id INTEGER PRIMARY KEY);
         CREATE TABLE recording(id INTEGER PRIMARY KEY, stream INTEGER NOT NULL REFERENCES stream, CHECK (id >> 32 = stream));
         CREATE TABLE playback(recording INTEGER PRIMARY KEY REFERENCES recording)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, shard INTEGER NOT NULL, seq INTEGER NOT NULL,
             CHECK ((id >> 12) & 1023 = shard), CHECK (id & 4095 = seq))",
        "CREATE TABLE device(id INTEGER PRIMARY KEY);
         CREATE TABLE t(id INTEGER PRIMARY KEY, device INTEGER NOT NULL REFERENCES device, seq INTEGER NOT NULL,
             CHECK (id = (device << 20) | seq), CHECK (seq BETWEEN 0 AND 1048575))",
        "CREATE TABLE p(id INTEGER PRIMARY KEY);
         CREATE TABLE t(id INTEGER PRIMARY KEY, p INTEGER NOT NULL REFERENCES p, code INTEGER NOT NULL, CHECK (code & 255 = p))",
        "CREATE TABLE p(id INTEGER PRIMARY KEY);
         CREATE TABLE t(p INTEGER NOT NULL REFERENCES p, a INTEGER NOT NULL, b INTEGER NOT NULL, CHECK (a - 5 = p), CHECK (b / 100 = p))",
        "CREATE TABLE t(a INTEGER NOT NULL CHECK (a & 1 = 1), hi INTEGER NOT NULL, lo INTEGER NOT NULL, CHECK (hi << 16 | lo = a))",
    ]);
}

#[test]
fn triggers_that_compare_with_another_table() {
    let parents = "CREATE TABLE p(id INTEGER PRIMARY KEY, cap INTEGER NOT NULL);
         CREATE TABLE t(id INTEGER PRIMARY KEY, p INTEGER NOT NULL REFERENCES p, x INTEGER NOT NULL, v INTEGER NOT NULL, UNIQUE (p, v));";
    for (condition, holds) in [
        ("NEW.x > (SELECT cap FROM p WHERE id = NEW.p)", "x <= cap"),
        ("NEW.x >= (SELECT cap FROM p WHERE id = NEW.p)", "x < cap"),
        ("(SELECT cap FROM p WHERE id = NEW.p) > NEW.x", "x >= cap"),
        ("NEW.x <> 2 * (SELECT cap FROM p WHERE id = NEW.p)", "x = 2 * cap"),
        ("NEW.v > 1 + (SELECT coalesce(max(v), 0) FROM t WHERE p = NEW.p)", "v BETWEEN 1 AND 40"),
    ] {
        let trigger =
            format!("CREATE TRIGGER r BEFORE INSERT ON t WHEN {condition} BEGIN SELECT RAISE(ABORT, 'no'); END;");
        let connection = fills(&format!("{parents}{trigger}"), "t", 40);
        assert_eq!(
            one(&connection, &format!("SELECT count(*) FROM t JOIN p ON p.id = t.p WHERE {holds}")),
            40,
            "{condition}"
        );
    }
}

#[test]
fn an_address_is_that_of_the_person_in_its_row() {
    let connection = fills_by(
        "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT, created_at TEXT, updated_at TEXT, deleted_at TEXT);
         CREATE TABLE contacts(first_name TEXT NOT NULL, last_name TEXT, email TEXT, billing_email TEXT)",
        &Fill::seed(3).every_table(60),
        "users",
        60,
    );
    let named = "SELECT count(*) FROM users WHERE email LIKE lower(replace(replace(name, ' ', '.'), '''', '')) || '.%'";
    assert_eq!(one(&connection, named), one(&connection, "SELECT count(name) FROM users"));
    let both = "email LIKE lower(replace(first_name || '.' || last_name, '''', '')) || '@%'";
    let of_both = format!("SELECT count(*) FROM contacts WHERE {both}");
    assert_eq!(one(&connection, &of_both), one(&connection, "SELECT count(email || last_name) FROM contacts"));
    let order = "SELECT count(*) FROM users WHERE created_at > updated_at OR created_at > deleted_at OR deleted_at >= '2026-07-01'";
    assert_eq!(one(&connection, order), 0);
}

static BREAKABLE: Template = Template::embedded(&[(
    "1.sql",
    "CREATE TABLE spaces(
         id INTEGER PRIMARY KEY, parent INTEGER REFERENCES spaces CHECK (id IS NOT parent), uid TEXT NOT NULL, deleted INTEGER
     );
     CREATE TABLE events(
         id INTEGER PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('play', 'seek')), a INTEGER NOT NULL, b INTEGER NOT NULL,
         CHECK (kind <> 'seek' OR a <> b)
     );
     CREATE TABLE room(hotel INTEGER NOT NULL, no INTEGER NOT NULL, PRIMARY KEY (hotel, no));
     CREATE TABLE guest(hotel INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (hotel, id));
     CREATE TABLE booking(
         hotel INTEGER NOT NULL, guest INTEGER NOT NULL, room INTEGER NOT NULL, day TEXT NOT NULL, PRIMARY KEY (hotel, room, day),
         FOREIGN KEY (hotel, guest) REFERENCES guest, FOREIGN KEY (hotel, room) REFERENCES room
     );",
)]);

#[test]
fn constraints_on_shared_columns_and_trees_are_broken() {
    data::violations(&BREAKABLE).assert_refused();
}

#[test]
fn triggers_that_require_the_same_value_in_another_row() {
    let schema =
        "CREATE TABLE rooms(id TEXT PRIMARY KEY); CREATE TABLE events(id TEXT PRIMARY KEY, room TEXT NOT NULL);
         CREATE TABLE partial(room TEXT NOT NULL REFERENCES rooms, event TEXT NOT NULL UNIQUE REFERENCES events);";
    for refused in [
        "EXISTS (SELECT 1 FROM events WHERE events.id = NEW.event AND events.room <> NEW.room)",
        "(SELECT room FROM events WHERE id = NEW.event) <> NEW.room",
        "NEW.room IS NOT (SELECT room FROM events WHERE id = NEW.event)",
    ] {
        let body = format!("BEGIN SELECT RAISE(ABORT, 'no') WHERE {refused}; END");
        let connection = fills(&format!("{schema} CREATE TRIGGER r BEFORE INSERT ON partial {body}"), "partial", 12);
        assert_eq!(
            one(&connection, "SELECT count(*) FROM partial JOIN events ON id = event AND events.room = partial.room"),
            12
        );
    }
}

#[test]
fn rows_that_depend_on_each_other_are_made_anew_as_a_whole() {
    all_have_rows(&[
        // A circle and a rowid that a CHECK compares with a parent.
        "CREATE TABLE department(code TEXT PRIMARY KEY, head INTEGER NOT NULL REFERENCES employee DEFERRABLE INITIALLY DEFERRED);
         CREATE TABLE employee(no INTEGER PRIMARY KEY, dept TEXT NOT NULL REFERENCES department, boss INTEGER REFERENCES employee CHECK (boss <> no))",
        // A bound that depends on another column of the key.
        "CREATE TABLE tile(z INTEGER NOT NULL, x INTEGER NOT NULL, y INTEGER NOT NULL, UNIQUE (z, x, y),
             CHECK (z BETWEEN 0 AND 18), CHECK (x >= 0 AND y >= 0 AND x < (1 << z) AND y < (1 << z)))",
        // A value that is one of two parents, and a text with a number of blanks.
        "CREATE TABLE person(id INTEGER PRIMARY KEY);
         CREATE TABLE duel(a INTEGER NOT NULL REFERENCES person, b INTEGER NOT NULL REFERENCES person, winner INTEGER NOT NULL,
             CHECK (a <> b), CHECK (winner IN (a, b)));
         CREATE TABLE cron(schedule TEXT NOT NULL CHECK (length(schedule) - length(replace(schedule, ' ', '')) = 4))",
        // Days between two times.
        "CREATE TABLE leave(from_day TEXT NOT NULL, to_day TEXT NOT NULL, days REAL NOT NULL,
             CHECK (julianday(to_day) - julianday(from_day) = days))",
        // The descendants share the whole key of a parent.
        "CREATE TABLE tenant(id TEXT PRIMARY KEY);
         CREATE TABLE channel(tenant TEXT NOT NULL REFERENCES tenant, id INTEGER NOT NULL, PRIMARY KEY (tenant, id));
         CREATE TABLE message(tenant TEXT NOT NULL, channel INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (tenant, channel, seq),
             FOREIGN KEY (tenant, channel) REFERENCES channel);
         CREATE TABLE member(tenant TEXT NOT NULL, channel INTEGER NOT NULL, nick TEXT NOT NULL, PRIMARY KEY (tenant, channel, nick),
             FOREIGN KEY (tenant, channel) REFERENCES channel);
         CREATE TABLE seen(tenant TEXT NOT NULL, channel INTEGER NOT NULL, seq INTEGER NOT NULL, nick TEXT NOT NULL,
             FOREIGN KEY (tenant, channel, seq) REFERENCES message, FOREIGN KEY (tenant, channel, nick) REFERENCES member)",
    ]);
}

#[test]
fn parents_that_a_trigger_refuses_are_too_few() {
    let sql = "CREATE TABLE monitor(id INTEGER PRIMARY KEY, type TEXT NOT NULL CHECK (type IN ('http', 'tcp', 'ping', 'dns')));
        CREATE TABLE certificate(monitor INTEGER PRIMARY KEY REFERENCES monitor, issuer TEXT NOT NULL);
        CREATE TRIGGER of_http BEFORE INSERT ON certificate WHEN (SELECT type FROM monitor WHERE id = NEW.monitor) NOT IN ('http', 'tcp')
            BEGIN SELECT RAISE(ABORT, 'no certificate there'); END";
    // Parents that are made for the child become more.
    fills(sql, "certificate", 20);
    // The others do not, unless there would be no row at all; the report says why there are fewer.
    let database = database(sql);
    let filled = Fill::seed(1).every_table(20).insert(&database);
    whole(&database);
    assert!((1..20).contains(&filled.rows("certificate")), "{filled:?}");
    assert!(filled.full().any(|(table, ..)| table == "certificate"), "{filled:?}");
    // An exact number is an error.
    let error =
        Fill::seed(1).rows("monitor", 20).rows("certificate", 20).try_insert(&database).unwrap_err().to_string();
    assert!(error.contains("no certificate there") || error.contains("room for"), "{error}");
}

/// Different values are made for as many rows as are asked for, in whichever of the columns has one.
#[test]
fn keys_of_which_a_number_must_be_null() {
    for (columns, check) in [
        ("email TEXT UNIQUE, phone TEXT UNIQUE", "(email IS NULL) + (phone IS NULL) = 1"),
        (
            "a INTEGER UNIQUE, b TEXT UNIQUE, c INTEGER UNIQUE",
            "(a IS NOT NULL) + (b IS NOT NULL) + (c IS NOT NULL) = 2",
        ),
    ] {
        let sql = format!("CREATE TABLE t(id INTEGER PRIMARY KEY, {columns}, CHECK ({check}))");
        let connection = fills(&sql, "t", 400);
        for column in columns.split(", ").filter_map(|column| column.split(' ').next()) {
            assert!(distinct(&connection, column) > 100, "{check}: {column}");
        }
    }
}
