//! Two users on one machine, who share the folder for temporary files. Only root can start processes of other users.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{child, text};

/// A user who has no name on this machine.
const OTHER: u32 = 60_001;

/// A folder for temporary files that everybody can write to, and a test binary that is in no target folder.
struct Machine {
    folder: TempDir,
    binary: PathBuf,
}

impl Machine {
    /// Returns `None` where this process may not start processes of other users.
    fn new() -> Option<Machine> {
        let folder = tempfile::tempdir().unwrap();
        if fs::metadata(folder.path()).unwrap().uid() != 0 {
            print("left out: two users on one machine, for want of root");
            return None;
        }
        let binary = folder.path().join("tests");
        // By a process of its own: a child that another thread starts meanwhile would inherit the file open for writing, and
        // nobody can execute it then.
        let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&binary).status().unwrap();
        assert!(copied.success());
        for (path, mode) in [(folder.path(), 0o755), (&binary, 0o755)] {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
        for shared in ["tmp", "role"] {
            fs::create_dir(folder.path().join(shared)).unwrap();
            fs::set_permissions(folder.path().join(shared), Permissions::from_mode(0o1777)).unwrap();
        }
        Some(Machine { folder, binary })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a test of `child` as a user, whose `USER` is `name`, and returns whether it passed and its output.
    fn run(&self, user: u32, name: &str, test: &str, variables: &[(&str, &Path)]) -> (bool, String) {
        let mut command = Command::new(&self.binary);
        command.args(["--exact", &format!("child::{test}"), "--nocapture"]).env_clear();
        command.env("USER", name).env("TMPDIR", self.path("tmp")).env(child::ROLE, self.path("role"));
        command.envs(variables.iter().copied()).current_dir("/").uid(user).gid(user);
        let output = command.output().unwrap();
        let text = text(&output);
        assert!(text.contains("running 1 test"), "{text}");
        (output.status.success(), text)
    }

    /// Makes a folder of the other user, which everybody can enter.
    fn planted(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir(&path).unwrap();
        lchown(&path, Some(OTHER), Some(OTHER)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        path
    }

    fn planted_link(&self, name: &str, to: &Path) {
        symlink(to, self.path(name)).unwrap();
        lchown(self.path(name), Some(OTHER), Some(OTHER)).unwrap();
    }

    /// Returns how often the template was built.
    fn built(&self) -> usize {
        fs::read_to_string(self.path("role/seeded")).unwrap().lines().count()
    }
}

#[expect(clippy::print_stdout, reason = "the output says what was left out")]
fn print(line: &str) {
    println!("{line}");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn each_has_a_folder_of_its_own() {
    let Some(machine) = Machine::new() else { return };
    // Both append to it.
    fs::write(machine.path("role/seeded"), "").unwrap();
    fs::set_permissions(machine.path("role/seeded"), Permissions::from_mode(0o666)).unwrap();
    for _ in 0..2 {
        for (user, name) in [(0, "root"), (OTHER, "eve")] {
            let (passes, text) = machine.run(user, name, "uses_a_seeded_template", &[]);
            assert!(passes && !text.contains("note:"), "{text}");
            assert!(!machine.run(user, name, "fails_with_three_databases", &[]).0);
        }
    }
    assert_eq!(machine.built(), 2);
    assert_eq!(names(&machine.path("tmp")), ["sqlitmus-eve", "sqlitmus-root"]);
    for name in ["eve", "root"] {
        let own = machine.path(&format!("tmp/sqlitmus-{name}"));
        assert_eq!(mode(&own), 0o700);
        assert_eq!(mode(&own.join("kept/tests/child/fails_with_three_databases.db")), 0o600);
    }
}

/// The folder for root's files is prepared by the other user: as a folder, and as a link to a third one.
#[test]
fn a_planted_folder_is_not_used() {
    let Some(machine) = Machine::new() else { return };
    for is_link in [false, true] {
        let target = machine.planted(if is_link { "target" } else { "tmp/sqlitmus-root" });
        if is_link {
            fs::remove_dir(machine.path("tmp/sqlitmus-root")).unwrap();
            machine.planted_link("tmp/sqlitmus-root", &target);
        }
        let (passes, text) = machine.run(0, "root", "uses_a_seeded_template", &[]);
        let why = format!(
            "cannot use the folder: {}: it belongs to another user",
            machine.path("tmp/sqlitmus-root").display()
        );
        assert!(passes, "{text}");
        assert_eq!(text.matches(&format!("note: templates are not cached: {why}\n")).count(), 1, "{text}");
        let (_, text) = machine.run(0, "root", "fails_with_three_databases", &[]);
        assert_eq!(text.matches("note: database not kept: cannot use the folder: ").count(), 3, "{text}");
        assert!(text.contains("help: set SQLITMUS_DIR to a folder of your own"), "{text}");
        assert_eq!(names(&target), [""; 0]);
    }
}

/// `SQLITMUS_DIR` is a folder in which both write.
#[test]
fn a_planted_entry_is_not_read_and_a_planted_link_not_followed() {
    let Some(machine) = Machine::new() else { return };
    let shared = machine.planted("shared");
    let dir: &[(&str, &Path)] = &[("SQLITMUS_DIR", &shared)];
    assert!(machine.run(OTHER, "eve", "uses_a_seeded_template", dir).0);
    fs::set_permissions(machine.path("role/seeded"), Permissions::from_mode(0o666)).unwrap();
    for _ in 0..2 {
        let (passes, text) = machine.run(0, "root", "uses_a_seeded_template", dir);
        assert!(passes, "{text}");
        assert_eq!(machine.built(), 2, "root has built one, and reads that");
    }
    let private = machine.path("private");
    fs::create_dir_all(private.join("tests/child")).unwrap();
    let file = private.join("tests/child/fails_with_three_databases.db");
    fs::write(&file, "of root").unwrap();
    machine.planted_link("shared/kept", &private);
    let (_, text) = machine.run(0, "root", "fails_with_three_databases", dir);
    assert_eq!(text.matches("note: database not kept: cannot create the folder: ").count(), 3, "{text}");
    assert_eq!(fs::read(&file).unwrap(), b"of root");
    // The same link at the place of the cache.
    fs::remove_dir_all(shared.join("cache")).unwrap();
    machine.planted_link("shared/cache", &private);
    let (passes, text) = machine.run(0, "root", "uses_a_seeded_template", dir);
    assert!(passes && text.contains("cannot use the folder: "), "{text}");
    assert_eq!(names(&private), ["tests"]);
}

/// Others may enter the folder for temporary files, and not those of databases in it.
#[test]
fn a_database_on_disk_is_closed_to_others() {
    let Some(machine) = Machine::new() else { return };
    assert!(!machine.run(0, "root", "ends::aborts_with_a_database", &[]).0);
    let folder = names(&machine.path("tmp")).into_iter().find(|name| name.starts_with("sqlitmus-db-")).unwrap();
    let folder = machine.path("tmp").join(folder);
    assert_eq!(mode(&folder), 0o700);
    // Neither its files nor the folder can be deleted by the other user's next run.
    let (passes, text) = machine.run(OTHER, "eve", "passes", &[]);
    assert!(passes && folder.join("main.db").exists(), "{text}");
    let (passes, text) = machine.run(0, "root", "passes", &[]);
    assert!(passes && !folder.exists(), "{text}");
}
