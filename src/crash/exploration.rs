//! The runs of the action that are explored: two without a failure, and one for each sync that may fail.

use std::collections::HashMap;

use super::beside::PutBackAtEnd;
use super::explorer::{Explorer, MAX_SECOND_RUNS, SEED};
use super::options::Options;
use super::power_cut::{self, PowerCut};
use super::recording::{CommitPoints, Recording, record};
use super::report::Report;
use crate::db::{Address, TestDb};
use crate::error::{Error, ErrorKind, Result};
use crate::explore::{self, Action, Failure, KnownContents, OriginalGuard};
use crate::sim::{Entry, Event};
use crate::{draw, env};

/// The largest number of syncs that fail, one after another.
const MAX_FAILED_SYNCS: u64 = 10;

/// Runs the action on a copy of the database and looks at everything that a power cut may leave of it.
pub(super) fn explore<'a>(
    db: &TestDb,
    action: &mut Action<'a>,
    options: &mut Options<'a>,
) -> Result<Report, Box<Failure>> {
    let settings = env::settings()?;
    let replay = explore::replay(power_cut::WORD, PowerCut::parse, "crash:17:torn:3.1")?;
    let base = db.memory_copy()?;
    let beside = options.beside.clone();
    let first = beside.put_back_at_end()?;
    let (mut recording, again) = record_twice(db, &base, action, &first)?;
    recording.set_drive(options.drive);
    let is_deterministic = recording.has_same_operations(&again);
    let mut contents = KnownContents::new(base.functions());
    recording.hide_what_differs(&mut contents, &again);
    let commits = CommitPoints::find(&recording, &mut contents)?;
    let mut report = Report::new(&recording.writer, &commits, is_deterministic);
    report.masked = contents.masked();
    if commits.commits() == 0 {
        if options.may_change_nothing {
            return Ok(report);
        }
        return Err(changes_nothing(&recording).into());
    }
    let resumable = draw::spread(commits.commits() as u64 - 1, MAX_SECOND_RUNS, SEED);
    let resumable = resumable.into_iter().filter_map(|index| usize::try_from(index + 1).ok());
    let mut explorer = Explorer {
        base,
        action,
        resumable: resumable.chain([commits.commits()]).collect(),
        recording,
        commits,
        contents,
        options,
        report,
        recovered: HashMap::new(),
        invariants: HashMap::new(),
        second_runs: HashMap::new(),
        answers: None,
        failed_sync: None,
    };
    explorer.require_invariants()?;
    let is_replay = replay.is_some();
    if explorer.has_repeated(replay)? {
        explore::only_repeated();
        return Ok(explorer.report());
    }
    if is_replay {
        explore::does_not_fit();
    }
    let (shard, seed) = (settings.shard, settings.seed.unwrap_or(SEED));
    explorer.every_point(shard, seed)?;
    if explorer.options.failed_sync {
        let syncs = explorer.recording.log.iter().filter(|entry| matches!(entry.event, Event::Sync { .. })).count();
        for nth in draw::spread(syncs as u64, MAX_FAILED_SYNCS, seed) {
            if explorer.fail_sync(usize::try_from(nth).unwrap_or(0))? {
                explorer.every_point(shard, seed)?;
            }
        }
    }
    Ok(explorer.report())
}

fn changes_nothing(recording: &Recording) -> Error {
    let error = |headline| Error::new(ErrorKind::Crash, headline);
    match &recording.rolled_back {
        Some(sql) => error("the action changes nothing: it writes, and its transaction is rolled back")
            .sql(sql)
            .help(explore::COMMIT_IT)
            .help("if it rolls back on purpose, prepare the database so that it does not"),
        None => error("the action changes nothing, so there is nothing to lose")
            .help("prepare the database so that it has something to do"),
    }
}

impl Explorer<'_, '_> {
    /// Looks at the image of a replay, if there is one and it exists.
    fn has_repeated(&mut self, replay: Option<PowerCut>) -> Result<bool, Box<Failure>> {
        let Some(cut) = replay else { return Ok(false) };
        match cut.failed_sync {
            Some(nth) if !self.fail_sync(nth)? => Ok(false),
            _ => self.repeat(cut),
        }
    }

    /// Replaces the recording by one in which a sync fails, and looks only at what happens after that. Returns false if it does
    /// not fail.
    fn fail_sync(&mut self, nth: usize) -> Result<bool> {
        self.options.beside.put_back(&self.recording.beside[0].1)?;
        let mut recording = record(&self.base, self.action, &self.options.beside, Some(nth))?;
        let fails = |entry: &Entry| matches!(entry.event, Event::FailedSync { .. });
        let Some(at) = recording.log.iter().position(fails) else { return Ok(false) };
        recording.start = recording.start.max(at + 1);
        recording.set_drive(self.options.drive);
        self.commits = CommitPoints::find(&recording, &mut self.contents)?;
        let states = self.report.outcomes.len().max(self.commits.all.len());
        self.report.outcomes.resize(states, 0);
        self.report.distinct += std::mem::take(&mut self.recovered).len() as u64;
        self.report.failed_syncs += 1;
        self.recording = recording;
        self.failed_sync = Some(nth);
        self.invariants.clear();
        // What an action does that has failed is for `faults`.
        self.resumable.clear();
        Ok(true)
    }

    fn report(mut self) -> Report {
        self.report.distinct += self.recovered.len() as u64;
        self.report
    }
}

/// Runs the action twice. The second run shows whether a failure can be repeated.
fn record_twice(
    db: &TestDb,
    base: &Address,
    action: &mut Action<'_>,
    first: &PutBackAtEnd<'_>,
) -> Result<(Recording, Recording)> {
    let guard = OriginalGuard::new(db);
    let mut run = || {
        first.put_back()?;
        record(base, action, first.beside, None)
    };
    let recorded = run().and_then(|recording| Ok((recording, run()?)));
    // Checked first: any other error may follow from it.
    guard.check(ErrorKind::Crash, &["the action"])?;
    recorded
}
