use std::cell::Cell;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlitmus::migrations::Ledger;
use sqlitmus::rusqlite::Connection;
use sqlitmus::{BoxError, ErrorKind, Profile, Template};

const FILES: &[(&str, &str)] = &[
    ("1_users.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;"),
    ("2_email.sql", "ALTER TABLE users ADD COLUMN email TEXT;"),
    ("10_index.sql", "CREATE UNIQUE INDEX users_email ON users(email);"),
];

static SHOP: Template = Template::new("fixtures/shop/migrations");
static SMALL: Template = Template::embedded(FILES);

fn objects(connection: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name";
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn count(connection: &Connection, table: &str) -> i64 {
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn a_folder_of_migrations_is_applied_in_memory_and_on_disk() {
    let (one, two) = (SHOP.in_memory(), SHOP.on_disk());
    assert!(objects(&one).contains(&String::from("orders_open")));
    assert_eq!(objects(&one), objects(&two));
    one.execute("INSERT INTO categories(slug, name) VALUES ('a', 'A')", []).unwrap();
    assert_eq!((count(&one, "categories"), count(&two, "categories")), (1, 0));
    assert_eq!(count(&SHOP.in_memory(), "categories"), 0, "the template is as it was");
}

#[test]
fn a_schema_in_one_file_is_a_template_too() {
    static GUIDE: Template = Template::new("fixtures/guide/schema.sql");
    let db = GUIDE.in_memory();
    for name in ["idx_users_email", "idx_users_active_created", "idx_users_username", "articles_fts"] {
        assert!(objects(&db).contains(&name.to_owned()), "{name}");
    }
}

#[test]
fn migrations_can_be_embedded_and_their_order_is_that_of_their_numbers() {
    assert_eq!(objects(&SMALL.in_memory()), ["users", "users_email"]);
}

#[test]
fn at_returns_the_database_of_that_version() {
    assert_eq!(objects(&SMALL.at(0)), Vec::<String>::new());
    assert!(SMALL.at(1).prepare("SELECT email FROM users").is_err());
    let db = SMALL.at(2);
    assert!(db.prepare("SELECT email FROM users").is_ok());
    assert_eq!(objects(&db), ["users"]);
    db.execute("INSERT INTO users(name) VALUES ('Ada')", []).unwrap();
    assert_eq!(count(&SMALL.at(2), "users"), 0, "the image of the version is as it was");
    assert_eq!(objects(&SMALL.at(10)), objects(&SMALL.in_memory()));
}

#[test]
fn a_version_that_is_not_there_is_an_error() {
    let error = SMALL.try_at(3).unwrap_err();
    assert!(error.to_string().contains('3'), "{error}");
    let error = Template::empty().try_at(1).unwrap_err();
    assert_eq!(error.headline(), "there is no version 1: this template has no migrations of its own");
}

#[test]
fn a_seed_runs_once_and_is_in_every_copy_but_not_in_older_versions() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    static SEEDED: Template = Template::embedded(FILES).seed(|connection| {
        RUNS.fetch_add(1, Ordering::SeqCst);
        connection.execute("INSERT INTO users(name) VALUES ('Ada')", [])?;
        Ok(())
    });
    for db in [SEEDED.in_memory(), SEEDED.on_disk(), SEEDED.in_memory()] {
        assert_eq!(count(&db, "users"), 1);
    }
    assert_eq!(count(&SEEDED.at(2), "users"), 0);
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
}

#[test]
fn many_threads_at_first_use_build_one_template() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    static SEEDED: Template = Template::embedded(FILES).seed(|_| {
        RUNS.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| assert_eq!(objects(&SEEDED.in_memory()).len(), 2));
        }
    });
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
}

#[test]
fn the_apps_own_runner_can_migrate_a_connection() {
    fn migrate(connection: &mut Connection) -> Result<(), BoxError> {
        let transaction = connection.transaction()?;
        transaction.execute_batch("CREATE TABLE own(x); PRAGMA user_version = 7")?;
        transaction.commit()?;
        Ok(())
    }
    static OWN: Template = Template::migrate_with(migrate).profile(Profile::WEB);
    let db = OWN.in_memory();
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!((objects(&db), version), (vec![String::from("own")], 7));
}

#[test]
fn the_apps_own_runner_can_migrate_a_path() {
    fn migrate(path: &std::path::Path) -> Result<(), BoxError> {
        // Another driver does not set the profile, and leaves its rows in the WAL.
        let connection = Connection::open(path)?;
        connection.execute_batch("CREATE TABLE own(x); INSERT INTO own VALUES (1)")?;
        Ok(())
    }
    static OWN: Template = Template::migrate_path(migrate);
    for db in [OWN.in_memory(), OWN.on_disk()] {
        assert_eq!(count(&db, "own"), 1);
        let size: i64 = db.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
        assert_eq!(size, 8192);
    }
}

/// An async runtime refuses to block a thread of another runtime, such as that of a `#[tokio::test]`.
#[test]
fn code_on_a_path_runs_on_a_thread_of_its_own() {
    thread_local! {
        static IS_THE_TESTS: Cell<bool> = const { Cell::new(false) };
    }
    static OWN: Template = Template::migrate_path(|path| {
        assert!(!IS_THE_TESTS.get());
        let connection = Connection::open(path)?;
        connection.execute_batch("CREATE TABLE own(thread)")?;
        connection.execute("INSERT INTO own VALUES (?1)", [std::thread::current().name()])?;
        Ok(())
    });
    static PANICS: Template = Template::migrate_path(|_| panic!("as a runner does"));
    IS_THE_TESTS.set(true);
    let named: Option<String> = OWN.in_memory().query_row("SELECT thread FROM own", [], |row| row.get(0)).unwrap();
    assert_eq!(named.as_deref(), std::thread::current().name(), "a panic's message shows it");
    let panic = std::panic::catch_unwind(|| PANICS.in_memory()).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"as a runner does"));
}

#[test]
fn functions_are_on_every_connection_and_before_the_first_migration() {
    fn functions(connection: &Connection) -> Result<(), BoxError> {
        let flags = rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC;
        connection.create_scalar_function("shout", 1, flags, |context| Ok(context.get::<String>(0)?.to_uppercase()))?;
        Ok(())
    }
    const SHOUTING: &[(&str, &str)] =
        &[("1_loud.sql", "CREATE TABLE loud(x TEXT CHECK (x = shout(x))); INSERT INTO loud VALUES (shout('a'));")];
    static LOUD: Template = Template::embedded(SHOUTING).functions(functions);
    let db = LOUD.in_memory();
    for connection in [&db.connect(), &*db.fork(), &*LOUD.on_disk(), &*LOUD.at(1)] {
        connection.execute("INSERT INTO loud VALUES (shout('b'))", []).unwrap();
        assert!(connection.execute("INSERT INTO loud VALUES ('c')", []).is_err());
    }
    let error = Template::embedded(SHOUTING).try_in_memory().unwrap_err();
    assert!(error.to_string().contains("no such function: shout"), "{error}");
}

#[test]
fn the_template_contains_rows_that_are_still_in_the_wal() {
    fn keep_the_wal(connection: &Connection) -> Result<(), BoxError> {
        connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(())
    }
    fn leave_a_connection(path: &std::path::Path) -> Result<(), BoxError> {
        let connection = Connection::open(path)?;
        connection.execute_batch("CREATE TABLE users(x)")?;
        // A connection pool of the app outlives the call.
        std::mem::forget(connection);
        Ok(())
    }
    static KEPT: Template = Template::embedded(FILES).functions(keep_the_wal);
    static LEFT: Template = Template::migrate_path(leave_a_connection);
    for template in [&KEPT, &LEFT] {
        assert_eq!(count(&template.in_memory(), "users"), 0);
    }
}

#[test]
fn a_ledger_shows_the_apps_runner_the_applied_migrations() {
    static BY_NUMBER: Template = Template::embedded(FILES).ledger(Ledger::UserVersion);
    static BY_TABLE: Template = Template::embedded(FILES).ledger(Ledger::Table("_migrations"));
    let version =
        |connection: &Connection| -> i64 { connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap() };
    assert_eq!((version(&BY_NUMBER.in_memory()), version(&BY_NUMBER.at(2))), (10, 2));
    assert_eq!((count(&BY_TABLE.in_memory(), "_migrations"), count(&BY_TABLE.at(2), "_migrations")), (3, 2));
    assert_eq!(version(&SMALL.in_memory()), 0);
}

/// A `const` is another template wherever it is named: its databases live as long as those of any other.
#[test]
#[expect(
    clippy::declare_interior_mutable_const,
    clippy::borrow_interior_mutable_const,
    reason = "it is what is tested"
)]
fn a_const_template_works() {
    const EACH: Template = Template::embedded(FILES).seed(|db| Ok(add_three(db).map(drop)?));
    fn add_three(db: &Connection) -> sqlitmus::rusqlite::Result<usize> {
        db.execute("INSERT INTO users(name) VALUES (?1), (?1), (?1)", ["Ada"])
    }
    let (first, second) = (EACH.in_memory(), EACH.in_memory());
    first.execute("DELETE FROM users", []).unwrap();
    assert_eq!((count(&first, "users"), count(&second, "users"), count(&first.connect(), "users")), (0, 3, 0));
}

#[test]
fn code_of_the_app_that_fails_is_named() {
    let error = Template::embedded(FILES).seed(|_| Err("no such luck".into())).try_in_memory().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Template);
    assert_eq!(error.to_string(), "the template's seed failed\n\n  it says:\n    no such luck");

    let error = Template::migrate_with(|connection| Ok(connection.execute_batch("CREATE TABLE t(x); SELEC")?))
        .try_in_memory()
        .unwrap_err();
    assert_eq!(error.headline(), "the template's migrations failed");
    assert!(error.to_string().contains("near \"SELEC\": syntax error"), "{error}");
    assert_eq!(error.sqlite_code(), Some(1));

    let error = Template::empty().functions(|_| Err("none today".into())).try_in_memory().unwrap_err();
    assert_eq!(error.headline(), "the app's functions could not be registered");
}

#[test]
fn a_transaction_that_is_left_open_is_an_error() {
    let error =
        Template::empty().seed(|connection| Ok(connection.execute_batch("BEGIN")?)).try_in_memory().unwrap_err();
    assert_eq!(error.headline(), "the template's seed left a transaction open");
}

#[test]
fn a_folder_that_is_not_there_is_an_error_every_time() {
    static NOWHERE: Template = Template::new("no/such/folder");
    for _ in 0..2 {
        let error = NOWHERE.try_in_memory().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::History);
        assert!(error.headline().contains("no/such/folder"), "{error}");
    }
}

#[test]
fn the_panicking_form_panics_with_the_report() {
    let panic = std::panic::catch_unwind(|| Template::new("no/such/folder").in_memory()).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("no/such/folder"), "{text}");
}

/// Nobody waits for ever: of templates that need each other, one says so.
#[test]
fn a_template_that_needs_itself_is_an_error() {
    static BY_CODE: Template = Template::migrate_with(|_| {
        BY_CODE.try_in_memory()?;
        Ok(())
    });
    static BY_PATH: Template = Template::migrate_path(|_| {
        BY_PATH.try_in_memory()?;
        Ok(())
    });
    static BY_SEED: Template = Template::embedded(FILES).seed(|_| {
        OTHER.try_in_memory()?;
        Ok(())
    });
    static OTHER: Template = Template::migrate_with(|_| {
        BY_SEED.try_in_memory()?;
        Ok(())
    });
    for template in [&BY_CODE, &BY_PATH] {
        let error = template.try_in_memory().unwrap_err();
        assert_eq!(error.headline(), "the template needs itself while it is built");
        assert!(error.to_string().contains("use another template there"), "{error}");
    }
    assert_eq!(OTHER.try_in_memory().unwrap_err().headline(), "the template needs itself while it is built");
    static BY_VERSION: Template = Template::migrate_to(2, |_, to| {
        BY_VERSION.try_at(to)?;
        Ok(())
    });
    for error in [BY_VERSION.try_at(1).unwrap_err(), BY_VERSION.try_in_memory().unwrap_err()] {
        assert_eq!(error.headline(), "the template needs itself while it is built");
    }
}

/// Reading a named pipe would wait for somebody who writes into it, and a device may never end.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_no_migration() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned().leak() as &'static str;
    std::fs::create_dir(path("pipes")).unwrap();
    std::fs::create_dir(path("devices")).unwrap();
    for pipe in ["pipe.sql", "pipes/1_t.sql"] {
        assert!(std::process::Command::new("mkfifo").arg(path(pipe)).status().unwrap().success());
    }
    std::os::unix::fs::symlink("/dev/zero", path("devices/1_t.sql")).unwrap();
    for (given, named, is) in [
        (path("pipe.sql"), "pipe.sql", "it is a named pipe"),
        (path("pipes"), "1_t.sql", "it is a named pipe"),
        (path("devices"), "1_t.sql", "it is a device"),
    ] {
        let error = Template::new(given).try_in_memory().unwrap_err().to_string();
        assert!(error.starts_with("cannot read the migration: ") && error.contains(named), "{error}");
        assert!(error.contains(is), "{error}");
    }
    let error = Template::new("/dev/zero").try_in_memory().unwrap_err();
    assert_eq!(error.headline(), "neither a folder of migrations nor a .sql file: /dev/zero");
    let statistics = Template::embedded(FILES).stats(path("pipe.sql")).try_in_memory().unwrap_err().to_string();
    assert!(statistics.contains("pipe.sql") && statistics.contains("it is a named pipe"), "{statistics}");
}

#[test]
fn two_templates_that_need_each_other_on_two_threads() {
    static BARRIER: std::sync::Barrier = std::sync::Barrier::new(2);
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    fn both_start() {
        // When one has failed, the other thread tries to build it too.
        if STARTED.fetch_add(1, Ordering::SeqCst) < 2 {
            BARRIER.wait();
        }
    }
    static ONE: Template = Template::migrate_with(|_| {
        both_start();
        TWO.try_in_memory()?;
        Ok(())
    });
    static TWO: Template = Template::migrate_with(|_| {
        both_start();
        ONE.try_in_memory()?;
        Ok(())
    });
    let errors: Vec<String> = std::thread::scope(|scope| {
        let other = scope.spawn(|| TWO.try_in_memory().map(drop));
        let results = [ONE.try_in_memory().map(drop), other.join().unwrap()];
        results.into_iter().filter_map(Result::err).map(|error| error.headline().to_owned()).collect()
    });
    assert!(
        errors.contains(&String::from("the template needs another one that needs it while it is built")),
        "{errors:?}"
    );
}

/// The runner is code, which cannot be hashed; the files that it reads can.
#[test]
fn a_file_that_the_runner_reads_is_a_part_of_its_key() {
    static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
    fn migrate(db: &mut Connection) -> Result<(), BoxError> {
        let mut files: Vec<_> = std::fs::read_dir(FOLDER.path())?.collect::<Result<_, _>>()?;
        files.sort_by_key(|file| file.file_name());
        files.iter().try_for_each(|file| Ok(db.execute_batch(&std::fs::read_to_string(file.path())?)?))
    }
    let add = |name: &str, sql: &str| std::fs::write(FOLDER.path().join(name), sql).unwrap();
    let tables = || -> i64 {
        let folder = FOLDER.path().to_str().unwrap().to_owned().leak();
        let template = Template::migrate_with(migrate).key("1").watches(folder);
        template.in_memory().query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap()
    };
    add("1.sql", "CREATE TABLE a(x);");
    assert_eq!(tables(), 1);
    add("2.sql", "CREATE TABLE b(x);");
    assert_eq!(tables(), 2);
    add("2.sql", "CREATE TABLE b(x); CREATE TABLE c(x);");
    assert_eq!(tables(), 3);
    let error = Template::migrate_with(migrate).key("1").watches("no/such/folder").try_in_memory().unwrap_err();
    assert!(error.headline().starts_with("cannot read what the template watches"), "{error}");
}
