//! The price of indexes for the statements that write.

use std::fmt;

use crate::report::{Raw, printable};
use crate::sql::on_one_line;

/// The price of new indexes for the statements that write to their tables: each row has an entry more to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upkeep {
    /// The number of statements that pay it.
    pub statements: usize,
    /// The one that pays most.
    pub sql: String,
    /// Its steps on sampled rows without the indexes.
    pub before: u64,
    /// Its steps with them.
    pub after: u64,
}

printable!(
    /// One line, with the statement that pays most.
    Upkeep
);

impl Raw for Upkeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Upkeep { statements, sql, before, after } = self;
        let writes = match statements {
            1 => "1 write takes more steps to keep the new index entries,".to_owned(),
            many => format!("{many} writes take more steps to keep the new index entries; the largest rise is"),
        };
        write!(f, "{writes} from {before} to {after}: {}", on_one_line(sql))
    }
}
