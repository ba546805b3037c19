//! Names, SQL and values that a terminal would obey are visible in every report.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlitmus::rusqlite::Connection;
use sqlitmus::suite::Suite;
use sqlitmus::{Template, check, crash, faults, interleave, plan, schema, workload};

/// A bell, an escape sequence, a carriage return, a C1 control sequence, and a change of direction.
const HOSTILE: &str = "t\u{7}\u{1b}[31m\rno\u{9b}31m\u{202e}";

const SCHEMA: &str = "CREATE TABLE \"t\u{7}\u{1b}[31m\rno\u{9b}31m\u{202e}\"(id INTEGER PRIMARY KEY, x\u{202e} TEXT);";

static APP: Template = Template::embedded(&[("1_\u{202e}.sql", SCHEMA)]);

#[track_caller]
fn is_visible(text: impl std::fmt::Display) {
    let text = text.to_string();
    assert!(text.contains("\\x1b") || text.contains("\\u{202e}"), "{text:?}");
    let obeyed = text.chars().find(|c| (c.is_control() && !matches!(c, '\n' | '\t')) || *c == '\u{202e}');
    assert_eq!(obeyed, None, "{text:?}");
}

fn table() -> String {
    format!("\"{HOSTILE}\"")
}

#[test]
fn plans_and_recordings() {
    let db = APP.in_memory();
    let sql = format!("SELECT id FROM {} WHERE x\u{202e} = ?1", table());
    let explained = plan::explain(&db, &sql);
    is_visible(&explained);
    is_visible(explained.try_assert_no_scan().unwrap_err());
    let queries = db.record(|db| {
        for id in ["a", "b"] {
            db.prepare(&sql).unwrap().query_map([id], |_| Ok(())).unwrap().for_each(drop);
        }
    });
    is_visible(&queries);
    is_visible(queries.try_assert_no_repeats().unwrap_err());
    is_visible(queries.try_assert_no_scan().unwrap_err());
    is_visible(plan::try_explain(&db, "SELECT \u{1b} FROM nowhere").unwrap_err());
    is_visible(workload::advise_all(&queries).unwrap());
    db.execute_batch(&format!("CREATE INDEX \"i\u{1b}\" ON {}(id)", table())).unwrap();
    is_visible(workload::unused_indexes(&queries));
    db.execute_batch(&format!("CREATE TRIGGER \"g\u{1b}\" AFTER DELETE ON {0} BEGIN SELECT * FROM {0}; END", table()))
        .unwrap();
    let plan = plan::explain(&db, &format!("DELETE FROM {} WHERE id = 1", table()));
    plan.effects().iter().for_each(|effect| is_visible(&effect.origin));
    is_visible(&plan);
}

#[test]
fn schemas_rows_and_findings() {
    let (before, after) = (Template::empty().in_memory(), APP.in_memory());
    let read = |db: &Connection| schema::Schema::read(db).unwrap();
    let diff = read(&before).diff(&read(&after));
    is_visible(&diff);
    diff.iter().for_each(is_visible);
    let changes = after.row_changes(|db| {
        db.execute(&format!("INSERT INTO {} VALUES (1, '\u{1b}[2J\u{202e}')", table()), []).unwrap();
    });
    is_visible(&changes);
    is_visible(changes.iter().next().unwrap());
    is_visible(check::query_rows(&after, &format!("SELECT * FROM {}", table())).unwrap());
    after
        .execute_batch(&format!("CREATE TABLE child(a REFERENCES {}(id)); INSERT INTO child VALUES (1)", table()))
        .unwrap();
    let findings = check::lint(&after);
    findings.iter().filter(|finding| finding.object().contains('\u{1b}')).for_each(is_visible);
    after.execute_batch(&format!("PRAGMA foreign_keys = OFF; DELETE FROM {}", table())).unwrap();
    is_visible(check::integrity(&after).try_assert_ok().unwrap_err());
}

#[test]
fn explorers() {
    let db = APP.in_memory();
    let add = |value: &str| format!("INSERT INTO {}(x\u{202e}) VALUES ('{value}')", table());
    let two = |db: &mut Connection| db.execute(&add("a"), []).and_then(|_| db.execute(&add("b\u{1b}"), []));
    is_visible(crash::test(&db, two).try_run().unwrap_err());
    is_visible(faults::sweep(&db, two).try_run().unwrap_err());
    db.execute(&add("1"), []).unwrap();
    let increment = |db: &mut Connection| {
        let x: String = db.query_row(&format!("SELECT x\u{202e} FROM {}", table()), [], |row| row.get(0))?;
        db.execute(&format!("UPDATE {} SET x\u{202e} = ?1", table()), [x + "1\u{1b}"])
    };
    let error = interleave::explore(&db).task("one\u{1b}", increment).task("two", increment).try_run().unwrap_err();
    is_visible(error);
    // Reports of what passes name the columns that were not compared.
    let ids = AtomicU32::new(7);
    let numbered = |db: &mut Connection| db.execute(&add(&ids.fetch_add(1, Ordering::Relaxed).to_string()), []);
    is_visible(crash::test(&db, numbered).run());
    is_visible(faults::sweep(&db, numbered).run());
}

#[test]
fn histories() {
    static LOSES: Template = Template::embedded(&[
        ("1_\u{1b}.sql", SCHEMA),
        ("2_\u{202e}.sql", "DROP TABLE \"t\u{7}\u{1b}[31m\rno\u{9b}31m\u{202e}\";"),
    ]);
    let report = Suite::new(&LOSES).skip("shipped_migrations_are_frozen", "there is no folder").report();
    is_visible(&report);
    is_visible(Template::embedded(&[("1_\u{1b}.sql", "CREATE TABLE \u{202e} oops(")]).try_in_memory().unwrap_err());
}
