//! A migration refuses rows and loses others: what is lost is found whatever the seed, and where nothing is, nothing is said.

use std::cell::Cell;
use std::collections::BTreeSet;

use sqlitmus::rusqlite::{Connection, Error, Result};
use sqlitmus::suite::Suite;
use sqlitmus::{Profile, Template};

use super::embedded;

/// A history whose last migration refuses rows.
struct History {
    name: &'static str,
    migrations: &'static [&'static str],
    /// The code and the object of each loss of the last migration.
    lost: &'static [(&'static str, &'static str)],
}

const SEEDS: std::ops::Range<u64> = 0..6;
const BY_ACTION: &str = "rebuild-fires-fk-actions";

const SHOP: &str = "CREATE TABLE customers(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE);
    CREATE TABLE products(id INTEGER PRIMARY KEY, sku TEXT NOT NULL UNIQUE, stock INTEGER NOT NULL DEFAULT 0 CHECK (stock >= 0));
    CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id) ON DELETE CASCADE,
        status TEXT NOT NULL DEFAULT 'new');
    CREATE TABLE order_items(id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders(id) ON DELETE CASCADE,
        product_id INTEGER NOT NULL REFERENCES products(id), quantity INTEGER NOT NULL CHECK (quantity > 0));";
const CLOSED_STATUS: &str = "CREATE TABLE orders_new(id INTEGER PRIMARY KEY,
        customer_id INTEGER NOT NULL REFERENCES customers(id) ON DELETE CASCADE,
        status TEXT NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'paid', 'sent')));
    INSERT INTO orders_new SELECT id, customer_id, status FROM orders;
    DROP TABLE orders; ALTER TABLE orders_new RENAME TO orders;";

const NOTES: &str = "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
    CREATE TABLE notebooks(id INTEGER PRIMARY KEY, owner INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
        title TEXT NOT NULL);
    CREATE TABLE notes(id INTEGER PRIMARY KEY, notebook_id INTEGER NOT NULL REFERENCES notebooks(id) ON DELETE CASCADE,
        body TEXT NOT NULL, created_at INTEGER NOT NULL DEFAULT 0);";
const TAGS: &str = "CREATE TABLE tags(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE note_tags(note_id INTEGER NOT NULL REFERENCES notes(id), tag_id INTEGER NOT NULL REFERENCES tags(id),
        PRIMARY KEY (note_id, tag_id));";
const UNIQUE_TITLES: &str = "CREATE TABLE notebooks_new(id INTEGER PRIMARY KEY,
        owner INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE, title TEXT NOT NULL, UNIQUE (owner, title));
    INSERT INTO notebooks_new SELECT id, owner, title FROM notebooks;
    DROP TABLE notebooks; ALTER TABLE notebooks_new RENAME TO notebooks;";

const BAD: [History; 18] = [
    History { name: "a list of values", migrations: &[SHOP, CLOSED_STATUS], lost: &[(BY_ACTION, "order_items")] },
    History {
        name: "UNIQUE, and grandchildren that keep their parents",
        migrations: &[NOTES, TAGS, UNIQUE_TITLES],
        lost: &[(BY_ACTION, "notes")],
    },
    History {
        name: "a CHECK of a length",
        migrations: &[
            SHOP,
            "CREATE TABLE orders_new(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id),
                 status TEXT NOT NULL CHECK (length(status) BETWEEN 1 AND 3));
             INSERT INTO orders_new SELECT id, customer_id, status FROM orders;
             DROP TABLE orders; ALTER TABLE orders_new RENAME TO orders;",
        ],
        lost: &[(BY_ACTION, "order_items")],
    },
    History {
        name: "a CHECK of two columns",
        migrations: &[
            "CREATE TABLE bookings(id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL);
             CREATE TABLE guests(id INTEGER PRIMARY KEY, booking INTEGER NOT NULL REFERENCES bookings(id) ON DELETE CASCADE);",
            "CREATE TABLE bookings_new(id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL,
                 CHECK (last = first + 1));
             INSERT INTO bookings_new SELECT * FROM bookings;
             DROP TABLE bookings; ALTER TABLE bookings_new RENAME TO bookings;",
        ],
        lost: &[(BY_ACTION, "guests")],
    },
    History {
        name: "NOT NULL of all columns",
        migrations: &[
            "CREATE TABLE lists(id INTEGER PRIMARY KEY, title TEXT, color TEXT, place INTEGER, owner TEXT, icon TEXT);
             CREATE TABLE lines(id INTEGER PRIMARY KEY, list INTEGER NOT NULL REFERENCES lists ON DELETE CASCADE, text TEXT);",
            "CREATE TABLE lists_new(id INTEGER PRIMARY KEY, title TEXT NOT NULL, color TEXT NOT NULL, place INTEGER NOT NULL,
                 owner TEXT NOT NULL, icon TEXT NOT NULL);
             INSERT INTO lists_new SELECT id, title, color, place, owner, icon FROM lists;
             DROP TABLE lists; ALTER TABLE lists_new RENAME TO lists;",
        ],
        lost: &[(BY_ACTION, "lines")],
    },
    History {
        name: "UNIQUE, and children that are set to NULL",
        migrations: &[
            "CREATE TABLE teams(id INTEGER PRIMARY KEY, name TEXT, code TEXT NOT NULL);
             CREATE TABLE players(id INTEGER PRIMARY KEY, team INTEGER REFERENCES teams(id) ON DELETE SET NULL, name TEXT);",
            "CREATE TABLE teams_new(id INTEGER PRIMARY KEY, name TEXT NOT NULL CHECK (name = upper(name)), code TEXT NOT NULL UNIQUE);
             INSERT INTO teams_new SELECT id, name, code FROM teams;
             DROP TABLE teams; ALTER TABLE teams_new RENAME TO teams;",
        ],
        lost: &[(BY_ACTION, "players.team")],
    },
    History {
        name: "a narrower type in a STRICT table",
        migrations: &[
            "CREATE TABLE accounts(id INTEGER PRIMARY KEY, balance TEXT NOT NULL);
             CREATE TABLE entries(id INTEGER PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
                 cents INTEGER NOT NULL);",
            "CREATE TABLE accounts_new(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL) STRICT;
             INSERT INTO accounts_new SELECT id, balance FROM accounts;
             DROP TABLE accounts; ALTER TABLE accounts_new RENAME TO accounts;",
        ],
        lost: &[(BY_ACTION, "entries")],
    },
    History {
        name: "a new foreign key",
        migrations: &[
            "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
             CREATE TABLE posts(id INTEGER PRIMARY KEY, author INTEGER NOT NULL, title TEXT NOT NULL);
             CREATE TABLE comments(id INTEGER PRIMARY KEY, post INTEGER NOT NULL REFERENCES posts(id) ON DELETE CASCADE,
                 body TEXT NOT NULL);",
            "CREATE TABLE posts_new(id INTEGER PRIMARY KEY, author INTEGER NOT NULL REFERENCES users(id), title TEXT NOT NULL);
             INSERT INTO posts_new SELECT id, author, title FROM posts;
             DROP TABLE posts; ALTER TABLE posts_new RENAME TO posts;",
        ],
        lost: &[(BY_ACTION, "comments")],
    },
    History {
        name: "grandchildren with RESTRICT",
        migrations: &[
            "CREATE TABLE books(id INTEGER PRIMARY KEY, language TEXT NOT NULL);
             CREATE TABLE chapters(id INTEGER PRIMARY KEY, book INTEGER NOT NULL REFERENCES books(id) ON DELETE CASCADE);
             CREATE TABLE bookmarks(id INTEGER PRIMARY KEY, chapter INTEGER NOT NULL REFERENCES chapters(id) ON DELETE RESTRICT);",
            "CREATE TABLE books_new(id INTEGER PRIMARY KEY, language TEXT NOT NULL CHECK (language IN ('en', 'fr')));
             INSERT INTO books_new SELECT id, language FROM books;
             DROP TABLE books; ALTER TABLE books_new RENAME TO books;",
        ],
        lost: &[(BY_ACTION, "chapters")],
    },
    History {
        name: "three levels of CASCADE",
        migrations: &[
            "CREATE TABLE a(id INTEGER PRIMARY KEY, kind TEXT NOT NULL);
             CREATE TABLE b(id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a(id) ON DELETE CASCADE);
             CREATE TABLE c(id INTEGER PRIMARY KEY, b INTEGER NOT NULL REFERENCES b(id) ON DELETE CASCADE);",
            "CREATE TABLE a_new(id INTEGER PRIMARY KEY, kind TEXT NOT NULL CHECK (kind GLOB '[x-z]'));
             INSERT INTO a_new SELECT id, kind FROM a; DROP TABLE a; ALTER TABLE a_new RENAME TO a;",
        ],
        lost: &[(BY_ACTION, "b"), (BY_ACTION, "c")],
    },
    History {
        name: "a DELETE, and children that are set to their DEFAULT",
        migrations: &[
            "CREATE TABLE projects(id INTEGER PRIMARY KEY, name TEXT NOT NULL, archived INTEGER NOT NULL CHECK (archived IN (0, 1)));
             INSERT INTO projects VALUES (1, 'inbox', 0);
             CREATE TABLE tasks(id INTEGER PRIMARY KEY, text TEXT NOT NULL,
                 project INTEGER NOT NULL DEFAULT 1 REFERENCES projects(id) ON DELETE SET DEFAULT);
             CREATE TABLE labels(id INTEGER PRIMARY KEY, name TEXT NOT NULL);",
            "CREATE TABLE projects_mail(project INTEGER NOT NULL, name TEXT NOT NULL CHECK (name IN ('inbox', 'home', 'work')));
             INSERT INTO projects_mail SELECT id, name FROM projects;
             DELETE FROM projects WHERE archived = 1;",
        ],
        lost: &[("undeclared-loss", "tasks.project")],
    },
    History {
        name: "two tables that refuse rows, each with children",
        migrations: &[
            "CREATE TABLE cars(id INTEGER PRIMARY KEY, plate TEXT NOT NULL);
             CREATE TABLE trips(id INTEGER PRIMARY KEY, car INTEGER NOT NULL REFERENCES cars(id) ON DELETE CASCADE);
             CREATE TABLE boats(id INTEGER PRIMARY KEY, flag TEXT);
             CREATE TABLE cruises(id INTEGER PRIMARY KEY, boat INTEGER NOT NULL REFERENCES boats(id) ON DELETE CASCADE);",
            "CREATE TABLE cars_new(id INTEGER PRIMARY KEY, plate TEXT NOT NULL CHECK (length(plate) = 7));
             INSERT INTO cars_new SELECT id, plate FROM cars; DROP TABLE cars; ALTER TABLE cars_new RENAME TO cars;
             CREATE TABLE boats_new(id INTEGER PRIMARY KEY, flag TEXT NOT NULL CHECK (flag IN ('fi', 'pl')));
             INSERT INTO boats_new SELECT id, flag FROM boats; DROP TABLE boats; ALTER TABLE boats_new RENAME TO boats;",
        ],
        lost: &[(BY_ACTION, "cruises"), (BY_ACTION, "trips")],
    },
    History {
        name: "a list of values in a column that gets another name",
        migrations: &[
            SHOP,
            "CREATE TABLE orders_new(id INTEGER PRIMARY KEY, state TEXT NOT NULL CHECK (state IN ('open', 'done')),
                 customer INTEGER NOT NULL REFERENCES customers(id));
             INSERT INTO orders_new(id, customer, state) SELECT o.id, o.customer_id, o.status AS state FROM orders AS o;
             DROP TABLE orders; ALTER TABLE orders_new RENAME TO orders;",
        ],
        lost: &[(BY_ACTION, "order_items")],
    },
    History {
        name: "a list of values, of texts that the copy trims",
        migrations: &[
            SHOP,
            "CREATE TABLE orders_new(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id),
                 status TEXT NOT NULL CHECK (status IN ('ordered', 'delivered')));
             INSERT INTO orders_new SELECT id, customer_id, trim(status) FROM orders;
             DROP TABLE orders; ALTER TABLE orders_new RENAME TO orders;",
        ],
        lost: &[(BY_ACTION, "order_items")],
    },
    History {
        name: "a text key",
        migrations: &[
            "CREATE TABLE devices(serial TEXT PRIMARY KEY, model TEXT NOT NULL) WITHOUT ROWID;
             CREATE TABLE readings(device TEXT NOT NULL REFERENCES devices(serial) ON DELETE CASCADE, at INTEGER NOT NULL,
                 value REAL NOT NULL, PRIMARY KEY (device, at)) WITHOUT ROWID;",
            "CREATE TABLE devices_new(serial TEXT PRIMARY KEY, model TEXT NOT NULL CHECK (model IN ('m1', 'm2'))) WITHOUT ROWID;
             INSERT INTO devices_new SELECT serial, model FROM devices;
             DROP TABLE devices; ALTER TABLE devices_new RENAME TO devices;",
        ],
        lost: &[(BY_ACTION, "readings")],
    },
    History {
        name: "a merge that leaves out children, and a list of values",
        migrations: &[
            "CREATE TABLE tags(id INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL);
             CREATE TABLE links(id INTEGER PRIMARY KEY, tag INTEGER NOT NULL REFERENCES tags(id) ON DELETE CASCADE, url TEXT NOT NULL);",
            "CREATE TABLE kinds(tag INTEGER NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('topic', 'place')));
             INSERT INTO kinds SELECT id, kind FROM tags;
             DELETE FROM tags WHERE id NOT IN (SELECT min(id) FROM tags GROUP BY lower(name));
             CREATE UNIQUE INDEX tags_name ON tags(lower(name));",
        ],
        lost: &[("destructive", "tags"), ("undeclared-loss", "links")],
    },
    History {
        name: "a child with two parents, of which one is rebuilt",
        migrations: &[
            "CREATE TABLE rooms(id INTEGER PRIMARY KEY, size TEXT NOT NULL);
             CREATE TABLE doors(id INTEGER PRIMARY KEY, color TEXT NOT NULL);
             CREATE TABLE keys(room INTEGER NOT NULL REFERENCES rooms(id) ON DELETE CASCADE,
                 door INTEGER NOT NULL REFERENCES doors(id) ON DELETE RESTRICT, PRIMARY KEY (room, door));",
            "CREATE TABLE rooms_new(id INTEGER PRIMARY KEY, size TEXT NOT NULL CHECK (size IN ('small', 'large')));
             INSERT INTO rooms_new SELECT id, size FROM rooms; DROP TABLE rooms; ALTER TABLE rooms_new RENAME TO rooms;
             CREATE UNIQUE INDEX doors_color ON doors(color);",
        ],
        lost: &[(BY_ACTION, "keys")],
    },
    History {
        name: "a column that is dropped, in a table that refuses rows",
        migrations: &[
            "CREATE TABLE files(id INTEGER PRIMARY KEY, name TEXT NOT NULL, mode TEXT NOT NULL, note TEXT);
             CREATE TABLE chunks(id INTEGER PRIMARY KEY, file INTEGER NOT NULL REFERENCES files(id) ON DELETE CASCADE);",
            "CREATE TABLE files_new(id INTEGER PRIMARY KEY, name TEXT NOT NULL, mode TEXT NOT NULL CHECK (mode IN ('r', 'w')));
             INSERT INTO files_new SELECT id, name, mode FROM files; DROP TABLE files; ALTER TABLE files_new RENAME TO files;",
        ],
        lost: &[(BY_ACTION, "chunks"), ("destructive", "files.note")],
    },
];

const GOOD: [History; 8] = [
    History {
        name: "a list of values, with foreign keys off",
        migrations: &[
            SHOP,
            "-- no-transaction
             PRAGMA foreign_keys = OFF; BEGIN;
             CREATE TABLE orders_new(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id) ON DELETE CASCADE,
                 status TEXT NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'paid', 'sent')));
             INSERT INTO orders_new SELECT id, customer_id, status FROM orders;
             DROP TABLE orders; ALTER TABLE orders_new RENAME TO orders; COMMIT; PRAGMA foreign_keys = ON;",
        ],
        lost: &[],
    },
    History {
        name: "children that are set aside",
        migrations: &[
            SHOP,
            "CREATE TEMP TABLE kept AS SELECT * FROM order_items; DELETE FROM order_items;
             CREATE TABLE orders_new(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id) ON DELETE CASCADE,
                 status TEXT NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'paid', 'sent')));
             INSERT INTO orders_new SELECT id, customer_id, status FROM orders;
             DROP TABLE orders; ALTER TABLE orders_new RENAME TO orders;
             INSERT INTO order_items SELECT * FROM kept; DROP TABLE kept;",
        ],
        lost: &[],
    },
    History {
        name: "children that keep their parents",
        migrations: &[
            "CREATE TABLE a(id INTEGER PRIMARY KEY, kind TEXT NOT NULL);
             CREATE TABLE b(id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a(id), text TEXT);",
            "CREATE TABLE a_new(id INTEGER PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('x', 'y')));
             INSERT INTO a_new SELECT id, kind FROM a; DROP TABLE a; ALTER TABLE a_new RENAME TO a;",
        ],
        lost: &[],
    },
    History {
        name: "a unique index",
        migrations: &[NOTES, TAGS, "CREATE UNIQUE INDEX notebooks_title ON notebooks(owner, title)"],
        lost: &[],
    },
    History {
        name: "the rebuild of a child",
        migrations: &[
            SHOP,
            "CREATE TABLE items_new(id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders(id) ON DELETE CASCADE,
                 product_id INTEGER NOT NULL REFERENCES products(id), quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 3));
             INSERT INTO items_new SELECT * FROM order_items; DROP TABLE order_items; ALTER TABLE items_new RENAME TO order_items;",
        ],
        lost: &[],
    },
    History {
        name: "a STRICT table without children",
        migrations: &[
            "CREATE TABLE marks(id INTEGER PRIMARY KEY, mark TEXT NOT NULL, at TEXT NOT NULL);",
            "CREATE TABLE marks_new(id INTEGER PRIMARY KEY, mark INTEGER NOT NULL CHECK (mark > 0), at TEXT NOT NULL) STRICT;
             INSERT INTO marks_new SELECT id, mark, at FROM marks; DROP TABLE marks; ALTER TABLE marks_new RENAME TO marks;",
        ],
        lost: &[],
    },
    History {
        name: "a list of values, and another column of codes",
        migrations: &[
            "CREATE TABLE jobs(id INTEGER PRIMARY KEY, state TEXT NOT NULL CHECK (state IN ('open', 'done')), queue TEXT);",
            "CREATE TABLE jobs_new(id INTEGER PRIMARY KEY, state INTEGER NOT NULL, queue TEXT NOT NULL CHECK (queue IN ('a', 'b')));
             INSERT INTO jobs_new SELECT id, CASE state WHEN 'open' THEN 0 WHEN 'done' THEN 1 END, queue FROM jobs;
             DROP TABLE jobs; ALTER TABLE jobs_new RENAME TO jobs;",
        ],
        lost: &[],
    },
    History {
        name: "NOT NULL, and the children are copied with their parents",
        migrations: &[
            "CREATE TABLE lists(id INTEGER PRIMARY KEY, title TEXT);
             CREATE TABLE lines(id INTEGER PRIMARY KEY, list INTEGER NOT NULL REFERENCES lists ON DELETE CASCADE, text TEXT);",
            "CREATE TABLE lists_new(id INTEGER PRIMARY KEY, title TEXT NOT NULL UNIQUE);
             INSERT INTO lists_new SELECT id, title FROM lists;
             CREATE TABLE lines_new(id INTEGER PRIMARY KEY, list INTEGER NOT NULL REFERENCES lists_new ON DELETE CASCADE, text TEXT);
             INSERT INTO lines_new SELECT id, list, text FROM lines;
             DROP TABLE lines; DROP TABLE lists;
             ALTER TABLE lists_new RENAME TO lists; ALTER TABLE lines_new RENAME TO lines;",
        ],
        lost: &[],
    },
];

thread_local! {
    /// The steps of the runner, which is a function.
    static STEPS: Cell<&'static [&'static str]> = const { Cell::new(&[]) };
}

fn migrate(db: &mut Connection, to: i64) -> Result<()> {
    let at = |version: i64| usize::try_from(version).map_err(|_| Error::InvalidQuery);
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for (script, version) in STEPS.get()[at(version)?..at(to)?].iter().zip(version + 1..) {
        if script.starts_with("-- no-transaction") {
            db.execute_batch(&script.replace("COMMIT;", &format!("PRAGMA user_version = {version}; COMMIT;")))?;
            continue;
        }
        let transaction = db.transaction()?;
        transaction.execute_batch(script)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

fn by_files(history: &History) -> &'static Template {
    let name = |at: usize| -> &'static str { Box::leak(format!("{:03}_step.sql", at + 1).into_boxed_str()) };
    let files: Vec<(&str, &str)> = history.migrations.iter().enumerate().map(|(at, sql)| (name(at), *sql)).collect();
    embedded(&files)
}

fn by_code(history: &History) -> &'static Template {
    STEPS.set(history.migrations);
    let last = i64::try_from(history.migrations.len()).unwrap();
    Box::leak(Box::new(Template::migrate_to(last, |db, to| Ok(migrate(db, to)?)).profile(Profile::MINIMAL)))
}

/// Returns the code and the object of each finding of a test.
fn found(suite: &Suite, test: &str) -> BTreeSet<(String, String)> {
    let Err(error) = suite.try_test(test) else { return BTreeSet::new() };
    let text = error.to_string();
    let blocks = text.lines().filter_map(|line| line.strip_prefix("  ")?.strip_suffix("):")?.split_once(" ("));
    let found: BTreeSet<_> = blocks.map(|(code, object)| (code.to_owned(), object.to_owned())).collect();
    assert!(!found.is_empty(), "{text}");
    found
}

/// Returns what is wrong, with and without the refusals allowed.
fn wrong(history: &History, template: &'static Template, seed: u64) -> Option<String> {
    let expected: BTreeSet<_> = history.lost.iter().map(|(code, object)| ((*code).into(), (*object).into())).collect();
    let last = i64::try_from(history.migrations.len()).unwrap();
    let suite = || Suite::new(template).seed(seed);
    let refused = found(&suite(), "every_version_upgrades_with_data");
    if refused.is_empty() {
        return Some(String::from("nothing is refused"));
    }
    let allowing = refused.iter().fold(suite(), |suite, (_, object)| suite.allow_refusal(last, object, "no such rows"));
    let refused = found(&allowing, "every_version_upgrades_with_data");
    let lost = [suite(), allowing].map(|suite| found(&suite, "every_row_survives"));
    let is_right = refused.is_empty() && lost.iter().all(|lost| *lost == expected);
    (!is_right).then(|| format!("lost {:?}, refused though allowed: {refused:?}", lost[0]))
}

/// By files, all seeds are tried; by code, two show that the way is the same.
#[track_caller]
fn check(histories: &[History]) {
    let (mut all, mut of) = (Vec::new(), 0);
    for history in histories {
        let runs = SEEDS.map(|seed| ("files", seed)).chain([("code", 0), ("code", 7)]);
        let (files, code) = (by_files(history), by_code(history));
        for (way, seed) in runs {
            let wrong = wrong(history, if way == "files" { files } else { code }, seed);
            all.extend(wrong.map(|wrong| format!("{} by {way}, seed {seed}: {wrong}", history.name)));
            of += 1;
        }
    }
    assert!(all.is_empty(), "{} of {of} wrong:\n{}", all.len(), all.join("\n"));
}

#[test]
fn losses_behind_a_refusal_are_found_with_every_seed() {
    check(&BAD[..9]);
}

#[test]
fn more_losses_behind_a_refusal_are_found_with_every_seed() {
    check(&BAD[9..]);
}

#[test]
fn nothing_is_lost_behind_a_refusal_where_all_is_kept() {
    check(&GOOD);
}

#[test]
fn a_table_of_which_no_row_is_left_is_named() {
    let history = History {
        name: "a column without a default",
        migrations: &[SHOP, "ALTER TABLE orders ADD COLUMN place TEXT NOT NULL"],
        lost: &[],
    };
    let suite = Suite::new(by_files(&history)).allow_refusal(2, "orders", "all are deleted").only("every_row_survives");
    let report = suite.report();
    let review: Vec<&str> = report.iter().flat_map(|result| &result.review).map(|finding| finding.what()).collect();
    let left = |table| format!("no row of {table} was left to test migration 2, which refuses rows");
    assert_eq!(review, [left("order_items"), left("orders")]);
}

/// A rebuild as STRICT refuses values in most columns, and to allow each of them is tedious.
#[test]
fn values_of_several_columns_are_allowed_by_their_table() {
    const BEFORE: &str =
        "CREATE TABLE users(id INTEGER PRIMARY KEY, email VARCHAR(80) NOT NULL, active BOOLEAN NOT NULL, age INT);";
    let rebuild = |columns: &str| {
        format!(
            "CREATE TABLE new_users({columns}) STRICT;
             INSERT INTO new_users SELECT id, email, active, age FROM users;
             DROP TABLE users;
             ALTER TABLE new_users RENAME TO users;"
        )
    };
    let all = "id INTEGER PRIMARY KEY, email TEXT NOT NULL, active INTEGER NOT NULL, age INTEGER";
    let one = "id INTEGER PRIMARY KEY, email ANY NOT NULL, active ANY NOT NULL, age INTEGER";
    for (columns, allowed) in [(all, "users"), (one, "users.age")] {
        let rebuild = rebuild(columns).leak();
        let template = embedded(&[("1_users.sql", BEFORE), ("2_strict.sql", rebuild)]);
        let text = Suite::new(template).try_test("every_version_upgrades_with_data").unwrap_err().to_string();
        let helps: Vec<&str> = text.lines().filter(|line| line.contains(".allow_refusal(")).collect();
        let help = format!(".allow_refusal(2, \"{allowed}\", \"why\")");
        assert!(helps.len() == 1 && helps[0].ends_with(&help), "{text}");
        let suite = Suite::new(template).allow_refusal(2, allowed, "the app has one type for each column");
        for test in ["every_version_upgrades_with_data", "every_row_survives"] {
            suite.try_test(test).map(drop).unwrap();
        }
    }
}

/// With an allowance for the table, DROP TABLE could refuse rows unseen.
#[test]
fn a_table_whose_rows_are_refused_too_is_not_allowed_as_a_whole() {
    let template = embedded(&[
        (
            "1_users.sql",
            "CREATE TABLE users(id INTEGER PRIMARY KEY, email VARCHAR(80) NOT NULL, active BOOLEAN NOT NULL);
             CREATE TABLE posts(id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users(id));",
        ),
        (
            "2_strict.sql",
            "CREATE TABLE new_users(id INTEGER PRIMARY KEY, email TEXT NOT NULL, active INTEGER NOT NULL) STRICT;
             INSERT INTO new_users SELECT * FROM users;
             DROP TABLE users;
             ALTER TABLE new_users RENAME TO users;",
        ),
    ]);
    let text = Suite::new(template).try_test("every_version_upgrades_with_data").unwrap_err().to_string();
    for column in ["users.email", "users.active"] {
        assert!(text.contains(&format!(".allow_refusal(2, \"{column}\", \"why\")")), "{text}");
    }
    assert!(!text.contains("\"users\""), "{text}");
}
