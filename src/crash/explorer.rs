//! Every point, every image: recovered by SQLite and judged.
//!
//! ```text
//! action -> log (sim::oplog) -> DiskModel: synced | pending -> images -> SQLite recovers -> which commit is it? -> allowed here?
//! ```
//!
//! - **One run gives all images.** The log has every write with its data; an image is the synced state and some of
//!   what was pending. The sum of the marks of the operations in it names it, so that two ways to the same image cost
//!   one recovery, and no image is ever hashed.
//! - **What is compared is files.** SQLite folds WAL and journals into the database when it reads the header and
//!   closes; no schema is parsed. Blocks that are shared are equal by address. Only what matches no known content byte
//!   for byte (free pages keep what they held) is compared row by row and checked. What a large database costs is to
//!   be read once for each commit.
//! - **A commit is where a write lock is given up**, whatever the journal mode: with journal_mode OFF, what SQLite
//!   would recover tells nothing. Where locks are kept (locking_mode EXCLUSIVE), what it recovers at each operation
//!   has to tell.
//! - **Names are synced with the folder**: by a delete that asks for it and by the first sync of a new file, as
//!   SQLite's unix VFS does. That is how DELETE with FULL loses its last commit.
//! - The variant with everything that was written is the process being killed. There nothing that was acknowledged may
//!   be lost, whatever is synced: so a mail before the commit shows under NORMAL too.
//! - `tests/it/crash/modes.rs` holds all 24 pairs of journal mode and synchronous to what SQLite's documentation says
//!   of them, in both directions; `src/crash/tests.rs` gives images to the default VFS on real files and wants the
//!   same verdicts.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;

use super::Report;
use super::failure::{self, Image};
use super::images::{self, DiskModel, Variant};
use super::promise::Loss;
use super::record::{Boundaries, Recording, record};
use crate::db::{Address, TestDb};
use crate::draw;
use crate::env::{self, Shard};
use crate::error::{Error, ErrorKind, Result};
use crate::explore::{self, Action, ContentMatch, Failure, Files, Invariant, KnownContents, OriginalGuard};
use crate::progress::Progress;
use crate::sim::{Disk, Entry, Event, OpLog, Watch};

/// What is asked for.
#[derive(Default)]
pub(crate) struct Options<'a> {
    /// Each transaction of the action may stand alone.
    pub(crate) each_transaction: bool,
    /// What was committed has to survive, whatever the profile promises.
    pub(crate) durable: bool,
    pub(crate) every_operation: bool,
    /// The moments of `every_operation`, with no more images in all than without it.
    pub(crate) every_moment: bool,
    pub(crate) process_kill: bool,
    pub(crate) twice: bool,
    pub(crate) may_change_nothing: bool,
    pub(super) recovery: Recovery,
    pub(crate) invariants: Vec<Invariant<'a>>,
}

/// What SQLite does to the disk while it recovers an image; `None` where it cannot.
///
/// A default connection recovers: SQLite does so when it first reads, and also a `PRAGMA synchronous` reads before it sets.
pub(super) struct Recovery(pub(super) fn(&Files) -> Option<Vec<Entry>>);

impl Default for Recovery {
    fn default() -> Recovery {
        Recovery(|files| {
            let disk = Disk::with_files(files.iter().cloned());
            let log = OpLog::new(|| None);
            disk.gate().set(Some(log.clone() as Arc<dyn Watch>));
            explore::fold_disk(&disk).ok()?;
            disk.gate().set(None);
            Some(log.take())
        })
    }
}

/// One image: where the power was cut, and what survived; and where it was cut again while that was recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PowerCut {
    pub(super) point: usize,
    pub(super) variant: Variant,
    pub(super) again: Option<(usize, Variant)>,
}

/// Of more moments than this, so many are taken, unless every operation is asked for.
const MOST: u64 = 150;

/// So many unsynced operations are taken by themselves, over all moments, unless every operation is asked for.
const BUDGET: usize = 1000;

/// The choice of variants where there are too many, unless the environment names another.
const SEED: u64 = 0x5eed;

pub(super) struct Explorer<'a, 'o> {
    pub(super) recording: Recording,
    pub(super) boundaries: Boundaries,
    pub(super) contents: KnownContents,
    options: &'o mut Options<'a>,
    report: Report,
    /// What the images hold that were seen.
    seen: HashMap<u64, Seen>,
    /// What the invariants say of the contents that were seen.
    kept: HashMap<usize, Result<(), String>>,
}

#[derive(Clone)]
struct Seen {
    found: ContentMatch,
    again: Option<SecondCut>,
}

/// A second cut, while an image was recovered, that left something else.
#[derive(Clone)]
struct SecondCut {
    at: (usize, Variant),
    found: ContentMatch,
    files: Files,
}

/// What is wrong with an image.
pub(super) enum Problem {
    Corrupt(String),
    HalfApplied,
    /// Some of the action's transactions are there.
    HalfDone,
    /// The boundary that should be there.
    Lost {
        acknowledged: bool,
        wanted: usize,
    },
    Invariant(String),
    SecondCut(ContentMatch),
}

/// Runs the action on a copy of the database and looks at all that a power cut may leave of it.
pub(crate) fn explore(db: &TestDb, action: &mut Action<'_>, options: &mut Options<'_>) -> Result<Report, Box<Failure>> {
    let settings = env::settings()?;
    let replay = explore::replay("crash", PowerCut::parse, "crash:17:torn:3.1")?;
    let base = db.memory_copy()?;
    let (recording, deterministic) = record_twice(db, &base, action)?;
    let mut contents = KnownContents::new(base.functions());
    let boundaries = Boundaries::find(&recording, &mut contents)?;
    if boundaries.commits() == 0 {
        if options.may_change_nothing {
            return Ok(Report::new(&recording.promise, &boundaries, deterministic));
        }
        return Err(Error::new(ErrorKind::Crash, "the action changes nothing, so there is nothing to lose")
            .help("prepare the database so that it has something to do")
            .into());
    }
    let report = Report::new(&recording.promise, &boundaries, deterministic);
    let (seen, kept) = (HashMap::new(), HashMap::new());
    let mut explorer = Explorer { recording, boundaries, contents, options, report, seen, kept };
    explorer.check_invariants_hold()?;
    let repeated = match replay {
        Some(cut) => explorer.repeat(cut)?,
        None => false,
    };
    if !repeated {
        explorer.every_point(settings.shard, settings.seed.unwrap_or(SEED))?;
    }
    let mut report = explorer.report;
    report.distinct = explorer.seen.len() as u64;
    Ok(report)
}

/// Two runs: the second tells whether a failure can be repeated.
fn record_twice(db: &TestDb, base: &Address, action: &mut Action<'_>) -> Result<(Recording, bool)> {
    let guard = OriginalGuard::new(db);
    let recorded = record(base, action).and_then(|recording| Ok((recording, record(base, action)?)));
    // Said first: what else went wrong may follow from it.
    guard.check(ErrorKind::Crash, &["the action"])?;
    let (recording, again) = recorded?;
    let deterministic = recording.differs_from(&again).is_none();
    Ok((recording, deterministic))
}

impl Explorer<'_, '_> {
    pub(super) fn is_deterministic(&self) -> bool {
        self.report.deterministic
    }

    /// The contents between which a power cut at this point falls: before and after the action, or the transaction of its
    /// own that is running, where each may stand alone.
    pub(super) fn around(&self, point: usize) -> (usize, usize) {
        let last = self.boundaries.commits();
        let (from, to) = match self.options.each_transaction {
            true => {
                let from = self.boundaries.committed(point).min(last - 1);
                (from, from + 1)
            }
            false => (0, last),
        };
        (self.boundaries.all[from].1, self.boundaries.all[to].1)
    }

    fn every_point(&mut self, shard: Shard, seed: u64) -> Result<(), Box<Failure>> {
        let points: Vec<usize> = (0..=self.recording.log.len()).filter(|point| self.is_point(*point)).collect();
        let all = self.options.every_operation || self.options.every_moment;
        let most = if all { points.len() as u64 } else { MOST };
        let chosen = explore::spread(points.len() as u64, most, draw::key(seed, 0));
        self.report.moments(points.len() as u64, chosen.len() as u64);
        let each = match self.options.every_operation {
            true => images::MAX_SINGLE_OPERATIONS,
            false => (BUDGET / chosen.len().max(1)).clamp(6, images::MAX_SINGLE_OPERATIONS),
        };
        let mut model = DiskModel::new(&self.recording.files);
        let mut applied = 0;
        let mut progress = Progress::of("cutting the power", Some(chosen.len() as u64));
        for (index, place) in (0..).zip(chosen) {
            let point = points[usize::try_from(place).unwrap_or(0)];
            for at in applied..point {
                model.apply(at, &self.recording.log[at]);
            }
            applied = point;
            // A part of the work is every so many moments: they are alike in what they cost.
            if !shard.has(index) {
                continue;
            }
            let variants = match self.options.process_kill {
                true => vec![Variant::All],
                false => model.variants(each, draw::key(seed, point as u64)),
            };
            for variant in variants {
                self.look(&model, PowerCut { point, variant, again: None })?;
            }
            progress.at(index);
        }
        Ok(())
    }

    /// Whether the power is cut when the first `point` events have happened.
    fn is_point(&self, point: usize) -> bool {
        let log = &self.recording.log;
        if point < self.recording.start {
            return false;
        }
        let Some(next) = log.get(point) else { return true };
        let told = |entry: &Entry| matches!(entry.event, Event::Released | Event::Acknowledged { .. });
        let after_telling = point > 0 && told(&log[point - 1]);
        let Options { every_operation, every_moment, process_kill, .. } = *self.options;
        let each = every_operation || every_moment || process_kill;
        match next.event {
            Event::Sync { .. } | Event::Delete { .. } => true,
            Event::Write { .. } | Event::Truncate { .. } => each || after_telling,
            Event::Released | Event::Acknowledged { .. } => after_telling,
        }
    }

    /// Looks at one image again, if there is such an image here.
    fn repeat(&mut self, cut: PowerCut) -> Result<bool, Box<Failure>> {
        let mut model = DiskModel::new(&self.recording.files);
        for (at, entry) in self.recording.log.iter().enumerate().take(cut.point) {
            model.apply(at, entry);
        }
        if cut.point > self.recording.log.len() || !model.has(cut.variant) {
            return Ok(false);
        }
        self.report.moments(1, 1);
        self.options.twice |= cut.again.is_some();
        self.look(&model, cut)?;
        Ok(true)
    }

    fn look(&mut self, model: &DiskModel, cut: PowerCut) -> Result<(), Box<Failure>> {
        self.report.images += 1;
        let key = model.key(cut.variant);
        if !self.seen.contains_key(&key) {
            let files = model.image(cut.variant);
            let found = self.contents.find(&files);
            let again = match (&found, self.options.twice) {
                (ContentMatch::Known(content), true) => self.cut_again(&files, *content, cut.again),
                _ => None,
            };
            self.seen.insert(key, Seen { found, again });
        }
        let seen = &self.seen[&key];
        let (found, again) = (seen.found.clone(), seen.again.clone());
        let (cut, files, problem) = match (self.problem_of(cut, &found), again) {
            (Some(problem), _) => (cut, model.image(cut.variant), problem),
            (None, Some(again)) => {
                (PowerCut { again: Some(again.at), ..cut }, again.files, Problem::SecondCut(again.found))
            }
            (None, None) => return Ok(()),
        };
        let image = Image { files, survivals: model.survivals(cut.variant).collect(), cut };
        Err(Box::new(failure::of(self, image, problem)))
    }

    fn problem_of(&mut self, cut: PowerCut, found: &ContentMatch) -> Option<Problem> {
        let content = match found {
            ContentMatch::Known(content) => *content,
            ContentMatch::Unknown => return Some(Problem::HalfApplied),
            ContentMatch::Corrupt(says) => return Some(Problem::Corrupt(says.clone())),
        };
        let committed = self.boundaries.committed(cut.point);
        let told = self.boundaries.told_by(cut.point);
        let there = committed.max(told);
        // What is written when the process dies is there, whatever was synced.
        let killed = cut.variant == Variant::All;
        let loss = if self.options.durable || killed { Loss::None } else { self.recording.promise.loss() };
        let least = match loss {
            Loss::None => there,
            Loss::Last => there.saturating_sub(1),
            Loss::SinceCheckpoint | Loss::Anything => 0,
        };
        let found_at = |(_, boundary): &(usize, &(usize, usize))| boundary.1 == content;
        let matching = self.boundaries.all.iter().enumerate().filter(found_at).map(|(index, _)| index);
        let most = committed + 1;
        let (mut best, mut below) = (None, false);
        for index in matching {
            below |= index < least;
            if index >= least && index <= most && (self.options.each_transaction || self.boundaries.told[index]) {
                best = Some(index);
            }
        }
        let Some(index) = best else {
            let acknowledged = told > committed || (self.boundaries.told_by(cut.point) == there && told > 0);
            return Some(match below {
                true => Problem::Lost { acknowledged, wanted: there },
                false => Problem::HalfDone,
            });
        };
        self.report.count(index, there.saturating_sub(index));
        self.invariants_hold(content).err().map(Problem::Invariant)
    }

    /// Cuts the power again wherever SQLite syncs or deletes while it recovers an image. Whatever is left then has to hold
    /// what the first recovery would have made of it.
    fn cut_again(&mut self, files: &Files, content: usize, only: Option<(usize, Variant)>) -> Option<SecondCut> {
        let log = (self.options.recovery.0)(files)?;
        let mut model = DiskModel::new(files);
        let mut looked = std::collections::HashSet::new();
        for point in 0..=log.len() {
            if point > 0 {
                model.apply(point - 1, &log[point - 1]);
            }
            let stops =
                log.get(point).is_none_or(|next| matches!(next.event, Event::Sync { .. } | Event::Delete { .. }));
            if !stops && only.is_none_or(|(wanted, _)| wanted != point) {
                continue;
            }
            let variants = match only {
                Some((wanted, variant)) if wanted == point => vec![variant],
                Some(_) => continue,
                None => model.variants(images::MAX_SINGLE_OPERATIONS, draw::key(SEED, point as u64)),
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

    /// An invariant that does not hold before the action, or after it, says nothing about power cuts.
    fn check_invariants_hold(&mut self) -> Result<()> {
        let ends = [(0, "before the action"), (self.boundaries.all.len() - 1, "after the action")];
        for (index, when) in ends {
            let content = self.boundaries.all[index].1;
            self.invariants_hold(content).map_err(|says| {
                Error::new(ErrorKind::Crash, format!("the invariant does not hold {when}, without any power cut"))
                    .evidence("it says", says)
            })?;
        }
        Ok(())
    }

    fn invariants_hold(&mut self, content: usize) -> Result<(), String> {
        if self.options.invariants.is_empty() {
            return Ok(());
        }
        let (invariants, contents) = (&mut self.options.invariants, &self.contents);
        let ask = |connection: &Connection| invariants.iter_mut().try_for_each(|invariant| invariant(connection));
        let kept = self.kept.entry(content);
        kept.or_insert_with(|| contents.look_at(content, ask).unwrap_or(Ok(()))).clone()
    }
}

impl PowerCut {
    /// What a failure has printed, without the word in front.
    fn parse(text: &str) -> Option<PowerCut> {
        let (first, again) = match text.split_once('+') {
            Some((first, again)) => (first, Some(again)),
            None => (text, None),
        };
        let one = |text: &str| {
            let (point, variant) = text.split_once(':')?;
            Some((point.parse().ok()?, Variant::parse(variant)?))
        };
        let (point, variant) = one(first)?;
        let again = match again {
            Some(again) => Some(one(again)?),
            None => None,
        };
        Some(PowerCut { point, variant, again })
    }
}

impl std::fmt::Display for PowerCut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "crash:{}:{}", self.point, self.variant)?;
        match self.again {
            Some((point, variant)) => write!(f, "+{point}:{variant}"),
            None => Ok(()),
        }
    }
}
