//! The files that a power cut may leave.
//!
//! Everything that was synced survives. Of the rest, any combination of writes, changes of length and new or deleted names may have
//! reached the disk, and of a write also a part. A name is synced with the directory: by a delete that asks for it, and by
//! the first sync of a file that was created since.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::power_cut::{Survival, Variant};
use crate::draw::{self, Draw};
use crate::explore::Files;
use crate::sim::{Blocks, Entry, Event};

/// The size of what a disk writes completely or not at all.
const SECTOR: usize = 512;

/// The number of unsynced operations up to which each is taken by itself. Of more, a sample is taken.
pub(super) const MAX_SINGLE_OPERATIONS: usize = 40;
const MIXES: usize = 8;
/// The number of sectors of a write that are lost one by one.
const MAX_TORN_SECTORS: u64 = 4;

/// The disk at one moment: what is synced, and what is pending.
pub(super) struct DiskModel {
    inodes: Vec<Inode>,
    /// The names that the running process sees.
    names: BTreeMap<Arc<str>, usize>,
    synced_names: BTreeMap<Arc<str>, usize>,
    pending: Vec<Pending>,
    /// The sum of the marks of everything that is synced. With the marks of what survives, it identifies an image.
    settled: u64,
    /// The number of events of the log that were applied.
    applied: usize,
}

struct Inode {
    /// The bytes on the disk.
    synced: Blocks,
    /// The bytes that the running process sees.
    live: Blocks,
}

#[derive(Clone)]
pub(super) struct Pending {
    /// The place in the log.
    pub(super) at: usize,
    inode: usize,
    change: Change,
}

#[derive(Clone)]
enum Change {
    Create(Arc<str>),
    Delete(Arc<str>),
    Truncate(usize),
    // `changed` has a bit for each of the first 64 sectors in which the write changed something.
    Write { offset: usize, data: Arc<[u8]>, changed: u64 },
}

impl DiskModel {
    pub(super) fn new(files: &Files) -> DiskModel {
        let inodes = files.iter().map(|(_, bytes)| Inode { synced: bytes.clone(), live: bytes.clone() }).collect();
        let names: BTreeMap<Arc<str>, usize> =
            files.iter().enumerate().map(|(inode, (name, _))| (Arc::from(name.as_str()), inode)).collect();
        DiskModel { inodes, synced_names: names.clone(), names, pending: Vec::new(), settled: 0, applied: 0 }
    }

    /// Replays the log up to the point at which its first `point` events have happened. Points must not decrease.
    pub(super) fn replay_to(&mut self, log: &[Entry], point: usize) {
        while self.applied < point.min(log.len()) {
            self.apply(self.applied, &log[self.applied].event);
            self.applied += 1;
        }
    }

    fn apply(&mut self, at: usize, event: &Event) {
        match event {
            Event::Write { file, offset, data } => {
                let inode = self.inode(at, file);
                let offset = usize::try_from(*offset).unwrap_or(usize::MAX);
                let changed = changed_sectors(&self.inodes[inode].live, offset, data);
                self.inodes[inode].live.write(offset, data);
                self.pending.push(Pending {
                    at,
                    inode,
                    change: Change::Write { offset, data: Arc::clone(data), changed },
                });
            }
            Event::Truncate { file, len } => {
                let inode = self.inode(at, file);
                let len = usize::try_from(*len).unwrap_or(usize::MAX);
                resize(&mut self.inodes[inode].live, len);
                self.pending.push(Pending { at, inode, change: Change::Truncate(len) });
            }
            Event::Sync { file } => {
                if let Some(inode) = self.names.get(file).copied() {
                    self.sync(inode);
                }
            }
            Event::Delete { file, sync_dir } => {
                if let Some(inode) = self.names.remove(file) {
                    self.pending.push(Pending { at, inode, change: Change::Delete(Arc::clone(file)) });
                }
                if *sync_dir {
                    self.sync_names();
                }
            }
            Event::Released | Event::Acknowledged { .. } => {}
        }
    }

    /// Returns the file of that name. Creates it if it does not exist.
    fn inode(&mut self, at: usize, file: &Arc<str>) -> usize {
        if let Some(inode) = self.names.get(file) {
            return *inode;
        }
        let inode = self.inodes.len();
        self.inodes.push(Inode { synced: Blocks::default(), live: Blocks::default() });
        self.names.insert(Arc::clone(file), inode);
        self.pending.push(Pending { at, inode, change: Change::Create(Arc::clone(file)) });
        inode
    }

    fn sync(&mut self, synced: usize) {
        let is_new =
            self.pending.iter().any(|pending| pending.inode == synced && matches!(pending.change, Change::Create(_)));
        let is_data = |pending: &Pending| {
            pending.inode == synced && matches!(pending.change, Change::Write { .. } | Change::Truncate(_))
        };
        for pending in self.pending.iter().filter(|pending| is_data(pending)) {
            self.settled = self.settled.wrapping_add(pending.mark(Survival::Kept));
        }
        let inode = &mut self.inodes[synced];
        inode.synced = inode.live.clone();
        self.pending.retain(|pending| !is_data(pending));
        if is_new {
            self.sync_names();
        }
    }

    fn sync_names(&mut self) {
        for pending in &self.pending {
            if pending.change_name(&mut self.synced_names) {
                self.settled = self.settled.wrapping_add(pending.mark(Survival::Kept));
            }
        }
        let gone: Vec<usize> = (0..self.inodes.len())
            .filter(|inode| !self.names.values().chain(self.synced_names.values()).any(|named| named == inode))
            .collect();
        self.pending.retain(|pending| {
            matches!(pending.change, Change::Write { .. } | Change::Truncate(_)) && !gone.contains(&pending.inode)
        });
    }

    /// Returns each operation that is not synced, and what a variant leaves of it.
    pub(super) fn survivals(&self, variant: Variant) -> impl Iterator<Item = (&Pending, Survival)> {
        let mut rule = Rule::new(variant);
        self.pending.iter().enumerate().map(move |(index, pending)| (pending, rule.survival(index, pending)))
    }

    /// Returns the key of an image. Two images of a run with the same key are the same.
    pub(super) fn key(&self, variant: Variant) -> u64 {
        self.survivals(variant).fold(self.settled, |key, (pending, survival)| key.wrapping_add(pending.mark(survival)))
    }

    /// Returns the files that a power cut leaves.
    pub(super) fn image(&self, variant: Variant) -> Files {
        let mut names = self.synced_names.clone();
        let mut bytes: Vec<Blocks> = self.inodes.iter().map(|inode| inode.synced.clone()).collect();
        for (pending, survival) in self.survivals(variant) {
            if survival == Survival::Lost {
                continue;
            }
            let file = &mut bytes[pending.inode];
            match &pending.change {
                Change::Create(_) | Change::Delete(_) => {
                    pending.change_name(&mut names);
                }
                Change::Truncate(len) => resize(file, *len),
                Change::Write { offset, data, .. } => match survival {
                    Survival::Torn(lost) => {
                        for (sector, (start, piece)) in sectors(*offset, data).enumerate() {
                            if sector >= 64 || lost & (1 << sector) == 0 {
                                file.write(start, piece);
                            }
                        }
                        // A lost sector does not make the file shorter.
                        file.grow(offset + data.len());
                    }
                    _ => file.write(*offset, data),
                },
            }
        }
        names.into_iter().map(|(name, inode)| (name.to_string(), bytes[inode].clone())).collect()
    }

    /// Returns the files as the running process sees them.
    pub(super) fn live(&self) -> Files {
        self.names.iter().map(|(name, inode)| (name.to_string(), self.inodes[*inode].live.clone())).collect()
    }

    /// Returns true if there are enough unsynced operations for this variant.
    pub(super) fn has(&self, variant: Variant) -> bool {
        match variant {
            Variant::All | Variant::Nothing | Variant::Mix(_) => true,
            Variant::First(index)
            | Variant::Without(index)
            | Variant::Only(index)
            | Variant::Half(index)
            | Variant::Torn(index, _) => index < self.pending.len(),
        }
    }

    /// Returns the variants to look at, the simple ones first and at most `most` of each kind. `seed` chooses where there
    /// are more.
    pub(super) fn variants(&self, most: usize, seed: u64) -> Vec<Variant> {
        let count = self.pending.len();
        let mut variants = vec![Variant::All];
        if count == 0 {
            return variants;
        }
        variants.push(Variant::Nothing);
        let mut draw = Draw::new(seed);
        let some = sample(count, most, &mut draw);
        if count > 1 {
            variants.extend(some.iter().filter(|index| **index > 0).map(|index| Variant::First(*index)));
            variants.extend(some.iter().map(|index| Variant::Without(*index)));
            variants.extend(some.iter().filter(|index| **index > 0).map(|index| Variant::Only(*index)));
        }
        for &index in &some {
            let Change::Write { changed, .. } = self.pending[index].change else { continue };
            let sectors = changed.count_ones();
            if sectors < 2 {
                continue;
            }
            variants.push(Variant::Half(index));
            if u64::from(sectors) <= MAX_TORN_SECTORS {
                variants.extend((0..sectors).map(|sector| Variant::Torn(index, sector)));
            } else {
                let drawn = (0..MAX_TORN_SECTORS).map(|_| draw.below(u64::from(sectors)) as u32);
                variants.extend(drawn.map(|sector| Variant::Torn(index, sector)));
            }
        }
        if count > 2 {
            variants.extend((0..MIXES.min(most)).map(|_| Variant::Mix(draw.below(1 << 32))));
        }
        variants
    }
}

/// Returns all places, or `most` of them, in order. The last ones are always included: they decide whether a commit is
/// there.
fn sample(count: usize, most: usize, draw: &mut Draw) -> Vec<usize> {
    if count <= most {
        return (0..count).collect();
    }
    let last = most.div_ceil(4);
    let early = count - last;
    let mut some: Vec<usize> = (0..most - last).map(|_| draw.below(early as u64) as usize).collect();
    some.sort_unstable();
    some.dedup();
    some.extend(early..count);
    some
}

impl Pending {
    /// Returns a number for the operation and what is left of it: zero if nothing is.
    fn mark(&self, survival: Survival) -> u64 {
        let own = draw::key(self.at as u64, u64::from(matches!(self.change, Change::Create(_))));
        match survival {
            Survival::Lost => 0,
            Survival::Kept => own,
            Survival::Torn(lost) => draw::key(own, lost),
        }
    }

    /// Applies the operation to the names. Returns true if it is about names.
    fn change_name(&self, names: &mut BTreeMap<Arc<str>, usize>) -> bool {
        match &self.change {
            Change::Create(name) => {
                names.insert(Arc::clone(name), self.inode);
                true
            }
            Change::Delete(name) => {
                if names.get(name) == Some(&self.inode) {
                    names.remove(name);
                }
                true
            }
            _ => false,
        }
    }
}

/// Applies a variant to the operations, from the first to the last.
struct Rule {
    variant: Variant,
    draw: Draw,
}

impl Rule {
    fn new(variant: Variant) -> Rule {
        let seed = if let Variant::Mix(seed) = variant { seed } else { 0 };
        Rule { variant, draw: Draw::new(draw::key(seed, 1)) }
    }

    fn survival(&mut self, index: usize, pending: &Pending) -> Survival {
        let kept = |kept: bool| if kept { Survival::Kept } else { Survival::Lost };
        let changed = if let Change::Write { changed, .. } = pending.change { changed } else { 0 };
        match self.variant {
            Variant::All => Survival::Kept,
            Variant::Nothing => Survival::Lost,
            Variant::First(count) => kept(index < count),
            Variant::Without(lost) => kept(index != lost),
            Variant::Only(only) => kept(index == only),
            Variant::Half(half) if index == half => {
                let keep = changed.count_ones() / 2;
                Survival::Torn((0..keep).fold(changed, |lost, _| lost & (lost - 1)))
            }
            Variant::Half(half) => kept(index < half),
            Variant::Torn(torn, sector) if index == torn => {
                let above = (0..sector).fold(changed, |left, _| left & left.saturating_sub(1));
                Survival::Torn(above & above.wrapping_neg())
            }
            Variant::Torn(..) => Survival::Kept,
            Variant::Mix(_) => match self.draw.below(16) {
                0 if changed.count_ones() > 1 => Survival::Torn(changed & self.draw.next()),
                choice => kept(choice < 8),
            },
        }
    }
}

fn resize(bytes: &mut Blocks, len: usize) {
    bytes.truncate(len);
    bytes.grow(len);
}

/// Returns the pieces of a write, one per sector, with their offsets.
fn sectors(offset: usize, data: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let start = offset + done;
        let len = (SECTOR - start % SECTOR).min(data.len() - done);
        let piece = data.get(done..done + len).filter(|piece| !piece.is_empty())?;
        done += len;
        Some((start, piece))
    })
}

/// Returns a bit for each of the first 64 sectors that `data` changes.
fn changed_sectors(before: &Blocks, offset: usize, data: &[u8]) -> u64 {
    let differs = |(start, piece): (usize, &[u8])| match before.piece(start, piece.len()) {
        Some(was) => was != piece,
        // A lost sector past the end reads as zeros.
        None => start < before.len() || piece.iter().any(|byte| *byte != 0),
    };
    let changed = sectors(offset, data).take(64).enumerate();
    changed.fold(0, |bits, (sector, piece)| if differs(piece) { bits | 1 << sector } else { bits })
}
