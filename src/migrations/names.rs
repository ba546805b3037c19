//! Reads the name of a file: its format, version and direction, by the pattern of each runner.

use super::migration::Format;

/// The role of a file, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Script(Named),
    /// diesel's `metadata.toml`, which belongs to the folder that it is in.
    Metadata,
    /// A Go program with a version, which only goose runs.
    GoProgram,
    /// A Rust program with a version, which only refinery runs.
    RustProgram,
    /// A Java or Kotlin program with a version, which only Flyway runs.
    JavaProgram,
    /// SQL that no runner takes for a migration.
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
    /// `None` if it is no number, or one of more than 64 bits.
    pub(super) version: Option<i64>,
    pub(super) down: bool,
}

/// The reason why a file of SQL is not a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stray {
    NoVersion,
    /// Its extension is not `.sql` in lowercase, which is what runners look for.
    Ending,
    /// In a subfolder, where the runner of its format does not look.
    Subfolder,
}

/// Returns what a file is. `name` is the path within the folder, with `/` as separator.
pub(super) fn role(name: &str) -> Role {
    let (folder, file) = parts(name);
    if file.starts_with('.') || file.starts_with("README") {
        return Role::Companion;
    }
    let (stem, ending) = file.rsplit_once('.').unwrap_or((file, ""));
    match ending {
        "sql" => {}
        "rs" if refinery(stem) => return Role::RustProgram,
        "java" | "kt" if flyway(stem).is_some() => return Role::JavaProgram,
        "go" if version(stem).is_some() => return Role::GoProgram,
        "toml" if folder.is_some() && stem == "metadata" => return Role::Metadata,
        "md" | "toml" | "lock" | "sum" | "go" | "rs" => return Role::Companion,
        _ if ending.eq_ignore_ascii_case("sql") => return Role::Stray(Stray::Ending),
        _ => return Role::Foreign,
    }
    let script = |format, text, down| Role::Script(Named { format, version: number(text), down });
    match (folder, stem) {
        (Some(folder), "up" | "down") if !folder.contains('/') => script(by_folder(folder), folder, stem == "down"),
        (Some(folder), "migration") if !folder.contains('/') => script(Format::Prisma, folder, false),
        _ if refinery(stem) => script(Format::Refinery, stem, false),
        (Some(_), _) => Role::Stray(Stray::Subfolder),
        (None, _) => match direction(stem) {
            Some(down) if version(stem).is_some() => script(Format::Paired, stem, down),
            _ if flyway(stem).is_some() => script(Format::Flyway, stem, stem.starts_with('U')),
            _ if version(stem).is_some() => script(Format::Plain, stem, false),
            _ => Role::Stray(Stray::NoVersion),
        },
    }
}

/// Divides a name into its folder and the name of the file.
pub(super) fn parts(name: &str) -> (Option<&str>, &str) {
    name.rsplit_once('/').map_or((None, name), |(folder, file)| (Some(folder), file))
}

/// Returns the folder that a migration of one or more files is in, or the name of its file.
pub(super) fn shown(name: &str) -> &str {
    let (folder, file) = parts(name);
    folder.filter(|_| matches!(file, "up.sql" | "down.sql" | "migration.sql")).unwrap_or(name)
}

/// Returns true for `.down`, false for `.up`, as golang-migrate looks for them: the last one, with anything behind it.
fn direction(stem: &str) -> Option<bool> {
    stem.split('.').skip(1).filter(|part| ["up", "down"].contains(part)).last().map(|part| part == "down")
}

/// Returns true for `_down`, false for `_up` at the end of a name, which no runner but a hand-written one reads.
pub(super) fn misspelled_direction(name: &str) -> Option<bool> {
    let stem = name.strip_suffix(".sql")?;
    [("_up", false), ("-up", false), ("_down", true), ("-down", true)]
        .into_iter()
        .find_map(|(end, down)| stem.ends_with(end).then_some(down))
}

/// Returns true if sqlx reads the direction of a paired file as golang-migrate does.
pub(super) fn has_exact_direction(name: &str) -> bool {
    name.ends_with(".up.sql") || name.ends_with(".down.sql") || name.contains('/')
}

/// Returns the database that a name is for, as in `2_users.postgres.up.sql`: true if it is SQLite.
pub(super) fn dialect(name: &str) -> Option<bool> {
    parts(name).1.split('.').skip(1).find_map(is_dialect)
}

/// Returns true for the name of SQLite, and false for that of another database.
pub(super) fn is_dialect(word: &str) -> Option<bool> {
    match word {
        "sqlite" | "sqlite3" => Some(true),
        "postgres" | "postgresql" | "pg" | "mysql" | "mariadb" | "cockroach" | "cockroachdb" | "mssql"
        | "sqlserver" => Some(false),
        _ => None,
    }
}

/// Returns true for `12/up.sql`, which a runner that is written by hand counts. diesel's folders have dates or names.
pub(super) fn is_in_number(name: &str) -> bool {
    parts(name).0.is_some_and(|folder| folder.len() <= 5 && is_number(folder))
}

/// rusqlite_migration counts from 1 and has a dash after the number.
fn by_folder(folder: &str) -> Format {
    match version(folder) {
        Some((digits, end)) if digits.len() <= 5 && folder.as_bytes().get(end) == Some(&b'-') => {
            Format::RusqliteMigration
        }
        _ => Format::Diesel,
    }
}

/// Returns true for refinery's `V1__name` or `U1__name`. Refinery passes over names with anything but letters, digits and
/// underscores after the number.
fn refinery(stem: &str) -> bool {
    let Some((digits, name)) = stem.strip_prefix(['V', 'U']).and_then(|rest| rest.split_once("__")) else {
        return false;
    };
    is_number(digits) && !name.is_empty() && name.chars().all(|letter| letter == '_' || letter.is_alphanumeric())
}

/// Returns the version of Flyway's `V1.2__name`, `V1_2__name` or `U1__name`, and the empty text for `R__name`.
fn flyway(stem: &str) -> Option<&str> {
    let (version, _) = stem.get(1..)?.split_once("__").filter(|(_, name)| !name.is_empty())?;
    let fits = match stem.as_bytes()[0] {
        b'V' | b'U' => version.split(['.', '_']).all(is_number),
        b'R' => version.is_empty(),
        _ => false,
    };
    fits.then_some(version)
}

/// Returns true if only Flyway would give a file this name.
pub(super) fn is_surely_flyway(name: &str) -> bool {
    let stem = name.strip_suffix(".sql").unwrap_or(name);
    flyway(stem).is_some_and(|version| !is_number(version))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the digits of the version at the start of a name, and where it ends: `12`, `V12`, `2026-01-31`,
/// `2026-01-31-120000`, `20260131_120000`. A separator or the end follows it.
fn version(name: &str) -> Option<(String, usize)> {
    let bytes = name.as_bytes();
    let start = usize::from(matches!(bytes, [b'V' | b'v', b'0'..=b'9', ..]));
    let mut end = start + digits(&bytes[start..]);
    let has_dashes = end == start + 4 && is_date(&bytes[start..]);
    if has_dashes {
        end = start + "2026-01-31".len();
    }
    // The time of day, and the counter that newer diesel tools add.
    let is_date = has_dashes || end == start + "20260131".len();
    while is_date && matches!(bytes.get(end), Some(b'-' | b'_')) {
        let length = digits(&bytes[end + 1..]);
        let least = if has_dashes && bytes[end] == b'-' { 1 } else { 4 };
        if length < least || !is_boundary(bytes.get(end + 1 + length)) {
            break;
        }
        end += 1 + length;
    }
    (end > start && is_boundary(bytes.get(end))).then(|| (name[start..end].replace(['-', '_'], ""), end))
}

fn number(name: &str) -> Option<i64> {
    // refinery's unversioned migrations and Flyway's undo.
    version(name.strip_prefix('U').unwrap_or(name)).and_then(|(digits, _)| digits.parse().ok())
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

/// Returns true for SQL in a folder of a version, such as `0.22/01_users.sql`.
pub(super) fn is_in_version(name: &str) -> bool {
    let (folder, file) = parts(name);
    folder.is_some_and(|folder| folder.trim_start_matches('v').split('.').all(is_number)) && file.ends_with(".sql")
}

/// Returns the number of a file in a subfolder, by the name of the file or of the subfolder.
pub(super) fn version_in_subfolder(name: &str) -> Option<i64> {
    let (folder, file) = parts(name);
    number(file).or_else(|| number(parts(folder?).1).filter(|_| matches!(file, "up.sql" | "migration.sql")))
}

/// Returns the number that dbmate reads at the start of a name: any digits, whatever follows them.
pub(super) fn dbmate(name: &str) -> Option<Named> {
    let digits = &name[..digits(name.as_bytes())];
    (!digits.is_empty() && name.ends_with(".sql")).then(|| Named {
        format: Format::Plain,
        version: digits.parse().ok(),
        down: false,
    })
}

/// Returns true if sqlx reads a file of this name: `<VERSION>_<DESCRIPTION>.sql`.
pub(super) fn is_of_sqlx(name: &str) -> bool {
    name.split_once('_').is_some_and(|(number, rest)| number.parse::<i64>().is_ok() && rest.ends_with(".sql"))
}

/// Returns true if goose reads a file of this name: it passes over those without a number above 0 and an underscore.
pub(super) fn is_of_goose(name: &str) -> bool {
    name.split_once('_').is_some_and(|(number, _)| number.parse::<i64>().is_ok_and(|number| number > 0))
}

/// Returns true if the order of two versions as texts may surprise: they are counted, not dates.
pub(super) fn is_out_of_order(before: &str, after: &str) -> bool {
    let is_date = |digits: &str| digits.len() >= 8 && (digits.starts_with("19") || digits.starts_with("20"));
    let digits = |name: &str| version(shown(name)).map(|(digits, _)| digits);
    match (digits(before), digits(after)) {
        (Some(before), Some(after)) => padded(&before) > padded(&after) && !(is_date(&before) && is_date(&after)),
        _ => false,
    }
}

/// Returns the text by which the runner of a format tells versions apart.
pub(super) fn identity(format: Format, name: &str) -> String {
    let (folder, file) = parts(name);
    match format {
        Format::Diesel => folder.and_then(|folder| folder.split('_').next()).unwrap_or(name).replace('-', ""),
        Format::Prisma | Format::Drizzle => folder.unwrap_or(name).to_owned(),
        Format::Dbmate => file[..digits(file.as_bytes())].to_owned(),
        Format::Flyway => match flyway(file.strip_suffix(".sql").unwrap_or(file)) {
            // Repeatable migrations run after all others, in the order of their names.
            Some("") | None => format!("~{file}"),
            Some(version) => {
                let parts: Vec<String> = version.split(['.', '_']).map(padded).collect();
                let length =
                    parts.iter().rposition(|part| part.bytes().any(|byte| byte != b'0')).map_or(1, |at| at + 1);
                parts[..length].join(".")
            }
        },
        Format::RusqliteMigration => padded(&version(folder.unwrap_or(file)).unwrap_or_default().0),
        Format::Paired if matches!(file, "up.sql" | "down.sql") => {
            padded(&version(folder.unwrap_or(file)).unwrap_or_default().0)
        }
        _ if is_in_version(name) => {
            let parts = folder.unwrap_or_default().trim_start_matches('v').split('.').map(padded);
            format!("{}/{file}", parts.collect::<Vec<_>>().join("."))
        }
        _ => padded(&version(file.strip_prefix('U').unwrap_or(file)).unwrap_or_default().0),
    }
}

/// Returns a number as a text that has the order of numbers.
fn padded(digits: &str) -> String {
    format!("{digits:0>40}")
}

/// Returns the text by which the runner of a format orders its migrations.
pub(super) fn order(format: Format, name: &str) -> String {
    match format {
        Format::Dbmate => name.to_owned(),
        _ => identity(format, name),
    }
}

#[cfg(test)]
mod tests;
