use super::{Format, Named, Role, Stray, identity, is_in_number, is_out_of_order, role};

#[track_caller]
fn check(name: &str, format: Format, version: i64) {
    assert_eq!(role(name), Role::Script(Named { format, version: Some(version), down: false }), "{name}");
}

#[track_caller]
fn check_down(name: &str, format: Format, version: i64) {
    assert_eq!(role(name), Role::Script(Named { format, version: Some(version), down: true }), "{name}");
}

#[track_caller]
fn check_stray(name: &str, stray: Stray) {
    assert_eq!(role(name), Role::Stray(stray), "{name}");
}

#[test]
fn a_number_and_a_name_are_plain() {
    check("001_users.sql", Format::Plain, 1);
    check("1.sql", Format::Plain, 1);
    check("00000000.sql", Format::Plain, 0);
    check("20260131120000-users.sql", Format::Plain, 20_260_131_120_000);
    check("12.users.sql", Format::Plain, 12);
    check("V0003.Users.sql", Format::Plain, 3);
    check("v3_users.sql", Format::Plain, 3);
    check("7 users ? # % ü.sql", Format::Plain, 7);
    check("1__users.sql", Format::Plain, 1);
    check("9223372036854775807_last.sql", Format::Plain, i64::MAX);
}

#[test]
fn a_folder_that_is_a_short_number_is_counted() {
    assert!(is_in_number("1/up.sql") && is_in_number("00012/down.sql"));
    assert!(!is_in_number("20260131120000/up.sql") && !is_in_number("1_users/up.sql") && !is_in_number("1.sql"));
    assert_eq!(identity(Format::Paired, "2/up.sql"), identity(Format::Paired, "2/down.sql"));
    assert!(identity(Format::Paired, "2/up.sql") < identity(Format::Paired, "10/up.sql"));
}

#[test]
fn a_date_is_a_number() {
    check("2026-01-31_users.sql", Format::Plain, 20_260_131);
    check("2026-01-31-120000_users.sql", Format::Plain, 20_260_131_120_000);
    check("2026-01-31-2fa.sql", Format::Plain, 20_260_131);
    check("2026-users.sql", Format::Plain, 2026);
    check("20260131-120000.sql", Format::Plain, 20_260_131_120_000);
    check("20260131_120000_users.sql", Format::Plain, 20_260_131_120_000);
    check("20260131_2_users.sql", Format::Plain, 20_260_131);
    check("20260131_users_2.sql", Format::Plain, 20_260_131);
    check("2026-01-3x.sql", Format::Plain, 2026);
}

#[test]
fn up_and_down_are_paired() {
    check("000001_users.up.sql", Format::Paired, 1);
    check_down("000001_users.down.sql", Format::Paired, 1);
    check("V0001.Initial_Schema.up.sql", Format::Paired, 1);
    check("3_users..up.sql", Format::Paired, 3);
    check("3_users.up..sql", Format::Paired, 3);
    check("3_users.up.fixed.sql", Format::Paired, 3);
    check("V1__users.up.sql", Format::Paired, 1);
    check_down("4.down.sql", Format::Paired, 4);
}

#[test]
fn a_capital_and_two_underscores_are_refinery() {
    check("V1__users.sql", Format::Refinery, 1);
    check("U20__users_2.sql", Format::Refinery, 20);
    check("2026/V1__users.sql", Format::Refinery, 1);
    check("v1__users.sql", Format::Plain, 1);
    check("V1__add-users.sql", Format::Flyway, 1);
    check_stray("U1_users.sql", Stray::NoVersion);
}

#[test]
fn folders_are_diesel_or_rusqlite_migration() {
    check("2020-02-18-111430_users/up.sql", Format::Diesel, 20_200_218_111_430);
    check("2020-02-18-111430-0000_users/up.sql", Format::Diesel, 202_002_181_114_300_000);
    check("00000000000000_diesel_initial_setup/up.sql", Format::Diesel, 0);
    check_down("20151219180527_users/down.sql", Format::Diesel, 20_151_219_180_527);
    check("1_users/up.sql", Format::Diesel, 1);
    check("0001/up.sql", Format::Diesel, 1);
    check("20260131-users/up.sql", Format::Diesel, 20_260_131);
    check("1-users/up.sql", Format::RusqliteMigration, 1);
    check("00012-2fa_users/up.sql", Format::RusqliteMigration, 12);
    check_down("02-users/down.sql", Format::RusqliteMigration, 2);
}

#[test]
fn a_file_that_would_be_ignored_is_a_stray() {
    check_stray("schema.sql", Stray::NoVersion);
    check_stray("up.sql", Stray::NoVersion);
    check_stray("2fa.sql", Stray::NoVersion);
    check_stray("1_users.SQL", Stray::Ending);
    check_stray("old/001_users.sql", Stray::Subfolder);
    check_stray("a/1_b/up.sql", Stray::Subfolder);
}

#[test]
fn files_that_are_no_migrations_are_ignored() {
    for name in ["README.md", "README", "README.sql", "notes.md", ".keep", ".gitkeep", "mod.rs", "migrations.lock"] {
        assert_eq!(role(name), Role::Companion, "{name}");
    }
    for name in ["refinery.toml", "embed.go", "1_users/.keep", ".001_users.sql.swp", "m20220101_users.rs"] {
        assert_eq!(role(name), Role::Companion, "{name}");
    }
    assert_eq!(role("1_users/metadata.toml"), Role::Metadata);
    assert_eq!(role("V2__users.rs"), Role::RustProgram);
    assert_eq!(role("00002_users.go"), Role::GoProgram);
    assert_eq!(role("001_users.sql.bak"), Role::Foreign);
    assert_eq!(role("001_users"), Role::Foreign);
}

#[test]
fn a_version_without_a_number_is_a_text() {
    for name in ["users/up.sql", "9223372036854775808_users.sql", "initial/migration.sql", "R__views.sql"] {
        assert!(matches!(role(name), Role::Script(Named { version: None, .. })), "{name}");
    }
}

#[test]
fn versions_are_compared_as_the_runner_compares_them() {
    let is_before = |format, one, other| identity(format, one) < identity(format, other);
    assert!(is_before(Format::Plain, "9_a.sql", "10_b.sql"));
    assert!(is_before(Format::Diesel, "10_b/up.sql", "9_a/up.sql"));
    assert!(is_before(Format::Diesel, "2019-10-10-083032_a/up.sql", "202003050900_b/up.sql"));
    assert!(is_before(Format::Flyway, "V1.9__a.sql", "V1_10__b.sql"));
    assert!(is_before(Format::Flyway, "V99__a.sql", "R__views.sql"));
    assert_eq!(identity(Format::Flyway, "V1.0__a.sql"), identity(Format::Flyway, "V1__b.sql"));
    assert_eq!(identity(Format::Refinery, "U2__a.sql"), identity(Format::Refinery, "V2__b.sql"));
    assert_ne!(identity(Format::Diesel, "01_a/up.sql"), identity(Format::Diesel, "1_b/up.sql"));
}

#[test]
fn only_counted_versions_surprise_in_the_order_of_texts() {
    assert!(is_out_of_order("10_b/up.sql", "2_a/up.sql"));
    assert!(is_out_of_order("20200131_b/up.sql", "3_a/up.sql"));
    assert!(!is_out_of_order("2019-10-10-083032_a/up.sql", "202003050900_b/up.sql"));
    assert!(!is_out_of_order("00000000000000_setup/up.sql", "20200131_b/up.sql"));
}
