//! The events that the hook reports to the captures. Connections and statements are identified by their addresses.

/// SQLite's counters of a statement. They have 32 bits and may wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) steps: u32,
    pub(super) fullscan_steps: u32,
    pub(super) sorts: u32,
    pub(super) autoindex_rows: u32,
    pub(super) reprepared: u32,
}

impl Counters {
    /// Returns what was counted after `before`. An app may reset its counters in between; the result is then what was
    /// counted after the reset.
    pub(super) fn since(self, before: Counters) -> Counters {
        let since = |now: u32, before: u32| {
            if now.wrapping_sub(before) > u32::MAX / 2 { now } else { now.wrapping_sub(before) }
        };
        Counters {
            steps: since(self.steps, before.steps),
            fullscan_steps: since(self.fullscan_steps, before.fullscan_steps),
            sorts: since(self.sorts, before.sorts),
            autoindex_rows: since(self.autoindex_rows, before.autoindex_rows),
            reprepared: since(self.reprepared, before.reprepared),
        }
    }
}

/// A statement starts to run.
pub(super) struct Started<'a> {
    pub(super) connection: usize,
    pub(super) statement: usize,
    pub(super) sql: &'a str,
    pub(super) expanded: Option<String>,
    pub(super) has_parameters: bool,
    pub(super) reads_only: bool,
    pub(super) counters: Counters,
    /// `sqlite3_total_changes` of the connection.
    pub(super) changed: u32,
}

/// A statement has run to its end, or is about to be reset.
pub(super) struct Finished {
    pub(super) connection: usize,
    pub(super) statement: usize,
    pub(super) counters: Counters,
    pub(super) changed: u32,
    pub(super) reads_only: bool,
    /// True if SQLite is done with the statement. If not, its changes are counted after this event.
    pub(super) is_halted: bool,
}
