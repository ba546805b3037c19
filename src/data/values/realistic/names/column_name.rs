//! The name of a column in its words.

use crate::data::values::realistic::names::words::{singular, words};

/// The name of a column, and that of its table.
pub(super) struct ColumnName {
    /// The last word of the table's name, in the singular.
    pub(super) table: String,
    pub(super) table_words: Vec<String>,
    pub(super) words: Vec<String>,
}

impl ColumnName {
    pub(super) fn of(table: &str, column: &str) -> ColumnName {
        let table_words = words(table);
        let mut words = words(column);
        // `address2`, `phone_1`, but not `sha256`, `md5`, `ip6`.
        while words.len() > 1
            && words[words.len() - 1].chars().all(char::is_numeric)
            && !matches!(words[words.len() - 2].as_str(), "sha" | "md" | "ip" | "ipv" | "last")
        {
            words.pop();
        }
        ColumnName { table: singular(&table_words), table_words, words }
    }

    /// Returns true if the name ends in these words.
    pub(super) fn ends_with(&self, pattern: &str) -> bool {
        ends_with(&self.words, pattern)
    }

    pub(super) fn ends_with_any(&self, patterns: &[&str]) -> bool {
        patterns.iter().any(|pattern| self.ends_with(pattern))
    }

    /// Returns true if the name consists of these words.
    pub(super) fn is(&self, pattern: &str) -> bool {
        self.ends_with(pattern) && self.words.len() == pattern.split(' ').count()
    }

    pub(super) fn is_any(&self, patterns: &[&str]) -> bool {
        patterns.iter().any(|pattern| self.is(pattern))
    }

    pub(super) fn is_of_table(&self, tables: &[&str]) -> bool {
        tables.contains(&self.table.as_str())
    }

    /// Returns the word before the last one, or an empty string.
    pub(super) fn qualifier(&self) -> &str {
        self.words.len().checked_sub(2).map_or("", |at| &self.words[at])
    }

    /// Returns true if one of these words comes before the last one.
    pub(super) fn is_qualified(&self, by: &[&str]) -> bool {
        self.words[..self.words.len().saturating_sub(1)].iter().any(|word| by.contains(&word.as_str()))
    }
}

fn ends_with(words: &[String], pattern: &str) -> bool {
    let mut at = words.len();
    for word in pattern.rsplit(' ') {
        if at == 0 || words[at - 1] != word {
            return false;
        }
        at -= 1;
    }
    true
}
