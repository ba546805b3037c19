//! Why an index is not used: each reason, and statements for which there is none.

use sqlitmus::TestDb;
use sqlitmus::plan::{Obstacle, PatternProblem, Remedy, explain, explain_with};
use sqlitmus::rusqlite::params;

use super::{db, version};

const SCHEMA: &str = "
    CREATE TABLE u(id INTEGER PRIMARY KEY, num TEXT, name TEXT, email TEXT COLLATE NOCASE, city TEXT, born INT, active INT,
                   untyped, data TEXT, deleted_at INT, state TEXT);
    CREATE INDEX num_n ON u(num);
    CREATE INDEX u_name ON u(name);
    CREATE INDEX u_name_nocase ON u(name COLLATE NOCASE);
    CREATE INDEX u_email ON u(email);
    CREATE INDEX u_city_born ON u(city, born);
    CREATE INDEX u_active ON u(active);
    CREATE INDEX u_untyped ON u(untyped);
    CREATE INDEX u_kind ON u(json_extract(data, '$.kind'));
    CREATE INDEX u_live ON u(born) WHERE deleted_at IS NULL;
    CREATE INDEX u_new ON u(city) WHERE state = 'new';
    CREATE TABLE k(id INTEGER PRIMARY KEY, n INTEGER, name TEXT, big TEXT, kind TEXT);
    CREATE INDEX k_name ON k(name);
    CREATE INDEX k_n ON k(n);";

/// Returns the obstacles, each as its name and its text.
fn obstacles(db: &TestDb, sql: &str, index: &str) -> Vec<Obstacle> {
    explain(db, sql).why_not(index).reasons.into_iter().map(|reason| reason.obstacle).collect()
}

fn kind(obstacle: &Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Affinity { .. } => "affinity",
        Obstacle::Collation { .. } => "collation",
        Obstacle::Case { .. } => "case",
        Obstacle::Expression { .. } => "expression",
        Obstacle::UnaryPlus { .. } => "plus",
        Obstacle::Operator { .. } => "operator",
        Obstacle::Truth { .. } => "truth",
        Obstacle::SameRow { .. } => "same row",
        Obstacle::ReadLater { .. } => "read later",
        Obstacle::Pattern { problem: PatternProblem::Unknown, .. } => "unknown pattern",
        Obstacle::Pattern { problem: PatternProblem::Wildcard, .. } => "wildcard",
        Obstacle::Pattern { .. } => "escape",
        Obstacle::Or { .. } => "or",
        Obstacle::Partial { .. } => "partial",
        Obstacle::PartialParameter { .. } => "partial parameter",
        Obstacle::FirstColumn { compared: Some(_), .. } => "first column",
        Obstacle::FirstColumn { .. } => "not compared",
        Obstacle::Order { .. } => "order",
        Obstacle::Nulls { .. } => "nulls",
        Obstacle::NotIndexed => "not indexed",
        Obstacle::IndexedBy(_) => "indexed by",
        Obstacle::Statistics => "statistics",
        Obstacle::Preferred(_) => "preferred",
        _ => "another",
    }
}

/// Each statement with an index that it does not use, and the kinds of the reasons.
const CASES: &[(&str, &str, &str)] = &[
    ("SELECT u.id FROM k JOIN u ON u.num = k.n WHERE k.id = ?1", "num_n", "affinity"),
    ("SELECT u.id FROM k, u WHERE k.n = u.num AND k.id = ?1", "num_n", "affinity"),
    ("SELECT id FROM u WHERE num IN (SELECT n FROM k WHERE name = ?1)", "num_n", "affinity"),
    ("SELECT id FROM u WHERE num = (SELECT n FROM k WHERE id = 1)", "num_n", "affinity"),
    ("SELECT u.id FROM k JOIN u ON u.untyped = k.n WHERE k.id = ?1", "u_untyped", "affinity"),
    ("SELECT id FROM u WHERE num = CAST(?1 AS INTEGER)", "num_n", "affinity"),
    ("SELECT born FROM u WHERE num = coalesce(?1, num)", "num_n", "same row"),
    ("SELECT born FROM u WHERE active = born", "u_active", "same row"),
    ("SELECT u.data FROM u CROSS JOIN k WHERE k.name = u.num AND k.id = ?1", "num_n", "read later"),
    ("SELECT id FROM u WHERE name = ?1 COLLATE RTRIM", "u_name", "collation"),
    ("SELECT id FROM u WHERE email = ?1 COLLATE BINARY", "u_email", "collation"),
    ("SELECT k.id FROM u JOIN k ON u.email = k.name WHERE u.id = ?1", "k_name", "collation"),
    ("SELECT id FROM u WHERE email LIKE ?1", "u_email", "unknown pattern"),
    ("SELECT id FROM u WHERE email LIKE '%' || ?1", "u_email", "unknown pattern"),
    ("SELECT id FROM u WHERE email LIKE '%x'", "u_email", "wildcard"),
    ("SELECT id FROM u WHERE email LIKE '_x%'", "u_email", "wildcard"),
    ("SELECT id FROM u WHERE email LIKE 'a%' ESCAPE ?1", "u_email", "escape"),
    ("SELECT id FROM u WHERE num LIKE 'a%'", "num_n", "case"),
    ("SELECT id FROM u WHERE num LIKE ?1", "num_n", "case, unknown pattern"),
    ("SELECT id FROM u WHERE num GLOB '*x'", "num_n", "wildcard"),
    ("SELECT id FROM u WHERE email GLOB 'a*'", "u_email", "case"),
    ("SELECT id FROM u WHERE lower(num) = ?1", "num_n", "expression"),
    ("SELECT id FROM u WHERE substr(u.num, 1, 3) = ?1", "num_n", "expression"),
    ("SELECT id FROM u WHERE born + 1 > ?1 AND deleted_at IS NULL", "u_live", "expression"),
    ("SELECT id FROM u WHERE CAST(active AS TEXT) = ?1", "u_active", "expression"),
    ("SELECT id FROM u WHERE coalesce(active, 0) = ?1", "u_active", "expression"),
    ("SELECT id FROM u WHERE (num || '') = ?1", "num_n", "expression"),
    ("SELECT id FROM u WHERE data ->> 'kind' = ?1", "u_kind", "expression"),
    ("SELECT id FROM u ORDER BY lower(num)", "num_n", "expression"),
    ("SELECT id FROM u WHERE +num = ?1", "num_n", "plus"),
    ("SELECT id FROM u WHERE num <> ?1", "num_n", "operator"),
    ("SELECT id FROM u WHERE num != ?1", "num_n", "operator"),
    ("SELECT id FROM u WHERE num IS NOT ?1", "num_n", "operator"),
    ("SELECT id FROM u WHERE num NOT IN (?1, ?2)", "num_n", "operator"),
    ("SELECT id FROM u WHERE NOT (num BETWEEN ?1 AND ?2)", "num_n", "operator"),
    ("SELECT id FROM u WHERE active IS TRUE", "u_active", "operator"),
    ("SELECT id FROM u WHERE active", "u_active", "truth"),
    ("SELECT id FROM u WHERE NOT active", "u_active", "truth"),
    ("SELECT id FROM u WHERE active AND data = ?1", "u_active", "truth"),
    ("SELECT id FROM u WHERE num = ?1 OR data = ?2", "num_n", "or"),
    ("SELECT id FROM u WHERE (?1 IS NULL OR num = ?1)", "num_n", "or"),
    ("SELECT id FROM u WHERE deleted_at IS NULL AND (num = ?1 OR data = ?2 OR active = 1)", "num_n", "or"),
    ("SELECT id FROM u WHERE born = ?1", "u_live", "partial"),
    ("SELECT id FROM u WHERE born > ?1 AND deleted_at IS NOT NULL", "u_live", "partial"),
    ("SELECT x.id FROM u AS x WHERE x.born = ?1 AND x.data = ?2", "u_live", "partial"),
    ("SELECT id FROM u NOT INDEXED WHERE num = ?1", "num_n", "not indexed"),
    ("SELECT id FROM u INDEXED BY num_n WHERE num > ?1 AND active = 1", "u_active", "indexed by"),
    ("SELECT id FROM u WHERE born = ?1", "u_city_born", "first column"),
    ("SELECT * FROM u ORDER BY city, born DESC", "u_city_born", "order"),
    ("SELECT * FROM u ORDER BY city DESC, born", "u_city_born", "order"),
    ("SELECT * FROM u WHERE born > 1 ORDER BY born, city", "u_city_born", "order"),
    ("SELECT * FROM u ORDER BY city, born NULLS LAST", "u_city_born", "nulls"),
    ("SELECT id FROM u WHERE id = ?1 AND num = ?2", "num_n", "preferred"),
    ("SELECT * FROM u WHERE data = ?1", "num_n", "not compared"),
    ("SELECT * FROM u", "num_n", "not compared"),
];

#[test]
fn each_kind_of_reason_is_found() {
    let db = db(SCHEMA);
    let mut wrong = String::new();
    for (sql, index, expected) in CASES {
        let why = explain(&db, sql).why_not(index);
        let found: Vec<&str> = why.reasons.iter().map(|reason| kind(&reason.obstacle)).collect();
        if found.join(", ") != *expected {
            wrong.push_str(&format!("{sql}\n  expected {expected}: {why}\n"));
        }
    }
    assert!(wrong.is_empty(), "SQLite {}\n{wrong}", version());
}

/// The parameter of a partial index's WHERE. With its value SQLite would use the index.
#[test]
fn a_parameter_hides_that_a_partial_index_fits() {
    let db = db(
        "CREATE TABLE jobs(id INTEGER PRIMARY KEY, at INT, state TEXT); CREATE INDEX jobs_new ON jobs(at) WHERE state = 'new';",
    );
    let sql = "SELECT id FROM jobs WHERE state = ?1 AND at < ?2";
    let why = explain(&db, sql).why_not("jobs_new");
    assert_eq!(
        why.to_string(),
        "jobs_new is not used: it has only the rows WHERE state = 'new', and the value in state = ?1 is not known while SQLite \
         plans; tried: 'new' in place of ?1"
    );
    assert!(explain_with(&db, sql, params!["new", 1]).why_not("jobs_new").is_used);
    let other = explain_with(&db, sql, params!["done", 1]).why_not("jobs_new");
    assert!(!other.is_used);
}

#[test]
fn an_index_that_is_used_has_no_reasons() {
    let db = db(SCHEMA);
    for (sql, index) in [
        ("SELECT id FROM u WHERE num = ?1", "num_n"),
        ("SELECT id FROM u WHERE num = 5", "num_n"),
        ("SELECT id FROM u WHERE num IN (SELECT big FROM k)", "num_n"),
        ("SELECT id FROM u WHERE name = ?1 COLLATE NOCASE", "u_name_nocase"),
        ("SELECT id FROM u WHERE email LIKE 'ab%'", "u_email"),
        ("SELECT id FROM u WHERE num GLOB 'ab*'", "num_n"),
        ("SELECT id FROM u WHERE num = ?1 OR active = ?2", "num_n"),
        ("SELECT id FROM u WHERE json_extract(data, '$.kind') = ?1", "u_kind"),
        ("SELECT id FROM u WHERE born = ?1 AND deleted_at IS NULL", "u_live"),
        ("SELECT id FROM u WHERE city = ?1 AND born > ?2", "u_city_born"),
        ("UPDATE u SET data = ?1 WHERE num = ?2", "num_n"),
        ("DELETE FROM u WHERE num = ?1", "num_n"),
    ] {
        let why = explain(&db, sql).why_not(index);
        assert!(why.is_used && why.reasons.is_empty(), "{sql}: {why}");
        assert_eq!(why.to_string(), format!("{index} is used"));
    }
}

/// Whatever a reason offers makes SQLite use the index, or the new one.
#[test]
fn what_is_offered_helps() {
    let (mut written, mut created) = (0, 0);
    for (sql, index, _) in CASES {
        let db = db(SCHEMA);
        let why = explain(&db, sql).why_not(index);
        let [reason] = why.reasons.as_slice() else { continue };
        match &reason.remedy {
            Some(Remedy::Write { old, new }) => {
                let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
                let is_whole = |at: usize| {
                    let (before, after) = (&sql[..at], &sql[at + old.len()..]);
                    let goes_on = old.ends_with(is_word) && after.starts_with(is_word);
                    !(goes_on || before.ends_with(is_word))
                };
                let (at, _) = sql.match_indices(old).filter(|(at, _)| is_whole(*at)).last().unwrap();
                let plan = explain(&db, &format!("{}{new}{}", &sql[..at], &sql[at + old.len()..]));
                assert!(plan.why_not(index).is_used || plan.to_string().contains(index), "{sql}\n{why}\n{plan}");
                written += 1;
            }
            Some(Remedy::Index(create)) => {
                let before = explain(&db, sql).to_string();
                db.execute_batch(create).unwrap();
                assert_ne!(explain(&db, sql).to_string(), before, "{why}");
                created += 1;
            }
            _ => {}
        }
    }
    assert!(written > 10 && created > 10, "{written} written, {created} created");
}

/// A value of a JSON document has two ways to be written, and SQLite knows that of the index alone.
#[test]
fn a_json_value_is_written_as_the_index_has_it() {
    let db = db("
        CREATE TABLE e(id INTEGER PRIMARY KEY, data TEXT, \"a b\" TEXT);
        CREATE INDEX e_kind ON e(json_extract(data, '$.kind'));
        CREATE INDEX e_at ON e(data ->> '$.at');
        CREATE INDEX e_deep ON e(data ->> '$.a.b');
        CREATE INDEX e_quoted ON e(\"a b\" ->> 'k');");
    for (sql, index, expected) in [
        (
            "SELECT id FROM e WHERE data ->> 'kind' = ?1",
            "e_kind",
            "e_kind is not used: the statement has data ->> 'kind', the index has json_extract(data, '$.kind'): written \
             differently, and SQLite needs the same expression; tried: json_extract(data, '$.kind') in place of data ->> 'kind'",
        ),
        ("SELECT id FROM e WHERE json_extract(data, '$.at') = ?1", "e_at", "tried: data ->> '$.at' in place of"),
        (
            "SELECT x.id FROM e x WHERE json_extract(x.data, '$.at') > ?1",
            "e_at",
            "tried: x.data ->> '$.at' in place of",
        ),
        ("SELECT id FROM e WHERE ?1 = data ->> 'at'", "e_at", "tried: data ->> '$.at' in place of data ->> 'at'"),
        ("SELECT id FROM e WHERE data -> 'a' ->> 'b' = 1", "e_deep", "in place of data -> 'a' ->> 'b'"),
        ("SELECT id FROM e WHERE JSON_EXTRACT(\"a b\", '$.k') = 1", "e_quoted", "tried: \"a b\" ->> 'k' in place of"),
        ("DELETE FROM e WHERE json_extract(data, '$.at') < ?1", "e_at", "needs the same expression"),
    ] {
        let plan = explain(&db, sql);
        let why = plan.why_not(index).to_string();
        assert!(why.contains(expected), "{sql}\n{why}");
        assert!(plan.advice().is_empty(), "{sql}: {:?}", plan.advice());
        let report = plan.try_assert_no_scan().map(drop).unwrap_err().to_string();
        assert!(report.contains(expected) && !report.contains("CREATE INDEX"), "{report}");
    }
    for (sql, index) in [
        ("SELECT id FROM e WHERE data -> 'kind' = ?1", "e_kind"),
        ("SELECT id FROM e WHERE json_extract(data, '$.kind', '$.x') = ?1", "e_kind"),
        ("SELECT id FROM e WHERE data ->> 'other' = ?1", "e_kind"),
        ("SELECT id FROM e WHERE lower(data ->> 'kind') = ?1", "e_kind"),
        ("SELECT id FROM e WHERE \"a b\" ->> 'kind' = ?1", "e_kind"),
        ("SELECT id FROM e WHERE data ->> '$.a[0]' = ?1", "e_deep"),
    ] {
        let plan = explain(&db, sql);
        let why = plan.why_not(index).to_string();
        assert!(!why.contains("needs the same expression"), "{sql}\n{why}");
        assert_eq!(plan.advice().len(), 1, "{sql}");
    }
}

#[test]
fn statistics_speak_against_an_index() {
    let db = db("CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, b INT); CREATE INDEX t_a ON t(a);
                 ANALYZE; INSERT INTO sqlite_stat1 VALUES ('t', 't_a', '1000000 900000'); ANALYZE sqlite_schema;");
    db.execute_batch(
        "CREATE INDEX t_b ON t(b); INSERT INTO sqlite_stat1 VALUES ('t', 't_b', '1000000 2'); ANALYZE sqlite_schema;",
    )
    .unwrap();
    let db = db.connect();
    let why = explain(&db, "SELECT id FROM t WHERE a = ?1 AND b = ?2").why_not("t_a");
    let found: Vec<&str> = why.reasons.iter().map(|reason| kind(&reason.obstacle)).collect();
    assert!(["statistics", "preferred"].contains(&found.join(", ").as_str()), "{why}");
}

#[test]
fn the_reason_is_below_the_scan() {
    let sql = "SELECT u.data FROM k JOIN u ON u.num = k.n WHERE k.id = ?1";
    let error = explain(&db(SCHEMA), sql).try_assert_no_scan().map(|_| ()).unwrap_err().to_string();
    let expected = "\
    SEARCH k USING INTEGER PRIMARY KEY (rowid=?)
  > SCAN u
      num_n is not used: num is TEXT and k.n is INTEGER, so they are not compared in the order of the index; tried: CAST(k.n AS TEXT) in place of k.n
";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn an_assertion_about_an_index_says_why_it_is_not_used() {
    let db = db(SCHEMA);
    let error =
        explain(&db, "SELECT data FROM u WHERE +num = ?1").try_assert_uses_index("num_n").map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("num_n is not used: the + in front of num hides it from indexes"), "{error}");
}

/// Scans that no index could serve have no line.
#[test]
fn a_scan_that_is_meant_has_no_reason() {
    let db = db(SCHEMA);
    for sql in [
        "SELECT * FROM u",
        "SELECT count(*) FROM u",
        "SELECT * FROM u WHERE data = ?1",
        "SELECT max(data) FROM u",
        "SELECT u.id, k.id FROM u JOIN k ON k.id = u.born",
        "SELECT num, name FROM u WHERE data = ?1",
        "SELECT u.id FROM u JOIN k ON k.n = u.active",
        "UPDATE u SET num = ?1, name = ?2",
        "DELETE FROM u",
        "SELECT id FROM u WHERE data LIKE ?1",
    ] {
        if let Err(error) = explain(&db, sql).try_assert_no_scan() {
            assert!(!error.to_string().contains("is not used"), "{sql}\n{error}");
        }
    }
}

/// USING, views, the key of the table, and orders that an index does not have.
#[test]
fn what_has_no_condition_of_its_own() {
    let db = db("
        CREATE TABLE a(id INTEGER PRIMARY KEY, num TEXT, kind INT, x INT, y INT);
        CREATE INDEX a_num ON a(num); CREATE INDEX a_xy ON a(x, y);
        CREATE TABLE b(id INTEGER PRIMARY KEY, num INT, other TEXT);
        CREATE INDEX b_num ON b(num);
        CREATE TABLE codes(code TEXT PRIMARY KEY, title TEXT) WITHOUT ROWID;
        CREATE VIEW v AS SELECT id, num, kind FROM a WHERE kind > 0;");
    let report = |sql: &str| explain(&db, sql).try_assert_no_scan().map(|_| ()).unwrap_err().to_string();
    for (sql, line) in [
        (
            "SELECT kind FROM b JOIN a USING (num) WHERE b.id = ?1",
            "a_num is not used: num is TEXT and b.num is INT, so they are not compared in the order of the index; tried: ON a.num = \
             CAST(b.num AS TEXT) in place of USING (num)",
        ),
        (
            "SELECT kind FROM a WHERE num = coalesce(?1, num)",
            "a_num is not used: num is compared with a value of the same row",
        ),
        (
            "SELECT kind FROM v WHERE lower(num) = ?1",
            "a_num is not used: the statement has lower(num), the index has num",
        ),
        ("SELECT kind FROM v AS w WHERE +w.num = ?1", "a_num is not used: the + in front of num hides it from indexes"),
        (
            "SELECT kind FROM a WHERE id = ?1 OR kind = ?2",
            "the primary key is not used: no index finds the rows of the other side of the OR: kind = ?2",
        ),
        (
            "SELECT kind FROM a WHERE id + 0 = ?1",
            "the primary key is not used: the statement has id + 0, the index has id",
        ),
        (
            "SELECT title FROM codes WHERE lower(code) = ?1",
            "the primary key is not used: the statement has lower(code)",
        ),
        ("SELECT title FROM codes WHERE code LIKE 'a%'", "the primary key is not used: LIKE ignores case"),
        (
            "DELETE FROM a WHERE id <> ?1",
            "the primary key is not used: <> leaves out values of id and names none to search for",
        ),
        (
            "UPDATE a SET kind = 1 WHERE lower(num) = ?1",
            "a_num is not used: the statement has lower(num), the index has num",
        ),
    ] {
        let text = report(sql);
        assert!(text.contains(line), "{sql}\n{text}");
    }
    let sorted =
        explain(&db, "SELECT * FROM a ORDER BY x, y DESC LIMIT 10").try_assert_no_temp_btree().map(|_| ()).unwrap_err();
    let line = "a_xy is not used: the statement sorts by x, y DESC, the index by x, y\n";
    assert!(sorted.to_string().contains(line), "{sorted}");
}

#[test]
fn an_unknown_index_is_an_error() {
    let error = explain(&db(SCHEMA), "SELECT 1").try_why_not("nothing").unwrap_err();
    assert_eq!(error.headline(), "there is no index nothing");
    assert!(obstacles(&db(SCHEMA), "SELECT 1", "num_n").is_empty());
}

#[test]
fn a_scan_has_its_reasons_in_a_schema_of_many_tables() {
    let mut schema = SCHEMA.to_owned();
    for number in 0..60 {
        schema.push_str(&format!(
            "CREATE TABLE other_{number}(id INTEGER PRIMARY KEY, a TEXT UNIQUE, b INT REFERENCES u(id), c TEXT);
             CREATE INDEX other_{number}_b ON other_{number}(b); CREATE INDEX other_{number}_c ON other_{number}(c, b);"
        ));
    }
    let db = db(&schema);
    let plan = explain(
        &db,
        "SELECT u.id FROM k JOIN u ON u.num = k.n AND lower(u.city) = k.name OR u.email LIKE ?2 WHERE k.id = ?1",
    );
    let error = plan.try_assert_no_scan().map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("SCAN u"), "{error}");
}
