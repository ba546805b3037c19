//! Histories in the app's code, run by the crates that are made for it.

use std::sync::LazyLock;

use refinery_core::{Migration, Runner, Target};
use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

/// The latest version.
pub const LATEST: i64 = 3;

/// The steps of the app, up and down.
pub const STEPS: [(&str, &str); 3] = [
    (
        "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT NOT NULL, kind TEXT NOT NULL DEFAULT 'plain')",
        "DROP TABLE notes",
    ),
    ("ALTER TABLE notes ADD COLUMN created_at TEXT", "ALTER TABLE notes DROP COLUMN created_at"),
    ("CREATE INDEX notes_by_kind ON notes(kind)", "DROP INDEX notes_by_kind"),
];

/// The same with a last step that loses rows.
pub const LOSSY: &str = "DELETE FROM notes WHERE kind = 'draft'";

static MIGRATIONS: LazyLock<Migrations<'static>> =
    LazyLock::new(|| Migrations::new(STEPS.iter().map(|(up, down)| M::up(up).down(down)).collect()));

static LOSSY_MIGRATIONS: LazyLock<Migrations<'static>> =
    LazyLock::new(|| Migrations::new(vec![M::up(STEPS[0].0), M::up(STEPS[1].0), M::up(LOSSY)]));

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Migrates by rusqlite_migration.
pub fn by_rusqlite_migration(db: &mut Connection, to: i64) -> Result<()> {
    Ok(MIGRATIONS.to_version(db, to.try_into()?)?)
}

/// Migrates by rusqlite_migration, and loses rows.
pub fn lossy_by_rusqlite_migration(db: &mut Connection, to: i64) -> Result<()> {
    Ok(LOSSY_MIGRATIONS.to_version(db, to.try_into()?)?)
}

/// Migrates by refinery, all steps and their notes in one transaction.
pub fn by_refinery(db: &mut Connection, to: i64) -> Result<()> {
    refinery(db, to, (STEPS[2].0, true))
}

/// Migrates by refinery as it does by default: a step and the note that it was taken are committed apart.
pub fn apart_by_refinery(db: &mut Connection, to: i64) -> Result<()> {
    refinery(db, to, (STEPS[2].0, false))
}

/// Migrates by refinery, and loses rows.
pub fn lossy_by_refinery(db: &mut Connection, to: i64) -> Result<()> {
    refinery(db, to, (LOSSY, true))
}

fn refinery(db: &mut Connection, to: i64, (last, is_grouped): (&str, bool)) -> Result<()> {
    let steps = [
        Migration::unapplied("V1__notes", STEPS[0].0)?,
        Migration::unapplied("V2__created_at", STEPS[1].0)?,
        Migration::unapplied("V3__kinds", last)?,
    ];
    Runner::new(&steps).set_grouped(is_grouped).set_target(Target::Version(to.try_into()?)).run(db)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlitmus::Template;
    use sqlitmus::suite::Suite;

    use super::{
        LATEST, apart_by_refinery, by_refinery, by_rusqlite_migration, lossy_by_refinery, lossy_by_rusqlite_migration,
    };

    static BY_RUSQLITE_MIGRATION: Template =
        Template::migrate_to(LATEST, by_rusqlite_migration).migrate_down(by_rusqlite_migration);
    static BY_REFINERY: Template = Template::migrate_to(LATEST, by_refinery);

    fn suite(template: &'static Template) -> Suite {
        Suite::new(template).skip("shipped_migrations_are_frozen", "not shipped")
    }

    #[test]
    fn each_version_is_there() {
        let created = "SELECT count(*) FROM pragma_table_info('notes') WHERE name = 'created_at'";
        for template in [&BY_RUSQLITE_MIGRATION, &BY_REFINERY] {
            let has_created = |version| template.at(version).query_row(created, [], |row| row.get::<_, i64>(0));
            assert_eq!([has_created(1), has_created(2)], [Ok(0), Ok(1)]);
        }
    }

    #[test]
    fn a_good_history_passes() {
        for template in [&BY_RUSQLITE_MIGRATION, &BY_REFINERY] {
            suite(template).run();
        }
        // There are downs to test.
        assert_eq!(suite(&BY_RUSQLITE_MIGRATION).try_test("down_undoes_up").unwrap(), None);
    }

    #[test]
    fn a_step_without_its_note_is_found() {
        static APART: Template = Template::migrate_to(LATEST, apart_by_refinery);
        let error = suite(&APART).try_test("failure_leaves_the_previous_version").unwrap_err();
        assert!(error.to_string().contains("half-applied: migration 1 is half applied"), "{error}");
    }

    #[test]
    fn a_loss_is_found_at_its_statement() {
        static ONE: Template = Template::migrate_to(LATEST, lossy_by_rusqlite_migration);
        static OTHER: Template = Template::migrate_to(LATEST, lossy_by_refinery);
        for template in [&ONE, &OTHER] {
            let error = suite(template).try_test("every_row_survives").unwrap_err().to_string();
            assert!(error.contains("migration 3 loses 1 of"), "{error}");
            assert!(error.contains(super::LOSSY), "{error}");
        }
    }
}
