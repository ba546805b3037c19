//! Oddities: a runner treats files of a history otherwise than their author may expect.

use std::fmt;

use crate::report::{Raw, printable};

/// Something that the runner of a history does with its files although their author may expect something else.
///
/// A history with oddities is loaded as its runner would load it. The test `history_is_linear` of the migration suite reports them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Oddity {
    pub(super) kind: OddityKind,
    pub(super) file: String,
    pub(super) what: String,
    pub(super) evidence: String,
    pub(super) fix: String,
}

impl Oddity {
    /// Returns its kind.
    pub fn kind(&self) -> OddityKind {
        self.kind
    }

    /// Returns the file that it is about, or the first of them.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the files, one a line, or why it happens.
    pub(crate) fn evidence(&self) -> &str {
        &self.evidence
    }

    /// Returns what to do about it.
    pub(crate) fn fix(&self) -> &str {
        &self.fix
    }
}

printable!(Oddity);

impl Raw for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// The kind of an [`Oddity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OddityKind {
    /// The order of the migrations is not that of their numbers.
    Order,
    /// Migrations have the same version. They are run in the order of their names.
    SameVersion,
    /// Files are passed over, or some runners pass over them.
    PassedOver,
    /// A file sets an option in a way that its runner does not read.
    IgnoredOption,
    /// A file begins a transaction, and the app depends on sqlx, which runs each file in one.
    OwnTransaction,
}

impl OddityKind {
    /// Returns the code of its finding.
    pub(crate) fn code(self) -> &'static str {
        match self {
            OddityKind::Order => "out-of-order",
            OddityKind::SameVersion => "same-version",
            OddityKind::PassedOver => "passed-over",
            OddityKind::IgnoredOption => "ignored-option",
            OddityKind::OwnTransaction => "own-transaction",
        }
    }

    /// Returns what it costs to leave it.
    pub(crate) fn cost(self) -> &'static str {
        match self {
            OddityKind::Order => "a migration can run earlier than its author expects",
            OddityKind::SameVersion => "sqlx fails at the second one; other runners decide on the order by themselves",
            OddityKind::PassedOver => "databases that a runner made do not have what it passed over",
            OddityKind::IgnoredOption => "the migration runs without the option",
            OddityKind::OwnTransaction => "SQLite refuses BEGIN in a transaction, and the app does not start",
        }
    }

    /// Returns the label of its evidence.
    pub(crate) fn label(self) -> &'static str {
        match self {
            OddityKind::Order => "order",
            OddityKind::SameVersion | OddityKind::PassedOver => "files",
            OddityKind::IgnoredOption | OddityKind::OwnTransaction => "why",
        }
    }
}
