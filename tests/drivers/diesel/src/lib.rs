//! An app on diesel.

use diesel::prelude::*;

pub mod pool;
pub mod with_async;

diesel::table! {
    notes (id) {
        id -> Integer,
        body -> Text,
    }
}

/// Writes a note.
pub fn add(connection: &mut SqliteConnection, text: &str) -> QueryResult<usize> {
    diesel::insert_into(notes::table).values(notes::body.eq(text)).execute(connection)
}

/// Returns all notes.
pub fn all(connection: &mut SqliteConnection) -> QueryResult<Vec<String>> {
    notes::table.order(notes::id).select(notes::body).load(connection)
}

#[cfg(doctest)]
#[doc = include_str!("../../../../src/guide/diesel.md")]
struct Guide;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use diesel::Connection;
    use diesel::sqlite::SqliteConnection;
    use diesel_migrations::{FileBasedMigrations, MigrationHarness};
    use sqlitmus::suite::Suite;
    use sqlitmus::{BoxError, DbCopy, Template, TestDb, crash, faults, interleave};

    const MIGRATIONS: &str = "../../../fixtures/formats/diesel";

    /// sqlitmus applies diesel's folder.
    static READ: Template = Template::new(MIGRATIONS);

    /// diesel applies it.
    static RUN: Template = Template::migrate_path(migrate);

    fn migrate(path: &Path) -> Result<(), BoxError> {
        let mut connection = SqliteConnection::establish(path.to_str().ok_or("a path of UTF-8")?)?;
        let migrations = FileBasedMigrations::from_path(Path::new(env!("CARGO_MANIFEST_DIR")).join(MIGRATIONS))?;
        connection.run_pending_migrations(migrations)?;
        Ok(())
    }

    /// diesel's own runner, one step at a time.
    static STEPS: Template = Template::migrate_path_to(20_241_121_101_500, |path, to| {
        let mut connection = SqliteConnection::establish(path.to_str().ok_or("a path of UTF-8")?)?;
        let migrations = FileBasedMigrations::from_path(Path::new(env!("CARGO_MANIFEST_DIR")).join(MIGRATIONS))?;
        for migration in connection.pending_migrations(migrations)? {
            let version: i64 = migration.name().version().to_string().parse()?;
            if version <= to {
                connection.run_migration(&*migration)?;
            }
        }
        Ok(())
    })
    .versions(&[20_240_110_090_000, 20_240_305_143_000, 20_241_121_101_500]);

    #[test]
    fn the_suite_finds_by_diesel_what_it_finds_by_the_files() {
        let tests = |template| {
            let report = Suite::new(template)
                .skip("down_undoes_up", "by files only")
                .skip("shipped_migrations_are_frozen", "not shipped")
                .report();
            let tests: Vec<&str> = report.failures().map(|(test, _)| test).collect();
            (tests, report.to_string())
        };
        let (by_files, by_diesel) = (tests(&READ), tests(&STEPS));
        assert_eq!(by_files.0, by_diesel.0, "{}\n{}", by_files.1, by_diesel.1);
        let pinned = "SELECT count(*) FROM pragma_table_info('notes') WHERE name = 'pinned'";
        let has_pinned = |version| STEPS.at(version).query_row(pinned, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!([has_pinned(20_240_110_090_000), has_pinned(20_240_305_143_000)], [0, 1]);
    }

    fn open(db: &TestDb) -> SqliteConnection {
        SqliteConnection::establish(&db.uri()).unwrap()
    }

    #[test]
    fn diesel_and_the_test_share_one_database() {
        for db in [READ.in_memory(), READ.on_disk(), RUN.in_memory(), RUN.on_disk()] {
            super::add(&mut open(&db), "from diesel").unwrap();
            db.execute("INSERT INTO notes(body) VALUES ('from the test')", []).unwrap();
            assert_eq!(super::all(&mut open(&db)).unwrap(), ["from diesel", "from the test"]);
            let mut by_path = SqliteConnection::establish(db.path().to_str().unwrap()).unwrap();
            assert_eq!(super::all(&mut by_path).unwrap().len(), 2);
        }
    }

    #[test]
    fn what_diesel_runs_is_recorded() {
        for db in [READ.in_memory(), READ.on_disk()] {
            let mut before = open(&db);
            let queries = db.record(|_| {
                super::add(&mut before, "one").unwrap();
                super::add(&mut SqliteConnection::establish(db.path().to_str().unwrap()).unwrap(), "two").unwrap();
                super::all(&mut before).unwrap()
            });
            assert_eq!(queries.value, ["one", "two"]);
            let inserts: Vec<_> = queries.iter().filter(|query| query.sql().starts_with("INSERT")).collect();
            assert_eq!(inserts.iter().map(|query| query.values()).collect::<Vec<_>>(), [["'one'"], ["'two'"]]);
            assert_eq!(inserts.iter().map(|query| query.connection()).collect::<Vec<_>>(), [1, 2]);
            assert!(queries.iter().last().unwrap().sql().starts_with("SELECT"));
            queries.assert_only_writes(&["notes"]).assert_no_repeats();
        }
    }

    #[test]
    fn our_reading_of_the_folder_gives_the_schema_that_diesel_makes() {
        let schema = |db: &TestDb| -> Vec<String> {
            let sql = "SELECT sql FROM sqlite_schema WHERE tbl_name NOT LIKE '\\_\\_diesel%' ESCAPE '\\' AND sql IS NOT NULL ORDER BY name";
            let mut statement = db.prepare(sql).unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        assert_eq!(schema(&READ.in_memory()), schema(&RUN.in_memory()));
    }

    /// Each of the three hands the copy to the app.
    #[test]
    fn what_if_takes_code_on_diesel() {
        fn add_one(copy: DbCopy) -> Result<(), BoxError> {
            let mut connection = SqliteConnection::establish(copy.uri())?;
            super::add(&mut connection, "from diesel")?;
            Ok(())
        }
        let db = READ.in_memory();
        crash::test_with(&db, add_one).run();
        faults::sweep_with(&db, add_one).run();
        let report = interleave::explore(&db).task_with("one", add_one).task_with("two", add_one).run();
        assert!(report.is_exhaustive());
    }
}
