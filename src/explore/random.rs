//! `random()` and `randomblob()` with the same values in each run.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use crate::draw::{self, Draw};
use crate::error::{Error, Result};

/// The values of `random()` and `randomblob()` on a connection. SQLite's own differ in each run.
pub(crate) struct SeededRandom {
    whose: u64,
    draws: Arc<Mutex<Draw>>,
}

impl SeededRandom {
    /// Replaces the functions of a connection. Connections with another `whose` get other values.
    pub(crate) fn on(connection: &Connection, whose: u64) -> Result<SeededRandom> {
        let random = SeededRandom { whose, draws: Arc::new(Mutex::new(SeededRandom::first(whose))) };
        random.register(connection).map_err(|error| Error::sqlite("register random()", error))?;
        Ok(random)
    }

    /// Starts again with the first value.
    pub(crate) fn restart(&self) {
        *self.draws.lock().unwrap_or_else(PoisonError::into_inner) = SeededRandom::first(self.whose);
    }

    fn first(whose: u64) -> Draw {
        Draw::new(draw::named(whose, "random"))
    }

    fn register(&self, connection: &Connection) -> rusqlite::Result<()> {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
        let hold = |draws: &Mutex<Draw>| draws.lock().unwrap_or_else(PoisonError::into_inner).next();
        let (numbers, blobs) = (Arc::clone(&self.draws), Arc::clone(&self.draws));
        connection.create_scalar_function("random", 0, flags, move |_| Ok(hold(&numbers).cast_signed()))?;
        connection.create_scalar_function("randomblob", 1, flags, move |context| {
            // As in SQLite, the result has at least one byte.
            let len = context.get::<Option<i64>>(0).ok().flatten().unwrap_or(1).clamp(1, 1_000_000_000);
            let mut bytes = Vec::new();
            while bytes.len() < len as usize {
                bytes.extend_from_slice(&hold(&blobs).to_le_bytes());
            }
            bytes.truncate(len as usize);
            Ok(bytes)
        })
    }
}
