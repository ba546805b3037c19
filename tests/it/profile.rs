use sqlitmus::rusqlite::{Connection, TransactionBehavior};
use sqlitmus::{ErrorKind, Profile, Template};

static PRODUCTION: Template = Template::empty().profile(Profile::PRODUCTION);
static WEB: Template = Template::empty().profile(Profile::WEB);

fn ask(connection: &Connection, sql: &str) -> String {
    connection
        .query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0))
        .map(|value| match value {
            rusqlite::types::Value::Integer(number) => number.to_string(),
            rusqlite::types::Value::Text(text) => text,
            other => format!("{other:?}"),
        })
        .unwrap()
}

fn assert_production(connection: &Connection) {
    let expected = [
        ("journal_mode", "wal"),
        ("synchronous", "1"),
        ("cache_size", "-64000"),
        ("foreign_keys", "1"),
        ("temp_store", "2"),
        ("mmap_size", "268435456"),
        ("busy_timeout", "5000"),
        ("page_size", "8192"),
    ];
    assert_eq!(Profile::PRODUCTION.pragmas().count(), expected.len());
    for (name, value) in expected {
        assert_eq!(ask(connection, &format!("PRAGMA {name}")), value, "PRAGMA {name}");
    }
}

#[test]
fn production_holds_on_every_connection_in_memory_and_on_disk() {
    for db in [PRODUCTION.in_memory(), PRODUCTION.on_disk()] {
        assert_production(&db);
        assert_production(&db.connect());
        assert_production(&db.fork());
    }
}

#[test]
fn every_preset_works_in_memory_and_on_disk() {
    for profile in [
        Profile::SQLITE_DEFAULTS,
        Profile::MINIMAL,
        Profile::PRODUCTION,
        Profile::DJANGO,
        Profile::WEB,
        Profile::DURABLE,
        Profile::LITESTREAM,
    ] {
        let template = Template::empty().profile(profile);
        template.try_in_memory().unwrap();
        template.try_on_disk().unwrap();
    }
}

#[test]
fn settings_of_the_file_are_in_every_copy_even_of_an_empty_database() {
    let profile = Profile::SQLITE_DEFAULTS.pragma("page_size", "16384").pragma("auto_vacuum", "FULL");
    let template = Template::empty().profile(profile);
    for db in [template.in_memory(), template.on_disk(), template.in_memory().fork()] {
        assert_eq!((ask(&db, "PRAGMA page_size"), ask(&db, "PRAGMA auto_vacuum")), ("16384".into(), "1".into()));
    }
}

#[test]
fn presets_differ_in_their_purpose() {
    let setting = |profile: Profile, name: &str| ask(&Template::empty().profile(profile).in_memory(), name);
    assert_eq!(setting(Profile::DURABLE, "PRAGMA synchronous"), "2");
    assert_eq!(setting(Profile::LITESTREAM, "PRAGMA wal_autocheckpoint"), "0");
    assert_eq!(setting(Profile::WEB, "PRAGMA journal_size_limit"), "67108864");
    assert_eq!(setting(Profile::DJANGO, "PRAGMA cache_size"), setting(Profile::SQLITE_DEFAULTS, "PRAGMA cache_size"));
}

#[test]
fn a_web_transaction_begins_immediate() {
    for (template, immediate) in [(&WEB, true), (&PRODUCTION, false)] {
        let mut db = template.in_memory();
        let second = db.connect();
        second.busy_timeout(std::time::Duration::ZERO).unwrap();
        let _open = db.transaction().unwrap();
        let other = rusqlite::Transaction::new_unchecked(&second, TransactionBehavior::Immediate);
        assert_eq!(other.is_err(), immediate);
    }
}

#[test]
fn keywords_are_compared_with_the_numbers_that_sqlite_returns() {
    static ODD: Profile = Profile::SQLITE_DEFAULTS
        .pragma("auto_vacuum", "INCREMENTAL")
        .pragma("encoding", "UTF-16")
        .pragma("secure_delete", "FAST")
        .pragma("temp_store", "file")
        .pragma("synchronous", "EXTRA")
        .pragma("locking_mode", "EXCLUSIVE")
        .pragma("recursive_triggers", "yes")
        .pragma("case_sensitive_like", "ON")
        .pragma("cell_size_check", "true")
        .pragma("journal_mode", "truncate");
    let db = Template::empty().profile(ODD).try_in_memory().unwrap();
    assert_eq!(ask(&db, "PRAGMA auto_vacuum"), "2");
    assert_eq!(ask(&db, "SELECT 'a' LIKE 'A'"), "0");
}

#[test]
fn numbers_are_compared_as_numbers() {
    for (name, value) in
        [("application_id", "0x0f055112"), ("cache_spill", "ON"), ("cache_spill", "500"), ("cache_spill", "OFF")]
    {
        let profile = Profile::PRODUCTION.pragma(name, value);
        let db = Template::empty().profile(profile).try_in_memory().unwrap();
        sqlitmus::check::profile(&db, &profile).assert_ok();
    }
    let mut connection = Connection::open_in_memory().unwrap();
    Profile::SQLITE_DEFAULTS.pragma("cache_spill", "OFF").apply(&mut connection).unwrap();
    let findings = sqlitmus::check::profile(&connection, &Profile::SQLITE_DEFAULTS.pragma("cache_spill", "ON"));
    let whats: Vec<_> = findings.iter().map(|finding| finding.what().to_owned()).collect();
    assert_eq!(whats, ["PRAGMA cache_spill is OFF, the profile says ON"]);
}

#[test]
fn a_pragma_without_a_value_to_read_back_is_an_error() {
    for (name, value) in [("optimize", "0x10002"), ("wal_checkpoint", "TRUNCATE"), ("incremental_vacuum", "9")] {
        let profile = Profile::PRODUCTION.pragma(name, value);
        let error = Template::empty().profile(profile).try_in_memory().unwrap_err().to_string();
        let expected = format!(
            "PRAGMA {name} is no setting: it has no value to read back

  sql:
    PRAGMA {name} = {value}

  help: run it where the app does; what the app runs on every connection that it opens belongs in Template::functions"
        );
        assert_eq!(error, expected);
    }
}

#[test]
fn a_later_value_replaces_an_earlier_one() {
    let profile = Profile::PRODUCTION.pragma("CACHE_SIZE", "-1").pragma("cache_size", "-2");
    let sizes: Vec<_> = profile.pragmas().filter(|(name, _)| name.eq_ignore_ascii_case("cache_size")).collect();
    assert_eq!(sizes, [("cache_size", "-2")]);
}

#[test]
fn a_memory_database_is_not_in_wal_mode_and_that_is_an_error() {
    let mut connection = Connection::open_in_memory().unwrap();
    let error = Profile::PRODUCTION.apply(&mut connection).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Profile);
    let expected = format!(
        "PRAGMA journal_mode did not take

  sql:
    PRAGMA journal_mode = WAL

  SQLite {} answers:
    memory

  help: a \":memory:\" database cannot be in WAL mode; a database of Template::in_memory() is, and is as fast",
        rusqlite::version()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_pragma_that_sqlite_does_not_know_is_an_error() {
    let profile = Profile::PRODUCTION.pragma("jornal_mode", "WAL");
    let error = Template::empty().profile(profile).try_in_memory().unwrap_err();
    let expected = format!(
        "PRAGMA jornal_mode did not take

  sql:
    PRAGMA jornal_mode = WAL

  SQLite {} answers:
    nothing

  help: SQLite ignores a PRAGMA that it does not know: look at its spelling, and at this SQLite's version",
        rusqlite::version()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_value_that_sqlite_does_not_take_is_an_error() {
    for (name, value, answer) in [
        ("synchronous", "SOMETIMES", "NORMAL\n\n  help: it takes OFF, NORMAL, FULL, EXTRA"),
        ("page_size", "1000", "4096"),
        ("mmap_size", "9999999999", "2147418112"),
    ] {
        let profile = Profile::SQLITE_DEFAULTS.pragma("synchronous", "NORMAL").pragma(name, value);
        let error = Template::empty().profile(profile).try_in_memory().unwrap_err().to_string();
        assert!(error.starts_with(&format!("PRAGMA {name} did not take\n")), "{error}");
        assert!(error.contains(&format!("answers:\n    {answer}")), "{error}");
    }
}

#[test]
fn the_size_of_pages_of_an_existing_database_stays_and_that_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = Connection::open(folder.path().join("old.db")).unwrap();
    connection.execute_batch("CREATE TABLE t(x)").unwrap();
    let error = Profile::PRODUCTION.apply(&mut connection).unwrap_err().to_string();
    assert!(error.starts_with("PRAGMA page_size did not take"), "{error}");
    assert!(error.contains("it takes VACUUM"), "{error}");
}

#[test]
fn a_hostile_name_or_value_stays_inside_its_pragma() {
    for (name, value) in [("foreign_keys; DROP TABLE t; --", "ON"), ("foreign_keys", "ON; DROP TABLE t"), ("", "1")] {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t(x)").unwrap();
        let profile = Profile::SQLITE_DEFAULTS.pragma("x", "1").pragma("x", "1");
        assert!(profile.pragma(name, value).apply(&mut connection).is_err());
        assert_eq!(ask(&connection, "SELECT count(*) FROM t"), "0");
    }
}

#[test]
fn a_profile_is_read_from_a_connection_of_the_app() {
    let known = [
        Profile::SQLITE_DEFAULTS,
        Profile::MINIMAL,
        Profile::PRODUCTION,
        Profile::WEB,
        Profile::DURABLE,
        Profile::LITESTREAM,
    ];
    for profile in known {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = Connection::open(folder.path().join("app.db")).unwrap();
        profile.apply(&mut connection).unwrap();
        let read = Profile::of(&connection).unwrap();
        let always = ["journal_mode", "synchronous", "foreign_keys", "busy_timeout"];
        let set = profile.pragmas().map(|(name, _)| name).filter(|name| !always.contains(name));
        let mut names: Vec<&str> = always.into_iter().chain(set).collect();
        let mut found: Vec<&str> = read.pragmas().map(|(name, _)| name).collect();
        names.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, names, "{profile:?}");
        let template = Template::empty().profile(read);
        for db in [template.in_memory(), template.on_disk()] {
            sqlitmus::check::profile(&db, &profile).assert_ok();
        }
    }
    let own = Profile::SQLITE_DEFAULTS.pragma("secure_delete", "FAST").pragma("encoding", "UTF-16le");
    let folder = tempfile::tempdir().unwrap();
    let mut connection = Connection::open(folder.path().join("app.db")).unwrap();
    own.apply(&mut connection).unwrap();
    let read = Profile::of(&connection).unwrap();
    let settings: Vec<_> = read.pragmas().collect();
    for set in [("encoding", "UTF-16le"), ("secure_delete", "2"), ("journal_mode", "delete"), ("busy_timeout", "5000")]
    {
        assert!(settings.contains(&set), "{settings:?}");
    }
    assert_eq!(settings.len(), 6, "{settings:?}");
}

#[test]
fn a_connection_without_a_file_has_no_profile() {
    let error = Profile::of(&Connection::open_in_memory().unwrap()).unwrap_err();
    assert_eq!(error.headline(), "a connection without a file has no profile of an app");
}
