//! The options of a fill: the seed, the rates, and the values that a test gives.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value};

use crate::data::values::value_buf::ValueBuf;
use crate::sql::same_name;

#[derive(Clone, Debug, Default)]
pub(crate) struct FillOptions {
    pub(crate) seed: u64,
    /// Percentage of nullable values set to NULL.
    pub(crate) null_rate: u64,
    /// The exponent of Zipf's law, which gives some parents more children than others.
    pub(crate) skew: Option<f64>,
    pub(crate) parents: Parents,
    /// True if a table was not filled because it has rows that can be parents.
    pub(crate) took_existing: Cell<bool>,
    pub(crate) edge_cases: bool,
    pub(crate) locale: crate::data::values::realistic::Locale,
    /// Tables, columns, and their values.
    pub(crate) given: Vec<(String, String, Given)>,
    /// Labels, columns, and their values.
    pub(crate) on_labels: Vec<(String, String, Given)>,
}

/// The parents of rows whose tables are not filled themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Parents {
    /// Existing rows; new ones where there are none, or not enough of them.
    #[default]
    ExistingFirst,
    /// Existing rows; new ones only where there are none.
    Existing,
    New,
}

/// The value of a column that a test gives.
#[derive(Clone)]
pub(crate) enum Given {
    Value(Value),
    /// The reason why a value cannot be bound.
    Broken(String),
    With(Rc<Closure>),
}

pub(crate) type Closure = dyn Fn(&Row<'_>) -> rusqlite::Result<Value>;

impl Given {
    pub(crate) fn value(value: &dyn ToSql) -> Given {
        match owned(value) {
            Ok(value) => Given::Value(value),
            Err(error) => Given::Broken(error.to_string()),
        }
    }
}

/// Returns the value that would be bound.
pub(crate) fn owned(value: &dyn ToSql) -> rusqlite::Result<Value> {
    match value.to_sql()? {
        ToSqlOutput::Borrowed(value) => {
            let mut made = ValueBuf::default();
            made.set(value);
            Ok(made.to_value())
        }
        ToSqlOutput::Owned(value) => Ok(value),
        _ => Err(rusqlite::Error::ToSqlConversionFailure("only plain values can be set".into())),
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Given::Value(value) => value.fmt(f),
            Given::Broken(why) => f.write_str(why),
            Given::With(_) => f.write_str("a closure"),
        }
    }
}

/// A row that is being made, for the closure of [`Fill::set_with`](crate::data::Fill::set_with).
#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub(crate) number: u64,
    /// The key of the draws for the row, which changes with each attempt.
    pub(crate) key: u64,
    pub(crate) label: Option<&'a str>,
    pub(crate) names: &'a [String],
    pub(crate) made: &'a [ValueBuf],
}

impl Row<'_> {
    /// Returns the row's number, from 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns the label by which [`Filled::id`](crate::data::Filled::id) finds it.
    pub fn label(&self) -> Option<&str> {
        self.label
    }

    /// Returns the value of a column. Columns that have a closure are made last, in the order of their declaration.
    ///
    /// # Panics
    /// If the table has no such column.
    #[track_caller]
    pub fn get(&self, column: &str) -> Value {
        match self.names.iter().position(|name| same_name(name, column)) {
            Some(at) => self.made[at].to_value(),
            None => panic!("no column {column} in this row; it has {}", self.names.join(", ")),
        }
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (name, made) in self.names.iter().zip(self.made) {
            map.entry(name, &made.to_value());
        }
        map.finish()
    }
}

/// Makes up a value, the same one for the same key.
pub(crate) fn typed<T: fake::Dummy<fake::Faker>>(key: u64) -> T {
    use fake::rand::SeedableRng as _;
    T::dummy_with_rng(&fake::Faker, &mut fake::rand::rngs::StdRng::seed_from_u64(key))
}
