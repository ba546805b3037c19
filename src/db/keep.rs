//! Keeping the database of a test that failed, as a file that every tool opens.

use std::cell::Cell;
use std::io;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::image::{self, Image, MAIN, with_suffix};
use crate::env::{self, Keep};
use crate::error::{Error, Result};
use crate::real_file;
use crate::report::visible;
use crate::sim::Disk;

/// Where a database would be kept: under the name of its test, with a number if the test has several at once.
#[derive(Debug)]
pub(super) struct Place {
    caller: &'static Location<'static>,
    number: u32,
}

thread_local! {
    /// The numbers in use on this thread, one bit each. Databases that follow one another, as under proptest, get the
    /// same number, so that the last one is kept.
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

impl Place {
    /// Takes a number. An unknown `SQLITMUS_*` variable fails a test here, before anything depends on it.
    pub(super) fn take(caller: &'static Location<'static>) -> Result<Place> {
        env::settings()?;
        let taken = TAKEN.try_with(Cell::get).unwrap_or(0);
        let number = taken.trailing_ones();
        let _ = TAKEN.try_with(|cell| cell.set(taken | 1_u64.checked_shl(number).unwrap_or(0)));
        Ok(Place { caller, number })
    }

    /// Returns true if the database is to be kept, now that it is dropped. `failed` is true if something was found
    /// wrong with it.
    pub(super) fn is_wanted(&self, failed: bool) -> bool {
        match env::settings().map(|settings| settings.keep) {
            Ok(Keep::Always) => true,
            Ok(Keep::Never) => false,
            Ok(Keep::OnFailure) | Err(_) => failed || std::thread::panicking(),
        }
    }

    /// The line of the test that created the database.
    pub(super) fn caller(&self) -> &'static Location<'static> {
        self.caller
    }

    /// Writes the database and prints where, or why not. Never panics, because the test may be panicking already.
    /// `what` is part of the name of a database that is kept beside the test's own.
    #[expect(clippy::print_stderr, reason = "the line belongs to the output of the test, which the runner captures")]
    pub(super) fn keep(&self, what: &str, snapshot: io::Result<Arc<Disk>>) {
        match self.write(what, snapshot) {
            Ok(path) => eprintln!("note: database kept at {}", shown(&path)),
            Err(error) => eprintln!("note: database not kept: {error}"),
        }
    }

    fn write(&self, what: &str, snapshot: io::Result<Arc<Disk>>) -> Result<PathBuf> {
        let path = self.path(what)?;
        let snapshot = snapshot.map_err(|error| Error::io("read the database", &path, error))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        real_file::create_folders(&env::output_dir()?, folder).map_err(|error| {
            Error::io("create the folder", folder, error).help("set SQLITMUS_DIR to a writable folder")
        })?;
        // Files of an earlier test, which may have had a journal.
        for suffix in ["-wal", "-shm", "-journal"] {
            let _ = std::fs::remove_file(with_suffix(&path, suffix));
        }
        match folded(&snapshot) {
            Ok(image) => image.write(&path)?,
            // SQLite cannot make one file of it. Keep the files as they are, for finding out why.
            Err(_) => {
                for suffix in ["", "-wal", "-journal"] {
                    let blocks = snapshot.read(&format!("{MAIN}{suffix}")).filter(|blocks| blocks.len() > 0);
                    if let Some(blocks) = blocks {
                        Image { blocks }.write(&with_suffix(&path, suffix))?;
                    }
                }
            }
        }
        Ok(path)
    }

    fn path(&self, what: &str) -> Result<PathBuf> {
        let mut path = env::output_dir()?.join("kept");
        path.extend(test_binary());
        let test = test_name().unwrap_or_else(|| format!("{} line {}", self.caller.file(), self.caller.line()));
        path.extend(test.split("::").map(file_name));
        let number = if self.number == 0 { String::new() } else { format!("-{}", self.number + 1) };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        path.set_file_name(format!("{name}{number}{what}.db"));
        Ok(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let bit = 1_u64.checked_shl(self.number).unwrap_or(0);
        let _ = TAKEN.try_with(|cell| cell.set(cell.get() & !bit));
    }
}

/// Returns the name of the test that runs on this thread, if it is known.
fn test_name() -> Option<String> {
    env::nextest_test().or_else(|| {
        let thread = std::thread::current();
        // With one test thread, tests run on the main one, which does not know their names.
        thread.name().filter(|name| *name != "main").map(str::to_owned)
    })
}

/// Returns the command that runs this test again with a setting: `SQLITMUS_SEED=0x5f3a cargo test list_open`.
pub(crate) fn again_with(name: &str, value: impl std::fmt::Display) -> String {
    let test = test_name().map_or_else(String::new, |test| format!(" {test}"));
    format!("{name}={value} cargo test{test}")
}

/// Returns the command that shows what this test prints when it passes.
#[cfg(feature = "suite")]
pub(crate) fn shown_with() -> String {
    let test = test_name().map_or_else(String::new, |test| format!(" {test}"));
    format!("cargo test{test} -- --show-output")
}

/// Folds the database, its journals and its WAL into one file.
fn folded(snapshot: &Arc<Disk>) -> Result<Image> {
    // A copy, so that the original is intact if this fails half-way.
    let disk = snapshot.fork();
    let connection = image::open(&disk, Path::new(&disk.path_of(MAIN)), None)?;
    // Reading the schema rolls a hot journal back.
    connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        .map_err(|error| Error::sqlite("read the database", error))?;
    Image::of(connection, &disk)
}

/// Returns the name of the package, in front of that of the test binary: the packages of a workspace share a target folder, and
/// each may have a `tests/it`. The unit tests of a package have its name already.
fn test_binary() -> Vec<String> {
    let executable = std::env::current_exe().ok();
    let name = executable.as_deref().and_then(Path::file_stem).map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_else(|| String::from("tests"));
    // cargo appends a hash.
    let name = match name.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => file_name(name),
        _ => file_name(&name),
    };
    let package = env::package_name().map(|package| file_name(&package));
    package.filter(|package| package.replace('-', "_") != name).into_iter().chain([name]).collect()
}

/// Returns a part of a test's name as a file name that every file system takes.
fn file_name(part: &str) -> String {
    let mut name: String =
        part.trim().chars().map(|c| if c.is_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' }).collect();
    while name.len() > 120 {
        name.pop();
    }
    if name.is_empty() { String::from("_") } else { name }
}

/// Returns the path relative to the current folder if it is below it.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    visible(&path.strip_prefix(here).unwrap_or(path).to_string_lossy())
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use super::{Place, file_name};

    #[test]
    fn databases_at_once_have_numbers_and_one_after_another_share_one() {
        let here = Location::caller();
        let (one, two) = (Place::take(here).unwrap(), Place::take(here).unwrap());
        assert_eq!((one.number, two.number), (0, 1));
        drop(one);
        let three = Place::take(here).unwrap();
        assert_eq!(three.number, 0);
        drop((two, three));
        assert_eq!(Place::take(here).unwrap().number, 0);
        assert_eq!(Place::take(here).unwrap().number, 0);
    }

    #[test]
    fn more_databases_than_there_are_numbers() {
        let here = Location::caller();
        let places: Vec<Place> = (0..70).map(|_| Place::take(here).unwrap()).collect();
        assert_eq!(places[69].number, 64);
        drop(places);
        assert_eq!(Place::take(here).unwrap().number, 0);
    }

    #[test]
    fn any_name_of_a_test_is_a_name_of_a_file() {
        assert_eq!(file_name("case_1_a b/c"), "case_1_a_b_c");
        assert_eq!(file_name(".."), "__");
        assert_eq!(file_name(""), "_");
        assert_eq!(file_name(&"ü".repeat(200)).chars().count(), 60);
    }
}
