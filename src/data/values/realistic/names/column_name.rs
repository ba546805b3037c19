//! The name of a column in its words, in any spelling: `user_email`, `userEmail`, `UserEMail`, `E_MAIL`.

use crate::data::values::realistic::names::vocabulary::{JOINED, QUESTIONS, VARIANTS};

/// The name of a column, and that of its table.
pub(super) struct ColumnName {
    /// The last word of the table's name, in the singular.
    pub(super) table: String,
    pub(super) table_words: Vec<String>,
    pub(super) words: Vec<String>,
}

/// The meaning of names that end in one of the first words, or consist of one of the second.
pub(super) type Rule<T> = (&'static [&'static str], &'static [&'static str], T);

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
        while let [.., before, last] = &words[..]
            && VARIANTS.contains(&last.as_str())
            && !QUESTIONS.contains(&before.as_str())
        {
            words.pop();
        }
        ColumnName { table: singular(&table_words), table_words, words }
    }

    /// Returns true if the name ends in these words.
    pub(super) fn ends_with(&self, pattern: &str) -> bool {
        // Most patterns end otherwise, which is seen without splitting them.
        if !self.words.last().is_some_and(|last| pattern.as_bytes().ends_with(last.as_bytes())) {
            return false;
        }
        let mut words = self.words.iter().rev();
        pattern.rsplit(' ').all(|word| words.next().is_some_and(|own| own == word))
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

    /// Returns the meaning of the first rule that the name satisfies.
    pub(super) fn find<T: Copy>(&self, rules: &[Rule<T>]) -> Option<T> {
        let is_met = |(endings, names, _): &&Rule<T>| self.ends_with_any(endings) || self.is_any(names);
        rules.iter().find(is_met).map(|(_, _, meaning)| *meaning)
    }

    /// Returns true if one of these words comes before the last one.
    pub(super) fn is_qualified(&self, by: &[&str]) -> bool {
        self.words[..self.words.len().saturating_sub(1)].iter().any(|word| by.contains(&word.as_str()))
    }
}

/// Returns the words of a name in lower case. A number is a word.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let letters: Vec<char> = name.chars().collect();
    for (at, &letter) in letters.iter().enumerate() {
        if is_start(&letters, at) {
            close(&mut words, &mut word);
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
    }
    close(&mut words, &mut word);
    // `eMail` and `E_MAIL` are one word.
    if let Some(at) = words.windows(2).position(|two| two == ["e", "mail"]) {
        words.splice(at..at + 2, ["email".to_owned()]);
    }
    words
}

/// Returns true if a word ends before the character at `at`: at a character that is no letter or digit, at a capital behind a
/// lower-case letter (`userEmail`), at the last of several capitals (`HTMLBody`), between letters and digits (`address1`).
fn is_start(letters: &[char], at: usize) -> bool {
    let letter = letters[at];
    let Some(before) = at.checked_sub(1).map(|before| letters[before]) else { return false };
    if !letter.is_alphanumeric() || !before.is_alphanumeric() || letter.is_numeric() != before.is_numeric() {
        return true;
    }
    let is_lowercase_next = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
    letter.is_uppercase() && (before.is_lowercase() || is_lowercase_next)
}

fn close(words: &mut Vec<String>, word: &mut String) {
    if word.is_empty() {
        return;
    }
    let word = std::mem::take(word);
    match JOINED.iter().find(|(joined, _)| *joined == word) {
        Some((_, apart)) => words.extend(apart.split(' ').map(str::to_owned)),
        None => words.push(word),
    }
}

/// Returns the last word of a table's name in the singular: `person` for `people`, `category` for `shop_categories`.
fn singular(words: &[String]) -> String {
    let Some(word) = words.iter().rev().find(|word| !word.chars().all(char::is_numeric)) else { return String::new() };
    match word.as_str() {
        "people" => return "person".to_owned(),
        "staff" => return "employee".to_owned(),
        "media" | "status" | "address" | "business" | "sms" | "dns" | "alias" | "series" | "news" => {
            return word.clone();
        }
        _ => {}
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    for ending in ["sses", "xes", "ches", "shes"] {
        if word.ends_with(ending) {
            return word[..word.len() - 2].to_owned();
        }
    }
    word.strip_suffix('s').unwrap_or(word).to_owned()
}
