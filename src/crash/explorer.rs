//! Every power cut of an action: SQLite recovers each image, and what is in it then has to be allowed at that moment.
//!
//! ```text
//! action -> log (sim::oplog) -> DiskModel: synced | pending -> images -> SQLite recovers -> which commit is it? -> allowed here?
//! ```
//!
//! - **One run gives all images.** The log has every write with its data; an image is the synced state and some of
//!   what was pending. The sum of the marks of the operations in it identifies it. Two ways to the same image cost one
//!   recovery, and no image is ever hashed.
//! - **Files are compared.** SQLite folds WAL and journals into the database when it reads the header and closes, and no
//!   schema is parsed. Shared blocks are equal by address. Only an image that matches no known content byte for byte (free
//!   pages keep their old bytes) is compared row by row and checked. A large database costs one read for each of the first
//!   commits, and later the pages that a commit has appended to the WAL (`committed.rs`).
//! - **A commit is the release of a write lock**, in every journal mode. With journal_mode OFF, what SQLite would recover
//!   tells nothing. Where locks are kept (locking_mode EXCLUSIVE), what SQLite recovers after each operation shows it.
//! - **Names are synced with the folder**: by a delete that asks for it and by the first sync of a new file, as in SQLite's
//!   unix VFS. That is how DELETE with FULL loses its last commit.
//! - The variant that keeps every write is the killed process. Nothing that was acknowledged may be lost then, synced or
//!   not, which is why a mail before the commit is found under NORMAL too.
//! - `tests/it/crash/modes.rs` compares all 24 pairs of journal mode and synchronous with SQLite's documentation, in both
//!   directions. `src/crash/tests.rs` gives images to the default VFS on real files and expects the same results.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::rc::Rc;

use super::beside;
use super::disk_model::{DiskModel, MAX_SINGLE_OPERATIONS};
use super::failure::{self, Diagnosis, Image, Problem};
use super::options::{MostWork, Options};
use super::power_cut::{PowerCut, Variant};
use super::promise::Loss;
use super::recording::{CommitPoint, CommitPoints, Recording, SecondRun, record, run_again};
use super::report::Report;
use super::several_files::{self, Mixture, SeveralFiles};
use crate::db::Address;
use crate::draw;
use crate::env::Shard;
use crate::error::{Error, ErrorKind, Result};
use crate::explore::{Action, ActionPart, ContentChanges, ContentMatch, Failure, Files, KnownContents, Outcome};
use crate::order::Order as _;
use crate::progress::Progress;
use crate::sim::{Blocks, Disk, Entry, Event};

/// The largest number of moments, unless every operation is to be tried.
const MAX_MOMENTS: u64 = 150;

/// The number of unsynced operations taken by themselves over all moments, unless every operation is to be tried.
const SINGLE_OPERATIONS_IN_ALL: usize = 1000;

/// The largest number of states from which the action is run again.
pub(super) const MAX_SECOND_RUNS: u64 = 50;

/// The largest number of runs after which a job is expected to have nothing left to do.
const MAX_RUNS_OF_A_JOB: usize = 5;

/// The work of recovering an image of no size, in the same unit.
const LEAST_WORK: u64 = 700;

/// The work of a KB of a WAL or journal: SQLite checks it and copies it into the database.
const WORK_OF_LOGS: u64 = 5;

/// The smallest number of moments, if there are that many.
const LEAST_MOMENTS: u64 = 8;

/// The seed that chooses variants where there are too many, unless the environment sets another.
pub(super) const SEED: u64 = 0x5eed;

pub(super) struct Explorer<'a, 'o> {
    pub(super) base: Address,
    pub(super) action: &'o mut Action<'a>,
    pub(super) recording: Recording,
    pub(super) commits: CommitPoints,
    pub(super) contents: KnownContents,
    pub(super) options: &'o mut Options<'a>,
    pub(super) report: Report,
    /// The images that were recovered, by their keys.
    pub(super) recovered: HashMap<u64, Recovered>,
    /// The results of the invariants, by the numbers of the content and of the state of the files beside it.
    pub(super) invariants: HashMap<(usize, usize), Result<(), String>>,
    /// The commit points from which the action is run again, and the runs so far.
    pub(super) resumable: HashSet<usize>,
    pub(super) second_runs: HashMap<(usize, usize, usize), Rc<SecondRun>>,
    /// The calls of `acknowledge` of a run that has nothing left to do, once they are known.
    pub(super) answers: Option<Option<usize>>,
    /// The number of the sync that has failed in the recording.
    pub(super) failed_sync: Option<usize>,
}

#[derive(Clone)]
pub(super) struct Recovered {
    found: ContentMatch,
    second: Option<SecondCut>,
}

/// A second power cut, while an image was recovered, that left something else.
#[derive(Clone)]
struct SecondCut {
    at: (usize, Variant),
    found: ContentMatch,
    files: Files,
}

/// The part of the commits that an allowed image has.
#[derive(Clone, Copy)]
struct Survivors {
    content: usize,
    commits: usize,
    /// Those of the commits that had returned, and of those that were told.
    kept: usize,
    told: usize,
    /// True if files have not the same commits.
    is_mixture: bool,
}

impl Survivors {
    fn mixture(content: usize, there: &[usize], returned: usize, told: usize) -> Survivors {
        let of = |most: usize| there.iter().filter(|commit| **commit <= most).count();
        Survivors { content, commits: there.len(), kept: of(returned), told: of(told), is_mixture: true }
    }
}

impl Explorer<'_, '_> {
    /// Cuts the power at every moment of the recording, or at some of them.
    pub(super) fn every_point(&mut self, shard: Shard, seed: u64) -> Result<(), Box<Failure>> {
        let points: Vec<usize> = (0..=self.recording.log.len()).filter(|point| self.is_point(*point)).collect();
        let all = self.options.every_operation;
        let MostWork(most_work) = self.options.most_work;
        let most = match all {
            true => points.len() as u64,
            // At each moment at least two images are looked at.
            false => (most_work / (2 * self.work_at_end())).clamp(LEAST_MOMENTS, MAX_MOMENTS),
        };
        let chosen = draw::spread(points.len() as u64, most, draw::key(seed, 0));
        self.report.moments += points.len() as u64;
        self.report.points += chosen.len() as u64;
        let each = match self.options.every_operation {
            true => MAX_SINGLE_OPERATIONS,
            false => (SINGLE_OPERATIONS_IN_ALL / chosen.len().max(1)).clamp(6, MAX_SINGLE_OPERATIONS),
        };
        let mut model = DiskModel::new(&self.recording.files, self.options.drive);
        let mut progress = Progress::of("cutting the power", Some(chosen.len() as u64));
        let mut work_left = most_work;
        let count = chosen.len() as u64;
        for (index, place) in (0..).zip(chosen) {
            // Moments are alike in their cost, so that each part takes one in so many.
            if !shard.has(index) {
                continue;
            }
            let point = points[usize::try_from(place).unwrap_or(0)];
            model.replay_to(&self.recording.log, point);
            let mut variants = match self.options.process_kill {
                true => vec![Variant::All],
                false => model.variants(each, draw::key(seed, point as u64)),
            };
            let (work, most_here) = (work_of(&model.live()), work_left / (count - index));
            if variants.len() as u64 * work > most_here && variants.len() > 2 {
                // Of those after the first two, any may be left out.
                variants[2..].order_by_key(|variant| draw::key(seed, model.key(*variant)));
            }
            let mut done = 0;
            for (number, variant) in variants.into_iter().enumerate() {
                let is_new = !self.recovered.contains_key(&model.key(variant));
                if is_new && number >= 2 && done + work > most_here {
                    self.report.left_out += 1;
                    continue;
                }
                done += if is_new { work } else { 0 };
                self.look(&model, PowerCut { point, variant, again: None, failed_sync: self.failed_sync })?;
            }
            work_left = work_left.saturating_sub(done);
            progress.at(index);
        }
        Ok(())
    }

    /// Returns the work of recovering an image with everything that the action writes.
    fn work_at_end(&self) -> u64 {
        let written = self.recording.log.iter().map(|entry| match &entry.event {
            Event::Write { data, .. } => data.len() as u64,
            _ => 0,
        });
        work_of(&self.recording.files) + WORK_OF_LOGS * written.sum::<u64>() / 1024
    }

    /// Returns true if the power is cut when the first `point` events have happened.
    fn is_point(&self, point: usize) -> bool {
        let log = &self.recording.log;
        if point < self.recording.start {
            return false;
        }
        let Some(next) = log.get(point) else { return true };
        let told = |entry: &Entry| matches!(entry.event, Event::Released | Event::Acknowledged { .. });
        let after_telling = point > 0 && told(&log[point - 1]);
        let each = self.options.every_operation || self.options.process_kill;
        match next.event {
            Event::Sync { .. } | Event::FailedSync { .. } | Event::Delete { .. } => true,
            Event::Write { .. } | Event::Truncate { .. } => each || after_telling,
            Event::Released | Event::Acknowledged { .. } => after_telling,
        }
    }

    /// Looks at one image again. Returns false if there is no such image.
    pub(super) fn repeat(&mut self, cut: PowerCut) -> Result<bool, Box<Failure>> {
        let mut model = DiskModel::new(&self.recording.files, self.options.drive);
        model.replay_to(&self.recording.log, cut.point);
        if cut.point > self.recording.log.len() || !model.has(cut.variant) {
            return Ok(false);
        }
        (self.report.moments, self.report.points) = (1, 1);
        self.options.twice |= cut.again.is_some();
        self.look(&model, cut)?;
        Ok(true)
    }

    fn look(&mut self, model: &DiskModel, cut: PowerCut) -> Result<(), Box<Failure>> {
        self.report.images += 1;
        let key = model.key(cut.variant);
        if !self.recovered.contains_key(&key) {
            let files = model.image(cut.variant);
            let found = match self.contents.find(&files) {
                ContentMatch::Unknown => self.mixture_in(&files).map_or(ContentMatch::Unknown, ContentMatch::Known),
                found => found,
            };
            let second = match (&found, self.options.twice) {
                (ContentMatch::Known(content), true) => self.cut_again(&files, *content, cut.again),
                _ => None,
            };
            self.recovered.insert(key, Recovered { found, second });
        }
        let Recovered { found, second } = self.recovered[&key].clone();
        let (cut, files, problem) = match (self.problem_of(cut, &found)?, second) {
            (Some(problem), _) => (cut, model.image(cut.variant), problem),
            (None, Some(second)) => {
                (PowerCut { again: Some(second.at), ..cut }, second.files, Problem::SecondCut(second.found))
            }
            (None, None) => return Ok(()),
        };
        let survivals = model.survivals(cut.variant).map(|(pending, survival)| (pending.at, survival)).collect();
        let image = Image { cut, files, survivals };
        let part = self.part_in(&image, &problem);
        let is_deterministic = self.report.deterministic;
        let diagnosis = Diagnosis { problem, image: &image, recording: &self.recording, part, is_deterministic };
        Err(Box::new(Failure { error: failure::render(&diagnosis), left: Some(Disk::with_files(image.files)) }))
    }

    /// Returns the number of what these files hold if each has what it had after some commit.
    fn mixture_in(&mut self, files: &Files) -> Option<usize> {
        if self.contents.files(self.commits.all[self.commits.commits()].content)?.len() < 2 {
            return None;
        }
        let number = self.contents.learn(files).ok()?;
        SeveralFiles::of(&self.contents, &self.commits, number, usize::MAX).map(|_| number)
    }

    fn problem_of(&mut self, cut: PowerCut, found: &ContentMatch) -> Result<Option<Problem>> {
        let content = match found {
            ContentMatch::Known(content) => *content,
            ContentMatch::Unknown => return Ok(Some(Problem::HalfApplied)),
            ContentMatch::Corrupt(says) => return Ok(Some(Problem::Corrupt(says.clone()))),
        };
        let committed = self.commits.committed(cut.point);
        let told = self.commits.acknowledged_by(cut.point);
        let there = committed.max(told);
        // Every write survives a killed process, synced or not.
        let is_killed = cut.variant == Variant::All;
        let loss = if self.options.durable || is_killed { Loss::None } else { self.recording.promise.loss() };
        let least = match loss {
            Loss::None => there,
            Loss::Last => there.saturating_sub(1),
            Loss::SinceCheckpoint | Loss::Anything => 0,
        };
        let most = self.commits.next_after(committed);
        let is_too_old = self.commits.all.iter().take(least).any(|commit| commit.content == content);
        let allowed = self.commits.all.iter().enumerate().take(most + 1).skip(least);
        // One whose sync has failed may be there, too.
        let is_end =
            |index: usize| index == 0 || index == self.commits.commits() || self.commits.all[index].at == usize::MAX;
        let allowed: Vec<(usize, &CommitPoint)> =
            allowed.filter(|(index, _)| self.options.each_transaction || is_end(*index)).collect();
        let last = |same: &dyn Fn(usize) -> bool| allowed.iter().rev().find(|(_, commit)| same(commit.content));
        let best = last(&|other| other == content).or_else(|| last(&|other| self.contents.are_same(other, content)));
        let survivors = if let Some((index, _)) = best {
            let content = self.commits.all[*index].content;
            Survivors {
                content,
                commits: *index,
                kept: (*index).min(there),
                told: (*index).min(told),
                is_mixture: false,
            }
        } else {
            let acknowledged = told > committed || (told == there && told > 0);
            let lost = |of| Problem::Lost { acknowledged, wanted: there, of };
            let several = SeveralFiles::of(&self.contents, &self.commits, content, most);
            match several.map(|several| several.mixture(there, loss)) {
                Some(Mixture::Torn(commit)) => return Ok(Some(Problem::FileByFile { commit })),
                Some(Mixture::Lost(name)) => return Ok(Some(lost(several_files::attached(name)))),
                Some(Mixture::Whole(commits)) if self.options.each_transaction => {
                    Survivors::mixture(content, &commits, there, told)
                }
                _ if is_too_old => return Ok(Some(lost(None))),
                _ => return Ok(Some(Problem::HalfDone)),
            }
        };
        self.report.outcomes[survivors.commits] += 1;
        self.report.most_lost = self.report.most_lost.max(there - survivors.kept);
        self.report.may_lose_acknowledged |= survivors.told < told;
        for state in beside::states_at(&self.recording.beside, cut.point) {
            if let Err(says) = self.invariants_in(content, state)? {
                return Ok(Some(Problem::Invariant(says)));
            }
        }
        self.problem_of_second_run(cut.point, survivors)
    }

    /// Runs the action again from a commit point, and returns what is wrong with that.
    fn problem_of_second_run(&mut self, point: usize, from: Survivors) -> Result<Option<Problem>> {
        let index = from.commits;
        let (last, calls) = (self.commits.commits(), self.commits.acknowledged.len());
        let is_between = self.options.resumes && (from.is_mixture || (index > 0 && index < last));
        let is_silent = index == last && !from.is_mixture && self.commits.acknowledgements_by(point) < calls;
        if !(is_between || is_silent) || !self.may_run_again(from) {
            return Ok(None);
        }
        let state = beside::states_at(&self.recording.beside, point)[0];
        let again = self.second_run(from, state)?;
        if let Some(repeats) = again.repeats.clone() {
            return Ok(Some(Problem::Endless { commits: index, of: last, repeats }));
        }
        let end = self.commits.all[last].content;
        let mut found = self.contents.find(&again.files);
        if is_between && found != ContentMatch::Known(end) {
            // A time in seconds differs only later.
            self.put_back(0)?;
            let now = record(&self.base, self.action, &self.options.beside, None)?;
            self.recording.hide_what_differs(&mut self.contents, &now);
            self.report.masked = self.contents.masked();
            found = self.contents.find(&again.files);
        }
        if is_between && (again.outcome != Outcome::Returned(()) || found != ContentMatch::Known(end)) {
            let ends = self.contents.opened(end).zip(self.contents.open(&again.files).ok());
            let changes = ends.map(|(end, again)| ContentChanges::between(&end, &again)).unwrap_or_default();
            return Ok(Some(Problem::NotResumed { commits: index, of: last, outcome: again.outcome.clone(), changes }));
        }
        let told = self.commits.acknowledgements_by(point);
        if self.answers.is_none() {
            self.answers = Some(self.answers_when_done(again)?);
        }
        let is_silent = self.answers.flatten().is_some_and(|answers| told + answers < calls);
        Ok(is_silent.then_some(Problem::NeverAcknowledged))
    }

    /// Returns the number of calls of `acknowledge` of a run that has nothing to do, or `None` if each run does something or
    /// one fails, which would tell the caller that something is wrong.
    ///
    /// A job does the rest of its work in further runs. What it tells about that is no answer to what it did before.
    fn answers_when_done(&mut self, mut run: Rc<SecondRun>) -> Result<Option<usize>> {
        let mut content = self.commits.all[self.commits.commits()].content;
        for _ in 0..MAX_RUNS_OF_A_JOB {
            let Ok(next) = self.contents.learn(&run.files) else { return Ok(None) };
            if run.outcome != Outcome::Returned(()) || run.repeats.is_some() {
                return Ok(None);
            }
            if next == content {
                return Ok(Some(run.acknowledged));
            }
            content = next;
            run = Rc::new(run_again(&self.base, run.files.clone(), &self.recording, self.action)?);
        }
        Ok(None)
    }

    fn may_run_again(&self, from: Survivors) -> bool {
        match from.is_mixture {
            true => (self.second_runs.len() as u64) < 2 * MAX_SECOND_RUNS,
            false => self.resumable.contains(&from.commits),
        }
    }

    fn second_run(&mut self, from: Survivors, state: usize) -> Result<Rc<SecondRun>> {
        let key = (from.content, from.commits, state);
        if let Some(known) = self.second_runs.get(&key) {
            return Ok(Rc::clone(known));
        }
        self.put_back(state)?;
        let files = self.contents.files(from.content).unwrap_or_default();
        let run = Rc::new(run_again(&self.base, files, &self.recording, self.action)?);
        self.report.resumed += usize::from(from.is_mixture || from.commits < self.commits.commits());
        self.second_runs.insert(key, Rc::clone(&run));
        Ok(run)
    }

    /// Compares an image with the contents between which its power cut falls: those before and after the action, or before
    /// and after the running transaction if each may be left alone. A lost commit is missing from its own commit point.
    fn part_in(&self, image: &Image, problem: &Problem) -> Option<ActionPart> {
        let opened = self.contents.open(&image.files).ok()?;
        let last = self.commits.commits();
        let (from, to) = match self.options.each_transaction {
            true => {
                let from = self.commits.committed(image.cut.point).min(last - 1);
                (from, from + 1)
            }
            false => (0, last),
        };
        let (from, to) = match problem {
            Problem::Lost { wanted, .. } => (from, (*wanted).min(last)),
            Problem::FileByFile { commit } => (commit - 1, *commit),
            _ => (from, to),
        };
        let content = |index: usize| self.commits.all[index].content;
        Some(ActionPart::of(&self.contents, content(from), &opened, content(to)))
    }

    /// Cuts the power again wherever SQLite syncs or deletes while it recovers an image. The result then has to be
    /// that of the first recovery.
    fn cut_again(&mut self, files: &Files, content: usize, only: Option<(usize, Variant)>) -> Option<SecondCut> {
        let log = (self.options.recovery.0)(files)?;
        let mut model = DiskModel::new(files, self.options.drive);
        let mut looked = HashSet::new();
        for point in 0..=log.len() {
            model.replay_to(&log, point);
            let stops =
                log.get(point).is_none_or(|next| matches!(next.event, Event::Sync { .. } | Event::Delete { .. }));
            let variants = match only {
                Some((wanted, variant)) if wanted == point => vec![variant],
                None if stops => model.variants(MAX_SINGLE_OPERATIONS, draw::key(SEED, point as u64)),
                _ => continue,
            };
            for variant in variants {
                if !looked.insert(model.key(variant)) {
                    continue;
                }
                self.report.images += 1;
                let files = model.image(variant);
                let found = self.contents.find(&files);
                if found != ContentMatch::Known(content) {
                    return Some(SecondCut { at: (point, variant), found, files });
                }
            }
        }
        None
    }

    /// Returns an error if an invariant does not hold before or after the action: then it says nothing about power cuts.
    pub(super) fn require_invariants(&mut self) -> Result<()> {
        let last = self.recording.beside.len().saturating_sub(1);
        let ends = [(0, 0, "before the action"), (self.commits.commits(), last, "after the action")];
        for (index, state, when) in ends {
            let content = self.commits.all[index].content;
            self.invariants_in(content, state)?.map_err(|says| {
                Error::new(ErrorKind::Crash, format!("the invariant does not hold {when}, without any power cut"))
                    .evidence("it says", says)
            })?;
        }
        Ok(())
    }

    fn invariants_in(&mut self, content: usize, state: usize) -> Result<Result<(), String>> {
        if self.options.invariants.is_empty() {
            return Ok(Ok(()));
        }
        if let Some(known) = self.invariants.get(&(content, state)) {
            return Ok(known.clone());
        }
        self.put_back(state)?;
        let invariants = &mut self.options.invariants;
        let mut holds = self.contents.opened(content).map_or(Ok(()), |opened| invariants.check(opened.main()));
        if let (Err(says), [_, _, ..]) = (&mut holds, self.recording.beside.as_slice()) {
            let _ = write!(says, "\nbeside the database: {}", self.recording.beside[state].1.names());
        }
        self.invariants.insert((content, state), holds.clone());
        Ok(holds)
    }

    /// Makes the files beside the database what they were in a state of the recording.
    pub(super) fn put_back(&self, state: usize) -> Result<()> {
        self.options.beside.put_back(&self.recording.beside[state].1)
    }
}

/// Returns the work of recovering these files.
fn work_of(files: &Files) -> u64 {
    let work = |(name, bytes): &(String, Blocks)| match name.ends_with("-wal") || name.ends_with("-journal") {
        true => WORK_OF_LOGS * bytes.len() as u64 / 1024,
        false => bytes.len() as u64 / 1024,
    };
    LEAST_WORK + files.iter().map(work).sum::<u64>()
}
