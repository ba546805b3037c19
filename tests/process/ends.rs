//! Processes that end within a test, that are stopped, and that wait for each other.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Process, text};

/// A process that is killed when the test ends, however it does.
struct Running(Child);

impl Running {
    fn start(process: &mut Process) -> Running {
        Running(process.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for(file: &Path) {
    while !file.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn folders(process: &Process) -> usize {
    fs::read_dir(process.path("tmp")).unwrap().count()
}

#[test]
fn the_next_run_deletes_what_a_process_could_not() {
    for test in ["exits_with_a_database", "aborts_with_a_database"] {
        let mut process = Process::new(&format!("ends::{test}"));
        let output = process.run();
        assert_eq!(folders(&process), 1, "{}", text(&output));
        let mut next = Process::new("passes").env("TMPDIR", process.path("tmp"));
        assert!(next.run().status.success());
        assert_eq!(folders(&process), 0, "{test}");
    }
}

/// A process that is killed leaves its folder, and one that runs keeps it.
#[test]
fn the_folder_of_a_process_that_runs_is_left_alone() {
    let mut process = Process::new("ends::holds_a_database");
    let running = Running::start(&mut process);
    wait_for(&process.path("ready"));
    let mut next = Process::new("passes").env("TMPDIR", process.path("tmp"));
    assert!(next.run().status.success());
    assert_eq!(folders(&process), 1);
    drop(running);
    assert!(next.run().status.success());
    assert_eq!(folders(&process), 0);
}

#[test]
fn a_forked_child_leaves_the_database_of_its_parent() {
    let output = Process::new("ends::forks").run();
    assert!(output.status.success() && text(&output).contains("1 passed"), "{}", text(&output));
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_that_is_stopped_while_it_builds_is_not_waited_for() {
    let mut stopped = Process::new("ends::builds_until_a_file_is_there");
    let running = Running::start(&mut stopped);
    wait_for(&stopped.path("ready"));
    running.signal("-STOP");
    // One of its threads takes the signal and stops the others, when it is run.
    let stat = format!("/proc/{}/stat", running.0.id());
    while !fs::read_to_string(&stat).unwrap().contains(") T ") {
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut process = Process::beside("ends::builds_until_a_file_is_there", &stopped);
    fs::write(stopped.path("go"), "").unwrap();
    let output = process.run();
    let note =
        format!("note: a template is built without a lock: process {}, which is stopped, has held ", running.0.id());
    assert!(output.status.success() && text(&output).contains(&note), "{}", text(&output));
    running.signal("-CONT");
}

#[test]
fn templates_of_two_processes_that_need_each_other() {
    let mut one = Process::new("ends::needs_the_other_one");
    let mut other = Process::beside("ends::needs_the_first_one", &one);
    let processes = [Running::start(&mut one), Running::start(&mut other)];
    for mut process in processes {
        let mut output = String::new();
        std::io::Read::read_to_string(process.0.stdout.as_mut().unwrap(), &mut output).unwrap();
        assert!(output.contains("the template needs itself while it is built"), "{output}");
    }
}

/// A named pipe or a device as an entry of the cache is neither read nor replaced, and the output says so.
#[test]
fn what_is_no_file_is_no_entry_of_the_cache() {
    let mut process = Process::new("uses_a_seeded_template");
    assert!(process.run().status.success());
    let name = process.files("out/cache").into_iter().find(|name| name.ends_with(".db")).unwrap();
    let entry = process.path("out/cache").join(name);
    let planted: [(&[&str], &str); 3] = [
        (&["mkfifo"], "it is a named pipe"),
        (&["ln", "-s", "/dev/zero"], "it is a symbolic link"),
        (&["mkdir"], "is a directory"),
    ];
    for (command, is) in planted {
        let _ = fs::remove_file(&entry);
        assert!(Command::new(command[0]).args(&command[1..]).arg(&entry).status().unwrap().success());
        let output = process.run();
        let note = format!("note: a template is not cached: cannot write {}: {is}\n", entry.display());
        assert!(output.status.success() && text(&output).contains(&note), "{}", text(&output));
    }
}

/// What is no folder holds neither the cache nor what is kept.
#[test]
fn what_is_no_folder_is_named() {
    let pipe = Process::new("passes");
    assert!(Command::new("mkfifo").arg(pipe.path("pipe")).status().unwrap().success());
    for path in [pipe.path("pipe"), "/dev/null".into(), "/dev/stdout".into()] {
        let path = path.display().to_string();
        let note =
            format!("note: templates are not cached: cannot use the folder: {path}/cache: {path} is no folder\n");
        let output = Process::new("uses_a_seeded_template").env("SQLITMUS_DIR", &path).run();
        assert!(output.status.success() && text(&output).contains(&note), "{}", text(&output));
        let output = Process::new("fails_with_three_databases").env("SQLITMUS_DIR", &path).run();
        let kept = text(&output).matches("note: database not kept: cannot create the folder: ").count();
        assert_eq!(kept, 3, "{}", text(&output));
    }
}

/// Nobody knows for whom a thread works that the app has started; that nothing runs any more can be seen.
#[cfg(target_os = "linux")]
#[test]
fn a_template_that_needs_itself_on_another_thread() {
    let output = Process::new("ends::needs_itself_on_another_thread").run();
    let says = "the template was not built while nothing ran for 10 seconds";
    assert!(output.status.success() && text(&output).contains(says), "{}", text(&output));
}
