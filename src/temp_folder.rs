//! The folder of a database on disk: closed to other users, and deleted with it, by the process that made it, or else by a later one.

use std::path::Path;
use std::sync::{Once, OnceLock};
use std::{fs, io};

use tempfile::TempDir;

/// Names begin with this, and go on with the process that made the folder: its number, its start and the namespace in which it has
/// that number, as in `sqlitmus-db-4711-88312-4026531836-`.
const PREFIX: &str = "sqlitmus-db-";

/// A temporary folder that is deleted when it is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    /// `None` only while it is dropped.
    dir: Option<TempDir>,
    process: u32,
}

impl Folder {
    /// Creates a folder. The first one of a process deletes those of processes that were killed.
    pub(crate) fn create() -> io::Result<Folder> {
        static ONCE: Once = Once::new();
        let parent = std::env::temp_dir();
        ONCE.call_once(|| sweep(&parent));
        let process = std::process::id();
        let prefix = prefix_of(process);
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let dir = builder.tempdir_in(&parent)?;
        Ok(Folder { dir: Some(dir), process })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.as_ref().map_or(Path::new(""), TempDir::path)
    }
}

impl Drop for Folder {
    /// A child that a process has forked has its values too, but the folder is its parent's.
    fn drop(&mut self) {
        if self.process != std::process::id() {
            self.dir.take().map(TempDir::keep);
        }
    }
}

/// Returns the beginning of the names of a process's folders, which is looked up once. A forked child has another.
fn prefix_of(process: u32) -> String {
    static FIRST: OnceLock<(u32, String)> = OnceLock::new();
    // A number is used again, but not with the same start.
    let look_up =
        || format!("{PREFIX}{process}-{}-{}-", start_of(process).unwrap_or_default(), namespace().unwrap_or_default());
    let (first, prefix) = FIRST.get_or_init(|| (process, look_up()));
    if *first == process { prefix.clone() } else { look_up() }
}

/// Deletes the folders of processes that do not run any more. Those of other users cannot be deleted, and stay.
fn sweep(parent: &Path) {
    // Without these, nobody knows which processes run.
    let (Some(_), Some(namespace)) = (start_of(std::process::id()), namespace()) else { return };
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some((process, start, of)) = name.to_str().and_then(maker) else { continue };
        let is_folder = entry.file_type().is_ok_and(|file| file.is_dir());
        // Containers may share the folder, and do not see each other's processes.
        if is_folder && of == namespace && start_of(process) != Some(start) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Returns the process that made the folder of this name, when that started, and the namespace of its number.
fn maker(name: &str) -> Option<(u32, u64, u64)> {
    let mut parts = name.strip_prefix(PREFIX)?.split('-');
    let process = parts.next()?.parse().ok()?;
    let mut number = || parts.next()?.parse().ok().filter(|number| *number > 0);
    Some((process, number()?, number()?))
}

/// Returns the number of the namespace in which processes have their numbers.
fn namespace() -> Option<u64> {
    let link = fs::read_link("/proc/self/ns/pid").ok()?;
    link.to_str()?.strip_prefix("pid:[")?.strip_suffix(']')?.parse().ok()
}

/// Returns when a process started, in ticks since the machine did. `None` if there is no such process, or no `/proc`.
fn start_of(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the command is in parentheses, and may have spaces and parentheses itself.
    text.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::{Folder, maker, namespace, start_of, sweep};

    #[test]
    fn only_folders_of_processes_that_are_gone_are_swept() {
        let parent = tempfile::tempdir().unwrap();
        let (own, start) = (std::process::id(), start_of(std::process::id()).unwrap());
        let made = |name: String| {
            fs::create_dir_all(parent.path().join(&name).join("in")).unwrap();
            name
        };
        let here = namespace().unwrap();
        let alive = made(format!("sqlitmus-db-{own}-{start}-{here}-x"));
        made(format!("sqlitmus-db-{own}-{}-{here}-an-earlier-process", start + 1));
        made(format!("sqlitmus-db-4194305-7-{here}-beyond-the-largest-number"));
        let others = [
            made(String::from("sqlitmus-db-notes")),
            made(format!("sqlitmus-db-4194305-0-{here}-unknown")),
            made(format!("sqlitmus-db-4194305-7-{}-of-another-container", here + 1)),
        ];
        let file = format!("sqlitmus-db-4194305-7-{here}-file");
        fs::write(parent.path().join(&file), "").unwrap();
        sweep(parent.path());
        let mut left: Vec<_> =
            fs::read_dir(parent.path()).unwrap().map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        let mut expected = vec![alive, file];
        expected.extend(others);
        expected.sort();
        assert_eq!(left, expected);
    }

    #[test]
    fn a_forked_child_leaves_the_folder_of_its_parent() {
        let mut folder = Folder::create().unwrap();
        let path = folder.path().to_owned();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "nobody else can enter it");
        assert_eq!(maker(path.file_name().unwrap().to_str().unwrap()).unwrap().0, std::process::id());
        folder.process += 1;
        drop(folder);
        assert!(path.exists());
        let folder = Folder { dir: None, process: std::process::id() };
        drop(folder);
        fs::remove_dir_all(path).unwrap();
    }
}
