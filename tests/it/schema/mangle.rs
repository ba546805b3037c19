//! Rewrites statements in unusual spellings with the same meaning.

use std::collections::BTreeSet;

/// A random number generator. The same seed gives the same numbers.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    pub(super) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}

/// Words whose case does not matter, unless a schema uses them as names.
const KEYWORDS: &str = "abort after and as asc autoincrement before begin between by cascade case check collate conflict \
    constraint create default deferrable deferred delete desc distinct each else end exists fail for foreign from \
    generated always group having if ignore immediate in index initially insert instead into is join key left like limit \
    not null of on or order outer primary raise references replace restrict row rowid rollback select set stored strict \
    table then to trigger union unique update using values view virtual when where with without \
    integer text real blob int any nocase binary current_timestamp";

/// Rewrites a statement. The `names` of the schema get quotes of all kinds, except for the words of `types`, which
/// would be another type in quotes.
pub(super) fn mangle(sql: &str, names: &BTreeSet<String>, types: &BTreeSet<String>, random: &mut Random) -> String {
    let mut mangled = String::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_whitespace() {
            rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len())
        } else if rest.starts_with("--") {
            rest.find('\n').map_or(rest.len(), |at| at + 1)
        } else if rest.starts_with("/*") {
            rest.find("*/").unwrap() + 2
        } else if matches!(first, '\'' | '"' | '`' | '[') {
            rest[1..].find(if first == '[' { ']' } else { first }).unwrap() + 2
        } else if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (token, behind) = rest.split_at(length);
        if first.is_whitespace() || token.starts_with("--") || token.starts_with("/*") {
            // SQLite would take a comment next to this word as a part of the type.
            let is_generated = |text: &str| text.to_ascii_lowercase().contains("generated");
            let near = mangled.get(mangled.len().saturating_sub("generated".len())..).unwrap_or_default();
            let ahead = behind.get(.."generated".len()).unwrap_or_default();
            mangled.push_str(if is_generated(near) || is_generated(ahead) { " " } else { blank(random) });
        } else if matches!(first, '"' | '`' | '[') && token.len() > 2 && names.contains(&token[1..length - 1]) {
            mangled.push_str(&quoted(&token[1..length - 1], random, false));
        } else if is_word(first)
            && names.contains(token)
            && !is_keyword(token)
            && !types.contains(&token.to_lowercase())
        {
            mangled.push_str(&quoted(token, random, true));
        } else if is_word(first) && !names.contains(token) && is_keyword(token) {
            let flip = |c: char| if random.below(2) == 0 { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() };
            mangled.extend(token.chars().map(flip));
        } else {
            mangled.push_str(token);
        }
        if matches!(first, '(' | ')' | ',') && random.below(3) == 0 {
            mangled.push_str(blank(random));
        }
        rest = behind;
    }
    mangled
}

fn is_keyword(word: &str) -> bool {
    KEYWORDS.split_whitespace().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn blank(random: &mut Random) -> &'static str {
    [" ", "  ", "\n", "\t", " /* ' ) */ ", " -- it's (\n", "\r\n    "][random.below(7)]
}

fn quoted(name: &str, random: &mut Random, bare: bool) -> String {
    match random.below(if bare { 5 } else { 3 }) {
        0 => format!("\"{name}\""),
        1 => format!("[{name}]"),
        2 => format!("`{name}`"),
        _ => name.to_owned(),
    }
}
