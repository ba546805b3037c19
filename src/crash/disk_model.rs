//! The files that a power cut may leave.
//!
//! Everything that was synced survives. Of the rest, any combination of writes, changes of length and new or deleted names may have
//! reached the disk, and of a write also a part. A name is synced with the directory: by a delete that asks for it, and by
//! the first sync of a file that was created since.
//!
//! A file may have its new length and not what was written there. That part is then empty in some images and has old bytes of
//! something else in others: file systems do either (<https://www.sqlite.org/atomiccommit.html#_hardware_assumptions>).

use std::sync::{Arc, LazyLock};

use super::power_cut::{Survival, Variant};
use crate::draw::{self, Draw};
use crate::explore::Files;
use crate::order::{Order as _, SortedMap};
use crate::sim::{Blocks, Entry, Event};

/// The size of what a disk writes completely or not at all.
const SECTOR: usize = 512;

/// The number of parts into which a write may be torn: sectors, or several of them together.
const MOST_PARTS: usize = 64;

/// The number of bytes before a write that have other contents where an earlier one was lost.
const MOST_GARBAGE: usize = 64 << 10;

/// The number of unsynced operations up to which each is taken by itself. Of more, a sample is taken.
pub(super) const MAX_SINGLE_OPERATIONS: usize = 40;
const MIXES: usize = 8;
/// The number of sectors of a write that are lost one by one.
const MAX_TORN_SECTORS: u64 = 4;

/// The disk at one moment: what is synced, and what is pending.
pub(super) struct DiskModel {
    inodes: Vec<Inode>,
    /// The names that the running process sees.
    names: SortedMap<Arc<str>, usize>,
    synced_names: SortedMap<Arc<str>, usize>,
    pending: Vec<Pending>,
    /// The sum of the marks of everything that is synced. With the marks of what survives, it identifies an image.
    settled: u64,
    /// The number of events of the log that were applied.
    applied: usize,
    drive: Drive,
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
    written: Written,
}

/// The way that an operation which a power cut may take has gone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    NotYet,
    /// A drive that caches has it, or its sync has failed: it will not be written again.
    Once,
    /// It is on the disk, but one before it may not be.
    Kept,
}

/// The effect of a sync on a drive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Drive {
    /// Writes everything that it was given.
    #[default]
    Writes,
    /// Keeps it in a cache and writes it in any order, unless SQLite asks for a full sync, as on macOS.
    Caches,
}

#[derive(Clone)]
enum Change {
    Create(Arc<str>),
    Delete(Arc<str>),
    Truncate(usize),
    // `changed` has a bit for each part in which the write changed something. `extends` is true if the file got longer.
    Write { offset: usize, data: Arc<[u8]>, changed: u64, extends: bool },
}

impl DiskModel {
    pub(super) fn new(files: &Files, drive: Drive) -> DiskModel {
        let inodes = files.iter().map(|(_, bytes)| Inode { synced: bytes.clone(), live: bytes.clone() }).collect();
        let names: SortedMap<Arc<str>, usize> =
            files.iter().enumerate().map(|(inode, (name, _))| (Arc::from(name.as_str()), inode)).collect();
        DiskModel { inodes, synced_names: names.clone(), names, pending: Vec::new(), settled: 0, applied: 0, drive }
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
                let live = &mut self.inodes[inode].live;
                let (changed, extends) = (changed_parts(live, offset, data), live.len() < offset + data.len());
                live.write(offset, data);
                let change = Change::Write { offset, data: Arc::clone(data), changed, extends };
                self.push(at, inode, change);
            }
            Event::Truncate { file, len } => {
                let inode = self.inode(at, file);
                let len = usize::try_from(*len).unwrap_or(usize::MAX);
                resize(&mut self.inodes[inode].live, len);
                self.push(at, inode, Change::Truncate(len));
            }
            Event::Sync { file, full } => {
                if let Some(inode) = self.names.get(file).copied() {
                    self.sync(inode);
                }
                if *full && self.drive == Drive::Caches {
                    self.flush_drive();
                }
            }
            Event::Delete { file, sync_dir } => {
                if let Some(inode) = self.names.remove(file) {
                    self.push(at, inode, Change::Delete(Arc::clone(file)));
                }
                if *sync_dir {
                    self.sync_names();
                }
            }
            Event::FailedSync { file } => self.fail_sync(file),
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
        self.push(at, inode, Change::Create(Arc::clone(file)));
        inode
    }

    fn push(&mut self, at: usize, inode: usize, change: Change) {
        self.pending.push(Pending { at, inode, change, written: Written::NotYet });
    }

    fn sync(&mut self, synced: usize) {
        let is_new = |pending: &Pending| {
            pending.inode == synced && pending.written == Written::NotYet && matches!(pending.change, Change::Create(_))
        };
        let is_new = self.pending.iter().any(is_new);
        let is_data = |pending: &Pending| pending.inode == synced && !pending.is_about_names();
        if self.drive == Drive::Caches {
            self.pending.iter_mut().filter(|one| is_data(one)).for_each(|one| one.written = Written::Once);
            if is_new {
                self.sync_names();
            }
            return;
        }
        if self.pending.iter().any(|pending| is_data(pending) && pending.written == Written::Once) {
            // What is written now covers what may be lost, and not the other way round: all stay in their order.
            let now = self.pending.iter_mut().filter(|one| is_data(one) && one.written == Written::NotYet);
            now.for_each(|one| one.written = Written::Kept);
        } else {
            for pending in self.pending.iter().filter(|pending| is_data(pending)) {
                self.settled = self.settled.wrapping_add(pending.mark(Survival::Kept));
            }
            let inode = &mut self.inodes[synced];
            inode.synced = inode.live.clone();
            self.pending.retain(|pending| !is_data(pending));
        }
        if is_new {
            self.sync_names();
        }
    }

    /// Notes that what was written to a file may be lost although a later sync succeeds, see
    /// <https://wiki.postgresql.org/wiki/Fsync_Errors>.
    fn fail_sync(&mut self, file: &str) {
        let Some(inode) = self.names.get(file).copied() else { return };
        let is_data = |pending: &&mut Pending| pending.inode == inode && !pending.is_about_names();
        let lost = self.pending.iter_mut().filter(is_data).filter(|one| one.written == Written::NotYet);
        lost.for_each(|one| one.written = Written::Once);
    }

    /// Settles what the operating system has handed to the drive.
    fn flush_drive(&mut self) {
        for pending in self.pending.extract_if(.., |pending| pending.written == Written::Once) {
            self.settled = self.settled.wrapping_add(pending.mark(Survival::Kept));
            pending.apply(Survival::Kept, &mut self.inodes[pending.inode].synced, false);
            pending.change_name(&mut self.synced_names);
        }
        self.forget_what_is_gone();
    }

    fn sync_names(&mut self) {
        if self.drive == Drive::Caches {
            self.pending.iter_mut().filter(|one| one.is_about_names()).for_each(|one| one.written = Written::Once);
            return;
        }
        for pending in &self.pending {
            if pending.change_name(&mut self.synced_names) {
                self.settled = self.settled.wrapping_add(pending.mark(Survival::Kept));
            }
        }
        self.pending.retain(|pending| !pending.is_about_names());
        self.forget_what_is_gone();
    }

    /// Forgets the writes to files that have no name any more.
    fn forget_what_is_gone(&mut self) {
        let is_named = |inode: usize| {
            let is_about = |pending: &Pending| pending.is_about_names() && pending.inode == inode;
            self.names.values().chain(self.synced_names.values()).any(|named| *named == inode)
                || self.pending.iter().any(is_about)
        };
        let gone: Vec<usize> = (0..self.inodes.len()).filter(|inode| !is_named(*inode)).collect();
        self.pending.retain(|pending| !gone.contains(&pending.inode));
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
        let has_garbage = self.key(variant) & 1 == 1;
        for (pending, survival) in self.survivals(variant) {
            if survival == Survival::Lost {
                continue;
            }
            pending.apply(survival, &mut bytes[pending.inode], has_garbage);
            pending.change_name(&mut names);
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
    some.order();
    some.dedup();
    some.extend(early..count);
    some
}

impl Pending {
    fn is_about_names(&self) -> bool {
        matches!(self.change, Change::Create(_) | Change::Delete(_))
    }

    /// Applies what is left of the operation to the bytes of its file.
    fn apply(&self, survival: Survival, file: &mut Blocks, has_garbage: bool) {
        let (offset, data) = match &self.change {
            Change::Write { offset, data, .. } => (*offset, data),
            Change::Truncate(len) => return resize(file, *len),
            Change::Create(_) | Change::Delete(_) => return,
        };
        let lost = if let Survival::Torn(lost) = survival { lost } else { 0 };
        // A lost part does not make the file shorter.
        let end = if lost == 0 { offset } else { offset + data.len() };
        if has_garbage && file.len() < end {
            write_garbage(file, end);
        }
        if lost == 0 {
            return file.write(offset, data);
        }
        for (_, (start, part)) in parts(offset, data).filter(|(bit, _)| lost & bit == 0) {
            file.write(start, part);
        }
        file.grow(end);
    }

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
    fn change_name(&self, names: &mut SortedMap<Arc<str>, usize>) -> bool {
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
        if pending.written == Written::Kept {
            return Survival::Kept;
        }
        let kept = |kept: bool| if kept { Survival::Kept } else { Survival::Lost };
        let (changed, extends) = match pending.change {
            Change::Write { changed, extends, .. } => (changed, extends),
            _ => (0, false),
        };
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
                // Only the length of the file.
                1 if extends => Survival::Torn(u64::MAX),
                choice => kept(choice < 8),
            },
        }
    }
}

fn resize(bytes: &mut Blocks, len: usize) {
    bytes.truncate(len);
    bytes.grow(len);
}

/// Extends a file to a length, with bytes that nobody has written there.
fn write_garbage(file: &mut Blocks, end: usize) {
    // Computed once: an unoptimized build would spend a sixth of all images on it.
    static GARBAGE: LazyLock<Vec<u8>> =
        LazyLock::new(|| (0..MOST_GARBAGE as u64 / 8).flat_map(|at| draw::key(at, 0).to_le_bytes()).collect());
    let start = file.len().max(end.saturating_sub(MOST_GARBAGE));
    file.write(start, &GARBAGE[..end - start]);
}

/// Returns the parts of a write that a power cut leaves or loses: a bit, the offset and the bytes of each.
fn parts(offset: usize, data: &[u8]) -> impl Iterator<Item = (u64, (usize, &[u8]))> {
    let unit = SECTOR * data.len().div_ceil(SECTOR * MOST_PARTS).max(1);
    let mut done = 0;
    let part = move || {
        let start = offset + done;
        let len = (unit - start % unit).min(data.len() - done);
        let part = data.get(done..done + len).filter(|part| !part.is_empty())?;
        done += len;
        Some((start, part))
    };
    // One that does not begin with a sector has one more.
    std::iter::from_fn(part).enumerate().map(|(index, part)| (1 << index.min(MOST_PARTS - 1), part))
}

/// Returns a bit for each part that `data` changes.
fn changed_parts(before: &Blocks, offset: usize, data: &[u8]) -> u64 {
    let differs = |(start, part): (usize, &[u8])| match before.piece(start, part.len()) {
        Some(was) => was != part,
        // A lost part past the end reads as zeros.
        None => start < before.len() || part.iter().any(|byte| *byte != 0),
    };
    parts(offset, data).filter(|(_, part)| differs(*part)).fold(0, |bits, (bit, _)| bits | bit)
}
