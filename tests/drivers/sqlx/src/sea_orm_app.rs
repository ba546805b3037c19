//! The same app on sea-orm, which opens its connections through sqlx, with its migrations in code.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue, IntoActiveModel};
use sea_orm_migration::MigratorTraitSelf;
use sea_orm_migration::prelude::*;

/// Notes, as the last migration leaves them.
pub mod note {
    use sea_orm::entity::prelude::*;

    /// A row of `notes`.
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        /// Its id.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// Its text.
        pub body: String,
        /// How often it was read.
        pub reads: i64,
    }

    /// sea-orm wants it.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Adds one to a value that it has read.
pub async fn count_a_read(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let note = note::Entity::find_by_id(1).one(db).await?.ok_or(DbErr::RecordNotUpdated)?;
    let reads = ActiveValue::Set(note.reads + 1);
    let mut note = note.into_active_model();
    note.reads = reads;
    note.update(db).await.map(drop)
}

/// The same in one statement.
pub async fn count_a_read_in_sql(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let more = Expr::col(note::Column::Reads).add(1);
    let update = note::Entity::update_many().col_expr(note::Column::Reads, more).filter(note::Column::Id.eq(1));
    update.exec(db).await.map(drop)
}

struct Step {
    name: &'static str,
    up: &'static [&'static str],
    down: &'static [&'static str],
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for sql in self.up {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for sql in self.down {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }
}

const STEPS: [Step; 3] = [
    Step {
        name: "m20240110_090000_notes",
        up: &["CREATE TABLE notes(id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, kind TEXT)"],
        down: &["DROP TABLE notes"],
    },
    Step {
        name: "m20240305_143000_reads",
        up: &["ALTER TABLE notes ADD COLUMN reads INTEGER NOT NULL DEFAULT 0"],
        down: &["ALTER TABLE notes DROP COLUMN reads"],
    },
    Step {
        name: "m20241121_101500_by_kind",
        up: &["CREATE INDEX notes_by_kind ON notes(kind)"],
        down: &["DROP INDEX notes_by_kind"],
    },
];

/// The number of the last step.
pub const LATEST: i64 = STEPS.len() as i64;

/// The app's migrations.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    STEPS.into_iter().map(|step| Box::new(step) as Box<dyn MigrationTrait>).collect()
}

/// The app's migrations up to a version, the last one of which may lose rows.
pub struct UpTo {
    /// The number of the last one.
    pub version: i64,
    /// True if the last step loses rows.
    pub is_lossy: bool,
}

/// What is lost.
pub const LOSSY: &str = "DELETE FROM notes WHERE kind = 'draft'";

impl MigratorTraitSelf for UpTo {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations = migrations();
        if self.is_lossy {
            migrations.pop();
            migrations.push(Box::new(Step { name: "m20241121_101500_no_drafts", up: &[LOSSY], down: &[] }));
        }
        migrations.into_iter().take(self.version as usize).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sea_orm::{Database, DatabaseConnection, DbErr, TransactionTrait};
    use sea_orm_migration::MigratorTraitSelf;
    use sqlitmus::suite::Suite;
    use sqlitmus::{BoxError, DbCopy, Template, TestDb, crash, faults, interleave};

    use super::{LATEST, LOSSY, UpTo, count_a_read, count_a_read_in_sql};

    async fn up(path: &Path, migrations: UpTo) -> Result<(), BoxError> {
        let db = Database::connect(format!("sqlite:{}", path.display())).await?;
        migrations.up(&db, None).await?;
        Ok(db.close().await?)
    }

    async fn down(path: &Path, to: i64) -> Result<(), BoxError> {
        let db = Database::connect(format!("sqlite:{}", path.display())).await?;
        let all = UpTo { version: LATEST, is_lossy: false };
        let applied = i64::try_from(all.get_applied_migrations(&db).await?.len())?;
        all.down(&db, Some(u32::try_from(applied - to)?)).await?;
        Ok(db.close().await?)
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    static APP: Template =
        Template::migrate_path_to(LATEST, |path, to| run(up(path, UpTo { version: to, is_lossy: false })))
            .migrate_path_down(|path, to| run(down(path, to)))
            .block_on(|future| run(future));

    static LOSSY_APP: Template =
        Template::migrate_path_to(LATEST, |path, to| run(up(path, UpTo { version: to, is_lossy: true })));

    fn suite(template: &'static Template) -> Suite {
        Suite::new(template).skip("shipped_migrations_are_frozen", "not shipped")
    }

    #[test]
    fn each_version_is_there() {
        let reads = "SELECT count(*) FROM pragma_table_info('notes') WHERE name = 'reads'";
        let has_reads = |version| APP.at(version).query_row(reads, [], |row| row.get::<_, i64>(0));
        assert_eq!([has_reads(1), has_reads(2)], [Ok(0), Ok(1)]);
    }

    #[test]
    fn the_suite_runs_the_migrator() {
        let report = suite(&APP).report();
        assert_eq!(report.failures().count(), 0, "{report}");
        let error = suite(&LOSSY_APP).try_test("every_row_survives").unwrap_err().to_string();
        assert!(error.contains("migration 3 loses 1 of") && error.contains(LOSSY), "{error}");
    }

    fn with_a_note() -> TestDb {
        let db = APP.in_memory();
        db.execute("INSERT INTO notes(body) VALUES ('ada')", []).unwrap();
        db
    }

    async fn connect(copy: &DbCopy) -> Result<DatabaseConnection, DbErr> {
        Database::connect(copy.url()).await
    }

    #[tokio::test]
    async fn its_queries_are_recorded_and_planned() {
        let db = with_a_note();
        let sea = Database::connect(db.url()).await.unwrap();
        let queries = db.record_async(count_a_read(&sea)).await;
        queries.assert_no_scan().assert_count(2).assert_only_writes(&["notes"]);
    }

    #[tokio::test]
    async fn a_lost_update_is_found() {
        let db = with_a_note();
        let action = |copy: DbCopy| async move { count_a_read(&connect(&copy).await?).await };
        crash::test_with(&db, action).run();
        let error = interleave::explore(&db).task_with("a", action).task_with("b", action).try_run().unwrap_err();
        assert!(error.to_string().starts_with("lost update: the state is as if"), "{error}");
        let mended = |copy: DbCopy| async move { count_a_read_in_sql(&connect(&copy).await?).await };
        interleave::explore(&db).task_with("a", mended).task_with("b", mended).run();
    }

    /// `update` reads one row of an UPDATE with RETURNING, and its commit may fail after that.
    #[tokio::test]
    async fn a_commit_that_fails_unseen_is_found() {
        let db = with_a_note();
        let by_itself = |copy: DbCopy| async move { count_a_read(&connect(&copy).await?).await };
        let error = faults::sweep_with(&db, by_itself).try_run().unwrap_err().to_string();
        assert!(error.starts_with("the action returns Ok after an I/O error but has changed nothing"), "{error}");
        assert!(error.contains("help: a statement with RETURNING commits when it ends"), "{error}");
        let in_a_transaction = |copy: DbCopy| async move {
            let transaction = connect(&copy).await?.begin().await?;
            count_a_read(&transaction).await?;
            transaction.commit().await
        };
        faults::sweep_with(&db, in_a_transaction).run();
    }

    #[test]
    fn a_template_without_a_runtime_says_so() {
        let action = |copy: DbCopy| async move { count_a_read(&connect(&copy).await?).await };
        let db = LOSSY_APP.in_memory();
        let help = "help: name the app's runtime: Template::block_on";
        let error = crash::test_with(&db, action).try_run().unwrap_err().to_string();
        assert!(error.contains(help), "{error}");
        let error = interleave::explore(&db).task_with("a", action).task_with("b", action).try_run().unwrap_err();
        assert!(error.to_string().contains(help), "{error}");
    }
}
