//! diesel's `metadata.toml`.

use super::section::{Problem, lines};

/// Returns true if diesel runs a migration with this `metadata.toml` in a transaction. Without the key it does not.
pub(crate) fn run_in_transaction(toml: &str) -> Result<bool, Problem> {
    for line in lines(toml) {
        let text = line.text.split('#').next().unwrap_or_default().trim();
        if text.starts_with('[') {
            break;
        }
        let Some((key, value)) = text.split_once('=') else { continue };
        if key.trim().trim_matches(['"', '\'']) == "run_in_transaction" {
            return match value.trim() {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(Problem::new(
                    "run_in_transaction is neither true nor false",
                    line.number,
                    "diesel then silently ignores the whole file: write `run_in_transaction = false`",
                )),
            };
        }
    }
    Ok(false)
}
