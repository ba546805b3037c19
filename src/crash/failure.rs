//! The diagnosis of an image, and the text of its failure.

use super::power_cut::{PowerCut, Survival, Variant};
use super::promise::Loss;
use super::recording::Recording;
use crate::error::{Error, ErrorKind};
use crate::explore::{ActionPart, ContentChanges, ContentMatch, FILE_BY_FILE, Files, Outcome, replay_note};
use crate::report::count;
use crate::sim::{Entry, Event};

/// A problem of an image.
pub(super) enum Problem {
    Corrupt(String),
    HalfApplied,
    // A transaction over several files, by the number of its commit: one file has it, and another one has not.
    FileByFile {
        commit: usize,
    },
    // Some of the action's transactions are there.
    HalfDone,
    Lost {
        acknowledged: bool,
        // The commit point that should be there.
        wanted: usize,
        // The file that has lost it, if it is not the test's own database.
        of: Option<String>,
    },
    Invariant(String),
    // The action, run again after so many of its commits, fails or ends with other data.
    NotResumed {
        commits: usize,
        of: usize,
        outcome: Outcome,
        // From the end without a power cut to the end of the second run.
        changes: ContentChanges,
    },
    // Run again after so many of the commits, the action does not end, with what it repeats.
    Endless {
        commits: usize,
        of: usize,
        repeats: String,
    },
    // Run again, the action finds everything done, and nobody is ever told.
    NeverAcknowledged,
    // A second power cut, while SQLite recovered the image, left something else.
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
pub(super) struct Diagnosis<'a> {
    pub(super) problem: Problem,
    pub(super) image: &'a Image,
    pub(super) recording: &'a Recording,
    /// The part of the action that is there, unless SQLite cannot read the image.
    pub(super) part: Option<ActionPart>,
    pub(super) is_deterministic: bool,
}

pub(super) fn render(diagnosis: &Diagnosis<'_>) -> Error {
    let mut error = Error::new(ErrorKind::Crash, headline(diagnosis));
    if let Some(sql) = diagnosis.recording.statement_at(diagnosis.image.cut.point) {
        error = error.sql(sql);
    }
    if let Problem::Invariant(says) = &diagnosis.problem {
        error = error.evidence("it says", says);
    }
    match (&diagnosis.problem, &diagnosis.part) {
        (Problem::NotResumed { outcome, changes, .. }, _) => {
            error = error.evidence("the second run ended with", said(outcome));
            error = error.evidence("changes from the end without a power cut to this one", changes.to_string());
        }
        (Problem::Endless { repeats, .. }, _) => error = error.evidence("the second run has run", repeats),
        (Problem::NeverAcknowledged, _) => error = error.evidence("the second run ended with", "Ok"),
        (_, Some(ActionPart { done, missing })) => {
            error = error.evidence("changes that survived", done.to_string());
            error = error.evidence("changes missing", missing.to_string());
        }
        _ => {}
    }
    error =
        error.evidence("the disk (+ survived, - lost, ~ torn)", operations(&diagnosis.recording.log, diagnosis.image));
    for help in help(diagnosis).into_iter().chain(other_settings(diagnosis)) {
        error = error.help(help);
    }
    if !diagnosis.is_deterministic {
        error = error.note("the action made other disk operations when it was run again: a replay may differ");
    }
    error.note(replay_note(diagnosis.image.cut))
}

fn headline(diagnosis: &Diagnosis<'_>) -> String {
    let point = diagnosis.image.cut.point;
    let what = match diagnosis.image.cut.variant {
        Variant::All => "killing the process",
        _ => "a power cut",
    };
    let at = format!("{what} after operation {point}");
    let second = format!("a second power cut, during the recovery from one after operation {point}");
    let tables = |of: fn(&ActionPart) -> String| diagnosis.part.as_ref().map_or_else(String::new, of);
    match &diagnosis.problem {
        Problem::Corrupt(says) => format!("{at} leaves the database corrupt: {}", says.lines().next().unwrap_or("")),
        Problem::HalfApplied => format!("{at} leaves a transaction half-applied{}", tables(ActionPart::tables_done)),
        Problem::FileByFile { .. } => {
            let which = tables(ActionPart::one_without_other);
            format!("{at} leaves a transaction in one file and not in another{which}")
        }
        Problem::HalfDone => format!("{at} leaves the action half done{}", tables(ActionPart::one_without_other)),
        Problem::Lost { acknowledged: true, .. } => format!("{at} loses acknowledged changes"),
        Problem::Lost { .. } => format!("{at} loses committed changes{}", tables(ActionPart::tables_missing)),
        Problem::Invariant(_) => format!("{at} breaks an invariant"),
        Problem::NotResumed { commits, of, .. } | Problem::Endless { commits, of, .. } => {
            let does = match &diagnosis.problem {
                Problem::NotResumed { outcome: Outcome::Returned(()), .. } => "ends with other data",
                Problem::NotResumed { outcome: Outcome::Failed(_), .. } => "fails",
                Problem::NotResumed { outcome: Outcome::Panicked(_), .. } => "panics",
                _ => "does not end",
            };
            format!("the action {does} when it is run again: {what} after {commits} of {}", count(*of as u64, "commit"))
        }
        Problem::NeverAcknowledged => {
            format!("{at} is never made up for: nothing is acknowledged when it is run again")
        }
        Problem::SecondCut(ContentMatch::Corrupt(says)) => format!("{second}, leaves the database corrupt: {says}"),
        Problem::SecondCut(_) => format!("{second}, leaves other data"),
    }
}

/// The hint where the profile promises more than was found.
const OTHERWISE: &str = "look for a PRAGMA journal_mode or synchronous in the action, or for a connection that it opens \
                         without the profile";

fn help(diagnosis: &Diagnosis<'_>) -> Vec<String> {
    let promise = &diagnosis.recording.writer;
    match &diagnosis.problem {
        Problem::FileByFile { .. } => file_by_file(diagnosis.recording),
        Problem::Lost { of: Some(file), .. } if promise.loss() == Loss::None => {
            vec![format!(
                "{file} has its own journal_mode and synchronous, whatever the profile sets: PRAGMA archive.synchronous = \
                 FULL, where archive is the name that it is attached by, and archive.journal_mode = WAL"
            )]
        }
        Problem::Corrupt(_) | Problem::HalfApplied | Problem::Lost { .. }
            if diagnosis.image.cut.failed_sync.is_some() && promise.is_synced_by_checkpoints() =>
        {
            vec![format!(
                "{promise} syncs commits only before a checkpoint, whose error no commit returns; this syncs each: \
                 PRAGMA synchronous = FULL"
            )]
        }
        Problem::Corrupt(_) | Problem::HalfApplied | Problem::SecondCut(_) => match promise.remedy() {
            Some(remedy) => {
                let mut help = vec![format!("{promise} does not protect a transaction: PRAGMA {remedy}")];
                if promise.has_journal() {
                    help.push(String::from(
                        "if only the process can be killed, and the machine never loses power, say so: .process_kill()",
                    ));
                }
                help
            }
            None if diagnosis.recording.commits_file_by_file() => vec![String::from(FILE_BY_FILE)],
            None => vec![format!("{promise} protects a transaction: {OTHERWISE}")],
        },
        Problem::HalfDone => [
            Some("put all of its statements into one transaction"),
            diagnosis.recording.commits_file_by_file().then_some(FILE_BY_FILE),
            Some("if it goes on where it stopped when it is run again, say so: .each_transaction()"),
            Some("if its transactions are independent of each other, say so: .independent_transactions()"),
        ]
        .into_iter()
        .flatten()
        .map(String::from)
        .collect(),
        Problem::Lost { acknowledged: true, .. } => {
            vec![String::from("tell the user after the commit has returned, not before")]
        }
        Problem::Lost { .. } if promise.loss() != Loss::None => {
            vec![format!("{promise} may lose committed changes; this keeps them: PRAGMA {}", promise.durable())]
        }
        Problem::Lost { .. } => vec![format!("{promise} keeps every commit: {OTHERWISE}")],
        Problem::Invariant(_) => {
            vec![String::from("put the changes between which it does not hold into one transaction")]
        }
        Problem::NotResumed { .. } => vec![
            String::from("write what is done in the transaction that does it, and skip that in the next run"),
            String::from("if its transactions are independent of each other, say so: .independent_transactions()"),
        ],
        Problem::Endless { .. } => vec![String::from(
            "what it waits for was left by the run before: give it an owner or a time after which it counts no more",
        )],
        Problem::NeverAcknowledged => vec![String::from(
            "mark as done after it was sent, not before: whoever must not get it twice can be given a key",
        )],
    }
}

/// Returns the help for a transaction that is in one file and not in another.
fn file_by_file(recording: &Recording) -> Vec<String> {
    let promise = &recording.writer;
    let mut help = Vec::new();
    if recording.commits_file_by_file() {
        help.push(String::from(FILE_BY_FILE));
    }
    if let Some(remedy) = promise.remedy().filter(|remedy| !remedy.ends_with("WAL")) {
        help.push(format!("{promise} does not protect a transaction: PRAGMA {remedy}"));
    }
    if help.is_empty() {
        help.push(format!("{promise} protects a transaction: {OTHERWISE}"));
    }
    help
}

/// Returns the help where a connection that the app opens has other settings than the profile, which promise less.
fn other_settings(diagnosis: &Diagnosis<'_>) -> Option<String> {
    let Recording { promise, writer, .. } = diagnosis.recording;
    let is_of_settings = matches!(
        diagnosis.problem,
        Problem::Corrupt(_) | Problem::HalfApplied | Problem::SecondCut(_) | Problem::Lost { .. }
    );
    (is_of_settings && writer.loss() > promise.loss()).then(|| {
        format!(
            "the profile has {promise}, but a connection that the action opens has {writer}: give it the profile's settings"
        )
    })
}

fn said(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Returned(()) => "Ok",
        Outcome::Failed(says) | Outcome::Panicked(says) => says,
    }
}

/// The numbers of operations that are shown before the power cut, and after it.
const BEFORE: usize = 8;
const AFTER: usize = 3;

/// The operations around the power cut, a line each.
fn operations(log: &[Entry], image: &Image) -> String {
    let point = image.cut.point;
    let here = match image.cut.variant {
        Variant::All => "> the process is killed",
        _ => "> power cut",
    };
    let first = point.saturating_sub(BEFORE);
    let mut lines = Vec::new();
    if first > 0 {
        lines.push(format!("  … {first} earlier"));
    }
    for (at, Entry { event, .. }) in log.iter().enumerate().take(point + AFTER).skip(first) {
        if at == point {
            lines.push(String::from(here));
        }
        let is_change = matches!(event, Event::Write { .. } | Event::Truncate { .. } | Event::Delete { .. });
        let mark = match image.survivals.iter().rfind(|(of, _)| *of == at).map(|(_, survival)| *survival) {
            _ if at >= point || !is_change => ' ',
            None | Some(Survival::Kept) => '+',
            Some(Survival::Lost) => '-',
            Some(Survival::Torn(_)) => '~',
        };
        lines.push(format!("{mark} {} {}", at + 1, shown(event)));
    }
    if point >= log.len() {
        lines.push(String::from(here));
    }
    lines.join("\n")
}

fn shown(event: &Event) -> String {
    match event {
        Event::Write { file, offset, data } => format!("write {file} at {offset}, {} bytes", data.len()),
        Event::Truncate { file, len } => format!("resize {file} to {len} bytes"),
        Event::Sync { file, full: false } => format!("sync {file}"),
        Event::Sync { file, full: true } => format!("sync {file} fully"),
        Event::Delete { file, sync_dir: true } => format!("delete {file} and sync the directory"),
        Event::Delete { file, sync_dir: false } => format!("delete {file}"),
        Event::FailedSync { file } => format!("sync {file}, which fails"),
        Event::Released => String::from("the transaction ends"),
        Event::Acknowledged { .. } => String::from("acknowledged"),
    }
}
