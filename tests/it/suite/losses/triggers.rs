//! Triggers that go with their table or view.

use super::{History, each_is_found, history, nothing_is_found};

const ENTRIES: &str = "CREATE TABLE entries(id INTEGER PRIMARY KEY, cents INTEGER NOT NULL, rev INTEGER NOT NULL DEFAULT 0);
    CREATE TRIGGER entries_u AFTER UPDATE OF cents ON entries BEGIN UPDATE entries SET rev = rev + 1 WHERE id = new.id; END;";

/// Copies the table to one of another name, with this trigger.
fn copied(name: &'static str, trigger: &str) -> History {
    let change = format!(
        "CREATE TABLE ledger(id INTEGER PRIMARY KEY, cents INTEGER NOT NULL, rev INTEGER NOT NULL DEFAULT 0, note TEXT);
         INSERT INTO ledger(id, cents, rev) SELECT id, cents, rev FROM entries; DROP TABLE entries; {trigger}"
    );
    history(name, ENTRIES, Box::leak(change.into_boxed_str()))
}

#[test]
fn a_trigger_may_take_the_name_of_its_new_table() {
    nothing_is_found(&[
        copied(
            "a new name",
            "CREATE TRIGGER ledger_u AFTER UPDATE OF cents ON ledger BEGIN UPDATE ledger SET rev = rev + 1 WHERE id = new.id; END;",
        ),
        copied(
            "quoted",
            "CREATE TRIGGER [ledger u] after update of cents on \"ledger\" begin update ledger set rev=rev+1 where id = new.id; end;",
        ),
    ]);
    let loses = "migration 2 loses the trigger entries_u in the rebuild of entries";
    each_is_found(&[
        (copied("none", ""), loses),
        (
            copied(
                "another body",
                "CREATE TRIGGER ledger_u AFTER UPDATE OF cents ON ledger BEGIN UPDATE ledger SET rev = rev + 2 WHERE id = new.id; END;",
            ),
            loses,
        ),
        (
            copied(
                "another event",
                "CREATE TRIGGER ledger_u AFTER UPDATE OF rev ON ledger BEGIN UPDATE ledger SET rev = rev + 1 WHERE id = new.id; END;",
            ),
            loses,
        ),
    ]);
}

#[test]
fn a_view_takes_its_triggers_along() {
    let made_again = |name: &'static str, trigger: &str| {
        let change = format!(
            "ALTER TABLE t ADD COLUMN b TEXT; DROP VIEW tv; CREATE VIEW tv AS SELECT id, a, b FROM t; {trigger}"
        );
        let before = "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT NOT NULL); CREATE VIEW tv AS SELECT id, a FROM t;
            CREATE TRIGGER tv_insert INSTEAD OF INSERT ON tv BEGIN INSERT INTO t(id, a) VALUES (new.id, new.a); END;";
        history(name, before, Box::leak(change.into_boxed_str()))
    };
    let forgotten = made_again("forgotten", "");
    each_is_found(&[(forgotten, "migration 2 loses the trigger tv_insert of the view tv: 002_change.sql")]);
    nothing_is_found(&[
        made_again(
            "made again",
            "CREATE TRIGGER tv_insert INSTEAD OF INSERT ON tv BEGIN INSERT INTO t(id, a, b) VALUES (new.id, new.a, new.b); END;",
        ),
        made_again(
            "under another name",
            "CREATE TRIGGER tv_add INSTEAD OF INSERT ON tv BEGIN INSERT INTO t(id, a) VALUES (new.id, new.a); END;",
        ),
        history(
            "dropped by its name",
            "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT NOT NULL); CREATE VIEW tv AS SELECT id, a FROM t;
             CREATE TRIGGER tv_delete INSTEAD OF DELETE ON tv BEGIN DELETE FROM t WHERE id = old.id; END;",
            "DROP TRIGGER tv_delete; DROP VIEW tv; CREATE VIEW tv AS SELECT id FROM t;",
        ),
        history(
            "with its view",
            "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT NOT NULL); CREATE VIEW tv AS SELECT id, a FROM t;
             CREATE TRIGGER tv_delete INSTEAD OF DELETE ON tv BEGIN DELETE FROM t WHERE id = old.id; END;",
            "DROP VIEW tv;",
        ),
    ]);
}
