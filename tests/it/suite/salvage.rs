//! A migration refuses rows, and a later one loses others: both are found, whether or not the refusal is allowed.

use std::fs;

use sqlitmus::suite::Suite;

use super::{embedded, failures};

struct History {
    migrations: &'static [&'static str],
    /// The versions that refuse rows, and the objects by which the refusals are allowed.
    refused: &'static [(i64, &'static str)],
    lost: &'static [(i64, &'static str)],
}

const AB: &str = "CREATE TABLE a(id INTEGER PRIMARY KEY, x TEXT, z TEXT);
CREATE TABLE b(id INTEGER PRIMARY KEY, y TEXT);";
const LOSS_IN_B: &str = "DELETE FROM b WHERE y IS NULL";
const B: &[(i64, &str)] = &[(3, "b")];

const HISTORIES: [(&str, History); 24] = [
    (
        "a unique index, and a loss in another table",
        History {
            migrations: &[
                "CREATE TABLE a(x TEXT); CREATE TABLE b(id INTEGER PRIMARY KEY, y TEXT);",
                "CREATE UNIQUE INDEX ax ON a(x)",
                LOSS_IN_B,
            ],
            refused: &[(2, "a.x")],
            lost: B,
        },
    ),
    (
        "a unique index, and a loss in the same table",
        History {
            migrations: &[AB, "CREATE UNIQUE INDEX ax ON a(x)", "DELETE FROM a WHERE x IS NULL"],
            refused: &[(2, "a.x")],
            lost: &[(3, "a")],
        },
    ),
    (
        "UNIQUE in a rebuild",
        History {
            migrations: &[
                AB,
                "CREATE TABLE a_new(id INTEGER PRIMARY KEY, x TEXT UNIQUE, z TEXT); INSERT INTO a_new SELECT * FROM a;
                 DROP TABLE a; ALTER TABLE a_new RENAME TO a",
                LOSS_IN_B,
            ],
            refused: &[(2, "a.x")],
            lost: B,
        },
    ),
    (
        "UNIQUE of two columns in a rebuild by another name",
        History {
            migrations: &[
                AB,
                "ALTER TABLE a RENAME TO old; CREATE TABLE a(id INTEGER PRIMARY KEY, x TEXT, z TEXT, UNIQUE (x, z));
                 INSERT INTO a SELECT id, 'same', ifnull(z, '') FROM old; DROP TABLE old",
                "DELETE FROM a WHERE z = ''",
            ],
            refused: &[(2, "a.x, z")],
            lost: &[(2, "a.x"), (3, "a")],
        },
    ),
    (
        "NOT NULL in a rebuild",
        History {
            migrations: &[
                AB,
                "CREATE TABLE a_new(id INTEGER PRIMARY KEY, x TEXT NOT NULL, z TEXT); INSERT INTO a_new SELECT * FROM a;
                 DROP TABLE a; ALTER TABLE a_new RENAME TO a",
                LOSS_IN_B,
            ],
            refused: &[(2, "a.x")],
            lost: B,
        },
    ),
    (
        "NOT NULL in a rebuild, and a loss by another column of the table",
        History {
            migrations: &[
                AB,
                "CREATE TABLE a_new(id INTEGER PRIMARY KEY, x TEXT NOT NULL, z TEXT); INSERT INTO a_new SELECT * FROM a;
                 DROP TABLE a; ALTER TABLE a_new RENAME TO a",
                "DELETE FROM a WHERE z IS NULL",
            ],
            refused: &[(2, "a.x")],
            lost: &[(3, "a")],
        },
    ),
    (
        "a CHECK",
        History {
            migrations: &[
                AB,
                "CREATE TABLE a_new(id INTEGER PRIMARY KEY, x TEXT CHECK (length(x) < 12), z TEXT);
                 INSERT INTO a_new SELECT * FROM a; DROP TABLE a; ALTER TABLE a_new RENAME TO a",
                "DELETE FROM a WHERE x IS NULL",
            ],
            refused: &[(2, "a")],
            lost: &[(3, "a")],
        },
    ),
    (
        "a foreign key, at once",
        History {
            migrations: &[
                "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(id INTEGER PRIMARY KEY, p INTEGER, y TEXT);",
                "CREATE TABLE c_new(id INTEGER PRIMARY KEY, p INTEGER REFERENCES p(id), y TEXT);
                 INSERT INTO c_new SELECT * FROM c; DROP TABLE c; ALTER TABLE c_new RENAME TO c",
                "DELETE FROM c WHERE y IS NULL",
            ],
            refused: &[(2, "c")],
            lost: &[(3, "c")],
        },
    ),
    (
        "a foreign key, at the COMMIT",
        History {
            migrations: &[
                "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(id INTEGER PRIMARY KEY, p INTEGER, y TEXT);",
                "CREATE TABLE c_new(id INTEGER PRIMARY KEY, p INTEGER REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED,
                 y TEXT); INSERT INTO c_new SELECT * FROM c; DROP TABLE c; ALTER TABLE c_new RENAME TO c",
                "DELETE FROM c WHERE y IS NULL",
            ],
            refused: &[(2, "c")],
            lost: &[(3, "c")],
        },
    ),
    (
        "a parent that is dropped while rows refer to it",
        History {
            migrations: &[
                "CREATE TABLE p(id INTEGER PRIMARY KEY, n TEXT); CREATE TABLE b(id INTEGER PRIMARY KEY, y TEXT);
                 CREATE TABLE c(id INTEGER PRIMARY KEY, p INTEGER NOT NULL REFERENCES p(id));",
                "CREATE TABLE p_new(id INTEGER PRIMARY KEY, n TEXT, m TEXT);
                 INSERT INTO p_new(id, n) SELECT id, n FROM p; DROP TABLE p; ALTER TABLE p_new RENAME TO p",
                LOSS_IN_B,
            ],
            refused: &[(2, "p")],
            lost: B,
        },
    ),
    (
        "a parent with ON DELETE RESTRICT, and a loss in it",
        History {
            migrations: &[
                "CREATE TABLE p(id INTEGER PRIMARY KEY, n TEXT);
                 CREATE TABLE c(id INTEGER PRIMARY KEY, p INTEGER NOT NULL REFERENCES p(id) ON DELETE RESTRICT);",
                "CREATE TABLE p_new(id INTEGER PRIMARY KEY, n TEXT, m TEXT);
                 INSERT INTO p_new(id, n) SELECT id, n FROM p; DROP TABLE p; ALTER TABLE p_new RENAME TO p",
                "UPDATE p SET n = upper(n) || '!'",
            ],
            refused: &[(2, "p")],
            lost: &[(3, "p.n")],
        },
    ),
    (
        "a column NOT NULL without a default",
        History {
            migrations: &[AB, "ALTER TABLE a ADD COLUMN n TEXT NOT NULL", LOSS_IN_B],
            refused: &[(2, "a")],
            lost: B,
        },
    ),
    (
        "a column NOT NULL without a default, and a loss in its table",
        History {
            migrations: &[AB, "ALTER TABLE a ADD COLUMN n TEXT NOT NULL", "DELETE FROM a WHERE x IS NULL"],
            refused: &[(2, "a")],
            lost: &[(3, "a")],
        },
    ),
    (
        "a type of a STRICT table",
        History {
            migrations: &[
                AB,
                "CREATE TABLE a_new(id INTEGER PRIMARY KEY, x INTEGER, z TEXT) STRICT; INSERT INTO a_new SELECT * FROM a;
                 DROP TABLE a; ALTER TABLE a_new RENAME TO a",
                LOSS_IN_B,
            ],
            refused: &[(2, "a.x"), (2, "a.z")],
            lost: &[(2, "a.x"), (3, "b")],
        },
    ),
    (
        "a trigger that refuses an UPDATE",
        History {
            migrations: &[
                "CREATE TABLE a(id INTEGER PRIMARY KEY, x TEXT); CREATE TABLE b(id INTEGER PRIMARY KEY, y TEXT);
                 CREATE TRIGGER frozen BEFORE UPDATE ON a WHEN old.x IS NOT NULL
                 BEGIN SELECT RAISE(ABORT, 'it is frozen'); END;",
                "UPDATE a SET x = 'none' WHERE id > 0",
                LOSS_IN_B,
            ],
            refused: &[(2, "a")],
            lost: B,
        },
    ),
    (
        "a trigger on another table that refuses",
        History {
            migrations: &[
                "CREATE TABLE a(id INTEGER PRIMARY KEY, x TEXT); CREATE TABLE b(id INTEGER PRIMARY KEY, y TEXT);
                 CREATE TABLE log(id INTEGER PRIMARY KEY, x TEXT);
                 CREATE TRIGGER logged AFTER INSERT ON log WHEN new.x = 'done' AND EXISTS (SELECT 1 FROM a WHERE x IS NULL)
                 BEGIN SELECT RAISE(ABORT, 'a is not clean'); END;",
                "INSERT INTO log(x) VALUES ('done')",
                LOSS_IN_B,
            ],
            refused: &[(2, "log")],
            lost: B,
        },
    ),
    (
        "JSON that is none",
        History {
            migrations: &[AB, "UPDATE a SET z = z || json_extract(trim(x), '$.name') WHERE id < 0 OR json(trim(x)) = ''", LOSS_IN_B],
            refused: &[(2, "a")],
            lost: &[(2, "a.z"), (3, "b")],
        },
    ),
    (
        "two reasons in one migration",
        History {
            migrations: &[
                AB,
                "CREATE UNIQUE INDEX ax ON a(x);
                 CREATE TABLE b_new(id INTEGER PRIMARY KEY, y TEXT NOT NULL); INSERT INTO b_new SELECT * FROM b;
                 DROP TABLE b; ALTER TABLE b_new RENAME TO b",
                "DELETE FROM a WHERE x IS NULL",
            ],
            refused: &[(2, "a.x"), (2, "b.y")],
            lost: &[(3, "a")],
        },
    ),
    (
        "two migrations that refuse rows, and two that lose some",
        History {
            migrations: &[
                AB,
                "CREATE UNIQUE INDEX ax ON a(x)",
                "DELETE FROM b WHERE y IS NULL",
                "CREATE UNIQUE INDEX az ON a(z)",
                "DELETE FROM a WHERE z IS NULL",
            ],
            refused: &[(2, "a.x"), (4, "a.z")],
            lost: &[(3, "b"), (5, "a")],
        },
    ),
    (
        "rows that others refer to",
        History {
            migrations: &[
                "CREATE TABLE p(id INTEGER PRIMARY KEY, email TEXT);
                 CREATE TABLE c(id INTEGER PRIMARY KEY, p INTEGER NOT NULL REFERENCES p(id), y TEXT);
                 CREATE TABLE d(c INTEGER NOT NULL REFERENCES c(id), y TEXT, PRIMARY KEY (c)) WITHOUT ROWID;",
                "CREATE UNIQUE INDEX p_email ON p(email)",
                "DELETE FROM d WHERE y IS NULL",
                "DELETE FROM c WHERE y IS NULL AND id NOT IN (SELECT c FROM d)",
            ],
            refused: &[(2, "p.email")],
            lost: &[(3, "d"), (4, "c")],
        },
    ),
    (
        "a table WITHOUT ROWID that refers to itself",
        History {
            migrations: &[
                "CREATE TABLE t(name TEXT PRIMARY KEY, parent TEXT REFERENCES t(name), x TEXT) WITHOUT ROWID;
                 CREATE TABLE b(id INTEGER PRIMARY KEY, y TEXT);",
                "CREATE UNIQUE INDEX tx ON t(x)",
                "DELETE FROM t WHERE x IS NULL AND name NOT IN (SELECT parent FROM t WHERE parent IS NOT NULL); DELETE FROM b WHERE y IS NULL",
            ],
            refused: &[(2, "t.x")],
            lost: &[(3, "b"), (3, "t")],
        },
    ),
    (
        "a loss in the migration that refuses",
        History {
            migrations: &[AB, "CREATE UNIQUE INDEX ax ON a(x); DELETE FROM b WHERE y IS NULL"],
            refused: &[(2, "a.x")],
            lost: &[(2, "b")],
        },
    ),
    (
        "a table with a full-text index, whose rows no trigger lets go",
        History {
            migrations: &[
                "CREATE TABLE a(id INTEGER PRIMARY KEY, x TEXT); CREATE TABLE b(id INTEGER PRIMARY KEY, y TEXT);
                 CREATE VIRTUAL TABLE f USING fts5(x);
                 CREATE TRIGGER a_in AFTER INSERT ON a BEGIN INSERT INTO f(rowid, x) VALUES (new.id, new.x); END;
                 CREATE TRIGGER b_kept BEFORE DELETE ON b WHEN old.y IS NOT NULL
                 BEGIN SELECT RAISE(ABORT, 'b is kept'); END;",
                "CREATE UNIQUE INDEX ax ON a(x); CREATE UNIQUE INDEX bx ON b(y)",
                LOSS_IN_B,
            ],
            refused: &[(2, "a.x"), (2, "b.y")],
            lost: B,
        },
    ),
    (
        "a split that refuses, from a table by another name",
        History {
            migrations: &[
                "CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT, mail TEXT);",
                "CREATE TABLE mails(mail TEXT NOT NULL UNIQUE, person INTEGER NOT NULL REFERENCES people(id));
                 INSERT INTO mails SELECT mail, id FROM people;",
                "DELETE FROM people WHERE name IS NULL AND id NOT IN (SELECT person FROM mails)",
                "DELETE FROM mails WHERE person IN (SELECT id FROM people WHERE name IS NULL)",
            ],
            refused: &[(2, "mails.mail")],
            lost: &[(3, "people"), (4, "mails")],
        },
    ),
];

fn suite(history: &History) -> Suite {
    let named = |at: usize| -> &'static str { Box::leak(format!("{:03}_step.sql", at + 1).into_boxed_str()) };
    let files: Vec<(&str, &str)> = history.migrations.iter().enumerate().map(|(at, sql)| (named(at), *sql)).collect();
    Suite::new(embedded(&files))
}

/// Returns the version and object of each finding.
fn found(suite: &Suite, test: &str) -> Vec<(i64, String)> {
    let Err(error) = suite.try_test(test) else { return Vec::new() };
    let text = error.to_string();
    let mut lines = text.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let Some(object) = line.trim_end().strip_suffix("):").and_then(|line| line.split_once(" (")) else { continue };
        let what = lines.next().unwrap_or_default();
        let version = what.trim().strip_prefix("migration ").and_then(|rest| rest.split(' ').next());
        found.push((version.and_then(|version| version.parse().ok()).unwrap_or(0), object.1.to_owned()));
    }
    assert!(!found.is_empty(), "{text}");
    found
}

#[test]
fn a_refusal_hides_no_loss() {
    for (name, history) in &HISTORIES {
        let expected = |list: &[(i64, &str)]| -> Vec<(i64, String)> {
            list.iter().map(|(version, object)| (*version, (*object).to_owned())).collect()
        };
        let (refused, lost) = (expected(history.refused), expected(history.lost));
        assert_eq!(found(&suite(history), "every_version_upgrades_with_data"), refused, "refused: {name}");
        assert_eq!(found(&suite(history), "every_row_survives"), lost, "lost: {name}");
        let allowing = history.refused.iter().fold(suite(history), |suite, (version, object)| {
            suite.allow_refusal(*version, object, "such rows are not written")
        });
        assert_eq!(found(&allowing, "every_version_upgrades_with_data"), [], "{name}");
        assert_eq!(found(&allowing, "every_row_survives"), lost, "lost though the refusal is allowed: {name}");
        let all = history
            .lost
            .iter()
            .fold(allowing, |suite, (version, object)| suite.allow_loss(*version, object, "it is meant"));
        let all = all.skip("lints_clean", "seen elsewhere").skip("survives_power_loss", "seen elsewhere");
        assert_eq!(failures(&all.report()), [], "{name}");
    }
}

#[test]
fn the_rest_of_a_past_release_is_upgraded_too() {
    let folder = tempfile::tempdir().unwrap();
    let dump = "CREATE TABLE a(x TEXT); CREATE TABLE b(id INTEGER PRIMARY KEY, y TEXT);
                INSERT INTO a VALUES ('twice'), ('once'), ('twice'); INSERT INTO b VALUES (1, NULL), (2, 'y');";
    fs::write(folder.path().join("release-1.sql"), dump).unwrap();
    let lossy = History {
        migrations: &[
            "CREATE TABLE a(x TEXT); CREATE TABLE b(id INTEGER PRIMARY KEY, y TEXT);",
            "CREATE UNIQUE INDEX ax ON a(x)",
            "DELETE FROM a WHERE x = 'once'",
        ],
        refused: &[],
        lost: &[],
    };
    let error = suite(&lossy).release_databases(folder.path()).try_test("every_row_survives").unwrap_err();
    assert!(error.to_string().contains("migration 3 loses 1 of 2 rows of a"), "{error}");
}

#[test]
fn references_are_checked_in_every_database() {
    // Only in another case do two rows have the same name.
    let tables = "CREATE TABLE p(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
                  CREATE TABLE c(id INTEGER PRIMARY KEY, p INTEGER NOT NULL REFERENCES p(id) ON DELETE CASCADE);";
    let merge = "-- no-transaction\nPRAGMA foreign_keys = OFF; BEGIN;
                 DELETE FROM p WHERE id NOT IN (SELECT min(id) FROM p GROUP BY lower(name));
                 CREATE UNIQUE INDEX p_name ON p(name COLLATE NOCASE); COMMIT; PRAGMA foreign_keys = ON;";
    let clean: &str =
        Box::leak(merge.replace("CREATE", "DELETE FROM c WHERE p NOT IN (SELECT id FROM p); CREATE").into_boxed_str());
    let suite = |sql| Suite::new(embedded(&[("1_tables.sql", tables), ("2_merge.sql", sql)]));
    let error = suite(merge).try_test("integrity_holds").unwrap_err();
    assert_eq!(error.headline(), "leaves-orphans: migration 2 leaves orphans in c: 2_merge.sql");
    assert!(suite(clean).try_test("integrity_holds").is_ok());

    let down = "-- no-transaction\nPRAGMA foreign_keys = OFF; BEGIN; DROP INDEX n; DELETE FROM p; COMMIT;";
    let keeps = "DROP INDEX n";
    let paired = |down| {
        let up = "CREATE INDEX n ON c(p)";
        Suite::new(embedded(&[("1_tables.up.sql", tables), ("2_n.up.sql", up), ("2_n.down.sql", down)]))
    };
    let error = paired(down).try_test("down_undoes_up").unwrap_err();
    let expected = "irreversible-down: the down script of migration 2 leaves references of c that lead nowhere";
    assert_eq!(error.headline(), expected);
    assert!(paired(keeps).try_test("down_undoes_up").is_ok());
}
