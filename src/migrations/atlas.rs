//! Reads the list that Atlas writes beside its migrations, and its directives in them: <https://atlasgo.io/concepts/migration-directory-integrity>.

use super::source::File;
use crate::error::Result;

/// The file that lists the migrations with their digests.
pub(super) const SUM: &str = "atlas.sum";

/// Returns the names in the list, if there is one.
pub(super) fn listed(files: &[File<'_>]) -> Result<Option<Vec<String>>> {
    let Some(sum) = files.iter().find(|file| file.name == SUM) else { return Ok(None) };
    let text = sum.read()?;
    // The first line is the digest of all.
    let names = text.lines().skip(1).filter_map(|line| line.rsplit_once(" h1:")).map(|(name, _)| name.to_owned());
    let names: Vec<String> = names.collect();
    Ok((!names.is_empty()).then_some(names))
}

/// Returns true if a directive at the top of the file says that Atlas is to begin no transaction.
pub(super) fn has_no_transaction(text: &str) -> bool {
    text.lines().take_while(|line| line.starts_with("--")).any(|line| line.trim_end() == "-- atlas:txmode none")
}
