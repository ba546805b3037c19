//! The commits of a run: the place of each in its log, and the content of the database.

use super::disk_model::DiskModel;
use super::recording::Recording;
use crate::error::{Error, ErrorKind, Result};
use crate::explore::KnownContents;
use crate::sim::{Entry, Event};

/// The end of a transaction that changed something. The first one is the state before the action.
pub(super) struct CommitPoint {
    /// The place in the log after which the app knows of the commit.
    pub(super) at: usize,
    /// The number of the content.
    pub(super) content: usize,
    /// True if the action may stop here: before it, after it, and wherever the app has told its user.
    pub(super) may_stop: bool,
}

pub(super) struct CommitPoints {
    pub(super) all: Vec<CommitPoint>,
    /// The calls of `acknowledge`: the place of each in the log, and the commit point that it is about.
    pub(super) acknowledged: Vec<(usize, usize)>,
}

impl CommitPoints {
    /// Finds the commit points of a recording: the releases of a write lock that left another content.
    pub(super) fn find(recording: &Recording, contents: &mut KnownContents) -> Result<CommitPoints> {
        let unreadable = |says: String| {
            Error::new(ErrorKind::Crash, "the database cannot be read after a transaction of the action")
                .evidence("SQLite says", says)
        };
        let log = &recording.log;
        let mut model = DiskModel::new(&recording.files);
        let content = contents.learn(&recording.files).map_err(unreadable)?;
        let mut all = vec![CommitPoint { at: 0, content, may_stop: true }];
        let mut acknowledged = Vec::new();
        // With locking_mode=EXCLUSIVE no lock shows a commit. If there is a journal, what SQLite recovers at each moment does.
        let each = recording.promise.locks_are_kept && recording.promise.has_journal();
        for (at, entry) in log.iter().enumerate() {
            model.replay_to(log, at + 1);
            if let Event::Acknowledged { unfinished } = entry.event {
                acknowledged.push((at, all.len() - 1 + usize::from(unfinished)));
            }
            let is_last = at + 1 == log.len();
            if entry.event == Event::Released || each || is_last {
                let content = contents.learn(&model.live()).map_err(unreadable)?;
                if all.last().is_some_and(|last| last.content != content) {
                    let at = if each { end_of_statement(log, at) } else { at };
                    all.push(CommitPoint { at, content, may_stop: false });
                }
            }
        }
        let last = all.len() - 1;
        for index in acknowledged.iter().map(|(_, index)| *index).chain([last]) {
            if let Some(point) = all.get_mut(index) {
                point.may_stop = true;
            }
        }
        Ok(CommitPoints { all, acknowledged })
    }

    /// Returns the number of transactions.
    pub(super) fn commits(&self) -> usize {
        self.all.len() - 1
    }

    /// Returns the last commit point whose transaction had returned to the app when the first `point` events had happened.
    pub(super) fn committed(&self, point: usize) -> usize {
        self.all.iter().skip(1).take_while(|commit| commit.at < point).count()
    }

    /// Returns the last commit point of which the app had told its user by then.
    pub(super) fn acknowledged_by(&self, point: usize) -> usize {
        let told = self.acknowledged.iter().filter(|(at, _)| *at < point).map(|(_, index)| *index);
        told.max().unwrap_or(0)
    }
}

/// Returns the last event of the statement to which the event at `at` belongs, after which the statement returns.
fn end_of_statement(log: &[Entry], at: usize) -> usize {
    let number = |entry: &Entry| entry.statement.as_ref().map(|(number, _)| *number);
    let statement = number(&log[at]);
    at + log[at + 1..].iter().take_while(|entry| statement.is_some() && number(entry) == statement).count()
}
