//! Values for columns that no constraint restricts.

use crate::data::fill::options::FillOptions;
use crate::data::values::choose;
use crate::data::values::domain::Domain;
use crate::data::values::source::Source;
use crate::schema::{Column, Table};

/// Returns the source of a column that no constraint restricts.
pub(super) fn default_source(table: &Table, column: &Column, options: &FillOptions) -> Option<Source> {
    #[cfg(feature = "data")]
    if let Some(generator) =
        crate::data::values::realistic::Generator::of(&table.name, column, table.strict, options.locale)
    {
        return Some(Source::Realistic(generator));
    }
    let _ = options;
    choose::source(column, table.strict, &Domain::default())
}
