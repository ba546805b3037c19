//! Six shapes that runners written by hand have, each right and with its usual mistakes. `app_of!` makes a template of one.

use sqlitmus::rusqlite::{Connection, Result};

use super::{app, failures, passes, user_version};

const USERS: &str = "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT);
    CREATE TABLE posts(id INTEGER PRIMARY KEY, user_id INT REFERENCES users(id) ON DELETE CASCADE, body TEXT)";
const EMAIL: &str = "ALTER TABLE users ADD COLUMN email TEXT; CREATE INDEX users_email ON users(email)";
/// Rebuilds a table that another one refers to.
const REBUILD: &str =
    "CREATE TABLE new_users(id INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT, email TEXT, age INT);
    INSERT INTO new_users(id, name, kind, email) SELECT id, name, kind, email FROM users;
    DROP TABLE users;
    ALTER TABLE new_users RENAME TO users;
    CREATE INDEX users_email ON users(email)";
const AGE: &str = "ALTER TABLE users ADD COLUMN age INT";

const STEPS: [&str; 3] = [USERS, EMAIL, AGE];

fn set_version(db: &Connection, version: i64) -> Result<()> {
    db.pragma_update(None, "user_version", version)
}

fn script(version: i64) -> &'static str {
    STEPS[usize::try_from(version - 1).unwrap()]
}

/// Makes a template with three versions of a runner.
macro_rules! app_of {
    ($migrate:ident) => {
        app(3, |db, to| Ok($migrate(db, to)?))
    };
}

fn found(test: &'static str, headline: &str) -> (&'static str, String) {
    (test, headline.to_owned())
}

mod fallthrough {
    use super::*;

    /// An `if` for each version, each of which runs where the database is older.
    fn migrate(db: &mut Connection, to: i64) -> Result<()> {
        let from = user_version(db)?;
        let step = db.transaction()?;
        if from < 1 && to >= 1 {
            step.execute_batch(USERS)?;
        }
        if from < 2 && to >= 2 {
            step.execute_batch(EMAIL)?;
        }
        if from < 3 && to >= 3 {
            step.execute_batch(AGE)?;
        }
        set_version(&step, to.max(from))?;
        step.commit()
    }

    #[test]
    fn right() {
        passes(app_of!(migrate));
    }

    /// A `match` that takes one step each time.
    fn one_step(db: &mut Connection, to: i64) -> Result<()> {
        let step = db.transaction()?;
        match user_version(&step)? {
            from if from >= to => return Ok(()),
            0 => step.execute_batch(USERS)?,
            1 => step.execute_batch(EMAIL)?,
            _ => step.execute_batch(AGE)?,
        }
        set_version(&step, to)?;
        step.commit()
    }

    #[test]
    fn a_match_that_does_not_fall_through() {
        let headline = "the app's runner makes another database from 0 to 2 in one go than step by step";
        assert_eq!(failures(app_of!(one_step)), [found("stepwise_equals_at_once", headline)]);
    }

    /// The arm of one version is missing, and its number is taken all the same.
    fn missing_arm(db: &mut Connection, to: i64) -> Result<()> {
        let step = db.transaction()?;
        for version in user_version(&step)? + 1..=to {
            match version {
                1 => step.execute_batch(USERS)?,
                3 => step.execute_batch(AGE)?,
                _ => break,
            }
            set_version(&step, version)?;
        }
        step.commit()
    }

    #[test]
    fn a_match_without_an_arm() {
        let headline = "the app's runner does not reach 2 when it is asked for 2";
        assert_eq!(failures(app_of!(missing_arm)), [found("history_is_linear", headline)]);
    }
}

mod range {
    use super::*;

    fn migrate(db: &mut Connection, to: i64) -> Result<()> {
        for version in user_version(db)?..to {
            let step = db.transaction()?;
            step.execute_batch(script(version + 1))?;
            set_version(&step, version + 1)?;
            step.commit()?;
        }
        Ok(())
    }

    #[test]
    fn right() {
        passes(app_of!(migrate));
    }

    /// Ends one version too early.
    fn exclusive(db: &mut Connection, to: i64) -> Result<()> {
        for version in user_version(db)? + 1..to {
            let step = db.transaction()?;
            step.execute_batch(script(version))?;
            set_version(&step, version)?;
            step.commit()?;
        }
        Ok(())
    }

    #[test]
    fn a_range_that_leaves_out_its_end() {
        let headline = "the app's runner changes nothing on the way from 0 to 1";
        assert_eq!(failures(app_of!(exclusive)), [found("history_is_linear", headline)]);
    }

    /// Begins with the version that the database has.
    fn inclusive(db: &mut Connection, to: i64) -> Result<()> {
        for version in user_version(db)?.max(1)..=to {
            let step = db.transaction()?;
            step.execute_batch(script(version))?;
            set_version(&step, version)?;
            step.commit()?;
        }
        Ok(())
    }

    #[test]
    fn a_range_that_begins_with_the_version_that_is_there() {
        let failures = failures(app_of!(inclusive));
        assert_eq!(failures[0].0, "applies_to_an_empty_database");
        assert_eq!(failures[0].1, "the app's runner fails on the way to 2");
    }

    /// Ignores where it should stop.
    fn to_the_end(db: &mut Connection, _: i64) -> Result<()> {
        migrate(db, 3)
    }

    #[test]
    fn a_runner_that_always_goes_to_the_end() {
        let headline = "the app's runner goes beyond 1 when it is asked for 1";
        assert_eq!(failures(app_of!(to_the_end)), [found("history_is_linear", headline)]);
    }
}

mod one_transaction {
    use super::*;

    fn migrate(db: &mut Connection, to: i64) -> Result<()> {
        let all = db.transaction()?;
        for version in user_version(&all)? + 1..=to {
            all.execute_batch(script(version))?;
        }
        if user_version(&all)? < to {
            set_version(&all, to)?;
        }
        all.commit()
    }

    #[test]
    fn right() {
        passes(app_of!(migrate));
    }

    /// A transaction that is dropped is rolled back.
    fn uncommitted(db: &mut Connection, to: i64) -> Result<()> {
        let all = db.transaction()?;
        for version in user_version(&all)? + 1..=to {
            all.execute_batch(script(version))?;
            set_version(&all, version)?;
        }
        Ok(())
    }

    #[test]
    fn a_transaction_that_is_not_committed() {
        let failures = failures(app_of!(uncommitted));
        assert_eq!(
            failures[0],
            found("history_is_linear", "the app's runner leaves the database empty on the way to 3")
        );
    }

    /// Foreign keys cannot be switched off inside of the transaction.
    fn pragma_inside(db: &mut Connection, to: i64) -> Result<()> {
        let all = db.transaction()?;
        all.execute_batch("PRAGMA foreign_keys = OFF")?;
        for version in user_version(&all)? + 1..=to {
            all.execute_batch(if version == 3 { REBUILD } else { script(version) })?;
            set_version(&all, version)?;
        }
        all.execute_batch("PRAGMA foreign_keys = ON")?;
        all.commit()
    }

    #[test]
    fn a_pragma_inside_of_the_transaction() {
        assert_eq!(
            failures(app_of!(pragma_inside)),
            [
                found(
                    "every_row_survives",
                    "rebuild-fires-fk-actions: migration 3 loses 3 of 5 rows of posts: version 3"
                ),
                found(
                    "lints_clean",
                    "pragma-noop-in-transaction: PRAGMA foreign_keys has no effect in migration 3: version 3"
                ),
            ]
        );
    }
}

mod a_transaction_each {
    use super::*;

    fn migrate(db: &mut Connection, to: i64) -> Result<()> {
        for version in user_version(db)? + 1..=to {
            let step = db.transaction()?;
            step.execute_batch(script(version))?;
            set_version(&step, version)?;
            step.commit()?;
        }
        Ok(())
    }

    #[test]
    fn right() {
        passes(app_of!(migrate));
    }

    /// The number of the last version is there after the first step.
    fn last_number_first(db: &mut Connection, to: i64) -> Result<()> {
        for version in user_version(db)? + 1..=to {
            let step = db.transaction()?;
            step.execute_batch(script(version))?;
            set_version(&step, to)?;
            step.commit()?;
        }
        Ok(())
    }

    #[test]
    fn the_number_of_the_last_version_after_the_first_step() {
        assert_eq!(
            failures(app_of!(last_number_first)),
            [found(
                "failure_leaves_the_previous_version",
                "half-applied: an upgrade from 0 to 3 that stops halfway is not finished by the next one"
            )]
        );
    }
}

mod version_in_the_transaction {
    use super::*;

    fn migrate(db: &mut Connection, to: i64) -> Result<()> {
        for version in user_version(db)? + 1..=to {
            let sql = script(version);
            db.execute_batch(&format!("BEGIN; {sql}; PRAGMA user_version = {version}; COMMIT"))?;
        }
        Ok(())
    }

    #[test]
    fn right() {
        passes(app_of!(migrate));
    }

    fn outside(db: &mut Connection, to: i64) -> Result<()> {
        for version in user_version(db)? + 1..=to {
            let step = db.transaction()?;
            step.execute_batch(script(version))?;
            step.commit()?;
            set_version(db, version)?;
        }
        Ok(())
    }

    #[test]
    fn the_version_outside_of_the_transaction() {
        let failures = failures(app_of!(outside));
        let headline =
            "3 findings, the first: half-applied: migration 1 is half applied when a statement fails: version 1";
        assert_eq!(failures[0], found("failure_leaves_the_previous_version", headline));
        let text = crate::suite::says(&super::super::suite(app_of!(outside)), "failure_leaves_the_previous_version");
        let refused = "
  the statement that sqlitmus refused, to see what a failure leaves:
    PRAGMA user_version=1

  the error of that:
    the app's runner fails on the way to 1
";
        assert!(text.contains(refused), "{text}");
    }

    fn without_a_transaction(db: &mut Connection, to: i64) -> Result<()> {
        for version in user_version(db)? + 1..=to {
            db.execute_batch(script(version))?;
            set_version(db, version)?;
        }
        Ok(())
    }

    #[test]
    fn a_statement_in_the_middle_of_a_batch_is_refused() {
        let suite = super::super::suite(app_of!(without_a_transaction));
        let text = crate::suite::says(&suite, "failure_leaves_the_previous_version");
        let refused = "
  the statement that sqlitmus refused, to see what a failure leaves:
    CREATE TABLE posts(";
        assert!(text.contains(refused), "{text}");
    }

    /// The same mistake where it does no harm: each step can run twice.
    fn outside_and_repeatable(db: &mut Connection, to: i64) -> Result<()> {
        for version in user_version(db)? + 1..=to {
            let step = db.transaction()?;
            step.execute_batch(&format!("CREATE TABLE IF NOT EXISTS t{version}(id INTEGER PRIMARY KEY, body TEXT)"))?;
            step.commit()?;
            set_version(db, version)?;
        }
        Ok(())
    }

    #[test]
    fn steps_that_can_run_twice() {
        passes(app_of!(outside_and_repeatable));
    }
}

mod without_foreign_keys {
    use super::*;

    fn steps(db: &mut Connection, to: i64) -> Result<()> {
        for version in user_version(db)? + 1..=to {
            let step = db.transaction()?;
            step.execute_batch(if version == 3 { REBUILD } else { script(version) })?;
            set_version(&step, version)?;
            step.commit()?;
        }
        Ok(())
    }

    fn migrate(db: &mut Connection, to: i64) -> Result<()> {
        db.execute_batch("PRAGMA foreign_keys = OFF")?;
        let done = steps(db, to);
        db.execute_batch("PRAGMA foreign_keys = ON")?;
        done
    }

    #[test]
    fn right() {
        passes(app_of!(migrate));
    }

    fn left_off(db: &mut Connection, to: i64) -> Result<()> {
        db.execute_batch("PRAGMA foreign_keys = OFF")?;
        steps(db, to)
    }

    #[test]
    fn foreign_keys_that_stay_off() {
        let headline = "the app's runner leaves foreign keys off on the way to 1";
        assert_eq!(failures(app_of!(left_off)), [found("history_is_linear", headline)]);
    }

    #[test]
    fn a_rebuild_with_foreign_keys_on() {
        assert_eq!(
            failures(app_of!(steps)),
            [found(
                "every_row_survives",
                "rebuild-fires-fk-actions: migration 3 loses 3 of 5 rows of posts: version 3"
            )]
        );
    }
}
