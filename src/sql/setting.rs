//! Recognizes PRAGMAs that set up a connection.

use super::cursor::Cursor;
use super::name::same_name;
use super::tokens::tokens;

/// What a PRAGMA may set for one connection, until it is closed.
const OF_A_CONNECTION: [&str; 33] = [
    "analysis_limit",
    "automatic_index",
    "busy_timeout",
    "cache_size",
    "cache_spill",
    "case_sensitive_like",
    "cell_size_check",
    "checkpoint_fullfsync",
    "count_changes",
    "defer_foreign_keys",
    "empty_result_callbacks",
    "foreign_keys",
    "full_column_names",
    "fullfsync",
    "ignore_check_constraints",
    "journal_size_limit",
    "legacy_alter_table",
    "locking_mode",
    "max_page_count",
    "mmap_size",
    "query_only",
    "read_uncommitted",
    "recursive_triggers",
    "reverse_unordered_selects",
    "secure_delete",
    "short_column_names",
    "synchronous",
    "temp_store",
    "temp_store_directory",
    "threads",
    "trusted_schema",
    "wal_autocheckpoint",
    "writable_schema",
];

/// What is set before a database is used, and is kept in its file or for the process.
const OF_A_DATABASE: [&str; 7] = [
    "auto_vacuum",
    "encoding",
    "hard_heap_limit",
    "journal_mode",
    "legacy_file_format",
    "page_size",
    "soft_heap_limit",
];

/// A PRAGMA about a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The name, in lower case.
    pub(crate) name: &'static str,
    /// The value that is set, in lower case. `None` if the setting is read.
    pub(crate) value: Option<String>,
    /// True if it belongs to the connection alone.
    pub(crate) is_of_connection: bool,
}

/// Returns the setting of a PRAGMA. `None` for other statements, and for a PRAGMA that reads or changes what is in the
/// database, such as `user_version`, `table_info` and `wal_checkpoint`.
pub(crate) fn setting(sql: &str) -> Option<Setting> {
    let tokens = tokens(sql);
    let mut cursor = Cursor::new(&tokens);
    if !cursor.take("PRAGMA") {
        return None;
    }
    let mut name = cursor.name()?;
    if cursor.take_symbol(".") {
        name = cursor.name()?;
    }
    let known = |names: &[&'static str]| names.iter().copied().find(|known| same_name(known, &name));
    let of_connection = known(&OF_A_CONNECTION);
    let name = of_connection.or_else(|| known(&OF_A_DATABASE))?;
    let value: String = cursor.rest().iter().map(|token| token.text).filter(|text| !"=();".contains(text)).collect();
    let value = (!value.is_empty()).then(|| value.to_ascii_lowercase());
    Some(Setting { name, value, is_of_connection: of_connection.is_some() })
}
