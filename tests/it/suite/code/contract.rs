//! Runners and versions that do not keep the contract: each has a clear error, and nothing half-made stays.

use std::sync::atomic::{AtomicBool, Ordering};

use sqlitmus::rusqlite::{Connection, ffi};
use sqlitmus::suite::Suite;
use sqlitmus::{BoxError, Profile, Template};

use super::{app, failures, user_version};

/// Three tables, one in each version.
fn migrate(db: &mut Connection, to: i64) -> Result<(), BoxError> {
    for version in user_version(db)? + 1..=to {
        let step = db.transaction()?;
        step.execute_batch(&format!("CREATE TABLE t{version}(id INTEGER PRIMARY KEY, body TEXT)"))?;
        step.pragma_update(None, "user_version", version)?;
        step.commit()?;
    }
    Ok(())
}

fn tables(db: &Connection) -> i64 {
    db.query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", [], |row| row.get(0)).unwrap()
}

#[test]
fn each_version_is_made_by_the_runner() {
    static APP: Template = Template::migrate_to(3, migrate).seed(|db| {
        db.execute("INSERT INTO t3(body) VALUES ('seeded')", [])?;
        Ok(())
    });
    assert_eq!([0, 1, 2, 3].map(|version| tables(&APP.at(version))), [0, 1, 2, 3]);
    let db = APP.in_memory();
    assert_eq!((tables(&db), user_version(&db).unwrap()), (3, 3));
    assert_eq!(db.query_row("SELECT body FROM t3", [], |row| row.get::<_, String>(0)).unwrap(), "seeded");
    assert_eq!(APP.at(3).query_row("SELECT count(*) FROM t3", [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    assert_eq!(tables(&APP.on_disk()), 3);
}

#[track_caller]
fn refused(template: &Template, headline: &str) {
    assert_eq!(template.try_in_memory().map(drop).unwrap_err().headline(), headline);
}

#[test]
fn versions_that_are_none() {
    refused(app(0, migrate), "the latest version of the app's runner is 0: versions are numbers from 1");
    refused(app(-3, migrate), "the latest version of the app's runner is -3: versions are numbers from 1");
    refused(app(20_240_315, migrate), "the latest version is 20240315, and versions are counted from 1 by one");
    static UNORDERED: Template = Template::migrate_to(2, migrate).versions(&[3, 2]);
    refused(&UNORDERED, "the versions of the app's runner have to ascend: 3 is before 2");
    static OTHER: Template = Template::migrate_to(2, migrate).versions(&[1, 3]);
    refused(&OTHER, "the latest version is 2, and the list of versions is up to 3");
    static NONE: Template = Template::migrate_to(2, migrate).versions(&[]);
    refused(&NONE, "the latest version is 2, and the list of versions is empty");
    static LATER: Template = Template::migrate_to(0, migrate).latest(|| -1);
    refused(&LATER, "the latest version of the app's runner is -1: versions are numbers from 1");
    for version in [-5, 4] {
        let error = app(3, migrate).try_at(version).map(drop).unwrap_err();
        assert_eq!(error.headline(), format!("no migration has version {version}"));
    }
}

#[test]
fn a_latest_version_that_is_not_reached() {
    fn to_three(db: &mut Connection, to: i64) -> Result<(), BoxError> {
        migrate(db, to.min(3))
    }
    let headline = "the app's runner does not reach 4 when it is asked for 4";
    refused(app(4, to_three), headline);
    assert_eq!(failures(app(4, to_three)), [("history_is_linear", headline.to_owned())]);
}

#[test]
fn a_runner_that_goes_too_far() {
    fn to_three(db: &mut Connection, _: i64) -> Result<(), BoxError> {
        migrate(db, 3)
    }
    let headline = "the app's runner goes beyond 2 when it is asked for 2";
    assert_eq!(app(3, to_three).try_at(2).map(drop).unwrap_err().headline(), headline);
    assert!(app(3, to_three).try_in_memory().is_ok());
}

/// The versions are rows of a table.
#[test]
fn a_runner_with_a_table_that_goes_too_far_or_stops_short() {
    fn with_table(db: &mut Connection, to: i64) -> Result<(), BoxError> {
        db.execute_batch("CREATE TABLE IF NOT EXISTS applied(version INT)")?;
        let from: i64 = db.query_row("SELECT ifnull(max(version), 0) FROM applied", [], |row| row.get(0))?;
        for version in from + 1..=to {
            let step = db.transaction()?;
            step.execute_batch(&format!("CREATE TABLE t{version}(id INTEGER PRIMARY KEY)"))?;
            step.execute("INSERT INTO applied VALUES (?1)", [version])?;
            step.commit()?;
        }
        Ok(())
    }
    super::passes(app(3, with_table));
    let headline = "the app's runner changes nothing on the way from 2 to 3";
    for wrong in [(|db, to| with_table(db, to.min(2))) as super::Migrate, |db, to| with_table(db, (to * 2).min(3))] {
        assert_eq!(failures(app(3, wrong))[0], ("history_is_linear", headline.to_owned()));
    }
}

#[test]
fn a_runner_that_cannot_run_twice() {
    fn again(db: &mut Connection, to: i64) -> Result<(), BoxError> {
        if user_version(db)? == to {
            db.execute_batch("CREATE TABLE t1(x)")?;
        }
        migrate(db, to)
    }
    let headline = "the second run of the migrations does not see that they are applied";
    let found = failures(app(2, again));
    assert_eq!(found, [("rerun_changes_nothing", headline.to_owned())]);
}

#[test]
fn a_runner_that_panics_and_leaves_nothing_in_the_cache() {
    static WORKS: AtomicBool = AtomicBool::new(false);
    static APP: Template = Template::migrate_to(2, |db, to| {
        db.execute_batch("CREATE TABLE IF NOT EXISTS half(x)")?;
        assert!(WORKS.load(Ordering::Relaxed), "no step {to}");
        db.execute_batch("CREATE TABLE IF NOT EXISTS whole(x)")?;
        Ok(())
    })
    .key("panics");
    let error = APP.try_in_memory().map(drop).unwrap_err();
    assert_eq!(error.headline(), "the app's runner panics on the way to 2");
    assert!(error.to_string().contains("no step 2"), "{error}");
    assert_eq!(APP.try_at(1).map(drop).unwrap_err().headline(), "the app's runner panics on the way to 1");
    WORKS.store(true, Ordering::Relaxed);
    assert_eq!((tables(&APP.in_memory()), tables(&APP.at(1))), (2, 2));
}

#[test]
fn a_runner_that_leaves_a_transaction_open() {
    let template = app(1, |db, _| Ok(db.execute_batch("BEGIN; CREATE TABLE t(x)")?));
    refused(template, "the app's runner leaves a transaction open on the way to 1");
}

#[test]
fn a_runner_that_opens_its_own_connection() {
    let template = app(2, |_, to| {
        migrate(&mut Connection::open_in_memory()?, to)?;
        Ok(())
    });
    let headline = "the app's runner leaves the database empty on the way to 2";
    refused(template, headline);
    assert_eq!(failures(template), [("history_is_linear", headline.to_owned())]);
    let error = template.try_in_memory().map(drop).unwrap_err().to_string();
    assert!(error.contains("Template::migrate_path_to"), "{error}");
}

#[expect(unsafe_code, reason = "the call has another name and type in each version of rusqlite")]
fn set_trace(db: &Connection) {
    // SAFETY: the connection is open and borrowed; without events and a callback, nothing is called.
    unsafe { ffi::sqlite3_trace_v2(db.handle(), 0, None, std::ptr::null_mut()) };
}

#[test]
fn a_runner_with_a_trace_hook_of_its_own() {
    fn traced(db: &mut Connection, to: i64) -> Result<(), BoxError> {
        set_trace(db);
        migrate(db, to)
    }
    let headline = "a trace hook of the app hides what the app's runner runs";
    assert_eq!(failures(app(3, traced))[0].1, headline);
    static ON_A_PATH: Template = Template::migrate_path_to(3, |path, to| traced(&mut Connection::open(path)?, to));
    assert_eq!(failures(&ON_A_PATH)[0].1, headline);
}

#[test]
fn a_runner_that_needs_an_async_runtime() {
    // As tokio says it.
    let template =
        app(1, |_, _| panic!("there is no reactor running, must be called from the context of a Tokio 1.x runtime"));
    let error = template.try_in_memory().map(drop).unwrap_err().to_string();
    assert!(error.contains("block_on"), "{error}");
}

#[test]
fn an_error_of_the_app_is_shown() {
    let template = app(1, |db, _| {
        db.execute_batch("CREATE TABLE t(x); INSERT INTO nowhere VALUES (1)")?;
        Ok(())
    });
    let error = template.try_in_memory().map(drop).unwrap_err();
    assert_eq!(error.headline(), "the app's runner fails on the way to 1");
    assert!(error.to_string().contains("no such table: nowhere"), "{error}");
    let suite = failures(template);
    assert_eq!(suite, [("applies_to_an_empty_database", "the app's runner fails on the way to 1".to_owned())]);
}

#[test]
fn a_runner_on_a_path() {
    static APP: Template =
        Template::migrate_path_to(3, |path, to| migrate(&mut Connection::open(path)?, to)).profile(Profile::MINIMAL);
    assert_eq!([1, 3].map(|version| tables(&APP.at(version))), [1, 3]);
    let report = super::suite(&APP).report();
    assert_eq!(report.failures().count(), 0, "{report}");
    for test in ["failure_leaves_the_previous_version", "survives_power_loss"] {
        let reason = Suite::new(&APP).try_test(test).unwrap();
        assert_eq!(reason.as_deref(), Some("the app's runner opens its own connections, which cannot be made to fail"));
    }
    static LOSES: Template = Template::migrate_path_to(2, |path, to| {
        let mut db = Connection::open(path)?;
        migrate(&mut db, 1)?;
        if to == 2 && user_version(&db)? == 1 {
            db.execute_batch("BEGIN; DELETE FROM t1 WHERE id > 2; PRAGMA user_version = 2; COMMIT")?;
        }
        Ok(())
    });
    let error = Suite::new(&LOSES).try_test("every_row_survives").unwrap_err().to_string();
    assert!(error.contains("DELETE FROM t1 WHERE id > 2"), "{error}");
}

#[test]
fn a_runner_that_goes_down() {
    fn down(db: &mut Connection, to: i64) -> Result<(), BoxError> {
        for version in (to + 1..=user_version(db)?).rev() {
            db.execute_batch(&format!("BEGIN; DROP TABLE t{version}; PRAGMA user_version = {}; COMMIT", version - 1))?;
        }
        Ok(())
    }
    static APP: Template = Template::migrate_to(3, migrate).migrate_down(down);
    assert_eq!(Suite::new(&APP).try_test("down_undoes_up").unwrap(), None);
    static FORGETS: Template =
        Template::migrate_to(3, migrate).migrate_down(|db, to| Ok(db.pragma_update(None, "user_version", to)?));
    let error = Suite::new(&FORGETS).try_test("down_undoes_up").unwrap_err();
    assert!(error.headline().contains("the down code of migration 1 does not undo it"), "{error}");
}
