//! The result of a test that passes.

use std::fmt;

use super::promise::{Loss, Promise};
use super::recording::CommitPoints;
use crate::report::{Raw, count, not_compared, printable};

/// The result of a [`CrashTest`](super::CrashTest): what it has looked at, and what a power cut may take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The number of moments at which the power was cut; with `SQLITMUS_SHARD`, of all shards together.
    pub points: u64,
    /// The number of moments at which it could be cut.
    pub moments: u64,
    /// The number of images of the disk.
    pub images: u64,
    /// The number of different images, each of which SQLite recovered.
    pub distinct: u64,
    /// The number of transactions that the action commits.
    pub commits: usize,
    /// The number of images with each state: before the action, after its first transaction, and so on.
    pub outcomes: Vec<u64>,
    /// The largest number of commits that had returned to the app and were lost.
    pub most_lost: usize,
    /// The number of images that were left out because of the time that they would take.
    pub left_out: u64,
    /// The number of syncs that have failed before power cuts.
    pub failed_syncs: usize,
    /// The number of states between two transactions from which the action was run again.
    pub resumed: usize,
    /// True if a change that the app had acknowledged may be lost, as the profile allows.
    pub may_lose_acknowledged: bool,
    /// True if the action made the same disk operations when it was run again. If not, a failure may not repeat.
    pub deterministic: bool,
    /// The columns in which two runs differed, such as times that the app makes. New values in them were not compared.
    pub masked: Vec<String>,
    /// The number of calls of `acknowledge` before the first change.
    early: usize,
    mode: String,
    loss: Loss,
}

/// The number of lines about how many commits survived, from which on they become one.
const MOST_LINES: usize = 20;

impl Report {
    pub(super) fn new(promise: &Promise, commits: &CommitPoints, deterministic: bool) -> Report {
        Report {
            points: 0,
            moments: 0,
            images: 0,
            distinct: 0,
            commits: commits.commits(),
            outcomes: vec![0; commits.all.len()],
            most_lost: 0,
            left_out: 0,
            failed_syncs: 0,
            resumed: 0,
            may_lose_acknowledged: false,
            deterministic,
            masked: Vec::new(),
            early: commits.acknowledged.iter().filter(|(_, index)| *index == 0).count(),
            mode: promise.to_string(),
            loss: promise.loss(),
        }
    }

    /// Returns what was found, as `WAL + NORMAL: the last 3 commits may be lost; none half-applied`.
    pub fn promise(&self) -> String {
        let mode = &self.mode;
        match self.most_lost {
            0 => format!("{mode}: no commit is lost, none half-applied"),
            1 => format!("{mode}: the last commit may be lost; none half-applied"),
            lost => format!("{mode}: the last {lost} commits may be lost; none half-applied"),
        }
    }
}

printable!(Report);

impl Raw for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (points, images) = (count(self.points, "moment"), count(self.images, "image"));
        let of = if self.points < self.moments { format!(" of {}", self.moments) } else { String::new() };
        write!(f, "power cut at {points}{of}: {images}, {} different", self.distinct)?;
        if self.left_out > 0 {
            write!(f, "; {} more left out, all with .exhaustive()", self.left_out)?;
        }
        writeln!(f)?;
        writeln!(f, "  {}", self.promise())?;
        write!(f, "  {} promises: {}", self.mode, self.loss)?;
        let of = count(self.commits as u64, "commit");
        let survived: Vec<(usize, u64)> =
            self.outcomes.iter().copied().enumerate().filter(|(_, images)| *images > 0).collect();
        match survived.as_slice() {
            [first, between @ .., last] if between.len() > MOST_LINES => {
                let (from, to) = (between[0].0, between[between.len() - 1].0);
                let images: u64 = between.iter().map(|(_, images)| images).sum();
                write!(f, "\n  {} of {of} survived: {}", first.0, count(first.1, "image"))?;
                write!(f, "\n  {from} to {to} of {of} survived: {}", count(images, "image"))?;
                write!(f, "\n  {} of {of} survived: {}", last.0, count(last.1, "image"))?;
            }
            few => {
                for (commits, images) in few {
                    write!(f, "\n  {commits} of {of} survived: {}", count(*images, "image"))?;
                }
            }
        }
        if self.failed_syncs > 0 {
            write!(f, "\n  after {}: the same", count(self.failed_syncs as u64, "failed sync"))?;
        }
        if self.resumed > 0 {
            let times = count(self.resumed as u64, "state");
            write!(f, "\n  run again from {times} between its transactions: the same end each time")?;
        }
        if self.may_lose_acknowledged {
            f.write_str("\n  what was acknowledged may be lost: .durable() does not accept that")?;
        }
        if self.early > 0 {
            let times = count(self.early as u64, "time");
            write!(f, "\n  acknowledged {times} before the first change: this says nothing about later changes")?;
        }
        if let Some(masked) = not_compared(&self.masked) {
            write!(f, "\n  {masked}")?;
        }
        if !self.deterministic {
            f.write_str("\n  the action made other disk operations when it was run again")?;
        }
        Ok(())
    }
}
