//! Names as SQLite compares them: ASCII letters match in either case, all others only themselves.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use rusqlite::ToSql;
use rusqlite::types::ToSqlOutput;

/// The name of a table, column, index, view or trigger, spelled as it was declared.
///
/// Names are equal if they differ only in the case of ASCII letters, as in SQLite. Comparing one with a `str` follows
/// the same rule; compare [`as_str`](Name::as_str) for the exact spelling.
///
/// ```
/// use sqlitmus::schema::Name;
///
/// let name = Name::from("Users");
/// assert_eq!(name, "users");
/// assert_eq!(name.to_string(), "Users");
/// assert_ne!(name.as_str(), "users");
/// ```
#[derive(Clone, Default)]
pub struct Name(String);

impl Name {
    /// Returns the name as it was declared.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns true if SQLite takes both for the same name.
pub(crate) fn same_name(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

impl From<&str> for Name {
    fn from(name: &str) -> Name {
        Name(name.to_owned())
    }
}

impl From<String> for Name {
    fn from(name: String) -> Name {
        Name(name)
    }
}

impl From<&String> for Name {
    fn from(name: &String) -> Name {
        Name(name.clone())
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0
    }
}

impl From<&Name> for String {
    fn from(name: &Name) -> String {
        name.0.clone()
    }
}

impl ToSql for Name {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        same_name(self, other)
    }
}

impl Eq for Name {}

macro_rules! compare_as_names {
    ($($one:ty, $other:ty;)*) => {
        $(impl PartialEq<$other> for $one {
            fn eq(&self, other: &$other) -> bool {
                same_name(self, other)
            }
        })*
    };
}

compare_as_names! {
    Name, str;
    Name, &str;
    Name, String;
    str, Name;
    &str, Name;
    String, Name;
}

fn folded(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().map(|byte| byte.to_ascii_lowercase())
}

impl Ord for Name {
    fn cmp(&self, other: &Name) -> Ordering {
        folded(self).cmp(folded(other))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in folded(self) {
            state.write_u8(byte);
        }
        state.write_u8(0xff);
    }
}

/// The names as they are declared, separated by commas.
pub(crate) fn listed(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}
