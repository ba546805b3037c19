//! The locks on a database file, by the rules of SQLite's unix VFS for connections of one process.
//!
//! <https://www.sqlite.org/lockingv3.html> describes the five levels. The differential tests compare these rules with
//! the real VFS, step by step.

/// The levels of a lock, in SQLite's order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    #[default]
    None,
    Shared,
    Reserved,
    Pending,
    Exclusive,
}

impl Level {
    pub(super) fn from_code(code: i32) -> Level {
        match code {
            0 => Level::None,
            1 => Level::Shared,
            2 => Level::Reserved,
            3 => Level::Pending,
            _ => Level::Exclusive,
        }
    }
}

/// Another connection holds a conflicting lock.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Busy;

/// The locks of one file, over all its connections.
#[derive(Debug, Default)]
pub(super) struct Locks {
    /// Connections at `Shared` or above.
    holders: usize,
    /// The highest level that any of them has. Above `Shared`, exactly one has it.
    highest: Level,
}

impl Locks {
    /// Raises `own` to `wanted`. On `Busy`, `own` may have reached `Pending`, which keeps new readers out until the old
    /// ones are gone.
    pub(super) fn lock(&mut self, own: &mut Level, wanted: Level) -> Result<(), Busy> {
        if *own >= wanted {
            return Ok(());
        }
        let held_by_another = *own != self.highest;
        if held_by_another && (self.highest >= Level::Pending || wanted > Level::Shared) {
            return Err(Busy);
        }
        if wanted == Level::Shared {
            self.holders += 1;
            *own = Level::Shared;
            self.highest = self.highest.max(Level::Shared);
            return Ok(());
        }
        if wanted == Level::Exclusive && self.holders > 1 {
            // A writer at `Reserved` goes to `Pending`. A reader that found a hot journal does not: two of them would
            // wait for each other.
            if *own >= Level::Reserved {
                *own = Level::Pending;
                self.highest = Level::Pending;
            }
            return Err(Busy);
        }
        *own = wanted;
        self.highest = wanted;
        Ok(())
    }

    /// Lowers `own` to `Shared` or `None`.
    pub(super) fn unlock(&mut self, own: &mut Level, to: Level) {
        if *own <= to {
            return;
        }
        if *own > Level::Shared {
            self.highest = Level::Shared;
        }
        if to == Level::None {
            self.holders -= 1;
            if self.holders == 0 {
                self.highest = Level::None;
            }
        }
        *own = to;
    }

    /// Returns true if any connection intends to write.
    pub(super) fn is_reserved(&self) -> bool {
        self.highest > Level::Shared
    }
}

#[cfg(test)]
mod tests {
    use super::{Busy, Level, Locks};

    #[test]
    fn readers_share_and_one_writer_waits_for_them() {
        let mut locks = Locks::default();
        let (mut reader, mut writer, mut late) = (Level::None, Level::None, Level::None);
        assert_eq!(locks.lock(&mut reader, Level::Shared), Ok(()));
        assert_eq!(locks.lock(&mut writer, Level::Shared), Ok(()));
        assert_eq!(locks.lock(&mut writer, Level::Reserved), Ok(()));
        assert!(locks.is_reserved());
        assert_eq!(locks.lock(&mut reader, Level::Reserved), Err(Busy));

        assert_eq!(locks.lock(&mut writer, Level::Exclusive), Err(Busy));
        assert_eq!(writer, Level::Pending);
        assert_eq!(locks.lock(&mut late, Level::Shared), Err(Busy));

        locks.unlock(&mut reader, Level::None);
        assert_eq!(locks.lock(&mut writer, Level::Exclusive), Ok(()));
        locks.unlock(&mut writer, Level::Shared);
        assert!(!locks.is_reserved());
        assert_eq!(locks.lock(&mut late, Level::Shared), Ok(()));
    }

    #[test]
    fn of_two_readers_with_a_hot_journal_neither_becomes_pending() {
        let mut locks = Locks::default();
        let (mut one, mut two) = (Level::None, Level::None);
        locks.lock(&mut one, Level::Shared).unwrap();
        locks.lock(&mut two, Level::Shared).unwrap();
        assert_eq!(locks.lock(&mut one, Level::Exclusive), Err(Busy));
        assert_eq!((one, locks.highest), (Level::Shared, Level::Shared));
        locks.unlock(&mut two, Level::None);
        assert_eq!(locks.lock(&mut one, Level::Exclusive), Ok(()));
    }

    #[test]
    fn nothing_is_left_when_all_have_gone() {
        let mut locks = Locks::default();
        let mut own = Level::None;
        locks.lock(&mut own, Level::Shared).unwrap();
        locks.lock(&mut own, Level::Exclusive).unwrap();
        locks.unlock(&mut own, Level::None);
        assert_eq!((locks.holders, locks.highest, own), (0, Level::None, Level::None));
    }
}
