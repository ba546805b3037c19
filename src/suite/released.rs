//! The versions that were released: those that are named, and those that the tags of git have.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, ErrorKind, Result};
use crate::migrations::{Migration, Migrations};
use crate::order::SortedSet;

/// Released versions, as they are named.
#[derive(Clone, Debug)]
pub(crate) enum Released {
    Versions(Vec<i64>),
    /// The versions at the tags that match this pattern.
    Tags(String),
}

impl Released {
    /// Returns how many migrations the released databases have. `folder` is the one of the history.
    pub(crate) fn counts(&self, history: &Migrations, folder: Option<&Path>) -> Result<SortedSet<usize>> {
        match self {
            Released::Versions(versions) => {
                versions.iter().map(|version| count_at(history, *version, ".released")).collect::<Result<_, _>>()
            }
            Released::Tags(pattern) => {
                let Some(folder) = folder else {
                    return Err(Error::new(ErrorKind::History, "the files of the history are in no folder")
                        .help("name the released versions: .released(&[..])"));
                };
                let trees = Repository { folder }.trees(pattern)?;
                let counts = trees.iter().map(|names| newest(history, names)).filter(|count| *count > 0);
                let counts: SortedSet<usize> = counts.collect();
                if counts.is_empty() {
                    let headline = format!("no tag {pattern} has a migration of {}", folder.display());
                    return Err(Error::new(ErrorKind::History, headline)
                        .path(folder)
                        .help("if the files had other names, name the released versions: .released(&[..])"));
                }
                Ok(counts)
            }
        }
    }
}

/// Returns how many migrations a database of this version has. `option` is the method that names the version.
pub(crate) fn count_at(history: &Migrations, version: i64, option: &str) -> Result<usize> {
    match history.iter().position(|migration| migration.version() == version) {
        Some(index) => Ok(index + 1),
        None => {
            let error =
                Error::new(ErrorKind::Suite, format!("no migration has version {version}: {option}({version})"));
            let (first, last) = (history.iter().next(), history.iter().last());
            Err(error.given(first.zip(last), |error, (first, last)| {
                error.help(format!("the versions are from {} to {}", first.version(), last.version()))
            }))
        }
    }
}

/// Returns how many migrations there are up to the newest one that is among these files.
fn newest(history: &Migrations, names: &SortedSet<String>) -> usize {
    // A migration is a file or a folder of files.
    let name = |migration: &Migration| migration.name().split('/').next().unwrap_or_default().to_owned();
    history.iter().rposition(|migration| names.contains(&name(migration))).map_or(0, |index| index + 1)
}

/// The repository that a folder is in.
struct Repository<'a> {
    folder: &'a Path,
}

impl Repository<'_> {
    /// Returns the names in the folder at each tag that matches, once if several tags have the same.
    fn trees(&self, pattern: &str) -> Result<Vec<SortedSet<String>>> {
        let tags = self.git(&["for-each-ref", "--format=%(refname)", &format!("refs/tags/{pattern}")], "")?;
        if tags.is_empty() {
            return Err(Error::new(ErrorKind::History, format!("git has no tag {pattern}"))
                .path(self.folder)
                .help("a shallow clone has no tags: fetch them with git fetch --tags"));
        }
        // One process for all tags: there may be hundreds.
        let questions: String = tags.lines().map(|tag| format!("{tag}:./\n")).collect();
        let answers = self.git(&["cat-file", "--batch-check"], &questions)?;
        let trees: SortedSet<&str> =
            answers.lines().filter_map(|line| line.split_once(" tree ")).map(|it| it.0).collect();
        let names = |tree: &&str| {
            let list = self.git(&["ls-tree", "--full-tree", "--name-only", "-z", tree], "")?;
            Ok(list.split_terminator('\0').map(str::to_owned).collect())
        };
        trees.iter().map(names).collect()
    }

    /// Returns what git prints.
    fn git(&self, arguments: &[&str], input: &str) -> Result<String> {
        let folder = if self.folder.is_dir() { self.folder } else { self.folder.parent().unwrap_or(self.folder) };
        let cannot = |error| Error::io("run git", folder, error);
        let mut command = Command::new("git");
        // In a hook of git, these name another place.
        command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").current_dir(folder).args(arguments);
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = pipes.spawn().map_err(cannot)?;
        let stdin = process.stdin.take();
        // Another thread writes, so that neither side waits for the other one.
        let output = std::thread::scope(|scope| {
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
            process.wait_with_output()
        });
        let output = output.map_err(cannot)?;
        if !output.status.success() {
            return Err(Error::new(ErrorKind::History, format!("git {} failed", arguments[0]))
                .path(folder)
                .evidence("it says", String::from_utf8_lossy(&output.stderr))
                .help("name the released versions: .released(&[..])"));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
