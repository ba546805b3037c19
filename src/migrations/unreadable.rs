//! The errors of files that are no history.

use std::path::Path;

use super::migration::Format;
use super::names::{self, Role};
use super::source::File;
use crate::error::{Error, ErrorKind};
use crate::order::SortedSet;

/// A problem at which a runner would fail: a headline, the place, and a remedy.
pub(super) struct Unreadable {
    pub(super) what: String,
    /// A file, with a line where there is one; or some files, one a line.
    pub(super) place: String,
    pub(super) help: Option<&'static str>,
    error: Error,
}

impl Unreadable {
    /// A problem of one file.
    pub(super) fn of(
        file: &File<'_>,
        what: impl Into<String>,
        line: Option<usize>,
        help: Option<&'static str>,
    ) -> Unreadable {
        let what = what.into();
        let place = line.map_or_else(|| file.shown(), |line| format!("{}:{line}", file.shown()));
        let error = file.error(format!("{what}: {place}")).given(help, Error::help);
        Unreadable { what, place, help, error }
    }

    /// A file that cannot be read.
    pub(super) fn because(file: &File<'_>, error: Error) -> Unreadable {
        let place = file.shown();
        let what = error.headline().strip_suffix(&format!(": {place}")).unwrap_or(error.headline()).to_owned();
        Unreadable { what, place, help: None, error }
    }

    /// A problem of two files.
    pub(super) fn between(folder: Option<&Path>, what: String, [one, other]: [&File<'_>; 2]) -> Unreadable {
        let place = format!("{}\n{}", one.name, other.name);
        let error = of_folder(folder, what.clone()).evidence("files", place.clone());
        Unreadable { what, place, help: None, error }
    }
}

/// Returns one error for all problems of a folder.
pub(super) fn error(folder: Option<&Path>, mut problems: Vec<Unreadable>) -> Option<Error> {
    if problems.len() < 2 {
        return problems.pop().map(|problem| problem.error);
    }
    let place = folder.map_or_else(String::new, |folder| format!(": {}", folder.display()));
    let mut error = Error::new(ErrorKind::History, format!("{} problems in the migrations{place}", problems.len()))
        .given(folder, Error::path);
    let mut places: Vec<(&str, Vec<&str>)> = Vec::new();
    for problem in &problems {
        match places.iter_mut().find(|(what, _)| *what == problem.what) {
            Some((_, places)) => places.push(&problem.place),
            None => places.push((&problem.what, vec![&problem.place])),
        }
    }
    for (what, places) in places {
        error = error.evidence(what, places.join("\n"));
    }
    let mut helps: Vec<&str> = Vec::new();
    for help in problems.iter().filter_map(|problem| problem.help) {
        if !helps.contains(&help) {
            helps.push(help);
            error = error.help(help);
        }
    }
    Some(error)
}

pub(super) fn of_folder(folder: Option<&Path>, headline: String) -> Error {
    Error::new(ErrorKind::History, headline)
        .given(folder, |error, folder| error.evidence("folder", folder.display().to_string()).path(folder))
}

/// Tools whose migrations are programs, by the extension of their files.
const PROGRAMS: [(&str, &str); 9] = [
    ("fizz", "fizz (pop)"),
    ("xml", "XML (Liquibase)"),
    ("py", "Python (Alembic, Django)"),
    ("rb", "Ruby (Rails)"),
    ("js", "JavaScript (Knex, Sequelize)"),
    ("ts", "TypeScript (TypeORM, Knex)"),
    ("php", "PHP (Laravel)"),
    ("exs", "Elixir (Ecto)"),
    ("rs", "Rust (SeaORM)"),
];

/// The error of files with no migration among them.
pub(super) fn nothing(files: &[File<'_>], folder: Option<&Path>) -> Error {
    let Some(folder) = folder else {
        return Error::new(ErrorKind::History, "no migration in the list");
    };
    let error = |what: String| Error::new(ErrorKind::History, format!("{what}: {}", folder.display())).path(folder);
    if let Some((subfolders, best)) = subfolders(files) {
        let plural = if subfolders.len() == 1 { "" } else { "s" };
        return error(format!("no migration in the folder, but in its subfolder{plural} {}", subfolders.join(", ")))
            .help(format!("load {}", folder.join(best).display()));
    }
    let mut names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    let sql: Vec<&str> = names.iter().copied().filter(|name| name.ends_with(".sql")).collect();
    // SeaORM's start with a date.
    let is_program = |stem: &str, ending: &str| ending != "rs" || stem.len() > 4 && stem.starts_with("m2");
    let count = |ending: &str| {
        let endings = names.iter().filter_map(|name| name.rsplit_once('.'));
        endings.filter(|(stem, other)| *other == ending && is_program(stem, ending)).count()
    };
    let programs = PROGRAMS.iter().map(|(ending, tool)| (count(ending), tool)).max_by_key(|(count, _)| *count);
    let programs = programs.filter(|(count, _)| *count > 0 && sql.is_empty());
    let (what, help) = match (programs, sql.as_slice()) {
        (Some((count, tool)), _) => (
            format!("no migration in SQL, but {count} in {tool}"),
            "let the app create the database, by Template::migrate_with or Template::migrate_path".to_owned(),
        ),
        (None, [file]) => (
            "no migration in the folder".to_owned(),
            format!("if {file} is the whole schema, load the file: {}", folder.join(file).display()),
        ),
        (None, _) => (
            "no migration in the folder".to_owned(),
            "a migration is a file such as 001_users.sql, or a folder such as 001_users with an up.sql".to_owned(),
        ),
    };
    let more = names.len() > 5;
    names.truncate(5);
    names.extend(more.then_some("..."));
    let error = error(what);
    let error = if names.is_empty() { error } else { error.evidence("what is there", names.join("\n")) };
    error.help(help)
}

/// Returns the subfolders that hold migrations, and the one to load: that of SQLite, or the first.
fn subfolders<'f>(files: &'f [File<'_>]) -> Option<(Vec<&'f str>, &'f str)> {
    let mut found: SortedSet<&str> = SortedSet::new();
    for (first, rest) in files.iter().filter_map(|file| file.name.split_once('/')) {
        if matches!(names::role(rest), Role::Script(_)) || names::is_in_version(rest) {
            found.insert(first);
        }
    }
    let names: Vec<&str> = found.into_iter().collect();
    let best = names.iter().find(|name| names::is_dialect(name) == Some(true)).or(names.first()).copied()?;
    Some((names, best))
}

/// The error of a file in a list that is no SQL.
pub(super) fn wrong_ending(file: &File<'_>) -> Error {
    file.error(format!("migration whose name does not end with .sql: {}", file.shown())).help("rename it")
}

pub(super) fn mixed(
    files: &[File<'_>],
    folder: Option<&Path>,
    (one, of): (usize, Format),
    (other, of_other): (usize, Format),
) -> Error {
    let line =
        |index: usize, format: Format| format!("{}  looks like {format} ({})", files[index].name, format.example());
    of_folder(folder, format!("migrations of two formats: {of} and {of_other}"))
        .evidence("files", format!("{}\n{}", line(one, of), line(other, of_other)))
        .help("a runner of one format ignores the files of the other: keep one format")
}
