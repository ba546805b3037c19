//! Final states, as they are compared. Of a large database, one that was read before is found by its bytes: schedules end in few
//! different states.

use std::sync::Arc;

use rusqlite::Connection;

use crate::check::{BesidesRows, Mask, masked_digest};
use crate::db::Address;
use crate::error::Result;
use crate::explore::{Files, fold, same_files};
use crate::order::{Order as _, SortedMap};
use crate::schema::Schema;
use crate::sim::Blocks;

/// Values that differ when the tasks run again, one after another, such as times that the app makes. They are not compared.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    pub(super) mask: Mask,
    /// True if the tasks declare other objects each time.
    pub(super) schema: bool,
    /// The tasks that return another value each time, a bit each.
    pub(super) values: u8,
}

/// A database at the end of a run, as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FinalState {
    /// A digest of the rows.
    rows: u64,
    pub(super) schema: SchemaText,
    /// `user_version` and `application_id`.
    numbers: [Option<i64>; 2],
}

impl FinalState {
    /// Returns true if both differ in nothing but rows.
    pub(super) fn is_same_besides_rows(&self, other: &FinalState) -> bool {
        self.schema == other.schema && self.numbers == other.numbers
    }
}

/// A schema in one spelling, as its canonical text: two tasks may declare the same object in other words. The columns of a
/// table are in the order of their names, because two tasks may add some by turns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SchemaText(Arc<str>);

/// The states that are known.
#[derive(Default)]
pub(super) struct KnownStates {
    /// The columns that are not compared.
    hidden: Option<Arc<Hidden>>,
    states: Vec<KnownState>,
    /// The texts of schemas, by the digests of their declarations. To read the facts of a schema takes long.
    schemas: SortedMap<u64, SchemaText>,
}

struct KnownState {
    /// Another key means other bytes.
    key: u64,
    files: Files,
    state: FinalState,
}

/// The size in bytes up to which a database is read each time: that costs less than to let SQLite fold its files.
const SMALL: usize = 500_000;

/// The number of states that are kept.
const MAX_STATES: usize = 64;

impl KnownStates {
    /// Returns the state of a database as it is committed now.
    pub(super) fn of(&mut self, database: &Address, hidden: &Arc<Hidden>) -> Result<FinalState> {
        let files = database.disk().fork().files();
        if files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() < SMALL {
            return self.read(database, hidden);
        }
        let Ok(folded) = fold(&files) else { return self.read(database, hidden) };
        if !self.hidden.as_ref().is_some_and(|known| Arc::ptr_eq(known, hidden)) {
            self.hidden = Some(Arc::clone(hidden));
            self.states.clear();
        }
        let key = self.key(&folded);
        // The first one has no other to be compared with.
        let may_be = |place: usize, state: &KnownState| place == 0 || state.key == key;
        let mut known = self.states.iter().enumerate();
        let known = known.find(|(place, state)| may_be(*place, state) && same_files(&state.files, &folded));
        if let Some((_, known)) = known {
            return Ok(known.state.clone());
        }
        let state = self.read(database, hidden)?;
        if self.states.len() < MAX_STATES {
            self.states.push(KnownState { key, files: folded, state: state.clone() });
        }
        Ok(state)
    }

    fn read(&mut self, database: &Address, hidden: &Hidden) -> Result<FinalState> {
        let connection = database.look()?;
        let rows = masked_digest(&connection, &hidden.mask)?.value();
        let BesidesRows { declarations, numbers } = BesidesRows::read(&connection, &hidden.mask)?;
        let schema = match self.schemas.get(&declarations) {
            _ if hidden.schema => SchemaText(Arc::from("")),
            Some(known) => known.clone(),
            None => {
                // One that cannot be read is the same as long as it is written in the same way.
                let as_written = || SchemaText(declarations.to_string().into());
                let read = SchemaText::read(&connection).unwrap_or_else(|_| as_written());
                self.schemas.insert(declarations, read.clone());
                read
            }
        };
        Ok(FinalState { rows, schema, numbers })
    }

    /// Returns a key of what differs from the first state.
    fn key(&self, files: &Files) -> u64 {
        let base = |name: &str| self.states.first()?.files.iter().find(|(other, _)| other == name);
        let of = |(name, bytes): &(String, Blocks)| base(name).map_or(0, |(_, base)| bytes.key_beside(base));
        files.iter().map(of).fold(0, u64::wrapping_add)
    }
}

impl SchemaText {
    fn read(connection: &Connection) -> Result<SchemaText> {
        let mut schema = Schema::read(connection)?;
        for table in &mut schema.tables {
            table.columns.order_by(|one, other| one.name.cmp(&other.name));
        }
        Ok(SchemaText(schema.canonical().into()))
    }
}
