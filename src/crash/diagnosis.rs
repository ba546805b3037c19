//! What is wrong with an image, and everything that its failure shows, as values.

use std::sync::Arc;

use super::power_cut::PowerCut;
use super::promise::Promise;
use super::recording::Recording;
use super::variant::Survival;
use crate::db::MAIN;
use crate::explore::{ActionPart, ContentMatch, Files};
use crate::sim::{Entry, Event};

/// What is wrong with an image.
pub(super) enum Problem {
    Corrupt(String),
    HalfApplied,
    /// Some of the action's transactions are there.
    HalfDone,
    Lost {
        acknowledged: bool,
        /// The commit point that should be there.
        wanted: usize,
    },
    Invariant(String),
    /// A second power cut, while SQLite recovered the image, left something else.
    SecondCut(ContentMatch),
}

/// The image that shows a problem.
pub(super) struct Image {
    pub(super) cut: PowerCut,
    pub(super) files: Files,
    /// The places in the log of the operations that were not synced, and what is left of each.
    pub(super) survivals: Vec<(usize, Survival)>,
}

/// Everything that a failure shows.
pub(super) struct Diagnosis {
    pub(super) problem: Problem,
    pub(super) cut: PowerCut,
    /// The statement that was running when the power was cut.
    pub(super) statement: Option<Arc<str>>,
    /// How much of the action is there, unless SQLite cannot read the image.
    pub(super) part: Option<ActionPart>,
    /// The operations around the power cut.
    pub(super) operations: Vec<Operation>,
    pub(super) promise: Promise,
    /// True if several databases are written, one of them with a WAL.
    pub(super) spans_files_with_a_wal: bool,
    pub(super) is_deterministic: bool,
}

/// An operation on the disk.
pub(super) struct Operation {
    pub(super) at: usize,
    pub(super) event: Event,
    /// What is left of a change that was made before the power cut.
    pub(super) survival: Option<Survival>,
}

/// How many operations are shown before the power cut, and after it.
const BEFORE: usize = 8;
const AFTER: usize = 3;

impl Diagnosis {
    pub(super) fn of(
        recording: &Recording,
        image: &Image,
        part: Option<ActionPart>,
        problem: Problem,
        is_deterministic: bool,
    ) -> Diagnosis {
        let log = &recording.log;
        let running = log.get(image.cut.point).or(log.last()).and_then(|entry| entry.statement.as_ref());
        Diagnosis {
            problem,
            cut: image.cut,
            statement: running.map(|(_, sql)| Arc::clone(sql)),
            part,
            operations: operations(log, image),
            promise: recording.promise.clone(),
            spans_files_with_a_wal: spans_files_with_a_wal(log),
            is_deterministic,
        }
    }
}

fn operations(log: &[Entry], image: &Image) -> Vec<Operation> {
    let point = image.cut.point;
    let around = log.iter().enumerate().take(point + AFTER).skip(point.saturating_sub(BEFORE));
    around
        .map(|(at, Entry { event, .. })| {
            let is_change = matches!(event, Event::Write { .. } | Event::Truncate { .. } | Event::Delete { .. });
            let survival = image.survivals.iter().rfind(|(of, _)| *of == at).map_or(Survival::Kept, |(_, left)| *left);
            Operation { at, event: event.clone(), survival: (at < point && is_change).then_some(survival) }
        })
        .collect()
}

/// Returns true if several databases are written, one of them with a WAL, see <https://www.sqlite.org/lang_attach.html>.
fn spans_files_with_a_wal(log: &[Entry]) -> bool {
    let written = || {
        log.iter().filter_map(|entry| match &entry.event {
            Event::Write { file, .. } => Some(&**file),
            _ => None,
        })
    };
    written().any(|file| file.ends_with("-wal")) && written().any(|file| !file.starts_with(MAIN))
}
