//! Reads the name of a file: its format, version and direction.

use super::migration::Format;

/// The role of a file, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Script(Named),
    /// diesel's `metadata.toml`, which belongs to the folder that it is in.
    Metadata,
    /// A Go program with a version, which only goose runs.
    GoProgram,
    /// A migration for some runner, which would be ignored here.
    Stray(Stray),
    /// A file that is known not to be a migration: `README.md`, `.gitkeep`, `mod.rs`.
    Companion,
    /// Any other file that is not SQL.
    Foreign,
}

/// A file that is a migration, or one direction of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) format: Format,
    pub(super) version: i64,
    pub(super) down: bool,
}

/// The reason why a file that looks like a migration is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stray {
    NoVersion,
    VersionTooLarge,
    /// Its extension is not `.sql` in lowercase, which is what runners look for.
    Ending,
    /// In a subfolder, where the runner of its format does not look.
    Subfolder,
    /// In the folder of a migration, but neither `up.sql` nor `down.sql`.
    NeitherUpNorDown,
    /// A migration in Rust.
    RustProgram,
}

/// Returns what a file is. `name` is the path within the folder, with `/` as separator.
pub(super) fn role(name: &str) -> Role {
    let (folder, file) = match name.rsplit_once('/') {
        Some((folder, file)) => (Some(folder), file),
        None => (None, name),
    };
    if file.starts_with('.') || file.starts_with("README") {
        return Role::Companion;
    }
    let (stem, ending) = file.rsplit_once('.').unwrap_or((file, ""));
    match ending {
        "sql" => {}
        "rs" if refinery(stem).is_some() => return Role::Stray(Stray::RustProgram),
        "go" if matches!(version(stem), Version::Number(..)) => return Role::GoProgram,
        "toml" if folder.is_some() && stem == "metadata" => return Role::Metadata,
        "md" | "toml" | "lock" | "go" | "rs" => return Role::Companion,
        _ if ending.eq_ignore_ascii_case("sql") => return Role::Stray(Stray::Ending),
        _ => return Role::Foreign,
    }
    match (folder, stem) {
        (Some(folder), "up" | "down") if !folder.contains('/') => in_folder(folder, stem == "down"),
        _ => match (refinery(stem), folder) {
            (Some(digits), _) => numbered(Format::Refinery, version(digits), false),
            (None, None) => flat(stem),
            (None, Some(folder)) if folder.contains('/') || version(folder) == Version::None => {
                Role::Stray(Stray::Subfolder)
            }
            (None, Some(_)) => Role::Stray(Stray::NeitherUpNorDown),
        },
    }
}

fn flat(stem: &str) -> Role {
    if let Some(stem) = stem.strip_suffix(".up") {
        numbered(Format::Paired, version(stem), false)
    } else if let Some(stem) = stem.strip_suffix(".down") {
        numbered(Format::Paired, version(stem), true)
    } else {
        numbered(Format::Plain, version(stem), false)
    }
}

/// rusqlite_migration counts from 1 and has a dash after the number. diesel's version is the text before the first
/// underscore, without dashes.
fn in_folder(folder: &str, down: bool) -> Role {
    let version = version(folder);
    let format = match version {
        Version::Number(_, length) if length <= 5 && folder.as_bytes().get(length) == Some(&b'-') => {
            Format::RusqliteMigration
        }
        _ => Format::Diesel,
    };
    numbered(format, version, down)
}

fn numbered(format: Format, version: Version, down: bool) -> Role {
    match version {
        Version::Number(version, _) => Role::Script(Named { format, version, down }),
        Version::None => Role::Stray(Stray::NoVersion),
        Version::TooLarge => Role::Stray(Stray::VersionTooLarge),
    }
}

/// Returns the digits of refinery's `V1__name` or `U1__name`. Refinery ignores names with anything but letters, digits
/// and underscores after the number.
fn refinery(stem: &str) -> Option<&str> {
    let (digits, name) = stem.strip_prefix(['V', 'U'])?.split_once("__")?;
    let fits = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|letter| letter == '_' || letter.is_alphanumeric());
    fits.then_some(digits)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    None,
    TooLarge,
    /// With the length of its text.
    Number(i64, usize),
}

/// Reads the version at the start of a name: `12`, `V12`, `2026-01-31`, `2026-01-31-120000`. A separator or the end
/// follows it.
fn version(name: &str) -> Version {
    let bytes = name.as_bytes();
    let start = usize::from(matches!(bytes, [b'V' | b'v', b'0'..=b'9', ..]));
    let mut end = start + digits(&bytes[start..]);
    if end == start + 4 && is_date(&bytes[start..]) {
        end = start + "2026-01-31".len();
        // The time of day, and the counter that newer diesel tools add.
        while bytes.get(end) == Some(&b'-') {
            let length = digits(&bytes[end + 1..]);
            if length == 0 || !is_boundary(bytes.get(end + 1 + length)) {
                break;
            }
            end += 1 + length;
        }
    }
    if end == start || !is_boundary(bytes.get(end)) {
        return Version::None;
    }
    let mut number = 0_i64;
    for &byte in bytes[start..end].iter().filter(|&&byte| byte != b'-') {
        let next = number.checked_mul(10).and_then(|number| number.checked_add(i64::from(byte - b'0')));
        match next {
            Some(next) => number = next,
            None => return Version::TooLarge,
        }
    }
    Version::Number(number, end)
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len())
}

/// Returns true for a date such as `2026-01-31`. The caller has seen the four digits of the year.
fn is_date(bytes: &[u8]) -> bool {
    match bytes.get(4..10) {
        Some(&[b'-', a, b, b'-', c, d]) => [a, b, c, d].iter().all(u8::is_ascii_digit) && is_boundary(bytes.get(10)),
        _ => false,
    }
}

fn is_boundary(byte: Option<&u8>) -> bool {
    matches!(byte, None | Some(b'_' | b'-' | b'.' | b' '))
}

/// Returns the text that diesel and dbmate order by, where other runners compare numbers.
pub(super) fn textual_version(format: Format, name: &str) -> Option<String> {
    match format {
        Format::Diesel => {
            let folder = name.rsplit('/').nth(1)?;
            Some(folder.split('_').next()?.replace('-', ""))
        }
        Format::Dbmate => Some(name.rsplit('/').next()?.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, Named, Role, Stray, role};

    #[track_caller]
    fn check(name: &str, format: Format, version: i64) {
        assert_eq!(role(name), Role::Script(Named { format, version, down: false }), "{name}");
    }

    #[track_caller]
    fn check_down(name: &str, format: Format, version: i64) {
        assert_eq!(role(name), Role::Script(Named { format, version, down: true }), "{name}");
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
    fn a_date_is_a_number() {
        check("2026-01-31_users.sql", Format::Plain, 20_260_131);
        check("2026-01-31-120000_users.sql", Format::Plain, 20_260_131_120_000);
        check("2026-01-31-2fa.sql", Format::Plain, 20_260_131);
        check("2026-users.sql", Format::Plain, 2026);
        check("2026-01-3x.sql", Format::Plain, 2026);
    }

    #[test]
    fn up_and_down_are_paired() {
        check("000001_users.up.sql", Format::Paired, 1);
        check_down("000001_users.down.sql", Format::Paired, 1);
        check("V0001.Initial_Schema.up.sql", Format::Paired, 1);
        check("3_users..up.sql", Format::Paired, 3);
        check("V1__users.up.sql", Format::Paired, 1);
        check_down("4.down.sql", Format::Paired, 4);
    }

    #[test]
    fn a_capital_and_two_underscores_are_refinery() {
        check("V1__users.sql", Format::Refinery, 1);
        check("U20__users_2.sql", Format::Refinery, 20);
        check("2026/V1__users.sql", Format::Refinery, 1);
        check("v1__users.sql", Format::Plain, 1);
        check("V1__add-users.sql", Format::Plain, 1);
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
        check_stray("users/up.sql", Stray::NoVersion);
        check_stray("9223372036854775808_users.sql", Stray::VersionTooLarge);
        check_stray("1_users.SQL", Stray::Ending);
        check_stray("old/001_users.sql", Stray::Subfolder);
        check_stray("a/1_b/up.sql", Stray::Subfolder);
        check_stray("20260131_users/migration.sql", Stray::NeitherUpNorDown);
        check_stray("V2__users.rs", Stray::RustProgram);
    }

    #[test]
    fn files_that_are_no_migrations_are_ignored() {
        for name in ["README.md", "README", "README.sql", "notes.md", ".keep", ".gitkeep", "mod.rs", "migrations.lock"]
        {
            assert_eq!(role(name), Role::Companion, "{name}");
        }
        for name in ["refinery.toml", "embed.go", "1_users/.keep", ".001_users.sql.swp", "m20220101_users.rs"] {
            assert_eq!(role(name), Role::Companion, "{name}");
        }
        assert_eq!(role("1_users/metadata.toml"), Role::Metadata);
        assert_eq!(role("00002_users.go"), Role::GoProgram);
        assert_eq!(role("001_users.sql.bak"), Role::Foreign);
        assert_eq!(role("001_users"), Role::Foreign);
    }
}
