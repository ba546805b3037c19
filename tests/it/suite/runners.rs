//! The same histories under runners that do different things around a migration: what each must report, and nothing else.
//!
//! A case is a file in `fixtures/histories/runners`, in the form of a case of the population. `-- keys off, no transaction:
//! <finding>` is a finding under runners that switch foreign keys off and put no transaction around a migration; the words
//! are `keys on`, `keys off`, `transaction`, `no transaction`, one or two of them.

use std::fs;
use std::path::PathBuf;

use sqlitmus::suite::Suite;
use sqlitmus::{Profile, Template};

use super::messages::without_values;
use super::population::Case;
use super::{embedded, says};

/// The words of a runner, and what says it of a template and of a suite.
type Runner = ([&'static str; 2], fn(Template) -> Template, fn(Suite) -> Suite);

const RUNNERS: [Runner; 4] = [
    (["keys on", "transaction"], |template| template, |suite| suite),
    (["keys off", "transaction"], Template::migrate_with_foreign_keys_off, Suite::migrate_with_foreign_keys_off),
    (["keys on", "no transaction"], Template::migrate_without_transaction, Suite::migrate_without_transaction),
    (
        ["keys off", "no transaction"],
        |template| template.migrate_with_foreign_keys_off().migrate_without_transaction(),
        |suite| suite.migrate_with_foreign_keys_off().migrate_without_transaction(),
    ),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/histories/runners")
}

/// Returns the case of one runner.
fn of_runner(text: &str, runner: [&str; 2]) -> Case {
    let is_word = |word: &str| RUNNERS.iter().any(|(words, ..)| words.contains(&word));
    let mut is_kept = true;
    let lines = text.lines().filter_map(|line| {
        let header = line.strip_prefix("-- ").and_then(|line| line.split_once(": "));
        match header {
            Some((words, finding)) if words.split(", ").all(is_word) => {
                is_kept = words.split(", ").all(|word| runner.contains(&word));
                is_kept.then(|| format!("-- finds: {finding}"))
            }
            Some(("at line", _)) => is_kept.then(|| line.to_owned()),
            _ => Some(line.to_owned()),
        }
    });
    Case::read(&lines.collect::<Vec<_>>().join("\n"))
}

fn template(case: &Case, change: fn(Template) -> Template) -> &'static Template {
    Box::leak(Box::new(change(Template::embedded(case.files()).profile(Profile::MINIMAL))))
}

#[test]
fn each_runner_has_its_findings() {
    let only = std::env::var("CASE").ok();
    let mut wrong = Vec::new();
    for entry in folder().read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for (at, (runner, of_template, of_suite)) in RUNNERS.into_iter().enumerate() {
            let case = of_runner(&text, runner);
            // Said of the template or of the suite, it is the same.
            let suite = || match (at + name.len()) % 2 {
                0 => Suite::new(template(&case, of_template)),
                _ => of_suite(Suite::new(template(&case, |template| template))),
            };
            wrong.extend(case.wrong(&suite).iter().map(|what| format!("{name}, {}: {what}", runner.join(", "))));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

const ORPHANS: [(&str, &str); 2] = [
    (
        "1_tables.sql",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, number TEXT NOT NULL);
         CREATE TABLE items (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders (id));",
    ),
    ("2_unique.sql", "DELETE FROM orders WHERE id NOT IN (SELECT min(id) FROM orders GROUP BY number);"),
];

#[test]
fn orphans_are_reported_with_a_remedy() {
    let suite = Suite::new(embedded(&ORPHANS)).migrate_with_foreign_keys_off();
    assert_eq!(
        without_values(&says(&suite, "integrity_holds")),
        "\
leaves-orphans: migration 2 leaves orphans in items: 2_unique.sql

  leaves-orphans (items.order_id):
    migration 2 leaves orphans in items: 2_unique.sql
    1 row of items refers to nothing: order_id -> orders(id)
    foreign keys are off while it runs: nothing is refused, and no action is fired

  at 2_unique.sql:1:
  > DELETE FROM orders WHERE id NOT IN (SELECT min(id) FROM orders GROUP BY number);

  smallest data that shows it, at version 1:
    INSERT INTO orders(id, number) VALUES (..);
    INSERT INTO orders(id, number) VALUES (..);
    INSERT INTO items(id, order_id) VALUES (..);

  help: delete such rows or give them a parent, in the same migration:
        DELETE FROM items WHERE items.order_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM orders AS parent WHERE parent.id = items.order_id);
        if the app has never written such rows, say so: .allow_refusal(2, \"items.order_id\", \"why\")"
    );
    let mended = format!(
        "{} DELETE FROM items WHERE items.order_id IS NOT NULL AND NOT EXISTS \
         (SELECT 1 FROM orders AS parent WHERE parent.id = items.order_id);",
        ORPHANS[1].1
    );
    let files = [ORPHANS[0], ("2_unique.sql", mended.leak())];
    let suite = Suite::new(embedded(&files)).migrate_with_foreign_keys_off();
    assert_eq!(says(&suite, "integrity_holds"), "nothing, None");
    let suite =
        Suite::new(embedded(&ORPHANS)).migrate_with_foreign_keys_off().allow_refusal(2, "items.order_id", "none");
    assert_eq!(says(&suite, "integrity_holds"), "nothing, None");
    assert_eq!(says(&suite, "every_version_upgrades_with_data"), "nothing, None");
}

#[test]
fn a_runner_without_transactions_is_reported_once() {
    let suite = Suite::new(embedded(&[
        ("1_notes.sql", "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);"),
        ("2_title.sql", "ALTER TABLE notes ADD COLUMN title TEXT; CREATE INDEX notes_title ON notes (title);"),
        ("3_color.sql", "ALTER TABLE notes ADD COLUMN color TEXT; CREATE INDEX notes_color ON notes (color);"),
    ]));
    assert_eq!(
        says(&suite.migrate_without_transaction(), "failure_leaves_the_previous_version"),
        "\
half-applied: the runner has no transaction: migration 2, for one, is half applied when it fails: 2_title.sql

  half-applied (2_title.sql):
    the runner has no transaction: migration 2, for one, is half applied when it fails: 2_title.sql
    the next start runs it again, on a schema that no version has
    so it is with each migration of several statements whose file has no transaction

  changes that remain:
    notes.title: new TEXT

  the statement that sqlitmus refused, to see what a failure leaves:
    migration 2 failed: 2_title.sql

      sql:
        CREATE INDEX notes_title ON notes (title);

      at 2_title.sql:1:
      > CREATE INDEX notes_title ON notes (title);

      SQLite says:
        not authorized (code 23)
    note: its changes up to line 1 were committed and stay

  help: put everything into one transaction: BEGIN at the start of a file, COMMIT at its end
        if such a database is mended by hand, say so: .skip(\"failure_leaves_the_previous_version\", \"why\")"
    );
}

#[test]
fn a_template_migrates_as_its_app_does() {
    let rebuild = "CREATE TABLE new (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO new (id) SELECT id FROM tags;
                   DROP TABLE tags; ALTER TABLE new RENAME TO tags;";
    let files: &[(&str, &str)] = vec![
        (
            "1_tags.sql",
            "CREATE TABLE tags (id INTEGER PRIMARY KEY); CREATE TABLE uses (tag REFERENCES tags ON DELETE CASCADE);
             INSERT INTO tags VALUES (1); INSERT INTO uses VALUES (1);",
        ),
        ("2_name.sql", rebuild),
    ]
    .leak();
    let kept = |template: Template| -> (i64, bool) {
        let db = template.profile(Profile::MINIMAL).in_memory();
        let query = "SELECT (SELECT count(*) FROM uses), foreign_keys FROM pragma_foreign_keys";
        db.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    assert_eq!(kept(Template::embedded(files)), (0, true));
    assert_eq!(kept(Template::embedded(files).migrate_with_foreign_keys_off()), (1, true));
    let code = || {
        Template::migrate_with(|db| {
            db.execute_batch("CREATE TABLE uses AS SELECT foreign_keys FROM pragma_foreign_keys WHERE foreign_keys")?;
            Ok(())
        })
    };
    assert_eq!(kept(code()), (1, true));
    assert_eq!(kept(code().migrate_with_foreign_keys_off()), (0, true));
    let files: &[(&str, &str)] = &[("1_vacuum.sql", "CREATE TABLE uses (tag); PRAGMA foreign_keys = OFF; VACUUM;")];
    assert!(Template::embedded(files).try_in_memory().is_err());
    assert_eq!(kept(Template::embedded(files).migrate_without_transaction()), (0, true));
}
