//! Negative data: each constraint refuses its row with its own code, and one that does not is reported.

use sqlitmus::data::{Violations, violations};
use sqlitmus::{Profile, Template};

static SHOP: Template = Template::new("fixtures/shop/migrations");

fn of(sql: &'static str) -> Violations {
    violations(Box::leak(Box::new(Template::embedded(Box::leak(Box::new([("1.sql", sql)]))))))
}

/// Returns each constraint with the code of its refusal.
fn codes(violations: &Violations) -> Vec<(&str, i32)> {
    assert!(violations.iter().all(|violation| violation.is_refused()), "{violations:#?}");
    violations.iter().map(|violation| (violation.constraint(), violation.code())).collect()
}

/// Returns the findings, one to a line.
fn found(violations: &Violations) -> Vec<String> {
    violations.findings().iter().map(ToString::to_string).collect()
}

#[test]
fn every_kind_of_constraint_refuses_its_row() {
    let all = of("
        CREATE TABLE teams(code TEXT PRIMARY KEY NOT NULL, name TEXT UNIQUE) WITHOUT ROWID;
        CREATE TABLE users(
            id INTEGER PRIMARY KEY,
            email TEXT NOT NULL COLLATE NOCASE,
            team TEXT NOT NULL REFERENCES teams(code),
            boss INTEGER REFERENCES users(id) DEFERRABLE INITIALLY DEFERRED,
            status TEXT NOT NULL CHECK (status IN ('on', 'off')),
            since INTEGER NOT NULL,
            until INTEGER NOT NULL,
            score REAL NOT NULL,
            picture BLOB NOT NULL,
            CONSTRAINT in_order CHECK (since < until),
            UNIQUE (team, since)
        ) STRICT;
        CREATE UNIQUE INDEX users_email ON users(lower(email));
        CREATE UNIQUE INDEX one_on ON users(score) WHERE status = 'on';");
    assert_eq!(
        codes(&all),
        [
            ("NOT NULL of code", 1299),
            ("PRIMARY KEY (code)", 1555),
            ("UNIQUE (name)", 2067),
            ("NOT NULL of email", 1299),
            ("STRICT type TEXT of email", 3091),
            ("NOT NULL of team", 1299),
            ("STRICT type TEXT of team", 3091),
            ("STRICT type INTEGER of boss", 3091),
            ("NOT NULL of status", 1299),
            ("STRICT type TEXT of status", 3091),
            ("NOT NULL of since", 1299),
            ("STRICT type INTEGER of since", 3091),
            ("NOT NULL of until", 1299),
            ("STRICT type INTEGER of until", 3091),
            ("NOT NULL of score", 1299),
            ("STRICT type REAL of score", 3091),
            ("NOT NULL of picture", 1299),
            ("STRICT type BLOB of picture", 3091),
            ("PRIMARY KEY (id)", 1555),
            ("UNIQUE (team, since)", 2067),
            ("UNIQUE INDEX one_on (score) WHERE status = 'on'", 2067),
            ("UNIQUE INDEX users_email (lower(email))", 2067),
            ("CHECK (status IN ('on', 'off'))", 275),
            ("CONSTRAINT in_order CHECK (since < until)", 275),
            ("FOREIGN KEY (team) REFERENCES teams(code)", 787),
            ("FOREIGN KEY (boss) REFERENCES users(id)", 787),
        ]
    );
    all.assert_refused();
    assert!(all.findings().is_empty(), "{:#?}", found(&all));
}

#[test]
fn a_row_breaks_nothing_else() {
    let all = violations(&SHOP);
    all.assert_refused();
    // A generated column is NULL if its sources are NULL, and a value of another type is in no list and has no parent.
    let with_others = all.iter().filter(|violation| violation.breaks_also().len() > 0);
    let more: Vec<&str> = with_others.map(|violation| violation.constraint()).collect();
    let others: Vec<&str> = more.iter().copied().filter(|shown| !shown.starts_with("STRICT type")).collect();
    assert_eq!(others, ["NOT NULL of quantity", "NOT NULL of unit_price_cents", "NOT NULL of line_cents"]);
    assert!(all.len() > 40, "{}", all.len());
    for violation in &all {
        let sql = violation.sql().unwrap();
        assert!(sql.starts_with("INSERT INTO "), "{sql}");
    }
}

#[test]
fn checks_of_many_kinds_are_broken() {
    let all = of("
        CREATE TABLE t(
            a TEXT NOT NULL CHECK (length(a) = 36),
            b TEXT CHECK (b GLOB '[0-9][0-9]:[0-9][0-9]'),
            c TEXT NOT NULL CHECK (json_valid(c) AND json_type(c) = 'object'),
            d TEXT NOT NULL CHECK (date(d) IS d),
            e ANY CHECK (typeof(e) = 'integer' OR e IS NULL),
            f INTEGER NOT NULL CHECK (f BETWEEN 3 AND 5 OR f > 1000),
            g INTEGER,
            h INTEGER,
            id INTEGER PRIMARY KEY CHECK (id > 0),
            CHECK ((g IS NULL) = (h IS NULL)),
            CHECK (lower(b) = b),
            CHECK ([g] < 100)
        ) STRICT;
        CREATE TABLE one(id INTEGER PRIMARY KEY CHECK (id = 1), theme TEXT NOT NULL);");
    let checks: Vec<_> = all.iter().filter(|violation| violation.code() == 275).collect();
    assert_eq!(checks.len(), 11);
    assert!(checks.iter().all(|check| check.is_refused()));
    // A value in the form of a time has no letters.
    let others: Vec<_> = checks
        .iter()
        .filter(|check| check.breaks_also().len() > 0)
        .map(|check| (check.constraint(), check.breaks_also().collect::<Vec<_>>()))
        .collect();
    assert_eq!(others, [("CHECK (lower(b) = b)", vec!["CHECK (b GLOB '[0-9][0-9]:[0-9][0-9]')"])]);
    let implied: Vec<_> =
        all.findings().iter().filter(|finding| finding.code() == "implied").map(ToString::to_string).collect();
    assert_eq!(
        implied,
        ["implied (t.b): t: every row found to break CHECK (lower(b) = b) is refused by another constraint"]
    );
}

#[test]
fn columns_that_depend_on_each_other_are_changed_together() {
    let all = of("
        CREATE TABLE apps(id TEXT PRIMARY KEY NOT NULL);
        CREATE TABLE sessions(
            id INTEGER PRIMARY KEY,
            app TEXT NOT NULL REFERENCES apps(id),
            data BLOB NOT NULL,
            CHECK (app = json_extract(CAST(data AS TEXT), '$.app'))
        );
        CREATE TABLE prices(
            id INTEGER PRIMARY KEY,
            product INTEGER NOT NULL,
            since TEXT NOT NULL,
            until TEXT,
            UNIQUE (product, since),
            CHECK (until IS NULL OR until > since)
        );
        CREATE UNIQUE INDEX current ON prices(product) WHERE until IS NULL;
        CREATE TABLE notes(
            id INTEGER PRIMARY KEY,
            data TEXT NOT NULL,
            title TEXT NOT NULL AS (nullif(data, ''))
        );");
    all.assert_refused();
    let others: Vec<_> = all
        .iter()
        .filter(|violation| violation.breaks_also().len() > 0)
        .map(|violation| (violation.constraint(), violation.breaks_also().collect::<Vec<_>>()))
        .collect();
    // The title is NULL if the data is NULL or empty.
    assert_eq!(others, [("NOT NULL of data", vec!["NOT NULL of title"])]);
    assert!(all.iter().all(|violation| violation.is_refused()));
}

#[test]
fn foreign_keys_that_are_off_are_found() {
    static OFF: Template = Template::embedded(&[(
        "1.sql",
        "CREATE TABLE users(id INTEGER PRIMARY KEY);
         CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users(id));",
    )])
    .profile(Profile::SQLITE_DEFAULTS.pragma("foreign_keys", "OFF"));
    let all = violations(&OFF);
    assert_eq!(
        all.try_assert_refused().unwrap_err().to_string(),
        "not-refused: orders: FOREIGN KEY (user_id) REFERENCES users(id) does not refuse a row that breaks it

  not-refused (orders.user_id):
    orders: FOREIGN KEY (user_id) REFERENCES users(id) does not refuse a row that breaks it
    foreign keys are off on the connections of this profile: a PRAGMA, not the schema, decides

  this row breaks it:
    INSERT INTO orders(id, user_id) VALUES (4, 987654321)

  help: PRAGMA foreign_keys = ON, on every connection"
    );
    all.findings().allow("not-refused", "orders.user_id", "the app checks it").assert_ok();
}

#[test]
fn conflict_clauses_let_rows_through() {
    let all = of("
        CREATE TABLE t(
            id INTEGER PRIMARY KEY ON CONFLICT REPLACE,
            name TEXT NOT NULL ON CONFLICT REPLACE DEFAULT 'x',
            code TEXT UNIQUE ON CONFLICT IGNORE
        )");
    assert_eq!(
        found(&all),
        [
            "not-refused (t.name): t: NOT NULL of name does not refuse a row that breaks it",
            "not-refused (t.id): t: PRIMARY KEY (id) does not refuse a row that breaks it",
            "not-refused (t.code): t: a row that breaks UNIQUE (code) is left out without an error",
        ]
    );
    assert!(all.try_assert_refused().is_err());
}

#[test]
fn nulls_that_pass_are_findings_but_not_failures() {
    let all = of("
        CREATE TABLE t(
            id INTEGER PRIMARY KEY,
            low INTEGER NOT NULL,
            high INTEGER,
            kind TEXT DEFAULT 'a' CHECK (kind IN ('a', 'b')),
            other TEXT CHECK (other IN ('a', 'b')),
            CHECK (low < high),
            UNIQUE (low, high)
        )");
    all.assert_refused();
    let findings = all.findings();
    assert_eq!(
        found(&all),
        [
            "passes-null (t.high): t: UNIQUE (low, high) accepts a row whose high is NULL",
            "passes-null (t.kind): t: CHECK (kind IN ('a', 'b')) accepts a row whose kind is NULL",
            "passes-null (t.high): t: CHECK (low < high) accepts a row whose high is NULL",
        ]
    );
    findings.allow("passes-null", "t", "NULL is open").assert_ok();
}

#[test]
fn constraints_that_cannot_be_broken_are_reported() {
    let all = of("
        CREATE TABLE t(
            id INTEGER PRIMARY KEY,
            a INTEGER NOT NULL UNIQUE CHECK (a = a),
            b INTEGER NOT NULL,
            UNIQUE (a, b)
        )");
    assert_eq!(
        all.try_assert_refused().unwrap_err().to_string(),
        "never-broken: t: no row was found that CHECK (a = a) refuses

  never-broken (t.a):
    t: no row was found that CHECK (a = a) refuses
    every row that was tried satisfies it"
    );
    let both = all.iter().find(|violation| violation.constraint() == "UNIQUE (a, b)").unwrap();
    assert_eq!(both.breaks_also().collect::<Vec<_>>(), ["UNIQUE (a)"]);
}

#[test]
fn constraints_that_others_imply_are_reported() {
    let all = of("
        CREATE TABLE t(
            id INTEGER PRIMARY KEY,
            a INTEGER NOT NULL CHECK (a IS NOT NULL),
            b INTEGER NOT NULL CHECK (b = 5),
            c INTEGER NOT NULL AS (a + b)
        )");
    all.assert_refused();
    assert_eq!(
        all.findings().try_assert_ok().unwrap_err().to_string(),
        "2 findings, the first: implied: t: every row found to break NOT NULL of c is refused by another constraint

  implied (t.c):
    t: every row found to break NOT NULL of c is refused by another constraint
    it may ask nothing that the others do not ask too, or SQLite always checks one of them first

  this row breaks it:
    INSERT INTO t(id, a, b) VALUES (4, NULL, 5)

  SQLite says:
    NOT NULL constraint failed: t.a (code 1299)

  implied (t.a):
    t: every row found to break CHECK (a IS NOT NULL) is refused by another constraint
    it may ask nothing that the others do not ask too, or SQLite always checks one of them first

  this row breaks it:
    INSERT INTO t(id, a, b) VALUES (4, NULL, 5)

  SQLite says:
    NOT NULL constraint failed: t.a (code 1299)

  help: if it is meant, say so: .allow(\"implied\", \"t.c\", \"why\")"
    );
}

#[test]
fn a_generated_column_may_be_null_for_several_reasons() {
    let all = of("CREATE TABLE t(
            id INTEGER PRIMARY KEY,
            nickname TEXT,
            name TEXT,
            shown TEXT NOT NULL AS (coalesce(nickname, name)) STORED,
            CHECK ((nickname IS NULL) = (name IS NULL))
        )");
    all.assert_refused();
    let null = all.iter().find(|violation| violation.constraint() == "NOT NULL of shown").unwrap();
    assert_eq!(null.sql(), Some("INSERT INTO t(id, nickname, name) VALUES (4, NULL, NULL)"));
}

#[test]
fn a_full_table_gives_one_of_its_rows() {
    // The migrations have inserted all possible rows.
    let all =
        of("CREATE TABLE kinds(code TEXT PRIMARY KEY CHECK (code IN ('a', 'b')), name TEXT NOT NULL) WITHOUT ROWID;
                  INSERT INTO kinds VALUES ('a', 'first'), ('b', 'second');
                  CREATE TABLE t(kind TEXT NOT NULL REFERENCES kinds);");
    assert_eq!(
        codes(&all),
        [
            ("NOT NULL of code", 1299),
            ("NOT NULL of name", 1299),
            ("PRIMARY KEY (code)", 1555),
            ("CHECK (code IN ('a', 'b'))", 275),
            ("NOT NULL of kind", 1299),
            ("FOREIGN KEY (kind) REFERENCES kinds", 787),
        ]
    );
    all.assert_refused();
    // Its parents refer back to it.
    let all =
        of("CREATE TABLE a(id INTEGER PRIMARY KEY, b INTEGER NOT NULL REFERENCES b(id) DEFERRABLE INITIALLY DEFERRED);
                  CREATE TABLE b(id INTEGER PRIMARY KEY, a INTEGER NOT NULL UNIQUE REFERENCES a(id));");
    assert_eq!(
        codes(&all),
        [
            ("NOT NULL of b", 1299),
            ("PRIMARY KEY (id)", 1555),
            ("FOREIGN KEY (b) REFERENCES b(id)", 787),
            ("NOT NULL of a", 1299),
            ("PRIMARY KEY (id)", 1555),
            ("UNIQUE (a)", 2067),
            ("FOREIGN KEY (a) REFERENCES a(id)", 787),
        ]
    );
    all.assert_refused();
}

/// In a tree, rows enter a partial index on rows that are not deleted only without a parent, or with NULL in several
/// columns.
#[test]
fn partial_unique_indexes_of_trees_are_broken() {
    let all = of("
        CREATE TABLE pages(
            id INTEGER PRIMARY KEY, parent INTEGER REFERENCES pages, slug TEXT CHECK (slug GLOB '[a-z]*'), deleted_at TEXT,
            CHECK (parent <> id)
        );
        CREATE UNIQUE INDEX live ON pages(slug) WHERE deleted_at IS NULL;
        CREATE TABLE files(id INTEGER PRIMARY KEY, folder INTEGER REFERENCES files, hash TEXT CHECK (length(hash) = 8), gone TEXT);
        CREATE UNIQUE INDEX roots ON files(hash) WHERE hash IS NOT NULL AND folder IS NULL AND gone IS NULL;
    ");
    all.assert_refused();
    for (constraint, code) in codes(&all) {
        assert!([1555, 2067, 275, 787].contains(&code), "{constraint}");
    }
    let never: Vec<String> = found(&all).into_iter().filter(|found| !found.starts_with("passes-null")).collect();
    assert!(never.is_empty(), "{never:#?}");
}

#[test]
fn a_table_that_cannot_be_filled_is_reported() {
    let all = of("CREATE TABLE t(x INTEGER NOT NULL CHECK (x > 3 AND x < 2)); CREATE TABLE u(y NOT NULL)");
    assert_eq!(found(&all), ["not-tried (t): t: its constraints were not tried, because no row could be made"]);
    assert_eq!(all.iter().filter(|violation| violation.is_refused()).count(), 1);
}

#[test]
fn a_schema_without_constraints_has_none_to_break() {
    let none = of("CREATE TABLE t(x, y)");
    assert!(none.is_empty());
    none.assert_refused();
    assert!(violations(&Template::empty()).is_empty());
}

#[test]
fn the_key_of_a_row_that_only_one_kind_has_is_repeated() {
    // Few rows have the value, and other columns have to be NULL with it.
    let tables = [
        "CREATE TABLE label(
             id INTEGER PRIMARY KEY, repo INTEGER, org INTEGER, name TEXT NOT NULL, CHECK ((repo IS NULL) <> (org IS NULL))
         );
         CREATE UNIQUE INDEX of_repo ON label(repo, lower(name)) WHERE repo IS NOT NULL;
         CREATE UNIQUE INDEX of_org ON label(org, lower(name)) WHERE org IS NOT NULL",
        "CREATE TABLE monitor(
             id INTEGER PRIMARY KEY, type TEXT NOT NULL CHECK (type IN ('http', 'tcp', 'ping', 'dns', 'push')), url TEXT,
             method TEXT CHECK (method IN ('GET', 'HEAD', 'POST')), port INTEGER, body TEXT,
             token TEXT UNIQUE CHECK (length(token) = 32), CHECK ((type = 'http') = (url IS NOT NULL)),
             CHECK ((type = 'http') = (method IS NOT NULL)), CHECK (type NOT IN ('tcp', 'dns') OR port IS NOT NULL),
             CHECK (body IS NULL OR method = 'POST'), CHECK ((type = 'push') = (token IS NOT NULL))
         )",
    ];
    for sql in tables {
        of(sql).assert_refused();
    }
}

/// What a constraint asks depends on the kind of the row: no row of one kind breaks them all.
#[test]
fn a_constraint_on_rows_of_one_kind_is_broken_alone() {
    let all = of("
        CREATE TABLE albums(id TEXT PRIMARY KEY NOT NULL);
        CREATE TABLE tracks(id TEXT PRIMARY KEY NOT NULL);
        CREATE TABLE shares(
            id INTEGER PRIMARY KEY,
            kind TEXT NOT NULL CHECK (kind IN ('album', 'track', 'link')),
            album_id TEXT REFERENCES albums(id),
            track_id TEXT REFERENCES tracks(id),
            url TEXT,
            CHECK ((album_id IS NOT NULL) = (kind = 'album')),
            CHECK ((track_id IS NOT NULL) = (kind = 'track')),
            CHECK ((url IS NOT NULL) = (kind = 'link'))
        );
        CREATE TABLE jobs(
            id INTEGER PRIMARY KEY,
            state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'failed', 'done')),
            tries INTEGER NOT NULL CHECK (tries BETWEEN 0 AND 25),
            next_at INTEGER,
            error TEXT,
            duration INTEGER,
            ended INTEGER,
            CHECK ((state = 'failed') = (error IS NOT NULL)),
            CHECK (state <> 'queued' OR next_at IS NOT NULL),
            CHECK (state = 'queued' OR tries > 0),
            CHECK (state IN ('failed', 'done') OR duration IS NULL),
            CHECK ((ended IS NULL) <> (duration IS NULL)),
            CHECK (duration >= 0)
        );
        CREATE TABLE edits(
            id INTEGER PRIMARY KEY,
            type INTEGER NOT NULL CHECK (type BETWEEN 0 AND 38),
            path TEXT,
            old_title TEXT,
            new_title TEXT,
            CHECK ((type = 21) = (path IS NOT NULL)),
            CHECK (type <> 10 OR old_title <> new_title)
        );");
    all.assert_refused();
    let implied: Vec<String> = found(&all).into_iter().filter(|line| line.starts_with("implied")).collect();
    assert!(implied.is_empty(), "{implied:#?}");
}

#[test]
fn a_foreign_key_that_a_check_ties_to_a_key_is_broken_alone() {
    let all = of("
        CREATE TABLE streams(id INTEGER PRIMARY KEY);
        CREATE TABLE recordings(
            composite_id INTEGER PRIMARY KEY,
            stream_id INTEGER NOT NULL REFERENCES streams(id),
            CHECK (composite_id >> 32 = stream_id)
        );");
    all.assert_refused();
    assert!(found(&all).is_empty(), "{:#?}", found(&all));
}

#[test]
fn a_check_that_only_a_generated_column_gets_ahead_of_is_implied() {
    let all = of("
        CREATE TABLE users(
            id INTEGER PRIMARY KEY,
            settings TEXT NOT NULL CHECK (json_valid(settings)),
            theme TEXT AS (json_extract(settings, '$.theme')) STORED
        );");
    all.assert_refused();
    assert_eq!(
        found(&all),
        [
            "implied (users.settings): users: every row found to break CHECK (json_valid(settings)) is refused because of a \
          generated column that cannot be computed"
        ]
    );
}

#[test]
fn checks_that_name_an_empty_blob_are_broken() {
    let all = of("CREATE TABLE files(
            id INTEGER PRIMARY KEY,
            hash BLOB NOT NULL CHECK (hash <> x'' AND length(hash) > 0),
            head BLOB NOT NULL CHECK (substr(hex(head), 1, 2) = hex(x'7f') OR head = x'')
        ) STRICT;");
    let checks: Vec<_> = all.iter().filter(|violation| violation.code() == 275).collect();
    assert!(checks.len() == 2 && checks.iter().all(|check| check.is_refused()), "{all:#?}");
}

/// A job without an owner is open, and has no start.
#[test]
fn several_columns_are_changed_to_break_one_constraint_alone() {
    for checks in [
        "CHECK ((owner IS NULL) = (state = 'open')), CHECK ((owner IS NULL) = (started_at IS NULL))",
        "CHECK ((owner IS NULL) = (state = 'open' AND started_at IS NULL))",
    ] {
        let jobs = "id INTEGER PRIMARY KEY, owner TEXT NOT NULL, state TEXT NOT NULL, started_at INTEGER";
        let all = of(format!("CREATE TABLE jobs({jobs}, {checks}) STRICT").leak());
        let of_owner = all.iter().find(|violation| violation.constraint() == "NOT NULL of owner").unwrap();
        assert_eq!(of_owner.breaks_also().collect::<Vec<_>>(), [""; 0], "{of_owner:?}");
    }
}
