//! Safe ways to rebuild a table that others refer to.

use crate::migrations::Format;
use crate::sql::plain_name;
use crate::suite::diagnosis::Rebuild;

/// Returns a way that the runner of this format allows.
pub(super) fn safe_rebuild(rebuild: &Rebuild) -> String {
    if let Some(temporary_name) = rebuild.temporary_name.as_ref().filter(|_| rebuild.is_of_itself()) {
        return format!(
            "let the new table refer to itself by its temporary name: REFERENCES {}",
            plain_name(temporary_name)
        );
    }
    let parent = plain_name(rebuild.renamed_from.as_ref().unwrap_or(&rebuild.dropped));
    let child = plain_name(&rebuild.child);
    let mut way = match rebuild.format {
        Format::Plain | Format::Paired => format!(
            "run the file without its runner's transaction, and rebuild {parent} with foreign keys off:\n\
             -- no-transaction\nPRAGMA foreign_keys = OFF;\nBEGIN;\n-- the rebuild\nCOMMIT;\nPRAGMA foreign_keys = ON;"
        ),
        _ => format!(
            "set the rows of {child} aside while {parent} is rebuilt:\n\
             CREATE TEMP TABLE kept AS SELECT * FROM {child};\nDELETE FROM {child};\n-- the rebuild\n\
             INSERT INTO {child} SELECT * FROM kept;\nDROP TABLE kept;"
        ),
    };
    if rebuild.renamed_from.is_some() {
        way.push_str(&format!(
            "\nand give the new table another name until {parent} is dropped: RENAME TO {} redirects the foreign keys that refer to it",
            plain_name(&rebuild.dropped)
        ));
    }
    way
}
