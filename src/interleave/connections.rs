//! The connections of one task: which of them are being opened, and on which a statement runs.
//!
//! A statement names its connection by a number, an operation on the disk by the file that the connection has open. Which belong
//! together shows when a statement takes a lock.
//!
//! Opening a connection is no step of the task, up to its first statement that is more than a PRAGMA which sets it up: how
//! many a pool opens is a matter of time. SQLite reads the schema then, and checks it again before each statement. Only where
//! the first connection sets something of the database, such as its journal mode, others may see it.

use crate::order::{SortedMap, SortedSet};
use crate::sql::Setting;

#[derive(Default)]
pub(super) struct TaskConnections {
    /// Those that the task has opened itself and not closed.
    open: Vec<Opened>,
    /// The files of those that have taken a lock for a statement, by their numbers.
    files: SortedMap<usize, usize>,
    /// The numbers of those that have run a statement other than a setting.
    used: SortedSet<usize>,
    running: Option<Running>,
    /// The threads that run a PRAGMA which is no step.
    setting_up: SortedSet<usize>,
}

struct Opened {
    file: usize,
    /// True until it runs a statement other than a setting.
    is_opening: bool,
}

/// The connection and the thread of the statement that has started last.
#[derive(Clone, Copy)]
struct Running {
    connection: usize,
    thread: usize,
    is_setting: bool,
}

impl TaskConnections {
    /// Notes that the task opens a connection itself.
    pub(super) fn opens(&mut self, file: usize) {
        self.open.push(Opened { file, is_opening: true });
    }

    pub(super) fn closes(&mut self, file: usize) {
        self.open.retain(|open| open.file != file);
        self.files.retain(|_, open| *open != file);
    }

    /// Returns the number of connections that the task has opened itself and not closed.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// Notes that a PRAGMA is about to set something. Returns true if that sets up a connection, and is no step.
    pub(super) fn sets_up(&mut self, connection: usize, thread: usize, setting: &Setting) -> bool {
        let is_first = connection == 1;
        let is_given = connection == 0;
        let sets_up = !is_given && !self.used.contains(&connection) && (setting.is_of_connection || !is_first);
        if sets_up {
            self.setting_up.insert(thread);
        }
        sets_up
    }

    /// Notes the end of a statement. Returns true if it was no step.
    pub(super) fn is_set_up(&mut self, thread: usize) -> bool {
        self.setting_up.remove(&thread)
    }

    /// Notes that a statement starts while as many others run. Returns true if one of them runs on another connection.
    pub(super) fn starts(&mut self, connection: usize, thread: usize, is_setting: bool, others: u32) -> bool {
        let at_once = others > 0 && self.running.is_some_and(|running| running.connection != connection);
        self.running = Some(Running { connection, thread, is_setting });
        self.setting_up.remove(&thread);
        if !is_setting {
            self.used.insert(connection);
        }
        at_once
    }

    /// Returns true for what a thread does to open a connection. `file` is that of an operation on locks, and `is_running` is
    /// true if a statement of the task is a step that goes on.
    pub(super) fn opens_by(&self, file: Option<usize>, thread: usize, is_running: bool) -> bool {
        let runs_here = || is_running && self.running.is_some_and(|running| running.thread == thread);
        let is_being_opened = || self.open.iter().any(|open| Some(open.file) == file && open.is_opening);
        self.setting_up.contains(&thread) || is_being_opened() && !runs_here()
    }

    /// Notes that the running statement takes a lock.
    pub(super) fn locks(&mut self, file: usize, thread: usize) {
        let Some(running) = self.running.filter(|running| running.thread == thread) else { return };
        // A database that is attached has another file.
        if *self.files.get_or_insert_with(running.connection, || file) == file && !running.is_setting {
            self.open.iter_mut().filter(|open| open.file == file).for_each(|open| open.is_opening = false);
        }
    }

    /// Returns the file of the connection on which a statement runs or ran last.
    pub(super) fn file_of_running(&self) -> Option<usize> {
        self.files.get(&self.running?.connection).copied()
    }
}
