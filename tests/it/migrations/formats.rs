//! The formats that are recognized, and the order of their migrations.

use rstest::rstest;
use sqlitmus::migrations::{Format, Migrations};

use super::{embedded, fixture, folder, memory, names, objects, versions, write};

#[rstest]
#[case("plain", Format::Plain)]
#[case("sqlx-simple", Format::Plain)]
#[case("sqlx", Format::Paired)]
#[case("golang-migrate", Format::Paired)]
#[case("diesel", Format::Diesel)]
#[case("refinery", Format::Refinery)]
#[case("rusqlite_migration", Format::RusqliteMigration)]
#[case("goose", Format::Goose)]
#[case("dbmate", Format::Dbmate)]
#[case("flyway", Format::Flyway)]
#[case("prisma", Format::Prisma)]
#[case("drizzle", Format::Drizzle)]
fn a_fixture_of_each_format_applies(#[case] name: &str, #[case] format: Format) {
    let history = Migrations::load(fixture("formats").join(name)).unwrap();
    assert_eq!(history.format(), format);
    assert!(!history.is_empty());
    let mut conn = memory();
    let applied = history.apply(&mut conn).unwrap();
    assert_eq!(applied.iter().collect::<Vec<_>>(), versions(&history));
    assert_eq!(applied.len(), history.len());
    assert_eq!(objects(&conn), ["index notes_pinned", "table notes", "trigger notes_body_trim"]);
}

#[rstest]
#[case("sqlx")]
#[case("golang-migrate")]
#[case("diesel")]
#[case("goose")]
#[case("dbmate")]
fn a_fixture_with_both_directions_can_be_undone(#[case] name: &str) {
    let history = Migrations::load(fixture("formats").join(name)).unwrap();
    let mut conn = memory();
    history.apply(&mut conn).unwrap();
    let undone = history.down_to(&mut conn, 0).unwrap();
    assert_eq!(undone.iter().rev().collect::<Vec<_>>(), versions(&history));
    assert!(objects(&conn).is_empty());
}

/// Statement by statement in transactions, or a file at once: the schema must be the same.
#[rstest]
#[case("shop/migrations")]
#[case("formats/plain")]
#[case("formats/sqlx-simple")]
#[case("formats/sqlx")]
#[case("formats/golang-migrate")]
#[case("formats/diesel")]
#[case("formats/refinery")]
#[case("formats/rusqlite_migration")]
fn splitting_into_statements_changes_nothing(#[case] name: &str) {
    let history = Migrations::load(fixture(name)).unwrap();
    let mut cut = memory();
    history.apply(&mut cut).unwrap();
    let whole = memory();
    for migration in history.iter() {
        whole.execute_batch(migration.sql()).unwrap();
    }
    let schema = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master ORDER BY 1";
    assert_eq!(super::column(&cut, schema), super::column(&whole, schema));
    assert!(!objects(&cut).is_empty());
}

#[test]
fn the_order_is_that_of_the_numbers() {
    let history = embedded(&[("10_c.sql", "SELECT 10;"), ("9_b.sql", "SELECT 9;"), ("V2_a.sql", "SELECT 2;")]);
    assert_eq!(versions(&history), [2, 9, 10]);
    assert_eq!(names(&history), ["V2_a.sql", "9_b.sql", "10_c.sql"]);
    assert_eq!(history.last_version(), Some(10));
    assert_eq!(history.len(), 3);
}

#[test]
fn a_down_file_goes_with_its_up_file() {
    let history = embedded(&[
        ("10_b.down.sql", "SELECT -10;"),
        ("10_b.up.sql", "SELECT 10;"),
        ("1_a.down.sql", "SELECT -1;"),
        ("1_a.up.sql", "SELECT 1;"),
        ("2_c.up.sql", "SELECT 2;"),
    ]);
    let read: Vec<_> =
        history.iter().map(|migration| (migration.version(), migration.sql(), migration.down_sql())).collect();
    assert_eq!(
        read,
        [(1, "SELECT 1;", Some("SELECT -1;")), (2, "SELECT 2;", None), (10, "SELECT 10;", Some("SELECT -10;")),]
    );
    assert_eq!(names(&history), ["1_a.up.sql", "2_c.up.sql", "10_b.up.sql"]);
}

#[test]
fn numbers_and_separators_of_real_histories_are_read() {
    let history = embedded(&[("V0001.Initial_Schema.up.sql", "SELECT 1;"), ("20240813211251_b..up.sql", "SELECT 2;")]);
    assert_eq!((history.format(), versions(&history)), (Format::Paired, vec![1, 20_240_813_211_251]));
    let history = embedded(&[("00000000.sql", "SELECT 1;"), ("20220505083406_create-events.sql", "SELECT 2;")]);
    assert_eq!((history.format(), versions(&history)), (Format::Plain, vec![0, 20_220_505_083_406]));
    let history = embedded(&[("V10__b.sql", "SELECT 1;"), ("U9__a.sql", "SELECT 2;")]);
    assert_eq!((history.format(), versions(&history)), (Format::Refinery, vec![9, 10]));
}

#[test]
fn diesel_and_rusqlite_migration_are_told_apart() {
    let history = embedded(&[
        ("2020-02-18-111430_b/up.sql", "SELECT 2;"),
        ("00000000000000_diesel_initial_setup/up.sql", "SELECT 1;"),
    ]);
    assert_eq!((history.format(), versions(&history)), (Format::Diesel, vec![0, 20_200_218_111_430]));
    let history =
        embedded(&[("02-b/up.sql", "SELECT 2;"), ("01-a/up.sql", "SELECT 1;"), ("01-a/down.sql", "SELECT 3;")]);
    assert_eq!((history.format(), versions(&history)), (Format::RusqliteMigration, vec![1, 2]));
}

#[test]
fn a_list_may_name_its_files_by_path() {
    let history = embedded(&[("../db/migrations/001_a.sql", "SELECT 1;"), ("../db/migrations/002_b.sql", "SELECT 2;")]);
    assert_eq!(names(&history), ["001_a.sql", "002_b.sql"]);
    let history = embedded(&[
        ("migrations/2026-01-31-120000_a/up.sql", "VACUUM;"),
        ("migrations/2026-01-31-120000_a/metadata.toml", "run_in_transaction = false"),
        ("migrations/README.md", "How to."),
    ]);
    assert_eq!(names(&history), ["2026-01-31-120000_a/up.sql"]);
    assert_eq!(history.iter().next().unwrap().path(), None);
    history.apply(&mut memory()).unwrap();
}

#[test]
fn one_file_is_a_history_of_one() {
    let dir = folder(&[("schema.sql", "CREATE TABLE a(x);"), ("other.sql", "nonsense")]);
    let path = dir.path().join("schema.sql");
    let history = Migrations::load(&path).unwrap();
    assert_eq!((history.format(), versions(&history), names(&history)), (Format::Plain, vec![1], vec!["schema.sql"]));
    assert_eq!(history.iter().next().unwrap().path(), Some(&*path));
}

#[test]
fn one_file_may_have_sections() {
    let dir = folder(&[("one.sql", "-- migrate:up\nCREATE TABLE a(x);\n-- migrate:down\nDROP TABLE a;\n")]);
    let history = Migrations::load(dir.path().join("one.sql")).unwrap();
    let migration = history.iter().next().unwrap();
    assert_eq!((history.format(), migration.sql()), (Format::Dbmate, "CREATE TABLE a(x);\n"));
    assert_eq!(migration.down_sql(), Some("DROP TABLE a;\n"));
}

#[test]
fn other_files_are_ignored() {
    let dir = folder(&[
        ("001_a.sql", "SELECT 1;"),
        ("README.md", "How to."),
        ("README", "How to."),
        ("notes.md", "."),
        (".keep", ""),
        (".gitkeep", ""),
        (".hidden/002_b.sql", "SELECT 2;"),
        ("mod.rs", "mod embedded;"),
        ("embed.go", "package migrations"),
        ("migrations.lock", ""),
        ("refinery.toml", ""),
        ("001_a.sql.bak", "SELECT 0;"),
        ("meta/journal.json", "{}"),
    ]);
    assert_eq!(names(&Migrations::load(dir.path()).unwrap()), ["001_a.sql"]);
}

#[test]
fn folders_and_files_may_have_any_name() {
    let dir = folder(&[]);
    let inner = dir.path().join("it's 100% ? # \u{fc}\u{4e2d} \"q\"");
    write(&inner, "1_it's 100% ? # \u{fc}.sql", b"CREATE TABLE a(x);");
    let history = Migrations::load(&inner).unwrap();
    assert_eq!(names(&history), ["1_it's 100% ? # \u{fc}.sql"]);
    history.apply(&mut memory()).unwrap();
}

#[cfg(unix)]
#[test]
fn links_are_followed() {
    let real = folder(&[("a/up.sql", "SELECT 1;"), ("b.sql", "SELECT 2;")]);
    let dir = folder(&[]);
    std::os::unix::fs::symlink(real.path().join("a"), dir.path().join("1_a")).unwrap();
    assert_eq!(names(&Migrations::load(dir.path()).unwrap()), ["1_a/up.sql"]);
    let dir = folder(&[]);
    std::os::unix::fs::symlink(real.path().join("b.sql"), dir.path().join("1_b.sql")).unwrap();
    assert_eq!(names(&Migrations::load(dir.path()).unwrap()), ["1_b.sql"]);
}

#[test]
fn refinery_looks_into_subfolders() {
    let dir = folder(&[("V1__a.sql", "SELECT 1;"), ("2026/01/V2__b.sql", "SELECT 2;")]);
    assert_eq!(names(&Migrations::load(dir.path()).unwrap()), ["V1__a.sql", "2026/01/V2__b.sql"]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_sql() {
    let history = embedded(&[("1_a.sql", "\u{feff}CREATE TABLE a(x);")]);
    assert_eq!(history.iter().next().unwrap().sql(), "CREATE TABLE a(x);");
    let history = embedded(&[("1_a.sql", "\u{feff}-- +goose Up\nCREATE TABLE a(x);\n")]);
    assert_eq!(history.format(), Format::Goose);
}

#[test]
fn formats_have_names() {
    let formats = [
        Format::Plain,
        Format::Paired,
        Format::Diesel,
        Format::Refinery,
        Format::RusqliteMigration,
        Format::Goose,
        Format::Dbmate,
        Format::Flyway,
        Format::Prisma,
        Format::Drizzle,
    ];
    assert_eq!(
        formats.map(|format| format.to_string()),
        [
            "plain",
            "paired",
            "diesel",
            "refinery",
            "rusqlite_migration",
            "goose",
            "dbmate",
            "flyway",
            "prisma",
            "drizzle"
        ]
    );
}

#[test]
fn numbered_folders_are_run_in_the_order_of_their_numbers() {
    let files = [
        ("1/up.sql", "CREATE TABLE a(x)"),
        ("10/up.sql", "ALTER TABLE b ADD COLUMN y"),
        ("10/down.sql", "ALTER TABLE b DROP COLUMN y"),
        ("2/up.sql", "CREATE TABLE b(x)"),
    ];
    let on_disk = Migrations::load(folder(&files).path()).unwrap();
    for history in [embedded(&files), on_disk] {
        assert_eq!(history.iter().map(|migration| migration.version()).collect::<Vec<_>>(), [1, 2, 10]);
        assert_eq!(history.oddities().len(), 0);
        history.apply(&mut memory()).unwrap();
    }
}

#[test]
fn atlas() {
    let files = [
        ("20260101120000_a.sql", "CREATE TABLE a(x)"),
        ("20260102120000.sql", "-- atlas:txmode none\n\nPRAGMA foreign_keys = OFF; CREATE TABLE b(x); VACUUM"),
        ("atlas.sum", "h1:of=\n20260101120000_a.sql h1:one=\n20260102120000.sql h1:two=\n"),
    ];
    for history in [embedded(&files), Migrations::load(folder(&files).path()).unwrap()] {
        assert_eq!(history.len(), 2);
        assert_eq!(history.oddities().len(), 0);
        // VACUUM needs to be outside of a transaction.
        history.apply(&mut memory()).unwrap();
    }
    let with_another = [files[0], files[1], files[2], ("20260103120000_c.sql", "CREATE TABLE c(x)")];
    let history = embedded(&with_another);
    let oddities: Vec<String> = history.oddities().iter().map(|oddity| format!("{oddity:?}")).collect();
    assert_eq!(oddities.len(), 1, "{oddities:?}");
    assert!(oddities[0].contains("Atlas passes over 20260103120000_c.sql"), "{oddities:?}");
}

/// sqlx has no format of its own.
#[test]
fn a_transaction_within_that_of_sqlx_is_an_oddity() {
    const OWN: &str = "BEGIN; CREATE TABLE b(x); COMMIT;";
    let oddities = |manifest: &str, name: &str, sql: &str| -> Vec<String> {
        let project = folder(&[("Cargo.toml", manifest), ("db/migrations/1_a.sql", "CREATE TABLE a(x)")]);
        super::write(project.path(), &format!("db/migrations/{name}"), sql.as_bytes());
        let history = Migrations::load(project.path().join("db/migrations")).unwrap();
        history.oddities().iter().map(|oddity| format!("{:?}: {oddity}", oddity.kind())).collect()
    };
    let found = ["OwnTransaction: migration 2 begins a transaction itself: 2_b.sql"];
    for manifest in [
        "[dependencies]\nsqlx = { version = \"0.9\", features = [\"sqlite\"] }\n",
        "[dependencies]\nsqlx.workspace = true\n",
        "[workspace.dependencies]\nsqlx=\"0.8\"\n",
        "[dev-dependencies.sqlx]\nversion = \"0.9\"\n",
    ] {
        assert_eq!(oddities(manifest, "2_b.sql", OWN), found, "{manifest}");
        assert_eq!(oddities(manifest, "2_b.sql", "CREATE TABLE b(x)"), [""; 0]);
        assert_eq!(oddities(manifest, "2_b.sql", &format!("-- no-transaction\n{OWN}")), [""; 0]);
        let trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; END;";
        assert_eq!(oddities(manifest, "2_b.sql", trigger), [""; 0]);
    }
    for manifest in ["[dependencies]\nrusqlite = \"0.43\"\n# sqlx = \"0.9\"\n", "[dependencies]\nsqlx-like = \"1\"\n"] {
        assert_eq!(oddities(manifest, "2_b.sql", OWN), [""; 0], "{manifest}");
    }
    let of_refinery = "[dependencies]\nsqlx = \"0.9\"\n";
    let project = folder(&[("Cargo.toml", of_refinery), ("migrations/V1__a.sql", OWN)]);
    assert_eq!(Migrations::load(project.path().join("migrations")).unwrap().oddities(), []);
}
