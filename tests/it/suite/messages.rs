//! The whole text of reports.

use sqlitmus::suite::{Suite, TESTS};

use super::{says, template};

/// Masks the values, which depend on the generated data.
pub(super) fn without_values(report: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut masked = false;
    for line in report.lines() {
        masked &= !line.is_empty();
        if masked {
            continue;
        }
        lines.push(match line.split_once(" VALUES (") {
            Some((insert, _)) => format!("{insert} VALUES (..);"),
            None => line.to_owned(),
        });
        masked = ["  lost rows:", "  values:"].contains(&line);
    }
    lines.join("\n")
}

#[track_caller]
fn check(history: &str, test: &str, expected: &str) {
    let report = without_values(&says(&Suite::new(template(&format!("fixtures/histories/{history}"))), test));
    assert_eq!(report, expected, "\n--- is:\n{report}\n--- should be:\n{expected}\n");
}

#[test]
fn a_rebuild_that_fires_a_cascade() {
    check(
        "bad/cascade_in_a_rebuild",
        "every_row_survives",
        "\
rebuild-fires-fk-actions: migration 2 empties items: 002_change.sql

  rebuild-fires-fk-actions (items):
    migration 2 empties items: 002_change.sql
    DROP TABLE orders deletes its rows first, which fires ON DELETE CASCADE of items
    PRAGMA foreign_keys has no effect here: SQLite ignores it inside a transaction

  at fixtures/histories/bad/cascade_in_a_rebuild/002_change.sql:10:
  > DROP TABLE orders;

  lost rows:

  smallest data that shows it, at version 1:
    INSERT INTO orders(id, number) VALUES (..);
    INSERT INTO items(id, order_id, title) VALUES (..);

  help: run the file without its runner's transaction, and rebuild orders with foreign keys off:
        -- no-transaction
        PRAGMA foreign_keys = OFF;
        BEGIN;
        -- the rebuild
        COMMIT;
        PRAGMA foreign_keys = ON;
        if the app switches foreign keys off around its migrations, say so: .migrate_with_foreign_keys_off()
        if it is meant, say so: .allow_loss(2, \"items\", \"why\")",
    );
}

#[test]
fn a_rebuild_of_a_table_that_refers_to_itself() {
    check(
        "bad/cascade_within_the_table",
        "every_row_survives",
        "\
rebuild-fires-fk-actions: migration 2 loses 1 of 4 rows of folders: 002_change.sql

  rebuild-fires-fk-actions (folders):
    migration 2 loses 1 of 4 rows of folders: 002_change.sql
    DROP TABLE folders deletes its rows first, which fires ON DELETE CASCADE of the new table that refers to it

  at fixtures/histories/bad/cascade_within_the_table/002_change.sql:9:
  > DROP TABLE folders;

  lost rows:

  smallest data that shows it, at version 1:
    INSERT INTO folders(id, name) VALUES (..);
    INSERT INTO folders(id, parent_id, name) VALUES (..);

  help: let the new table refer to itself by its temporary name: REFERENCES folders_new
        if it is meant, say so: .allow_loss(2, \"folders\", \"why\")",
    );
}

#[test]
fn a_rebuild_that_foreign_keys_refuse() {
    check(
        "bad/parent_with_children_dropped",
        "every_version_upgrades_with_data",
        "\
fails-on-data: migration 2 fails on rows that version 1 accepts: V2__change.sql

  fails-on-data (orders):
    migration 2 fails on rows that version 1 accepts: V2__change.sql
    DROP TABLE orders deletes its rows first, and items refers to them

  the migration:
    migration 2 failed: V2__change.sql

      sql:
        DROP TABLE orders;

      at fixtures/histories/bad/parent_with_children_dropped/V2__change.sql:8:
      > DROP TABLE orders;

      SQLite says:
        FOREIGN KEY constraint failed (code 787)
    note: version 1 is intact: V1__tables.sql

  smallest data that shows it, at version 1:
    INSERT INTO orders(id, number) VALUES (..);
    INSERT INTO items(id, order_id, title) VALUES (..);

  help: set the rows of items aside while orders is rebuilt:
        CREATE TEMP TABLE kept AS SELECT * FROM items;
        DELETE FROM items;
        -- the rebuild
        INSERT INTO items SELECT * FROM kept;
        DROP TABLE kept;
        if the app switches foreign keys off around its migrations, say so: .migrate_with_foreign_keys_off()",
    );
}

#[test]
fn rows_that_a_migration_refuses() {
    check(
        "bad/backfill_misses_nulls",
        "every_version_upgrades_with_data",
        "\
fails-on-data: migration 2 fails on rows that version 1 accepts: 002_change.sql

  fails-on-data (people.email):
    migration 2 fails on rows that version 1 accepts: 002_change.sql
    the upgrade fails wherever there are such rows, at every start of the app

  the migration:
    migration 2 failed: 002_change.sql

      sql:
        INSERT INTO people_new (id, email, name) SELECT id, email, name FROM people;

      at fixtures/histories/bad/backfill_misses_nulls/002_change.sql:9:
      > INSERT INTO people_new (id, email, name) SELECT id, email, name FROM people;

      SQLite says:
        NOT NULL constraint failed: people_new.email (code 1299)
    note: version 1 is intact: 001_tables.sql

  smallest data that shows it, at version 1:
    INSERT INTO people(id, name) VALUES (..);

  help: change such rows or set them aside first, in the same migration
        if the app has never written such rows, say so: .allow_refusal(2, \"people.email\", \"why\")",
    );
}

#[test]
fn values_that_are_rounded() {
    check(
        "bad/type_that_rounds",
        "every_row_survives",
        "\
undeclared-loss: migration 2 changes 6 of 6 values of prices.amount: 002_change.sql

  undeclared-loss (prices.amount):
    migration 2 changes 6 of 6 values of prices.amount: 002_change.sql
    the old values cannot be recovered

  at fixtures/histories/bad/type_that_rounds/002_change.sql:6:
  > INSERT INTO prices_new (id, amount) SELECT id, CAST(amount AS INTEGER) FROM prices;

  values:

  smallest data that shows it, at version 1:
    INSERT INTO prices(id, amount) VALUES (..);

  help: a lossless mapping, such as names to numbers, looks like this too
        if it is meant, say so: .allow_loss(2, \"prices.amount\", \"why\")",
    );
}

#[test]
fn a_migration_that_fails_half_way() {
    check(
        "bad/two_autocommits",
        "failure_leaves_the_previous_version",
        "\
half-applied: migration 2 is half applied when a statement fails: 002_change.sql

  half-applied (002_change.sql):
    migration 2 is half applied when a statement fails: 002_change.sql
    the next start runs it again, on a schema that no version has

  changes that remain:
    people.phone: new TEXT

  the statement that sqlitmus refused, to see what a failure leaves:
    migration 2 failed: 002_change.sql

      sql:
        CREATE INDEX people_phone ON people (phone);

      at fixtures/histories/bad/two_autocommits/002_change.sql:3:
      > CREATE INDEX people_phone ON people (phone);

      SQLite says:
        not authorized (code 23)
    note: its changes up to line 2 were committed and stay

  help: put everything into one transaction: BEGIN at the start, COMMIT at the end, nothing after it",
    );
}

#[test]
fn a_transaction_that_is_ended_in_the_middle() {
    check(
        "bad/commit_in_the_middle",
        "failure_leaves_the_previous_version",
        "\
nested-transaction: migration 2 ends its runner's transaction: V2__change.sql

  nested-transaction (V2__change.sql):
    migration 2 ends its runner's transaction: V2__change.sql
    the changes before it are committed even if the rest fails

  at fixtures/histories/bad/commit_in_the_middle/V2__change.sql:2:
  > COMMIT;

  changes that remain:
    people.phone: new TEXT

  the statement that sqlitmus refused, to see what a failure leaves:
    migration 2 failed: V2__change.sql

      sql:
        BEGIN;

      at fixtures/histories/bad/commit_in_the_middle/V2__change.sql:3:
      > BEGIN;

      SQLite says:
        not authorized (code 23)
    note: its changes up to line 2 were committed and stay

  help: remove BEGIN and COMMIT: refinery wraps each migration in a transaction",
    );
}

#[test]
fn a_transaction_within_a_transaction() {
    check(
        "bad/begin_inside",
        "applies_to_an_empty_database",
        "\
nested-transaction: migration 2 begins a transaction inside its runner's transaction: V2__change.sql

  nested-transaction (V2__change.sql):
    migration 2 begins a transaction inside its runner's transaction: V2__change.sql
    SQLite refuses this, and the migration fails

  at fixtures/histories/bad/begin_inside/V2__change.sql:1:
  > BEGIN;

  help: remove BEGIN and COMMIT: refinery wraps each migration in a transaction",
    );
}

#[test]
fn a_down_script_that_does_nothing() {
    check(
        "bad/down_does_nothing",
        "down_undoes_up",
        "\
irreversible-down: the down script of migration 2 does not undo it

  irreversible-down (002_phone.up.sql):
    the down script of migration 2 does not undo it
    the previous version of the app meets a schema that it does not know

  from version 1 to what is left:
    people.phone: new TEXT

  help: if it cannot be undone, say so: .irreversible(2, \"why\")",
    );
}

#[test]
fn a_down_script_that_forgets_values() {
    check(
        "bad/down_forgets_values",
        "down_undoes_up",
        "\
irreversible-down: the down script of migration 2 drops books.name

  irreversible-down (002_title.up.sql):
    the down script of migration 2 drops books.name
    a rollback loses what the upgrade has kept: copy it back before the table or column that holds it is dropped

  from version 1 up and down again:
    it drops books.name

  help: if it cannot be undone, say so: .irreversible(2, \"why\")",
    );
}

#[test]
fn an_index_that_a_rebuild_forgets() {
    check(
        "bad/index_lost_in_a_rebuild",
        "lints_clean",
        "\
rebuild-loses-objects: migration 2 loses the index notes_title in the rebuild of notes: 002_change.sql

  rebuild-loses-objects (notes_title):
    migration 2 loses the index notes_title in the rebuild of notes: 002_change.sql
    DROP TABLE drops its indexes: queries scan, and UNIQUE is not enforced any more

  help: CREATE INDEX notes_title ON notes (title);",
    );
}

#[test]
fn a_trigger_that_a_rename_by_hand_forgets() {
    check(
        "bad/trigger_lost_in_a_rename_by_hand",
        "lints_clean",
        "\
rebuild-loses-objects: migration 2 loses the trigger notes_logged in the rebuild of notes: 002_change.sql

  rebuild-loses-objects (notes_logged):
    migration 2 loses the trigger notes_logged in the rebuild of notes: 002_change.sql
    DROP TABLE drops its triggers, and nothing replaces this one

  help: create it again on pages; it was
        CREATE TRIGGER notes_logged AFTER DELETE ON notes
        BEGIN
            INSERT INTO log (what) VALUES (..);
        END;",
    );
}

#[test]
fn a_table_of_results() {
    let suite =
        || Suite::new(template("fixtures/histories/bad/gap")).skip("shipped_migrations_are_frozen", "not shipped");
    let report = suite().skip("lints_clean", "another day").report();
    let table = report.to_string();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(
        lines[0],
        "history_is_linear                    FAILED: gap: 4 is missing between 003_index.sql and 005_more.sql"
    );
    assert_eq!(lines[1], "applies_to_an_empty_database         ok");
    assert_eq!(lines[TESTS.len() - 1], "lints_clean                          skipped: another day");
    let error = suite().try_run().unwrap_err();
    assert_eq!(error.headline(), format!("1 of {} migration tests fails", TESTS.len()));
}

#[test]
fn files_that_the_runner_reads_otherwise() {
    let suite = Suite::new(super::embedded(&[
        ("1_a/up.sql", "CREATE TABLE a(x);"),
        ("2_b/up.sql", "CREATE TABLE b(x);"),
        ("2_b/metadata.toml", "run_in_transaction = no"),
        ("10_c/up.sql", "CREATE TABLE c(x);"),
        ("3_d.sql", "CREATE TABLE d(x);"),
        ("add_e.sql", "CREATE TABLE e(x);"),
    ]));
    let report = says(&suite, "history_is_linear");
    let expected = "\
3 findings, the first: passed-over: diesel passes over 2 files: 3_d.sql

  passed-over (3_d.sql):
    diesel passes over 2 files: 3_d.sql
    databases that a runner made do not have what it passed over

  files:
    3_d.sql  looks like plain (001_users.sql)
    add_e.sql  no version at the start of its name

  out-of-order (10_c/up.sql):
    diesel runs 10_c before 2_b, because it compares versions as text
    a migration can run earlier than its author expects

  order:
    1_a
    10_c
    2_b

  ignored-option (2_b/metadata.toml):
    diesel ignores an option: 2_b/metadata.toml:1
    the migration runs without the option

  why:
    run_in_transaction is neither true nor false

  help: if a file is a migration, add what it does as a new one, named like 2026-01-31-120000_users/up.sql: an old number may never run
        if it is none, move it out of the folder, or say so: .skip(\"history_is_linear\", \"why\")
  help: leave shipped versions as they are, and give a new migration a version that comes after 2_b as text
        if the order is known, say so: .skip(\"history_is_linear\", \"why\")
  help: write `run_in_transaction = false`, or remove the file: diesel ignores it, and runs the migration in a transaction";
    assert_eq!(report, expected, "\n--- is:\n{report}\n--- should be:\n{expected}\n");
}
