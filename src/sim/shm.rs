//! The WAL-index that the connections to a database share, on the heap instead of in a `-shm` file, and its eight
//! locks.
//!
//! <https://www.sqlite.org/walformat.html> describes what SQLite keeps in it. Nothing here reads that.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use super::locks::Busy;

pub(super) const LOCKS: usize = 8;

/// The WAL-index of one database file, over all its connections.
#[derive(Default)]
pub(super) struct Shm {
    regions: Vec<Region>,
    /// Connections that have it mapped. When the last one detaches, the regions are freed, as the unix VFS deletes the
    /// file: the next connection finds nothing and recovers the index from the WAL.
    users: usize,
    slots: [Slot; LOCKS],
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Slot {
    readers: u32,
    exclusive: bool,
}

/// The locks that one connection holds, as bits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    shared: u8,
    exclusive: u8,
}

impl Shm {
    pub(super) fn attach(&mut self) -> Held {
        self.users += 1;
        Held::default()
    }

    pub(super) fn detach(&mut self, mut held: Held) {
        self.unlock(&mut held, 0, LOCKS);
        self.users -= 1;
        if self.users == 0 {
            self.regions.clear();
        }
    }

    /// Returns the address of a region. A new one is `size` zeroes. It does not move until the last connection
    /// detaches.
    pub(super) fn map(&mut self, index: usize, size: usize, extend: bool) -> Option<NonNull<u8>> {
        if extend {
            while self.regions.len() <= index {
                self.regions.push(Region::zeroed(size));
            }
        }
        self.regions.get(index).map(|region| region.start)
    }

    pub(super) fn lock_shared(&mut self, held: &mut Held, slot: usize) -> Result<(), Busy> {
        if held.shared & mask(slot, 1) != 0 {
            return Ok(());
        }
        if self.slots[slot].exclusive {
            return Err(Busy);
        }
        self.slots[slot].readers += 1;
        held.shared |= mask(slot, 1);
        Ok(())
    }

    pub(super) fn lock_exclusive(&mut self, held: &mut Held, first: usize, count: usize) -> Result<(), Busy> {
        let is_taken = |index| held.exclusive & mask(index, 1) == 0 && self.slots[index] != Slot::default();
        if (first..first + count).any(is_taken) {
            return Err(Busy);
        }
        for slot in &mut self.slots[first..first + count] {
            slot.exclusive = true;
        }
        held.exclusive |= mask(first, count);
        Ok(())
    }

    /// Releases the locks of `held` among `first..first + count`.
    pub(super) fn unlock(&mut self, held: &mut Held, first: usize, count: usize) {
        for index in first..first + count {
            let bit = mask(index, 1);
            if held.shared & bit != 0 {
                self.slots[index].readers -= 1;
            }
            if held.exclusive & bit != 0 {
                self.slots[index].exclusive = false;
            }
        }
        held.shared &= !mask(first, count);
        held.exclusive &= !mask(first, count);
    }

    /// Returns a copy for the fork of a disk, which saves the fork from reading the whole WAL. `None` while a
    /// connection holds an exclusive lock: the index may be changing then, and the fork recovers it.
    pub(super) fn fork(&self) -> Option<Shm> {
        if self.slots.iter().any(|slot| slot.exclusive) {
            return None;
        }
        let regions = self.regions.iter().map(Region::copy).collect();
        // The regions have no users yet: the first to attach finds them, the last to detach drops them.
        Some(Shm { regions, users: 0, slots: [Slot::default(); LOCKS] })
    }
}

fn mask(first: usize, count: usize) -> u8 {
    (((1_u16 << count) - 1) << first) as u8
}

/// Memory that SQLite reads and writes through raw pointers, from several threads, by its own protocol. There is never
/// a Rust reference to it.
struct Region {
    start: NonNull<u8>,
    size: usize,
}

// SAFETY: a region is an address and a size. The bytes behind it are only touched by SQLite, under the locks above, and
// by `copy`, while no lock is held under which SQLite writes.
unsafe impl Send for Region {}

impl Region {
    fn zeroed(size: usize) -> Self {
        let layout = Region::layout(size);
        // SAFETY: the layout is of at least one byte.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) });
        Region { start: start.unwrap_or_else(|| handle_alloc_error(layout)), size }
    }

    /// SQLite uses atomic operations on words of the memory, so that it is aligned, as mapped memory would be: to a line of the
    /// processor's cache.
    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size.max(1), 64).expect("SQLite asks for 32 KB at a time")
    }

    fn copy(&self) -> Self {
        let copy = Region::zeroed(self.size);
        // SAFETY: both regions are `size` bytes, and distinct. `Shm::fork` has seen that no exclusive lock is held, and
        // the caller has `&Shm` from its mutex, so that none can be taken: nobody writes to the source meanwhile.
        unsafe { copy.start.copy_from_nonoverlapping(self.start, self.size) };
        copy
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: `zeroed` allocated it with this layout, and it is dropped once. SQLite has unmapped it: regions are dropped
        // with the last user, or with the disk, which every connection keeps alive.
        unsafe { dealloc(self.start.as_ptr(), Region::layout(self.size)) };
    }
}

#[cfg(test)]
mod tests {
    use super::{Busy, LOCKS, Shm};

    #[test]
    fn shared_locks_are_counted_and_exclusive_ones_are_alone() {
        let mut shm = Shm::default();
        let (mut one, mut two) = (shm.attach(), shm.attach());
        assert_eq!(shm.lock_shared(&mut one, 3), Ok(()));
        assert_eq!(shm.lock_shared(&mut two, 3), Ok(()));
        assert_eq!(shm.lock_exclusive(&mut one, 3, 1), Err(Busy));
        shm.unlock(&mut two, 3, 1);
        shm.unlock(&mut one, 3, 1);
        assert_eq!(shm.lock_exclusive(&mut one, 1, LOCKS - 1), Ok(()));
        assert_eq!(shm.lock_shared(&mut two, 7), Err(Busy));
        assert_eq!(shm.lock_shared(&mut two, 0), Ok(()));
        shm.detach(one);
        assert_eq!(shm.lock_exclusive(&mut two, 7, 1), Ok(()));
    }

    #[test]
    fn a_range_is_taken_whole_or_not_at_all() {
        let mut shm = Shm::default();
        let (mut one, mut two) = (shm.attach(), shm.attach());
        shm.lock_exclusive(&mut one, 2, 1).unwrap();
        assert_eq!(shm.lock_exclusive(&mut two, 0, 4), Err(Busy));
        assert_eq!(shm.lock_exclusive(&mut one, 0, 2), Ok(()));
    }

    #[test]
    fn regions_stay_until_the_last_connection_goes() {
        let mut shm = Shm::default();
        let (one, two) = (shm.attach(), shm.attach());
        assert_eq!(shm.map(0, 32, false), None);
        let region = shm.map(0, 32, true).unwrap();
        assert_eq!(shm.map(1, 32, false), None);
        shm.detach(one);
        assert_eq!(shm.map(0, 32, false), Some(region));
        shm.detach(two);
        assert_eq!(shm.map(0, 32, false), None);
    }

    #[test]
    fn regions_are_aligned_for_atomic_words() {
        let mut shm = Shm::default();
        let _user = shm.attach();
        // Of any size: SQLite asks for 32 KB at a time.
        let regions: Vec<_> = (0..16).map(|index| shm.map(index, 24 + 40 * index, true).unwrap()).collect();
        assert!(regions.iter().all(|start| start.as_ptr().addr().is_multiple_of(64)), "{regions:?}");
    }

    #[test]
    fn a_fork_waits_for_nobody_and_copies_nothing_unfinished() {
        let mut shm = Shm::default();
        let mut one = shm.attach();
        shm.map(0, 32, true).unwrap();
        shm.lock_shared(&mut one, 4).unwrap();
        let fork = shm.fork().unwrap();
        assert_eq!((fork.regions.len(), fork.users), (1, 0));
        shm.lock_exclusive(&mut one, 0, 1).unwrap();
        assert!(shm.fork().is_none());
    }
}
