//! How a power cut reads that left what it must not leave.

use super::explorer::{Explorer, PowerCut, Problem};
use super::images::{Survival, Variant};
use super::promise::Loss;
use crate::db::MAIN;
use crate::error::{Error, ErrorKind};
use crate::explore::{self, ContentMatch, Failure, Files, OpenedFiles};
use crate::sim::{Disk, Entry, Event};

/// The image at which it was seen.
pub(super) struct Image {
    pub(super) files: Files,
    /// Where in the log the operations stand that were not synced, and what has become of them.
    pub(super) survivals: Vec<(usize, Survival)>,
    pub(super) cut: PowerCut,
}

pub(super) fn of(explorer: &Explorer<'_, '_>, image: Image, problem: Problem) -> Failure {
    let opened = explorer.contents.open(&image.files).ok();
    let mut error = Error::new(ErrorKind::Crash, headline(explorer, &image, &problem, opened.as_ref()));
    let log = &explorer.recording.log;
    let point = image.cut.point;
    let running = log.get(point).or(log.last()).and_then(|entry| entry.statement.as_ref());
    if let Some((_, sql)) = running {
        error = error.sql(sql);
    }
    if let Problem::Invariant(says) = &problem {
        error = error.evidence("it says", says);
    }
    if let Some(opened) = &opened {
        let (before, after) = explorer.around(point);
        let after = match problem {
            Problem::Lost { wanted, .. } => explorer.boundaries.all.get(wanted).map(|(_, content)| *content),
            _ => Some(after),
        };
        error = error.evidence("what it did, and is there", or_nothing(explorer.contents.changes_to(before, opened)));
        if let Some(after) = after {
            error = error.evidence("what is missing", or_nothing(explorer.contents.changes_from(opened, after)));
        }
    }
    error = error.evidence("the disk (+ there, - lost, ~ torn)", operations(log, image.cut, &image.survivals));
    for help in help(explorer, &problem) {
        error = error.help(help);
    }
    if !explorer.is_deterministic() {
        error =
            error.note("the action did something else to the disk when it was run again: what is repeated may differ");
    }
    error = error.note(explore::replay_note(image.cut));
    Failure { error, left: Some(Disk::with_files(image.files)) }
}

fn or_nothing(text: String) -> String {
    if text.is_empty() { String::from("nothing") } else { text }
}

fn headline(explorer: &Explorer<'_, '_>, image: &Image, problem: &Problem, opened: Option<&OpenedFiles>) -> String {
    let what = match image.cut.variant {
        Variant::All => "killing the process",
        _ => "a power cut",
    };
    let at = format!("{what} after operation {}", image.cut.point);
    let (there, missing) = opened.map_or_else(Default::default, |opened| tables(explorer, image.cut.point, opened));
    let named = |tables: &[String]| if tables.is_empty() { String::new() } else { format!(": {}", tables.join(", ")) };
    match problem {
        Problem::Corrupt(says) => format!("{at} leaves the database corrupt: {}", says.lines().next().unwrap_or("")),
        Problem::HalfApplied => format!("{at} leaves a transaction half-applied{}", named(&there)),
        Problem::HalfDone => {
            format!("{at} leaves the action half done{}", explore::one_without_other(&there, &missing))
        }
        Problem::Lost { acknowledged: true, .. } => format!("{at} loses what was acknowledged"),
        Problem::Lost { .. } => format!("{at} loses what was committed{}", named(&missing)),
        Problem::Invariant(_) => format!("{at} breaks an invariant"),
        Problem::SecondCut(ContentMatch::Corrupt(says)) => {
            format!(
                "a second power cut, while SQLite recovers from one after operation {}, leaves the database corrupt: {says}",
                image.cut.point
            )
        }
        Problem::SecondCut(_) => {
            format!(
                "a second power cut, while SQLite recovers from one after operation {}, leaves something else",
                image.cut.point
            )
        }
    }
}

/// The tables that the action has changed in what is left, and those that it was going to.
fn tables(explorer: &Explorer<'_, '_>, point: usize, opened: &OpenedFiles) -> (Vec<String>, Vec<String>) {
    let (before, after) = explorer.around(point);
    (explorer.contents.tables_to(before, opened), explorer.contents.tables_from(opened, after))
}

/// Where to look when the profile promises more than was found.
const OTHERWISE: &str = "look for a PRAGMA journal_mode or synchronous in the action, or for a connection that it opens \
                         by itself, without them";

fn help(explorer: &Explorer<'_, '_>, problem: &Problem) -> Vec<String> {
    let promise = &explorer.recording.promise;
    match problem {
        Problem::Corrupt(_) | Problem::HalfApplied | Problem::SecondCut(_) => match promise.remedy() {
            Some(remedy) => {
                let mut help = vec![format!("{promise} does not protect a transaction: PRAGMA {remedy}")];
                if promise.has_journal() {
                    help.push(String::from(
                        "if only the process may die, and never the machine, say so: .process_kill()",
                    ));
                }
                help
            }
            None if spans_files_with_a_wal(&explorer.recording.log) => vec![String::from(explore::FILE_BY_FILE)],
            None => vec![format!("{promise} protects a transaction: {OTHERWISE}")],
        },
        Problem::HalfDone => vec![
            String::from("put all of it into one transaction"),
            String::from("if each of its transactions may stand alone, say so: .each_transaction()"),
        ],
        Problem::Lost { acknowledged: true, .. } => {
            vec![String::from("tell the user after the commit has returned, not before")]
        }
        Problem::Lost { .. } if promise.loss() != Loss::None => {
            vec![format!("{promise} does not promise more; this does: PRAGMA {}", promise.durable())]
        }
        Problem::Lost { .. } => vec![format!("{promise} keeps every commit: {OTHERWISE}")],
        Problem::Invariant(_) => Vec::new(),
    }
}

/// Whether more databases than one are written, and one of them has a WAL, see <https://www.sqlite.org/lang_attach.html>.
fn spans_files_with_a_wal(log: &[Entry]) -> bool {
    let written = || {
        log.iter().filter_map(|entry| match &entry.event {
            Event::Write { file, .. } => Some(&**file),
            _ => None,
        })
    };
    written().any(|file| file.ends_with("-wal")) && written().any(|file| !file.starts_with(MAIN))
}

/// How many operations are shown before the cut, and after it.
const BEFORE: usize = 8;
const AFTER: usize = 3;

/// The operations around the cut.
fn operations(log: &[Entry], cut: PowerCut, survivals: &[(usize, Survival)]) -> String {
    let point = cut.point;
    let here = match cut.variant {
        Variant::All => "> the process is killed",
        _ => "> power cut",
    };
    let first = point.saturating_sub(BEFORE);
    let mut lines = Vec::new();
    if first > 0 {
        lines.push(format!("  … {first} before"));
    }
    for (at, entry) in log.iter().enumerate().take(point + AFTER).skip(first) {
        if at == point {
            lines.push(String::from(here));
        }
        let is_change = matches!(entry.event, Event::Write { .. } | Event::Truncate { .. } | Event::Delete { .. });
        let mark = match survivals.iter().rfind(|(of, _)| *of == at).map(|(_, survival)| *survival) {
            _ if at >= point || !is_change => ' ',
            None | Some(Survival::Kept) => '+',
            Some(Survival::Lost) => '-',
            Some(Survival::Torn(_)) => '~',
        };
        lines.push(format!("{mark} {} {}", at + 1, shown(&entry.event)));
    }
    if point >= log.len() {
        lines.push(String::from(here));
    }
    lines.join("\n")
}

fn shown(event: &Event) -> String {
    match event {
        Event::Write { file, offset, data } => format!("write {file} at {offset}, {} bytes", data.len()),
        Event::Truncate { file, len } => format!("make {file} {len} bytes long"),
        Event::Sync { file } => format!("sync {file}"),
        Event::Delete { file, sync_dir: true } => format!("delete {file}, and sync the folder"),
        Event::Delete { file, sync_dir: false } => format!("delete {file}"),
        Event::Released => String::from("the transaction ends"),
        Event::Acknowledged { .. } => String::from("acknowledged"),
    }
}
