//! Cases that read the files of the migrations: their numbers have no gap, and shipped ones do not change.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh64::xxh64;

use crate::check::{Finding, Findings};
use crate::env;
use crate::error::{Error, ErrorKind, Result};
use crate::migrations::{Format, Migration, Migrations};
use crate::real_file;
use crate::suite::subject::Subject;
use crate::suite::versions::VersionedDatabases;

/// Finds what the runner does otherwise than the files suggest, and numbers that are left out where versions are counted up
/// by one. Timestamps and tens are not counted.
pub(crate) fn history_is_linear(_: &Subject, databases: &VersionedDatabases) -> Result<Option<String>> {
    let migrations: Vec<_> = databases.history.iter().collect();
    let steps: Vec<i64> = migrations.windows(2).map(|pair| pair[1].version() - pair[0].version()).collect();
    let is_counted = steps.iter().filter(|step| **step == 1).count() * 2 > steps.len();
    let mut found = Findings::default();
    for oddity in databases.history.oddities() {
        found.push(
            Finding::new(oddity.kind().code(), oddity.file(), oddity.to_string())
                .cost(oddity.kind().cost())
                .evidence(oddity.kind().label(), oddity.evidence())
                .fix(oddity.fix()),
        );
    }
    // The versions of an app's runner are those that the template names.
    let is_counted = is_counted && databases.history.code().is_none();
    for pair in migrations.windows(2).filter(|pair| is_counted && pair[1].version() - pair[0].version() > 1) {
        let (before, after) = (pair[0], pair[1]);
        let missing = match after.version() - before.version() {
            2 => format!("{} is missing", before.version() + 1),
            _ => format!("{} to {} are missing", before.version() + 1, after.version() - 1),
        };
        found.push(
            Finding::new("gap", after.name(), format!("{missing} between {} and {}", before.name(), after.name()))
                .cost("a migration was deleted or is not merged yet: databases in the field may have it")
                .fix(
                    "restore the file, or renumber the later ones before they are shipped\n\
                     if they are shipped, say so: .skip(\"history_is_linear\", \"why\")",
                ),
        );
    }
    found.try_assert_ok().map(|()| None)
}

const HEAD: &str = "\
# Shipped migrations: version, hash, file. Checked by shipped_migrations_are_frozen.
# SQLITMUS_ACCEPT=migrations adds new migrations. It never changes an entry.
";

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frozen {
    version: i64,
    hash: String,
    name: String,
}

/// Checks that shipped migrations do not change: a file beside the folder has their hashes. It has no texts, because git has
/// those. It is written only on request, because a test that passes leaves no file. Without it the test is skipped, and fails
/// where `CI` is set.
pub(crate) fn shipped_migrations_are_frozen(
    subject: &Subject,
    databases: &VersionedDatabases,
) -> Result<Option<String>> {
    // Embedded migrations have no folder beside which the file could be.
    let Some(lock) = lock(subject, &databases.history) else {
        return Ok(Some(String::from("the migrations are not in a folder")));
    };
    let settings = env::settings()?;
    let files: Vec<Frozen> = databases.history.iter().map(|migration| frozen(&databases.history, migration)).collect();
    let shipped = read(&lock)?;
    let folder = databases.history.code().is_none().then(|| lock.with_extension(""));
    compare((&lock, folder), shipped.as_deref().unwrap_or_default(), &files)?;
    let known = shipped.as_ref().map_or(0, Vec::len);
    if known == files.len() {
        return Ok(None);
    }
    if settings.accept_migrations {
        return write(&lock, &files).map(|()| None);
    }
    if !settings.ci {
        let reason = "no migration is frozen yet: SQLITMUS_ACCEPT=migrations writes";
        return Ok(shipped.is_none().then(|| format!("{reason} {}", lock.display())));
    }
    let headline = match shipped {
        None => format!("no migration is frozen: {} is missing", lock.display()),
        Some(_) => {
            let (new, verb) = (files.len() - known, if files.len() - known == 1 { "is" } else { "are" });
            format!("{new} of {} migrations {verb} not frozen yet", files.len())
        }
    };
    let new: Vec<&str> = files[known..].iter().map(|file| file.name.as_str()).collect();
    Err(Error::new(ErrorKind::Suite, headline).evidence("not frozen", new.join("\n")).path(&lock).help(format!(
        "SQLITMUS_ACCEPT=migrations cargo test {}, and commit {}",
        "shipped_migrations_are_frozen",
        lock.display()
    )))
}

/// Returns the path of the file with the hashes: beside the folder; of code, in the package.
fn lock(subject: &Subject, history: &Migrations) -> Option<PathBuf> {
    let in_package = |path: &PathBuf| env::package_dir().join(path);
    let folder = match &subject.options.history {
        Some(folder) => Some(in_package(folder)),
        None => subject.template.folder(),
    };
    let named = subject.options.lock_file.as_ref().map(in_package);
    let of_code = || history.code().map(|_| in_package(&PathBuf::from("migrations.lock")));
    named.or_else(|| folder.filter(|folder| folder.is_dir()).map(|folder| lock_of(&folder))).or_else(of_code)
}

/// Returns the path of `migrations.lock` beside `migrations`.
fn lock_of(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    folder.with_file_name(name)
}

fn frozen(history: &Migrations, migration: &Migration) -> Frozen {
    // Git may convert line ends to those of the system.
    let sql = migration.prepared().map_or_else(|| migration.sql().to_owned(), |statements| statements.join(";\n"));
    let mut text = sql.replace("\r\n", "\n");
    if let Some(down) = migration.down_sql() {
        text.push_str("\n-- down\n");
        text.push_str(&down.replace("\r\n", "\n"));
    }
    // These formats tell the runner outside the SQL to leave out its transaction.
    let is_outside_sql = matches!(history.format(), Format::Diesel | Format::Goose | Format::Dbmate);
    if is_outside_sql && !history.is_wrapped(migration) {
        text.push_str("\n-- no transaction\n");
    }
    let hash = format!("{:016x}", xxh64(text.trim_end().as_bytes(), 0));
    Frozen { version: migration.version(), hash, name: migration.name().to_owned() }
}

fn read(lock: &Path) -> Result<Option<Vec<Frozen>>> {
    let text = match real_file::read_to_string(lock) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read the frozen migrations", lock, error)),
    };
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
    {
        let mut words = line.splitn(3, ' ');
        let parts = (words.next().and_then(|version| version.parse().ok()), words.next(), words.next());
        let (Some(version), Some(hash), Some(name)) = parts else {
            return Err(Error::new(ErrorKind::Suite, format!("cannot read {}:{}", lock.display(), number + 1))
                .evidence("the line", line)
                .help("restore the committed file"));
        };
        found.push(Frozen { version, hash: hash.to_owned(), name: name.trim_end().to_owned() });
    }
    Ok(Some(found))
}

fn write(lock: &Path, files: &[Frozen]) -> Result<()> {
    let mut text = HEAD.to_owned();
    for Frozen { version, hash, name } in files {
        let _ = writeln!(text, "{version} {hash} {name}");
    }
    real_file::replace(lock, &[text.as_bytes()]).map_err(|error| Error::io("write the frozen migrations", lock, error))
}

/// Returns an error unless the shipped migrations are the first ones of the files, unchanged. Code has no folder.
fn compare((lock, folder): (&Path, Option<PathBuf>), shipped: &[Frozen], files: &[Frozen]) -> Result<()> {
    for (place, old) in shipped.iter().enumerate() {
        let here = files.iter().find(|file| file.version == old.version);
        let elsewhere = files.iter().find(|file| file.hash == old.hash);
        let (what, now) = match (here, elsewhere) {
            (Some(file), _) if file.hash != old.hash => ("was edited after it was shipped", Some(file)),
            (Some(file), _) if file.name != old.name => ("was renamed after it was shipped", Some(file)),
            (None, Some(file)) => ("was renumbered after it was shipped", Some(file)),
            (None, None) => ("was removed after it was shipped", None),
            (Some(file), _) if files.get(place) != Some(file) => {
                ("is no longer the next one: another was inserted before it after it was shipped", files.get(place))
            }
            _ => continue,
        };
        let line = |frozen: &Frozen| format!("{} {} {}", frozen.version, frozen.hash, frozen.name);
        let mut diff = format!("- {}", line(old));
        if let Some(now) = now {
            let _ = write!(diff, "\n+ {}", line(now));
        }
        let was_code = old.name == format!("version {}", old.version);
        if let Some(now) = now.filter(|_| was_code == folder.is_some()) {
            return Err(of_another_source((lock, diff), (old, now), was_code));
        }
        let to = if folder.is_some() { "the files" } else { "the app's runner" };
        let error = Error::new(ErrorKind::Suite, format!("migration {} {what}: {}", old.version, old.name))
            .evidence(format!("from {} to {to}", lock.display()), diff)
            .migration(&old.name)
            .path(lock)
            .help("restore it, and make the change in a new migration: databases in the field have run the old one");
        // The command is pasted outside the folder. Git knows a file that was removed, too.
        let file = folder.map(|folder| folder.join(now.map_or(&old.name, |now| &now.name)));
        let known = file.filter(|file| now.is_none() || file.exists());
        return Err(error
            .given(known, |error, file| error.help(format!("to see the change: git log -p -- {}", file.display()))));
    }
    Ok(())
}

/// Returns the error for a history that was of files and is of the app's runner, or the other way round. What ran as code has
/// another hash than a file with the same statements.
fn of_another_source((lock, diff): (&Path, String), (old, now): (&Frozen, &Frozen), was_code: bool) -> Error {
    let source = if was_code { "a file" } else { "the app's runner" };
    let headline = format!("migration {} was frozen as {}, and comes from {source} now", old.version, old.name);
    Error::new(ErrorKind::Suite, headline)
        .evidence(format!("from {} to the template", lock.display()), diff)
        .migration(&now.name)
        .path(lock)
        .help(format!(
            "if the template was changed and the migrations were not, freeze them anew: delete {}, and run \
             SQLITMUS_ACCEPT=migrations cargo test shipped_migrations_are_frozen",
            lock.display()
        ))
}

#[cfg(test)]
mod tests {
    use super::frozen;
    use crate::migrations::Migrations;

    #[test]
    fn a_transaction_that_is_left_out_elsewhere_than_in_the_sql_counts() {
        let folder = tempfile::tempdir().unwrap();
        let migration = folder.path().join("2024-01-01-000000_notes");
        std::fs::create_dir(&migration).unwrap();
        std::fs::write(migration.join("up.sql"), "CREATE TABLE notes(id INTEGER PRIMARY KEY);").unwrap();
        let hash = || {
            let history = Migrations::load(folder.path()).unwrap();
            history.iter().map(|migration| frozen(&history, migration).hash).next().unwrap()
        };
        let wrapped = hash();
        std::fs::write(migration.join("metadata.toml"), "run_in_transaction = false").unwrap();
        assert_ne!(hash(), wrapped);
        std::fs::write(migration.join("metadata.toml"), "run_in_transaction = true").unwrap();
        assert_eq!(hash(), wrapped);
    }
}
