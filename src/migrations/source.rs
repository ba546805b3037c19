//! Reads the files of a history from a folder, a single file, or a list that is compiled in.

use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::order::Order as _;
use crate::real_file;
use crate::report::nearest;

/// A file that may be a migration.
#[derive(Debug)]
pub(super) struct File<'a> {
    /// The path within the folder, with `/` as separator.
    pub(super) name: String,
    pub(super) content: Content<'a>,
}

#[derive(Debug)]
pub(super) enum Content<'a> {
    OnDisk(PathBuf),
    Given(&'a str),
}

impl File<'_> {
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.content {
            Content::OnDisk(path) => Some(path),
            Content::Given(_) => None,
        }
    }

    /// Returns the name of the file for a message: the path, so that it can be opened from there.
    pub(super) fn shown(&self) -> String {
        self.path().map_or_else(|| self.name.clone(), |path| path.display().to_string())
    }

    pub(super) fn read(&self) -> Result<String> {
        let text = match &self.content {
            Content::OnDisk(path) => match real_file::read(path) {
                Ok(bytes) => String::from_utf8(bytes).map_err(|error| self.not_utf8(&error))?,
                Err(error) => {
                    return Err(self
                        .error(format!("cannot read the migration: {}", self.shown()))
                        .evidence("the system says", error.to_string())
                        .because(error));
                }
            },
            Content::Given(text) => (*text).to_owned(),
        };
        match text.as_bytes().contains(&0) {
            true => Err(self.nul(&text)),
            false => Ok(text),
        }
    }

    pub(super) fn error(&self, headline: impl Into<String>) -> Error {
        Error::new(ErrorKind::History, headline).migration(&self.name).given(self.path(), Error::path)
    }

    fn not_utf8(&self, error: &std::string::FromUtf8Error) -> Error {
        let (bytes, at) = (error.as_bytes(), error.utf8_error().valid_up_to());
        let is_utf16 = matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
        self.error(format!("migration is not UTF-8: {}", self.shown()))
            .evidence("first invalid byte", format!("{:#04x} at byte {at}, line {}", bytes[at], line(bytes, at)))
            .help(if is_utf16 { "save it as UTF-8: it is UTF-16" } else { "save it as UTF-8" })
    }

    /// SQLite reads SQL only up to a NUL byte.
    fn nul(&self, text: &str) -> Error {
        let at = text.find('\0').unwrap_or_default();
        self.error(format!("migration contains a NUL byte: {}", self.shown()))
            .evidence("where", format!("byte {at}, line {}", line(text.as_bytes(), at)))
            .help("SQLite stops reading there: remove it, or save the file as UTF-8")
    }
}

fn line(bytes: &[u8], at: usize) -> usize {
    bytes[..at].iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// Returns the files in a folder and its subfolders. `None` if the path is not a folder.
pub(super) fn folder(path: &Path) -> Result<Option<Vec<File<'static>>>> {
    let mut files = Vec::new();
    match walk(path, "", &mut files) {
        Ok(()) => {}
        Err((_, error)) if error.kind() == io::ErrorKind::NotADirectory => return Ok(None),
        Err((folder, error)) if folder == path && error.kind() == io::ErrorKind::NotFound => {
            let what = if is_sql(path) { "no such migration" } else { "no such folder of migrations" };
            let absolute = std::path::absolute(path).ok().filter(|_| path.is_relative());
            let help = match beside(path) {
                Some(near) => Some(format!("did you mean {near}?")),
                None if is_sql(path) => None,
                None => Some("migrations in code are run by Template::migrate_to".to_owned()),
            };
            return Err(Error::new(ErrorKind::History, format!("{what}: {}", path.display()))
                .given(absolute, |report, path| report.note(format!("looked for at {}", path.display())))
                .given(help, Error::help)
                .path(path)
                .because(error));
        }
        Err((folder, error)) => {
            return Err(Error::new(
                ErrorKind::History,
                format!("cannot read the folder of migrations: {}", folder.display()),
            )
            .evidence("the system says", error.to_string())
            .path(&folder)
            .because(error));
        }
    }
    Ok(Some(files))
}

/// Returns the entry beside the missing `path` that is of the same kind and has nearly its name.
fn beside(path: &Path) -> Option<String> {
    let (parent, name) = (path.parent()?, path.file_name()?.to_str()?);
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let alike = |entry: &Path| if is_sql(path) { is_sql(entry) && entry.is_file() } else { entry.is_dir() };
    let entries = fs::read_dir(parent).ok()?.filter_map(Result::ok).filter(|entry| alike(&entry.path()));
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.order();
    nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
}

/// Returns true if a path has the extension of a migration.
pub(super) fn is_sql(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "sql")
}

/// The path that could not be read, and the error.
type Failure = (PathBuf, io::Error);

fn walk(folder: &Path, prefix: &str, files: &mut Vec<File<'static>>) -> Result<(), Failure> {
    let failed = |error| (folder.to_owned(), error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let file_name = entry.file_name();
        let name = file_name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let name = if prefix.is_empty() { name.into_owned() } else { format!("{prefix}/{name}") };
        let path = entry.path();
        // On every usual file system, listing a folder returns the types, so this is no system call per file.
        match entry.file_type().map(|kind| is_folder(kind, &path, prefix)) {
            Ok(true) => walk(&path, &name, files)?,
            _ => files.push(File { name, content: Content::OnDisk(path) }),
        }
    }
    Ok(())
}

/// Returns true for a folder. A link to one counts only at the top, where it can be a migration; further down it could
/// lead in circles.
fn is_folder(kind: FileType, path: &Path, prefix: &str) -> bool {
    kind.is_dir() || (kind.is_symlink() && prefix.is_empty() && path.is_dir())
}
